//! The catalogue: every entity that exists, in the order of names.
//!
//! Kept in memory as ids, four bytes an entity, with the few entities that a person recorded beside
//! them. Commits note which tags gained or lost bearers; the next reader looks at those alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use super::{EntityCard, EntityScope};
use crate::library::View;
use crate::library::error::Result;
use crate::model::entity::{Entity, EntityKind};
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::natural::natural_key;
use crate::store::{ChangeKind, Committed, ENTITIES, META, Read, Status, TAGS, TagRecord};

const KINDS: [EntityKind; 4] =
    [EntityKind::Tag, EntityKind::Performer, EntityKind::Studio, EntityKind::Group];

/// Every entity that exists for Stash: recorded, or on something visible.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// By kind, in the order of sort names or names, natural order.
    kinds: [Arc<Vec<TagId>>; 4],
    present: [RoaringBitmap; 4],
    /// The entities with a record of their own.
    recorded: HashMap<TagId, EntityCard>,
    /// From an entity to the performers, studios and groups that are tagged with it.
    tagged: HashMap<TagId, Vec<(EntityKind, TagId)>>,
}

/// The catalogue as of some state, and what changed since.
#[derive(Default)]
pub(in crate::library) struct CatalogueCache {
    state: Mutex<Option<State>>,
    noted: Mutex<Noted>,
}

struct State {
    /// What the whole depends on: siblings and parents, services, and which of these are read.
    fits: (u64, u64, Vec<ServiceId>),
    catalogue: Arc<Catalogue>,
}

#[derive(Default)]
struct Noted {
    tags: RoaringBitmap,
    /// Items that came into sight or left it: all their tags may have.
    moved: RoaringBitmap,
}

impl CatalogueCache {
    /// Notes what a commit changed, before it is answered.
    pub(in crate::library) fn note(&self, committed: &Committed) {
        let entities = committed.changes.iter().filter(|change| change.kind == ChangeKind::Entity);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.tags |= &committed.borne;
        noted.tags.extend(entities.map(|change| change.id));
        noted.moved |= &committed.moved;
    }

