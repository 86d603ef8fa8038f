//! The places of objects in the order of titles and of paths.
//!
//! A sort by name would read the record and the path of every match. Kept in memory instead: all
//! visible objects in order, twelve bytes each, loaded by the first sort. Commits note which items
//! changed; the next sort puts those alone in their new places.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use roaring::RoaringBitmap;

use crate::library::View;
use crate::library::error::{Error, Result};
use crate::model::ids::ItemId;
use crate::model::natural::natural_key;
use crate::store::{ChangeKind, Committed};

/// What objects are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSort {
    /// The title, else the file's name; then its folder.
    Title,
    /// The path of the primary file.
    Path,
}

/// The orders in memory.
#[derive(Default)]
pub(crate) struct RanksCache {
    orders: [Order; 2],
}

#[derive(Default)]
struct Order {
    ranks: RwLock<Option<Ranks>>,
    noted: Mutex<RoaringBitmap>,
}

/// All visible objects in one order.
#[derive(Debug, Default, PartialEq)]
struct Ranks {
    /// Each with whether it equals the one before; equals are in the order of ids.
    order: Vec<(u32, bool)>,
    /// By id: the number of the group of equals; 0 for what is not in the order.
    ranks: Vec<u32>,
}

/// One order, locked for reading. Drop it soon.
pub struct NameRanks<'a>(RwLockReadGuard<'a, Option<Ranks>>);

impl NameRanks<'_> {
    /// A number that is smaller the earlier the object comes, equal for equal names.
    #[must_use]
    pub fn rank(&self, id: ItemId) -> u32 {
        let ranks = self.0.as_ref().map(|ranks| ranks.ranks.as_slice()).unwrap_or_default();
        ranks.get(id.0 as usize).copied().unwrap_or(0)
    }
}

impl RanksCache {
    /// Notes what a commit changed, before it is answered.
    pub(in crate::library) fn note(&self, committed: &Committed) {
        let changes = committed.changes.iter();
        let items = changes
            .filter(|change| matches!(change.kind, ChangeKind::Item | ChangeKind::ItemText))
            .map(|change| change.id);
        for order in &self.orders {
            order.noted.lock().unwrap_or_else(PoisonError::into_inner).extend(items.clone());
        }
    }

