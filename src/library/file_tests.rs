//! The life of files, from import to physical deletion, over a real store and real blobs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::model::service::builtin::{
    COMBINED_LOCAL, DELETED_FROM_ANYWHERE, MY_FILES, STORAGE, TRASH,
};
use crate::model::service::{Service, ServiceKind};

/// A library in a folder of its own, which goes with it.
pub(super) struct Scratch {
    pub(super) folder: PathBuf,
    pub(super) library: Arc<Library>,
}

impl Scratch {
    pub(super) fn new() -> Scratch {
        Scratch::with(|_| {})
    }

    fn with(change: impl Fn(&mut Settings)) -> Scratch {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-library-{}-{serial}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // A run that was killed may have left one of the same name.
        let _ = fs::remove_dir_all(&folder);
        let mut settings = Settings::at(&folder.join("data"));
        change(&mut settings);
        let library = Library::open(settings).unwrap();
        Scratch { folder, library }
    }

    pub(super) fn import(&self, name: &str) -> ImportOutcome {
        self.import_to(name, vec![])
    }

    fn import_to(&self, name: &str, domains: Vec<ServiceId>) -> ImportOutcome {
        let source = Source::Path(fixture(name));
        let request = ImportRequest { source, domains, delete_source: false };
        self.library.import(request).unwrap()
    }

    fn import_bytes(&self, bytes: &[u8]) -> ImportOutcome {
        let path = self.upload(bytes);
        let source = Source::Upload(path.clone());
        let request = ImportRequest { source, domains: vec![], delete_source: false };
        let outcome = self.library.import(request).unwrap();
        assert!(!path.exists(), "the upload is taken");
        outcome
    }

