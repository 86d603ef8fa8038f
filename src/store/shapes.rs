//! Perceptual hashes in memory, found by nearness: those that differ from one in few bits.
//!
//! A hash is cut into four parts. Of two hashes that differ in up to `d` bits, one part at least
//! differs in up to `d / 4`: so only hashes that share a part, or nearly so, are compared. Loaded
//! from the lookups on first use, about 40 bytes a hash; the writer keeps it up to date.

use std::sync::RwLock;

use super::codec::Key;
use super::error::{Error, Result};
use super::read::{Read, Snapshot};
use super::tables::{LookupKey, LookupKind};
use super::write::Overlay;
use crate::model::ids::ItemId;

/// Parts of a hash, each of [`PART_BITS`].
const PARTS: usize = 4;
const PART_BITS: u32 = 16;

/// Beyond this distance comparing all is as quick.
const PARTED_MAX: u32 = 15;

/// The hashes of all items, when they were needed.
pub(super) struct Shapes {
    loaded: RwLock<Option<Near>>,
}

impl Shapes {
    pub(super) fn new() -> Shapes {
        Shapes { loaded: RwLock::new(None) }
    }

    /// The items whose hash differs from this one in at most `distance` bits, with how many.
    pub(super) fn near(
        &self,
        hash: u64,
        distance: u32,
        load: impl FnOnce() -> Result<Near>,
    ) -> Result<Vec<(ItemId, u32)>> {
        let poisoned = |_| Error::Storage("the lock of perceptual hashes is poisoned".to_owned());
        if self.loaded.read().map_err(|_| poisoned(()))?.is_none() {
            let mut loaded = self.loaded.write().map_err(|_| poisoned(()))?;
            if loaded.is_none() {
                // Under the lock, so that no commit slips between reading and the first update.
                *loaded = Some(load()?);
            }
        }
        let loaded = self.loaded.read().map_err(|_| poisoned(()))?;
        Ok(loaded.as_ref().map(|near| near.find(hash, distance)).unwrap_or_default())
    }

    /// Follows a commit.
    pub(super) fn update(&self, group: &Overlay) {
        let mut changes = changed(group).peekable();
        if changes.peek().is_none() {
            return;
        }
        if let Ok(mut loaded) = self.loaded.write()
            && let Some(near) = loaded.as_mut()
        {
            changes.for_each(|change| near.set(change));
        }
    }

    pub(super) fn clear(&self) {
        if let Ok(mut loaded) = self.loaded.write() {
            *loaded = None;
        }
    }
}

/// A hash that an item got or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) hash: u64,
    pub(super) item: ItemId,
    pub(super) is_there: bool,
}

/// The perceptual hashes that change with an overlay.
pub(super) fn changed(overlay: &Overlay) -> impl Iterator<Item = Changed> + '_ {
    let from = vec![LookupKind::PerceptualHash as u8];
    let to = vec![LookupKind::PerceptualHash as u8 + 1];
    let rows = overlay.tables[super::tables::LOOKUPS.slot].range(from..to);
    rows.filter_map(|(key, value)| {
        let key = LookupKey::decode(key)?;
        let hash = u64::from_be_bytes(key.text.try_into().ok()?);
        Some(Changed { hash, item: key.item, is_there: value.is_some() })
    })
}

/// Hashes with the places where each part of them occurs.
pub(super) struct Near {
    hashes: Vec<u64>,
    items: Vec<u32>,
    /// Places that are free again.
    free: Vec<u32>,
    /// By part and its value: the places of the hashes with that part.
    places: [Vec<Vec<u32>>; PARTS],
}

impl Near {
    /// All hashes of a snapshot.
    pub(super) fn load(snapshot: &Snapshot) -> Result<Near> {
        let empty = || vec![Vec::new(); 1 << PART_BITS];
        let mut near = Near {
            hashes: Vec::new(),
            items: Vec::new(),
            free: Vec::new(),
            places: std::array::from_fn(|_| empty()),
        };
        snapshot.lookups_below(LookupKind::PerceptualHash, &[], &mut |text, item| {
            if let Ok(hash) = text.try_into().map(u64::from_be_bytes) {
                near.add(hash, item);
            }
            true
        })?;
        Ok(near)
    }

