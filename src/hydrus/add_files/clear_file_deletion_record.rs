//! `POST /add_files/clear_file_deletion_record`: forgets that files were deleted for good.

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/clear_file_deletion_record", ACCESS, &[FILES], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    context.library().clear_deletion_record(context.files_to_write(params)?)?;
    Ok(Answer::Empty)
}
