//! Scans over real folders: new, changed, renamed, vanished and returning files.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::library::file_tests::{Scratch, fixture};
use crate::library::{ImportRequest, ScanRules, Source};
use crate::model::ids::ServiceId;
use crate::model::service::builtin::{COMBINED_LOCAL, MY_FILES, STORAGE, TRASH};
use crate::store::{self, Mappings, Status};

const PICTURE: &str = "a03_grad_320x240_q85.jpg";
const OTHER: &str = "d02_square_small.jpg";

struct Shelf {
    scratch: Scratch,
    folder: PathBuf,
    domain: ServiceId,
}

impl Shelf {
    fn new() -> Shelf {
        let scratch = Scratch::new();
        let folder = scratch.folder.join("shelf");
        fs::create_dir_all(folder.join("birds")).unwrap();
        let domain = scratch.library.add_library_folder(&folder, false, false).unwrap();
        Shelf { scratch, folder, domain }
    }

    fn put(&self, name: &str, fixture_name: &str) {
        fs::copy(fixture(fixture_name), self.folder.join(name)).unwrap();
    }

    fn scan(&self) -> ScanReport {
        self.scan_with(ScanRequest::default())
    }

    #[track_caller]
    fn scan_with(&self, request: ScanRequest) -> ScanReport {
        let report = self.scratch.library.scan(&request, &JobContext::detached()).unwrap();
        let view = self.scratch.library.view().unwrap();
        let check = store::check(&view.snapshot).unwrap();
        assert!(check.faults.is_empty(), "{:?}", check.faults);
        report
    }

    fn place(&self, name: &str) -> Option<(PlaceId, ItemId)> {
        let view = self.scratch.library.view().unwrap();
        let mut parent = self.folder.join(name);
        parent.pop();
        let places = places_below(&view, &parent).unwrap();
        let place = places.get(&bytes_of(&self.folder.join(name)))?;
        Some((place.0, place.1.item))
    }

    fn is_in(&self, id: ItemId) -> bool {
        self.scratch.item(id).is_in(self.domain)
    }
}

fn counts(report: &ScanReport) -> [usize; 6] {
    let ScanReport { unchanged, added, updated, moved, refused, vanished, .. } = report;
    [*unchanged, *added, *updated, *moved, *refused, *vanished]
}

#[test]
fn a_scan_takes_in_accepted_files_and_a_second_one_changes_nothing() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.put("birds/two.JPG", OTHER);
    fs::write(shelf.folder.join("empty.png"), b"").unwrap();
    fs::write(shelf.folder.join("notes.txt"), b"two birds").unwrap();
    fs::write(shelf.folder.join("broken.png"), b"no picture").unwrap();
    let report = shelf.scan();
    assert_eq!((counts(&report), report.failed), ([0, 2, 0, 0, 0, 0], 1));
    let (_, id) = shelf.place("birds/two.JPG").unwrap();
    let item = shelf.scratch.item(id);
    let services: Vec<_> = item.domains.iter().map(|row| row.service).collect();
    assert_eq!(services, [STORAGE, COMBINED_LOCAL, shelf.domain]);
    assert!(item.inbox);
    let content = shelf.scratch.content(id).unwrap();
    assert_eq!(content.path, shelf.folder.join("birds/two.JPG"));
    let again = shelf.scan();
    assert_eq!((counts(&again), again.items), ([2, 0, 0, 0, 0, 0], vec![]));
    assert_eq!(shelf.scratch.item(id), item);
}

#[test]
fn a_renamed_file_keeps_its_place_and_its_item() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.scan();
    let before = shelf.place("one.jpg").unwrap();
    fs::rename(shelf.folder.join("one.jpg"), shelf.folder.join("birds/renamed.jpg")).unwrap();
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 1, 0, 0]);
    assert_eq!(shelf.place("birds/renamed.jpg"), Some(before));
    assert_eq!(shelf.place("one.jpg"), None);
    assert!(shelf.is_in(before.1));
}

