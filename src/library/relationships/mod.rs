//! Duplicates: what a person decided about pairs of files, and pairs nobody decided about yet
//! (behaviour.md 22).
//!
//! Every file is in one duplicate group, alone until something is known of it; the best file of a
//! group is its king. Groups that show the same thing in different versions share a set of
//! alternates. Sets can be known to be unrelated (false positives). Pairs of groups that look alike
//! are potential duplicates until a person decides.
//!
//! - `groups`: the rules that keep groups, sets and pairs consistent
//! - `decisions`: what a person says, applied
//! - `merge`: content that goes from one file to another with a decision
//! - `discovery`: finding pairs that look alike
//! - `pairs`: searches of such pairs

mod decisions;
mod discovery;
mod groups;
mod merge;
mod pairs;
#[cfg(test)]
mod tests;

pub use decisions::{Decision, Relationship};
pub use discovery::note_new_file;
pub(super) use pairs::cache;
pub use pairs::{
    PairSort, PixelDuplicates, PotentialPair, PotentialPairs, PotentialSearch, SearchedFiles,
};

use roaring::RoaringBitmap;

use super::View;
use super::error::{Error, Result};
use crate::model::ids::{GroupId, ItemId};
use crate::model::service::builtin;
use crate::store::{ALTERNATES, DuplicateGroup, GROUPS, Key as _, POTENTIALS, Read};

/// Counter of changes to groups and pairs.
pub(super) const RELATIONSHIPS_CHANGED: &str = "relationships_changed";

/// What is known of a file and others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRelationships {
    /// The best file of its group, maybe itself.
    pub king: ItemId,
    /// Whether the king is in the domain that was asked for.
    pub king_is_on_file_domain: bool,
    /// Whether its bytes are held.
    pub king_is_local: bool,
    /// One file a group that may be a duplicate.
    pub potentials: Vec<ItemId>,
    /// One file a group that is known to be unrelated.
    pub false_positives: Vec<ItemId>,
    /// One file a group that shows another version.
    pub alternates: Vec<ItemId>,
    /// The other members of its group.
    pub duplicates: Vec<ItemId>,
}

/// How much is known about duplicates in a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationshipTotals {
    pub alternate_groups: u64,
    pub alternate_files: u64,
    pub duplicate_files: u64,
}

impl View {
    /// What is known of a file and others in a domain, each list sorted by id.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown file.
    pub fn file_relationships(
        &self,
        id: ItemId,
        domain: &RoaringBitmap,
    ) -> Result<FileRelationships> {
        let read = &self.snapshot;
        let item = read.item(id)?.ok_or_else(|| Error::missing("file", id))?;
        let mut found = FileRelationships {
            king: id,
            king_is_on_file_domain: false,
            king_is_local: false,
            potentials: Vec::new(),
            false_positives: Vec::new(),
            alternates: Vec::new(),
            duplicates: Vec::new(),
        };
        if let Some(group_id) = item.group {
            let group = groups::group(read, group_id)?;
            found.king = group.king;
            let others = group.members.iter().filter(|member| **member != id);
            found.duplicates = others.copied().filter(|member| domain.contains(member.0)).collect();
            if domain.contains(group.king.0) {
                found.potentials = self.potential_kings(domain, group_id)?;
            }
            if let Some(set_id) = group.alternates {
                let set = groups::alternates(read, set_id)?;
                let others = set.groups.iter().copied().filter(|other| *other != group_id);
                found.alternates = self.representatives(domain, others)?;
                for unrelated in set.false_positives {
                    let set = groups::alternates(read, unrelated)?;
                    let files = self.representatives(domain, set.groups.into_iter())?;
                    found.false_positives.extend(files);
                }
                found.false_positives.sort_unstable();
            }
        }
        found.king_is_on_file_domain = domain.contains(found.king.0);
        let king = read.item(found.king)?;
        found.king_is_local = king.is_some_and(|king| king.is_in(builtin::STORAGE));
        Ok(found)
    }

