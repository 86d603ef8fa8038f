//! Request lines of megabytes: hyper takes at most 64 KiB, the Hydrus document promises 2 MiB.
//!
//! [`LongTarget`] stands between the socket and hyper. It reads each head; a target that is too
//! long for hyper moves into a private header field, and hyper sees `/` instead. [`take_target`]
//! moves it back. The name of the field is random per process, so that no client can send it.
//!
//! Framing stays hyper's business: the adapter follows only bodies with a plain `Content-Length`,
//! and on anything else (chunked, an upgrade, a head it cannot read) it becomes a transparent pipe
//! for the rest of the connection. What it hands on is, but for the moved target and empty lines
//! before a request, byte for byte what came.
//!
//! A request line or head beyond its limit is replaced by a marked request, answered 414 or 431.

use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use hyper::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Targets up to this length are left to hyper (its own limit is 65,534 bytes).
const SHORT_TARGET_BYTES: usize = 60_000;

/// How much is read from the socket at once while a head is incomplete.
const READ_BYTES: usize = 16 * 1024;

/// What is swallowed of a head that is too large before it is refused all the same. A client that
/// is still sending would otherwise see a reset instead of the answer.
const SWALLOWED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Of the first line, in bytes.
    pub line_bytes: usize,
    /// Of the header fields together, in bytes.
    pub fields_bytes: usize,
    /// Of the number of header fields.
    pub fields: usize,
}

/// Why a head was refused before hyper saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request line is too long: 414.
    Line,
    /// The header fields are too large or too many: 431.
    Fields,
}

/// What the private field of a request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The target that was moved away.
    Target(Vec<u8>),
    /// The head was refused.
    Refused(Refusal),
}

/// The name of the private field.
fn private_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let mut random = [0; 24];
        // Without randomness the name would be guessable, and a guessed name is believed.
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("x-{hex}")
    })
}

/// Takes the private field out of a request that came through a [`LongTarget`].
pub(super) fn take_target(headers: &mut HeaderMap) -> Option<Moved> {
    let value = headers.remove(private_name())?;
    Some(match value.as_bytes() {
        b"!414" => Moved::Refused(Refusal::Line),
        b"!431" => Moved::Refused(Refusal::Fields),
        target => Moved::Target(target.to_vec()),
    })
}

/// The adapter around one connection.
#[derive(Debug)]
pub struct LongTarget<T> {
    inner: T,
    limits: HeadLimits,
    state: State,
    /// What came and is not handed on yet; the part before `out` is gone already.
    buffer: Vec<u8>,
    out: usize,
    /// How far the head in `buffer` has been searched.
    scan: Scan,
    /// Whether `buffer` holds bytes that were not looked at since they came.
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between requests or within a head.
    Head,
    /// So many bytes of a head and its body are still to be handed on.
    Pass(u64),
    /// Everything is handed on as it is.
    Transparent,
    /// The head is refused; so many bytes were swallowed looking for its end.
    Swallow(Refusal, usize),
    /// The buffer holds the request that stands for a refused head; nothing more is read.
    Closed,
}

impl<T> LongTarget<T> {
    /// Wraps a fresh connection.
    pub fn new(inner: T, limits: HeadLimits) -> LongTarget<T> {
        LongTarget {
            inner,
            limits,
            state: State::Head,
            buffer: Vec::new(),
            out: 0,
            scan: Scan::default(),
            fresh: false,
        }
    }

    /// Hands buffered bytes on, as far as the state allows; false when there are none.
    fn give(&mut self, target: &mut ReadBuf<'_>) -> bool {
        let allowed = match self.state {
            State::Pass(left) => usize::try_from(left).unwrap_or(usize::MAX),
            State::Transparent | State::Closed => usize::MAX,
            State::Head | State::Swallow(..) => 0,
        };
        let waiting = &self.buffer[self.out..];
        let length = waiting.len().min(allowed).min(target.remaining());
        if length == 0 {
            return false;
        }
        target.put_slice(&waiting[..length]);
        self.out += length;
        self.passed(length);
        if self.out == self.buffer.len() {
            self.buffer = Vec::new();
            self.out = 0;
        }
        true
    }

