//! Opening the directory: what is sound is used, everything else is deleted and begun anew.

use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::LockError;
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError};

use super::Error;
use super::schema::{DOCUMENT_VERSION, Fields, ITEM, TAG, tokenizers};
use super::text::{bitmap, id_column, narrow};

/// One indexing thread with this arena in service.
const SERVICE_BYTES: usize = 50_000_000;

/// Arena per thread while everything is indexed anew.
const REBUILD_BYTES: usize = 150_000_000;

/// Indexing threads while everything is indexed anew.
const REBUILD_THREADS: usize = 2;

/// An open directory, with all that was read from it.
pub(super) struct Ready {
    pub(super) fields: Fields,
    pub(super) index: tantivy::Index,
    pub(super) reader: IndexReader,
    pub(super) writer: IndexWriter,
    pub(super) stamp: Stamp,
    pub(super) applied_seq: u64,
    pub(super) tags: RoaringBitmap,
    pub(super) items: RoaringBitmap,
}

/// Why a directory cannot be used.
enum Unusable {
    /// Deleting it and beginning anew helps.
    Damaged(String),
    /// It does not.
    Failed(Error),
}

impl From<TantivyError> for Unusable {
    fn from(error: TantivyError) -> Unusable {
        match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => Unusable::Failed(Error::Busy),
            other => Unusable::Damaged(other.to_string()),
        }
    }
}

/// What is written beside each commit: versions, the store's sequence number, and a checksum,
/// because tantivy keeps none over the file that holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    schema_version: u32,
}

impl Stamp {
    /// The text for a commit that carries everything up to `seq`.
    pub(super) fn write(self, seq: u64) -> String {
        let text = format!("documents={DOCUMENT_VERSION} schema={} seq={seq}", self.schema_version);
        let digest = Sha256::digest(text.as_bytes());
        format!("{text} check={:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
    }

    /// The sequence number, if the text is whole and of these versions.
    fn read(self, text: &str) -> Option<u64> {
        let seq = text.split(' ').find_map(|part| part.strip_prefix("seq="))?.parse().ok()?;
        (self.write(seq) == text).then_some(seq)
    }
}

/// Opens or creates, see [`super::Index::open`].
pub(super) fn open(dir: &Path, schema_version: u32) -> Result<Ready, Error> {
    let stamp = Stamp { schema_version };
    if !holds_files(dir)? {
        tracing::info!(dir = %dir.display(), "creating an empty search index");
        return create(dir, stamp);
    }
    // Tantivy checks most of what it reads, not all: a damaged file must not end the process.
    let opened = catch_unwind(AssertUnwindSafe(|| open_existing(dir, stamp)))
        .unwrap_or_else(|_| Err(Unusable::Damaged("it could not be read".into())));
    match opened {
        Ok(ready) => Ok(ready),
        Err(Unusable::Failed(error)) => Err(error),
        Err(Unusable::Damaged(reason)) => {
            tracing::warn!(dir = %dir.display(), reason, "the search index is built anew");
            discard(dir)?;
            create(dir, stamp)
        }
    }
}

fn holds_files(dir: &Path) -> Result<bool, Error> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        // A file where the folder should be is as good as damage.
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn discard(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        fs::remove_dir_all(dir)?
    } else {
        fs::remove_file(dir)?
    }
    Ok(())
}

fn create(dir: &Path, stamp: Stamp) -> Result<Ready, Error> {
    fs::create_dir_all(dir)?;
    let (fields, schema) = Fields::declare();
    let index =
        tantivy::Index::builder().schema(schema).tokenizers(tokenizers()).create_in_dir(dir)?;
    let mut writer = writer(&index, false)?;
    // The first stamp: from here on a directory without one is damaged.
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&stamp.write(0));
    commit.commit()?;
    let reader = reader(&index)?;
    let (tags, items) = (RoaringBitmap::new(), RoaringBitmap::new());
    Ok(Ready { fields, index, reader, writer, stamp, applied_seq: 0, tags, items })
}

fn open_existing(dir: &Path, stamp: Stamp) -> Result<Ready, Unusable> {
    let damaged = |reason: &str| Unusable::Damaged(reason.into());
    let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
    let mut index = tantivy::Index::open(directory)?;
    index.set_tokenizers(tokenizers());
    // The lock comes first: while somebody else writes, nothing here is evidence of damage.
    let writer = writer(&index, false)?;
    let (fields, schema) = Fields::declare();
    if index.schema() != schema {
        return Err(damaged("its fields are of another version"));
    }
    let payload = index.load_metas()?.payload.unwrap_or_default();
    let Some(applied_seq) = stamp.read(&payload) else {
        return Err(damaged("it is of another version, or its last commit is not whole"));
    };
    if !index.validate_checksum()?.is_empty() {
        return Err(damaged("a checksum is wrong"));
    }
    let reader = reader(&index)?;
    let searcher = reader.searcher();
    if searcher.segment_readers().iter().any(|segment| segment.num_docs() > segment.max_doc()) {
        return Err(damaged("its counts contradict each other"));
    }
    if applied_seq == 0 && searcher.num_docs() > 0 {
        return Err(damaged("it was not filled to the end"));
    }
    let (tags, items) = (ids(&searcher, TAG)?, ids(&searcher, ITEM)?);
    if tags.len() + items.len() != searcher.num_docs() {
        return Err(damaged("its counts contradict each other"));
    }
    Ok(Ready { fields, index, reader, writer, stamp, applied_seq, tags, items })
}

fn reader(index: &tantivy::Index) -> tantivy::Result<IndexReader> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()
}

/// A writer for service, or one with a larger budget for a rebuild.
pub(super) fn writer(index: &tantivy::Index, rebuild: bool) -> tantivy::Result<IndexWriter> {
    if rebuild {
        index.writer_with_num_threads(REBUILD_THREADS, REBUILD_THREADS * REBUILD_BYTES)
    } else {
        index.writer_with_num_threads(1, SERVICE_BYTES)
    }
}

/// The ids that live documents have in a column.
fn ids(searcher: &Searcher, column: &str) -> Result<RoaringBitmap, Unusable> {
    let mut all = RoaringBitmap::new();
    for segment in searcher.segment_readers() {
        let column = id_column(segment, column)?;
        if column.num_docs() != segment.max_doc() {
            return Err(Unusable::Damaged("a column has another length than its segment".into()));
        }
        let held = segment.doc_ids_alive().filter_map(|document| narrow(column.first(document)));
        all |= bitmap(held.collect());
    }
    Ok(all)
}
