//! Laws of the store: whatever is written, what is derived follows, and what fails leaves nothing.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::columns::Column;
use super::read::Snapshot;
use super::sets::SetKey;
use super::tables::{
    CHANGES, FACTS, LOOKUPS, LookupKey, META, Mappings, NAMES, PLACES, PLACES_BY_ITEM, SETS, Status,
};
use super::{Error, Options, Read, Result, Store, Tx, check};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, PlaceId, ServiceId};
use crate::model::item::{CanvasViews, Deletion, Item, Membership};
use crate::model::media::MediaInfo;
use crate::model::place::{Place, PlaceKind};
use crate::model::service::builtin;

/// A store in a folder that goes with it.
struct Case {
    store: Option<Store>,
    folder: PathBuf,
}

impl Case {
    fn new() -> Case {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-store-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut case = Case { store: None, folder };
        case.open();
        case
    }

    fn open(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match Store::open(&self.folder.join("library.redb"), Options::default()) {
                Ok(store) => return self.store = Some(store),
                // The writer of the store just dropped may not have ended yet.
                Err(Error::AlreadyOpen) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("open")
    }

    fn faults(&self) -> Vec<String> {
        check(&self.store().snapshot().expect("a snapshot")).expect("a check").faults
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Everything in the file.
fn rows(snapshot: &Snapshot) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    for slot in 0..NAMES.len() {
        snapshot
            .raw_scan(slot, &[], None, false, &mut |key, value| {
                rows.push((slot, key.to_vec(), value.to_vec()));
                Ok(true)
            })
            .expect("a scan");
    }
    rows
}

/// One change to a store.
#[derive(Clone, Debug)]
enum Op {
    /// Writes a record made of small numbers.
    Put { item: u8, seed: [u8; 8] },
    /// Gives a tag a status, or takes it.
    Tag { item: u8, service: bool, status: u8, tag: u8, add: bool },
    /// Puts bytes somewhere.
    Place { item: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..12_u8, any::<[u8; 8]>()).prop_map(|(item, seed)| Op::Put { item, seed }),
        (0..12_u8, any::<bool>(), 0..4_u8, 0..8_u8, prop::bool::weighted(0.7)).prop_map(
            |(item, service, status, tag, add)| Op::Tag { item, service, status, tag, add }
        ),
        (0..12_u8).prop_map(|item| Op::Place { item }),
    ]
}

fn perform(tx: &mut Tx, op: &Op) -> Result<()> {
    match op {
        Op::Put { item, seed } => {
            let id = tx.item_for(Sha256([*item; 32]))?;
            tx.edit_item(id, |record| apply(record, *seed))?;
        }
        Op::Tag { item, service, status, tag, add } => {
            let id = tx.item_for(Sha256([*item; 32]))?;
            let prefix = if tag % 2 == 0 { "" } else { "place:" };
            let tag = tx.tag_for(&format!("{prefix}{tag}"))?;
            let service = if *service { builtin::MY_TAGS } else { builtin::DOWNLOADER_TAGS };
            let mut mappings = tx.mappings(id)?;
            let tags = mappings.service_mut(service);
            let status = Status::ALL[usize::from(*status)];
            match add {
                true => tags.insert(status, tag, "why"),
                false => tags.remove(status, tag),
            };
            tx.put_mappings(id, mappings)?;
        }
        Op::Place { item } => {
            let item = tx.item_for(Sha256([*item; 32]))?;
            let id = PlaceId(tx.next_id("next_place")?);
            let (size_bytes, modified_ms, created_ms, updated_ms) = (1, 2, 3, 4);
            let kind = PlaceKind::Managed;
            let place = Place { item, kind, size_bytes, modified_ms, created_ms, updated_ms };
            tx.put(&PLACES, &id, &place);
            tx.put(&PLACES_BY_ITEM, &(item, id), &());
        }
    }
    Ok(())
}

fn apply(record: &mut Item, seed: [u8; 8]) {
    let [media, size, flags, domains, deletions, texts, views, looks] = seed;
    let bit = |of: u8, bit: u8| of & (1 << bit) != 0;
    record.media = (media % 4 > 0).then(|| MediaInfo {
        filetype: FileType(looks % 5 + 1),
        size_bytes: u64::from(size),
        md5: [size; 16],
        sha1: [size; 20],
        sha512: [size; 64],
        oshash: bit(looks, 0).then_some(u64::from(size)),
        width: bit(looks, 1).then_some(u32::from(size)),
        height: bit(looks, 2).then_some(u32::from(looks)),
        duration_ms: bit(looks, 3).then_some(u64::from(size)),
        num_frames: bit(looks, 4).then_some(9),
        num_words: bit(looks, 5).then_some(4),
        has_audio: bit(flags, 0),
        has_transparency: bit(flags, 1),
        has_exif: bit(flags, 2),
        has_xmp: bit(flags, 3),
        has_iptc: bit(flags, 4),
        has_icc_profile: bit(flags, 5),
        has_human_readable_embedded_metadata: bit(flags, 6),
        has_software_source: bit(flags, 7),
        blurhash: None,
        pixel_hash: bit(looks, 6).then_some([looks; 32]),
        perceptual_hash: bit(looks, 7).then_some(u64::from(looks)),
        format: String::new(),
        video_codec: String::new(),
        audio_codec: String::new(),
        frame_rate: 0.0,
        bit_rate: 0,
    });
    record.inbox = bit(domains, 7);
    let all = [builtin::MY_FILES, builtin::STORAGE, builtin::COMBINED_LOCAL, builtin::TRASH];
    record.domains.clear();
    record.deletions.clear();
    for (place, service) in (0..).zip(all) {
        let imported_ms = Some(i64::from(size) + i64::from(place));
        if bit(domains, place) {
            record.domains.push(Membership { service, imported_ms });
        }
        if bit(deletions, place) {
            record.deletions.push(Deletion { service, deleted_ms: imported_ms, imported_ms: None });
        }
    }
    record.urls.clear();
    for host in (0..3).filter(|host| bit(texts, *host)) {
        record.add_url(&format!("https://a{host}.trains.example/{size}"));
    }
    record.set_note("title", if bit(texts, 3) { "one" } else { "" });
    record.set_rating(builtin::FAVOURITES, bit(texts, 4).then_some(1.0));
    record.forced_filetype = bit(texts, 5).then_some(FileType(3));
    record.modified_ms = bit(views, 0).then(|| i64::from(size));
    record.archived_ms = bit(views, 1).then(|| i64::from(looks));
    for canvas in [0, 1, 4] {
        let views = u64::from(views % 5);
        record.set_views(CanvasViews { canvas, views, viewtime_ms: views, last_viewed_ms: None });
    }
}

/// Every column says what the records say.
fn columns_equal_records(store: &Store) -> std::result::Result<(), TestCaseError> {
    let snapshot = store.snapshot().expect("a snapshot");
    for id in (1..=snapshot.last_item().expect("reads")).map(ItemId) {
        let record = snapshot.item(id).expect("reads").unwrap_or_default();
        let mut facts = Column::facts(&record);
        let tags = super::derive::tag_count(&snapshot.mappings(id).expect("reads"));
        facts[Column::Tags as usize] = Some(tags).filter(|tags| *tags > 0);
        for column in Column::ALL {
            let value = store.column(column).expect("a column").value(id);
            prop_assert_eq!(value, facts[column as usize], "{:?} of {}", column, id);
        }
    }
    Ok(())
}

fn few() -> ProptestConfig {
    ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn what_is_derived_follows_every_write(groups in vec(vec(op(), 1..6), 1..12), early in 0..24_usize) {
        let case = Case::new();
        // One column is loaded before there is anything, so that commits have to keep it up.
        drop(case.store().column(Column::ALL[early]).expect("a column"));
        for ops in groups {
            let write = move |tx: &mut Tx| ops.iter().try_for_each(|op| perform(tx, op));
            case.store().write::<_, Error, _>(write).expect("a write");
        }
        prop_assert_eq!(case.faults(), Vec::<String>::new());
        columns_equal_records(case.store())?;
    }

    #[test]
    fn a_filled_library_has_the_rows_of_one_written_item_by_item(
        files in vec((any::<[u8; 8]>(), vec((0..4_u8, 0..9_u8), 0..12)), 0..12),
        earlier in vec(0..9_u8, 0..3),
    ) {
        let text = |tag: u8| format!("{}{tag}", if tag.is_multiple_of(2) { "" } else { "place:" });
        let (filled, written) = (Case::new(), Case::new());
        for case in [&filled, &written] {
            let earlier = earlier.clone();
            let write = move |tx: &mut Tx| earlier.iter().try_for_each(|tag| tx.tag_for(&text(*tag)).map(drop));
            case.store().write::<_, Error, _>(write).expect("tags alone");
        }
        let of = |number: usize, seed: [u8; 8]| {
            let mut item = Item { sha256: Some(Sha256([number as u8; 32])), ..Item::default() };
            apply(&mut item, seed);
            item
        };
        filled.store().load(|load| {
            for (number, (seed, tags)) in files.iter().enumerate() {
                let mut mappings = Mappings::default();
                for (status, tag) in tags {
                    let (status, tag) = (Status::ALL[usize::from(*status)], load.tag_for(&text(*tag))?);
                    mappings.service_mut(builtin::MY_TAGS).insert(status, tag, "why");
                }
                load.add(&of(number, *seed), mappings)?;
            }
            Ok::<(), Error>(())
        }).expect("a load");
        written.store().write::<_, Error, _>(move |tx: &mut Tx| {
            for (number, (seed, tags)) in files.iter().enumerate() {
                let item = of(number, *seed);
                let id = tx.item_for(item.sha256.expect("it has content"))?;
                tx.put_item(id, &item)?;
                let mut mappings = Mappings::default();
                for (status, tag) in tags {
                    let (status, tag) = (Status::ALL[usize::from(*status)], tx.tag_for(&text(*tag))?);
                    mappings.service_mut(builtin::MY_TAGS).insert(status, tag, "why");
                }
                tx.put_mappings(id, mappings)?;
            }
            Ok(())
        }).expect("a write");
        prop_assert_eq!(filled.faults(), Vec::<String>::new());
        let rows_of = |case: &Case| {
            let mut rows = rows(&case.store().snapshot().expect("a snapshot"));
            // The log tells of single changes; a load leaves a gap in it. No item, no counter.
            let of_log = |slot, key: &[u8]| {
                slot == CHANGES.slot || slot == META.slot && (key == b"sequence" || key == b"next_item")
            };
            rows.retain(|(slot, key, _)| !of_log(*slot, key));
            rows
        };
        prop_assert_eq!(rows_of(&filled), rows_of(&written));
        let last = |case: &Case| case.store().snapshot().and_then(|read| read.last_item()).expect("reads");
        prop_assert_eq!(last(&filled), last(&written));
        columns_equal_records(filled.store())?;
    }

    #[test]
    fn repair_brings_back_what_was_lost(ops in vec(op(), 1..30), lost in vec((0..3_u8, any::<u8>()), 1..6)) {
        let case = Case::new();
        let write = move |tx: &mut Tx| ops.iter().try_for_each(|op| perform(tx, op));
        case.store().write::<_, Error, _>(write).expect("a write");
        let before = rows(&case.store().snapshot().expect("a snapshot"));
        let count = case
            .store()
            .write::<_, Error, _>(move |tx| lose(tx, &lost))
            .expect("rows are removed");
        prop_assert_eq!(count == 0, case.faults().is_empty(), "every lost row is noticed");
        case.store().repair().expect("a repair");
        prop_assert_eq!(case.faults(), Vec::<String>::new());
        prop_assert_eq!(rows(&case.store().snapshot().expect("a snapshot")), before);
        columns_equal_records(case.store())?;
    }

    #[test]
    fn a_failing_write_leaves_nothing(ops in vec(op(), 1..8), more in vec(op(), 1..8), panics in any::<bool>()) {
        let case = Case::new();
        let write = move |tx: &mut Tx| ops.iter().try_for_each(|op| perform(tx, op));
        case.store().write::<_, Error, _>(write).expect("a write");
        let before = rows(&case.store().snapshot().expect("a snapshot"));
        let refused = case.store().write::<(), Error, _>(move |tx| {
            more.iter().try_for_each(|op| perform(tx, op))?;
            assert!(!panics, "the train derails");
            Err(Error::Damaged("on purpose".to_owned()))
        });
        match refused {
            Err(Error::Panicked(why)) => prop_assert!(panics && why.contains("derails"), "{}", why),
            Err(Error::Damaged(_)) => prop_assert!(!panics),
            other => prop_assert!(false, "{other:?}"),
        }
        prop_assert_eq!(rows(&case.store().snapshot().expect("a snapshot")), before);
    }

    #[test]
    fn what_was_answered_is_there_after_reopening(groups in vec(vec(op(), 1..4), 1..6)) {
        let mut case = Case::new();
        for ops in groups {
            let write = move |tx: &mut Tx| ops.iter().try_for_each(|op| perform(tx, op));
            case.store().write::<_, Error, _>(write).expect("a write");
        }
        let before = rows(&case.store().snapshot().expect("a snapshot"));
        case.store = None;
        case.open();
        prop_assert_eq!(rows(&case.store().snapshot().expect("a snapshot")), before);
        columns_equal_records(case.store())?;
    }
}

#[test]
fn a_failed_commit_is_tried_again_over_the_file_opened_anew() {
    let case = Case::new();
    case.store().fail_commits(1);
    let tag = case.store().write::<_, Error, _>(|tx| tx.tag_for("species:robin")).expect("a tag");
    let found = case.store().snapshot().expect("a snapshot").tag_by_text("species:robin");
    assert_eq!(found.expect("a row"), Some(tag));
}

/// Whoever asks for a write may read meanwhile: then the file cannot be opened anew at once.
#[test]
fn a_store_whose_commit_failed_comes_back_without_a_restart() {
    let case = Case::new();
    let add = || case.store().write::<_, Error, _>(|tx| tx.tag_for("species:robin"));
    case.store().fail_commits(1);
    let (reader, begun) = (case.store().snapshot().expect("a snapshot"), Instant::now());
    assert!(matches!(add(), Err(Error::Storage(why)) if why == "on purpose"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(matches!(add(), Err(Error::Reopening)));
    drop(reader);
    let deadline = Instant::now() + Duration::from_secs(10);
    while case.store().snapshot().is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    add().expect("a tag");
    assert_eq!(case.faults(), Vec::<String>::new());
}

#[test]
fn a_store_closed_from_outside_is_not_opened_by_a_failure() {
    let case = Case::new();
    case.store().fail_commits(1);
    let reader = case.store().snapshot().expect("a snapshot");
    let refused = case.store().write::<_, Error, _>(|tx| tx.tag_for("species:robin"));
    assert!(refused.is_err());
    case.store().close(Duration::from_secs(5)).expect("closed");
    drop(reader);
    std::thread::sleep(Duration::from_millis(600));
    assert!(matches!(case.store().snapshot(), Err(Error::Closed)));
    case.store().reopen().expect("open");
    assert_eq!(case.faults(), Vec::<String>::new());
}

#[test]
fn an_observer_that_panics_costs_no_later_write() {
    let case = Case::new();
    let told = std::sync::Arc::new(AtomicU32::new(0));
    let count = std::sync::Arc::clone(&told);
    case.store().observe(move |_| {
        assert!(count.fetch_add(1, Ordering::SeqCst) > 0, "the first train derails");
    });
    for tag in ["species:robin", "species:wren"] {
        case.store().write::<_, Error, _>(move |tx| tx.tag_for(tag)).expect("a tag");
    }
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

/// Removes some derived rows; returns how many there were to remove.
fn lose(tx: &mut Tx, lost: &[(u8, u8)]) -> Result<usize> {
    let mut count = 0;
    for (kind, which) in lost {
        let mut keys = Vec::new();
        let slot = [SETS.slot, LOOKUPS.slot, FACTS.slot][usize::from(*kind)];
        tx.raw_scan(slot, &[], None, false, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(true)
        })?;
        if keys.is_empty() {
            continue;
        }
        let key = keys.swap_remove(usize::from(*which) % keys.len());
        tx.own.tables[slot].insert(key, None);
        count += 1;
    }
    Ok(count)
}

#[test]
fn writes_that_wait_together_are_all_answered() {
    const THREADS: u8 = 8;
    const WRITES: u8 = 20;
    let case = Case::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = case.store();
            scope.spawn(move || {
                for number in 0..WRITES {
                    let mut hash = [thread; 32];
                    hash[0] = number;
                    let outcome = store.write(move |tx: &mut Tx| match number % 5 {
                        4 => Err(Error::Damaged("on purpose".to_owned())),
                        _ => tx.item_for(Sha256(hash)),
                    });
                    assert_eq!(outcome.is_ok(), number % 5 < 4);
                    if let Ok(id) = outcome {
                        let snapshot = store.snapshot().expect("a snapshot");
                        let found = snapshot.item_by_sha256(Sha256(hash)).expect("reads");
                        assert_eq!(
                            found,
                            Some(id),
                            "an answered write is seen by whoever reads next"
                        );
                    }
                }
            });
        }
    });
    let snapshot = case.store().snapshot().expect("a snapshot");
    let known = snapshot.set(SetKey::Known).expect("a set");
    assert_eq!(known.len(), u64::from(THREADS) * u64::from(WRITES) * 4 / 5);
    assert_eq!(case.faults(), Vec::<String>::new());
}

