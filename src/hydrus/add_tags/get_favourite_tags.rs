//! `GET /add_tags/get_favourite_tags`: a short list that clients offer.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/add_tags/get_favourite_tags", Access::Needs(Permission::EditTags), &[], call);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    Ok(Answer::object(&json!({ "favourite_tags": context.view()?.favourite_tags()? })))
}
