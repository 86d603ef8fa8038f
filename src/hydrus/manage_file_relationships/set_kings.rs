//! `POST /manage_file_relationships/set_kings`: makes files the best of their groups.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_file_relationships/set_kings",
    Access::Needs(Permission::EditRelationships),
    &[FILES],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let items = context.files_to_write(params)?;
    context.library().set_kings(items)?;
    Ok(Answer::Empty)
}
