//! Working off what pages have to import: paths of this machine, and addresses of files.
//!
//! One thread hands out what waits, and others each work on one entry; all of them end with the
//! library. What waits is in the store (see `queue`), so that nothing is lost when the process ends: an
//! entry under way waits again at the next start. While the network is paused addresses wait, and while
//! the library is locked everything does.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::download::Unfetched;
use super::error::{Error, Result};
use super::queue::{self, ImportEntry, Lane, Ticket};
use super::tagging::change_tags;
use super::times::{TimeOf, set_time};
use super::urls::{associate_urls, load_classes};
use super::{
    FileStatus, ImportRequest, Library, Source, TagAction, TagChange, TagChangeRules, View, rules,
};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::service::builtin;
use crate::model::tag::Tag;
use crate::model::time::now_ms;
use crate::model::url;

/// Entries of a lane that are looked at for one that may be worked on.
const LOOKED_AT: usize = 200;
/// Files that are fetched from one server at once.
const PER_HOST: usize = 2;
/// Waits between attempts grow to this.
const WAIT_MAX: Duration = Duration::from_secs(4 * 3600);
/// After a failure of our own, as of a full disk, nothing more is tried for so long.
const REST: Duration = Duration::from_secs(30);
/// How long a closing library waits for imports under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// The status of what somebody does not want any more.
const SKIPPED: u8 = 8;

#[derive(Default)]
struct State {
    has_thread: bool,
    /// Something may have come up since the store was last looked at.
    is_awake: bool,
    is_closing: bool,
    running: Vec<Running>,
}

struct Running {
    lane: Lane,
    page: String,
    number: u32,
    host: String,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the list whole, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.lock().is_awake = true;
        self.changed.notify_all();
    }
}

/// Whoever works off imports. Its threads end when it is dropped.
#[derive(Default)]
pub(super) struct Importers {
    shared: Arc<Shared>,
}

impl Importers {
    /// Takes on nothing more, and waits a little for what is under way.
    pub(super) fn close(&self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
        let waits = |state: &mut State| !state.running.is_empty();
        drop(self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, waits));
    }

    pub(super) fn is_closing(&self) -> bool {
        self.shared.lock().is_closing
    }
}

impl Drop for Importers {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
    }
}

/// What an entry came to.
enum Outcome {
    Done(ImportEntry),
    /// To be tried again at this time.
    Later(ImportEntry, i64),
    /// We are closing or locked: it waits as before.
    Stopped,
}

/// Takes an entry off the list of those under way, also after a panic.
struct Busy {
    shared: Arc<Shared>,
    page: String,
    number: u32,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.running.retain(|other| other.page != self.page || other.number != self.number);
        drop(state);
        self.shared.wake();
    }
}

impl Library {
    /// Works off what waits to be imported, from now on. To be called again whenever something was
    /// added or may go on.
    pub fn work_imports(self: &Arc<Self>) {
        let shared = &self.importers.shared;
        let mut state = shared.lock();
        if !state.has_thread && !state.is_closing {
            let (library, shared) = (Arc::downgrade(self), Arc::clone(shared));
            let work = move || hand_out(&library, &shared);
            match std::thread::Builder::new().name("imports".to_owned()).spawn(work) {
                Ok(_) => state.has_thread = true,
                Err(error) => tracing::error!(%error, "imports could not be begun"),
            }
        }
        drop(state);
        shared.wake();
    }

    /// Looks again for what may be worked off, where that has been begun.
    pub(super) fn wake_imports(&self) {
        self.importers.shared.wake();
    }

    /// Begins what may be begun. Answers how long to wait until something is due.
    fn begin_imports(self: &Arc<Self>) -> Result<Option<Duration>> {
        let view = self.view()?;
        let is_paused = view.switches()?.network_paused;
        let now = now_ms();
        let mut next_due = None;
        for lane in [Lane::Paths, Lane::Again, Lane::Addresses] {
            if is_paused && lane != Lane::Paths {
                continue;
            }
            for ticket in view.tickets(lane, LOOKED_AT)? {
                if lane == Lane::Again && ticket.due_ms > now {
                    next_due = Some(Duration::from_millis((ticket.due_ms - now).unsigned_abs()));
                    break;
                }
                if self.is_room(lane, &ticket) {
                    self.begin_import(lane, ticket);
                }
            }
        }
        Ok(next_due)
    }

