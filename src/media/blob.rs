//! Places where blobs live: contents by their SHA-256, and their thumbnails.
//!
//! [`BlobPlace`] is what the rest of the program knows; [`LocalPlace`] keeps blobs in a folder, laid
//! out as the Client API tells its clients. Writing is safe to interrupt anywhere: bytes go to a
//! temporary name, are synced, renamed, and the folder is synced; what was left behind by an
//! interruption is swept when the place is opened. Thumbnails are not synced: a power cut may leave
//! one broken, which [`super::thumbnail::is_whole`] tells, and it is drawn again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::filetype::FileType;
use crate::model::hash::Sha256;

/// One blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobKey {
    /// The content itself; the type gives the name its ending.
    Content(Sha256, FileType),
    /// The thumbnail of that content.
    Thumbnail(Sha256),
}

impl BlobKey {
    /// `fXX/<hash><ext>` or `tXX/<hash>.thumbnail`, XX being the first two digits of the hash.
    #[must_use]
    pub fn relative_path(self) -> PathBuf {
        let (letter, hash, ending) = match self {
            BlobKey::Content(hash, kind) => ('f', hash, kind.ext()),
            BlobKey::Thumbnail(hash) => ('t', hash, ".thumbnail"),
        };
        let hex = hash.to_hex();
        PathBuf::from(format!("{letter}{}/{hex}{ending}", &hex[..2]))
    }
}

/// Bytes that can be read from anywhere.
pub trait BlobRead: Read + Seek + Send {}
impl<T: Read + Seek + Send> BlobRead for T {}

/// Where blobs are kept. All calls block; a missing blob is [`io::ErrorKind::NotFound`].
pub trait BlobPlace: Send + Sync {
    /// Keeps a copy of a file. A blob that is there already stays as it is.
    fn put_file(&self, key: BlobKey, from: &Path) -> io::Result<()>;

