//! `GET /get_files/file`: the bytes of a file.

use super::{ACCESS, content};
use crate::http::{FileAnswer, FileSource};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/file", ACCESS, &[FILE, PARAMS], call);

const PARAMS: &[Param] = &[optional(
    "download",
    "boolean",
    "whether browsers should save it rather than show it; false",
)];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let is_download = params.flag("download", false)?;
    let content = content(context, params)?;
    let missing = |_| Rejection::not_found("That file seems to be missing!");
    let source = FileSource::open(&content.path).map_err(missing)?;
    let name = format!("{}{}", content.sha256, content.filetype.ext());
    let mut file = FileAnswer::of_file(source, content.filetype.mime());
    file.etag = Some(format!("\"{}\"", content.sha256));
    Ok(Answer::file(file).named(name, is_download))
}
