//! TIFF: the first page's samples, whatever their kind, to the pixels that the reference sees.
//!
//! The `tiff` crate unpacks strips and tiles but refuses most kinds of colour. It is therefore told
//! that the samples are grey, which it hands out as they are; what they mean is decided here.

use std::io::Cursor;

use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};

use super::colour;
use super::fax::{self, Coding};
use super::jpeg;
use super::metadata::Tiff;
use super::picture::Picture;

const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
const STRIP_SIZES: u16 = 279;
const COLOUR_MAP: u16 = 320;
const JPEG_TABLES: u16 = 347;

const YCBCR: u32 = 6;

/// The tags of the first page.
struct Page<'a> {
    tiff: Tiff<'a>,
    first: usize,
    width: usize,
    height: usize,
    photometric: u32,
    compression: u32,
    bits: u32,
    samples: usize,
    extras: Vec<u32>,
    /// 1 unsigned, 2 signed, 3 floating.
    format: u32,
    is_planar: bool,
}

/// The picture of the first page in sRGB. `None` where it is damaged or the reference has no use for
/// such samples.
pub(super) fn picture(bytes: &[u8], profile: Option<&[u8]>) -> Option<Picture> {
    let upright = with_bits_in_order(bytes);
    let bytes = upright.as_deref().unwrap_or(bytes);
    let page = Page::of(bytes)?;
    let samples = page.unpacked()?;
    page.coloured(&samples, profile)
}

/// The file with the bits of its strips the usual way round, if they are not.
fn with_bits_in_order(bytes: &[u8]) -> Option<Vec<u8>> {
    let page = Page::of(bytes)?;
    if page.one(FILL_ORDER, 1) != 2 {
        return None;
    }
    let mut turned = bytes.to_vec();
    for (start, end) in page.strips() {
        turned.get_mut(start..end)?.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    }
    Some(turned)
}