    fn set(&mut self, change: Changed) {
        let known = self.places[0][part(change.hash, 0)].iter().copied().find(|place| {
            let place = *place as usize;
            self.items[place] == change.item.0 && self.hashes[place] == change.hash
        });
        match (known, change.is_there) {
            (None, true) => self.add(change.hash, change.item),
            (Some(place), false) => {
                for (number, places) in self.places.iter_mut().enumerate() {
                    places[part(change.hash, number)].retain(|known| *known != place);
                }
                self.free.push(place);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    fn add(&mut self, hash: u64, item: ItemId) {
        let place = match self.free.pop() {
            Some(place) => {
                self.hashes[place as usize] = hash;
                self.items[place as usize] = item.0;
                place
            }
            None => {
                let Ok(place) = u32::try_from(self.hashes.len()) else { return };
                self.hashes.push(hash);
                self.items.push(item.0);
                place
            }
        };
        for (number, places) in self.places.iter_mut().enumerate() {
            places[part(hash, number)].push(place);
        }
    }

    fn find(&self, hash: u64, distance: u32) -> Vec<(ItemId, u32)> {
        let mut found = Vec::new();
        if distance > PARTED_MAX {
            let mut is_used = vec![true; self.hashes.len()];
            self.free.iter().for_each(|place| is_used[*place as usize] = false);
            for ((theirs, item), is_used) in self.hashes.iter().zip(&self.items).zip(is_used) {
                let differ = (theirs ^ hash).count_ones();
                if is_used && differ <= distance {
                    found.push((ItemId(*item), differ));
                }
            }
            return found;
        }
        let each_part = distance / PARTS as u32;
        for (number, places) in self.places.iter().enumerate() {
            for flipped in masks(each_part) {
                for place in &places[part(hash, number) ^ flipped] {
                    let differing = self.hashes[*place as usize] ^ hash;
                    let is_found_before =
                        (0..number).any(|known| part(differing, known).count_ones() <= each_part);
                    if differing.count_ones() <= distance && !is_found_before {
                        let item = ItemId(self.items[*place as usize]);
                        found.push((item, differing.count_ones()));
                    }
                }
            }
        }
        found
    }
}

fn part(hash: u64, number: usize) -> usize {
    let shift = PART_BITS * u32::try_from(number).unwrap_or(0);
    usize::from(((hash >> shift) & u64::from(u16::MAX)) as u16)
}

/// All numbers of a part's width with at most so many bits set, three at most.
fn masks(bits: u32) -> Vec<usize> {
    let mut all = vec![0];
    let mut last = vec![(0_usize, 0_u32)];
    for _ in 0..bits {
        let wider = |(mask, from): &(usize, u32)| {
            let (mask, from) = (*mask, *from);
            (from..PART_BITS).map(move |bit| (mask | 1 << bit, bit + 1))
        };
        last = last.iter().flat_map(wider).collect();
        all.extend(last.iter().map(|(mask, _)| *mask));
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_are_all_numbers_with_few_bits() {
        for bits in 0..=3 {
            let mut found = masks(bits);
            found.sort_unstable();
            let expected: Vec<usize> =
                (0..1 << 16_usize).filter(|number: &usize| number.count_ones() <= bits).collect();
            assert_eq!(found, expected, "{bits}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn parts_find_what_comparing_all_finds(
            base in any::<u64>(),
            changes in proptest::collection::vec((0..20_u32, proptest::collection::vec(0..64_u32, 0..20), any::<bool>()), 0..60),
            distance in 0..20_u32,
        ) {
            let mut near = Near {
                hashes: Vec::new(),
                items: Vec::new(),
                free: Vec::new(),
                places: std::array::from_fn(|_| vec![Vec::new(); 1 << PART_BITS]),
            };
            let mut plain = std::collections::BTreeSet::new();
            for (item, flips, is_there) in changes {
                let hash = flips.iter().fold(base, |hash, bit| hash ^ 1 << bit);
                let item = ItemId(item);
                near.set(Changed { hash, item, is_there });
                if is_there { plain.insert((item, hash)) } else { plain.remove(&(item, hash)) };
                // Taking away what is there, too.
                if let Some(gone) = plain.first().copied().filter(|_| flips.len() % 3 == 0) {
                    plain.remove(&gone);
                    near.set(Changed { hash: gone.1, item: gone.0, is_there: false });
                }
            }
            let mut found = near.find(base, distance);
            found.sort_unstable();
            let differ = |hash: u64| (hash ^ base).count_ones();
            let mut expected: Vec<_> = plain
                .into_iter()
                .map(|(item, hash)| (item, differ(hash)))
                .filter(|(_, differ)| *differ <= distance)
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
