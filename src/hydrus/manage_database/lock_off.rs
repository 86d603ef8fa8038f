//! `POST /manage_database/lock_off`: opens the library again.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_database/lock_off",
    Access::Needs(Permission::ManageDatabase),
    &[],
    call,
)
.while_locked();

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    context.library().unlock()?;
    Ok(Answer::Empty)
}
