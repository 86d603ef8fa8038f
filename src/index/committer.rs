//! The background thread that carries waiting changes to disk, and the state it shares with
//! searches and with the owner.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;
use tantivy::{IndexReader, IndexWriter, Searcher, TantivyDocument, Term};

use super::memory::{View, Waiting, WaitingTag, WaitingText};
use super::opening::{self, Ready, Stamp};
use super::schema::Fields;
use super::text::TextField;
use super::{Change, Error};
use crate::model::ids::ItemId;

/// A change waits at most this long for its commit to begin.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// A commit begins at once when the waiting changes weigh so much, see [`Waiting::load`].
const COMMIT_LOAD: usize = 2_000;

/// While the index is filled commits are rarer: each would write a small segment.
const FILL_COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// A sequence number without changes is worth a commit only after this long.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);

/// [`super::Index::apply`] waits while the waiting changes weigh so much: searches scan them all.
const LOAD_MAX: usize = 8_000;

/// Documents of a rebuild that wait to be indexed.
const FILL_WAITING_MAX: usize = 10_000;

/// After a failed commit the next attempt waits this long.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What the owner, the searches and the committer share.
pub(super) struct Shared {
    pub(super) fields: Fields,
    view: RwLock<View>,
    control: Mutex<Control>,
    /// The committer waits here for work.
    wake: Condvar,
    /// Everybody else waits here for the committer.
    done: Condvar,
}

/// Everything the committer and the owner agree on. Locked before the view, never after it.
pub(super) struct Control {
    applied_seq: u64,
    committed_seq: u64,
    /// Counts batches, so that a flush knows when its changes are on disk.
    applied_batches: u64,
    committed_batches: u64,
    /// Since when something is applied that no commit carries.
    dirty_since: Option<Instant>,
    /// Whether that is more than a sequence number.
    dirty: bool,
    flush: bool,
    stop: bool,
    /// With `stop`: files of the directory are to rest when the thread has ended.
    settle: bool,
    failures: u64,
    failure: Option<String>,
    /// Tags that are indexed or waiting: their text never changes, so they are written once.
    tags: RoaringBitmap,
    pub(super) fill: Option<Fill>,
}

/// A rebuild in progress: until it ends, commits are stamped zero.
#[derive(Default)]
pub(super) struct Fill {
    /// Documents that the committer has not taken yet.
    pub(super) queue: VecDeque<(Option<ItemId>, TantivyDocument)>,
    /// Items changed since the rebuild began: what it brings of them is older.
    touched: RoaringBitmap,
    /// A commit failed and documents were lost with it.
    pub(super) lost: bool,
}

impl Control {
    pub(super) fn fill(&mut self) -> Result<&mut Fill, Error> {
        match &mut self.fill {
            Some(fill) if !fill.lost => Ok(fill),
            Some(_) => Err(Error::Stuck("the rebuild lost documents".into())),
            None => Err(Error::NotEmpty),
        }
    }

    /// When the next commit is due; `None` when there is nothing to commit.
    fn due(&self) -> Option<Instant> {
        let interval = match self.fill {
            Some(_) => FILL_COMMIT_INTERVAL,
            None if self.dirty => COMMIT_INTERVAL,
            None => IDLE_INTERVAL,
        };
        self.dirty_since.map(|since| since + interval)
    }
}

impl Shared {
    pub(super) fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed_seq(&self) -> u64 {
        self.control().committed_seq
    }

    /// The ids of all tags.
    pub(super) fn all_tags(&self) -> RoaringBitmap {
        self.control().tags.clone()
    }

