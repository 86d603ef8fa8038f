//! Entities: what Stash calls tags, performers, studios and groups, over tags and their mappings.
//!
//! A tag's namespace says what it is ([`EntityRules`]); a record says what Stash added to it. Only
//! ideals of stored tags are entities: another spelling is an alias. [`EntityScope`] is the rules
//! with the services of one view; [`Catalogue`] lists what exists.

mod catalogue;
mod edit;

use std::collections::BTreeSet;
use std::sync::Arc;

use roaring::RoaringBitmap;

pub use catalogue::Catalogue;
pub(super) use catalogue::CatalogueCache;
pub use edit::{
    EntityChange, ListChange, create_entity, destroy_entity, merge_entities, update_entity,
};

use super::View;
use super::error::Result;
use crate::model::entity::{Entity, EntityKind};
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::service::builtin;
use crate::model::tag::{self, Tag};
use crate::store::{ENTITIES, Mappings, NAMESPACE_BY_TEXT, Read, SetKey, Status, TAGS};

/// Levels of a hierarchy that are followed at most.
const DEPTH_MAX: usize = 1_000;

/// Which namespaces are which entities, and which tag services count.
#[derive(Clone, Debug)]
pub struct EntityRules {
    /// Names of tag services; what is written goes to the first.
    pub tag_services: Vec<String>,
    pub performer_namespaces: Vec<String>,
    pub studio_namespaces: Vec<String>,
    pub group_namespaces: Vec<String>,
}

impl Default for EntityRules {
    fn default() -> EntityRules {
        let one = |name: &str| vec![name.to_owned()];
        EntityRules {
            tag_services: one("my tags"),
            performer_namespaces: one("performer"),
            studio_namespaces: one("studio"),
            group_namespaces: one("group"),
        }
    }
}

impl EntityRules {
    /// What a tag of that cleaned text is.
    #[must_use]
    pub fn kind_of(&self, text: &str) -> EntityKind {
        let namespace = tag::split(text).0;
        let is_in = |list: &[String]| !namespace.is_empty() && list.iter().any(|n| n == namespace);
        if is_in(&self.performer_namespaces) {
            EntityKind::Performer
        } else if is_in(&self.studio_namespaces) {
            EntityKind::Studio
        } else if is_in(&self.group_namespaces) {
            EntityKind::Group
        } else {
            EntityKind::Tag
        }
    }

    /// The tag for a name of a kind; `None` when nothing of the name is left after cleaning. A tag
    /// whose name begins with an entity's namespace is kept without a namespace.
    #[must_use]
    pub fn tag_for(&self, kind: EntityKind, name: &str) -> Option<Tag> {
        let namespace = match kind {
            EntityKind::Tag => {
                let tag = Tag::clean(name)?;
                let is_plain = self.kind_of(tag.as_str()) == EntityKind::Tag;
                return if is_plain { Some(tag) } else { Tag::clean(&format!(":{name}")) };
            }
            EntityKind::Performer => &self.performer_namespaces,
            EntityKind::Studio => &self.studio_namespaces,
            EntityKind::Group => &self.group_namespaces,
        };
        Tag::from_parts(namespace.first()?, name)
    }

    /// The tags whose entity of a kind bears a name when nothing is recorded.
    #[must_use]
    pub fn tags_for(&self, kind: EntityKind, name: &str) -> Vec<Tag> {
        let namespaces = match kind {
            EntityKind::Tag => {
                return self.tag_for(kind, name).into_iter().chain(Tag::clean(name)).collect();
            }
            EntityKind::Performer => &self.performer_namespaces,
            EntityKind::Studio => &self.studio_namespaces,
            EntityKind::Group => &self.group_namespaces,
        };
        namespaces.iter().filter_map(|namespace| Tag::from_parts(namespace, name)).collect()
    }

    /// The name that a tag's text gives an entity.
    #[must_use]
    pub fn name_of<'t>(&self, kind: EntityKind, text: &'t str) -> &'t str {
        let (namespace, subtag) = tag::split(text);
        let is_bare = kind != EntityKind::Tag || namespace.is_empty();
        if is_bare { subtag } else { text }
    }
}