#[test]
fn a_set_spreads_over_chunks() {
    let case = Case::new();
    let far = ItemId((3 << super::sets::CHUNK_BITS) + 7);
    let write = move |tx: &mut Tx| {
        let near = tx.item_for(Sha256([1; 32]))?;
        tx.put(&META, &super::format::NEXT_ITEM.to_owned(), &(u64::from(far.0) + 1));
        let item = Item { sha256: Some(Sha256([2; 32])), ..Item::default() };
        tx.put(&super::tables::ITEM_BY_SHA256, &Sha256([2; 32]), &far);
        tx.put_item(far, &item)?;
        Ok::<_, Error>(near)
    };
    let near = case.store().write(write).expect("a write");
    let snapshot = case.store().snapshot().expect("a snapshot");
    let known: Vec<u32> = snapshot.set(SetKey::Known).expect("a set").iter().collect();
    assert_eq!(known, [near.0, far.0]);
    assert!(snapshot.set_has(SetKey::Known, far).expect("reads"));
    assert!(!snapshot.set_has(SetKey::Domain(ServiceId(1)), far).expect("reads"));
    assert_eq!(case.faults(), Vec::<String>::new());
}

#[test]
fn forgotten_changes_go_with_later_commits() {
    let case = Case::new();
    let oldest = |case: &Case| -> u64 {
        let mut oldest = 0;
        let snapshot = case.store().snapshot().expect("a snapshot");
        snapshot
            .scan_from(&super::tables::CHANGES, &[], |sequence, _: Vec<super::Change>| {
                oldest = sequence;
                Ok(false)
            })
            .expect("a scan");
        oldest
    };
    let write = |number: u8| {
        case.store()
            .write::<_, Error, _>(move |tx| tx.item_for(Sha256([number; 32])))
            .expect("a write");
    };
    (0..5).for_each(write);
    assert_eq!(oldest(&case), 1);
    case.store().forget_changes(3);
    write(5);
    assert_eq!(oldest(&case), 4);
    assert_eq!(case.store().snapshot().expect("a snapshot").sequence().expect("reads"), 6);
}

