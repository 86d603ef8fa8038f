//! Planes of luma and colour differences, and how they become RGB: in the two manners of the
//! libraries that the reference reads AVIF and HEIC files with.

use super::picture::Picture;

/// How samples are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour {
    /// The number of the matrix in ITU-T H.273: 0 for RGB itself, 1 for BT.709, 6 for BT.601.
    pub(super) matrix: u16,
    pub(super) is_full_range: bool,
}

/// Whose arithmetic is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// libavif's: libyuv's six-bit fixed point for 8-bit samples.
    Avif,
    /// libheif's: the nearest chroma sample, 256ths where the range is full and chroma halved both
    /// ways, else floating point; deeper samples lose their lower bits first.
    Heif,
}

/// A decoded picture before it is RGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits a sample, at least 8.
    pub(super) depth: u32,
    /// Whether chroma is halved across and down, as shifts.
    pub(super) halved: (usize, usize),
    pub(super) is_grey: bool,
    pub(super) samples: [Vec<u16>; 3],
}

impl Planes {
    /// Planes without colour; `None` for sizes and depths beyond the limits.
    pub(super) fn blank(
        width: usize,
        height: usize,
        depth: u32,
        halved: (usize, usize),
    ) -> Option<Planes> {
        Picture::blank(u32::try_from(width).ok()?, u32::try_from(height).ok()?, 1)?;
        if !(8..=16).contains(&depth) {
            return None;
        }
        let mut planes =
            Planes { width, height, depth, halved, is_grey: false, samples: Default::default() };
        for plane in 0..3 {
            let (across, down) = planes.plane_size(plane);
            planes.samples[plane] = vec![1 << (depth - 1); across * down];
        }
        Some(planes)
    }

    /// Samples across and down of a plane.
    pub(super) fn plane_size(&self, plane: usize) -> (usize, usize) {
        if plane == 0 {
            return (self.width, self.height);
        }
        let half = |side: usize, shift: usize| (side + shift) >> shift;
        (half(self.width, self.halved.0), half(self.height, self.halved.1))
    }

    /// Copies another picture into this one with its corner there; what does not fit is cut off.
    pub(super) fn paste(&mut self, tile: &Planes, left: usize, top: usize) -> Option<()> {
        if (tile.depth, tile.halved, tile.is_grey) != (self.depth, self.halved, self.is_grey) {
            return None;
        }
        for plane in 0..if self.is_grey { 1 } else { 3 } {
            let shift = if plane == 0 { (0, 0) } else { self.halved };
            let (left, top) = (left >> shift.0, top >> shift.1);
            let (across, down) = self.plane_size(plane);
            let (tile_across, tile_down) = tile.plane_size(plane);
            let wide = tile_across.min(across.saturating_sub(left));
            for y in 0..tile_down.min(down.saturating_sub(top)) {
                let to = (y + top) * across + left;
                let from = &tile.samples[plane][y * tile_across..y * tile_across + wide];
                self.samples[plane][to..to + wide].copy_from_slice(from);
            }
        }
        Some(())
    }

    /// The luma alone as 8-bit values, as an alpha channel is kept.
    pub(super) fn luma(&self) -> Vec<u8> {
        let max = f32::from(u16::MAX >> (16 - self.depth));
        let narrow = |sample: &u16| (f32::from(*sample) * 255.0 / max).round() as u8;
        self.samples[0].iter().map(narrow).collect()
    }

    /// As RGB.
    pub(super) fn to_rgb(&self, colour: Colour, manner: Manner) -> Option<Picture> {
        match manner {
            Manner::Avif => self.to_rgb_smoothly(colour),
            Manner::Heif => self.to_rgb_nearest(colour),
        }
    }

