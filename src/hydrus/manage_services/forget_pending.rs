//! `POST /manage_services/forget_pending`: forgets what waits to be sent to a repository.

use serde_json::json;

use super::{REPOSITORY, repository};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_services/forget_pending",
    Access::Needs(Permission::CommitPending),
    &[REPOSITORY],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let service = repository(context, params)?;
    context.library().forget_pending(service)?;
    Ok(Answer::object(&json!({})))
}
