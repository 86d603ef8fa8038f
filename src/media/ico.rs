//! Icons and cursors: which of their pictures the reference shows, and how it reads it.

use super::picture::Picture;

const ENTRY: usize = 16;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What an icon shows: a PNG of its own, or pixels.
pub(super) enum Shown<'a> {
    Png(&'a [u8]),
    Pixels(Picture),
}

/// The largest picture, of several the one with the fewest colours; of a cursor the largest bitmap.
pub(super) fn shown(bytes: &[u8]) -> Option<Shown<'_>> {
    let is_cursor = bytes.get(..4)? == [0, 0, 2, 0];
    let count = usize::from(u16_at(bytes, 4)?);
    let entries = bytes.get(6..)?.chunks_exact(ENTRY).take(count);
    let entry = if is_cursor {
        entries
            .reduce(|best, next| if next[0] > best[0] && next[1] > best[1] { next } else { best })?
    } else {
        entries.min_by_key(|entry| (std::cmp::Reverse(area(entry)), depth(entry)))?
    };
    let start = u32_at(entry, 12)? as usize;
    let data = bytes.get(start..)?;
    if data.starts_with(PNG) && !is_cursor {
        return Some(Shown::Png(data));
    }
    let size = u32_at(entry, 8)? as usize;
    let bitmap = Bitmap::of(data)?;
    // Such a bitmap right after the only entry has its alpha read, wherever it stands.
    let has_alpha = bitmap.bits == 32 && start == 22;
    let mut picture = bitmap.picture(has_alpha)?;
    if !is_cursor {
        let is_deep = u16_at(entry, 6)? == 32 && bitmap.bits == 32;
        let alphas = if is_deep { bitmap.alphas() } else { bitmap.mask(data.get(..size)?) };
        if let Some(alphas) = alphas {
            picture = picture.with_alpha();
            for (pixel, alpha) in picture.pixels.chunks_exact_mut(4).zip(alphas) {
                pixel[3] = alpha;
            }
        }
    }
    Some(Shown::Pixels(picture))
}

fn side(byte: u8) -> u32 {
    if byte == 0 { 256 } else { u32::from(byte) }
}

fn area(entry: &[u8]) -> u32 {
    side(entry[0]) * side(entry[1])
}

