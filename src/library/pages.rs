//! Pages: what clients keep open, as lists of files on the server (behaviour.md 23).
//!
//! All pages are one document. A page of pages holds others; what a page is to import is kept by
//! `queue` and worked off by `imports`.

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::queue::{self, ImportEntry};
use super::{Library, View, random_key};
use crate::model::hash::to_hex;
use crate::model::ids::{ItemId, ServiceId};
use crate::store::{self, DocumentKind, Read, Tx};

const NAME: &str = "session";

/// More pages than these are refused.
const PAGES_MAX: usize = 1000;

/// What a page is for, numbered as in the Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageKind(pub u8);

impl PageKind {
    pub const GALLERY: PageKind = PageKind(1);
    pub const SIMPLE_DOWNLOADER: PageKind = PageKind(2);
    pub const LOCAL_IMPORT: PageKind = PageKind(3);
    pub const PETITIONS: PageKind = PageKind(5);
    pub const SEARCH: PageKind = PageKind(6);
    pub const URLS: PageKind = PageKind(7);
    pub const DUPLICATES: PageKind = PageKind(8);
    pub const WATCHER: PageKind = PageKind(9);
    pub const PAGES: PageKind = PageKind(10);
}

/// A search of a page, in the words of the client that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageSearch {
    pub tags: Vec<serde_json::Value>,
    pub domains: Vec<ServiceId>,
    pub tag_service: ServiceId,
    /// The number of the sort; `None` is the usual one.
    pub sort: Option<i64>,
    pub ascending: bool,
    /// It never searches again.
    #[serde(default)]
    pub is_locked: bool,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Hexadecimal digits.
    pub key: String,
    pub kind: PageKind,
    pub name: String,
    /// The files shown, in order.
    #[serde(default)]
    pub files: Vec<ItemId>,
    #[serde(default)]
    pub search: Option<PageSearch>,
    /// Where imports of this page go; the usual domain if none.
    #[serde(default)]
    pub import_domains: Vec<ServiceId>,
    /// Address and key of a watcher.
    #[serde(default)]
    pub watched: Option<(String, String)>,
    #[serde(default)]
    pub created_ms: i64,
    /// The pages in a page of pages.
    #[serde(default)]
    pub pages: Vec<Page>,
    /// Which of them is shown.
    #[serde(default)]
    pub current: usize,
}

impl Page {
    /// A page with a new key and nothing in it.
    ///
    /// # Errors
    /// When the machine gives no random key.
    pub fn new(kind: PageKind, name: &str, now_ms: i64) -> Result<Page> {
        Ok(Page {
            key: to_hex(&random_key()?),
            kind,
            name: name.to_owned(),
            files: Vec::new(),
            search: None,
            import_domains: Vec::new(),
            watched: None,
            created_ms: now_ms,
            pages: Vec::new(),
            current: 0,
        })
    }

    /// This page or one below it.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Page> {
        if self.key == key {
            return Some(self);
        }
        self.pages.iter().find_map(|page| page.find(key))
    }

    pub(super) fn find_mut(&mut self, key: &str) -> Option<&mut Page> {
        if self.key == key {
            return Some(self);
        }
        self.pages.iter_mut().find_map(|page| page.find_mut(key))
    }

    fn find_page(&self, fits: &dyn Fn(&&Page) -> bool) -> Option<&Page> {
        Some(self).filter(fits).or_else(|| self.pages.iter().find_map(|page| page.find_page(fits)))
    }

    /// Opens a page that nobody placed: in the innermost page of pages that is shown. Below the top
    /// it is shown there at once, whether that was asked for or not.
    fn open(&mut self, page: Page, is_top: bool) {
        match self.pages.get_mut(self.current) {
            Some(below) if below.kind == PageKind::PAGES => below.open(page, false),
            _ => {
                self.pages.push(page);
                if !is_top {
                    self.current = self.pages.len() - 1;
                }
            }
        }
    }

    /// The page that is shown, if it is no page of pages.
    fn shown(&self) -> Option<&Page> {
        let page = self.pages.get(self.current)?;
        if page.kind == PageKind::PAGES { page.shown() } else { Some(page) }
    }

    fn count(&self) -> usize {
        1 + self.pages.iter().map(Page::count).sum::<usize>()
    }

    /// Shows the page of that key; whether it was found here.
    fn focus(&mut self, key: &str) -> bool {
        if self.key == key {
            return true;
        }
        let found = self.pages.iter_mut().position(|page| page.focus(key));
        self.current = found.unwrap_or(self.current);
        found.is_some()
    }

    /// Adds files that are not there yet, in order.
    pub(super) fn add_files(&mut self, files: &[ItemId]) {
        for file in files {
            if !self.files.contains(file) {
                self.files.push(*file);
            }
        }
    }
}

