//! The pixels of HEIC and AVIF stills: items decoded, tiles put together, turned upright.

use heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};

use super::av1;
use super::heif::{self, Item, child};
use super::picture::{PIXELS_MAX, Picture};
use super::yuv::{Colour, Manner, Planes};
use crate::model::filetype::FileType;

/// Decodes the primary item. `None` for damage and for kinds of items that are not known.
pub(super) fn picture(bytes: &[u8], kind: FileType) -> Option<Picture> {
    let meta = child(bytes, b"meta")?.get(4..)?;
    let container = Container { bytes, meta, items: heif::items(meta) };
    let id = heif::primary(meta)?;
    let (planes, own) = container.decode(id, true)?;
    let colour = container.colour(id).unwrap_or(own);
    let manner = if kind == FileType::AVIF { Manner::Avif } else { Manner::Heif };
    let picture = planes.to_rgb(colour, manner)?;
    let picture = match container.alpha(id, &planes) {
        Some(alpha) => {
            let rgb = picture.pixels.chunks_exact(3).zip(alpha);
            let pixels = rgb.flat_map(|(p, alpha)| [p[0], p[1], p[2], alpha]).collect();
            Picture::new(picture.width, picture.height, 4, pixels)?
        }
        None => picture,
    };
    Some(container.upright(id, picture))
}

struct Container<'a> {
    bytes: &'a [u8],
    meta: &'a [u8],
    items: Vec<Item>,
}

impl Container<'_> {
    fn data(&self, item: &Item) -> Option<&[u8]> {
        let (start, length) = item.extent?;
        let whole = if item.is_inside { child(self.meta, b"idat")? } else { self.bytes };
        whole.get(start..start.checked_add(length)?)
    }

    fn property(&self, id: u32, kind: &[u8; 4]) -> Option<&[u8]> {
        let properties = heif::properties(self.meta, id)?;
        properties.into_iter().find(|(own, _)| *own == kind).map(|(_, content)| content)
    }

    /// The planes of an item and what its stream says of their colours.
    fn decode(&self, id: u32, may_be_grid: bool) -> Option<(Planes, Colour)> {
        let item = self.items.iter().find(|item| item.id == id)?;
        match &item.kind {
            b"av01" => av1::still(self.data(item)?),
            b"hvc1" | b"hev1" => hevc(self.property(id, b"hvcC")?, self.data(item)?),
            b"grid" if may_be_grid => self.grid(item),
            _ => None,
        }
    }

    /// A picture cut into equal tiles, each an item of its own.
    fn grid(&self, item: &Item) -> Option<(Planes, Colour)> {
        let head = self.data(item)?;
        let (rows, columns) = (usize::from(*head.get(2)?) + 1, usize::from(*head.get(3)?) + 1);
        let size = if head.get(1)? & 1 == 1 { 4 } else { 2 };
        let side = |at: usize| -> Option<usize> {
            let digits = head.get(at..at + size)?.iter();
            Some(digits.fold(0, |number, byte| number << 8 | usize::from(*byte)))
        };
        let (width, height) = (side(4)?, side(4 + size)?);
        let tiles = heif::references(self.meta, b"dimg");
        let tiles: Vec<u32> =
            tiles.into_iter().filter(|(from, _)| *from == item.id).map(|(_, to)| to).collect();
        if tiles.len() != rows * columns {
            return None;
        }
        let (first, colour) = self.decode(tiles[0], false)?;
        let mut whole = Planes::blank(width, height, first.depth, first.halved)?;
        whole.is_grey = first.is_grey;
        let (across, down) = (first.width, first.height);
        whole.paste(&first, 0, 0)?;
        for (at, id) in tiles.iter().enumerate().skip(1) {
            let (tile, _) = self.decode(*id, false)?;
            whole.paste(&tile, at % columns * across, at / columns * down)?;
        }
        Some((whole, colour))
    }

    /// The colours that the file itself tells, which count more than those of the stream.
    fn colour(&self, id: u32) -> Option<Colour> {
        let properties = heif::properties(self.meta, id)?;
        let told = properties
            .into_iter()
            .find(|(kind, content)| *kind == b"colr" && content.starts_with(b"nclx"))?
            .1;
        let matrix = u16::from_be_bytes([*told.get(8)?, *told.get(9)?]);
        Some(Colour { matrix, is_full_range: told.get(10)? & 0x80 != 0 })
    }

    /// The alpha channel, an item that refers to the picture, if it has the same size.
    fn alpha(&self, id: u32, picture: &Planes) -> Option<Vec<u8>> {
        let links = heif::references(self.meta, b"auxl");
        let (alpha, _) = links.into_iter().find(|(from, to)| {
            let kind = self.property(*from, b"auxC").unwrap_or_default();
            *to == id && kind.get(4..).is_some_and(names_alpha)
        })?;
        let (planes, _) = self.decode(alpha, true)?;
        ((planes.width, planes.height) == (picture.width, picture.height)).then(|| planes.luma())
    }

    /// Obeys the properties that turn and mirror, in their order.
    fn upright(&self, id: u32, picture: Picture) -> Picture {
        let properties = heif::properties(self.meta, id).unwrap_or_default();
        properties.into_iter().fold(picture, |picture, (kind, content)| {
            let value = content.first().copied().unwrap_or(0);
            match (kind, value & 3) {
                // Quarter turns against the clock, as EXIF orientations.
                (b"irot", 1) => picture.oriented(8),
                (b"irot", 2) => picture.oriented(3),
                (b"irot", 3) => picture.oriented(6),
                (b"imir", axis) => picture.oriented(if axis & 1 == 1 { 2 } else { 4 }),
                (b"clap", _) => match heif::aperture(content, picture.width, picture.height) {
                    Some(aperture) => picture.cropped(aperture),
                    None => picture,
                },
                _ => picture,
            }
        })
    }
}

