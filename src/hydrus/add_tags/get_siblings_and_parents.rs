//! `GET /add_tags/get_siblings_and_parents`: what tags are shown as, and what they imply.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::hydrus::services;
use crate::library::View;
use crate::model::ids::{ServiceId, TagId};
use crate::model::tag::{Tag, clean_unfinished};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/add_tags/get_siblings_and_parents",
    Access::Needs(Permission::EditTags),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[required("tags", "list of strings", "the tags")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let mut tags = Map::new();
    for raw in params.need_texts("tags")? {
        let Some(tag) = Tag::clean(raw) else {
            // A namespace without a tag is no tag, but it is not empty.
            if !clean_unfinished(raw).0.is_empty() {
                continue;
            }
            return Err(Rejection::bad_request(format!("Tag \"{raw}\" was empty!")));
        };
        if tags.contains_key(tag.as_str()) {
            continue;
        }
        let id = view.tag_by_text(tag.as_str())?;
        let mut by_service = Map::new();
        for service in view.services().real_tag_services() {
            let relatives = match id {
                Some(id) => relatives(view, service, id)?,
                None => alone(tag.as_str()),
            };
            by_service.insert(view.services().key_hex(service), relatives);
        }
        tags.insert(tag.into_string(), Value::Object(by_service));
    }
    let mut members = services::objects(view.services());
    members.insert("tags".to_owned(), Value::Object(tags));
    Ok(Answer::object(&members))
}

fn alone(tag: &str) -> Value {
    json!({"ideal_tag": tag, "siblings": [tag], "descendants": [], "ancestors": []})
}

fn relatives(view: &View, service: ServiceId, tag: TagId) -> Result<Value, Rejection> {
    let relations = view.relations();
    let texts = |tags: Vec<TagId>| -> Result<Vec<String>, Rejection> {
        let text = |tag| -> Result<Arc<str>, Rejection> { Ok(view.tag_text(tag)?) };
        tags.into_iter().map(|tag| Ok(text(tag)?.to_string())).collect()
    };
    Ok(json!({
        "ideal_tag": &*view.tag_text(relations.ideal(service, tag))?,
        "siblings": texts(relations.chain(service, tag))?,
        "descendants": texts(relations.descendants(service, tag))?,
        "ancestors": texts(relations.ancestors(service, tag))?,
    }))
}
