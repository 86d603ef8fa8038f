//! Places: where an item's bytes are, and the folders of library paths.

use serde::{Deserialize, Serialize};

use super::ids::{FolderId, ItemId, ServiceId};

/// One location of bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub item: ItemId,
    pub kind: PlaceKind,
    pub size_bytes: u64,
    pub modified_ms: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// What holds the bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PlaceKind {
    /// A managed blob, addressed by the item's SHA-256.
    Managed,
    /// A file in a library folder: the whole path as raw bytes, and its folder.
    Path { path: Vec<u8>, folder: FolderId },
    /// A member of an archive that is itself a place in a library folder.
    Member { archive: super::ids::PlaceId, inner_path: Vec<u8> },
}

/// A folder below (or at) a library path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    pub path: Vec<u8>,
    /// `None` for the root of a library path.
    pub parent: Option<FolderId>,
    /// The local file domain that mirrors the library path.
    pub domain: ServiceId,
    pub modified_ms: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
}
