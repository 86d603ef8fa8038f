//! Objects whose first content is gone, and the later member that stands for it.
//!
//! A file whose bytes changed on the disk stays the same object, headed by the same item; but that
//! item has no bytes any more, and no Hydrus client sees it. Until it has some again the first later
//! member that is held stands in for it: Stash shows the member's content and what is written on it,
//! so that both doors speak of the same record.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::library::View;
use crate::library::error::Result;
use crate::library::tracked::Tracked;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::service::builtin::COMBINED_LOCAL;
use crate::store::{Column, ColumnValues, Flag, ITEMS, Read as _, SetKey, Snapshot};

/// Which members stand for their heads.
#[derive(Debug, Default)]
pub struct StandIns {
    of_head: HashMap<u32, u32>,
    heads: RoaringBitmap,
}

impl StandIns {
    fn put(&mut self, head: u32, member: u32) {
        self.of_head.entry(head).or_insert(member);
        self.heads.insert(head);
    }

    /// The item whose content an object shows: itself, unless another stands in for it.
    #[must_use]
    pub fn of(&self, id: ItemId) -> ItemId {
        self.of_head.get(&id.0).map_or(id, |member| ItemId(*member))
    }

    /// The objects that another item stands for.
    #[must_use]
    pub fn heads(&self) -> &RoaringBitmap {
        &self.heads
    }

    /// A set of items as one of objects: a head is in it where its stand-in was.
    #[must_use]
    pub fn seen(&self, found: RoaringBitmap) -> RoaringBitmap {
        if self.of_head.is_empty() {
            return found;
        }
        let there = self.of_head.iter().filter(|(_, member)| found.contains(**member));
        let there: RoaringBitmap = there.map(|(head, _)| *head).collect();
        (found - &self.heads) | there
    }

    /// A set of objects as one of items: stand-ins in the place of their heads.
    #[must_use]
    pub fn behind(&self, objects: RoaringBitmap) -> RoaringBitmap {
        if self.of_head.is_empty() {
            return objects;
        }
        let members: RoaringBitmap = (&objects & &self.heads)
            .iter()
            .filter_map(|head| self.of_head.get(&head).copied())
            .collect();
        (objects - &self.heads) | members
    }
}

/// The values of a fact of all objects. Drop it soon: the writer waits for it.
pub struct ObjectColumn<'v> {
    values: ColumnValues<'v>,
    stand_ins: &'v StandIns,
    column: Column,
}

impl<'v> ObjectColumn<'v> {
    pub(super) fn new(values: ColumnValues<'v>, stand_ins: &'v StandIns, column: Column) -> Self {
        ObjectColumn { values, stand_ins, column }
    }

    /// The value of an object; `None` where there is none.
    #[must_use]
    pub fn value(&self, id: ItemId) -> Option<i64> {
        let shown = self.stand_ins.of(id);
        if shown == id || self.column == Column::CreatedMs {
            self.values.value(id)
        } else if self.column == Column::UpdatedMs {
            self.values.value(id).max(self.values.value(shown))
        } else {
            self.values.value(shown)
        }
    }
}

/// The heads of all later members.
pub(in crate::library) fn heads_of_members() -> Tracked<u32> {
    let of = |item: &Item| item.head.map(|head| head.0);
    let load = move |snapshot: &Snapshot| {
        let mut facts = Vec::new();
        for member in snapshot.set(SetKey::Flag(Flag::Member))? {
            let item = snapshot.get(&ITEMS, &ItemId(member))?;
            facts.extend(item.as_ref().and_then(of).map(|head| (member, head)));
        }
        Ok(facts)
    };
    Tracked::new(load, of)
}

impl View {
    /// Which members stand for their heads, in this state.
    ///
    /// # Errors
    /// When reading fails.
    pub fn stand_ins(&self) -> Result<&StandIns> {
        if let Some(known) = self.stand_ins.get() {
            return Ok(known);
        }
        let local = self.snapshot.set(SetKey::Domain(COMBINED_LOCAL))?;
        let members = self.snapshot.set(SetKey::Flag(Flag::Member))? & &local;
        let mut found = StandIns::default();
        if !members.is_empty() {
            let made = self.made_scenes()?;
            let library = self.library();
            for (member, head) in library.heads_of_members.get(&library.store)?.iter() {
                let is_seen = local.contains(*head) || made.contains(*head);
                if members.contains(*member) && !is_seen {
                    found.put(*head, *member);
                }
            }
        }
        Ok(self.stand_ins.get_or_init(|| found))
    }

    /// The record of an object: what Stash knows of its head, with the content and what both doors
    /// write on it, which is its stand-in's where it has one.
    ///
    /// # Errors
    /// When reading fails.
    pub fn object(&self, id: ItemId) -> Result<Option<Item>> {
        let Some(head) = self.item(id)? else { return Ok(None) };
        let shown = self.stand_ins()?.of(id);
        if shown == id {
            return Ok(Some(head));
        }
        let Some(shown) = self.item(shown)? else { return Ok(Some(head)) };
        let mut object = head.object.unwrap_or_default();
        object.rating100 = shown.object.as_ref().and_then(|object| object.rating100);
        Ok(Some(Item {
            head: None,
            object: Some(object),
            created_ms: head.created_ms,
            updated_ms: head.updated_ms.max(shown.updated_ms),
            ..shown
        }))
    }

    /// The objects that Stash sees whose held files have a hash.
    ///
    /// # Errors
    /// When reading fails.
    pub fn objects_by_hash(
        &self,
        kind: crate::store::LookupKind,
        hash: &[u8],
    ) -> Result<Vec<ItemId>> {
        let local = self.snapshot.set(SetKey::Domain(COMBINED_LOCAL))?;
        let mut found = Vec::new();
        for item in self.items_by_hash(kind, hash)? {
            if local.contains(item.0) {
                found.extend(self.head_of(item)?);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_seen_as_its_head() {
        let mut ins = StandIns::default();
        ins.put(3, 20);
        ins.put(3, 21);
        let set = |ids: &[u32]| ids.iter().copied().collect::<RoaringBitmap>();
        assert_eq!((ins.of(ItemId(3)), ins.of(ItemId(4))), (ItemId(20), ItemId(4)));
        assert_eq!(ins.seen(set(&[3, 4])), set(&[4]));
        assert_eq!(ins.seen(set(&[4, 20])), set(&[3, 4, 20]));
        assert_eq!(ins.behind(set(&[3, 4])), set(&[4, 20]));
        assert_eq!(StandIns::default().seen(set(&[3])), set(&[3]));
    }
}