    fn is_room(&self, lane: Lane, ticket: &Ticket) -> bool {
        let state = self.importers.shared.lock();
        let is_running =
            |other: &Running| other.page == ticket.page && other.number == ticket.number;
        if state.is_closing || state.running.iter().any(is_running) {
            return false;
        }
        let count = |which: &dyn Fn(&Running) -> bool| {
            state.running.iter().filter(|other| which(other)).count()
        };
        if lane == Lane::Paths {
            return count(&|other| other.lane == Lane::Paths) == 0;
        }
        count(&|other| other.lane != Lane::Paths) < self.settings.downloads.parallel
            && count(&|other| other.lane != Lane::Paths && other.host == ticket.host) < PER_HOST
    }

    fn begin_import(self: &Arc<Self>, lane: Lane, ticket: Ticket) {
        let (page, number) = (ticket.page.clone(), ticket.number);
        let running = Running { lane, page: page.clone(), number, host: ticket.host.clone() };
        self.importers.shared.lock().running.push(running);
        let busy = Busy { shared: Arc::clone(&self.importers.shared), page, number };
        let library = Arc::clone(self);
        let work = move || {
            library.work_on_safely(lane, &ticket);
            // Before the entry is off the list, which is what closing waits for.
            drop(library);
            drop(busy);
        };
        if let Err(error) = std::thread::Builder::new().name("import".to_owned()).spawn(work) {
            tracing::error!(%error, "an import could not be begun");
        }
    }

