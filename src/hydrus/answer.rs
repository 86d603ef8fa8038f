//! What a handler answers, and how it looks on the wire (section 1).

use serde::Serialize;

use super::error::Rejection;
use super::json;
use crate::http::conditional::http_date;
use crate::http::{FileAnswer, RangeError, Request, Response, ResponseBody, Status};
use crate::model::time::now_ms;

/// The version of the Client API that this is.
pub const API_VERSION: u32 = 95;
/// The version of the client software that first spoke it so.
pub const SOFTWARE_VERSION: u32 = 682;
/// The value of `Server` and `Hydrus-Server`.
pub const SERVER: &str = "client api/95 (682)";

/// How long answers in JSON may be kept, in seconds.
const JSON_AGE_S: u32 = 4;
/// How long files may be kept: their content never changes.
pub const FILE_AGE_S: u32 = 31_536_000;

/// How much of a refusal's sentence is sent.
const MESSAGE_CHARS_MAX: usize = 4000;

/// A successful answer.
#[derive(Debug)]
pub enum Answer {
    /// 200 without content.
    Empty,
    /// An object; the versions are added to it.
    Object(Object),
    /// A file, of which a range may be wanted.
    File(Box<Content>),
}

/// An object as JSON.
#[derive(Debug)]
pub struct Object {
    json: Vec<u8>,
    max_age_s: u32,
    is_bare: bool,
}

/// Bytes with a name.
#[derive(Debug)]
pub struct Content {
    pub file: FileAnswer,
    pub name: Option<String>,
    pub is_download: bool,
    pub max_age_s: u32,
}

impl Answer {
    /// An object that serialises as one: `json!({...})` or a struct.
    pub fn object(value: &(impl Serialize + ?Sized)) -> Answer {
        Answer::written(json::to_vec(value))
    }

    /// An object that is written already, without versions.
    pub fn written(json: Vec<u8>) -> Answer {
        debug_assert!(json.starts_with(b"{") && json.ends_with(b"}"), "an object");
        Answer::Object(Object { json, max_age_s: JSON_AGE_S, is_bare: false })
    }

    /// An object to which nothing is added.
    pub fn bare(value: &(impl Serialize + ?Sized)) -> Answer {
        Answer::Object(Object { json: json::to_vec(value), max_age_s: JSON_AGE_S, is_bare: true })
    }

    /// A file, kept by clients for a year, shown rather than saved.
    pub fn file(file: FileAnswer) -> Answer {
        let (name, is_download, max_age_s) = (None, false, FILE_AGE_S);
        Answer::File(Box::new(Content { file, name, is_download, max_age_s }))
    }

    /// The same answer, kept by clients for so long.
    #[must_use]
    pub fn for_seconds(mut self, seconds: u32) -> Answer {
        match &mut self {
            Answer::Empty => {}
            Answer::Object(object) => object.max_age_s = seconds,
            Answer::File(content) => content.max_age_s = seconds,
        }
        self
    }

    /// The same file under a name, to be saved if `is_download`.
    #[must_use]
    pub fn named(mut self, file_name: String, to_save: bool) -> Answer {
        if let Answer::File(content) = &mut self {
            content.name = Some(file_name);
            content.is_download = to_save;
        }
        self
    }

    /// Puts the answer on the wire.
    ///
    /// # Errors
    /// When a range is wanted that the file has not.
    pub fn into_response(self, request: &Request, as_cbor: bool) -> Result<Response, Rejection> {
        match self {
            Answer::Empty => Ok(Response::new(Status::OK)),
            Answer::Object(object) => {
                let max_age_s = object.max_age_s;
                let (kind, body) = object.into_body(as_cbor);
                let response = Response::bytes(kind, body);
                Ok(kept(response, max_age_s).with_header("Content-Disposition", "inline"))
            }
            Answer::File(content) => content.into_response(request),
        }
    }
}

impl Object {
    fn into_body(mut self, as_cbor: bool) -> (&'static str, Vec<u8>) {
        if as_cbor {
            let value: serde_json::Value = serde_json::from_slice(&self.json).unwrap_or_default();
            let mut body = Vec::with_capacity(self.json.len());
            // Writing into memory cannot fail, and every JSON value has a CBOR form.
            let _ = ciborium::into_writer(&value, &mut body);
            return ("application/cbor", body);
        }
        if !self.is_bare {
            self.json.pop();
            let comma = if self.json.len() > 1 { ", " } else { "" };
            let versions = format!(
                "{comma}\"version\": {API_VERSION}, \"hydrus_version\": {SOFTWARE_VERSION}}}"
            );
            self.json.extend_from_slice(versions.as_bytes());
        }
        ("application/json", self.json)
    }
}

impl Content {
    fn into_response(self, request: &Request) -> Result<Response, Rejection> {
        // A header without `=` is no range at all; one that names no numbers is a bad range.
        let is_range = request.headers.get("range").is_some_and(|range| range.contains('='));
        let refuse = |error: RangeError| match error.status() {
            Status::BAD_REQUEST if !is_range => Rejection::bad_request(error.to_string()),
            _ => Rejection::bad_range(error.to_string()),
        };
        let size = self.file.size();
        let response = match self.file.answer(request) {
            Ok(response) => response,
            Err(error) if refuse(error).status == Status::RANGE_NOT_SATISFIABLE => {
                let response = refuse(error).into_response();
                return Ok(response.with_header("Content-Range", RangeError::content_range(size)));
            }
            Err(error) => return Err(refuse(error)),
        };
        let manner = if self.is_download { "attachment" } else { "inline" };
        let disposition = match self.name {
            Some(name) => format!("{manner}; filename=\"{name}\""),
            None => manner.to_owned(),
        };
        Ok(kept(response, self.max_age_s).with_header("Content-Disposition", disposition))
    }
}

fn kept(response: Response, seconds: u32) -> Response {
    response
        .with_header("Cache-Control", format!("max-age={seconds}"))
        .with_header("Expires", http_date(now_ms() + i64::from(seconds) * 1000))
}

impl Rejection {
    /// Puts the refusal on the wire: always JSON.
    #[must_use]
    pub fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
            exception_type: &'static str,
            status_code: u16,
            version: u32,
            hydrus_version: u32,
        }
        let mut error = self.message;
        // Clients show it; whoever sends a megabyte does not get it back.
        if let Some((end, _)) = error.char_indices().nth(MESSAGE_CHARS_MAX) {
            error.truncate(end);
            error.push_str("...");
        }
        let body = Body {
            error,
            exception_type: self.exception,
            status_code: self.status.0,
            version: API_VERSION,
            hydrus_version: SOFTWARE_VERSION,
        };
        Response::json(json::to_vec(&body)).with_status(self.status)
    }
}

/// A page for people who came here with a browser.
#[must_use]
pub fn page(status: Status, title: &str, text: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\
         <body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    Response::new(status)
        .with_header("Content-Type", "text/html; charset=UTF-8")
        .with_body(ResponseBody::Bytes(page.into()))
}
