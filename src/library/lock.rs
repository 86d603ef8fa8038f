//! Closing the library for a while, so that its files can be copied from outside (behaviour.md 26).

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Library;
use super::error::{Error, Result};

/// How long requests that are still running are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Library {
    /// Closes the store. From then on every verb and view is [`Error::Busy`] until
    /// [`Library::unlock`].
    ///
    /// # Errors
    /// [`Error::Busy`] when it is locked already; the store's failure, when a reader did not end.
    pub fn lock(&self) -> Result<()> {
        if self.locked.swap(true, Ordering::SeqCst) {
            return Err(Error::Busy);
        }
        // Without it the next opening only has more to replay.
        if let Err(error) = self.index().flush() {
            tracing::warn!(%error, "the search index was not written");
        }
        self.store.close(PATIENCE).map_err(|error| {
            self.locked.store(false, Ordering::SeqCst);
            Error::from(error)
        })
    }

    /// Opens the store again.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not locked; the store's failure, when it cannot be opened.
    pub fn unlock(&self) -> Result<()> {
        if !self.is_locked() {
            return Err(Error::invalid("The server is not busy!"));
        }
        self.store.reopen()?;
        self.locked.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Whether the library is closed for the moment.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    #[test]
    fn a_locked_library_is_busy_and_comes_back_as_it_was() {
        let library = TestLibrary::new();
        let id = library.item(1, |item| item.inbox = true);
        assert!(matches!(library.unlock(), Err(Error::Invalid(_))));
        library.lock().unwrap();
        assert!(matches!(library.lock(), Err(Error::Busy)));
        assert!(matches!(library.view().map(|_| ()), Err(Error::Busy)));
        let refused = library.set_notes(id, vec![], crate::library::NoteWriting::Replace);
        assert!(matches!(refused, Err(Error::Busy)));
        library.unlock().unwrap();
        assert!(library.get(id).inbox);
        library.check();
    }

    #[test]
    fn a_reader_that_ends_in_time_does_not_hinder_the_lock() {
        let library = TestLibrary::new();
        let view = library.view().unwrap();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(view);
        });
        library.lock().unwrap();
        other.join().unwrap();
        library.unlock().unwrap();
    }
}
