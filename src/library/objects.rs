//! Objects: the scenes and images that Stash sees, with their files and what they are ordered by.
//!
//! An object is headed by one item, whose id it bears; later members are files of the same object.
//! Stash sees exactly the heads in "combined local file domains".

mod edit;
mod facts;
mod history;
mod made;
mod markers;
mod ranks;
mod stand_ins;

use std::path::PathBuf;
use std::sync::Arc;

use roaring::RoaringBitmap;

pub use edit::{ObjectEdit, edit_object, put_picture};
pub(super) use facts::FactsCache;
pub use facts::{FactsGuard, ObjectFacts};
pub use history::{HistoryChange, HistoryKind, change_history, change_played, reset_played};
pub use made::{
    assign_file, create_scene, destroy_made, merge_scenes, set_primary, set_video_hash,
};
pub use markers::{MarkerEdit, create_marker, destroy_marker, edit_marker};
pub(super) use ranks::RanksCache;
pub use ranks::{NameRanks, NameSort};
pub(super) use stand_ins::heads_of_members;
pub use stand_ins::{ObjectColumn, StandIns};

use super::View;
use super::error::Result;
use super::places::path_of;
pub use crate::index::TextField;
use crate::model::filetype::FileType;
use crate::model::ids::{FolderId, ItemId, MarkerId, PlaceId};
use crate::model::item::Item;
use crate::model::place::{Folder, Place, PlaceKind};
use crate::model::service::ServiceKind;
use crate::model::service::builtin::COMBINED_LOCAL;
pub use crate::store::{Column, Flag, LookupKind, Tx};
use crate::store::{
    DOCUMENTS, DocumentKind, FOLDERS, LOOKUPS, LookupKey, PLACES, PLACES_BY_ITEM, Read, SetKey,
};

/// The service that shows a Stash rating to Hydrus clients: its name, and its key.
pub const RATING_SERVICE: &str = "stash rating";
/// The service that shows the Stash counter to Hydrus clients.
pub const COUNTER_SERVICE: &str = "stash counter";

/// One file of an object.
#[derive(Clone, Debug)]
pub struct ObjectFile {
    pub id: PlaceId,
    pub item_id: ItemId,
    pub item: Arc<Item>,
    pub place: Place,
    pub path: PathBuf,
}

impl View {
    /// The objects that Stash sees: heads in the combined local domains, those that another item
    /// stands in for, and scenes made by hand.
    ///
    /// # Errors
    /// When reading fails.
    pub fn visible(&self) -> Result<RoaringBitmap> {
        let local = self.snapshot.set(SetKey::Domain(COMBINED_LOCAL))?;
        let heads =
            (local | self.made_scenes()?) - self.snapshot.set(SetKey::Flag(Flag::Member))?;
        Ok(heads | self.stand_ins()?.heads())
    }

    /// The visible videos, and the scenes made by hand.
    ///
    /// # Errors
    /// When reading fails.
    pub fn scenes(&self) -> Result<RoaringBitmap> {
        Ok(self.of_types(FileType::is_video)? | self.made_scenes()?)
    }

    fn made_scenes(&self) -> Result<RoaringBitmap> {
        Ok(self.snapshot.set(SetKey::Flag(Flag::MadeScene))?)
    }

    /// Objects with the later members among their files, for sums over files.
    ///
    /// # Errors
    /// When reading fails.
    pub fn with_members(&self, objects: &RoaringBitmap) -> Result<RoaringBitmap> {
        let mut all = objects.clone();
        let local = self.snapshot.set(SetKey::Domain(COMBINED_LOCAL))?;
        let members = self.snapshot.set(SetKey::Flag(Flag::Member))? & local;
        if members.is_empty() {
            return Ok(all);
        }
        for id in members {
            let head = self.item(ItemId(id))?.and_then(|item| item.head);
            if head.is_some_and(|head| objects.contains(head.0)) {
                all.insert(id);
            }
        }
        // What a scene made by hand shows are the facts of its first file, which is among them.
        Ok(all - self.made_scenes()? - self.stand_ins()?.heads())
    }

    /// The visible still and animated pictures.
    ///
    /// # Errors
    /// When reading fails.
    pub fn images(&self) -> Result<RoaringBitmap> {
        self.of_types(FileType::is_picture)
    }

