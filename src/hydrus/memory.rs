//! What the door remembers between requests and forgets when the program ends: sessions, and what
//! restricted keys found last.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::library;
use crate::model::hash::to_hex;
use crate::model::ids::ItemId;
use crate::model::time::now_ms;

/// A session ends this long after its last use.
const SESSION_MS: i64 = 24 * 3_600_000;
/// A search is forgotten this long after its last use.
const SEARCH_MS: i64 = 4 * 3_600_000;
/// Sessions kept; beyond, those that would end first make room.
const SESSIONS_MAX: usize = 100_000;

/// The memory of one door.
#[derive(Debug)]
pub struct Memory {
    sessions: Mutex<HashMap<Vec<u8>, Session>>,
    searches: Mutex<HashMap<Vec<u8>, Search>>,
    boot_id: String,
    boot_ms: i64,
}

#[derive(Debug)]
struct Session {
    access_key: Vec<u8>,
    ends_ms: i64,
}

#[derive(Debug)]
struct Search {
    /// Sorted.
    found: Vec<ItemId>,
    ends_ms: i64,
}

/// A session key, or the time, of use to nobody after a panic elsewhere: the map is whole anyway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// An empty memory, begun now.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new() -> library::Result<Memory> {
        Ok(Memory {
            sessions: Mutex::default(),
            searches: Mutex::default(),
            boot_id: to_hex(&library::random_key()?),
            boot_ms: now_ms(),
        })
    }

    /// A name for this run of the program, and when it began.
    #[must_use]
    pub fn boot(&self) -> (&str, i64) {
        (&self.boot_id, self.boot_ms)
    }

    /// Begins a session for an access key; returns the session key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn begin_session(&self, access_key: &[u8]) -> library::Result<Vec<u8>> {
        let key = library::random_key()?;
        let now_ms = now_ms();
        let session = Session { access_key: access_key.to_vec(), ends_ms: now_ms + SESSION_MS };
        let mut sessions = locked(&self.sessions);
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, session| session.ends_ms > now_ms);
            let first = sessions.iter().min_by_key(|(_, session)| session.ends_ms);
            if let Some(key) = first.map(|(key, _)| key.clone())
                && sessions.len() >= SESSIONS_MAX
            {
                sessions.remove(&key);
            }
        }
        sessions.insert(key.clone(), session);
        Ok(key)
    }

    /// The access key of a session that has not ended; using it prolongs it.
    #[must_use]
    pub fn session(&self, key: &[u8]) -> Option<Vec<u8>> {
        let now_ms = now_ms();
        let mut sessions = locked(&self.sessions);
        let session = sessions.get_mut(key)?;
        if session.ends_ms <= now_ms {
            sessions.remove(key);
            return None;
        }
        session.ends_ms = now_ms + SESSION_MS;
        Some(session.access_key.clone())
    }

    /// Ends a session, if it is there.
    pub fn end_session(&self, key: &[u8]) {
        locked(&self.sessions).remove(key);
    }

    /// Remembers what a key found, in place of what it found before.
    pub fn remember_search(&self, access_key: &[u8], found: &[ItemId]) {
        let mut found = found.to_vec();
        found.sort_unstable();
        let now_ms = now_ms();
        let mut searches = locked(&self.searches);
        searches.retain(|_, search| search.ends_ms > now_ms);
        searches.insert(access_key.to_vec(), Search { found, ends_ms: now_ms + SEARCH_MS });
    }

    /// How many of these the key found in its last search; `None` when that is forgotten.
    #[must_use]
    pub fn count_seen(&self, access_key: &[u8], files: &[ItemId]) -> Option<usize> {
        let now_ms = now_ms();
        let mut searches = locked(&self.searches);
        let search = searches.get_mut(access_key).filter(|search| search.ends_ms > now_ms)?;
        search.ends_ms = now_ms + SEARCH_MS;
        Some(files.iter().filter(|file| search.found.binary_search(file).is_ok()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_belongs_to_a_key_until_it_is_ended() {
        let memory = Memory::new().unwrap();
        let session = memory.begin_session(b"key").unwrap();
        assert_eq!(session.len(), 32);
        assert_eq!(memory.session(&session).as_deref(), Some(b"key".as_slice()));
        assert_eq!(memory.session(b"other"), None);
        memory.end_session(&session);
        assert_eq!(memory.session(&session), None);
    }

    #[test]
    fn each_search_replaces_the_one_before() {
        let memory = Memory::new().unwrap();
        assert_eq!(memory.count_seen(b"key", &[]), None);
        memory.remember_search(b"key", &[ItemId(3), ItemId(1)]);
        assert_eq!(memory.count_seen(b"key", &[ItemId(1), ItemId(2)]), Some(1));
        memory.remember_search(b"key", &[ItemId(2)]);
        assert_eq!(memory.count_seen(b"key", &[ItemId(1), ItemId(2)]), Some(1));
        assert_eq!(memory.count_seen(b"key", &[ItemId(1)]), Some(0));
    }
}
