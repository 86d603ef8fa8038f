//! Facts that one door asks for: hashes of contents, sizes of thumbnails, tags by service, where
//! the managed files are.

use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::places::sha256_of;
use super::{Library, View};
use crate::media::{RenderRequest, Rendered, ThumbnailOptions, thumbnail_size};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::item::Item;
use crate::model::predicate::HashKind;
use crate::store::{LookupKind, Read as _, ServiceMappings, Status};

/// What a file would be known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHashes {
    pub sha256: Sha256,
    /// Pictures that are not flat.
    pub perceptual: Option<u64>,
    /// Pictures.
    pub pixel: Option<[u8; 32]>,
}

/// The stored tags of one item in one service, by status: current, pending, deleted, petitioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTags {
    pub service: ServiceId,
    pub stored: [Vec<TagId>; 4],
}

impl Library {
    /// The hashes of a file on this machine, which is not imported. Bytes that are no picture have
    /// no more than the first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn hashes_of(&self, path: &Path) -> Result<ContentHashes> {
        let context = |error| Error::File { context: path.display().to_string(), error };
        let sha256 = sha256_of(path).map_err(context)?;
        let examined = self.workers.examine(path, &ThumbnailOptions::default()).ok();
        let info = examined.map(|examined| examined.info);
        Ok(ContentHashes {
            sha256,
            perceptual: info.as_ref().and_then(|info| info.perceptual_hash),
            pixel: info.and_then(|info| info.pixel_hash),
        })
    }

    /// Draws a file anew.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no picture or cannot be drawn.
    pub fn render(&self, path: &Path, request: &RenderRequest) -> Result<Rendered> {
        self.workers.render(path, request).map_err(|refusal| Error::invalid(refusal.to_string()))
    }

    /// The folder below which managed files and thumbnails are, and the names of their folders.
    #[must_use]
    pub fn storage_folders(&self) -> (PathBuf, Vec<String>) {
        let names = ["f", "t"].into_iter().flat_map(|kind| {
            (0..=u8::MAX).map(move |first_byte| format!("{kind}{first_byte:02x}"))
        });
        (self.blobs.folder().to_owned(), names.collect())
    }
}

impl View {
    /// The item of a content, by any kind of hash.
    ///
    /// # Errors
    /// When reading fails.
    pub fn item_by_hash(&self, kind: HashKind, hash: &[u8]) -> Result<Option<ItemId>> {
        let kind = match kind {
            HashKind::Sha256 => {
                let sha256 = <[u8; 32]>::try_from(hash).ok().map(Sha256);
                return Ok(sha256
                    .map(|hash| self.snapshot.item_by_sha256(hash))
                    .transpose()?
                    .flatten());
            }
            HashKind::Md5 => LookupKind::Md5,
            HashKind::Sha1 => LookupKind::Sha1,
            HashKind::Sha512 => LookupKind::Sha512,
        };
        Ok(self.snapshot.lookup(kind, hash)?.first().copied())
    }

    /// The stored tags of an item in every service that has any for it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn tags_by_service(&self, id: ItemId) -> Result<Vec<ServiceTags>> {
        let row = |(service, tags): (ServiceId, ServiceMappings)| ServiceTags {
            service,
            stored: Status::ALL.map(|status| tags.tags(status).collect()),
        };
        Ok(self.mappings(id)?.services.into_iter().map(row).collect())
    }

    /// The size of an item's thumbnail; `None` for types without and for files without a size.
    #[must_use]
    pub fn thumbnail_size(&self, item: &Item) -> Option<(u32, u32)> {
        let media = item.media.as_ref()?;
        let size =
            media.width.zip(media.height).filter(|(width, height)| *width > 0 && *height > 0);
        let is_drawn = item.filetype().is_some_and(FileType::has_thumbnail);
        size.filter(|_| is_drawn)
            .map(|size| thumbnail_size(Some(size), &ThumbnailOptions::default()))
    }
}
