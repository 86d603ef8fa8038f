//! `POST /manage_popups/dismiss_popup`: takes a popup away, if it is done.

use super::POPUP;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/dismiss_popup",
    Access::Needs(Permission::ManagePopups),
    &[POPUP],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("job_status_key")?;
    context.library().dismiss_popup(&key)?;
    Ok(Answer::Empty)
}
