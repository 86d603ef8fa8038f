//! Cleaning: what the disk no longer has, or a scan would no longer take, leaves its library folder.
//! Managed blobs are never touched, nor any file on the disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::{BATCH, folders_below, is_gone, places_in, record, scopes};
use crate::library::Library;
use crate::library::error::Result;
use crate::library::folders::Acceptance;
use crate::library::jobs::JobContext;
use crate::library::places::path_of;
use crate::model::place::PlaceKind;

impl Library {
    /// Takes files out of their library folders that are gone or no longer accepted there, all or
    /// those below `paths`. With `dry_run` they are only logged. Returns the paths.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::library::Error::Invalid) for a path outside all library folders.
    pub fn clean(
        self: &Arc<Self>,
        paths: &[PathBuf],
        dry_run: bool,
        context: &JobContext,
    ) -> Result<Vec<PathBuf>> {
        let view = self.view()?;
        let (folders, rules) = (view.library_folders()?, view.scan_rules()?);
        let mut flagged = Vec::new();
        for (folder, scope) in scopes(&folders, paths)? {
            let accepts = Acceptance::new(rules.clone(), &folder);
            for (below, _) in folders_below(&view, &scope)? {
                for (id, place) in places_in(&view, below)? {
                    let PlaceKind::Path { path, .. } = place.kind else { continue };
                    let at = path_of(&path);
                    let stays = !is_gone(&path)
                        && accepts.kind(&at).is_some()
                        && !at.starts_with(&self.settings.data);
                    if at.starts_with(&scope) && !stays {
                        flagged.push((id, path));
                    }
                }
            }
        }
        drop(view);
        for (done, batch) in flagged.chunks(BATCH).enumerate() {
            if dry_run || context.is_cancelled() {
                break;
            }
            let batch = batch.to_vec();
            self.write(move |tx| record::vanish(tx, &batch))?;
            context.progress((done + 1) * BATCH, flagged.len());
        }
        for (_, path) in &flagged {
            tracing::info!(path = %path_of(path).display(), dry_run, "cleaned");
        }
        Ok(flagged.into_iter().map(|(_, path)| path_of(&path)).collect())
    }
}
