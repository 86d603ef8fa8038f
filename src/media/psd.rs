//! The flattened picture of a Photoshop file.

use super::picture::Picture;

/// A reader of big-endian numbers that ends with `None`.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn skip_block(&mut self, length_bytes: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(length_bytes)?).ok()?;
        self.take(length)
    }
}

/// The head of a Photoshop file.
struct Head {
    large: bool,
    channels: usize,
    width: u32,
    height: u32,
    depth: u64,
    mode: u64,
}

fn head(reader: &mut Reader) -> Option<Head> {
    if reader.take(4)? != b"8BPS" {
        return None;
    }
    let large = reader.number(2)? == 2;
    reader.take(6)?;
    let channels = reader.number(2)? as usize;
    let height = reader.number(4)? as u32;
    let width = reader.number(4)? as u32;
    let (depth, mode) = (reader.number(2)?, reader.number(2)?);
    Some(Head { large, channels, width, height, depth, mode })
}

/// Width and height.
#[must_use]
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    head(&mut Reader(bytes)).map(|head| (head.width, head.height))
}

/// The colour profile among the image resources.
#[must_use]
pub fn colour_profile(bytes: &[u8]) -> Option<Vec<u8>> {
    const PROFILE: u64 = 1039;
    let mut reader = Reader(bytes);
    head(&mut reader)?;
    reader.skip_block(4)?;
    let mut resources = Reader(reader.skip_block(4)?);
    while resources.take(4)? == b"8BIM" {
        let id = resources.number(2)?;
        let name = resources.number(1)? as usize;
        resources.take(name | 1)?;
        let size = resources.number(4)? as usize;
        let content = resources.take(size)?;
        if id == PROFILE {
            return Some(content.to_vec());
        }
        resources.take(size % 2)?;
    }
    None
}

/// The composite that Photoshop stores for other programs, as far as the reference's decoder takes
/// it: bitmaps, grey, indexed, RGB and CMYK of 8 or 16 bits with at most an alpha channel beside the
/// colours, stored raw or run-length coded.
#[must_use]
pub fn composite(bytes: &[u8]) -> Option<Picture> {
    let mut reader = Reader(bytes);
    let head = head(&mut reader).filter(|head| !head.large)?;
    let palette = reader.skip_block(4)?;
    reader.skip_block(4)?;
    reader.skip_block(4)?;
    Picture::blank(head.width, head.height, 4)?;
    let planes = planes(&mut reader, &head)?;
    let count = head.width as usize * head.height as usize;
    let plane = |channel: usize| planes.get(channel * count..(channel + 1) * count);
    let merged = |pixel: &dyn Fn(usize) -> [u8; 3], alpha: Option<&[u8]>| {
        let channels = if alpha.is_some() { 4 } else { 3 };
        let mut pixels = Vec::with_capacity(count * channels);
        for at in 0..count {
            pixels.extend(pixel(at));
            pixels.extend(alpha.map(|alpha| alpha[at]));
        }
        Picture::new(head.width, head.height, channels, pixels)
    };
    match (head.mode, head.channels) {
        (0, 1) | (1 | 8, 1 | 2) => {
            let grey = plane(0)?;
            merged(&|at| [grey[at]; 3], plane(1))
        }
        (2, 1) => {
            let indexes = plane(0)?;
            let colour = |at: usize| palette.get(usize::from(indexes[at])..);
            let part = |at: usize, offset| colour(at).and_then(|c| c.get(offset)).copied();
            merged(&|at| [0, 256, 512].map(|offset| part(at, offset).unwrap_or(0)), None)
        }
        (3, 3 | 4) => {
            let (red, green, blue) = (plane(0)?, plane(1)?, plane(2)?);
            merged(&|at| [red[at], green[at], blue[at]], plane(3))
        }
        (4, 4 | 5) => {
            let inks = [plane(0)?, plane(1)?, plane(2)?];
            let black = plane(3)?;
            let light = |ink: u8, black: u8| (u32::from(ink) * u32::from(black) * 257) >> 16;
            merged(&|at| inks.map(|ink| light(ink[at], black[at]) as u8), plane(4))
        }
        _ => None,
    }
}

/// All channels, one after the other, 8 bits each.
fn planes(reader: &mut Reader, head: &Head) -> Option<Vec<u8>> {
    const CHANNELS_MAX: usize = 5;
    const BITMAP: u64 = 0;
    const INDEXED: u64 = 2;
    let fits = match head.mode {
        BITMAP => head.depth == 1,
        INDEXED => head.depth == 8,
        _ => matches!(head.depth, 8 | 16),
    };
    if head.channels == 0 || head.channels > CHANNELS_MAX || !fits {
        return None;
    }
    let width = head.width as usize;
    let stride = if head.depth == 1 { width.div_ceil(8) } else { width * head.depth as usize / 8 };
    let rows = head.height as usize * head.channels;
    let raw = match reader.number(2)? {
        0 => reader.take(stride * rows)?.to_vec(),
        1 => {
            // Where rows begin is told first, and no decoder needs it.
            reader.take(rows * 2)?;
            unpack(reader, stride, rows)?
        }
        _ => return None,
    };
    Some(match head.depth {
        // A set bit is black.
        1 => raw
            .chunks_exact(stride)
            .flat_map(|row| {
                (0..width).map(|x| if row[x / 8] << (x % 8) & 128 == 0 { 255 } else { 0 })
            })
            .collect(),
        8 => raw,
        _ => raw.into_iter().step_by(2).collect(),
    })
}

/// PackBits: a count byte, then literal bytes or one byte to repeat. A row that is too long or
/// too short makes all of it damage, as in the reference's decoder.
fn unpack(packed: &mut Reader, stride: usize, rows: usize) -> Option<Vec<u8>> {
    let size = stride * rows;
    let mut raw = Vec::with_capacity(size);
    for _ in 0..rows {
        let mut across = 0;
        while across < stride {
            let count = packed.number(1)? as u8 as i8;
            let length = usize::from(count.unsigned_abs()) + 1;
            if raw.len() + length > size {
                return None;
            }
            if count > 0 {
                raw.extend_from_slice(packed.take(length)?);
            } else {
                let byte = *packed.take(1)?.first()?;
                raw.resize(raw.len() + length, byte);
            }
            across += length;
        }
    }
    raw.resize(size, 0);
    Some(raw)
}
