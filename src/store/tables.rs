//! The catalogue: every table of the store with its key and its value, in one place.
//!
//! `docs/storage.md` describes the same in prose.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::codec::{FixedWidth, Key, take};
use super::sets::SetChunk;
use crate::model::entity::Entity;
use crate::model::hash::Sha256;
use crate::model::ids::{FolderId, GroupId, ItemId, PlaceId, ServiceId, TagId};
use crate::model::item::Item;
use crate::model::place::{Folder, Place};
use crate::model::service::Service;

/// A typed table. In redb both sides are byte strings; the types live here.
pub struct Table<K, V> {
    pub(super) slot: usize,
    types: PhantomData<fn(K) -> V>,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $key:ty => $value:ty = $name:literal;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "one slot a table, by its name")]
        enum Slot { $($table),* }
        $($(#[$doc])* pub const $table: Table<$key, $value> =
            Table { slot: Slot::$table as usize, types: PhantomData };)*
        /// The names of all tables in the file, by slot.
        pub(super) const NAMES: &[&str] = &[$($name),*];
    };
}

tables! {
    /// Counters and facts of the store itself: format, sequence number, next ids.
    META: String => u64 = "meta";
    /// The whole truth of each item except its tags.
    ITEMS: ItemId => Item = "items";
    /// From content to id. Written in the same transaction as [`ITEMS`].
    ITEM_BY_SHA256: Sha256 => ItemId = "item_by_sha256";
    /// The truth of each item's tags, all services and statuses.
    MAPPINGS: ItemId => Mappings = "mappings";
    /// Texts of tags. A stored tag never changes its text.
    TAGS: TagId => TagRecord = "tags";
    /// From a tag's cleaned text to its id.
    TAG_BY_TEXT: String => TagId = "tag_by_text";
    /// From a namespace's text (without colon; "" is unnamespaced) to its id.
    NAMESPACE_BY_TEXT: String => NamespaceId = "namespace_by_text";
    /// The Stash side of tags.
    ENTITIES: TagId => Entity = "entities";
    /// Services by id.
    SERVICES: ServiceId => Service = "services";
    /// Siblings: (service, worse tag) to the better tag and its rank of arrival.
    SIBLINGS: (ServiceId, TagId) => Pair = "siblings";
    /// Parents: (service, (child, parent)) to the rank of arrival.
    PARENTS: (ServiceId, (TagId, TagId)) => u64 = "parents";
    /// Places of bytes.
    PLACES: PlaceId => Place = "places";
    /// From a path on disk (raw bytes) to its place.
    PLACE_BY_PATH: Vec<u8> => PlaceId = "place_by_path";
    /// The places of an item.
    PLACES_BY_ITEM: (ItemId, PlaceId) => () = "places_by_item";
    /// The places in a folder.
    PLACES_BY_FOLDER: (FolderId, PlaceId) => () = "places_by_folder";
    /// Folders below library paths.
    FOLDERS: FolderId => Folder = "folders";
    /// From a folder's path to its id.
    FOLDER_BY_PATH: Vec<u8> => FolderId = "folder_by_path";
    /// Duplicate groups.
    GROUPS: GroupId => DuplicateGroup = "groups";
    /// Sets of groups that are alternates of each other.
    ALTERNATES: AlternatesId => Alternates = "alternates";
    /// Potential duplicates: (group, group) in both directions, to their distance.
    POTENTIALS: (GroupId, GroupId) => u32 = "potentials";
    /// Small documents: keys, options, pages, cookies, filters; see [`DocumentKind`].
    DOCUMENTS: (DocumentKind, String) => Vec<u8> = "documents";
    /// What changed, by sequence number: feeds the index and subscribers.
    CHANGES: u64 => Vec<Change> = "changes";
    /// Derived: sets of items, see [`SetKey`](super::SetKey).
    SETS: SetChunk => Vec<u8> = "sets";
    /// Derived: the columns of each item, see [`Column`](super::Column).
    FACTS: ItemId => Vec<Option<i64>> = "facts";
    /// Derived: items by text or hash, see [`LookupKind`].
    LOOKUPS: LookupKey => () = "lookups";
}

/// A tag's texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// The cleaned text: `namespace:subtag`, or the subtag alone.
    pub text: String,
    pub namespace: NamespaceId,
}

/// A namespace of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespaceId(pub u32);

/// A set of duplicate groups that are alternates of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlternatesId(pub u32);

macro_rules! small_key {
    ($($kind:ty),*) => {$(
        impl Key for $kind {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_be_bytes());
            }
            fn decode(bytes: &[u8]) -> Option<Self> {
                Some(Self(u32::from_be_bytes(bytes.try_into().ok()?)))
            }
        }
        impl FixedWidth for $kind { const WIDTH: usize = 4; }
    )*};
}
small_key!(NamespaceId, AlternatesId);

