//! `POST /add_files/add_file`: imports a file from a path, or the body itself.

use serde::Serialize;

use super::{ACCESS, PATH, path};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, WRITE_FILE_DOMAIN};
use crate::library::{ImportRequest, Source};
use crate::model::service::ServiceKind;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/add_file", ACCESS, &[PATH, PARAMS, WRITE_FILE_DOMAIN], call)
        .taking_file();

const PARAMS: &[Param] = &[optional(
    "delete_after_successful_import",
    "boolean",
    "whether the source goes once the file is held; false",
)];

#[derive(Serialize)]
struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    traceback: Option<String>,
    status: u8,
    hash: String,
    note: String,
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let services = context.view()?.services();
    let domains = context.named_domains(params)?;
    if domains.iter().any(|domain| services.kind(*domain) != Some(ServiceKind::LOCAL_FILES)) {
        let sentence = "Sorry, any custom file domain here must only declare local file domains.";
        return Err(Rejection::bad_request(sentence));
    }
    let (source, delete_source) = match params.upload() {
        Some(upload) => (Source::Upload(upload.path().to_owned()), false),
        None => {
            let delete_source = params.flag("delete_after_successful_import", false)?;
            (Source::Path(path(params)?), delete_source)
        }
    };
    let outcome = context.library().import(ImportRequest { source, domains, delete_source })?;
    Ok(Answer::object(&Response {
        traceback: outcome.traceback,
        status: outcome.status as u8,
        hash: outcome.sha256.to_hex(),
        note: outcome.note,
    }))
}
