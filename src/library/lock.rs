//! Closing the library for a while, so that its files can be copied from outside (behaviour.md 26).

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Library;
use super::error::{Error, Result};

/// How long requests that are still running are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Library {
    /// Closes the store and the search index: their files rest. From then on every verb and view is
    /// [`Error::Busy`] until [`Library::unlock`]; jobs and downloads wait.
    ///
    /// # Errors
    /// [`Error::Busy`] when it is locked already, or when a reader did not end; it is open then.
    pub fn lock(&self) -> Result<()> {
        if self.locked.swap(true, Ordering::SeqCst) {
            return Err(Error::Busy);
        }
        let closed = self.store.close(PATIENCE).map_err(Error::from);
        let closed = closed.and_then(|()| {
            self.indexing.close(PATIENCE).inspect_err(|_| {
                if let Err(error) = self.store.reopen() {
                    tracing::error!(%error, "the store was not opened again");
                }
            })
        });
        closed.map_err(|error| {
            tracing::warn!(%error, "the library was not locked");
            self.locked.store(false, Ordering::SeqCst);
            Error::Busy
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
        self.indexing.reopen(&self.store)?;
        self.locked.store(false, Ordering::SeqCst);
        self.wake_imports();
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
    use std::sync::Arc;

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

    /// What is kept in memory must not forget a change that it could not look at.
    #[test]
    fn orders_asked_for_while_it_is_closed_are_right_afterwards() {
        use crate::library::objects::NameSort;
        let library = TestLibrary::new();
        let seen = |title: &'static str| {
            move |item: &mut crate::model::item::Item| {
                let combined = crate::model::service::builtin::COMBINED_LOCAL;
                crate::library::membership::enter(item, combined, Some(1), 1);
                item.media = Some(crate::library::testing::blank_media());
                item.notes = vec![("title".to_owned(), title.to_owned())];
            }
        };
        let (first, second) = (library.item(1, seen("b")), library.item(2, seen("c")));
        let is_first = |id| {
            let view = library.view().unwrap();
            let ranks = view.name_ranks(NameSort::Title).unwrap();
            ranks.rank(id) < ranks.rank(if id == first { second } else { first })
        };
        assert!(is_first(first));
        library.item(2, seen("a"));
        let view = library.view().unwrap();
        let closing = std::thread::spawn({
            let library = std::sync::Arc::clone(&library);
            move || library.lock()
        });
        while library.view().is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(matches!(view.name_ranks(NameSort::Title), Err(Error::Busy)));
        drop(view);
        closing.join().unwrap().unwrap();
        library.unlock().unwrap();
        assert!(is_first(second));
    }

    #[test]
    fn work_in_the_background_waits_for_a_locked_library() {
        let library = TestLibrary::new();
        library.lock().unwrap();
        let shared = Arc::clone(&library);
        let job = library.jobs().add("names a tag", move |_| {
            let tag = shared.write(|tx| Ok(tx.tag_for("species:robin")?));
            let tag = tag.map_err(|error| error.to_string())?;
            let view = shared.view().map_err(|error| error.to_string())?;
            let text = view.tag_text(tag).map_err(|error| error.to_string())?;
            (&*text == "species:robin").then_some(()).ok_or_else(|| text.to_string())
        });
        let waiting = library.jobs().wait(job, Duration::from_millis(100)).unwrap();
        assert_eq!(waiting.status, crate::library::jobs::JobStatus::Running);
        library.unlock().unwrap();
        let ended = library.jobs().wait(job, Duration::from_secs(10)).unwrap();
        assert_eq!((ended.status, ended.error), (crate::library::jobs::JobStatus::Finished, None));
        let view = library.view().unwrap();
        let pattern = crate::model::tag_pattern::TagPattern::parse("species:rob*").unwrap();
        assert_eq!(view.tags_like(&pattern).unwrap().len(), 1, "the index has seen it");
    }

    #[test]
    fn a_copy_made_while_it_is_locked_is_whole() {
        let library = TestLibrary::new();
        library.item(1, |item| item.inbox = true);
        library.write(|tx| Ok(tx.tag_for("species:robin")?)).unwrap();
        library.lock().unwrap();
        let data = library.settings().data.clone();
        let copy = data.with_extension("copy");
        let status = std::process::Command::new("cp").arg("-r").args([&data, &copy]).status();
        assert!(status.unwrap().success());
        let other = Library::open(crate::library::Settings::at(&copy)).unwrap();
        assert!(other.check().unwrap().faults.is_empty());
        other.close().unwrap();
        drop(other);
        library.unlock().unwrap();
        std::fs::remove_dir_all(copy).unwrap();
    }

    #[test]
    fn closing_does_not_wait_for_what_waits_for_a_locked_library() {
        let library = TestLibrary::new();
        library.lock().unwrap();
        let shared = Arc::clone(&library);
        let job = library
            .jobs()
            .add("waits", move |_| shared.view().map(drop).map_err(|error| error.to_string()));
        let _running = library.jobs().wait(job, Duration::from_millis(50));
        let begun = std::time::Instant::now();
        library.close().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5));
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