    /// Works on an entry; whatever happens, it is not tried again at once.
    fn work_on_safely(self: &Arc<Self>, lane: Lane, ticket: &Ticket) {
        // A file that is fetched while the library is locked waits for it.
        let work = || crate::store::patiently(|| self.work_on(lane, ticket));
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let note = "The import was abandoned after an error of its own!".to_owned();
            self.give_up(lane, ticket, note)
        });
        if let Err(error) = outcome {
            if !matches!(error, Error::Busy) {
                tracing::error!(%error, "an import could not be noted");
            }
            let shared = &self.importers.shared;
            let sleeps = |state: &mut State| !state.is_closing;
            drop(shared.changed.wait_timeout_while(shared.lock(), REST, sleeps));
        }
    }

    fn give_up(self: &Arc<Self>, lane: Lane, ticket: &Ticket, note: String) -> Result<()> {
        let Some(entry) = self.view()?.import_entry(ticket)? else { return Ok(()) };
        let ticket = ticket.clone();
        let (status, modified_ms) = (FileStatus::Failed as u8, now_ms());
        let entry = ImportEntry { status, note, modified_ms, ..entry };
        self.write(move |tx| queue::finish(tx, lane, &ticket, &entry))
    }

    fn work_on(self: &Arc<Self>, lane: Lane, ticket: &Ticket) -> Result<()> {
        let view = self.view()?;
        let Some(entry) = view.import_entry(ticket)? else { return Ok(()) };
        let top = view.stored_pages()?;
        let page = top.as_ref().and_then(|top| top.find(&ticket.page));
        let name = page.map_or_else(String::new, |page| page.name.clone());
        let domains = page.map_or_else(Vec::new, |page| page.import_domains.clone());
        drop(view);
        let outcome = if lane == Lane::Paths {
            self.import_path(entry, domains)?
        } else {
            let popup = self.show_import(&name, &entry.source)?;
            let outcome = self.import_address(entry, domains, &popup);
            self.hide_import(&popup);
            outcome?
        };
        let ticket = ticket.clone();
        match outcome {
            Outcome::Done(mut entry) => {
                entry.modified_ms = now_ms();
                self.write(move |tx| queue::finish(tx, lane, &ticket, &entry))
            }
            Outcome::Later(mut entry, due_ms) => {
                entry.modified_ms = now_ms();
                self.write(move |tx| queue::put_off(tx, lane, &ticket, &entry, due_ms))
            }
            Outcome::Stopped => Err(Error::Busy),
        }
    }

    fn import_path(
        self: &Arc<Self>,
        mut entry: ImportEntry,
        domains: Vec<ServiceId>,
    ) -> Result<Outcome> {
        let path = PathBuf::from(&entry.source);
        entry.source_time_ms =
            std::fs::metadata(&path).ok().as_ref().and_then(super::places::modified_ms);
        self.import_source(entry, Source::Path(path), domains, Vec::new())
    }

    fn import_address(
        self: &Arc<Self>,
        mut entry: ImportEntry,
        domains: Vec<ServiceId>,
        popup: &super::PopupKey,
    ) -> Result<Outcome> {
        if let Some((item, status, note)) = self.view()?.recognise_address(&entry.source)? {
            entry = ImportEntry { status: status as u8, note, item: Some(item), ..entry };
            if status == FileStatus::Held {
                self.dress(item, &entry, vec![entry.source.clone()])?;
            }
            return Ok(Outcome::Done(entry));
        }
        let begun = Instant::now();
        let told_ms = AtomicU64::new(0);
        let told = |done_bytes: u64, all_bytes: Option<u64>| {
            let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            if elapsed_ms - told_ms.load(Ordering::Relaxed) > 200 {
                told_ms.store(elapsed_ms, Ordering::Relaxed);
                let is_wanted = self.show_bytes(popup, done_bytes, all_bytes, elapsed_ms);
                return is_wanted && !self.importers.is_closing();
            }
            true
        };
        let fetched = match self.fetch(&entry.source, &told) {
            Ok(fetched) => fetched,
            Err(Unfetched::Stopped) if self.is_cancelled(popup) => {
                let note = "Cancelled!".to_owned();
                return Ok(Outcome::Done(ImportEntry { status: SKIPPED, note, ..entry }));
            }
            Err(Unfetched::Stopped) => return Ok(Outcome::Stopped),
            Err(Unfetched::Ignored(note)) => {
                let status = FileStatus::Vetoed as u8;
                return Ok(Outcome::Done(ImportEntry { status, note, ..entry }));
            }
            Err(Unfetched::Failed(note)) => {
                let status = FileStatus::Failed as u8;
                return Ok(Outcome::Done(ImportEntry { status, note, ..entry }));
            }
            Err(Unfetched::Later { reason, wait }) => return Ok(self.later(entry, reason, wait)),
        };
        entry.source_time_ms = fetched.last_modified_ms.or(entry.source_time_ms);
        let mut urls = vec![entry.source.clone()];
        if fetched.url != entry.source {
            urls.push(fetched.url);
        }
        let source = Source::Upload(fetched.file.into_path());
        self.import_source(entry, source, domains, urls)
    }

    /// What did not work waits for its next attempt, or has failed.
    fn later(&self, entry: ImportEntry, reason: String, wait: Option<Duration>) -> Outcome {
        let settings = &self.settings.downloads;
        let attempts = entry.attempts + 1;
        if attempts >= settings.attempts {
            let status = FileStatus::Failed as u8;
            return Outcome::Done(ImportEntry { status, note: reason, attempts, ..entry });
        }
        let usual = settings.retry_wait.saturating_mul(1 << entry.attempts.min(20)).min(WAIT_MAX);
        let wait = wait.map_or(usual, |wait| wait.max(usual));
        let due_ms = now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let note = format!("{reason} It is tried again later.");
        Outcome::Later(ImportEntry { attempts, note, ..entry }, due_ms)
    }

    fn import_source(
        self: &Arc<Self>,
        entry: ImportEntry,
        source: Source,
        domains: Vec<ServiceId>,
        urls: Vec<String>,
    ) -> Result<Outcome> {
        let request = ImportRequest { source, domains, delete_source: entry.delete_source };
        let outcome = match self.import(request) {
            Ok(outcome) => outcome,
            // The library was locked meanwhile, or closes: the entry waits as before.
            Err(Error::Busy) => return Ok(Outcome::Stopped),
            Err(error) => {
                let (status, note) = (FileStatus::Failed as u8, error.to_string());
                return Ok(Outcome::Done(ImportEntry { status, note, ..entry }));
            }
        };
        let entry = ImportEntry {
            status: outcome.status as u8,
            note: outcome.note,
            item: outcome.item,
            ..entry
        };
        if let Some(item) = outcome.item
            && matches!(outcome.status, FileStatus::New | FileStatus::Held)
        {
            self.dress(item, &entry, urls)?;
        }
        Ok(Outcome::Done(entry))
    }

    /// Gives a file the tags, addresses and times that it came with, in one transaction.
    fn dress(&self, item: ItemId, entry: &ImportEntry, urls: Vec<String>) -> Result<()> {
        let entry = entry.clone();
        self.write(move |tx| {
            let classes = load_classes(tx)?;
            let kept = urls.iter().filter(|url| {
                classes.find(url).is_none_or(|class| class.should_be_associated_with_files)
            });
            let kept: Vec<String> = kept.map(|url| classes.normalise(url)).collect();
            associate_urls(tx, &[item], &kept, &[])?;
            if let (Some(host), Some(time_ms)) =
                (urls.first().and_then(|url| url::host(url)), entry.source_time_ms)
            {
                set_time(tx, &[item], &TimeOf::ModifiedOnDomain(host), Some(time_ms))?;
            }
            let filter = rules::download_tags(tx)?;
            let found = entry.filterable_tags.iter().filter_map(|text| Tag::clean(text));
            let found = found.filter(|tag| filter.allows(tag));
            let found = found.map(|tag| (builtin::DOWNLOADER_TAGS, tag));
            let given = entry.tags.iter();
            let given = given.filter_map(|(service, text)| Some((*service, Tag::clean(text)?)));
            let services = super::Services::load(tx)?;
            let changes: Vec<TagChange> = found
                .chain(given)
                .map(|(service, tag)| {
                    let is_remote = services.kind(service).is_some_and(super::is_repository);
                    let action = if is_remote { TagAction::Pend } else { TagAction::Add };
                    TagChange { service, action, tag, reason: String::new() }
                })
                .collect();
            change_tags(tx, &[item], &changes, TagChangeRules::default())
        })
    }
}

