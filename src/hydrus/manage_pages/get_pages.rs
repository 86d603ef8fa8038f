//! `GET /manage_pages/get_pages`: all pages.

use serde_json::{Value, json};

use super::shows_files;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::pages::{Page, PageKind};

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/manage_pages/get_pages", Access::Needs(Permission::ManagePages), &[], call);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    Ok(Answer::object(&json!({ "pages": shown(&context.library().pages()?, true) })))
}

fn shown(page: &Page, selected: bool) -> Value {
    let mut row = json!({
        "name": page.name,
        "page_key": page.key,
        "page_state": 0,
        "page_type": page.kind.0,
        "is_media_page": shows_files(page),
        "selected": selected,
    });
    if page.kind == PageKind::PAGES {
        let pages = page.pages.iter().enumerate();
        row["pages"] =
            pages.map(|(place, below)| shown(below, selected && place == page.current)).collect();
    }
    row
}
