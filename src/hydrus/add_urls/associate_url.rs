//! `POST /add_urls/associate_url`: adds and removes addresses of files.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_urls/associate_url",
    Access::Needs(Permission::EditUrls),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("url_to_add", "string", "an address to add"),
    optional("urls_to_add", "list of strings", "addresses to add"),
    optional("url_to_delete", "string", "an address to remove"),
    optional("urls_to_delete", "list of strings", "addresses to remove"),
    optional("normalise_urls", "boolean", "whether those added take their stored form; true"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let urls = |one: &str, many: &str| -> Result<Vec<String>, Rejection> {
        let mut urls: Vec<&str> = params.text(one)?.into_iter().collect();
        urls.extend(params.texts(many)?.unwrap_or_default());
        Ok(urls.into_iter().map(str::to_owned).collect())
    };
    let add = urls("url_to_add", "urls_to_add")?;
    let delete = urls("url_to_delete", "urls_to_delete")?;
    if add.is_empty() && delete.is_empty() {
        return Err(Rejection::bad_request("Did not find any URLs to add or delete!"));
    }
    let normalise = params.flag("normalise_urls", true)?;
    let items = context.files_to_write(params)?;
    context.library().associate_urls(items, add, delete, normalise)?;
    Ok(Answer::Empty)
}
