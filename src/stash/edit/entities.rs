//! Tags, performers and studios: made, changed, merged, destroyed.

use std::rc::Rc;

use serde_json::Value as Json;

use super::inputs;
use super::items::check_entities;
use crate::graphql::{Field, FieldError, Map, Resolved, Value};
use crate::library;
use crate::library::entities::{
    EntityChange, EntityScope, ListChange, create_entity, destroy_entity, merge_entities,
    update_entity,
};
use crate::library::objects::{MarkerEdit, Tx, edit_marker, put_picture};
use crate::model::entity::{Entity, EntityKind};
use crate::model::hash::Sha256;
use crate::model::ids::TagId;
use crate::stash::group::{Group, SUB_GROUP_ORDER};
use crate::stash::marker;
use crate::stash::scope::{Scope, parse_id, parse_tags};
use crate::stash::tag::entity_object;

/// Fields that are kept as they are given, by their names in the schema.
const DETAILS: &[&str] = &[
    "gender",
    "birthdate",
    "death_date",
    "ethnicity",
    "country",
    "eye_color",
    "height_cm",
    "measurements",
    "fake_tits",
    "penis_length",
    "circumcised",
    "career_length",
    "tattoos",
    "piercings",
    "hair_color",
    "weight",
    "director",
    "duration",
    "date",
    "studio_id",
];

/// The input of a kind, read and checked.
#[derive(Clone)]
struct Input {
    kind: EntityKind,
    input: Map,
    rating: Option<Option<u8>>,
    urls: Option<ListChange<String>>,
    aliases: Option<Vec<String>>,
    stash_ids: Option<Vec<(String, String, i64)>>,
    picture: Option<Option<Vec<u8>>>,
    /// The back of a group.
    back: Option<Option<Vec<u8>>>,
    tags: Option<Vec<TagId>>,
    parents: Option<ListChange<TagId>>,
    children: Option<ListChange<TagId>>,
}

fn name_of(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Tag => "tag",
        EntityKind::Performer => "performer",
        EntityKind::Studio => "studio",
        EntityKind::Group => "group",
    }
}

impl Input {
    fn read(scope: &Rc<Scope>, kind: EntityKind, input: &Map) -> Result<Input, FieldError> {
        let set = |change: ListChange<String>| change.apply(&[]);
        let aliases = match (inputs::strings(input, "alias_list")?, input.get("aliases")) {
            (Some(aliases), _) => Some(set(aliases)),
            (None, Some(value)) => Some(match value.as_str() {
                Some(text) => text.split(',').map(|alias| alias.trim().to_owned()).collect(),
                None => inputs::strings(input, "aliases")?.map(set).unwrap_or_default(),
            }),
            (None, None) => None,
        };
        let (parents, children) = match kind {
            EntityKind::Group => {
                (linked(input, "containing_groups")?, linked(input, "sub_groups")?)
            }
            EntityKind::Tag | EntityKind::Performer | EntityKind::Studio => {
                let parents = match inputs::id(input, "parent_id")? {
                    Some(parent) => Some(ListChange::Set(parent.into_iter().collect())),
                    None => inputs::ids(input, "parent_ids")?,
                };
                (parents, inputs::ids(input, "child_ids")?)
            }
        };
        for change in [&parents, &children].into_iter().flatten() {
            check_entities(scope, kind, &change.apply(&[]))?;
        }
        let tags = inputs::ids(input, "tag_ids")?.map(|change| change.apply(&[]));
        check_entities(scope, EntityKind::Tag, tags.as_deref().unwrap_or_default())?;
        inputs::date(input, "birthdate")?;
        inputs::date(input, "death_date")?;
        inputs::date(input, "date")?;
        let studio = inputs::id(input, "studio_id")?.flatten();
        check_entities(scope, EntityKind::Studio, studio.as_slice())?;
        let image = if kind == EntityKind::Group { "front_image" } else { "image" };
        Ok(Input {
            kind,
            rating: inputs::rating(input)?,
            urls: inputs::urls(input)?,
            aliases: aliases.map(|list| list.into_iter().filter(|a| !a.is_empty()).collect()),
            stash_ids: inputs::stash_ids(input)?,
            picture: inputs::picture(&scope.shared.library, input, image)?,
            back: inputs::picture(&scope.shared.library, input, "back_image")?,
            tags,
            parents,
            children,
            input: input.clone(),
        })
    }