#[test]
fn a_vanished_file_leaves_and_comes_back_under_its_id_with_its_tags() {
    let shelf = Shelf::new();
    shelf.put("birds/one.jpg", PICTURE);
    shelf.scan();
    let (_, id) = shelf.place("birds/one.jpg").unwrap();
    let tag = move |tx: &mut crate::store::Tx| {
        let tag = tx.tag_for("wren")?;
        let mut mappings = Mappings::default();
        mappings.service_mut(MY_FILES).insert(Status::Current, tag, "");
        tx.put_mappings(id, mappings)?;
        Ok(())
    };
    shelf.scratch.library.write(tag).unwrap();
    shelf.scratch.library.archive(vec![id]).unwrap();
    let tags = shelf.scratch.library.view().unwrap().mappings(id).unwrap();
    fs::remove_dir_all(shelf.folder.join("birds")).unwrap();
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 0, 0, 1]);
    let item = shelf.scratch.item(id);
    assert_eq!((item.domains.len(), item.deletions.len()), (0, 0));
    assert!(shelf.scratch.content(id).is_none());
    fs::create_dir(shelf.folder.join("birds")).unwrap();
    shelf.put("birds/one.jpg", PICTURE);
    assert_eq!(counts(&shelf.scan()), [0, 1, 0, 0, 0, 0]);
    assert_eq!(shelf.place("birds/one.jpg").unwrap().1, id);
    assert!(shelf.is_in(id) && !shelf.scratch.item(id).inbox);
    assert_eq!(shelf.scratch.library.view().unwrap().mappings(id).unwrap(), tags);
}

#[test]
fn a_deleted_file_stays_out_until_its_record_is_cleared() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.scan();
    let (_, id) = shelf.place("one.jpg").unwrap();
    let library = &shelf.scratch.library;
    library.delete_files(vec![id], vec![COMBINED_LOCAL], None).unwrap();
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 0, 1, 0]);
    library.delete_files(vec![id], vec![STORAGE], None).unwrap();
    assert!(shelf.folder.join("one.jpg").exists(), "the bytes are not the library's to delete");
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 0, 1, 0]);
    fs::rename(shelf.folder.join("one.jpg"), shelf.folder.join("two.jpg")).unwrap();
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 0, 1, 0]);
    assert!(!shelf.is_in(id));
    library.clear_deletion_record(vec![id]).unwrap();
    assert_eq!(counts(&shelf.scan()), [0, 1, 0, 0, 0, 0]);
    assert!(shelf.is_in(id));
}

#[test]
fn new_bytes_at_a_known_path_are_a_later_member_with_the_same_tags() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.scan();
    let (place, head) = shelf.place("one.jpg").unwrap();
    let tag = move |tx: &mut crate::store::Tx| {
        let tag = tx.tag_for("wren")?;
        let mut mappings = Mappings::default();
        mappings.service_mut(MY_FILES).insert(Status::Current, tag, "");
        tx.put_mappings(head, mappings)?;
        Ok(())
    };
    shelf.scratch.library.write(tag).unwrap();
    shelf.put("one.jpg", OTHER);
    assert_eq!(counts(&shelf.scan()), [0, 0, 1, 0, 0, 0]);
    let (same, member) = shelf.place("one.jpg").unwrap();
    assert_eq!(same, place);
    assert_ne!(member, head);
    assert_eq!(shelf.scratch.item(member).head, Some(head));
    assert_eq!(shelf.scratch.item(head).object.unwrap().members, [member]);
    let view = shelf.scratch.library.view().unwrap();
    assert_eq!(view.mappings(member).unwrap(), view.mappings(head).unwrap());
    assert!(shelf.is_in(member) && !shelf.is_in(head));
}

