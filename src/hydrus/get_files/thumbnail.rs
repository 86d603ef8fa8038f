//! `GET /get_files/thumbnail`: a small picture of a file, or of its type.

use super::ACCESS;
use crate::http::FileAnswer;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};
use crate::library::ThumbnailContent;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/thumbnail", ACCESS, &[FILE], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let thumbnail = match context.file(params)? {
        Some(id) => view.thumbnail(id)?,
        None => ThumbnailContent::unknown(),
    };
    let file = FileAnswer::of_bytes(thumbnail.bytes, thumbnail.mime);
    Ok(Answer::file(file).named(thumbnail.file_name, false))
}
