//! Content that goes from one file to another when they are declared duplicates: what a client does
//! with its first options (behaviour.md 22.2).

use crate::library::error::{Error, Result};
use crate::library::notes::{NoteWriting, set_notes};
use crate::library::tagging::change_tags;
use crate::library::{TagAction, TagChange, TagChangeRules};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::notes::NoteConflict;
use crate::model::service::builtin;
use crate::model::tag::Tag;
use crate::store::{Read as _, TAGS, Tx};

/// Where content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// From the second file to the first; tags and ratings leave the second.
    IntoBetter,
    /// Each file gets what the other has.
    BothWays,
}

const TAG_SERVICES: [ServiceId; 2] = [builtin::MY_TAGS, builtin::DOWNLOADER_TAGS];

/// Merges the content of two files and archives those of the two that are not about to be deleted:
/// a client leaves the others where they are.
pub(super) fn merge_content(
    tx: &mut Tx,
    [a, b]: [ItemId; 2],
    merge: Merge,
    deleted: [bool; 2],
) -> Result<()> {
    if a == b {
        return Ok(());
    }
    let (first, second) = (item(tx, a)?, item(tx, b)?);
    for service in TAG_SERVICES {
        let from_b = tags(tx, b, service)?;
        let from_a = tags(tx, a, service)?;
        change(tx, a, service, TagAction::Add, &from_b)?;
        match merge {
            Merge::IntoBetter => change(tx, b, service, TagAction::Delete, &from_b)?,
            Merge::BothWays => change(tx, b, service, TagAction::Add, &from_a)?,
        }
    }
    merge_rating(tx, a, b, merge)?;
    give(tx, &second, a)?;
    if merge == Merge::BothWays {
        give(tx, &first, b)?;
    }
    let now_ms = tx.now_ms();
    for (file, deleted) in [a, b].into_iter().zip(deleted) {
        tx.edit_item(file, |item| {
            if item.inbox && !deleted {
                item.inbox = false;
                item.archived_ms = Some(now_ms);
            }
        })?;
    }
    Ok(())
}

fn item(tx: &Tx, id: ItemId) -> Result<Item> {
    tx.item(id)?.ok_or_else(|| Error::missing("file", id))
}

fn tags(tx: &Tx, id: ItemId, service: ServiceId) -> Result<Vec<Tag>> {
    let mappings = tx.mappings(id)?;
    let current = mappings.service(service).map(|tags| tags.current.clone()).unwrap_or_default();
    let mut tags = Vec::with_capacity(current.len());
    for tag in current {
        if let Some(record) = tx.get(&TAGS, &tag)? {
            tags.push(Tag::from_cleaned(record.text));
        }
    }
    Ok(tags)
}

fn change(
    tx: &mut Tx,
    id: ItemId,
    service: ServiceId,
    action: TagAction,
    tags: &[Tag],
) -> Result<()> {
    let change = |tag: &Tag| TagChange { service, action, tag: tag.clone(), reason: String::new() };
    let changes: Vec<TagChange> = tags.iter().map(change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    change_tags(tx, &[id], &changes, TagChangeRules::default())
}

/// The higher rating counts. It leaves the worse file when there is one.
fn merge_rating(tx: &mut Tx, a: ItemId, b: ItemId, merge: Merge) -> Result<()> {
    let service = builtin::FAVOURITES;
    let (first, second) = (item(tx, a)?.rating(service), item(tx, b)?.rating(service));
    let higher = |left: Option<f64>, right: Option<f64>| match (left, right) {
        (Some(left), Some(right)) => left > right,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if higher(second, first) {
        tx.edit_item(a, |item| item.set_rating(service, second))?;
    }
    match merge {
        Merge::IntoBetter if second.is_some() => {
            tx.edit_item(b, |item| item.set_rating(service, None))?;
        }
        Merge::BothWays if higher(first, second) => {
            tx.edit_item(b, |item| item.set_rating(service, first))?;
        }
        Merge::IntoBetter | Merge::BothWays => {}
    }
    Ok(())
}

/// Gives a file the URLs, the notes and, where it is earlier, the modified time of another.
fn give(tx: &mut Tx, from: &Item, to: ItemId) -> Result<()> {
    tx.edit_item(to, |item| {
        for url in &from.urls {
            item.add_url(url);
        }
        if let (Some(theirs), Some(ours)) = (from.modified_ms, item.modified_ms) {
            item.modified_ms = Some(ours.min(theirs));
        }
    })?;
    let way = NoteWriting::Merge { extend: true, conflict: NoteConflict::Rename };
    set_notes(tx, to, &from.notes, way)?;
    Ok(())
}
