//! Plays and the counter.

use std::rc::Rc;

use super::items::known;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::objects::{
    HistoryChange, HistoryKind, change_history, change_played, reset_played,
};
use crate::model::time::{now_ms, parse_timestamp};
use crate::stash::filter::Kind;
use crate::stash::scope::Scope;

/// The mutations that change a list of times: name, kind of object, list, and what happens.
const LISTS: &[(&str, Kind, HistoryKind, What)] = &[
    ("sceneAddPlay", Kind::Scene, HistoryKind::Play, What::AddTimes),
    ("sceneDeletePlay", Kind::Scene, HistoryKind::Play, What::RemoveTimes),
    ("sceneResetPlayCount", Kind::Scene, HistoryKind::Play, What::Reset),
    ("sceneIncrementPlayCount", Kind::Scene, HistoryKind::Play, What::Increment),
    ("sceneAddO", Kind::Scene, HistoryKind::Counter, What::AddTimes),
    ("sceneDeleteO", Kind::Scene, HistoryKind::Counter, What::RemoveTimes),
    ("sceneResetO", Kind::Scene, HistoryKind::Counter, What::Reset),
    ("sceneIncrementO", Kind::Scene, HistoryKind::Counter, What::Increment),
    ("sceneDecrementO", Kind::Scene, HistoryKind::Counter, What::Decrement),
    ("imageIncrementO", Kind::Image, HistoryKind::Counter, What::Increment),
    ("imageDecrementO", Kind::Image, HistoryKind::Counter, What::Decrement),
    ("imageResetO", Kind::Image, HistoryKind::Counter, What::Reset),
];

/// What happens; those with times answer the list, the others the count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    AddTimes,
    RemoveTimes,
    Increment,
    Decrement,
    Reset,
}

/// Runs a mutation of this file.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    let id = arguments.str("id").unwrap_or_default();
    let library = &scope.shared.library;
    if let Some((_, kind, list, what)) = LISTS.iter().find(|row| row.0 == field.name()) {
        let id = known(scope, *kind, id)?;
        let mut times = Vec::new();
        for text in arguments.strs("times").unwrap_or_default() {
            times.push(parse_timestamp(text, now_ms()).map_err(FieldError::new)?);
        }
        let change = match what {
            What::AddTimes | What::Increment => HistoryChange::Add(times),
            What::RemoveTimes | What::Decrement => HistoryChange::Remove(times),
            What::Reset => HistoryChange::Reset,
        };
        let list = *list;
        let (count, history) = library.write(move |tx| change_history(tx, id, list, &change))?;
        return Ok(match what {
            What::AddTimes | What::RemoveTimes => {
                Resolved::object(History { scope: Rc::clone(scope), count, history })
            }
            What::Increment | What::Decrement | What::Reset => Resolved::from(count),
        });
    }
    match field.name() {
        "sceneSaveActivity" => {
            let id = known(scope, Kind::Scene, id)?;
            let ms = |name| arguments.float(name).map(|value| (value.max(0.0) * 1000.0) as u64);
            let (resume, played) = (ms("resume_time"), ms("playDuration"));
            library.write(move |tx| change_played(tx, id, resume, played))?;
            Ok(Resolved::Bool(true))
        }
        "sceneResetActivity" => {
            let id = known(scope, Kind::Scene, id)?;
            let said = |name| arguments.bool(name).unwrap_or(false);
            let (resume, duration) = (said("reset_resume"), said("reset_duration"));
            library.write(move |tx| reset_played(tx, id, resume, duration))?;
            Ok(Resolved::Bool(true))
        }
        _ => Err(FieldError::Unresolved),
    }
}

/// A list of times after a change.
struct History {
    scope: Rc<Scope>,
    count: u64,
    history: Vec<i64>,
}

impl Object for History {
    fn type_name(&self) -> &'static str {
        "HistoryMutationResult"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "history" => {
                Resolved::List(self.history.iter().map(|time| self.scope.utc(*time)).collect())
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}
