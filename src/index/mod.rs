//! Tantivy and nobody else: the tag lexicon (autocomplete, wildcards) and full text.
//!
//! Start at [`Index`]. The index knows no store: its owner feeds it [`Change`]s, each batch with
//! the store's sequence number, and on opening learns from [`Opened::applied_seq`] where to resume.
//! Everything here can be deleted and rebuilt from the store at any time.
//!
//! Three invariants, all tested:
//! - A change is visible to every search that starts after [`Index::apply`] returned. Until a
//!   commit carries it, it lives in [`memory`] and is scanned.
//! - No search waits for a commit: readers clone three pointers and work on those.
//! - A damaged directory is noticed when it is opened, never later and never by a panic.

mod committer;
mod lexicon;
mod memory;
mod opening;
mod pattern;
mod rebuild;
mod schema;
mod text;
mod words;

#[cfg(test)]
mod laws;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::model::ids::{ItemId, TagId};

pub use lexicon::TagHits;
pub use pattern::{NamespacePattern, SubtagPattern, TagQuery};
pub use rebuild::Rebuild;
pub use text::{TextField, TextFields};
pub use words::INNER;

/// Why the index could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another [`Index`] of this one, writes to the directory.
    #[error("the search index is in use by another process")]
    Busy,
    /// A rebuild was asked of an index that already holds documents, or that is being rebuilt.
    #[error("the search index is not empty")]
    NotEmpty,
    /// Commits keep failing and too much is waiting. Reopen the index; it will catch up.
    #[error("the search index cannot be written: {0}")]
    Stuck(String),
    /// The file system or the search engine failed.
    #[error("the search index failed: {0}")]
    Engine(String),
}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Error {
        Error::Engine(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Engine(error.to_string())
    }
}

/// One thing to change in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A tag appears for the first time. Its text never changes: a known id is skipped.
    AddTag {
        /// The id that searches give back.
        tag: TagId,
        /// The namespace; empty for a tag without one.
        namespace: String,
        /// The subtag in its searchable form.
        subtag: String,
    },
    /// The texts of an item, replacing all earlier ones.
    PutText {
        /// The id that searches give back.
        item: ItemId,
        /// Every text of the item.
        fields: TextFields,
    },
    /// The item has no text any more.
    RemoveText(ItemId),
}

/// What [`Index::open`] gives.
pub struct Opened {
    /// The index, ready for searches and changes.
    pub index: Index,
    /// The sequence number of the last change that is on disk. The owner replays what came after.
    /// Zero exactly when the index is empty: then everything must be fed, see [`Index::rebuild`].
    pub applied_seq: u64,
}

/// The search index of one library. Share it by reference or in an [`Arc`].
///
/// Dropping it leaves uncommitted changes to the next replay; [`Index::close`] commits them.
pub struct Index {
    shared: Arc<committer::Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    /// Opens the index in `dir`, a folder that holds nothing else.
    ///
    /// What is missing, damaged or of another `schema_version` is deleted and begun anew, with one
    /// log line. Fails with [`Error::Busy`] when somebody else has it open.
    pub fn open(dir: &Path, schema_version: u32) -> Result<Opened, Error> {
        let opened = opening::open(dir, schema_version)?;
        let applied_seq = opened.applied_seq;
        let (shared, thread) = committer::start(opened)?;
        Ok(Opened { index: Index { shared, thread: Some(thread) }, applied_seq })
    }

    /// Takes changes in order; they are visible to searches when this returns.
    ///
    /// `seq` is the store's number for the batch and must never go back. An empty batch is worth
    /// sending: it lets [`Index::committed_seq`] advance. Waits only when the changes of several
    /// commits are queued, and never inside a search.
    pub fn apply(&self, batch: Vec<Change>, seq: u64) -> Result<(), Error> {
        self.shared.apply(batch, seq)
    }

    /// All changes up to this number are on disk: the store may forget its log of them.
    pub fn committed_seq(&self) -> u64 {
        self.shared.committed_seq()
    }

    /// Commits everything applied so far and gives the committed number.
    pub fn flush(&self) -> Result<u64, Error> {
        self.shared.flush()
    }

    /// Commits everything, ends the background thread and releases the directory, whose files then
    /// rest.
    pub fn close(mut self) -> Result<u64, Error> {
        let flushed = self.shared.flush();
        self.end(true);
        flushed
    }

    /// Begins to fill an empty index with everything the store holds. See [`Rebuild`].
    pub fn rebuild(&self) -> Result<Rebuild<'_>, Error> {
        Rebuild::begin(&self.shared)
    }

    fn end(&mut self, settle: bool) {
        self.shared.stop(settle);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged by the thread itself.
            let _ended = thread.join();
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.end(false);
    }
}
