//! `GET /get_files/thumbnail_path`: where a thumbnail is on the server's machine.

use serde::Serialize;

use super::PATH_ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/get_files/thumbnail_path", PATH_ACCESS, &[FILE, PARAMS], call);

const PARAMS: &[Param] =
    &[optional("include_thumbnail_filetype", "boolean", "whether to tell its type; false")];

#[derive(Serialize)]
struct Response {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filetype: Option<&'static str>,
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let wants_type = params.flag("include_thumbnail_filetype", false)?;
    let without = || Rejection::bad_request("Sorry, this file type does not have a thumbnail!");
    let id = super::named_file(context, params)?.ok_or_else(without)?;
    let path = view.thumbnail_path(id)?.ok_or_else(without)?;
    // Draws it where it is missing, and knows the type.
    let thumbnail = view.thumbnail(id)?;
    if thumbnail.is_default {
        return Err(Rejection::not_found("That thumbnail seems to be missing!"));
    }
    let path = std::path::absolute(&path).unwrap_or(path);
    Ok(Answer::object(&Response {
        path: path.to_string_lossy().into_owned(),
        filetype: wants_type.then_some(thumbnail.mime),
    }))
}
