//! `Group`, and `Movie`, which older clients call the same thing.

use std::rc::Rc;

use super::performer::{counted, detail};
use super::scene::Scene;
use super::scope::Scope;
use super::studio::Studio;
use super::tag::Entity;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};

/// The detail of a group that lists the groups it contains in their order.
pub(super) const SUB_GROUP_ORDER: &str = "sub_group_order";

/// A group, under one of its two names.
pub(super) struct Group {
    entity: Entity,
    type_name: &'static str,
}

impl Group {
    /// The group of a card.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Group {
        Group { entity: Entity::new(scope, card), type_name: "Group" }
    }

    /// The same for clients that say movie.
    pub(super) fn movie(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Group {
        Group { type_name: "Movie", ..Group::new(scope, card) }
    }

    fn studio(&self) -> Result<Resolved<'_>, FieldError> {
        let (scope, card) = (&self.entity.scope, &self.entity.card);
        let id = card.detail("studio_id").and_then(|id| u32::try_from(id.as_u64()?).ok());
        let studio = id.map(|id| scope.card(TagId(id))).transpose()?.flatten();
        let studio = studio.filter(|studio| studio.kind == EntityKind::Studio);
        Ok(studio.map_or(Resolved::Null, |card| Resolved::object(Studio::new(scope, card))))
    }

    fn scenes(&self) -> Result<Resolved<'_>, FieldError> {
        let scope = &self.entity.scope;
        let mut scenes = Vec::new();
        for id in scope.bearers(self.entity.card.id, None)? & scope.scenes()? {
            scenes.extend(Scene::load(scope, ItemId(id))?);
        }
        Ok(Resolved::objects(scenes))
    }

    /// The groups above or below it, with what is said of each link.
    fn related(&self, above: bool) -> Result<Resolved<'_>, FieldError> {
        let scope = &self.entity.scope;
        let own = self.entity.card.id;
        let mut cards = self.entity.relatives(above)?;
        if !above {
            cards.sort_by_key(|card| place_in(&self.entity.card, card.id).unwrap_or(usize::MAX));
        }
        let related = cards.into_iter().map(|card| {
            let description = if above {
                link_description(&self.entity.card, card.id)
            } else {
                link_description(&card, own)
            };
            GroupDescription { group: Group::new(scope, card), description }
        });
        Ok(Resolved::objects(related))
    }

    /// The address of a picture; the back may be missing, the front has a default.
    fn picture(&self, side: &str) -> Resolved<'_> {
        let card = &self.entity.card;
        let stamp = card.entity.updated_ms.div_euclid(1000);
        let is_there = match side {
            "front" => card.entity.image.is_some(),
            _ => card.detail("back_image").is_some(),
        };
        let default = match (is_there, side) {
            (true, _) => "",
            (false, "front") => "&default=true",
            (false, _) => return Resolved::Null,
        };
        self.entity.scope.url(format!("/group/{}/{side}image?t={stamp}{default}", card.id))
    }
}

/// The place of a group among those that another contains, where a person put them in order.
pub(super) fn place_in(containing: &EntityCard, id: TagId) -> Option<usize> {
    let order = containing.detail(SUB_GROUP_ORDER)?;
    order.as_array()?.iter().position(|known| known.as_u64() == Some(u64::from(id.0)))
}

/// What is said of the link from a group to the one that contains it.
fn link_description(card: &EntityCard, containing: TagId) -> Option<String> {
    let all = card.detail("containing_descriptions")?;
    Some(all.get(containing.to_string())?.as_str()?.to_owned()).filter(|text| !text.is_empty())
}

impl Object for Group {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let (scope, card) = (&self.entity.scope, &self.entity.card);
        let entity = &*card.entity;
        Ok(match field.name() {
            "aliases" => Resolved::from(entity.aliases.join(", ")),
            "duration" | "date" => detail(card, field.name()).unwrap_or(Resolved::Null),
            "director" => detail(card, "director").unwrap_or(Resolved::from("")),
            "synopsis" => Resolved::from(&entity.description),
            "studio" => self.studio()?,
            "containing_groups" => self.related(true)?,
            "sub_groups" => self.related(false)?,
            "sub_group_count" => {
                let depth = match field.arguments().int("depth").unwrap_or(0) {
                    below if below < 0 => None,
                    levels => Some(usize::try_from(levels).unwrap_or(0).saturating_add(1)),
                };
                let tree = scope.view.entity_tree(&scope.entities, card.id, depth)?;
                Resolved::from(tree.len() - 1)
            }
            "front_image_path" => self.picture("front"),
            "back_image_path" => self.picture("back"),
            "performer_count" => {
                let scenes = self.entity.bearers(field)? & scope.scenes()?;
                self.entity.together(&scenes, EntityKind::Performer)?
            }
            "scenes" => self.scenes()?,
            "o_counter" => {
                let scenes = scope.bearers(card.id, None)? & scope.scenes()?;
                Resolved::from(counted(scope, &scenes)?)
            }
            _ => return self.entity.field(field).unwrap_or(Err(FieldError::Unresolved)),
        })
    }
}

/// A group with what is said of its link to another.
struct GroupDescription {
    group: Group,
    description: Option<String>,
}

impl Object for GroupDescription {
    fn type_name(&self) -> &'static str {
        "GroupDescription"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "group" => Resolved::Ref(&self.group),
            "description" => Resolved::from(self.description.as_ref()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// A group that a scene belongs to, with its place in the group if it was given one.
pub(super) struct SceneGroup {
    group: Group,
    type_name: &'static str,
    index: Option<i64>,
}

impl SceneGroup {
    /// The link to a group.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>, index: Option<i64>) -> SceneGroup {
        SceneGroup { group: Group::new(scope, card), type_name: "SceneGroup", index }
    }

    /// The same for clients that say movie.
    pub(super) fn movie(scope: &Rc<Scope>, card: Rc<EntityCard>, index: Option<i64>) -> SceneGroup {
        SceneGroup { group: Group::movie(scope, card), type_name: "SceneMovie", index }
    }
}

impl Object for SceneGroup {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "group" | "movie" => Resolved::Ref(&self.group),
            "scene_index" => Resolved::from(self.index),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
