//! Places: the managed blobs on disk, and the rows that say where an item's bytes are.
//!
//! A blob is written to the temporary folder, made durable and then gets its name, so that a name in
//! a blob folder always stands for whole bytes. What changes or removes the blob of one content holds that
//! content's [`Claim`]: an import and a deletion of the same bytes take turns.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use sha2::{Digest, Sha256 as Hasher};

use super::error::{Error, Result};
use crate::media::{self, BlobKey, BlobPlace as _, LocalPlace, Thumbnail};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, PlaceId};
use crate::model::place::{Place, PlaceKind};
use crate::store::{self, PLACE_BY_PATH, PLACES, PLACES_BY_FOLDER, PLACES_BY_ITEM, Read as _, Tx};

/// Counter of place ids.
const NEXT_PLACE: &str = "next_place";
const BUFFER_BYTES: usize = 1 << 17;
/// How much of a file its type is guessed by.
const HEAD_BYTES: u64 = 256;

/// The managed files of a library: `client_files/fXX` and `tXX`.
pub struct Blobs {
    place: LocalPlace,
    claimed: Mutex<HashSet<Sha256>>,
    released: Condvar,
}

/// The right to change the blob of one content; released when dropped.
pub struct Claim<'a> {
    blobs: &'a Blobs,
    sha256: Sha256,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claimed = self.blobs.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&self.sha256);
        self.blobs.released.notify_all();
    }
}

/// A file in a blob folder.
#[derive(Clone, Debug)]
pub struct ListedBlob {
    pub sha256: Sha256,
    pub is_thumbnail: bool,
    pub path: PathBuf,
}

/// A file in the temporary folder; removed when dropped, unless it was moved elsewhere.
pub struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Takes charge of a file that lies in the temporary folder.
    #[must_use]
    pub fn adopt(path: PathBuf) -> Temporary {
        Temporary { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the charge back: the caller removes it.
    #[must_use]
    pub fn into_path(mut self) -> PathBuf {
        // An empty path is no file, so that dropping it removes nothing.
        std::mem::take(&mut self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone already when it became a blob.
        let _ = fs::remove_file(&self.path);
    }
}

/// A blob that was kept before its content was examined; gone again when dropped, unless confirmed.
pub struct Ahead<'a> {
    blobs: &'a Blobs,
    key: BlobKey,
    /// Whether it is there because of this import.
    is_new: bool,
}

impl Ahead<'_> {
    /// Says that the content is wanted and of that type. False when the blob of that type has
    /// another name: then this one goes.
    pub fn confirm(mut self, filetype: FileType) -> bool {
        let BlobKey::Content(sha256, _) = self.key else { return false };
        let path = BlobKey::Content(sha256, filetype).relative_path();
        let is_same = path == self.key.relative_path();
        self.is_new &= !is_same;
        is_same
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        if self.is_new
            && let Err(error) = self.blobs.place.delete(self.key)
        {
            // The sweep tries again.
            tracing::warn!(%error, path = %self.blobs.path(self.key).display(), "a blob stays");
        }
    }
}

impl Blobs {
    /// Makes the folders of a data folder, and throws away what an interrupted run left half done.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(data: &Path) -> io::Result<Blobs> {
        let place = LocalPlace::open(data)?;
        Ok(Blobs { place, claimed: Mutex::default(), released: Condvar::new() })
    }

    /// Waits until nobody else works on the blob of this content.
    pub fn claim(&self, sha256: Sha256) -> Claim<'_> {
        let claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut claimed = self
            .released
            .wait_while(claimed, |claimed| claimed.contains(&sha256))
            .unwrap_or_else(PoisonError::into_inner);
        claimed.insert(sha256);
        Claim { blobs: self, sha256 }
    }

    /// The folder of uploads and other files under way.
    #[must_use]
    pub fn temporary_folder(&self) -> &Path {
        self.place.temp()
    }

    /// The folder below which all blobs and thumbnails are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.place.root()
    }

    /// Where the bytes of a content are, or would be.
    #[must_use]
    pub fn file_path(&self, sha256: Sha256, filetype: FileType) -> PathBuf {
        self.path(BlobKey::Content(sha256, filetype))
    }

    /// Where the thumbnail of a content is, or would be.
    #[must_use]
    pub fn thumbnail_path(&self, sha256: Sha256) -> PathBuf {
        self.path(BlobKey::Thumbnail(sha256))
    }

    fn path(&self, key: BlobKey) -> PathBuf {
        self.place.root().join(key.relative_path())
    }

    /// Copies a file into the temporary folder and hashes it on the way.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn copy_in(&self, source: &Path) -> io::Result<(Temporary, Sha256)> {
        let copy = Temporary { path: self.place.temp_path() };
        let mut from = File::open(source)?;
        let mut to = File::create(&copy.path)?;
        let sha256 = pump(&mut from, Some(&mut to))?;
        Ok((copy, sha256))
    }

    /// Makes a temporary file the blob of its content. Durable when this returns.
    ///
    /// # Errors
    /// When writing fails.
    pub fn keep(&self, file: &Temporary, sha256: Sha256, filetype: FileType) -> Result<()> {
        let key = BlobKey::Content(sha256, filetype);
        let context = || self.path(key).display().to_string();
        self.place.adopt(key, &file.path).map_err(|error| Error::File { context: context(), error })
    }

    /// Makes a temporary file durable and, under the type that its first bytes suggest, a blob: disks
    /// are slow, and meanwhile the content can be examined. `None` where that cannot be done; then
    /// [`Blobs::keep`] says why. The file stays where it is. The caller holds the content's claim.
    #[must_use]
    pub fn keep_ahead(&self, file: &Temporary, sha256: Sha256) -> Option<Ahead<'_>> {
        let mut head = Vec::new();
        File::open(&file.path).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
        let filetype = media::identify::by_head(&head).filter(|kind| kind.is_importable())?;
        let key = BlobKey::Content(sha256, filetype);
        let is_new = self.place.link(key, &file.path).ok()?;
        Some(Ahead { blobs: self, key, is_new })
    }

    /// Stores a thumbnail. Without it the file is no worse: it is drawn again when it is asked for.
    pub fn keep_thumbnail(&self, sha256: Sha256, thumbnail: &Thumbnail) {
        let key = BlobKey::Thumbnail(sha256);
        if let Err(error) = self.place.put_bytes(key, &thumbnail.bytes) {
            tracing::warn!(%error, %sha256, "a thumbnail could not be kept");
        }
    }

    /// Removes the bytes and the thumbnail of a content. The caller holds its claim.
    pub fn remove(&self, claim: &Claim, filetype: FileType) {
        let content = BlobKey::Content(claim.sha256, filetype);
        for key in [content, BlobKey::Thumbnail(claim.sha256)] {
            if let Err(error) = self.place.delete(key) {
                // The sweep tries again.
                tracing::warn!(%error, path = %self.path(key).display(), "a blob stays");
            }
        }
    }

    /// All blobs and thumbnails in the folders of one first byte.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn list(&self, first_byte: u8) -> io::Result<Vec<ListedBlob>> {
        let mut found = Vec::new();
        for kind in ['f', 't'] {
            let folder = self.place.root().join(format!("{kind}{first_byte:02x}"));
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str());
                let digits = name.and_then(|name| name.get(..64));
                if let Some(sha256) = digits.and_then(Sha256::from_hex) {
                    found.push(ListedBlob { sha256, is_thumbnail: kind == 't', path });
                }
            }
        }
        Ok(found)
    }
}