    /// Lays the input over a record: what is absent stays.
    fn apply(&self, entity: &mut Entity, picture: Option<Option<Sha256>>) {
        let text = |name: &str| inputs::text(&self.input, name);
        let put = |name: &str, place: &mut String| {
            if let Some(text) = text(name) {
                *place = text;
            }
        };
        put("name", &mut entity.name);
        put("sort_name", &mut entity.sort_name);
        put("disambiguation", &mut entity.disambiguation);
        let described = match self.kind {
            EntityKind::Tag => "description",
            EntityKind::Group => "synopsis",
            EntityKind::Performer | EntityKind::Studio => "details",
        };
        put(described, &mut entity.description);
        let flag = |name: &str, now: bool| self.input.bool(name).unwrap_or(now);
        entity.favorite = flag("favorite", entity.favorite);
        entity.ignore_auto_tag = flag("ignore_auto_tag", entity.ignore_auto_tag);
        if let Some(rating) = self.rating {
            entity.rating100 = rating;
        }
        if let Some(urls) = &self.urls {
            entity.urls = urls.apply(&entity.urls);
        }
        if let Some(aliases) = &self.aliases {
            entity.aliases.clone_from(aliases);
        }
        if let Some(ids) = &self.stash_ids {
            entity.stash_ids.clone_from(ids);
        }
        if let Some(picture) = picture {
            entity.image = picture;
        }
        for name in DETAILS {
            if let Some(value) = self.input.get(name) {
                // An id is kept as the number that it is.
                let id = value.as_str().filter(|_| *name == "studio_id");
                let id = id.and_then(|text| text.parse::<u32>().ok()).map(Json::from);
                put_detail(entity, name, id.unwrap_or_else(|| value.to_json()));
            }
        }
        if let Some(links) = self.input.list("containing_groups") {
            let described = links.iter().filter_map(Value::as_map).filter_map(|link| {
                let (id, text) = (link.str("group_id")?, link.str("description")?);
                Some((id.to_owned(), Json::from(text)))
            });
            put_detail(entity, "containing_descriptions", Json::Object(described.collect()));
        }
        if let Some(links) = self.input.list("sub_groups") {
            let ids = links.iter().filter_map(|link| link.as_map()?.str("group_id")?.parse().ok());
            put_detail(entity, SUB_GROUP_ORDER, ids.collect::<Vec<u32>>().into());
        }
        if let Some(height) = text("height") {
            put_detail(entity, "height_cm", height.parse::<i64>().map_or(Json::Null, Json::from));
        }
        if let Some(tags) = &self.tags {
            put_detail(entity, "tag_ids", tags.iter().map(|tag| tag.0).collect());
        }
        if let Some(fields) = self.input.map("custom_fields") {
            put_custom_fields(entity, fields);
        }
    }
}

/// The groups of a list of links.
fn linked(input: &Map, name: &str) -> Result<Option<ListChange<TagId>>, FieldError> {
    let bulk = input.map(name);
    let Some(list) = bulk.map_or_else(|| input.list(name), |bulk| bulk.list("groups")) else {
        return Ok(None);
    };
    let ids = list.iter().filter_map(|link| link.as_map()?.str("group_id"));
    let ids = ids.map(|id| Ok(TagId(parse_id(id, "group id")?)));
    let ids = ids.collect::<Result<Vec<_>, FieldError>>()?;
    Ok(Some(match bulk.and_then(|bulk| bulk.str("mode")) {
        Some("ADD") => ListChange::Add(ids),
        Some("REMOVE") => ListChange::Remove(ids),
        _ => ListChange::Set(ids),
    }))
}

