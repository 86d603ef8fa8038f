//! For tests: a library in a folder of its own that goes with it.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Library, Settings};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::media::MediaInfo;
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

    /// A number that differs when anything in the store does.
    pub(crate) fn fingerprint(&self) -> u64 {
        store::fingerprint(&self.library.view().unwrap().snapshot).unwrap()
    }

    /// Where it keeps its data.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Asserts that everything derived agrees with its source.
    #[track_caller]
    pub(crate) fn check(&self) {
        let report = store::check(&self.library.view().unwrap().snapshot).unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
    }
}

/// Facts of a file about which nothing is known but that it was examined.
pub(crate) fn blank_media() -> MediaInfo {
    MediaInfo {
        filetype: FileType(1),
        size_bytes: 0,
        md5: [0; 16],
        sha1: [0; 20],
        sha512: [0; 64],
        oshash: None,
        width: None,
        height: None,
        duration_ms: None,
        num_frames: None,
        num_words: None,
        has_audio: false,
        has_transparency: false,
        has_exif: false,
        has_xmp: false,
        has_iptc: false,
        has_icc_profile: false,
        has_human_readable_embedded_metadata: false,
        has_software_source: false,
        blurhash: None,
        pixel_hash: None,
        perceptual_hash: None,
        format: String::new(),
        video_codec: String::new(),
        audio_codec: String::new(),
        frame_rate: 0.0,
        bit_rate: 0,
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
