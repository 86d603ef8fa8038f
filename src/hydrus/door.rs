//! From a request to an answer: the checks of section 1 in their order, then the handler.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::{Answer, SERVER, page};
use super::context::{Caller, Context, check_access};
use super::endpoint::{Access, Endpoint};
use super::error::Rejection;
use super::memory::Memory;
use super::params::{Params, cbor_body, json_body, names, query};
use super::routes::ROUTES;
use crate::config::Config;
use crate::http::{
    Body, BodyError, BoxFuture, Documents, Failure, Headers, Method, Pairs, Request, Response,
    Room, Service, Status, TempFile,
};
use crate::library::{self, Library};
use crate::model::filetype::FileType;
use crate::model::hash::from_hex;

/// The network version that clients name in their user agent.
const NETWORK_VERSION: &str = "20";

/// The Client API over one library.
pub struct HydrusDoor(Arc<Inner>);

struct Inner {
    library: Arc<Library>,
    memory: Arc<Memory>,
    endpoints: HashMap<&'static str, &'static Endpoint>,
    allow_remote: bool,
    documents: Documents,
    upload_bytes: u64,
    uploads: PathBuf,
}

impl HydrusDoor {
    /// A door to a library, with the limits of the configuration. Uploads are collected in its
    /// temporary folder.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(library: Arc<Library>, config: &Config) -> library::Result<HydrusDoor> {
        // Swept when a library opens: what a kill cuts off is not left behind.
        let uploads = library.temporary_folder().to_owned();
        Ok(HydrusDoor(Arc::new(Inner {
            library,
            memory: Arc::new(Memory::new()?),
            endpoints: ROUTES.iter().map(|endpoint| (endpoint.path, endpoint)).collect(),
            allow_remote: config.hydrus.allow_remote,
            documents: Documents::new(
                config.limits.body_bytes,
                config.limits.bodies_in_flight_bytes,
            ),
            upload_bytes: config.limits.upload_bytes,
            uploads,
        })))
    }

    /// Whether a path belongs to this door where both share a listener: endpoints, and everything
    /// below their folders.
    #[must_use]
    pub fn owns(path: &str) -> bool {
        let folder = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
        let wanted = folder(path);
        !wanted.is_empty() && ROUTES.iter().any(|endpoint| folder(endpoint.path) == wanted)
    }
}

impl Service for HydrusDoor {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.answer(request).await })
    }

    fn failure(&self, failure: Failure) -> Response {
        let status = failure.status();
        let exception = match failure {
            Failure::Busy | Failure::TimedOut => return branded(Rejection::busy().into_response()),
            Failure::HeadTooLarge | Failure::TargetTooLong => "BadRequestException",
            Failure::Panic => "InternalServerException",
        };
        let message = status.reason().to_owned();
        branded(Rejection { status, exception, message }.into_response())
    }
}

/// Adds what every answer bears.
fn branded(response: Response) -> Response {
    response
        .with_header("Server", SERVER)
        .with_header("Hydrus-Server", SERVER)
        .with_header("X-Diptych-Version", env!("CARGO_PKG_VERSION"))
}