/// The rules with the tag services of one view.
#[derive(Clone, Debug)]
pub struct EntityScope {
    pub rules: Arc<EntityRules>,
    /// The services that are read; the first is written to. Never empty.
    pub services: Vec<ServiceId>,
}

impl EntityScope {
    /// The service that is written to.
    #[must_use]
    pub fn home(&self) -> ServiceId {
        self.services.first().copied().unwrap_or(builtin::MY_TAGS)
    }
}

/// An entity: a tag and what Stash knows of it.
#[derive(Clone, Debug)]
pub struct EntityCard {
    pub id: TagId,
    pub kind: EntityKind,
    /// The record, with what the tag alone says where there is none.
    pub entity: Arc<Entity>,
    /// Whether there is a record.
    pub is_recorded: bool,
}

impl EntityCard {
    /// What it is ordered by.
    #[must_use]
    pub fn sort_name(&self) -> &str {
        catalogue::sort_name(&self.entity)
    }

    /// The tags that a person gave this performer, studio or group.
    #[must_use]
    pub fn own_tags(&self) -> Vec<TagId> {
        catalogue::own_tags(&self.entity)
    }

    /// A field of one kind only, by its name in the schema, as JSON.
    #[must_use]
    pub fn detail(&self, name: &str) -> Option<serde_json::Value> {
        let text = self.entity.details.iter().find(|(known, _)| known == name);
        text.and_then(|(_, text)| serde_json::from_str(text).ok())
    }
}

/// The entity of a tag without a record.
#[must_use]
pub fn plain_entity(kind: EntityKind, name: &str) -> Entity {
    Entity {
        kind,
        name: name.to_owned(),
        sort_name: String::new(),
        disambiguation: String::new(),
        description: String::new(),
        favorite: false,
        ignore_auto_tag: false,
        rating100: None,
        urls: Vec::new(),
        aliases: Vec::new(),
        image: None,
        stash_ids: Vec::new(),
        details: Vec::new(),
        created_ms: 0,
        updated_ms: 0,
    }
}

impl View {
    /// The rules applied to the services of this view.
    #[must_use]
    pub fn entity_scope(&self, rules: &Arc<EntityRules>) -> EntityScope {
        let named = rules.tag_services.iter().filter_map(|name| self.services().by_name(name));
        let holds =
            |id: &ServiceId| self.services().kind(*id).is_some_and(|kind| kind.holds_tags());
        let mut services: Vec<ServiceId> = named.filter(holds).collect();
        if services.is_empty() {
            services.push(builtin::MY_TAGS);
        }
        EntityScope { rules: Arc::clone(rules), services }
    }

