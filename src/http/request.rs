//! What a service receives.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};

use super::form::decode_percent;
use super::{Body, BodyError, Headers, Method, Pairs};

/// A request with a body that is still to be read.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, percent-decoded as a whole. Split [`Request::raw_path`] instead where an encoded
    /// slash must not separate; [`super::Router`] does.
    pub path: String,
    /// The path as it came.
    pub raw_path: String,
    /// The query as it came, without `?`; see [`Request::pairs`].
    pub query: Option<String>,
    /// The header fields.
    pub headers: Headers,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Whether it came through TLS.
    pub secure: bool,
    /// The body.
    pub body: Body,
    /// The way to take the connection over; present when the client asked to upgrade.
    pub upgrade: Option<Upgrade>,
}

impl Request {
    /// A request made inside the process: from loopback, without headers or body.
    pub fn new(method: Method, target: &str) -> Request {
        let (raw_path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Request {
            method,
            path: decode_percent(raw_path),
            raw_path: raw_path.to_owned(),
            query,
            headers: Headers::new(),
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            secure: false,
            body: Body::empty(),
            upgrade: None,
        }
    }

    /// The same request with a header field more.
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.headers.append(name, value);
        self
    }

    /// The same request with this body.
    pub fn with_body(mut self, body: Body) -> Request {
        self.body = body;
        self
    }

    /// The decoded query.
    pub fn pairs(&self) -> Pairs {
        Pairs::parse(self.query.as_deref().unwrap_or_default())
    }

    /// Path and query as they came.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.raw_path),
            None => self.raw_path.clone(),
        }
    }

    /// The decoded segments of the path: `/a/b%2Fc/` has `a`, `b/c` and an empty one.
    pub fn segments(&self) -> Vec<String> {
        let path = self.raw_path.strip_prefix('/').unwrap_or(&self.raw_path);
        path.split('/').map(decode_percent).collect()
    }
}

/// The right to take over a connection after the answer 101 has been sent.
#[derive(Debug)]
pub struct Upgrade(pub(super) hyper::upgrade::OnUpgrade);

impl Upgrade {
    /// Waits until the 101 is on its way, then yields the bare connection.
    ///
    /// Await it in a task of its own: it completes only after the service has answered. The
    /// connection no longer counts against the listener, so its task watches the shutdown itself.
    pub async fn connection(self) -> Result<Duplex, BodyError> {
        let upgraded = self.0.await.map_err(|error| BodyError::Broken(error.to_string()))?;
        Ok(Box::new(hyper_util::rt::TokioIo::new(upgraded)))
    }
}

/// A connection taken over from HTTP.
pub type Duplex = Box<dyn ReadWrite>;

/// Both directions of a connection.
pub trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> ReadWrite for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart_and_decoded() {
        let request = Request::new(Method::Get, "/tag/a%2Fb/?q=x+y&q=z?");
        assert_eq!(request.path, "/tag/a/b/");
        assert_eq!(request.segments(), ["tag", "a/b", ""]);
        assert_eq!(request.pairs().first("q"), Some("x y"));
        assert_eq!(request.target(), "/tag/a%2Fb/?q=x+y&q=z?");
        assert_eq!(Request::new(Method::Get, "/").segments(), [""]);
    }
}
