//! Which file domains an item is in, and the records of its deletions (behaviour.md 6 and 11).
//!
//! The virtual domains follow from the local ones: "combined local file domains" is their union,
//! the trash is what is held but in none of them, "deleted from anywhere" is what has a deletion
//! record. Every change of a local domain ends in [`settle`], which brings the virtual ones in line.

use std::collections::BTreeSet;

use crate::model::ids::ServiceId;
use crate::model::item::{Deletion, Item, Membership};
use crate::model::service::builtin::{COMBINED_LOCAL, DELETED_FROM_ANYWHERE, STORAGE, TRASH};

/// The local file domains (type 2) of a library.
pub type LocalDomains = BTreeSet<ServiceId>;

/// Puts the item into a domain. A deletion record there goes; its import time comes back unless
/// `imported_ms` names another. Already there: nothing.
pub fn enter(item: &mut Item, domain: ServiceId, imported_ms: Option<i64>, now_ms: i64) {
    let recorded = item.deletion(domain).and_then(|record| record.imported_ms);
    item.deletions.retain(|record| record.service != domain);
    if !item.is_in(domain) {
        let imported_ms = Some(imported_ms.or(recorded).unwrap_or(now_ms));
        item.domains.push(Membership { service: domain, imported_ms });
        item.domains.sort_by_key(|membership| membership.service);
    }
}

/// Takes the item out of a domain without a record; returns the membership that ended.
pub fn leave(item: &mut Item, domain: ServiceId) -> Option<Membership> {
    let membership = item.membership(domain).copied();
    item.domains.retain(|membership| membership.service != domain);
    membership
}

/// Takes the item out of a domain and records that. Without a membership there is a record without
/// an import time; an older record stays as it is.
pub fn delete_from(item: &mut Item, domain: ServiceId, now_ms: i64) {
    let imported_ms = leave(item, domain).and_then(|membership| membership.imported_ms);
    if item.deletion(domain).is_none() {
        item.deletions.push(Deletion { service: domain, deleted_ms: Some(now_ms), imported_ms });
        item.deletions.sort_by_key(|record| record.service);
    }
}

/// The local domains that the item is in.
#[must_use]
pub fn local_domains_of(item: &Item, local: &LocalDomains) -> Vec<ServiceId> {
    item.domains.iter().map(|row| row.service).filter(|service| local.contains(service)).collect()
}

/// Whether the library has the item's bytes.
#[must_use]
pub fn is_held(item: &Item) -> bool {
    item.is_in(STORAGE)
}

/// How an item that is in no local domain any more got there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// A person deleted it: a record for the combined domains, and the trash.
    Deleted,
    /// Its bytes are gone from the disk: no record, and no trash.
    Vanished,
}

/// Brings the virtual domains in line with the local ones.
pub fn settle(item: &mut Item, local: &LocalDomains, departure: Departure, now_ms: i64) {
    if local_domains_of(item, local).is_empty() {
        if item.is_in(COMBINED_LOCAL) {
            match departure {
                Departure::Deleted => {
                    delete_from(item, COMBINED_LOCAL, now_ms);
                    if is_held(item) {
                        enter(item, TRASH, Some(now_ms), now_ms);
                    }
                }
                Departure::Vanished => drop(leave(item, COMBINED_LOCAL)),
            }
        }
    } else {
        leave(item, TRASH);
        // The combined domains and the storage know a returning file by its records; a new one is
        // as old there as in the first domain it came to.
        let first = local_domains_of(item, local)
            .iter()
            .filter_map(|domain| item.membership(*domain)?.imported_ms)
            .min();
        for domain in [COMBINED_LOCAL, STORAGE] {
            let recorded = item.deletion(domain).and_then(|record| record.imported_ms);
            enter(item, domain, recorded.or(first), now_ms);
        }
    }
    if item.deletions.is_empty() {
        leave(item, DELETED_FROM_ANYWHERE);
        item.deletion_reason = None;
    } else if is_held(item) || item.deletions.iter().any(|record| record.imported_ms.is_some()) {
        // What was never here was deleted from nowhere, whatever its records say.
        enter(item, DELETED_FROM_ANYWHERE, None, now_ms);
    }
}

/// Takes the item out of the storage and of everything else, with records.
pub fn delete_physically(item: &mut Item, local: &LocalDomains, now_ms: i64) {
    for domain in local_domains_of(item, local) {
        delete_from(item, domain, now_ms);
    }
    if item.is_in(COMBINED_LOCAL) {
        delete_from(item, COMBINED_LOCAL, now_ms);
    }
    leave(item, TRASH);
    delete_from(item, STORAGE, now_ms);
    leave_inbox(item);
    settle(item, local, Departure::Deleted, now_ms);
}

/// The bytes are gone from the disk. What was in the trash is as good as physically deleted; all
/// else leaves without a record and comes back with its bytes.
pub fn lose_bytes(item: &mut Item, local: &LocalDomains, now_ms: i64) {
    if item.is_in(TRASH) {
        return delete_physically(item, local, now_ms);
    }
    for domain in local_domains_of(item, local) {
        leave(item, domain);
    }
    leave(item, STORAGE);
    leave_inbox(item);
    settle(item, local, Departure::Vanished, now_ms);
}

