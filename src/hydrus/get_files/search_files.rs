//! `GET /get_files/search_files`: the files that fulfil all terms.

use serde_json::{Value, json};

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::json::Writer;
use crate::hydrus::params::{FILE_DOMAIN, Params, TAG_SERVICE};
use crate::library::View;
use crate::model::ids::ItemId;
use crate::model::query::{SearchRequest, Sort};
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/get_files/search_files", ACCESS, &[PARAMS, FILE_DOMAIN, TAG_SERVICE], call);

const PARAMS: &[Param] = &[
    optional("tags", "list", "terms; a list among them means any of its members"),
    optional("include_current_tags", "boolean", "tags that are there count; true"),
    optional("include_pending_tags", "boolean", "tags that are proposed count; true"),
    optional("file_sort_type", "integer", "what to sort by; 2, the import time"),
    optional("file_sort_asc", "boolean", "smallest first; true"),
    optional("return_file_ids", "boolean", "whether to answer ids; true"),
    optional("return_hashes", "boolean", "whether to answer hashes; false"),
];

/// The number of the sort by import time.
const DEFAULT_SORT: i64 = 2;

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let domains = context.file_domains(params, builtin::COMBINED_LOCAL)?;
    let service = context.tag_service(params)?;
    let tag_service = Some(service).filter(|service| *service != builtin::ALL_KNOWN_TAGS);
    if tag_service.is_none() && domains.current.contains(&builtin::ALL_KNOWN_FILES) {
        let sentence = "Sorry, search for all known tags over all known files is not supported!";
        return Err(Rejection::bad_request(sentence));
    }
    let include_current = params.flag("include_current_tags", true)?;
    let include_pending = params.flag("include_pending_tags", true)?;
    let terms = match params.list("tags")? {
        Some(terms) => context.search_terms(terms)?,
        None => Vec::new(),
    };
    if terms.is_empty() {
        // This was a search as well: what a restricted key found before is forgotten.
        context.remember_search(&[]);
        return Ok(Answer::object(&json!({ "file_ids": [] })));
    }
    let sort = Sort::from_number(params.integer("file_sort_type")?.unwrap_or(DEFAULT_SORT));
    let Some(sort) = sort else {
        return Err(Rejection::bad_request("Sorry, did not understand that sort type!"));
    };
    let ascending = params.flag("file_sort_asc", true)?;
    // Of these two null is not the same as nothing.
    for name in ["return_hashes", "return_file_ids"] {
        params.refuse_null(name)?;
    }
    let wants_ids = params.flag("return_file_ids", true)?;
    let wants_hashes = params.flag("return_hashes", false)?;
    let view = context.view()?;
    let found = view.search(&SearchRequest {
        terms,
        domains,
        tag_service,
        include_current,
        include_pending,
        sort,
        ascending,
        limit: None,
    })?;
    context.remember_search(&found);
    answer(view, &found, wants_ids, wants_hashes)
}

fn answer(
    view: &View,
    found: &[ItemId],
    wants_ids: bool,
    wants_hashes: bool,
) -> Result<Answer, Rejection> {
    let mut hashes = Vec::new();
    if wants_hashes {
        hashes.reserve(found.len());
        for id in found {
            let hash = view.item(*id)?.and_then(|item| item.sha256);
            hashes.push(hash.map_or(Value::Null, |hash| Value::from(hash.to_hex())));
        }
    }
    let mut writer = Writer::with_capacity(32 + found.len() * 9 + hashes.len() * 68);
    writer.object(|object| {
        if wants_hashes {
            object.member("hashes", &hashes);
        }
        if wants_ids {
            object.member("file_ids", found);
        }
    });
    Ok(Answer::written(writer.finish()))
}
