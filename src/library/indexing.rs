//! Keeps the search index in step with the store.
//!
//! Every commit is handed to the index before its callers are answered. On opening, the index says
//! how far it got; what came after is replayed from the store's change log, and when the log does
//! not reach back that far, or the index is new, everything is fed anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use super::View;
use super::error::{Error, Result};
use crate::index::{self, INNER, Index, NamespacePattern, SubtagPattern, TagQuery, TextFields};
use crate::model::ids::{ItemId, TagId};
use crate::model::item::Item;
use crate::model::place::PlaceKind;
use crate::model::tag;
use crate::model::tag_pattern::{
    NamespacePattern as Namespaces, SubtagPattern as Subtags, TagPattern, phrase_words,
};
use crate::store::{
    self, CHANGES, Change, ChangeKind, Committed, ITEMS, Key, PLACES, PLACES_BY_ITEM, Read,
    Snapshot, Store, TAGS, TagRecord,
};

/// Raised when the index's documents change: older ones are rebuilt.
const SCHEMA_VERSION: u32 = 2;

/// Entries of the change log that are kept although the index has them.
const CHANGES_KEPT: u64 = 10_000;

/// Documents handed over at once.
const BATCH: usize = 4_096;

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Error {
        Error::Store(store::Error::Storage(error.to_string()))
    }
}

/// The index, and how much of the store it has seen.
pub(super) struct Indexing {
    dir: PathBuf,
    /// `None` while the library is locked.
    index: RwLock<Option<Arc<Index>>>,
    applied: Mutex<u64>,
}

impl Indexing {
    /// Opens the index in `dir` and brings it up to the store.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub(super) fn open(dir: &Path, store: &Store) -> Result<Indexing> {
        let (index, sequence) = open_index(dir, store)?;
        Ok(Indexing {
            dir: dir.to_owned(),
            index: RwLock::new(Some(Arc::new(index))),
            applied: Mutex::new(sequence),
        })
    }

    /// Feeds everything the store holds to the index of a library that was empty.
    ///
    /// # Errors
    /// When the store cannot be read or the index not be written.
    pub(super) fn fill(&self, store: &Store) -> Result<()> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = store.snapshot()?;
        let sequence = snapshot.sequence()?;
        fill(&*self.index()?, &snapshot, sequence)?;
        *applied = sequence;
        Ok(())
    }

    /// The index.
    ///
    /// # Errors
    /// [`Error::Busy`] while it is closed.
    pub(super) fn index(&self) -> Result<Arc<Index>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.clone().ok_or(Error::Busy)
    }

    /// Closes the index: its files rest until [`Indexing::reopen`]. The store must be closed already.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a search does not end within `patience`; the index is open then.
    pub(super) fn close(&self, patience: Duration) -> Result<()> {
        let taken = self.index.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut index) = taken else { return Ok(()) };
        let deadline = Instant::now() + patience;
        loop {
            match Arc::try_unwrap(index) {
                Ok(index) => {
                    if let Err(error) = index.close() {
                        // Without it the next opening only has more to replay.
                        tracing::warn!(%error, "the search index was not written");
                    }
                    return Ok(());
                }
                Err(held) if Instant::now() < deadline => {
                    index = held;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(held) => {
                    *self.index.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
                    return Err(Error::Conflict("a search holds the index".to_owned()));
                }
            }
        }
    }

    /// Opens the index again and brings it up to the store.
    ///
    /// # Errors
    /// As [`Indexing::open`].
    pub(super) fn reopen(&self, store: &Store) -> Result<()> {
        // Commits wait meanwhile, so that none is missed.
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let (index, sequence) = open_index(&self.dir, store)?;
        *applied = sequence;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(index));
        Ok(())
    }

    /// Hands a commit to the index. A failure is logged; the next commit tries again from the log.
    pub(super) fn committed(&self, store: &Store, committed: &Committed) {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.index();
        let follow = || -> Result<()> {
            let index = self.index()?;
            let has_documents = |change: &Change| {
                matches!(change.kind, ChangeKind::TagAdded | ChangeKind::ItemText)
            };
            if *applied + 1 == committed.sequence && !committed.changes.iter().any(has_documents) {
                return Ok(index.apply(Vec::new(), committed.sequence)?);
            }
            let snapshot = store.snapshot()?;
            replay(&index, &snapshot, *applied, committed.sequence)
        };
        match follow() {
            Ok(()) => *applied = committed.sequence,
            Err(error) => tracing::error!(%error, "the search index did not take a change"),
        }
        if let Ok(index) = index {
            let kept = committed.sequence.saturating_sub(CHANGES_KEPT);
            store.forget_changes(index.committed_seq().min(kept));
        }
    }
}

