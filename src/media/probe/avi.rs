//! AVI: the header list.

use super::{Audio, Bytes, Probe, SAMPLES_MAX, Samples, Video, fourcc_video, wave_audio};
use crate::media::source::Source;

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let head = source.read(0, 1 << 20);
    let said = Bytes(&source.array::<4>(4)?).le(4)? + 8;
    let is_cut = said > source.size();
    let mut probe = Probe { format: "avi", is_cut, ..Probe::default() };
    let mut stream: [u8; 4] = [0; 4];
    let (mut scale, mut rate, mut length, mut handler) = (0, 0, 0, [0_u8; 4]);
    let mut seconds = 0.0_f64;
    let mut at = 12;
    while let Some(kind) = head.get(at..at + 4) {
        let size = Bytes(head.get(at + 4..)?).le(4)? as usize;
        let content = head.get(at + 8..(at + 8).saturating_add(size).min(head.len()))?;
        if kind == b"LIST" {
            if content.starts_with(b"movi") {
                if let Some(video) = &mut probe.video
                    && let Some(frames) = frames(source, at as u64 + 12, (at + 8 + size) as u64)
                {
                    video.num_frames = Some(frames);
                }
                break;
            }
            at += 12;
            continue;
        }
        match kind {
            b"strh" if content.len() >= 36 => {
                stream = content[..4].try_into().ok()?;
                handler = content[4..8].try_into().ok()?;
                scale = Bytes(&content[20..]).le(4)?;
                rate = Bytes(&content[24..]).le(4)?;
                length = Bytes(&content[32..]).le(4)?;
                if scale > 0 && rate > 0 {
                    seconds = seconds.max(length as f64 * scale as f64 / rate as f64);
                }
            }
            b"strf" if &stream == b"vids" && probe.video.is_none() && content.len() >= 20 => {
                let mut code = &content[16..20];
                if code == [0; 4] {
                    code = &handler;
                }
                probe.video = Some(Video {
                    codec: fourcc_video(code),
                    width: Bytes(&content[4..]).le(4)? as u32,
                    height: (Bytes(&content[8..]).le(4)? as u32 as i32).unsigned_abs(),
                    frame_rate: rate as f64 / (scale.max(1)) as f64,
                    num_frames: Some(length),
                });
            }
            b"strf" if &stream == b"auds" && probe.audio.is_none() && content.len() >= 14 => {
                let bits = content.get(14..).and_then(|b| Bytes(b).le(2)).unwrap_or(16);
                let codec = wave_audio(Bytes(content).le(2)?, bits);
                probe.audio = Some(Audio { codec, is_silent: false });
            }
            _ => {}
        }
        at = (at + 8).checked_add(size)?.checked_next_multiple_of(2)?;
    }
    if let Some(video) = probe.video.as_mut().filter(|video| video.codec == "dvvideo")
        && let Some((across, down)) = dv_aspect(source)
    {
        video.width = (u64::from(video.width) * across / down) as u32;
    }
    probe.duration_s = Some(seconds);
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

/// How much wider than high the pixels of DV are, by its first frame.
fn dv_aspect(source: &Source) -> Option<(u64, u64)> {
    const CONTROL: usize = 80 * 5 + 48 + 5;
    let (start, ..) = *samples(source)?.places.first()?;
    let frame = source.read(start, 480);
    let is_50_hz = frame.get(3)? & 0x80 != 0;
    let control = frame.get(CONTROL..CONTROL + 5).filter(|pack| pack[0] == 0x61);
    let shape = control.map_or(0, |pack| pack[2] & 7);
    let is_wide = control.is_some() && (shape == 2 || shape == 7 && frame.get(4)? & 7 == 0);
    Some(match (is_50_hz, is_wide) {
        (false, false) => (8, 9),
        (false, true) => (32, 27),
        (true, false) => (16, 15),
        (true, true) => (64, 45),
    })
}

/// The pictures between two places, empty ones left out; `None` where they are not counted.
fn frames(source: &Source, mut at: u64, end: u64) -> Option<u64> {
    const COUNT_BYTES_MAX: u64 = 256 << 20;
    if source.size() > COUNT_BYTES_MAX {
        return None;
    }
    let mut frames = 0;
    while at + 8 <= end.min(source.size()) {
        let head = source.array::<8>(at)?;
        let size = Bytes(&head[4..]).le(4)?;
        if &head[..4] == b"LIST" {
            at += 12;
            continue;
        }
        let is_picture = matches!(&head[2..4], b"dc" | b"db");
        frames += u64::from(is_picture && size > 0);
        at += 8 + size.next_multiple_of(2);
    }
    (frames > 0).then_some(frames)
}

/// Where the pictures lie; only the first is known to stand alone.
pub(super) fn samples(source: &Source) -> Option<Samples> {
    const HEAD_BYTES: usize = 1 << 20;
    let head = source.read(0, HEAD_BYTES);
    let start = crate::media::metadata::find(&head, b"movi")? as u64 + 4;
    let codec = probe(source)?.video?.codec;
    let mut samples = Samples { codec, ..Samples::default() };
    let mut at = start;
    while let Some(head) = source.array::<8>(at)
        && samples.places.len() < SAMPLES_MAX
    {
        let size = Bytes(&head[4..]).le(4)?;
        if &head[..4] == b"LIST" {
            at += 12;
            continue;
        }
        if matches!(&head[2..4], b"dc" | b"db") && size > 0 {
            samples.places.push((at + 8, size as u32, samples.places.is_empty()));
        } else if !head[..2].iter().all(u8::is_ascii_digit) && &head[..4] != b"JUNK" {
            break;
        }
        at += 8 + size.next_multiple_of(2);
    }
    Some(samples)
}
