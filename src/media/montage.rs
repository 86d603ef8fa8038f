//! The perceptual hash of a video: 25 frames in a square, shrunk, transformed, compared with their
//! median (behaviour.md of Stash, E2 and E5).

use std::f64::consts::PI;
use std::path::Path;

use super::ffmpeg;
use super::picture::Picture;

/// Frames in a row, and rows.
const SIDE: usize = 5;
/// Width of a frame.
const FRAME_WIDTH: u32 = 160;
/// Side of what is transformed.
const SMALL: usize = 64;

/// The perceptual hash of a video of that length.
///
/// # Errors
/// When there is no ffmpeg, or it cannot read a frame.
pub fn video_hash(video: &Path, seconds: f64) -> Result<u64, String> {
    let mut frames = Vec::new();
    for place in 0..SIDE * SIDE {
        let step = 0.9 * seconds / (SIDE * SIDE) as f64;
        frames.push(ffmpeg::frame(video, 0.05 * seconds + place as f64 * step, FRAME_WIDTH)?);
    }
    let montage = grid(&frames, SIDE).ok_or("the frames do not fit together")?;
    Ok(hash(&montage))
}

/// Frames row by row in one picture, each at the size of the first. Larger ones are cut.
#[must_use]
pub fn grid(frames: &[Picture], columns: usize) -> Option<Picture> {
    let first = frames.first()?;
    let rows = frames.len().div_ceil(columns);
    let (width, height) = (first.width as usize, first.height as usize);
    let whole = (u32::try_from(width * columns).ok()?, u32::try_from(height * rows).ok()?);
    let mut picture = Picture::blank(whole.0, whole.1, 3)?;
    for (place, frame) in frames.iter().enumerate() {
        let (left, top) = (place % columns * width, place / columns * height);
        let rgb = frame.rgb();
        let own = frame.width as usize;
        let wide = own.min(width) * 3;
        for y in 0..height.min(frame.height as usize) {
            let from = &rgb[y * own * 3..][..wide];
            let at = ((top + y) * width * columns + left) * 3;
            picture.pixels[at..at + wide].copy_from_slice(from);
        }
    }
    Some(picture)
}

/// The hash of a picture.
fn hash(picture: &Picture) -> u64 {
    let rgb = picture.rgb();
    let (width, height) = (picture.width as usize, picture.height as usize);
    let narrow = shrink_rows(&rgb, width, height);
    // The columns are the rows of the transposed picture.
    let small =
        transposed(&shrink_rows(&transposed(&narrow, SMALL, height), height, SMALL), SMALL, SMALL);
    let grey: Vec<f64> = small.chunks_exact(3).map(luminance).collect();
    let coefficients = transform(&grey);
    let mut corner = Vec::with_capacity(64);
    for row in 0..8 {
        corner.extend_from_slice(&coefficients[row * SMALL..row * SMALL + 8]);
    }
    let mut sorted = corner.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[31] / 2.0 + sorted[32] / 2.0;
    corner.iter().fold(0, |bits, value| bits << 1 | u64::from(*value > median))
}

/// Every row shrunk to the small side by a triangle, in whole numbers.
fn shrink_rows(rgb: &[u8], width: usize, height: usize) -> Vec<u8> {
    let scale = width as f64 / SMALL as f64;
    let taps = 2 * (scale.ceil().max(1.0) as i64);
    let factor = (1.0 / scale).min(1.0);
    let mut out = Vec::with_capacity(SMALL * height * 3);
    let mut kernels = Vec::with_capacity(SMALL);
    for place in 0..SMALL {
        let centre = scale * (place as f64 + 0.5) - 0.5;
        let start = centre.trunc() as i64 - taps / 2 + 1;
        let weights: Vec<(usize, i64)> = (0..taps)
            .map(|tap| {
                let at = start + tap;
                let distance = ((centre - at as f64) * factor).abs();
                let weight = (256.0 * (1.0 - distance).max(0.0)).trunc() as i64;
                let source = at.clamp(0, width as i64 - 1);
                (usize::try_from(source).unwrap_or(0), weight)
            })
            .collect();
        kernels.push(weights);
    }
    for row in rgb.chunks_exact(width * 3).take(height) {
        for weights in &kernels {
            let total: i64 = weights.iter().map(|(_, weight)| weight).sum();
            for channel in 0..3 {
                let sum: i64 =
                    weights.iter().map(|(at, w)| i64::from(row[at * 3 + channel]) * w).sum();
                out.push(u8::try_from((sum / total.max(1)).clamp(0, 255)).unwrap_or(u8::MAX));
            }
        }
    }
    out
}

