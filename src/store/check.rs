//! `check`: every derived row is compared with its source. `rebuild`: derived tables are made anew.
//! Backup copies live here as well, since both walk the whole store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use redb::Database;
use roaring::RoaringBitmap;

use super::check_relationships::check_relationships;
use super::codec::{Key, encode};
use super::columns::{COLUMNS, Column};
use super::derive;
use super::error::{Error, Result};
use super::read::{Read, Snapshot, definition};
use super::sets::{SetChunk, bitmap_bytes, bitmap_from, chunk_of};
use super::tables::{
    FACTS, FOLDER_BY_PATH, FOLDERS, ITEM_BY_SHA256, ITEMS, LOOKUPS, LookupKey, MAPPINGS, NAMES,
    NAMESPACE_BY_TEXT, NamespaceId, PLACE_BY_PATH, PLACES, PLACES_BY_FOLDER, PLACES_BY_ITEM, SETS,
    TAG_BY_TEXT, TAGS,
};
use crate::model::ids::{ItemId, TagId};
use crate::model::place::PlaceKind;

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Rows looked at.
    pub rows: u64,
    /// One sentence a fault, the first [`FAULTS_SHOWN`] of them.
    pub faults: Vec<String>,
    /// All faults, those not shown included.
    pub fault_count: u64,
}

/// How many faults a report spells out.
const FAULTS_SHOWN: usize = 100;

impl CheckReport {
    pub(super) fn fault(&mut self, fault: impl FnOnce() -> String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_SHOWN {
            self.faults.push(fault());
        }
    }
}

/// The sets that all items and mappings together derive.
type Sets = BTreeMap<SetChunk, RoaringBitmap>;

fn add(sets: &mut Sets, keys: BTreeSet<super::SetKey>, item: ItemId) {
    for key in keys {
        sets.entry(key.chunk(chunk_of(item))).or_default().insert(item.0);
    }
}

/// Walks the sources and hands each item's derived lookups and facts to `each`; returns the sets.
fn derive_all(
    snapshot: &Snapshot,
    mut each: impl FnMut(ItemId, Vec<LookupKey>, Vec<Option<i64>>) -> Result<()>,
) -> Result<Sets> {
    let mut sets = Sets::new();
    let mut namespaces: BTreeMap<TagId, NamespaceId> = BTreeMap::new();
    let mut tag_counts: BTreeMap<ItemId, i64> = BTreeMap::new();
    snapshot.scan(&MAPPINGS, |item, mappings| {
        let keys = derive::of_mappings(&mappings, |tag| {
            if let Some(namespace) = namespaces.get(&tag) {
                return Ok(*namespace);
            }
            let namespace = derive::namespace_of(snapshot, tag)?;
            namespaces.insert(tag, namespace);
            Ok(namespace)
        })?;
        add(&mut sets, keys, item);
        tag_counts.insert(item, derive::tag_count(&mappings));
        Ok(())
    })?;
    snapshot.scan(&ITEMS, |id, item| {
        let of = derive::of_item(&item);
        add(&mut sets, of.sets, id);
        let key = |(kind, text)| LookupKey { kind, text, item: id };
        let mut facts = Column::facts(&item);
        facts[Column::Tags as usize] = tag_counts.remove(&id).filter(|count| *count > 0);
        each(id, of.lookups.into_iter().map(key).collect(), facts)
    })?;
    for (id, count) in tag_counts {
        let mut facts = vec![None; COLUMNS];
        facts[Column::Tags as usize] = Some(count);
        each(id, Vec::new(), facts)?;
    }
    Ok(sets)
}

/// Compares every derived row with its source.
///
/// # Errors
/// When reading fails or a source row is damaged; differences are faults in the report.
pub fn check(snapshot: &Snapshot) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    let mut lookups = 0_u64;
    let mut facts_rows = 0_u64;
    let sets = derive_all(snapshot, |id, keys, facts| {
        report.rows += 1;
        for key in keys {
            lookups += 1;
            if !snapshot.has(&LOOKUPS, &key)? {
                report.fault(|| format!("item {id}: the lookup {:?} is missing", key.kind));
            }
        }
        facts_rows += 1;
        if snapshot.get(&FACTS, &id)? != Some(facts) {
            report.fault(|| format!("item {id}: its facts differ from its record"));
        }
        Ok(())
    })?;
    check_sets(snapshot, &sets, &mut report)?;
    let count = |table: &'static str, found: u64, expected: u64, report: &mut CheckReport| {
        if found != expected {
            report.fault(|| format!("{table} has {found} rows, its source makes {expected}"));
        }
    };
    let mut found = 0;
    snapshot.scan(&LOOKUPS, |_, ()| {
        found += 1;
        Ok(())
    })?;
    count("lookups", found, lookups, &mut report);
    found = 0;
    snapshot.scan(&FACTS, |_, _| {
        found += 1;
        Ok(())
    })?;
    count("facts", found, facts_rows, &mut report);
    check_names(snapshot, &mut report)?;
    check_places(snapshot, &mut report)?;
    check_relationships(snapshot, &mut report)?;
    Ok(report)
}

fn check_sets(snapshot: &Snapshot, expected: &Sets, report: &mut CheckReport) -> Result<()> {
    let mut seen = 0;
    snapshot.raw_scan(SETS.slot, &[], None, false, &mut |key, bytes| {
        seen += 1;
        report.rows += 1;
        let key: SetChunk = super::read::decoded_key(key)?;
        let found = bitmap_from(bytes)?;
        if expected.get(&key) != Some(&found) {
            report.fault(|| format!("the set {key:?} differs from its source"));
        }
        Ok(true)
    })?;
    if seen < expected.len() {
        report.fault(|| format!("{} sets are missing", expected.len() - seen));
    }
    Ok(())
}

