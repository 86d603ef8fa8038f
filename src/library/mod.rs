//! The verbs that both dialects share: import, tag, rate, search, relate, trash, scan, jobs.
//!
//! Start with [`Library`] (the open library) and [`View`] (one consistent state of it, for one
//! request). A verb validates, then changes everything in one transaction; dialects translate their
//! own words into these and never touch the store.

mod access;
mod apply;
pub mod autocomplete;
mod bones;
mod cached;
mod content;
mod download;
pub mod entities;
mod error;
mod favourites;
#[cfg(test)]
mod file_tests;
pub mod folders;
mod generate;
mod hashes;
mod import;
mod imports;
mod indexing;
pub mod jobs;
mod lexicon;
mod lifecycle;
mod lock;
pub mod logs;
pub mod made_up;
mod maintenance;
pub mod membership;
mod moves;
mod network;
mod notes;
pub mod objects;
mod options;
mod orders;
pub mod pages;
mod pending;
pub mod places;
mod popups;
pub mod queue;
mod ratings;
mod relations;
pub mod relationships;
mod rules;
mod scan;
mod search;
mod services;
mod tagging;
mod tallies;
#[cfg(test)]
pub(crate) mod testing;
mod times;
mod tracked;
mod urls;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use crate::media::{RenderFormat, RenderRequest, Rendered};
pub use access::{AccessKey, AccessKeys, declare_access_key, random_key, revoke_access_key};
pub use apply::{Applied, Declaration};
pub use bones::{Amount, Bones};
pub use content::{Content, ThumbnailContent};
pub use download::DownloadSettings;
pub use error::{Error, Result};
pub use folders::{LibraryFolder, ScanRules, is_inside};
pub use generate::{GenerateRequest, Generated, PreviewOptions, cue};
pub use hashes::{ContentHashes, ServiceTags};
pub use import::{FileStatus, ImportOutcome, ImportRequest, Recognised, Source};
pub use lifecycle::Deletion;
pub use network::{Approval, Cookie, CookieChange, Header, HeaderChange, second_level_domain};
pub use notes::{NoteWriting, set_notes};
pub use options::{Switches, change_switches};
pub use pending::{PendingTags, is_repository};
pub use popups::{NetworkJob, Popup, PopupChange, PopupKey, PopupStart};
pub use ratings::{Rating, rate, stars, stored_value};
pub use relations::{Relations, declare_parent, declare_sibling, remove_parent, remove_sibling};
pub use rules::{FileRules, ImportRules, put_download_tags, put_import_rules};
pub use scan::{ScanReport, ScanRequest};
pub use services::{Services, declare_service};
pub use tagging::{TagAction, TagChange, TagChangeRules};
pub use times::{CANVASES, KEEP_LAST_VIEW, TimeOf, set_time};
pub use urls::{associate_urls, declare_url_class};

use self::cached::Cached;
use self::indexing::Indexing;
use self::jobs::Jobs;
use self::lexicon::Lexicon;
use self::places::Blobs;
use self::tracked::{ImportTimes, Tracked};
use crate::config::Config;
use crate::index::Index;
use crate::media::{Workers, WorkersConfig};
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::item::Item;
use crate::model::url_class::UrlClasses;
use crate::store::{self, ChangeKind, CheckReport, Mappings, Read, Snapshot, Store, Tx};

/// What a library needs to know to open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder; created when missing.
    pub data: PathBuf,
    pub store: store::Options,
    /// The zone of dates without one, and of times in notes for people.
    pub zone: jiff::tz::TimeZone,
    /// The processes that decode media; `None` decodes in this one.
    pub workers: Option<WorkersConfig>,
    /// Whether physical deletion through the Hydrus door takes bytes in library folders.
    pub hydrus_may_delete: bool,
    /// Limits of fetching from other servers.
    pub downloads: DownloadSettings,
}

impl Settings {
    /// The settings that the configuration gives.
    #[must_use]
    pub fn new(config: &Config) -> Settings {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let seconds = std::time::Duration::from_secs;
        let limits = &config.limits;
        let store = store::Options {
            cache_bytes: size(limits.store_cache_bytes),
            queue_length: size(limits.writer_queue),
            minimum_free_bytes: limits.free_disk_bytes,
            ..store::Options::default()
        };
        let usual = WorkersConfig::in_folder(&config.data.join("tmp"));
        let workers = WorkersConfig {
            children: if limits.media_workers == 0 {
                usual.children
            } else {
                size(limits.media_workers)
            },
            memory_bytes: limits.media_memory_bytes,
            timeout: std::time::Duration::from_secs(limits.media_seconds),
            ..usual
        };
        Settings {
            store,
            zone: config.zone(),
            workers: Some(workers),
            hydrus_may_delete: config.library.hydrus_may_delete,
            downloads: DownloadSettings {
                allow_private: config.downloads.allow_private,
                bytes_max: config.downloads.bytes,
                timeout: seconds(config.downloads.seconds),
                stall_timeout: seconds(config.downloads.stall_seconds),
                parallel: size(config.downloads.parallel).max(1),
                attempts: u32::try_from(config.downloads.attempts).unwrap_or(u32::MAX).max(1),
                retry_wait: seconds(config.downloads.retry_seconds),
            },
            ..Settings::at(&config.data)
        }
    }

