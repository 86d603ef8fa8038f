//! Matroska and WebM: segment information, tracks, and the number of blocks.

use super::{Audio, Bytes, Probe, SAMPLES_MAX, Samples, Video, fourcc_video};
use crate::media::source::Source;

const ELEMENTS_MAX: usize = 2_000_000;
/// Blocks are counted in files up to this size, as the reference does.
const COUNT_BYTES_MAX: u64 = 256 << 20;

struct Walk<'a> {
    source: &'a Source,
    at: u64,
}

impl Walk<'_> {
    /// The next element: id, start of its content, length of its content.
    fn element(&mut self) -> Option<(u64, u64, u64)> {
        let head = self.source.read(self.at, 16);
        let id_length = head.first()?.leading_zeros() as usize + 1;
        let id = Bytes(head.get(..id_length.min(5))?).be(id_length.min(4))?;
        let first = *head.get(id_length)?;
        let length = first.leading_zeros() as usize + 1;
        if id_length > 4 || length > 8 {
            return None;
        }
        let raw = Bytes(head.get(id_length..)?).be(length)?;
        let value = raw & ((1 << (7 * length)) - 1);
        let start = self.at + (id_length + length) as u64;
        let unknown = value == (1 << (7 * length)) - 1;
        let size = if unknown { u64::MAX } else { value };
        self.at = start;
        Some((id, start, size))
    }
}

#[derive(Default)]
struct Track {
    number: u64,
    kind: u64,
    codec: String,
    private: Vec<u8>,
    default_ns: u64,
    delay_ns: u64,
    width: u64,
    height: u64,
    display: (u64, u64),
    blocks: u64,
    largest_block: u64,
}

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let mut walk = Walk { source, at: 0 };
    let mut doc_type = Vec::new();
    let (mut scale, mut duration) = (1_000_000_u64, 0.0);
    let mut tracks: Vec<Track> = Vec::new();
    let (mut cluster_time, mut last_time, mut is_cut) = (0, 0, false);
    for _ in 0..ELEMENTS_MAX {
        let Some((id, start, size)) = walk.element() else { break };
        let small = || source.read(start, usize::try_from(size).unwrap_or(0).min(1 << 16));
        // A segment of unknown size was written live; its length is the prober's guess.
        is_cut |= id == 0x1853_8067 && start.saturating_add(size) > source.size();
        match id {
            // Masters that are walked into: EBML, Segment, Cluster, BlockGroup.
            0x1A45_DFA3 | 0x1853_8067 | 0x1F43_B675 | 0xA0 => continue,
            0x4282 => doc_type = small(),
            0x1549_A966 => (scale, duration) = info(source, start, size),
            0x1654_AE6B => {
                tracks = track_list(source, start, size);
                if source.size() > COUNT_BYTES_MAX {
                    break;
                }
            }
            0xE7 => cluster_time = Bytes(&small()).be(size.min(8) as usize).unwrap_or(0),
            0xA3 | 0xA1 => {
                let time = block(&source.read(start, 12), size, &mut tracks).unwrap_or(0);
                last_time = last_time.max(cluster_time.saturating_add_signed(time));
            }
            _ => {}
        }
        walk.at = start.checked_add(size)?;
        if walk.at >= source.size() {
            break;
        }
    }
    let ticks = if duration > 0.0 { duration } else { last_time as f64 };
    let probe = finish(&doc_type, &tracks, ticks * scale as f64 / 1e9)?;
    Some(Probe { is_cut, ..probe })
}

/// Counts a block; gives its time relative to its cluster.
fn block(head: &[u8], size: u64, tracks: &mut [Track]) -> Option<i64> {
    let length = head.first()?.leading_zeros() as usize + 1;
    let number = Bytes(head).be(length.min(8))? & ((1 << (7 * length.min(8))) - 1);
    let time = i16::from_be_bytes(head.get(length..length + 2)?.try_into().ok()?);
    let track = tracks.iter_mut().find(|track| track.number == number)?;
    track.blocks += 1;
    track.largest_block = track.largest_block.max(size.saturating_sub(length as u64 + 3));
    Some(i64::from(time))
}

