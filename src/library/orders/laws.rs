//! Laws: the first of an order, however it came about, are those that sorting everything gives.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::walk::{Batch, Walk, Wanted, first, scan};
use super::{Kept, Keys, Order, Reader, compare};
use crate::library::error::Result;
use crate::library::testing::TestLibrary;

/// Keys in a map: a group and a tie by id.
#[derive(Default)]
struct Map {
    keys: RefCell<BTreeMap<u32, (u8, u8)>>,
    is_quick: bool,
}

impl Keys for Map {
    type Group = u8;
    type Tie = u8;

    fn reader(&self) -> Result<Reader<'_, Self>> {
        let keys = self.keys.borrow().clone();
        Ok(Box::new(move |id| Ok(keys.get(&id).copied())))
    }

    fn last(&self) -> Result<u32> {
        Ok(self.keys.borrow().keys().max().copied().unwrap_or(0))
    }

    fn is_quick(&self) -> bool {
        self.is_quick
    }
}

impl Map {
    /// Sorts everything.
    fn expected(&self, wanted: Wanted<'_>) -> Vec<u32> {
        let keys = self.keys.borrow();
        let has_key = |id: &u32| keys.contains_key(id);
        let mut rows: Vec<_> =
            wanted.found.iter().filter(has_key).map(|id| (keys[&id], id)).collect();
        rows.sort_by(|left, right| compare(left, right, wanted.descending));
        let without = wanted.found.iter().filter(|id| !has_key(id));
        rows.iter().map(|(_, id)| *id).chain(without).take(wanted.most).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_first_are_those_of_a_whole_sort(
        before in btree_map(0..40_u32, (0..4_u8, 0..3_u8), 0..40),
        rounds in vec(
            (vec((0..44_u32, prop::option::of((0..4_u8, 0..3_u8))), 0..8),
             vec(0..46_u32, 0..46), any::<bool>(), 0..50_usize),
            1..8,
        ),
        is_quick in any::<bool>(),
    ) {
        let library = TestLibrary::new();
        let store = &library.store;
        let keys = Map { keys: RefCell::new(before), is_quick };
        let kept = Kept::default();
        for (changes, found, descending, most) in rounds {
            kept.note(&changes.iter().map(|(id, _)| *id).collect());
            for (id, key) in changes {
                match key {
                    Some(key) => drop(keys.keys.borrow_mut().insert(id, key)),
                    None => drop(keys.keys.borrow_mut().remove(&id)),
                }
            }
            let found: RoaringBitmap = found.into_iter().collect();
            let wanted = Wanted { found: &found, descending, most };
            let expected = keys.expected(wanted);
            prop_assert_eq!(&first(store, &kept, &keys, wanted).unwrap(), &expected);
            prop_assert_eq!(&scan(&keys, wanted).unwrap(), &expected);
            let mut batches = Vec::new();
            if let Some(mut walk) = Walk::begin(store, &kept, &keys, wanted).unwrap() {
                let mut end = Batch::Full;
                while end == Batch::Full {
                    end = walk.batch(&keys, 3, &mut batches).unwrap();
                }
                batches.truncate(most);
                if end == Batch::Last || batches.len() == most {
                    prop_assert_eq!(&batches, &expected);
                }
            }
        }
    }

    #[test]
    fn an_order_followed_equals_one_made_anew(
        before in btree_map(0..90_u32, (0..4_u8, 0..3_u8), 0..90),
        changes in vec((0..99_u32, prop::option::of((0..4_u8, 0..3_u8))), 0..12),
    ) {
        let rows = |keys: &BTreeMap<u32, (u8, u8)>| {
            Order::of(keys.iter().map(|(id, key)| (*key, *id)).collect())
        };
        let (known, mut keys) = (rows(&before), before);
        let changed: RoaringBitmap = changes.iter().map(|(id, _)| *id).collect();
        for (id, key) in changes {
            match key {
                Some(key) => drop(keys.insert(id, key)),
                None => drop(keys.remove(&id)),
            }
        }
        let followed = known.followed(&changed, &|id| Ok(keys.get(&id).copied())).unwrap();
        prop_assert_eq!(followed, rows(&keys));
    }
}

#[test]
fn a_group_begins_where_nothing_joins_the_one_before() {
    let rows = (0..300_u32).map(|id| ((id / 130, ()), id)).collect();
    let order = Order::of(rows);
    for (place, start) in [(0, 0), (1, 0), (64, 0), (129, 0), (130, 130), (259, 130), (299, 260)] {
        assert_eq!(order.group_start(place), start, "{place}");
    }
}
