//! From a still picture's bytes to the pixels that are hashed: decoded, turned, colour-managed.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat};

use super::colour;
use super::ico;
use super::jpeg;
use super::metadata::{self, Facts};
use super::picture::Picture;
use crate::model::filetype::FileType;

/// A decoded still and what its file said beside the pixels.
pub struct Still {
    pub picture: Picture,
    pub facts: Facts,
    /// The hash of the pixels, where it was made while they were decoded.
    pub pixel_hash: Option<[u8; 32]>,
}

/// Decodes a still (or the first frame) of that type: turned upright, converted to sRGB, without an
/// alpha channel that says nothing. `None` when it is malformed, too large or of a type without a
/// decoder.
#[must_use]
pub fn still(bytes: &[u8], kind: FileType) -> Option<Still> {
    if kind == FileType::JXL
        && let Some(jpeg) = super::jxl::jpeg(bytes)
    {
        let mut still = still(&jpeg, FileType::JPEG)?;
        // The reference's reader tells a profile of every JPEG XL, made up if need be.
        still.facts.icc_profile.get_or_insert_default();
        return Some(still);
    }
    let facts = metadata::facts(bytes, kind);
    let mut pixel_hash = None;
    let picture = match kind {
        FileType::JPEG => {
            let (picture, hash) = jpeg_picture(bytes, &facts)?;
            pixel_hash = hash;
            picture
        }
        FileType::PNG | FileType::APNG => png_picture(bytes, &facts)?,
        // The reference's decoder tells nothing of a profile.
        FileType::PSD => raw_picture(bytes, kind)?,
        FileType::TIFF => super::tiff::picture(bytes, facts.icc_profile.as_deref())?,
        _ => {
            let raw = raw_picture(bytes, kind)?;
            colour::to_srgb(raw, facts.icc_profile.as_deref())
        }
    };
    // The turning of a HEIF is part of its picture; the EXIF of a PNG is not obeyed.
    let turned = match kind {
        FileType::JPEG | FileType::WEBP | FileType::ANIMATED_WEBP | FileType::JXL => {
            picture.oriented(facts.orientation)
        }
        // The reference's reader turns a TIFF upright, and the reference turns it once more.
        FileType::TIFF => picture.oriented(facts.orientation).oriented(facts.orientation),
        _ => picture,
    };
    Some(Still { picture: turned.without_useless_alpha(), facts, pixel_hash })
}

/// Frame number `index` of a GIF or APNG, drawn over the frames before it. It keeps its alpha
/// channel, as in the original: thumbnails of animations are PNG.
#[must_use]
pub fn frame(bytes: &[u8], kind: FileType, index: usize) -> Option<Picture> {
    use image::AnimationDecoder;
    let frame = match kind {
        FileType::ANIMATED_GIF => {
            let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(bytes)).ok()?;
            decoder.into_frames().nth(index)?.ok()?
        }
        FileType::APNG => {
            let decoder = image::codecs::png::PngDecoder::new(Cursor::new(bytes)).ok()?;
            decoder.apng().ok()?.into_frames().nth(index)?.ok()?
        }
        _ => return None,
    };
    let mut pixels = frame.into_buffer();
    if kind == FileType::ANIMATED_GIF {
        // What ffmpeg leaves free is white, and a blurhash sees that.
        pixels.pixels_mut().filter(|p| p.0[3] == 0).for_each(|p| p.0 = [255, 255, 255, 0]);
    }
    Picture::new(pixels.width(), pixels.height(), 4, pixels.into_raw())
}

fn raw_picture(bytes: &[u8], kind: FileType) -> Option<Picture> {
    match kind {
        FileType::WEBP | FileType::ANIMATED_WEBP => webp_picture(bytes),
        FileType::GIF | FileType::ANIMATED_GIF => gif_picture(bytes),
        FileType::BMP => bmp_picture(bytes),
        FileType::ICO => ico_picture(bytes),
        FileType::QOI => with_image(bytes, ImageFormat::Qoi),
        FileType::JXL | FileType::ANIMATED_JXL => super::jxl::picture(bytes),
        FileType::PSD => super::psd::composite(bytes),
        FileType::AVIF | FileType::HEIC | FileType::HEIF => super::coded::picture(bytes, kind),
        _ => None,
    }
}

/// The pixels of a JPEG, and their hash where neither a profile nor a rotation changes them.
fn jpeg_picture(bytes: &[u8], facts: &Facts) -> Option<(Picture, Option<[u8; 32]>)> {
    let profile = facts.icc_profile.as_deref();
    let is_final = profile.is_none() && facts.orientation <= 1;
    let (decoded, hash) = jpeg::decode(bytes, is_final).ok()?;
    let picture = match decoded {
        jpeg::Decoded::Grey(picture) => picture,
        jpeg::Decoded::Colour(picture) => colour::to_srgb(picture, profile),
        jpeg::Decoded::Cmyk { width, height, inks } => {
            colour::cmyk_to_srgb(width, height, &inks, profile)?
        }
    };
    Some((picture, hash))
}

