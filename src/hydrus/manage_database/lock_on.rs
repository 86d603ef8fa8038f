//! `POST /manage_database/lock_on`: closes the library, so that it can be copied from outside.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_database/lock_on",
    Access::Needs(Permission::ManageDatabase),
    &[],
    call,
)
.while_locked();

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    context.library().lock()?;
    Ok(Answer::Empty)
}
