//! JPEG XL as the reference's reader gives it: a recompressed JPEG is put together again and read as
//! one, everything else is rounded to bytes with the noise that libjxl adds.

use std::io::Cursor;

use jxl_oxide::color::{ColourEncoding, ColourSpace, Primaries, TransferFunction, WhitePoint};
use jxl_oxide::image::BitDepth;
use jxl_oxide::{JpegReconstructionStatus, JxlImage};

use super::picture::Picture;

/// Levels of blue noise, 32 x 32, that libjxl adds before it rounds to 8 bits (a free pattern of
/// momentsingraphics.de; release 0.12 holds it in lib/jxl/render_pipeline/stage_write.cc).
static NOISE: &[u8; 1024] = include_bytes!("jxl_dither.bin");
const NOISE_SIDE: usize = 32;

/// The JPEG that was recompressed into a JPEG XL, if it was one and can be put together again.
#[must_use]
pub(super) fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let image = open(bytes)?;
    if !matches!(image.jpeg_reconstruction_status(), JpegReconstructionStatus::Available) {
        return None;
    }
    // The decoder panics on some progressive ones; their pixels are drawn instead.
    let put_together = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut jpeg = Vec::new();
        image.reconstruct_jpeg(&mut jpeg).ok().map(|()| jpeg)
    }));
    put_together.ok().flatten()
}

/// The colour profile of the decoded samples, empty where they are sRGB: the reference's reader
/// tells one of every JPEG XL, made up if need be.
#[must_use]
pub(super) fn profile(bytes: &[u8]) -> Vec<u8> {
    match open(bytes) {
        Some(image) if !is_srgb(&image) => image.rendered_icc(),
        _ => Vec::new(),
    }
}

fn is_srgb(image: &JxlImage) -> bool {
    match &image.image_header().metadata.colour_encoding {
        ColourEncoding::Enum(encoding) => {
            matches!(encoding.tf, TransferFunction::Srgb)
                && matches!(encoding.white_point, WhitePoint::D65)
                && (encoding.colour_space == ColourSpace::Grey
                    || matches!(encoding.primaries, Primaries::Srgb))
        }
        ColourEncoding::IccProfile(_) => false,
    }
}

/// The first frame, upright as far as the codestream itself says how.
#[must_use]
pub(super) fn picture(bytes: &[u8]) -> Option<Picture> {
    let mut image = open(bytes)?;
    let (width, height) = (image.width(), image.height());
    Picture::blank(width, height, 1)?;
    let is_lossy_srgb = image.image_header().metadata.xyb_encoded && is_srgb(&image);
    if is_lossy_srgb {
        request(&mut image, Some(TransferFunction::Linear));
    }
    let metadata = &image.image_header().metadata;
    let render = image.render_frame(0).ok()?;
    let mut stream = render.stream();
    let channels = stream.channels() as usize;
    let mut samples = vec![0_f32; width as usize * height as usize * channels];
    if stream.write_to_buffer(&mut samples) != samples.len() {
        return None;
    }
    if is_lossy_srgb {
        let colours = if channels < 3 { 1 } else { 3 };
        for pixel in samples.chunks_exact_mut(channels) {
            pixel[..colours].iter_mut().for_each(|sample| *sample = srgb_curve(*sample));
        }
    }
    let bytes = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample: ..=8 } => {
            // The noise lies on the picture before its sides change places.
            let is_transposed = metadata.orientation >= 5;
            with_noise(&samples, width as usize, channels, is_transposed)
        }
        // Of 16 bits the upper 8 count; wide numbers are cut.
        BitDepth::IntegerSample { .. } => samples.iter().map(|s| upper_byte(*s)).collect(),
        BitDepth::FloatSample { .. } => samples.iter().map(|s| (s * 255.0) as u8).collect(),
    };
    match channels {
        1 => Picture::from_grey(width, height, &bytes),
        2 => {
            let pixels = bytes.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect();
            Picture::new(width, height, 4, pixels)
        }
        3 | 4 => Picture::new(width, height, channels, bytes),
        _ => None,
    }
}

