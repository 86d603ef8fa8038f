//! `GET /get_files/thumbnail`: a small picture of a file, or of its type.

use sha2::{Digest as _, Sha256};

use super::ACCESS;
use crate::http::FileAnswer;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};
use crate::library::ThumbnailContent;
use crate::model::hash::to_hex;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/thumbnail", ACCESS, &[FILE], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let thumbnail = match context.file(params)? {
        Some(id) => view.thumbnail(id)?,
        None => ThumbnailContent::unknown(),
    };
    // A thumbnail may be made anew, by other rules.
    let etag = format!("\"{}\"", to_hex(&Sha256::digest(&thumbnail.bytes)));
    let mut file = FileAnswer::of_bytes(thumbnail.bytes, thumbnail.mime);
    file.etag = Some(etag);
    Ok(Answer::file(file).named(thumbnail.file_name, false))
}
