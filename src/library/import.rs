//! Import: from bytes to an item of the library (behaviour.md 8).
//!
//! The order makes it safe to stop anywhere: the bytes are copied, then examined and stored under
//! their final name, both at the same time, and only then one transaction makes the item known. What
//! a stop leaves behind is a blob that nobody knows, which maintenance sweeps away. The content's
//! claim is held from the first look at the store to the commit, so that the same bytes sent twice
//! at once are new once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::content::content_at;
use super::error::{Error, Result};
use super::lifecycle::{Bytes, add_managed, check_target, local_domains};
use super::membership::{self, Departure};
use super::places::{self, Temporary};
use super::relationships::note_new_file;
use super::{Library, View};
use crate::media::{Examined, Refusal, ThumbnailOptions, beside};
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::media::MediaInfo;
use crate::model::service::builtin::{COMBINED_LOCAL, MY_FILES, STORAGE, TRASH};
use crate::model::time::{date_and_time, human_age, now_ms};
use crate::store::{Read as _, Tx};

/// Where the bytes to import are.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file on this machine; it is copied.
    Path(PathBuf),
    /// A file in the library's own temporary folder ([`Library::temporary_folder`]); it is taken.
    Upload(PathBuf),
}

/// What to import, and where to.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    pub source: Source,
    /// Local file domains; none means the default one.
    pub domains: Vec<ServiceId>,
    /// Whether the source goes after the import, or when the file was held already.
    pub delete_source: bool,
}

/// How the library stands to a file, numbered as in the Hydrus Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// Not held; it may be imported.
    Unknown = 0,
    /// Imported just now.
    New = 1,
    /// Held already.
    Held = 2,
    /// Deleted before; it is not imported.
    Deleted = 3,
    /// The bytes cannot be imported.
    Failed = 4,
    /// The import rules speak against it.
    Vetoed = 7,
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOutcome {
    pub status: FileStatus,
    /// Of the bytes; known whatever became of them.
    pub sha256: Sha256,
    /// The item, when it is or was held.
    pub item: Option<ItemId>,
    /// A sentence for people; empty for a new file.
    pub note: String,
    /// What went wrong, when the bytes could not be imported.
    pub traceback: Option<String>,
}

/// What the library knows of a file before it looks at its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    pub status: FileStatus,
    pub note: String,
}

/// The domains' part of a request, checked.
struct Target {
    domains: Vec<ServiceId>,
    modified_ms: Option<i64>,
}

impl View {
    /// How the library stands to an item. `prefix` says by what it was recognised: `file`, `url`.
    /// With `check_disk`, a held item whose bytes are gone is unknown.
    ///
    /// # Errors
    /// When reading the store fails.
    pub fn recognise(&self, id: ItemId, prefix: &str, check_disk: bool) -> Result<Recognised> {
        let Some(item) = self.item(id)? else {
            return Ok(Recognised { status: FileStatus::Unknown, note: String::new() });
        };
        if check_disk && item.is_in(STORAGE) && content_at(self, id, &item)?.is_none() {
            return Ok(Recognised {
                status: FileStatus::Unknown,
                note: format!("{prefix} recognised: It was imported, but its bytes are missing."),
            });
        }
        Ok(self.recognised(&item, prefix))
    }

    fn recognised(&self, item: &Item, prefix: &str) -> Recognised {
        let now = now_ms();
        let when = |time: Option<i64>| {
            let time = time.unwrap_or(0);
            let age = human_age(time, now);
            let ago = if age == "now" { age } else { format!("{age} ago") };
            let at = date_and_time(time, &self.library().settings.zone);
            (at, format!("which was {ago} before this check."))
        };
        let reason = item.deletion_reason.as_deref().unwrap_or("Unknown deletion reason.");
        let (status, note) = if let Some(membership) = item.membership(TRASH) {
            let (at, age) = when(membership.imported_ms);
            let note = format!("Currently in trash ({reason}). Sent there at {at}, {age}");
            (FileStatus::Deleted, note)
        } else if let Some(membership) = item.membership(STORAGE) {
            let (at, age) = when(membership.imported_ms);
            (FileStatus::Held, format!("Imported at {at}, {age}"))
        } else if let Some(record) = item.deletion(STORAGE) {
            let (at, age) = when(record.deleted_ms);
            (FileStatus::Deleted, format!("Deleted from the client {at} ({reason}), {age}"))
        } else {
            return Recognised { status: FileStatus::Unknown, note: String::new() };
        };
        Recognised { status, note: format!("{prefix} recognised: {note}") }
    }
}

