//! Groups inside groups: which, in which order, and what is said of each link.

use std::rc::Rc;

use serde_json::Value as Json;

use super::entities::{known, put_detail};
use crate::graphql::{Field, FieldError, Map, Resolved, Value};
use crate::library::entities::{EntityChange, ListChange, update_entity};
use crate::model::entity::{Entity, EntityKind};
use crate::model::ids::TagId;
use crate::stash::group::{SUB_GROUP_ORDER, place_in};
use crate::stash::scope::Scope;

/// The detail of a group that says something of its link to each group that contains it.
const DESCRIPTIONS: &str = "containing_descriptions";

/// `addGroupSubGroups`, `removeGroupSubGroups` and `reorderSubGroups`.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let input = field.arguments().map("input").ok_or(FieldError::from("input is missing"))?;
    let name = if field.name() == "reorderSubGroups" { "group_id" } else { "containing_group_id" };
    let id = known(scope, EntityKind::Group, input.str(name).unwrap_or_default())?;
    match field.name() {
        "addGroupSubGroups" => add(scope, id, input)?,
        "removeGroupSubGroups" => {
            let gone = groups(scope, &input.strs("sub_group_ids").unwrap_or_default())?;
            let mut order = contained(scope, id)?;
            order.retain(|group| !gone.contains(group));
            write(scope, id, Some(ListChange::Remove(gone)), order, Vec::new())?;
        }
        _ => reorder(scope, id, input)?,
    }
    Ok(Resolved::Bool(true))
}

fn groups(scope: &Rc<Scope>, texts: &[&str]) -> Result<Vec<TagId>, FieldError> {
    texts.iter().map(|text| known(scope, EntityKind::Group, text)).collect()
}

/// The groups that a group contains, in their order.
fn contained(scope: &Rc<Scope>, id: TagId) -> Result<Vec<TagId>, FieldError> {
    let children = scope.view.entity_children(&scope.entities, id)?;
    let mut cards = scope.cards_of(children, EntityKind::Group)?;
    if let Some(own) = scope.card(id)? {
        cards.sort_by_key(|card| place_in(&own, card.id).unwrap_or(usize::MAX));
    }
    Ok(cards.iter().map(|card| card.id).collect())
}

fn add(scope: &Rc<Scope>, id: TagId, input: &Map) -> Result<(), FieldError> {
    let links = input.list("sub_groups").unwrap_or_default().iter().filter_map(Value::as_map);
    let links: Vec<&Map> = links.collect();
    let ids = links.iter().map(|link| link.str("group_id").unwrap_or_default());
    let added = groups(scope, &ids.collect::<Vec<_>>())?;
    for group in &added {
        if scope.view.entity_tree(&scope.entities, *group, None)?.contains(&id) {
            return Err(FieldError::from("a group cannot be contained by one of its subgroups"));
        }
    }
    let said = added
        .iter()
        .zip(&links)
        .filter_map(|(group, link)| Some((*group, link.str("description")?.to_owned())));
    let said = said.collect();
    let mut order = contained(scope, id)?;
    let new: Vec<TagId> = added.iter().filter(|group| !order.contains(group)).copied().collect();
    let at = input.int("insert_index").and_then(|at| usize::try_from(at).ok());
    let at = at.unwrap_or(order.len()).min(order.len());
    order.splice(at..at, new);
    write(scope, id, Some(ListChange::Add(added)), order, said)
}

fn reorder(scope: &Rc<Scope>, id: TagId, input: &Map) -> Result<(), FieldError> {
    let moved = groups(scope, &input.strs("sub_group_ids").unwrap_or_default())?;
    let anchor = known(scope, EntityKind::Group, input.str("insert_at_id").unwrap_or_default())?;
    let mut order = contained(scope, id)?;
    if let Some(stranger) = moved.iter().chain([&anchor]).find(|group| !order.contains(group)) {
        return Err(FieldError::new(format!("group with id {stranger} is not a subgroup of {id}")));
    }
    if moved.contains(&anchor) {
        return Err(FieldError::from("a group cannot be put beside itself"));
    }
    order.retain(|group| !moved.contains(group));
    let after = usize::from(input.bool("insert_after") == Some(true));
    let at = order.iter().position(|group| *group == anchor).unwrap_or(0) + after;
    order.splice(at..at, moved);
    write(scope, id, None, order, Vec::new())
}

fn write(
    scope: &Rc<Scope>,
    id: TagId,
    children: Option<ListChange<TagId>>,
    order: Vec<TagId>,
    said: Vec<(TagId, String)>,
) -> Result<(), FieldError> {
    let entities = scope.entities.clone();
    scope.shared.library.write(move |tx| {
        let put_order = |entity: &mut Entity| {
            let order = order.iter().map(|group| Json::from(group.0)).collect();
            put_detail(entity, SUB_GROUP_ORDER, Json::Array(order));
        };
        let change = EntityChange { edit: &put_order, parents: None, children: children.clone() };
        update_entity(tx, &entities, id, &change)?;
        said.iter().try_for_each(|(group, text)| {
            let describe = |entity: &mut Entity| describe(entity, id, text);
            let change = EntityChange { edit: &describe, parents: None, children: None };
            update_entity(tx, &entities, *group, &change)
        })
    })?;
    Ok(())
}

/// Says something of the link from a group to the one that contains it.
fn describe(entity: &mut Entity, containing: TagId, text: &str) {
    let known = entity.details.iter().find(|(name, _)| name == DESCRIPTIONS);
    let known = known.and_then(|(_, text)| serde_json::from_str(text).ok());
    let mut all: serde_json::Map<String, Json> = known.unwrap_or_default();
    all.insert(containing.to_string(), Json::from(text));
    put_detail(entity, DESCRIPTIONS, Json::Object(all));
}
