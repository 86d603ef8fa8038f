//! Writing objects: one edit for the head and all its members, in one transaction.

use std::sync::Arc;

use sha2::{Digest, Sha256 as Hasher};

use super::{COUNTER_SERVICE, RATING_SERVICE};
use crate::library::entities::{EntityScope, ListChange};
use crate::library::error::{Error, Result};
use crate::library::membership::is_held;
use crate::library::relations::Relations;
use crate::library::services::{Services, declare_service};
use crate::model::entity::EntityKind;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::item::Item;
use crate::model::service::{Service, ServiceKind};
use crate::store::{DOCUMENTS, DocumentKind, Read, Status, TAGS, Tx};

/// What is to change on an object. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ObjectEdit {
    /// Notes by name; an empty text removes the note.
    pub notes: Vec<(&'static str, String)>,
    pub organized: Option<bool>,
    pub rating100: Option<Option<u8>>,
    pub urls: Option<ListChange<String>>,
    pub date: Option<Option<String>>,
    pub studio: Option<Option<TagId>>,
    pub performers: Option<ListChange<TagId>>,
    pub groups: Option<ListChange<TagId>>,
    /// The place of a scene in its groups, for all groups at once.
    pub scene_indexes: Option<Vec<(TagId, i64)>>,
    pub tags: Option<ListChange<TagId>>,
    pub stash_ids: Option<ListChange<(String, String, i64)>>,
    pub cover: Option<Sha256>,
    pub play_duration_ms: Option<u64>,
}

/// Edits an object: the head and every member.
///
/// # Errors
/// [`Error::Missing`] when there is no such item.
pub fn edit_object(
    tx: &mut Tx,
    scope: &EntityScope,
    relations: &Arc<Relations>,
    id: ItemId,
    edit: &ObjectEdit,
) -> Result<()> {
    let head = tx.item(id)?.ok_or_else(|| Error::missing("item", id))?;
    let members = head.object.map(|object| object.members).unwrap_or_default();
    let rating = match edit.rating100 {
        Some(Some(_)) => Some(rating_service(tx)?),
        _ => Services::load(tx)?.by_key(RATING_SERVICE.as_bytes()),
    };
    for (item, is_head) in
        std::iter::once((id, true)).chain(members.into_iter().map(|m| (m, false)))
    {
        edit_tags(tx, scope, relations, item, edit)?;
        let now_ms = tx.now_ms();
        tx.edit_item(item, |item| {
            edit_item(item, edit, rating, now_ms);
            if is_head {
                edit_state(item, edit);
            }
        })?;
    }
    Ok(())
}

/// What every member carries.
fn edit_item(item: &mut Item, edit: &ObjectEdit, rating: Option<ServiceId>, now_ms: i64) {
    for (name, text) in &edit.notes {
        item.set_note(name, text);
    }
    // What has no bytes just now is in no inbox, but may come back.
    let is_here = is_held(item) || item.sha256.is_none();
    match edit.organized {
        Some(true) if item.inbox || !is_here && item.archived_ms.is_none() => {
            item.inbox = false;
            item.archived_ms = Some(now_ms);
        }
        Some(false) if !item.inbox => {
            item.inbox = is_here;
            item.archived_ms = None;
        }
        _ => {}
    }
    if let Some(urls) = &edit.urls {
        let known: Vec<String> = item.urls_in_order().cloned().collect();
        let wanted = urls.apply(&known);
        item.urls.clone_from(&wanted);
        item.urls.sort();
        item.urls.dedup();
        if wanted != item.urls || item.object.as_ref().is_some_and(|o| !o.url_order.is_empty()) {
            item.object_mut().url_order = wanted;
        }
    }
    if let (Some(wanted), Some(service)) = (edit.rating100, rating) {
        item.set_rating(service, wanted.map(|wanted| f64::from(stars_for(wanted) - 1) / 4.0));
    }
    if let Some(wanted) = edit.rating100 {
        item.object_mut().rating100 = wanted;
    }
}

/// What the head alone carries.
fn edit_state(item: &mut Item, edit: &ObjectEdit) {
    if let Some(date) = &edit.date {
        item.object_mut().date.clone_from(date);
    }
    if let Some(studio) = edit.studio {
        item.object_mut().studio = studio;
    }
    if let Some(indexes) = &edit.scene_indexes
        && (!indexes.is_empty() || item.object.is_some())
    {
        item.object_mut().scene_indexes.clone_from(indexes);
    }
    if let Some(change) = &edit.stash_ids {
        let object = item.object_mut();
        object.stash_ids = change.apply(&object.stash_ids);
    }
    if let Some(cover) = edit.cover {
        item.object_mut().cover = Some(cover);
    }
    if let Some(duration) = edit.play_duration_ms {
        item.object_mut().play_duration_ms = duration;
    }
}

