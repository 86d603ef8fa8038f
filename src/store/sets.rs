//! Sets of items as roaring bitmaps, kept in one table in chunks of 2^20 ids.
//!
//! A chunk bounds what one change rewrites (128 KiB at most) however large the library grows.

use roaring::RoaringBitmap;

use super::codec::{Key, take};
use super::error::{Error, Result};
use crate::model::filetype::FileType;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::store::tables::{NamespaceId, Status};

/// Ids per chunk: an id's chunk is `id >> CHUNK_BITS`.
pub(super) const CHUNK_BITS: u32 = 20;

/// Which set. All sets are derived from items and mappings (see `derive.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKey {
    /// Every item that has a hash: what a Hydrus client can name.
    Known,
    /// Items currently in a file domain.
    Domain(ServiceId),
    /// Items with a deletion record for a file domain.
    Deleted(ServiceId),
    /// A yes/no fact, see [`Flag`].
    Flag(Flag),
    /// Items of a file type (the forced one where there is one).
    Filetype(FileType),
    /// Items rated in a service (counters: above zero).
    Rated(ServiceId),
    /// Items bearing a tag in a service with a status: storage, siblings and parents not applied.
    Tag(ServiceId, Status, TagId),
    /// Items bearing any tag of a namespace.
    Namespace(ServiceId, Status, NamespaceId),
    /// Items bearing any tag.
    Tagged(ServiceId, Status),
}

/// Facts that are sets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Flag {
    /// In the inbox.
    Inbox = 1,
    /// The file's facts are known: it was held at some time.
    HasMedia = 2,
    HasAudio = 3,
    HasTransparency = 4,
    HasExif = 5,
    HasXmp = 6,
    HasIptc = 7,
    HasIccProfile = 8,
    HasHumanReadableMetadata = 9,
    HasSoftwareSource = 10,
    ForcedFiletype = 11,
    HasUrls = 12,
    HasNotes = 13,
    /// Has a perceptual hash.
    HasPerceptualHash = 14,
    /// Member of a duplicate group record.
    Grouped = 15,
    /// A later member of an object: no scene, image or gallery of its own.
    Member = 16,
    /// An object without content.
    WithoutContent = 17,
    /// Heads an object that has state of its own (dates, plays, ratings, covers).
    HasObjectState = 18,
    /// A scene that a person made, without content of its own.
    MadeScene = 19,
    /// Heads a scene with markers.
    HasMarkers = 20,
    /// Has the perceptual hash of a video.
    HasVideoHash = 21,
}

impl SetKey {
    /// (kind, scope, value) as stored.
    fn parts(self) -> (u8, u16, u32) {
        match self {
            SetKey::Known => (1, 0, 0),
            SetKey::Domain(service) => (2, service.0, 0),
            SetKey::Deleted(service) => (3, service.0, 0),
            SetKey::Flag(flag) => (4, 0, u32::from(flag as u8)),
            SetKey::Filetype(filetype) => (5, 0, u32::from(filetype.0)),
            SetKey::Rated(service) => (6, service.0, 0),
            SetKey::Tag(service, status, tag) => (16 + status as u8, service.0, tag.0),
            SetKey::Namespace(service, status, namespace) => {
                (24 + status as u8, service.0, namespace.0)
            }
            SetKey::Tagged(service, status) => (32 + status as u8, service.0, 0),
        }
    }

    /// The bytes that the keys of all tags of a service with a status begin with.
    pub(super) fn tags_prefix(service: ServiceId, status: Status) -> [u8; 3] {
        let (kind, scope, _) = SetKey::Tag(service, status, TagId(0)).parts();
        let [high, low] = scope.to_be_bytes();
        [kind, high, low]
    }

    /// The key of one chunk of this set.
    pub(super) fn chunk(self, chunk: u16) -> SetChunk {
        let (kind, scope, value) = self.parts();
        SetChunk { kind, scope, value, chunk }
    }
}

/// One row of the table of sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetChunk {
    pub(super) kind: u8,
    pub(super) scope: u16,
    pub(super) value: u32,
    pub(super) chunk: u16,
}

impl Key for SetChunk {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind);
        out.extend_from_slice(&self.scope.to_be_bytes());
        out.extend_from_slice(&self.value.to_be_bytes());
        out.extend_from_slice(&self.chunk.to_be_bytes());
    }
    fn decode(mut bytes: &[u8]) -> Option<SetChunk> {
        let key = SetChunk {
            kind: take::<1>(&mut bytes)?[0],
            scope: u16::from_be_bytes(take(&mut bytes)?),
            value: u32::from_be_bytes(take(&mut bytes)?),
            chunk: u16::from_be_bytes(take(&mut bytes)?),
        };
        bytes.is_empty().then_some(key)
    }
}

/// The chunk an item belongs to.
pub(super) fn chunk_of(item: ItemId) -> u16 {
    u16::try_from(item.0 >> CHUNK_BITS).expect("12 bits are left of an id")
}

/// Bytes of a bitmap as stored.
pub(super) fn bitmap_bytes(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).expect("writing to memory does not fail");
    bytes
}

/// Reads a stored bitmap.
///
/// # Errors
/// [`Error::Damaged`] when the bytes are no bitmap.
pub(super) fn bitmap_from(bytes: &[u8]) -> Result<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes)
        .map_err(|error| Error::Damaged(format!("a set row: {error}")))
}

/// Pending changes of one set chunk: the ids to add and those to remove, never both.
#[derive(Clone, Debug, Default)]
pub(super) struct SetDelta {
    pub(super) added: RoaringBitmap,
    pub(super) removed: RoaringBitmap,
}

impl SetDelta {
    pub(super) fn insert(&mut self, item: ItemId) {
        self.removed.remove(item.0);
        self.added.insert(item.0);
    }

    pub(super) fn remove(&mut self, item: ItemId) {
        self.added.remove(item.0);
        self.removed.insert(item.0);
    }

    /// Lays a later delta over this one.
    pub(super) fn merge(&mut self, later: SetDelta) {
        self.added -= &later.removed;
        self.removed -= &later.added;
        self.added |= later.added;
        self.removed |= later.removed;
    }

    pub(super) fn apply(&self, set: &mut RoaringBitmap) {
        *set -= &self.removed;
        *set |= &self.added;
    }
}
