//! What a scan writes: folders, places, memberships, later members of objects.

use std::collections::BTreeSet;

use crate::library::error::Result;
use crate::library::lifecycle::local_domains;
use crate::library::membership::{self, Departure};
use crate::library::places::{add_place, places_of, put_place, remove_place};
use crate::library::relationships::note_new_file;
use crate::library::services::Services;
use crate::model::hash::Sha256;
use crate::model::ids::{FolderId, ItemId, PlaceId, ServiceId};
use crate::model::item::Item;
use crate::model::media::MediaInfo;
use crate::model::place::{Folder, Place, PlaceKind};
use crate::model::service::builtin::{STORAGE, TRASH};
use crate::store::{ChangeKind, FOLDER_BY_PATH, FOLDERS, PLACES, PLACES_BY_FOLDER, Read as _, Tx};

/// Counter of folder ids.
const NEXT_FOLDER: &str = "next_folder";

/// A file of a library folder, examined.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: Vec<u8>,
    /// The path of the library folder.
    pub(super) root: Vec<u8>,
    pub(super) domain: ServiceId,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: i64,
    /// The place that the path had.
    pub(super) known: Option<PlaceId>,
    /// A place of the same bytes whose path is gone.
    pub(super) moved_from: Option<(PlaceId, Vec<u8>)>,
    pub(super) sha256: Sha256,
    pub(super) info: MediaInfo,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Added(ItemId),
    Moved(ItemId),
    Updated(ItemId),
    /// There is a deletion record.
    Refused,
}

impl Taken {
    pub(super) fn item(self) -> Option<ItemId> {
        match self {
            Taken::Added(item) | Taken::Moved(item) | Taken::Updated(item) => Some(item),
            Taken::Refused => None,
        }
    }
}

