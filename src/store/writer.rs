//! The one writer: operations that wait together share one transaction and one fsync, and each is
//! answered after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::Database;
use roaring::RoaringBitmap;

use super::codec::Key;
use super::columns::{Column, ColumnValues, Columns};
use super::error::{Error, Result};
use super::format;
use super::patience::Gate;
use super::read::{Read, Snapshot, definition};
use super::sets::{Flag, SetChunk, SetKey, bitmap_bytes, bitmap_from};
use super::shapes::{Near, Shapes};
use super::tables::{CHANGES, Change, META, SETS, Status};
use super::write::{Overlay, Tx};
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::service::builtin;

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

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

struct Shared {
    path: PathBuf,
    options: Options,
    /// `None` while closed.
    database: RwLock<Option<Arc<Database>>>,
    columns: Columns,
    shapes: Shapes,
    observer: Mutex<Option<Observer>>,
    gate: Gate,
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
            columns: Columns::new(),
            shapes: Shapes::new(),
            observer: Mutex::new(None),
            gate: Gate::default(),
            forgettable: AtomicU64::new(0),
        });
        let (queue, waiting) = sync_channel(options.queue_length);
        let writer = Writer { shared: Arc::clone(&shared), space_checked: None };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.work(&waiting))
            .map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Store { shared, queue })
    }

    /// Sets what is told of every commit, before its callers are answered. It must be quick.
    pub fn observe(&self, observer: impl Fn(&Committed) + Send + Sync + 'static) {
        if let Ok(mut slot) = self.shared.observer.lock() {
            *slot = Some(Box::new(observer));
        }
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

    /// A transaction past the writer: for [`Store::load`], while nobody else writes.
    pub(super) fn begin_write(&self) -> Result<redb::WriteTransaction> {
        Ok(self.shared.slot_ref()?.ok_or(Error::Closed)?.begin_write()?)
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
        let taken = self.shared.slot_mut(Option::take)?;
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
        let database = self.shared.slot_ref()?.ok_or(Error::Closed)?;
        super::check::rebuild(&database)?;
        self.shared.forget();
        Ok(())
    }
}

fn open_database(path: &Path, options: Options) -> Result<Arc<Database>> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    let database = Arc::new(builder.create(path)?);
    format::open(&database)?;
    Ok(database)
}

impl Shared {
    fn forget(&self) {
        self.columns.clear();
        self.shapes.clear();
    }

    fn slot_ref(&self) -> Result<Option<Arc<Database>>> {
        Ok(self.database.read().map_err(|_| Error::Closed)?.clone())
    }

    fn slot_mut<T>(&self, change: impl FnOnce(&mut Option<Arc<Database>>) -> T) -> Result<T> {
        Ok(change(&mut *self.database.write().map_err(|_| Error::Closed)?))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(&self.slot_ref()?.ok_or(Error::Closed)?)
    }
}

/// State of the writer thread.
struct Writer {
    shared: Arc<Shared>,
    /// When free space was last looked at, and what was found.
    space_checked: Option<(Instant, u64)>,
}

/// Operations in one group at most; their changes are bounded by `group_bytes` as well.
const GROUP_OPERATIONS: usize = 512;

