//! The first of some ids: by walking an order, or by looking at the key of each.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Current, Kept, Key, Keys, Order, Reader, compare};
use crate::library::error::Result;
use crate::store::Store;

/// Of so few ids the keys are read and no order is asked for. Tests have small libraries.
const QUICK_FROM: u64 = if cfg!(test) { 5 } else { 20_000 };
const COSTLY_FROM: u64 = if cfg!(test) { 5 } else { 300 };

/// What a key costs, where a step along an order costs one.
const QUICK_KEY: u64 = 2;
const COSTLY_KEY: u64 = 300;

/// What is wanted of an order.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'f> {
    pub(crate) found: &'f RoaringBitmap,
    pub(crate) descending: bool,
    /// So many at most.
    pub(crate) most: usize,
}

/// The first of some ids in an order.
///
/// # Errors
/// When reading keys fails.
pub(crate) fn first<K: Keys>(
    store: &Store,
    kept: &Kept,
    keys: &K,
    wanted: Wanted<'_>,
) -> Result<Vec<u32>> {
    if let Some(mut walk) = Walk::begin(store, kept, keys, wanted)? {
        let mut ids = Vec::new();
        match walk.batch(keys, wanted.most, &mut ids)? {
            Batch::Full | Batch::Last => return Ok(ids),
            Batch::Spent => {}
        }
    }
    scan(keys, wanted)
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// There may be more.
    Full,
    /// There are no more.
    Last,
    /// So few were met on the way that reading keys is quicker.
    Spent,
}

/// The way of a search along an order.
pub(crate) struct Walk<'f, K: Keys> {
    order: Arc<Order>,
    changed: RoaringBitmap,
    /// The changed ones that are wanted, the next one last.
    moved: Vec<(Key<K>, u32)>,
    found: &'f RoaringBitmap,
    descending: bool,
    /// The next place to look at, and the group it is in when descending.
    at: usize,
    group: std::ops::Range<usize>,
    /// The next of the order, with its key where that was needed.
    ahead: Option<(u32, Option<Key<K>>)>,
    steps_left: u64,
    given: Vec<u32>,
    /// What has no key, when all others are given.
    rest: Option<roaring::bitmap::IntoIter>,
}