#[test]
fn two_copies_are_one_item_that_stays_as_long_as_one_of_them() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.put("birds/copy.jpg", PICTURE);
    assert_eq!(counts(&shelf.scan()), [0, 2, 0, 0, 0, 0]);
    let (_, id) = shelf.place("one.jpg").unwrap();
    assert_eq!(shelf.place("birds/copy.jpg").unwrap().1, id);
    fs::remove_file(shelf.folder.join("one.jpg")).unwrap();
    assert_eq!(counts(&shelf.scan()), [1, 0, 0, 0, 0, 1]);
    assert!(shelf.is_in(id));
}

#[test]
fn a_migrated_file_outlives_its_folder() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.scan();
    let (_, id) = shelf.place("one.jpg").unwrap();
    let library = &shelf.scratch.library;
    let (source, domains) = (Source::Path(fixture(OTHER)), vec![shelf.domain]);
    let request = ImportRequest { source, domains, delete_source: false };
    assert!(matches!(library.import(request), Err(Error::Invalid(_))));
    library.migrate_files(vec![id], vec![MY_FILES]).unwrap();
    fs::remove_file(shelf.folder.join("one.jpg")).unwrap();
    shelf.scan();
    assert!(!shelf.is_in(id) && shelf.scratch.item(id).is_in(MY_FILES));
    assert!(shelf.scratch.content(id).is_some());
}

#[test]
fn a_scan_of_one_path_touches_nothing_else_and_an_unplugged_folder_keeps_its_files() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.put("birds/two.jpg", OTHER);
    let request = ScanRequest { paths: vec![shelf.folder.join("birds")], ..Default::default() };
    assert_eq!(counts(&shelf.scan_with(request.clone())), [0, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&shelf.scan()), [1, 1, 0, 0, 0, 0]);
    fs::remove_file(shelf.folder.join("one.jpg")).unwrap();
    assert_eq!(counts(&shelf.scan_with(request)), [1, 0, 0, 0, 0, 0]);
    let request = ScanRequest { paths: vec![shelf.folder.join("one.jpg")], ..Default::default() };
    assert_eq!(counts(&shelf.scan_with(request)), [0, 0, 0, 0, 0, 1]);
    let away = shelf.scratch.folder.join("away");
    fs::rename(&shelf.folder, &away).unwrap();
    assert_eq!(counts(&shelf.scan()), [0; 6]);
    fs::rename(&away, &shelf.folder).unwrap();
    assert_eq!(counts(&shelf.scan()), [1, 0, 0, 0, 0, 0]);
    let outside = ScanRequest { paths: vec!["/elsewhere".into()], ..Default::default() };
    let refused = shelf.scratch.library.scan(&outside, &JobContext::detached());
    assert!(matches!(refused, Err(Error::Invalid(_))));
}

#[test]
fn library_folders_are_found_again_and_do_not_overlap() {
    let shelf = Shelf::new();
    let library = &shelf.scratch.library;
    assert_eq!(library.add_library_folder(&shelf.folder, true, false).unwrap(), shelf.domain);
    let folders = library.view().unwrap().library_folders().unwrap();
    assert_eq!(folders.len(), 1);
    assert!(folders[0].exclude_video && !folders[0].exclude_image);
    for overlap in [shelf.folder.join("birds"), shelf.scratch.folder.clone(), "here".into()] {
        let refused = library.add_library_folder(&overlap, false, false);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{}", overlap.display());
    }
}

#[test]
fn cleaning_takes_out_what_is_gone_or_no_longer_accepted() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.put("birds/two.png", "b01_shapes_800x600.png");
    shelf.scan();
    let (_, id) = shelf.place("birds/two.png").unwrap();
    let library = &shelf.scratch.library;
    let clean = |dry_run| library.clean(&[], dry_run, &JobContext::detached()).unwrap();
    assert_eq!(clean(false), Vec::<PathBuf>::new());
    fs::remove_file(shelf.folder.join("one.jpg")).unwrap();
    let png = |text: &str| vec![text.to_owned()];
    let rules = ScanRules { image_extensions: png("jpg"), ..ScanRules::default() };
    library.set_scan_rules(rules).unwrap();
    let flagged = [shelf.folder.join("one.jpg"), shelf.folder.join("birds/two.png")];
    let is_flagged =
        |found: Vec<PathBuf>| found.len() == 2 && found.iter().all(|path| flagged.contains(path));
    assert!(is_flagged(clean(true)));
    assert!(shelf.is_in(id));
    assert!(is_flagged(clean(false)));
    assert!(!shelf.is_in(id) && shelf.folder.join("birds/two.png").exists());
}