    /// The defaults over a data folder, without child processes.
    #[must_use]
    pub fn at(data: &Path) -> Settings {
        Settings {
            data: data.to_owned(),
            store: store::Options::default(),
            zone: jiff::tz::TimeZone::UTC,
            workers: None,
            hydrus_may_delete: false,
            downloads: DownloadSettings::default(),
        }
    }
}

/// An open library. One a process; shared by reference counting.
pub struct Library {
    settings: Settings,
    store: Store,
    blobs: Blobs,
    workers: Workers,
    jobs: Jobs,
    lexicon: Lexicon,
    services: Cached<Services>,
    relations: Cached<Relations>,
    indexing: Indexing,
    import_times: ImportTimes,
    colours: Tracked<crate::model::colour::Rgb>,
    heads_of_members: Tracked<u32>,
    access: Cached<AccessKeys>,
    switches: Cached<Switches>,
    url_classes: Cached<UrlClasses>,
    potentials: Cached<relationships::PotentialPairs>,
    popups: popups::Popups,
    /// Closed from outside, until it is opened again.
    locked: AtomicBool,
    catalogue: entities::CatalogueCache,
    facts: objects::FactsCache,
    ranks: objects::RanksCache,
    orders: orders::Orders,
    tallies: tallies::Tallies,
    /// Who works off what pages import.
    importers: imports::Importers,
}

impl Library {
    /// Opens the library of a data folder, making it when there is none.
    ///
    /// # Errors
    /// When the folder cannot be made or the store refuses to open.
    pub fn open(settings: Settings) -> Result<Arc<Library>> {
        let context = |error| Error::File { context: settings.data.display().to_string(), error };
        std::fs::create_dir_all(&settings.data).map_err(context)?;
        let store = Store::open(&settings.data.join("library.redb"), settings.store)?;
        // Behind the store, whose lock says that nobody else uses the folder.
        let blobs = Blobs::open(&settings.data).map_err(context)?;
        std::fs::create_dir_all(settings.data.join("tmp")).map_err(context)?;
        let workers = settings.workers.clone().map_or_else(Workers::in_process, Workers::start);
        let indexing = Indexing::open(&settings.data.join("index"), &store)?;
        let library = Arc::new(Library {
            settings,
            store,
            blobs,
            workers,
            jobs: Jobs::default(),
            lexicon: Lexicon::default(),
            services: Cached::new(services::SERVICES_CHANGED),
            relations: Cached::new(relations::RELATIONS_CHANGED),
            catalogue: entities::CatalogueCache::default(),
            facts: objects::FactsCache::default(),
            ranks: objects::RanksCache::default(),
            orders: orders::Orders::default(),
            tallies: tallies::Tallies::default(),
            access: Cached::new(access::ACCESS_CHANGED),
            switches: Cached::new(options::SWITCHES_CHANGED),
            url_classes: Cached::new(urls::URL_CLASSES_CHANGED),
            potentials: relationships::cache(),
            popups: popups::Popups::default(),
            locked: AtomicBool::new(false),
            importers: imports::Importers::default(),
            indexing,
            import_times: ImportTimes::default(),
            colours: tracked::colours(),
            heads_of_members: objects::heads_of_members(),
        });
        // Weak: the store belongs to the library and must not keep it alive.
        let told = Arc::downgrade(&library);
        library.store.observe(move |committed| {
            if let Some(library) = told.upgrade() {
                library.committed(committed);
            }
        });
        Ok(library)
    }

    /// What is told of every commit before its callers are answered.
    fn committed(&self, committed: &store::Committed) {
        let items = committed.changes.iter().filter(|change| change.kind == ChangeKind::Item);
        let items = items.map(|change| change.id);
        self.import_times.note(items.clone());
        self.colours.note(items.clone());
        self.heads_of_members.note(items);
        let is_of_item = |kind| matches!(kind, ChangeKind::Item | ChangeKind::ItemText);
        let items = committed.changes.iter().filter(|change| is_of_item(change.kind));
        let items: roaring::RoaringBitmap = items.map(|change| change.id).collect();
        self.orders.note_items(&items);
        self.tallies.note_items(&items);
        self.catalogue.note(committed);
        self.ranks.note(committed);
        self.indexing.committed(&self.store, committed);
    }