    fn upload(&self, bytes: &[u8]) -> PathBuf {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("upload-{}", SERIAL.fetch_add(1, Ordering::Relaxed));
        let path = self.library.temporary_folder().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn item(&self, id: ItemId) -> Item {
        self.library.view().unwrap().item(id).unwrap().unwrap()
    }

    pub(super) fn content(&self, id: ItemId) -> Option<Content> {
        self.library.view().unwrap().open_content(id).unwrap()
    }

    /// Adds a further local file domain.
    fn second_domain(&self) -> ServiceId {
        let second = Service::plain(b"second", "second files", ServiceKind::LOCAL_FILES);
        self.library.write(move |tx| declare_service(tx, &second)).unwrap()
    }

    fn delete(&self, id: ItemId, domain: ServiceId) -> Result<()> {
        self.library.delete_files(vec![id], vec![domain], Some("because".to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/media").join(name)
}

const PICTURE: &str = "a03_grad_320x240_q85.jpg";
const OTHER: &str = "d02_square_small.jpg";

#[track_caller]
fn check_domains(item: &Item, current: &[ServiceId], deleted: &[ServiceId]) {
    let services = item.domains.iter().map(|row| row.service).collect::<Vec<_>>();
    assert_eq!(services, current, "current");
    let services = item.deletions.iter().map(|row| row.service).collect::<Vec<_>>();
    assert_eq!(services, deleted, "deleted");
}

#[test]
fn a_new_file_is_held_with_bytes_and_thumbnail() {
    let scratch = Scratch::new();
    let outcome = scratch.import(PICTURE);
    assert_eq!((outcome.status, outcome.note.as_str()), (FileStatus::New, ""));
    let id = outcome.item.unwrap();
    let item = scratch.item(id);
    check_domains(&item, &[MY_FILES, STORAGE, COMBINED_LOCAL], &[]);
    assert!(item.inbox);
    let content = scratch.content(id).unwrap();
    assert_eq!(fs::read(&content.path).unwrap(), fs::read(fixture(PICTURE)).unwrap());
    let name = format!("{}.jpg", outcome.sha256);
    assert_eq!(content.path.file_name().unwrap().to_str(), Some(name.as_str()));
    let view = scratch.library.view().unwrap();
    assert!(view.thumbnail_path(id).unwrap().unwrap().exists());
    let modified = fs::metadata(fixture(PICTURE)).unwrap();
    assert_eq!(item.modified_ms, places::modified_ms(&modified));
}

#[test]
fn the_second_import_recognises_the_file_and_leaves_its_domains_alone() {
    let scratch = Scratch::new();
    let first = scratch.import(PICTURE);
    let second = scratch.second_domain();
    let again = scratch.import_to(PICTURE, vec![second]);
    assert_eq!((again.status, again.item), (FileStatus::Held, first.item));
    assert!(again.note.starts_with("file recognised: Imported at "), "{}", again.note);
    assert!(again.note.ends_with(", which was now before this check."), "{}", again.note);
    assert!(!scratch.item(first.item.unwrap()).is_in(second));
}

#[test]
fn bytes_that_are_no_media_are_refused_with_a_note() {
    let scratch = Scratch::new();
    let check = |bytes: &[u8], note: &str| {
        let outcome = scratch.import_bytes(bytes);
        assert_eq!((outcome.status, outcome.note.as_str()), (FileStatus::Failed, note));
        assert!(outcome.traceback.is_some());
        assert_eq!(scratch.library.view().unwrap().item_by_sha256(outcome.sha256).unwrap(), None);
    };
    check(b"", "File is of zero length!");
    check(b"\x00\x01\x02 nothing known", "Unknown filetype!");
}

#[test]
fn paths_without_a_file_and_strange_domains_are_invalid() {
    let scratch = Scratch::new();
    let check = |path: PathBuf, domains: Vec<ServiceId>, sentence: &str| {
        let request = ImportRequest { source: Source::Path(path), domains, delete_source: true };
        match scratch.library.import(request) {
            Err(Error::Invalid(said)) => assert_eq!(said, sentence),
            other => panic!("{other:?}"),
        }
    };
    check("/nonexistent.jpg".into(), vec![], "Path \"/nonexistent.jpg\" does not exist!");
    check("/".into(), vec![], "Path \"/\" is not a file!");
    let sentence = "Sorry, any custom file domain here must only declare local file domains.";
    check(fixture(PICTURE), vec![MY_FILES, TRASH], sentence);
    assert!(fixture(PICTURE).exists());
}

#[test]
fn import_rules_veto() {
    let scratch = Scratch::new();
    let check = |rules: ImportRules, status: FileStatus| {
        scratch.library.set_import_rules(rules).unwrap();
        assert_eq!(scratch.import(PICTURE).status, status);
    };
    let none = ImportRules::default();
    let mimes = |name: &str| Some(vec![name.to_owned()]);
    check(ImportRules { min_size: Some(1 << 20), ..none.clone() }, FileStatus::Vetoed);
    check(ImportRules { max_size: Some(100), ..none.clone() }, FileStatus::Vetoed);
    check(ImportRules { min_resolution: Some((321, 1)), ..none.clone() }, FileStatus::Vetoed);
    check(ImportRules { max_resolution: Some((500, 239)), ..none.clone() }, FileStatus::Vetoed);
    check(ImportRules { allowed_mimes: mimes("image/png"), ..none.clone() }, FileStatus::Vetoed);
    let allowed = ImportRules {
        min_size: Some(1),
        max_size: Some(1 << 20),
        min_resolution: Some((320, 240)),
        max_resolution: Some((320, 240)),
        allowed_mimes: mimes("image/jpeg"),
    };
    check(allowed, FileStatus::New);
}

#[test]
fn deleting_the_source_is_for_what_the_library_holds() {
    let scratch = Scratch::new();
    let import = |name: &str, bytes: &[u8]| {
        let path = scratch.folder.join(name);
        fs::write(&path, bytes).unwrap();
        let source = Source::Path(path.clone());
        let request = ImportRequest { source, domains: vec![], delete_source: true };
        (scratch.library.import(request).unwrap().status, path.exists())
    };
    let bytes = fs::read(fixture(PICTURE)).unwrap();
    assert_eq!(import("new.jpg", &bytes), (FileStatus::New, false));
    assert_eq!(import("again.jpg", &bytes), (FileStatus::Held, false));
    assert_eq!(import("no.jpg", b"not a picture at all"), (FileStatus::Failed, true));
}

#[test]
fn the_same_bytes_sent_twice_at_once_are_new_once() {
    let scratch = Scratch::new();
    let bytes = fs::read(fixture(PICTURE)).unwrap();
    let mut statuses = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| scratch.import_bytes(&bytes).status as u8)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [1, 2, 2, 2]);
}

#[test]
fn an_import_that_stopped_between_blob_and_transaction_can_be_repeated() {
    let scratch = Scratch::new();
    // What such a stop leaves: the bytes under their final name, and no item.
    let sha256 = places::sha256_of(&fixture(PICTURE)).unwrap();
    let filetype = crate::model::filetype::FileType::JPEG;
    let blob = scratch.library.blobs.file_path(sha256, filetype);
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::copy(fixture(PICTURE), &blob).unwrap();
    let view = scratch.library.view().unwrap();
    assert_eq!(view.item_by_sha256(sha256).unwrap(), None);
    let outcome = scratch.import(PICTURE);
    assert_eq!(outcome.status, FileStatus::New);
    assert_eq!(scratch.content(outcome.item.unwrap()).unwrap().path, blob);
}

#[test]
fn bytes_kept_before_they_were_examined_go_or_get_the_right_name() {
    let scratch = Scratch::new();
    let kept = || -> Vec<PathBuf> {
        let listed = (0..=u8::MAX).flat_map(|byte| scratch.library.blobs.list(byte).unwrap());
        listed.filter(|blob| !blob.is_thumbnail).map(|blob| blob.path).collect()
    };
    // They begin like a JPEG, which is all that is known while the disk is already at work.
    assert_eq!(scratch.import_bytes(b"\xFF\xD8 and no picture").status, FileStatus::Failed);
    assert_eq!(kept(), Vec::<PathBuf>::new());
    // It begins like any archive.
    let outcome = scratch.import("o09.docx");
    assert_eq!(outcome.status, FileStatus::New);
    assert_eq!(kept(), [scratch.content(outcome.item.unwrap()).unwrap().path]);
}

#[test]
fn leftovers_in_the_temporary_folder_go_when_the_library_opens() {
    let scratch = Scratch::new();
    let left = scratch.upload(b"half an upload");
    Blobs::open(&scratch.folder.join("data")).unwrap();
    assert!(!left.exists());
}

#[test]
fn bytes_that_are_missing_on_disk_come_back_with_an_import() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    fs::remove_file(scratch.content(id).unwrap().path).unwrap();
    assert_eq!(scratch.content(id), None);
    let view = scratch.library.view().unwrap();
    assert_eq!(view.recognise(id, "url", false).unwrap().status, FileStatus::Held);
    assert_eq!(view.recognise(id, "url", true).unwrap().status, FileStatus::Unknown);
    let outcome = scratch.import(PICTURE);
    assert_eq!(outcome.status, FileStatus::Held);
    assert!(outcome.note.starts_with("file recognised by database: Imported at "));
    assert!(scratch.content(id).is_some());
}

#[test]
fn a_trashed_file_is_refused_and_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    let before = scratch.item(id);
    scratch.delete(id, COMBINED_LOCAL).unwrap();
    let item = scratch.item(id);
    check_domains(&item, &[TRASH, STORAGE, DELETED_FROM_ANYWHERE], &[MY_FILES, COMBINED_LOCAL]);
    assert!(item.inbox && scratch.content(id).is_some());
    let refused = scratch.import(PICTURE);
    assert_eq!(refused.status, FileStatus::Deleted);
    let start = "file recognised: Currently in trash (because). Sent there at ";
    assert!(refused.note.starts_with(start), "{}", refused.note);
    scratch.library.undelete_files(vec![id], vec![COMBINED_LOCAL]).unwrap();
    let mut after = scratch.item(id);
    after.updated_ms = before.updated_ms;
    assert_eq!(after, before);
}

