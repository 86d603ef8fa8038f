//! Request bodies: read by the handler, always under a limit, to memory or to a file.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hyper::body::Body as _;
use tokio::io::AsyncWriteExt;

use super::Status;

/// Uploads are written to disk in pieces of at least this size.
const WRITE_BYTES: usize = 256 * 1024;

/// Memory set aside at once on the word of a `Content-Length`.
const TRUSTED_BYTES: u64 = 1024 * 1024;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit that was given.
        limit: u64,
    },
    /// The connection or the framing broke.
    #[error("the body ended early: {0}")]
    Broken(String),
    /// It could not be written to disk.
    #[error("the body could not be stored: {0}")]
    Disk(#[from] io::Error),
}

impl BodyError {
    /// The status of the refusal: 413, 400, or 507 for a full disk and 500 for other failures of it.
    pub fn status(&self) -> Status {
        match self {
            BodyError::TooLarge { .. } => Status::CONTENT_TOO_LARGE,
            BodyError::Broken(_) => Status::BAD_REQUEST,
            BodyError::Disk(error) if error.kind() == io::ErrorKind::StorageFull => {
                Status::INSUFFICIENT_STORAGE
            }
            BodyError::Disk(_) => Status::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The body of a request. Nothing is read from the connection before the handler asks.
#[derive(Debug)]
pub struct Body {
    source: Source,
    progress: Option<Progress>,
}

#[derive(Debug)]
enum Source {
    Memory(Bytes),
    Connection(hyper::body::Incoming),
}

/// When the last piece of a body came, shared with the clock that ends slow requests.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    began: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { began: Instant::now(), last_ms: Arc::new(AtomicU64::new(0)) }
    }

    pub(super) fn last(&self) -> Instant {
        self.began + std::time::Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    fn touch(&self) {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(elapsed_ms, Ordering::Relaxed);
    }
}

impl Body {
    /// A body without content.
    pub fn empty() -> Body {
        Body::from_bytes(Bytes::new())
    }

    /// A body held in memory, for tests and for requests made inside the process.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Body {
        Body { source: Source::Memory(bytes.into()), progress: None }
    }

    pub(super) fn from_connection(incoming: hyper::body::Incoming, progress: Progress) -> Body {
        Body { source: Source::Connection(incoming), progress: Some(progress) }
    }

    /// The size where it is known beforehand (`Content-Length`).
    pub fn size(&self) -> Option<u64> {
        match &self.source {
            Source::Memory(bytes) => Some(bytes.len() as u64),
            Source::Connection(incoming) => incoming.size_hint().exact(),
        }
    }

    /// Whether there is certainly nothing (more) to read.
    pub fn is_empty(&self) -> bool {
        match &self.source {
            Source::Memory(bytes) => bytes.is_empty(),
            Source::Connection(incoming) => incoming.is_end_stream(),
        }
    }

    /// The next piece; nothing at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await.transpose()
    }

    pub(super) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let incoming = match &mut self.source {
            Source::Memory(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Source::Memory(bytes) => return Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Source::Connection(incoming) => incoming,
        };
        loop {
            let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(context) else {
                return Poll::Pending;
            };
            if let Some(progress) = &self.progress {
                progress.touch();
            }
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(BodyError::Broken(error.to_string()))));
                }
                Some(Ok(frame)) => {
                    // Trailers are of no use to anyone here.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }

    /// The whole body in memory, refused as soon as it is known to exceed the limit.
    pub async fn bytes(mut self, limit: u64) -> Result<Bytes, BodyError> {
        let size = self.size().unwrap_or(0);
        if size > limit {
            return Err(BodyError::TooLarge { limit });
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        if first.len() as u64 == size {
            return Ok(first);
        }
        let expected = size.clamp(first.len() as u64, TRUSTED_BYTES.max(first.len() as u64));
        let mut whole = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
        let mut next = Some(first);
        while let Some(piece) = next {
            if (whole.len() + piece.len()) as u64 > limit {
                return Err(BodyError::TooLarge { limit });
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    /// Streams the body into a new file in `folder`, of which only the owner may read.
    ///
    /// The file disappears with the [`TempFile`] unless it is kept; so it does on any error.
    pub async fn to_file(mut self, folder: &Path, limit: u64) -> Result<TempFile, BodyError> {
        if self.size().is_some_and(|size| size > limit) {
            return Err(BodyError::TooLarge { limit });
        }
        let mut writer = FileWriter::create(folder, limit).await?;
        while let Some(piece) = self.chunk().await? {
            writer.write(piece).await?;
        }
        writer.finish().await
    }
}

/// Collects pieces into a temporary file under a limit.
pub(super) struct FileWriter {
    file: tokio::fs::File,
    temp: TempFile,
    pending: BytesMut,
    limit: u64,
}

impl FileWriter {
    pub(super) async fn create(folder: &Path, limit: u64) -> Result<FileWriter, BodyError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = folder.join(format!("upload-{:032x}.part", u128::from_be_bytes(random)));
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path).await?;
        let temp = TempFile { path: Some(path), size: 0 };
        Ok(FileWriter { file, temp, pending: BytesMut::new(), limit })
    }

    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), BodyError> {
        self.temp.size += piece.len() as u64;
        if self.temp.size > self.limit {
            return Err(BodyError::TooLarge { limit: self.limit });
        }
        self.pending.extend_from_slice(&piece);
        if self.pending.len() >= WRITE_BYTES {
            self.file.write_all(&self.pending).await?;
            self.pending.clear();
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<TempFile, BodyError> {
        self.file.write_all(&self.pending).await?;
        self.file.flush().await?;
        Ok(self.temp)
    }
}

/// A file that is removed when this goes, unless it was kept.
#[derive(Debug)]
pub struct TempFile {
    path: Option<PathBuf>,
    size: u64,
}

impl TempFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Keeps the file: from now on it belongs to the caller.
    pub fn keep(mut self) -> PathBuf {
        self.path.take().unwrap_or_default()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a temporary upload could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read() {
        assert_eq!(Body::from_bytes("heron").bytes(5).await.unwrap(), "heron");
        assert_eq!(Body::empty().bytes(0).await.unwrap(), "");
        let refused = Body::from_bytes("heron").bytes(4).await.unwrap_err();
        assert!(matches!(refused, BodyError::TooLarge { limit: 4 }));
        assert_eq!(refused.status(), Status::CONTENT_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_file_goes_with_its_owner_unless_kept() {
        let folder = std::env::temp_dir();
        let file = Body::from_bytes("heron").to_file(&folder, 5).await.unwrap();
        let path = file.path().to_owned();
        assert_eq!(file.size(), 5);
        assert_eq!(std::fs::read(&path).unwrap(), b"heron");
        drop(file);
        assert!(!path.exists());

        let kept = Body::from_bytes("heron").to_file(&folder, 5).await.unwrap().keep();
        assert!(kept.exists());
        std::fs::remove_file(kept).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_grows_too_large_is_removed() {
        let folder = std::env::temp_dir().join(format!("diptych-body-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut writer = FileWriter::create(&folder, 5).await.unwrap();
        writer.write(Bytes::from_static(b"her")).await.unwrap();
        assert!(writer.write(Bytes::from_static(b"ons")).await.is_err());
        drop(writer);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(folder).unwrap();
    }
}
