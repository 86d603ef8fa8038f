//! `POST /add_notes/delete_notes`: removes notes of one file by name.

use super::{check_one_file, one_file};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_notes/delete_notes",
    Access::Needs(Permission::EditNotes),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] =
    &[required("note_names", "list of strings", "the notes; unknown names are left out")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    check_one_file(context, params)?;
    let names: Vec<String> =
        params.need_texts("note_names")?.into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(Answer::Empty);
    }
    let item = one_file(context, params)?;
    context.library().delete_notes(item, names)?;
    Ok(Answer::Empty)
}