#[test]
fn physical_deletion_takes_the_bytes_and_is_remembered() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    let path = scratch.content(id).unwrap().path;
    scratch.delete(id, STORAGE).unwrap();
    let item = scratch.item(id);
    check_domains(&item, &[DELETED_FROM_ANYWHERE], &[MY_FILES, STORAGE, COMBINED_LOCAL]);
    assert!(!item.inbox && !path.exists() && scratch.content(id).is_none());
    let view = scratch.library.view().unwrap();
    assert!(!view.thumbnail_path(id).unwrap().unwrap().exists());
    assert!(view.thumbnail(id).unwrap().is_default);
    let refused = scratch.import(PICTURE);
    assert_eq!(refused.status, FileStatus::Deleted);
    assert!(refused.note.starts_with("file recognised: Deleted from the client "));
    assert!(refused.note.contains(" (because), which was now before"), "{}", refused.note);
    scratch.library.undelete_files(vec![id], vec![COMBINED_LOCAL]).unwrap();
    assert_eq!(scratch.item(id), item);
}

#[test]
fn a_cleared_record_lets_the_file_in_again_under_the_same_id() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    scratch.delete(id, COMBINED_LOCAL).unwrap();
    let trashed = scratch.item(id);
    scratch.library.clear_deletion_record(vec![id]).unwrap();
    assert_eq!(scratch.item(id), trashed, "what is in the trash keeps its records");
    scratch.delete(id, STORAGE).unwrap();
    scratch.library.clear_deletion_record(vec![id]).unwrap();
    check_domains(&scratch.item(id), &[DELETED_FROM_ANYWHERE], &[COMBINED_LOCAL]);
    let outcome = scratch.import(PICTURE);
    assert_eq!((outcome.status, outcome.item), (FileStatus::New, Some(id)));
    check_domains(&scratch.item(id), &[MY_FILES, STORAGE, COMBINED_LOCAL], &[]);
    assert_eq!(scratch.item(id).deletion_reason, None);
}

