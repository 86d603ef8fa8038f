//! Scenes made by hand, and which files are whose: made, assigned, merged.
//!
//! A scene without a file is an item without content. A scene that is made of a file is headed by
//! that file's item, as every other.

use super::history::{HistoryChange, HistoryKind, change_history};
use crate::library::error::{Error, Result};
use crate::library::places::{path_of, places_of};
use crate::model::ids::{ItemId, PlaceId};
use crate::model::item::{Item, ObjectState};
use crate::model::place::PlaceKind;
use crate::store::{PLACES, Read as _, Tx};

/// Makes a scene of files, the first of which is its primary one; without files one that has no
/// content. Files must be later files of other scenes: a primary one stays where it is.
///
/// # Errors
/// [`Error::Invalid`] when there is no such file, or it cannot be had.
pub fn create_scene(tx: &mut Tx, files: &[PlaceId]) -> Result<ItemId> {
    let mut items = Vec::new();
    for file in files {
        let item = assignable(tx, *file)?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let Some((first, rest)) = items.split_first() else {
        let (id, now_ms) = (tx.new_item()?, tx.now_ms());
        let object = ObjectState { made: true, ..ObjectState::default() };
        let (object, inbox) = (Some(Box::new(object)), true);
        let (created_ms, updated_ms) = (now_ms, now_ms);
        tx.put_item(id, &Item { object, inbox, created_ms, updated_ms, ..Item::default() })?;
        return Ok(id);
    };
    detach(tx, *first)?;
    for item in rest {
        detach(tx, *item)?;
        attach(tx, *first, *item)?;
    }
    Ok(*first)
}

/// Moves a file to a scene. It must not be the primary file of another.
///
/// # Errors
/// [`Error::Invalid`] when there is no such file, or it cannot be had.
pub fn assign_file(tx: &mut Tx, scene: ItemId, file: PlaceId) -> Result<()> {
    let of_file = tx.get(&PLACES, &file)?.map(|place| place.item);
    if let Some(item) = of_file
        && (item == scene || head_of(tx, item)? == scene)
    {
        return Ok(());
    }
    let item = assignable(tx, file)?;
    detach(tx, item)?;
    attach(tx, scene, item)
}

/// Makes a file of a scene its primary one.
///
/// # Errors
/// [`Error::Invalid`] when it is no file of the scene.
pub fn set_primary(tx: &mut Tx, scene: ItemId, file: PlaceId) -> Result<()> {
    let item = tx.get(&PLACES, &file)?.map(|place| place.item);
    let head = item.map(|item| head_of(tx, item)).transpose()?;
    if head != Some(scene) {
        let sentence = format!("file with id {file} not associated with scene");
        return Err(Error::Invalid(sentence));
    }
    tx.edit_item(scene, |item| item.object_mut().primary = Some(file))?;
    Ok(())
}

/// Sets the perceptual hash of a video, or takes it away.
///
/// # Errors
/// [`Error::Missing`] when there is no such item.
pub fn set_video_hash(tx: &mut Tx, id: ItemId, hash: Option<u64>) -> Result<()> {
    tx.item(id)?.ok_or_else(|| Error::missing("item", id))?;
    tx.edit_item(id, |item| item.video_hash = hash)?;
    Ok(())
}

/// Lets one scene take the place of others: their files and markers, and their plays and counted
/// times where that is wished. The others are no scenes any more.
///
/// # Errors
/// When reading fails.
pub fn merge_scenes(
    tx: &mut Tx,
    sources: &[ItemId],
    destination: ItemId,
    plays: bool,
    counted: bool,
) -> Result<()> {
    for source in sources {
        let item = tx.item(*source)?.ok_or_else(|| Error::missing("scene", source))?;
        let state = item.object.as_deref().cloned().unwrap_or_default();
        for member in &state.members {
            detach(tx, *member)?;
        }
        if item.sha256.is_none() {
            tx.remove_item(*source)?;
        } else {
            attach(tx, destination, *source)?;
        }
        for member in &state.members {
            attach(tx, destination, *member)?;
        }
        tx.edit_item(destination, |item| {
            let object = item.object_mut();
            object.markers.extend(state.markers);
            if plays {
                object.plays_ms.extend(state.plays_ms);
            }
        })?;
        if counted && !state.counted_ms.is_empty() {
            let times = HistoryChange::Add(state.counted_ms);
            change_history(tx, destination, HistoryKind::Counter, &times)?;
        }
    }
    Ok(())
}

/// Removes those of the items that have no content: there is nothing of them to come back. Returns
/// the others.
///
/// # Errors
/// When reading fails.
pub fn destroy_made(tx: &mut Tx, items: &[ItemId]) -> Result<Vec<ItemId>> {
    let mut left = Vec::new();
    for id in items {
        let Some(item) = tx.item(*id)?.filter(|item| item.sha256.is_none()) else {
            left.push(*id);
            continue;
        };
        let members = item.object.map(|object| object.members).unwrap_or_default();
        for member in members {
            detach(tx, member)?;
        }
        tx.remove_item(*id)?;
    }
    Ok(left)
}

fn head_of(tx: &Tx, item: ItemId) -> Result<ItemId> {
    Ok(tx.item(item)?.and_then(|item| item.head).unwrap_or(item))
}

/// The item of a file that may go to another scene.
fn assignable(tx: &Tx, file: PlaceId) -> Result<ItemId> {
    let missing = || Error::Invalid(format!("file with id {file} not found"));
    let place = tx.get(&PLACES, &file)?.ok_or_else(missing)?;
    let item = tx.item(place.item)?.ok_or_else(missing)?;
    if !item.filetype().is_some_and(|filetype| filetype.is_video()) {
        let name = match &place.kind {
            PlaceKind::Path { path, .. } => path_of(path).display().to_string(),
            PlaceKind::Managed | PlaceKind::Member { .. } => {
                item.sha256.map_or(String::new(), |sha256| sha256.to_hex())
            }
        };
        return Err(Error::Invalid(format!("{name} is not a video file")));
    }
    let primary = || Error::invalid("cannot reassign primary file");
    let head = item.head.ok_or_else(primary)?;
    if primary_file(tx, head)? == Some(file) {
        return Err(primary());
    }
    Ok(place.item)
}

/// The primary file of a scene.
fn primary_file(tx: &Tx, head: ItemId) -> Result<Option<PlaceId>> {
    let object = tx.item(head)?.and_then(|item| item.object).unwrap_or_default();
    if object.primary.is_some() {
        return Ok(object.primary);
    }
    for item in std::iter::once(head).chain(object.members) {
        if let Some((id, _)) = places_of(tx, item)?.into_iter().next() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Takes a later member from its scene: it heads itself then.
fn detach(tx: &mut Tx, member: ItemId) -> Result<()> {
    let Some(head) = tx.item(member)?.and_then(|item| item.head) else { return Ok(()) };
    tx.edit_item(member, |item| item.head = None)?;
    let Some(item) = tx.item(head)? else { return Ok(()) };
    let mut members = item.object.map(|object| object.members).unwrap_or_default();
    members.retain(|known| *known != member);
    // A scene without content shows the facts of its first file.
    let media = match members.first() {
        Some(first) if item.sha256.is_none() => tx.item(*first)?.and_then(|item| item.media),
        _ => None,
    };
    let lost = places_of(tx, member)?;
    tx.edit_item(head, |item| {
        if item.sha256.is_none() {
            item.media = media;
        }
        let object = item.object_mut();
        object.members = members;
        object.primary = object.primary.filter(|file| !lost.iter().any(|(id, _)| id == file));
    })?;
    Ok(())
}

/// Gives an item to a scene, as a later member. What only Stash knew of it is gone.
fn attach(tx: &mut Tx, scene: ItemId, member: ItemId) -> Result<()> {
    let item = tx.edit_item(member, |item| {
        item.head = Some(scene);
        item.object = None;
    })?;
    tx.edit_item(scene, |head| {
        if head.sha256.is_none() && head.media.is_none() {
            head.media = item.media;
        }
        let members = &mut head.object_mut().members;
        if !members.contains(&member) {
            members.push(member);
        }
    })?;
    Ok(())
}
