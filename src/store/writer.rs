//! The one writer: operations that wait together share one transaction and one fsync, and each is
//! answered after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::Database;
use roaring::RoaringBitmap;

use super::columns::{Column, ColumnValues, Columns};
use super::commit::{
    FreeSpace, free_space, log_changes, now_ms, panic_text, trim_changes, write_sets,
};
use super::error::{Error, Result};
use super::format;
use super::patience::Gate;
use super::read::{Snapshot, definition};
use super::shapes::{Near, Shapes};
use super::tables::Change;
use super::write::{Overlay, Tx};
use crate::model::ids::ItemId;

/// Limits and sizes of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of pages kept in memory.
    pub cache_bytes: usize,
    /// Operations that may wait; a further one blocks its caller.
    pub queue_length: usize,
    /// Bytes of changes after which a group is closed.
    pub group_bytes: usize,
    /// Below this much free disk space writes are refused.
    pub minimum_free_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 256 << 20,
            queue_length: 1024,
            group_bytes: 4 << 20,
            minimum_free_bytes: 64 << 20,
        }
    }
}

/// What one commit changed, told to the observer before anyone is answered.
pub struct Committed {
    /// The sequence number under which the changes stand in the log.
    pub sequence: u64,
    pub changes: Vec<Change>,
    /// Tags that current mappings were given or lost, in whichever service.
    pub borne: RoaringBitmap,
    /// Items that became visible as objects or ceased to be.
    pub moved: RoaringBitmap,
}

type Observer = Box<dyn Fn(&Committed) + Send + Sync>;

/// One waiting operation. It may be run twice: once in a group, and alone if the group's commit
/// failed.
trait Operation: Send {
    /// Runs the operation; returns whether its changes are to be kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers the caller: with what `run` returned, or with the store's failure.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Closure<F, T, E> {
    run: F,
    result: Option<Result<T, E>>,
    answer: SyncSender<Answer<T, E>>,
}

/// What `run` returned, or the store's failure.
type Answer<T, E> = Result<Result<T, E>, Error>;

impl<F, T, E> Operation for Closure<F, T, E>
where
    F: Fn(&mut Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(tx)));
        let result =
            result.unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&*panic)).into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(failure), _) => Err(failure),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(Error::Closed),
        };
        // The caller may be gone (a closed connection); the write stands all the same.
        let _ = self.answer.send(result);
    }
}

struct Shared {
    path: PathBuf,
    options: Options,
    /// `None` while closed, or after a failure.
    database: RwLock<Option<Arc<Database>>>,
    /// Whether a failure closed it: then the writer opens it again.
    has_failed: AtomicBool,
    /// So many commits are to fail.
    #[cfg(test)]
    failing: std::sync::atomic::AtomicU32,
    columns: Columns,
    shapes: Shapes,
    observer: Mutex<Option<Observer>>,
    gate: Gate,
    /// Held from the moment a commit can be seen until all are told of it.
    telling: Mutex<()>,
    /// Entries of the change log up to this number may go.
    forgettable: AtomicU64,
}

/// The open store. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: SyncSender<Box<dyn Operation>>,
}

