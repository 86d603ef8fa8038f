//! `POST /add_files/archive_files`: takes files out of the inbox.

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post("/add_files/archive_files", ACCESS, &[FILES], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    context.library().archive(context.files_to_write(params)?)?;
    Ok(Answer::Empty)
}