#[test]
fn a_lookup_text_may_hold_zeros() {
    let case = Case::new();
    let write = |tx: &mut Tx| {
        for (item, text) in [(1_u32, &[1_u8][..]), (2, &[1, 0][..]), (3, &[1, 0, 0, 0, 0, 1][..])] {
            let kind = super::LookupKind::Md5;
            tx.put(&LOOKUPS, &LookupKey { kind, text: text.to_vec(), item: ItemId(item) }, &());
        }
        Ok::<_, Error>(())
    };
    case.store().write(write).expect("a write");
    let snapshot = case.store().snapshot().expect("a snapshot");
    for (item, text) in [(1_u32, &[1_u8][..]), (2, &[1, 0][..]), (3, &[1, 0, 0, 0, 0, 1][..])] {
        let found = snapshot.lookup(super::LookupKind::Md5, text).expect("reads");
        assert_eq!(found, [ItemId(item)]);
    }
}

/// Keys and sessions stand in the store: nobody but its owner may read it or its copies.
#[test]
fn a_store_and_its_backup_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let case = Case::new();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(case.folder.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    case.store().backup(&case.folder.join("copy.redb")).unwrap();
    assert_eq!((mode("library.redb"), mode("copy.redb")), (0o600, 0o600));
    // A copy that cannot be made leaves nothing that looks like one.
    let nowhere = case.folder.join("no/copy.redb");
    assert!(case.store().backup(&nowhere).is_err() && !nowhere.exists());
}