/// What the body of a request holds.
#[derive(Default)]
struct Arguments {
    values: Map<String, Value>,
    upload: Option<TempFile>,
    is_cbor: bool,
    is_json: bool,
    /// Held until the answer is made, as the values are.
    _room: Room,
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let has_origin = request.headers.contains("origin");
        let response = if request.method == Method::Options {
            self.options(&request).await
        } else {
            Arc::clone(&self).route(request).await
        };
        let allows_origin = has_origin && self.cors().await;
        let response = branded(response);
        if allows_origin {
            return response.with_header("Access-Control-Allow-Origin", "*");
        }
        response
    }

    async fn cors(&self) -> bool {
        let library = Arc::clone(&self.library);
        let asked = tokio::task::spawn_blocking(move || library.switches());
        asked.await.is_ok_and(|switches| switches.is_ok_and(|switches| switches.cors))
    }

    async fn options(&self, request: &Request) -> Response {
        let Some(endpoint) = self.endpoints.get(request.path.as_str()) else {
            return not_found();
        };
        let method = endpoint.method.as_str();
        if !request.headers.contains("origin") {
            return Response::new(Status::OK).with_header("Allow", method);
        }
        if !self.cors().await {
            return Rejection::no_cors("Requests from other origins are off.").into_response();
        }
        Response::new(Status::OK)
            .with_header("Access-Control-Allow-Headers", "*")
            .with_header("Access-Control-Allow-Methods", method)
            .with_header("Access-Control-Max-Age", "86400")
    }

    async fn route(self: Arc<Self>, request: Request) -> Response {
        let is_local = request.peer.ip().to_canonical().is_loopback();
        if !is_local && !self.allow_remote {
            return Rejection::forbidden("Only local access allowed!").into_response();
        }
        let Some(endpoint) = self.endpoints.get(request.path.as_str()).copied() else {
            return fixed_page(&request).unwrap_or_else(not_found);
        };
        if !matches!(request.method, Method::Get | Method::Head | Method::Post) {
            return page(
                Status::NOT_IMPLEMENTED,
                "Not implemented",
                "This method has no meaning here.",
            );
        }
        match self.serve(endpoint, request).await {
            Ok(response) => response,
            Err(rejection) => rejection.into_response(),
        }
    }

    async fn serve(
        self: Arc<Self>,
        endpoint: &'static Endpoint,
        mut request: Request,
    ) -> Result<Response, Rejection> {
        let body = std::mem::replace(&mut request.body, Body::empty());
        let keys = HeaderKeys::of(&request.headers);
        let user_agent = request.headers.get("user-agent").unwrap_or_default().to_owned();
        let inner = Arc::clone(&self);
        let caller = blocking(move || {
            inner.check_busy(endpoint)?;
            check_user_agent(&user_agent)?;
            inner.caller_in_header(endpoint, &keys)
        })
        .await?;
        let arguments = match request.method {
            Method::Post => self.read_body(endpoint, &request, body, caller.as_ref()).await,
            _ => {
                let values = query(&pairs_of(&request)).map_err(Unread::from);
                values.map(|values| Arguments { values, ..Arguments::default() })
            }
        };
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(Unread::Refused(rejection)) => return Err(rejection),
            Err(Unread::WithoutWords) => return Ok(Response::new(Status::BAD_REQUEST)),
        };
        let as_cbor = wants_cbor(&request, &arguments);
        let is_right_method = (request.method == Method::Post) == (endpoint.method == Method::Post);
        let answer =
            blocking(move || self.work(endpoint, caller, arguments, is_right_method)).await?;
        answer.into_response(&request, as_cbor)
    }

    fn check_busy(&self, endpoint: &Endpoint) -> Result<(), Rejection> {
        if endpoint.while_locked {
            return Ok(());
        }
        self.library.view().map(drop).map_err(Rejection::from)
    }

    fn caller_in_header(
        &self,
        endpoint: &Endpoint,
        keys: &HeaderKeys,
    ) -> Result<Option<Caller>, Rejection> {
        if endpoint.access == Access::Open {
            return Ok(None);
        }
        let parse = |name: &str, text: &str| {
            from_hex(text).ok_or_else(|| Rejection::bad_request(format!("Problem parsing {name}!")))
        };
        if let Some(text) = &keys.access {
            return self.by_access_key(parse(names::ACCESS_KEY, text)?).map(Some);
        }
        if let Some(text) = &keys.session {
            return self.by_session_key(&parse(names::SESSION_KEY, text)?).map(Some);
        }
        Ok(None)
    }

    fn by_access_key(&self, key: Vec<u8>) -> Result<Caller, Rejection> {
        let keys = self.library.access_keys()?;
        let Some(access) = keys.get(&key) else {
            return Err(Rejection::forbidden("Did not find an entry for that access key!"));
        };
        Ok(Caller { access: Arc::clone(access), key })
    }

    fn by_session_key(&self, key: &[u8]) -> Result<Caller, Rejection> {
        let Some(access_key) = self.memory.session(key) else {
            return Err(Rejection::no_session("Did not find an entry for that session key!"));
        };
        self.by_access_key(access_key)
    }

    async fn read_body(
        &self,
        endpoint: &'static Endpoint,
        request: &Request,
        body: Body,
        caller: Option<&Caller>,
    ) -> Result<Arguments, Unread> {
        let Some(kind) = request.headers.media_type() else { return Ok(Arguments::default()) };
        match kind.as_str() {
            "application/json" => {
                let (bytes, room) = self.documents.read(body).await?;
                let values = json_body(&bytes)?;
                Ok(Arguments { values, is_json: true, _room: room, ..Arguments::default() })
            }
            "application/cbor" => {
                let (bytes, room) = self.documents.read(body).await?;
                let values = cbor_body(&bytes)?;
                Ok(Arguments { values, is_cbor: true, _room: room, ..Arguments::default() })
            }
            "multipart/form-data" => Err(Unread::WithoutWords),
            mime if FileType::from_mime(mime).is_none() => {
                Err(Rejection::bad_request("Did not recognise Content-Type header!").into())
            }
            _ if endpoint.takes_file && endpoint.method == Method::Post => {
                // Nothing is parsed, so the permission may come first: who may not upload need not.
                check_access(endpoint.access, caller)?;
                let upload = body.to_file(&self.uploads, self.upload_bytes).await?;
                Ok(Arguments { upload: Some(upload), ..Arguments::default() })
            }
            _ => {
                self.documents.read(body).await?;
                Ok(Arguments::default())
            }
        }
    }

    fn work(
        &self,
        endpoint: &'static Endpoint,
        caller: Option<Caller>,
        arguments: Arguments,
        is_right_method: bool,
    ) -> Result<Answer, Rejection> {
        let params = Params::new(endpoint, arguments.values, arguments.upload);
        let caller = match caller {
            None if endpoint.access != Access::Open => self.caller_in(&params)?,
            caller => caller,
        };
        check_access(endpoint.access, caller.as_ref())?;
        if !is_right_method {
            return Err(Rejection::not_found("This service does not support that request!"));
        }
        // Who locks the library must not hold a view of it.
        let view = if endpoint.while_locked { None } else { Some(self.library.view()?) };
        let (memory, library) = (Arc::clone(&self.memory), Arc::clone(&self.library));
        (endpoint.call)(&Context::new(memory, library, view, caller), &params)
    }

    fn caller_in(&self, params: &Params) -> Result<Option<Caller>, Rejection> {
        if let Some(key) = params.hex(names::ACCESS_KEY)? {
            return self.by_access_key(key).map(Some);
        }
        let session = params.hex(names::SESSION_KEY)?;
        session.map(|key| self.by_session_key(&key)).transpose()
    }
}