/// The pictures of an input, kept, laid over a record with the rest.
fn edit_of(tx: &mut Tx, input: &Input) -> impl Fn(&mut Entity) + Send + Sync + use<> {
    let kept = |tx: &mut Tx, picture: &Option<Option<Vec<u8>>>| {
        picture.as_ref().map(|bytes| bytes.as_ref().map(|bytes| put_picture(tx, bytes)))
    };
    let (picture, back) = (kept(tx, &input.picture), kept(tx, &input.back));
    let input = input.clone();
    move |entity| {
        input.apply(entity, picture);
        if let Some(back) = back {
            let hash = back.map_or(Json::Null, |hash| Json::from(hash.to_hex()));
            put_detail(entity, "back_image", hash);
        }
    }
}

/// Sets a field of one kind; null and empty text remove it.
pub(super) fn put_detail(entity: &mut Entity, name: &str, value: Json) {
    entity.details.retain(|(known, _)| known != name);
    if !value.is_null() && value.as_str() != Some("") {
        entity.details.push((name.to_owned(), value.to_string()));
    }
}

/// Own fields: all of them, or `{full}`, or `{partial, remove}`.
fn put_custom_fields(entity: &mut Entity, fields: &Map) {
    let known = entity.details.iter().find(|(name, _)| name == "custom_fields");
    let known = known.and_then(|(_, text)| serde_json::from_str(text).ok());
    let is_change = ["full", "partial", "remove"].iter().any(|name| fields.contains(name));
    let object = |map: &Map| match crate::graphql::Value::Object(map.clone()).to_json() {
        Json::Object(object) => object,
        _ => serde_json::Map::new(),
    };
    let now = match (is_change, fields.map("full")) {
        (false, _) => object(fields),
        (true, Some(full)) => object(full),
        (true, None) => {
            let mut now: serde_json::Map<String, Json> = known.unwrap_or_default();
            now.extend(fields.map("partial").map(object).unwrap_or_default());
            for name in fields.strs("remove").unwrap_or_default() {
                now.remove(name);
            }
            now
        }
    };
    put_detail(entity, "custom_fields", Json::Object(now));
}

/// Refuses a name or alias that another entity of the kind has.
fn check_names(scope: &Rc<Scope>, input: &Input, own: Option<TagId>) -> Result<(), FieldError> {
    let what = name_of(input.kind);
    let name = inputs::text(&input.input, "name");
    if input.kind == EntityKind::Group {
        return match name.as_deref() {
            Some("") => Err(FieldError::from("name cannot be empty")),
            _ => Ok(()),
        };
    }
    if name.as_deref().is_some_and(str::is_empty) {
        return Err(FieldError::new(format!("{what} name must not be blank")));
    }
    let disambiguation = inputs::text(&input.input, "disambiguation").unwrap_or_default();
    let aliases = input.aliases.iter().flatten();
    for (text, is_name) in name.iter().map(|name| (name, true)).chain(aliases.map(|a| (a, false))) {
        let same = text.to_lowercase();
        let others = scope.named(input.kind, text, true)?;
        for card in others.iter().filter(|card| Some(card.id) != own) {
            let entity = &card.entity;
            let named = entity.name.to_lowercase() == same;
            match input.kind {
                EntityKind::Performer if is_name && named => {
                    if entity.disambiguation.to_lowercase() == disambiguation.to_lowercase() {
                        let mut message = format!("performer with name '{text}'");
                        if !disambiguation.is_empty() {
                            message += &format!(" and disambiguation '{disambiguation}'");
                        }
                        return Err(FieldError::new(format!("{message} already exists")));
                    }
                }
                EntityKind::Tag | EntityKind::Studio => {
                    if named {
                        let message = format!("{what} with name '{text}' already exists");
                        return Err(FieldError::new(message));
                    }
                    if entity.aliases.iter().any(|alias| alias.to_lowercase() == same) {
                        let other = &entity.name;
                        let message = format!("name '{text}' is used as alias for '{other}'");
                        return Err(FieldError::new(message));
                    }
                }
                EntityKind::Performer | EntityKind::Group => {}
            }
        }
    }
    Ok(())
}