/// Bits a pixel as far as the entry tells.
fn depth(entry: &[u8]) -> u32 {
    match (u16::from_le_bytes([entry[6], entry[7]]), entry[2]) {
        (0, 0 | 1) => 256,
        (0, colours) => u32::from(colours - 1).ilog2() + 1,
        (bits, _) => u32::from(bits),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A bitmap without a file header, whose height counts its mask too.
struct Bitmap<'a> {
    width: usize,
    height: usize,
    is_downward: bool,
    bits: usize,
    palette: &'a [u8],
    rows: &'a [u8],
}

impl<'a> Bitmap<'a> {
    fn of(data: &'a [u8]) -> Option<Bitmap<'a>> {
        let header = u32_at(data, 0)? as usize;
        let (width, twice) = (u32_at(data, 4)?, u32_at(data, 8)?.cast_signed());
        let bits = usize::from(u16_at(data, 14)?);
        let is_packed = u32_at(data, 16)? != 0;
        let height = twice.unsigned_abs() / 2;
        Picture::blank(width, height, 1)?;
        if header < 40 || is_packed || !matches!(bits, 1 | 4 | 8 | 16 | 24 | 32) {
            return None;
        }
        let colours = match u32_at(data, 32)? as usize {
            _ if bits > 8 => 0,
            0 => 1 << bits,
            some => some.min(256),
        };
        let palette = data.get(header..header + colours * 4)?;
        let rows = &data[header + palette.len()..];
        let (width, height) = (width as usize, height as usize);
        let is_downward = twice < 0;
        Some(Bitmap { width, height, is_downward, bits, palette, rows })
    }

    /// The bytes of the row that is shown as number `y`; empty beyond the end.
    fn row(&self, y: usize) -> &'a [u8] {
        let stride = (self.width * self.bits).div_ceil(32) * 4;
        let y = if self.is_downward { y } else { self.height - 1 - y };
        self.rows.get(y * stride..(y + 1) * stride).unwrap_or_default()
    }

    fn pixel(&self, row: &[u8], x: usize) -> [u8; 3] {
        let bytes = self.bits / 8;
        let place = |from: &[u8], at: usize| from.get(at..at + 3).map(|p| [p[2], p[1], p[0]]);
        let found = match self.bits {
            24 | 32 => place(row, x * bytes),
            16 => row.get(2 * x..2 * x + 2).map(|pair| {
                let value = u32::from(u16::from_le_bytes([pair[0], pair[1]]));
                [10, 5, 0].map(|shift| ((value >> shift & 31) * 255 / 31) as u8)
            }),
            bits => row.get(x * bits / 8).and_then(|byte| {
                let value = byte >> (8 - bits - x * bits % 8) & (0xFF_u16 >> (8 - bits)) as u8;
                place(self.palette, usize::from(value) * 4)
            }),
        };
        found.unwrap_or_default()
    }

    fn picture(&self, has_alpha: bool) -> Option<Picture> {
        let mut pixels = Vec::with_capacity(self.width * self.height * 4);
        for y in 0..self.height {
            let row = self.row(y);
            for x in 0..self.width {
                pixels.extend(self.pixel(row, x));
                if has_alpha {
                    pixels.push(row.get(4 * x + 3).copied().unwrap_or(0));
                }
            }
        }
        let channels = if has_alpha { 4 } else { 3 };
        Picture::new(self.width as u32, self.height as u32, channels, pixels)
    }

    /// The fourth bytes, which are read from below whatever the header says.
    fn alphas(&self) -> Option<Vec<u8>> {
        let whole = self.rows.get(..self.width * self.height * 4)?;
        let rows = whole.chunks_exact(self.width * 4).rev();
        Some(rows.flat_map(|row| row.iter().skip(3).step_by(4)).copied().collect())
    }

    /// The mask at the end of the data: a bit for each pixel that is not seen.
    fn mask(&self, data: &[u8]) -> Option<Vec<u8>> {
        let stride = self.width.div_ceil(32) * 4;
        let start = data.len().checked_sub(stride * self.height)?;
        let rows = data[start..].chunks_exact(stride).rev();
        let seen = |row: &'_ [u8], x: usize| {
            if row[x / 8] & 0x80 >> (x % 8) == 0 { 255 } else { 0 }
        };
        let alphas = rows.flat_map(|row| (0..self.width).map(move |x| seen(row, x)));
        Some(alphas.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pixels side by side, red and blue, of 24 bits, with a mask that hides the second.
    fn bitmap() -> Vec<u8> {
        let mut data = vec![40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0];
        data.resize(40, 0);
        data.extend([0, 0, 255, 255, 0, 0, 0, 0]);
        data.extend([0b0100_0000, 0, 0, 0]);
        data
    }

    fn file(kind: u8, entries: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, 0, entries.len() as u8, 0];
        let mut at = 6 + ENTRY * entries.len();
        for (side, data) in entries {
            bytes.extend([*side, *side, 0, 0, 1, 0, 24, 0, data.len() as u8, 0, 0, 0]);
            bytes.extend((at as u32).to_le_bytes());
            at += data.len();
        }
        let data = entries.iter().flat_map(|(_, data)| *data);
        bytes.iter().chain(data).copied().collect()
    }

    #[test]
    fn an_icon_is_masked_and_a_cursor_is_not() {
        assert_eq!(pixels(&file(1, &[(2, &bitmap())])), [255, 0, 0, 255, 0, 0, 255, 0]);
        assert_eq!(pixels(&file(2, &[(2, &bitmap())])), [255, 0, 0, 0, 0, 255]);
    }

    fn pixels(bytes: &[u8]) -> Vec<u8> {
        match shown(bytes) {
            Some(Shown::Pixels(picture)) => picture.pixels,
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_largest_is_shown() {
        let both = file(1, &[(2, &bitmap()), (48, PNG)]);
        assert!(matches!(shown(&both), Some(Shown::Png(PNG))));
        assert!(shown(&file(1, &[])).is_none());
        assert!(shown(&file(1, &[(2, &[40, 0])])).is_none());
    }
}
