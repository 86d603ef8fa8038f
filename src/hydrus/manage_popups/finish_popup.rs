//! `POST /manage_popups/finish_popup`: ends a popup.

use super::POPUP;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/finish_popup",
    Access::Needs(Permission::ManagePopups),
    &[POPUP],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("job_status_key")?;
    context.library().finish_popup(&key, None)?;
    Ok(Answer::Empty)
}