/// The thread that hands out what waits.
fn hand_out(library: &Weak<Library>, shared: &Shared) {
    loop {
        shared.lock().is_awake = false;
        let Some(open) = library.upgrade() else { return };
        let wait = match open.begin_imports() {
            Ok(wait) => wait,
            // Locked: whoever unlocks it wakes us.
            Err(Error::Busy) => None,
            Err(error) => {
                tracing::error!(%error, "what waits to be imported cannot be read");
                None
            }
        };
        drop(open);
        let state = shared.lock();
        let sleeps = |state: &mut State| !state.is_awake && !state.is_closing;
        let state = match wait {
            Some(wait) => {
                let waited = shared.changed.wait_timeout_while(state, wait, sleeps);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                shared.changed.wait_while(state, sleeps).unwrap_or_else(PoisonError::into_inner)
            }
        };
        if state.is_closing {
            return;
        }
    }
}

impl View {
    /// What is known of the one file of an address; `None` when it is to be fetched.
    fn recognise_address(&self, url: &str) -> Result<Option<(ItemId, FileStatus, String)>> {
        let classes = self.url_classes()?;
        if classes.find(url).is_some_and(|class| class.can_produce_multiple_files) {
            return Ok(None);
        }
        let (_, items) = self.url_files(url)?;
        let mut found = HashSet::new();
        for item in items {
            let known = self.recognise(item, "url", true)?;
            if matches!(known.status, FileStatus::Held | FileStatus::Deleted) {
                found.insert(item);
            }
        }
        // Of several files nobody knows which one is meant.
        let [item] = found.into_iter().collect::<Vec<_>>()[..] else { return Ok(None) };
        let known = self.recognise(item, "url", true)?;
        Ok(Some((item, known.status, known.note)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::pages::{Page, PageKind};
    use crate::library::testing::TestLibrary;

    #[test]
    fn a_path_that_is_nowhere_fails_and_says_so() {
        let library = TestLibrary::new();
        let page = Page::new(PageKind::LOCAL_IMPORT, "import", 1).unwrap();
        let entry = ImportEntry::new("/no/such/bird.png".to_owned(), Vec::new(), 1);
        let key = page.key.clone();
        library.add_page(None, page, vec![entry], false).unwrap();
        library.work_imports();
        for _ in 0..500 {
            let entry = library.view().unwrap().imports(&key).unwrap().remove(0);
            if entry.status != 0 {
                assert_eq!(entry.status, FileStatus::Failed as u8);
                assert!(!entry.note.is_empty());
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody worked");
    }
}
