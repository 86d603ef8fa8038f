//! `GET /manage_file_relationships/get_potentials_count`: how many pairs wait for a decision.

use serde_json::json;

use super::{PAIRS, search};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_file_relationships/get_potentials_count",
    Access::Needs(Permission::EditRelationships),
    &[FILE_DOMAIN, PAIRS],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let pairs = context.view()?.potential_pairs(&search(context, params)?)?;
    Ok(Answer::object(&json!({ "potential_duplicates_count": pairs.len() })))
}
