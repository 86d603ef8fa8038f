//! Filling a library with many items at once: each table is written once, in the order of its keys.
//!
//! The rows are those that [`Tx`](super::Tx) would write one item at a time, by the same definition
//! (`derive.rs`); a test compares the two. Tags, hashes, lookups and sets are gathered in memory,
//! about a kilobyte an item, since their order is not the order in which items come.

use std::collections::{BTreeMap, HashMap};

use redb::{Table as Rows, WriteTransaction};
use roaring::RoaringBitmap;

use super::codec::{Key, encode};
use super::columns::Column;
use super::derive;
use super::error::{Error, Result};
use super::format;
use super::read::{Bytes, Read, Snapshot, definition};
use super::sets::{SetChunk, SetKey, bitmap_bytes, chunk_of};
use super::tables::{
    CHANGES, Change, FACTS, ITEM_BY_SHA256, ITEMS, LOOKUPS, LookupKey, MAPPINGS, META, Mappings,
    NAMESPACE_BY_TEXT, NamespaceId, SETS, TAG_BY_TEXT, TAGS, TagRecord,
};
use super::writer::Store;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, TagId};
use crate::model::item::Item;

/// What is gathered on the way.
pub struct Load<'a> {
    items: Rows<'a, Bytes, Bytes>,
    mappings: Rows<'a, Bytes, Bytes>,
    facts: Rows<'a, Bytes, Bytes>,
    gathered: Gathered,
}

/// What is written at the end, in the order of its keys.
struct Gathered {
    next_item: u32,
    hashes: Vec<(Sha256, ItemId)>,
    tags: TagNames,
    lookups: Keys,
    sets: HashMap<SetChunk, RoaringBitmap>,
}

/// Tags and namespaces by text; those of the library to begin with.
struct TagNames {
    ids: HashMap<String, TagId>,
    /// By id; ids without a row are of no namespace.
    namespace_of: Vec<Option<NamespaceId>>,
    /// How many ids were given before.
    known: usize,
    namespaces: BTreeMap<String, NamespaceId>,
    next_namespace: u32,
}

impl Store {
    /// Fills a library that has no items. One transaction: an error leaves the library as it was.
    /// Nobody else may write meanwhile, and the change log tells of nothing: what follows it is to
    /// be made anew.
    ///
    /// # Errors
    /// What `fill` returns; [`Error::Storage`] when there are items already.
    pub fn load<T, E: From<Error>>(
        &self,
        fill: impl FnOnce(&mut Load) -> Result<T, E>,
    ) -> Result<T, E> {
        let snapshot = self.snapshot()?;
        if snapshot.last_item()? > 0 {
            return Err(Error::Storage("the library is not empty".to_owned()).into());
        }
        let write = self.begin_write()?;
        let (result, gathered) = {
            let open = |slot: usize| write.open_table(definition(slot)).map_err(Error::from);
            let mut load = Load {
                items: open(ITEMS.slot)?,
                mappings: open(MAPPINGS.slot)?,
                facts: open(FACTS.slot)?,
                gathered: Gathered::new(&snapshot)?,
            };
            let result = fill(&mut load)?;
            (result, load.gathered)
        };
        gathered.write(&write, &snapshot)?;
        drop(snapshot);
        write.commit().map_err(Error::from)?;
        self.forget();
        Ok(result)
    }
}

