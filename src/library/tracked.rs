//! Facts of items kept whole in memory, though the store has no column for them.
//!
//! Loaded on first use. Commits only note which items changed; the next reader looks at those again,
//! so a write pays next to nothing and a reader never sees less than what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use crate::model::colour::{self, Rgb};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::store::{self, ITEMS, Read, Snapshot, Store};

/// A fact with the id of its item, for every item that has it, in the order of ids.
pub(super) type Facts<T> = Vec<(u32, T)>;

/// The fact of an item. Ids without gaps are found at once.
pub(super) fn fact_of<T: Copy>(facts: &[(u32, T)], item: u32) -> Option<T> {
    let (first, _) = facts.first()?;
    let most = item.checked_sub(*first)? as usize;
    if let Some((id, fact)) = facts.get(most)
        && *id == item
    {
        return Some(*fact);
    }
    let before = &facts[..most.min(facts.len())];
    before.binary_search_by_key(&item, |(id, _)| *id).ok().map(|place| before[place].1)
}

/// Reads the facts of all items.
type Load<T> = Box<dyn Fn(&Snapshot) -> store::Result<Facts<T>> + Send + Sync>;

/// Reads the fact of one item.
type Fact<T> = Box<dyn Fn(&Item) -> Option<T> + Send + Sync>;

/// One fact of every item.
pub(super) struct Tracked<T> {
    loaded: Mutex<Option<Arc<Facts<T>>>>,
    changed: Mutex<RoaringBitmap>,
    load: Load<T>,
    fact: Fact<T>,
}

impl<T: Copy + PartialEq> Tracked<T> {
    /// `load` reads all facts in the order of ids, `fact` one.
    pub(super) fn new(
        load: impl Fn(&Snapshot) -> store::Result<Facts<T>> + Send + Sync + 'static,
        fact: impl Fn(&Item) -> Option<T> + Send + Sync + 'static,
    ) -> Tracked<T> {
        let (load, fact) = (Box::new(load), Box::new(fact));
        Tracked { loaded: Mutex::new(None), changed: Mutex::default(), load, fact }
    }

    /// Notes that items changed: called after their commit, before it is answered.
    pub(super) fn note(&self, items: impl Iterator<Item = u32>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(items);
    }

    /// All facts as of now.
    ///
    /// # Errors
    /// When reading fails.
    pub(super) fn get(&self, store: &Store) -> store::Result<Arc<Facts<T>>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let noted =
            std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        // Later than every change that was noted; what is noted from here on waits for its turn.
        let fresh = store.snapshot().and_then(|snapshot| match loaded.take() {
            Some(known) if noted.is_empty() => Ok(known),
            Some(known) => self.renewed(known, &noted, &snapshot),
            None => (self.load)(&snapshot).map(Arc::new),
        });
        match &fresh {
            Ok(facts) => *loaded = Some(Arc::clone(facts)),
            Err(_) => self.note(noted.into_iter()),
        }
        fresh
    }

    /// Looks at the changed items again. Nothing is copied unless somebody still reads.
    fn renewed(
        &self,
        mut known: Arc<Facts<T>>,
        changed: &RoaringBitmap,
        snapshot: &Snapshot,
    ) -> store::Result<Arc<Facts<T>>> {
        let mut news = Vec::new();
        for item in changed {
            let fact = snapshot.item(ItemId(item))?.as_ref().and_then(&self.fact);
            if fact_of(&known, item) != fact {
                news.push((item, fact));
            }
        }
        if news.is_empty() {
            return Ok(known);
        }
        let facts = Arc::make_mut(&mut known);
        let (mut gone, mut come) = (RoaringBitmap::new(), Vec::new());
        for (item, fact) in news {
            match (facts.binary_search_by_key(&item, |(id, _)| *id), fact) {
                (Ok(place), Some(fact)) => facts[place].1 = fact,
                (Ok(_), None) => drop(gone.insert(item)),
                (Err(_), Some(fact)) => come.push((item, fact)),
                (Err(_), None) => {}
            }
        }
        if !gone.is_empty() {
            facts.retain(|(item, _)| !gone.contains(*item));
        }
        let is_behind = facts.last().zip(come.first()).is_none_or(|(last, first)| last.0 < first.0);
        facts.extend(come);
        if !is_behind {
            // Two runs in order: a stable sort merges them.
            facts.sort_by_key(|(item, _)| *item);
        }
        Ok(known)
    }
}

/// When items came into each file domain, for the domains that somebody sorted by.
#[derive(Default)]
pub(super) struct ImportTimes {
    domains: Mutex<BTreeMap<ServiceId, Arc<Tracked<i64>>>>,
}

impl ImportTimes {
    /// Notes that items changed, as [`Tracked::note`].
    pub(super) fn note(&self, items: impl Iterator<Item = u32> + Clone) {
        for domain in self.domains.lock().unwrap_or_else(PoisonError::into_inner).values() {
            domain.note(items.clone());
        }
    }

    /// The import times of a domain's items.
    ///
    /// # Errors
    /// When reading fails.
    pub(super) fn get(&self, store: &Store, service: ServiceId) -> store::Result<Arc<Facts<i64>>> {
        let imported = move |item: &Item| item.membership(service)?.imported_ms;
        let load = move |snapshot: &Snapshot| {
            let mut facts = Vec::new();
            snapshot.scan(&ITEMS, |id, item| {
                facts.extend(imported(&item).map(|time| (id.0, time)));
                Ok(())
            })?;
            Ok(facts)
        };
        let tracked = Arc::clone(
            self.domains
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(service)
                .or_insert_with(|| Arc::new(Tracked::new(load, imported))),
        );
        tracked.get(store)
    }
}

/// The average colours of all pictures.
pub(super) fn colours() -> Tracked<Rgb> {
    let of = |item: &Item| colour::average(item.media.as_ref()?.blurhash.as_deref()?);
    let load = move |snapshot: &Snapshot| {
        let mut facts = Vec::new();
        snapshot.scan(&ITEMS, |id, item| {
            facts.extend(of(&item).map(|colour| (id.0, colour)));
            Ok(())
        })?;
        Ok(facts)
    };
    Tracked::new(load, of)
}
