//! ASF (wma, wmv): the header object, and a walk over the packets for frames and first times.

use super::{Audio, Bytes, Probe, Video, fourcc_video, wave_audio};
use crate::media::source::Source;

pub(super) const MAGIC: [u8; 16] = [
    0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C,
];
const FILE_PROPERTIES: [u8; 4] = [0xA1, 0xDC, 0xAB, 0x8C];
const STREAM_PROPERTIES: [u8; 4] = [0x91, 0x07, 0xDC, 0xB7];
const EXTENDED_PROPERTIES: [u8; 4] = [0xCB, 0xA5, 0xE6, 0x14];
const AUDIO_STREAM: [u8; 4] = [0x40, 0x9E, 0x69, 0xF8];
const VIDEO_STREAM: [u8; 4] = [0xC0, 0xEF, 0x19, 0xBC];
const EXTENSION: [u8; 4] = [0xB5, 0x03, 0xBF, 0x5F];
/// More packets than this are not counted: some ten hours of film.
const PACKETS_MAX: u64 = 4_000_000;
const STREAMS: usize = 128;

/// What the header says beside the streams.
#[derive(Default)]
struct Header {
    /// The time of the presentation, with what is played before it.
    length_ms: i64,
    preroll_ms: i64,
    is_broadcast: bool,
    packet_bytes: usize,
    packets: u64,
    file_bytes: u64,
    video: Option<usize>,
    audio: Option<usize>,
    /// Of the video stream, in units of 100 ns; 0 when not told.
    frame_time: u64,
}

/// What the packets tell of a stream.
#[derive(Clone, Copy, Default)]
struct Track {
    frames: u64,
    first_ms: Option<i64>,
    last_ms: i64,
}

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let size = Bytes(&source.array::<8>(16)?).le(8)?;
    let head = source.read(30, usize::try_from(size).unwrap_or(0).saturating_sub(30).min(1 << 20));
    let mut probe = Probe { format: "wmv", ..Probe::default() };
    let mut header = Header::default();
    let _until_damage = objects(&head, &mut probe, &mut header, 0);
    if probe.video.is_none() && probe.audio.is_none() {
        return None;
    }
    let mut tracks = vec![Track::default(); STREAMS];
    let _until_damage = walk(source, size, &header, &mut tracks);
    let known = [header.video, header.audio].into_iter().flatten().map(|id| tracks[id]);
    let starts: Vec<i64> = known.clone().filter_map(|track| track.first_ms).collect();
    let start = starts.iter().min().copied().unwrap_or(0);
    // Each stream lasts as long as the header says, from its own first packet on.
    let told = header.length_ms - header.preroll_ms;
    let end = if header.is_broadcast || told <= 0 {
        known.map(|track| track.last_ms).max().unwrap_or(0)
    } else {
        starts.iter().max().copied().unwrap_or(0) + told
    };
    probe.is_cut = header.file_bytes > source.size();
    probe.duration_s = Some((end - start) as f64 / 1e3);
    probe.start_s = start as f64 / 1e3;
    if let (Some(video), Some(id)) = (&mut probe.video, header.video) {
        let track = tracks[id];
        video.num_frames = (track.frames > 0).then_some(track.frames);
        if header.frame_time > 0 {
            video.frame_rate = 1e7 / header.frame_time as f64;
        } else if track.frames > 1 {
            let span = track.last_ms - track.first_ms.unwrap_or(0);
            video.frame_rate = likely_rate((track.frames - 1) as f64 * 1e3 / span.max(1) as f64);
        }
    }
    Some(probe)
}

/// The common frame rate that a measured one, of times cut to milliseconds, must be.
fn likely_rate(measured: f64) -> f64 {
    const NTSC: [f64; 4] = [24_000.0 / 1001.0, 30_000.0 / 1001.0, 60_000.0 / 1001.0, 12.5];
    let whole = measured.round();
    let mut rates = vec![whole];
    rates.extend(NTSC);
    rates.sort_by(|a, b| (a - measured).abs().total_cmp(&(b - measured).abs()));
    if (rates[0] - measured).abs() < measured / 300.0 { rates[0] } else { measured }
}