fn open_index(dir: &Path, store: &Store) -> Result<(Index, u64)> {
    let snapshot = store.snapshot()?;
    let sequence = snapshot.sequence()?;
    let mut opened = Index::open(dir, SCHEMA_VERSION)?;
    let is_ahead = opened.applied_seq > sequence;
    if is_ahead || !log_reaches(&snapshot, opened.applied_seq)? {
        if opened.applied_seq > 0 {
            tracing::warn!("the search index does not fit the library; it is built anew");
            drop(opened);
            let context = |error| Error::File { context: dir.display().to_string(), error };
            std::fs::remove_dir_all(dir).map_err(context)?;
            opened = Index::open(dir, SCHEMA_VERSION)?;
        }
        fill(&opened.index, &snapshot, sequence)?;
    } else {
        replay(&opened.index, &snapshot, opened.applied_seq, sequence)?;
    }
    Ok((opened.index, sequence))
}

/// Whether the change log still has everything after `applied`.
fn log_reaches(snapshot: &Snapshot, applied: u64) -> Result<bool> {
    let sequence = snapshot.sequence()?;
    if applied == sequence {
        return Ok(true);
    }
    let mut oldest = None;
    snapshot.scan_from(&CHANGES, &[], |sequence, _: Vec<Change>| {
        oldest = Some(sequence);
        Ok(false)
    })?;
    // A library of this size is read faster than its log is replayed.
    Ok(applied > 0 && oldest.is_some_and(|oldest| oldest <= applied + 1))
}

/// Hands over what the log says was changed after `applied`.
fn replay(index: &Index, snapshot: &Snapshot, applied: u64, sequence: u64) -> Result<()> {
    let mut seen = applied;
    let mut tags: Vec<u32> = Vec::new();
    let mut texts = RoaringBitmap::new();
    let mut failure: Result<()> = Ok(());
    let hand_over = |tags: &mut Vec<u32>, texts: &mut RoaringBitmap, seen: u64| {
        index.apply(documents(snapshot, std::mem::take(tags), std::mem::take(texts))?, seen)?;
        Ok(())
    };
    snapshot.scan_from(&CHANGES, &(applied + 1).to_bytes(), |at, changes: Vec<Change>| {
        if at > sequence {
            return Ok(false);
        }
        for change in changes {
            match change.kind {
                ChangeKind::TagAdded => tags.push(change.id),
                ChangeKind::ItemText => drop(texts.insert(change.id)),
                ChangeKind::Item | ChangeKind::Entity => {}
            }
        }
        seen = at;
        if tags.len() as u64 + texts.len() >= BATCH as u64 {
            failure = hand_over(&mut tags, &mut texts, seen);
        }
        Ok(failure.is_ok())
    })?;
    failure?;
    hand_over(&mut tags, &mut texts, sequence.max(seen))
}

/// The documents of some tags and items as they are now.
fn documents(
    snapshot: &Snapshot,
    tags: Vec<u32>,
    texts: RoaringBitmap,
) -> store::Result<Vec<index::Change>> {
    let mut batch = Vec::new();
    for tag in tags.into_iter().map(TagId) {
        let record = snapshot.get(&TAGS, &tag)?;
        batch.extend(record.map(|record| tag_document(tag, &record)));
    }
    for item in texts.into_iter().map(ItemId) {
        batch.push(match snapshot.item(item)? {
            Some(record) => {
                let fields = text_fields(snapshot, item, &record)?;
                index::Change::PutText { item, fields }
            }
            None => index::Change::RemoveText(item),
        });
    }
    Ok(batch)
}

fn tag_document(tag: TagId, record: &TagRecord) -> index::Change {
    let (namespace, subtag) = tag::split(&record.text);
    let (namespace, subtag) = (namespace.to_owned(), tag::searchable(subtag));
    index::Change::AddTag { tag, namespace, subtag }
}

