//! Small whole tables kept in memory, consistent with every snapshot.
//!
//! A counter in the store is raised by each write to the table. A reader compares the counter in its
//! own snapshot with the cached copy's and loads anew when they differ: never stale, never in the way.

use std::sync::{Arc, RwLock};

use crate::store::{self, META, Read, Tx};

/// A value derived from some table, remembered for one state of its counter.
pub struct Cached<T> {
    counter: &'static str,
    slot: RwLock<Option<(u64, Arc<T>)>>,
}

impl<T> Cached<T> {
    /// An empty cache over the table that `counter` stands for.
    #[must_use]
    pub const fn new(counter: &'static str) -> Cached<T> {
        Cached { counter, slot: RwLock::new(None) }
    }

    /// The value as of `read`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn get<R: Read>(
        &self,
        read: &R,
        load: impl FnOnce(&R) -> store::Result<T>,
    ) -> store::Result<Arc<T>> {
        let now = read.get(&META, &self.counter.to_owned())?.unwrap_or(0);
        if let Ok(slot) = self.slot.read()
            && let Some((counter, value)) = slot.as_ref()
            && *counter == now
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(load(read)?);
        if let Ok(mut slot) = self.slot.write() {
            *slot = Some((now, Arc::clone(&value)));
        }
        Ok(value)
    }

    /// The value as of whenever it was last read.
    #[must_use]
    pub fn last(&self) -> Option<Arc<T>> {
        self.slot.read().ok()?.as_ref().map(|(_, value)| Arc::clone(value))
    }
}

/// Raises a counter: to be called by every write to the table that it stands for.
///
/// # Errors
/// When reading fails.
pub fn touch(tx: &mut Tx, counter: &'static str) -> store::Result<()> {
    let key = counter.to_owned();
    let now = tx.get(&META, &key)?.unwrap_or(0);
    tx.put(&META, &key, &(now + 1));
    Ok(())
}
