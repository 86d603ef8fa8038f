//! For tests: a library in a folder of its own that goes with it.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Library, Settings};
use crate::model::hash::Sha256;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::store;

/// An open, empty library.
pub(crate) struct TestLibrary {
    library: Arc<Library>,
    folder: PathBuf,
}

impl TestLibrary {
    pub(crate) fn new() -> TestLibrary {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-verbs-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        let store = store::Options { cache_bytes: 1 << 20, ..store::Options::default() };
        let settings = Settings { store, ..Settings::at(&folder) };
        let library = Library::open(settings).unwrap();
        TestLibrary { library, folder }
    }

    /// The item of the hash that is this byte 32 times, made by `change`.
    pub(crate) fn item(&self, byte: u8, change: impl Fn(&mut Item) + Send + 'static) -> ItemId {
        self.library
            .write(move |tx| {
                let id = tx.item_for(Sha256([byte; 32]))?;
                tx.edit_item(id, |item| change(item))?;
                Ok(id)
            })
            .unwrap()
    }

    /// The item's record as of now.
    pub(crate) fn get(&self, id: ItemId) -> Item {
        self.library.view().unwrap().item(id).unwrap().unwrap()
    }

    /// Asserts that everything derived agrees with its source.
    #[track_caller]
    pub(crate) fn check(&self) {
        let report = store::check(&self.library.view().unwrap().snapshot).unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}

impl Deref for TestLibrary {
    type Target = Arc<Library>;
    fn deref(&self) -> &Arc<Library> {
        &self.library
    }
}

impl Drop for TestLibrary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
