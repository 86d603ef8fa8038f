//! Scanning library folders: the library learns what the disk holds (behaviour.md of Stash, E1).
//!
//! The disk decides: a file that is there is in its folder's domain, one that is gone leaves it and
//! keeps its id and tags until it comes back. Only a deletion record is stronger. A scan walks
//! ([`walk`]), compares each folder with what is known, has new and changed files examined by
//! several threads, and writes in small batches ([`record`]), so that other writes hardly wait.

mod clean;
pub(super) mod record;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roaring::RoaringBitmap;

use self::record::{Seen, Taken};
use self::walk::{Found, FoundFolder};
use super::error::{Error, Result};
use super::folders::{Acceptance, LibraryFolder, is_inside};
use super::jobs::JobContext;
use super::places::{self, bytes_of, path_of};
use super::{Library, View};
use crate::media::{Examined, Refusal, ThumbnailOptions, beside};
use crate::model::ids::{FolderId, ItemId, PlaceId};
use crate::model::place::PlaceKind;
use crate::store::{FOLDER_BY_PATH, FOLDERS, PLACES, PLACES_BY_FOLDER, Read as _, SetKey};

/// Files in one transaction.
const BATCH: usize = 32;

/// What to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// Files and folders inside library folders; none means everything.
    pub paths: Vec<PathBuf>,
    /// Whether unchanged files are examined as well.
    pub rescan: bool,
    /// Files modified before are left alone.
    pub modified_since_ms: Option<i64>,
}

/// What a scan did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Files that were known and as before.
    pub unchanged: usize,
    /// Files that are in their domain now and were not before, renamed ones not counted.
    pub added: usize,
    /// Files with new bytes, or examined again.
    pub updated: usize,
    /// Files under a new path.
    pub moved: usize,
    /// Files that were deleted before and therefore stay out.
    pub refused: usize,
    /// Files that could not be read or understood.
    pub failed: usize,
    /// Files that are gone.
    pub vanished: usize,
    /// The items added, updated or moved, for what is made of them afterwards.
    pub items: Vec<ItemId>,
}

impl Library {
    /// Scans library folders. Stops early, with what was done so far, when `context` is cancelled.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path outside all library folders; a failure of the store.
    pub fn scan(
        self: &Arc<Self>,
        request: &ScanRequest,
        context: &JobContext,
    ) -> Result<ScanReport> {
        let view = self.view()?;
        let (folders, rules) = (view.library_folders()?, view.scan_rules()?);
        drop(view);
        let scopes = scopes(&folders, &request.paths)?;
        let mut scan = Scan {
            library: self,
            request,
            context,
            report: ScanReport::default(),
            done: 0,
            total: 0,
            examined: Vec::new(),
            gone: Vec::new(),
            gone_folders: Vec::new(),
        };
        let mut walked = Vec::new();
        for (folder, scope) in &scopes {
            let accepts = Acceptance::new(rules.clone(), folder);
            let found = walk::walk(scope, &accepts, &self.settings.data, context);
            scan.total += found.folders.iter().map(|folder| folder.files.len()).sum::<usize>();
            walked.push((folder, scope, found));
        }
        for (folder, scope, found) in walked {
            scan.compare(folder, scope, found)?;
        }
        scan.vanish()?;
        if !context.is_cancelled() {
            context.progress(scan.total, scan.total);
        }
        let report = scan.report;
        tracing::info!(
            added = report.added,
            updated = report.updated,
            moved = report.moved,
            vanished = report.vanished,
            refused = report.refused,
            failed = report.failed,
            unchanged = report.unchanged,
            "Scan finished"
        );
        Ok(report)
    }
}

/// The paths to walk, each with its library folder.
fn scopes(folders: &[LibraryFolder], paths: &[PathBuf]) -> Result<Vec<(LibraryFolder, PathBuf)>> {
    if paths.is_empty() {
        return Ok(folders.iter().map(|folder| (folder.clone(), folder.path.clone())).collect());
    }
    let mut scopes: Vec<(LibraryFolder, PathBuf)> = Vec::new();
    for path in paths {
        let folder = folders.iter().find(|folder| is_inside(path, &folder.path));
        let folder = folder
            .ok_or_else(|| Error::invalid(format!("{} is in no library folder", path.display())))?;
        if !scopes.iter().any(|(_, scope)| path.starts_with(scope)) {
            scopes.retain(|(_, scope)| !scope.starts_with(path));
            scopes.push((folder.clone(), path.components().collect()));
        }
    }
    Ok(scopes)
}