    /// The kings that a group makes pairs with: a pair counts where both kings are in the domain.
    fn potential_kings(&self, domain: &RoaringBitmap, id: GroupId) -> Result<Vec<ItemId>> {
        let mut kings = Vec::new();
        for (other, _) in groups::potentials_of(&self.snapshot, id)? {
            let king = groups::group(&self.snapshot, other)?.king;
            kings.extend(Some(king).filter(|king| domain.contains(king.0)));
        }
        kings.sort_unstable();
        Ok(kings)
    }

    /// The group of an item, if anything is known of it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn duplicate_group(&self, id: GroupId) -> Result<DuplicateGroup> {
        Ok(groups::group(&self.snapshot, id)?)
    }

    /// One file of each group: its king, or else a member that is in the domain.
    fn representatives(
        &self,
        domain: &RoaringBitmap,
        groups: impl Iterator<Item = GroupId>,
    ) -> Result<Vec<ItemId>> {
        let mut files = Vec::new();
        for id in groups {
            let group = groups::group(&self.snapshot, id)?;
            let king = std::iter::once(group.king);
            let mut candidates = king.chain(group.members.iter().copied());
            files.extend(candidates.find(|file| domain.contains(file.0)));
        }
        files.sort_unstable();
        Ok(files)
    }

    /// How many other files each kind of relationship has of an item: potential duplicates, false
    /// positives, alternates and duplicates, in any domain. For conditions of searches.
    ///
    /// # Errors
    /// When reading fails.
    pub fn relationship_counts(&self, id: ItemId) -> Result<[usize; 4]> {
        let read = &self.snapshot;
        let Some(group_id) = read.item(id)?.and_then(|item| item.group) else { return Ok([0; 4]) };
        let group = groups::group(read, group_id)?;
        let potentials = groups::potentials_of(read, group_id)?.len();
        let (mut false_positives, mut alternates) = (0, 0);
        if let Some(set_id) = group.alternates {
            let set = groups::alternates(read, set_id)?;
            alternates = set.groups.len().saturating_sub(1);
            for unrelated in set.false_positives {
                false_positives += groups::alternates(read, unrelated)?.groups.len();
            }
        }
        Ok([potentials, false_positives, alternates, group.members.len() - 1])
    }

    /// Totals over all groups that have a file in the domain.
    ///
    /// # Errors
    /// When reading fails.
    pub fn relationship_totals(&self, domain: &RoaringBitmap) -> Result<RelationshipTotals> {
        let mut totals = RelationshipTotals::default();
        let inside = |group: &DuplicateGroup| {
            group.members.iter().filter(|member| domain.contains(member.0)).count() as u64
        };
        self.snapshot.scan(&GROUPS, |_, group| {
            let files = inside(&group);
            if files > 1 {
                totals.duplicate_files += files;
            }
            Ok(())
        })?;
        self.snapshot.scan(&ALTERNATES, |_, set| {
            let mut files = 0;
            for group in &set.groups {
                files += inside(&groups::group(&self.snapshot, *group)?);
            }
            // The sets are counted wherever their files are, the files where they are.
            if set.groups.len() > 1 {
                totals.alternate_groups += 1;
                totals.alternate_files += if files > 1 { files } else { 0 };
            }
            Ok(())
        })?;
        Ok(totals)
    }

    /// How many pairs of groups wait for a decision, in all.
    ///
    /// # Errors
    /// When reading fails.
    pub fn potential_pair_count(&self) -> Result<u64> {
        let mut rows = 0;
        self.snapshot.scan_from(&POTENTIALS, &[], |_, _| {
            rows += 1;
            Ok(true)
        })?;
        Ok(rows / 2)
    }
}

/// The bytes that all pairs of a group begin with.
fn pairs_prefix(group: GroupId) -> Vec<u8> {
    group.to_bytes()
}
