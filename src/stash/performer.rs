//! `Performer`.

use std::rc::Rc;

use super::group::Group;
use super::scene::Scene;
use super::scope::Scope;
use super::tag::Entity;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::model::entity::EntityKind;
use crate::model::ids::ItemId;

/// A performer.
pub(super) struct Performer(Entity);

/// Texts that are empty when nothing was said.
const TEXTS: &[&str] = &[
    "ethnicity",
    "country",
    "eye_color",
    "measurements",
    "fake_tits",
    "career_length",
    "tattoos",
    "piercings",
    "hair_color",
];

/// Facts that are null when nothing was said.
const FACTS: &[&str] =
    &["gender", "birthdate", "death_date", "height_cm", "penis_length", "circumcised", "weight"];

impl Performer {
    /// The performer of a card.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Performer {
        Performer(Entity::new(scope, card))
    }

    /// The first address that names a site.
    fn address(&self, site: &str) -> Resolved<'_> {
        Resolved::from(self.0.card.entity.urls.iter().find(|url| url.contains(site)))
    }

    fn scenes(&self) -> Result<Resolved<'_>, FieldError> {
        let scope = &self.0.scope;
        let found = scope.bearers(self.0.card.id, None)? & scope.scenes()?;
        let mut scenes = Vec::new();
        for id in found {
            scenes.extend(Scene::load(scope, ItemId(id))?);
        }
        Ok(Resolved::objects(scenes))
    }
}

/// The sum of the counters of some items.
pub(super) fn counted(scope: &Scope, items: &roaring::RoaringBitmap) -> Result<u64, FieldError> {
    let facts = scope.view.facts()?;
    Ok(items.iter().filter_map(|id| facts.get(ItemId(id))).map(|facts| facts.counter).sum())
}

/// A detail of a record as a resolved value; `None` when there is none.
pub(super) fn detail<'r>(card: &EntityCard, name: &str) -> Option<Resolved<'r>> {
    use serde_json::Value as Json;
    Some(match card.detail(name)? {
        Json::Null => return None,
        Json::Bool(value) => Resolved::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Resolved::Int(whole),
            None => Resolved::Float(number.as_f64().unwrap_or(0.0)),
        },
        Json::String(text) => Resolved::from(text),
        other @ (Json::Array(_) | Json::Object(_)) => Resolved::Json(other),
    })
}

impl Object for Performer {
    fn type_name(&self) -> &'static str {
        "Performer"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        if let Some(answer) = self.0.field(field) {
            return answer;
        }
        let (scope, card) = (&self.0.scope, &self.0.card);
        let entity = &*card.entity;
        Ok(match field.name() {
            name if TEXTS.contains(&name) => detail(card, name).unwrap_or(Resolved::from("")),
            name if FACTS.contains(&name) => detail(card, name).unwrap_or(Resolved::Null),
            "disambiguation" => Resolved::from(&entity.disambiguation),
            "details" => Resolved::from(&entity.description),
            "twitter" => self.address("twitter.com/"),
            "instagram" => self.address("instagram.com/"),
            "alias_list" => Resolved::list(entity.aliases.iter()),
            "aliases" => Resolved::from(entity.aliases.join(", ")),
            "height" => {
                let height = card.detail("height_cm").and_then(|height| height.as_i64());
                Resolved::from(height.map(|height| height.to_string()))
            }
            "group_count" | "movie_count" => {
                let scenes = scope.bearers(card.id, None)? & scope.scenes()?;
                self.0.together(&scenes, EntityKind::Group)?
            }
            "performer_count" => {
                let items = scope.bearers(card.id, None)? & scope.view.visible()?;
                self.0.together(&items, EntityKind::Performer)?
            }
            "groups" => {
                let items = scope.bearers(card.id, None)? & scope.scenes()?;
                let groups = self.0.sharing(&items, EntityKind::Group)?.into_iter();
                Resolved::objects(groups.map(|card| Group::new(scope, card)))
            }
            "movies" => {
                let items = scope.bearers(card.id, None)? & scope.scenes()?;
                let groups = self.0.sharing(&items, EntityKind::Group)?.into_iter();
                Resolved::objects(groups.map(|card| Group::movie(scope, card)))
            }
            "o_counter" => Resolved::from(counted(scope, &scope.bearers(card.id, None)?)?),
            "scenes" => self.scenes()?,
            "custom_fields" => {
                let empty = || serde_json::Value::Object(serde_json::Map::new());
                Resolved::Json(card.detail("custom_fields").unwrap_or_else(empty))
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}
