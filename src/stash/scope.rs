//! What all resolvers of one request share: one view of the library, and how addresses are written.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::door::Shared;
use crate::graphql::{FieldError, Resolved};
use crate::library::View;
use crate::library::entities::{Catalogue, EntityCard, EntityScope};
use crate::library::objects::TextField;
use crate::model::entity::EntityKind;
use crate::model::ids::TagId;
use crate::model::natural::Query;
use crate::model::time;

/// What a request knows of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Scheme, host and prefix of all addresses that are answered, without a slash at the end.
    pub(super) base: String,
}

/// The state of one request.
pub(super) struct Scope {
    pub(super) view: View,
    pub(super) entities: EntityScope,
    pub(super) shared: Arc<Shared>,
    pub(super) origin: Origin,
    scenes: OnceCell<RoaringBitmap>,
    images: OnceCell<RoaringBitmap>,
    cards: RefCell<HashMap<TagId, Option<Rc<EntityCard>>>>,
}

impl Scope {
    /// A scope over the library as of now.
    pub(super) fn new(shared: &Arc<Shared>, origin: Origin) -> Result<Rc<Scope>, FieldError> {
        let view = shared.library.view()?;
        let entities = view.entity_scope(&shared.rules);
        Ok(Rc::new(Scope {
            view,
            entities,
            shared: Arc::clone(shared),
            origin,
            scenes: OnceCell::new(),
            images: OnceCell::new(),
            cards: RefCell::new(HashMap::new()),
        }))
    }

    /// The library as of now, for the answer to a write.
    pub(super) fn renewed(&self) -> Result<Rc<Scope>, FieldError> {
        Scope::new(&self.shared, self.origin.clone())
    }

    /// All scenes.
    pub(super) fn scenes(&self) -> Result<&RoaringBitmap, FieldError> {
        if self.scenes.get().is_none() {
            let _ = self.scenes.set(self.view.scenes()?);
        }
        Ok(self.scenes.get().expect("it was set above"))
    }

    /// All images.
    pub(super) fn images(&self) -> Result<&RoaringBitmap, FieldError> {
        if self.images.get().is_none() {
            let _ = self.images.set(self.view.images()?);
        }
        Ok(self.images.get().expect("it was set above"))
    }

    /// The tag that stands for another spelling; itself where there is none.
    pub(super) fn ideal(&self, id: TagId) -> TagId {
        let ideals = self.entities.services.iter();
        ideals.map(|s| self.view.relations().ideal(*s, id)).find(|ideal| *ideal != id).unwrap_or(id)
    }

    /// An entity, remembered for this request.
    pub(super) fn card(&self, id: TagId) -> Result<Option<Rc<EntityCard>>, FieldError> {
        if let Some(known) = self.cards.borrow().get(&id) {
            return Ok(known.clone());
        }
        let card = self.view.entity(&self.entities, id)?.map(Rc::new);
        self.cards.borrow_mut().insert(id, card.clone());
        Ok(card)
    }

    /// An entity that the catalogue lists; `None` when it is newer than this request.
    pub(super) fn listed(
        &self,
        catalogue: &Catalogue,
        id: TagId,
    ) -> Result<Option<EntityCard>, FieldError> {
        match catalogue.record(id) {
            Some(card) => Ok(Some(card.clone())),
            None => Ok(self.view.entity(&self.entities, id)?),
        }
    }

    /// All entities of a kind, in the order of their names.
    pub(super) fn listed_all(
        &self,
        catalogue: &Catalogue,
        kind: EntityKind,
    ) -> Result<Vec<EntityCard>, FieldError> {
        let ids = catalogue.of_kind(kind).iter();
        ids.filter_map(|id| self.listed(catalogue, *id).transpose()).collect()
    }

