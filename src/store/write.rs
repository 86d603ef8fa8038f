//! Writing: a [`Tx`] collects the changes of one operation over a snapshot.
//!
//! An operation sees its own changes and those of the operations before it in the same group. When
//! it fails, its changes are dropped and nothing else is touched: that is the savepoint redb does
//! not give. The writer lays the changes of all that succeeded into one redb transaction.

use std::collections::{BTreeMap, HashSet};

use roaring::RoaringBitmap;

use super::codec::{Key, Record, encode};
use super::derive;
use super::error::{Error, Result};
use super::format;
use super::read::{Read, Row, Snapshot};
use super::sets::{SetChunk, SetDelta, SetKey, chunk_of};
use super::shapes::{self, Near, Shapes};
use super::tables::{
    Change, ChangeKind, DOCUMENTS, DocumentKind, ITEM_BY_SHA256, ITEMS, MAPPINGS, META, Mappings,
    NAMES, NAMESPACE_BY_TEXT, NamespaceId, TAG_BY_TEXT, TAGS, Table, TagRecord,
};
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, TagId};
use crate::model::item::Item;

/// Rows by their encoded key; `None` is a removed row.
type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes not yet in the file.
pub(super) struct Overlay {
    pub(super) tables: Vec<Rows>,
    pub(super) sets: BTreeMap<SetChunk, SetDelta>,
    pub(super) changes: Vec<Change>,
    /// New rows of facts, for the columns in memory.
    pub(super) facts: Vec<(ItemId, Vec<Option<i64>>)>,
    /// Bytes of rows so far: bounds a group.
    pub(super) size_bytes: usize,
}

