//! `POST /add_files/undelete_files`: takes files back out of the trash.

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params, WRITE_FILE_DOMAIN};
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/undelete_files", ACCESS, &[FILES, WRITE_FILE_DOMAIN], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let mut domains = context.named_domains(params)?;
    if domains.is_empty() {
        domains.push(builtin::COMBINED_LOCAL);
    }
    context.library().undelete_files(context.files_to_write(params)?, domains)?;
    Ok(Answer::Empty)
}
