//! `POST /manage_pages/refresh_page`: searches again.

use super::{PAGE, found, page};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_pages/refresh_page",
    Access::Needs(Permission::ManagePages),
    &[PAGE],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let page = page(context, params)?;
    if let Some(search) = page.search.as_ref().filter(|search| !search.is_locked) {
        // Without terms it shows nothing, also where it began with files.
        let files = if search.tags.is_empty() { Vec::new() } else { found(context, search)? };
        context.library().change_page(page.key, move |page| page.files.clone_from(&files))?;
    }
    Ok(Answer::Empty)
}
