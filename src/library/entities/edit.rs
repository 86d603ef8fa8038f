//! Writing entities: made, changed, merged, destroyed. A record and its tag's siblings and parents
//! change in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{EntityScope, plain_entity};
use crate::library::error::{Error, Result};
use crate::library::relations::{
    Relations, declare_parent, declare_sibling, remove_parent, remove_sibling,
};
use crate::model::entity::{Entity, EntityKind};
use crate::model::ids::{ItemId, TagId};
use crate::store::{ChangeKind, ENTITIES, Read, SetKey, Status, TAGS, Tx};

/// How a list changes.
#[derive(Clone, Debug, PartialEq)]
pub enum ListChange<T> {
    /// It becomes this.
    Set(Vec<T>),
    /// What is missing is appended.
    Add(Vec<T>),
    /// These go.
    Remove(Vec<T>),
}

impl<T: Clone + PartialEq> ListChange<T> {
    /// The list after the change, each value once.
    #[must_use]
    pub fn apply(&self, now: &[T]) -> Vec<T> {
        let once = |values: &mut dyn Iterator<Item = &T>| {
            let mut list: Vec<T> = Vec::new();
            for value in values {
                if !list.contains(value) {
                    list.push(value.clone());
                }
            }
            list
        };
        match self {
            ListChange::Set(values) => once(&mut values.iter()),
            ListChange::Add(values) => once(&mut now.iter().chain(values)),
            ListChange::Remove(values) => once(&mut now.iter().filter(|v| !values.contains(v))),
        }
    }
}

/// A change of an entity: a record to be edited, and its place among the others.
pub struct EntityChange<'a> {
    /// Edits the record; the caller has validated.
    pub edit: &'a (dyn Fn(&mut Entity) + Send + Sync),
    /// Parents of the same kind, if they change.
    pub parents: Option<ListChange<TagId>>,
    /// Children of the same kind, if they change.
    pub children: Option<ListChange<TagId>>,
}

/// Makes an entity of that name. Its tag may exist already, without a record.
///
/// # Errors
/// [`Error::Invalid`] when no tag can be made of the name, [`Error::Conflict`] when the tag's entity
/// is recorded already.
pub fn create_entity(
    tx: &mut Tx,
    scope: &EntityScope,
    kind: EntityKind,
    name: &str,
    change: &EntityChange<'_>,
) -> Result<TagId> {
    let disambiguation = {
        let mut probe = plain_entity(kind, name);
        (change.edit)(&mut probe);
        probe.disambiguation
    };
    let id = free_tag(tx, scope, kind, name, &disambiguation)?;
    let mut entity = plain_entity(kind, name);
    entity.created_ms = tx.now_ms();
    write_entity(tx, scope, id, entity, change)?;
    Ok(id)
}

/// The tag for a new entity: the name's own, else one that tells it apart.
fn free_tag(
    tx: &mut Tx,
    scope: &EntityScope,
    kind: EntityKind,
    name: &str,
    disambiguation: &str,
) -> Result<TagId> {
    let distinct = format!("{name} ({disambiguation})");
    let with_disambiguation = (!disambiguation.is_empty()).then_some(distinct);
    let numbered = (2..10_000).map(|number| format!("{name} ({number})"));
    let names = std::iter::once(name.to_owned()).chain(with_disambiguation).chain(numbered);
    for candidate in names {
        let tag = scope.rules.tag_for(kind, &candidate);
        let tag = tag.ok_or_else(|| Error::invalid(format!("{name:?} leaves no tag")))?;
        let id = tx.tag_for(tag.as_str())?;
        let is_alias = tx.has(&crate::store::SIBLINGS, &(scope.home(), id))?;
        if !tx.has(&ENTITIES, &id)? && !is_alias {
            return Ok(id);
        }
        if kind == EntityKind::Tag {
            break;
        }
    }
    Err(Error::Conflict(format!("{name:?} is taken")))
}

/// Edits an entity; one without a record gets it.
///
/// # Errors
/// [`Error::Missing`] for a tag that does not exist.
pub fn update_entity(
    tx: &mut Tx,
    scope: &EntityScope,
    id: TagId,
    change: &EntityChange<'_>,
) -> Result<()> {
    let entity = match tx.get(&ENTITIES, &id)? {
        Some(entity) => entity,
        None => {
            let tag = tx.get(&TAGS, &id)?.ok_or_else(|| Error::missing("tag", id))?;
            let kind = scope.rules.kind_of(&tag.text);
            let mut entity = plain_entity(kind, scope.rules.name_of(kind, &tag.text));
            entity.created_ms = tx.now_ms();
            entity
        }
    };
    write_entity(tx, scope, id, entity, change)
}

fn write_entity(
    tx: &mut Tx,
    scope: &EntityScope,
    id: TagId,
    mut entity: Entity,
    change: &EntityChange<'_>,
) -> Result<()> {
    let aliases_before = entity.aliases.clone();
    let name_before = entity.name.clone();
    (change.edit)(&mut entity);
    entity.updated_ms = tx.now_ms();
    if aliases_before != entity.aliases || name_before != entity.name {
        write_aliases(tx, scope, id, &entity, &aliases_before)?;
    }
    if change.parents.is_some() || change.children.is_some() {
        write_hierarchy(tx, scope, id, change)?;
    }
    tx.put(&ENTITIES, &id, &entity);
    tx.log(ChangeKind::Entity, id.0);
    Ok(())
}