fn leave_inbox(item: &mut Item) {
    if std::mem::take(&mut item.inbox) {
        // It never was archived, whatever happened before it came to the inbox.
        item.archived_ms = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::service::builtin::MY_FILES;

    const SECOND: ServiceId = ServiceId(40);

    fn local() -> LocalDomains {
        LocalDomains::from([MY_FILES, SECOND])
    }

    fn imported() -> Item {
        let mut item = Item { inbox: true, ..Item::default() };
        enter(&mut item, MY_FILES, Some(100), 100);
        settle(&mut item, &local(), Departure::Deleted, 100);
        item
    }

    fn current(item: &Item) -> Vec<(ServiceId, i64)> {
        item.domains.iter().map(|row| (row.service, row.imported_ms.unwrap())).collect()
    }

    fn deleted(item: &Item) -> Vec<(ServiceId, Option<i64>, Option<i64>)> {
        let row = |record: &Deletion| (record.service, record.deleted_ms, record.imported_ms);
        item.deletions.iter().map(row).collect()
    }

    #[test]
    fn an_imported_file_is_in_its_domain_the_storage_and_the_union() {
        assert_eq!(current(&imported()), [(MY_FILES, 100), (STORAGE, 100), (COMBINED_LOCAL, 100)]);
    }

    #[test]
    fn the_last_domain_left_means_the_trash() {
        let mut item = imported();
        delete_from(&mut item, MY_FILES, 200);
        settle(&mut item, &local(), Departure::Deleted, 200);
        assert_eq!(current(&item), [(TRASH, 200), (STORAGE, 100), (DELETED_FROM_ANYWHERE, 200)]);
        let records = [(MY_FILES, Some(200), Some(100)), (COMBINED_LOCAL, Some(200), Some(100))];
        assert_eq!(deleted(&item), records);
        assert!(item.inbox);
    }

    #[test]
    fn one_of_two_domains_left_is_a_record_and_no_more() {
        let mut item = imported();
        enter(&mut item, SECOND, None, 150);
        delete_from(&mut item, MY_FILES, 200);
        settle(&mut item, &local(), Departure::Deleted, 200);
        let expected =
            [(STORAGE, 100), (COMBINED_LOCAL, 100), (DELETED_FROM_ANYWHERE, 200), (SECOND, 150)];
        assert_eq!(current(&item), expected);
        assert_eq!(deleted(&item), [(MY_FILES, Some(200), Some(100))]);
    }

    #[test]
    fn deletion_from_where_a_held_file_was_not_counts_as_deletion() {
        let mut item = imported();
        delete_from(&mut item, SECOND, 200);
        settle(&mut item, &local(), Departure::Deleted, 200);
        assert!(item.is_in(DELETED_FROM_ANYWHERE) && item.is_in(MY_FILES));
        assert_eq!(deleted(&item), [(SECOND, Some(200), None)]);
    }

    #[test]
    fn back_from_the_trash_all_times_return() {
        let mut item = imported();
        delete_from(&mut item, MY_FILES, 200);
        settle(&mut item, &local(), Departure::Deleted, 200);
        enter(&mut item, MY_FILES, None, 300);
        settle(&mut item, &local(), Departure::Deleted, 300);
        assert_eq!(item, imported());
    }

    #[test]
    fn physical_deletion_leaves_records_only() {
        let mut item = imported();
        item.archived_ms = Some(5);
        delete_physically(&mut item, &local(), 200);
        assert_eq!(current(&item), [(DELETED_FROM_ANYWHERE, 200)]);
        let record = |service| (service, Some(200), Some(100));
        assert_eq!(deleted(&item), [MY_FILES, STORAGE, COMBINED_LOCAL].map(record));
        assert_eq!((item.inbox, item.archived_ms), (false, None));
    }

    #[test]
    fn what_vanishes_comes_back_without_records() {
        let mut item = imported();
        lose_bytes(&mut item, &local(), 200);
        assert_eq!((current(&item), deleted(&item)), (vec![], vec![]));
        let mut trashed = imported();
        delete_from(&mut trashed, MY_FILES, 150);
        settle(&mut trashed, &local(), Departure::Deleted, 150);
        lose_bytes(&mut trashed, &local(), 200);
        assert_eq!(current(&trashed), [(DELETED_FROM_ANYWHERE, 150)]);
        assert_eq!(trashed.deletion(STORAGE).unwrap().deleted_ms, Some(200));
    }

    #[test]
    fn a_record_without_membership_has_no_import_time_and_is_made_once() {
        let mut item = Item::default();
        delete_from(&mut item, MY_FILES, 200);
        delete_from(&mut item, MY_FILES, 300);
        assert_eq!(deleted(&item), [(MY_FILES, Some(200), None)]);
    }
}