    /// Keeps bytes. Those of a thumbnail replace older ones and need not be durable at once.
    fn put_bytes(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()>;

    /// Opens a blob for reading.
    fn open(&self, key: BlobKey) -> io::Result<Box<dyn BlobRead>>;

    /// The bytes of a range, cut at the blob's end.
    fn read_range(&self, key: BlobKey, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut blob = self.open(key)?;
        blob.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        blob.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The blob's path on this machine, if the place has paths; the blob need not be there.
    fn path(&self, key: BlobKey) -> Option<PathBuf>;

    /// Forgets a blob. One that is not there is no error.
    fn delete(&self, key: BlobKey) -> io::Result<()>;

    /// The number of bytes, `None` if the blob is not there.
    fn size(&self, key: BlobKey) -> io::Result<Option<u64>>;

    /// Whether the blob is there.
    fn exists(&self, key: BlobKey) -> io::Result<bool> {
        Ok(self.size(key)?.is_some())
    }
}

/// Blobs in `client_files` under a folder.
pub struct LocalPlace {
    root: PathBuf,
    temp: PathBuf,
    next: AtomicU64,
    /// Folders of blobs that a power cut cannot take any more.
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalPlace {
    /// Opens or makes the place and sweeps what an interruption left. Nobody else may use it.
    pub fn open(folder: &Path) -> io::Result<LocalPlace> {
        let root = folder.join("client_files");
        let temp = root.join("tmp");
        fs::create_dir_all(&temp)?;
        for entry in fs::read_dir(&temp)? {
            let path = entry?.path();
            if path.is_file() {
                fs::remove_file(path)?;
            }
        }
        // The folders themselves, and the library file beside them.
        for made in [&root, folder] {
            File::open(made)?.sync_all()?;
        }
        Ok(LocalPlace { root, temp, next: AtomicU64::new(0), durable: Mutex::default() })
    }

    /// `client_files` itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for temporary files, on the same file system as the blobs.
    #[must_use]
    pub fn temp(&self) -> &Path {
        &self.temp
    }

    /// A name for a new temporary file; an upload written to it can be [adopted](Self::adopt).
    #[must_use]
    pub fn temp_path(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.temp.join(format!("{}-{number}", std::process::id()))
    }

    /// Makes a file of the temporary folder a blob without copying it; the file is gone afterwards.
    pub fn adopt(&self, key: BlobKey, temp: &Path) -> io::Result<()> {
        if self.exists(key)? {
            // Whoever put it there may have been killed before its name was durable.
            self.sync_folder(&self.at(key))?;
            return fs::remove_file(temp);
        }
        File::open(temp)?.sync_all()?;
        self.settle(key, temp)
    }

    /// Makes a file of the temporary folder durable and gives it the name of a blob as well, of which
    /// it keeps its own. False when the blob was there already.
    pub fn link(&self, key: BlobKey, temp: &Path) -> io::Result<bool> {
        let path = self.at(key);
        self.make_folder(&path)?;
        File::open(temp)?.sync_all()?;
        let is_new = match fs::hard_link(temp, &path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        self.sync_folder(&path)?;
        Ok(is_new)
    }

    fn at(&self, key: BlobKey) -> PathBuf {
        self.root.join(key.relative_path())
    }

    /// Writes to a temporary file and moves it to its place.
    fn write(
        &self,
        key: BlobKey,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let temp = self.temp_path();
        let is_durable = matches!(key, BlobKey::Content(..));
        let written = File::create(&temp).and_then(|mut file| {
            fill(&mut file)?;
            if is_durable { file.sync_all() } else { Ok(()) }
        });
        let settled = written.and_then(|()| match is_durable {
            true => self.settle(key, &temp),
            false => self.place(key, &temp),
        });
        if settled.is_err() {
            // The first error is the one to tell; a file left here is swept at the next start.
            let _left_behind = fs::remove_file(&temp);
        }
        settled
    }

    fn settle(&self, key: BlobKey, temp: &Path) -> io::Result<()> {
        let path = self.at(key);
        self.make_folder(&path)?;
        fs::rename(temp, &path)?;
        self.sync_folder(&path)
    }

    /// Makes the folder of a blob. Durable when this returns, whoever made it.
    fn make_folder(&self, blob: &Path) -> io::Result<()> {
        let folder = blob.parent().unwrap_or(&self.root);
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if !durable.contains(folder) || !folder.is_dir() {
            fs::create_dir_all(folder)?;
            File::open(&self.root)?.sync_all()?;
            durable.insert(folder.to_owned());
        }
        Ok(())
    }

    fn sync_folder(&self, blob: &Path) -> io::Result<()> {
        File::open(blob.parent().unwrap_or(&self.root))?.sync_all()
    }

    /// Moves a file that need not be durable.
    fn place(&self, key: BlobKey, temp: &Path) -> io::Result<()> {
        let path = self.at(key);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::rename(temp, path)
    }
}

impl BlobPlace for LocalPlace {
    fn put_file(&self, key: BlobKey, from: &Path) -> io::Result<()> {
        if self.exists(key)? {
            return Ok(());
        }
        let mut source = File::open(from)?;
        self.write(key, |file| io::copy(&mut source, file).map(|_| ()))
    }

    fn put_bytes(&self, key: BlobKey, bytes: &[u8]) -> io::Result<()> {
        if matches!(key, BlobKey::Content(..)) && self.exists(key)? {
            return Ok(());
        }
        self.write(key, |file| file.write_all(bytes))
    }

    fn open(&self, key: BlobKey) -> io::Result<Box<dyn BlobRead>> {
        Ok(Box::new(File::open(self.at(key))?))
    }

    fn path(&self, key: BlobKey) -> Option<PathBuf> {
        Some(self.at(key))
    }

    fn delete(&self, key: BlobKey) -> io::Result<()> {
        let path = self.at(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(path.parent().unwrap_or(&self.root))?.sync_all(),
        }
    }

    fn size(&self, key: BlobKey) -> io::Result<Option<u64>> {
        match fs::metadata(self.at(key)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Sha256 = Sha256([0xAB; 32]);
    const KEY: BlobKey = BlobKey::Content(HASH, FileType::JPEG);

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("diptych-blob-{name}-{}", std::process::id()));
        // Of an earlier run of the same process number.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn blobs_lie_where_clients_are_told() {
        let hex = "ab".repeat(32);
        assert_eq!(KEY.relative_path(), PathBuf::from(format!("fab/{hex}.jpg")));
        let thumbnail = BlobKey::Thumbnail(HASH).relative_path();
        assert_eq!(thumbnail, PathBuf::from(format!("tab/{hex}.thumbnail")));
    }

    #[test]
    fn a_blob_can_be_put_read_and_deleted_again_and_again() {
        let place = LocalPlace::open(&folder("put")).unwrap();
        assert_eq!(place.size(KEY).unwrap(), None);
        for bytes in [b"heron".as_slice(), b"other"] {
            // The second one is the same content as far as the place knows.
            place.put_bytes(KEY, bytes).unwrap();
            assert_eq!(place.read_range(KEY, 1..3).unwrap(), b"er");
        }
        assert_eq!(place.read_range(KEY, 3..99).unwrap(), b"on");
        assert_eq!(place.size(KEY).unwrap(), Some(5));
        let thumbnail = BlobKey::Thumbnail(HASH);
        place.put_bytes(thumbnail, b"old").unwrap();
        place.put_bytes(thumbnail, b"new").unwrap();
        assert_eq!(place.read_range(thumbnail, 0..9).unwrap(), b"new");
        for _ in 0..2 {
            place.delete(KEY).unwrap();
            assert!(!place.exists(KEY).unwrap());
        }
        assert_eq!(place.open(KEY).err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(place.temp()).unwrap().count(), 0);
    }

    #[test]
    fn an_upload_is_adopted_and_leftovers_are_swept() {
        let folder = folder("adopt");
        let place = LocalPlace::open(&folder).unwrap();
        for _ in 0..2 {
            let temp = place.temp_path();
            fs::write(&temp, b"heron").unwrap();
            place.adopt(KEY, &temp).unwrap();
            assert!(!temp.exists());
        }
        let copy = BlobKey::Content(Sha256([1; 32]), FileType::PNG);
        place.put_file(copy, &place.path(KEY).unwrap()).unwrap();
        assert_eq!(place.size(copy).unwrap(), Some(5));
        let linked = BlobKey::Content(Sha256([2; 32]), FileType::PNG);
        for is_new in [true, false] {
            let temp = place.temp_path();
            fs::write(&temp, b"heron").unwrap();
            assert_eq!(place.link(linked, &temp).unwrap(), is_new);
            fs::remove_file(&temp).unwrap();
        }
        assert_eq!(place.size(linked).unwrap(), Some(5));
        let left = place.temp_path();
        fs::write(&left, b"half").unwrap();
        LocalPlace::open(&folder).unwrap();
        assert!(!left.exists());
        assert!(place.exists(KEY).unwrap());
    }
}
