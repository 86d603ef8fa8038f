//! What an image file says beside its pixels: EXIF, XMP, IPTC, colour profiles and embedded text,
//! found by walking the containers. Nothing here decodes pixels.

use crate::model::filetype::FileType;

/// The facts that flags, rotation and colour management are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// EXIF orientation, 1 to 8; 0 when nothing is said.
    pub orientation: u32,
    pub has_exif: bool,
    pub has_xmp: bool,
    pub has_iptc: bool,
    pub has_human_readable: bool,
    pub has_software_source: bool,
    pub icc_profile: Option<Vec<u8>>,
}

/// Text keys of a PNG that say nothing to a person.
const TECHNICAL_KEYS: &[&str] = &[
    "exif",
    "Raw profile type exif",
    "Raw profile type iptc",
    "icc_profile",
    "progression",
    "progressive",
    "srgb",
    "gamma",
    "chromaticity",
    "dpi",
    "jfif",
    "jfif_unit",
    "jfif_density",
    "jfif_version",
    "compression",
    "resolution",
    "Software",
    "software",
    "adobe",
    "adobe_transform",
    "transparency",
    "background",
    "duration",
    "bit_depth",
    "primary",
    "chroma",
    "loop",
    "photoshop",
    "extension",
    "bbox",
    "blend",
    "disposal",
    "sizes",
    "interlace",
    "aspect",
    "xmp",
    "XML:com.adobe.xmp",
    "iptc",
    "default_image",
    "distortion",
    "Creator",
    "creator",
    "Source",
    "source",
    "mpoffset",
    "Creation Time",
    "create-date",
    "modify-date",
    "date:create",
    "date:modify",
    "date:timestamp",
];
const SOFTWARE_KEYS: &[&str] = &["Software", "software", "Creator", "creator", "Source", "source"];

/// Reads the facts of a still or animated picture of that type.
#[must_use]
pub fn facts(bytes: &[u8], kind: FileType) -> Facts {
    match kind {
        FileType::JPEG => jpeg(bytes),
        FileType::PNG | FileType::APNG => png(bytes),
        FileType::WEBP | FileType::ANIMATED_WEBP => webp(bytes),
        FileType::TIFF => tiff(bytes),
        FileType::JXL | FileType::ANIMATED_JXL => jxl(bytes),
        FileType::PSD => {
            Facts { icc_profile: super::psd::colour_profile(bytes), ..Facts::default() }
        }
        FileType::GIF => Facts { icc_profile: gif_profile(bytes), ..Facts::default() },
        FileType::HEIF
        | FileType::HEIF_SEQUENCE
        | FileType::HEIC
        | FileType::HEIC_SEQUENCE
        | FileType::AVIF
        | FileType::AVIF_SEQUENCE => heif(bytes, kind),
        _ => Facts::default(),
    }
}

/// Takes up an EXIF block (without its `Exif` prefix) and an XMP packet.
fn add_exif_and_xmp(facts: &mut Facts, exif: &[u8], xmp: Option<&[u8]>) {
    let tags = exif_tags(exif);
    facts.has_exif = tags.count > 0;
    facts.orientation = tags.orientation;
    if let Some(xmp) = xmp {
        facts.has_xmp = std::str::from_utf8(xmp).is_ok();
        // An orientation in the XMP counts where the EXIF has none, and then counts as EXIF.
        if facts.orientation == 0
            && let Some(orientation) = xmp_orientation(xmp)
        {
            facts.orientation = orientation;
            facts.has_exif = true;
        }
    }
}

fn xmp_orientation(xmp: &[u8]) -> Option<u32> {
    let at = find(xmp, b"tiff:Orientation")? + b"tiff:Orientation".len();
    let digit = match xmp.get(at..)? {
        [b'=', b'"', digit, ..] | [b'>', digit, ..] => *digit,
        _ => return None,
    };
    char::from(digit).to_digit(10)
}

/// Where `needle` begins.
pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[derive(Default)]
struct ExifTags {
    count: usize,
    orientation: u32,
}