    /// The search index, for full text.
    ///
    /// # Errors
    /// [`Error::Busy`] while the library is locked.
    pub fn index(&self) -> Result<Arc<Index>> {
        self.indexing.index()
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The queue of long jobs.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Who examines and draws files.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The state of the library as of now, for one request.
    ///
    /// # Errors
    /// [`Error::Busy`] while the library is locked.
    pub fn view(self: &Arc<Self>) -> Result<View> {
        let snapshot = self.store.snapshot()?;
        let services = self.services.get(&snapshot, Services::load)?;
        let relations = self.relations.get(&snapshot, Relations::load)?;
        let stand_ins = std::sync::OnceLock::new();
        Ok(View { snapshot, services, relations, library: Arc::clone(self), stand_ins })
    }

    /// Compares every derived row of the store with its source, as of now.
    ///
    /// # Errors
    /// When reading fails; differences are faults in the report.
    pub fn check(&self) -> Result<CheckReport> {
        Ok(store::check(&self.store.snapshot()?)?)
    }

    /// Rebuilds everything derived. Nobody may use the library meanwhile.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn repair(&self) -> Result<()> {
        self.store.repair()?;
        self.catalogue.clear();
        self.ranks.clear();
        self.orders.clear();
        self.tallies.clear();
        Ok(())
    }

    /// Writes a consistent copy of the store, as of now, into a new file; everything goes on.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn backup(&self, target: &std::path::Path) -> Result<()> {
        Ok(self.store.backup(target)?)
    }

    /// Closes the library in order: what is acknowledged is on disk already.
    ///
    /// # Errors
    /// When somebody still reads after ten seconds.
    pub fn close(&self) -> Result<()> {
        // What waits for a locked library waits no longer.
        self.store.end();
        self.importers.close();
        self.jobs.shut_down(std::time::Duration::from_secs(10));
        self.store.close(std::time::Duration::from_secs(10))?;
        // Left open, the next start only has more to replay.
        if let Err(error) = self.indexing.close(std::time::Duration::from_secs(2)) {
            tracing::warn!(%error, "the search index was not closed");
        }
        Ok(())
    }

    /// Runs a write: one transaction, durable when this returns. `run` may run twice and sees its
    /// own changes; an `Err` changes nothing.
    ///
    /// # Errors
    /// What `run` returns, or the store's failure.
    pub fn write<T: Send + 'static>(
        &self,
        run: impl Fn(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write(run)
    }

    /// Ids for contents, in their order; those that are not known get one.
    ///
    /// # Errors
    /// When the write fails.
    pub fn items_for(&self, contents: Vec<Sha256>) -> Result<Vec<ItemId>> {
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |tx| {
            contents.iter().map(|sha256| Ok(tx.item_for(*sha256)?)).collect::<Result<Vec<_>>>()
        })
    }
}

/// One consistent state of the library. Hold it for one request, and not while a body is sent.
pub struct View {
    pub(crate) snapshot: Snapshot,
    services: Arc<Services>,
    relations: Arc<Relations>,
    library: Arc<Library>,
    /// Loaded by the first who asks.
    stand_ins: std::sync::OnceLock<objects::StandIns>,
}

impl View {
    /// The library it is a state of.
    #[must_use]
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Siblings and parents, for a write to take along.
    #[must_use]
    pub fn shared_relations(&self) -> Arc<Relations> {
        Arc::clone(&self.relations)
    }

    /// Siblings and parents.
    #[must_use]
    pub fn relations(&self) -> &Relations {
        &self.relations
    }

    /// An item; `None` for an id that was never given.
    ///
    /// # Errors
    /// When reading fails.
    pub fn item(&self, id: ItemId) -> Result<Option<Item>> {
        Ok(self.snapshot.item(id)?)
    }

    /// The item of a content.
    ///
    /// # Errors
    /// When reading fails.
    pub fn item_by_sha256(&self, sha256: Sha256) -> Result<Option<ItemId>> {
        Ok(self.snapshot.item_by_sha256(sha256)?)
    }

    /// The stored tags of an item.
    ///
    /// # Errors
    /// When reading fails.
    pub fn mappings(&self, id: ItemId) -> Result<Mappings> {
        Ok(self.snapshot.mappings(id)?)
    }

    /// The id of a cleaned tag.
    ///
    /// # Errors
    /// When reading fails.
    pub fn tag_by_text(&self, text: &str) -> Result<Option<TagId>> {
        Ok(self.snapshot.tag_by_text(text)?)
    }

    /// The text of a tag.
    ///
    /// # Errors
    /// When reading fails or the tag does not exist.
    pub fn tag_text(&self, tag: TagId) -> Result<Arc<str>> {
        Ok(self.library.lexicon.text(&self.snapshot, tag)?)
    }

    /// The tags shown on an item for those stored in a service, sorted by id.
    #[must_use]
    pub fn shown_tags(
        &self,
        service: ServiceId,
        stored: impl Iterator<Item = TagId>,
    ) -> Vec<TagId> {
        self.relations.shown(service, stored)
    }
}
