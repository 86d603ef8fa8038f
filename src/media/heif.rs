//! The item structure of HEIF and AVIF files: size, turning, EXIF, profiles, coded pictures.

use super::metadata::boxes;

/// One item of a `meta` box.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) kind: [u8; 4],
    pub(super) is_xmp: bool,
    /// Where its bytes lie in the file, if they lie in one piece.
    pub(super) extent: Option<(usize, usize)>,
    /// Whether the place counts from the start of the `idat` box and not of the file.
    pub(super) is_inside: bool,
}

/// More items than this are not looked at.
const ITEMS_MAX: usize = 4096;

/// A reader of big-endian numbers that ends with `None`.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// The content of the first box of that kind.
pub(super) fn child<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
}

/// The items of a `meta` box (without its version and flags).
pub(super) fn items(meta: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(info) = child(meta, b"iinf") {
        let head = if info.first() == Some(&0) { 6 } else { 8 };
        for (_, entry) in boxes(info.get(head..).unwrap_or_default()).take(ITEMS_MAX) {
            items.extend(item(entry));
        }
    }
    if let Some(places) = child(meta, b"iloc") {
        let _until_the_end = locate(places, &mut items);
    }
    items
}

fn item(entry: &[u8]) -> Option<Item> {
    let version = *entry.first()?;
    let mut reader = Reader(entry.get(4..)?);
    let id = reader.number(if version >= 3 { 4 } else { 2 })? as u32;
    reader.number(2)?;
    let kind: [u8; 4] = reader.0.get(..4)?.try_into().ok()?;
    let is_xmp = super::metadata::find(reader.0, b"application/rdf+xml").is_some();
    Some(Item { id, kind, is_xmp, extent: None, is_inside: false })
}

fn locate(places: &[u8], items: &mut [Item]) -> Option<()> {
    let version = *places.first()?;
    let mut reader = Reader(places.get(4..)?);
    let sizes = reader.number(2)?;
    let (offset_size, length_size) = ((sizes >> 12 & 15) as usize, (sizes >> 8 & 15) as usize);
    let (base_size, index_size) = ((sizes >> 4 & 15) as usize, (sizes & 15) as usize);
    let count = reader.number(if version < 2 { 2 } else { 4 })?;
    for _ in 0..count.min(ITEMS_MAX as u64) {
        let id = reader.number(if version < 2 { 2 } else { 4 })? as u32;
        let method = if version > 0 { reader.number(2)? & 15 } else { 0 };
        reader.number(2)?;
        let base = reader.number(base_size.min(8))?;
        let extents = reader.number(2)?;
        let mut only = None;
        for _ in 0..extents {
            if version > 0 {
                reader.number(index_size.min(8))?;
            }
            let offset = reader.number(offset_size.min(8))?;
            let length = reader.number(length_size.min(8))?;
            only = Some((base.checked_add(offset)? as usize, length as usize));
        }
        if extents == 1
            && method < 2
            && let Some(item) = items.iter_mut().find(|item| item.id == id)
        {
            item.extent = only;
            item.is_inside = method == 1;
        }
    }
    Some(())
}

/// The item that is the picture.
pub(super) fn primary(meta: &[u8]) -> Option<u32> {
    let primary = child(meta, b"pitm")?;
    let size = if primary.first() == Some(&0) { 2 } else { 4 };
    Some(Reader(primary.get(4..)?).number(size)? as u32)
}

/// References of that kind between items, as pairs of from and to, in their order.
pub(super) fn references(meta: &[u8], kind: &[u8; 4]) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let Some(links) = child(meta, b"iref") else { return pairs };
    let size = if links.first() == Some(&0) { 2 } else { 4 };
    for (_, content) in boxes(links.get(4..).unwrap_or_default()).filter(|(k, _)| *k == kind) {
        let mut reader = Reader(content);
        let Some(from) = reader.number(size) else { continue };
        let count = reader.number(2).unwrap_or(0);
        for _ in 0..count {
            pairs.extend(reader.number(size).map(|to| (from as u32, to as u32)));
        }
    }
    pairs
}

