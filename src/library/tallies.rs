//! How many tags of some kind items show, kept in memory.
//!
//! A tally is loaded by the first who needs many of its numbers, from the sets of the tags that count.
//! Commits note which items changed, and the next reader counts those again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use super::View;
use super::error::Result;
use crate::model::ids::{ServiceId, TagId};
use crate::model::predicate::NamespaceFilter;
use crate::store::{META, NAMESPACE_BY_TEXT, Packed, Read, Status, TAGS};

/// For so many items at least a tally is loaded. Tests have small libraries.
const LOAD_FROM: u64 = if cfg!(test) { 4 } else { 5_000 };

/// Tallies at the same time: beyond that all are forgotten.
const TALLIES_MAX: usize = 24;

/// Which tags count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tally {
    /// Tags of a kind of namespace that these services show with one of these statuses.
    Shown(NamespaceFilter, Vec<ServiceId>, Vec<Status>),
}

/// Reads one number; `None` is zero.
pub(crate) type CountOne<'a> = &'a dyn Fn(&View, u32) -> Result<i64>;

/// All tallies in memory.
#[derive(Default)]
pub(crate) struct Tallies {
    known: Mutex<HashMap<Tally, Arc<Kept>>>,
}

#[derive(Default)]
struct Kept {
    numbers: Mutex<Option<Numbers>>,
    changed: Mutex<RoaringBitmap>,
}

struct Numbers {
    /// What the whole depends on: siblings and parents, and services.
    fits: (u64, u64),
    packed: Arc<Packed>,
}

impl Tallies {
    /// Notes that items changed: called after their commit, before it is answered.
    pub(crate) fn note_items(&self, items: &RoaringBitmap) {
        for kept in self.known.lock().unwrap_or_else(PoisonError::into_inner).values() {
            *kept.changed.lock().unwrap_or_else(PoisonError::into_inner) |= items;
        }
    }

    /// Forgets everything: after changes that nobody was told of.
    pub(crate) fn clear(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The tally, where it is known or worth knowing.
    fn of(&self, tally: Tally, for_items: u64) -> Option<Arc<Kept>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get(&tally) {
            return Some(Arc::clone(kept));
        }
        if for_items < LOAD_FROM {
            return None;
        }
        if known.len() >= TALLIES_MAX {
            known.clear();
        }
        Some(Arc::clone(known.entry(tally).or_default()))
    }
}

impl View {
    /// The numbers of a tally as of now, for a look at so many items; `None` where counting those one
    /// by one is quicker. `namespace` says which namespaces count, `items` reads the items that show a
    /// tag, `one` counts on one item.
    ///
    /// # Errors
    /// When reading fails.
    pub(crate) fn tally(
        &self,
        tally: Tally,
        for_items: u64,
        namespace: &dyn Fn(&str) -> bool,
        items: &dyn Fn(&View, TagId) -> Result<RoaringBitmap>,
        one: CountOne<'_>,
    ) -> Result<Option<Arc<Packed>>> {
        let library = self.library();
        let Some(kept) = library.tallies.of(tally, for_items) else { return Ok(None) };
        let mut numbers = kept.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let changed =
            std::mem::take(&mut *kept.changed.lock().unwrap_or_else(PoisonError::into_inner));
        // Later than all that was noted; what is noted from here on waits for its turn.
        // Where that fails there are no numbers, and everything is loaded the next time.
        let known = numbers.take();
        let now = library.view()?;
        let counter = |name: &str| -> Result<u64> {
            Ok(now.snapshot.get(&META, &name.to_owned())?.unwrap_or(0))
        };
        let fits = (
            counter(super::relations::RELATIONS_CHANGED)?,
            counter(super::services::SERVICES_CHANGED)?,
        );
        let packed = match known.filter(|known| known.fits == fits) {
            None => Arc::new(now.load_tally(namespace, items)?),
            Some(Numbers { mut packed, .. }) => {
                for id in changed {
                    let number = Some(one(&now, id)?).filter(|number| *number != 0);
                    if packed.get(id) != number {
                        Arc::make_mut(&mut packed).set(id, number);
                    }
                }
                packed
            }
        };
        *numbers = Some(Numbers { fits, packed: Arc::clone(&packed) });
        Ok(Some(packed))
    }

    fn load_tally(
        &self,
        namespace: &dyn Fn(&str) -> bool,
        items: &dyn Fn(&View, TagId) -> Result<RoaringBitmap>,
    ) -> Result<Packed> {
        let mut namespaces = RoaringBitmap::new();
        self.snapshot.scan(&NAMESPACE_BY_TEXT, |text, id| {
            if namespace(&text) {
                namespaces.insert(id.0);
            }
            Ok(())
        })?;
        let mut tags = RoaringBitmap::new();
        self.snapshot.scan(&TAGS, |tag, record| {
            if namespaces.contains(record.namespace.0) {
                tags.insert(tag.0);
            }
            Ok(())
        })?;
        let mut counts: Vec<u32> = vec![0; self.snapshot.last_item()? as usize + 1];
        for tag in tags {
            for id in items(self, TagId(tag))? {
                if let Some(count) = counts.get_mut(id as usize) {
                    *count += 1;
                }
            }
        }
        Packed::load(|put| {
            for (id, count) in (0_u32..).zip(&counts).filter(|(_, count)| **count > 0) {
                put(id, i64::from(*count));
            }
            Ok(())
        })
    }
}
