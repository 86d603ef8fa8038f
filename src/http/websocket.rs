//! WebSockets (RFC 6455), the server's side: handshake, frames, limits.
//!
//! [`accept`] answers the handshake; the [`Pending`] it yields becomes a [`Socket`] in a task of its
//! own. Messages in pieces are put together, pings are answered while [`Socket::receive`] waits,
//! and whatever breaks the protocol closes the connection with the code that the RFC names.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, mpsc};

use super::{BodyError, Duplex, Method, Request, Response, Status, Upgrade};

/// What the RFC appends to the client's key.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Messages that were read but not asked for yet; beyond it nothing more is read.
const MESSAGES_WAITING: usize = 8;

/// How long a peer may take to read what is sent to it.
const WRITE_TIME: std::time::Duration = std::time::Duration::from_secs(30);

/// A message of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A handshake that was answered, waiting for the connection.
#[derive(Debug)]
pub struct Pending {
    upgrade: Upgrade,
    message_bytes: usize,
    /// The sub-protocol that was agreed on, if any.
    pub protocol: Option<&'static str>,
}

/// Answers a handshake. The first of `protocols` that the client offers is agreed on; a client that
/// offers none of them is accepted without, for the caller to decide.
///
/// An error is the answer to give: 426 to what is no handshake, 400 to a faulty one.
pub fn accept(
    request: &mut Request,
    protocols: &[&'static str],
    message_bytes: usize,
) -> Result<(Response, Pending), Response> {
    let headers = &request.headers;
    if request.method != Method::Get || !headers.has_token("upgrade", "websocket") {
        let refused = Response::text(Status::UPGRADE_REQUIRED, "a WebSocket is expected here");
        return Err(refused.with_header("Upgrade", "websocket"));
    }
    let key = headers.get("sec-websocket-key").map(str::trim).unwrap_or_default();
    let version = headers.get("sec-websocket-version").map(str::trim);
    if key.is_empty() || version != Some("13") {
        let refused = Response::text(Status::BAD_REQUEST, "the WebSocket handshake is faulty");
        return Err(refused.with_header("Sec-WebSocket-Version", "13"));
    }
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    let accepted = base64::engine::general_purpose::STANDARD.encode(digest);
    let offers = |name: &&&str| headers.has_token("sec-websocket-protocol", name);
    let protocol = protocols.iter().find(offers).copied();
    let Some(upgrade) = request.upgrade.take() else {
        return Err(Response::text(Status::BAD_REQUEST, "the connection cannot be upgraded"));
    };
    let mut response =
        Response::switching("websocket").with_header("Sec-WebSocket-Accept", accepted);
    if let Some(protocol) = protocol {
        response.headers.set("Sec-WebSocket-Protocol", protocol);
    }
    Ok((response, Pending { upgrade, message_bytes, protocol }))
}

impl Pending {
    /// Waits until the answer is on its way; await it in a task of its own.
    pub async fn socket(self) -> Result<(Receiver, Sender), BodyError> {
        let connection = self.upgrade.connection().await?;
        Ok(split(connection, self.message_bytes))
    }
}

fn split(connection: Duplex, message_bytes: usize) -> (Receiver, Sender) {
    let (reader, writer) = tokio::io::split(connection);
    let sender = Sender { writer: Arc::new(Mutex::new(Some(writer))) };
    let (forward, messages) = mpsc::channel(MESSAGES_WAITING);
    let reader = Reader { reader, sender: sender.clone(), message_bytes };
    tokio::spawn(reader.run(forward));
    (Receiver(messages), sender)
}

/// The receiving half. Dropping it closes the connection.
#[derive(Debug)]
pub struct Receiver(mpsc::Receiver<Message>);

impl Receiver {
    /// The next message; nothing once the connection is closed by either side. May be cancelled.
    pub async fn receive(&mut self) -> Option<Message> {
        self.0.recv().await
    }
}

/// The sending half; cheap to clone.
#[derive(Clone)]
pub struct Sender {
    writer: Arc<Mutex<Option<WriteHalf<Duplex>>>>,
}

/// Reads frames in a task of its own, so that waiting for a message can be cancelled.
struct Reader {
    reader: ReadHalf<Duplex>,
    sender: Sender,
    message_bytes: usize,
}

/// Why a connection is closed from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault(u16, &'static str);

const GOING: Fault = Fault(1001, "going away");
const PROTOCOL: Fault = Fault(1002, "protocol error");
const NOT_TEXT: Fault = Fault(1007, "the text is not UTF-8");
const TOO_LARGE: Fault = Fault(1009, "the message is too large");

/// One frame of a peer.
struct Frame {
    last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Reader {
    async fn run(mut self, forward: mpsc::Sender<Message>) {
        loop {
            let read = tokio::select! {
                read = self.read_message() => read,
                () = forward.closed() => Err(GOING),
            };
            let fault = match read {
                Ok(Some(message)) => match forward.send(message).await {
                    Ok(()) => continue,
                    Err(_) => GOING,
                },
                Ok(None) => Fault(1000, ""),
                Err(fault) => fault,
            };
            return self.sender.close(fault.0, fault.1).await;
        }
    }

    async fn read_message(&mut self) -> Result<Option<Message>, Fault> {
        let mut started: Option<(u8, Vec<u8>)> = None;
        loop {
            let held = started.as_ref().map_or(0, |(_, bytes)| bytes.len());
            // The end of the connection ends a message without a word.
            let Some(frame) = self.read_frame(held).await? else { return Ok(None) };
            match (frame.opcode, &mut started) {
                (PING, _) => drop(self.sender.frame(PONG, &frame.payload).await),
                (PONG, _) => {}
                (CLOSE, _) => {
                    let code =
                        frame.payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                    self.sender.close(code.unwrap_or(1000), "").await;
                    return Ok(None);
                }
                (TEXT | BINARY, None) => started = Some((frame.opcode, frame.payload)),
                (CONTINUATION, Some((_, bytes))) => bytes.extend_from_slice(&frame.payload),
                _ => return Err(PROTOCOL),
            }
            if frame.last
                && frame.opcode < CLOSE
                && let Some((opcode, bytes)) = started.take()
            {
                return match opcode {
                    TEXT => String::from_utf8(bytes).map(Message::Text).map_err(|_| NOT_TEXT),
                    _ => Ok(Message::Binary(bytes)),
                }
                .map(Some);
            }
        }
    }

    /// Reads one frame, of which the message so far leaves only the rest of the limit.
    async fn read_frame(&mut self, held: usize) -> Result<Option<Frame>, Fault> {
        let mut head = [0; 2];
        if self.reader.read_exact(&mut head).await.is_err() {
            return Ok(None);
        }
        let (last, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0f);
        let control = opcode >= CLOSE;
        // Reserved bits belong to extensions, and none is agreed on; a client always masks.
        if head[0] & 0x70 != 0 || head[1] & 0x80 == 0 || (control && !last) {
            return Err(PROTOCOL);
        }
        let length = match head[1] & 0x7f {
            126 => self.reader.read_u16().await.map(u64::from),
            127 => self.reader.read_u64().await,
            short => Ok(u64::from(short)),
        };
        let Ok(length) = length else { return Ok(None) };
        if control && length > 125 {
            return Err(PROTOCOL);
        }
        let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        if !control && length > self.message_bytes.saturating_sub(held) {
            return Err(TOO_LARGE);
        }
        let mut mask = [0; 4];
        let mut payload = vec![0; length];
        if self.reader.read_exact(&mut mask).await.is_err()
            || self.reader.read_exact(&mut payload).await.is_err()
        {
            return Ok(None);
        }
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        Ok(Some(Frame { last, opcode, payload }))
    }
}

impl Sender {
    /// Sends text, waiting while the peer is slow; an error means that the connection is over.
    pub async fn text(&self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes()).await
    }

    /// Sends bytes.
    pub async fn binary(&self, bytes: &[u8]) -> io::Result<()> {
        self.frame(BINARY, bytes).await
    }

    /// Asks the peer for a sign of life, which [`Receiver::receive`] swallows.
    pub async fn ping(&self) -> io::Result<()> {
        self.frame(PING, b"").await
    }

    /// Closes the connection with a code and a reason (cut to 123 bytes). The second time does
    /// nothing.
    pub async fn close(&self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        let cut = (0..=reason.len().min(123)).rev().find(|at| reason.is_char_boundary(*at));
        payload.extend_from_slice(&reason.as_bytes()[..cut.unwrap_or(0)]);
        // A peer that is gone already needs no farewell.
        let _ = self.frame(CLOSE, &payload).await;
        if let Some(mut writer) = self.writer.lock().await.take() {
            let _ = tokio::time::timeout(WRITE_TIME, writer.shutdown()).await;
        }
    }

    async fn frame(&self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(payload.len() + 10);
        bytes.push(0x80 | opcode);
        match payload.len() {
            length @ 0..126 => bytes.push(length as u8),
            length @ 126..65_536 => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        let mut guard = self.writer.lock().await;
        let Some(writer) = guard.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let written = tokio::time::timeout(WRITE_TIME, async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        });
        let written = written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if written.is_err() {
            // Part of a frame may be out: nothing that follows would make sense.
            *guard = None;
        }
        written
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
