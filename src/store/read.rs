//! Reading: a [`Snapshot`] for readers, and the [`Read`] methods that it shares with a write.

use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, TableDefinition};
use roaring::RoaringBitmap;

use super::codec::{Key, Record, decode};
use super::error::{Error, Result};
use super::sets::{SetChunk, SetKey, bitmap_from, chunk_of};
use super::tables::{
    DOCUMENTS, DocumentKind, ITEM_BY_SHA256, ITEMS, LOOKUPS, LookupKey, LookupKind, MAPPINGS,
    Mappings, NAMES, SETS, Status, TAG_BY_TEXT, Table,
};
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::item::Item;

/// Called with each row of a scan: key, value; returns whether to go on.
pub(super) type Row<'a> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 'a;

/// Read access to the store: either a snapshot, or a write that sees its own changes.
pub trait Read {
    /// Hands the stored bytes of a row to `each`, if the row exists.
    ///
    /// # Errors
    /// When reading the file fails, or `each` does.
    fn raw_get(
        &self,
        slot: usize,
        key: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()>;

    /// Walks the rows with `from <= key < to` in order; `to: None` is the end of the table.
    ///
    /// # Errors
    /// When reading the file fails, or `each` does.
    fn raw_scan(
        &self,
        slot: usize,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
        each: &mut Row,
    ) -> Result<()>;

    /// The items of a set that are in one chunk.
    #[doc(hidden)]
    fn set_chunk(&self, key: SetChunk) -> Result<Option<RoaringBitmap>>;

    /// The record of a key.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn get<K: Key, V: Record>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>> {
        let mut found = None;
        self.raw_get(table.slot, &key.to_bytes(), &mut |bytes| {
            found = Some(decode(bytes)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether the key has a row.
    ///
    /// # Errors
    /// When reading fails.
    fn has<K: Key, V: Record>(&self, table: &Table<K, V>, key: &K) -> Result<bool> {
        let mut found = false;
        self.raw_get(table.slot, &key.to_bytes(), &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    /// Walks all rows from a key on, in the order of keys, until `each` returns false.
    ///
    /// # Errors
    /// When reading fails, a row is damaged, or `each` fails.
    fn scan_from<K: Key, V: Record>(
        &self,
        table: &Table<K, V>,
        from: &[u8],
        mut each: impl FnMut(K, V) -> Result<bool>,
    ) -> Result<()>
    where
        Self: Sized,
    {
        self.raw_scan(table.slot, from, None, false, &mut |key, value| {
            each(decoded_key(key)?, decode(value)?)
        })
    }

    /// Walks all rows of a table in the order of keys.
    ///
    /// # Errors
    /// When reading fails, a row is damaged, or `each` fails.
    fn scan<K: Key, V: Record>(
        &self,
        table: &Table<K, V>,
        mut each: impl FnMut(K, V) -> Result<()>,
    ) -> Result<()>
    where
        Self: Sized,
    {
        self.scan_from(table, &[], |key, value| each(key, value).map(|()| true))
    }

    /// All rows whose encoded key begins with `prefix`, in order.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    fn with_prefix<K: Key, V: Record>(
        &self,
        table: &Table<K, V>,
        prefix: &[u8],
    ) -> Result<Vec<(K, V)>> {
        let mut rows = Vec::new();
        self.raw_scan(table.slot, prefix, after_prefix(prefix).as_deref(), false, &mut |k, v| {
            rows.push((decoded_key(k)?, decode(v)?));
            Ok(true)
        })?;
        Ok(rows)
    }

    /// The last row of a table.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn last<K: Key, V: Record>(&self, table: &Table<K, V>) -> Result<Option<(K, V)>> {
        let mut found = None;
        self.raw_scan(table.slot, &[], None, true, &mut |key, value| {
            found = Some((decoded_key(key)?, decode(value)?));
            Ok(false)
        })?;
        Ok(found)
    }

    /// A whole set.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    fn set(&self, key: SetKey) -> Result<RoaringBitmap> {
        let mut whole = RoaringBitmap::new();
        for chunk in 0..self.chunks()? {
            if let Some(part) = self.set_chunk(key.chunk(chunk))? {
                if whole.is_empty() { whole = part } else { whole |= part }
            }
        }
        Ok(whole)
    }

    /// Whether the item is in a set.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    fn set_has(&self, key: SetKey, item: ItemId) -> Result<bool> {
        let part = self.set_chunk(key.chunk(chunk_of(item)))?;
        Ok(part.is_some_and(|part| part.contains(item.0)))
    }

    /// How many chunks ids are spread over: one more than the chunk of the newest id.
    ///
    /// # Errors
    /// When reading fails.
    #[doc(hidden)]
    fn chunks(&self) -> Result<u16> {
        Ok(chunk_of(ItemId(self.last_item()?)) + 1)
    }

    /// The newest item id given so far; 0 before the first.
    ///
    /// # Errors
    /// When reading fails.
    fn last_item(&self) -> Result<u32> {
        let next = self.get(&super::tables::META, &super::format::NEXT_ITEM.to_owned())?;
        Ok(u32::try_from(next.unwrap_or(1).saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// The sequence number of the newest entry of the change log; 0 before the first.
    ///
    /// # Errors
    /// When reading fails.
    fn sequence(&self) -> Result<u64> {
        let key = super::format::SEQUENCE.to_owned();
        Ok(self.get(&super::tables::META, &key)?.unwrap_or(0))
    }

    /// An item's record.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn item(&self, item: ItemId) -> Result<Option<Item>> {
        self.get(&ITEMS, &item)
    }

    /// An item's tags; none where there is no row.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn mappings(&self, item: ItemId) -> Result<Mappings> {
        Ok(self.get(&MAPPINGS, &item)?.unwrap_or_default())
    }

    /// The item of a content.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn item_by_sha256(&self, sha256: Sha256) -> Result<Option<ItemId>> {
        self.get(&ITEM_BY_SHA256, &sha256)
    }

    /// The id of a cleaned tag.
    ///
    /// # Errors
    /// When reading fails or the row is damaged.
    fn tag_by_text(&self, text: &str) -> Result<Option<TagId>> {
        self.get(&TAG_BY_TEXT, &text.to_owned())
    }

    /// The items that a lookup names, in the order of ids.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    fn lookup(&self, kind: LookupKind, text: &[u8]) -> Result<Vec<ItemId>> {
        let rows = self.with_prefix(&LOOKUPS, &LookupKey::prefix(kind, text))?;
        Ok(rows
            .into_iter()
            .filter(|(key, ())| key.text == text)
            .map(|(key, ())| key.item)
            .collect())
    }

    /// Walks the lookups of a kind whose text begins with `text`, until `each` returns false.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    fn lookups_below(
        &self,
        kind: LookupKind,
        text: &[u8],
        each: &mut dyn FnMut(&[u8], ItemId) -> bool,
    ) -> Result<()> {
        let from = LookupKey::open_prefix(kind, text);
        self.raw_scan(LOOKUPS.slot, &from, after_prefix(&from).as_deref(), false, &mut |key, _| {
            let key: LookupKey = decoded_key(key)?;
            Ok(each(&key.text, key.item))
        })
    }