/// Brings the tags of one item in line.
fn edit_tags(
    tx: &mut Tx,
    scope: &EntityScope,
    relations: &Arc<Relations>,
    item: ItemId,
    edit: &ObjectEdit,
) -> Result<()> {
    let studio = edit.studio.map(|studio| ListChange::Set(studio.into_iter().collect()));
    let changes = [
        (EntityKind::Tag, &edit.tags),
        (EntityKind::Performer, &edit.performers),
        (EntityKind::Group, &edit.groups),
        (EntityKind::Studio, &studio),
    ];
    if changes.iter().all(|(_, change)| change.is_none()) {
        return Ok(());
    }
    let mut mappings = tx.mappings(item)?;
    for (kind, change) in changes {
        let Some(change) = change else { continue };
        let mut now: Vec<TagId> = Vec::new();
        for service in &scope.services {
            for tag in mappings.service(*service).into_iter().flat_map(|tags| &tags.current) {
                let ideal = relations.ideal(*service, *tag);
                if !now.contains(&ideal) && kind_of(tx, scope, ideal)? == kind {
                    now.push(ideal);
                }
            }
        }
        let wanted = change.apply(&now);
        for service in &scope.services {
            let own = mappings.service_mut(*service);
            for tag in own.current.clone() {
                let ideal = relations.ideal(*service, tag);
                if now.contains(&ideal) && !wanted.contains(&ideal) {
                    own.remove(Status::Current, tag);
                    own.insert(Status::Deleted, tag, "");
                }
            }
        }
        let home = mappings.service_mut(scope.home());
        for tag in wanted.iter().filter(|tag| !now.contains(tag)) {
            home.insert(Status::Current, *tag, "");
            home.remove(Status::Deleted, *tag);
        }
    }
    mappings.tidy();
    if tx.mappings(item)? != mappings {
        tx.put_mappings(item, mappings)?;
    }
    Ok(())
}

fn kind_of(tx: &Tx, scope: &EntityScope, tag: TagId) -> Result<EntityKind> {
    let record = tx.get(&TAGS, &tag)?.ok_or_else(|| Error::missing("tag", tag))?;
    Ok(scope.rules.kind_of(&record.text))
}

/// The stars that show a rating: 20 points each, never none.
pub(super) fn stars_for(rating100: u8) -> u8 {
    (f64::from(rating100) / 20.0).round().clamp(1.0, 5.0) as u8
}

/// The stars of a stored value.
pub(super) fn stars_of(value: f64) -> u8 {
    (value * 4.0 + 1.0).round().clamp(1.0, 5.0) as u8
}

fn rating_service(tx: &mut Tx) -> Result<ServiceId> {
    if let Some(known) = Services::load(tx)?.by_key(RATING_SERVICE.as_bytes()) {
        return Ok(known);
    }
    let service = Service {
        star_shape: Some("fat star".to_owned()),
        min_stars: 1,
        max_stars: 5,
        ..Service::plain(RATING_SERVICE.as_bytes(), RATING_SERVICE, ServiceKind::RATING_NUMERICAL)
    };
    declare_service(tx, &service)
}

pub(super) fn counter_service(tx: &mut Tx) -> Result<ServiceId> {
    if let Some(known) = Services::load(tx)?.by_key(COUNTER_SERVICE.as_bytes()) {
        return Ok(known);
    }
    let name = COUNTER_SERVICE;
    declare_service(tx, &Service::plain(name.as_bytes(), name, ServiceKind::RATING_COUNT))
}

/// Keeps a picture; returns the hash it is found by.
pub fn put_picture(tx: &mut Tx, bytes: &[u8]) -> Sha256 {
    let hash = Sha256(Hasher::digest(bytes).into());
    tx.put(&DOCUMENTS, &(DocumentKind::Picture, hash.to_hex()), &bytes.to_vec());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_points_are_a_star_and_little_is_one() {
        let check = |rating: u8, stars: u8| {
            assert_eq!(stars_for(rating), stars, "{rating}");
            assert_eq!(stars_of(f64::from(stars - 1) / 4.0), stars);
        };
        for (rating, stars) in
            [(1, 1), (10, 1), (29, 1), (30, 2), (60, 3), (89, 4), (90, 5), (100, 5)]
        {
            check(rating, stars);
        }
    }
}
