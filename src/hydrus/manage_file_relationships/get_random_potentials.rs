//! `GET /manage_file_relationships/get_random_potentials`: files that a chain of pairs connects to a random one.

use serde_json::json;

use super::{PAIRS, hashes, search};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_file_relationships/get_random_potentials",
    Access::Needs(Permission::EditRelationships),
    &[FILE_DOMAIN, PAIRS],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let files = view.random_potentials(&search(context, params)?)?;
    let hashes = hashes(view, &files)?;
    Ok(Answer::object(&json!({ "random_potential_duplicate_hashes": hashes })))
}