impl Store {
    /// Opens the library file, creating it when it is missing, and starts the writer.
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`], [`Error::NewerFormat`], [`Error::Damaged`], or a failure of the disk.
    pub fn open(path: &Path, options: Options) -> Result<Store> {
        let database = open_database(path, options)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            options,
            database: RwLock::new(Some(database)),
            has_failed: AtomicBool::new(false),
            #[cfg(test)]
            failing: std::sync::atomic::AtomicU32::new(0),
            columns: Columns::new(),
            shapes: Shapes::new(),
            observer: Mutex::new(None),
            gate: Gate::default(),
            telling: Mutex::new(()),
            forgettable: AtomicU64::new(0),
        });
        let (queue, waiting) = sync_channel(options.queue_length);
        let writer = Writer { shared: Arc::clone(&shared), space: FreeSpace::default() };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.work(&waiting))
            .map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Store { shared, queue })
    }

    /// Sets what is told of every commit, before its callers are answered. It must be quick.
    pub fn observe(&self, observer: impl Fn(&Committed) + Send + Sync + 'static) {
        *self.shared.observer.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Box::new(observer));
    }

    /// Lets later commits drop entries of the change log up to this number, some at a time.
    pub fn forget_changes(&self, up_to: u64) {
        self.shared.forgettable.store(up_to, Ordering::Relaxed);
    }

    /// The state of the library as of now.
    ///
    /// # Errors
    /// [`Error::Closed`] while the store is closed; see [`super::patiently`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        loop {
            match self.shared.snapshot() {
                Err(Error::Closed) if self.shared.gate.wait() => {}
                outcome => return outcome,
            }
        }
    }

    /// A column of facts, loaded on first use.
    ///
    /// # Errors
    /// When loading fails.
    pub fn column(&self, column: Column) -> Result<ColumnValues<'_>> {
        self.shared.columns.read(column, || self.shared.snapshot())
    }

    /// Runs something quick while all are told of every commit that can be seen: the writer waits.
    pub fn settled<T>(&self, run: impl FnOnce() -> T) -> T {
        let _telling = self.shared.telling.lock().unwrap_or_else(PoisonError::into_inner);
        run()
    }

    /// The items whose perceptual hash differs from this one in at most `distance` bits, with how
    /// many, as of now.
    ///
    /// # Errors
    /// When reading fails.
    pub fn alike(&self, hash: u64, distance: u32) -> Result<Vec<(ItemId, u32)>> {
        self.shared.shapes.near(hash, distance, || Near::load(&self.shared.snapshot()?))
    }

    /// Runs an operation in the writer and waits until it is durable. `run` may be called twice and
    /// must only depend on what it captured and reads. An `Err` from it changes nothing.
    ///
    /// # Errors
    /// What `run` returns, or the store's failure.
    pub fn write<T, E, F>(&self, run: F) -> Result<T, E>
    where
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let run = Arc::new(Mutex::new(run));
        loop {
            let run = Arc::clone(&run);
            let run = move |tx: &mut Tx| {
                // Only the writer takes it, one attempt after the other.
                let run = run.lock().unwrap_or_else(PoisonError::into_inner);
                run(tx)
            };
            let (answer, answered) = sync_channel(1);
            let operation = Box::new(Closure { run, result: None, answer });
            self.queue.send(operation).map_err(|_| Error::Closed)?;
            match answered.recv().map_err(|_| Error::Closed)? {
                Ok(result) => return result,
                Err(Error::Closed) if self.shared.gate.wait() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Lets the next commits fail.
    #[cfg(test)]
    pub(crate) fn fail_commits(&self, count: u32) {
        self.shared.failing.store(count, Ordering::SeqCst);
    }

    /// A transaction past the writer: for [`Store::load`], while nobody else writes.
    pub(super) fn begin_write(&self) -> Result<redb::WriteTransaction> {
        Ok(self.shared.database()?.begin_write()?)
    }

    /// Forgets what is remembered of items.
    pub(super) fn forget(&self) {
        self.shared.forget();
    }

    /// Closes the file so that an outside copy is safe: waits until snapshots are dropped, at most
    /// `patience`. Until [`Store::reopen`] everything answers [`Error::Closed`].
    ///
    /// # Errors
    /// [`Error::Storage`] when a snapshot was held too long; the store is open again then.
    pub fn close(&self, patience: Duration) -> Result<()> {
        self.shared.gate.close();
        let taken = self.shared.slot_mut(|slot| {
            // Who closes it opens it again, and not the writer.
            self.shared.has_failed.store(false, Ordering::SeqCst);
            slot.take()
        })?;
        let Some(mut database) = taken else { return Ok(()) };
        let deadline = Instant::now() + patience;
        loop {
            match Arc::try_unwrap(database) {
                Ok(closed) => {
                    drop(closed);
                    self.shared.forget();
                    return Ok(());
                }
                Err(held) if Instant::now() < deadline => {
                    database = held;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(held) => {
                    self.shared.slot_mut(|slot| *slot = Some(held))?;
                    self.shared.gate.open();
                    return Err(Error::Storage("a reader holds the store".to_owned()));
                }
            }
        }
    }

    /// Opens the file again after [`Store::close`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn reopen(&self) -> Result<()> {
        let database = open_database(&self.shared.path, self.shared.options)?;
        self.shared.slot_mut(|slot| *slot = Some(database))?;
        self.shared.gate.open();
        Ok(())
    }

    /// Tells those who wait for a closed store that it does not open again.
    pub fn end(&self) {
        self.shared.gate.end();
    }

    /// Copies the library, as of now, into a new file while everything goes on.
    ///
    /// # Errors
    /// When the target exists or cannot be written, or reading fails.
    pub fn backup(&self, target: &Path) -> Result<()> {
        super::check::copy_into(&self.snapshot()?, target)
    }

    /// Rebuilds all derived tables from their sources in one transaction. Nobody else may use the
    /// store meanwhile.
    ///
    /// # Errors
    /// When reading or writing fails, or a source row is damaged.
    pub fn repair(&self) -> Result<()> {
        let database = self.shared.database()?;
        super::check::rebuild(&database)?;
        self.shared.forget();
        Ok(())
    }
}

fn open_database(path: &Path, options: Options) -> Result<Arc<Database>> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    make_privately(path)?;
    let database = Arc::new(builder.create(path)?);
    format::open(&database)?;
    Ok(database)
}

/// Makes an empty file that its owner alone may read, where there is none: access keys and sessions
/// stand in a store as they are. Its name is durable when this returns, so that a power cut cannot
/// take the file away with all commits in it.
pub(super) fn make_privately(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create(true).truncate(false).mode(0o600);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    file.open(path)
        .and_then(|_| std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
        .map_err(redb::StorageError::from)?;
    Ok(())
}

impl Shared {
    fn forget(&self) {
        self.columns.clear();
        self.shapes.clear();
    }

    fn database(&self) -> Result<Arc<Database>> {
        let slot = self.database.read().map_err(|_| Error::Closed)?;
        slot.clone().ok_or_else(|| match self.has_failed() {
            true => Error::Reopening,
            false => Error::Closed,
        })
    }

    #[cfg(test)]
    fn fail_on_purpose(&self) -> Result<()> {
        let one_less = |left: u32| left.checked_sub(1);
        match self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Err(Error::Storage("on purpose".to_owned())),
            Err(_) => Ok(()),
        }
    }

    fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }

    /// Gives up the open file after a failure. Whoever closed it meanwhile has it closed.
    fn fail(&self) -> Result<()> {
        self.slot_mut(|slot| {
            let was_open = slot.take().is_some();
            self.has_failed.fetch_or(was_open, Ordering::SeqCst);
        })
    }

    /// Opens the file again after a failure.
    fn recover(&self) -> Result<()> {
        let opened = self.slot_mut(|slot| -> Result<bool> {
            let is_due = slot.is_none() && self.has_failed();
            if is_due {
                *slot = Some(open_database(&self.path, self.options)?);
                self.has_failed.store(false, Ordering::SeqCst);
            }
            Ok(is_due)
        })??;
        if opened {
            // Perhaps the last commit is in the file all the same.
            self.forget();
            tracing::info!("the store is open again");
        }
        Ok(())
    }

    fn slot_mut<T>(&self, change: impl FnOnce(&mut Option<Arc<Database>>) -> T) -> Result<T> {
        Ok(change(&mut *self.database.write().map_err(|_| Error::Closed)?))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(&self.database()?)
    }
}

/// State of the writer thread.
struct Writer {
    shared: Arc<Shared>,
    space: FreeSpace,
}

/// Operations in one group at most; their changes are bounded by `group_bytes` as well.
const GROUP_OPERATIONS: usize = 512;

/// After a failure: how long the writer waits for readers before it answers, and between attempts.
const READERS_PATIENCE: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_millis(200);

impl Writer {
    fn work(mut self, waiting: &Receiver<Box<dyn Operation>>) {
        loop {
            let first = match self.shared.has_failed() {
                false => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
                true => {
                    self.reopen(Duration::ZERO);
                    waiting.recv_timeout(RETRY_AFTER)
                }
            };
            match first {
                Ok(first) => self.group(first, waiting),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Runs a group that begins with `first`, and answers all its members.
    fn group(&mut self, first: Box<dyn Operation>, waiting: &Receiver<Box<dyn Operation>>) {
        let ready = self.ready().and_then(|open| Ok((Snapshot::take(&open)?, open)));
        let (snapshot, database) = match ready {
            Ok(ready) => ready,
            Err(failure) => return first.answer(Some(failure)),
        };
        let mut group = Overlay::new();
        let mut members = vec![run_into(first, &snapshot, &self.shared.shapes, &mut group)];
        while members.len() < GROUP_OPERATIONS && group.size_bytes < self.shared.options.group_bytes
        {
            let Ok(operation) = waiting.try_recv() else { break };
            members.push(run_into(operation, &snapshot, &self.shared.shapes, &mut group));
        }
        match self.commit(&database, &snapshot, group) {
            Ok(()) => members.into_iter().for_each(|member| member.answer(None)),
            Err(failure) => {
                drop(snapshot);
                drop(database);
                self.recover(members, &failure);
            }
        }
    }

    /// After a failed commit: opens the file again and tries each operation alone.
    fn recover(&mut self, members: Vec<Box<dyn Operation>>, failure: &Error) {
        tracing::error!(%failure, "a commit failed; the store is opened again");
        // Some readers wait for one of these answers, and let go of the file only then.
        self.reopen(READERS_PATIENCE);
        for mut member in members {
            let outcome = match self.shared.has_failed() {
                false => self.alone(&mut member),
                true => Err(failure.again()),
            };
            member.answer(outcome.err());
        }
    }

    /// Opens the file again after a failure, when its last reader has let go of it.
    fn reopen(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            match self.shared.recover() {
                Ok(()) => return,
                Err(Error::AlreadyOpen) => {}
                Err(error) => tracing::error!(%error, "the store cannot be opened again yet"),
            }
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn alone(&mut self, member: &mut Box<dyn Operation>) -> Result<()> {
        let database = self.ready()?;
        let snapshot = Snapshot::take(&database)?;
        let empty = Overlay::new();
        let mut tx = Tx::new(&snapshot, &empty, &self.shared.shapes, now_ms());
        if !member.run(&mut tx) {
            return Ok(());
        }
        let own = tx.own;
        self.commit(&database, &snapshot, own)
    }

    /// The open database, when there is room to write.
    fn ready(&mut self) -> Result<Arc<Database>> {
        let database = self.shared.database()?;
        let minimum_bytes = self.shared.options.minimum_free_bytes;
        let look = || free_space(&self.shared.path);
        let free_bytes = self.space.bytes(Instant::now(), look);
        if free_bytes < minimum_bytes {
            return Err(Error::Full { free_bytes, minimum_bytes });
        }
        Ok(database)
    }

    /// Makes the changes durable, then tells columns and observer. After a failure the file is no
    /// longer open.
    fn commit(&self, database: &Database, snapshot: &Snapshot, mut group: Overlay) -> Result<()> {
        if group.is_empty() {
            return Ok(());
        }
        let laid = catch_unwind(AssertUnwindSafe(|| self.lay(database, snapshot, &mut group)));
        let laid = laid.unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&*panic))));
        let (committed, _telling) = match laid {
            Ok(laid) => laid,
            Err(error) => {
                self.shared.fail()?;
                return Err(error);
            }
        };
        // It is durable: whatever happens to those who are told, the writer goes on.
        let told = catch_unwind(AssertUnwindSafe(|| self.tell(&group, committed)));
        if let Err(panic) = told {
            tracing::error!(panic = panic_text(&*panic), "a commit was not told to all");
        }
        Ok(())
    }

    /// Lays the changes into one durable transaction.
    fn lay(
        &self,
        database: &Database,
        snapshot: &Snapshot,
        group: &mut Overlay,
    ) -> Result<(Option<Committed>, MutexGuard<'_, ()>)> {
        #[cfg(test)]
        self.shared.fail_on_purpose()?;
        let committed = log_changes(snapshot, group)?;
        trim_changes(snapshot, group, self.shared.forgettable.load(Ordering::Relaxed))?;
        let write = database.begin_write()?;
        for (slot, rows) in group.tables.iter().enumerate() {
            if rows.is_empty() {
                continue;
            }
            let mut table = write.open_table(definition(slot))?;
            for (key, value) in rows {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
        }
        write_sets(&write, group)?;
        let telling = self.shared.telling.lock().unwrap_or_else(PoisonError::into_inner);
        write.commit()?;
        Ok((committed, telling))
    }

    fn tell(&self, group: &Overlay, committed: Option<Committed>) {
        self.shared.columns.update(&group.facts);
        self.shared.shapes.update(group);
        let observer = self.shared.observer.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(committed), Some(observer)) = (committed, observer.as_ref()) {
            observer(&committed);
        }
    }
}

/// Runs one operation over the group's changes so far and keeps its own if it succeeds.
fn run_into(
    mut operation: Box<dyn Operation>,
    snapshot: &Snapshot,
    shapes: &Shapes,
    group: &mut Overlay,
) -> Box<dyn Operation> {
    let mut tx = Tx::new(snapshot, group, shapes, now_ms());
    let keep = operation.run(&mut tx);
    let own = tx.own;
    if keep {
        group.merge(own);
    }
    operation
}
