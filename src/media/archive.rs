//! Zip files: which kind of document an archive really is, and the pictures inside it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Seek};

use resvg::usvg::roxmltree::{Document, ParsingOptions};

use super::picture::Picture;
use crate::model::filetype::FileType;

/// A member larger than this is not read.
const MEMBER_MAX: u64 = 256 << 20;
const IMAGE_EXTENSIONS: &[&str] = &[
    "jpg", "jpeg", "png", "bmp", "ico", "webp", "tiff", "tif", "heif", "heic", "avif", "gif",
    "qoi", "jxl",
];

/// An open zip archive.
pub struct Archive<R>(zip::ZipArchive<R>);

impl Archive<Cursor<Vec<u8>>> {
    /// Over bytes in memory.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Option<Self> {
        Archive::open(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory; `None` for what is no zip or a damaged one.
    #[must_use]
    pub fn open(input: R) -> Option<Archive<R>> {
        zip::ZipArchive::new(input).ok().map(Archive)
    }

    /// The names in the order of the directory, folders with their final slash.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = (0..self.0.len()).filter_map(|at| self.0.name_for_index(at)?.ok());
        names.map(std::borrow::Cow::into_owned).collect()
    }

    /// A member's bytes; `None` when it is missing, too large or damaged.
    pub fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        let member = self.0.by_name(name).ok()?;
        let mut bytes = Vec::new();
        member.take(MEMBER_MAX + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= MEMBER_MAX).then_some(bytes)
    }

    fn is_encrypted(&mut self) -> bool {
        (0..self.0.len()).any(|at| self.0.by_index_raw(at).is_ok_and(|member| member.encrypted()))
    }

    /// What kind of document this archive is; plain zip when nothing else.
    pub fn kind(&mut self) -> FileType {
        if self.is_encrypted() {
            return FileType::ZIP;
        }
        match self.read("mimetype").as_deref() {
            Some(b"application/x-krita") => return FileType::KRITA,
            Some(b"image/openraster") => return FileType::ORA,
            Some(b"application/epub+zip") => return FileType::EPUB,
            _ => {}
        }
        if let Some(kind) = self.read("[Content_Types].xml").and_then(|xml| office_kind(&xml)) {
            return kind;
        }
        let procreate = self
            .read("Document.archive")
            .is_some_and(|plist| super::metadata::find(&plist, b"SilicaDocument").is_some());
        if procreate {
            FileType::PROCREATE
        } else if self.looks_like_ugoira() {
            FileType::UGOIRA
        } else if self.looks_like_comic() {
            FileType::CBZ
        } else {
            FileType::ZIP
        }
    }

    fn looks_like_ugoira(&mut self) -> bool {
        if self.timed_frames().is_some_and(|frames| !frames.is_empty()) {
            return true;
        }
        let names = self.names();
        let (mut count, mut extension) = (0, None);
        for name in &names {
            let Some((stem, ext)) = name.rsplit_once('.') else { return false };
            if name.ends_with('/') || name.contains('/') {
                return false;
            }
            if matches!(ext, "js" | "json") {
                continue;
            }
            let expected = format!("{count:06}");
            if !IMAGE_EXTENSIONS.contains(&ext)
                || *extension.get_or_insert(ext) != ext
                || stem != expected
            {
                return false;
            }
            count += 1;
        }
        count > 1 && self.cover().is_some()
    }

    /// The frame list of an ugoira: member and milliseconds.
    pub fn timed_frames(&mut self) -> Option<Vec<(String, u64)>> {
        let json: serde_json::Value = serde_json::from_slice(&self.read("animation.json")?).ok()?;
        let frames = json.as_array().or_else(|| json.get("frames")?.as_array())?;
        frames
            .iter()
            .map(|frame| {
                let delay = frame.get("delay")?;
                let delay =
                    delay.as_u64().or_else(|| delay.as_f64().map(|ms| ms.max(0.0) as u64))?;
                Some((frame.get("file")?.as_str()?.to_owned(), delay))
            })
            .collect()
    }

    /// The frames of an ugoira in order, with milliseconds where a list gives them.
    pub fn frames(&mut self) -> Vec<(String, Option<u64>)> {
        if let Some(frames) = self.timed_frames() {
            return frames.into_iter().map(|(name, ms)| (name, Some(ms))).collect();
        }
        let mut names = self.names();
        names.retain(|name| !name.ends_with('/') && has_image_extension(name));
        names.sort();
        names.into_iter().map(|name| (name, None)).collect()
    }

    fn looks_like_comic(&mut self) -> bool {
        const FINE: &[&str] = &["md5sum", "comicbook.xml", "metadata.txt", "info.txt"];
        const FINE_EXTENSIONS: &[&str] = &["sfv", "nfo", "txt", "xml", "json"];
        const ODD_MAX: usize = 5;
        let mut images: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut folders = BTreeSet::new();
        let (mut odd, mut numbered) = (0, 0);
        for name in self.names() {
            if name.ends_with('/') || name.starts_with("__MACOSX/") {
                continue;
            }
            let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
            folders.insert(folder.to_owned());
            let file = file.to_lowercase();
            if FINE.contains(&file.as_str()) {
                continue;
            }
            if has_image_extension(&file) {
                numbered += usize::from(file.contains(|sign: char| sign.is_numeric()));
                images.entry(folder.to_owned()).or_default().insert(file);
            } else if file.rsplit_once('.').is_some_and(|(_, ext)| FINE_EXTENSIONS.contains(&ext)) {
                odd += 1;
            } else {
                return false;
            }
        }
        // Pages of a comic are named alike but for their numbers.
        let variety = images.values().map(|files| {
            let stems: BTreeSet<String> =
                files.iter().map(|file| file.replace(|sign: char| sign.is_numeric(), "")).collect();
            (stems.len() - 1) as f64 / files.len() as f64
        });
        let alike = variety.sum::<f64>() / images.len().max(1) as f64 <= 0.2;
        numbered > 1
            && alike
            && odd * folders.len() <= ODD_MAX
            && self.cover().is_some_and(|cover| self.read(&cover).is_some())
    }

    /// The first picture by human order.
    #[must_use]
    pub fn cover(&self) -> Option<String> {
        let mut names = self.names();
        names.retain(|name| {
            !name.ends_with('/') && !name.starts_with("__MACOSX/") && has_image_extension(name)
        });
        names.sort_by(|left, right| human_order(left, right));
        names.into_iter().next()
    }

    /// The cover that an EPUB declares.
    pub fn epub_cover(&mut self) -> Option<String> {
        let container = self.read("META-INF/container.xml")?;
        let container = String::from_utf8(container).ok()?;
        let root = parse(&container)?;
        let package_path = root
            .descendants()
            .find(|node| node.tag_name().name() == "rootfile")?
            .attribute("full-path")?
            .to_owned();
        let package = String::from_utf8(self.read(&package_path)?).ok()?;
        let package = parse(&package)?;
        let named = |tag: &str, attribute: &str, value: &str| {
            package.descendants().find(|node| {
                node.tag_name().name() == tag && node.attribute(attribute) == Some(value)
            })
        };
        let by_meta = || {
            let meta = named("meta", "name", "cover")?;
            named("item", "id", meta.attribute("content")?)
        };
        let item = named("item", "properties", "cover-image")
            .or_else(by_meta)
            .or_else(|| named("item", "id", "cover"))
            .or_else(|| named("reference", "type", "cover"))?;
        let href = item.attribute("href")?;
        Some(match package_path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{href}"),
            None => href.to_owned(),
        })
    }

    /// A member decoded as a still picture.
    pub fn picture(&mut self, name: &str) -> Option<Picture> {
        let bytes = self.read(name)?;
        let kind = super::identify::by_head(&bytes[..bytes.len().min(256)])?;
        Some(super::decode::still(&bytes, kind)?.picture)
    }
}

