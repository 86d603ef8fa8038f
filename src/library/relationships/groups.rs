//! The rules that keep groups, sets of alternates and potential pairs consistent.
//!
//! Everything here runs inside a write and leaves all three tables, and the items' own references,
//! in agreement; `store::check` compares them.

use super::{RELATIONSHIPS_CHANGED, pairs_prefix};
use crate::library::cached::touch;
use crate::model::ids::{GroupId, ItemId};
use crate::model::item::Item;
use crate::model::service::builtin;
use crate::store::{
    ALTERNATES, Alternates, AlternatesId, DuplicateGroup, Error, GROUPS, POTENTIALS, Read, Result,
    Tx,
};

const NEXT_GROUP: &str = "next_group";
const NEXT_ALTERNATES: &str = "next_alternates";

/// A group that something leads to.
pub(super) fn group(read: &impl Read, id: GroupId) -> Result<DuplicateGroup> {
    read.get(&GROUPS, &id)?.ok_or_else(|| Error::Damaged(format!("there is no group {id}")))
}

/// A set of alternates that something leads to.
pub(super) fn alternates(read: &impl Read, id: AlternatesId) -> Result<Alternates> {
    let set = read.get(&ALTERNATES, &id)?;
    set.ok_or_else(|| Error::Damaged(format!("there is no set of alternates {}", id.0)))
}

/// The groups that may be duplicates of a group, with their distances.
pub(super) fn potentials_of(read: &impl Read, id: GroupId) -> Result<Vec<(GroupId, u32)>> {
    let rows = read.with_prefix(&POTENTIALS, &pairs_prefix(id))?;
    Ok(rows.into_iter().map(|((_, other), distance)| (other, distance)).collect())
}

/// Whether pairs with this file may be found: it is held, and of a kind whose looks are compared.
pub(super) fn is_searchable(item: &Item) -> bool {
    let looks = item
        .media
        .as_ref()
        .is_some_and(|media| media.perceptual_hash.is_some() || media.pixel_hash.is_some());
    looks && item.is_in(builtin::STORAGE)
}

/// The group of an item, made when it had none.
pub(super) fn group_of(tx: &mut Tx, id: ItemId) -> Result<GroupId> {
    let item = read_item(tx, id)?;
    if let Some(group) = item.group {
        return Ok(group);
    }
    let group = GroupId(tx.next_id(NEXT_GROUP)?);
    put_group(tx, group, &DuplicateGroup { king: id, members: vec![id], alternates: None })?;
    set_group(tx, id, Some(group))?;
    Ok(group)
}

fn read_item(tx: &Tx, id: ItemId) -> Result<Item> {
    tx.item(id)?.ok_or_else(|| Error::Damaged(format!("there is no row for item {id}")))
}

/// Sets an item's own reference. It is no change that people made: `updated_ms` stays.
fn set_group(tx: &mut Tx, id: ItemId, group: Option<GroupId>) -> Result<()> {
    let mut item = read_item(tx, id)?;
    item.group = group;
    tx.put_item(id, &item)
}

fn put_group(tx: &mut Tx, id: GroupId, group: &DuplicateGroup) -> Result<()> {
    tx.put(&GROUPS, &id, group);
    touch(tx, RELATIONSHIPS_CHANGED)
}

/// Makes a member the best file of its group.
pub(super) fn crown(tx: &mut Tx, id: ItemId) -> Result<()> {
    let group_id = group_of(tx, id)?;
    let mut group = group(tx, group_id)?;
    group.king = id;
    put_group(tx, group_id, &group)
}

/// Whether the two groups may be thought duplicates of each other: nothing is decided, and both
/// kings can be compared.
pub(super) fn may_be_potential(tx: &Tx, left: GroupId, right: GroupId) -> Result<bool> {
    if left == right {
        return Ok(false);
    }
    let (one, other) = (group(tx, left)?, group(tx, right)?);
    if let (Some(one), Some(other)) = (one.alternates, other.alternates) {
        let set = alternates(tx, one)?;
        let confirmed = one == other && set.confirmed.contains(&ordered(left, right));
        if confirmed || set.false_positives.contains(&other) {
            return Ok(false);
        }
    }
    Ok(is_searchable(&read_item(tx, one.king)?) && is_searchable(&read_item(tx, other.king)?))
}

