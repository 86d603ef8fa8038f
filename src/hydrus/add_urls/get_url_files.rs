//! `GET /add_urls/get_url_files`: the files that are known by an address.

use serde_json::{Value, json};

use super::given_url;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::FileStatus;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/add_urls/get_url_files", Access::Needs(Permission::EditUrls), &[PARAMS], call);

const PARAMS: &[Param] = &[
    required("url", "string", "the address"),
    optional("doublecheck_file_system", "boolean", "whether the bytes must be there; false"),
];

/// Files that are there stay there for a while.
const SETTLED_AGE_S: u32 = 30;

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let check_disk = params.flag("doublecheck_file_system", false)?;
    let (normalised_url, items) = view.url_files(given_url(params)?)?;
    let mut statuses: Vec<Value> = Vec::new();
    let mut is_settled = true;
    for id in items {
        let Some(hash) = view.item(id)?.and_then(|item| item.sha256) else { continue };
        let found = view.recognise(id, "url", check_disk)?;
        is_settled &= found.status == FileStatus::Held;
        statuses.push(json!({
            "status": found.status as u8,
            "hash": hash.to_hex(),
            "note": found.note,
        }));
    }
    let answer = json!({ "normalised_url": normalised_url, "url_file_statuses": statuses });
    let answer = Answer::object(&answer);
    Ok(if is_settled { answer.for_seconds(SETTLED_AGE_S) } else { answer })
}
