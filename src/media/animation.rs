//! Times of animated pictures: GIF, APNG, animated WebP and JPEG XL.

use super::metadata::{png_chunks, riff_chunks};

/// Used where a file gives no sensible time: twelve frames a second.
const FALLBACK_MS: u64 = 83;

/// Whether an animation chunk among the first bytes promises more than one frame.
#[must_use]
pub fn png_is_animated(head: &[u8]) -> bool {
    png_frames(head).is_some_and(|frames| frames > 1)
}

/// The number of frames of an APNG by its animation chunk.
#[must_use]
pub fn png_frames(bytes: &[u8]) -> Option<u64> {
    let head = &bytes[..bytes.len().min(256)];
    let (_, data) = png_chunks(head).find(|(kind, _)| *kind == b"acTL")?;
    Some(u64::from(u32::from_be_bytes(data.get(..4)?.try_into().ok()?)))
}

/// Milliseconds of a whole APNG.
#[must_use]
pub fn png_duration_ms(bytes: &[u8]) -> u64 {
    let seconds: f64 = png_chunks(bytes)
        .filter(|(kind, data)| *kind == b"fcTL" && data.len() >= 24)
        .map(|(_, data)| {
            let part = f64::from(u16::from_be_bytes([data[20], data[21]]));
            let whole = f64::from(u16::from_be_bytes([data[22], data[23]]));
            if whole == 0.0 { 0.1 } else { (part / whole).max(0.001) }
        })
        .sum();
    let ms = (seconds * 1000.0) as u64;
    if ms == 0 && seconds > 0.0 { 1 } else { ms }
}

/// Milliseconds of each frame of a GIF.
#[must_use]
pub fn gif_delays(bytes: &[u8]) -> Vec<u64> {
    const FRAMES_MAX: usize = 1 << 20;
    let mut delays = Vec::new();
    let mut delay = None;
    let mut at = 13;
    if let Some(flags) = bytes.get(10).filter(|flags| *flags & 0x80 != 0) {
        at += 6 << (flags & 7);
    }
    while delays.len() < FRAMES_MAX {
        match bytes.get(at) {
            Some(0x21) => {
                if let Some([0xF9, 4, _, low, high, ..]) = bytes.get(at + 1..) {
                    delay = Some(u64::from(u16::from_le_bytes([*low, *high])) * 10);
                }
                at = gif_blocks_end(bytes, at + 2);
            }
            Some(0x2C) => {
                let Some(flags) = bytes.get(at + 9) else { break };
                let palette = if flags & 0x80 != 0 { 6 << (flags & 7) } else { 0 };
                at = gif_blocks_end(bytes, at + 11 + palette);
                // A tenth of the smallest unit is as often a mistake as zero.
                let shown = delay.take().filter(|ms| !matches!(ms, 0 | 10));
                delays.push(shown.unwrap_or(FALLBACK_MS));
            }
            Some(0) => at += 1,
            _ => break,
        }
    }
    delays
}

/// Where the data blocks that begin at `at` end.
fn gif_blocks_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(length) = bytes.get(at) {
        at += 1 + usize::from(*length);
        if *length == 0 {
            break;
        }
    }
    at
}

/// Milliseconds of each frame of an animated WebP.
#[must_use]
pub fn webp_delays(bytes: &[u8]) -> Vec<u64> {
    riff_chunks(bytes)
        .filter(|(kind, _)| *kind == b"ANMF")
        .map(|(_, data)| match data.get(12..16) {
            Some([0, 0, 0, _]) | None => FALLBACK_MS,
            Some(time) => u64::from(u32::from_le_bytes([time[0], time[1], time[2], 0])),
        })
        .collect()
}

/// The number of frames of a JPEG XL; 0 if it cannot be read.
#[must_use]
pub fn jxl_frames(bytes: &[u8]) -> usize {
    let image = jxl_oxide::JxlImage::builder().read(std::io::Cursor::new(bytes));
    image.map_or(0, |image| {
        if image.image_header().metadata.animation.is_some() {
            image.num_loaded_keyframes()
        } else {
            1
        }
    })
}

/// Milliseconds of each frame of a JPEG XL.
#[must_use]
pub fn jxl_delays(bytes: &[u8]) -> Vec<u64> {
    let Ok(image) = jxl_oxide::JxlImage::builder().read(std::io::Cursor::new(bytes)) else {
        return Vec::new();
    };
    let Some(animation) = &image.image_header().metadata.animation else { return Vec::new() };
    let tick_ms =
        f64::from(animation.tps_denominator) / f64::from(animation.tps_numerator.max(1)) * 1000.0;
    (0..image.num_loaded_keyframes())
        .map(|frame| {
            let ticks = image.frame(frame).map_or(0, |frame| frame.header().duration);
            (f64::from(ticks) * tick_ms) as u64
        })
        .collect()
}
