//! Walking a folder of the disk: which accepted files there are. Links are followed, each folder is
//! entered once.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::library::folders::Acceptance;
use crate::library::jobs::JobContext;
use crate::library::places::modified_ms;

/// Folders below folders; deeper ones are not entered.
const DEPTH_MAX: usize = 256;

/// A file that a scan accepts.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: i64,
}

/// A folder with its accepted files, sorted by path.
#[derive(Debug)]
pub(super) struct FoundFolder {
    pub(super) path: PathBuf,
    pub(super) modified_ms: i64,
    pub(super) files: Vec<Found>,
}

/// Everything found below a path.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) folders: Vec<FoundFolder>,
    /// Folders of which nothing can be said.
    pub(super) unreadable: Vec<PathBuf>,
}

/// Walks a file or folder. What is below `hidden` is never entered.
pub(super) fn walk(
    scope: &Path,
    accepts: &Acceptance,
    hidden: &Path,
    context: &JobContext,
) -> Walked {
    let mut walked = Walked::default();
    match fs::metadata(scope) {
        Ok(found) if found.is_file() => {
            if let Some(parent) = scope.parent() {
                let modified = fs::metadata(parent).ok().and_then(|parent| modified_ms(&parent));
                let files = file(scope.to_owned(), &found, accepts).into_iter().collect();
                walked.folders.push(FoundFolder {
                    path: parent.to_owned(),
                    modified_ms: modified.unwrap_or_default(),
                    files,
                });
            }
        }
        Ok(found) if found.is_dir() => folders(scope, accepts, hidden, context, &mut walked),
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(path = %scope.display(), %error, "nothing to scan");
            // A library folder that is not there (an unplugged disk) has not lost its files.
            if accepts.is_root(scope) || error.kind() != std::io::ErrorKind::NotFound {
                walked.unreadable.push(scope.to_owned());
            }
        }
    }
    walked
}

fn folders(
    scope: &Path,
    accepts: &Acceptance,
    hidden: &Path,
    context: &JobContext,
    walked: &mut Walked,
) {
    let mut entered = HashSet::new();
    let mut waiting = vec![(scope.to_owned(), 0)];
    while let Some((path, depth)) = waiting.pop() {
        if context.is_cancelled() {
            // Half a walk says nothing of what it did not reach.
            walked.unreadable.push(scope.to_owned());
            return;
        }
        let Ok(here) = fs::metadata(&path) else {
            walked.unreadable.push(path);
            continue;
        };
        if depth > DEPTH_MAX {
            tracing::warn!(path = %path.display(), "a folder is too deep to be entered");
            walked.unreadable.push(path);
            continue;
        }
        if !entered.insert((here.dev(), here.ino())) || path == hidden {
            continue;
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a folder cannot be read");
                walked.unreadable.push(path);
                continue;
            }
        };
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let at = entry.path();
            // Follows links; one that leads nowhere is nothing.
            let Ok(found) = fs::metadata(&at) else { continue };
            if found.is_dir() {
                if accepts.enters(&at) {
                    waiting.push((at, depth + 1));
                }
            } else {
                files.extend(file(at, &found, accepts));
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let modified_ms = modified_ms(&here).unwrap_or_default();
        walked.folders.push(FoundFolder { path, modified_ms, files });
    }
}

fn file(path: PathBuf, found: &Metadata, accepts: &Acceptance) -> Option<Found> {
    if !found.is_file() || found.len() == 0 {
        return None;
    }
    accepts.kind(&path)?;
    let modified_ms = modified_ms(found).unwrap_or_default();
    Some(Found { path, size_bytes: found.len(), modified_ms })
}