/// Opened so that it is drawn in the colours that its header names.
fn open(bytes: &[u8]) -> Option<JxlImage> {
    let mut image = JxlImage::builder().read(Cursor::new(bytes)).ok()?;
    request(&mut image, None);
    Some(image)
}

fn request(image: &mut JxlImage, curve: Option<TransferFunction>) {
    if let ColourEncoding::Enum(encoding) = &image.image_header().metadata.colour_encoding {
        let mut encoding = encoding.clone();
        encoding.tf = curve.unwrap_or(encoding.tf);
        image.request_color_encoding(encoding);
    }
}

/// The curve of sRGB as libjxl draws it: a quotient of polynomials of the root. The decoder's own is
/// a faster one, which is off by more than the steps of the noise.
fn srgb_curve(linear: f32) -> f32 {
    const ABOVE: [f32; 5] =
        [0.735_263, 1.474_205_3, 0.390_384_3, 0.005_287_254_7, -0.000_513_515_26];
    const BELOW: [f32; 5] = [0.024_248_678, 0.925_848_2, 1.340_817, 0.303_667_55, 0.010_045_196];
    let size = linear.abs();
    if size <= 0.003_130_8 {
        return linear * 12.92;
    }
    let root = size.sqrt();
    let polynomial =
        |parts: [f32; 5]| parts[1..].iter().fold(parts[0], |sum, part| sum.mul_add(root, *part));
    (polynomial(ABOVE) / polynomial(BELOW)).copysign(linear)
}

fn upper_byte(sample: f32) -> u8 {
    ((sample * 65_535.0).clamp(0.0, 65_535.0).round_ties_even() as u16 >> 8) as u8
}

/// Samples of 0 to 1 as bytes, dithered. Each channel sees the noise from another corner.
fn with_noise(samples: &[f32], width: usize, channels: usize, is_transposed: bool) -> Vec<u8> {
    let noise = noise();
    let mut bytes = Vec::with_capacity(samples.len());
    for (y, row) in samples.chunks_exact(width * channels).enumerate() {
        for (x, pixel) in row.chunks_exact(channels).enumerate() {
            let (x, y) = if is_transposed { (y, x) } else { (x, y) };
            for (channel, sample) in pixel.iter().enumerate() {
                let (x, y) = ((x + channel * 23) % NOISE_SIDE, (y + channel * 13) % NOISE_SIDE);
                let value = sample * 255.0 + noise[y * NOISE_SIDE + x];
                bytes.push(value.clamp(0.0, 255.0).round_ties_even() as u8);
            }
        }
    }
    bytes
}

/// What a level of noise adds: evenly between -63/128 and 63/128, written with five decimals.
fn noise() -> Vec<f32> {
    let step = 63.0 / 64.0 / 255.0;
    let added = |level: u8| ((f64::from(level) - 127.5) * step * 1e5).round() / 1e5;
    NOISE.iter().map(|level| added(*level) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_their_value_under_noise() {
        let samples: Vec<f32> = (0..96 * 64).map(|at| (at % 256) as f32 / 255.0).collect();
        let bytes = with_noise(&samples, 32, 3, false);
        assert!(bytes.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 256));
    }

    #[test]
    fn noise_spreads_evenly_and_ends_where_it_is_said_to() {
        let noise = noise();
        assert_eq!(noise[..4], [-0.26057, 0.32619, 0.21039, -0.03281]);
        assert_eq!(noise.iter().copied().fold(0.0, f32::max), 0.49219);
        assert!(noise.iter().sum::<f32>().abs() < 0.01);
        // Halves become one number as often as the other.
        let bytes = with_noise(&[100.5 / 255.0; 1024], 32, 1, false);
        assert_eq!(bytes.iter().filter(|byte| **byte == 101).count(), 512);
    }
}