impl<'a> Page<'a> {
    fn of(bytes: &'a [u8]) -> Option<Page<'a>> {
        let tiff = Tiff::new(bytes)?;
        let first = tiff.u32(4)? as usize;
        let mut page = Page {
            tiff,
            first,
            width: 0,
            height: 0,
            photometric: 0,
            compression: 0,
            bits: 0,
            samples: 0,
            extras: Vec::new(),
            format: 1,
            is_planar: false,
        };
        let (width, height) = (page.one(256, 0), page.one(257, 0));
        Picture::blank(width, height, 1)?;
        (page.width, page.height) = (width as usize, height as usize);
        page.photometric = page.one(PHOTOMETRIC, 0);
        page.compression = page.one(COMPRESSION, 1);
        let bits = page.all(258);
        page.bits = bits.first().copied().unwrap_or(1);
        page.samples = page.one(277, 1) as usize;
        page.extras = page.all(338);
        page.format = page.one(339, 1);
        page.is_planar = page.one(284, 1) == 2;
        let is_even = bits.iter().all(|some| *some == page.bits);
        (is_even && (1..=8).contains(&page.samples)).then_some(page)
    }

    /// The numbers of a tag.
    fn all(&self, wanted: u16) -> Vec<u32> {
        let found = self.tiff.entries(self.first).find(|(tag, ..)| *tag == wanted);
        let Some((_, kind, count, at)) = found else { return Vec::new() };
        let Some(value) = self.tiff.value(kind, count, at) else { return Vec::new() };
        let place = value.as_ptr() as usize - self.tiff.bytes().as_ptr() as usize;
        let numbers = 0..count as usize;
        match kind {
            1 | 7 => value.iter().map(|byte| u32::from(*byte)).collect(),
            3 => numbers.filter_map(|n| self.tiff.u16(place + 2 * n)).map(u32::from).collect(),
            4 => numbers.filter_map(|n| self.tiff.u32(place + 4 * n)).collect(),
            _ => Vec::new(),
        }
    }

    fn one(&self, tag: u16, otherwise: u32) -> u32 {
        self.all(tag).first().copied().unwrap_or(otherwise)
    }

    /// Start and end of each strip, or tile.
    fn strips(&self) -> Vec<(usize, usize)> {
        let of = |strip, tile| {
            let found = self.all(strip);
            if found.is_empty() { self.all(tile) } else { found }
        };
        let (starts, sizes) = (of(STRIP_OFFSETS, 324), of(STRIP_SIZES, 325));
        let end = |start: u32, size: u32| (start as usize, start as usize + size as usize);
        starts.iter().zip(&sizes).map(|(start, size)| end(*start, *size)).collect()
    }

    fn stride(&self) -> usize {
        (self.width * self.samples * self.bits as usize).div_ceil(8)
    }

    /// All samples, row by row, in this machine's byte order.
    fn unpacked(&self) -> Option<Vec<u8>> {
        match self.compression {
            1 if self.photometric == YCBCR && self.samples == 3 => self.in_fours(),
            2 => self.faxed(Coding::Bytes),
            3 if self.one(292, 0) & 1 == 1 => self.faxed(Coding::TwoDimensional),
            3 => self.faxed(Coding::Marked),
            7 => self.by_jpegs(),
            _ => self.by_crate(),
        }
    }

    /// The reference takes unpacked YCbCr for RGB with a fourth byte each. What is missing is black.
    fn in_fours(&self) -> Option<Vec<u8>> {
        let mut samples = Vec::new();
        let rows_max = (self.one(278, u32::MAX) as usize).min(self.height);
        for (start, _) in self.strips() {
            let rows = rows_max.min(self.height - samples.len() / 3 / self.width);
            let bytes = self.tiff.bytes().get(start..)?;
            let whole = bytes.chunks_exact(self.width * 4).take(rows).flatten();
            let before = samples.len();
            samples.extend(whole.enumerate().filter(|(at, _)| at % 4 < 3).map(|(_, byte)| *byte));
            samples.resize(before + rows * self.width * 3, 0);
        }
        Some(samples)
    }

    fn faxed(&self, coding: Coding) -> Option<Vec<u8>> {
        let rows_max = (self.one(278, u32::MAX) as usize).min(self.height);
        let mut samples = Vec::new();
        for (start, end) in self.strips() {
            let rows = rows_max.min(self.height - samples.len() / self.stride());
            let bytes = self.tiff.bytes();
            let strip = bytes.get(start..end.min(bytes.len()))?;
            samples.extend(fax::rows(strip, coding, self.width, rows));
        }
        (self.bits == 1 && self.samples == 1).then_some(samples)
    }

    fn decoder(&self) -> Option<Decoder<Cursor<Vec<u8>>>> {
        let mut bytes = self.tiff.bytes().to_vec();
        let mut entries = self.tiff.entries(self.first);
        let (.., at) = entries.find(|(tag, ..)| *tag == PHOTOMETRIC)?;
        // Either half of the field: the first counts, in either byte order.
        let grey = if self.tiff.is_little() { [1, 0] } else { [0, 1] };
        bytes.get_mut(at..at + 2)?.copy_from_slice(&grey);
        let mut limits = Limits::default();
        limits.decoding_buffer_size = 4 << 30;
        limits.intermediate_buffer_size = 1 << 30;
        limits.ifd_value_size = 64 << 20;
        Some(Decoder::new(Cursor::new(bytes)).ok()?.with_limits(limits))
    }

    fn by_crate(&self) -> Option<Vec<u8>> {
        let mut decoder = self.decoder()?;
        let mut result = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut result).ok()?;
        let buffer = result.as_buffer(0);
        let bytes = buffer.as_bytes();
        let width = self.bits as usize / 8;
        let Some(plane) = layout.plane_stride.filter(|_| self.is_planar && self.samples > 1) else {
            return Some(bytes.to_vec());
        };
        let mut mixed = Vec::with_capacity(bytes.len());
        for at in (0..plane.get()).step_by(width.max(1)) {
            for sample in 0..self.samples {
                let from = sample * plane.get() + at;
                mixed.extend_from_slice(bytes.get(from..from + width)?);
            }
        }
        Some(mixed)
    }

    /// Each strip or tile is a JPEG, which may have left its tables to the page.
    fn by_jpegs(&self) -> Option<Vec<u8>> {
        if self.is_planar && self.samples > 1 || self.bits != 8 {
            return None;
        }
        let decoder = self.decoder()?;
        let (wide, high) = decoder.chunk_dimensions();
        let (wide, high) = (wide as usize, high as usize);
        let across = match decoder.get_chunk_type() {
            ChunkType::Strip => 1,
            ChunkType::Tile => self.width.div_ceil(wide),
        };
        let tables: Vec<u8> = self.all(JPEG_TABLES).iter().map(|byte| *byte as u8).collect();
        let tables = tables.get(2..tables.len().saturating_sub(2)).unwrap_or_default();
        let mut samples = vec![0; self.stride() * self.height];
        for (number, (start, end)) in self.strips().into_iter().enumerate() {
            let coded = self.tiff.bytes().get(start..end)?;
            let (width, height, part) = self.by_jpeg(tables, coded)?;
            let (left, top) = (number % across * wide, number / across * high);
            let columns = width.min(wide).min(self.width.saturating_sub(left)) * self.samples;
            for y in 0..height.min(high).min(self.height.saturating_sub(top)) {
                let row = &part[y * width * self.samples..][..columns];
                let to = (top + y) * self.stride() + left * self.samples;
                samples[to..to + columns].copy_from_slice(row);
            }
        }
        Some(samples)
    }