fn ordered(left: GroupId, right: GroupId) -> (GroupId, GroupId) {
    (left.min(right), left.max(right))
}

/// Notes a potential pair, if nothing speaks against it. A distance that is known stays, as it does
/// in a client.
pub(super) fn add_potential(
    tx: &mut Tx,
    left: GroupId,
    right: GroupId,
    distance: u32,
) -> Result<()> {
    if !may_be_potential(tx, left, right)? {
        return Ok(());
    }
    if tx.has(&POTENTIALS, &(left, right))? {
        return Ok(());
    }
    tx.put(&POTENTIALS, &(left, right), &distance);
    tx.put(&POTENTIALS, &(right, left), &distance);
    touch(tx, RELATIONSHIPS_CHANGED)
}

/// Forgets a potential pair.
pub(super) fn remove_potential(tx: &mut Tx, left: GroupId, right: GroupId) -> Result<()> {
    if tx.has(&POTENTIALS, &(left, right))? {
        tx.remove(&POTENTIALS, &(left, right));
        tx.remove(&POTENTIALS, &(right, left));
        touch(tx, RELATIONSHIPS_CHANGED)?;
    }
    Ok(())
}

/// Forgets all potential pairs of a group.
pub(super) fn remove_potentials(tx: &mut Tx, id: GroupId) -> Result<()> {
    for (other, _) in potentials_of(tx, id)? {
        remove_potential(tx, id, other)?;
    }
    Ok(())
}

/// Takes a file out of its group: it is alone again, and what looks like it is looked for anew.
/// When it is the king, the whole group falls apart.
pub(super) fn take_out(tx: &mut Tx, id: ItemId) -> Result<()> {
    let group_id = group_of(tx, id)?;
    let mut group = group(tx, group_id)?;
    if group.king == id {
        return dissolve(tx, group_id);
    }
    group.members.retain(|member| *member != id);
    put_group(tx, group_id, &group)?;
    set_free(tx, id)
}

fn set_free(tx: &mut Tx, id: ItemId) -> Result<()> {
    set_group(tx, id, None)?;
    tx.edit_item(id, |item| item.similar_searched = None).map(drop)
}

/// Ends a group and all that is known of it: its members are alone again.
pub(super) fn dissolve(tx: &mut Tx, id: GroupId) -> Result<()> {
    remove_potentials(tx, id)?;
    leave_alternates(tx, id)?;
    for member in group(tx, id)?.members {
        set_free(tx, member)?;
    }
    tx.remove(&GROUPS, &id);
    touch(tx, RELATIONSHIPS_CHANGED)
}

/// Moves all that is known of one group into another, which keeps its king.
pub(super) fn merge(tx: &mut Tx, survivor: GroupId, gone: GroupId) -> Result<()> {
    if survivor == gone {
        return Ok(());
    }
    if group(tx, gone)?.alternates.is_some() {
        unite(tx, survivor, gone)?;
        inherit_confirmed(tx, survivor, gone)?;
    }
    let pairs = potentials_of(tx, gone)?;
    remove_potentials(tx, gone)?;
    leave_alternates(tx, gone)?;
    let members = group(tx, gone)?.members;
    tx.remove(&GROUPS, &gone);
    let mut kept = group(tx, survivor)?;
    for member in members {
        kept.members.push(member);
        set_group(tx, member, Some(survivor))?;
    }
    kept.members.sort_unstable();
    put_group(tx, survivor, &kept)?;
    for (other, distance) in pairs {
        add_potential(tx, survivor, other, distance)?;
    }
    Ok(())
}

/// The set of alternates of a group, made when it had none.
pub(super) fn alternates_of(tx: &mut Tx, id: GroupId) -> Result<AlternatesId> {
    let mut group = group(tx, id)?;
    if let Some(set) = group.alternates {
        return Ok(set);
    }
    let set = AlternatesId(tx.next_id(NEXT_ALTERNATES)?);
    tx.put(&ALTERNATES, &set, &Alternates { groups: vec![id], ..Alternates::default() });
    group.alternates = Some(set);
    put_group(tx, id, &group)?;
    Ok(set)
}

