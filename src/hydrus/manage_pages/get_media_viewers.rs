//! `GET /manage_pages/get_media_viewers`: nothing is ever shown here.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_pages/get_media_viewers",
    Access::Needs(Permission::ManagePages),
    &[],
    call,
);

fn call(_: &Context, _: &Params) -> Result<Answer, Rejection> {
    Ok(Answer::object(&json!({ "media_viewers": [] })))
}