    /// Width, height and samples of a JPEG; YCbCr is RGB afterwards.
    fn by_jpeg(&self, tables: &[u8], coded: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
        // Adobe's mark tells whether the colours are turned into YCbCr.
        let turned = u8::from(self.photometric == YCBCR);
        let mark = [&[0xFF, 0xEE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, turned]].concat();
        let whole = [&[0xFF, 0xD8], &mark[..], tables, coded.get(2..)?].concat();
        let (decoded, _) = jpeg::decode(&whole, false).ok()?;
        let (channels, width, height, samples) = match decoded {
            jpeg::Decoded::Grey(picture) => {
                let grey = picture.pixels.iter().step_by(3).copied().collect();
                (1, picture.width, picture.height, grey)
            }
            jpeg::Decoded::Colour(picture) => (3, picture.width, picture.height, picture.pixels),
            jpeg::Decoded::Cmyk { width, height, inks } => (4, width, height, inks),
        };
        (channels == self.samples).then_some((width as usize, height as usize, samples))
    }

    /// The pixels that samples stand for.
    fn coloured(&self, samples: &[u8], profile: Option<&[u8]>) -> Option<Picture> {
        let (width, height) = (self.width as u32, self.height as u32);
        let extra = self.extras.first().copied();
        match (self.photometric, self.samples, self.bits) {
            (0 | 1 | YCBCR, 1, _) => Picture::from_grey(width, height, &self.grey(samples)?),
            (1, 2, 8) if self.extras == [2] => {
                let pixels = samples.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]);
                Picture::new(width, height, 4, pixels.collect())
            }
            (3, 1 | 2, 1..=8) => self.by_palette(samples),
            (2, 3..=6, 8 | 16) if self.format == 1 => {
                let pixels = rgb(&upper(samples, self.bits), self.samples, extra);
                let channels = pixels.len() / (self.width * self.height);
                let picture = Picture::new(width, height, channels, pixels)?;
                Some(colour::to_srgb(picture, profile))
            }
            (5, 4..=6, 8 | 16) => {
                let inks = upper(samples, self.bits);
                let four = inks.chunks_exact(self.samples).flat_map(|pixel| &pixel[..4]);
                let light: Vec<u8> = four.map(|ink| 255 - ink).collect();
                colour::cmyk_to_srgb(width, height, &light, profile)
            }
            (YCBCR, 3, 8) => {
                let is_rgb = matches!(self.compression, 1 | 7);
                let pixels = if is_rgb { samples.to_vec() } else { from_ycbcr(samples) };
                let picture = Picture::new(width, height, 3, pixels)?;
                Some(colour::to_srgb(picture, profile))
            }
            (8, 3, 8) => {
                let pixels = samples.chunks_exact(3).flat_map(|p| from_lab([p[0], p[1], p[2]]));
                Picture::new(width, height, 3, pixels.collect())
            }
            _ => None,
        }
    }

    /// One byte a pixel, of 1 to 16 bits by their upper ones, of more stretched to their range.
    fn grey(&self, samples: &[u8]) -> Option<Vec<u8>> {
        let is_inverted = self.photometric == 0;
        let four = |b: &[u8]| [b[0], b[1], b[2], b[3]];
        let inverted = |value: u8| if is_inverted { 255 - value } else { value };
        match (self.bits, self.format) {
            (1 | 2 | 4, 1) => {
                let scale = 255 / ((1_u32 << self.bits) - 1) as u8;
                Some(self.narrow(samples).map(|value| inverted(value * scale)).collect())
            }
            (8, 1) => Some(samples.iter().map(|value| inverted(*value)).collect()),
            (8, 2) if !is_inverted => Some(samples.to_vec()),
            (16, 1) if self.tiff.is_little() => Some(upper(samples, 16)),
            // The reference does not know numbers in the other byte order for what they are.
            (16, 1) if !is_inverted => {
                let number = |b: &[u8]| f64::from(u16::from_ne_bytes([b[0], b[1]]));
                Some(stretched(&samples.chunks_exact(2).map(number).collect::<Vec<_>>()))
            }
            (16, 2) if !is_inverted => {
                let number = |b: &[u8]| f64::from(i16::from_ne_bytes([b[0], b[1]]));
                Some(stretched(&samples.chunks_exact(2).map(number).collect::<Vec<_>>()))
            }
            (32, 2) | (32, 1) if !is_inverted => {
                if self.format == 1 && !self.tiff.is_little() {
                    return None;
                }
                let number = |b: &[u8]| f64::from(i32::from_ne_bytes(four(b)));
                Some(stretched(&samples.chunks_exact(4).map(number).collect::<Vec<_>>()))
            }
            (32, 3) => {
                let number = |b: &[u8]| f32::from_ne_bytes(four(b));
                Some(stretched_f32(&samples.chunks_exact(4).map(number).collect::<Vec<_>>()))
            }
            _ => None,
        }
    }

    /// Samples of up to 8 bits, one a byte.
    fn narrow<'s>(&self, samples: &'s [u8]) -> impl Iterator<Item = u8> + use<'s> {
        let (bits, width, each) = (self.bits as usize, self.width, self.samples);
        samples.chunks_exact(self.stride()).flat_map(move |row| {
            (0..width * each).map(move |x| {
                let bit = x * bits;
                row[bit / 8] >> (8 - bits - bit % 8) & (0xFF_u16 >> (8 - bits)) as u8
            })
        })
    }

    fn by_palette(&self, samples: &[u8]) -> Option<Picture> {
        let is_known = match (self.samples, self.extras.as_slice()) {
            (1, []) => matches!(self.bits, 1 | 2 | 4 | 8),
            (2, [0] | [2]) => self.bits == 8,
            _ => false,
        };
        let map = self.all(COLOUR_MAP);
        if !is_known || map.is_empty() {
            return None;
        }
        let third = map.len() / 3;
        let shade = |channel: usize, index: usize| {
            let value = (index < third).then(|| map[channel * third + index] / 256);
            value.unwrap_or(0) as u8
        };
        let indices = self.narrow(samples).step_by(self.samples).map(usize::from);
        let pixels = indices.flat_map(|index| [0, 1, 2].map(|channel| shade(channel, index)));
        Picture::new(self.width as u32, self.height as u32, 3, pixels.collect())
    }
}