/// Where the pictures lie.
pub(super) fn samples(source: &Source) -> Option<Samples> {
    const SIMPLE_BLOCK: u64 = 0xA3;
    const BLOCK_GROUP: u64 = 0xA0;
    let mut walk = Walk { source, at: 0 };
    let mut samples = Samples::default();
    let mut film = None;
    for _ in 0..ELEMENTS_MAX {
        let Some((id, start, size)) = walk.element() else { break };
        match id {
            0x1A45_DFA3 | 0x1853_8067 | 0x1F43_B675 => continue,
            0x1654_AE6B => {
                let track = track_list(source, start, size).into_iter().find(|t| t.kind == 1)?;
                samples.codec = video_codec(&track);
                film = Some(track.number);
                samples.configuration = track.private;
            }
            SIMPLE_BLOCK => samples.places.extend(place(source, start, size, film, None)),
            BLOCK_GROUP => {
                let parts = children(source, start, size);
                let is_key = !parts.iter().any(|(id, _, _)| *id == 0xFB);
                let block = parts.iter().find(|(id, _, _)| *id == 0xA1);
                let block = block
                    .and_then(|(_, start, size)| place(source, *start, *size, film, Some(is_key)));
                samples.places.extend(block);
            }
            _ => {}
        }
        walk.at = start.checked_add(size)?;
        if walk.at >= source.size() || samples.places.len() >= SAMPLES_MAX {
            break;
        }
    }
    Some(samples)
}

/// The place of a block's picture, if the block is the film's and holds one alone.
fn place(
    source: &Source,
    start: u64,
    size: u64,
    film: Option<u64>,
    is_key: Option<bool>,
) -> Option<(u64, u32, bool)> {
    let head = source.read(start, 12);
    let length = head.first()?.leading_zeros() as usize + 1;
    let number = Bytes(&head).be(length.min(8))? & ((1 << (7 * length.min(8))) - 1);
    let flags = *head.get(length + 2)?;
    let skip = length as u64 + 3;
    (Some(number) == film && flags & 6 == 0).then(|| {
        let size = size.saturating_sub(skip).min(u64::from(u32::MAX)) as u32;
        (start + skip, size, is_key.unwrap_or(flags & 0x80 != 0))
    })
}

fn children(source: &Source, start: u64, size: u64) -> Vec<(u64, u64, u64)> {
    let end = start.saturating_add(size).min(source.size());
    let mut walk = Walk { source, at: start };
    let mut found = Vec::new();
    while walk.at < end && found.len() < 4096 {
        let Some((id, start, size)) = walk.element() else { break };
        found.push((id, start, size));
        let Some(next) = start.checked_add(size) else { break };
        walk.at = next;
    }
    found
}

fn number(source: &Source, start: u64, size: u64) -> u64 {
    let size = size.min(8) as usize;
    Bytes(&source.read(start, size)).be(size).unwrap_or(0)
}

fn info(source: &Source, start: u64, size: u64) -> (u64, f64) {
    let (mut scale, mut duration) = (1_000_000, 0.0);
    for (id, start, size) in children(source, start, size) {
        match id {
            0x2A_D7B1 => scale = number(source, start, size),
            0x4489 if size == 4 => {
                duration = f64::from(f32::from_bits(number(source, start, size) as u32));
            }
            0x4489 => duration = f64::from_bits(number(source, start, size)),
            _ => {}
        }
    }
    (scale, duration)
}

fn track_list(source: &Source, start: u64, size: u64) -> Vec<Track> {
    let entries = children(source, start, size);
    let entries = entries.iter().filter(|(id, _, _)| *id == 0xAE);
    entries.map(|(_, start, size)| track(source, *start, *size)).collect()
}

