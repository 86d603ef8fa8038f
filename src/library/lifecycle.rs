//! The life of a file after its import: deleted, undeleted, migrated, archived (behaviour.md 11).
//!
//! Each verb is one transaction for all the items it names. Bytes go after the commit: a file whose
//! record says that it is gone may linger for a moment, never the other way round.

use std::path::PathBuf;

use super::content::content_at;
use super::error::{Error, Result};
use super::membership::{self, Departure, LocalDomains};
use super::objects::destroy_made;
use super::places::{self, Claim, add_place, path_of, places_of, remove_if_there, remove_place};
use super::rules::file_rules;
use super::scan::record::places_changed;
use super::services::Services;
use super::{Library, View};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::place::{Place, PlaceKind};
use crate::model::service::ServiceKind;
use crate::model::service::builtin::{COMBINED_LOCAL, STORAGE};
use crate::store::{ChangeKind, Read as _, Tx};

/// What is to be deleted, and from where.
#[derive(Clone, Debug)]
pub struct Deletion {
    pub items: Vec<ItemId>,
    /// Local file domains, the combined ones (trash) or the storage (physical). Others are ignored.
    pub domains: Vec<ServiceId>,
    pub reason: Option<String>,
    /// Whether physical deletion takes the bytes in library folders as well.
    pub folder_bytes: bool,
}

/// Bytes that a committed write has given up.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    Blob(Sha256, FileType),
    File(PathBuf),
}

impl Library {
    /// Deletes items from domains. Bytes of library folders stay unless the setting
    /// `library.hydrus_may_delete` is on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the delete lock protects one of the items from physical deletion;
    /// nothing is changed then.
    pub fn delete_files(
        &self,
        items: Vec<ItemId>,
        domains: Vec<ServiceId>,
        reason: Option<String>,
    ) -> Result<()> {
        let folder_bytes = self.settings.hydrus_may_delete;
        self.delete(Deletion { items, domains, reason, folder_bytes })
    }

    /// Deletes items from domains.
    ///
    /// # Errors
    /// As [`Library::delete_files`].
    pub fn delete(&self, deletion: Deletion) -> Result<()> {
        let freed = self.write(move |tx| delete(tx, &deletion))?;
        self.remove_bytes(freed)
    }

    /// Destroys items as Stash means it. With `delete_file` they are physically deleted, bytes in
    /// library folders included, and remembered. Without, uploads go to the trash, and files of
    /// library folders only leave the library: the next scan brings them back.
    ///
    /// # Errors
    /// As [`Library::delete_files`].
    pub fn destroy(&self, items: Vec<ItemId>, delete_file: bool) -> Result<()> {
        let reason = Some("Deleted via Stash API.".to_owned());
        if delete_file {
            let deletion = Deletion { items, domains: vec![STORAGE], reason, folder_bytes: true };
            let freed = self.write(move |tx| {
                let items = destroy_made(tx, &deletion.items)?;
                delete(tx, &Deletion { items, ..deletion.clone() })
            })?;
            return self.remove_bytes(freed);
        }
        self.write(move |tx| {
            let items = destroy_made(tx, &items)?;
            for id in &items {
                for (place_id, place) in places_of(tx, *id)? {
                    if let PlaceKind::Path { .. } = place.kind {
                        remove_place(tx, place_id)?;
                        tx.log(ChangeKind::ItemText, id.0);
                    }
                }
                places_changed(tx, *id)?;
            }
            let mut left = Vec::new();
            for id in &items {
                if tx.item(*id)?.is_some_and(|item| item.is_in(COMBINED_LOCAL)) {
                    left.push(*id);
                }
            }
            let (domains, reason) = (vec![COMBINED_LOCAL], reason.clone());
            delete(tx, &Deletion { items: left, domains, reason, folder_bytes: false }).map(drop)
        })
    }