/// Refuses a hierarchy that would close a loop.
fn check_loops(scope: &Rc<Scope>, id: TagId, input: &Input) -> Result<(), FieldError> {
    let (view, entities) = (&scope.view, &scope.entities);
    let wanted = |change: &Option<ListChange<TagId>>| {
        change.as_ref().map(|change| change.apply(&[])).unwrap_or_default()
    };
    let name = |id: TagId| -> Result<String, FieldError> {
        Ok(scope.card(id)?.map_or(String::new(), |card| card.entity.name.clone()))
    };
    let children = wanted(&input.children);
    for parent in wanted(&input.parents) {
        let below = view.entity_tree(entities, id, None)?;
        if below.contains(&parent) || children.contains(&parent) {
            return Err(match input.kind {
                EntityKind::Studio => FieldError::from("studio cannot be an ancestor of itself"),
                EntityKind::Group => {
                    FieldError::from("a group cannot be contained by one of its subgroups")
                }
                _ => FieldError::new(format!(
                    "cannot apply tag \"{}\" as a parent of \"{}\" as it is already a descendant",
                    name(parent)?,
                    name(id)?
                )),
            });
        }
    }
    for child in children {
        if view.entity_tree(entities, child, None)?.contains(&id) {
            if input.kind == EntityKind::Group {
                let text = "a group cannot be contained by one of its subgroups";
                return Err(FieldError::from(text));
            }
            return Err(FieldError::new(format!(
                "cannot apply tag \"{}\" as a child of \"{}\" as it is already an ancestor",
                name(child)?,
                name(id)?
            )));
        }
    }
    Ok(())
}

/// `tagCreate` and the others.
pub(super) fn create<'r>(
    scope: &Rc<Scope>,
    kind: EntityKind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    answer(scope, created(scope, kind, arguments)?)
}

/// The same for clients that say movie: to make, to change one or several.
pub(super) fn movie<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let (kind, arguments) = (EntityKind::Group, field.arguments());
    let ids = match field.name() {
        "movieCreate" => vec![created(scope, kind, arguments)?],
        "movieUpdate" => vec![updated(scope, kind, arguments)?],
        _ => super::bulk::updated(scope, kind, arguments)?,
    };
    let renewed = scope.renewed()?;
    let mut movies = Vec::new();
    for id in ids {
        movies.extend(renewed.card(id)?.map(|card| Resolved::object(Group::movie(&renewed, card))));
    }
    Ok(match field.name() {
        "bulkMovieUpdate" => Resolved::List(movies),
        _ => movies.pop().unwrap_or(Resolved::Null),
    })
}

fn created(scope: &Rc<Scope>, kind: EntityKind, arguments: &Map) -> Result<TagId, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let input = Input::read(scope, kind, input)?;
    check_names(scope, &input, None)?;
    let name = inputs::text(&input.input, "name").unwrap_or_default();
    let entities = scope.entities.clone();
    let id = scope.shared.library.write(move |tx| {
        let edit = edit_of(tx, &input);
        let (parents, children) = (input.parents.clone(), input.children.clone());
        let change = EntityChange { edit: &edit, parents, children };
        create_entity(tx, &entities, kind, &name, &change)
    })?;
    Ok(id)
}

/// `tagUpdate` and the others.
pub(super) fn update<'r>(
    scope: &Rc<Scope>,
    kind: EntityKind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    answer(scope, updated(scope, kind, arguments)?)
}

fn updated(scope: &Rc<Scope>, kind: EntityKind, arguments: &Map) -> Result<TagId, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let update = Update::read(scope, kind, input)?;
    let (id, entities) = (update.id, scope.entities.clone());
    scope.shared.library.write(move |tx| update.write(tx, &entities))?;
    Ok(id)
}

/// A change of one entity, read and checked.
pub(super) struct Update {
    pub(super) id: TagId,
    input: Input,
}

