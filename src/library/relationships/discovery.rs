//! Finding files that look alike: equal pixels, or perceptual hashes a few bits apart.
//!
//! Each item remembers up to which distance its pairs were looked for, so that a pair that a person
//! removed does not come back by itself.

use roaring::RoaringBitmap;

use super::groups::{add_potential, group_of, is_searchable};
use crate::library::Library;
use crate::library::error::Result;
use crate::library::options::Switches;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::service::builtin;
use crate::store::{self, LookupKind, Read, SetKey, Tx};

/// More pairs than these in one search are no help to anybody.
const PAIRS_MAX: usize = 4_000_000;

/// Pairs in one write: other writes come in between.
const PAIRS_PER_WRITE: usize = 500;

/// Up to this distance hashes are sorted by parts of them; beyond it all are compared.
const BANDED_DISTANCE_MAX: u32 = 10;

/// Notes the pairs of a file that has just arrived, by the distance that the options give. To be
/// called in the write that makes it known.
///
/// # Errors
/// When reading fails.
pub fn note_new_file(tx: &mut Tx, id: ItemId) -> store::Result<()> {
    let Some(item) = tx.item(id)?.filter(is_searchable) else { return Ok(()) };
    let distance_max = Switches::load(tx)?.potentials_distance_max.min(u64::BITS);
    for (other, distance) in alike(tx, id, &item, distance_max)? {
        note_pair(tx, id, other, distance)?;
    }
    mark_searched(tx, id, distance_max)
}

/// The searchable files that look like a file.
fn alike(tx: &Tx, id: ItemId, item: &Item, distance_max: u32) -> store::Result<Vec<(ItemId, u32)>> {
    let mut found: Vec<(ItemId, u32)> = Vec::new();
    let Some(media) = &item.media else { return Ok(found) };
    if let Some(pixels) = media.pixel_hash {
        let same = tx.lookup(LookupKind::PixelHash, &pixels)?;
        found.extend(same.into_iter().map(|other| (other, 0)));
    }
    if let Some(hash) = media.perceptual_hash {
        found.extend(tx.alike(hash, distance_max)?);
    }
    found.retain(|(other, _)| *other != id);
    found.sort_unstable();
    found.dedup_by_key(|row| row.0);
    Ok(found)
}

/// Notes a pair of files as potential duplicates, if both may still be compared.
fn note_pair(tx: &mut Tx, a: ItemId, b: ItemId, distance: u32) -> store::Result<()> {
    for file in [a, b] {
        if !tx.item(file)?.is_some_and(|item| is_searchable(&item)) {
            return Ok(());
        }
    }
    let (left, right) = (group_of(tx, a)?, group_of(tx, b)?);
    add_potential(tx, left, right, distance)
}

fn mark_searched(tx: &mut Tx, id: ItemId, distance: u32) -> store::Result<()> {
    let Some(mut item) = tx.item(id)? else { return Ok(()) };
    let distance = u8::try_from(distance).unwrap_or(u8::MAX);
    if item.similar_searched.is_none_or(|known| known < distance) {
        item.similar_searched = Some(distance);
        tx.put_item(id, &item)?;
    }
    Ok(())
}

impl Library {
    /// Compares the perceptual hashes of all files and notes the pairs within a distance. Files
    /// whose pairs were looked for up to that distance before are compared with new ones only.
    /// Writes in many small transactions; returns how many pairs were found.
    ///
    /// # Errors
    /// When the store fails.
    pub fn find_potentials(&self, distance_max: u32) -> Result<usize> {
        let distance_max = distance_max.min(u64::BITS);
        let (entries, unsearched) = self.hashes_to_compare(distance_max)?;
        let pairs = similar_pairs(&entries, distance_max);
        for part in pairs.chunks(PAIRS_PER_WRITE) {
            let part = part.to_vec();
            self.write(move |tx| {
                for (a, b, distance) in &part {
                    note_pair(tx, *a, *b, *distance)?;
                }
                Ok(())
            })?;
        }
        for part in unsearched.chunks(PAIRS_PER_WRITE) {
            let part = part.to_vec();
            self.write(move |tx| {
                for id in &part {
                    mark_searched(tx, *id, distance_max)?;
                }
                Ok(())
            })?;
        }
        Ok(pairs.len())
    }

