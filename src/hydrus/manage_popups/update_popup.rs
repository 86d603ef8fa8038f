//! `POST /manage_popups/update_popup`: changes what a popup shows.

use serde_json::json;

use super::{CONTENT, POPUP, change, shown};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/update_popup",
    Access::Needs(Permission::ManagePopups),
    &[POPUP, FILES, CONTENT],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("job_status_key")?;
    context.library().popup(&key)?;
    let popup = context.library().change_popup(&key, change(context, params)?)?;
    Ok(Answer::object(&json!({ "job_status": shown(context, &popup)? })))
}
