//! Filling an empty index from the store, while searches and changes go on.

use std::sync::Arc;

use super::committer::Shared;
use super::{Change, Error};

/// A rebuild in progress.
///
/// Take a snapshot of the store at some sequence number, [`put`](Rebuild::put) everything it holds
/// in any order and in batches of a few thousand, and [`finish`](Rebuild::finish) with that number.
/// Changes after the snapshot go to [`super::Index::apply`] meanwhile as always, and win. What is
/// put becomes visible with later commits, not at once.
///
/// Until the end commits are stamped zero: after a crash, or when this is dropped unfinished, the
/// next [`super::Index::open`] begins anew.
pub struct Rebuild<'a> {
    shared: &'a Arc<Shared>,
}

impl Rebuild<'_> {
    pub(super) fn begin(shared: &Arc<Shared>) -> Result<Rebuild<'_>, Error> {
        shared.begin_fill()?;
        Ok(Rebuild { shared })
    }

    /// Adds tags and texts of the snapshot. Removals mean nothing here. Waits for the indexing
    /// threads when they are behind.
    pub fn put(&self, batch: Vec<Change>) -> Result<(), Error> {
        self.shared.fill(batch)
    }

    /// Everything up to `seq` was put: commits it. An empty library ends with its number too.
    pub fn finish(self, seq: u64) -> Result<(), Error> {
        self.shared.end_fill(seq)
    }
}
