//! Pillow's Lanczos resizing, with which the reference shrinks layered pictures and ugoiras: two
//! passes over 8-bit values in 22-bit fixed point, colours weighted by their alpha.

use super::picture::Picture;

const RADIUS: f64 = 3.0;
const FRACTION_BITS: u32 = 22;

/// A copy of the picture at exactly that size.
#[must_use]
pub fn resize(picture: &Picture, width: u32, height: u32) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    if (width, height) == (picture.width, picture.height) {
        return picture.clone();
    }
    if picture.channels == 4 {
        let weighted = with_pixels(picture, weighted(&picture.pixels));
        let small = passes(&weighted, width, height);
        let pixels = unweighted(&small.pixels);
        return with_pixels(&small, pixels);
    }
    passes(picture, width, height)
}

fn with_pixels(picture: &Picture, pixels: Vec<u8>) -> Picture {
    Picture { pixels, ..*picture }
}

/// For each target pixel its first source pixel and the weights from there.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<i64>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = RADIUS * stretch;
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|source| lanczos((source as f64 - centre + 0.5) / stretch))
                .collect();
            let sum: f64 = raw.iter().sum();
            let fixed = raw.iter().map(|weight| {
                let value = weight / sum * f64::from(1_u32 << FRACTION_BITS);
                (value + 0.5_f64.copysign(value)) as i64
            });
            (first, fixed.collect())
        })
        .collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let angle = x * std::f64::consts::PI;
        if angle == 0.0 { 1.0 } else { angle.sin() / angle }
    };
    if (-RADIUS..RADIUS).contains(&x) { sinc(x) * sinc(x / RADIUS) } else { 0.0 }
}

fn passes(picture: &Picture, width: u32, height: u32) -> Picture {
    let channels = picture.channels;
    let across = weights(picture.width as usize, width as usize);
    let mut wide = Vec::with_capacity(across.len() * picture.height as usize * channels);
    for y in 0..picture.height as usize {
        let row = picture.row(y);
        for (first, weights) in &across {
            for channel in 0..channels {
                let values = row[first * channels + channel..].iter().step_by(channels);
                wide.push(weighted_sum(values, weights));
            }
        }
    }
    let stride = width as usize * channels;
    let mut pixels = Vec::with_capacity(stride * height as usize);
    for (first, weights) in weights(picture.height as usize, height as usize) {
        for at in 0..stride {
            let values = wide[first * stride + at..].iter().step_by(stride);
            pixels.push(weighted_sum(values, &weights));
        }
    }
    Picture { width, height, channels, pixels }
}

fn weighted_sum<'a>(values: impl Iterator<Item = &'a u8>, weights: &[i64]) -> u8 {
    let sum: i64 = values.zip(weights).map(|(value, weight)| i64::from(*value) * weight).sum();
    ((sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS).clamp(0, 255) as u8
}

fn weighted(rgba: &[u8]) -> Vec<u8> {
    let share = |value: u8, alpha: u8| {
        let product = u32::from(value) * u32::from(alpha) + 128;
        (((product >> 8) + product) >> 8) as u8
    };
    let pixels = rgba.as_chunks::<4>().0;
    pixels
        .iter()
        .flat_map(|[r, g, b, a]| [share(*r, *a), share(*g, *a), share(*b, *a), *a])
        .collect()
}

fn unweighted(rgba: &[u8]) -> Vec<u8> {
    let whole = |value: u8, alpha: u8| match alpha {
        0 | 255 => value,
        alpha => (255 * u32::from(value) / u32::from(alpha)).min(255) as u8,
    };
    let pixels = rgba.as_chunks::<4>().0;
    pixels
        .iter()
        .flat_map(|[r, g, b, a]| [whole(*r, *a), whole(*g, *a), whole(*b, *a), *a])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = Picture::new(50, 40, 4, [200, 100, 50, 255].repeat(2000)).unwrap();
        for (width, height) in [(7, 5), (80, 90), (50, 40)] {
            let seen = resize(&flat, width, height);
            let expected = [200, 100, 50, 255].repeat(width as usize * height as usize);
            assert_eq!(seen.pixels, expected, "{width}x{height}");
        }
    }

    #[test]
    fn colours_of_clear_pixels_do_not_bleed() {
        let half = Picture::new(2, 1, 4, vec![255, 0, 0, 0, 0, 255, 0, 255]).unwrap();
        let seen = resize(&half, 1, 1);
        assert_eq!(seen.pixels[0], 0);
        assert!(seen.pixels[1] > 250);
    }
}
