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

/// The composite that Photoshop stores for other programs: grey, indexed, RGB or CMYK of 8 or 16
/// bits; stored raw or run-length coded.
#[must_use]
pub fn composite(bytes: &[u8]) -> Option<Picture> {
    let mut reader = Reader(bytes);
    let head = head(&mut reader)?;
    let palette = reader.skip_block(4)?;
    reader.skip_block(4)?;
    reader.skip_block(if head.large { 8 } else { 4 })?;
    Picture::blank(head.width, head.height, 4)?;
    let planes = planes(&mut reader, &head)?;
    let count = head.width as usize * head.height as usize;
    let plane = |channel: usize| planes.get(channel * count..(channel + 1) * count);
    let (red, green, blue) = match head.mode {
        1 => (plane(0)?, plane(0)?, plane(0)?),
        2 => {
            let pixels = plane(0)?.iter().flat_map(|index| {
                let at = usize::from(*index);
                [0, 256, 512].map(|offset| palette.get(at + offset).copied().unwrap_or(0))
            });
            return Picture::new(head.width, head.height, 3, pixels.collect());
        }
        3 => (plane(0)?, plane(1)?, plane(2)?),
        4 => {
            let (cyan, magenta, yellow, black) = (plane(0)?, plane(1)?, plane(2)?, plane(3)?);
            let inks: Vec<u8> =
                (0..count).flat_map(|at| [cyan[at], magenta[at], yellow[at], black[at]]).collect();
            return super::colour::cmyk_to_srgb(head.width, head.height, &inks, None);
        }
        _ => return None,
    };
    let pixels = (0..count).flat_map(|at| [red[at], green[at], blue[at]]).collect();
    Picture::new(head.width, head.height, 3, pixels)
}

/// All channels, one after the other, 8 bits each.
fn planes(reader: &mut Reader, head: &Head) -> Option<Vec<u8>> {
    const CHANNELS_MAX: usize = 56;
    if head.channels == 0 || head.channels > CHANNELS_MAX || !matches!(head.depth, 8 | 16) {
        return None;
    }
    let step = (head.depth / 8) as usize;
    let stride = head.width as usize * step;
    // More channels than colours are spot colours and masks.
    let channels = head.channels.min(4);
    let mut raw = Vec::new();
    match reader.number(2)? {
        0 => raw.extend_from_slice(reader.take(stride * head.height as usize * channels)?),
        1 => {
            let rows = head.height as usize * head.channels;
            let mut lengths = Reader(reader.take(rows * if head.large { 4 } else { 2 })?);
            for _ in 0..head.height as usize * channels {
                let length = lengths.number(if head.large { 4 } else { 2 })? as usize;
                let end = raw.len() + stride;
                unpack(reader.take(length)?, &mut raw, end);
                raw.resize(end, 0);
            }
        }
        _ => return None,
    }
    Some(raw.into_iter().step_by(step).collect())
}

/// PackBits: a count byte, then literal bytes or one byte to repeat.
fn unpack(mut packed: &[u8], raw: &mut Vec<u8>, end: usize) {
    while let [count, rest @ ..] = packed
        && raw.len() < end
    {
        let count = usize::from(*count);
        if count < 128 {
            let literal = &rest[..(count + 1).min(rest.len())];
            raw.extend_from_slice(literal);
            packed = &rest[literal.len()..];
        } else if count > 128 {
            let Some((byte, after)) = rest.split_first() else { return };
            raw.resize(raw.len() + 257 - count, *byte);
            packed = after;
        } else {
            packed = rest;
        }
    }
    raw.truncate(end);
}
