//! MPEG program and transport streams: time stamps at both ends, sequence headers.

use super::{Audio, Bytes, Probe, Video};
use crate::media::metadata::find;
use crate::media::source::Source;

const EDGE_BYTES: usize = 1 << 20;
const CLOCK: f64 = 90_000.0;

/// A program stream or a bare MPEG video stream.
pub(super) fn program_stream(source: &Source) -> Option<Probe> {
    let head = source.read(0, EDGE_BYTES);
    let tail_start = source.size().saturating_sub(EDGE_BYTES as u64);
    let tail = source.read(tail_start, EDGE_BYTES);
    let mut probe = Probe { format: "mpeg", ..Probe::default() };
    probe.video = sequence(&head);
    let (mut first, mut last) = (u64::MAX, 0);
    for piece in [&head, &tail] {
        for (id, stamp) in packets(piece) {
            if (0xC0..0xE0).contains(&id) || id == 0xBD {
                let codec = if id == 0xBD { "ac3" } else { "mp2" };
                probe.audio.get_or_insert(Audio { codec: codec.to_owned(), is_silent: false });
            }
            if let Some(stamp) = stamp {
                first = first.min(stamp);
                last = last.max(stamp);
            }
        }
    }
    if last > first {
        let frame = probe.video.as_ref().map_or(0.0, |v| 1.0 / v.frame_rate.max(1.0));
        probe.duration_s = Some((last - first) as f64 / CLOCK + frame);
    }
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

/// The sequence header of MPEG-1 or MPEG-2 video.
fn sequence(bytes: &[u8]) -> Option<Video> {
    let at = find(bytes, &[0, 0, 1, 0xB3])?;
    let head = bytes.get(at + 4..at + 12)?;
    let size = Bytes(head).be(3)?;
    let rates = [0.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0];
    let second = find(&bytes[at..], &[0, 0, 1, 0xB5]).is_some_and(|skip| skip < 256);
    Some(Video {
        codec: if second { "mpeg2video" } else { "mpeg1video" }.to_owned(),
        width: (size >> 12) as u32,
        height: (size & 0xFFF) as u32,
        frame_rate: rates.get(usize::from(head[3] & 15)).copied().unwrap_or(0.0),
        num_frames: None,
    })
}

/// Packets of audio and video: stream id and presentation time.
fn packets(bytes: &[u8]) -> Vec<(u8, Option<u64>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(skip) = bytes.get(at..).and_then(|rest| find(rest, &[0, 0, 1])) {
        at += skip + 3;
        let Some(id) = bytes.get(at).copied() else { break };
        if (0xC0..0xF0).contains(&id) || id == 0xBD {
            found.push((id, bytes.get(at + 3..).and_then(stamp)));
        }
    }
    found
}

/// The presentation time in a packet head of either generation.
fn stamp(mut head: &[u8]) -> Option<u64> {
    if head.first()? & 0xC0 == 0x80 {
        if head.get(1)? & 0x80 == 0 {
            return None;
        }
        return clock(head.get(3..8)?);
    }
    // MPEG-1: stuffing bytes, an optional buffer size, then the time.
    while let [0xFF, rest @ ..] = head {
        head = rest;
    }
    if head.first()? & 0xC0 == 0x40 {
        head = head.get(2..)?;
    }
    if matches!(head.first()? >> 4, 2 | 3) { clock(head.get(..5)?) } else { None }
}

/// 33 bits of clock spread over 5 bytes.
fn clock(bytes: &[u8]) -> Option<u64> {
    let value = Bytes(bytes).be(5)?;
    Some((value >> 3 & 0x1_C000_0000) | (value >> 2 & 0x3FFF_8000) | (value >> 1 & 0x7FFF))
}

/// A transport stream: four sync bytes in a row, at either packet size.
pub(super) fn transport_stream(source: &Source) -> Option<Probe> {
    let head = source.read(0, EDGE_BYTES);
    let (size, offset) = [(188, 0), (192, 4)].into_iter().find(|(size, offset)| {
        (0..4).all(|packet| head.get(packet * size + offset) == Some(&0x47))
    })?;
    let aligned = source.size().saturating_sub(EDGE_BYTES as u64) / size as u64 * size as u64;
    let tail = source.read(aligned, EDGE_BYTES);
    let mut probe = Probe { format: "mpegts", ..Probe::default() };
    let (mut first, mut last, mut payload) = (u64::MAX, 0, Vec::new());
    for packet in head.chunks_exact(size).chain(tail.chunks_exact(size)) {
        let Some(content) = ts_payload(&packet[offset..]) else { continue };
        if content.starts_with(&[0, 0, 1]) {
            if let Some(stamp) = content.get(6..).and_then(stamp) {
                first = first.min(stamp);
                last = last.max(stamp);
            }
        } else if content.len() > 12 && content[1] == 2 {
            let _damaged = program_map(&content[1..], &mut probe);
        }
        if payload.len() < EDGE_BYTES {
            payload.extend_from_slice(content);
        }
    }
    if let (Some(video), Some(found)) = (&mut probe.video, sequence(&payload)) {
        video.width = found.width;
        video.height = found.height;
        video.frame_rate = found.frame_rate;
    }
    probe.duration_s = (last > first).then(|| (last - first) as f64 / CLOCK);
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

fn ts_payload(packet: &[u8]) -> Option<&[u8]> {
    let control = packet.get(3)? >> 4 & 3;
    match control {
        1 => packet.get(4..188),
        3 => packet.get(5 + usize::from(*packet.get(4)?)..188),
        _ => None,
    }
}

/// The streams of a program map table.
fn program_map(table: &[u8], probe: &mut Probe) -> Option<()> {
    let length = (Bytes(table.get(1..)?).be(2)? & 0xFFF) as usize;
    let skip = (Bytes(table.get(10..)?).be(2)? & 0xFFF) as usize;
    let mut rest = table.get(12 + skip..(3 + length).checked_sub(4)?)?;
    while rest.len() >= 5 {
        let info = (Bytes(&rest[3..]).be(2)? & 0xFFF) as usize;
        let video = match rest[0] {
            1 => Some("mpeg1video"),
            2 => Some("mpeg2video"),
            0x10 => Some("mpeg4"),
            0x1B => Some("h264"),
            0x24 => Some("hevc"),
            _ => None,
        };
        let audio = match rest[0] {
            3 | 4 => Some("mp2"),
            0x0F | 0x11 => Some("aac"),
            0x81 => Some("ac3"),
            _ => None,
        };
        if let Some(codec) = video {
            probe
                .video
                .get_or_insert_with(|| Video { codec: codec.to_owned(), ..Video::default() });
        }
        if let Some(codec) = audio {
            probe.audio.get_or_insert(Audio { codec: codec.to_owned(), is_silent: false });
        }
        rest = rest.get(5 + info..)?;
    }
    Some(())
}
