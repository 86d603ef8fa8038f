//! `GET /get_files/file_path`: where a file is on the server's machine.

use serde::Serialize;

use super::{PATH_ACCESS, content};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/file_path", PATH_ACCESS, &[FILE], call);

#[derive(Serialize)]
struct Response {
    path: String,
    filetype: &'static str,
    size: u64,
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let content = content(context, params)?;
    let path = std::path::absolute(&content.path).unwrap_or(content.path);
    Ok(Answer::object(&Response {
        path: path.to_string_lossy().into_owned(),
        filetype: content.filetype.mime(),
        size: content.size_bytes,
    }))
}
