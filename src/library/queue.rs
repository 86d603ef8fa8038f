//! What pages have to import: the entries, and the order in which they are worked off.
//!
//! Everything is in the store, one document a row, so that adding to and finishing one of many
//! entries costs the same. The names of the documents (kind `Download`) begin with
//! - `e/PAGE/NUMBER`: an entry,
//! - `s/PAGE/HASH`: the number of the entry of a source, because a page takes each source once,
//! - `c/PAGE`: how many entries of a page have which status,
//! - `q/LANE/TIME/PAGE/NUMBER`: an entry that waits; lanes are paths, addresses, and addresses that
//!   are tried again when their time has come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::View;
use super::error::{Error, Result};
use super::pages::{Page, PageKind};
use crate::model::hash::to_hex;
use crate::model::ids::{ItemId, ServiceId};
use crate::store::{self, DocumentKind, Read, Tx};

/// More entries of one page than these are refused.
const PAGE_MAX: u32 = 100_000;

/// One thing to import, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportEntry {
    /// A URL or a path.
    pub source: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub source_time_ms: Option<i64>,
    /// 0 waits; others as a file's status.
    pub status: u8,
    pub note: String,
    pub item: Option<ItemId>,
    /// Tags that the file gets.
    pub tags: Vec<(ServiceId, String)>,
    /// Whether a local file goes once it is imported.
    pub delete_source: bool,
    /// Tags that the file gets if the import options let them through.
    #[serde(default)]
    pub filterable_tags: Vec<String>,
    /// How often it was tried in vain.
    #[serde(default)]
    pub attempts: u32,
}

impl ImportEntry {
    /// Something that waits to be imported.
    #[must_use]
    pub fn new(source: String, tags: Vec<(ServiceId, String)>, now_ms: i64) -> ImportEntry {
        ImportEntry {
            source,
            created_ms: now_ms,
            modified_ms: now_ms,
            source_time_ms: None,
            status: 0,
            note: String::new(),
            item: None,
            tags,
            delete_source: false,
            filterable_tags: Vec::new(),
            attempts: 0,
        }
    }
}

/// How many entries of a page have which status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportCounts(BTreeMap<u8, u32>);

impl ImportCounts {
    /// The entries of a status.
    #[must_use]
    pub fn of(&self, status: u8) -> u32 {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// All entries.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.values().sum()
    }

    /// The entries that wait no more.
    #[must_use]
    pub fn done(&self) -> u32 {
        self.total() - self.of(0)
    }
}

/// Who is served before whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Paths,
    Addresses,
    /// Addresses that are tried again, by the time when they are.
    Again,
}

impl Lane {
    fn prefix(self) -> &'static str {
        match self {
            Lane::Paths => "q/p/",
            Lane::Addresses => "q/a/",
            Lane::Again => "q/r/",
        }
    }
}

/// An entry that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) page: String,
    pub(super) number: u32,
    /// The server of an address.
    pub(super) host: String,
    /// When it may be worked on.
    pub(super) due_ms: i64,
}

fn entry_name(page: &str, number: u32) -> String {
    format!("e/{page}/{number:08x}")
}

fn ticket_name(lane: Lane, ticket: &Ticket) -> String {
    let time = ticket.due_ms.max(0);
    format!("{}{time:016x}/{}/{:08x}", lane.prefix(), ticket.page, ticket.number)
}

fn counts(read: &impl Read, page: &str) -> store::Result<ImportCounts> {
    Ok(read.document(DocumentKind::Download, &format!("c/{page}"))?.unwrap_or_default())
}

fn count(tx: &mut Tx, page: &str, change: impl FnOnce(&mut ImportCounts)) -> store::Result<()> {
    let mut known = counts(tx, page)?;
    change(&mut known);
    known.0.retain(|_, count| *count > 0);
    tx.put_document(DocumentKind::Download, &format!("c/{page}"), &known)
}

/// Adds an entry to a page, unless the page has one of the same source already.
///
/// # Errors
/// [`Error::Conflict`] when the page is full.
pub(super) fn add(tx: &mut Tx, page: &Page, entry: &ImportEntry) -> Result<()> {
    let digest = to_hex(&Sha256::digest(entry.source.as_bytes()));
    let source = format!("s/{}/{digest}", page.key);
    if tx.document::<u32>(DocumentKind::Download, &source)?.is_some() {
        return Ok(());
    }
    let number = counts(tx, &page.key)?.total();
    if number >= PAGE_MAX {
        return Err(Error::Conflict(format!("a page holds {PAGE_MAX} imports at most")));
    }
    tx.put_document(DocumentKind::Download, &source, &number)?;
    tx.put_document(DocumentKind::Download, &entry_name(&page.key, number), entry)?;
    count(tx, &page.key, |counts| *counts.0.entry(entry.status).or_default() += 1)?;
    let lane = if page.kind == PageKind::LOCAL_IMPORT { Lane::Paths } else { Lane::Addresses };
    let host = if lane == Lane::Paths { "" } else { store::host_of(&entry.source) };
    let ticket = Ticket {
        page: page.key.clone(),
        number,
        host: host.to_lowercase(),
        due_ms: entry.created_ms,
    };
    tx.put_document(DocumentKind::Download, &ticket_name(lane, &ticket), &ticket)?;
    Ok(())
}