/// Reads an XML document, document types allowed.
pub(super) fn parse(text: &str) -> Option<Document<'_>> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).ok()
}

fn has_image_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ext)| IMAGE_EXTENSIONS.contains(&ext))
}

/// Numbers inside names count by value, letters without case.
pub(super) fn human_order(left: &str, right: &str) -> Ordering {
    human_key(left).cmp(&human_key(right))
}

fn human_key(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = vec![(String::new(), 0)];
    let mut in_number = false;
    for sign in name.to_lowercase().chars() {
        let digit = sign.to_digit(10);
        if digit.is_none() && in_number {
            parts.push((String::new(), 0));
        }
        in_number = digit.is_some();
        if let Some(part) = parts.last_mut() {
            match digit {
                Some(digit) => {
                    part.1 = part.1.saturating_mul(10).saturating_add(u64::from(digit));
                }
                None => part.0.push(sign),
            }
        }
    }
    parts
}

/// Word, Excel or PowerPoint, by the content types of an Office Open XML package.
fn office_kind(xml: &[u8]) -> Option<FileType> {
    const PREFIX: &str = "application/vnd.openxmlformats-officedocument.";
    let text = String::from_utf8_lossy(xml);
    let document = parse(text.trim_start_matches('\u{FEFF}'))?;
    let kinds = [
        ("/word/document.xml", "wordprocessingml.document.main+xml", FileType::DOCX),
        ("/xl/workbook.xml", "spreadsheetml.sheet.main+xml", FileType::XLSX),
        ("/ppt/presentation.xml", "presentationml.presentation.main+xml", FileType::PPTX),
    ];
    let declares = |tag: &str, attribute: &str, value: &str, kind: &str| {
        document.descendants().any(|node| {
            node.tag_name().name() == tag
                && node.attribute(attribute) == Some(value)
                && node.attribute("ContentType").and_then(|t| t.strip_prefix(PREFIX)) == Some(kind)
        })
    };
    let named = kinds.iter().find(|(part, kind, _)| declares("Override", "PartName", part, kind));
    let by_default =
        || kinds.iter().find(|(_, kind, _)| declares("Default", "Extension", "xml", kind));
    named.or_else(by_default).map(|(_, _, found)| *found)
}