/// Everything to be found of an item by its words.
fn text_fields(snapshot: &Snapshot, id: ItemId, item: &Item) -> store::Result<TextFields> {
    let mut fields = TextFields { urls: item.urls.clone(), ..TextFields::default() };
    for (name, text) in &item.notes {
        match name.as_str() {
            "title" => fields.title.clone_from(text),
            "details" => fields.details.clone_from(text),
            "code" | "director" | "photographer" => fields.other.push(text.clone()),
            _ => fields.notes.push(format!("{name} {text}")),
        }
    }
    for marker in item.object.iter().flat_map(|object| &object.markers) {
        // A search of scenes looks at the titles of their markers as well.
        fields.details.push('\n');
        fields.details.push_str(&marker.title);
    }
    for ((_, place), ()) in snapshot.with_prefix(&PLACES_BY_ITEM, &id.to_bytes())? {
        match snapshot.get(&PLACES, &place)?.map(|place| place.kind) {
            Some(PlaceKind::Path { path: bytes, .. })
            | Some(PlaceKind::Member { inner_path: bytes, .. }) => {
                fields.paths.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            Some(PlaceKind::Managed) | None => {}
        }
    }
    Ok(fields)
}

/// Feeds everything the store holds to an empty index.
fn fill(index: &Index, snapshot: &Snapshot, sequence: u64) -> Result<()> {
    let rebuild = index.rebuild()?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut failure: Result<()> = Ok(());
    let mut put = |batch: &mut Vec<index::Change>| {
        failure = rebuild.put(std::mem::take(batch)).map_err(Error::from);
        failure.is_ok()
    };
    snapshot.scan_from(&TAGS, &[], |tag, record: TagRecord| {
        batch.push(tag_document(tag, &record));
        Ok(batch.len() < BATCH || put(&mut batch))
    })?;
    snapshot.scan_from(&ITEMS, &[], |id, item: Item| {
        let fields = text_fields(snapshot, id, &item)?;
        if fields != TextFields::default() {
            batch.push(index::Change::PutText { item: id, fields });
        }
        Ok(batch.len() < BATCH || put(&mut batch))
    })?;
    put(&mut batch);
    failure?;
    Ok(rebuild.finish(sequence)?)
}

impl View {
    /// The ids of all tags of a shape, shown or not.
    pub(super) fn tags_like(&self, pattern: &TagPattern) -> Result<RoaringBitmap> {
        let namespace = match &pattern.namespace {
            Namespaces::Any => NamespacePattern::Any,
            Namespaces::Exact(name) => NamespacePattern::Exact(name.clone()),
            Namespaces::Like(glob) => NamespacePattern::Glob(glob.text()),
        };
        // The index knows no pattern that begins at any word: what it finds instead is looked at.
        let mut inner = None;
        let (subtag, is_exact) = match &pattern.subtag {
            Subtags::Any => (SubtagPattern::Any, true),
            Subtags::Phrase(phrase) => match phrase_words(phrase).max_by_key(|word| word.len()) {
                None => (SubtagPattern::Glob(format!("{phrase}*")), true),
                Some(word) => {
                    inner = Some(SubtagPattern::Words(format!("{INNER}{word}")));
                    let is_exact = word.len() == phrase.len();
                    (SubtagPattern::Words(word.to_owned()), is_exact)
                }
            },
            Subtags::Whole(glob) => (SubtagPattern::Glob(glob.text()), true),
            Subtags::FromWord(glob) => {
                let text = glob.text();
                match text.strip_suffix('*') {
                    Some(head) if !head.is_empty() && !head.contains('*') => {
                        // The index also has what begins behind a colon of the subtag.
                        let is_exact = pattern.namespace == Namespaces::Any;
                        (SubtagPattern::Words(head.to_owned()), is_exact)
                    }
                    _ => (SubtagPattern::Glob(format!("*{text}")), false),
                }
            }
        };
        let index = self.library.indexing.index()?;
        let mut found = RoaringBitmap::new();
        for subtag in std::iter::once(subtag).chain(inner) {
            found |= index.tag_set(&TagQuery { namespace: namespace.clone(), subtag })?;
        }
        if is_exact {
            return Ok(found);
        }
        let mut kept = RoaringBitmap::new();
        for id in found {
            // The index may be ahead of this view by a tag that nobody was told of yet.
            let Some(record) = self.snapshot.get(&TAGS, &TagId(id))? else { continue };
            if pattern.matches_searchable(&tag::searchable(tag::split(&record.text).1)) {
                kept.insert(id);
            }
        }
        Ok(kept)
    }
}
