//! `POST /manage_pages/focus_page`: shows a page.

use super::{PAGE, page};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_pages/focus_page",
    Access::Needs(Permission::ManagePages),
    &[PAGE],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let page = page(context, params)?;
    context.library().focus_page(page.key)?;
    Ok(Answer::Empty)
}