#[test]
fn destroying_without_the_file_lasts_until_the_next_scan_and_with_it_for_good() {
    let shelf = Shelf::new();
    shelf.put("one.jpg", PICTURE);
    shelf.scan();
    let (_, id) = shelf.place("one.jpg").unwrap();
    let upload = shelf.scratch.import(OTHER).item.unwrap();
    let library = &shelf.scratch.library;
    library.destroy(vec![id, upload], false).unwrap();
    let item = shelf.scratch.item(id);
    assert_eq!((item.domains.len(), item.deletions.len()), (0, 0));
    assert!(shelf.scratch.item(upload).is_in(TRASH));
    assert_eq!(counts(&shelf.scan()), [0, 1, 0, 0, 0, 0]);
    assert_eq!(shelf.place("one.jpg").unwrap().1, id);
    library.destroy(vec![id], true).unwrap();
    assert!(!shelf.folder.join("one.jpg").exists());
    shelf.put("one.jpg", PICTURE);
    assert_eq!(counts(&shelf.scan()), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_removed_library_folder_takes_its_files_along_and_comes_back_with_them() {
    let shelf = Shelf::new();
    shelf.put("birds/one.jpg", PICTURE);
    shelf.put("two.jpg", OTHER);
    shelf.scan();
    let (_, id) = shelf.place("birds/one.jpg").unwrap();
    let (_, deleted) = shelf.place("two.jpg").unwrap();
    let library = &shelf.scratch.library;
    library.delete_files(vec![deleted], vec![COMBINED_LOCAL], None).unwrap();
    library.remove_library_folder(shelf.domain, &JobContext::detached()).unwrap();
    assert_eq!(library.view().unwrap().library_folders().unwrap(), []);
    assert_eq!(shelf.scratch.item(id).domains, []);
    assert!(shelf.scratch.item(deleted).deletion(shelf.domain).is_none());
    shelf.scan();
    let domain = library.add_library_folder(&shelf.folder, false, false).unwrap();
    shelf.scan();
    assert!(shelf.scratch.item(id).is_in(domain));
}

#[test]
fn a_file_is_found_by_the_words_of_its_path_at_once_and_after_a_rename() {
    let shelf = Shelf::new();
    shelf.put("birds/red kite-01.jpg", PICTURE);
    shelf.scan();
    let (_, id) = shelf.place("birds/red kite-01.jpg").unwrap();
    let found = |word: &str| {
        let view = shelf.scratch.library.view().unwrap();
        let fields = [crate::library::objects::TextField::Path];
        let found = view.text_candidates(&fields, word).unwrap();
        found.expect("the index narrows a word down").contains(id.0)
    };
    for word in ["kite-01", "ed kit", "birds", "kite-01.jpg"] {
        assert!(found(word), "{word}");
    }
    assert!(!found("wren"));
    fs::rename(shelf.folder.join("birds/red kite-01.jpg"), shelf.folder.join("wren.jpg")).unwrap();
    shelf.scan();
    assert!(found("wren.jpg") && !found("red kite"));
    // New bytes under the path: a later member, found at the head that Stash shows.
    shelf.put("wren.jpg", OTHER);
    shelf.scan();
    assert_ne!(shelf.place("wren.jpg").unwrap().1, id);
    assert!(found("wren"));
    fs::remove_file(shelf.folder.join("wren.jpg")).unwrap();
    shelf.scan();
    assert!(!found("kite"));
}
