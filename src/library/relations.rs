//! Siblings and parents: from the tags that are stored to the tags that are shown.
//!
//! Each tag service applies its own pairs to its own mappings. Pairs are applied in the order in
//! which they arrived; one that contradicts an earlier one or would close a loop has no effect
//! (behaviour.md 14). Shown tags of an item are the ideals of its stored tags and all ancestors of
//! those. Nothing is stored per item: a pair on a popular tag costs nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cached::touch;
use super::error::{Error, Result};
use crate::model::ids::{ServiceId, TagId};
use crate::store::{self, META, PARENTS, Pair, Read, SIBLINGS, Tx};

/// Counter of changes to siblings and parents.
pub(super) const RELATIONS_CHANGED: &str = "relations_changed";

/// The relations of all tag services.
#[derive(Debug, Default)]
pub struct Relations {
    services: BTreeMap<ServiceId, ServiceRelations>,
}

/// What one service's pairs amount to.
#[derive(Debug, Default)]
struct ServiceRelations {
    /// From a worse tag to the end of its chain. Ideals themselves are left out.
    ideals: HashMap<TagId, TagId>,
    /// From an ideal to all tags that lead to it, itself not included.
    worse: HashMap<TagId, Vec<TagId>>,
    /// From an ideal to its ancestors (ideals), transitive.
    ancestors: HashMap<TagId, BTreeSet<TagId>>,
    /// From an ideal to its descendants (ideals), transitive.
    descendants: HashMap<TagId, BTreeSet<TagId>>,
    /// Direct parents, both ends ideal.
    parents: HashMap<TagId, BTreeSet<TagId>>,
}

impl Relations {
    pub(super) fn load(read: &impl Read) -> store::Result<Relations> {
        let mut siblings: BTreeMap<ServiceId, Vec<(u64, TagId, TagId)>> = BTreeMap::new();
        read.scan(&SIBLINGS, |(service, worse), pair| {
            siblings.entry(service).or_default().push((pair.rank, worse, pair.better));
            Ok(())
        })?;
        let mut parents: BTreeMap<ServiceId, Vec<(u64, TagId, TagId)>> = BTreeMap::new();
        read.scan(&PARENTS, |(service, (child, parent)), rank| {
            parents.entry(service).or_default().push((rank, child, parent));
            Ok(())
        })?;
        let mut services: BTreeMap<ServiceId, ServiceRelations> = BTreeMap::new();
        for (service, mut pairs) in siblings {
            pairs.sort_unstable();
            services.entry(service).or_default().add_siblings(&pairs);
        }
        for (service, mut pairs) in parents {
            pairs.sort_unstable();
            services.entry(service).or_default().add_parents(&pairs);
        }
        Ok(Relations { services })
    }

    /// Whether a service has any pair: without, stored tags are the shown ones.
    #[must_use]
    pub fn has_any(&self, service: ServiceId) -> bool {
        self.services.contains_key(&service)
    }

    /// The tag that is shown in place of `tag`.
    #[must_use]
    pub fn ideal(&self, service: ServiceId, tag: TagId) -> TagId {
        self.services.get(&service).map_or(tag, |relations| relations.ideal(tag))
    }

    /// All tags of the chain of `tag`: the ideal first, then the others.
    #[must_use]
    pub fn chain(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        let ideal = self.ideal(service, tag);
        let relations = self.services.get(&service);
        let worse = relations.and_then(|relations| relations.worse.get(&ideal));
        std::iter::once(ideal).chain(worse.into_iter().flatten().copied()).collect()
    }

    /// The ancestors of the ideal of `tag`.
    #[must_use]
    pub fn ancestors(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        self.relatives(service, tag, |relations| &relations.ancestors)
    }

    /// The descendants of the ideal of `tag`.
    #[must_use]
    pub fn descendants(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        self.relatives(service, tag, |relations| &relations.descendants)
    }

    /// The direct parents of the ideal of `tag`.
    #[must_use]
    pub fn parents(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        self.relatives(service, tag, |relations| &relations.parents)
    }