/// Ids and the tables that lead to them agree in both directions.
fn check_names(snapshot: &Snapshot, report: &mut CheckReport) -> Result<()> {
    snapshot.scan(&ITEMS, |id, item| {
        if let Some(sha256) = item.sha256
            && snapshot.get(&ITEM_BY_SHA256, &sha256)? != Some(id)
        {
            report.fault(|| format!("item {id} is not found by its hash"));
        }
        Ok(())
    })?;
    snapshot.scan(&ITEM_BY_SHA256, |sha256, id| {
        if snapshot.item(id)?.and_then(|item| item.sha256) != Some(sha256) {
            report.fault(|| format!("hash {sha256} leads to item {id}, which is another"));
        }
        Ok(())
    })?;
    snapshot.scan(&TAGS, |tag, record| {
        report.rows += 1;
        if snapshot.tag_by_text(&record.text)? != Some(tag) {
            report.fault(|| format!("tag {tag} is not found by its text"));
        }
        let namespace = record.text.split_once(':').map_or("", |parts| parts.0).to_owned();
        if snapshot.get(&NAMESPACE_BY_TEXT, &namespace)? != Some(record.namespace) {
            report.fault(|| format!("tag {tag} is in a wrong namespace"));
        }
        Ok(())
    })?;
    snapshot.scan(&TAG_BY_TEXT, |text, tag| {
        if snapshot.get(&TAGS, &tag)?.is_none_or(|record| record.text != text) {
            report.fault(|| format!("a text leads to tag {tag}, which is another"));
        }
        Ok(())
    })
}

fn check_places(snapshot: &Snapshot, report: &mut CheckReport) -> Result<()> {
    snapshot.scan(&PLACES, |id, place| {
        report.rows += 1;
        let mut holds = snapshot.has(&PLACES_BY_ITEM, &(place.item, id))?;
        if let PlaceKind::Path { path, folder } = &place.kind {
            holds &= snapshot.get(&PLACE_BY_PATH, path)? == Some(id);
            holds &= snapshot.has(&PLACES_BY_FOLDER, &(*folder, id))?;
            holds &= snapshot.has(&FOLDERS, folder)?;
        }
        if !holds || !snapshot.has(&ITEMS, &place.item)? {
            report.fault(|| format!("place {id} and the tables that lead to it disagree"));
        }
        Ok(())
    })?;
    snapshot.scan(&PLACES_BY_ITEM, |(item, id), ()| {
        if snapshot.get(&PLACES, &id)?.is_none_or(|place| place.item != item) {
            report.fault(|| format!("item {item} leads to place {id}, which is another's"));
        }
        Ok(())
    })?;
    snapshot.scan(&FOLDERS, |id, folder| {
        if snapshot.get(&FOLDER_BY_PATH, &folder.path)? != Some(id) {
            report.fault(|| format!("folder {id} is not found by its path"));
        }
        Ok(())
    })
}

/// Makes sets, lookups and facts anew from their sources, in one transaction.
pub(super) fn rebuild(database: &std::sync::Arc<Database>) -> Result<()> {
    let snapshot = Snapshot::take(database)?;
    let write = database.begin_write()?;
    for slot in [SETS.slot, LOOKUPS.slot, FACTS.slot] {
        write.delete_table(definition(slot))?;
    }
    let nothing = encode(&());
    let mut lookups = write.open_table(definition(LOOKUPS.slot))?;
    let mut facts_table = write.open_table(definition(FACTS.slot))?;
    let sets = derive_all(&snapshot, |id, keys, facts| {
        for key in keys {
            lookups.insert(key.to_bytes().as_slice(), nothing.as_slice())?;
        }
        facts_table.insert(id.to_bytes().as_slice(), encode(&facts).as_slice())?;
        Ok(())
    })?;
    drop((lookups, facts_table));
    let mut table = write.open_table(definition(SETS.slot))?;
    for (chunk, set) in sets {
        table.insert(chunk.to_bytes().as_slice(), bitmap_bytes(&set).as_slice())?;
    }
    drop(table);
    write.commit()?;
    Ok(())
}

/// A number that differs when any row does.
#[cfg(test)]
pub(crate) fn fingerprint(snapshot: &Snapshot) -> Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for slot in 0..NAMES.len() {
        // What is in the log of changes, the sequence number in the first table tells.
        if slot == super::tables::CHANGES.slot {
            continue;
        }
        slot.hash(&mut hasher);
        snapshot.raw_scan(slot, &[], None, false, &mut |key, value| {
            (key, value).hash(&mut hasher);
            Ok(true)
        })?;
    }
    Ok(hasher.finish())
}

/// Copies all rows of a snapshot into a new file, for its owner alone. A copy that failed is removed.
pub(super) fn copy_into(snapshot: &Snapshot, target: &Path) -> Result<()> {
    if target.exists() {
        return Err(Error::Storage(format!("{} exists already", target.display())));
    }
    let copied = copy_rows(snapshot, target);
    if copied.is_err() {
        // Nobody may take it for a backup, and on a full disk it would hold what room is left.
        let _ = std::fs::remove_file(target);
    }
    copied
}

fn copy_rows(snapshot: &Snapshot, target: &Path) -> Result<()> {
    super::writer::make_privately(target)?;
    let database = Database::builder().create(target)?;
    let write = database.begin_write()?;
    for slot in 0..NAMES.len() {
        let mut table = write.open_table(definition(slot))?;
        snapshot.raw_scan(slot, &[], None, false, &mut |key, value| {
            table.insert(key, value)?;
            Ok(true)
        })?;
    }
    write.commit()?;
    Ok(())
}
