//! `GET /manage_popups/get_popups`: all popups.

use serde_json::{Value, json};

use super::shown;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_popups/get_popups",
    Access::Needs(Permission::ManagePopups),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] =
    &[optional("only_in_view", "boolean", "nothing is out of view here, so all are shown")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    params.flag("only_in_view", false)?;
    let popups = context.library().popups();
    let popups = popups.iter().map(|popup| shown(context, popup));
    let popups: Vec<Value> = popups.collect::<Result<_, _>>()?;
    Ok(Answer::object(&json!({ "job_statuses": popups })))
}