    /// Removes bytes whose items gave them up, unless somebody brought them back meanwhile.
    pub(super) fn remove_bytes(&self, freed: Vec<Bytes>) -> Result<()> {
        for bytes in freed {
            match bytes {
                Bytes::File(path) => drop(remove_if_there(&path)),
                Bytes::Blob(sha256, filetype) => {
                    let claim = self.blobs.claim(sha256);
                    let snapshot = self.store.snapshot()?;
                    let item = snapshot.item_by_sha256(sha256)?;
                    let wanted =
                        item.map(|item| places::is_managed(&snapshot, item)).transpose()?;
                    if wanted != Some(true) {
                        self.blobs.remove(&claim, filetype);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes items that are still held back into local domains: those named, if the item has a
    /// deletion record there; for the combined domains all that it has a record in.
    ///
    /// # Errors
    /// When writing fails.
    pub fn undelete_files(&self, items: Vec<ItemId>, domains: Vec<ServiceId>) -> Result<()> {
        self.write(move |tx| undelete(tx, &items, &domains))
    }

    /// Forgets that items were physically deleted, so that they may be imported again. Items that
    /// are held keep their records. The record of the combined domains stays until that import, as
    /// a live client has it.
    ///
    /// # Errors
    /// When writing fails.
    pub fn clear_deletion_record(&self, items: Vec<ItemId>) -> Result<()> {
        self.write(move |tx| {
            let local = local_domains(tx)?;
            edit(tx, &items, |item, now_ms| {
                if membership::is_held(item) || item.deletion(STORAGE).is_none() {
                    return;
                }
                item.deletions
                    .retain(|record| record.service != STORAGE && !local.contains(&record.service));
                membership::settle(item, &local, Departure::Deleted, now_ms);
            })
        })
    }

    /// Copies items into further local domains.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a domain is no local one or mirrors a library folder, or one of the
    /// items is in no local domain; nothing is changed then.
    pub fn migrate_files(
        self: &std::sync::Arc<Self>,
        items: Vec<ItemId>,
        domains: Vec<ServiceId>,
    ) -> Result<()> {
        let view = self.view()?;
        for domain in &domains {
            check_target(view.services(), *domain)?;
        }
        let (mut copied, mut claims) = (Vec::new(), Vec::new());
        // In one order, so that two of these never wait for each other.
        let mut ordered = items.clone();
        ordered.sort_unstable();
        ordered.dedup();
        for id in ordered {
            let item = view.item(id)?.filter(|item| item.is_in(COMBINED_LOCAL));
            let item = item.ok_or_else(|| not_local(id))?;
            if let Some(claim) = self.take_in(&view, id, &item)? {
                copied.push(id);
                claims.push(claim);
            }
        }
        drop(view);
        let outcome = self.write(move |tx| migrate(tx, &items, &domains, &copied));
        // Until it is known that the blobs are wanted, nobody sweeps them.
        drop(claims);
        outcome
    }

    /// Gives an item of a library folder a blob of its own, so that it outlives the folder's file.
    /// Returns the claim of a new blob, which the caller's write has to make known.
    fn take_in(&self, view: &View, id: ItemId, item: &Item) -> Result<Option<Claim<'_>>> {
        let (Some(sha256), Some(media)) = (item.sha256, &item.media) else { return Ok(None) };
        if places::is_managed(&view.snapshot, id)? {
            return Ok(None);
        }
        let Some(content) = content_at(view, id, item)? else {
            return Err(Error::invalid(format!("the bytes of {sha256} are missing")));
        };
        let context = content.path.display().to_string();
        let failed = |error| Error::File { context, error };
        let (copy, found) = self.blobs.copy_in(&content.path).map_err(failed)?;
        if found != sha256 {
            return Err(Error::Conflict(format!("{} has changed", content.path.display())));
        }
        let claim = self.blobs.claim(sha256);
        self.blobs.keep(&copy, sha256, media.filetype)?;
        Ok(Some(claim))
    }

    /// Takes items out of the inbox. What is not there stays as it is.
    ///
    /// # Errors
    /// When writing fails.
    pub fn archive(&self, items: Vec<ItemId>) -> Result<()> {
        self.write(move |tx| {
            edit(tx, &items, |item, now_ms| {
                if item.inbox {
                    item.inbox = false;
                    item.archived_ms = Some(now_ms);
                }
            })
        })
    }

    /// Puts items back into the inbox, those too whose bytes nobody has.
    ///
    /// # Errors
    /// When writing fails.
    pub fn unarchive(&self, items: Vec<ItemId>) -> Result<()> {
        self.write(move |tx| {
            edit(tx, &items, |item, _| {
                if !item.inbox {
                    item.inbox = true;
                    item.archived_ms = None;
                }
            })
        })
    }
}

/// The local file domains (type 2), for a write.
///
/// # Errors
/// When reading fails.
pub fn local_domains(tx: &Tx) -> Result<LocalDomains> {
    Ok(Services::load(tx)?.local_domains().into_iter().collect())
}

/// Refuses what is no target for an import or a migration.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_target(services: &Services, domain: ServiceId) -> Result<()> {
    let service = services.get(domain).ok_or_else(|| Error::missing("service", domain))?;
    if service.kind != ServiceKind::LOCAL_FILES {
        return Err(Error::invalid(
            "Sorry, any custom file domain here must only declare local file domains.",
        ));
    }
    match service.folder {
        Some(_) => Err(Error::invalid(format!(
            "Sorry, the file domain \"{}\" mirrors a library folder: only its files are in it.",
            service.name
        ))),
        None => Ok(()),
    }
}

fn not_local(id: ItemId) -> Error {
    Error::invalid(format!("Sorry, the file {id} is in no local file domain."))
}

/// Edits those of the items that have content, and writes back what really changed.
fn edit(tx: &mut Tx, items: &[ItemId], change: impl Fn(&mut Item, i64)) -> Result<()> {
    for id in items {
        let item = tx.item(*id)?.ok_or_else(|| Error::missing("file", id))?;
        if item.sha256.is_none() {
            continue;
        }
        let now_ms = tx.now_ms();
        let mut changed = item.clone();
        change(&mut changed, now_ms);
        if changed != item {
            changed.updated_ms = now_ms;
            tx.put_item(*id, &changed)?;
        }
    }
    Ok(())
}

pub(super) fn delete(tx: &mut Tx, deletion: &Deletion) -> Result<Vec<Bytes>> {
    let local = local_domains(tx)?;
    let physical = deletion.domains.contains(&STORAGE);
    if physical {
        check_lock(tx, &deletion.items)?;
    }
    let mut freed = Vec::new();
    if physical {
        for id in &deletion.items {
            let held = tx.item(*id)?.filter(membership::is_held);
            if let Some(item) = held {
                freed.extend(give_up_bytes(tx, *id, &item, deletion.folder_bytes)?);
            }
        }
    }
    edit(tx, &deletion.items, |item, now_ms| {
        for domain in &deletion.domains {
            delete_one(item, *domain, &local, deletion.reason.as_deref(), now_ms);
        }
    })?;
    Ok(freed)
}

fn delete_one(
    item: &mut Item,
    domain: ServiceId,
    local: &LocalDomains,
    reason: Option<&str>,
    now_ms: i64,
) {
    // A reason tells why a file left the library's domains; what was not there keeps none.
    let leaves = item.is_in(COMBINED_LOCAL) && item.is_in(domain);
    if domain == STORAGE {
        if !membership::is_held(item) {
            return;
        }
        membership::delete_physically(item, local, now_ms);
    } else if domain == COMBINED_LOCAL {
        for left in membership::local_domains_of(item, local) {
            membership::delete_from(item, left, now_ms);
        }
        if !item.is_in(COMBINED_LOCAL) {
            membership::delete_from(item, COMBINED_LOCAL, now_ms);
        }
        membership::settle(item, local, Departure::Deleted, now_ms);
    } else if local.contains(&domain) {
        membership::delete_from(item, domain, now_ms);
        membership::settle(item, local, Departure::Deleted, now_ms);
    }
    if leaves && let Some(reason) = reason {
        item.deletion_reason = Some(reason.to_owned());
    }
}

fn check_lock(tx: &Tx, items: &[ItemId]) -> Result<()> {
    if !file_rules(tx)?.delete_lock {
        return Ok(());
    }
    let mut locked = Vec::new();
    for id in items {
        let item = tx.item(*id)?.filter(|item| membership::is_held(item) && !item.inbox);
        locked.extend(item.and_then(|item| item.sha256).map(Sha256::to_hex));
    }
    if locked.is_empty() {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Sorry, some of the files you selected are currently delete-locked: {}",
        locked.join(", ")
    )))
}

/// Removes the rows of places whose bytes are to go; returns those bytes.
fn give_up_bytes(tx: &mut Tx, id: ItemId, item: &Item, folder_bytes: bool) -> Result<Vec<Bytes>> {
    let mut freed = Vec::new();
    for (place_id, place) in places_of(tx, id)? {
        match &place.kind {
            PlaceKind::Managed => {
                if let (Some(sha256), Some(media)) = (item.sha256, &item.media) {
                    freed.push(Bytes::Blob(sha256, media.filetype));
                }
            }
            PlaceKind::Path { path, .. } if folder_bytes => freed.push(Bytes::File(path_of(path))),
            // The row stays: the next scan sees at once that it has met this file.
            PlaceKind::Path { .. } | PlaceKind::Member { .. } => continue,
        }
        remove_place(tx, place_id)?;
    }
    Ok(freed)
}

fn undelete(tx: &mut Tx, items: &[ItemId], domains: &[ServiceId]) -> Result<()> {
    let local = local_domains(tx)?;
    let all = domains.contains(&COMBINED_LOCAL);
    edit(tx, items, |item, now_ms| {
        if !membership::is_held(item) {
            return;
        }
        let back: Vec<ServiceId> = local
            .iter()
            .copied()
            .filter(|domain| item.deletion(*domain).is_some())
            .filter(|domain| all || domains.contains(domain))
            .collect();
        for domain in &back {
            membership::enter(item, *domain, None, now_ms);
        }
        if !back.is_empty() {
            membership::settle(item, &local, Departure::Deleted, now_ms);
        }
    })
}

fn migrate(tx: &mut Tx, items: &[ItemId], domains: &[ServiceId], copied: &[ItemId]) -> Result<()> {
    let local = local_domains(tx)?;
    for id in items {
        let item = tx.item(*id)?.filter(|item| item.is_in(COMBINED_LOCAL));
        let item = item.ok_or_else(|| not_local(*id))?;
        if copied.contains(id) && !places::is_managed(tx, *id)? {
            add_managed(tx, *id, &item)?;
        }
    }
    edit(tx, items, |item, now_ms| {
        for domain in domains {
            membership::enter(item, *domain, None, now_ms);
        }
        membership::settle(item, &local, Departure::Deleted, now_ms);
    })
}

/// Writes the place of an item's managed blob.
///
/// # Errors
/// When reading fails.
pub fn add_managed(tx: &mut Tx, id: ItemId, item: &Item) -> Result<()> {
    let now_ms = tx.now_ms();
    add_place(
        tx,
        &Place {
            item: id,
            kind: PlaceKind::Managed,
            size_bytes: item.media.as_ref().map_or(0, |media| media.size_bytes),
            modified_ms: item.modified_ms.unwrap_or(now_ms),
            created_ms: now_ms,
            updated_ms: now_ms,
        },
    )?;
    Ok(())
}
