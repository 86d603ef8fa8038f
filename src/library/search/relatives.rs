//! Duplicate groups in searches: who is best of a group, how many relations a file has.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::Search;
use crate::library::error::Result;
use crate::model::ids::{GroupId, ItemId};
use crate::model::number_test::NumberTest;
use crate::model::predicate::RelationshipKind;
use crate::store::{self, ALTERNATES, AlternatesId, Flag, GROUPS, Key, POTENTIALS, Read, SetKey};

impl Search<'_> {
    /// Members of duplicate groups that are not the best of theirs.
    pub(super) fn second_best(&self) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        self.view.snapshot.scan(&GROUPS, |_, group| {
            let others = group.members.iter().filter(|member| **member != group.king);
            found.extend(others.map(|member| member.0));
            Ok(())
        })?;
        Ok(found)
    }

    /// Of some items those with so many relations of a kind. An item in no group has none.
    pub(super) fn with_relationships(
        &self,
        kind: RelationshipKind,
        test: &NumberTest,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let grouped = snapshot.set(SetKey::Flag(Flag::Grouped))? & &within;
        let mut counts: BTreeMap<GroupId, i64> = BTreeMap::new();
        let found = Self::filter(&grouped, |item| {
            let group = snapshot.item(item)?.and_then(|item| item.group);
            let Some(group) = group else { return Ok(test.matches(Some(0))) };
            let count = match counts.get(&group) {
                Some(count) => *count,
                None => *counts.entry(group).or_insert(self.relations_of(group, kind)?),
            };
            Ok(test.matches(Some(count)))
        })?;
        Ok(if test.matches(Some(0)) { found | (within - grouped) } else { found })
    }

    /// How many relations of a kind each member of a group has inside the searched domains.
    fn relations_of(&self, id: GroupId, kind: RelationshipKind) -> store::Result<i64> {
        let snapshot = &self.view.snapshot;
        let Some(group) = snapshot.get(&GROUPS, &id)? else { return Ok(0) };
        let is_here = |item: &crate::model::ids::ItemId| self.domain.contains(item.0);
        let alternates = match group.alternates {
            Some(alternates) => snapshot.get(&ALTERNATES, &alternates)?,
            None => None,
        };
        let count = match kind {
            RelationshipKind::Duplicates => {
                // The member itself is among those in the domain, since it was found there.
                group.members.iter().filter(|member| is_here(member)).count().saturating_sub(1)
            }
            RelationshipKind::Alternates => {
                let mut count = 0;
                for other in alternates.into_iter().flat_map(|set| set.groups) {
                    let other = if other == id { None } else { snapshot.get(&GROUPS, &other)? };
                    count += usize::from(other.is_some_and(|it| it.members.iter().any(is_here)));
                }
                count
            }
            RelationshipKind::PotentialDuplicates => {
                let mut count = 0;
                if is_here(&group.king) {
                    for ((_, other), _) in snapshot.with_prefix(&POTENTIALS, &id.to_bytes())? {
                        let other = snapshot.get(&GROUPS, &other)?;
                        count += usize::from(other.is_some_and(|other| is_here(&other.king)));
                    }
                }
                count
            }
            RelationshipKind::FalsePositives => {
                let mut count = 0;
                for other in alternates.into_iter().flat_map(|set| set.false_positives) {
                    count += usize::from(self.has_any_here(other)?);
                }
                count
            }
        };
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Whether a file of these alternates is inside the searched domains.
    fn has_any_here(&self, id: AlternatesId) -> store::Result<bool> {
        let snapshot = &self.view.snapshot;
        let Some(set) = snapshot.get(&ALTERNATES, &id)? else { return Ok(false) };
        for group in set.groups {
            let group = snapshot.get(&GROUPS, &group)?;
            let is_here = |item: &ItemId| self.domain.contains(item.0);
            if group.is_some_and(|group| group.members.iter().any(is_here)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