    /// See [`super::Index::apply`].
    pub(super) fn apply(&self, batch: Vec<Change>, seq: u64) -> Result<(), Error> {
        // Cutting text into words is the expensive part: outside of every lock.
        let changes: Vec<Prepared> = batch.into_iter().map(Prepared::new).collect();
        let mut control = self.control();
        loop {
            match &control.failure {
                _ if self.view().open.load() < LOAD_MAX => break,
                Some(failure) => return Err(Error::Stuck(failure.clone())),
                None => control = self.wait_done(control),
            }
        }
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        // Copies pointers only while a search still reads the old generation.
        let open = Arc::make_mut(&mut view.open);
        for change in changes {
            control.take(change, open);
        }
        let load = open.load();
        drop(view);
        control.applied_seq = control.applied_seq.max(seq);
        let first = control.mark(load > 0);
        if first || load >= COMMIT_LOAD {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// See [`super::Index::flush`].
    pub(super) fn flush(&self) -> Result<u64, Error> {
        let mut control = self.control();
        let (wanted, failures) = (control.applied_batches, control.failures);
        while control.committed_batches < wanted {
            if control.failures > failures {
                let failure = control.failure.clone().unwrap_or_default();
                return Err(Error::Stuck(failure));
            }
            control.flush = true;
            self.wake.notify_one();
            control = self.wait_done(control);
        }
        Ok(control.committed_seq)
    }

    /// Begins a rebuild.
    pub(super) fn begin_fill(&self) -> Result<(), Error> {
        let mut control = self.control();
        if control.fill.is_some() || control.committed_seq != 0 || control.applied_seq != 0 {
            return Err(Error::NotEmpty);
        }
        control.fill = Some(Fill::default());
        Ok(())
    }

    /// Queues documents of a rebuild, leaving out what is newer already.
    pub(super) fn fill(&self, batch: Vec<Change>) -> Result<(), Error> {
        let mut documents = Vec::with_capacity(batch.len());
        for change in batch {
            match change {
                Change::AddTag { tag, namespace, subtag } => {
                    let document = self.fields.tag_document(tag, &namespace, &subtag);
                    documents.push((Err(tag), document));
                }
                Change::PutText { item, fields } if has_text(&fields) => {
                    documents.push((Ok(item), self.fields.text_document(item, &fields)));
                }
                Change::PutText { .. } | Change::RemoveText(_) => {}
            }
        }
        let mut control = self.control();
        while control.fill()?.queue.len() >= FILL_WAITING_MAX {
            control = self.wait_done(control);
        }
        for (id, document) in documents {
            let wanted = match id {
                Ok(item) => !control.fill()?.touched.contains(item.0),
                Err(tag) => control.tags.insert(tag.0),
            };
            if wanted {
                control.fill()?.queue.push_back((id.ok(), document));
            }
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Ends a rebuild that brought everything up to `seq`.
    pub(super) fn end_fill(&self, seq: u64) -> Result<(), Error> {
        let mut control = self.control();
        while !control.fill()?.queue.is_empty() {
            self.wake.notify_one();
            control = self.wait_done(control);
        }
        control.fill()?;
        control.fill = None;
        control.applied_seq = control.applied_seq.max(seq);
        control.mark(true);
        drop(control);
        self.flush().map(|_| ())
    }

    /// Ends the committer without a commit. With `settle` it first waits for segments that are
    /// being merged.
    pub(super) fn stop(&self, settle: bool) {
        let mut control = self.control();
        control.stop = true;
        control.settle |= settle;
        drop(control);
        self.wake.notify_one();
    }

    fn wait_done<'a>(&self, control: MutexGuard<'a, Control>) -> MutexGuard<'a, Control> {
        self.done.wait(control).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change, cut and ready to be scanned.
enum Prepared {
    Tag(Arc<WaitingTag>),
    Text(ItemId, Option<Arc<WaitingText>>),
}

impl Prepared {
    fn new(change: Change) -> Prepared {
        match change {
            Change::AddTag { tag, namespace, subtag } => {
                Prepared::Tag(Arc::new(WaitingTag { tag, namespace, subtag }))
            }
            Change::PutText { item, fields } => {
                let text = has_text(&fields).then(|| Arc::new(WaitingText::new(fields)));
                Prepared::Text(item, text)
            }
            Change::RemoveText(item) => Prepared::Text(item, None),
        }
    }
}

impl Control {
    /// Notes that there is something to commit; true when there was nothing before.
    fn mark(&mut self, changes: bool) -> bool {
        let first = self.dirty_since.is_none() || (changes && !self.dirty);
        self.applied_batches += 1;
        self.dirty |= changes;
        self.dirty_since.get_or_insert_with(Instant::now);
        first
    }

    fn take(&mut self, change: Prepared, open: &mut Waiting) {
        match change {
            Prepared::Tag(tag) => {
                if self.tags.insert(tag.tag.0) {
                    open.tags.push(tag);
                }
            }
            Prepared::Text(item, text) => {
                if let Some(fill) = &mut self.fill {
                    fill.touched.insert(item.0);
                }
                open.put_text(item, text);
            }
        }
    }
}

fn has_text(texts: &super::TextFields) -> bool {
    TextField::ALL.into_iter().any(|field| texts.values(field).next().is_some())
}

/// Starts the committer on an open directory.
pub(super) fn start(ready: Ready) -> Result<(Arc<Shared>, JoinHandle<()>), Error> {
    let view =
        View { searcher: ready.reader.searcher(), sealed: Arc::default(), open: Arc::default() };
    let control = Control {
        applied_seq: ready.applied_seq,
        committed_seq: ready.applied_seq,
        applied_batches: 0,
        committed_batches: 0,
        dirty_since: None,
        dirty: false,
        flush: false,
        stop: false,
        settle: false,
        failures: 0,
        failure: None,
        tags: ready.tags,
        fill: None,
    };
    let shared = Arc::new(Shared {
        fields: ready.fields,
        view: RwLock::new(view),
        control: Mutex::new(control),
        wake: Condvar::new(),
        done: Condvar::new(),
    });
    let committer = Committer {
        shared: Arc::clone(&shared),
        index: ready.index,
        reader: ready.reader,
        writer: Some(ready.writer),
        rebuilding: false,
        stamp: ready.stamp,
        items: ready.items,
    };
    let thread =
        std::thread::Builder::new().name("index-commit".into()).spawn(move || committer.run())?;
    Ok((shared, thread))
}

/// What the committer does next.
enum Work {
    /// Index documents of a rebuild, without a commit.
    Fill(Vec<(Option<ItemId>, TantivyDocument)>),
    Commit(Sealed),
    Stop,
}

/// The changes of one commit.
struct Sealed {
    waiting: Arc<Waiting>,
    /// What the commit is stamped with.
    seq: u64,
    rebuilding: bool,
    batches: u64,
}

struct Committer {
    shared: Arc<Shared>,
    index: tantivy::Index,
    reader: IndexReader,
    /// Absent after a failure, until the next attempt.
    writer: Option<IndexWriter>,
    rebuilding: bool,
    stamp: Stamp,
    /// Items that have a document, and perhaps some that had one: only these need a deletion.
    items: RoaringBitmap,
}

impl Committer {
    fn run(mut self) {
        loop {
            match self.next() {
                Work::Stop => return self.end(),
                Work::Fill(documents) => {
                    let outcome = self.guarded(|committer| committer.index_fill(documents));
                    self.answer_fill(outcome);
                }
                Work::Commit(sealed) => {
                    if !self.commit(&sealed) {
                        return;
                    }
                }
            }
        }
    }

    fn end(&mut self) {
        let settle = self.shared.control().settle;
        if let Some(writer) = self.writer.take().filter(|_| settle)
            && let Err(error) = writer.wait_merging_threads()
        {
            tracing::warn!(%error, "merging the search index failed");
        }
    }

    /// Waits until something is to be done.
    fn next(&mut self) -> Work {
        let shared = Arc::clone(&self.shared);
        let mut control = shared.control();
        loop {
            if control.stop {
                return Work::Stop;
            }
            // A rebuild's documents go first: what was applied after them must overrule them.
            if let Some(fill) = &mut control.fill
                && !fill.queue.is_empty()
            {
                return Work::Fill(fill.queue.drain(..).collect());
            }
            let load_max = if control.fill.is_some() { LOAD_MAX } else { COMMIT_LOAD };
            let now = Instant::now();
            control = match control.due() {
                None => shared.wake.wait(control).unwrap_or_else(PoisonError::into_inner),
                Some(due)
                    if due <= now || control.flush || shared.view().open.load() >= load_max =>
                {
                    return Work::Commit(self.seal(&mut control));
                }
                Some(due) => pause_for(&shared, control, due - now),
            };
        }
    }

    /// Moves the waiting changes out of the way of new ones. Searches keep seeing them.
    fn seal(&self, control: &mut Control) -> Sealed {
        let mut view = self.shared.view.write().unwrap_or_else(PoisonError::into_inner);
        view.sealed = std::mem::take(&mut view.open);
        control.flush = false;
        control.dirty_since = None;
        control.dirty = false;
        Sealed {
            waiting: Arc::clone(&view.sealed),
            seq: if control.fill.is_some() { 0 } else { control.applied_seq },
            rebuilding: control.fill.is_some(),
            batches: control.applied_batches,
        }
    }

    /// Commits, again and again if it must; false when told to stop meanwhile.
    fn commit(&mut self, sealed: &Sealed) -> bool {
        loop {
            let outcome = self.guarded(|committer| committer.write(sealed));
            let shared = Arc::clone(&self.shared);
            let mut control = shared.control();
            match outcome {
                Ok(searcher) => {
                    let mut view = shared.view.write().unwrap_or_else(PoisonError::into_inner);
                    // One step for every reader: the documents come as their copies go.
                    view.searcher = searcher;
                    view.sealed = Arc::default();
                    drop(view);
                    control.committed_seq = sealed.seq;
                    control.committed_batches = sealed.batches;
                    control.failure = None;
                    shared.done.notify_all();
                    return true;
                }
                Err(failure) => {
                    self.fail(&mut control, failure);
                    let retry = Instant::now() + RETRY_INTERVAL;
                    while !control.stop && !control.flush && Instant::now() < retry {
                        control = pause_for(&shared, control, RETRY_INTERVAL);
                    }
                    if control.stop {
                        return false;
                    }
                    control.flush = false;
                }
            }
        }
    }

    fn write(&mut self, sealed: &Sealed) -> Result<Searcher, Error> {
        let fields = self.shared.fields;
        let stamp = self.stamp.write(sealed.seq);
        self.ready_writer(sealed.rebuilding)?;
        let Some(writer) = &mut self.writer else { return Err(Error::Engine("no writer".into())) };
        for tag in &sealed.waiting.tags {
            writer.add_document(fields.tag_document(tag.tag, &tag.namespace, &tag.subtag))?;
        }
        for (item, text) in &sealed.waiting.texts {
            if self.items.contains(item.0) {
                writer.delete_term(Term::from_field_u64(fields.item, u64::from(item.0)));
            }
            if let Some(text) = text {
                self.items.insert(item.0);
                writer.add_document(fields.text_document(*item, &text.texts))?;
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&stamp);
        commit.commit()?;
        self.reader.reload()?;
        Ok(self.reader.searcher())
    }

    fn index_fill(
        &mut self,
        documents: Vec<(Option<ItemId>, TantivyDocument)>,
    ) -> Result<(), Error> {
        self.ready_writer(true)?;
        let fields = self.shared.fields;
        let Some(writer) = &self.writer else { return Err(Error::Engine("no writer".into())) };
        for (item, document) in documents {
            if let Some(item) = item
                && !self.items.insert(item.0)
            {
                writer.delete_term(Term::from_field_u64(fields.item, u64::from(item.0)));
            }
            writer.add_document(document)?;
        }
        Ok(())
    }

    fn answer_fill(&mut self, outcome: Result<(), String>) {
        let shared = Arc::clone(&self.shared);
        let mut control = shared.control();
        match outcome {
            // So that what was filled is committed now and then even if nothing else happens.
            Ok(()) => {
                control.mark(true);
            }
            Err(failure) => self.fail(&mut control, failure),
        }
        shared.done.notify_all();
    }

    /// Sees to it that there is a writer, and that its budget suits what it is for.
    fn ready_writer(&mut self, rebuilding: bool) -> Result<(), Error> {
        if self.writer.is_some() && self.rebuilding == rebuilding {
            return Ok(());
        }
        if let Some(mut writer) = self.writer.take() {
            // Dropping a writer drops what it has not committed.
            let payload = self.index.load_metas()?.payload.unwrap_or_default();
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit()?;
            writer.wait_merging_threads()?;
        }
        self.writer = Some(opening::writer(&self.index, rebuilding)?);
        self.rebuilding = rebuilding;
        Ok(())
    }

    /// Runs a step; after any failure the writer, and what it had not committed, is gone.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Committer) -> Result<T, Error>,
    ) -> Result<T, String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| step(self)));
        let failure = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the search engine panicked".into(),
        };
        self.writer = None;
        Err(failure)
    }

    fn fail(&self, control: &mut Control, failure: String) {
        tracing::warn!(failure, "the search index could not be written; it will be tried again");
        control.failures += 1;
        control.failure = Some(failure);
        if let Some(fill) = &mut control.fill {
            fill.lost = true;
            fill.queue.clear();
        }
        self.shared.done.notify_all();
    }
}

fn pause_for<'a>(
    shared: &Shared,
    control: MutexGuard<'a, Control>,
    pause: Duration,
) -> MutexGuard<'a, Control> {
    shared.wake.wait_timeout(control, pause).unwrap_or_else(PoisonError::into_inner).0
}