fn png_picture(bytes: &[u8], facts: &Facts) -> Option<Picture> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits::default());
    decoder.set_transformations(png::Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().ok()?;
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    Picture::blank(width, height, 1)?;
    let (kind, depth) = (info.color_type, info.bit_depth as u32);
    let palette = info.palette.as_ref().map(|palette| palette.to_vec()).unwrap_or_default();
    let alphas = info.trns.as_ref().map(|alphas| alphas.to_vec());
    let (gamma, chromaticities) = (info.gama_chunk, info.chrm_chunk);
    // Grey with alpha is read as colours where it is of 16 bits.
    let managed = matches!(kind, png::ColorType::Rgb | png::ColorType::Rgba)
        || kind == png::ColorType::GrayscaleAlpha && depth == 16;
    let srgb = info.srgb.is_some();
    let mut raw = vec![0; reader.output_buffer_size()?];
    // What cannot be read of a damaged file stays black, be it all.
    let stride = raw.len() / height as usize;
    let _damaged = reader.next_frame(&mut raw);
    let samples = Samples { kind, depth, palette: &palette, alphas: alphas.as_deref() };
    let mut pixels = Vec::with_capacity(width as usize * height as usize * samples.channels());
    for row in raw.chunks_exact(stride) {
        samples.append(row, width as usize, &mut pixels);
    }
    let picture = Picture::new(width, height, samples.channels(), pixels)?;
    Some(match (&facts.icc_profile, chromaticities) {
        (Some(profile), _) if managed => colour::to_srgb(picture, Some(profile)),
        (None, Some(xy)) if managed && !srgb => colour::from_chromaticities(picture, gamma, &xy),
        _ => picture,
    })
}

/// How the samples of a PNG become 8-bit RGB or RGBA.
struct Samples<'a> {
    kind: png::ColorType,
    depth: u32,
    palette: &'a [u8],
    alphas: Option<&'a [u8]>,
}

impl Samples<'_> {
    fn channels(&self) -> usize {
        use png::ColorType::{GrayscaleAlpha, Indexed, Rgba};
        match self.kind {
            Rgba | GrayscaleAlpha => 4,
            Indexed if self.alphas.is_some() => 4,
            _ => 3,
        }
    }

    /// Appends a row. Transparency is that of a palette or an alpha channel; a single transparent
    /// colour is not obeyed, as in the original.
    fn append(&self, row: &[u8], width: usize, pixels: &mut Vec<u8>) {
        // Of 16 bits the upper 8 count.
        let step = if self.depth == 16 { 2 } else { 1 };
        match self.kind {
            png::ColorType::Rgb | png::ColorType::Rgba if step == 1 => {
                pixels.extend_from_slice(row)
            }
            png::ColorType::Rgb | png::ColorType::Rgba => pixels.extend(row.iter().step_by(2)),
            png::ColorType::GrayscaleAlpha => {
                for pixel in row.chunks_exact(2 * step) {
                    pixels.extend([pixel[0], pixel[0], pixel[0], pixel[step]]);
                }
            }
            png::ColorType::Grayscale => {
                let scale = if self.depth < 8 { 255 / ((1 << self.depth) - 1) as u8 } else { 1 };
                for x in 0..width {
                    let value =
                        if self.depth > 8 { row[2 * x] } else { self.narrow(row, x) * scale };
                    pixels.extend([value; 3]);
                }
            }
            png::ColorType::Indexed => {
                for x in 0..width {
                    let index = usize::from(self.narrow(row, x));
                    let colour = self.palette.get(index * 3..index * 3 + 3).unwrap_or(&[0; 3]);
                    pixels.extend_from_slice(colour);
                    if let Some(alphas) = self.alphas {
                        pixels.push(alphas.get(index).copied().unwrap_or(255));
                    }
                }
            }
        }
    }

    /// Sample `x` of a row of up to 8 bits a sample.
    fn narrow(&self, row: &[u8], x: usize) -> u8 {
        if self.depth >= 8 {
            return row[x];
        }
        let depth = self.depth as usize;
        let bit = x * depth;
        row[bit / 8] >> (8 - depth - bit % 8) & ((1 << depth) - 1) as u8
    }
}

fn webp_picture(bytes: &[u8]) -> Option<Picture> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut picture = Picture::blank(width, height, channels)?;
    decoder.read_image(&mut picture.pixels).ok()?;
    Some(picture)
}