impl Library {
    /// The folder that uploads are to be written to, on the same disk as the managed files.
    #[must_use]
    pub fn temporary_folder(&self) -> &Path {
        self.blobs.temporary_folder()
    }

    /// Imports a file.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path without a file and for domains that are no targets; bytes that
    /// cannot be imported are an outcome and no error.
    pub fn import(self: &Arc<Self>, request: ImportRequest) -> Result<ImportOutcome> {
        let source = request.source.clone();
        let outcome = self.import_bytes(request.source, request.domains)?;
        if let Source::Path(path) = &source
            && request.delete_source
            && matches!(outcome.status, FileStatus::New | FileStatus::Held)
        {
            places::remove_if_there(path);
        }
        Ok(outcome)
    }

    fn import_bytes(
        self: &Arc<Self>,
        source: Source,
        domains: Vec<ServiceId>,
    ) -> Result<ImportOutcome> {
        // An upload is ours to remove even when the request is refused.
        let (file, sha256, shown, modified_ms) = self.stage(source)?;
        let domains = if domains.is_empty() { vec![MY_FILES] } else { domains };
        let view = self.view()?;
        for domain in &domains {
            check_target(view.services(), *domain)?;
        }
        drop(view);
        let claim = self.blobs.claim(sha256);
        if let Some(outcome) = self.known(sha256, &file)? {
            return Ok(outcome);
        }
        let done = |status, note, traceback| {
            Ok(ImportOutcome { status, sha256, item: None, note, traceback })
        };
        let (ahead, examined) = beside(
            || self.blobs.keep_ahead(&file, sha256),
            || self.workers.examine(file.path(), &ThumbnailOptions::default()),
        );
        let examined = match examined {
            Ok(examined) => examined,
            Err(refusal) => {
                let note = told(refusal, &shown);
                return done(FileStatus::Failed, note.clone(), Some(note));
            }
        };
        if examined.sha256 != sha256 {
            let note = "The file changed while it was imported!".to_owned();
            return done(FileStatus::Failed, note.clone(), Some(note));
        }
        if let Some(veto) = self.view()?.import_rules()?.veto(&examined.info) {
            return done(FileStatus::Vetoed, veto, None);
        }
        let filetype = examined.info.filetype;
        if !ahead.is_some_and(|ahead| ahead.confirm(filetype)) {
            self.blobs.keep(&file, sha256, filetype)?;
        }
        if let Some(thumbnail) = &examined.thumbnail {
            self.blobs.keep_thumbnail(sha256, thumbnail);
        }
        let item = self.make_known(examined, Target { domains, modified_ms });
        drop(claim);
        let item = item.inspect_err(|_| {
            // On a full disk above all, what is not known must not stay until the sweep.
            if let Err(error) = self.remove_bytes(vec![Bytes::Blob(sha256, filetype)]) {
                tracing::warn!(%error, %sha256, "a blob stays");
            }
        })?;
        let (status, note) = (FileStatus::New, String::new());
        Ok(ImportOutcome { status, sha256, item: Some(item), note, traceback: None })
    }