fn track(source: &Source, start: u64, size: u64) -> Track {
    let mut track = Track::default();
    for (id, start, size) in children(source, start, size) {
        let bytes = || source.read(start, usize::try_from(size).unwrap_or(0).min(1 << 16));
        match id {
            0xD7 => track.number = number(source, start, size),
            0x83 => track.kind = number(source, start, size),
            0x86 => track.codec = String::from_utf8_lossy(&bytes()).trim_end_matches('\0').into(),
            0x63A2 => track.private = bytes(),
            0x56AA => track.delay_ns = number(source, start, size),
            0x23_E383 => track.default_ns = number(source, start, size),
            0xE0 => {
                for (id, start, size) in children(source, start, size) {
                    let value = number(source, start, size);
                    match id {
                        0xB0 => track.width = value,
                        0xBA => track.height = value,
                        0x54B0 => track.display.0 = value,
                        0x54BA => track.display.1 = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    track
}

fn finish(doc_type: &[u8], tracks: &[Track], seconds: f64) -> Option<Probe> {
    let format = if doc_type.starts_with(b"webm") { "webm" } else { "matroska" };
    let mut probe = Probe { format, duration_s: Some(seconds), ..Probe::default() };
    // Sound alone begins as much before zero as its decoder needs to get going.
    let delay_ms =
        tracks.iter().map(|track| (track.delay_ns as f64 / 1e6).round()).fold(0.0, f64::max);
    if tracks.iter().all(|track| track.kind != 1) {
        probe.start_s = -delay_ms / 1e3;
    }
    probe.video = tracks.iter().find(|track| track.kind == 1).map(|track| Video {
        codec: video_codec(track),
        width: shown_width(track),
        height: track.height as u32,
        frame_rate: if track.default_ns > 0 { rate(1e9 / track.default_ns as f64) } else { 0.0 },
        num_frames: (track.blocks > 0).then_some(track.blocks),
    });
    probe.audio = tracks.iter().find(|track| track.kind == 2).map(|track| Audio {
        codec: audio_codec(track),
        is_silent: match track.codec.as_str() {
            "A_OPUS" => track.blocks > 0 && track.largest_block <= 3,
            codec if codec.starts_with("A_AAC") => track.blocks > 0 && track.largest_block <= 16,
            _ => false,
        },
    });
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

/// Nanoseconds a frame are rounded in the file; near a whole rate the whole one is meant.
fn rate(rate: f64) -> f64 {
    if (rate - rate.round()).abs() < 1e-3 { rate.round() } else { rate }
}

/// A display size of another shape stretches the width.
fn shown_width(track: &Track) -> u32 {
    let (across, down) = track.display;
    if across == 0 || down == 0 || across * track.height == track.width * down {
        return track.width as u32;
    }
    (track.height as u128 * across as u128 / down.max(1) as u128).min(65_535) as u32
}

fn video_codec(track: &Track) -> String {
    let name = match track.codec.as_str() {
        "V_VP8" => "vp8",
        "V_VP9" => "vp9",
        "V_AV1" => "av1",
        "V_MPEG4/ISO/AVC" => "h264",
        "V_MPEGH/ISO/HEVC" => "hevc",
        "V_MPEG1" => "mpeg1video",
        "V_MPEG2" => "mpeg2video",
        "V_THEORA" => "theora",
        "V_MJPEG" => "mjpeg",
        "V_MS/VFW/FOURCC" => return fourcc_video(track.private.get(16..20).unwrap_or_default()),
        codec if codec.starts_with("V_MPEG4/ISO") => "mpeg4",
        codec => return codec.trim_start_matches("V_").to_lowercase(),
    };
    name.to_owned()
}

fn audio_codec(track: &Track) -> String {
    let name = match track.codec.as_str() {
        "A_OPUS" => "opus",
        "A_VORBIS" => "vorbis",
        "A_FLAC" => "flac",
        "A_AC3" => "ac3",
        "A_EAC3" => "eac3",
        "A_DTS" => "dts",
        "A_TRUEHD" => "truehd",
        "A_MPEG/L3" => "mp3",
        "A_MPEG/L2" => "mp2",
        "A_PCM/INT/LIT" => "pcm_s16le",
        codec if codec.starts_with("A_AAC") => "aac",
        codec => return codec.trim_start_matches("A_").to_lowercase(),
    };
    name.to_owned()
}