/// The keys in the header, as they came.
struct HeaderKeys {
    access: Option<String>,
    session: Option<String>,
}

impl HeaderKeys {
    fn of(headers: &Headers) -> HeaderKeys {
        let text = |name| headers.get(name).map(|text| text.trim().to_owned());
        HeaderKeys { access: text(names::ACCESS_KEY), session: text(names::SESSION_KEY) }
    }
}

/// A body of which nothing comes.
enum Unread {
    Refused(Rejection),
    /// 400 without a body, as the original answers forms.
    WithoutWords,
}

impl From<Rejection> for Unread {
    fn from(rejection: Rejection) -> Unread {
        Unread::Refused(rejection)
    }
}

impl From<BodyError> for Unread {
    fn from(error: BodyError) -> Unread {
        Unread::Refused(error.into())
    }
}

/// Runs work that may block; a panic in it is a 500 and a line in the log.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Rejection> + Send + 'static,
) -> Result<T, Rejection> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a request panicked");
            Err(Rejection::internal("The server failed; its log says more."))
        }
    }
}

fn check_user_agent(text: &str) -> Result<(), Rejection> {
    let versions = text.split_whitespace().filter_map(|token| token.strip_prefix("hydrus/"));
    match versions.into_iter().find(|version| *version != NETWORK_VERSION) {
        Some(version) => Err(Rejection::other_version(format!(
            "This is network version {NETWORK_VERSION}, yours is {version}!"
        ))),
        None => Ok(()),
    }
}

/// The arguments in the query. A name without `=` is none, as the original has it.
fn pairs_of(request: &Request) -> Pairs {
    let query = request.query.as_deref().unwrap_or_default();
    let pieces: Vec<&str> = query.split('&').filter(|piece| piece.contains('=')).collect();
    Pairs::parse(&pieces.join("&"))
}

/// In which form the answer is wanted: the one that `Accept` names alone, else that of the body,
/// else what the query says.
fn wants_cbor(request: &Request, arguments: &Arguments) -> bool {
    let accept = request.headers.get("accept").unwrap_or_default();
    match (accept.contains("application/cbor"), accept.contains("application/json")) {
        (true, false) => true,
        (false, true) => false,
        _ if arguments.is_cbor => true,
        _ if arguments.is_json => false,
        _ => pairs_of(request).contains("cbor"),
    }
}

fn not_found() -> Response {
    page(Status::NOT_FOUND, "Not found", "There is nothing here.")
}

/// The pages that a listener of its own has beside the endpoints.
fn fixed_page(request: &Request) -> Option<Response> {
    const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\">\
        <rect x=\"1\" y=\"2\" width=\"6\" height=\"12\" fill=\"#345\"/>\
        <rect x=\"9\" y=\"2\" width=\"6\" height=\"12\" fill=\"#789\"/></svg>";
    if !matches!(request.method, Method::Get | Method::Head) {
        return None;
    }
    match request.path.as_str() {
        "/" => Some(page(Status::OK, "Client API", "A Diptych library answers here.")),
        "/robots.txt" => Some(Response::bytes("text/plain", "User-agent: *\nDisallow: /\n")),
        "/favicon.ico" => Some(Response::bytes("image/svg+xml", ICON)),
        _ => None,
    }
}

#[cfg(test)]
mod malformed_inputs;
#[cfg(test)]
mod malformed_tests;
#[cfg(test)]
mod tests;
