//! Plays and the counter of an object: lists of times, seen by Hydrus as views and a rating.

use super::edit::counter_service;
use crate::library::error::{Error, Result};
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::service::builtin::COMBINED_LOCAL;
use crate::store::{Read, Tx};

/// The canvas whose views a play adds to: the Client API's own.
const PLAY_CANVAS: u8 = 4;

/// Which list of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryKind {
    Play,
    Counter,
}

/// What happens to a list of times.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryChange {
    /// These are added; none means now.
    Add(Vec<i64>),
    /// One row goes for each of these; none means the most recent.
    Remove(Vec<i64>),
    /// All go.
    Reset,
}

/// Changes a list of times; returns the count and the times, newest first.
///
/// # Errors
/// [`Error::Missing`] when there is no such item.
pub fn change_history(
    tx: &mut Tx,
    id: ItemId,
    kind: HistoryKind,
    change: &HistoryChange,
) -> Result<(u64, Vec<i64>)> {
    let item = tx.item(id)?.ok_or_else(|| Error::missing("item", id))?;
    let service = match kind {
        HistoryKind::Counter => Some(counter_service(tx)?),
        HistoryKind::Play => None,
    };
    let now_s = tx.now_ms() / 1000 * 1000;
    let mut result = (0, Vec::new());
    let members = item.object.as_ref().map(|object| object.members.clone()).unwrap_or_default();
    let shown = match shown_by(tx, &item, &members)? {
        Some(other) => tx.item(other)?.unwrap_or(item),
        None => item,
    };
    let counted = service.and_then(|service| shown.rating(service)).unwrap_or(0.0).max(0.0) as u64;
    let mut added = Vec::new();
    tx.edit_item(id, |item| {
        let object = item.object_mut();
        let times = match kind {
            HistoryKind::Play => &mut object.plays_ms,
            HistoryKind::Counter => &mut object.counted_ms,
        };
        times.sort_unstable();
        let mut untimed = 0;
        if kind == HistoryKind::Counter {
            // A Hydrus client may have counted up, which has no time, or down.
            times.truncate(usize::try_from(counted).unwrap_or(usize::MAX));
            untimed = counted - times.len() as u64;
        }
        added = apply(times, &mut untimed, change, now_s);
        result = (times.len() as u64 + untimed, times.iter().rev().copied().collect());
        if kind == HistoryKind::Counter {
            object.counter_untimed = untimed;
        }
    })?;
    // What Hydrus clients see of it is on every file of the object.
    for item in std::iter::once(id).chain(members) {
        tx.edit_item(item, |item| match service {
            Some(service) => {
                item.set_rating(service, Some(result.0 as f64).filter(|count| *count > 0.0));
            }
            None => add_views(item, &added),
        })?;
    }
    Ok(result)
}

/// The member that stands in for a head without bytes.
fn shown_by(tx: &Tx, head: &Item, members: &[ItemId]) -> Result<Option<ItemId>> {
    if head.is_in(COMBINED_LOCAL) || head.sha256.is_none() {
        return Ok(None);
    }
    for member in members {
        if tx.item(*member)?.is_some_and(|item| item.is_in(COMBINED_LOCAL)) {
            return Ok(Some(*member));
        }
    }
    Ok(None)
}

/// Applies a change to sorted times; returns what was added.
fn apply(times: &mut Vec<i64>, untimed: &mut u64, change: &HistoryChange, now_s: i64) -> Vec<i64> {
    match change {
        HistoryChange::Add(given) => {
            let second = |time: &i64| time.div_euclid(1000) * 1000;
            let added: Vec<i64> =
                if given.is_empty() { vec![now_s] } else { given.iter().map(second).collect() };
            times.extend(&added);
            times.sort_unstable();
            return added;
        }
        HistoryChange::Remove(given) if given.is_empty() => {
            if times.pop().is_none() {
                *untimed = untimed.saturating_sub(1);
            }
        }
        HistoryChange::Remove(given) => {
            for time in given {
                let second = time.div_euclid(1000) * 1000;
                if let Some(place) = times.iter().position(|known| *known == second) {
                    times.remove(place);
                }
            }
        }
        HistoryChange::Reset => {
            times.clear();
            *untimed = 0;
        }
    }
    Vec::new()
}

/// Plays are views as well.
fn add_views(item: &mut Item, added: &[i64]) {
    if added.is_empty() {
        return;
    }
    let mut views = item.views_of(PLAY_CANVAS);
    views.views += added.len() as u64;
    views.last_viewed_ms = added.iter().copied().chain(views.last_viewed_ms).max();
    item.set_views(views);
}

/// Sets where playing resumes and adds to the time played.
///
/// # Errors
/// [`Error::Missing`] when there is no such item.
pub fn change_played(
    tx: &mut Tx,
    id: ItemId,
    resume_ms: Option<u64>,
    played_ms: Option<u64>,
) -> Result<()> {
    let item = tx.item(id)?.ok_or_else(|| Error::missing("item", id))?;
    let members = item.object.map(|object| object.members).unwrap_or_default();
    tx.edit_item(id, |item| {
        let object = item.object_mut();
        if let Some(resume_ms) = resume_ms {
            object.resume_ms = resume_ms;
        }
        let played = object.play_duration_ms.saturating_add(played_ms.unwrap_or(0));
        object.play_duration_ms = played;
    })?;
    let Some(played_ms) = played_ms else { return Ok(()) };
    for item in std::iter::once(id).chain(members) {
        tx.edit_item(item, |item| {
            let mut views = item.views_of(PLAY_CANVAS);
            views.viewtime_ms = views.viewtime_ms.saturating_add(played_ms);
            item.set_views(views);
        })?;
    }
    Ok(())
}

/// Sets the resume point, or the time played, back to nothing.
///
/// # Errors
/// [`Error::Missing`] when there is no such item.
pub fn reset_played(tx: &mut Tx, id: ItemId, resume: bool, duration: bool) -> Result<()> {
    tx.item(id)?.ok_or_else(|| Error::missing("item", id))?;
    tx.edit_item(id, |item| {
        let object = item.object_mut();
        if resume {
            object.resume_ms = 0;
        }
        if duration {
            object.play_duration_ms = 0;
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &[i64], change: HistoryChange, after: &[i64]) {
        let mut times = before.to_vec();
        apply(&mut times, &mut 0, &change, 9_000);
        assert_eq!(times, after, "{change:?}");
    }

    #[test]
    fn times_are_added_by_the_second_and_removed_one_by_one() {
        check(&[], HistoryChange::Add(vec![]), &[9_000]);
        check(&[5_000], HistoryChange::Add(vec![1_999]), &[1_000, 5_000]);
        check(&[1_000, 1_000], HistoryChange::Remove(vec![1_500]), &[1_000]);
        check(&[1_000, 5_000], HistoryChange::Remove(vec![]), &[1_000]);
        check(&[1_000, 5_000], HistoryChange::Remove(vec![7_000]), &[1_000, 5_000]);
        check(&[1_000, 5_000], HistoryChange::Reset, &[]);
    }
}
