//! `Tag`, and what performers and studios share with it.

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::group::Group;
use super::marker;
use super::performer::Performer;
use super::scene::StashId;
use super::scope::Scope;
use super::studio::Studio;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::model::entity::EntityKind;
use crate::model::ids::TagId;

/// A tag.
pub(super) struct Tag(Entity);

/// An entity with its scope: the fields that all kinds share.
pub(super) struct Entity {
    pub(super) scope: Rc<Scope>,
    pub(super) card: Rc<EntityCard>,
}

impl Tag {
    /// The tag of a card.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Tag {
        Tag(Entity::new(scope, card))
    }
}

impl Entity {
    /// The entity of a card.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Entity {
        Entity { scope: Rc::clone(scope), card }
    }

    /// The visible items that bear it, down so many levels.
    pub(super) fn bearers(&self, field: Field<'_>) -> Result<RoaringBitmap, FieldError> {
        self.scope.bearers(self.card.id, field.arguments().int("depth"))
    }

    /// The levels below it that a field asks for.
    fn tree(&self, field: Field<'_>) -> Result<Vec<TagId>, FieldError> {
        let depth = match field.arguments().int("depth").unwrap_or(0) {
            below if below < 0 => None,
            levels => Some(usize::try_from(levels).unwrap_or(usize::MAX)),
        };
        let tree = self.scope.view.entity_tree(&self.scope.entities, self.card.id, depth)?;
        Ok(tree.into_iter().collect())
    }

    /// How many entities of a kind are tagged with it.
    fn tagged<'r>(&self, field: Field<'_>, kind: EntityKind) -> Result<Resolved<'r>, FieldError> {
        let catalogue = self.scope.view.catalogue(&self.scope.entities)?;
        let mut found = std::collections::BTreeSet::new();
        for tag in self.tree(field)? {
            let of_kind = catalogue.tagged_with(tag).iter().filter(|(other, _)| *other == kind);
            found.extend(of_kind.map(|(_, id)| *id));
        }
        Ok(Resolved::from(found.len()))
    }

    /// How many entities of a kind share an item with it.
    pub(super) fn together<'r>(
        &self,
        items: &RoaringBitmap,
        kind: EntityKind,
    ) -> Result<Resolved<'r>, FieldError> {
        Ok(Resolved::from(self.sharing(items, kind)?.len()))
    }

    /// The entities of a kind that share an item with it.
    pub(super) fn sharing(
        &self,
        items: &RoaringBitmap,
        kind: EntityKind,
    ) -> Result<Vec<Rc<EntityCard>>, FieldError> {
        let mut found = std::collections::BTreeSet::new();
        for item in items {
            let item = crate::model::ids::ItemId(item);
            found.extend(self.scope.view.item_entities(&self.scope.entities, item)?);
        }
        found.remove(&self.card.id);
        self.scope.cards_of(found, kind)
    }

    /// The address of its picture under the routes of its kind.
    fn image_path<'r>(&self) -> Resolved<'r> {
        let route = match self.card.kind {
            EntityKind::Tag => "tag",
            EntityKind::Performer => "performer",
            EntityKind::Studio => "studio",
            EntityKind::Group => "group",
        };
        let (id, entity) = (self.card.id, &self.card.entity);
        let stamp = entity.updated_ms.div_euclid(1000);
        let default = if entity.image.is_some() { "" } else { "&default=true" };
        self.scope.url(format!("/{route}/{id}/image?t={stamp}{default}"))
    }

    /// Fields that all kinds have; `None` for others.
    pub(super) fn field<'a>(
        &'a self,
        field: Field<'a>,
    ) -> Option<Result<Resolved<'a>, FieldError>> {
        let entity = &*self.card.entity;
        Some(Ok(match field.name() {
            "id" => Resolved::from(self.card.id.0),
            "name" => Resolved::from(&entity.name),
            "url" => Resolved::from(entity.urls.first()),
            "urls" => Resolved::list(entity.urls.iter()),
            "favorite" => Resolved::Bool(entity.favorite),
            "ignore_auto_tag" => Resolved::Bool(entity.ignore_auto_tag),
            "rating100" => Resolved::from(entity.rating100.map(i64::from)),
            "rating" => {
                let stars = |rating: u8| (f64::from(rating) / 20.0).round().clamp(1.0, 5.0) as i64;
                Resolved::from(entity.rating100.map(stars))
            }
            "created_at" => self.scope.time(entity.created_ms),
            "updated_at" => self.scope.time(entity.updated_ms),
            "image_path" => self.image_path(),
            "checksum" => {
                use md5::Digest;
                let digest = md5::Md5::digest(entity.name.as_bytes());
                Resolved::from(crate::model::hash::to_hex(&digest))
            }
            "stash_ids" => Resolved::objects(
                entity
                    .stash_ids
                    .iter()
                    .map(|id| StashId { scope: Rc::clone(&self.scope), id: id.clone() }),
            ),
            "scene_count" | "image_count" => return Some(self.count(field)),
            // No gallery exists yet that could bear it.
            "gallery_count" => Resolved::Int(0),
            "tags" => {
                let cards = self.scope.cards_of(self.card.own_tags(), EntityKind::Tag);
                return Some(cards.map(|cards| {
                    Resolved::objects(cards.into_iter().map(|card| Tag::new(&self.scope, card)))
                }));
            }
            _ => return None,
        }))
    }

    fn count<'r>(&self, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
        let all = if field.name() == "scene_count" {
            self.scope.scenes()?
        } else {
            self.scope.images()?
        };
        Ok(Resolved::from(self.bearers(field)?.intersection_len(all)))
    }

    /// The direct relatives, as cards in the order of their names.
    pub(super) fn relatives(&self, parents: bool) -> Result<Vec<Rc<EntityCard>>, FieldError> {
        let (view, scope) = (&self.scope.view, &self.scope.entities);
        let ids = if parents {
            view.entity_parents(scope, self.card.id)?
        } else {
            view.entity_children(scope, self.card.id)?
        };
        self.scope.cards_of(ids, self.card.kind)
    }
}