impl Load<'_> {
    /// The id of a cleaned tag, made when it is new.
    ///
    /// # Errors
    /// When the numbers of 32 bits are used up.
    pub fn tag_for(&mut self, text: &str) -> Result<TagId> {
        self.gathered.tags.id_of(text)
    }

    /// Adds an item, whose hash no other may have, with its tags.
    ///
    /// # Errors
    /// When writing fails, or a tag has no row.
    pub fn add(&mut self, item: &Item, mut mappings: Mappings) -> Result<ItemId> {
        mappings.tidy();
        let gathered = &mut self.gathered;
        let id = ItemId(gathered.next_item);
        gathered.next_item += 1;
        let key = id.to_bytes();
        gathered.hashes.extend(item.sha256.map(|sha256| (sha256, id)));
        let of_item = derive::of_item(item);
        for (kind, text) in of_item.lookups {
            gathered.lookups.push(&LookupKey { kind, text, item: id });
        }
        let of_mappings = derive::of_mappings(&mappings, |tag| gathered.tags.namespace(tag))?;
        for set in of_item.sets.into_iter().chain(of_mappings) {
            gathered.put_in(set, id);
        }
        self.items.insert(key.as_slice(), encode(item).as_slice())?;
        let mut facts = Column::facts(item);
        if !mappings.services.is_empty() {
            facts[Column::Tags as usize] = Some(derive::tag_count(&mappings)).filter(|n| *n > 0);
            self.mappings.insert(key.as_slice(), encode(&mappings).as_slice())?;
        }
        self.facts.insert(key.as_slice(), encode(&facts).as_slice())?;
        Ok(id)
    }
}

impl Gathered {
    fn new(snapshot: &Snapshot) -> Result<Gathered> {
        Ok(Gathered {
            next_item: 1,
            hashes: Vec::new(),
            tags: TagNames::of(snapshot)?,
            lookups: Keys::default(),
            sets: HashMap::new(),
        })
    }

    fn put_in(&mut self, set: SetKey, item: ItemId) {
        self.sets.entry(set.chunk(chunk_of(item))).or_default().insert(item.0);
    }

    fn write(mut self, write: &WriteTransaction, snapshot: &Snapshot) -> Result<()> {
        self.hashes.sort_unstable();
        let mut rows = write.open_table(definition(ITEM_BY_SHA256.slot))?;
        for (sha256, id) in std::mem::take(&mut self.hashes) {
            rows.insert(sha256.to_bytes().as_slice(), encode(&id).as_slice())?;
        }
        let mut rows = write.open_table(definition(LOOKUPS.slot))?;
        let nothing = encode(&());
        std::mem::take(&mut self.lookups)
            .in_order(|key| rows.insert(key, nothing.as_slice()).map(drop))?;
        let mut rows = write.open_table(definition(SETS.slot))?;
        let mut sets: Vec<_> = std::mem::take(&mut self.sets).into_iter().collect();
        sets.sort_unstable_by_key(|(chunk, _)| *chunk);
        for (chunk, set) in sets {
            rows.insert(chunk.to_bytes().as_slice(), bitmap_bytes(&set).as_slice())?;
        }
        let next_item = self.next_item;
        self.tags.write(write)?;
        let mut meta = write.open_table(definition(META.slot))?;
        meta.insert(format::NEXT_ITEM.as_bytes(), encode(&u64::from(next_item)).as_slice())?;
        // A gap in the log: whoever follows it sees that it does not tell everything.
        let sequence = snapshot.sequence()? + 2;
        meta.insert(format::SEQUENCE.as_bytes(), encode(&sequence).as_slice())?;
        write.delete_table(definition(CHANGES.slot))?;
        let mut changes = write.open_table(definition(CHANGES.slot))?;
        changes.insert(sequence.to_bytes().as_slice(), encode(&Vec::<Change>::new()).as_slice())?;
        Ok(())
    }
}

impl TagNames {
    fn of(snapshot: &Snapshot) -> Result<TagNames> {
        let next = |counter: &str| -> Result<u32> {
            let number = snapshot.get(&META, &counter.to_owned())?.unwrap_or(1);
            u32::try_from(number).map_err(|_| Error::Storage(format!("no more {counter} numbers")))
        };
        let known = next(format::NEXT_TAG)? as usize;
        let mut names = TagNames {
            ids: HashMap::new(),
            namespace_of: vec![None; known],
            known,
            namespaces: BTreeMap::new(),
            next_namespace: next(format::NEXT_NAMESPACE)?,
        };
        snapshot.scan(&TAGS, |tag, record: TagRecord| {
            if let Some(slot) = names.namespace_of.get_mut(tag.0 as usize) {
                *slot = Some(record.namespace);
            }
            names.ids.insert(record.text, tag);
            Ok(())
        })?;
        snapshot.scan(&NAMESPACE_BY_TEXT, |text, id| {
            names.namespaces.insert(text, id);
            Ok(())
        })?;
        Ok(names)
    }