/// A sibling's better tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub better: TagId,
    /// Order of arrival: earlier pairs win over later ones that contradict them.
    pub rank: u64,
}

/// The status of a mapping, numbered as in the Hydrus Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Status {
    Current = 0,
    Pending = 1,
    Deleted = 2,
    Petitioned = 3,
}

impl Status {
    pub const ALL: [Status; 4] =
        [Status::Current, Status::Pending, Status::Deleted, Status::Petitioned];
}

/// The tags of one item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mappings {
    /// By service, sorted; services without any tag are left out.
    pub services: Vec<(ServiceId, ServiceMappings)>,
}

/// The tags of one item in one service, each list sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceMappings {
    pub current: Vec<TagId>,
    pub pending: Vec<TagId>,
    pub deleted: Vec<TagId>,
    /// With the reason given.
    pub petitioned: Vec<(TagId, String)>,
}

impl ServiceMappings {
    /// The tags with a status.
    pub fn tags(&self, status: Status) -> Box<dyn Iterator<Item = TagId> + '_> {
        match status {
            Status::Current => Box::new(self.current.iter().copied()),
            Status::Pending => Box::new(self.pending.iter().copied()),
            Status::Deleted => Box::new(self.deleted.iter().copied()),
            Status::Petitioned => Box::new(self.petitioned.iter().map(|(tag, _)| *tag)),
        }
    }

    /// Whether the tag has the status.
    #[must_use]
    pub fn has(&self, status: Status, tag: TagId) -> bool {
        match status {
            Status::Current => self.current.binary_search(&tag).is_ok(),
            Status::Pending => self.pending.binary_search(&tag).is_ok(),
            Status::Deleted => self.deleted.binary_search(&tag).is_ok(),
            Status::Petitioned => self.petitioned.binary_search_by_key(&tag, |row| row.0).is_ok(),
        }
    }

    /// Gives the tag the status; returns whether that is new. The reason is kept for petitions.
    pub fn insert(&mut self, status: Status, tag: TagId, reason: &str) -> bool {
        let list = match status {
            Status::Current => &mut self.current,
            Status::Pending => &mut self.pending,
            Status::Deleted => &mut self.deleted,
            Status::Petitioned => {
                return match self.petitioned.binary_search_by_key(&tag, |row| row.0) {
                    Ok(_) => false,
                    Err(place) => {
                        self.petitioned.insert(place, (tag, reason.to_owned()));
                        true
                    }
                };
            }
        };
        match list.binary_search(&tag) {
            Ok(_) => false,
            Err(place) => {
                list.insert(place, tag);
                true
            }
        }
    }

    /// Takes the status from the tag; returns whether it had it.
    pub fn remove(&mut self, status: Status, tag: TagId) -> bool {
        let had = self.has(status, tag);
        match status {
            Status::Current => self.current.retain(|known| *known != tag),
            Status::Pending => self.pending.retain(|known| *known != tag),
            Status::Deleted => self.deleted.retain(|known| *known != tag),
            Status::Petitioned => self.petitioned.retain(|row| row.0 != tag),
        }
        had
    }

    fn is_empty(&self) -> bool {
        self.current.is_empty()
            && self.pending.is_empty()
            && self.deleted.is_empty()
            && self.petitioned.is_empty()
    }
}

impl Mappings {
    /// The tags in a service.
    #[must_use]
    pub fn service(&self, service: ServiceId) -> Option<&ServiceMappings> {
        let place = self.services.binary_search_by_key(&service, |row| row.0).ok()?;
        Some(&self.services[place].1)
    }

    /// The tags in a service, made on first use.
    pub fn service_mut(&mut self, service: ServiceId) -> &mut ServiceMappings {
        let place = match self.services.binary_search_by_key(&service, |row| row.0) {
            Ok(place) => place,
            Err(place) => {
                self.services.insert(place, (service, ServiceMappings::default()));
                place
            }
        };
        &mut self.services[place].1
    }

    /// Leaves out services without any tag, so that equal mappings are equal records.
    pub fn tidy(&mut self) {
        self.services.retain(|(_, mappings)| !mappings.is_empty());
    }
}

/// Files that a person declared to be the same picture, in different qualities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// The best of them.
    pub king: ItemId,
    /// All of them, the king included, sorted.
    pub members: Vec<ItemId>,
    pub alternates: Option<AlternatesId>,
}

