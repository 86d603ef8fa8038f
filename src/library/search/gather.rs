//! A union of very many sets, gathered bit by bit: one by one they would be merged again and again.

use roaring::RoaringBitmap;

/// From so many sets on gathering is quicker.
pub(super) const GATHER_FROM: u64 = if cfg!(test) { 2 } else { 32 };

/// Ids gathered so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// One bit an id, the lowest first.
    bytes: Vec<u8>,
}

impl Gathered {
    /// Adds an id.
    pub(super) fn insert(&mut self, id: u32) {
        let place = (id / 8) as usize;
        if place >= self.bytes.len() {
            self.bytes.resize((place + 1).next_power_of_two(), 0);
        }
        self.bytes[place] |= 1 << (id % 8);
    }

    /// All of them.
    pub(super) fn into_set(self) -> RoaringBitmap {
        RoaringBitmap::from_lsb0_bytes(0, &self.bytes)
    }
}

impl Extend<u32> for Gathered {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.insert(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_gathered_is_the_union() {
        let sets = [vec![7, 0, 70_000], vec![], vec![65_535, 65_536, 7]];
        let (mut gathered, mut expected) = (Gathered::default(), RoaringBitmap::new());
        for set in sets {
            gathered.extend(set.iter().copied());
            expected.extend(set);
        }
        assert_eq!(gathered.into_set(), expected);
        assert!(Gathered::default().into_set().is_empty());
    }
}
