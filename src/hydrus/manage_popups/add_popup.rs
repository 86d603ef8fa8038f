//! `POST /manage_popups/add_popup`: makes a popup.

use serde_json::json;

use super::{CONTENT, change, shown};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};
use crate::library::PopupStart;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_popups/add_popup",
    Access::Needs(Permission::ManagePopups),
    &[FILES, CONTENT, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("is_cancellable", "boolean", "whether people may cancel it; false"),
    optional("is_pausable", "boolean", "whether people may pause it; false"),
    optional("attached_files_mergable", "boolean", "whether its files join those of others; false"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let start = PopupStart {
        is_cancellable: params.flag("is_cancellable", false)?,
        is_pausable: params.flag("is_pausable", false)?,
        files_mergable: params.flag("attached_files_mergable", false)?,
    };
    let popup = context.library().add_popup(start, change(context, params)?)?;
    Ok(Answer::object(&json!({ "job_status": shown(context, &popup)? })))
}