    /// The entities of a kind with this name, or one of these aliases if they count, without regard
    /// to case.
    pub(super) fn named(
        &self,
        kind: EntityKind,
        name: &str,
        with_aliases: bool,
    ) -> Result<Vec<EntityCard>, FieldError> {
        let catalogue = self.view.catalogue(&self.entities)?;
        let name = name.to_lowercase();
        let is_it = |card: &EntityCard| {
            card.entity.name.to_lowercase() == name
                || with_aliases && card.entity.aliases.iter().any(|a| a.to_lowercase() == name)
        };
        let mut found: Vec<EntityCard> =
            catalogue.recorded(kind).filter(|c| is_it(c)).cloned().collect();
        // A name without a record is that of a tag, in whichever spelling of a sibling.
        for tag in self.entities.rules.tags_for(kind, &name) {
            let Some(tag) = self.view.tag_by_text(tag.as_str())? else { continue };
            for service in &self.entities.services {
                let ideal = self.view.relations().ideal(*service, tag);
                let card = self.view.existing_entity(&self.entities, kind, ideal)?;
                found.extend(card.filter(|card| is_it(card)));
            }
        }
        found.sort_by_key(|card| card.id);
        found.dedup_by_key(|card| card.id);
        Ok(found)
    }

    /// The entities of these ids that are of a kind, in the order of their names.
    pub(super) fn cards_of(
        &self,
        ids: impl IntoIterator<Item = TagId>,
        kind: EntityKind,
    ) -> Result<Vec<Rc<EntityCard>>, FieldError> {
        let mut cards = Vec::new();
        for id in ids {
            cards.extend(self.card(id)?.filter(|card| card.kind == kind));
        }
        cards.sort_by(|a, b| crate::model::natural::natural_order(a.sort_name(), b.sort_name()));
        Ok(cards)
    }

    /// Items that may hold the words of a search; `None` where nothing narrows them down.
    pub(super) fn word_candidates(
        &self,
        query: &Query,
    ) -> Result<Option<RoaringBitmap>, FieldError> {
        let mut narrowed: Option<RoaringBitmap> = None;
        for term in &query.must {
            // What may be part of a hash, or a pattern, is not for the index.
            let is_hash = term.chars().all(|sign| sign.is_ascii_hexdigit());
            if is_hash || term.contains(['%', '_']) {
                continue;
            }
            let fields = [TextField::Title, TextField::Details, TextField::Path];
            if let Some(found) = self.view.text_candidates(&fields, term)? {
                narrowed = Some(match narrowed {
                    Some(known) => known & found,
                    None => found,
                });
            }
        }
        Ok(narrowed)
    }

    /// The items that bear an entity: itself, or down so many levels.
    pub(super) fn bearers(
        &self,
        id: TagId,
        depth: Option<i64>,
    ) -> Result<RoaringBitmap, FieldError> {
        let depth = match depth.unwrap_or(0) {
            0 => return Ok(self.view.entity_items(&self.entities, id)?),
            below if below < 0 => None,
            levels => Some(usize::try_from(levels).unwrap_or(usize::MAX)),
        };
        Ok(self.view.entity_tree_items(&self.entities, id, depth)?)
    }

    /// A moment as this API writes it.
    pub(super) fn time<'r>(&self, moment_ms: i64) -> Resolved<'r> {
        let second = moment_ms.div_euclid(1000) * 1000;
        Resolved::from(time::rfc3339(second, &self.shared.zone))
    }

    /// A moment in UTC: plays and counts.
    pub(super) fn utc<'r>(&self, moment_ms: i64) -> Resolved<'r> {
        Resolved::from(time::rfc3339(moment_ms, &jiff::tz::TimeZone::UTC))
    }

    /// A full address.
    pub(super) fn url<'r>(&self, path: impl std::fmt::Display) -> Resolved<'r> {
        Resolved::from(format!("{}{path}", self.origin.base))
    }
}

/// Reads an id; `what` names it in the refusal.
pub(super) fn parse_id(text: &str, what: &str) -> Result<u32, FieldError> {
    text.parse::<i64>().map(|id| u32::try_from(id).unwrap_or(u32::MAX)).map_err(|_| {
        FieldError::new(format!(
            "converting {what}: strconv.Atoi: parsing {text:?}: invalid syntax"
        ))
    })
}

/// Reads a list of entity ids.
pub(super) fn parse_tags(texts: &[&str], what: &str) -> Result<Vec<TagId>, FieldError> {
    texts.iter().map(|text| Ok(TagId(parse_id(text, what)?))).collect()
}
