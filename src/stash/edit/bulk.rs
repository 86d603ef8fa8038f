//! Several entities at once: the same change on many, performers that become one.

use std::rc::Rc;

use super::entities::{Update, answer, known};
use super::inputs;
use crate::graphql::{FieldError, Map, Resolved, Value};
use crate::library::entities::merge_entities;
use crate::model::entity::EntityKind;
use crate::model::ids::TagId;
use crate::stash::scope::{Scope, parse_tags};

/// The fields of bulk inputs that are lists.
const LISTS: &[&str] = &[
    "urls",
    "aliases",
    "alias_list",
    "tag_ids",
    "parent_ids",
    "child_ids",
    "containing_groups",
    "sub_groups",
];

/// `bulkTagUpdate` and the others: all or none.
pub(super) fn update<'r>(
    scope: &Rc<Scope>,
    kind: EntityKind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let answers = updated(scope, kind, arguments)?.into_iter().map(|id| answer(scope, id));
    Ok(Resolved::List(answers.collect::<Result<Vec<_>, _>>()?))
}

/// Changes several entities; returns which.
pub(super) fn updated(
    scope: &Rc<Scope>,
    kind: EntityKind,
    arguments: &Map,
) -> Result<Vec<TagId>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let mut updates = Vec::new();
    for id in input.strs("ids").unwrap_or_default() {
        let one = input_of_one(scope, kind, input, known(scope, kind, id)?)?;
        updates.push(Update::read(scope, kind, &one)?);
    }
    let ids: Vec<TagId> = updates.iter().map(|update| update.id).collect();
    let entities = scope.entities.clone();
    scope
        .shared
        .library
        .write(move |tx| updates.iter().try_for_each(|update| update.write(tx, &entities)))?;
    Ok(ids)
}

/// The input as it is for one of the entities: changes of lists become lists.
fn input_of_one(
    scope: &Rc<Scope>,
    kind: EntityKind,
    input: &Map,
    id: TagId,
) -> Result<Map, FieldError> {
    let card = scope.view.existing_entity(&scope.entities, kind, id)?;
    let card = card.ok_or(FieldError::from("the entity is gone"))?;
    let mut one = Map::new();
    let strings = |list: Vec<String>| Value::List(list.into_iter().map(Value::String).collect());
    for (name, value) in input.iter() {
        let is_bulk = value.as_map().is_some();
        let value = match name {
            "ids" => continue,
            // A list that is null says nothing here.
            _ if value.is_null() && LISTS.contains(&name) => continue,
            "aliases" | "alias_list" if is_bulk => {
                let change = inputs::strings(input, name)?;
                let list = change.map(|change| change.apply(&card.entity.aliases));
                strings(list.unwrap_or_default())
            }
            "tag_ids" if is_bulk => {
                let change = inputs::ids(input, name)?;
                let tags = change.map(|change| change.apply(&card.own_tags())).unwrap_or_default();
                strings(tags.iter().map(TagId::to_string).collect())
            }
            _ => value.clone(),
        };
        one.insert(name, value);
    }
    one.insert("id", Value::String(id.to_string()));
    Ok(one)
}

/// `performerMerge`: the sources' items go to the destination, their names and the rest are lost
/// unless they are given.
pub(super) fn merge_performers<'r>(
    scope: &Rc<Scope>,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let kind = EntityKind::Performer;
    let sources = parse_tags(&input.strs("source").unwrap_or_default(), "source ids")?;
    let id = known(scope, kind, input.str("destination").unwrap_or_default())?;
    if sources.contains(&id) {
        return Err(FieldError::from("destination performer cannot be in source list"));
    }
    for source in &sources {
        known(scope, kind, &source.to_string())?;
    }
    let mut values = input.map("values").cloned().unwrap_or_default();
    if ["url", "twitter", "instagram"].iter().any(|name| values.given(name).is_some()) {
        return Err(FieldError::from("Merging legacy performer URLs is not supported"));
    }
    values.insert("id", Value::String(id.to_string()));
    let update = Update::read(scope, kind, &values)?;
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    scope.shared.library.write(move |tx| {
        update.write(tx, &entities)?;
        merge_entities(tx, &entities, &relations, &sources, id)
    })?;
    answer(scope, id)
}
