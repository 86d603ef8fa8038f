//! Ids in the order of a key, kept in memory: the first of many are found without looking at all.
//!
//! An order is the ids that have a key, four bytes each, loaded by the first who asks for it. Commits
//! note which ids changed. Those are no longer looked for where the order has them: a reader orders
//! them by their keys of now, and when they have become many they are put into their new places.
//! Where little is to be ordered, the keys of that alone are read and no order is made.

mod walk;

#[cfg(test)]
mod laws;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use super::error::Result;
use crate::model::ids::ServiceId;
use crate::model::query::Sort;
use crate::store::Store;
pub(crate) use walk::{Batch, Walk, Wanted, first, scan};

/// What an id is ordered by: a group, which the direction turns round, and what tells apart the
/// members of a group, which it does not. Equals of both are in the order of ids.
pub(crate) type Key<K> = (<K as Keys>::Group, <K as Keys>::Tie);

/// Reads the key of an id; `None` puts it behind all others, whichever the direction.
pub(crate) type Reader<'a, K> = Box<dyn Fn(u32) -> Result<Option<Key<K>>> + 'a>;

/// Ids with their keys.
pub(crate) type Rows<K> = Vec<(Key<K>, u32)>;

/// A sort: where the keys of ids are read.
pub(crate) trait Keys {
    type Group: Ord;
    type Tie: Ord;

    /// Reads keys as they are now. It may lock columns: drop it soon.
    fn reader(&self) -> Result<Reader<'_, Self>>
    where
        Self: Sized;

    /// The highest id.
    fn last(&self) -> Result<u32>;

    /// Whether a key is read in nanoseconds rather than from a record.
    fn is_quick(&self) -> bool {
        true
    }

    /// The keys of all ids that have one, in any order.
    fn all(&self) -> Result<Rows<Self>>
    where
        Self: Sized,
    {
        let (reader, mut rows) = (self.reader()?, Vec::new());
        for id in 0..=self.last()? {
            rows.extend(reader(id)?.map(|key| (key, id)));
        }
        Ok(rows)
    }
}

/// The name of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A sort of files; where it matters, of those in one domain, or in one direction.
    Files { sort: Sort, domain: Option<ServiceId>, ascending: Option<bool> },
}

/// All orders in memory.
#[derive(Default)]
pub(crate) struct Orders {
    kept: Mutex<HashMap<Name, Arc<Kept>>>,
}

impl Orders {
    /// The order of a name, made on first use.
    pub(crate) fn of(&self, name: Name) -> Arc<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(name).or_default())
    }

    /// Notes that items changed: called after their commit, before it is answered.
    pub(crate) fn note_items(&self, items: &RoaringBitmap) {
        for kept in self.kept.lock().unwrap_or_else(PoisonError::into_inner).values() {
            kept.note(items);
        }
    }

    /// Forgets everything: after changes that nobody was told of.
    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One order, and what changed since it was made.
#[derive(Default)]
pub(crate) struct Kept {
    made: Mutex<Option<Arc<Order>>>,
    changed: Mutex<RoaringBitmap>,
}

/// An order as of now: the changed ids are anywhere.
pub(crate) struct Current {
    pub(crate) order: Arc<Order>,
    pub(crate) changed: RoaringBitmap,
}

impl Kept {
    /// Notes that ids changed.
    pub(crate) fn note(&self, ids: &RoaringBitmap) {
        *self.noted() |= ids;
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, RoaringBitmap> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order with all that was noted so far.
    ///
    /// # Errors
    /// When reading keys fails.
    pub(crate) fn current<K: Keys>(&self, store: &Store, keys: &K) -> Result<Current> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            made.take().map(|order| self.followed(store, keys, order)).transpose()?.flatten();
        let order = match known {
            Some(order) => order,
            None => {
                // Each key is read once and later than what was noted: what changes meanwhile is
                // noted again.
                self.noted().clear();
                Arc::new(Order::of(keys.all()?))
            }
        };
        *made = Some(Arc::clone(&order));
        drop(made);
        // What changes from here on changes after the request began.
        let changed = self.noted().clone();
        Ok(Current { order, changed })
    }

    /// The order as it was while little has changed; else with what changed in its places, or `None`
    /// where everything is as quickly ordered anew.
    fn followed<K: Keys>(
        &self,
        store: &Store,
        keys: &K,
        order: Arc<Order>,
    ) -> Result<Option<Arc<Order>>> {
        let (count, length) = (self.noted().len(), order.ids.len() as u64);
        let (apart, most) = match keys.is_quick() {
            true => (APART_QUICK.max(length / 256), length / 4),
            false => (APART_COSTLY, length / 16),
        };
        if count <= apart {
            return Ok(Some(order));
        }
        if count > most {
            return Ok(None);
        }
        // Columns are loaded before the writer is kept waiting.
        drop(keys.reader()?);
        // Nothing may be between its commit and being noted: the keys of what stays must be those
        // that the order was made by. Columns are as of now, so all is done before the next commit;
        // records are read as of one moment.
        // Where it fails there is no order, and it is made anew the next time.
        let (changed, reader, followed) = store.settled(|| -> Result<_> {
            let changed = std::mem::take(&mut *self.noted());
            let reader = keys.reader()?;
            let is_quick = keys.is_quick();
            let followed = is_quick.then(|| order.followed(&changed, &reader)).transpose()?;
            Ok((changed, reader, followed))
        })?;
        let followed = match followed {
            Some(followed) => followed,
            None => order.followed(&changed, &reader)?,
        };
        Ok(Some(Arc::new(followed)))
    }
}

