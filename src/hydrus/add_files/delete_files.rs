//! `POST /add_files/delete_files`: to the trash, or for good.

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params, WRITE_FILE_DOMAIN};
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/delete_files", ACCESS, &[FILES, WRITE_FILE_DOMAIN, PARAMS], call);

const PARAMS: &[Param] = &[optional("reason", "string", "why; `Deleted via Client API.`")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    params.refuse_null("reason")?;
    let reason = params.text("reason")?.unwrap_or("Deleted via Client API.").to_owned();
    let mut domains = context.named_domains(params)?;
    if domains.is_empty() {
        domains.push(builtin::COMBINED_LOCAL);
    }
    context.library().delete_files(context.files_to_write(params)?, domains, Some(reason))?;
    Ok(Answer::Empty)
}
