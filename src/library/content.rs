//! Opening an item: where its bytes are now, and its thumbnail.

use std::fs;
use std::path::PathBuf;

use super::error::{Error, Result};
use super::membership::is_held;
use super::places::{path_of, places_of};
use super::{Library, View};
use crate::media::{self, Thumbnail, ThumbnailFormat, ThumbnailOptions};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::place::PlaceKind;

/// Bytes of an item, found on the disk a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// The type in force, which decides mime type and extension.
    pub filetype: FileType,
    pub sha256: Sha256,
}

/// A thumbnail to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbnailContent {
    pub bytes: Vec<u8>,
    pub mime: &'static str,
    /// `<hash>.thumbnail`, or `<type>.png` for default pictures.
    pub file_name: String,
    /// Whether it is a picture of the type and not of the file.
    pub is_default: bool,
}

impl ThumbnailContent {
    /// The picture of files of which nothing is known.
    #[must_use]
    pub fn unknown() -> ThumbnailContent {
        default_thumbnail(&Item::default())
    }
}

/// The bytes of an item; `None` when it is not held or its bytes are not where they should be.
pub(super) fn content_at(view: &View, id: ItemId, item: &Item) -> Result<Option<Content>> {
    let (Some(sha256), Some(media), true) = (item.sha256, &item.media, is_held(item)) else {
        return Ok(None);
    };
    for (_, place) in places_of(&view.snapshot, id)? {
        let path = match &place.kind {
            PlaceKind::Managed => view.library().blobs.file_path(sha256, media.filetype),
            PlaceKind::Path { path, .. } => path_of(path),
            // Pictures inside archives are read through their archive.
            PlaceKind::Member { .. } => continue,
        };
        if let Ok(found) = fs::metadata(&path)
            && found.is_file()
        {
            let filetype = item.forced_filetype.unwrap_or(media.filetype);
            return Ok(Some(Content { path, size_bytes: found.len(), filetype, sha256 }));
        }
    }
    Ok(None)
}

impl View {
    /// The bytes of an item, in the first of its places where they really are (the managed blob,
    /// then library folders); `None` when it is not held or nothing is there.
    ///
    /// # Errors
    /// When reading the store fails.
    pub fn open_content(&self, id: ItemId) -> Result<Option<Content>> {
        let item = self.item(id)?.ok_or_else(|| Error::missing("file", id))?;
        content_at(self, id, &item)
    }

    /// Where the thumbnail of an item is, or would be. `None` for types without thumbnails.
    ///
    /// # Errors
    /// When reading the store fails.
    pub fn thumbnail_path(&self, id: ItemId) -> Result<Option<PathBuf>> {
        let item = self.item(id)?.ok_or_else(|| Error::missing("file", id))?;
        let drawn = item.filetype().is_some_and(FileType::has_thumbnail);
        let path = |sha256| self.library().blobs.thumbnail_path(sha256);
        Ok(item.sha256.filter(|_| drawn).map(path))
    }

    /// The thumbnail of an item: the stored one, else one drawn now, else the picture of its type.
    ///
    /// # Errors
    /// When reading the store fails.
    pub fn thumbnail(&self, id: ItemId) -> Result<ThumbnailContent> {
        let item = self.item(id)?.ok_or_else(|| Error::missing("file", id))?;
        let drawn = item.filetype().is_some_and(FileType::has_thumbnail) && is_held(&item);
        if let (Some(sha256), true) = (item.sha256, drawn) {
            // A power cut may have left it broken.
            if let Ok(bytes) = fs::read(self.library().blobs.thumbnail_path(sha256))
                && media::thumbnail::is_whole(&bytes)
            {
                return Ok(stored(sha256, bytes));
            }
            if let Some(content) = content_at(self, id, &item)?
                && let Some(thumbnail) = self.library().draw_thumbnail(&content)
            {
                return Ok(stored(sha256, thumbnail.bytes));
            }
        }
        Ok(default_thumbnail(&item))
    }
}

impl Library {
    /// Draws and keeps the thumbnail of a file; `None` when its bytes cannot be read.
    fn draw_thumbnail(&self, content: &Content) -> Option<Thumbnail> {
        let options = ThumbnailOptions::default();
        let examined = self.workers.examine(&content.path, &options).ok()?;
        if examined.sha256 != content.sha256 {
            return None;
        }
        let thumbnail = examined.thumbnail?;
        self.blobs.keep_thumbnail(content.sha256, &thumbnail);
        Some(thumbnail)
    }
}

fn stored(sha256: Sha256, bytes: Vec<u8>) -> ThumbnailContent {
    let png = bytes.starts_with(b"\x89PNG");
    let format = if png { ThumbnailFormat::Png } else { ThumbnailFormat::Jpeg };
    let file_name = format!("{sha256}.thumbnail");
    ThumbnailContent { bytes, mime: format.mime(), file_name, is_default: false }
}

/// The picture of a type; of files in general where nothing is known.
fn default_thumbnail(item: &Item) -> ThumbnailContent {
    let kind = item.filetype().unwrap_or(FileType::UNKNOWN);
    let media = item.media.as_ref();
    let size = media.and_then(|media| media.width.zip(media.height));
    let (bytes, format) = if kind.has_thumbnail() {
        let (width, height) = media::thumbnail_size(size, &ThumbnailOptions::default());
        let drawn = media::thumbnail::default_thumbnail(kind, width, height);
        drawn.map_or((None, ThumbnailFormat::Png), |drawn| (Some(drawn.bytes), drawn.format))
    } else {
        (media::render::png(&media::icon::icon(kind)), ThumbnailFormat::Png)
    };
    let name = if item.media.is_some() { kind.ext().trim_start_matches('.') } else { "hydrus" };
    ThumbnailContent {
        bytes: bytes.unwrap_or_default(),
        mime: format.mime(),
        file_name: format!("{}.png", if name.is_empty() { "hydrus" } else { name }),
        is_default: true,
    }
}
