//! Pages: what clients keep open, as lists on the server.

pub mod add_files;
pub mod focus_page;
pub mod get_media_viewers;
pub mod get_page_info;
pub mod get_pages;
pub mod new_page;
pub mod refresh_page;

use super::context::Context;
use super::endpoint::{Param, required};
use super::error::Rejection;
use super::params::Params;
use crate::library::pages::{Page, PageKind, PageSearch};
use crate::model::hash::to_hex;
use crate::model::ids::ItemId;
use crate::model::query::{FileDomains, SearchRequest, Sort};

/// Which page.
pub const PAGE: &[Param] = &[required("page_key", "hex string", "the page")];

/// The page that a request names.
fn page(context: &Context, params: &Params) -> Result<Page, Rejection> {
    let key = to_hex(&params.need_hex("page_key")?);
    let top = context.library().pages()?;
    let page = top.find(&key).cloned();
    page.ok_or_else(|| Rejection::not_found("Could not find that page!"))
}

/// What the search of a page finds now.
fn found(context: &Context, search: &PageSearch) -> Result<Vec<ItemId>, Rejection> {
    let request = SearchRequest {
        domains: FileDomains { current: search.domains.clone(), deleted: Vec::new() },
        sort: search.sort.and_then(Sort::from_number).unwrap_or(Sort::ImportTime),
        ascending: search.ascending,
        ..super::terms::unsorted(
            context.search_terms(&search.tags)?,
            FileDomains::default(),
            search.tag_service,
        )
    };
    Ok(context.view()?.search(&request)?)
}

/// Whether a page shows files.
fn shows_files(page: &Page) -> bool {
    page.kind != PageKind::PAGES
}
