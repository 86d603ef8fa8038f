//! The HTTP form of requests and responses, without HTTP: bodies in, status and body out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value as Json;

use crate::graphql::error::GraphqlError;

/// How a request came; a GET may only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the address.
    Get,
    /// A JSON or multipart body, or a message of a websocket.
    Post,
}

/// A GraphQL request.
#[derive(Debug, Clone)]
pub struct Request {
    /// How it came.
    pub method: Method,
    /// The document.
    pub query: String,
    /// The raw variables.
    pub variables: serde_json::Map<String, Json>,
    /// Which of the document's operations to execute.
    pub operation_name: Option<String>,
    /// What the client adds for itself.
    pub extensions: serde_json::Map<String, Json>,
    /// How many files came with it; variables of a scalar of shape `Upload` hold their indices.
    pub uploads: usize,
    /// Set by whoever no longer waits for the answer: it is broken off then.
    pub abandoned: Arc<AtomicBool>,
}

/// Which JSON the client asked for. It decides the status of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaType {
    /// `application/json`: parse and validation errors are 422.
    #[default]
    Json,
    /// `application/graphql-response+json`: they are 400.
    GraphqlResponse,
}

impl MediaType {
    /// From the request's `Accept` header.
    pub fn from_accept(accept: Option<&str>) -> MediaType {
        match accept {
            Some(accept) if accept.contains("application/graphql-response+json") => {
                MediaType::GraphqlResponse
            }
            _ => MediaType::Json,
        }
    }

    /// The response's `Content-Type`.
    pub fn name(self) -> &'static str {
        match self {
            MediaType::Json => "application/json",
            MediaType::GraphqlResponse => "application/graphql-response+json",
        }
    }

    pub(super) fn refused_status(self) -> u16 {
        match self {
            MediaType::Json => 422,
            MediaType::GraphqlResponse => 400,
        }
    }
}

/// A response: what the HTTP layer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status code.
    pub http_status: u16,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The JSON body.
    pub body: Vec<u8>,
}

impl Outcome {
    /// A response without data.
    pub fn refused(http_status: u16, errors: &[GraphqlError], media: MediaType) -> Outcome {
        let mut body = b"{\"errors\":".to_vec();
        GraphqlError::write_list(errors, &mut body);
        body.extend_from_slice(b",\"data\":null}");
        Outcome { http_status, content_type: media.name(), body }
    }

    /// A 400 with that message, for requests that are no GraphQL requests at all.
    pub fn bad_request(message: impl Into<String>) -> Outcome {
        Outcome::refused(400, &[GraphqlError::new(message)], MediaType::Json)
    }
}

impl Request {
    /// A request from a query text alone.
    pub fn query(text: impl Into<String>) -> Request {
        Request {
            method: Method::Post,
            query: text.into(),
            variables: serde_json::Map::new(),
            operation_name: None,
            extensions: serde_json::Map::new(),
            uploads: 0,
            abandoned: Arc::default(),
        }
    }

    /// From the body of a POST: `{query, variables, operationName, extensions}`, all optional.
    pub fn from_json(body: &[u8]) -> Result<Request, Outcome> {
        let refused = |reason: String| {
            let body = String::from_utf8_lossy(body);
            Outcome::bad_request(format!(
                "json request body could not be decoded: {reason} body:{body}"
            ))
        };
        let json = serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
        Request::from_value(json).map_err(refused)
    }

    /// From a parsed message, such as the payload of a websocket's `subscribe`.
    pub fn from_value(json: Json) -> Result<Request, String> {
        let Json::Object(mut members) = json else {
            return Err("the request must be an object".to_owned());
        };
        let mut text = |name: &str| match members.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{name} must be a string")),
        };
        let query = text("query")?.unwrap_or_default();
        let operation_name = text("operationName")?;
        let mut object = |name: &str| match members.remove(name) {
            None | Some(Json::Null) => Ok(serde_json::Map::new()),
            Some(Json::Object(object)) => Ok(object),
            Some(_) => Err(format!("{name} must be an object")),
        };
        Ok(Request {
            variables: object("variables")?,
            extensions: object("extensions")?,
            operation_name,
            ..Request::query(query)
        })
    }

    /// From the decoded parameters of a GET: `query`, `variables` and `extensions` (JSON),
    /// `operationName`. Of a repeated parameter the first counts.
    pub fn from_parameters<'p>(
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Request, Outcome> {
        let mut request = Request { method: Method::Get, ..Request::query("") };
        let mut seen: [bool; 4] = [false; 4];
        for (name, value) in parameters {
            let place = match name {
                "query" => 0,
                "variables" => 1,
                "operationName" => 2,
                "extensions" => 3,
                _ => continue,
            };
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            match place {
                0 => request.query = value.to_owned(),
                1 => request.variables = parameter_object(name, value)?,
                2 => request.operation_name = Some(value.to_owned()),
                _ => request.extensions = parameter_object(name, value)?,
            }
        }
        Ok(request)
    }

    /// From the first two parts of a multipart body, as the multipart request specification has
    /// them. Gives the request and the names of the file parts; a file's place in that list is the
    /// index its resolver sees.
    pub fn from_multipart(
        operations: &[u8],
        map: &[u8],
    ) -> Result<(Request, Vec<String>), Outcome> {
        let refused =
            |message: &str| Outcome::refused(422, &[GraphqlError::new(message)], MediaType::Json);
        let mut operations: Json = serde_json::from_slice(operations)
            .map_err(|_| refused("operations form field could not be decoded"))?;
        let map: serde_json::Map<String, Json> = serde_json::from_slice(map)
            .map_err(|_| refused("map form field could not be decoded"))?;
        let mut files = Vec::new();
        for (name, paths) in map {
            for path in paths.as_array().map(Vec::as_slice).unwrap_or_default() {
                let slot = path
                    .as_str()
                    .filter(|path| path.starts_with("variables."))
                    .and_then(|path| step_into(&mut operations, path))
                    .filter(|slot| slot.is_null())
                    .ok_or_else(|| refused(&format!("invalid operations paths for key {name}")))?;
                *slot = Json::from(files.len());
            }
            files.push(name);
        }
        let mut request = Request::from_value(operations)
            .map_err(|_| refused("operations form field could not be decoded"))?;
        request.uploads = files.len();
        Ok((request, files))
    }
}

fn parameter_object(name: &str, value: &str) -> Result<serde_json::Map<String, Json>, Outcome> {
    match serde_json::from_str(value) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(Json::Null) => Ok(serde_json::Map::new()),
        _ => Err(Outcome::bad_request(format!("{name} could not be decoded"))),
    }
}

/// The value at a dotted path of names and positions.
fn step_into<'j>(root: &'j mut Json, path: &str) -> Option<&'j mut Json> {
    path.split('.').try_fold(root, |at, step| match at {
        Json::Object(members) => members.get_mut(step),
        Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}
