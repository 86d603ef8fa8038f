//! Listeners: one service behind one address, with limits, TLS, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::body::Progress;
use super::form::decode_percent;
use super::long_target::{self, HeadLimits, LongTarget, Moved, Refusal};
use super::wire::{OutBody, to_hyper};
use super::{
    Body, Headers, Method, Request, Response, Shutdown, Status, TlsFiles, Upgrade, compress,
};

/// A boxed future that may borrow.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What answers the requests of a listener.
///
/// ```ignore
/// impl Service for Door {
///     fn call(&self, request: Request) -> BoxFuture<'_, Response> {
///         Box::pin(async move { self.answer(request).await })
///     }
/// }
/// ```
pub trait Service: Send + Sync + 'static {
    /// Answers one request. It runs to its end even if the client goes away; a panic in it becomes
    /// [`Failure::Panic`].
    fn call(&self, request: Request) -> BoxFuture<'_, Response>;

    /// Words an answer that the listener has to give in the service's place.
    fn failure(&self, failure: Failure) -> Response {
        let status = failure.status();
        Response::text(status, status.reason())
    }
}

/// Why a listener answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Too many requests are being answered: 503.
    Busy,
    /// The header fields are too large or too many: 431.
    HeadTooLarge,
    /// The service panicked: 500. It has been logged.
    Panic,
    /// The request line is too long: 414.
    TargetTooLong,
    /// The service took too long: 503. It has been stopped and logged.
    TimedOut,
}

impl Failure {
    /// The status of the answer.
    pub fn status(self) -> Status {
        match self {
            Failure::Busy | Failure::TimedOut => Status::SERVICE_UNAVAILABLE,
            Failure::HeadTooLarge => Status::HEADERS_TOO_LARGE,
            Failure::Panic => Status::INTERNAL_SERVER_ERROR,
            Failure::TargetTooLong => Status::URI_TOO_LONG,
        }
    }
}

/// The limits of a listener; the configuration names and explains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// First line of a request, in bytes.
    pub request_line_bytes: usize,
    /// Header fields of a request together, in bytes.
    pub head_bytes: usize,
    /// Number of header fields.
    pub headers: usize,
    /// How long a head, a TLS handshake or the wait for the next request may take.
    pub header_time: Duration,
    /// How long a request may take without a piece of its body arriving.
    pub request_time: Duration,
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// Requests being answered at once; further ones wait for `request_time`, then get 503.
    pub concurrency: usize,
    /// How long answers under way may take after the signal to stop.
    pub drain_time: Duration,
    /// JSON answers from this size on are compressed for clients that take it; 0 for none.
    pub compress_from_bytes: usize,
    /// Whether they are for clients on this machine as well, to whom bytes cost less than packing.
    pub compress_local: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_line_bytes: 2 * 1024 * 1024,
            head_bytes: 256 * 1024,
            headers: 128,
            header_time: Duration::from_secs(60),
            request_time: Duration::from_secs(300),
            connections: 1024,
            concurrency: 256,
            drain_time: Duration::from_secs(10),
            compress_from_bytes: 1024,
            compress_local: true,
        }
    }
}

/// Where and how to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The address; port 0 lets the system choose one.
    pub address: SocketAddr,
    /// Certificate and key; plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// The limits.
    pub limits: Limits,
}

impl ListenerConfig {
    /// Plain HTTP at this address with the default limits.
    pub fn plain(address: SocketAddr) -> ListenerConfig {
        ListenerConfig { address, tls: None, limits: Limits::default() }
    }
}

/// Why a listener cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("{address} is in use by another program")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system does not allow it, as for ports below 1024.
    #[error("listening on {address} is not permitted")]
    Denied {
        /// The address.
        address: SocketAddr,
    },
    /// Any other refusal of the system, as for an address of another machine.
    #[error("listening on {address} is not possible: {source}")]
    Unavailable {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or key is of no use.
    #[error("TLS file {}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A bound address, not yet serving: connections wait from now on.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsFiles>,
    acceptor: Option<Acceptor>,
    limits: Limits,
}