impl<'f, K: Keys> Walk<'f, K> {
    /// Begins where walking is cheaper than reading the keys of all that was found.
    ///
    /// # Errors
    /// When reading keys fails.
    pub(crate) fn begin(
        store: &Store,
        kept: &Kept,
        keys: &K,
        Wanted { found, descending, most }: Wanted<'f>,
    ) -> Result<Option<Walk<'f, K>>> {
        let (length, total) = (found.len(), u64::from(keys.last()?) + 1);
        let (from, weight) = match keys.is_quick() {
            true => (QUICK_FROM, QUICK_KEY),
            false => (COSTLY_FROM, COSTLY_KEY),
        };
        let scan_cost = length.saturating_mul(weight);
        let most = (most as u64).min(length);
        // Ids that are spread evenly are met after so many steps.
        let steps = most.saturating_mul(total) / length.max(1);
        if length < from || steps > scan_cost.saturating_mul(if most == length { 4 } else { 1 }) {
            return Ok(None);
        }
        let Current { order, changed } = kept.current(store, keys)?;
        let mut moved = Vec::new();
        let wanted = &changed & found;
        if !wanted.is_empty() {
            let reader = keys.reader()?;
            for id in wanted {
                moved.extend(reader(id)?.map(|key| (key, id)));
            }
            moved.sort_unstable_by(|left, right| compare(right, left, descending));
        }
        let at = if descending { order.ids.len() } else { 0 };
        Ok(Some(Walk {
            changed,
            moved,
            found,
            descending,
            at,
            group: at..at,
            ahead: None,
            steps_left: if most == length { u64::MAX } else { scan_cost.max(steps) * 2 },
            given: Vec::new(),
            rest: None,
            order,
        }))
    }

    /// Adds the next ones, so many at most.
    ///
    /// # Errors
    /// When reading keys fails.
    pub(crate) fn batch(&mut self, keys: &K, most: usize, out: &mut Vec<u32>) -> Result<Batch> {
        let reader = if self.moved.is_empty() { None } else { Some(keys.reader()?) };
        let until = self.given.len().saturating_add(most);
        let begun = self.given.len();
        let mut end = Batch::Full;
        while self.given.len() < until {
            match self.next(reader.as_ref())? {
                Ok(id) => self.given.push(id),
                Err(stopped) => {
                    end = stopped;
                    break;
                }
            }
        }
        out.extend_from_slice(&self.given[begun..]);
        Ok(end)
    }

    fn next(&mut self, reader: Option<&Reader<'_, K>>) -> Result<std::result::Result<u32, Batch>> {
        if self.ahead.is_none() {
            match self.step() {
                Some(id) => self.ahead = Some((id, None)),
                None if self.steps_left == 0 => return Ok(Err(Batch::Spent)),
                None => {}
            }
        }
        let is_moved_next = match (&mut self.ahead, self.moved.last()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((id, key)), Some(moved)) => {
                if let (None, Some(reader)) = (&key, reader) {
                    *key = reader(*id)?;
                }
                // One that has just lost its key is taken for what it was.
                let row = key.take().map(|key| (key, *id));
                let is_next =
                    row.as_ref().is_some_and(|row| compare(moved, row, self.descending).is_lt());
                *key = row.map(|(key, _)| key);
                is_next
            }
        };
        if is_moved_next && let Some((_, id)) = self.moved.pop() {
            return Ok(Ok(id));
        }
        if let Some((id, _)) = self.ahead.take() {
            return Ok(Ok(id));
        }
        Ok(self.next_without_key().ok_or(Batch::Last))
    }

    /// The next of the order that was found and has not changed.
    fn step(&mut self) -> Option<u32> {
        while self.steps_left > 0 {
            if self.descending && self.at == self.group.end {
                // The group before, from its start.
                let end = self.group.start;
                if end == 0 {
                    return None;
                }
                self.group = self.order.group_start(end - 1)..end;
                self.at = self.group.start;
            }
            let id = *self.order.ids.get(self.at)?;
            self.at += 1;
            self.steps_left -= 1;
            if self.found.contains(id) && !self.changed.contains(id) {
                return Some(id);
            }
        }
        None
    }

    fn next_without_key(&mut self) -> Option<u32> {
        if self.rest.is_none() {
            if self.given.len() as u64 == self.found.len() {
                return None;
            }
            let mut given = self.given.clone();
            given.sort_unstable();
            let given: RoaringBitmap = given.into_iter().collect();
            self.rest = Some((self.found - given).into_iter());
        }
        self.rest.as_mut()?.next()
    }
}

/// The first by the key of each. Of a few among many only those are kept that may be of them.
///
/// # Errors
/// When reading keys fails.
pub(crate) fn scan<K: Keys>(
    keys: &K,
    Wanted { found, descending, most }: Wanted<'_>,
) -> Result<Vec<u32>> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let reader = keys.reader()?;
    let order = |left: &(Key<K>, u32), right: &(Key<K>, u32)| compare(left, right, descending);
    let all = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let room = most.saturating_mul(4).saturating_add(256).min(all);
    let mut rows: Vec<(Key<K>, u32)> = Vec::with_capacity(room);
    let (mut is_cut, mut last) = (false, Vec::new());
    let mut visit = |id: u32| -> Result<()> {
        let Some(key) = reader(id)? else {
            last.push(id);
            return Ok(());
        };
        let row = (key, id);
        if is_cut && order(&row, &rows[most]).is_gt() {
            return Ok(());
        }
        rows.push(row);
        if rows.len() == room && room < all {
            // The one at `most` is behind all that are wanted: whatever is behind it is not.
            rows.select_nth_unstable_by(most, order);
            rows.truncate(most + 1);
            is_cut = true;
        }
        Ok(())
    };
    // Later ids tend to have later times: seen first, they rule the others out.
    if descending {
        found.iter().rev().try_for_each(&mut visit)?;
        last.reverse();
    } else {
        found.iter().try_for_each(&mut visit)?;
    }
    if most < rows.len() {
        rows.select_nth_unstable_by(most, order);
        rows.truncate(most);
    }
    rows.sort_unstable_by(order);
    let mut ids: Vec<u32> = rows.into_iter().map(|(_, id)| id).collect();
    ids.extend(last.into_iter().take(most - ids.len()));
    Ok(ids)
}
