//! Containers of sound alone: mp3, flac, wav, wavpack, tta, RealMedia.

use super::{Audio, Bytes, Probe, Video, wave_audio};
use crate::media::metadata::find;
use crate::media::source::Source;

fn sound(format: &'static str, codec: &str, seconds: f64) -> Probe {
    let audio = Some(Audio { codec: codec.to_owned(), is_silent: false });
    Probe { format, duration_s: Some(seconds), audio, ..Probe::default() }
}

pub(super) fn flac(source: &Source, at: u64) -> Option<Probe> {
    let info = source.array::<18>(at + 8)?;
    let packed = Bytes(&info[10..]).be(8)?;
    let (rate, samples) = (packed >> 44, packed & 0xF_FFFF_FFFF);
    Some(sound("flac", "flac", samples as f64 / rate.max(1) as f64))
}

pub(super) fn wav(source: &Source) -> Option<Probe> {
    let (mut at, mut codec, mut byte_rate, mut rate, mut samples) = (12, String::new(), 0, 0, 0);
    for _ in 0..1024 {
        let head = source.array::<8>(at)?;
        let size = Bytes(&head[4..]).le(4)?;
        match &head[..4] {
            b"fmt " => {
                let format = source.read(at + 8, 40);
                let bits = Bytes(format.get(14..)?).le(2)?;
                let mut tag = Bytes(&format).le(2)?;
                if tag == 0xFFFE {
                    tag = Bytes(format.get(24..)?).le(2)?;
                }
                codec = wave_audio(tag, bits);
                rate = Bytes(format.get(4..)?).le(4)?;
                byte_rate = Bytes(format.get(8..)?).le(4)?;
            }
            b"fact" => samples = Bytes(&source.array::<4>(at + 8)?).le(4)?,
            b"data" => {
                // Compressed samples are counted beside the data.
                if samples > 0 && rate > 0 && !codec.starts_with("pcm") {
                    return Some(sound("wav", &codec, samples as f64 / rate as f64));
                }
                let size = size.min(source.size() - at - 8);
                return Some(sound("wav", &codec, size as f64 / byte_rate.max(1) as f64));
            }
            _ => {}
        }
        at += 8 + size.next_multiple_of(2);
    }
    None
}

pub(super) fn wavpack(source: &Source) -> Option<Probe> {
    const RATES: [u64; 15] = [
        6000, 8000, 9600, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200,
        96000, 192_000,
    ];
    let head = source.array::<32>(0)?;
    let samples = Bytes(&head[12..]).le(4)?;
    let flags = Bytes(&head[24..]).le(4)?;
    let rate = RATES.get((flags >> 23 & 15) as usize).copied().unwrap_or(44_100);
    Some(sound("wv", "wavpack", samples as f64 / rate as f64))
}

pub(super) fn tta(source: &Source) -> Option<Probe> {
    let head = source.array::<22>(0)?;
    let (rate, samples) = (Bytes(&head[10..]).le(4)?, Bytes(&head[14..]).le(4)?);
    Some(sound("tta", "tta", samples as f64 / rate.max(1) as f64))
}

/// RealMedia and RealAudio: sound, and video if a stream says so.
pub(super) fn real(source: &Source) -> Option<Probe> {
    let head = source.read(0, 1 << 16);
    let at = find(&head, b"PROP");
    let ms = at.and_then(|at| Bytes(head.get(at + 30..)?).be(4)).unwrap_or(0);
    let mut probe = sound("rm", "cook", ms as f64 / 1000.0);
    if find(&head, b"VIDORV").is_some() {
        probe.video = Some(Video { codec: "rv40".to_owned(), ..Video::default() });
    }
    Some(probe)
}

/// One MPEG audio frame header.
struct Frame {
    bytes: u64,
    samples: u64,
    rate: u64,
    bit_rate: u64,
    layer: u8,
    /// Bytes of side information after the header, where the Xing tag comes next.
    side: usize,
}