/// Notes what became of an entry: it waits no more.
pub(super) fn finish(tx: &mut Tx, lane: Lane, ticket: &Ticket, entry: &ImportEntry) -> Result<()> {
    let name = entry_name(&ticket.page, ticket.number);
    let known: Option<ImportEntry> = tx.document(DocumentKind::Download, &name)?;
    let before = known.map_or(0, |known| known.status);
    tx.remove_document(DocumentKind::Download, &ticket_name(lane, ticket));
    tx.put_document(DocumentKind::Download, &name, entry)?;
    count(tx, &ticket.page, |counts| {
        if let Some(count) = counts.0.get_mut(&before) {
            *count = count.saturating_sub(1);
        }
        *counts.0.entry(entry.status).or_default() += 1;
    })?;
    Ok(())
}

/// Lets an entry wait until `due_ms`.
pub(super) fn put_off(
    tx: &mut Tx,
    lane: Lane,
    ticket: &Ticket,
    entry: &ImportEntry,
    due_ms: i64,
) -> Result<()> {
    tx.remove_document(DocumentKind::Download, &ticket_name(lane, ticket));
    let later = Ticket { due_ms, ..ticket.clone() };
    tx.put_document(DocumentKind::Download, &ticket_name(Lane::Again, &later), &later)?;
    tx.put_document(DocumentKind::Download, &entry_name(&ticket.page, ticket.number), entry)?;
    Ok(())
}

impl View {
    /// How many entries of a page have which status.
    ///
    /// # Errors
    /// When reading fails.
    pub fn import_counts(&self, page: &str) -> Result<ImportCounts> {
        Ok(counts(&self.snapshot, page)?)
    }

    /// The entries of a page in the order in which they were added.
    ///
    /// # Errors
    /// When reading fails.
    pub fn imports(&self, page: &str) -> Result<Vec<ImportEntry>> {
        let prefix = format!("e/{page}/");
        let kind = DocumentKind::Download;
        let rows = self.snapshot.documents_below(kind, &prefix, PAGE_MAX as usize)?;
        Ok(rows.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The files that a page shows: those it holds, then those that it imported.
    ///
    /// # Errors
    /// When reading fails.
    pub fn page_files(&self, page: &Page) -> Result<Vec<ItemId>> {
        let mut files = page.files.clone();
        if ![PageKind::LOCAL_IMPORT, PageKind::URLS].contains(&page.kind) {
            return Ok(files);
        }
        let mut known: std::collections::HashSet<ItemId> = files.iter().copied().collect();
        for entry in self.imports(&page.key)? {
            files.extend(entry.item.filter(|item| known.insert(*item)));
        }
        Ok(files)
    }

    pub(super) fn import_entry(&self, ticket: &Ticket) -> Result<Option<ImportEntry>> {
        let name = entry_name(&ticket.page, ticket.number);
        Ok(self.snapshot.document(DocumentKind::Download, &name)?)
    }

    /// The first tickets of a lane.
    pub(super) fn tickets(&self, lane: Lane, limit: usize) -> Result<Vec<Ticket>> {
        let kind = DocumentKind::Download;
        let rows = self.snapshot.documents_below(kind, lane.prefix(), limit)?;
        Ok(rows.into_iter().map(|(_, ticket)| ticket).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    fn page(library: &TestLibrary, sources: &[&str]) -> Page {
        let page = Page::new(PageKind::URLS, "birds", 1).unwrap();
        let entry = |source: &&str| ImportEntry::new((*source).to_owned(), Vec::new(), 1);
        let imports = sources.iter().map(entry).collect();
        library.add_page(None, page.clone(), imports, false).unwrap();
        page
    }

    #[test]
    fn a_page_takes_each_source_once_and_counts_what_becomes_of_it() {
        let library = TestLibrary::new();
        let page =
            page(&library, &["https://a.example/1", "https://a.example/2", "https://a.example/1"]);
        let view = library.view().unwrap();
        assert_eq!(view.imports(&page.key).unwrap().len(), 2);
        let tickets = view.tickets(Lane::Addresses, 10).unwrap();
        assert_eq!(tickets.iter().map(|ticket| ticket.number).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(tickets[0].host, "a.example");
        let mut entry = view.import_entry(&tickets[0]).unwrap().unwrap();
        entry.status = 3;
        let ticket = tickets[0].clone();
        library.write(move |tx| finish(tx, Lane::Addresses, &ticket, &entry)).unwrap();
        let view = library.view().unwrap();
        let counts = view.import_counts(&page.key).unwrap();
        assert_eq!((counts.of(3), counts.of(0), counts.done(), counts.total()), (1, 1, 1, 2));
        assert_eq!(view.tickets(Lane::Addresses, 10).unwrap().len(), 1);
    }

    #[test]
    fn what_is_put_off_waits_in_the_order_of_its_time() {
        let library = TestLibrary::new();
        let _page = page(&library, &["https://a.example/1", "https://a.example/2"]);
        let view = library.view().unwrap();
        for (ticket, due_ms) in view.tickets(Lane::Addresses, 10).unwrap().into_iter().zip([70, 60])
        {
            let entry = view.import_entry(&ticket).unwrap().unwrap();
            library.write(move |tx| put_off(tx, Lane::Addresses, &ticket, &entry, due_ms)).unwrap();
        }
        let view = library.view().unwrap();
        assert!(view.tickets(Lane::Addresses, 10).unwrap().is_empty());
        let due: Vec<i64> =
            view.tickets(Lane::Again, 1).unwrap().iter().map(|t| t.due_ms).collect();
        assert_eq!(due, [60]);
    }
}
