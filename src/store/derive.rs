//! What is derived from an item and its tags: sets, lookups and facts.
//!
//! [`of_item`] and [`of_mappings`] are the definition; a change writes the difference between what
//! the old and the new record derive. `check` compares the tables with the definition.

use std::collections::BTreeSet;

use super::columns::{COLUMNS, Column};
use super::error::{Error, Result};
use super::read::Read;
use super::sets::{Flag, SetKey};
use super::tables::{
    ChangeKind, FACTS, LOOKUPS, LookupKey, LookupKind, Mappings, NamespaceId, Status, TAGS,
};
use super::write::Tx;
use crate::model::ids::{ItemId, TagId};
use crate::model::item::Item;

/// Everything derived from an item's own record.
#[derive(Default, PartialEq)]
pub(super) struct OfItem {
    pub(super) sets: BTreeSet<SetKey>,
    pub(super) lookups: BTreeSet<(LookupKind, Vec<u8>)>,
}

/// The definition of an item's sets and lookups.
pub(super) fn of_item(item: &Item) -> OfItem {
    let mut of = OfItem::default();
    let mut flag = |holds: bool, flag: Flag| {
        if holds {
            of.sets.insert(SetKey::Flag(flag));
        }
    };
    flag(item.inbox, Flag::Inbox);
    flag(item.forced_filetype.is_some(), Flag::ForcedFiletype);
    flag(!item.urls.is_empty(), Flag::HasUrls);
    flag(!item.notes.is_empty(), Flag::HasNotes);
    flag(item.group.is_some(), Flag::Grouped);
    flag(item.head.is_some(), Flag::Member);
    flag(item.sha256.is_none(), Flag::WithoutContent);
    flag(item.object.is_some(), Flag::HasObjectState);
    flag(item.object.as_ref().is_some_and(|object| object.made), Flag::MadeScene);
    flag(item.object.as_ref().is_some_and(|object| !object.markers.is_empty()), Flag::HasMarkers);
    flag(item.video_hash.is_some(), Flag::HasVideoHash);
    if let Some(media) = &item.media {
        flag(true, Flag::HasMedia);
        flag(media.has_audio, Flag::HasAudio);
        flag(media.has_transparency, Flag::HasTransparency);
        flag(media.has_exif, Flag::HasExif);
        flag(media.has_xmp, Flag::HasXmp);
        flag(media.has_iptc, Flag::HasIptc);
        flag(media.has_icc_profile, Flag::HasIccProfile);
        flag(media.has_human_readable_embedded_metadata, Flag::HasHumanReadableMetadata);
        flag(media.has_software_source, Flag::HasSoftwareSource);
        flag(media.perceptual_hash.is_some(), Flag::HasPerceptualHash);
    }
    if item.sha256.is_some() {
        of.sets.insert(SetKey::Known);
    }
    of.sets.extend(item.filetype().map(SetKey::Filetype));
    of.sets.extend(item.domains.iter().map(|row| SetKey::Domain(row.service)));
    of.sets.extend(item.deletions.iter().map(|row| SetKey::Deleted(row.service)));
    of.sets.extend(item.ratings.iter().map(|(service, _)| SetKey::Rated(*service)));
    lookups_of_item(item, &mut of.lookups);
    of
}

fn lookups_of_item(item: &Item, lookups: &mut BTreeSet<(LookupKind, Vec<u8>)>) {
    // A scene without content shows the facts of its first file, which is found by itself.
    if let Some(media) = item.media.as_ref().filter(|_| item.sha256.is_some()) {
        lookups.insert((LookupKind::Md5, media.md5.to_vec()));
        lookups.insert((LookupKind::Sha1, media.sha1.to_vec()));
        lookups.insert((LookupKind::Sha512, media.sha512.to_vec()));
        let big_endian = |hash: u64| hash.to_be_bytes().to_vec();
        lookups.extend(media.oshash.map(|hash| (LookupKind::Oshash, big_endian(hash))));
        lookups.extend(media.pixel_hash.map(|hash| (LookupKind::PixelHash, hash.to_vec())));
        let perceptual = media.perceptual_hash.map(big_endian);
        lookups.extend(perceptual.map(|hash| (LookupKind::PerceptualHash, hash)));
    }
    let hash = item.video_hash.map(|hash| hash.to_be_bytes().to_vec());
    lookups.extend(hash.map(|hash| (LookupKind::VideoHash, hash)));
    for marker in item.object.iter().flat_map(|object| &object.markers) {
        lookups.insert((LookupKind::Marker, marker.id.0.to_be_bytes().to_vec()));
    }
    lookups.extend(item.urls.iter().map(|url| (LookupKind::Url, url_lookup(url))));
    lookups.extend(
        item.notes.iter().map(|(name, _)| (LookupKind::NoteName, name.to_lowercase().into_bytes())),
    );
}

/// The lookup text of a URL: its host's labels reversed, a space, the URL. A text without a host
/// has nothing in front of the space.
#[must_use]
pub fn url_lookup(url: &str) -> Vec<u8> {
    let mut text = reversed_host(host_of(url));
    text.push(' ');
    text.push_str(url);
    text.into_bytes()
}