    /// All perceptual hashes of files that are held, and which files were not yet compared so far
    /// apart.
    fn hashes_to_compare(&self, distance_max: u32) -> Result<(Vec<Entry>, Vec<ItemId>)> {
        let snapshot = self.store.snapshot()?;
        let held: RoaringBitmap = snapshot.set(SetKey::Domain(builtin::STORAGE))?;
        let mut entries = Vec::new();
        snapshot.lookups_below(LookupKind::PerceptualHash, &[], &mut |text, item| {
            if let Ok(hash) = text.try_into().map(u64::from_be_bytes)
                && held.contains(item.0)
            {
                entries.push(Entry { hash, item, is_new: false });
            }
            true
        })?;
        let mut unsearched = Vec::new();
        for entry in &mut entries {
            let known = snapshot.item(entry.item)?.and_then(|item| item.similar_searched);
            entry.is_new = known.is_none_or(|known| u32::from(known) < distance_max);
            if entry.is_new {
                unsearched.push(entry.item);
            }
        }
        Ok((entries, unsearched))
    }
}

/// A file to compare.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    item: ItemId,
    /// Pairs of two files that are not new were found before.
    is_new: bool,
}

/// All pairs of entries within a distance, at least one of them new.
fn similar_pairs(entries: &[Entry], distance_max: u32) -> Vec<(ItemId, ItemId, u32)> {
    let mut pairs = Vec::new();
    if !entries.iter().any(|entry| entry.is_new) {
        return pairs;
    }
    if distance_max > BANDED_DISTANCE_MAX {
        compare_all(entries, distance_max, |_, _| true, &mut pairs);
    } else {
        banded_pairs(entries, distance_max, &mut pairs);
    }
    if pairs.len() >= PAIRS_MAX {
        tracing::warn!(pairs = PAIRS_MAX, "more files look alike than are noted");
    }
    pairs
}

/// Cuts hashes into one part more than bits may differ: one part at least is equal then. Sorted by
/// each part in turn, files that may be alike are neighbours.
fn banded_pairs(entries: &[Entry], distance_max: u32, pairs: &mut Vec<(ItemId, ItemId, u32)>) {
    let bands = distance_max + 1;
    let part = |hash: u64, band: u32| {
        let (from, to) = (u64::BITS * band / bands, u64::BITS * (band + 1) / bands);
        (hash >> from) & (u64::MAX >> (u64::BITS - (to - from)))
    };
    let mut sorted = entries.to_vec();
    for band in 0..bands {
        sorted.sort_unstable_by_key(|entry| part(entry.hash, band));
        // A pair that an earlier part put together was found there.
        let first_here = |a: &Entry, b: &Entry| {
            (0..band).all(|earlier| part(a.hash, earlier) != part(b.hash, earlier))
        };
        for run in sorted.chunk_by(|a, b| part(a.hash, band) == part(b.hash, band)) {
            compare_all(run, distance_max, first_here, pairs);
        }
    }
}

fn compare_all(
    entries: &[Entry],
    distance_max: u32,
    counts: impl Fn(&Entry, &Entry) -> bool,
    pairs: &mut Vec<(ItemId, ItemId, u32)>,
) {
    for (place, a) in entries.iter().enumerate() {
        for b in &entries[place + 1..] {
            let distance = (a.hash ^ b.hash).count_ones();
            if distance <= distance_max && (a.is_new || b.is_new) && counts(a, b) {
                if pairs.len() >= PAIRS_MAX {
                    return;
                }
                pairs.push((a.item.min(b.item), a.item.max(b.item), distance));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorting_by_parts_finds_what_comparing_all_finds(
            bases in proptest::collection::vec(any::<u64>(), 1..4),
            flips in proptest::collection::vec((0usize..4, 0u32..64, 0u32..64, any::<bool>()), 0..40),
            distance in 0u32..11,
        ) {
            let entries: Vec<Entry> = flips
                .iter()
                .zip(1..)
                .map(|((base, one, other, is_new), id)| Entry {
                    hash: bases[base % bases.len()] ^ (1 << one) ^ (1 << other),
                    item: ItemId(id),
                    is_new: *is_new,
                })
                .collect();
            let (mut banded, mut all) = (Vec::new(), Vec::new());
            banded_pairs(&entries, distance, &mut banded);
            compare_all(&entries, distance, |_, _| true, &mut all);
            banded.sort_unstable();
            all.sort_unstable();
            prop_assert_eq!(banded, all);
        }
    }
}
