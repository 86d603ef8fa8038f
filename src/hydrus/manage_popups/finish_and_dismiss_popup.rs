//! `POST /manage_popups/finish_and_dismiss_popup`: ends a popup and takes it away.

use super::POPUP;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/finish_and_dismiss_popup",
    Access::Needs(Permission::ManagePopups),
    &[POPUP, PARAMS],
    call,
);

const PARAMS: &[Param] = &[optional("seconds", "integer", "how much later it goes; 0")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("job_status_key")?;
    let seconds = params.integer("seconds")?.unwrap_or(0);
    context.library().finish_popup(&key, Some(seconds))?;
    Ok(Answer::Empty)
}