fn transposed(rgb: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(rgb.len());
    for x in 0..width {
        for y in 0..height {
            out.extend_from_slice(&rgb[(y * width + x) * 3..][..3]);
        }
    }
    out
}

fn luminance(pixel: &[u8]) -> f64 {
    let wide = |value: u8| f64::from(value) * 257.0;
    0.299 * (wide(pixel[0]) / 257.0).floor()
        + 0.587 * (wide(pixel[1]) / 257.0).floor()
        + 0.114 * (wide(pixel[2]) / 256.0).floor()
}

/// The unscaled cosine transform of all rows, then of all columns.
fn transform(grey: &[f64]) -> Vec<f64> {
    let cosines: Vec<f64> = (0..SMALL * SMALL)
        .map(|at| {
            let (k, n) = ((at / SMALL) as f64, (at % SMALL) as f64);
            (PI * (n + 0.5) * k / SMALL as f64).cos()
        })
        .collect();
    let line = |values: &[f64]| -> Vec<f64> {
        let sum = |row: &[f64]| row.iter().zip(values).map(|(a, b)| a * b).sum();
        cosines.chunks_exact(SMALL).map(sum).collect()
    };
    let rows: Vec<f64> = grey.chunks_exact(SMALL).flat_map(line).collect();
    let mut out = vec![0.0; SMALL * SMALL];
    for x in 0..SMALL {
        let column: Vec<f64> = (0..SMALL).map(|y| rows[y * SMALL + x]).collect();
        for (y, value) in line(&column).into_iter().enumerate() {
            out[y * SMALL + x] = value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u32, height: u32, draw: impl Fn(u32, u32) -> u8) -> Picture {
        let at = |place: u32| [draw(place % width, place / width); 3];
        Picture::new(width, height, 3, (0..width * height).flat_map(at).collect()).unwrap()
    }

    #[test]
    fn frames_are_laid_out_row_by_row() {
        let frames: Vec<Picture> = (0..4).map(|n| drawn(2, 1, |_, _| n)).collect();
        let grid = grid(&frames, 2).unwrap();
        assert_eq!((grid.width, grid.height), (4, 2));
        let first: Vec<u8> = grid.pixels.iter().step_by(3).copied().collect();
        assert_eq!(first, [0, 0, 1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn half_the_bits_are_set_and_size_hardly_matters() {
        let wave = |scale: f64| {
            move |x: u32, y: u32| {
                let (x, y) = (f64::from(x) / scale, f64::from(y) / scale);
                (127.0 + 60.0 * (x / 50.0).sin() + 60.0 * (y / 31.0 + x / 80.0).cos()) as u8
            }
        };
        let (small, large) = (hash(&drawn(320, 240, wave(1.0))), hash(&drawn(640, 480, wave(2.0))));
        assert_eq!(small.count_ones(), 32);
        assert!((small ^ large).count_ones() <= 4, "{small:x} {large:x}");
        let other = hash(&drawn(320, 240, |x, y| if (x / 40 + y / 40) % 2 == 0 { 250 } else { 5 }));
        assert!((small ^ other).count_ones() > 10);
    }

    #[test]
    fn a_flat_picture_has_one_bit() {
        // Only the mean is above the median of nothing.
        assert_eq!(hash(&drawn(64, 64, |_, _| 200)) >> 63, 1);
    }
}