fn frame(head: [u8; 4]) -> Option<Frame> {
    const V1_L3: [u64; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const V1_L2: [u64; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const V1_L1: [u64; 15] = [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
    const V2_L1: [u64; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
    const V2_L23: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    if head[0] != 0xFF || head[1] & 0xE0 != 0xE0 {
        return None;
    }
    let version = head[1] >> 3 & 3;
    let layer = 4 - (head[1] >> 1 & 3);
    let (rate_index, bit_index) = (usize::from(head[2] >> 2 & 3), usize::from(head[2] >> 4));
    if version == 1 || layer == 4 || rate_index == 3 || bit_index == 0 || bit_index == 15 {
        return None;
    }
    let first = version == 3;
    let table = match (first, layer) {
        (true, 1) => V1_L1,
        (true, 2) => V1_L2,
        (true, _) => V1_L3,
        (false, 1) => V2_L1,
        (false, _) => V2_L23,
    };
    let bit_rate = table[bit_index] * 1000;
    let rate = [44_100, 48_000, 32_000][rate_index] >> [2, 0, 1, 0][usize::from(version)];
    let padding = u64::from(head[2] >> 1 & 1);
    let samples = match (layer, first) {
        (1, _) => 384,
        (3, false) => 576,
        _ => 1152,
    };
    let bytes = if layer == 1 {
        (12 * bit_rate / rate + padding) * 4
    } else {
        samples / 8 * bit_rate / rate + padding
    };
    let mono = head[3] >> 6 == 3;
    let side = match (first, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    Some(Frame { bytes, samples, rate, bit_rate, layer, side })
}

/// MPEG audio: after any ID3 tag, three frames in a row.
pub(super) fn mp3(source: &Source) -> Option<Probe> {
    let start = id3_end(source);
    // Some padding may lie before the first frame.
    let window = source.read(start, 4096);
    let skip = (0..window.len().saturating_sub(4))
        .find(|skip| frames_in_a_row(source, start + *skip as u64))?;
    let at = start + skip as u64;
    let first = frame(source.array::<4>(at)?)?;
    let codec = ["mp1", "mp2", "mp3"][usize::from(first.layer - 1)];
    let tag = source.read(at + 4 + first.side as u64, 16);
    let frames = if tag.starts_with(b"Xing") || tag.starts_with(b"Info") {
        (tag.get(7)? & 1 == 1).then(|| Bytes(&tag[8..]).be(4)).flatten()
    } else {
        None
    };
    let start_s = if frames.is_some() { encoder_delay_s(source, at, &first) } else { 0.0 };
    let seconds = match frames {
        Some(frames) => (frames * first.samples) as f64 / first.rate as f64,
        None => (source.size() - at) as f64 * 8.0 / mean_bit_rate(source, at) as f64,
    };
    Some(Probe { start_s, ..sound("mp3", codec, seconds) })
}

/// The mean bit rate of the first frames, as the reference's prober goes by it: it reads pieces of
/// 1024 bytes until it has fifty frames.
fn mean_bit_rate(source: &Source, start: u64) -> i64 {
    const PIECE_BYTES: u64 = 1024;
    const FRAMES: i64 = 50;
    let (mut at, mut count, mut mean, mut end) = (start, 0_i64, 0_i64, u64::MAX);
    while at < end
        && let Some(next) = source.array::<4>(at).and_then(frame)
    {
        count += 1;
        mean += (next.bit_rate as i64 - mean) / count;
        at += next.bytes;
        if count == FRAMES {
            end = start + (at - start).next_multiple_of(PIECE_BYTES);
        }
    }
    mean.max(1)
}

/// Whether like frames follow each other from there: four, or fewer up to the very end.
fn frames_in_a_row(source: &Source, mut at: u64) -> bool {
    let mut kind = None;
    for found in 0..4 {
        let Some(next) = source.array::<4>(at).and_then(frame) else {
            return found > 1 && at == source.size();
        };
        if *kind.get_or_insert((next.layer, next.rate)) != (next.layer, next.rate) {
            return false;
        }
        at += next.bytes;
    }
    true
}

/// What the encoder (by its tag) and the decoder put before the first sample.
fn encoder_delay_s(source: &Source, at: u64, first: &Frame) -> f64 {
    const DECODER_DELAY: u64 = 529;
    let tag = source.read(at + 4 + first.side as u64 + 120, 24);
    let delay = tag.get(21..24).and_then(|bytes| Bytes(bytes).be(3)).unwrap_or(0) >> 12;
    let is_named = tag.first().is_some_and(u8::is_ascii_alphabetic);
    if is_named { (delay + DECODER_DELAY) as f64 / first.rate as f64 } else { 0.0 }
}

/// Where the sound begins after an ID3v2 tag.
fn id3_end(source: &Source) -> u64 {
    let Some(head) = source.array::<10>(0).filter(|head| head.starts_with(b"ID3")) else {
        return 0;
    };
    head[6..].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7F)) + 10
}
