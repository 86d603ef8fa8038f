//! Chance: some of a set, and shuffled lists.

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
    let mut ids: Vec<u32> = set.iter().collect();
    shuffle_start(&mut ids, count);
    ids.truncate(count);
    ids.into_iter().collect()
}

/// Puts any ids, in any order, at the first `count` places.
pub(super) fn shuffle_start(ids: &mut [u32], count: usize) {
    let mut chance = Chance::new();
    for place in 0..count.min(ids.len()) {
        let other = place + chance.below(ids.len() - place);
        ids.swap(place, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_as_many_as_asked_and_of_the_set() {
        let set: RoaringBitmap = (0..5000).step_by(7).collect();
        for count in [0, 1, 100, 5000] {
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