#[test]
fn deleting_what_was_never_there_leaves_a_record_without_a_reason() {
    let scratch = Scratch::new();
    let sha256 = Sha256([7; 32]);
    let id = scratch.library.write(move |tx| Ok(tx.item_for(sha256)?)).unwrap();
    scratch.delete(id, STORAGE).unwrap();
    check_domains(&scratch.item(id), &[], &[]);
    scratch.delete(id, TRASH).unwrap();
    check_domains(&scratch.item(id), &[], &[]);
    scratch.delete(id, MY_FILES).unwrap();
    check_domains(&scratch.item(id), &[], &[MY_FILES]);
    scratch.delete(id, COMBINED_LOCAL).unwrap();
    let item = scratch.item(id);
    check_domains(&item, &[], &[MY_FILES, COMBINED_LOCAL]);
    assert_eq!(item.deletions[0].imported_ms, None);
    assert_eq!(item.deletion_reason, None);
}

#[test]
fn a_file_in_two_domains_leaves_them_one_by_one() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    let second = scratch.second_domain();
    scratch.library.migrate_files(vec![id], vec![second]).unwrap();
    check_domains(&scratch.item(id), &[MY_FILES, STORAGE, COMBINED_LOCAL, second], &[]);
    scratch.delete(id, MY_FILES).unwrap();
    let current = [STORAGE, COMBINED_LOCAL, DELETED_FROM_ANYWHERE, second];
    check_domains(&scratch.item(id), &current, &[MY_FILES]);
    scratch.library.undelete_files(vec![id], vec![second]).unwrap();
    check_domains(&scratch.item(id), &current, &[MY_FILES]);
    scratch.library.migrate_files(vec![id], vec![MY_FILES]).unwrap();
    check_domains(&scratch.item(id), &[MY_FILES, STORAGE, COMBINED_LOCAL, second], &[]);
    scratch.library.delete_files(vec![id], vec![MY_FILES, second], None).unwrap();
    let item = scratch.item(id);
    let current = [TRASH, STORAGE, DELETED_FROM_ANYWHERE];
    check_domains(&item, &current, &[MY_FILES, COMBINED_LOCAL, second]);
    assert_eq!(item.deletion_reason, None, "the reason went with the records it was for");
    match scratch.library.migrate_files(vec![id], vec![second]) {
        Err(Error::Invalid(_)) => {}
        other => panic!("{other:?}"),
    }
    scratch.library.undelete_files(vec![id], vec![second]).unwrap();
    let current = [STORAGE, COMBINED_LOCAL, DELETED_FROM_ANYWHERE, second];
    check_domains(&scratch.item(id), &current, &[MY_FILES]);
}