    fn id_of(&mut self, text: &str) -> Result<TagId> {
        if let Some(tag) = self.ids.get(text) {
            return Ok(*tag);
        }
        let number = u32::try_from(self.namespace_of.len());
        let tag = TagId(number.map_err(|_| Error::Storage("no more tag numbers".to_owned()))?);
        let namespace = text.split_once(':').map_or("", |parts| parts.0);
        let namespace = match self.namespaces.get(namespace) {
            Some(id) => *id,
            None => {
                let id = NamespaceId(self.next_namespace);
                self.next_namespace += 1;
                self.namespaces.insert(namespace.to_owned(), id);
                id
            }
        };
        self.namespace_of.push(Some(namespace));
        self.ids.insert(text.to_owned(), tag);
        Ok(tag)
    }

    fn namespace(&self, tag: TagId) -> Result<NamespaceId> {
        self.namespace_of
            .get(tag.0 as usize)
            .copied()
            .flatten()
            .ok_or_else(|| Error::Damaged(format!("a mapping names tag {tag}, which has no row")))
    }

    fn write(self, write: &WriteTransaction) -> Result<()> {
        let mut tags: Vec<(String, TagId)> = self.ids.into_iter().collect();
        tags.retain(|(_, tag)| tag.0 as usize >= self.known);
        tags.sort_unstable();
        let mut rows = write.open_table(definition(TAG_BY_TEXT.slot))?;
        for (text, tag) in &tags {
            rows.insert(text.as_bytes(), encode(tag).as_slice())?;
        }
        tags.sort_unstable_by_key(|(_, tag)| *tag);
        let mut rows = write.open_table(definition(TAGS.slot))?;
        for (text, tag) in tags {
            let Some(namespace) = self.namespace_of[tag.0 as usize] else { continue };
            let record = TagRecord { text, namespace };
            rows.insert(tag.to_bytes().as_slice(), encode(&record).as_slice())?;
        }
        let mut rows = write.open_table(definition(NAMESPACE_BY_TEXT.slot))?;
        for (text, id) in &self.namespaces {
            rows.insert(text.as_bytes(), encode(id).as_slice())?;
        }
        let mut meta = write.open_table(definition(META.slot))?;
        let counters = [
            (format::NEXT_TAG, self.namespace_of.len() as u64),
            (format::NEXT_NAMESPACE, u64::from(self.next_namespace)),
        ];
        for (counter, next) in counters.into_iter().filter(|(_, next)| *next > 1) {
            meta.insert(counter.as_bytes(), encode(&next).as_slice())?;
        }
        Ok(())
    }
}

/// Many keys in one block of memory.
#[derive(Default)]
struct Keys {
    bytes: Vec<u8>,
    /// The first eight bytes as a number, which decide nearly always, and where the key is.
    rows: Vec<(u64, u64, u32)>,
}

impl Keys {
    fn push(&mut self, key: &impl Key) {
        let from = self.bytes.len();
        key.encode(&mut self.bytes);
        let key = &self.bytes[from..];
        let mut head = [0; 8];
        let length = key.len().min(8);
        head[..length].copy_from_slice(&key[..length]);
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
        self.rows.push((u64::from_be_bytes(head), from as u64, length));
    }

    fn in_order<E>(mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let bytes = &self.bytes;
        let key = |row: &(u64, u64, u32)| {
            let from = usize::try_from(row.1).unwrap_or(usize::MAX);
            &bytes[from..from + row.2 as usize]
        };
        self.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a).cmp(key(b))));
        self.rows.iter().try_for_each(|row| each(key(row)))
    }
}
