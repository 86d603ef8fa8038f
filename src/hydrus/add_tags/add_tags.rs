//! `POST /add_tags/add_tags`: adds, deletes, pends and petitions tags of files.

use serde_json::Value;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params, all_of, service_by_name, wrong_type};
use crate::library::{TagAction, TagChange, TagChangeRules};
use crate::model::hash::from_hex;
use crate::model::ids::ServiceId;
use crate::model::service::{ServiceKind, builtin};
use crate::model::tag::Tag;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_tags/add_tags",
    Access::Needs(Permission::EditTags),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("service_keys_to_tags", "object", "service key to tags, which are added or pended"),
    optional("service_keys_to_actions_to_tags", "object", "service key to action to tags; wins"),
    optional("service_names_to_tags", "object", "the same by name"),
    optional("service_names_to_actions_to_tags", "object", "the same by name"),
    optional("override_previously_deleted_mappings", "boolean", "add deleted tags again; true"),
    optional("create_new_deleted_mappings", "boolean", "delete tags that are not there; true"),
];

/// What says which tags.
const TAGGING: [&str; 4] = [
    "service_keys_to_tags",
    "service_keys_to_actions_to_tags",
    "service_names_to_tags",
    "service_names_to_actions_to_tags",
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    // Refused before anything is written: finding the files may give them ids.
    params.file_names()?;
    let services = |keys: &str, names: &str| by_service(context, params, keys, names);
    let plain = services("service_keys_to_tags", "service_names_to_tags")?;
    let by_action =
        services("service_keys_to_actions_to_tags", "service_names_to_actions_to_tags")?;
    let is_given = TAGGING.iter().any(|name| params.has(name));
    if !is_given {
        return Err(Rejection::bad_request(
            "Need a service_keys_to_tags or service_keys_to_actions_to_tags parameter!",
        ));
    }
    let rules = TagChangeRules {
        override_previously_deleted: params.flag("override_previously_deleted_mappings", true)?,
        create_new_deleted: params.flag("create_new_deleted_mappings", true)?,
    };
    let mut changes = Vec::new();
    if by_action.is_empty() {
        for (service, tags) in plain {
            let list = tags.as_array().map(Vec::as_slice).unwrap_or_default();
            all_of("tags in service_keys_to_tags", list, "string", Value::as_str)?;
            let is_local = kind(context, service)? == ServiceKind::LOCAL_TAGS;
            let action = if is_local { TagAction::Add } else { TagAction::Pend };
            collect(&mut changes, service, action, "tags", tags)?;
        }
    } else {
        for (service, actions) in by_action {
            let Some(actions) = actions.as_object() else {
                return Err(wrong_type("actions_to_tags", actions, "object/dict"));
            };
            for (number, tags) in actions {
                match fitting(context, service, number)? {
                    Some(action) => collect(&mut changes, service, action, "tags", tags)?,
                    None if tags.is_array() => {}
                    None => return Err(wrong_type("tags in actions_to_tags", tags, "list")),
                }
            }
        }
    }
    // All known tags holds none of its own: naming it is allowed and does nothing.
    changes.retain(|change| change.service != builtin::ALL_KNOWN_TAGS);
    let files = context.files_to_write(params)?;
    context.library().change_tags(files, changes, rules)?;
    Ok(Answer::Empty)
}

/// The members of the two objects, by service.
fn by_service<'a>(
    context: &Context,
    params: &'a Params,
    keys: &str,
    names: &str,
) -> Result<Vec<(ServiceId, &'a Value)>, Rejection> {
    let mut found = Vec::new();
    for (key, value) in params.object(keys)?.into_iter().flatten() {
        if key.is_empty() {
            continue;
        }
        let bytes = from_hex(key).unwrap_or_default();
        found.push((context.tag_service_of(&bytes)?, value));
    }
    for (name, value) in params.object(names)?.into_iter().flatten() {
        let (_, service) = service_by_name(context.view()?.services(), name)?;
        found.push((context.tag_service_of(&service.key)?, value));
    }
    Ok(found)
}

fn kind(context: &Context, service: ServiceId) -> Result<ServiceKind, Rejection> {
    let kind = context.view()?.services().kind(service);
    Ok(kind.unwrap_or(ServiceKind::LOCAL_TAGS))
}

/// The action of a number, which must be one that the service knows. Numbers beyond all actions
/// do nothing where there is nothing to add or delete at once.
fn fitting(
    context: &Context,
    service: ServiceId,
    number: &str,
) -> Result<Option<TagAction>, Rejection> {
    let Ok(value) = number.trim().parse::<i64>() else {
        let sentence = format!("Sorry, got an action, \"{number}\", that was not an integer!");
        return Err(Rejection::bad_request(sentence));
    };
    let kind = kind(context, service)?;
    let action = TagAction::from_number(value);
    let is_direct = matches!(action, Some(TagAction::Add | TagAction::Delete));
    if (kind == ServiceKind::LOCAL_TAGS) == is_direct {
        return Ok(action);
    }
    let key = context.view()?.services().key_hex(service);
    let why = if kind == ServiceKind::LOCAL_TAGS {
        "you can only add/delete on a local tag domain!"
    } else {
        "you cannot add/delete on a tag repository!"
    };
    Err(Rejection::bad_request(format!(
        "Sorry, you submitted a content action of \"{value}\" for service \"{key}\", but {why}"
    )))
}

/// Adds a change for each tag; what is no tag, or empty once cleaned, is left out.
fn collect(
    changes: &mut Vec<TagChange>,
    service: ServiceId,
    action: TagAction,
    name: &str,
    tags: &Value,
) -> Result<(), Rejection> {
    const DEFAULT_REASON: &str = "Petitioned from API";
    let Some(tags) = tags.as_array() else { return Err(wrong_type(name, tags, "list")) };
    for entry in tags {
        let (text, reason) = match entry {
            Value::String(text) => (text.as_str(), DEFAULT_REASON),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(text), Value::String(reason)] => (text.as_str(), reason.as_str()),
                _ => continue,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => continue,
        };
        if let Some(tag) = Tag::clean(text) {
            changes.push(TagChange { service, action, tag, reason: reason.to_owned() });
        }
    }
    Ok(())
}