/// [`TlsAcceptor`] without its long debug output.
#[derive(Clone)]
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Acceptor")
    }
}

/// Binds and serves until the signal; for more control see [`Listener`].
pub async fn serve(
    config: ListenerConfig,
    service: Arc<dyn Service>,
    shutdown: Shutdown,
) -> Result<(), ListenError> {
    Listener::bind(config).await?.serve(service, shutdown).await;
    Ok(())
}

impl Listener {
    /// Takes the address and reads the TLS files.
    pub async fn bind(config: ListenerConfig) -> Result<Listener, ListenError> {
        let ListenerConfig { address, tls, limits } = config;
        let acceptor = tls.as_ref().map(TlsFiles::acceptor).transpose()?.map(Acceptor);
        let refuse = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { address },
            io::ErrorKind::PermissionDenied => ListenError::Denied { address },
            _ => ListenError::Unavailable { address, source },
        };
        let socket = TcpListener::bind(address).await.map_err(refuse)?;
        let address = socket.local_addr().map_err(refuse)?;
        Ok(Listener { socket, address, tls, acceptor, limits })
    }

    /// Where it listens, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until the signal, then finishes what is under way within the drain time.
    pub async fn serve(self, service: Arc<dyn Service>, shutdown: Shutdown) {
        let Listener { socket, acceptor, limits, .. } = self;
        let connections = Arc::new(Semaphore::new(limits.connections.max(1)));
        let drain_time = limits.drain_time;
        let door = Arc::new(Door {
            service,
            requests: Arc::new(Semaphore::new(limits.concurrency.max(1))),
            limits,
            secure: acceptor.is_some(),
        });
        let mut tasks = JoinSet::new();
        loop {
            let accept = async {
                // The permit comes first: beyond the limit connections wait in the system's queue.
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, socket.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = shutdown.wait() => break,
                accepted = accept => accepted,
                Some(_) = tasks.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = Connection {
                        door: Arc::clone(&door),
                        acceptor: acceptor.clone(),
                        peer,
                        shutdown: shutdown.clone(),
                    };
                    tasks.spawn(async move {
                        connection.run(stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Out of descriptors, or the client was gone already; both pass.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(socket);
        let drained = async { while tasks.join_next().await.is_some() {} };
        if timeout(drain_time, drained).await.is_err() {
            tracing::warn!("connections that did not finish in time are closed");
        }
        tasks.shutdown().await;
    }
}

/// What all connections of a listener share.
struct Door {
    service: Arc<dyn Service>,
    requests: Arc<Semaphore>,
    limits: Limits,
    secure: bool,
}

/// One connection on its way to hyper.
struct Connection {
    door: Arc<Door>,
    acceptor: Option<Acceptor>,
    peer: SocketAddr,
    shutdown: Shutdown,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let Some(acceptor) = self.acceptor.clone() else {
            return self.serve(stream).await;
        };
        match timeout(self.door.limits.header_time, acceptor.0.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn serve<T>(self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Connection { door, peer, shutdown, .. } = self;
        let limits = &door.limits;
        let heads = HeadLimits {
            line_bytes: limits.request_line_bytes,
            fields_bytes: limits.head_bytes,
            fields: limits.headers,
        };
        // Room for the largest head that the adapter lets pass, with its private field.
        let buffer =
            limits.request_line_bytes.saturating_add(limits.head_bytes).saturating_add(65_536);
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_buf_size(buffer)
            .max_headers(limits.headers.saturating_add(1))
            .title_case_headers(true);
        let io = TokioIo::new(LongTarget::new(stream, heads));
        let answer = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { Ok::<_, std::convert::Infallible>(door.answer(request, peer).await) }
        });
        let connection = builder.serve_connection(io, answer).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // The usual end of a connection whose client went away or timed out.
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

impl Door {
    async fn answer(
        self: Arc<Self>,
        mut wire: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> hyper::Response<OutBody> {
        let method = Method::parse(wire.method().as_str());
        let target = match long_target::take_target(wire.headers_mut()) {
            None => wire.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            Some(Moved::Target(target)) => origin_form(&target),
            Some(Moved::Refused(refusal)) => {
                let failure = match refusal {
                    Refusal::Line => Failure::TargetTooLong,
                    Refusal::Fields => Failure::HeadTooLarge,
                };
                return to_hyper(self.service.failure(failure), method);
            }
        };
        let deadline = Instant::now() + self.limits.request_time;
        let waiting = Arc::clone(&self.requests).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout_at(deadline.into(), waiting).await else {
            return to_hyper(self.service.failure(Failure::Busy), method);
        };
        let progress = Progress::new();
        let request = take_request(wire, method, &target, peer, progress.clone());
        let request = Request { secure: self.secure, ..request };
        // Behind a proxy the client is elsewhere.
        let is_local = peer.ip().is_loopback() && !request.headers.contains("x-forwarded-for");
        let takes_gzip =
            compress::is_accepted(&request.headers) && (self.limits.compress_local || !is_local);
        // A task of its own: a panic ends it alone, and a client that goes away does not stop
        // work that is half done.
        let service = Arc::clone(&self.service);
        let task = tokio::spawn(async move {
            let response = service.call(request).await;
            drop(permit);
            response
        });
        let response = self.finish(task, &progress).await;
        let from_bytes = self.limits.compress_from_bytes;
        to_hyper(compress::compressed(response, takes_gzip, from_bytes).await, method)
    }

    async fn finish(
        &self,
        mut task: tokio::task::JoinHandle<Response>,
        progress: &Progress,
    ) -> Response {
        loop {
            let deadline = progress.last() + self.limits.request_time;
            match tokio::time::timeout_at(deadline.into(), &mut task).await {
                Ok(Ok(response)) => return response,
                Ok(Err(error)) => {
                    tracing::error!(%error, "a request panicked");
                    return self.service.failure(Failure::Panic);
                }
                Err(_) if progress.last() + self.limits.request_time > Instant::now() => {}
                Err(_) => {
                    task.abort();
                    tracing::error!("a request took too long and was stopped");
                    return self.service.failure(Failure::TimedOut);
                }
            }
        }
    }
}

/// Turns a request of hyper into ours.
fn take_request(
    mut wire: hyper::Request<Incoming>,
    method: Method,
    target: &str,
    peer: SocketAddr,
    progress: Progress,
) -> Request {
    let mut headers = Headers::new();
    for (name, value) in wire.headers() {
        headers.append(name.as_str(), value.as_bytes());
    }
    let upgrade = headers.contains("upgrade") && headers.has_token("connection", "upgrade");
    let upgrade = upgrade.then(|| Upgrade(hyper::upgrade::on(&mut wire)));
    let (raw_path, query) = match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target.to_owned(), None),
    };
    Request {
        method,
        path: decode_percent(&raw_path),
        raw_path,
        query,
        headers,
        peer,
        secure: false,
        body: Body::from_connection(wire.into_body(), progress),
        upgrade,
    }
}

/// Path and query of a target that hyper did not see: without scheme, host and fragment.
fn origin_form(target: &[u8]) -> String {
    let target = String::from_utf8_lossy(target);
    let target = target.split('#').next().unwrap_or_default();
    if target.starts_with('/') {
        return target.to_owned();
    }
    let after_scheme = target.split_once("://").map_or(target, |(_, rest)| rest);
    match after_scheme.find(['/', '?']) {
        Some(at) if after_scheme[at..].starts_with('/') => after_scheme[at..].to_owned(),
        Some(at) => format!("/{}", &after_scheme[at..]),
        None => String::from("/"),
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
