//! `POST /manage_pages/add_files`: adds files to a page.

use super::{page, shows_files};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_pages/add_files",
    Access::Needs(Permission::ManagePages),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[required("page_key", "hex string", "a page that shows files")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    if !params.has("page_key") {
        return Err(Rejection::bad_request("You need a page key for this request!"));
    }
    context.files(params)?;
    let page = page(context, params)?;
    if !shows_files(&page) {
        return Err(Rejection::bad_request("That page key was not for a normal media page!"));
    }
    let items = context.files_to_write(params)?;
    context.library().add_page_files(page.key, items)?;
    Ok(Answer::Empty)
}