/// A file that has to be examined, or only to be let in again.
struct Task {
    found: Found,
    /// The place that the path had so far.
    known: Option<PlaceId>,
}

/// A file that was looked at; `None` where the scan was cancelled before.
type Looked = (Task, Option<Result<Examined, Refusal>>);

struct Scan<'a> {
    library: &'a Arc<Library>,
    request: &'a ScanRequest,
    context: &'a JobContext,
    report: ScanReport,
    done: usize,
    total: usize,
    /// Looked at and not yet written.
    examined: Vec<Looked>,
    /// Places whose files were not met.
    gone: Vec<(PlaceId, Vec<u8>)>,
    /// Folders that were not met.
    gone_folders: Vec<(FolderId, Vec<u8>)>,
}

impl Scan<'_> {
    /// Compares what was found below one scope with what is known.
    fn compare(&mut self, folder: &LibraryFolder, scope: &Path, found: walk::Walked) -> Result<()> {
        let view = self.library.view()?;
        let members = view.snapshot.set(SetKey::Domain(folder.domain))?;
        self.look_for_gone(&view, scope, &found)?;
        drop(view);
        let mut tasks = Vec::new();
        for found in found.folders {
            if self.context.is_cancelled() {
                break;
            }
            self.compare_folder(folder, found, &members, &mut tasks)?;
            while tasks.len() >= BATCH {
                let rest = tasks.split_off(BATCH);
                self.take(folder, std::mem::replace(&mut tasks, rest))?;
            }
        }
        self.take(folder, tasks)?;
        let last = std::mem::take(&mut self.examined);
        self.write_down(folder, last)
    }

    /// Sorts the files of one folder: unchanged ones are done, the others become tasks.
    fn compare_folder(
        &mut self,
        folder: &LibraryFolder,
        found: FoundFolder,
        members: &RoaringBitmap,
        tasks: &mut Vec<Task>,
    ) -> Result<()> {
        self.keep_folder(folder, &found)?;
        let view = self.library.view()?;
        let known = places_below(&view, &found.path)?;
        for file in found.files {
            let place = known.get(&bytes_of(&file.path));
            let since = self.request.modified_since_ms;
            if since.is_some_and(|since| file.modified_ms < since) {
                self.done += 1;
                continue;
            }
            let Some((id, place)) = place else {
                tasks.push(Task { found: file, known: None });
                continue;
            };
            let same = place.size_bytes == file.size_bytes && place.modified_ms == file.modified_ms;
            if !same || self.request.rescan {
                tasks.push(Task { found: file, known: Some(*id) });
                continue;
            }
            if !members.contains(place.item.0) {
                self.let_in_again(folder, place.item)?;
            } else {
                self.report.unchanged += 1;
            }
            self.done += 1;
        }
        self.context.progress(self.done, self.total);
        Ok(())
    }

    /// A known file outside its domain: deleted, unless somebody cleared the record meanwhile.
    fn let_in_again(&mut self, folder: &LibraryFolder, item: ItemId) -> Result<()> {
        let domain = folder.domain;
        let is_in = self.library.write(move |tx| record::let_in(tx, item, domain))?;
        if is_in {
            self.report.added += 1;
            self.report.items.push(item);
        } else {
            self.report.refused += 1;
        }
        Ok(())
    }

    /// Makes the folder known, and its modified time.
    fn keep_folder(&self, folder: &LibraryFolder, found: &FoundFolder) -> Result<()> {
        let path = bytes_of(&found.path);
        let snapshot = self.library.store.snapshot()?;
        let known = match snapshot.get(&FOLDER_BY_PATH, &path)? {
            Some(id) => snapshot.get(&FOLDERS, &id)?,
            None => None,
        };
        if known.is_some_and(|known| known.modified_ms == found.modified_ms) {
            return Ok(());
        }
        let (root, domain) = (bytes_of(&folder.path), folder.domain);
        let modified_ms = found.modified_ms;
        self.library.write(move |tx| {
            record::ensure_folder(tx, &path, &root, domain, Some(modified_ms)).map(drop)
        })
    }

    /// Has files examined by several threads, and meanwhile writes what was found of those before.
    fn take(&mut self, folder: &LibraryFolder, tasks: Vec<Task>) -> Result<()> {
        if tasks.is_empty() || self.context.is_cancelled() {
            return Ok(());
        }
        let before = std::mem::take(&mut self.examined);
        let (library, context) = (self.library, self.context);
        let examine = || examine_all(library, context, &tasks);
        let (examined, written) = beside(examine, || self.write_down(folder, before));
        self.examined = tasks.into_iter().zip(examined).collect();
        written
    }

    /// Writes what was found of examined files, in one transaction.
    fn write_down(&mut self, folder: &LibraryFolder, examined: Vec<Looked>) -> Result<()> {
        if examined.is_empty() {
            return Ok(());
        }
        let count = examined.len();
        let mut seen = Vec::new();
        for (task, examined) in examined {
            match examined {
                Some(Ok(examined)) => seen.push(self.seen(folder, task, examined)?),
                Some(Err(refusal)) => {
                    let path = task.found.path.display();
                    tracing::warn!(%path, %refusal, "a file stays out of the library");
                    self.report.failed += 1;
                }
                // Cancelled before its turn.
                None => {}
            }
        }
        let batch = seen.clone();
        let taken = self.library.write(move |tx| {
            batch.iter().map(|seen| record::take_in(tx, seen)).collect::<Result<Vec<_>>>()
        })?;
        for (taken, seen) in taken.into_iter().zip(seen) {
            let counted = match taken {
                Taken::Added(_) => &mut self.report.added,
                Taken::Moved(_) => &mut self.report.moved,
                Taken::Updated(_) => &mut self.report.updated,
                Taken::Refused => {
                    let path = path_of(&seen.path);
                    tracing::info!(path = %path.display(), "deleted before; it stays out");
                    &mut self.report.refused
                }
            };
            *counted += 1;
            self.report.items.extend(taken.item());
        }
        self.done += count;
        self.context.progress(self.done, self.total);
        Ok(())
    }

    /// What the transaction has to know of an examined file.
    fn seen(&self, folder: &LibraryFolder, task: Task, examined: Examined) -> Result<Seen> {
        let sha256 = examined.sha256;
        if let Some(thumbnail) = &examined.thumbnail
            && !self.library.blobs.thumbnail_path(sha256).exists()
        {
            self.library.blobs.keep_thumbnail(sha256, thumbnail);
        }
        // The same bytes under a path that is gone: the file was moved.
        let snapshot = self.library.store.snapshot()?;
        let mut moved_from = None;
        if let (Some(item), None) = (snapshot.item_by_sha256(sha256)?, task.known) {
            let places = places::places_of(&snapshot, item)?;
            moved_from = places.into_iter().find_map(|(id, place)| match place.kind {
                PlaceKind::Path { path, .. } if is_gone(&path) => Some((id, path)),
                PlaceKind::Path { .. } | PlaceKind::Managed | PlaceKind::Member { .. } => None,
            });
        }
        Ok(Seen {
            path: bytes_of(&task.found.path),
            root: bytes_of(&folder.path),
            domain: folder.domain,
            size_bytes: task.found.size_bytes,
            modified_ms: task.found.modified_ms,
            known: task.known,
            moved_from,
            sha256,
            info: examined.info,
        })
    }

    /// Notes the places below the scope whose files the walk did not meet.
    fn look_for_gone(&mut self, view: &View, scope: &Path, found: &walk::Walked) -> Result<()> {
        let met: HashSet<&Path> = found
            .folders
            .iter()
            .flat_map(|folder| folder.files.iter().map(|file| file.path.as_path()))
            .collect();
        for (folder, path) in folders_below(view, scope)? {
            if is_gone(&path) && !found.unreadable.iter().any(|at| path_of(&path).starts_with(at)) {
                self.gone_folders.push((folder, path));
            }
            for (id, place) in places_in(view, folder)? {
                let PlaceKind::Path { path, .. } = place.kind else { continue };
                let at = path_of(&path);
                let unreadable = found.unreadable.iter().any(|folder| at.starts_with(folder));
                if at.starts_with(scope) && !unreadable && !met.contains(at.as_path()) {
                    self.gone.push((id, path));
                }
            }
        }
        Ok(())
    }

    /// Takes out what is really gone, last of all, so that moved files have found their place.
    fn vanish(&mut self) -> Result<()> {
        let mut gone = std::mem::take(&mut self.gone);
        gone.retain(|(_, path)| is_gone(path));
        for batch in gone.chunks(BATCH) {
            if self.context.is_cancelled() {
                return Ok(());
            }
            let batch = batch.to_vec();
            self.report.vanished += self.library.write(move |tx| record::vanish(tx, &batch))?;
        }
        let mut folders = std::mem::take(&mut self.gone_folders);
        // Folders inside others go first.
        folders.sort_by_key(|(_, path)| std::cmp::Reverse(path.len()));
        for batch in folders.chunks(BATCH) {
            let batch = batch.to_vec();
            self.library.write(move |tx| record::remove_folders(tx, &batch))?;
        }
        Ok(())
    }
}