    /// The entity of a tag; `None` when there is no such tag or another spelling stands for it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity(&self, scope: &EntityScope, id: TagId) -> Result<Option<EntityCard>> {
        if !self.snapshot.has(&TAGS, &id)? {
            return Ok(None);
        }
        self.entity_from(scope, id, self.snapshot.get(&ENTITIES, &id)?)
    }

    fn entity_from(
        &self,
        scope: &EntityScope,
        id: TagId,
        stored: Option<Entity>,
    ) -> Result<Option<EntityCard>> {
        let is_ideal = |service: &ServiceId| self.relations().ideal(*service, id) == id;
        if !scope.services.iter().any(is_ideal) {
            return Ok(None);
        }
        let text = self.tag_text(id)?;
        let kind = scope.rules.kind_of(&text);
        let is_recorded = stored.is_some();
        let mut entity =
            stored.unwrap_or_else(|| plain_entity(kind, scope.rules.name_of(kind, &text)));
        self.add_siblings(scope, id, kind, &mut entity)?;
        Ok(Some(EntityCard { id, kind, entity: Arc::new(entity), is_recorded }))
    }

    /// The entity of a tag if it exists for Stash: recorded, or on something visible.
    ///
    /// # Errors
    /// When reading fails.
    pub fn existing_entity(
        &self,
        scope: &EntityScope,
        kind: EntityKind,
        id: TagId,
    ) -> Result<Option<EntityCard>> {
        let Some(card) = self.entity(scope, id)?.filter(|card| card.kind == kind) else {
            return Ok(None);
        };
        let exists =
            card.is_recorded || !self.entity_items(scope, id)?.is_disjoint(&self.visible()?);
        Ok(Some(card).filter(|_| exists))
    }

    /// Spellings that were declared as siblings elsewhere join the aliases.
    fn add_siblings(
        &self,
        scope: &EntityScope,
        id: TagId,
        kind: EntityKind,
        entity: &mut Entity,
    ) -> Result<()> {
        let known = |entity: &Entity| -> BTreeSet<String> {
            let names = entity.aliases.iter().chain([&entity.name]);
            let tags = names.filter_map(|name| scope.rules.tag_for(kind, name));
            tags.map(Tag::into_string).collect()
        };
        for service in &scope.services {
            if !self.relations().has_any(*service) {
                continue;
            }
            let mut seen = known(entity);
            for other in self.relations().chain(*service, id).into_iter().skip(1) {
                let text = self.tag_text(other)?;
                if seen.insert(text.to_string()) {
                    let kind = scope.rules.kind_of(&text);
                    entity.aliases.push(scope.rules.name_of(kind, &text).to_owned());
                }
            }
        }
        Ok(())
    }

    /// The objects that bear an entity itself, in any spelling; visible or not.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_items(&self, scope: &EntityScope, id: TagId) -> Result<RoaringBitmap> {
        let mut items = RoaringBitmap::new();
        for service in &scope.services {
            if self.relations().ideal(*service, id) != id {
                continue;
            }
            for tag in self.relations().chain(*service, id) {
                items |= self.snapshot.set(SetKey::Tag(*service, Status::Current, tag))?;
            }
        }
        Ok(self.stand_ins()?.seen(items))
    }

    /// The items that bear an entity or one below it, so many levels down; `None` is all levels.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_tree_items(
        &self,
        scope: &EntityScope,
        id: TagId,
        depth: Option<usize>,
    ) -> Result<RoaringBitmap> {
        let mut items = RoaringBitmap::new();
        for tag in self.entity_tree(scope, id, depth)? {
            items |= self.entity_items(scope, tag)?;
        }
        Ok(items)
    }

    /// An entity and those of its kind below it, so many levels down; `None` is all levels.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_tree(
        &self,
        scope: &EntityScope,
        id: TagId,
        depth: Option<usize>,
    ) -> Result<BTreeSet<TagId>> {
        let mut found = BTreeSet::from([id]);
        let mut level = vec![id];
        for _ in 0..depth.unwrap_or(DEPTH_MAX).min(DEPTH_MAX) {
            let mut next = Vec::new();
            for tag in level {
                next.extend(
                    self.entity_children(scope, tag)?.into_iter().filter(|t| found.insert(*t)),
                );
            }
            if next.is_empty() {
                break;
            }
            level = next;
        }
        Ok(found)
    }

    /// The direct parents of the same kind, as they were declared.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_parents(&self, scope: &EntityScope, id: TagId) -> Result<Vec<TagId>> {
        self.relatives(scope, id, |service| self.relations().parents(service, id))
    }

    /// The direct children of the same kind.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_children(&self, scope: &EntityScope, id: TagId) -> Result<Vec<TagId>> {
        self.relatives(scope, id, |service| self.relations().children(service, id))
    }

    fn relatives(
        &self,
        scope: &EntityScope,
        id: TagId,
        of: impl Fn(ServiceId) -> Vec<TagId>,
    ) -> Result<Vec<TagId>> {
        let mut found = BTreeSet::new();
        for service in &scope.services {
            if self.relations().has_any(*service) {
                found.extend(of(*service));
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let kind = scope.rules.kind_of(&self.tag_text(id)?);
        let mut same = Vec::new();
        for tag in found {
            if scope.rules.kind_of(&self.tag_text(tag)?) == kind {
                same.push(tag);
            }
        }
        Ok(same)
    }

    /// The entities of an object: the ideals of its current tags, sorted by id.
    ///
    /// # Errors
    /// When reading fails.
    pub fn item_entities(&self, scope: &EntityScope, item: ItemId) -> Result<Vec<TagId>> {
        Ok(self.shown_entities(scope, &self.mappings(self.stand_ins()?.of(item))?))
    }

    /// [`View::item_entities`] of mappings at hand.
    #[must_use]
    pub fn shown_entities(&self, scope: &EntityScope, mappings: &Mappings) -> Vec<TagId> {
        let mut found = Vec::new();
        for service in &scope.services {
            let Some(tags) = mappings.service(*service) else { continue };
            found.extend(tags.current.iter().map(|tag| self.relations().ideal(*service, *tag)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The items that show an entity of a kind.
    ///
    /// # Errors
    /// When reading fails.
    pub fn items_with_kind(&self, scope: &EntityScope, kind: EntityKind) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        let mut doubtful = RoaringBitmap::new();
        let mut namespaces = Vec::new();
        self.snapshot.scan(&NAMESPACE_BY_TEXT, |text, id| {
            if scope.rules.kind_of(&format!("{text}:")) == kind {
                namespaces.push(id);
            }
            Ok(())
        })?;
        for service in &scope.services {
            for namespace in &namespaces {
                let key = SetKey::Namespace(*service, Status::Current, *namespace);
                found |= self.snapshot.set(key)?;
            }
            // Another spelling may be of another kind than what it is shown as.
            for tag in self.relations().involved(*service) {
                let ideal = self.relations().ideal(*service, tag);
                if self.entity_kind(scope, tag)? != self.entity_kind(scope, ideal)? {
                    doubtful |= self.snapshot.set(SetKey::Tag(*service, Status::Current, tag))?;
                }
            }
        }
        for item in doubtful {
            let mut shows = false;
            for tag in self.item_entities(scope, ItemId(item))? {
                shows = shows || self.entity_kind(scope, tag)? == kind;
            }
            if shows {
                found.insert(item)
            } else {
                found.remove(item)
            };
        }
        Ok(self.stand_ins()?.seen(found))
    }

    /// What a tag is.
    ///
    /// # Errors
    /// When reading fails.
    pub fn entity_kind(&self, scope: &EntityScope, id: TagId) -> Result<EntityKind> {
        Ok(scope.rules.kind_of(&self.tag_text(id)?))
    }

    /// The stored bytes of a picture of an entity or a cover.
    ///
    /// # Errors
    /// When reading fails.
    pub fn picture(&self, hash: crate::model::hash::Sha256) -> Result<Option<Vec<u8>>> {
        let key = (crate::store::DocumentKind::Picture, hash.to_hex());
        Ok(self.snapshot.get(&crate::store::DOCUMENTS, &key)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_decide_what_a_tag_is_and_names_go_both_ways() {
        let rules = EntityRules::default();
        let check = |kind, name: &str, text: &str| {
            let tag = rules.tag_for(kind, name).unwrap();
            assert_eq!(tag.as_str(), text);
            assert_eq!(rules.kind_of(text), kind);
        };
        check(EntityKind::Tag, "Night Train", "night train");
        check(EntityKind::Tag, "series:blue", "series:blue");
        check(EntityKind::Tag, "performer:x", ":performer:x");
        check(EntityKind::Performer, "Ann Lark", "performer:ann lark");
        check(EntityKind::Studio, "North Hall", "studio:north hall");
        assert_eq!(rules.name_of(EntityKind::Performer, "performer:ann"), "ann");
        assert_eq!(rules.name_of(EntityKind::Tag, "series:blue"), "series:blue");
        assert_eq!(rules.name_of(EntityKind::Tag, ":performer:x"), "performer:x");
    }
}