/// Brings the siblings in line with the aliases. A new name is a sibling too: what others tag by it
/// is this entity.
fn write_aliases(
    tx: &mut Tx,
    scope: &EntityScope,
    id: TagId,
    entity: &Entity,
    before: &[String],
) -> Result<()> {
    let home = scope.home();
    let tag_of = |name: &String| scope.rules.tag_for(entity.kind, name);
    let mut wanted = BTreeSet::new();
    for tag in entity.aliases.iter().chain([&entity.name]).filter_map(tag_of) {
        let alias = tx.tag_for(tag.as_str())?;
        if alias != id && !tx.has(&ENTITIES, &alias)? {
            wanted.insert(alias);
        }
    }
    for tag in before.iter().filter_map(tag_of) {
        if let Some(alias) = tx.tag_by_text(tag.as_str())?
            && !wanted.contains(&alias)
        {
            remove_sibling(tx, home, alias)?;
        }
    }
    for alias in wanted {
        declare_sibling(tx, home, alias, id)?;
    }
    Ok(())
}

fn write_hierarchy(
    tx: &mut Tx,
    scope: &EntityScope,
    id: TagId,
    change: &EntityChange<'_>,
) -> Result<()> {
    let home = scope.home();
    let rows = tx.with_prefix(&crate::store::PARENTS, &home.0.to_be_bytes())?;
    let pairs: Vec<(TagId, TagId)> = rows.into_iter().map(|((_, pair), _)| pair).collect();
    let own = |of: &dyn Fn(&(TagId, TagId)) -> Option<TagId>| -> Vec<TagId> {
        pairs.iter().filter_map(of).collect()
    };
    if let Some(parents) = &change.parents {
        let now = own(&|(child, parent)| (*child == id).then_some(*parent));
        let wanted = parents.apply(&now);
        for parent in now.iter().filter(|parent| !wanted.contains(parent)) {
            remove_parent(tx, home, id, *parent)?;
        }
        for parent in wanted {
            declare_parent(tx, home, id, parent)?;
        }
    }
    if let Some(children) = &change.children {
        let now = own(&|(child, parent)| (*parent == id).then_some(*child));
        let wanted = children.apply(&now);
        for child in now.iter().filter(|child| !wanted.contains(child)) {
            remove_parent(tx, home, *child, id)?;
        }
        for child in wanted {
            declare_parent(tx, home, child, id)?;
        }
    }
    Ok(())
}

/// Takes an entity away: its record, its pairs, and its tag in every spelling from every item, each
/// with the record of the deletion.
///
/// # Errors
/// When reading fails.
pub fn destroy_entity(
    tx: &mut Tx,
    scope: &EntityScope,
    relations: &Arc<Relations>,
    id: TagId,
) -> Result<()> {
    move_mappings(tx, scope, relations, id, None)?;
    forget(tx, scope, relations, id)
}

/// Lets one entity take the place of others: their items, their names as aliases.
///
/// # Errors
/// When reading fails.
pub fn merge_entities(
    tx: &mut Tx,
    scope: &EntityScope,
    relations: &Arc<Relations>,
    sources: &[TagId],
    destination: TagId,
) -> Result<()> {
    for source in sources {
        move_mappings(tx, scope, relations, *source, Some(destination))?;
        forget(tx, scope, relations, *source)?;
    }
    Ok(())
}

fn forget(tx: &mut Tx, scope: &EntityScope, relations: &Arc<Relations>, id: TagId) -> Result<()> {
    for service in &scope.services {
        for alias in relations.chain(*service, id).into_iter().skip(1) {
            remove_sibling(tx, *service, alias)?;
        }
        for parent in relations.parents(*service, id) {
            remove_parent(tx, *service, id, parent)?;
        }
        for child in relations.children(*service, id) {
            remove_parent(tx, *service, child, id)?;
        }
    }
    tx.remove(&ENTITIES, &id);
    tx.log(ChangeKind::Entity, id.0);
    Ok(())
}

/// Takes a tag in every spelling from all items, and gives them another one instead.
fn move_mappings(
    tx: &mut Tx,
    scope: &EntityScope,
    relations: &Arc<Relations>,
    id: TagId,
    other: Option<TagId>,
) -> Result<()> {
    for service in &scope.services {
        let chain = relations.chain(*service, id);
        let mut items = roaring::RoaringBitmap::new();
        for tag in &chain {
            items |= tx.set(SetKey::Tag(*service, Status::Current, *tag))?;
        }
        for item in items {
            let mut mappings = tx.mappings(ItemId(item))?;
            let own = mappings.service_mut(*service);
            for tag in &chain {
                if own.remove(Status::Current, *tag) {
                    own.insert(Status::Deleted, *tag, "");
                }
            }
            if let Some(other) = other {
                own.insert(Status::Current, other, "");
                own.remove(Status::Deleted, other);
            }
            tx.put_mappings(ItemId(item), mappings)?;
            if tx.has(&crate::store::ITEMS, &ItemId(item))? {
                tx.edit_item(ItemId(item), |_| {})?;
            }
        }
    }
    Ok(())
}
