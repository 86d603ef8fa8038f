//! Working off what pages have to import: paths of this machine, and addresses of files.
//!
//! One thread works while there is something to do. What waits is in the store, so nothing is lost
//! when the process ends. While the network is paused, addresses wait.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::{Error, Result};
use super::pages::{ImportEntry, Page, PageKind};
use super::{FileStatus, ImportRequest, Library, Source, TagAction, TagChange, TagChangeRules};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::tag::Tag;
use crate::model::time::now_ms;

/// Larger files are not fetched.
const BYTES_MAX: u64 = 4 << 30;
const TIMEOUT: Duration = Duration::from_secs(600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const REDIRECTS_MAX: usize = 5;
const ATTEMPTS: u32 = 3;

/// One entry to work on.
struct Work {
    page: String,
    domains: Vec<ServiceId>,
    entry: ImportEntry,
}

/// What became of an entry.
struct Done {
    status: u8,
    note: String,
    item: Option<ItemId>,
    source_time_ms: Option<i64>,
}

impl Done {
    fn failed(note: String) -> Done {
        Done { status: FileStatus::Failed as u8, note, item: None, source_time_ms: None }
    }
}

impl Library {
    /// Begins to work off what waits, on a thread of its own, unless one is at it already.
    pub fn work_imports(self: &Arc<Self>) {
        if self.importing.swap(true, Ordering::SeqCst) {
            return;
        }
        let library = Arc::clone(self);
        let work = move || {
            while let Ok(Some(work)) = library.next_import() {
                let done = library.import_entry(&work);
                if let Err(error) = library.finish_import(&work, done) {
                    tracing::error!(%error, "an import could not be noted");
                    break;
                }
            }
            library.importing.store(false, Ordering::SeqCst);
        };
        if let Err(error) = std::thread::Builder::new().name("imports".to_owned()).spawn(work) {
            tracing::error!(%error, "imports could not be begun");
            self.importing.store(false, Ordering::SeqCst);
        }
    }

    fn next_import(self: &Arc<Self>) -> Result<Option<Work>> {
        let view = self.view()?;
        let is_paused = view.switches()?.network_paused;
        let mut found = None;
        let Some(mut top) = view.stored_pages()? else { return Ok(None) };
        top.each_mut(&mut |page: &mut Page| {
            let works = match page.kind {
                PageKind::LOCAL_IMPORT => true,
                PageKind::URLS => !is_paused,
                _ => false,
            };
            let waiting = page.imports.iter().find(|entry| works && entry.status == 0);
            if let (None, Some(entry)) = (&found, waiting) {
                found = Some(Work {
                    page: page.key.clone(),
                    domains: page.import_domains.clone(),
                    entry: entry.clone(),
                });
            }
        });
        Ok(found)
    }

    fn finish_import(&self, work: &Work, done: Done) -> Result<()> {
        let source = work.entry.source.clone();
        self.change_page(work.page.clone(), move |page| {
            page.add_files(done.item.as_slice());
            for entry in page.imports.iter_mut().filter(|entry| entry.source == source) {
                entry.status = done.status;
                entry.note.clone_from(&done.note);
                entry.item = done.item;
                entry.source_time_ms = done.source_time_ms;
                entry.modified_ms = now_ms();
            }
        })
    }

    fn import_entry(self: &Arc<Self>, work: &Work) -> Done {
        let entry = &work.entry;
        let is_url = entry.source.contains("://");
        let mut source_time_ms = None;
        let source = if is_url {
            match self.fetch_patiently(&entry.source) {
                Ok(path) => Source::Upload(path),
                Err(error) => return Done::failed(error.to_string()),
            }
        } else {
            let path = PathBuf::from(&entry.source);
            source_time_ms =
                std::fs::metadata(&path).ok().as_ref().and_then(super::places::modified_ms);
            Source::Path(path)
        };
        let request = ImportRequest {
            source,
            domains: work.domains.clone(),
            delete_source: entry.delete_source,
        };
        match self.import(request) {
            Ok(outcome) => {
                let note = outcome.note;
                if let Some(item) = outcome.item
                    && let Err(error) = self.dress(item, entry, is_url)
                {
                    return Done::failed(error.to_string());
                }
                Done { status: outcome.status as u8, note, item: outcome.item, source_time_ms }
            }
            Err(error) => Done::failed(error.to_string()),
        }
    }

    /// Gives an imported file the tags and the address that it came with.
    fn dress(&self, item: ItemId, entry: &ImportEntry, is_url: bool) -> Result<()> {
        if is_url {
            self.associate_urls(vec![item], vec![entry.source.clone()], Vec::new(), true)?;
        }
        let changes: Vec<TagChange> = entry
            .tags
            .iter()
            .filter_map(|(service, tag)| {
                let (service, tag) = (*service, Tag::clean(tag)?);
                Some(TagChange { service, action: TagAction::Add, tag, reason: String::new() })
            })
            .collect();
        self.change_tags(vec![item], changes, TagChangeRules::default())
    }

    fn fetch_patiently(self: &Arc<Self>, url: &str) -> Result<PathBuf> {
        let mut attempt = 1;
        loop {
            match self.fetch(url) {
                // The other side may come back; what it refused stays refused.
                Err(Error::Busy) if attempt < ATTEMPTS => {
                    std::thread::sleep(Duration::from_secs(2 << attempt));
                    attempt += 1;
                }
                Err(Error::Busy) => {
                    return Err(Error::Conflict("The other server did not answer!".to_owned()));
                }
                outcome => return outcome,
            }
        }
    }

    /// Fetches an address into a file of its own. [`Error::Busy`] when it may work another time.
    fn fetch(self: &Arc<Self>, url: &str) -> Result<PathBuf> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            self.check_address(&url)?;
            let agent = ureq::Agent::config_builder()
                .max_redirects(0)
                .http_status_as_error(false)
                .timeout_global(Some(TIMEOUT))
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .build()
                .new_agent();
            let mut request = agent.get(&url);
            for (name, value) in self.view()?.request_headers(&url)? {
                request = request.header(name, value);
            }
            let answer = request.call().map_err(|error| {
                tracing::debug!(%error, "a fetch failed");
                Error::Busy
            })?;
            let status = answer.status().as_u16();
            match status {
                200 => return self.store_body(answer.into_body().into_reader()),
                301 | 302 | 303 | 307 | 308 => {
                    let location = answer.headers().get("location");
                    let location = location.and_then(|value| value.to_str().ok());
                    let location = location.filter(|place| place.contains("://"));
                    url = location
                        .ok_or_else(|| Error::invalid("a redirection that leads nowhere"))?
                        .to_owned();
                }
                429 | 500..=599 => return Err(Error::Busy),
                other => return Err(Error::invalid(format!("{other} was the answer of {url}"))),
            }
        }
        Err(Error::invalid("too many redirections"))
    }

    /// Refuses what is no web address, and addresses of private networks unless they are allowed.
    fn check_address(&self, url: &str) -> Result<()> {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        let host = crate::store::host_of(url);
        if !is_web || host.is_empty() {
            return Err(Error::invalid(format!("{url} is no address of the web")));
        }
        if self.settings.allow_private {
            return Ok(());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (bare, 0).to_socket_addrs().map_err(|_| Error::Busy)?;
        for address in addresses {
            if is_private(address.ip()) {
                return Err(Error::invalid(format!("{host} is in a private network")));
            }
        }
        Ok(())
    }

    fn store_body(&self, reader: impl std::io::Read) -> Result<PathBuf> {
        let name =
            super::random_key()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let path = self.temporary_folder().join(name);
        let outcome = copy_limited(reader, &path);
        if outcome.is_err() {
            super::places::remove_if_there(&path);
        }
        outcome.map(|()| path)
    }
}