    /// A small document, as the JSON text it was stored as.
    ///
    /// # Errors
    /// When reading fails or the document does not decode as `T`.
    fn document<T: serde::de::DeserializeOwned>(
        &self,
        kind: DocumentKind,
        name: &str,
    ) -> Result<Option<T>> {
        let text = self.get(&DOCUMENTS, &(kind, name.to_owned()))?;
        text.map(|text| from_json(kind, &text)).transpose()
    }

    /// All documents of a kind with their names.
    ///
    /// # Errors
    /// When reading fails or a document does not decode as `T`.
    fn documents<T: serde::de::DeserializeOwned>(
        &self,
        kind: DocumentKind,
    ) -> Result<Vec<(String, T)>> {
        let rows = self.with_prefix(&DOCUMENTS, &[kind as u8])?;
        rows.into_iter().map(|((_, name), text)| Ok((name, from_json(kind, &text)?))).collect()
    }

    /// The first documents of a kind whose names begin with `prefix`, at most `limit`, by name.
    ///
    /// # Errors
    /// When reading fails or a document does not decode as `T`.
    fn documents_below<T: serde::de::DeserializeOwned>(
        &self,
        kind: DocumentKind,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, T)>> {
        let prefix = (kind, prefix.to_owned()).to_bytes();
        let mut found = Vec::new();
        let end = after_prefix(&prefix);
        self.raw_scan(DOCUMENTS.slot, &prefix, end.as_deref(), false, &mut |key, value| {
            if found.len() >= limit {
                return Ok(false);
            }
            let (_, name): (DocumentKind, String) = decoded_key(key)?;
            let text: Vec<u8> = decode(value)?;
            found.push((name, from_json(kind, &text)?));
            Ok(true)
        })?;
        Ok(found)
    }
}