/// A reader of numbers in either byte order; everything beyond the end is `None`.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Tiff<'a>> {
        match bytes.get(..4)? {
            [b'I', b'I', 42, 0] => Some(Tiff { bytes, little: true }),
            [b'M', b'M', 0, 42] => Some(Tiff { bytes, little: false }),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn is_little(self) -> bool {
        self.little
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        let bytes: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let bytes: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The entries of a directory: tag, type, count, place of the value.
    pub(super) fn entries(self, at: usize) -> impl Iterator<Item = (u16, u16, u32, usize)> {
        let count = usize::from(self.u16(at).unwrap_or(0));
        (0..count).map_while(move |entry| {
            let at = at + 2 + entry * 12;
            Some((self.u16(at)?, self.u16(at + 2)?, self.u32(at + 4)?, at + 8))
        })
    }

    /// The bytes of a value of `count` elements of type `kind` whose entry's value field is at `at`.
    pub(super) fn value(self, kind: u16, count: u32, at: usize) -> Option<&'a [u8]> {
        let width = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = usize::try_from(count).ok()?.checked_mul(width)?;
        let start = if length <= 4 { at } else { self.u32(at)? as usize };
        self.bytes.get(start..start.checked_add(length)?)
    }
}

fn exif_tags(exif: &[u8]) -> ExifTags {
    let mut tags = ExifTags::default();
    let Some(tiff) = Tiff::new(exif) else { return tags };
    let Some(first) = tiff.u32(4) else { return tags };
    for (tag, kind, count, at) in tiff.entries(first as usize) {
        if tiff.value(kind, count, at).is_none() {
            continue;
        }
        tags.count += 1;
        if tag == 0x0112 {
            let value = if kind == 3 { tiff.u16(at).map(u32::from) } else { tiff.u32(at) };
            tags.orientation = value.unwrap_or(0);
        }
    }
    tags
}

/// The marker segments of a JPEG up to its first scan: marker and payload.
pub(super) fn jpeg_segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while *bytes.get(at)? != 0xFF {
            at += 1;
        }
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        if marker == 0xDA || marker == 0xD9 {
            return None;
        }
        if marker == 0x01 || (0xD0..=0xD8).contains(&marker) || marker == 0 {
            return Some((marker, &bytes[..0]));
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let end = (at + length.max(2)).min(bytes.len());
        let payload = &bytes[(at + 2).min(end)..end];
        at = end;
        Some((marker, payload))
    })
}

fn jpeg(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut exif, mut xmp, mut resources) = (Vec::new(), None, Vec::new());
    let mut profile_parts: Vec<(u8, &[u8])> = Vec::new();
    for (marker, payload) in jpeg_segments(bytes) {
        match marker {
            0xE1 if payload.starts_with(b"Exif\0\0") => exif.extend_from_slice(&payload[6..]),
            0xE1 if payload.starts_with(b"http://ns.adobe.com/xap/1.0/\0") => {
                xmp = Some(&payload[29..]);
            }
            0xE2 if payload.starts_with(b"ICC_PROFILE\0") && payload.len() > 14 => {
                profile_parts.push((payload[12], &payload[14..]));
            }
            0xED if payload.starts_with(b"Photoshop 3.0\0") => {
                resources.extend_from_slice(&payload[14..]);
            }
            _ => {}
        }
    }
    add_exif_and_xmp(&mut facts, &exif, xmp);
    profile_parts.sort_by_key(|part| part.0);
    let profile = profile_parts.iter().map(|part| part.1).collect::<Vec<_>>().concat();
    facts.icc_profile = (!profile.is_empty()).then_some(profile);
    facts.has_iptc = photoshop_iptc(&resources).is_some_and(iptc_shows_something);
    facts
}

/// The IPTC block among Photoshop's image resources.
fn photoshop_iptc(mut resources: &[u8]) -> Option<&[u8]> {
    while let Some(rest) = resources.strip_prefix(b"8BIM") {
        let id = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        let name_length = usize::from(*rest.get(2)?);
        let at = 2 + (1 + name_length).next_multiple_of(2);
        let length = u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?) as usize;
        let data = rest.get(at + 4..(at + 4).checked_add(length)?)?;
        if id == 0x0404 {
            return Some(data);
        }
        resources = rest.get((at + 4 + length).next_multiple_of(2)..)?;
    }
    None
}

/// Whether an IPTC block holds a data set that is worth showing.
fn iptc_shows_something(mut iptc: &[u8]) -> bool {
    while let [0x1C, record, number, high, low, rest @ ..] = iptc {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let shown = match record {
            1 => matches!(number, 70 | 80 | 100),
            2 => *number != 0,
            _ => false,
        };
        if shown {
            return true;
        }
        match rest.get(length..) {
            Some(next) if length < 0x8000 => iptc = next,
            _ => return false,
        }
    }
    false
}

