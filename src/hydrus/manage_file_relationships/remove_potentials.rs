//! `POST /manage_file_relationships/remove_potentials`: forgets the pairs of files that wait for a decision.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_file_relationships/remove_potentials",
    Access::Needs(Permission::EditRelationships),
    &[FILES],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let items = context.files_to_write(params)?;
    context.library().remove_potentials(items)?;
    Ok(Answer::Empty)
}