fn copy_limited(reader: impl std::io::Read, path: &Path) -> Result<()> {
    let failed = |error| Error::File { context: path.display().to_string(), error };
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let mut reader = reader.take(BYTES_MAX + 1);
    let mut buffer = vec![0; 64 << 10];
    let mut size_bytes = 0_u64;
    loop {
        let count = reader.read(&mut buffer).map_err(|_| Error::Busy)?;
        if count == 0 {
            return file.flush().map_err(failed);
        }
        size_bytes += count as u64;
        if size_bytes > BYTES_MAX {
            return Err(Error::invalid("the file is too large"));
        }
        file.write_all(&buffer[..count]).map_err(failed)?;
    }
}

/// Whether an address is of this machine, of a private network, or of nobody.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.to_ipv4().is_some_and(|v4| is_private(IpAddr::V4(v4)))
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    #[test]
    fn private_addresses_are_known() {
        for text in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.0.1", "0.0.0.0", "100.64.0.1"]
        {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["::1", "fc00::1", "fe80::1", "::ffff:127.0.0.1", "::"] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["93.184.215.14", "1.1.1.1", "2606:4700::1111"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn nothing_is_fetched_from_this_machine_unless_allowed() {
        let library = TestLibrary::new();
        for url in ["http://127.0.0.1/x", "http://[::1]:80/x", "ftp://a.example/", "file:///etc"] {
            assert!(matches!(library.check_address(url), Err(Error::Invalid(_))), "{url}");
        }
    }

    #[test]
    fn a_path_that_is_nowhere_fails_and_says_so() {
        let library = TestLibrary::new();
        let mut page = Page::new(PageKind::LOCAL_IMPORT, "import", 1).unwrap();
        page.imports.push(ImportEntry::new("/no/such/bird.png".to_owned(), Vec::new(), 1));
        let key = page.key.clone();
        library.add_page(None, page, false).unwrap();
        library.work_imports();
        for _ in 0..500 {
            let top = library.pages().unwrap();
            let entry = top.find(&key).map(|page| page.imports[0].clone()).unwrap();
            if entry.status != 0 {
                assert_eq!(entry.status, FileStatus::Failed as u8);
                assert!(!entry.note.is_empty());
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody worked");
    }
}