fn names_alpha(name: &[u8]) -> bool {
    name.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
        || name.starts_with(b"urn:mpeg:hevc:2015:auxid:1")
}

/// One HEVC still: the parameter sets of the configuration, then the item, with start codes.
pub(super) fn hevc(configuration: &[u8], data: &[u8]) -> Option<(Planes, Colour)> {
    const START: [u8; 4] = [0, 0, 0, 1];
    let mut stream = Vec::with_capacity(configuration.len() + data.len());
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let length_size = usize::from(configuration.get(21)? & 3) + 1;
    let (groups, mut rest) = (*configuration.get(22)?, configuration.get(23..)?);
    for _ in 0..groups {
        let units = number(rest.get(1..3)?);
        rest = rest.get(3..)?;
        for _ in 0..units {
            let length = number(rest.get(..2)?);
            stream.extend(START);
            stream.extend_from_slice(rest.get(2..2 + length)?);
            rest = rest.get(2 + length..)?;
        }
    }
    let mut rest = data;
    while let Some((length, after)) = rest.split_at_checked(length_size) {
        let (unit, after) = after.split_at_checked(number(length))?;
        stream.extend(START);
        stream.extend_from_slice(unit);
        rest = after;
    }
    let options = DecodeOptions { max_pixels: PIXELS_MAX, ..DecodeOptions::default() };
    let frame = decode_picture(&stream, options).ok()?;
    let halved = match frame.chroma_format {
        1 => (1, 1),
        2 => (1, 0),
        _ => (0, 0),
    };
    if frame.bit_depth[0] != frame.bit_depth[1] && frame.chroma_format != 0 {
        return None;
    }
    let (width, height) = (frame.widths[0] as usize, frame.heights[0] as usize);
    let mut planes = Planes::blank(width, height, u32::from(frame.bit_depth[0]), halved)?;
    planes.is_grey = frame.chroma_format == 0;
    for (plane, samples) in frame.planes.into_iter().enumerate() {
        let (across, down) = planes.plane_size(plane);
        if samples.len() == across * down {
            planes.samples[plane] = samples;
        } else if !planes.is_grey {
            return None;
        }
    }
    let matrix = u16::from(frame.matrix_coeffs);
    Some((planes, Colour { matrix, is_full_range: frame.full_range }))
}