/// Duplicate groups that are alternates of each other, and what they are known not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alternates {
    pub groups: Vec<GroupId>,
    /// Pairs of groups that a person confirmed, smaller id first.
    pub confirmed: Vec<(GroupId, GroupId)>,
    /// Alternates sets that are unrelated, in both directions.
    pub false_positives: Vec<AlternatesId>,
}

/// What a document is of. The key's text names it within its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DocumentKind {
    /// Access keys of the Hydrus door, by hexadecimal key.
    AccessKey = 1,
    /// Options, by name.
    Option = 2,
    /// URL classes, by hexadecimal key.
    UrlClass = 3,
    /// Cookies, by second-level domain.
    Cookies = 4,
    /// Network headers, by context.
    Headers = 5,
    /// The session of pages.
    Pages = 6,
    /// The download queue's entries.
    Download = 7,
    /// Favourite tags.
    FavouriteTags = 8,
    /// Pictures of entities and covers, by the hexadecimal hash of their bytes.
    Picture = 9,
    /// Settings and credentials of the Stash door.
    Stash = 10,
    /// Saved filters of the Stash door.
    SavedFilter = 11,
    /// Notes of pending and petitioned files, by service.
    PendingFiles = 12,
}

impl Key for DocumentKind {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode(bytes: &[u8]) -> Option<DocumentKind> {
        use DocumentKind::{
            AccessKey, Cookies, Download, FavouriteTags, Headers, Option, Pages, PendingFiles,
            Picture, SavedFilter, Stash, UrlClass,
        };
        let all = [
            AccessKey,
            Option,
            UrlClass,
            Cookies,
            Headers,
            Pages,
            Download,
            FavouriteTags,
            Picture,
            Stash,
            SavedFilter,
            PendingFiles,
        ];
        all.into_iter().find(|kind| bytes == [*kind as u8])
    }
}

impl FixedWidth for DocumentKind {
    const WIDTH: usize = 1;
}

/// One entry of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    pub id: u32,
}

/// What happened to the thing of that id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// A tag appeared: the lexicon learns it.
    TagAdded,
    /// An item's searchable text changed (notes, URLs, paths).
    ItemText,
    /// An item changed in any way.
    Item,
    /// The Stash side of a tag changed.
    Entity,
}

/// What a lookup finds items by. The text follows, then a zero byte where it is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LookupKind {
    Md5 = 1,
    Sha1 = 2,
    Sha512 = 3,
    /// Eight bytes, big-endian.
    Oshash = 4,
    PixelHash = 5,
    /// Eight bytes, big-endian.
    PerceptualHash = 6,
    /// Host labels reversed and joined by dots, a space, the whole URL: so that all URLs of a
    /// domain and its subdomains are neighbours.
    Url = 7,
    /// Note name, lower-cased.
    NoteName = 8,
    /// The scene of a marker: four bytes, big-endian.
    Marker = 9,
    /// The perceptual hash of a video: eight bytes, big-endian.
    VideoHash = 10,
}

/// A row of the lookup table: (kind, text, item).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupKey {
    pub kind: LookupKind,
    pub text: Vec<u8>,
    pub item: ItemId,
}

impl LookupKey {
    /// The bytes that all rows of a kind and exactly this text begin with.
    #[must_use]
    pub fn prefix(kind: LookupKind, text: &[u8]) -> Vec<u8> {
        let mut bytes = LookupKey::open_prefix(kind, text);
        bytes.push(0);
        bytes
    }

    /// The bytes that all rows of a kind whose text begins with `text` begin with.
    #[must_use]
    pub fn open_prefix(kind: LookupKind, text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() + 6);
        bytes.push(kind as u8);
        bytes.extend_from_slice(text);
        bytes
    }
}

impl Key for LookupKey {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&LookupKey::prefix(self.kind, &self.text));
        self.item.encode(out);
    }
    fn decode(mut bytes: &[u8]) -> Option<LookupKey> {
        use LookupKind::{
            Marker, Md5, NoteName, Oshash, PerceptualHash, PixelHash, Sha1, Sha512, Url, VideoHash,
        };
        let [number] = take::<1>(&mut bytes)?;
        let kinds = [
            Md5,
            Sha1,
            Sha512,
            Oshash,
            PixelHash,
            PerceptualHash,
            Url,
            NoteName,
            Marker,
            VideoHash,
        ];
        let kind = kinds.into_iter().find(|kind| *kind as u8 == number)?;
        let (text, tail) = bytes.split_at_checked(bytes.len().checked_sub(5)?)?;
        let (zero, item) = tail.split_first()?;
        (*zero == 0).then_some(LookupKey { kind, text: text.to_vec(), item: ItemId::decode(item)? })
    }
}
