//! Hyper and nobody else: listeners, requests, answers, routes, ranges, forms, limits, TLS.
//!
//! Start with [`Service`]: a protocol implements it, [`Listener`] calls it. Everything a protocol
//! touches is plain data ([`Request`], [`Response`], [`Headers`], [`Router`]); no type of hyper
//! shows, and nothing here knows a word of the domain.
//!
//! Invariants, tested in the files that hold them:
//! - A request line of up to the configured size (2 MiB) reaches the service ([`long_target`]).
//! - Every head, body and wait has a limit; a panic in a service costs one answer of 500.
//! - A file being sent holds no lock: an open file is read by position in bounded pieces.

pub mod body;
mod compress;
pub mod conditional;
pub mod documents;
pub mod file;
pub mod form;
pub mod headers;
pub mod long_target;
pub mod method;
pub mod multipart;
pub mod range;
pub mod request;
pub mod response;
pub mod router;
pub mod serve;
pub mod shutdown;
pub mod status;
pub mod tls;
pub mod websocket;
mod wire;

pub use body::{Body, BodyError, TempFile};
pub use documents::{Documents, Room};
pub use file::{FileAnswer, FileSource};
pub use form::Pairs;
pub use headers::Headers;
pub use method::Method;
pub use range::{ByteRange, RangeError};
pub use request::{Duplex, Request, Upgrade};
pub use response::{BodySender, Response, ResponseBody};
pub use router::{Lookup, Params, Route, RouteError, Router};
pub use serve::{
    BoxFuture, Failure, Limits, ListenError, Listener, ListenerConfig, Service, serve,
};
pub use shutdown::{Shutdown, Trigger, shutdown_on_signals};
pub use status::Status;
pub use tls::TlsFiles;
