//! `Studio`.

use std::rc::Rc;

use super::group::Group;
use super::performer::counted;
use super::scope::Scope;
use super::tag::Entity;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::model::entity::EntityKind;

/// A studio.
pub(super) struct Studio(Entity);

impl Studio {
    /// The studio of a card.
    pub(super) fn new(scope: &Rc<Scope>, card: Rc<EntityCard>) -> Studio {
        Studio(Entity::new(scope, card))
    }
}

impl Object for Studio {
    fn type_name(&self) -> &'static str {
        "Studio"
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
        let studio = |card: Rc<EntityCard>| Studio::new(scope, card);
        Ok(match field.name() {
            "aliases" => Resolved::list(entity.aliases.iter()),
            "details" => Resolved::from(&entity.description),
            "parent_studio" => {
                let parent = self.0.relatives(true)?.into_iter().next();
                parent.map_or(Resolved::Null, |card| Resolved::object(studio(card)))
            }
            "child_studios" => Resolved::objects(self.0.relatives(false)?.into_iter().map(studio)),
            "performer_count" => {
                let items = self.0.bearers(field)? & scope.view.visible()?;
                self.0.together(&items, EntityKind::Performer)?
            }
            "group_count" | "movie_count" => {
                let scenes = self.0.bearers(field)? & scope.scenes()?;
                self.0.together(&scenes, EntityKind::Group)?
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
            _ => return Err(FieldError::Unresolved),
        })
    }
}
