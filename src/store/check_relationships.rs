//! Checks duplicate groups, sets of alternates and potential pairs against each other.

use super::check::CheckReport;
use super::error::Result;
use super::read::{Read, Snapshot};
use super::tables::{ALTERNATES, AlternatesId, GROUPS, ITEMS, POTENTIALS};
use crate::model::ids::GroupId;

/// Whatever one table says of another must be said there as well.
pub(super) fn check_relationships(snapshot: &Snapshot, report: &mut CheckReport) -> Result<()> {
    snapshot.scan(&ITEMS, |id, item| {
        let Some(group) = item.group else { return Ok(()) };
        let members = snapshot.get(&GROUPS, &group)?.map(|group| group.members);
        if !members.is_some_and(|members| members.contains(&id)) {
            report.fault(|| format!("item {id} names group {group}, which does not hold it"));
        }
        Ok(())
    })?;
    snapshot.scan(&GROUPS, |id, group| {
        report.rows += 1;
        let mut holds = group.members.contains(&group.king) && group.members.is_sorted();
        for member in &group.members {
            holds &= snapshot.item(*member)?.is_some_and(|item| item.group == Some(id));
        }
        if let Some(set) = group.alternates {
            holds &= set_holds(snapshot, set, id)?;
        }
        if !holds {
            report.fault(|| format!("group {id} and what it names disagree"));
        }
        Ok(())
    })?;
    snapshot.scan(&ALTERNATES, |id, set| {
        report.rows += 1;
        let mut holds = !set.groups.is_empty() && !set.false_positives.contains(&id);
        for group in &set.groups {
            let known = snapshot.get(&GROUPS, group)?;
            holds &= known.is_some_and(|group| group.alternates == Some(id));
        }
        for (left, right) in &set.confirmed {
            holds &= left < right && set.groups.contains(left) && set.groups.contains(right);
        }
        for other in &set.false_positives {
            let known = snapshot.get(&ALTERNATES, other)?;
            holds &= known.is_some_and(|set| set.false_positives.contains(&id));
        }
        if !holds {
            report.fault(|| format!("set of alternates {} and what it names disagree", id.0));
        }
        Ok(())
    })?;
    snapshot.scan(&POTENTIALS, |(left, right), distance| {
        report.rows += 1;
        let mirrored = snapshot.get(&POTENTIALS, &(right, left))? == Some(distance);
        let known = snapshot.has(&GROUPS, &left)? && snapshot.has(&GROUPS, &right)?;
        if !mirrored || !known || left == right {
            report.fault(|| format!("the potential pair {left}, {right} stands alone"));
        }
        Ok(())
    })
}

fn set_holds(snapshot: &Snapshot, set: AlternatesId, group: GroupId) -> Result<bool> {
    Ok(snapshot.get(&ALTERNATES, &set)?.is_some_and(|set| set.groups.contains(&group)))
}