    /// Forgets everything: after changes that nobody was told of.
    pub(in crate::library) fn clear(&self) {
        for order in &self.orders {
            *order.ranks.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Ranks {
    fn of(order: Vec<(u32, bool)>) -> Ranks {
        let last = order.iter().map(|(id, _)| *id).max().unwrap_or(0);
        let mut ranks = vec![0; last as usize + 1];
        let mut rank = 0;
        for (id, is_equal) in &order {
            rank += u32::from(!is_equal);
            ranks[*id as usize] = rank;
        }
        Ranks { order, ranks }
    }

    /// Takes some out and puts some in; `key` reads the key of what is there.
    fn follow(
        self,
        gone: &RoaringBitmap,
        come: Vec<(Vec<u8>, u32)>,
        mut key: impl FnMut(u32) -> Result<Vec<u8>>,
    ) -> Result<Ranks> {
        let mut kept: Vec<(u32, bool)> = Vec::with_capacity(self.order.len() + come.len());
        let mut first_is_gone = false;
        for (id, is_equal) in self.order {
            if gone.contains(id) {
                first_is_gone |= !is_equal;
            } else {
                kept.push((id, is_equal && !first_is_gone));
                first_is_gone = false;
            }
        }
        let mut merged = Vec::with_capacity(kept.len() + come.len());
        let (mut from, mut last_key): (usize, Option<Vec<u8>>) = (0, None);
        for (new, id) in come {
            let (mut low, mut high) = (from, kept.len());
            while low < high {
                let middle = low.midpoint(high);
                let other = kept[middle].0;
                if (key(other)?, other) < (new.clone(), id) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            merged.extend_from_slice(&kept[from..low]);
            if low > from {
                last_key = Some(key(kept[low - 1].0)?);
            }
            merged.push((id, last_key.as_ref() == Some(&new)));
            if let Some(next) = kept.get_mut(low) {
                next.1 = key(next.0)? == new;
            }
            (from, last_key) = (low, Some(new));
        }
        merged.extend_from_slice(&kept[from..]);
        Ok(Ranks::of(merged))
    }
}

impl View {
    /// The order of all visible objects by name, no older than this view.
    ///
    /// # Errors
    /// When reading fails.
    pub fn name_ranks(&self, sort: NameSort) -> Result<NameRanks<'_>> {
        let order = &self.library().ranks.orders[sort as usize];
        let poisoned = || Error::Conflict("the order of names is lost; try again".to_owned());
        let noted = || order.noted.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let ranks = order.ranks.read().map_err(|_| poisoned())?;
            if ranks.is_some() && noted().is_empty() {
                return Ok(NameRanks(ranks));
            }
        }
        {
            let mut ranks = order.ranks.write().map_err(|_| poisoned())?;
            let changed = std::mem::take(&mut *noted());
            // Later than all that was noted; what is noted from here on waits for its turn.
            let now = self.library().view().inspect_err(|_| *ranks = None)?;
            *ranks = Some(match ranks.take() {
                Some(known) => now.followed(known, changed, sort)?,
                None => now.ranked(sort)?,
            });
        }
        Ok(NameRanks(order.ranks.read().map_err(|_| poisoned())?))
    }

    fn ranked(&self, sort: NameSort) -> Result<Ranks> {
        let mut keyed = Vec::new();
        for id in &self.visible()? {
            keyed.push((self.name_key(id, sort)?, id));
        }
        keyed.sort_unstable();
        let mut order: Vec<(u32, bool)> = Vec::with_capacity(keyed.len());
        for (place, (key, id)) in keyed.iter().enumerate() {
            order.push((*id, place > 0 && keyed[place - 1].0 == *key));
        }
        Ok(Ranks::of(order))
    }

    fn followed(&self, known: Ranks, mut changed: RoaringBitmap, sort: NameSort) -> Result<Ranks> {
        // A later member's path may be that of its object.
        let mut heads = RoaringBitmap::new();
        for id in &changed {
            heads.extend(self.item(ItemId(id))?.and_then(|item| item.head).map(|head| head.0));
        }
        changed |= heads;
        let visible = self.visible()?;
        let (mut gone, mut come) = (RoaringBitmap::new(), Vec::new());
        for id in &changed {
            gone.insert(id);
            if visible.contains(id) {
                come.push((self.name_key(id, sort)?, id));
            }
        }
        come.sort_unstable();
        known.follow(&gone, come, |id| self.name_key(id, sort))
    }

    /// What an object is put in order by, as bytes.
    fn name_key(&self, id: u32, sort: NameSort) -> Result<Vec<u8>> {
        let id = ItemId(id);
        let Some(item) = self.object(id)?.map(Arc::new) else { return Ok(Vec::new()) };
        let path = self.primary_path(id, &item)?.unwrap_or_default();
        let text = match sort {
            NameSort::Path => path.to_string_lossy().into_owned(),
            NameSort::Title => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let folder = path.parent().unwrap_or(&path).to_string_lossy();
                format!("{}\0{folder}", item.note("title").unwrap_or(&name))
            }
        };
        Ok(natural_key(&text))
    }

    fn primary_path(
        &self,
        id: ItemId,
        item: &Arc<crate::model::item::Item>,
    ) -> Result<Option<PathBuf>> {
        Ok(self.object_files(id, item)?.into_iter().next().map(|file| file.path))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_order_followed_equals_one_made_anew(
            before in proptest::collection::vec(0..4_u8, 1..20),
            changes in proptest::collection::vec((0..24_u32, proptest::option::of(0..4_u8)), 0..12),
        ) {
            let ranked = |names: &std::collections::BTreeMap<u32, u8>| {
                let mut rows: Vec<(u8, u32)> = names.iter().map(|(id, name)| (*name, *id)).collect();
                rows.sort_unstable();
                let equal = |place: usize| place > 0 && rows[place - 1].0 == rows[place].0;
                Ranks::of((0..rows.len()).map(|place| (rows[place].1, equal(place))).collect())
            };
            let mut names: std::collections::BTreeMap<u32, u8> = (0..).zip(before).collect();
            let known = ranked(&names);
            let gone: RoaringBitmap = changes.iter().map(|(id, _)| *id).collect();
            for (id, name) in changes {
                match name {
                    Some(name) => drop(names.insert(id, name)),
                    None => drop(names.remove(&id)),
                }
            }
            let mut come: Vec<(Vec<u8>, u32)> = gone
                .iter()
                .filter_map(|id| Some((vec![*names.get(&id)?], id)))
                .collect();
            come.sort_unstable();
            let followed = known.follow(&gone, come, |id| Ok(vec![names[&id]])).unwrap();
            let anew = ranked(&names);
            prop_assert_eq!(&followed.order, &anew.order);
            prop_assert_eq!(followed, anew);
        }
    }
}
