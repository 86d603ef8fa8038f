//! The catalogue: every entity that exists, ordered by name, kept while nothing changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{EntityCard, EntityScope};
use crate::library::View;
use crate::library::error::Result;
use crate::model::entity::{Entity, EntityKind};
use crate::model::ids::TagId;
use crate::model::natural::natural_order;
use crate::store::{self, ENTITIES, Read, Status};

/// The change log's counter: any change may make an entity appear.
pub(crate) const CATALOGUE_COUNTER: &str = "sequence";

/// One entity of the catalogue.
pub type CatalogueRow = EntityCard;

/// Every entity that exists for Stash: recorded, or on something visible.
#[derive(Debug, Default)]
pub struct Catalogue {
    kinds: [Vec<CatalogueRow>; 4],
    /// From an entity to the performers, studios and groups that are tagged with it.
    tagged: HashMap<TagId, Vec<(EntityKind, TagId)>>,
}

impl Catalogue {
    /// The entities of a kind, by sort name or name, natural order.
    #[must_use]
    pub fn of_kind(&self, kind: EntityKind) -> &[CatalogueRow] {
        &self.kinds[kind as usize]
    }

    /// The entity of a kind with that name, without regard to case.
    pub fn named<'c>(
        &'c self,
        kind: EntityKind,
        name: &str,
    ) -> impl Iterator<Item = &'c CatalogueRow> {
        let wanted = name.to_lowercase();
        self.of_kind(kind).iter().filter(move |row| row.entity.name.to_lowercase() == wanted)
    }

    /// The performers, studios and groups that a person tagged with a tag.
    #[must_use]
    pub fn tagged_with(&self, tag: TagId) -> &[(EntityKind, TagId)] {
        self.tagged.get(&tag).map_or(&[], Vec::as_slice)
    }
}

/// The tags of a performer, studio or group.
#[must_use]
pub(super) fn own_tags(entity: &Entity) -> Vec<TagId> {
    let text = entity.details.iter().find(|(name, _)| name == "tag_ids").map(|(_, text)| text);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

impl View {
    /// The catalogue of this state.
    ///
    /// # Errors
    /// When reading fails.
    pub fn catalogue(&self, scope: &EntityScope) -> Result<Arc<Catalogue>> {
        let library = self.library();
        let load = |_: &store::Snapshot| self.load_catalogue(scope).map_err(as_store);
        Ok(library.catalogue.get(&self.snapshot, load)?)
    }

    fn load_catalogue(&self, scope: &EntityScope) -> Result<Catalogue> {
        let visible = self.visible()?;
        let mut present = BTreeSet::new();
        for service in &scope.services {
            let usage = self.snapshot.tag_usage(*service, Status::Current, &visible)?;
            present.extend(usage.iter().map(|(tag, _)| self.relations().ideal(*service, *tag)));
        }
        let mut records: HashMap<TagId, Entity> = HashMap::new();
        self.snapshot.scan(&ENTITIES, |tag, entity| {
            present.insert(tag);
            records.insert(tag, entity);
            Ok(())
        })?;
        let mut catalogue = Catalogue::default();
        for id in present {
            if let Some(card) = self.entity_from(scope, id, records.remove(&id))? {
                for tag in own_tags(&card.entity) {
                    catalogue.tagged.entry(tag).or_default().push((card.kind, id));
                }
                catalogue.kinds[card.kind as usize].push(card);
            }
        }
        for rows in &mut catalogue.kinds {
            rows.sort_by_cached_key(|row| Folded(sort_name(&row.entity).to_lowercase()));
        }
        Ok(catalogue)
    }
}

/// The library's errors cannot pass through a cache of the store, but all of these are its own.
fn as_store(error: crate::library::Error) -> store::Error {
    match error {
        crate::library::Error::Store(error) => error,
        other => store::Error::Storage(other.to_string()),
    }
}

/// What an entity is ordered by.
#[must_use]
pub(super) fn sort_name(entity: &Entity) -> &str {
    if entity.sort_name.is_empty() { &entity.name } else { &entity.sort_name }
}

#[derive(PartialEq, Eq)]
struct Folded(String);

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Folded) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Folded {
    fn cmp(&self, other: &Folded) -> std::cmp::Ordering {
        natural_order(&self.0, &other.0)
    }
}
