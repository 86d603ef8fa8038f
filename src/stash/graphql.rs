//! `/graphql`: transports, and the way from a request to the engine and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::door::{Shared, origin};
use super::mutation::Mutation;
use super::query::Query;
use super::schema::ENGINE;
use super::scope::{Origin, Scope};
use crate::graphql::{
    FieldError, GraphqlError, MediaType, Object, OperationKind, Outcome, Request as Asked,
};
use crate::http::multipart::{self, FormLimits, Part, PartContent};
use crate::http::{Method, Request, Response, Room, Status};

/// The page on which queries can be tried.
pub(super) const PLAYGROUND: &str = include_str!("playground.html");
/// The page that asks for name and password.
pub(super) const LOGIN: &str = include_str!("login.html");

/// Files of one request at most.
const FILES_MAX: usize = 64;

/// Answers a request to `/graphql`.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request) -> Response {
    let media = MediaType::from_accept(request.headers.get("accept"));
    let origin = origin(shared, &request);
    let outcome = match read(shared, request).await {
        Ok((asked, _files, _room)) => execute(shared, asked, media, origin).await,
        Err(outcome) => outcome,
    };
    Response::bytes(outcome.content_type, outcome.body)
        .with_status(Status(outcome.http_status))
        .with_header("Cache-Control", "no-store")
}

/// Runs a request on a thread that may block, over one view of the library.
pub(super) async fn execute(
    shared: &Arc<Shared>,
    asked: Asked,
    media: MediaType,
    origin: Origin,
) -> Outcome {
    let shared = Arc::clone(shared);
    let _gone = Gone(Arc::clone(&asked.abandoned));
    let run = move || ENGINE.respond(&asked, media, &(), |kind| root(&shared, &origin, kind));
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|error| {
        let error = GraphqlError::new(format!("Internal system error. Error <{error}>"));
        Outcome::refused(200, &[error], media)
    })
}

/// Tells the thread that answers that nobody waits for it any more: what does is dropped when a
/// request takes too long.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn root(
    shared: &Arc<Shared>,
    origin: &Origin,
    kind: OperationKind,
) -> Option<Box<dyn Object + 'static>> {
    match kind {
        OperationKind::Query => Some(match Scope::new(shared, origin.clone()) {
            Ok(scope) => Box::new(Query::new(scope)),
            Err(error) => Box::new(Closed("Query", error)),
        }),
        OperationKind::Mutation => Some(Box::new(Mutation::new(shared, origin))),
        OperationKind::Subscription => None,
    }
}

/// A root whose every field is the reason why there is none.
struct Closed(&'static str, FieldError);

impl Object for Closed {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn field<'a>(
        &'a self,
        _: crate::graphql::Field<'a>,
        _: &'a crate::graphql::Context<'a>,
    ) -> Result<crate::graphql::Resolved<'a>, FieldError> {
        Err(self.1.clone())
    }
}

/// Reads the request in whichever transport it came, with the files that came along.
async fn read(shared: &Shared, request: Request) -> Result<(Asked, Vec<Part>, Room), Outcome> {
    if request.method == Method::Get {
        let asked = Asked::from_parameters(request.pairs().iter())?;
        return Ok((asked, Vec::new(), Room::default()));
    }
    let unsupported = || Outcome::bad_request("transport not supported");
    if request.method != Method::Post {
        return Err(unsupported());
    }
    match request.headers.media_type().as_deref() {
        Some("application/json") => {
            let body = shared.documents.read(request.body).await;
            let (body, room) = body.map_err(|error| Outcome::bad_request(error.to_string()))?;
            Ok((Asked::from_json(&body)?, Vec::new(), room))
        }
        Some("multipart/form-data") => {
            let (asked, files) = read_form(shared, request).await?;
            Ok((asked, files, Room::default()))
        }
        _ => Err(unsupported()),
    }
}

/// The multipart transport: `operations`, then `map`, then the files.
async fn read_form(shared: &Shared, request: Request) -> Result<(Asked, Vec<Part>), Outcome> {
    let refused =
        |message: &str| Outcome::refused(422, &[GraphqlError::new(message)], MediaType::Json);
    let limits = FormLimits {
        parts: FILES_MAX + 2,
        text_bytes: shared.config.limits.body_bytes,
        file_bytes: shared.config.limits.upload_bytes,
    };
    let folder = shared.temporary();
    let _ = std::fs::create_dir_all(&folder);
    let parts = multipart::read(&request.headers, request.body, &folder, limits)
        .await
        .map_err(|_| refused("failed to parse multipart form"))?;
    let mut parts = parts.into_iter();
    let mut text = |name: &str, message: &str| match parts.next() {
        Some(Part { name: own, content: PartContent::Text(bytes), .. }) if own == name => Ok(bytes),
        _ => Err(refused(message)),
    };
    let operations = text("operations", "first part must be operations")?;
    let map = text("map", "second part must be map")?;
    let (asked, names) = Asked::from_multipart(&operations, &map)?;
    let mut files: Vec<Part> = parts.collect();
    files.sort_by_key(|part| names.iter().position(|name| *name == part.name));
    Ok((asked, files))
}
