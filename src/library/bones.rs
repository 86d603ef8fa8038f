//! Numbers about a whole set of files (behaviour.md 26): from sets and columns, not file by file.

use roaring::RoaringBitmap;

use super::View;
use super::error::Result;
use super::relationships::RelationshipTotals;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::query::{FileDomains, SearchRequest};
use crate::model::service::{ServiceKind, builtin};
use crate::store::{Column, Flag, Read as _, SetKey};

/// How many files, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

/// Numbers about the files that a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bones {
    pub inbox: Amount,
    pub archive: Amount,
    /// Found among what was deleted from the domains; `None` for domains without such records.
    pub deleted: Option<Amount>,
    pub earliest_import_ms: Option<i64>,
    /// Views and their time in the media viewer.
    pub media_views: (u64, u64),
    /// Views and their time in the preview.
    pub preview_views: (u64, u64),
    pub relationships: RelationshipTotals,
}

impl View {
    /// Numbers about what a search finds; without terms about all files of its domains.
    ///
    /// # Errors
    /// When reading fails.
    pub fn bones(&self, search: &SearchRequest) -> Result<Bones> {
        let files = self.found_in(search, &search.domains)?;
        let inbox = self.snapshot.set(SetKey::Flag(Flag::Inbox))?;
        let examined = &files & self.snapshot.set(SetKey::Flag(Flag::HasMedia))?;
        // Only of one domain it is told what was deleted from it, and when it began.
        let domain = match search.domains.current.as_slice() {
            [domain] if search.domains.deleted.is_empty() => Some(*domain)
                .filter(|domain| self.services().kind(*domain).is_some_and(records_deletions)),
            _ => None,
        };
        let deleted_files = match domain {
            Some(domain) => {
                let domains = FileDomains { current: Vec::new(), deleted: vec![domain] };
                Some(self.found_in(search, &domains)?)
            }
            None => None,
        };
        let earliest_import_ms = match (domain, &deleted_files) {
            (Some(domain), Some(deleted)) => self.earliest_import_ms(&files, deleted, domain)?,
            _ => None,
        };
        // What was looked at before it was deleted was looked at all the same.
        let viewed = &files | deleted_files.as_ref().unwrap_or(&RoaringBitmap::new());
        let deleted = deleted_files.as_ref().map(|files| self.amount(files)).transpose()?;
        Ok(Bones {
            inbox: self.amount(&(&examined & &inbox))?,
            archive: self.amount(&(&examined - &inbox))?,
            deleted,
            earliest_import_ms,
            media_views: (
                self.sum(&viewed, Column::MediaViews)?,
                self.sum(&viewed, Column::MediaViewtimeMs)?,
            ),
            preview_views: (
                self.sum(&viewed, Column::PreviewViews)?,
                self.sum(&viewed, Column::PreviewViewtimeMs)?,
            ),
            relationships: self.relationship_totals(&files)?,
        })
    }

    fn found_in(&self, search: &SearchRequest, domains: &FileDomains) -> Result<RoaringBitmap> {
        if search.terms.is_empty() {
            return self.domain_set(domains);
        }
        self.search_set(&SearchRequest { domains: domains.clone(), ..search.clone() })
    }

    fn amount(&self, files: &RoaringBitmap) -> Result<Amount> {
        Ok(Amount { files: files.len(), bytes: self.sum(files, Column::SizeBytes)? })
    }

    fn sum(&self, files: &RoaringBitmap, column: Column) -> Result<u64> {
        let values = self.library.store.column(column)?;
        let known = files.iter().filter_map(|file| values.value(ItemId(file)));
        Ok(known.map(|value| u64::try_from(value).unwrap_or(0)).sum())
    }

    /// The column knows imports into the combined domains; of others, the records of the files do.
    fn earliest_import_ms(
        &self,
        files: &RoaringBitmap,
        deleted: &RoaringBitmap,
        domain: ServiceId,
    ) -> Result<Option<i64>> {
        let mut earliest = None;
        if domain == builtin::COMBINED_LOCAL {
            let values = self.library.store.column(Column::ImportedMs)?;
            earliest = files.iter().filter_map(|file| values.value(ItemId(file))).min();
        } else {
            for file in files {
                let item = self.item(ItemId(file))?;
                let imported_ms = item.and_then(|item| item.membership(domain)?.imported_ms);
                earliest = [earliest, imported_ms].into_iter().flatten().min();
            }
        }
        for file in deleted {
            let item = self.item(ItemId(file))?;
            let imported_ms = item.and_then(|item| item.deletion(domain)?.imported_ms);
            earliest = [earliest, imported_ms].into_iter().flatten().min();
        }
        Ok(earliest.filter(|earliest_ms| *earliest_ms > 0))
    }
}

fn records_deletions(kind: ServiceKind) -> bool {
    [
        ServiceKind::LOCAL_FILES,
        ServiceKind::FILE_REPOSITORY,
        ServiceKind::STORAGE,
        ServiceKind::UPDATES,
        ServiceKind::COMBINED_LOCAL,
    ]
    .contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::{TestLibrary, blank_media};
    use crate::model::item::{CanvasViews, Deletion, Membership};
    use crate::model::query::Sort;

    #[test]
    fn numbers_are_those_of_the_domain() {
        let library = TestLibrary::new();
        let member = |service, ms| Membership { service, imported_ms: Some(ms) };
        for byte in 1..=3 {
            library.item(byte, move |item| {
                item.media = Some(blank_media());
                item.domains.push(member(builtin::COMBINED_LOCAL, 10 * i64::from(byte)));
                item.inbox = byte == 1;
                item.set_views(CanvasViews {
                    canvas: 0,
                    views: 2,
                    viewtime_ms: 500,
                    last_viewed_ms: None,
                });
            });
        }
        let deletion = |service| Deletion { service, deleted_ms: None, imported_ms: Some(4) };
        library.item(4, move |item| item.deletions.push(deletion(builtin::COMBINED_LOCAL)));
        let search = |domain| SearchRequest {
            terms: Vec::new(),
            domains: FileDomains { current: vec![domain], deleted: Vec::new() },
            tag_service: None,
            include_current: true,
            include_pending: true,
            sort: Sort::Size,
            ascending: true,
            limit: None,
        };
        let view = library.view().unwrap();
        let bones = view.bones(&search(builtin::COMBINED_LOCAL)).unwrap();
        assert_eq!((bones.inbox.files, bones.archive.files), (1, 2));
        assert_eq!(bones.deleted.map(|amount| amount.files), Some(1));
        assert_eq!((bones.earliest_import_ms, bones.media_views), (Some(4), (6, 1500)));
        assert_eq!(view.bones(&search(builtin::TRASH)).unwrap(), Bones::default());
    }
}