    /// With the nearest chroma sample for each pixel.
    fn to_rgb_nearest(&self, colour: Colour) -> Option<Picture> {
        // Matrices of samples that need more than a multiplication.
        const UNKNOWN: [u16; 2] = [11, 14];
        let shift = self.depth - 8;
        let narrow = |sample: u16| i32::from(sample >> shift);
        if self.is_grey {
            let grey: Vec<u8> = self.samples[0].iter().map(|s| narrow(*s) as u8).collect();
            return Picture::from_grey(self.width as u32, self.height as u32, &grey);
        }
        if UNKNOWN.contains(&colour.matrix) {
            return None;
        }
        let factors = Nearest::of(colour, self.halved);
        let across = self.plane_size(1).0;
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for (y, row) in self.samples[0].chunks_exact(self.width).enumerate() {
            let chroma = (y >> self.halved.1) * across;
            for (x, luma) in row.iter().enumerate() {
                let at = chroma + (x >> self.halved.0);
                let [blue, red] = [1, 2].map(|plane| narrow(self.samples[plane][at]));
                pixels.extend(factors.rgb(narrow(*luma), blue, red));
            }
        }
        Picture::new(self.width as u32, self.height as u32, 3, pixels)
    }

    /// With chroma mixed between its samples.
    fn to_rgb_smoothly(&self, colour: Colour) -> Option<Picture> {
        let fixed = Fixed::of(colour).filter(|_| self.depth == 8);
        let floating = Floating::new(colour, self.depth);
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        let (mut blue, mut red) = (vec![0; self.width], vec![0; self.width]);
        for y in 0..self.height {
            self.chroma_row(1, y, &mut blue);
            self.chroma_row(2, y, &mut red);
            let luma = &self.samples[0][y * self.width..(y + 1) * self.width];
            for ((luma, blue), red) in luma.iter().zip(&blue).zip(&red) {
                let (luma, blue, red) = (i32::from(*luma), i32::from(*blue), i32::from(*red));
                pixels.extend(match &fixed {
                    Some(fixed) => fixed.rgb(luma, blue, red),
                    None => floating.rgb(luma, blue, red),
                });
            }
        }
        Picture::new(self.width as u32, self.height as u32, 3, pixels)
    }

    /// A row of a chroma plane at full width: halved samples lie in the middle of their pixels and
    /// are mixed with their neighbours 3 to 1 in each direction.
    fn chroma_row(&self, plane: usize, y: usize, row: &mut [u16]) {
        if self.is_grey {
            return row.fill(1 << (self.depth - 1));
        }
        let (across, down) = self.plane_size(plane);
        let near = y >> self.halved.1;
        let far = neighbour(y, self.halved.1, down);
        let samples = &self.samples[plane];
        let (near, far) = (&samples[near * across..], &samples[far * across..]);
        for (x, value) in row.iter_mut().enumerate() {
            let at = x >> self.halved.0;
            // The last pixel of a row is not mixed with what is left of it.
            let is_last = x + 1 == self.width;
            let beside = if is_last { at } else { neighbour(x, self.halved.0, across) };
            let mixed = |line: &[u16]| 3 * u32::from(line[at]) + u32::from(line[beside]);
            *value = ((3 * mixed(near) + mixed(far) + 8) >> 4) as u16;
        }
    }
}

/// The halved sample that a full one leans to, besides its own.
fn neighbour(at: usize, shift: usize, count: usize) -> usize {
    let own = at >> shift;
    match (shift, at % 2) {
        (0, _) => own,
        (_, 0) => own.saturating_sub(1),
        _ => (own + 1).min(count - 1),
    }
}

/// libheif's two ways from one pixel's samples to its colours.
struct Nearest {
    colour: Colour,
    is_fixed: bool,
    red_in_red: f32,
    blue_in_green: f32,
    red_in_green: f32,
    blue_in_blue: f32,
}

