//! What a service answers.

use std::io;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{ByteRange, FileSource, Headers, Status};

/// An answer. `Date` is added where it is missing; the body of an answer to HEAD is not sent but
/// still gives its `Content-Length`.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: Status,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: ResponseBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ResponseBody {
    /// None: `Content-Length: 0`.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// An open file, or a part of it; read by position in bounded pieces, no lock held.
    File {
        /// The file.
        source: FileSource,
        /// Which part; all of it if none.
        range: Option<ByteRange>,
    },
    /// Pieces as they are made; see [`ResponseBody::channel`].
    Stream(BodyReceiver),
}

impl ResponseBody {
    /// A body whose pieces come through the sender, with up to `depth` waiting. It is sent chunked
    /// unless the answer has a `Content-Length`.
    pub fn channel(depth: usize) -> (BodySender, ResponseBody) {
        let (sender, receiver) = mpsc::channel(depth.max(1));
        (BodySender(sender), ResponseBody::Stream(BodyReceiver(receiver)))
    }

    /// The size where it is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            ResponseBody::Empty => Some(0),
            ResponseBody::Bytes(bytes) => Some(bytes.len() as u64),
            ResponseBody::File { source, range } => {
                Some(range.map_or(source.size(), |range| range.len()))
            }
            ResponseBody::Stream(_) => None,
        }
    }
}

/// The receiving end of a streamed body.
#[derive(Debug)]
pub struct BodyReceiver(pub(super) mpsc::Receiver<io::Result<Bytes>>);

/// The sending end of a streamed body. Dropping it ends the body properly.
#[derive(Clone, Debug)]
pub struct BodySender(mpsc::Sender<io::Result<Bytes>>);

/// The client is gone: there is nobody to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client went away")]
pub struct Gone;

impl BodySender {
    /// Sends a piece, waiting while the client is slow.
    pub async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        self.0.send(Ok(piece.into())).await.map_err(|_| Gone)
    }

    /// The same from a thread that may block. Must not be called on an async thread.
    pub fn send_blocking(&self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        self.0.blocking_send(Ok(piece.into())).map_err(|_| Gone)
    }

    /// Ends the body improperly, so that the client can tell it is not whole.
    pub async fn fail(self, error: io::Error) {
        let _ = self.0.send(Err(error)).await;
    }

    /// The same from a thread that may block.
    pub fn fail_blocking(self, error: io::Error) {
        let _ = self.0.blocking_send(Err(error));
    }

    /// Whether the client is gone.
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    /// Completes when the client is gone.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Response {
    /// An answer without content.
    pub fn new(status: Status) -> Response {
        Response { status, headers: Headers::new(), body: ResponseBody::Empty }
    }

    /// 200 with bytes of this type.
    pub fn bytes(content_type: &str, bytes: impl Into<Bytes>) -> Response {
        let mut response = Response::new(Status::OK).with_header("Content-Type", content_type);
        response.body = ResponseBody::Bytes(bytes.into());
        response
    }

    /// 200 with JSON that is already written.
    pub fn json(bytes: impl Into<Bytes>) -> Response {
        Response::bytes("application/json", bytes)
    }

    /// 200 with an HTML page.
    pub fn html(page: impl Into<Bytes>) -> Response {
        Response::bytes("text/html; charset=utf-8", page)
    }

    /// A status with a line of plain text.
    pub fn text(status: Status, text: impl Into<Bytes>) -> Response {
        Response::bytes("text/plain; charset=utf-8", text).with_status(status)
    }

    /// 302 to another place.
    pub fn redirect(location: &str) -> Response {
        Response::new(Status::FOUND).with_header("Location", location)
    }

    /// 101: the connection now speaks another protocol; see [`super::Upgrade`].
    pub fn switching(protocol: &str) -> Response {
        Response::new(Status::SWITCHING_PROTOCOLS)
            .with_header("Connection", "Upgrade")
            .with_header("Upgrade", protocol)
    }

    /// 200 with pieces as they are made.
    pub fn stream(content_type: &str, depth: usize) -> (BodySender, Response) {
        let (sender, body) = ResponseBody::channel(depth);
        let response = Response::new(Status::OK).with_header("Content-Type", content_type);
        (sender, response.with_body(body))
    }

    /// The same answer with another status.
    pub fn with_status(mut self, status: Status) -> Response {
        self.status = status;
        self
    }

    /// The same answer with this header field, replacing others of the name.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.set(name, value);
        self
    }

    /// The same answer with this body.
    pub fn with_body(mut self, body: ResponseBody) -> Response {
        self.body = body;
        self
    }

    /// Reads the body into memory, for tests and for answers used inside the process.
    pub async fn into_bytes(self) -> io::Result<Bytes> {
        use http_body_util::BodyExt;
        Ok(super::wire::OutBody::new(self.body).collect().await?.to_bytes())
    }
}
