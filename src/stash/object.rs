//! What scenes and images have in common.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::performer::Performer;
use super::scope::Scope;
use super::studio::Studio;
use super::tag::Tag;
use crate::graphql::{Field, FieldError, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::library::objects::ObjectFile;
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::model::item::{Item, ObjectState};

/// The head of an object, with what was looked up of it so far.
pub(super) struct Head {
    pub(super) scope: Rc<Scope>,
    pub(super) id: ItemId,
    pub(super) item: Arc<Item>,
    files: OnceCell<Vec<ObjectFile>>,
    entities: OnceCell<Vec<TagId>>,
}

impl Head {
    /// The object of a visible head; `None` when it has no record.
    pub(super) fn load(scope: &Rc<Scope>, id: ItemId) -> Result<Option<Head>, FieldError> {
        Ok(scope.view.object(id)?.map(|item| Head {
            scope: Rc::clone(scope),
            id,
            item: Arc::new(item),
            files: OnceCell::new(),
            entities: OnceCell::new(),
        }))
    }

    /// Its files, the primary one first.
    pub(super) fn files(&self) -> Result<&[ObjectFile], FieldError> {
        if self.files.get().is_none() {
            let files = self.scope.view.object_files(self.id, &self.item)?;
            let _ = self.files.set(files);
        }
        Ok(self.files.get().expect("it was set above"))
    }

    /// The primary file.
    pub(super) fn primary(&self) -> Result<Option<&ObjectFile>, FieldError> {
        Ok(self.files()?.first())
    }

    fn entities(&self) -> Result<&[TagId], FieldError> {
        if self.entities.get().is_none() {
            let found = self.scope.view.item_entities(&self.scope.entities, self.id)?;
            let _ = self.entities.set(found);
        }
        Ok(self.entities.get().expect("it was set above"))
    }

    /// Its entities of a kind.
    pub(super) fn cards(&self, kind: EntityKind) -> Result<Vec<Rc<EntityCard>>, FieldError> {
        self.scope.cards_of(self.entities()?.iter().copied(), kind)
    }

    /// Its studio: the one set last through Stash, else the one of the lowest id.
    pub(super) fn studio(&self) -> Result<Option<Rc<EntityCard>>, FieldError> {
        let mut studios = self.cards(EntityKind::Studio)?;
        studios.sort_by_key(|card| card.id);
        let chosen = self.state().and_then(|state| state.studio);
        let place = studios.iter().position(|card| Some(card.id) == chosen).unwrap_or(0);
        Ok((place < studios.len()).then(|| studios.swap_remove(place)))
    }

    /// What only Stash knows of it.
    pub(super) fn state(&self) -> Option<&ObjectState> {
        self.item.object.as_deref()
    }

    /// A note's text; empty where there is none.
    pub(super) fn note<'r>(&'r self, name: &str) -> Resolved<'r> {
        Resolved::from(self.item.note(name).unwrap_or_default())
    }

    /// The second of the last change, which clients use as a key of their caches.
    pub(super) fn stamp(&self) -> i64 {
        self.item.updated_ms.div_euclid(1000)
    }

    /// The fields that scenes and images share; `None` for others.
    pub(super) fn field<'a>(
        &'a self,
        field: Field<'a>,
    ) -> Option<Result<Resolved<'a>, FieldError>> {
        let item = &*self.item;
        Some(Ok(match field.name() {
            "id" => Resolved::from(self.id.0),
            "title" | "code" | "details" | "director" | "photographer" => self.note(field.name()),
            "rating100" => Resolved::from(self.scope.view.rating100(item).map(i64::from)),
            "rating" => {
                let stars = |rating: u8| (f64::from(rating) / 20.0).round().clamp(1.0, 5.0) as i64;
                Resolved::from(self.scope.view.rating100(item).map(stars))
            }
            "url" => Resolved::from(item.urls_in_order().next()),
            "urls" => Resolved::list(item.urls_in_order()),
            "date" => Resolved::from(self.state().and_then(|state| state.date.as_deref())),
            "organized" => Resolved::Bool(!item.inbox),
            "o_counter" => Resolved::from(self.scope.view.counter(item)),
            "created_at" => self.scope.time(item.created_ms),
            "updated_at" => self.scope.time(item.updated_ms),
            "studio" => return Some(self.studio().map(|card| self.one(card, Studio::new))),
            "tags" => return Some(self.all(EntityKind::Tag, Tag::new)),
            "performers" => return Some(self.all(EntityKind::Performer, Performer::new)),
            "checksum" => {
                let md5 = item.media.as_ref().map(|media| crate::model::hash::to_hex(&media.md5));
                Resolved::from(md5)
            }
            "path" => {
                let primary = match self.primary() {
                    Ok(primary) => primary,
                    Err(error) => return Some(Err(error)),
                };
                Resolved::from(primary.map_or(String::new(), |file| super::file::text(&file.path)))
            }
            "file_mod_time" => match self.primary() {
                Ok(Some(file)) => self.scope.time(file.place.modified_ms),
                Ok(None) => Resolved::Null,
                Err(error) => return Some(Err(error)),
            },
            _ => return None,
        }))
    }

    fn all<'a, T: Object + 'a>(
        &'a self,
        kind: EntityKind,
        make: fn(&Rc<Scope>, Rc<EntityCard>) -> T,
    ) -> Result<Resolved<'a>, FieldError> {
        let cards = self.cards(kind)?;
        Ok(Resolved::objects(cards.into_iter().map(|card| make(&self.scope, card))))
    }

    fn one<'a, T: Object + 'a>(
        &self,
        card: Option<Rc<EntityCard>>,
        make: fn(&Rc<Scope>, Rc<EntityCard>) -> T,
    ) -> Resolved<'a> {
        card.map_or(Resolved::Null, |card| Resolved::object(make(&self.scope, card)))
    }
}
