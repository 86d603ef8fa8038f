//! Files of drawing programs: the size of the canvas, and the preview that they carry.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::archive::{Archive, parse};
use super::decode;
use super::picture::Picture;
use crate::model::filetype::FileType;

type Members = Archive<Cursor<Vec<u8>>>;

/// The size of the canvas as the program notes it.
pub(super) fn size(bytes: &[u8], kind: FileType) -> Option<(u32, u32)> {
    let in_zip = |name: &str| Members::of_bytes(bytes.to_vec())?.read(name);
    match kind {
        FileType::KRITA => noted(&in_zip("maindoc.xml")?, "IMAGE", ["width", "height"]),
        FileType::ORA => noted(&in_zip("stack.xml")?, "image", ["w", "h"]),
        FileType::PAINT_NET => noted(paint_head(bytes)?, "pdnImage", ["width", "height"]),
        FileType::PROCREATE => procreate_size(&in_zip("Document.archive")?),
        _ => None,
    }
}

/// The small picture, for files without a whole one.
pub(super) fn preview(bytes: &[u8], kind: FileType) -> Option<Picture> {
    let in_zip = |name: &str| Members::of_bytes(bytes.to_vec())?.picture(name);
    match kind {
        FileType::KRITA => in_zip("preview.png"),
        FileType::ORA => in_zip("Thumbnails/thumbnail.png"),
        FileType::PROCREATE => in_zip("QuickLook/Thumbnail.png"),
        FileType::PAINT_NET => {
            let text = std::str::from_utf8(paint_head(bytes)?).ok()?;
            let document = parse(text)?;
            let thumb = document.descendants().find(|node| node.has_tag_name("thumb"))?;
            let png = STANDARD.decode(thumb.attribute("png")?).ok()?;
            Some(decode::still(&png, FileType::PNG)?.picture)
        }
        _ => None,
    }
}

/// Two numbers of the first element of that name.
fn noted(xml: &[u8], element: &str, names: [&str; 2]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(xml).ok()?;
    let document = parse(text)?;
    let node = document.descendants().find(|node| node.tag_name().name() == element)?;
    let number = |name: &str| node.attribute(name)?.trim().parse().ok();
    Some((number(names[0])?, number(names[1])?))
}

/// The XML at the head of a Paint.NET file.
fn paint_head(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(4..7)?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], 0]) as usize;
    bytes.get(7..7 + length)
}

fn procreate_size(archive: &[u8]) -> Option<(u32, u32)> {
    let list = PropertyList::of(archive)?;
    let objects = list.member(list.top, "$objects")?;
    let object = |number: u64| list.items(objects)?.get(usize::try_from(number).ok()?).copied();
    let document = object(1)?;
    let size = list.text(object(list.number(list.member(document, "size")?)?)?)?;
    let (width, height) = size.trim_matches(['{', '}']).split_once(", ")?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    let orientation = list.number(list.member(document, "orientation")?)?;
    Some(if matches!(orientation, 3 | 4) { (height, width) } else { (width, height) })
}

/// A binary property list, of which only what is asked for is read.
struct PropertyList<'a> {
    bytes: &'a [u8],
    table: usize,
    place_width: usize,
    number_width: usize,
    top: u64,
}

impl<'a> PropertyList<'a> {
    fn of(bytes: &'a [u8]) -> Option<PropertyList<'a>> {
        let end = bytes.get(bytes.len().checked_sub(32)?..)?;
        bytes.starts_with(b"bplist00").then_some(())?;
        let wide = |at: usize| big(&end[at..at + 8]);
        Some(PropertyList {
            bytes,
            table: usize::try_from(wide(24)).ok()?,
            place_width: usize::from(end[6]),
            number_width: usize::from(end[7]),
            top: wide(16),
        })
    }

    /// Kind and low half of an object's mark, its count, and what follows.
    fn object(&self, number: u64) -> Option<(u8, u64, &'a [u8])> {
        let at = usize::try_from(number).ok()?.checked_mul(self.place_width)?;
        let at = self.table.checked_add(at)?;
        let place = big(self.bytes.get(at..at.checked_add(self.place_width)?)?);
        let object = self.bytes.get(usize::try_from(place).ok()?..)?;
        let (mark, rest) = object.split_first()?;
        let (kind, low) = (mark >> 4, mark & 15);
        if low < 15 || matches!(kind, 0 | 1 | 8) {
            return Some((kind, u64::from(low), rest));
        }
        let width = 1_usize << (rest.first()? & 3);
        Some((kind, big(rest.get(1..=width)?), rest.get(1 + width..)?))
    }

    fn numbers(&self, bytes: &[u8], count: u64) -> Option<Vec<u64>> {
        let length = usize::try_from(count).ok()?.checked_mul(self.number_width)?;
        Some(bytes.get(..length)?.chunks_exact(self.number_width.max(1)).map(big).collect())
    }

    fn items(&self, number: u64) -> Option<Vec<u64>> {
        let (kind, count, rest) = self.object(number)?;
        if kind == 10 { self.numbers(rest, count) } else { None }
    }

    fn member(&self, number: u64, key: &str) -> Option<u64> {
        let (kind, count, rest) = self.object(number)?;
        if kind != 13 {
            return None;
        }
        let both = self.numbers(rest, count.checked_mul(2)?)?;
        let (keys, values) = both.split_at(both.len() / 2);
        let at = keys.iter().position(|name| self.text(*name) == Some(key))?;
        values.get(at).copied()
    }

    fn text(&self, number: u64) -> Option<&'a str> {
        let (kind, count, rest) = self.object(number)?;
        let text = rest.get(..usize::try_from(count).ok()?)?;
        if kind == 5 { std::str::from_utf8(text).ok() } else { None }
    }

    /// A whole number, or the number of another object.
    fn number(&self, number: u64) -> Option<u64> {
        match self.object(number)? {
            (1, power, rest) => Some(big(rest.get(..1 << power.min(4))?)),
            (8, less, rest) => Some(big(rest.get(..=less as usize)?)),
            _ => None,
        }
    }
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_procreate_canvas_turned_by_its_orientation() {
        // $objects: null, the document, its size.
        let mut list = b"bplist00".to_vec();
        let objects: [&[u8]; 9] = [
            b"\xD1\x01\x02",
            b"\x58$objects",
            b"\xA3\x03\x04\x08",
            b"\x55$null",
            b"\xD2\x05\x06\x07\x07",
            b"\x54size",
            b"\x5Borientation",
            b"\x80\x02",
            b"\x5A{300, 200}",
        ];
        let mut places = Vec::new();
        for object in objects {
            places.push(list.len() as u8);
            list.extend(object);
        }
        let table = list.len() as u8;
        list.extend(&places);
        list.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        list.extend([0, 0, 0, 0, 0, 0, 0, places.len() as u8]);
        list.extend([0; 8]);
        list.extend([0, 0, 0, 0, 0, 0, 0, table]);
        assert_eq!(procreate_size(&list), Some((300, 200)));
        for end in 0..list.len() {
            let _none = procreate_size(&list[..end]);
        }
    }

    #[test]
    fn sizes_noted_in_xml() {
        let xml = br#"<pdnImage width="32" height="24"/>"#;
        let mut file = b"PDN3".to_vec();
        file.extend([xml.len() as u8, 0, 0]);
        file.extend(xml);
        assert_eq!(size(&file, FileType::PAINT_NET), Some((32, 24)));
        assert_eq!(size(&file[..20], FileType::PAINT_NET), None);
    }
}
