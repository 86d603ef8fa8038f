//! `POST /manage_headers/set_user_agent`: the `User-Agent` of all connections (older clients).

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_headers/set_user_agent",
    Access::Needs(Permission::ManageCookies),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[required("user-agent", "string", "an empty one brings the first back")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let user_agent = params.need_text("user-agent")?.to_owned();
    context.library().set_user_agent(user_agent)?;
    Ok(Answer::Empty)
}