#[test]
fn the_delete_lock_stops_physical_deletion_of_archived_files_only() {
    let scratch = Scratch::new();
    let locked = scratch.import(PICTURE);
    let (id, free) = (locked.item.unwrap(), scratch.import(OTHER).item.unwrap());
    let rules = FileRules { delete_lock: true, ..FileRules::default() };
    scratch.library.set_file_rules(rules).unwrap();
    scratch.library.archive(vec![id]).unwrap();
    match scratch.library.delete_files(vec![free, id], vec![STORAGE], None) {
        Err(Error::Conflict(said)) => assert!(said.contains(&locked.sha256.to_hex()), "{said}"),
        other => panic!("{other:?}"),
    }
    assert!(scratch.content(free).is_some(), "the whole request is refused");
    scratch.delete(id, COMBINED_LOCAL).unwrap();
    assert!(scratch.item(id).is_in(TRASH));
    assert!(scratch.delete(id, STORAGE).is_err());
    scratch.library.unarchive(vec![id]).unwrap();
    scratch.delete(id, STORAGE).unwrap();
    assert!(scratch.content(id).is_none());
}

#[test]
fn archiving_is_for_the_inbox_and_unarchiving_for_everything() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    scratch.library.archive(vec![id]).unwrap();
    let archived = scratch.item(id);
    assert!(!archived.inbox && archived.archived_ms.is_some());
    scratch.library.archive(vec![id]).unwrap();
    assert_eq!(scratch.item(id), archived);
    scratch.library.unarchive(vec![id]).unwrap();
    assert_eq!((scratch.item(id).inbox, scratch.item(id).archived_ms), (true, None));
    scratch.delete(id, STORAGE).unwrap();
    scratch.library.unarchive(vec![id]).unwrap();
    assert!(scratch.item(id).inbox);
    scratch.library.archive(vec![id]).unwrap();
    assert!(!scratch.item(id).inbox && scratch.item(id).archived_ms.is_some());
}

#[test]
fn a_missing_or_broken_thumbnail_is_drawn_again() {
    let scratch = Scratch::new();
    let id = scratch.import(PICTURE).item.unwrap();
    let view = scratch.library.view().unwrap();
    let path = view.thumbnail_path(id).unwrap().unwrap();
    let before = fs::read(&path).unwrap();
    let half = before[..before.len() / 2].to_vec();
    for left in [None, Some(Vec::new()), Some(half)] {
        match left {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let drawn = view.thumbnail(id).unwrap();
        assert_eq!((&drawn.bytes, drawn.mime), (&before, "image/jpeg"));
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn what_a_full_disk_keeps_from_being_known_takes_no_room() {
    let scratch = Scratch::with(|settings| settings.store.minimum_free_bytes = u64::MAX);
    let path = scratch.upload(&fs::read(fixture("d02_square_small.jpg")).unwrap());
    let source = Source::Upload(path);
    let request = ImportRequest { source, domains: vec![], delete_source: false };
    assert!(matches!(scratch.library.import(request), Err(Error::Full(_))));
    let left: usize =
        (0..=u8::MAX).map(|byte| scratch.library.blobs.list(byte).unwrap().len()).sum();
    assert_eq!(left, 0);
}
