//! Numbers by id in as few bits as they need.
//!
//! Ids are cut into stretches. A stretch knows its least number and how many bits the differences to
//! it take; a number out of that range makes it be packed anew, with a bit to spare. Stretches without
//! numbers take no room.

/// Ids per stretch: an id's stretch is `id >> STRETCH_BITS`.
const STRETCH_BITS: u32 = 13;
const STRETCH: usize = 1 << STRETCH_BITS;

/// A number, or none, for each id.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    stretches: Vec<Stretch>,
}

#[derive(Clone, Debug, Default)]
struct Stretch {
    least: i64,
    /// Bits of a code: 0 for no number, else one more than the difference to the least.
    bits: u32,
    words: Vec<u64>,
}

impl Packed {
    /// The number of an id.
    #[inline]
    #[must_use]
    pub fn get(&self, id: u32) -> Option<i64> {
        let stretch = self.stretches.get((id >> STRETCH_BITS) as usize)?;
        match stretch.code(id as usize % STRETCH) {
            0 => None,
            code => Some(stretch.least.wrapping_add((code - 1).cast_signed())),
        }
    }

    /// Sets or takes the number of an id. The least of all numbers is none.
    pub fn set(&mut self, id: u32, value: Option<i64>) {
        let number = (id >> STRETCH_BITS) as usize;
        if number >= self.stretches.len() {
            if value.is_none() {
                return;
            }
            self.stretches.resize_with(number + 1, Stretch::default);
        }
        self.stretches[number].set(id as usize % STRETCH, value);
    }

    /// Packs numbers that come in the order of their ids.
    pub fn load<E>(
        fill: impl FnOnce(&mut dyn FnMut(u32, i64)) -> Result<(), E>,
    ) -> Result<Packed, E> {
        let mut packed = Packed::default();
        let (mut number, mut values) = (0, vec![None; STRETCH]);
        fill(&mut |id, value| {
            let of_id = (id >> STRETCH_BITS) as usize;
            if of_id != number {
                packed.put(number, &values);
                values.fill(None);
                number = of_id;
            }
            values[id as usize % STRETCH] = Some(value);
        })?;
        packed.put(number, &values);
        Ok(packed)
    }

    fn put(&mut self, number: usize, values: &[Option<i64>]) {
        if self.stretches.len() <= number {
            self.stretches.resize_with(number + 1, Stretch::default);
        }
        self.stretches[number] = Stretch::of(values, 0);
    }

    /// Bytes of the numbers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.words.len() * 8).sum()
    }
}

impl Stretch {
    fn of(values: &[Option<i64>], bits_to_spare: u32) -> Stretch {
        let known = || values.iter().flatten().copied();
        let (Some(least), Some(most)) = (known().min(), known().max()) else {
            return Stretch::default();
        };
        // The codes from 1 on, and 0.
        let codes = most.abs_diff(least).saturating_add(1);
        let bits = (u64::BITS - codes.leading_zeros() + bits_to_spare).min(u64::BITS);
        let words = vec![0; (STRETCH * bits as usize).div_ceil(64)];
        let mut stretch = Stretch { least, bits, words };
        for (place, value) in values.iter().enumerate() {
            if let Some(value) = value {
                stretch.put(place, value.abs_diff(least) + 1);
            }
        }
        stretch
    }

    #[inline]
    fn mask(&self) -> u64 {
        u64::MAX >> (u64::BITS - self.bits)
    }

    #[inline]
    fn code(&self, place: usize) -> u64 {
        if self.bits == 0 {
            return 0;
        }
        let at = place * self.bits as usize;
        let (word, shift) = (at / 64, (at % 64) as u32);
        let mut code = self.words[word] >> shift;
        if shift + self.bits > 64 {
            code |= self.words[word + 1] << (64 - shift);
        }
        code & self.mask()
    }

    fn put(&mut self, place: usize, code: u64) {
        let (mask, at) = (self.mask(), place * self.bits as usize);
        let (word, shift) = (at / 64, (at % 64) as u32);
        self.words[word] = self.words[word] & !(mask << shift) | code << shift;
        if shift + self.bits > 64 {
            let rest = 64 - shift;
            self.words[word + 1] = self.words[word + 1] & !(mask >> rest) | code >> rest;
        }
    }

    fn set(&mut self, place: usize, value: Option<i64>) {
        let Some(value) = value else {
            if self.bits > 0 {
                self.put(place, 0);
            }
            return;
        };
        let fits = self.bits > 0 && value >= self.least && {
            let difference = value.abs_diff(self.least);
            difference < self.mask()
        };
        if fits {
            return self.put(place, value.abs_diff(self.least) + 1);
        }
        let mut values: Vec<Option<i64>> = (0..STRETCH)
            .map(|place| match self.code(place) {
                0 => None,
                code => Some(self.least.wrapping_add((code - 1).cast_signed())),
            })
            .collect();
        values[place] = Some(value);
        // Numbers that grow, as times do, do not come here each time.
        *self = Stretch::of(&values, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = i64> {
        let any = i64::MIN + 1..=i64::MAX;
        prop_oneof![4 => 0..100_i64, 2 => 1_767_225_600_000..1_767_325_600_000_i64, 1 => any]
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were_set(
            before in proptest::collection::btree_map(0..30_000_u32, number(), 0..60),
            changes in proptest::collection::vec(
                (0..40_000_u32, proptest::option::of(number())), 0..60),
        ) {
            let loaded = Packed::load(|put| {
                before.iter().for_each(|(id, value)| put(*id, *value));
                Ok::<(), Infallible>(())
            });
            let (mut packed, mut expected) = (loaded.unwrap(), before);
            let check = |packed: &Packed, expected: &BTreeMap<u32, i64>| {
                for id in (0..41_000).step_by(97).chain(expected.keys().copied()) {
                    prop_assert_eq!(packed.get(id), expected.get(&id).copied());
                }
                Ok(())
            };
            check(&packed, &expected)?;
            for (id, value) in changes {
                packed.set(id, value);
                match value {
                    Some(value) => drop(expected.insert(id, value)),
                    None => drop(expected.remove(&id)),
                }
            }
            check(&packed, &expected)?;
        }
    }

    #[test]
    fn few_different_numbers_take_few_bits() {
        let loaded = Packed::load(|put| {
            (0..STRETCH as u32 * 2).for_each(|id| put(id, i64::from(id % 3)));
            Ok::<(), Infallible>(())
        });
        assert_eq!(loaded.unwrap().size_bytes(), STRETCH * 2 * 2 / 8);
    }
}