/// The upper 8 of 8 or 16 bits.
fn upper(samples: &[u8], bits: u32) -> Vec<u8> {
    if bits == 8 {
        return samples.to_vec();
    }
    let number = |pair: &[u8]| (u16::from_ne_bytes([pair[0], pair[1]]) >> 8) as u8;
    samples.chunks_exact(2).map(number).collect()
}

/// RGB or RGBA of pixels with `samples` samples, of which the fourth is what `extra` says.
fn rgb(pixels: &[u8], samples: usize, extra: Option<u32>) -> Vec<u8> {
    let pixels = pixels.chunks_exact(samples);
    match extra {
        _ if samples == 3 => pixels.flatten().copied().collect(),
        Some(0) => pixels.flat_map(|pixel| &pixel[..3]).copied().collect(),
        Some(1) => pixels
            .flat_map(|pixel| {
                let alpha = u32::from(pixel[3]);
                let straight = |value: u8| match alpha {
                    0 => 0,
                    _ => (u32::from(value) * 255 / alpha).min(255) as u8,
                };
                [straight(pixel[0]), straight(pixel[1]), straight(pixel[2]), pixel[3]]
            })
            .collect(),
        _ => pixels.flat_map(|pixel| &pixel[..4]).copied().collect(),
    }
}

/// Numbers of any range as bytes: the smallest, unless below zero, becomes 0, the largest 255.
fn stretched(numbers: &[f64]) -> Vec<u8> {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scale = 256.0 / (most - least + 1.0);
    let base = least.max(0.0);
    numbers.iter().map(|number| ((number - base) * scale) as u8).collect()
}

/// The same in the arithmetic of 32 bits.
fn stretched_f32(numbers: &[f32]) -> Vec<u8> {
    let least = numbers.iter().copied().fold(f32::INFINITY, f32::min);
    let most = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = (256.0 / (f64::from(most) - f64::from(least) + 1.0)) as f32;
    let base = least.max(0.0);
    numbers.iter().map(|number| ((number - base) * scale) as u8).collect()
}

/// YCbCr of full range, in libtiff's arithmetic.
fn from_ycbcr(samples: &[u8]) -> Vec<u8> {
    let pixels = samples.chunks_exact(3).flat_map(|pixel| {
        let [luma, blue, red] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        let (blue, red) = (blue - 128, red - 128);
        let rounded = |value: i32| (value + 0x8000) >> 16;
        [
            luma + rounded(91_881 * red),
            luma + rounded(-46_802 * red - 22_553 * blue),
            luma + rounded(116_130 * blue),
        ]
        .map(|value| value.clamp(0, 255) as u8)
    });
    pixels.collect()
}

