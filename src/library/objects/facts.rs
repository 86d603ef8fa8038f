//! What objects are ordered and filtered by beyond the store's columns: titles, dates, plays.
//!
//! Kept in memory for the items that have any of it, and brought up to date from the change log, so
//! that a sorted page decodes no records but its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::{RwLock, RwLockReadGuard};

use crate::library::View;
use crate::library::error::{Error, Result};
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::store::{CHANGES, ChangeKind, Flag, META, Read, SetKey};

/// Changed items beyond which everything is loaded anew.
const CHANGED_MAX: usize = 50_000;

/// The facts of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectFacts {
    pub title: Box<str>,
    pub code: Box<str>,
    pub date: Option<Box<str>>,
    pub rating100: Option<u8>,
    pub counter: u64,
    pub last_counted_ms: Option<i64>,
    pub plays: u64,
    pub last_played_ms: Option<i64>,
    pub play_duration_ms: u64,
    pub resume_ms: u64,
    pub frame_rate: f64,
    pub bit_rate: u64,
}

/// The facts of all objects that have any, as of some state.
#[derive(Default)]
struct State {
    sequence: u64,
    facts: HashMap<ItemId, ObjectFacts>,
}

/// The facts in memory.
#[derive(Default)]
pub(crate) struct FactsCache {
    state: RwLock<Option<State>>,
}

/// The facts, locked for reading. Drop it soon.
pub struct FactsGuard<'a>(RwLockReadGuard<'a, Option<State>>);

impl FactsGuard<'_> {
    /// The facts of an object; `None` when it has none worth keeping.
    #[must_use]
    pub fn get(&self, id: ItemId) -> Option<&ObjectFacts> {
        self.0.as_ref()?.facts.get(&id)
    }
}

impl View {
    /// The facts of all objects, no older than this view.
    ///
    /// # Errors
    /// When reading fails.
    pub fn facts(&self) -> Result<FactsGuard<'_>> {
        let cache = &self.library().facts;
        let poisoned = || Error::Conflict("the facts of objects are lost; try again".to_owned());
        let now = self.snapshot.get(&META, &"sequence".to_owned())?.unwrap_or(0);
        {
            let state = cache.state.read().map_err(|_| poisoned())?;
            if state.as_ref().is_some_and(|state| state.sequence >= now) {
                return Ok(FactsGuard(state));
            }
        }
        {
            let mut state = cache.state.write().map_err(|_| poisoned())?;
            let known = state.take();
            *state = Some(match known {
                Some(known) if known.sequence >= now => known,
                Some(known) => self.refreshed(known, now)?,
                None => self.loaded(now)?,
            });
        }
        Ok(FactsGuard(cache.state.read().map_err(|_| poisoned())?))
    }

    fn refreshed(&self, mut state: State, now: u64) -> Result<State> {
        let mut changed = BTreeSet::new();
        let mut expected = state.sequence + 1;
        let mut is_whole = true;
        self.snapshot.scan_from(&CHANGES, &expected.to_be_bytes(), |sequence: u64, changes| {
            is_whole &= sequence == expected;
            expected = sequence + 1;
            let items = changes.iter().filter(|change| change.kind == ChangeKind::Item);
            changed.extend(items.map(|change| change.id));
            Ok(is_whole && changed.len() <= CHANGED_MAX)
        })?;
        if !is_whole || expected <= now || changed.len() > CHANGED_MAX {
            return self.loaded(now);
        }
        // A later member may stand in for its head.
        let mut heads = Vec::new();
        for id in &changed {
            heads.extend(self.item(ItemId(*id))?.and_then(|item| item.head).map(|head| head.0));
        }
        changed.extend(heads);
        for id in changed {
            self.put_facts(&mut state, ItemId(id))?;
        }
        state.sequence = now;
        Ok(state)
    }

    fn loaded(&self, now: u64) -> Result<State> {
        let mut worth = self.snapshot.set(SetKey::Flag(Flag::HasObjectState))?;
        worth |= self.snapshot.set(SetKey::Flag(Flag::HasNotes))?;
        for name in [super::RATING_SERVICE, super::COUNTER_SERVICE] {
            if let Some(service) = self.services().by_key(name.as_bytes()) {
                worth |= self.snapshot.set(SetKey::Rated(service))?;
            }
        }
        worth |= self.scenes()?;
        let mut state = State { sequence: now, facts: HashMap::new() };
        for id in worth {
            self.put_facts(&mut state, ItemId(id))?;
        }
        Ok(state)
    }

    fn put_facts(&self, state: &mut State, id: ItemId) -> Result<()> {
        let facts = self.object(id)?.map(|item| self.facts_of(&item)).unwrap_or_default();
        if facts == ObjectFacts::default() {
            state.facts.remove(&id);
        } else {
            state.facts.insert(id, facts);
        }
        Ok(())
    }

    /// The facts of one item.
    #[must_use]
    pub fn facts_of(&self, item: &Item) -> ObjectFacts {
        let note = |name| item.note(name).unwrap_or_default().into();
        let media = item.media.as_ref();
        let mut facts = ObjectFacts {
            title: note("title"),
            code: note("code"),
            rating100: self.rating100(item),
            counter: self.counter(item),
            frame_rate: media.map_or(0.0, |media| media.frame_rate),
            bit_rate: media.map_or(0, |media| media.bit_rate),
            ..ObjectFacts::default()
        };
        if let Some(object) = &item.object {
            facts.date = object.date.as_deref().map(Into::into);
            facts.last_counted_ms = object.counted_ms.iter().max().copied();
            facts.plays = object.plays_ms.len() as u64;
            facts.last_played_ms = object.plays_ms.iter().max().copied();
            facts.play_duration_ms = object.play_duration_ms;
            facts.resume_ms = object.resume_ms;
        }
        facts
    }
}
