//! Single files that a person moves or deletes on the disk through Stash.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Library;
use super::error::{Error, Result};
use super::folders::is_inside;
use super::lifecycle::{Bytes, Deletion, delete};
use super::places::{bytes_of, path_of, places_of, remove_place};
use super::scan::record::{places_changed, relocate};
use crate::model::ids::PlaceId;
use crate::model::place::PlaceKind;
use crate::model::service::builtin::STORAGE;
use crate::store::{ChangeKind, PLACES, Read as _};

impl Library {
    /// Deletes single files with their bytes, all or none. A content that is nowhere else then is
    /// remembered as deleted.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such file.
    pub fn delete_single_files(&self, files: Vec<PlaceId>) -> Result<()> {
        let reason = Some("Deleted via Stash API.".to_owned());
        let freed = self.write(move |tx| {
            let mut freed = Vec::new();
            for id in &files {
                let place = tx.get(&PLACES, id)?.ok_or_else(|| Error::missing("file", id))?;
                let item = place.item;
                if places_of(tx, item)?.len() == 1 {
                    let (items, domains) = (vec![item], vec![STORAGE]);
                    let reason = reason.clone();
                    let deletion = Deletion { items, domains, reason, folder_bytes: true };
                    freed.extend(delete(tx, &deletion)?);
                    continue;
                }
                remove_place(tx, *id)?;
                places_changed(tx, item)?;
                tx.log(ChangeKind::ItemText, item.0);
                let content = tx.item(item)?.and_then(|item| Some((item.sha256?, item.media?)));
                match (place.kind, content) {
                    (PlaceKind::Path { path, .. }, _) => freed.push(Bytes::File(path_of(&path))),
                    (PlaceKind::Managed, Some((sha256, media))) => {
                        freed.push(Bytes::Blob(sha256, media.filetype));
                    }
                    (PlaceKind::Managed | PlaceKind::Member { .. }, _) => {}
                }
            }
            Ok(freed)
        })?;
        self.remove_bytes(freed)
    }

    /// Moves a file of a library folder to another path in one.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such file, the path is in no library folder, or something
    /// is there already.
    pub fn move_single_file(self: &std::sync::Arc<Self>, id: PlaceId, target: &Path) -> Result<()> {
        let view = self.view()?;
        let place = view.snapshot.get(&PLACES, &id)?.ok_or_else(|| Error::missing("file", id))?;
        let PlaceKind::Path { path, .. } = &place.kind else {
            return Err(Error::Invalid(format!("file with id {id} is in no library folder")));
        };
        let folders = view.library_folders()?;
        drop(view);
        let folder = folders.iter().find(|folder| is_inside(target, &folder.path));
        let folder = folder.ok_or_else(|| {
            let path = target.parent().unwrap_or(target).display();
            Error::Invalid(format!("folder path {path} must be within a stash library path"))
        })?;
        let (source, root) = (path_of(path), bytes_of(&folder.path));
        if source == target {
            return Ok(());
        }
        if fs::symlink_metadata(target).is_ok() {
            return Err(Error::Invalid(format!("{} is there already", target.display())));
        }
        let context = |error| Error::File { context: target.display().to_string(), error };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(context)?;
        }
        rename(&source, target).map_err(context)?;
        let (path, domain) = (bytes_of(target), folder.domain);
        let written = self.write(move |tx| relocate(tx, id, &path, &root, domain));
        if written.is_err()
            && let Err(error) = rename(target, &source)
        {
            tracing::error!(path = %target.display(), %error, "a file could not be moved back");
        }
        written
    }
}

/// Renames a file, onto another disk as well.
fn rename(source: &Path, target: &Path) -> std::io::Result<()> {
    match fs::rename(source, target) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let modified = fs::metadata(source)?.modified()?;
            fs::copy(source, target)?;
            fs::File::options().write(true).open(target)?.set_modified(modified)?;
            fs::remove_file(source)
        }
        other => other,
    }
}