/// The pages as of `read`; at first one empty search in the top notebook.
fn load(read: &impl Read) -> Result<Page> {
    if let Some(page) = read.document(DocumentKind::Pages, NAME)? {
        return Ok(page);
    }
    let mut top = Page::new(PageKind::PAGES, "top page notebook", 0)?;
    top.pages.push(Page::new(PageKind::SEARCH, "files", 0)?);
    Ok(top)
}

fn put(tx: &mut Tx, top: &Page) -> Result<()> {
    if top.count() > PAGES_MAX {
        return Err(Error::Conflict(format!("there is room for {PAGES_MAX} pages")));
    }
    Ok(store::Tx::put_document(tx, DocumentKind::Pages, NAME, top)?)
}

impl View {
    /// The top page with all others in it. `None` before the first one was asked for through
    /// [`Library::pages`].
    ///
    /// # Errors
    /// When reading fails.
    pub fn stored_pages(&self) -> Result<Option<Page>> {
        Ok(self.snapshot.document(DocumentKind::Pages, NAME)?)
    }
}

impl Library {
    /// The top page with all others in it. The first call writes them, so that their keys stay.
    ///
    /// # Errors
    /// When the store fails.
    pub fn pages(self: &std::sync::Arc<Self>) -> Result<Page> {
        match self.view()?.stored_pages()? {
            Some(top) => Ok(top),
            None => self.change_pages(|_| Ok(())).map(|(top, ())| top),
        }
    }

