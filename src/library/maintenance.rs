//! What a library does by itself now and then: emptying the trash, sweeping blobs nobody knows.

use std::sync::Arc;

use super::Library;
use super::error::{Error, Result};
use super::jobs::JobContext;
use super::lifecycle::Deletion;
use super::places;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::service::builtin::{STORAGE, TRASH};
use crate::model::time::now_ms;
use crate::store::{Read as _, SetKey};

/// Files deleted in one transaction.
const BATCH: usize = 64;

impl Library {
    /// Empties the trash of what is too old, then of the oldest until it is small enough. Files that
    /// the delete lock protects are passed by. Returns how many went.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn empty_trash(self: &Arc<Self>, context: &JobContext) -> Result<usize> {
        let view = self.view()?;
        let rules = view.file_rules()?;
        let mut trash: Vec<(i64, ItemId, u64)> = Vec::new();
        let sent = |item: &Item| item.membership(TRASH).and_then(|row| row.imported_ms);
        for id in view.snapshot.set(SetKey::Domain(TRASH))? {
            let Some(item) = view.item(ItemId(id))? else { continue };
            let is_locked = rules.delete_lock && !item.inbox;
            if !is_locked {
                let size = item.media.as_ref().map_or(0, |media| media.size_bytes);
                trash.push((sent(&item).unwrap_or(0), ItemId(id), size));
            }
        }
        drop(view);
        trash.sort_unstable();
        let mut left_bytes: u64 = trash.iter().map(|(_, _, size)| size).sum();
        let now = now_ms();
        let mut due = Vec::new();
        for (sent_ms, id, size) in trash {
            let is_old = rules.trash_age_ms_max.is_some_and(|max| now - sent_ms > max);
            let is_full = rules.trash_bytes_max.is_some_and(|max| left_bytes > max);
            if is_old || is_full {
                due.push(id);
                left_bytes -= size;
            }
        }
        let mut gone = 0;
        for batch in due.chunks(BATCH) {
            if context.is_cancelled() {
                break;
            }
            let deletion = Deletion {
                items: batch.to_vec(),
                domains: vec![STORAGE],
                reason: None,
                folder_bytes: false,
            };
            match self.delete(deletion) {
                Ok(()) => gone += batch.len(),
                // One of them was archived a moment ago under the delete lock: the next run.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
            context.progress(gone, due.len());
        }
        Ok(gone)
    }

    /// Removes blobs and thumbnails of contents that are not held: what an interrupted import or
    /// deletion left behind. Returns how many files went.
    ///
    /// # Errors
    /// When reading fails.
    pub fn sweep_blobs(self: &Arc<Self>, context: &JobContext) -> Result<usize> {
        let mut gone = 0;
        for first_byte in 0..=u8::MAX {
            if context.is_cancelled() {
                break;
            }
            let listed = self.blobs.list(first_byte);
            let context_of = || format!("client_files/f{first_byte:02x}");
            let listed = listed.map_err(|error| Error::File { context: context_of(), error })?;
            let snapshot = self.store.snapshot()?;
            for blob in listed {
                if self.is_wanted(&snapshot, &blob)? {
                    continue;
                }
                // Perhaps an import is just under way: with its claim nobody is.
                let _claim = self.blobs.claim(blob.sha256);
                if !self.is_wanted(&self.store.snapshot()?, &blob)?
                    && places::remove_if_there(&blob.path)
                {
                    tracing::info!(path = %blob.path.display(), "a blob that nobody knows went");
                    gone += 1;
                }
            }
            context.progress(usize::from(first_byte) + 1, 256);
        }
        Ok(gone)
    }

    fn is_wanted(&self, read: &crate::store::Snapshot, blob: &places::ListedBlob) -> Result<bool> {
        let Some(id) = read.item_by_sha256(blob.sha256)? else { return Ok(false) };
        if blob.is_thumbnail {
            return Ok(read.item(id)?.is_some_and(|item| item.is_in(STORAGE)));
        }
        Ok(places::is_managed(read, id)?)
    }

