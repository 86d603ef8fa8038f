//! Chance: some of a set, and shuffled lists.

use std::collections::HashSet;

use roaring::RoaringBitmap;

/// A small generator (splitmix64), seeded by the system.
struct Chance(u64);

impl Chance {
    fn new() -> Chance {
        // Without a source of chance every order is as good as another.
        Chance(getrandom::u64().unwrap_or(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The high half of the product is spread evenly enough over any length we have.
        let wide = u128::from(mixed) * end as u128;
        (wide >> 64) as usize
    }
}

/// At most `count` ids of a set, any.
pub(super) fn some_of(set: &RoaringBitmap, count: usize) -> RoaringBitmap {
    if set.len() <= count as u64 {
        return set.clone();
    }
    some_shuffled(set, count).into_iter().collect()
}

/// At most `count` ids of a set, any, in any order.
pub(super) fn some_shuffled(set: &RoaringBitmap, count: usize) -> Vec<u32> {
    let length = usize::try_from(set.len()).unwrap_or(usize::MAX);
    let mut chance = Chance::new();
    if count < length / 8 {
        // A few of many: by their places, each taken once.
        let (mut taken, mut ids) = (HashSet::with_capacity(count), Vec::with_capacity(count));
        while ids.len() < count {
            let place = u32::try_from(chance.below(length)).unwrap_or(u32::MAX);
            if taken.insert(place) {
                ids.extend(set.select(place));
            }
        }
        return ids;
    }
    let mut ids: Vec<u32> = set.iter().collect();
    for place in 0..count.min(length) {
        let other = place + chance.below(length - place);
        ids.swap(place, other);
    }
    ids.truncate(count);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_as_many_as_asked_and_of_the_set() {
        let set: RoaringBitmap = (0..5000).step_by(7).collect();
        for count in [0, 1, 80, 100, 5000] {
            let some = some_of(&set, count);
            assert_eq!(some.len(), (count as u64).min(set.len()));
            assert!(some.is_subset(&set));
        }
    }

    #[test]
    fn chance_reaches_every_place() {
        let set: RoaringBitmap = (0..8).collect();
        let reached = (0..500).fold(RoaringBitmap::new(), |all, _| all | some_of(&set, 1));
        assert_eq!(reached, set);
    }
}
