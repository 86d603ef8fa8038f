//! What waits to be sent to repositories, and forgetting it (behaviour.md 26).
//!
//! Repositories are never connected here: what is pending stays until it is forgotten.

use super::error::{Error, Result};
use super::services::Services;
use super::{Library, View};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::service::ServiceKind;
use crate::store::{self, Read, SetKey, Status, Tx};

/// How much waits in a tag repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingTags {
    pub pending: u64,
    pub petitioned: u64,
}

/// Whether a kind of service has anything to send.
#[must_use]
pub fn is_repository(kind: ServiceKind) -> bool {
    kind == ServiceKind::TAG_REPOSITORY || kind == ServiceKind::FILE_REPOSITORY
}

fn waiting(read: &impl Read, service: ServiceId) -> store::Result<roaring::RoaringBitmap> {
    let pending = read.set(SetKey::Tagged(service, Status::Pending))?;
    Ok(pending | read.set(SetKey::Tagged(service, Status::Petitioned))?)
}

impl View {
    /// The mappings that wait in a tag repository.
    ///
    /// # Errors
    /// When reading fails.
    pub fn pending_tags(&self, service: ServiceId) -> Result<PendingTags> {
        let mut found = PendingTags::default();
        for item in waiting(&self.snapshot, service)? {
            let mappings = self.snapshot.mappings(ItemId(item))?;
            if let Some(tags) = mappings.service(service) {
                found.pending += tags.pending.len() as u64;
                found.petitioned += tags.petitioned.len() as u64;
            }
        }
        Ok(found)
    }
}

impl Library {
    /// Forgets what waits in a repository.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown service, [`Error::Invalid`] when it is no repository.
    pub fn forget_pending(&self, service: ServiceId) -> Result<()> {
        self.write(move |tx| forget_pending(tx, service))
    }
}

fn forget_pending(tx: &mut Tx, service: ServiceId) -> Result<()> {
    let services = Services::load(tx)?;
    let kind = services.kind(service).ok_or_else(|| Error::missing("service", service))?;
    if !is_repository(kind) {
        return Err(Error::invalid("Sorry, that service is not an uploadable service!"));
    }
    for item in waiting(tx, service)? {
        let mut mappings = tx.mappings(ItemId(item))?;
        let tags = mappings.service_mut(service);
        tags.pending.clear();
        tags.petitioned.clear();
        tx.put_mappings(ItemId(item), mappings)?;
        tx.edit_item(ItemId(item), |_| {})?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;
    use crate::library::{TagAction, TagChange, TagChangeRules, declare_service};
    use crate::model::service::{Service, builtin};
    use crate::model::tag::Tag;

    #[test]
    fn pending_tags_are_counted_and_forgotten() {
        let library = TestLibrary::new();
        let item = library.item(1, |_| {});
        let service = library
            .write(|tx| {
                declare_service(tx, &Service::plain(b"repo", "repo", ServiceKind::TAG_REPOSITORY))
            })
            .unwrap();
        let change = |tag: &str| TagChange {
            service,
            action: TagAction::Pend,
            tag: Tag::clean(tag).unwrap(),
            reason: String::new(),
        };
        let changes = vec![change("bird"), change("train")];
        library.change_tags(vec![item], changes, TagChangeRules::default()).unwrap();
        let count = || library.view().unwrap().pending_tags(service).unwrap();
        assert_eq!(count(), PendingTags { pending: 2, petitioned: 0 });
        library.forget_pending(service).unwrap();
        assert_eq!(count(), PendingTags::default());
        assert!(library.forget_pending(builtin::MY_TAGS).is_err());
        library.check();
    }
}