    /// Queues the regular upkeep: the trash, then the blobs.
    pub fn queue_maintenance(self: &Arc<Self>) -> u64 {
        let library = Arc::clone(self);
        self.jobs.add("Maintaining...", move |context| {
            context
                .sub_task("Emptying the trash", || library.empty_trash(context))
                .and_then(|_| context.sub_task("Sweeping blobs", || library.sweep_blobs(context)))
                .map(drop)
                .map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::library::file_tests::Scratch;
    use crate::library::{FileRules, FileStatus};
    use crate::model::service::builtin::COMBINED_LOCAL;

    fn trashed(scratch: &Scratch, name: &str) -> ItemId {
        let id = scratch.import(name).item.unwrap();
        scratch.library.delete_files(vec![id], vec![COMBINED_LOCAL], None).unwrap();
        id
    }

    fn empty(scratch: &Scratch, rules: FileRules) -> usize {
        scratch.library.set_file_rules(rules).unwrap();
        scratch.library.empty_trash(&JobContext::detached()).unwrap()
    }

    #[test]
    fn the_trash_is_emptied_by_age_and_size_and_spares_locked_files() {
        let scratch = Scratch::new();
        let old = trashed(&scratch, "a03_grad_320x240_q85.jpg");
        let young = trashed(&scratch, "d02_square_small.jpg");
        scratch
            .library
            .write(move |tx| {
                let age = |row: &mut crate::model::item::Membership| row.imported_ms = Some(1000);
                tx.edit_item(old, |item| {
                    item.domains.iter_mut().filter(|row| row.service == TRASH).for_each(age);
                })?;
                Ok(())
            })
            .unwrap();
        assert_eq!(scratch.library.view().unwrap().file_rules().unwrap(), FileRules::default());
        scratch.library.archive(vec![old]).unwrap();
        let locked = FileRules { delete_lock: true, ..FileRules::default() };
        assert_eq!(empty(&scratch, locked), 0);
        assert_eq!(empty(&scratch, FileRules::default()), 1);
        assert!(scratch.content(old).is_none() && scratch.content(young).is_some());
        let never = FileRules { trash_age_ms_max: None, trash_bytes_max: None, delete_lock: false };
        assert_eq!(empty(&scratch, never.clone()), 0);
        assert_eq!(empty(&scratch, FileRules { trash_bytes_max: Some(1), ..never }), 1);
        assert!(scratch.content(young).is_none());
    }

    #[test]
    fn blobs_that_nobody_knows_are_swept_and_others_stay() {
        let scratch = Scratch::new();
        let kept = scratch.import("a03_grad_320x240_q85.jpg").item.unwrap();
        let gone = scratch.import("d02_square_small.jpg");
        let path = scratch.content(gone.item.unwrap()).unwrap().path;
        let bytes = fs::read(&path).unwrap();
        let domains = vec![STORAGE];
        scratch.library.delete_files(vec![gone.item.unwrap()], domains, None).unwrap();
        // As if the deletion had been interrupted before the bytes went.
        fs::write(&path, bytes).unwrap();
        let stranger = path.parent().unwrap().join(format!("{}.png", "0".repeat(64)));
        fs::write(&stranger, b"left behind").unwrap();
        let sweep = || scratch.library.sweep_blobs(&JobContext::detached()).unwrap();
        assert_eq!((sweep(), sweep()), (2, 0));
        assert!(!path.exists() && !stranger.exists());
        assert!(scratch.content(kept).is_some());
        let view = scratch.library.view().unwrap();
        assert!(view.thumbnail_path(kept).unwrap().unwrap().exists());
        assert_eq!(scratch.import("a03_grad_320x240_q85.jpg").status, FileStatus::Held);
    }

    #[test]
    fn upkeep_runs_as_a_job() {
        let scratch = Scratch::new();
        let id = scratch.library.queue_maintenance();
        let job = scratch.library.jobs().wait(id, std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(job.status, crate::library::jobs::JobStatus::Finished);
    }
}