impl Nearest {
    fn of(colour: Colour, halved: (usize, usize)) -> Nearest {
        let weights: Option<(f32, f32)> = match colour.matrix {
            1 => Some((0.2126, 0.0722)),
            4 => Some((0.30, 0.11)),
            5 | 6 => Some((0.299, 0.114)),
            7 => Some((0.212, 0.087)),
            9 | 10 => Some((0.2627, 0.0593)),
            _ => None,
        };
        let is_fixed = colour.is_full_range && halved == (1, 1) && !matches!(colour.matrix, 0 | 8);
        let (red_in_red, blue_in_green, red_in_green, blue_in_blue) = match weights {
            Some((red, blue)) => (
                2.0 * (1.0 - red),
                2.0 * blue * (1.0 - blue) / (blue + red - 1.0),
                2.0 * red * (1.0 - red) / (blue + red - 1.0),
                2.0 * (1.0 - blue),
            ),
            None => (1.402, -0.344_136, -0.714_136, 1.772),
        };
        Nearest { colour, is_fixed, red_in_red, blue_in_green, red_in_green, blue_in_blue }
    }

    fn rgb(&self, luma: i32, blue: i32, red: i32) -> [u8; 3] {
        const BLACK: f32 = 16.0;
        const LUMA_SCALE: f32 = 1.1689;
        const CHROMA_SCALE: f32 = 1.1429;
        let full = self.colour.is_full_range;
        let rounded = |value: f32| (value + 0.5) as i32;
        let stretched = |sample: i32, scale| rounded((sample as f32 - BLACK) * scale);
        let (blue_off, red_off) = (blue - 128, red - 128);
        let colours = match self.colour.matrix {
            0 if full => [red, luma, blue],
            0 => [
                stretched(red, CHROMA_SCALE),
                stretched(luma, LUMA_SCALE),
                stretched(blue, CHROMA_SCALE),
            ],
            8 => [luma - blue_off + red_off, luma + blue_off, luma - blue_off - red_off],
            _ if self.is_fixed => {
                let fixed = |factor: f32| (256.0 * factor).round() as i32;
                let green =
                    fixed(self.blue_in_green) * blue_off + fixed(self.red_in_green) * red_off;
                [
                    luma + ((fixed(self.red_in_red) * red_off + 128) >> 8),
                    luma + ((green + 128) >> 8),
                    luma + ((fixed(self.blue_in_blue) * blue_off + 128) >> 8),
                ]
            }
            _ => {
                let (mut luma, mut blue, mut red) = (luma as f32, blue_off as f32, red_off as f32);
                if !full {
                    luma = (luma - BLACK) * LUMA_SCALE;
                    blue *= CHROMA_SCALE;
                    red *= CHROMA_SCALE;
                }
                [
                    rounded(luma + self.red_in_red * red),
                    rounded(luma + self.blue_in_green * blue + self.red_in_green * red),
                    rounded(luma + self.blue_in_blue * blue),
                ]
            }
        };
        colours.map(|value| value.clamp(0, 255) as u8)
    }
}

/// libyuv's constants: 64ths for chroma, a 65536th scale and an offset for luma.
struct Fixed {
    luma: i32,
    offset: i32,
    blue_in_blue: i32,
    blue_in_green: i32,
    red_in_green: i32,
    red_in_red: i32,
}

impl Fixed {
    fn of(colour: Colour) -> Option<Fixed> {
        // On processors with bytes as factors, blue's is cut to 128.
        let (blue_in_blue, blue_in_green, red_in_green, red_in_red) =
            match (colour.matrix, colour.is_full_range) {
                (2 | 5 | 6, true) => (113, 22, 46, 90),
                (2 | 5 | 6, false) => (128, 25, 52, 102),
                (1, true) => (119, 12, 30, 101),
                (1, false) => (128, 14, 34, 115),
                (9, true) => (120, 11, 37, 94),
                (9, false) => (128, 12, 42, 107),
                _ => return None,
            };
        let (luma, offset) = match (colour.matrix, colour.is_full_range) {
            (_, true) => (16_320, 32),
            (9, false) => (19_003, -1160),
            _ => (18_997, -1160),
        };
        Some(Fixed { luma, offset, blue_in_blue, blue_in_green, red_in_green, red_in_red })
    }