impl Writer {
    fn work(mut self, waiting: &Receiver<Box<dyn Operation>>) {
        while let Ok(first) = waiting.recv() {
            self.group(first, waiting);
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
        let reopened = self.reopen();
        for mut member in members {
            let outcome = match &reopened {
                Ok(()) => self.alone(&mut member),
                Err(error) => Err(Error::Storage(error.to_string())),
            };
            member.answer(outcome.err());
        }
    }

    fn reopen(&self) -> Result<()> {
        let old = self.shared.slot_mut(Option::take)?;
        drop(old);
        let database = open_database(&self.shared.path, self.shared.options);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut database = database;
        // Readers may still hold the failed handle; the file's lock goes with the last of them.
        while matches!(database, Err(Error::AlreadyOpen)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            database = open_database(&self.shared.path, self.shared.options);
        }
        let database = database?;
        self.shared.slot_mut(|slot| *slot = Some(database))
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
        let database = self.shared.slot_ref()?.ok_or(Error::Closed)?;
        let minimum_bytes = self.shared.options.minimum_free_bytes;
        let now = Instant::now();
        let free_bytes = match self.space_checked {
            Some((when, free)) if now - when < Duration::from_secs(1) => free,
            _ => free_space(&self.shared.path),
        };
        self.space_checked = Some((now, free_bytes));
        if free_bytes < minimum_bytes {
            return Err(Error::Full { free_bytes, minimum_bytes });
        }
        Ok(database)
    }

    /// Lays the changes into one durable transaction, then tells columns and observer.
    fn commit(&self, database: &Database, snapshot: &Snapshot, mut group: Overlay) -> Result<()> {
        if group.is_empty() {
            return Ok(());
        }
        let committed = log_changes(snapshot, &mut group)?;
        self.trim_changes(snapshot, &mut group)?;
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
        write_sets(&write, &group)?;
        write.commit()?;
        self.shared.columns.update(&group.facts);
        self.shared.shapes.update(&group);
        if let (Some(committed), Ok(observer)) = (committed, self.shared.observer.lock())
            && let Some(observer) = observer.as_ref()
        {
            observer(&committed);
        }
        Ok(())
    }
}

/// Entries of the change log that one commit drops at most.
const FORGOTTEN_AT_ONCE: usize = 64;

impl Writer {
    /// Drops the oldest entries of the change log that nobody needs any more.
    fn trim_changes(&self, snapshot: &Snapshot, group: &mut Overlay) -> Result<()> {
        let up_to = self.shared.forgettable.load(Ordering::Relaxed);
        if up_to == 0 {
            return Ok(());
        }
        let (rows, end) = (&mut group.tables[CHANGES.slot], (up_to + 1).to_bytes());
        let mut left = FORGOTTEN_AT_ONCE;
        snapshot.raw_scan(CHANGES.slot, &[], Some(&end), false, &mut |key, _| {
            rows.insert(key.to_vec(), None);
            left -= 1;
            Ok(left > 0)
        })
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

/// Gives the group's changes a sequence number and a row in the change log.
fn log_changes(snapshot: &Snapshot, group: &mut Overlay) -> Result<Option<Committed>> {
    if group.changes.is_empty() {
        return Ok(None);
    }
    let key = format::SEQUENCE.to_owned();
    let sequence = snapshot.get(&META, &key)?.unwrap_or(0) + 1;
    let changes = std::mem::take(&mut group.changes);
    let mut put = |slot: usize, key: Vec<u8>, value: Vec<u8>| {
        group.tables[slot].insert(key, Some(value));
    };
    put(META.slot, key.to_bytes(), super::codec::encode(&sequence));
    put(CHANGES.slot, sequence.to_bytes(), super::codec::encode(&changes));
    let (borne, moved) = bearing(group);
    Ok(Some(Committed { sequence, changes, borne, moved }))
}

/// Whose bearers a group changes, and whose sight.
fn bearing(group: &Overlay) -> (RoaringBitmap, RoaringBitmap) {
    let (mut borne, mut moved) = (RoaringBitmap::new(), RoaringBitmap::new());
    let of = |key: SetKey| key.chunk(0);
    let any_tag = of(SetKey::Tag(ServiceId(0), Status::Current, TagId(0)));
    let seen_by = [of(SetKey::Domain(builtin::COMBINED_LOCAL)), of(SetKey::Flag(Flag::Member))];
    for (chunk, delta) in &group.sets {
        if chunk.kind == any_tag.kind {
            borne.insert(chunk.value);
        } else if seen_by.contains(&SetChunk { chunk: 0, ..*chunk }) {
            moved |= &delta.added;
            moved |= &delta.removed;
        }
    }
    (borne, moved)
}

fn write_sets(write: &redb::WriteTransaction, group: &Overlay) -> Result<()> {
    if group.sets.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(definition(SETS.slot))?;
    for (chunk, delta) in &group.sets {
        let key = chunk.to_bytes();
        let old = redb::ReadableTable::get(&table, key.as_slice())?
            .map(|bytes| bitmap_from(bytes.value()));
        let mut set = old.transpose()?.unwrap_or_default();
        delta.apply(&mut set);
        if set.is_empty() {
            table.remove(key.as_slice())?;
        } else {
            table.insert(key.as_slice(), bitmap_bytes(&set).as_slice())?;
        }
    }
    Ok(())
}

/// Bytes that an unprivileged process may still write on the disk of `path`.
fn free_space(path: &Path) -> u64 {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// UTC milliseconds now.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