    /// Counts bytes that were handed on; after the last of a request the next head begins.
    fn passed(&mut self, length: usize) {
        let State::Pass(left) = &mut self.state else { return };
        *left -= length as u64;
        if *left == 0 {
            self.buffer.drain(..self.out);
            self.out = 0;
            self.scan = Scan::default();
            self.fresh = !self.buffer.is_empty();
            self.state = State::Head;
        }
    }

    /// Looks whether the buffer holds a whole head, and if so prepares it to be handed on.
    fn examine(&mut self) {
        self.fresh = false;
        // Hyper skips empty lines before a request as well.
        let blank = empty_lines(&self.buffer);
        if blank > 0 {
            self.buffer.drain(..blank);
            self.scan = Scan::default();
        }
        let end = self.scan.head_end(&self.buffer);
        if let Some(refusal) = self.too_large(end.unwrap_or(self.buffer.len())) {
            self.state = State::Swallow(refusal, 0);
            self.fresh = true;
            return;
        }
        let Some(end) = end else { return };
        let head = match read_head(&self.buffer[..end], self.limits.fields) {
            Ok(head) => head,
            Err(Some(refusal)) => {
                self.state = State::Swallow(refusal, 0);
                self.fresh = true;
                return;
            }
            Err(None) => {
                self.state = State::Transparent;
                return;
            }
        };
        let length = head.moved.as_ref().map_or(end, Vec::len);
        if let Some(moved) = head.moved {
            self.buffer.splice(..end, moved);
        }
        self.state = match head.body {
            Some(body) => State::Pass((length as u64).saturating_add(body)),
            None => State::Transparent,
        };
    }

    /// Checks the limits against the first `end` bytes of the buffer, which are all head.
    fn too_large(&self, end: usize) -> Option<Refusal> {
        let HeadLimits { line_bytes, fields_bytes, .. } = self.limits;
        let Some(newline) = self.scan.line_end else {
            // One byte more may be the carriage return.
            return (end > line_bytes.saturating_add(1)).then_some(Refusal::Line);
        };
        let line = match newline.checked_sub(1) {
            Some(before) if self.buffer[before] == b'\r' => before,
            Some(_) | None => newline,
        };
        if line > line_bytes {
            return Some(Refusal::Line);
        }
        // The blank line at the end is none of the fields.
        (end - newline - 1 > fields_bytes.saturating_add(2)).then_some(Refusal::Fields)
    }

    /// Drops what came of a refused head; once it is complete, a marked request takes its place.
    fn swallow(&mut self, refusal: Refusal, swallowed: usize, ended: bool) {
        self.fresh = false;
        let complete = Scan::default().head_end(&self.buffer).is_some();
        // The last three bytes may begin the end of the head.
        let dropped = self.buffer.len().saturating_sub(3);
        let swallowed = swallowed + dropped;
        if !complete && !ended && swallowed < SWALLOWED_BYTES_MAX {
            self.buffer.drain(..dropped);
            self.state = State::Swallow(refusal, swallowed);
            return;
        }
        let code = match refusal {
            Refusal::Line => "!414",
            Refusal::Fields => "!431",
        };
        let name = private_name();
        self.buffer =
            format!("GET / HTTP/1.1\r\nconnection: close\r\n{name}: {code}\r\n\r\n").into_bytes();
        self.state = State::Closed;
    }
}

/// How many bytes of empty lines the buffer begins with.
fn empty_lines(buffer: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &buffer[at..] {
            [b'\n', ..] => at += 1,
            [b'\r', b'\n', ..] => at += 2,
            _ => return at,
        }
    }
}

/// What a head says about itself.
struct Head {
    /// The head to hand on in its place, if the target had to be moved.
    moved: Option<Vec<u8>>,
    /// The length of the body; none if it cannot be followed.
    body: Option<u64>,
}

/// A search for the end of a head that never looks at a byte twice.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    line_end: Option<usize>,
}