    /// Changes the pages, in one transaction; answers them as they are then.
    ///
    /// # Errors
    /// What `change` returns, or [`Error::Conflict`] for too many pages.
    pub fn change_pages<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Page) -> Result<T> + Send + 'static,
    ) -> Result<(Page, T)> {
        self.write(move |tx| {
            let mut top = load(tx)?;
            let answer = change(&mut top)?;
            put(tx, &top)?;
            Ok((top, answer))
        })
    }

    /// Adds a page to a page of pages, the top one if none is named, and shows it if asked to.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such page of pages.
    pub fn add_page(
        &self,
        parent: Option<String>,
        page: Page,
        imports: Vec<ImportEntry>,
        focus: bool,
    ) -> Result<()> {
        let key = page.key.clone();
        self.write(move |tx| {
            let mut top = load(tx)?;
            let top = &mut top;
            let parent = parent.clone().unwrap_or_else(|| top.key.clone());
            let found = top.find_mut(&parent).filter(|page| page.kind == PageKind::PAGES);
            let parent = found.ok_or_else(|| Error::missing("page of pages", parent))?;
            parent.pages.push(page.clone());
            if focus {
                top.focus(&key);
            }
            for entry in &imports {
                queue::add(tx, &page, entry)?;
            }
            put(tx, top)
        })
    }

    /// Shows a page.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown key.
    pub fn focus_page(&self, key: String) -> Result<()> {
        let focus = move |top: &mut Page| {
            if top.focus(&key) { Ok(()) } else { Err(Error::missing("page", &key)) }
        };
        self.change_pages(focus).map(|_| ())
    }

    /// Changes one page.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown key.
    pub fn change_page(
        &self,
        key: String,
        change: impl Fn(&mut Page) + Send + 'static,
    ) -> Result<()> {
        let edit = move |top: &mut Page| match top.find_mut(&key) {
            Some(page) => {
                change(page);
                Ok(())
            }
            None => Err(Error::missing("page", &key)),
        };
        self.change_pages(edit).map(|_| ())
    }

    /// Adds files to a page, in order; those that are there stay where they are.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown key.
    pub fn add_page_files(&self, key: String, files: Vec<ItemId>) -> Result<()> {
        self.change_page(key, move |page| page.add_files(&files))
    }

    /// Adds something to import to the page of that key, or of that name and those domains, which
    /// is made when there is none. Answers the key of the page.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the page or the session is full.
    pub fn queue_url(
        &self,
        page_key: Option<String>,
        name: Option<String>,
        domains: Vec<ServiceId>,
        entry: ImportEntry,
        focus: bool,
    ) -> Result<String> {
        self.write(move |tx| {
            let is_stored =
                tx.get(&store::DOCUMENTS, &(DocumentKind::Pages, NAME.to_owned()))?.is_some();
            let mut top = load(tx)?;
            let by_key = page_key.as_deref().and_then(|key| top.find(key));
            let by_key = by_key.filter(|page| page.kind == PageKind::URLS);
            let fits = |page: &&Page| {
                page.kind == PageKind::URLS
                    && page.import_domains == domains
                    && name.as_ref().is_none_or(|name| page.name == *name)
            };
            let shown = || top.shown().filter(fits);
            let known = by_key.or_else(shown).or_else(|| top.find_page(&fits)).cloned();
            let is_known = known.is_some();
            let page = match known {
                Some(page) => page,
                None => {
                    let name = name.as_deref().unwrap_or("url import");
                    let mut page = Page::new(PageKind::URLS, name, entry.created_ms)?;
                    page.import_domains.clone_from(&domains);
                    top.open(page.clone(), true);
                    page
                }
            };
            queue::add(tx, &page, &entry)?;
            if focus {
                top.focus(&page.key);
            }
            // Most addresses go to a page that is there: then there is nothing to write of it.
            if focus || !is_known || !is_stored {
                put(tx, &top)?;
            }
            Ok(page.key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    #[test]
    fn a_fresh_library_has_one_search_in_its_notebook() {
        let library = TestLibrary::new();
        let top = library.pages().unwrap();
        assert_eq!((top.kind, top.pages.len()), (PageKind::PAGES, 1));
        assert_eq!(top.pages[0].name, "files");
        assert_eq!(library.pages().unwrap(), top, "its keys stay");
    }

    #[test]
    fn pages_go_into_pages_of_pages_only() {
        let library = TestLibrary::new();
        let notebook = Page::new(PageKind::PAGES, "birds", 1).unwrap();
        library.add_page(None, notebook.clone(), vec![], false).unwrap();
        let search = Page::new(PageKind::SEARCH, "herons", 1).unwrap();
        library.add_page(Some(notebook.key.clone()), search.clone(), vec![], true).unwrap();
        let top = library.pages().unwrap();
        assert_eq!((top.current, top.pages[1].current), (1, 0));
        assert_eq!(top.pages[1].pages, std::slice::from_ref(&search));
        let other = Page::new(PageKind::SEARCH, "x", 1).unwrap();
        assert!(library.add_page(Some(search.key.clone()), other, vec![], false).is_err());
        library.add_page_files(search.key.clone(), vec![ItemId(2), ItemId(1)]).unwrap();
        library.add_page_files(search.key.clone(), vec![ItemId(1), ItemId(3)]).unwrap();
        let top = library.pages().unwrap();
        let files = top.find(&search.key).map(|page| page.files.clone()).unwrap();
        assert_eq!(files, [ItemId(2), ItemId(1), ItemId(3)]);
        assert!(library.focus_page("00".to_owned()).is_err());
    }

    #[test]
    fn addresses_wait_on_a_page_of_their_domains() {
        let library = TestLibrary::new();
        let entry = |url: &str| ImportEntry::new(url.to_owned(), Vec::new(), 1);
        let queue = |name: Option<&str>, domains: Vec<ServiceId>, url: &str| {
            let name = name.map(str::to_owned);
            library.queue_url(None, name, domains, entry(url), false).unwrap()
        };
        let first = queue(None, vec![], "https://a.example/1");
        assert_eq!(queue(None, vec![], "https://a.example/1"), first);
        assert_ne!(queue(None, vec![ServiceId(40)], "https://a.example/2"), first);
        assert_ne!(queue(Some("birds"), vec![], "https://a.example/3"), first);
        let top = library.pages().unwrap();
        let page = top.find(&first).cloned().unwrap();
        assert_eq!(library.view().unwrap().import_counts(&page.key).unwrap().total(), 1);
        let notebook = Page::new(PageKind::PAGES, "trains", 1).unwrap();
        library.add_page(None, notebook.clone(), vec![], true).unwrap();
        let below = queue(Some("engines"), vec![], "https://a.example/4");
        let top = library.pages().unwrap();
        let notebook = top.find(&notebook.key).cloned().unwrap();
        assert!(notebook.find(&below).is_some(), "new pages open in the notebook that is shown");
        let other = queue(Some("coaches"), vec![], "https://a.example/5");
        let top = library.pages().unwrap();
        let notebook = top.find(&notebook.key).cloned().unwrap();
        assert_eq!(notebook.pages[notebook.current].key, other, "and are shown in it");
    }
}