fn from_json<T: serde::de::DeserializeOwned>(kind: DocumentKind, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text)
        .map_err(|error| Error::Damaged(format!("a document of kind {kind:?}: {error}")))
}

pub(super) fn decoded_key<K: Key>(bytes: &[u8]) -> Result<K> {
    K::decode(bytes)
        .ok_or_else(|| Error::Damaged(format!("a key that is no {}", std::any::type_name::<K>())))
}

/// The first byte string behind all that begin with `prefix`; `None` when there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

pub(super) type Bytes = &'static [u8];

/// The redb definition of a table: byte strings on both sides.
pub(super) fn definition(slot: usize) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(NAMES[slot])
}

/// One consistent state of the library. Cheap to take; hold it for one request only, since pages
/// it can see are not reused before it is dropped.
pub struct Snapshot {
    tables: Vec<OnceLock<ReadOnlyTable<Bytes, Bytes>>>,
    /// Remembered: every set that is read asks for it.
    chunks: OnceLock<u16>,
    transaction: ReadTransaction,
    /// Keeps the database open while the snapshot lives; counted when it is to be closed.
    _database: Arc<redb::Database>,
}

impl Snapshot {
    pub(super) fn take(database: &Arc<redb::Database>) -> Result<Snapshot> {
        Ok(Snapshot {
            tables: (0..NAMES.len()).map(|_| OnceLock::new()).collect(),
            chunks: OnceLock::new(),
            transaction: database.begin_read()?,
            _database: Arc::clone(database),
        })
    }

    /// How many items of `within` bear each tag of a service with a status, in the order of tags;
    /// tags without any are left out. One walk over the sets, none over items.
    ///
    /// # Errors
    /// When reading fails or a row is damaged.
    pub fn tag_usage(
        &self,
        service: ServiceId,
        status: Status,
        within: &RoaringBitmap,
    ) -> Result<Vec<(TagId, u64)>> {
        let mut usage: Vec<(TagId, u64)> = Vec::new();
        let prefix = SetKey::tags_prefix(service, status);
        self.raw_scan(
            SETS.slot,
            &prefix,
            after_prefix(&prefix).as_deref(),
            false,
            &mut |key, row| {
                let chunk: SetChunk = decoded_key(key)?;
                let count = bitmap_from(row)?.intersection_len(within);
                let tag = TagId(chunk.value);
                match usage.last_mut() {
                    Some((last, total)) if *last == tag => *total += count,
                    _ if count > 0 => usage.push((tag, count)),
                    _ => {}
                }
                Ok(true)
            },
        )?;
        Ok(usage)
    }

    fn table(&self, slot: usize) -> Result<&ReadOnlyTable<Bytes, Bytes>> {
        if self.tables[slot].get().is_none() {
            let table = self.transaction.open_table(definition(slot))?;
            // Another thread may have been faster; both opened the same table.
            let _ = self.tables[slot].set(table);
        }
        self.tables[slot].get().ok_or(Error::Closed)
    }
}

impl Read for Snapshot {
    fn raw_get(
        &self,
        slot: usize,
        key: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match self.table(slot)?.get(key)? {
            Some(value) => each(value.value()),
            None => Ok(()),
        }
    }

    fn raw_scan(
        &self,
        slot: usize,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
        each: &mut Row,
    ) -> Result<()> {
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = self.table(slot)?.range::<&[u8]>((Bound::Included(from), end))?;
        while let Some(row) = if backwards { rows.next_back() } else { rows.next() } {
            let (key, value) = row?;
            if !each(key.value(), value.value())? {
                break;
            }
        }
        Ok(())
    }

    fn chunks(&self) -> Result<u16> {
        if let Some(chunks) = self.chunks.get() {
            return Ok(*chunks);
        }
        let chunks = chunk_of(ItemId(self.last_item()?)) + 1;
        Ok(*self.chunks.get_or_init(|| chunks))
    }

    fn set_chunk(&self, key: SetChunk) -> Result<Option<RoaringBitmap>> {
        let mut found = None;
        self.raw_get(SETS.slot, &key.to_bytes(), &mut |bytes| {
            found = Some(bitmap_from(bytes)?);
            Ok(())
        })?;
        Ok(found)
    }
}