impl Object for Tag {
    fn type_name(&self) -> &'static str {
        "Tag"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        if let Some(answer) = self.0.field(field) {
            return answer;
        }
        let entity = &*self.0.card.entity;
        let tags = |cards: Vec<Rc<EntityCard>>| {
            Resolved::objects(cards.into_iter().map(|card| Tag::new(&self.0.scope, card)))
        };
        Ok(match field.name() {
            "sort_name" => Resolved::from(&entity.sort_name),
            "description" => Resolved::from(&entity.description),
            "aliases" => Resolved::list(entity.aliases.iter()),
            "parents" => tags(self.0.relatives(true)?),
            "children" => tags(self.0.relatives(false)?),
            "parent_count" => Resolved::from(self.0.relatives(true)?.len()),
            "child_count" => Resolved::from(self.0.relatives(false)?.len()),
            "performer_count" => self.0.tagged(field, EntityKind::Performer)?,
            "studio_count" => self.0.tagged(field, EntityKind::Studio)?,
            "group_count" | "movie_count" => self.0.tagged(field, EntityKind::Group)?,
            "scene_marker_count" => {
                let tree = self.0.tree(field)?;
                let marked = |object: &marker::MarkerObject| {
                    object.tags().iter().any(|tag| tree.contains(tag))
                };
                Resolved::from(marker::all(&self.0.scope)?.iter().filter(|o| marked(o)).count())
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// An entity as the object of its kind.
pub(super) fn entity_object<'r>(
    scope: &Rc<Scope>,
    card: Rc<EntityCard>,
) -> Result<Resolved<'r>, FieldError> {
    Ok(match card.kind {
        EntityKind::Tag => Resolved::object(Tag::new(scope, card)),
        EntityKind::Performer => Resolved::object(Performer::new(scope, card)),
        EntityKind::Studio => Resolved::object(Studio::new(scope, card)),
        EntityKind::Group => Resolved::object(Group::new(scope, card)),
    })
}