    /// The direct children of the ideal of `tag`.
    #[must_use]
    pub fn children(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        let ideal = self.ideal(service, tag);
        let mut children = self.descendants(service, ideal);
        children.retain(|child| self.parents(service, *child).contains(&ideal));
        children
    }

    fn relatives(
        &self,
        service: ServiceId,
        tag: TagId,
        of: impl Fn(&ServiceRelations) -> &HashMap<TagId, BTreeSet<TagId>>,
    ) -> Vec<TagId> {
        let Some(relations) = self.services.get(&service) else { return Vec::new() };
        let found = of(relations).get(&relations.ideal(tag));
        found.into_iter().flatten().copied().collect()
    }

    /// The tags shown for these stored tags: their ideals and all ancestors, sorted by id.
    #[must_use]
    pub fn shown(&self, service: ServiceId, stored: impl Iterator<Item = TagId>) -> Vec<TagId> {
        let Some(relations) = self.services.get(&service) else { return stored.collect() };
        let mut shown = BTreeSet::new();
        for tag in stored {
            let ideal = relations.ideal(tag);
            shown.extend(relations.ancestors.get(&ideal).into_iter().flatten().copied());
            shown.insert(ideal);
        }
        shown.into_iter().collect()
    }

    /// All stored tags that make `tag` be shown: empty when `tag` is never shown, because another
    /// stands in its place.
    #[must_use]
    pub fn stored_for(&self, service: ServiceId, tag: TagId) -> Vec<TagId> {
        let Some(relations) = self.services.get(&service) else { return vec![tag] };
        if relations.ideal(tag) != tag {
            return Vec::new();
        }
        let descendants = relations.descendants.get(&tag).into_iter().flatten().copied();
        let ideals: Vec<TagId> = std::iter::once(tag).chain(descendants).collect();
        let chain = |ideal: TagId| self.chain(service, ideal);
        ideals.into_iter().flat_map(chain).collect()
    }

    /// Every tag that takes part in a pair of the service: only these are shown otherwise than
    /// stored.
    #[must_use]
    pub fn involved(&self, service: ServiceId) -> BTreeSet<TagId> {
        let Some(relations) = self.services.get(&service) else { return BTreeSet::new() };
        let mut involved: BTreeSet<TagId> = relations.ideals.keys().copied().collect();
        involved.extend(relations.worse.keys());
        involved.extend(relations.ancestors.keys());
        involved.extend(relations.descendants.keys());
        involved
    }
}

impl ServiceRelations {
    fn ideal(&self, tag: TagId) -> TagId {
        self.ideals.get(&tag).copied().unwrap_or(tag)
    }

    fn add_siblings(&mut self, pairs: &[(u64, TagId, TagId)]) {
        let mut better: HashMap<TagId, TagId> = HashMap::new();
        let end = |better: &HashMap<TagId, TagId>, mut tag: TagId| {
            while let Some(next) = better.get(&tag) {
                tag = *next;
            }
            tag
        };
        for (_, worse, ideal) in pairs {
            let closes_a_loop = end(&better, *ideal) == *worse;
            if !closes_a_loop && !better.contains_key(worse) {
                better.insert(*worse, *ideal);
            }
        }
        for worse in better.keys() {
            let ideal = end(&better, *worse);
            self.ideals.insert(*worse, ideal);
            self.worse.entry(ideal).or_default().push(*worse);
        }
        for worse in self.worse.values_mut() {
            worse.sort_unstable();
        }
    }

    fn add_parents(&mut self, pairs: &[(u64, TagId, TagId)]) {
        for (_, child, parent) in pairs {
            let (child, parent) = (self.ideal(*child), self.ideal(*parent));
            let above = self.ancestors.get(&parent).cloned().unwrap_or_default();
            let implied = self.ancestors.get(&child).is_some_and(|known| known.contains(&parent));
            if child == parent || above.contains(&child) || implied {
                continue;
            }
            self.parents.entry(child).or_default().insert(parent);
            let mut gained = above;
            gained.insert(parent);
            let mut below = self.descendants.get(&child).cloned().unwrap_or_default();
            below.insert(child);
            for tag in &below {
                self.ancestors.entry(*tag).or_default().extend(&gained);
            }
            for tag in &gained {
                self.descendants.entry(*tag).or_default().extend(&below);
            }
        }
    }
}