/// The clean aperture of a picture: left, top, width and height, within it.
pub(super) fn aperture(content: &[u8], width: u32, height: u32) -> Option<(u32, u32, u32, u32)> {
    let mut reader = Reader(content);
    let mut fraction = || {
        let (above, below) = (reader.number(4)?, reader.number(4)?);
        (below > 0).then(|| f64::from(above as i32) / below as u32 as f64)
    };
    let (wide, high, right, down) = (fraction()?, fraction()?, fraction()?, fraction()?);
    let start = |offset: f64, whole: u32, part: f64| {
        offset + f64::from(whole.saturating_sub(1)) / 2.0 - (part - 1.0) / 2.0
    };
    let left = start(right, width, wide).floor().max(0.0) as u32;
    let top = start(down, height, high).round().max(0.0) as u32;
    let wide = (wide.round().max(0.0) as u32).min(width.checked_sub(left)?);
    let high = (high.round().max(0.0) as u32).min(height.checked_sub(top)?);
    (wide > 0 && high > 0).then_some((left, top, wide, high))
}

/// What the primary item's properties say of its shape: width, height, quarter turns anticlockwise.
pub(super) fn shape(bytes: &[u8]) -> Option<(u32, u32, u8)> {
    let meta = child(bytes, b"meta")?.get(4..)?;
    let id = primary(meta)?;
    let (mut extents, mut turns) = (None, 0);
    for (kind, content) in properties(meta, id)? {
        match kind {
            b"ispe" => {
                let mut reader = Reader(content.get(4..)?);
                extents = Some((reader.number(4)? as u32, reader.number(4)? as u32));
            }
            b"clap" => {
                if let Some((width, height)) = extents {
                    let whole = Some((0, 0, width, height));
                    extents = aperture(content, width, height).or(whole).map(|a| (a.2, a.3));
                }
            }
            b"irot" => turns = content.first().copied().unwrap_or(0) & 3,
            _ => {}
        }
    }
    let (width, height) = extents?;
    Some(if turns % 2 == 1 { (height, width, turns) } else { (width, height, turns) })
}

/// Whether the primary item is turned or mirrored.
pub(super) fn is_turned(bytes: &[u8]) -> bool {
    let turned = || {
        let meta = child(bytes, b"meta")?.get(4..)?;
        let own = properties(meta, primary(meta)?)?;
        let turns = |(kind, content): &(&[u8], &[u8])| {
            *kind == b"imir" || *kind == b"irot" && content.first().is_some_and(|c| c & 3 != 0)
        };
        Some(own.iter().any(turns))
    };
    turned().unwrap_or(false)
}

/// The properties of an item: kind and content.
pub(super) fn properties(meta: &[u8], id: u32) -> Option<Vec<(&[u8], &[u8])>> {
    let group = child(meta, b"iprp")?;
    let all: Vec<_> = boxes(child(group, b"ipco")?).take(ITEMS_MAX).collect();
    let links = child(group, b"ipma")?;
    let (version, wide) = (*links.first()?, links.get(3)? & 1 == 1);
    let mut reader = Reader(links.get(4..)?);
    let count = reader.number(4)?;
    for _ in 0..count.min(ITEMS_MAX as u64) {
        let item = reader.number(if version < 1 { 2 } else { 4 })? as u32;
        let linked = reader.number(1)?;
        let mut own = Vec::new();
        for _ in 0..linked {
            let link = reader.number(if wide { 2 } else { 1 })?;
            let index = link & if wide { 0x7FFF } else { 0x7F };
            own.extend((index as usize).checked_sub(1).and_then(|at| all.get(at)).copied());
        }
        if item == id {
            return Some(own);
        }
    }
    None
}

/// The ICC profile among the properties.
pub(super) fn colour_profile(meta: &[u8]) -> Option<Vec<u8>> {
    let group = child(child(meta, b"iprp")?, b"ipco")?;
    let found = boxes(group).take(ITEMS_MAX).find_map(|(kind, content)| {
        (kind == b"colr" && (content.starts_with(b"prof") || content.starts_with(b"rICC")))
            .then(|| content.get(4..))?
    })?;
    (!found.is_empty()).then(|| found.to_vec())
}