    /// Forgets everything: after changes that nobody was told of.
    pub(in crate::library) fn clear(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Catalogue {
    /// The entities of a kind, by sort name or name, natural order.
    #[must_use]
    pub fn of_kind(&self, kind: EntityKind) -> &[TagId] {
        &self.kinds[kind as usize]
    }

    /// Whether the entity exists and is of the kind.
    #[must_use]
    pub fn has(&self, kind: EntityKind, id: TagId) -> bool {
        self.present[kind as usize].contains(id.0)
    }

    /// The entities of a kind that a person recorded, in no order.
    pub fn recorded(&self, kind: EntityKind) -> impl Iterator<Item = &EntityCard> {
        self.recorded.values().filter(move |card| card.kind == kind)
    }

    /// A recorded entity.
    #[must_use]
    pub fn record(&self, id: TagId) -> Option<&EntityCard> {
        self.recorded.get(&id)
    }

    /// The performers, studios and groups that a person tagged with a tag.
    #[must_use]
    pub fn tagged_with(&self, tag: TagId) -> &[(EntityKind, TagId)] {
        self.tagged.get(&tag).map_or(&[], Vec::as_slice)
    }

    /// Takes an entity out of everything but the order.
    fn forget(&mut self, id: TagId) {
        for present in &mut self.present {
            present.remove(id.0);
        }
        if let Some(card) = self.recorded.remove(&id) {
            for tag in own_tags(&card.entity) {
                if let Some(list) = self.tagged.get_mut(&tag) {
                    list.retain(|(_, other)| *other != id);
                }
            }
        }
    }

    fn put(&mut self, card: EntityCard) {
        self.present[card.kind as usize].insert(card.id.0);
        if card.is_recorded {
            for tag in own_tags(&card.entity) {
                self.tagged.entry(tag).or_default().push((card.kind, card.id));
            }
            self.recorded.insert(card.id, card);
        }
    }
}

/// The tags of a performer, studio or group.
#[must_use]
pub(super) fn own_tags(entity: &Entity) -> Vec<TagId> {
    let text = entity.details.iter().find(|(name, _)| name == "tag_ids").map(|(_, text)| text);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

impl View {
    /// The catalogue, no older than this view.
    ///
    /// # Errors
    /// When reading fails.
    pub fn catalogue(&self, scope: &EntityScope) -> Result<Arc<Catalogue>> {
        let library = self.library();
        let cache = &library.catalogue;
        let mut state = cache.state.lock().unwrap_or_else(PoisonError::into_inner);
        let noted =
            std::mem::take(&mut *cache.noted.lock().unwrap_or_else(PoisonError::into_inner));
        // Later than all that was noted; what is noted from here on waits for its turn.
        // Where that fails there is no state, and everything is loaded the next time.
        let known = state.take();
        let fresh = library.view()?.renewed_catalogue(scope, known, &noted)?;
        Ok(Arc::clone(&state.insert(fresh).catalogue))
    }

    fn renewed_catalogue(
        &self,
        scope: &EntityScope,
        known: Option<State>,
        noted: &Noted,
    ) -> Result<State> {
        let counter = |name: &str| -> Result<u64> {
            Ok(self.snapshot.get(&META, &name.to_owned())?.unwrap_or(0))
        };
        let fits = (
            counter(crate::library::relations::RELATIONS_CHANGED)?,
            counter(crate::library::services::SERVICES_CHANGED)?,
            scope.services.clone(),
        );
        let known = known.filter(|known| known.fits == fits);
        let catalogue = match known {
            None => Arc::new(self.load_catalogue(scope)?),
            Some(known) if noted.tags.is_empty() && noted.moved.is_empty() => known.catalogue,
            Some(known) => self.follow(scope, known.catalogue, noted)?,
        };
        Ok(State { fits, catalogue })
    }

    /// Looks again at what was noted.
    fn follow(
        &self,
        scope: &EntityScope,
        mut catalogue: Arc<Catalogue>,
        noted: &Noted,
    ) -> Result<Arc<Catalogue>> {
        let mut tags = noted.tags.clone();
        for item in &noted.moved {
            for (_, mappings) in self.mappings(ItemId(item))?.services {
                tags.extend(mappings.current.iter().map(|tag| tag.0));
            }
        }
        // What is borne in one spelling exists in the ideal one.
        let mut ideals = RoaringBitmap::new();
        for tag in &tags {
            for service in &scope.services {
                ideals.insert(self.relations().ideal(*service, TagId(tag)).0);
            }
        }
        tags |= ideals;
        let visible = self.visible()?;
        let (mut gone, mut come) = (RoaringBitmap::new(), Vec::new());
        for id in tags.iter().map(TagId) {
            let card = self.entity(scope, id)?;
            let mut now = None;
            if let Some(card) = card
                && (card.is_recorded || !self.entity_items(scope, id)?.is_disjoint(&visible))
            {
                now = Some(card);
            }
            let was_there = catalogue.present.iter().any(|present| present.contains(id.0));
            let is_plain = now.as_ref().is_none_or(|card| !card.is_recorded);
            if was_there == now.is_some() && is_plain && catalogue.record(id).is_none() {
                continue;
            }
            gone.insert(id.0);
            come.extend(now);
        }
        if gone.is_empty() {
            return Ok(catalogue);
        }
        let changed = Arc::make_mut(&mut catalogue);
        for id in &gone {
            changed.forget(TagId(id));
        }
        for (place, kind) in KINDS.into_iter().enumerate() {
            let mut new: Vec<(Vec<u8>, TagId)> = come
                .iter()
                .filter(|card| card.kind == kind)
                .map(|card| (order_key(card.sort_name()), card.id))
                .collect();
            new.sort_unstable();
            changed.kinds[place] =
                Arc::new(self.merged(scope, changed, &changed.kinds[place], &gone, new)?);
        }
        for card in come {
            changed.put(card);
        }
        Ok(catalogue)
    }

    /// A list in order without some and with some others.
    fn merged(
        &self,
        scope: &EntityScope,
        catalogue: &Catalogue,
        list: &[TagId],
        gone: &RoaringBitmap,
        new: Vec<(Vec<u8>, TagId)>,
    ) -> Result<Vec<TagId>> {
        let mut kept: Vec<TagId> = Vec::with_capacity(list.len() + new.len());
        kept.extend(list.iter().filter(|id| !gone.contains(id.0)));
        let mut places = Vec::with_capacity(new.len());
        for (key, id) in new {
            let (mut low, mut high) = (0, kept.len());
            while low < high {
                let middle = low.midpoint(high);
                let other = kept[middle];
                let name = match catalogue.record(other) {
                    Some(card) => order_key(card.sort_name()),
                    None => order_key(&self.plain_name(scope, other)?),
                };
                if (name, other) < (key.clone(), id) { low = middle + 1 } else { high = middle }
            }
            places.push((low, id));
        }
        let mut merged = Vec::with_capacity(kept.len() + places.len());
        let mut from = 0;
        for (place, id) in places {
            merged.extend_from_slice(&kept[from..place]);
            merged.push(id);
            from = place;
        }
        merged.extend_from_slice(&kept[from..]);
        Ok(merged)
    }

    /// The name of an entity without a record.
    ///
    /// # Errors
    /// When reading fails.
    pub fn plain_name(&self, scope: &EntityScope, id: TagId) -> Result<String> {
        let text = self.tag_text(id)?;
        Ok(scope.rules.name_of(scope.rules.kind_of(&text), &text).to_owned())
    }

    fn load_catalogue(&self, scope: &EntityScope) -> Result<Catalogue> {
        let visible = self.stand_ins()?.behind(self.visible()?);
        let mut present = RoaringBitmap::new();
        for service in &scope.services {
            let usage = self.snapshot.tag_usage(*service, Status::Current, &visible)?;
            let has_any = self.relations().has_any(*service);
            let ideal = |tag: TagId| match has_any {
                true => self.relations().ideal(*service, tag).0,
                false => tag.0,
            };
            present.extend(usage.iter().map(|(tag, _)| ideal(*tag)));
        }
        let mut records: HashMap<TagId, Entity> = HashMap::new();
        self.snapshot.scan(&ENTITIES, |tag, entity| {
            present.insert(tag.0);
            records.insert(tag, entity);
            Ok(())
        })?;
        let is_related = scope.services.iter().any(|service| self.relations().has_any(*service));
        let mut catalogue = Catalogue::default();
        let mut ordered: [Vec<(Vec<u8>, TagId)>; 4] = Default::default();
        // Nearly all are tags without more than their text: read in a row, not one by one.
        let mut others = RoaringBitmap::new();
        self.snapshot.scan(&TAGS, |id, tag: TagRecord| {
            if !present.contains(id.0) {
                return Ok(());
            }
            if is_related || records.contains_key(&id) {
                others.insert(id.0);
                return Ok(());
            }
            let kind = scope.rules.kind_of(&tag.text);
            ordered[kind as usize].push((order_key(scope.rules.name_of(kind, &tag.text)), id));
            catalogue.present[kind as usize].insert(id.0);
            Ok(())
        })?;
        for id in others.iter().map(TagId) {
            if let Some(card) = self.entity_from(scope, id, records.remove(&id))? {
                ordered[card.kind as usize].push((order_key(card.sort_name()), id));
                catalogue.put(card);
            }
        }
        for (place, mut rows) in ordered.into_iter().enumerate() {
            rows.sort_unstable();
            catalogue.kinds[place] = Arc::new(rows.into_iter().map(|(_, id)| id).collect());
        }
        Ok(catalogue)
    }
}

/// What an entity is ordered by.
#[must_use]
pub(super) fn sort_name(entity: &Entity) -> &str {
    if entity.sort_name.is_empty() { &entity.name } else { &entity.sort_name }
}

fn order_key(name: &str) -> Vec<u8> {
    natural_key(&name.to_lowercase())
}