/// `www.trains.example` becomes `example.trains.www`: a domain is a prefix of its subdomains.
#[must_use]
pub fn reversed_host(host: &str) -> String {
    let labels: Vec<&str> = host.rsplit('.').collect();
    labels.join(".").to_lowercase()
}

/// The host of a URL, without user info and port; empty when there is none.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return "" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or("");
    }
    host.split(':').next().unwrap_or("")
}

/// The sets of an item's tags. `namespace_of` names the namespace of a tag.
pub(super) fn of_mappings(
    mappings: &Mappings,
    mut namespace_of: impl FnMut(TagId) -> Result<NamespaceId>,
) -> Result<BTreeSet<SetKey>> {
    let mut sets = BTreeSet::new();
    for (service, tags) in &mappings.services {
        for status in Status::ALL {
            for tag in tags.tags(status) {
                sets.insert(SetKey::Tag(*service, status, tag));
                sets.insert(SetKey::Namespace(*service, status, namespace_of(tag)?));
                sets.insert(SetKey::Tagged(*service, status));
            }
        }
    }
    Ok(sets)
}

/// The namespace of a stored tag.
pub(super) fn namespace_of(read: &impl Read, tag: TagId) -> Result<NamespaceId> {
    let record = read.get(&TAGS, &tag)?;
    record
        .map(|record| record.namespace)
        .ok_or_else(|| Error::Damaged(format!("a mapping names tag {tag}, which has no row")))
}

/// How many different tags are current in any service.
pub(super) fn tag_count(mappings: &Mappings) -> i64 {
    let current = |tags: &super::tables::ServiceMappings| tags.current.clone();
    let tags: BTreeSet<TagId> =
        mappings.services.iter().flat_map(|(_, tags)| current(tags)).collect();
    i64::try_from(tags.len()).unwrap_or(i64::MAX)
}

/// Writes what changes when an item's record changes.
pub(super) fn change_item(tx: &mut Tx, id: ItemId, old: Option<&Item>, new: &Item) -> Result<()> {
    let before = old.map(of_item).unwrap_or_default();
    let after = of_item(new);
    change_sets(tx, id, &before.sets, &after.sets);
    for (kind, text) in before.lookups.difference(&after.lookups) {
        tx.remove(&LOOKUPS, &LookupKey { kind: *kind, text: text.clone(), item: id });
    }
    for (kind, text) in after.lookups.difference(&before.lookups) {
        tx.put(&LOOKUPS, &LookupKey { kind: *kind, text: text.clone(), item: id }, &());
    }
    // A new item without words is nothing to the index, and imports are mostly such.
    let wordless = Item::default();
    if !has_same_text(old.unwrap_or(&wordless), new) {
        tx.log(ChangeKind::ItemText, id.0);
    }
    let old_facts = tx.get(&FACTS, &id)?;
    let mut facts = Column::facts(new);
    let tags = Column::Tags as usize;
    facts[tags] = old_facts.as_ref().and_then(|row| row.get(tags).copied()).flatten();
    put_facts(tx, id, old_facts, facts);
    Ok(())
}

/// Whether two records of an item are found by the same words.
fn has_same_text(old: &Item, new: &Item) -> bool {
    fn titles(item: &Item) -> impl Iterator<Item = &str> {
        let markers = item.object.iter().flat_map(|object| &object.markers);
        markers.map(|marker| marker.title.as_str())
    }
    old.notes == new.notes && old.urls == new.urls && titles(old).eq(titles(new))
}

/// Takes away all that is derived from an item and its tags.
pub(super) fn forget_item(tx: &mut Tx, id: ItemId, old: &Item) {
    let before = of_item(old);
    change_sets(tx, id, &before.sets, &BTreeSet::new());
    for (kind, text) in before.lookups {
        tx.remove(&LOOKUPS, &LookupKey { kind, text, item: id });
    }
    tx.remove(&FACTS, &id);
    tx.own.facts.push((id, vec![None; COLUMNS]));
    tx.log(ChangeKind::ItemText, id.0);
}

/// Writes what changes when an item's tags change.
pub(super) fn change_mappings(
    tx: &mut Tx,
    id: ItemId,
    old: &Mappings,
    new: &Mappings,
) -> Result<()> {
    let before = of_mappings(old, |tag| namespace_of(tx, tag))?;
    let after = of_mappings(new, |tag| namespace_of(tx, tag))?;
    change_sets(tx, id, &before, &after);
    let old_facts = tx.get(&FACTS, &id)?;
    let mut facts = old_facts.clone().unwrap_or_else(|| vec![None; COLUMNS]);
    facts[Column::Tags as usize] = Some(tag_count(new)).filter(|count| *count > 0);
    put_facts(tx, id, old_facts, facts);
    Ok(())
}

fn change_sets(tx: &mut Tx, id: ItemId, before: &BTreeSet<SetKey>, after: &BTreeSet<SetKey>) {
    for key in before.difference(after) {
        tx.change_set(*key, id, false);
    }
    for key in after.difference(before) {
        tx.change_set(*key, id, true);
    }
}

fn put_facts(tx: &mut Tx, id: ItemId, old: Option<Vec<Option<i64>>>, new: Vec<Option<i64>>) {
    if old.as_ref() != Some(&new) {
        tx.put(&FACTS, &id, &new);
        tx.own.facts.push((id, new));
    }
}