    fn of_types(&self, wanted: impl Fn(FileType) -> bool) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for filetype in FileType::all().filter(|filetype| wanted(*filetype)) {
            found |= self.snapshot.set(SetKey::Filetype(filetype))?;
        }
        Ok(self.stand_ins()?.seen(found) & self.visible()?)
    }

    /// The organized items: what a person archived.
    ///
    /// # Errors
    /// When reading fails.
    pub fn inbox(&self) -> Result<RoaringBitmap> {
        Ok(self.stand_ins()?.seen(self.snapshot.set(SetKey::Flag(Flag::Inbox))?))
    }

    /// Objects with URLs, with notes, or with a state of their own.
    ///
    /// # Errors
    /// When reading fails.
    pub fn flagged(&self, flag: Flag) -> Result<RoaringBitmap> {
        let found = self.snapshot.set(SetKey::Flag(flag))?;
        let is_own = matches!(flag, Flag::HasObjectState | Flag::HasMarkers);
        Ok(if is_own { found } else { self.stand_ins()?.seen(found) })
    }

    /// The values of a fact of all objects, as of now. Drop it soon: the writer waits for it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn column(&self, column: Column) -> Result<ObjectColumn<'_>> {
        let stand_ins = self.stand_ins()?;
        Ok(ObjectColumn::new(self.library().store.column(column)?, stand_ins, column))
    }

    /// The items that a hash finds.
    ///
    /// # Errors
    /// When reading fails.
    pub fn items_by_hash(&self, kind: LookupKind, hash: &[u8]) -> Result<Vec<ItemId>> {
        Ok(self.snapshot.lookup(kind, hash)?)
    }

    /// The head of the object that an item belongs to: itself, unless it is a later member.
    ///
    /// # Errors
    /// When reading fails.
    pub fn head_of(&self, id: ItemId) -> Result<Option<ItemId>> {
        Ok(self.item(id)?.map(|item| item.head.unwrap_or(id)))
    }

    /// The files of an object, the primary one first: the head's places, then the later members'.
    ///
    /// # Errors
    /// When reading fails.
    pub fn object_files(&self, id: ItemId, head: &Arc<Item>) -> Result<Vec<ObjectFile>> {
        let is_own = self.stand_ins()?.of(id) == id;
        let mut files = if is_own { self.item_files(id, head)? } else { Vec::new() };
        for member in head.object.iter().flat_map(|object| &object.members) {
            // What was deleted of it is no file of it any more.
            if let Some(item) = self.item(*member)?.filter(|item| item.is_in(COMBINED_LOCAL)) {
                files.extend(self.item_files(*member, &Arc::new(item))?);
            }
        }
        let primary = head.object.as_ref().and_then(|object| object.primary);
        if let Some(at) = files.iter().position(|file| Some(file.id) == primary) {
            files[..=at].rotate_right(1);
        }
        Ok(files)
    }

    fn item_files(&self, id: ItemId, item: &Arc<Item>) -> Result<Vec<ObjectFile>> {
        let mut files = Vec::new();
        for ((_, place_id), ()) in
            self.snapshot.with_prefix(&PLACES_BY_ITEM, &id.0.to_be_bytes())?
        {
            if let Some(place) = self.snapshot.get(&PLACES, &place_id)? {
                files.extend(self.object_file(place_id, place, id, item)?);
            }
        }
        Ok(files)
    }

    fn object_file(
        &self,
        id: PlaceId,
        place: Place,
        item_id: ItemId,
        item: &Arc<Item>,
    ) -> Result<Option<ObjectFile>> {
        let path = match &place.kind {
            PlaceKind::Managed => match (item.sha256, &item.media) {
                (Some(sha256), Some(media)) => {
                    self.library().blobs.file_path(sha256, media.filetype)
                }
                _ => return Ok(None),
            },
            PlaceKind::Path { path, .. } => path_of(path),
            PlaceKind::Member { archive, inner_path } => {
                match self.snapshot.get(&PLACES, archive)?.map(|place| place.kind) {
                    Some(PlaceKind::Path { path, .. }) => path_of(&path).join(path_of(inner_path)),
                    _ => return Ok(None),
                }
            }
        };
        Ok(Some(ObjectFile { id, item_id, item: Arc::clone(item), place, path }))
    }

    /// Items whose text of these kinds may contain `text`; `None` when nothing can be ruled out.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn text_candidates(
        &self,
        fields: &[TextField],
        text: &str,
    ) -> Result<Option<RoaringBitmap>> {
        let Some(mut found) = self.library().index()?.substring_candidates(fields, text)? else {
            return Ok(None);
        };
        // What is written on a later member is found at its head.
        for member in &found & self.snapshot.set(SetKey::Flag(Flag::Member))? {
            found.extend(self.head_of(ItemId(member))?.map(|head| head.0));
        }
        Ok(Some(found))
    }

    /// The perceptual hashes of all videos here that have one, with their items, in the order of
    /// hashes.
    ///
    /// # Errors
    /// When reading fails.
    pub fn video_hashes(&self) -> Result<Vec<(u64, ItemId)>> {
        let mut found = Vec::new();
        let local = self.snapshot.set(SetKey::Domain(COMBINED_LOCAL))?;
        let prefix = LookupKey::open_prefix(LookupKind::VideoHash, &[]);
        for (key, ()) in self.snapshot.with_prefix(&LOOKUPS, &prefix)? {
            if local.contains(key.item.0)
                && let Ok(bytes) = <[u8; 8]>::try_from(key.text.as_slice())
            {
                found.push((u64::from_be_bytes(bytes), key.item));
            }
        }
        Ok(found)
    }

    /// The items with the perceptual hash of a video.
    ///
    /// # Errors
    /// When reading fails.
    pub fn with_video_hash(&self) -> Result<RoaringBitmap> {
        Ok(self.stand_ins()?.seen(self.snapshot.set(SetKey::Flag(Flag::HasVideoHash))?))
    }

    /// The scenes with markers.
    ///
    /// # Errors
    /// When reading fails.
    pub fn marked_scenes(&self) -> Result<RoaringBitmap> {
        Ok(self.snapshot.set(SetKey::Flag(Flag::HasMarkers))? & self.scenes()?)
    }

    /// The scene that a marker is on.
    ///
    /// # Errors
    /// When reading fails.
    pub fn scene_of_marker(&self, id: MarkerId) -> Result<Option<ItemId>> {
        Ok(self.snapshot.lookup(LookupKind::Marker, &id.0.to_be_bytes())?.into_iter().next())
    }

    /// Items with managed blobs: those in local domains that mirror no folder.
    ///
    /// # Errors
    /// When reading fails.
    pub fn managed(&self) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for (id, service) in self.services().of_kind(ServiceKind::LOCAL_FILES) {
            if service.folder.is_none() {
                found |= self.snapshot.set(SetKey::Domain(id))?;
            }
        }
        Ok(found)
    }

    /// A file by the id of its place.
    ///
    /// # Errors
    /// When reading fails.
    pub fn file(&self, id: PlaceId) -> Result<Option<ObjectFile>> {
        let Some(place) = self.snapshot.get(&PLACES, &id)? else { return Ok(None) };
        let item_id = place.item;
        let Some(item) = self.item(item_id)? else { return Ok(None) };
        self.object_file(id, place, item_id, &Arc::new(item))
    }

    /// The file at a path of a library folder.
    ///
    /// # Errors
    /// When reading fails.
    pub fn file_at(&self, path: &str) -> Result<Option<ObjectFile>> {
        let id = self.snapshot.get(&crate::store::PLACE_BY_PATH, &path.as_bytes().to_vec())?;
        id.map_or(Ok(None), |id| self.file(id))
    }

    /// A folder of a library path.
    ///
    /// # Errors
    /// When reading fails.
    pub fn folder(&self, id: FolderId) -> Result<Option<Folder>> {
        Ok(self.snapshot.get(&FOLDERS, &id)?)
    }

    /// All folders of library paths.
    ///
    /// # Errors
    /// When reading fails.
    pub fn folders(&self) -> Result<Vec<(FolderId, Folder)>> {
        Ok(self.snapshot.with_prefix(&FOLDERS, &[])?)
    }

    /// The folder at a path.
    ///
    /// # Errors
    /// When reading fails.
    pub fn folder_at(&self, path: &str) -> Result<Option<FolderId>> {
        Ok(self.snapshot.get(&crate::store::FOLDER_BY_PATH, &path.as_bytes().to_vec())?)
    }

    /// The rating in force: the exact one, unless a Hydrus client gave other stars since.
    #[must_use]
    pub fn rating100(&self, item: &Item) -> Option<u8> {
        let service = self.services().by_key(RATING_SERVICE.as_bytes())?;
        let stars = edit::stars_of(item.rating(service)?);
        let exact = item.object.as_ref().and_then(|object| object.rating100);
        Some(exact.filter(|exact| edit::stars_for(*exact) == stars).unwrap_or(stars * 20))
    }

    /// The counter in force: what its service says, as a Hydrus client may have changed it.
    #[must_use]
    pub fn counter(&self, item: &Item) -> u64 {
        let service = self.services().by_key(COUNTER_SERVICE.as_bytes());
        service.and_then(|service| item.rating(service)).map_or(0, |count| count.max(0.0) as u64)
    }
}

/// A document of the Stash door.
///
/// # Errors
/// When reading fails or the document is another one.
pub fn stash_document<T: serde::de::DeserializeOwned>(
    view: &View,
    name: &str,
) -> Result<Option<T>> {
    Ok(view.snapshot.document(DocumentKind::Stash, name)?)
}

/// Keeps a document of the Stash door.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn put_stash_document(tx: &mut Tx, name: &str, document: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_vec(document)
        .map_err(|error| super::Error::invalid(format!("a document of {name}: {error}")))?;
    tx.put(&DOCUMENTS, &(DocumentKind::Stash, name.to_owned()), &text);
    Ok(())
}
