//! `POST /manage_popups/call_user_callable`: popups here have nothing to call.

use super::POPUP;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/call_user_callable",
    Access::Needs(Permission::ManagePopups),
    &[POPUP],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("job_status_key")?;
    context.library().popup(&key)?;
    Err(Rejection::bad_request("This job doesn't have a user callable!"))
}
