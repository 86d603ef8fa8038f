//! `GET /add_tags/clean_tags`: how tags will be stored.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::model::tag::{clean_all, human_order};

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/add_tags/clean_tags", Access::Needs(Permission::EditTags), &[PARAMS], call);

const PARAMS: &[Param] = &[required("tags", "list of strings", "tags as typed")];

fn call(_: &Context, params: &Params) -> Result<Answer, Rejection> {
    let mut tags = clean_all(params.need_texts("tags")?);
    tags.sort_by(|left, right| human_order(left.as_str(), right.as_str()));
    let tags: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
    Ok(Answer::object(&json!({ "tags": tags })))
}
