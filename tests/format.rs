//! A library written by each released format opens, reads as it was written, and checks clean.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use diptych::library::{Library, Settings};
use diptych::model::hash::Sha256;
use diptych::model::service::builtin;

/// The first picture of the fixture.
const HARBOUR: &str = "17a34e7088e0b480f1cce8d926e250796d534643763521b85305cf316b90c171";

/// A copy of the fixture that may be written to.
fn copy_of(format: &str) -> PathBuf {
    let data = std::env::temp_dir().join(format!("diptych-{format}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/libraries").join(format);
    std::fs::copy(source.join("library.redb"), data.join("library.redb")).unwrap();
    data
}

#[test]
fn format_1_opens_twice_and_reads_as_written() {
    let data = copy_of("format-1");
    for _ in 0..2 {
        let library = Library::open(Settings::at(&data)).unwrap();
        let report = library.check().unwrap();
        assert_eq!((report.fault_count, report.faults), (0, vec![]));
        let view = library.view().unwrap();
        let id = view.item_by_sha256(Sha256::from_hex(HARBOUR).unwrap()).unwrap().unwrap();
        let item = view.item(id).unwrap().unwrap();
        assert_eq!(item.media.as_ref().and_then(|media| media.width), Some(640));
        assert!(!item.inbox && item.is_in(builtin::MY_FILES));
        assert_eq!(item.note("title"), Some("A harbour at dawn"));
        assert_eq!(item.urls, ["https://photos.example/harbour/1"]);
        assert_eq!(item.rating(builtin::FAVOURITES), Some(1.0));
        let mappings = view.mappings(id).unwrap();
        let current = mappings.service(builtin::MY_TAGS).unwrap().current.clone();
        let shown = view.shown_tags(builtin::MY_TAGS, current.into_iter());
        let mut texts: Vec<String> =
            shown.into_iter().map(|tag| view.tag_text(tag).unwrap().to_string()).collect();
        texts.sort();
        assert_eq!(texts, ["birds", "harbour", "species:robin"]);
        drop(view);
        library.close().unwrap();
    }
    std::fs::remove_dir_all(data).unwrap();
}