/// Whether nothing is at a path. A folder that cannot be read says nothing of its files.
fn is_gone(path: &[u8]) -> bool {
    let found = fs::symlink_metadata(path_of(path));
    matches!(found, Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// One result a task, `None` for those that were not begun.
fn examine_all(
    library: &Library,
    context: &JobContext,
    tasks: &[Task],
) -> Vec<Option<Result<Examined, Refusal>>> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(tasks.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while !context.is_cancelled() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break };
            let options = ThumbnailOptions::default();
            results.push((number, library.workers.examine(&task.found.path, &options)));
        }
        results
    };
    let mut all: Vec<_> = tasks.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            // A thread that panicked leaves its files out of this scan.
            for (number, result) in thread.join().unwrap_or_default() {
                all[number] = Some(result);
            }
        }
    });
    all
}

type KnownPlaces = HashMap<Vec<u8>, (PlaceId, crate::model::place::Place)>;

fn places_below(view: &View, folder: &Path) -> Result<KnownPlaces> {
    let Some(folder) = view.snapshot.get(&FOLDER_BY_PATH, &bytes_of(folder))? else {
        return Ok(KnownPlaces::new());
    };
    let places = places_in(view, folder)?.into_iter();
    Ok(places
        .filter_map(|(id, place)| match &place.kind {
            PlaceKind::Path { path, .. } => Some((path.clone(), (id, place))),
            PlaceKind::Managed | PlaceKind::Member { .. } => None,
        })
        .collect())
}

pub(super) fn places_in(
    view: &View,
    folder: FolderId,
) -> Result<Vec<(PlaceId, crate::model::place::Place)>> {
    let mut places = Vec::new();
    for ((_, id), ()) in view.snapshot.with_prefix(&PLACES_BY_FOLDER, &folder.0.to_be_bytes())? {
        places.extend(view.snapshot.get(&PLACES, &id)?.map(|place| (id, place)));
    }
    Ok(places)
}

/// The folder at a path, and all below; for a file the folder it is in.
pub(super) fn folders_below(view: &View, scope: &Path) -> Result<Vec<(FolderId, Vec<u8>)>> {
    let snapshot = &view.snapshot;
    let mut folders = Vec::new();
    for (path, id) in snapshot.with_prefix(&FOLDER_BY_PATH, &bytes_of(scope))? {
        if path_of(&path).starts_with(scope) {
            folders.push((id, path));
        }
    }
    if let Some(parent) = scope.parent() {
        let parent = bytes_of(parent);
        folders.extend(snapshot.get(&FOLDER_BY_PATH, &parent)?.map(|id| (id, parent)));
    }
    Ok(folders)
}