impl Scan {
    /// The end of the first blank line. Between calls the buffer may only grow.
    fn head_end(&mut self, buffer: &[u8]) -> Option<usize> {
        while let Some(offset) = buffer[self.at..].iter().position(|byte| *byte == b'\n') {
            let newline = self.at + offset;
            self.line_end.get_or_insert(newline);
            match &buffer[newline + 1..] {
                [b'\n', ..] => return Some(newline + 2),
                [b'\r', b'\n', ..] => return Some(newline + 3),
                // This line end has to be looked at again when more has come.
                [] | [b'\r'] => {
                    self.at = newline;
                    return None;
                }
                _ => self.at = newline + 1,
            }
        }
        self.at = buffer.len();
        None
    }
}

/// Reads a whole head. The error is the refusal it deserves, or none where hyper shall decide.
fn read_head(bytes: &[u8], fields_max: usize) -> Result<Head, Option<Refusal>> {
    let mut fields = vec![httparse::EMPTY_HEADER; fields_max];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Some(Refusal::Fields)),
        Ok(_) | Err(_) => return Err(None),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(None);
    };
    let body = body_length(method, request.headers);
    if target.len() <= SHORT_TARGET_BYTES {
        return Ok(Head { moved: None, body });
    }
    let after = target.as_ptr() as usize - bytes.as_ptr() as usize + target.len();
    let line_end = bytes[after..].iter().position(|byte| *byte == b'\n').ok_or(None)?;
    let (version, rest) = bytes[after..].split_at(line_end + 1);
    let mut moved = Vec::with_capacity(bytes.len() + 128);
    moved.extend_from_slice(method.as_bytes());
    moved.extend_from_slice(b" /");
    moved.extend_from_slice(version);
    moved.extend_from_slice(private_name().as_bytes());
    moved.extend_from_slice(b": ");
    moved.extend_from_slice(target.as_bytes());
    moved.extend_from_slice(b"\r\n");
    moved.extend_from_slice(rest);
    Ok(Head { moved: Some(moved), body })
}

/// The length of a body that can be followed: at most one `Content-Length` of plain digits, and
/// nothing that changes the framing.
fn body_length(method: &str, fields: &[httparse::Header<'_>]) -> Option<u64> {
    if method == "CONNECT" {
        return None;
    }
    let mut length = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding")
            || field.name.eq_ignore_ascii_case("upgrade")
        {
            return None;
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let plain = !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit);
            if length.is_some() || !plain {
                return None;
            }
            length = Some(std::str::from_utf8(field.value).ok()?.parse().ok()?);
        }
    }
    Some(length.unwrap_or(0))
}

impl<T: AsyncRead + Unpin> LongTarget<T> {
    /// Reads more of a head; says whether the connection ended.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let old = self.buffer.len();
        self.buffer.resize(old + READ_BYTES, 0);
        let mut part = ReadBuf::new(&mut self.buffer[old..]);
        let polled = Pin::new(&mut self.inner).poll_read(context, &mut part);
        let read = part.filled().len();
        self.buffer.truncate(old + read);
        ready!(polled)?;
        self.fresh = read > 0;
        Poll::Ready(Ok(read == 0))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for LongTarget<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if target.remaining() == 0 || this.give(target) {
                return Poll::Ready(Ok(()));
            }
            match this.state {
                State::Head if this.fresh => this.examine(),
                State::Head => {
                    if ready!(this.poll_more(context))? {
                        // Hyper knows what to make of an end in the middle of a head.
                        this.state = State::Transparent;
                    }
                }
                State::Swallow(refusal, count) if this.fresh => this.swallow(refusal, count, false),
                State::Swallow(refusal, count) => {
                    if ready!(this.poll_more(context))? {
                        this.swallow(refusal, count, true);
                    }
                }
                State::Pass(left) => {
                    let room = usize::try_from(left).unwrap_or(usize::MAX).min(target.remaining());
                    let mut part = ReadBuf::new(target.initialize_unfilled_to(room));
                    ready!(Pin::new(&mut this.inner).poll_read(context, &mut part))?;
                    let read = part.filled().len();
                    target.advance(read);
                    this.passed(read);
                    return Poll::Ready(Ok(()));
                }
                State::Transparent => return Pin::new(&mut this.inner).poll_read(context, target),
                // Not the end: hyper would drop the answer of a client that seems gone. The marked
                // request asks for the connection to be closed after it.
                State::Closed => return Poll::Pending,
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LongTarget<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
#[path = "long_target_tests.rs"]
mod tests;
