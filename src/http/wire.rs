//! Between hyper's types and ours.

use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use tokio::task::JoinHandle;

use super::body::{Body, BodyError};
use super::response::BodyReceiver;
use super::{Method, Response, ResponseBody};

/// Files are read in pieces of this size, each on a blocking thread.
const PIECE_BYTES: u64 = 256 * 1024;

/// A body as hyper sends it.
pub(super) enum OutBody {
    Empty,
    Bytes(Bytes),
    File(FileReader),
    Stream(BodyReceiver),
}

/// Reads a range of a file by position, one piece at a time.
pub(super) struct FileReader {
    file: Arc<std::fs::File>,
    at: u64,
    end: u64,
    pending: Option<JoinHandle<io::Result<Bytes>>>,
}

impl OutBody {
    pub(super) fn new(body: ResponseBody) -> OutBody {
        match body {
            ResponseBody::Empty => OutBody::Empty,
            ResponseBody::Bytes(bytes) => OutBody::Bytes(bytes),
            ResponseBody::File { source, range } => {
                let (at, end) =
                    range.map_or((0, source.size()), |range| (range.start, range.last + 1));
                OutBody::File(FileReader { file: source.handle(), at, end, pending: None })
            }
            ResponseBody::Stream(receiver) => OutBody::Stream(receiver),
        }
    }
}

impl FileReader {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.at >= self.end {
            return Poll::Ready(None);
        }
        let (at, end) = (self.at, self.end);
        let file = &self.file;
        let pending = self.pending.get_or_insert_with(|| {
            let file = Arc::clone(file);
            tokio::task::spawn_blocking(move || read_piece(&file, at, end))
        });
        let read = ready!(Pin::new(pending).poll(context));
        self.pending = None;
        let piece = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        match &piece {
            Ok(bytes) => self.at += bytes.len() as u64,
            Err(error) => {
                tracing::warn!(%error, "a file could not be sent whole");
                self.at = self.end;
            }
        }
        Poll::Ready(Some(piece))
    }
}

fn read_piece(file: &std::fs::File, at: u64, end: u64) -> io::Result<Bytes> {
    let length = usize::try_from((end - at).min(PIECE_BYTES)).unwrap_or(0);
    let mut piece = vec![0; length];
    let read = loop {
        match file.read_at(&mut piece, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if read == 0 {
        // The size has been promised already; only breaking off can tell the client.
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
    }
    piece.truncate(read);
    Ok(Bytes::from(piece))
}

impl hyper::body::Body for OutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match self.get_mut() {
            OutBody::Empty => None,
            OutBody::Bytes(bytes) if bytes.is_empty() => None,
            OutBody::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            OutBody::File(reader) => ready!(reader.poll_piece(context)),
            OutBody::Stream(receiver) => ready!(receiver.0.poll_recv(context)),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutBody::Empty => true,
            OutBody::Bytes(bytes) => bytes.is_empty(),
            OutBody::File(reader) => reader.at >= reader.end,
            OutBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutBody::Empty => SizeHint::with_exact(0),
            OutBody::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            OutBody::File(reader) => SizeHint::with_exact(reader.end.saturating_sub(reader.at)),
            OutBody::Stream(_) => SizeHint::default(),
        }
    }
}

/// Puts an answer on the wire's types. A header that may not be sent is left out and logged.
pub(super) fn to_hyper(response: Response, method: Method) -> hyper::Response<OutBody> {
    let size = response.body.size();
    let mut wire = hyper::Response::new(OutBody::Empty);
    *wire.status_mut() =
        hyper::StatusCode::from_u16(response.status.0).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
    for (name, value) in response.headers.iter_bytes() {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value));
        match pair {
            (Ok(name), Ok(value)) => {
                wire.headers_mut().append(name, value);
            }
            _ => tracing::warn!(header = name, "a header field could not be sent"),
        }
    }
    let bodiless = response.status.0 < 200 || matches!(response.status.0, 204 | 304);
    if bodiless {
        return wire;
    }
    if let Some(size) = size {
        wire.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    if method != Method::Head {
        *wire.body_mut() = OutBody::new(response.body);
    }
    wire
}

/// A request body in the shape that multer reads.
pub(super) struct InBody(pub(super) Body);

impl hyper::body::Body for InBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_chunk(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