/// CIE L*a*b* under D50, a and b signed, to sRGB.
fn from_lab([lightness, a, b]: [u8; 3]) -> [u8; 3] {
    let signed = |value: u8| f64::from(value.cast_signed());
    let middle = (f64::from(lightness) * 100.0 / 255.0 + 16.0) / 116.0;
    let light = |value: f64| {
        let root = 6.0 / 29.0;
        if value > root { value.powi(3) } else { 3.0 * root * root * (value - 4.0 / 29.0) }
    };
    let x = 0.9642 * light(middle + signed(a) / 500.0);
    let y = light(middle);
    let z = 0.8249 * light(middle - signed(b) / 200.0);
    // XYZ under D50 to linear sRGB, by Bradford's adaptation.
    [
        3.133_856_1 * x - 1.616_866_7 * y - 0.490_614_6 * z,
        -0.978_768_4 * x + 1.916_141_5 * y + 0.033_454_0 * z,
        0.071_945_3 * x - 0.228_991_4 * y + 1.405_242_7 * z,
    ]
    .map(|linear| {
        let coded = match linear {
            linear if linear <= 0.003_130_8 => linear * 12.92,
            linear => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
        };
        (coded * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF of 2 x 1 pixels with those tags, all of them short numbers, and samples.
    fn file(tags: &[(u16, &[u16])], samples: &[u8]) -> Vec<u8> {
        let size = samples.len() as u16;
        let base =
            [(256, &[2_u16][..]), (257, &[1]), (273, &[8]), (279, std::slice::from_ref(&size))];
        let mut tags: Vec<_> = tags.iter().copied().chain(base).collect();
        tags.sort_unstable();
        let mut bytes = b"II*\0".to_vec();
        let directory = 8 + samples.len().next_multiple_of(2);
        bytes.extend((directory as u32).to_le_bytes());
        bytes.extend(samples);
        bytes.resize(directory, 0);
        bytes.extend((tags.len() as u16).to_le_bytes());
        let mut far = Vec::new();
        let after = directory + 2 + tags.len() * 12 + 4;
        for (tag, values) in &tags {
            let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.extend([tag.to_le_bytes(), 3_u16.to_le_bytes()].concat());
            bytes.extend((values.len() as u32).to_le_bytes());
            if packed.len() > 4 {
                bytes.extend(((after + far.len()) as u32).to_le_bytes());
                far.extend(packed);
            } else {
                bytes.extend(packed.iter().copied().chain([0; 4]).take(4));
            }
        }
        [bytes, vec![0; 4], far].concat()
    }

    fn pixels(tags: &[(u16, &[u16])], samples: &[u8]) -> Option<Vec<u8>> {
        Some(picture(&file(tags, samples), None)?.pixels)
    }

    #[test]
    fn palettes_of_one_bit() {
        let map = [0, 0x1100, 0, 0x2200, 0, 0x33FF];
        let found = pixels(&[(258, &[1]), (259, &[1]), (262, &[3]), (320, &map)], &[0b0100_0000]);
        assert_eq!(found.unwrap(), [0, 0, 0, 0x11, 0x22, 0x33]);
    }

    #[test]
    fn grey_with_alpha_and_white_at_zero() {
        let tags: &[(u16, &[u16])] =
            &[(258, &[8, 8]), (259, &[1]), (262, &[1]), (277, &[2]), (338, &[2])];
        assert_eq!(pixels(tags, &[9, 0, 7, 255]).unwrap(), [9, 9, 9, 0, 7, 7, 7, 255]);
        let white = pixels(&[(258, &[8]), (259, &[1]), (262, &[0])], &[0, 250]);
        assert_eq!(white.unwrap(), [255, 255, 255, 5, 5, 5]);
    }

    #[test]
    fn wide_numbers_are_stretched() {
        let tags: &[(u16, &[u16])] = &[(258, &[32]), (259, &[1]), (262, &[1]), (339, &[3])];
        let samples = [10.0_f32.to_le_bytes(), 265.0_f32.to_le_bytes()].concat();
        assert_eq!(pixels(tags, &samples).unwrap(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn what_the_reference_refuses_is_refused() {
        let tags: &[(u16, &[u16])] = &[(258, &[64]), (259, &[1]), (262, &[1]), (339, &[3])];
        assert_eq!(pixels(tags, &[0; 16]), None);
        assert_eq!(picture(b"II*\0\x08\0\0\0\xFF\xFF", None), None);
    }
}
