//! Files as answers: opened once, read by position, with ranges and conditions.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{ByteRange, RangeError, Request, Response, ResponseBody, Status, conditional, range};

/// An open regular file with its size and modification time as of opening.
///
/// It can be renamed or deleted meanwhile: what was opened is sent.
#[derive(Clone, Debug)]
pub struct FileSource {
    file: Arc<File>,
    size: u64,
    modified_ms: Option<i64>,
}

impl FileSource {
    /// Opens a file; blocks. Anything but a regular file is `NotFound`.
    pub fn open(path: &Path) -> io::Result<FileSource> {
        // Asked before opening: opening a pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "not a regular file"));
        }
        FileSource::from_file(File::open(path)?)
    }

    /// Takes a file that is already open.
    pub fn from_file(file: File) -> io::Result<FileSource> {
        let metadata = file.metadata()?;
        let modified_ms = metadata.modified().ok().and_then(|time| {
            let since_epoch = time.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(since_epoch.as_millis()).ok()
        });
        Ok(FileSource { file: Arc::new(file), size: metadata.len(), modified_ms })
    }

    /// The same as [`FileSource::open`], off the async threads.
    pub async fn open_async(path: &Path) -> io::Result<FileSource> {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || FileSource::open(&path))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The modification time in UTC milliseconds, where the file system knows it.
    pub fn modified_ms(&self) -> Option<i64> {
        self.modified_ms
    }

    pub(super) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// A file, or bytes in memory, with what a conditional or partial answer needs to know.
#[derive(Debug)]
pub struct FileAnswer {
    /// The content: [`ResponseBody::File`] or [`ResponseBody::Bytes`].
    pub body: ResponseBody,
    /// The media type.
    pub content_type: String,
    /// The entity tag with its quotes, if there is one.
    pub etag: Option<String>,
    /// When the content last changed; given as `Last-Modified`.
    pub modified_ms: Option<i64>,
}

impl FileAnswer {
    /// A whole file. Its modification time is not shown unless set afterwards.
    pub fn of_file(source: FileSource, content_type: &str) -> FileAnswer {
        FileAnswer::of_body(ResponseBody::File { source, range: None }, content_type)
    }

    /// Bytes in memory.
    pub fn of_bytes(bytes: impl Into<bytes::Bytes>, content_type: &str) -> FileAnswer {
        FileAnswer::of_body(ResponseBody::Bytes(bytes.into()), content_type)
    }

    fn of_body(body: ResponseBody, content_type: &str) -> FileAnswer {
        FileAnswer { body, content_type: content_type.to_owned(), etag: None, modified_ms: None }
    }

    /// Answers 200, 206 or 304 as the conditions and the range of the request ask. A range that
    /// cannot be honoured comes back as an error for the protocol to word ([`RangeError::status`]);
    /// its 416 should bear [`RangeError::content_range`] of [`FileAnswer::size`].
    pub fn answer(self, request: &Request) -> Result<Response, RangeError> {
        let headers = &request.headers;
        let etag = self.etag.as_deref();
        let mut response = Response::new(Status::OK);
        if let Some(etag) = etag {
            response.headers.set("ETag", etag);
        }
        if let Some(modified_ms) = self.modified_ms {
            response.headers.set("Last-Modified", conditional::http_date(modified_ms));
        }
        if conditional::not_modified(request.method, headers, etag, self.modified_ms) {
            return Ok(response.with_status(Status::NOT_MODIFIED));
        }
        response.headers.set("Content-Type", self.content_type.as_str());
        let size = self.size();
        let wanted = headers
            .get("range")
            .filter(|_| conditional::range_applies(headers, etag, self.modified_ms));
        let Some(wanted) = wanted else {
            return Ok(response.with_body(self.body));
        };
        let wanted = range::parse(wanted, size)?;
        response.headers.set("Content-Range", wanted.content_range(size));
        response.headers.set("Accept-Ranges", "bytes");
        Ok(response.with_status(Status::PARTIAL_CONTENT).with_body(cut(self.body, wanted)))
    }

    /// The size of the whole content.
    pub fn size(&self) -> u64 {
        self.body.size().unwrap_or(0)
    }
}

/// The part of a whole body that a range names; the range lies within it.
fn cut(body: ResponseBody, range: ByteRange) -> ResponseBody {
    match body {
        ResponseBody::File { source, .. } => ResponseBody::File { source, range: Some(range) },
        ResponseBody::Bytes(bytes) => {
            let index = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
            ResponseBody::Bytes(bytes.slice(index(range.start)..index(range.last + 1)))
        }
        ResponseBody::Empty | ResponseBody::Stream(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn answer(pairs: &[(&str, &str)]) -> Result<Response, RangeError> {
        let mut request = Request::new(Method::Get, "/");
        for (name, value) in pairs {
            request.headers.append(*name, *value);
        }
        let mut answer = FileAnswer::of_bytes("0123456789", "text/plain");
        answer.etag = Some(String::from("\"abc\""));
        answer.modified_ms = Some(784_111_777_000);
        answer.answer(&request)
    }

    #[tokio::test]
    async fn the_whole_is_sent_without_accept_ranges() {
        let response = answer(&[]).unwrap();
        assert_eq!(response.status, Status::OK);
        assert_eq!(response.headers.get("etag"), Some("\"abc\""));
        assert_eq!(response.headers.get("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(!response.headers.contains("accept-ranges"));
        assert_eq!(response.into_bytes().await.unwrap(), "0123456789");
    }

    #[tokio::test]
    async fn a_part_is_sent_with_its_place() {
        let response = answer(&[("Range", "bytes=-3")]).unwrap();
        assert_eq!(response.status, Status::PARTIAL_CONTENT);
        assert_eq!(response.headers.get("content-range"), Some("bytes 7-9/10"));
        assert_eq!(response.headers.get("accept-ranges"), Some("bytes"));
        assert_eq!(response.into_bytes().await.unwrap(), "789");
    }

    #[test]
    fn conditions_come_before_ranges() {
        let response = answer(&[("If-None-Match", "\"abc\""), ("Range", "bytes=50-")]).unwrap();
        assert_eq!(response.status, Status::NOT_MODIFIED);
        let response = answer(&[("If-Range", "\"old\""), ("Range", "bytes=1-2")]).unwrap();
        assert_eq!(response.status, Status::OK);
        assert_eq!(answer(&[("Range", "bytes=50-")]).unwrap_err(), RangeError::Unsatisfiable);
    }

    #[tokio::test]
    async fn a_file_larger_than_a_piece_is_sent_whole_and_in_part() {
        let path = std::env::temp_dir().join(format!("diptych-file-{}", std::process::id()));
        let content: Vec<u8> = (0..700_001u32).map(|at| at.to_le_bytes()[0]).collect();
        std::fs::write(&path, &content).unwrap();
        let source = FileSource::open_async(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(source.modified_ms().is_some());
        let whole = ResponseBody::File { source: source.clone(), range: None };
        let sent = Response::new(Status::OK).with_body(whole).into_bytes().await.unwrap();
        assert_eq!(sent, content);
        let range = Some(ByteRange { start: 262_143, last: 600_000 });
        let part = ResponseBody::File { source, range };
        assert_eq!(part.size(), Some(337_858));
        let sent = Response::new(Status::OK).with_body(part).into_bytes().await.unwrap();
        assert_eq!(sent, content[262_143..=600_000]);
    }

    #[test]
    fn a_folder_is_no_file() {
        let error = FileSource::open(&std::env::temp_dir()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