/// Declares that `tag` is shown as `better`; replaces what was declared of `tag` before.
///
/// # Errors
/// [`Error::Invalid`] when both are the same.
pub fn declare_sibling(tx: &mut Tx, service: ServiceId, tag: TagId, better: TagId) -> Result<()> {
    if tag == better {
        return Err(Error::invalid("a tag is not its own sibling"));
    }
    let known = tx.get(&SIBLINGS, &(service, tag))?;
    if known.is_none_or(|pair| pair.better != better) {
        let rank = next_rank(tx)?;
        tx.put(&SIBLINGS, &(service, tag), &Pair { better, rank });
        touch(tx, RELATIONS_CHANGED)?;
    }
    Ok(())
}

/// Takes back what was declared of `tag`.
///
/// # Errors
/// When reading fails.
pub fn remove_sibling(tx: &mut Tx, service: ServiceId, tag: TagId) -> Result<()> {
    tx.remove(&SIBLINGS, &(service, tag));
    Ok(touch(tx, RELATIONS_CHANGED)?)
}

/// Declares that `child` implies `parent`.
///
/// # Errors
/// [`Error::Invalid`] when both are the same.
pub fn declare_parent(tx: &mut Tx, service: ServiceId, child: TagId, parent: TagId) -> Result<()> {
    if child == parent {
        return Err(Error::invalid("a tag is not its own parent"));
    }
    if !tx.has(&PARENTS, &(service, (child, parent)))? {
        let rank = next_rank(tx)?;
        tx.put(&PARENTS, &(service, (child, parent)), &rank);
        touch(tx, RELATIONS_CHANGED)?;
    }
    Ok(())
}

/// Takes a parent back.
///
/// # Errors
/// When reading fails.
pub fn remove_parent(tx: &mut Tx, service: ServiceId, child: TagId, parent: TagId) -> Result<()> {
    tx.remove(&PARENTS, &(service, (child, parent)));
    Ok(touch(tx, RELATIONS_CHANGED)?)
}

/// The order of arrival, over all pairs.
fn next_rank(tx: &mut Tx) -> Result<u64> {
    let key = "next_pair_rank".to_owned();
    let rank = tx.get(&META, &key)?.unwrap_or(1);
    tx.put(&META, &key, &(rank + 1));
    Ok(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relations(siblings: &[(u32, u32)], parents: &[(u32, u32)]) -> ServiceRelations {
        let ranked = |pairs: &[(u32, u32)]| -> Vec<(u64, TagId, TagId)> {
            (0..).zip(pairs).map(|(rank, (a, b))| (rank, TagId(*a), TagId(*b))).collect()
        };
        let mut relations = ServiceRelations::default();
        relations.add_siblings(&ranked(siblings));
        relations.add_parents(&ranked(parents));
        relations
    }

    #[test]
    fn the_first_better_tag_wins_and_loops_are_refused() {
        let chain = relations(&[(1, 2), (1, 3), (2, 4)], &[]);
        assert_eq!(chain.ideal(TagId(1)), TagId(4));
        let ring = relations(&[(1, 2), (2, 3), (3, 1)], &[]);
        assert_eq!(ring.ideal(TagId(1)), TagId(3));
        assert_eq!(ring.ideal(TagId(3)), TagId(3));
    }

    #[test]
    fn parents_act_between_ideals_and_are_transitive() {
        let family = relations(&[(1, 2)], &[(1, 5), (5, 6), (6, 2)]);
        let of = |tags: &HashMap<TagId, BTreeSet<TagId>>, tag| -> Vec<u32> {
            tags.get(&TagId(tag)).into_iter().flatten().map(|tag| tag.0).collect()
        };
        assert_eq!(of(&family.ancestors, 2), [5, 6]);
        assert_eq!(of(&family.descendants, 6), [2, 5]);
        assert_eq!(of(&family.ancestors, 6), Vec::<u32>::new(), "the loop is refused");
    }
}
