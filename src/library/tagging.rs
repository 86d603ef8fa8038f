//! Changing tags: add, delete, pend, petition and their take-backs (behaviour.md 13).

use std::collections::BTreeMap;

use super::Library;
use super::error::{Error, Result};
use super::services::Services;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::service::ServiceKind;
use crate::model::tag::Tag;
use crate::store::{ChangeKind, Mappings, Read, ServiceMappings, Status, Tx};

/// What to do with a tag, numbered as in the Hydrus Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAction {
    Add = 0,
    Delete = 1,
    Pend = 2,
    RescindPend = 3,
    Petition = 4,
    RescindPetition = 5,
}

impl TagAction {
    /// The action of a number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<TagAction> {
        use TagAction::{Add, Delete, Pend, Petition, RescindPend, RescindPetition};
        [Add, Delete, Pend, RescindPend, Petition, RescindPetition]
            .into_iter()
            .find(|action| *action as i64 == number)
    }

    /// Whether services of a kind know this action: local ones add and delete, repositories the rest.
    #[must_use]
    pub fn fits(self, kind: ServiceKind) -> bool {
        let local = matches!(self, TagAction::Add | TagAction::Delete);
        match kind {
            ServiceKind::LOCAL_TAGS => local,
            ServiceKind::TAG_REPOSITORY => !local,
            _ => false,
        }
    }
}

/// One tag, one action, in one service.
#[derive(Clone, Debug, PartialEq)]
pub struct TagChange {
    pub service: ServiceId,
    pub action: TagAction,
    pub tag: Tag,
    /// Why, for petitions.
    pub reason: String,
}

/// How deletion records are treated.
#[derive(Clone, Copy, Debug)]
pub struct TagChangeRules {
    /// False: adding and pending leave alone items with a deletion record of the tag.
    pub override_previously_deleted: bool,
    /// False: deleting and petitioning touch only items that have the tag.
    pub create_new_deleted: bool,
}

impl Default for TagChangeRules {
    fn default() -> TagChangeRules {
        TagChangeRules { override_previously_deleted: true, create_new_deleted: true }
    }
}

impl Library {
    /// Applies the changes to every item, in order, in one transaction.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown service, [`Error::Invalid`] for an action its kind does not
    /// know; nothing is changed then.
    pub fn change_tags(
        &self,
        items: Vec<ItemId>,
        changes: Vec<TagChange>,
        rules: TagChangeRules,
    ) -> Result<()> {
        self.write(move |tx| change_tags(tx, &items, &changes, rules))
    }
}

/// [`Library::change_tags`] as part of a larger write.
///
/// # Errors
/// As there.
pub fn change_tags(
    tx: &mut Tx,
    items: &[ItemId],
    changes: &[TagChange],
    rules: TagChangeRules,
) -> Result<()> {
    let services = Services::load(tx)?;
    for change in changes {
        let service = services.get(change.service);
        let service = service.ok_or_else(|| Error::missing("service", change.service))?;
        if !change.action.fits(service.kind) {
            let name = &service.name;
            return Err(Error::invalid(format!("{name} does not know {:?}", change.action)));
        }
    }
    let mut edited: BTreeMap<ItemId, Mappings> = BTreeMap::new();
    for change in changes {
        let tag = tx.tag_for(change.tag.as_str())?;
        for item in items {
            let mappings = match edited.entry(*item) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(tx.mappings(*item)?)
                }
            };
            apply(mappings.service_mut(change.service), change, tag, rules);
        }
    }
    for (item, mut mappings) in edited {
        mappings.tidy();
        if tx.mappings(item)? != mappings {
            tx.put_mappings(item, mappings)?;
            if tx.has(&crate::store::ITEMS, &item)? {
                tx.edit_item(item, |_| {})?;
            }
        }
    }
    for change in changes {
        if let Some(tag) = tx.tag_by_text(change.tag.as_str())? {
            tx.log(ChangeKind::Entity, tag.0);
        }
    }
    Ok(())
}

fn apply(
    tags: &mut ServiceMappings,
    change: &TagChange,
    tag: crate::model::ids::TagId,
    rules: TagChangeRules,
) {
    let current = tags.has(Status::Current, tag);
    let deleted = tags.has(Status::Deleted, tag);
    let may_add = rules.override_previously_deleted || !deleted;
    let may_delete = rules.create_new_deleted || current;
    match change.action {
        TagAction::Add => {
            if may_add && !current {
                tags.insert(Status::Current, tag, "");
                tags.remove(Status::Deleted, tag);
            }
        }
        TagAction::Delete => {
            if may_delete {
                tags.remove(Status::Current, tag);
                tags.insert(Status::Deleted, tag, "");
            }
        }
        TagAction::Pend => {
            if may_add && !current {
                tags.insert(Status::Pending, tag, "");
            }
        }
        TagAction::RescindPend => {
            tags.remove(Status::Pending, tag);
        }
        TagAction::Petition => {
            if may_delete {
                tags.insert(Status::Petitioned, tag, &change.reason);
            }
        }
        TagAction::RescindPetition => {
            tags.remove(Status::Petitioned, tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::TagId;

    /// Applies actions (by number) one after the other to an untagged item; shows what is left as
    /// letters: c(urrent), p(ending), d(eleted), q (petitioned).
    fn after(actions: &[i64], rules: TagChangeRules) -> String {
        let mut tags = ServiceMappings::default();
        let tag = TagId(1);
        for number in actions {
            let action = TagAction::from_number(*number).unwrap();
            let change = TagChange {
                service: ServiceId(1),
                action,
                tag: Tag::clean("harbour").unwrap(),
                reason: String::new(),
            };
            apply(&mut tags, &change, tag, rules);
        }
        let letters = Status::ALL.into_iter().zip("cpdq".chars());
        letters.filter(|(status, _)| tags.has(*status, tag)).map(|(_, letter)| letter).collect()
    }

    #[test]
    fn statuses_follow_the_rules_of_local_services_and_repositories() {
        let rules = TagChangeRules::default();
        for (actions, expected) in [
            (&[0][..], "c"),
            (&[1], "d"),
            (&[0, 1], "d"),
            (&[1, 0], "c"),
            (&[2], "p"),
            (&[2, 3], ""),
            (&[4], "q"),
            (&[4, 5], ""),
            (&[0, 2], "c"),
            (&[1, 2], "pd"),
        ] {
            assert_eq!(after(actions, rules), expected, "{actions:?}");
        }
    }

    #[test]
    fn deletion_records_are_respected_when_asked() {
        let careful =
            TagChangeRules { override_previously_deleted: false, create_new_deleted: false };
        assert_eq!(after(&[1], careful), "", "nothing to delete");
        assert_eq!(after(&[4], careful), "", "nothing to petition");
        let keep = TagChangeRules { override_previously_deleted: false, ..careful };
        assert_eq!(after(&[0, 1, 0], keep), "d", "the record stands");
    }
}