fn objects(mut rest: &[u8], probe: &mut Probe, header: &mut Header, depth: usize) -> Option<()> {
    while rest.len() >= 24 {
        let size = usize::try_from(Bytes(&rest[16..]).le(8)?).ok()?;
        let content = rest.get(24..size)?;
        match rest[..4].try_into().ok()? {
            FILE_PROPERTIES => {
                header.file_bytes = Bytes(content.get(16..)?).le(8)?;
                header.packets = Bytes(content.get(32..)?).le(8)?;
                header.length_ms = (Bytes(content.get(40..)?).le(8)? / 10_000) as i64;
                header.preroll_ms = Bytes(content.get(56..)?).le(8)?.min(1 << 32) as i64;
                header.is_broadcast = Bytes(content.get(64..)?).le(4)? & 1 == 1;
                header.packet_bytes = Bytes(content.get(68..)?).le(4)? as usize;
            }
            STREAM_PROPERTIES => stream(content, probe, header)?,
            EXTENDED_PROPERTIES => {
                let id = Bytes(content.get(48..)?).le(2)? as usize & 127;
                if header.video.is_none_or(|video| video == id) {
                    header.frame_time = Bytes(content.get(52..)?).le(8)?;
                }
            }
            EXTENSION if depth == 0 => objects(content.get(22..)?, probe, header, 1)?,
            _ => {}
        }
        rest = &rest[size..];
    }
    Some(())
}

/// Reads every packet of the data object that follows a header of that size.
fn walk(source: &Source, size: u64, header: &Header, tracks: &mut [Track]) -> Option<()> {
    const DATA_HEAD: u64 = 50;
    const PACKET_MAX: usize = 1 << 20;
    if !(16..=PACKET_MAX).contains(&header.packet_bytes) {
        return None;
    }
    let mut at = size.checked_add(DATA_HEAD)?;
    let all = if header.packets == 0 { PACKETS_MAX } else { header.packets };
    for _ in 0..all.min(PACKETS_MAX) {
        let bytes = source.read(at, header.packet_bytes);
        if bytes.len() < header.packet_bytes {
            break;
        }
        let _damaged = packet(&bytes, header.preroll_ms, tracks);
        at += header.packet_bytes as u64;
    }
    Some(())
}

/// A number of 0, 1, 2 or 4 bytes, as two bits say.
fn sized(bytes: &mut Bytes, kind: u8) -> Option<u64> {
    bytes.le([0, 1, 2, 4][usize::from(kind & 3)])
}

fn packet(bytes: &[u8], preroll_ms: i64, tracks: &mut [Track]) -> Option<()> {
    let mut rest = Bytes(bytes);
    let mut first = rest.le(1)? as u8;
    if first & 0x80 != 0 {
        rest.take(usize::from(first & 15))?;
        first = rest.le(1)? as u8;
    }
    let sizes = rest.le(1)? as u8;
    sized(&mut rest, first >> 5)?;
    sized(&mut rest, first >> 1)?;
    sized(&mut rest, first >> 3)?;
    rest.take(6)?;
    let is_several = first & 1 == 1;
    let count = if is_several { rest.le(1)? as u8 } else { 1 };
    for _ in 0..count & 63 {
        let id = rest.le(1)? as usize & 127;
        sized(&mut rest, sizes >> 4)?;
        let offset = sized(&mut rest, sizes >> 2)?;
        let replicated = sized(&mut rest, sizes)? as usize;
        if replicated == 1 {
            // Whole small frames, each behind its length; the offset is the time of the first.
            let step = rest.le(1)?;
            let length =
                if is_several { sized(&mut rest, count >> 6)? as usize } else { rest.0.len() };
            let mut frames = Bytes(rest.take(length)?);
            let mut time = offset;
            while let Some(size) = frames.le(1)
                && frames.take(size as usize).is_some()
            {
                tracks[id].add(time as i64 - preroll_ms);
                time += step;
            }
            continue;
        }
        let data = rest.take(replicated)?;
        let length = if is_several { sized(&mut rest, count >> 6)? as usize } else { 0 };
        if offset == 0
            && let Some(time) = data.get(4..).and_then(|data| Bytes(data).le(4))
        {
            tracks[id].add(time as i64 - preroll_ms);
        }
        rest.take(length)?;
    }
    Some(())
}

impl Track {
    fn add(&mut self, time_ms: i64) {
        self.frames += 1;
        self.first_ms.get_or_insert(time_ms);
        self.last_ms = self.last_ms.max(time_ms);
    }
}

fn stream(content: &[u8], probe: &mut Probe, header: &mut Header) -> Option<()> {
    let id = Bytes(content.get(48..)?).le(2)? as usize & 127;
    let kind: [u8; 4] = content.get(..4)?.try_into().ok()?;
    let data = content.get(54..)?;
    if kind == AUDIO_STREAM && probe.audio.is_none() {
        let codec = wave_audio(Bytes(data).le(2)?, Bytes(data.get(14..)?).le(2)?);
        header.audio = Some(id);
        probe.audio = Some(Audio { codec, is_silent: false });
    }
    if kind == VIDEO_STREAM && probe.video.is_none() {
        let format = data.get(11..)?;
        header.video = Some(id);
        probe.video = Some(Video {
            codec: fourcc_video(format.get(16..20)?),
            width: Bytes(format.get(4..)?).le(4)? as u32,
            height: Bytes(format.get(8..)?).le(4)? as u32,
            ..Video::default()
        });
    }
    Some(())
}