impl Overlay {
    pub(super) fn new() -> Overlay {
        Overlay {
            tables: NAMES.iter().map(|_| Rows::new()).collect(),
            sets: BTreeMap::new(),
            changes: Vec::new(),
            facts: Vec::new(),
            size_bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.iter().all(BTreeMap::is_empty) && self.sets.is_empty()
    }

    /// Lays the changes of a later operation over these.
    pub(super) fn merge(&mut self, later: Overlay) {
        for (rows, new) in self.tables.iter_mut().zip(later.tables) {
            if rows.is_empty() { *rows = new } else { rows.extend(new) }
        }
        for (chunk, delta) in later.sets {
            self.sets.entry(chunk).or_default().merge(delta);
        }
        self.changes.extend(later.changes);
        self.facts.extend(later.facts);
        self.size_bytes += later.size_bytes;
    }
}

/// One write operation. Reads see its own changes.
pub struct Tx<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// What the group has so far.
    pub(super) group: &'a Overlay,
    pub(super) own: Overlay,
    /// What the change log was told of, each once.
    logged: HashSet<Change>,
    shapes: &'a Shapes,
    now_ms: i64,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        group: &'a Overlay,
        shapes: &'a Shapes,
        now_ms: i64,
    ) -> Tx<'a> {
        Tx { snapshot, group, own: Overlay::new(), logged: HashSet::new(), shapes, now_ms }
    }

    /// The time of this write: one value for everything it touches.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Writes a row.
    pub fn put<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K, value: &V) {
        self.put_raw(table.slot, key.to_bytes(), encode(value));
    }

    pub(super) fn put_raw(&mut self, slot: usize, key: Vec<u8>, value: Vec<u8>) {
        self.own.size_bytes += key.len() + value.len();
        self.own.tables[slot].insert(key, Some(value));
    }

    /// Removes a row, if it is there.
    pub fn remove<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K) {
        self.own.tables[table.slot].insert(key.to_bytes(), None);
    }

    /// Stores a small document as JSON.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn put_document<T: serde::Serialize>(
        &mut self,
        kind: DocumentKind,
        name: &str,
        value: &T,
    ) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(|error| Error::Storage(error.to_string()))?;
        self.put(&DOCUMENTS, &(kind, name.to_owned()), &text);
        Ok(())
    }

    /// Removes a document, if it is there.
    pub fn remove_document(&mut self, kind: DocumentKind, name: &str) {
        self.remove(&DOCUMENTS, &(kind, name.to_owned()));
    }

    /// The items whose perceptual hash differs from this one in at most `distance` bits, with how
    /// many: as of the changes so far.
    ///
    /// # Errors
    /// When reading fails.
    pub fn alike(&self, hash: u64, distance: u32) -> Result<Vec<(ItemId, u32)>> {
        let committed = self.shapes.near(hash, distance, || Near::load(self.snapshot))?;
        let mut found: BTreeMap<ItemId, u32> = committed.into_iter().collect();
        for change in [self.group, &self.own].into_iter().flat_map(shapes::changed) {
            let differ = (change.hash ^ hash).count_ones();
            match change.is_there {
                true if differ <= distance => drop(found.insert(change.item, differ)),
                false if found.get(&change.item) == Some(&differ) => {
                    found.remove(&change.item);
                }
                true | false => {}
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Adds the item to a set or takes it out.
    pub(super) fn change_set(&mut self, key: SetKey, item: ItemId, member: bool) {
        let delta = self.own.sets.entry(key.chunk(chunk_of(item))).or_default();
        if member {
            delta.insert(item)
        } else {
            delta.remove(item)
        }
        self.own.size_bytes += 8;
    }

    /// Notes something in the change log.
    pub fn log(&mut self, kind: ChangeKind, id: u32) {
        let change = Change { kind, id };
        if self.logged.insert(change) {
            self.own.changes.push(change);
        }
    }

    pub(super) fn next_number(&mut self, counter: &str, first: u64) -> Result<u64> {
        let key = counter.to_owned();
        let number = self.get(&META, &key)?.unwrap_or(first);
        self.put(&META, &key, &(number + 1));
        Ok(number)
    }

    /// The next number of a counter, starting from 1; never reused.
    ///
    /// # Errors
    /// When reading fails, or the numbers of 32 bits are used up.
    pub fn next_id(&mut self, counter: &str) -> Result<u32> {
        let number = self.next_number(counter, 1)?;
        u32::try_from(number).map_err(|_| Error::Storage(format!("no more {counter} numbers")))
    }

    /// A new, empty item without content.
    ///
    /// # Errors
    /// When reading fails.
    pub fn new_item(&mut self) -> Result<ItemId> {
        Ok(ItemId(self.next_id(format::NEXT_ITEM)?))
    }

    /// The item of a content, made when it was never heard of.
    ///
    /// # Errors
    /// When reading fails.
    pub fn item_for(&mut self, sha256: Sha256) -> Result<ItemId> {
        if let Some(item) = self.item_by_sha256(sha256)? {
            return Ok(item);
        }
        let id = self.new_item()?;
        let now_ms = self.now_ms;
        let item = Item {
            sha256: Some(sha256),
            created_ms: now_ms,
            updated_ms: now_ms,
            ..Item::default()
        };
        self.put(&ITEM_BY_SHA256, &sha256, &id);
        self.put_item(id, &item)?;
        Ok(id)
    }

    /// Writes an item and everything derived from it. The caller sets `updated_ms`.
    ///
    /// # Errors
    /// When reading the old state fails.
    pub fn put_item(&mut self, id: ItemId, item: &Item) -> Result<()> {
        let old = self.item(id)?;
        derive::change_item(self, id, old.as_ref(), item)?;
        self.put(&ITEMS, &id, item);
        self.log(ChangeKind::Item, id.0);
        Ok(())
    }

    /// Removes an item without content: its record, its tags, and everything derived from them. Its
    /// id is not given again.
    ///
    /// # Errors
    /// When reading the old state fails. An item with content is [`Error::Damaged`]: callers check.
    pub fn remove_item(&mut self, id: ItemId) -> Result<()> {
        let Some(old) = self.item(id)? else { return Ok(()) };
        if old.sha256.is_some() {
            return Err(Error::Damaged(format!("item {id} has content and was to be removed")));
        }
        self.put_mappings(id, Mappings::default())?;
        derive::forget_item(self, id, &old);
        self.remove(&ITEMS, &id);
        self.log(ChangeKind::Item, id.0);
        Ok(())
    }

    /// Reads an item, lets `change` edit it and writes it back with a new `updated_ms`.
    ///
    /// # Errors
    /// When reading fails. An unknown item is [`Error::Damaged`]: callers validate before.
    pub fn edit_item(&mut self, id: ItemId, change: impl FnOnce(&mut Item)) -> Result<Item> {
        let mut item = self
            .item(id)?
            .ok_or_else(|| Error::Damaged(format!("there is no row for item {id}")))?;
        change(&mut item);
        item.updated_ms = self.now_ms;
        self.put_item(id, &item)?;
        Ok(item)
    }

    /// Writes an item's tags and everything derived from them.
    ///
    /// # Errors
    /// When reading the old state fails.
    pub fn put_mappings(&mut self, id: ItemId, mut mappings: Mappings) -> Result<()> {
        mappings.tidy();
        let old = self.mappings(id)?;
        derive::change_mappings(self, id, &old, &mappings)?;
        if mappings.services.is_empty() {
            self.remove(&MAPPINGS, &id);
        } else {
            self.put(&MAPPINGS, &id, &mappings);
        }
        self.log(ChangeKind::Item, id.0);
        Ok(())
    }

    /// The id of a cleaned tag, made when it is new.
    ///
    /// # Errors
    /// When reading fails.
    pub fn tag_for(&mut self, text: &str) -> Result<TagId> {
        if let Some(tag) = self.tag_by_text(text)? {
            return Ok(tag);
        }
        let namespace = self.namespace_for(text.split_once(':').map_or("", |parts| parts.0))?;
        let tag = TagId(self.next_id(format::NEXT_TAG)?);
        self.put(&TAG_BY_TEXT, &text.to_owned(), &tag);
        self.put(&TAGS, &tag, &TagRecord { text: text.to_owned(), namespace });
        self.log(ChangeKind::TagAdded, tag.0);
        Ok(tag)
    }

    fn namespace_for(&mut self, namespace: &str) -> Result<NamespaceId> {
        let key = namespace.to_owned();
        if let Some(id) = self.get(&NAMESPACE_BY_TEXT, &key)? {
            return Ok(id);
        }
        let id = NamespaceId(self.next_id(format::NEXT_NAMESPACE)?);
        self.put(&NAMESPACE_BY_TEXT, &key, &id);
        Ok(id)
    }
}

impl Read for Tx<'_> {
    fn raw_get(
        &self,
        slot: usize,
        key: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        for overlay in [&self.own, self.group] {
            match overlay.tables[slot].get(key) {
                Some(Some(bytes)) => return each(bytes),
                Some(None) => return Ok(()),
                None => {}
            }
        }
        self.snapshot.raw_get(slot, key, each)
    }

    fn raw_scan(
        &self,
        slot: usize,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
        each: &mut Row,
    ) -> Result<()> {
        let changed = [&self.own, self.group].iter().any(|o| !o.tables[slot].is_empty());
        if !changed {
            return self.snapshot.raw_scan(slot, from, to, backwards, each);
        }
        // Writes scan short ranges only, so gathering them is fine.
        let mut rows = Rows::new();
        self.snapshot.raw_scan(slot, from, to, false, &mut |key, value| {
            rows.insert(key.to_vec(), Some(value.to_vec()));
            Ok(true)
        })?;
        for overlay in [self.group, &self.own] {
            for (key, value) in overlay.tables[slot].range(from.to_vec()..) {
                if to.is_some_and(|to| key.as_slice() >= to) {
                    break;
                }
                rows.insert(key.clone(), value.clone());
            }
        }
        let mut visit = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| match value {
            Some(value) => each(key, value),
            None => Ok(true),
        };
        let mut rows = rows.iter();
        while let Some(row) = if backwards { rows.next_back() } else { rows.next() } {
            if !visit(row)? {
                break;
            }
        }
        Ok(())
    }

    fn set_chunk(&self, key: SetChunk) -> Result<Option<RoaringBitmap>> {
        let mut part = self.snapshot.set_chunk(key)?;
        for overlay in [self.group, &self.own] {
            if let Some(delta) = overlay.sets.get(&key) {
                delta.apply(part.get_or_insert_default());
            }
        }
        Ok(part)
    }
}