/// How many changed ids are ordered by each reader rather than put into their places.
const APART_QUICK: u64 = if cfg!(test) { 2 } else { 1_024 };
const APART_COSTLY: u64 = if cfg!(test) { 2 } else { 64 };

/// A whole number, so that unsigned numbers are in its order.
pub(crate) fn whole(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

/// A real number, so that unsigned numbers are in its total order.
pub(crate) fn real(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }
}

/// Ids in the order of their keys.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Order {
    ids: Vec<u32>,
    /// By place, one bit each: whether the id is of the group of the one before.
    joined: Vec<u64>,
}

impl Order {
    fn of<G: Ord, T: Ord>(mut rows: Vec<((G, T), u32)>) -> Order {
        rows.sort_unstable();
        let mut order = Order::with_room(rows.len());
        for (place, ((group, _), id)) in rows.iter().enumerate() {
            order.push(*id, place > 0 && rows[place - 1].0.0 == *group);
        }
        order
    }

    fn with_room(length: usize) -> Order {
        let joined = Vec::with_capacity(length.div_ceil(64));
        Order { ids: Vec::with_capacity(length), joined }
    }

    fn push(&mut self, id: u32, is_joined: bool) {
        let place = self.ids.len();
        if place.is_multiple_of(64) {
            self.joined.push(0);
        }
        self.joined[place / 64] |= u64::from(is_joined) << (place % 64);
        self.ids.push(id);
    }

    fn is_joined(&self, place: usize) -> bool {
        self.joined[place / 64] >> (place % 64) & 1 == 1
    }

    /// Where the group of the id at a place begins.
    fn group_start(&self, place: usize) -> usize {
        let (mut word, bit) = (place / 64, place % 64);
        let mut starts = !self.joined[word] & (u64::MAX >> (63 - bit));
        // The first of all begins a group, so this ends.
        while starts == 0 {
            word -= 1;
            starts = !self.joined[word];
        }
        word * 64 + 63 - starts.leading_zeros() as usize
    }

    /// The order without some ids, and with those of them that have a key where they belong now.
    fn followed<G: Ord, T: Ord>(
        &self,
        changed: &RoaringBitmap,
        key: &dyn Fn(u32) -> Result<Option<(G, T)>>,
    ) -> Result<Order> {
        let kept = self.without(changed);
        let mut come = Vec::new();
        for id in changed {
            come.extend(key(id)?.map(|key| (key, id)));
        }
        come.sort_unstable();
        let mut merged = Order::with_room(kept.ids.len() + come.len());
        let (mut from, mut before): (usize, Option<G>) = (0, None);
        for ((group, tie), id) in come {
            let new = (group, tie);
            let place = kept.place_of(from, (&new, id), key)?;
            merged.copy(&kept, from..place, before.as_ref(), key)?;
            if place > from {
                before = key(kept.ids[place - 1])?.map(|(group, _)| group);
            }
            merged.push(id, before.as_ref() == Some(&new.0));
            (from, before) = (place, Some(new.0));
        }
        merged.copy(&kept, from..kept.ids.len(), before.as_ref(), key)?;
        Ok(merged)
    }

    fn without(&self, gone: &RoaringBitmap) -> Order {
        let mut kept = Order::with_room(self.ids.len());
        let mut first_is_gone = false;
        for (place, id) in self.ids.iter().enumerate() {
            let is_joined = self.is_joined(place);
            if gone.contains(*id) {
                first_is_gone |= !is_joined;
            } else {
                // The first of a group that is left begins it.
                kept.push(*id, is_joined && !first_is_gone);
                first_is_gone = false;
            }
        }
        kept
    }

    /// The first place, from one on, of an id that stands behind a new one.
    fn place_of<G: Ord, T: Ord>(
        &self,
        from: usize,
        (new, id): (&(G, T), u32),
        key: &dyn Fn(u32) -> Result<Option<(G, T)>>,
    ) -> Result<usize> {
        let (mut low, mut high) = (from, self.ids.len());
        while low < high {
            let middle = low.midpoint(high);
            let other = self.ids[middle];
            let is_before =
                key(other)?.is_some_and(|key| key.cmp(new).then(other.cmp(&id)).is_lt());
            if is_before { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Adds a stretch of another order; the first joins those before it if it is of their group.
    fn copy<G: Ord, T: Ord>(
        &mut self,
        from: &Order,
        places: std::ops::Range<usize>,
        before: Option<&G>,
        key: &dyn Fn(u32) -> Result<Option<(G, T)>>,
    ) -> Result<()> {
        for place in places.clone() {
            let is_joined = match before.filter(|_| place == places.start) {
                Some(before) => key(from.ids[place])?.is_some_and(|(group, _)| group == *before),
                None => from.is_joined(place),
            };
            self.push(from.ids[place], is_joined);
        }
        Ok(())
    }
}

/// The order of two keyed ids.
pub(crate) fn compare<G: Ord, T: Ord>(
    left: &((G, T), u32),
    right: &((G, T), u32),
    descending: bool,
) -> Ordering {
    let groups = left.0.0.cmp(&right.0.0);
    let groups = if descending { groups.reverse() } else { groups };
    groups.then_with(|| left.0.1.cmp(&right.0.1)).then(left.1.cmp(&right.1))
}