impl Update {
    /// Reads an input with the id of an entity that must be there.
    pub(super) fn read(
        scope: &Rc<Scope>,
        kind: EntityKind,
        input: &Map,
    ) -> Result<Update, FieldError> {
        let id = known(scope, kind, input.str("id").unwrap_or_default())?;
        let input = Input::read(scope, kind, input)?;
        check_names(scope, &input, Some(id))?;
        check_loops(scope, id, &input)?;
        Ok(Update { id, input })
    }

    /// Writes it.
    pub(super) fn write(&self, tx: &mut Tx, entities: &EntityScope) -> library::Result<()> {
        let edit = edit_of(tx, &self.input);
        let (parents, children) = (self.input.parents.clone(), self.input.children.clone());
        update_entity(tx, entities, self.id, &EntityChange { edit: &edit, parents, children })
    }
}

pub(super) fn answer<'r>(scope: &Rc<Scope>, id: TagId) -> Result<Resolved<'r>, FieldError> {
    let scope = scope.renewed()?;
    match scope.card(id)? {
        Some(card) => entity_object(&scope, card),
        None => Ok(Resolved::Null),
    }
}

/// The entity of an id, which must be there.
pub(super) fn known(scope: &Rc<Scope>, kind: EntityKind, text: &str) -> Result<TagId, FieldError> {
    let id = TagId(parse_id(text, "id")?);
    match scope.view.existing_entity(&scope.entities, kind, id)? {
        Some(_) => Ok(id),
        None => Err(FieldError::new(format!("{} with id {id} not found", name_of(kind)))),
    }
}

/// `tagDestroy`, `performersDestroy` and the others.
pub(super) fn destroy<'r>(
    scope: &Rc<Scope>,
    kind: EntityKind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let texts = match arguments.strs("ids") {
        Some(ids) => ids,
        None => arguments.map("input").and_then(|input| input.str("id")).into_iter().collect(),
    };
    let ids = texts.iter().map(|text| known(scope, kind, text)).collect::<Result<Vec<_>, _>>()?;
    let mut markers = Vec::new();
    if kind == EntityKind::Tag {
        for object in marker::all(scope)? {
            if ids.contains(&object.primary_tag()) {
                let text = "cannot delete tag used as a primary tag in scene markers";
                return Err(FieldError::from(text));
            }
            if object.marker.tags.iter().any(|tag| ids.contains(tag)) {
                markers.push(object.marker.id);
            }
        }
    }
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    scope.shared.library.write(move |tx| {
        let tags = Some(ListChange::Remove(ids.clone()));
        let edit = MarkerEdit { tags, ..MarkerEdit::default() };
        markers.iter().try_for_each(|marker| edit_marker(tx, *marker, &edit))?;
        ids.iter().try_for_each(|id| destroy_entity(tx, &entities, &relations, *id))
    })?;
    Ok(Resolved::Bool(true))
}

/// `tagsMerge`: the sources' items and names go to the destination.
pub(super) fn merge_tags<'r>(
    scope: &Rc<Scope>,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let sources = parse_tags(&input.strs("source").unwrap_or_default(), "source ids")?;
    if sources.is_empty() {
        return Ok(Resolved::Null);
    }
    let id = known(scope, EntityKind::Tag, input.str("destination").unwrap_or_default())?;
    if sources.contains(&id) {
        return Err(FieldError::from("cannot merge where source == destination"));
    }
    let mut names = Vec::new();
    for source in &sources {
        known(scope, EntityKind::Tag, &source.to_string())?;
        if let Some(card) = scope.card(*source)? {
            names.push(card.entity.name.clone());
            names.extend(card.entity.aliases.iter().cloned());
        }
    }
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    scope.shared.library.write(move |tx| {
        merge_entities(tx, &entities, &relations, &sources, id)?;
        let edit = |entity: &mut Entity| {
            entity.aliases = ListChange::Add(names.clone()).apply(&entity.aliases);
        };
        update_entity(
            tx,
            &entities,
            id,
            &EntityChange { edit: &edit, parents: None, children: None },
        )
    })?;
    answer(scope, id)
}