fn gif_picture(bytes: &[u8]) -> Option<Picture> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(bytes).ok()?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    Picture::blank(width, height, 4)?;
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().ok()??;
    let palette = frame.palette.clone().or(global)?;
    let transparent = frame.transparent;
    let channels = if transparent.is_some() { 4 } else { 3 };
    let colour = |index: u8| {
        let at = usize::from(index) * 3;
        let rgb = palette.get(at..at + 3).unwrap_or(&[0; 3]);
        let alpha = if transparent == Some(index) { 0 } else { 255 };
        [rgb[0], rgb[1], rgb[2], alpha]
    };
    // What the frame leaves free is of the transparent colour, else of the first.
    let free = colour(transparent.unwrap_or(0));
    let mut pixels = free[..channels].repeat(width as usize * height as usize);
    for (y, row) in frame.buffer.chunks_exact(usize::from(frame.width).max(1)).enumerate() {
        let y = y + usize::from(frame.top);
        for (x, index) in row.iter().enumerate() {
            let x = x + usize::from(frame.left);
            if x < width as usize && y < height as usize {
                let at = (y * width as usize + x) * channels;
                pixels[at..at + channels].copy_from_slice(&colour(*index)[..channels]);
            }
        }
    }
    Picture::new(width, height, channels, pixels)
}

/// Bitmaps; those of 16 bits a pixel are spread to bytes as the reference does it.
fn bmp_picture(bytes: &[u8]) -> Option<Picture> {
    let picture = with_image(bytes, ImageFormat::Bmp)?;
    let number = |at: usize| {
        bytes.get(at..at + 4).and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?)))
    };
    if number(14)? < 40 || number(26)? >> 16 != 16 {
        return Some(picture);
    }
    let green_bits = match (number(30)?, number(54), number(58), number(62)) {
        (0, ..) | (_, Some(0x7C00), Some(0x3E0), Some(0x1F)) => 5,
        (_, Some(0xF800), Some(0x7E0), Some(0x1F)) => 6,
        _ => return None,
    };
    let spread = |value: u8, bits: u32| {
        let most = (1_u32 << bits) - 1;
        ((u32::from(value) >> (8 - bits)) * 255 / most) as u8
    };
    let pixels = picture
        .pixels
        .chunks_exact(picture.channels)
        .flat_map(|pixel| [spread(pixel[0], 5), spread(pixel[1], green_bits), spread(pixel[2], 5)]);
    Picture::new(picture.width, picture.height, 3, pixels.collect())
}

fn ico_picture(bytes: &[u8]) -> Option<Picture> {
    match ico::shown(bytes) {
        Some(ico::Shown::Pixels(picture)) => Some(picture),
        Some(ico::Shown::Png(png)) => {
            let picture = png_picture(png, &Facts::default())?;
            // The transparency of a palette is not obeyed here.
            let has_palette = png.get(25) == Some(&3);
            let pixels =
                if has_palette { picture.rgb().into_owned() } else { return Some(picture) };
            Picture::new(picture.width, picture.height, 3, pixels)
        }
        // Bitmaps with masks for their colours; a cursor holds none, and no PNG.
        None if bytes.get(2) == Some(&1) => with_image(bytes, ImageFormat::Ico),
        None => None,
    }
}

fn with_image(bytes: &[u8], format: ImageFormat) -> Option<Picture> {
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(4 << 30);
    reader.limits(limits);
    let decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    Picture::blank(width, height, 1)?;
    from_dynamic(DynamicImage::from_decoder(decoder).ok()?)
}

/// 8-bit pixels of any decoded image; of 16 bits the upper 8 count.
fn from_dynamic(image: DynamicImage) -> Option<Picture> {
    let (width, height) = (image.width(), image.height());
    let upper = |samples: &[u16]| samples.iter().map(|s| (s >> 8) as u8).collect::<Vec<_>>();
    let doubled = |grey: &[u8]| -> Vec<u8> {
        grey.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
    };
    match image {
        DynamicImage::ImageLuma8(image) => Picture::from_grey(width, height, &image),
        DynamicImage::ImageLuma16(image) => Picture::from_grey(width, height, &upper(&image)),
        DynamicImage::ImageLumaA8(image) => Picture::new(width, height, 4, doubled(&image)),
        DynamicImage::ImageLumaA16(image) => {
            Picture::new(width, height, 4, doubled(&upper(&image)))
        }
        DynamicImage::ImageRgb8(image) => Picture::new(width, height, 3, image.into_raw()),
        DynamicImage::ImageRgb16(image) => Picture::new(width, height, 3, upper(&image)),
        DynamicImage::ImageRgba16(image) => Picture::new(width, height, 4, upper(&image)),
        DynamicImage::ImageRgba8(image) => Picture::new(width, height, 4, image.into_raw()),
        other => Picture::new(width, height, 4, other.into_rgba8().into_raw()),
    }
}