/// The chunks of a PNG: type and data, as far as they are whole.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let kind = bytes.get(at + 4..at + 8)?;
        let data = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        at += 12 + length;
        Some((kind, data))
    })
}

fn png(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut exif, mut xmp) = (Vec::new(), None);
    for (kind, data) in png_chunks(bytes) {
        match kind {
            b"eXIf" => exif = data.strip_prefix(b"Exif\0\0").unwrap_or(data).to_vec(),
            b"iCCP" => facts.icc_profile = png_profile(data),
            b"tEXt" | b"zTXt" | b"iTXt" => {
                let Some((key, text)) = png_text(kind, data) else { continue };
                match key.as_str() {
                    "XML:com.adobe.xmp" => xmp = Some(text),
                    "Raw profile type exif" if exif.is_empty() => exif = raw_profile(&text),
                    _ => png_text_counts(&mut facts, &key, &text),
                }
            }
            _ => {}
        }
    }
    add_exif_and_xmp(&mut facts, &exif, xmp.as_deref());
    facts
}

fn png_text_counts(facts: &mut Facts, key: &str, text: &[u8]) {
    facts.has_software_source |= SOFTWARE_KEYS.contains(&key);
    if matches!(key, "Comment" | "comment") && names_an_editor(&String::from_utf8_lossy(text)) {
        facts.has_software_source = true;
        return;
    }
    facts.has_human_readable |= !TECHNICAL_KEYS.contains(&key) && !key.starts_with("Thumb::");
}

/// Whether a comment is of the form `Created with X`.
fn names_an_editor(comment: &str) -> bool {
    let with = |text: &str, verbs: [&str; 5]| {
        verbs.iter().any(|verb| {
            text.strip_prefix(verb)
                .and_then(|rest| rest.strip_prefix(" with "))
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('\n'))
        })
    };
    // The second form has any three characters and a space before a verb in lower case.
    let after_three =
        comment.char_indices().nth(3).and_then(|(at, _)| comment[at..].strip_prefix(' '));
    with(comment, ["Created", "Converted", "Cropped", "Compressed", "Edited"])
        || after_three.is_some_and(|rest| {
            with(rest, ["created", "converted", "cropped", "compressed", "edited"])
        })
}

/// Key and text of a text chunk, the text inflated where it is compressed.
fn png_text(kind: &[u8], data: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = data.iter().position(|byte| *byte == 0)?;
    let key = data[..end].iter().map(|byte| char::from(*byte)).collect::<String>();
    if key.is_empty() {
        return None;
    }
    let rest = &data[end + 1..];
    let text = match kind {
        b"tEXt" => rest.to_vec(),
        b"zTXt" => inflate(rest.get(1..)?),
        _ => {
            let compressed = *rest.first()? == 1;
            let mut parts = rest.get(2..)?.splitn(3, |byte| *byte == 0);
            let text = parts.nth(2)?;
            if compressed { inflate(text) } else { text.to_vec() }
        }
    };
    Some((key, text))
}

/// The most that an embedded text or profile may inflate to.
const INFLATED_MAX: u64 = 64 << 20;

fn inflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut inflated = Vec::new();
    // A damaged stream gives what could be read of it.
    let _partial =
        flate2::read::ZlibDecoder::new(bytes).take(INFLATED_MAX).read_to_end(&mut inflated);
    inflated
}

fn png_profile(data: &[u8]) -> Option<Vec<u8>> {
    let end = data.iter().position(|byte| *byte == 0)?;
    let profile = inflate(data.get(end + 2..)?);
    (!profile.is_empty()).then_some(profile)
}

/// ImageMagick's hexadecimal profile: a name line, a length line, digits.
fn raw_profile(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let digits: String = text.lines().skip(3).collect();
    let bytes = crate::model::hash::from_hex(digits.trim()).unwrap_or_default();
    bytes.strip_prefix(b"Exif\0\0").map_or(bytes.clone(), <[u8]>::to_vec)
}

/// The chunks of a RIFF file: type and data, the last one cut where the file ends.
pub(super) fn riff_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 12_usize;
    std::iter::from_fn(move || {
        let kind = bytes.get(at..at + 4)?;
        let length = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let end = (at + 8).saturating_add(length).min(bytes.len());
        let data = &bytes[at + 8..end];
        at = (at + 8).checked_add(length)?.checked_next_multiple_of(2)?;
        Some((kind, data))
    })
}

