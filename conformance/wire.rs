//! The plainest HTTP/1.1 client: one connection per exchange, and nothing normalised, so that what
//! a case says is what goes over the wire.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// No answer of a test server is larger.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    /// `None` sends no `Content-Length`; an empty body sends `Content-Length: 0`.
    pub(crate) body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower-case names in order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The values of a header joined by commas, as if it had been sent once.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The content type without parameters, in lower case; empty when there is none.
    pub(crate) fn media_type(&self) -> String {
        let header = self.header("content-type").unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as JSON when its type says JSON or CBOR; an error when it then is neither.
    pub(crate) fn decoded(&self) -> Result<Option<Value>, String> {
        let kind = self.media_type();
        if kind.contains("json") {
            serde_json::from_slice(&self.body)
                .map(Some)
                .map_err(|error| format!("body is not JSON: {error}"))
        } else if kind.contains("cbor") {
            let value: ciborium::Value = ciborium::from_reader(self.body.as_slice())
                .map_err(|error| format!("body is not CBOR: {error}"))?;
            Ok(Some(from_cbor(value)))
        } else {
            Ok(None)
        }
    }
}

/// Sends one request to `host:port` and reads the whole answer.
pub(crate) fn send(address: &str, request: &Request, timeout: Duration) -> Result<Answer, String> {
    let fail = |error: std::io::Error| format!("{} {}: {error}", request.method, address);
    let place = address.to_socket_addrs().map_err(fail)?.next().ok_or("no such address")?;
    let mut stream = TcpStream::connect_timeout(&place, timeout).map_err(fail)?;
    stream.set_read_timeout(Some(timeout)).map_err(fail)?;
    stream.set_write_timeout(Some(timeout)).map_err(fail)?;
    stream.set_nodelay(true).map_err(fail)?;
    let mut bytes = head(address, request);
    bytes.extend_from_slice(request.body.as_deref().unwrap_or_default());
    // A server may refuse and close before it has read everything; its answer still counts.
    let written = stream.write_all(&bytes);
    let mut reader = Reader { stream, buffer: Vec::new() };
    match (reader.answer(request.method == "HEAD"), written) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Err(error)) => Err(fail(error)),
        (Err(error), Ok(())) => Err(error),
    }
}

fn head(address: &str, request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    let mut add = |name: &str, value: &str| {
        if !request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    };
    add("Host", address);
    add("Accept-Encoding", "identity");
    if let Some(body) = &request.body {
        add("Content-Length", &body.len().to_string());
    }
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.into_bytes()
}

struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Reader {
    fn answer(&mut self, head_only: bool) -> Result<Answer, String> {
        loop {
            let (status, headers) = self.answer_head()?;
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let mut answer = Answer { status, headers, body: Vec::new() };
            if head_only || matches!(status, 101 | 204 | 304) {
                return Ok(answer);
            }
            let chunked = answer.header("transfer-encoding").is_some_and(|v| v.contains("chunked"));
            answer.body = if chunked {
                self.chunks()?
            } else if let Some(length) = answer.header("content-length") {
                let length =
                    length.parse().map_err(|_| "content-length is no number".to_owned())?;
                self.take(length)?
            } else {
                self.rest()?
            };
            return Ok(answer);
        }
    }

    fn answer_head(&mut self) -> Result<(u16, Vec<(String, String)>), String> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| format!("not an answer: {first:?}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| "a chunk without a size")?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            self.line()?;
        }
    }

    fn fill(&mut self) -> Result<usize, String> {
        let mut piece = [0; 16 << 10];
        let count = self.stream.read(&mut piece).map_err(|error| format!("no answer: {error}"))?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.fill()? == 0 {
                return Err("the connection closed before an answer".to_owned());
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < length {
            if self.fill()? == 0 {
                return Err(format!("the body ended {} bytes early", length - self.buffer.len()));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn rest(&mut self) -> Result<Vec<u8>, String> {
        let mut body = std::mem::take(&mut self.buffer);
        let rest = (&mut self.stream).take(ANSWER_BYTES_MAX).read_to_end(&mut body);
        rest.map(|_| body).map_err(|error| format!("the body broke off: {error}"))
    }
}

/// JSON as CBOR bytes.
pub(crate) fn to_cbor(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes every byte");
    bytes
}

/// CBOR as JSON. What JSON cannot say becomes a text that no expectation equals.
fn from_cbor(value: ciborium::Value) -> Value {
    use ciborium::Value as Cbor;
    match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Integer(number) => {
            let number = i128::from(number);
            let signed = i64::try_from(number).map(Value::from);
            signed
                .or_else(|_| u64::try_from(number).map(Value::from))
                .unwrap_or_else(|_| Value::String(format!("cbor integer {number}")))
        }
        Cbor::Float(number) => serde_json::Number::from_f64(number)
            .map_or_else(|| Value::String(format!("cbor float {number}")), Value::Number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(format!("cbor bytes {bytes:02x?}")),
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect()),
        Cbor::Map(pairs) => {
            let pair = |(key, value)| match from_cbor(key) {
                Value::String(key) => (key, from_cbor(value)),
                key => (format!("cbor key {key}"), from_cbor(value)),
            };
            Value::Object(pairs.into_iter().map(pair).collect())
        }
        other => Value::String(format!("cbor {other:?}")),
    }
}