/// Makes one set of the alternates of two groups. What the second set is unrelated to, the united
/// one is unrelated to; between the two that is overruled. Potential pairs of the second set stay,
/// even with what the first set is unrelated to: a client leaves them to be decided.
pub(super) fn unite(tx: &mut Tx, keeps: GroupId, joins: GroupId) -> Result<()> {
    let (kept_id, gone_id) = (alternates_of(tx, keeps)?, alternates_of(tx, joins)?);
    if kept_id == gone_id {
        return Ok(());
    }
    let (mut kept, gone) = (alternates(tx, kept_id)?, alternates(tx, gone_id)?);
    kept.false_positives.retain(|other| *other != gone_id);
    for other_id in gone.false_positives.iter().copied().filter(|other| *other != kept_id) {
        remove_potentials_between(tx, kept_id, other_id)?;
        let mut other = alternates(tx, other_id)?;
        other.false_positives.retain(|known| *known != gone_id);
        insert(&mut other.false_positives, kept_id);
        tx.put(&ALTERNATES, &other_id, &other);
        insert(&mut kept.false_positives, other_id);
    }
    for group_id in gone.groups {
        let mut group = group(tx, group_id)?;
        group.alternates = Some(kept_id);
        put_group(tx, group_id, &group)?;
        insert(&mut kept.groups, group_id);
    }
    kept.confirmed.extend(gone.confirmed);
    kept.confirmed.sort_unstable();
    tx.put(&ALTERNATES, &kept_id, &kept);
    tx.remove(&ALTERNATES, &gone_id);
    Ok(())
}

fn insert<T: Ord>(list: &mut Vec<T>, value: T) {
    if let Err(place) = list.binary_search(&value) {
        list.insert(place, value);
    }
}

/// Notes that a person confirmed two groups of one set to be alternates.
pub(super) fn confirm(tx: &mut Tx, left: GroupId, right: GroupId) -> Result<()> {
    let id = alternates_of(tx, left)?;
    let mut set = alternates(tx, id)?;
    insert(&mut set.confirmed, ordered(left, right));
    tx.put(&ALTERNATES, &id, &set);
    remove_potential(tx, left, right)
}

/// Gives a group the confirmed alternates of another of the same set.
fn inherit_confirmed(tx: &mut Tx, survivor: GroupId, gone: GroupId) -> Result<()> {
    let set = alternates_of(tx, survivor)?;
    for (left, right) in alternates(tx, set)?.confirmed {
        let other = if left == gone { right } else { left };
        if (left == gone || right == gone) && other != survivor {
            confirm(tx, survivor, other)?;
        }
    }
    Ok(())
}

/// Takes a group out of its set of alternates; an empty set ends.
fn leave_alternates(tx: &mut Tx, id: GroupId) -> Result<()> {
    let mut group = group(tx, id)?;
    let Some(set_id) = group.alternates.take() else { return Ok(()) };
    put_group(tx, id, &group)?;
    let mut set = alternates(tx, set_id)?;
    set.groups.retain(|member| *member != id);
    set.confirmed.retain(|(left, right)| *left != id && *right != id);
    if !set.groups.is_empty() {
        tx.put(&ALTERNATES, &set_id, &set);
        return Ok(());
    }
    for other_id in set.false_positives {
        let mut other = alternates(tx, other_id)?;
        other.false_positives.retain(|known| *known != set_id);
        tx.put(&ALTERNATES, &other_id, &other);
    }
    tx.remove(&ALTERNATES, &set_id);
    Ok(())
}

/// Notes that the sets of two groups are unrelated. Nothing to do for one and the same set.
pub(super) fn part(tx: &mut Tx, left: GroupId, right: GroupId) -> Result<()> {
    let (one_id, other_id) = (alternates_of(tx, left)?, alternates_of(tx, right)?);
    if one_id == other_id {
        return Ok(());
    }
    for (id, unrelated) in [(one_id, other_id), (other_id, one_id)] {
        let mut set = alternates(tx, id)?;
        insert(&mut set.false_positives, unrelated);
        tx.put(&ALTERNATES, &id, &set);
    }
    remove_potentials_between(tx, one_id, other_id)?;
    touch(tx, RELATIONSHIPS_CHANGED)
}

fn remove_potentials_between(tx: &mut Tx, one: AlternatesId, other: AlternatesId) -> Result<()> {
    let others = alternates(tx, other)?.groups;
    for left in alternates(tx, one)?.groups {
        for (right, _) in potentials_of(tx, left)? {
            if others.contains(&right) {
                remove_potential(tx, left, right)?;
            }
        }
    }
    Ok(())
}