    /// Brings the bytes into the temporary folder; with their hash, the name to show for them and
    /// the modified time of a path.
    fn stage(&self, source: Source) -> Result<(Temporary, Sha256, String, Option<i64>)> {
        let failed = |path: &Path| {
            let context = path.display().to_string();
            |error| Error::File { context, error }
        };
        match source {
            Source::Upload(path) => {
                let file = Temporary::adopt(path);
                let sha256 = places::sha256_of(file.path()).map_err(failed(file.path()))?;
                let shown = file.path().display().to_string();
                Ok((file, sha256, shown, None))
            }
            Source::Path(path) => {
                let shown = path.display().to_string();
                let Ok(found) = fs::metadata(&path) else {
                    return Err(Error::invalid(format!("Path \"{shown}\" does not exist!")));
                };
                if !found.is_file() {
                    return Err(Error::invalid(format!("Path \"{shown}\" is not a file!")));
                }
                let (file, sha256) = self.blobs.copy_in(&path).map_err(failed(&path))?;
                Ok((file, sha256, shown, places::modified_ms(&found)))
            }
        }
    }

    /// The outcome for bytes that the library has met before; `None` if they are to be imported.
    fn known(self: &Arc<Self>, sha256: Sha256, file: &Temporary) -> Result<Option<ImportOutcome>> {
        let view = self.view()?;
        let Some(id) = view.item_by_sha256(sha256)? else { return Ok(None) };
        let Some(item) = view.item(id)? else { return Ok(None) };
        let mut recognised = view.recognised(&item, "file");
        match recognised.status {
            FileStatus::Unknown => return Ok(None),
            FileStatus::Held if content_at(&view, id, &item)?.is_none() => {
                // Gone from a library folder, as the next scan will find: a new import.
                if !places::is_managed(&view.snapshot, id)? {
                    return Ok(None);
                }
                // Recorded, but gone from the disk: here are the bytes again.
                let Some(media) = item.media.as_ref() else { return Ok(None) };
                self.blobs.keep(file, sha256, media.filetype)?;
                let late = "file recognised by database:";
                recognised.note = recognised.note.replacen("file recognised:", late, 1);
            }
            _ => {}
        }
        let Recognised { status, note } = recognised;
        Ok(Some(ImportOutcome { status, sha256, item: Some(id), note, traceback: None }))
    }

    /// The transaction that makes a stored blob an item.
    fn make_known(&self, examined: Examined, target: Target) -> Result<ItemId> {
        let Examined { sha256, info, .. } = examined;
        self.write(move |tx| {
            let id = tx.item_for(sha256)?;
            let modified_ms = target.modified_ms.unwrap_or(tx.now_ms());
            let item = admit(tx, id, &info, &target.domains, modified_ms)?;
            if !places::is_managed(tx, id)? {
                add_managed(tx, id, &item)?;
            }
            Ok(id)
        })
    }
}

/// Makes an item held: facts, domains, inbox, times. Everything that every new file goes through.
///
/// # Errors
/// When reading fails.
pub(super) fn admit(
    tx: &mut Tx,
    id: ItemId,
    info: &MediaInfo,
    domains: &[ServiceId],
    modified_ms: i64,
) -> Result<Item> {
    let local = local_domains(tx)?;
    let now_ms = tx.now_ms();
    let item = tx.edit_item(id, |item| {
        item.media = Some(info.clone());
        item.modified_ms = Some(modified_ms);
        item.inbox = true;
        item.archived_ms = None;
        // An import begins anew where it goes; records of other domains stay.
        item.deletions.retain(|record| {
            !domains.contains(&record.service)
                && ![COMBINED_LOCAL, STORAGE].contains(&record.service)
        });
        for domain in domains {
            membership::enter(item, *domain, Some(now_ms), now_ms);
        }
        membership::settle(item, &local, Departure::Deleted, now_ms);
    })?;
    note_new_file(tx, id)?;
    Ok(tx.item(id)?.unwrap_or(item))
}

/// A refusal as it is told to the caller, who knows the file by another name than ours.
fn told(refusal: Refusal, shown: &str) -> String {
    match refusal {
        Refusal::Malformed(_) => Refusal::Malformed(shown.to_owned()).to_string(),
        other => other.to_string(),
    }
}
