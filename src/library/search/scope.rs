//! Where a search looks: file domains, united.

use roaring::RoaringBitmap;

use crate::library::View;
use crate::library::error::Result;
use crate::model::ids::ServiceId;
use crate::model::query::FileDomains;
use crate::model::service::{ServiceKind, builtin};
use crate::store::{Flag, Read, SetKey};

/// All items of the domains.
pub(super) fn domain_set(view: &View, domains: &FileDomains) -> Result<RoaringBitmap> {
    let mut all = RoaringBitmap::new();
    for service in &domains.current {
        match view.services().kind(*service) {
            Some(ServiceKind::ALL_KNOWN_FILES) => all |= view.snapshot.set(SetKey::Known)?,
            _ => all |= view.snapshot.set(SetKey::Domain(*service))?,
        }
    }
    for service in &domains.deleted {
        match view.services().kind(*service) {
            Some(ServiceKind::ALL_KNOWN_FILES) => all |= deleted_anywhere(view)?,
            _ => all |= view.snapshot.set(SetKey::Deleted(*service))?,
        }
    }
    all -= view.snapshot.set(SetKey::Flag(Flag::WithoutContent))?;
    Ok(all)
}

/// Items with any deletion record.
pub(super) fn deleted_anywhere(view: &View) -> Result<RoaringBitmap> {
    let mut all = RoaringBitmap::new();
    for (service, row) in view.services().iter() {
        if row.kind.holds_files() {
            all |= view.snapshot.set(SetKey::Deleted(service))?;
        }
    }
    Ok(all)
}

/// Whether the domains are all known files: nothing is sorted there.
pub(super) fn is_all_known(view: &View, domains: &FileDomains) -> bool {
    let is_known =
        |service: &ServiceId| view.services().kind(*service) == Some(ServiceKind::ALL_KNOWN_FILES);
    domains.current.iter().any(is_known)
}

/// Whether the domains are all that is stored, and nothing else: updates are left out there.
pub(super) fn is_storage_alone(domains: &FileDomains) -> bool {
    domains.current == [builtin::STORAGE] && domains.deleted.is_empty()
}

/// Whether everything in the domains is stored here.
pub(super) fn is_stored(view: &View, domains: &FileDomains) -> bool {
    let is_stored = |service: &ServiceId| {
        let kinds = [
            ServiceKind::LOCAL_FILES,
            ServiceKind::UPDATES,
            ServiceKind::COMBINED_LOCAL,
            ServiceKind::TRASH,
            ServiceKind::STORAGE,
        ];
        view.services().kind(*service).is_some_and(|kind| kinds.contains(&kind))
    };
    domains.deleted.is_empty() && domains.current.iter().all(is_stored)
}