    fn rgb(&self, luma: i32, blue: i32, red: i32) -> [u8; 3] {
        let luma = ((luma * 0x0101 * self.luma) >> 16) + self.offset;
        let (blue, red) = (blue - 128, red - 128);
        let green = luma - (blue * self.blue_in_green + red * self.red_in_green);
        [luma + red * self.red_in_red, green, luma + blue * self.blue_in_blue]
            .map(|value| (value >> 6).clamp(0, 255) as u8)
    }
}

/// The same by the definition of the matrices.
struct Floating {
    matrix: u16,
    half: f32,
    black: f32,
    luma_scale: f32,
    chroma_scale: f32,
    red_weight: f32,
    blue_weight: f32,
}

impl Floating {
    fn new(colour: Colour, depth: u32) -> Floating {
        let (red_weight, blue_weight) = match colour.matrix {
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            _ => (0.299, 0.114),
        };
        let max = f32::from(u16::MAX >> (16 - depth));
        let unit = (1_u32 << (depth - 8)) as f32;
        let (black, luma_scale, chroma_scale) = if colour.is_full_range {
            (0.0, 255.0 / max, 255.0 / max)
        } else {
            (16.0 * unit, 255.0 / (219.0 * unit), 255.0 / (224.0 * unit))
        };
        let half = (1_u32 << (depth - 1)) as f32;
        let matrix = colour.matrix;
        Floating { matrix, half, black, luma_scale, chroma_scale, red_weight, blue_weight }
    }

    fn rgb(&self, luma: i32, blue: i32, red: i32) -> [u8; 3] {
        let luma = (luma as f32 - self.black) * self.luma_scale;
        if self.matrix == 0 {
            // The planes are green, blue and red.
            let direct = |sample: i32| (sample as f32 - self.black) * self.luma_scale;
            return [direct(red), luma, direct(blue)].map(|value| (value + 0.5) as u8);
        }
        let blue = (blue as f32 - self.half) * self.chroma_scale;
        let red = (red as f32 - self.half) * self.chroma_scale;
        let green_weight = 1.0 - self.red_weight - self.blue_weight;
        let red_factor = 2.0 * (1.0 - self.red_weight);
        let blue_factor = 2.0 * (1.0 - self.blue_weight);
        let green = self.red_weight * red_factor * red + self.blue_weight * blue_factor * blue;
        [luma + red_factor * red, luma - green / green_weight, luma + blue_factor * blue]
            .map(|value| (value + 0.5) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_grey(depth: u32, manner: Manner, sample: u16, is_full_range: bool, expected: u8) {
        for halved in [(0, 0), (1, 0), (1, 1)] {
            let mut planes = Planes::blank(5, 3, depth, halved).unwrap();
            planes.samples[0].fill(sample);
            let picture = planes.to_rgb(Colour { matrix: 6, is_full_range }, manner).unwrap();
            assert_eq!(picture.pixels, vec![expected; 45], "{depth} {manner:?} {sample}");
        }
    }

    #[test]
    fn samples_without_colour_are_grey() {
        for manner in [Manner::Avif, Manner::Heif] {
            check_grey(8, manner, 0, true, 0);
            check_grey(8, manner, 255, true, 255);
            check_grey(8, manner, 16, false, 0);
            check_grey(8, manner, 235, false, 255);
            check_grey(10, manner, 1023, true, 255);
            check_grey(10, manner, 64, false, 0);
        }
    }

    #[test]
    fn tiles_are_cut_at_the_edge() {
        let mut whole = Planes::blank(6, 4, 8, (1, 1)).unwrap();
        let mut tile = Planes::blank(4, 4, 8, (1, 1)).unwrap();
        tile.samples[0].fill(7);
        whole.paste(&tile, 4, 2).unwrap();
        assert_eq!(whole.samples[0].iter().filter(|sample| **sample == 7).count(), 4);
        assert_eq!(whole.paste(&Planes::blank(2, 2, 10, (1, 1)).unwrap(), 0, 0), None);
    }
}
