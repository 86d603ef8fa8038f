//! Decoded pixels: rows of 8-bit RGB or RGBA, and what is done to them before they are hashed.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// The largest side that is decoded. Larger pictures are refused rather than attempted.
pub const SIDE_MAX: u32 = 65_500;
/// The largest picture that is decoded, in pixels (about 1.6 GB as RGB).
pub const PIXELS_MAX: u64 = 536_870_912;

/// 8-bit pixels, row by row, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// 3 for RGB, 4 for RGBA with straight alpha, 1 for grey while hashing.
    pub channels: usize,
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of those pixels; `None` unless their number fits the size.
    #[must_use]
    pub fn new(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> Option<Picture> {
        let fits = size_bytes(width, height, channels)? == pixels.len();
        fits.then_some(Picture { width, height, channels, pixels })
    }

    /// A black, fully transparent picture; `None` for sizes beyond the limits.
    #[must_use]
    pub fn blank(width: u32, height: u32, channels: usize) -> Option<Picture> {
        let size = size_bytes(width, height, channels)?;
        Some(Picture { width, height, channels, pixels: vec![0; size] })
    }

    /// One grey byte a pixel becomes RGB.
    #[must_use]
    pub fn from_grey(width: u32, height: u32, grey: &[u8]) -> Option<Picture> {
        Picture::new(width, height, 3, grey.iter().flat_map(|value| [*value; 3]).collect())
    }

    /// Bytes in a row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.width as usize * self.channels
    }

    /// The bytes of row `y`.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.stride()..(y + 1) * self.stride()]
    }

    /// SHA-256 over the pixels; the size is no part of it.
    #[must_use]
    pub fn pixel_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.pixels).into()
    }

    /// Whether the alpha channel says anything a person could see: enough pixels that are not
    /// opaque, and enough that are not transparent.
    #[must_use]
    pub fn has_useful_alpha(&self) -> bool {
        if self.channels != 4 {
            return false;
        }
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let needed = (2 * (width + height)).min((width * height / 200).max(1));
        let (mut not_opaque, mut not_clear) = (0_u64, 0_u64);
        for pixel in self.pixels.chunks_exact(4) {
            not_opaque += u64::from(pixel[3] < 251);
            not_clear += u64::from(pixel[3] > 4);
        }
        not_opaque >= needed && not_clear >= needed
    }

    /// Drops an alpha channel that says nothing.
    #[must_use]
    pub fn without_useless_alpha(self) -> Picture {
        if self.channels != 4 || self.has_useful_alpha() {
            return self;
        }
        let pixels = rgb_of(&self.pixels);
        Picture { channels: 3, pixels, ..self }
    }

    /// The same with an opaque alpha channel if it had none.
    #[must_use]
    pub fn with_alpha(self) -> Picture {
        if self.channels == 4 {
            return self;
        }
        let pixels = self.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        Picture { channels: 4, pixels, ..self }
    }

    /// The RGB bytes alone.
    #[must_use]
    pub fn rgb(&self) -> Cow<'_, [u8]> {
        if self.channels == 4 { rgb_of(&self.pixels).into() } else { (&self.pixels).into() }
    }

    /// The part with that left, top, width and height; the whole if it does not lie inside.
    #[must_use]
    pub fn cropped(self, (left, top, width, height): (u32, u32, u32, u32)) -> Picture {
        let fits = |start: u32, part: u32, whole: u32| {
            part > 0 && start.checked_add(part).is_some_and(|end| end <= whole)
        };
        if !fits(left, width, self.width) || !fits(top, height, self.height) {
            return self;
        }
        let (from, wide) = (left as usize * self.channels, width as usize * self.channels);
        let rows = (top as usize..(top + height) as usize).map(|y| &self.row(y)[from..from + wide]);
        let pixels = rows.collect::<Vec<_>>().concat();
        Picture { width, height, channels: self.channels, pixels }
    }

    /// Turned as an EXIF orientation (1 to 8) asks; any other number leaves it as it is.
    #[must_use]
    pub fn oriented(self, orientation: u32) -> Picture {
        let (width, height) = (self.width as usize, self.height as usize);
        let (across, down) = (width.saturating_sub(1), height.saturating_sub(1));
        match orientation {
            2 => self.turned(false, |x, y| (across - x, y)),
            3 => self.turned(false, |x, y| (across - x, down - y)),
            4 => self.turned(false, |x, y| (x, down - y)),
            5 => self.turned(true, |x, y| (y, x)),
            6 => self.turned(true, |x, y| (y, down - x)),
            7 => self.turned(true, |x, y| (across - y, down - x)),
            8 => self.turned(true, |x, y| (across - y, x)),
            _ => self,
        }
    }

    /// A new picture whose pixel at (x, y) is this one's at `from(x, y)`.
    fn turned(self, swapped: bool, from: impl Fn(usize, usize) -> (usize, usize)) -> Picture {
        let (width, height) =
            if swapped { (self.height, self.width) } else { (self.width, self.height) };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..height as usize {
            for x in 0..width as usize {
                let (source_x, source_y) = from(x, y);
                let at = (source_y * self.width as usize + source_x) * self.channels;
                pixels.extend_from_slice(&self.pixels[at..at + self.channels]);
            }
        }
        Picture { width, height, channels: self.channels, pixels }
    }
}

fn rgb_of(rgba: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        pixels.extend_from_slice(&pixel[..3]);
    }
    pixels
}

/// Bytes of such a picture, `None` beyond the limits.
fn size_bytes(width: u32, height: u32, channels: usize) -> Option<usize> {
    let pixels = u64::from(width) * u64::from(height);
    let fits = width > 0 && height > 0 && width <= SIDE_MAX && height <= SIDE_MAX;
    if !fits || pixels > PIXELS_MAX {
        return None;
    }
    usize::try_from(pixels).ok()?.checked_mul(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 3 x 2 with pixels a..f as red values.
    fn letters() -> Picture {
        Picture::from_grey(3, 2, b"abcdef").unwrap()
    }

    fn check_orientation(orientation: u32, expected: &str) {
        let turned = letters().oriented(orientation);
        let text: String = turned.pixels.iter().step_by(3).map(|b| char::from(*b)).collect();
        assert_eq!(text, expected, "orientation {orientation}");
        assert_eq!(turned.pixels.len(), 18);
    }

    #[test]
    fn orientations_turn_as_exif_says() {
        check_orientation(1, "abcdef");
        check_orientation(2, "cbafed");
        check_orientation(3, "fedcba");
        check_orientation(4, "defabc");
        check_orientation(5, "adbecf");
        check_orientation(6, "daebfc");
        check_orientation(7, "fcebda");
        check_orientation(8, "cfbead");
        check_orientation(77, "abcdef");
    }

    #[test]
    fn alpha_is_kept_only_where_it_says_something() {
        let clear = Picture::new(2, 2, 4, vec![0; 16]).unwrap();
        assert_eq!(clear.without_useless_alpha().channels, 3);
        let half = Picture::new(2, 2, 4, [[9, 9, 9, 128]; 4].concat()).unwrap();
        assert!(half.has_useful_alpha());
        assert_eq!(half.without_useless_alpha().channels, 4);
    }
}