/// Removes a file; logs any failure but its absence. Returns whether it was there.
pub(super) fn remove_if_there(path: &Path) -> bool {
    match fs::remove_file(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a file could not be removed");
            false
        }
    }
}

/// The SHA-256 of a file.
///
/// # Errors
/// When reading fails.
pub fn sha256_of(path: &Path) -> io::Result<Sha256> {
    pump(&mut File::open(path)?, None)
}

fn pump(from: &mut File, mut to: Option<&mut File>) -> io::Result<Sha256> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(Sha256(hasher.finalize().into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        if let Some(to) = to.as_mut() {
            to.write_all(&buffer[..count])?;
        }
    }
}

/// All places of an item, managed ones first.
///
/// # Errors
/// When reading fails.
pub fn places_of(read: &impl store::Read, item: ItemId) -> store::Result<Vec<(PlaceId, Place)>> {
    let mut places = Vec::new();
    for ((_, id), ()) in read.with_prefix(&PLACES_BY_ITEM, &item.0.to_be_bytes())? {
        places.extend(read.get(&PLACES, &id)?.map(|place| (id, place)));
    }
    places.sort_by_key(|(id, place)| (place.kind != PlaceKind::Managed, *id));
    Ok(places)
}

/// Whether the item has a managed blob, as far as the store knows.
///
/// # Errors
/// When reading fails.
pub fn is_managed(read: &impl store::Read, item: ItemId) -> store::Result<bool> {
    Ok(places_of(read, item)?.iter().any(|(_, place)| place.kind == PlaceKind::Managed))
}

/// Writes a new place.
///
/// # Errors
/// When reading fails.
pub fn add_place(tx: &mut Tx, place: &Place) -> store::Result<PlaceId> {
    let id = PlaceId(tx.next_id(NEXT_PLACE)?);
    put_place(tx, id, place)?;
    Ok(id)
}

/// Writes a place in place of what it was.
///
/// # Errors
/// When reading fails.
pub fn put_place(tx: &mut Tx, id: PlaceId, place: &Place) -> store::Result<()> {
    if let Some(old) = tx.get(&PLACES, &id)? {
        unlink(tx, id, &old);
    }
    tx.put(&PLACES, &id, place);
    tx.put(&PLACES_BY_ITEM, &(place.item, id), &());
    if let PlaceKind::Path { path, folder } = &place.kind {
        tx.put(&PLACE_BY_PATH, path, &id);
        tx.put(&PLACES_BY_FOLDER, &(*folder, id), &());
    }
    Ok(())
}

/// Removes a place.
///
/// # Errors
/// When reading fails.
pub fn remove_place(tx: &mut Tx, id: PlaceId) -> store::Result<()> {
    if let Some(old) = tx.get(&PLACES, &id)? {
        unlink(tx, id, &old);
        tx.remove(&PLACES, &id);
    }
    Ok(())
}

fn unlink(tx: &mut Tx, id: PlaceId, place: &Place) {
    tx.remove(&PLACES_BY_ITEM, &(place.item, id));
    if let PlaceKind::Path { path, folder } = &place.kind {
        tx.remove(&PLACE_BY_PATH, path);
        tx.remove(&PLACES_BY_FOLDER, &(*folder, id));
    }
}

/// A path as the system gives it, from the bytes that the store keeps.
#[must_use]
pub fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// The bytes of a path as the store keeps them.
#[must_use]
pub fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

/// The modified time of a file; `None` where the system does not say.
#[must_use]
pub fn modified_ms(found: &fs::Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    found.mtime().checked_mul(1000)?.checked_add(found.mtime_nsec() / 1_000_000)
}
