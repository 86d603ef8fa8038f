//! `POST /manage_services/commit_pending`: would send what waits; repositories are never connected.

use super::{REPOSITORY, repository};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_services/commit_pending",
    Access::Needs(Permission::CommitPending),
    &[REPOSITORY],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    repository(context, params)?;
    let sentence = "Sorry, could not start: this repository has no address to send anything to!";
    Err(Rejection::unprocessable(sentence))
}
