//! Ogg: the identification packets at the head and the last granule position at the end.

use super::{Audio, Bytes, Probe, Video};
use crate::media::source::Source;

const TAIL_BYTES: u64 = 1 << 17;

/// What a logical stream is and how its positions become seconds.
struct Stream {
    serial: u64,
    codec: &'static str,
    rate: f64,
    keyframe_shift: u32,
    size: (u32, u32),
}

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let head = source.read(0, 1 << 16);
    let mut streams = Vec::new();
    for (flags, _, serial, body) in pages(&head) {
        if flags & 2 == 0 {
            break;
        }
        streams.extend(identify(serial, body));
    }
    let tail_start = source.size().saturating_sub(TAIL_BYTES);
    let tail = source.read(tail_start, TAIL_BYTES as usize);
    let mut seconds = 0.0_f64;
    let mut frames = None;
    for (_, position, serial, _) in pages(&tail) {
        let Some(stream) = streams.iter().find(|s| s.serial == serial) else { continue };
        if position == u64::MAX {
            continue;
        }
        if stream.size.0 > 0 {
            let mask = (1_u64 << stream.keyframe_shift) - 1;
            let count = (position >> stream.keyframe_shift) + (position & mask);
            frames = frames.max(Some(count));
            seconds = seconds.max(count as f64 / stream.rate);
        } else {
            seconds = seconds.max(position as f64 / stream.rate);
        }
    }
    let start_s = streams.iter().find_map(|stream| speex_start_s(&head, stream)).unwrap_or(0.0);
    let video = streams.iter().find(|stream| stream.size.0 > 0);
    let audio = streams.iter().find(|stream| stream.size.0 == 0);
    let probe = Probe {
        format: "ogg",
        duration_s: Some(seconds - start_s),
        start_s,
        video: video.map(|stream| Video {
            codec: stream.codec.to_owned(),
            width: stream.size.0,
            height: stream.size.1,
            frame_rate: stream.rate,
            num_frames: frames,
        }),
        audio: audio.map(|stream| Audio { codec: stream.codec.to_owned(), is_silent: false }),
        ..Probe::default()
    };
    (!streams.is_empty()).then_some(probe)
}

/// When the first packet of Speex begins: before zero, by what its encoder puts in front. The first
/// page of sound tells where it ends.
fn speex_start_s(head: &[u8], stream: &Stream) -> Option<f64> {
    if stream.codec != "speex" {
        return None;
    }
    let pages = pages(head);
    let mut own = pages.iter().filter(|page| page.2 == stream.serial);
    let (.., about) = own.next()?;
    let number = |at: usize| about.get(at..).and_then(|bytes| Bytes(bytes).le(4));
    let packet = number(56)?.checked_mul(number(64)?.max(1))?;
    let &(_, position, _, body) = own.find(|page| page.1 > 0 && page.1 != u64::MAX)?;
    // The number of packets is told right before the body, in the lengths that are not full.
    let end = body.as_ptr() as usize - head.as_ptr() as usize;
    let start = (0..end).rev().find(|at| head[*at..].starts_with(b"OggS"))?;
    let packets = head.get(start + 27..end)?.iter().filter(|length| **length < 255).count() as u64;
    let early = packets.checked_mul(packet)?.checked_sub(position)?;
    (early < 1 << 16).then(|| -(early as f64) / stream.rate)
}

/// Pages found in a piece of a file: flags, granule position, serial number, body.
fn pages(bytes: &[u8]) -> Vec<(u8, u64, u64, &[u8])> {
    let mut pages = Vec::new();
    let mut at = 0;
    while let Some(skip) =
        bytes.get(at..).and_then(|rest| crate::media::metadata::find(rest, b"OggS"))
    {
        at += skip;
        let Some(page) = page(&bytes[at..]) else { break };
        pages.push(page);
        at += 4;
    }
    pages
}

fn page(bytes: &[u8]) -> Option<(u8, u64, u64, &[u8])> {
    let flags = *bytes.get(5)?;
    let position = Bytes(bytes.get(6..)?).le(8)?;
    let serial = Bytes(bytes.get(14..)?).le(4)?;
    let segments = usize::from(*bytes.get(26)?);
    Some((flags, position, serial, bytes.get(27 + segments..)?))
}

fn identify(serial: u64, body: &[u8]) -> Option<Stream> {
    let stream = |codec, rate| Stream { serial, codec, rate, keyframe_shift: 0, size: (0, 0) };
    let le = |at: usize, count: usize| Bytes(body.get(at..)?).le(count).map(|n| n as f64);
    if body.starts_with(b"\x01vorbis") {
        return Some(stream("vorbis", le(12, 4)?.max(1.0)));
    }
    if body.starts_with(b"OpusHead") {
        // What is skipped at the start belongs to the duration in the prober's eyes.
        return Some(stream("opus", 48_000.0));
    }
    if body.starts_with(b"\x7FFLAC") {
        let rate = Bytes(body.get(27..)?).be(3)? >> 4;
        return Some(stream("flac", rate.max(1) as f64));
    }
    if body.starts_with(b"Speex   ") {
        return Some(stream("speex", le(36, 4)?.max(1.0)));
    }
    if body.starts_with(b"\x80theora") {
        let be = |at: usize, count: usize| Bytes(body.get(at..)?).be(count);
        let rate = be(22, 4)?.max(1) as f64 / be(26, 4)?.max(1) as f64;
        return Some(Stream {
            keyframe_shift: (be(40, 2)? >> 5 & 31) as u32,
            size: (be(14, 3)? as u32, be(17, 3)? as u32),
            ..stream("theora", rate)
        });
    }
    None
}
