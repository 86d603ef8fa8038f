//! What a person says about two files, applied to their groups.

use std::collections::BTreeSet;

use super::discovery::note_new_file;
use super::groups;
use super::merge::{Merge, merge_content};
use crate::library::Library;
use crate::library::error::{Error, Result};
use crate::library::lifecycle::{Deletion, delete};
use crate::model::ids::{GroupId, ItemId};
use crate::model::service::builtin;
use crate::store::{self, ITEMS, Read as _, Tx};

/// How the first of two files relates to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// They may be duplicates.
    Potential,
    /// They look alike but have nothing to do with each other.
    FalsePositive,
    /// They are the same in the same quality.
    SameQuality,
    /// They are versions of each other.
    Alternate,
    /// They are the same, the first in a better quality.
    Better,
}

/// One decision about two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub a: ItemId,
    pub b: ItemId,
    pub relationship: Relationship,
    /// Whether tags, ratings, notes and so on go from one to the other.
    pub merge_content: bool,
    /// Files to send to the trash: the first, the second.
    pub delete: [bool; 2],
}

/// The reason that stands with files deleted by a decision.
const DELETION_REASON: &str = "From Client API (duplicates processing).";

impl Library {
    /// Applies decisions in order, in one transaction.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown file; nothing is changed then.
    pub fn decide(&self, decisions: Vec<Decision>) -> Result<()> {
        self.write(move |tx| {
            for decision in &decisions {
                check_known(tx, &[decision.a, decision.b])?;
            }
            let mut involved = BTreeSet::new();
            for decision in &decisions {
                for file in [decision.a, decision.b] {
                    let group = groups::group_of(tx, file)?;
                    involved.extend(groups::group(tx, group)?.members);
                }
                decide(tx, decision)?;
            }
            Ok(search_again(tx, &involved)?)
        })
    }

    /// Makes each file the best of its group.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown file.
    pub fn set_kings(&self, items: Vec<ItemId>) -> Result<()> {
        self.write(move |tx| {
            check_known(tx, &items)?;
            Ok(items.iter().try_for_each(|item| groups::crown(tx, *item))?)
        })
    }

    /// Forgets all potential pairs of the files' groups. They are not found again by themselves.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown file.
    pub fn remove_potentials(&self, items: Vec<ItemId>) -> Result<()> {
        self.write(move |tx| {
            check_known(tx, &items)?;
            for item in &items {
                if let Some(group) = tx.item(*item)?.and_then(|item| item.group) {
                    groups::remove_potentials(tx, group)?;
                }
            }
            Ok(())
        })
    }
}

/// Looks for what looks like the files that a decision set free, as for files that have just come.
fn search_again(tx: &mut Tx, files: &BTreeSet<ItemId>) -> store::Result<()> {
    for file in files {
        if tx.item(*file)?.is_some_and(|item| item.similar_searched.is_none()) {
            note_new_file(tx, *file)?;
        }
    }
    Ok(())
}

fn check_known(tx: &Tx, items: &[ItemId]) -> Result<()> {
    for item in items {
        if !tx.has(&ITEMS, item)? {
            return Err(Error::missing("file", item));
        }
    }
    Ok(())
}

fn decide(tx: &mut Tx, decision: &Decision) -> Result<()> {
    let Decision { a, b, relationship, delete: deleted, .. } = *decision;
    let (left, right) = (groups::group_of(tx, a)?, groups::group_of(tx, b)?);
    groups::remove_potential(tx, left, right)?;
    if a != b {
        match relationship {
            Relationship::Potential => groups::add_potential(tx, left, right, 0)?,
            Relationship::FalsePositive => groups::part(tx, left, right)?,
            Relationship::SameQuality => same_quality(tx, a, b)?,
            Relationship::Alternate => alternate(tx, a, b)?,
            Relationship::Better => better(tx, a, b)?,
        }
    }
    if decision.merge_content {
        match relationship {
            Relationship::Better => merge_content(tx, [a, b], Merge::IntoBetter, deleted)?,
            Relationship::SameQuality => merge_content(tx, [a, b], Merge::BothWays, deleted)?,
            Relationship::Potential | Relationship::FalsePositive | Relationship::Alternate => {}
        }
    }
    for (file, gone) in [(a, deleted[0]), (b, deleted[1])] {
        let local = tx.item(file)?.is_some_and(|item| item.is_in(builtin::COMBINED_LOCAL));
        if gone && local {
            let deletion = Deletion {
                items: vec![file],
                domains: vec![builtin::COMBINED_LOCAL],
                reason: Some(DELETION_REASON.to_owned()),
                folder_bytes: false,
            };
            delete(tx, &deletion)?;
        }
    }
    Ok(())
}

/// The group of a file and whether it is the king there.
fn standing(tx: &mut Tx, file: ItemId) -> Result<(GroupId, bool)> {
    let id = groups::group_of(tx, file)?;
    Ok((id, groups::group(tx, id)?.king == file))
}

fn better(tx: &mut Tx, a: ItemId, b: ItemId) -> Result<()> {
    let (left, _) = standing(tx, a)?;
    let (right, b_is_king) = standing(tx, b)?;
    if left == right {
        return if b_is_king { Ok(groups::crown(tx, a)?) } else { Ok(()) };
    }
    let right = if b_is_king { right } else { alone(tx, b)? };
    Ok(groups::merge(tx, left, right)?)
}

/// Takes a file out of its group; the group it is alone in then.
fn alone(tx: &mut Tx, file: ItemId) -> Result<GroupId> {
    groups::take_out(tx, file)?;
    Ok(groups::group_of(tx, file)?)
}

fn same_quality(tx: &mut Tx, a: ItemId, b: ItemId) -> Result<()> {
    let (left, a_is_king) = standing(tx, a)?;
    let (right, b_is_king) = standing(tx, b)?;
    if left == right {
        return Ok(());
    }
    match (a_is_king, b_is_king) {
        (false, false) => {
            let right = alone(tx, b)?;
            Ok(groups::merge(tx, left, right)?)
        }
        (true, false) => Ok(groups::merge(tx, right, left)?),
        (false, true) | (true, true) => Ok(groups::merge(tx, left, right)?),
    }
}

fn alternate(tx: &mut Tx, a: ItemId, b: ItemId) -> Result<()> {
    let (mut left, a_is_king) = standing(tx, a)?;
    let (mut right, _) = standing(tx, b)?;
    if left == right {
        if a_is_king {
            right = alone(tx, b)?;
        } else {
            left = alone(tx, a)?;
        }
    }
    groups::unite(tx, left, right)?;
    Ok(groups::confirm(tx, left, right)?)
}