/// The folder of a path, made with all above it up to the library folder.
pub(super) fn ensure_folder(
    tx: &mut Tx,
    path: &[u8],
    root: &[u8],
    domain: ServiceId,
    modified_ms: Option<i64>,
) -> Result<FolderId> {
    let now_ms = tx.now_ms();
    if let Some(id) = tx.get(&FOLDER_BY_PATH, &path.to_vec())?
        && let Some(mut folder) = tx.get(&FOLDERS, &id)?
    {
        let modified_ms = modified_ms.unwrap_or(folder.modified_ms);
        if folder.modified_ms != modified_ms {
            folder.modified_ms = modified_ms;
            folder.updated_ms = now_ms;
            tx.put(&FOLDERS, &id, &folder);
        }
        return Ok(id);
    }
    let above = parent_of(path).filter(|_| path.len() > root.len());
    let parent = match above {
        Some(above) => Some(ensure_folder(tx, above, root, domain, None)?),
        None => None,
    };
    let id = FolderId(tx.next_id(NEXT_FOLDER)?);
    let folder = Folder {
        path: path.to_vec(),
        parent,
        domain,
        modified_ms: modified_ms.unwrap_or_default(),
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    tx.put(&FOLDERS, &id, &folder);
    tx.put(&FOLDER_BY_PATH, &path.to_vec(), &id);
    Ok(id)
}

/// The path in front of the last slash.
fn parent_of(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some(&path[..slash.max(1)])
}

/// Takes one file in: its place, its item, its membership.
pub(super) fn take_in(tx: &mut Tx, seen: &Seen) -> Result<Taken> {
    let id = tx.item_for(seen.sha256)?;
    let (old, is_moved) = place_before(tx, seen)?;
    let folder_path = parent_of(&seen.path).unwrap_or(&seen.root).to_vec();
    let folder = ensure_folder(tx, &folder_path, &seen.root, seen.domain, None)?;
    let now_ms = tx.now_ms();
    let place = Place {
        item: id,
        kind: PlaceKind::Path { path: seen.path.clone(), folder },
        size_bytes: seen.size_bytes,
        modified_ms: seen.modified_ms,
        created_ms: old.as_ref().map_or(now_ms, |(_, place)| place.created_ms),
        updated_ms: now_ms,
    };
    match &old {
        Some((place_id, _)) => put_place(tx, *place_id, &place)?,
        None => drop(add_place(tx, &place)?),
    }
    tx.log(ChangeKind::ItemText, id.0);
    let before = tx.item(id)?.unwrap_or_default();
    let is_new = before.media.is_none();
    // Even a file that stays out has its facts and its place, so that no scan examines it again.
    tx.edit_item(id, |item| {
        item.media = Some(seen.info.clone());
        if is_new || item.modified_ms.is_none() || old.is_some() {
            item.modified_ms = Some(seen.modified_ms);
        }
    })?;
    let is_in = let_in(tx, id, seen.domain)?;
    if let Some((_, old)) = &old
        && old.item != id
    {
        if is_new && is_in {
            join_object(tx, id, old.item)?;
        }
        places_changed(tx, old.item)?;
        // The path is no longer a text of the old item.
        tx.log(ChangeKind::ItemText, old.item.0);
    }
    places_changed(tx, id)?;
    if is_new && is_in {
        note_new_file(tx, id)?;
    }
    Ok(match old {
        _ if !is_in => Taken::Refused,
        Some(_) if is_moved => Taken::Moved(id),
        Some(_) => Taken::Updated(id),
        None => Taken::Added(id),
    })
}

/// The place that the file has or had: under this path, or under one that is gone.
fn place_before(tx: &Tx, seen: &Seen) -> Result<(Option<(PlaceId, Place)>, bool)> {
    if let Some(id) = seen.known
        && let Some(place) = tx.get(&PLACES, &id)?
    {
        return Ok((Some((id, place)), false));
    }
    if let Some((id, from)) = &seen.moved_from
        && let Some(place) = tx.get(&PLACES, id)?
        // Another file of this batch may have been faster.
        && matches!(&place.kind, PlaceKind::Path { path, .. } if path == from)
    {
        return Ok((Some((*id, place)), true));
    }
    Ok((None, false))
}

/// Whether a person deleted the item, from the library as a whole.
fn is_deleted(item: &Item) -> bool {
    item.is_in(TRASH) || item.deletion(STORAGE).is_some()
}

/// Lets an item into its folder's domain, unless it was deleted; returns whether it is in.
pub(super) fn let_in(tx: &mut Tx, id: ItemId, domain: ServiceId) -> Result<bool> {
    let Some(item) = tx.item(id)? else { return Ok(false) };
    if item.is_in(domain) {
        return Ok(true);
    }
    if is_deleted(&item) || item.deletion(domain).is_some() {
        return Ok(false);
    }
    let local = local_domains(tx)?;
    let now_ms = tx.now_ms();
    tx.edit_item(id, |item| {
        if !membership::is_held(item) {
            item.inbox = item.archived_ms.is_none();
        }
        membership::enter(item, domain, None, now_ms);
        membership::settle(item, &local, Departure::Vanished, now_ms);
    })?;
    Ok(true)
}

/// New bytes at a known path: a later member of the same object, beginning with copies of all that
/// both doors write on the old content. What was deleted passes nothing on.
fn join_object(tx: &mut Tx, id: ItemId, old: ItemId) -> Result<()> {
    let Some(before) = tx.item(old)?.filter(|item| !is_deleted(item)) else { return Ok(()) };
    let head = before.head.unwrap_or(old);
    let tags = tx.mappings(old)?;
    tx.put_mappings(id, tags)?;
    tx.edit_item(id, |item| {
        item.head = Some(head);
        item.notes.clone_from(&before.notes);
        item.urls.clone_from(&before.urls);
        item.ratings.clone_from(&before.ratings);
        if let Some(rating100) = before.object.as_ref().and_then(|object| object.rating100) {
            item.object_mut().rating100 = Some(rating100);
        }
        if before.archived_ms.is_some() {
            item.inbox = false;
            item.archived_ms = before.archived_ms;
        }
    })?;
    tx.edit_item(head, |head| {
        let members = &mut head.object_mut().members;
        if !members.contains(&id) {
            members.push(id);
        }
    })?;
    Ok(())
}

/// Gives a place another path, in a library folder that may be another one.
pub(in crate::library) fn relocate(
    tx: &mut Tx,
    id: PlaceId,
    path: &[u8],
    root: &[u8],
    domain: ServiceId,
) -> Result<()> {
    let Some(place) = tx.get(&PLACES, &id)? else { return Ok(()) };
    let folder_path = parent_of(path).unwrap_or(root).to_vec();
    let folder = ensure_folder(tx, &folder_path, root, domain, None)?;
    let item = place.item;
    let kind = PlaceKind::Path { path: path.to_vec(), folder };
    let updated_ms = tx.now_ms();
    put_place(tx, id, &Place { kind, updated_ms, ..place })?;
    tx.log(ChangeKind::ItemText, item.0);
    let_in(tx, item, domain)?;
    places_changed(tx, item)?;
    tx.edit_item(item, |_| {})?;
    Ok(())
}

/// Removes places whose files are gone; returns how many.
pub(in crate::library) fn vanish(tx: &mut Tx, gone: &[(PlaceId, Vec<u8>)]) -> Result<usize> {
    let mut count = 0;
    for (id, at) in gone {
        let Some(place) = tx.get(&PLACES, id)? else { continue };
        // It may have found a new path meanwhile.
        if matches!(&place.kind, PlaceKind::Path { path, .. } if path == at) {
            remove_place(tx, *id)?;
            places_changed(tx, place.item)?;
            tx.log(ChangeKind::ItemText, place.item.0);
            count += 1;
        }
    }
    Ok(count)
}

/// Removes folders that are gone, unless a place is still in one.
pub(in crate::library) fn remove_folders(tx: &mut Tx, gone: &[(FolderId, Vec<u8>)]) -> Result<()> {
    for (id, path) in gone {
        if tx.with_prefix(&PLACES_BY_FOLDER, &id.0.to_be_bytes())?.is_empty() {
            tx.remove(&FOLDERS, id);
            tx.remove(&FOLDER_BY_PATH, path);
        }
    }
    Ok(())
}

/// Brings an item's memberships in line with its places: out of the domains of library folders that
/// have no file of it any more, and out of the storage with its last place.
pub(in crate::library) fn places_changed(tx: &mut Tx, id: ItemId) -> Result<()> {
    let Some(item) = tx.item(id)? else { return Ok(()) };
    let places = places_of(tx, id)?;
    let mut mirrored = BTreeSet::new();
    for (_, place) in &places {
        if let PlaceKind::Path { folder, .. } = &place.kind {
            mirrored.extend(tx.get(&FOLDERS, folder)?.map(|folder| folder.domain));
        }
    }
    let services = Services::load(tx)?;
    let local = local_domains(tx)?;
    let now_ms = tx.now_ms();
    let mut changed: Item = item.clone();
    if places.is_empty() {
        if membership::is_held(&item) {
            membership::lose_bytes(&mut changed, &local, now_ms);
        }
    } else {
        for domain in membership::local_domains_of(&item, &local) {
            let is_mirror = services.get(domain).is_some_and(|service| service.folder.is_some());
            if is_mirror && !mirrored.contains(&domain) {
                membership::leave(&mut changed, domain);
            }
        }
        // A blob of its own that was deleted from all other domains now is in the trash.
        membership::settle(&mut changed, &local, Departure::Deleted, now_ms);
    }
    if changed != item {
        changed.updated_ms = now_ms;
        tx.put_item(id, &changed)?;
    }
    Ok(())
}
