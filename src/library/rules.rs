//! Options about files: what may be imported, what may be deleted, when the trash is emptied.

use serde::{Deserialize, Serialize};

use super::error::Result;
use super::{Library, View};
use crate::model::filetype::FileType;
use crate::model::media::MediaInfo;
use crate::model::tag_filter::TagFilter;
use crate::store::{self, DocumentKind, Read as _};

const IMPORT_RULES: &str = "import_rules";
const FILE_RULES: &str = "file_rules";
const DOWNLOAD_TAGS: &str = "download_tags";

/// Rules that a file must meet to be imported; `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportRules {
    /// Bytes.
    pub min_size: Option<u64>,
    /// Bytes.
    pub max_size: Option<u64>,
    /// Width and height; files without a size in pixels pass.
    pub min_resolution: Option<(u32, u32)>,
    /// Width and height; files without a size in pixels pass.
    pub max_resolution: Option<(u32, u32)>,
    /// Mime types, or names of groups of types such as `image`.
    pub allowed_mimes: Option<Vec<String>>,
}

impl ImportRules {
    /// Why the file may not be imported, as a sentence; `None` if it may.
    #[must_use]
    pub fn veto(&self, info: &MediaInfo) -> Option<String> {
        let size = info.size_bytes;
        if let Some(limit) = self.min_size.filter(|limit| size < *limit) {
            return Some(format!("File has {size} bytes, under the lower limit of {limit} bytes!"));
        }
        if let Some(limit) = self.max_size.filter(|limit| size > *limit) {
            return Some(format!("File has {size} bytes, over the upper limit of {limit} bytes!"));
        }
        if let (Some(width), Some(height)) = (info.width, info.height) {
            let small = |limit: &(u32, u32)| width < limit.0 || height < limit.1;
            if let Some((w, h)) = self.min_resolution.filter(small) {
                return Some(format!(
                    "File resolution {width}x{height} is under the lower limit of {w}x{h}!"
                ));
            }
            let large = |limit: &(u32, u32)| width > limit.0 || height > limit.1;
            if let Some((w, h)) = self.max_resolution.filter(large) {
                return Some(format!(
                    "File resolution {width}x{height} is over the upper limit of {w}x{h}!"
                ));
            }
        }
        let allowed = self.allowed_mimes.as_ref()?;
        let named = |name: &String| {
            FileType::named(name).is_some_and(|types| types.contains(&info.filetype))
        };
        (!allowed.iter().any(named))
            .then(|| format!("Files of the type {} are not allowed here!", info.filetype.mime()))
    }
}

/// Rules about deleting files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRules {
    /// Whether archived files are safe from physical deletion.
    pub delete_lock: bool,
    /// How long files stay in the trash; `None`: until something else removes them.
    pub trash_age_ms_max: Option<i64>,
    /// How much the trash may hold; `None`: any amount.
    pub trash_bytes_max: Option<u64>,
}

impl Default for FileRules {
    fn default() -> FileRules {
        FileRules {
            delete_lock: false,
            trash_age_ms_max: Some(72 * 3_600_000),
            trash_bytes_max: Some(2048 << 20),
        }
    }
}

/// The rules about deleting, as part of a larger read or write.
///
/// # Errors
/// When reading fails.
pub fn file_rules(read: &impl store::Read) -> store::Result<FileRules> {
    Ok(read.document(DocumentKind::Option, FILE_RULES)?.unwrap_or_default())
}

/// Which of the tags that come with an address are kept.
///
/// # Errors
/// When reading fails.
pub fn download_tags(read: &impl store::Read) -> store::Result<TagFilter> {
    Ok(read.document(DocumentKind::Option, DOWNLOAD_TAGS)?.unwrap_or_default())
}

/// Replaces the filter of [`download_tags`], as part of a larger write.
///
/// # Errors
/// When writing fails.
pub fn put_download_tags(tx: &mut store::Tx, filter: &TagFilter) -> store::Result<()> {
    tx.put_document(DocumentKind::Option, DOWNLOAD_TAGS, filter)
}

impl View {
    /// The rules about importing.
    ///
    /// # Errors
    /// When reading fails.
    pub fn import_rules(&self) -> Result<ImportRules> {
        Ok(self.snapshot.document(DocumentKind::Option, IMPORT_RULES)?.unwrap_or_default())
    }

    /// The rules about deleting.
    ///
    /// # Errors
    /// When reading fails.
    pub fn file_rules(&self) -> Result<FileRules> {
        Ok(file_rules(&self.snapshot)?)
    }
}

impl Library {
    /// Replaces the rules about importing.
    ///
    /// # Errors
    /// When writing fails.
    pub fn set_import_rules(&self, rules: ImportRules) -> Result<()> {
        self.write(move |tx| Ok(put_import_rules(tx, &rules)?))
    }

    /// Replaces the rules about deleting.
    ///
    /// # Errors
    /// When writing fails.
    pub fn set_file_rules(&self, rules: FileRules) -> Result<()> {
        self.write(move |tx| Ok(tx.put_document(DocumentKind::Option, FILE_RULES, &rules)?))
    }
}

/// [`Library::set_import_rules`] as part of a larger write.
///
/// # Errors
/// When writing fails.
pub fn put_import_rules(tx: &mut store::Tx, rules: &ImportRules) -> store::Result<()> {
    tx.put_document(DocumentKind::Option, IMPORT_RULES, rules)
}