fn webp(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut exif, mut xmp): (&[u8], Option<&[u8]>) = (&[], None);
    for (kind, data) in riff_chunks(bytes) {
        match kind {
            b"EXIF" => exif = data.strip_prefix(b"Exif\0\0").unwrap_or(data),
            b"XMP " => xmp = Some(data),
            b"ICCP" if !data.is_empty() => facts.icc_profile = Some(data.to_vec()),
            _ => {}
        }
    }
    add_exif_and_xmp(&mut facts, exif, xmp);
    facts
}

fn tiff(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let mut xmp = None;
    if let Some(tiff) = Tiff::new(bytes)
        && let Some(first) = tiff.u32(4)
    {
        for (tag, kind, count, at) in tiff.entries(first as usize) {
            let value = tiff.value(kind, count, at);
            match tag {
                700 => xmp = value,
                33723 => facts.has_iptc |= value.is_some_and(iptc_shows_something),
                34377 => {
                    let iptc = value.and_then(photoshop_iptc);
                    facts.has_iptc |= iptc.is_some_and(iptc_shows_something);
                }
                34675 => facts.icc_profile = value.map(<[u8]>::to_vec),
                _ => {}
            }
        }
    }
    add_exif_and_xmp(&mut facts, bytes, xmp);
    facts.has_exif = true;
    facts
}

/// A colour profile in a GIF's application extension.
fn gif_profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut at = find(bytes, b"ICCRGBG1012")? + 11;
    let mut profile = Vec::new();
    while let Some(length) = bytes.get(at).map(|length| usize::from(*length)).filter(|l| *l > 0) {
        profile.extend_from_slice(bytes.get(at + 1..at + 1 + length)?);
        at += 1 + length;
    }
    (!profile.is_empty()).then_some(profile)
}

/// The boxes of an ISO base media file: type and content, the last one cut where the file ends.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
        let kind = bytes.get(at + 4..at + 8)?;
        let (head, size) = match size {
            0 => (8, bytes.len() - at),
            1 => {
                let size = u64::from_be_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?);
                (16, usize::try_from(size).unwrap_or(usize::MAX))
            }
            size => (8, size as usize),
        };
        if size < head {
            return None;
        }
        let end = at.saturating_add(size).min(bytes.len());
        let content = bytes.get(at + head..end)?;
        at = at.checked_add(size)?;
        Some((kind, content))
    })
}

fn jxl(bytes: &[u8]) -> Facts {
    let mut facts = Facts { icc_profile: Some(super::jxl::profile(bytes)), ..Facts::default() };
    if bytes.starts_with(&[0xFF, 0x0A]) {
        return facts;
    }
    // The reference's reader sees a box as it is, never a compressed one.
    if let Some((_, exif)) = boxes(bytes).find(|(kind, _)| *kind == b"Exif") {
        // Four bytes may say where the block begins.
        let starts_later = exif.get(4..).is_some_and(|rest| Tiff::new(rest).is_some());
        let exif = if starts_later { &exif[4..] } else { exif };
        add_exif_and_xmp(&mut facts, exif.strip_prefix(b"Exif\0\0").unwrap_or(exif), None);
    }
    facts
}

fn heif(bytes: &[u8], kind: FileType) -> Facts {
    let mut facts = Facts::default();
    let mut exif: &[u8] = &[];
    let meta = boxes(bytes).find(|(kind, _)| *kind == b"meta").map(|(_, content)| content);
    if let Some(meta) = meta.and_then(|meta| meta.get(4..)) {
        let items = super::heif::items(meta);
        let data = |item: &super::heif::Item| {
            let (start, length) = item.extent.filter(|_| !item.is_inside)?;
            bytes.get(start..start.checked_add(length)?)
        };
        for item in &items {
            match &item.kind {
                b"Exif" => exif = data(item).and_then(|data| data.get(4..)).unwrap_or_default(),
                b"mime" if item.is_xmp => {
                    facts.has_xmp |= data(item).is_some_and(|xmp| std::str::from_utf8(xmp).is_ok());
                }
                _ => {}
            }
        }
        facts.icc_profile = super::heif::colour_profile(meta);
    }
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let tags = exif_tags(exif);
    // The reference's AVIF reader tells a turned picture as EXIF; the turning is undone elsewhere.
    let is_avif = matches!(kind, FileType::AVIF | FileType::AVIF_SEQUENCE);
    facts.has_exif = tags.count > 0 || is_avif && super::heif::is_turned(bytes);
    // The reference's HEIF reader always lists fields of its own beside the picture.
    facts.has_human_readable = !is_avif;
    facts
}
