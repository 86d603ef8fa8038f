//! The rules of groups: decision by decision, and as laws over random sequences of them.

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::{Decision, FileRelationships, Relationship};
use crate::library::testing::TestLibrary;
use crate::library::{TagAction, TagChange, TagChangeRules};
use crate::model::filetype::FileType;
use crate::model::ids::ItemId;
use crate::model::item::{Item, Membership};
use crate::model::media::MediaInfo;
use crate::model::service::builtin;
use crate::model::tag::Tag;

fn picture(hash: u64) -> MediaInfo {
    MediaInfo {
        filetype: FileType(1),
        size_bytes: 1,
        md5: [0; 16],
        sha1: [0; 20],
        sha512: [0; 64],
        oshash: None,
        width: Some(1),
        height: Some(1),
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
        perceptual_hash: Some(hash),
        format: String::new(),
        video_codec: String::new(),
        audio_codec: String::new(),
        frame_rate: 0.0,
        bit_rate: 0,
    }
}

fn held(item: &mut Item, hash: u64) {
    item.media = Some(picture(hash));
    for service in [builtin::MY_FILES, builtin::COMBINED_LOCAL, builtin::STORAGE] {
        item.domains.push(Membership { service, imported_ms: Some(1) });
    }
}

/// A library with pictures 1 to `count`, no two of which look alike.
fn pictures(count: u8) -> TestLibrary {
    let library = TestLibrary::new();
    for byte in 1..=count {
        let hash = u64::from(byte).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let id = library.item(byte, move |item| held(item, hash));
        assert_eq!(id, ItemId(u32::from(byte)));
    }
    library
}

fn decision(a: u32, b: u32, relationship: Relationship) -> Decision {
    let (a, b) = (ItemId(a), ItemId(b));
    Decision { a, b, relationship, merge_content: false, delete: [false; 2] }
}

fn of(library: &TestLibrary, file: u32) -> FileRelationships {
    let all: RoaringBitmap = (0..100).collect();
    library.view().unwrap().file_relationships(ItemId(file), &all).unwrap()
}

fn ids(list: &[u32]) -> Vec<ItemId> {
    list.iter().copied().map(ItemId).collect()
}

/// Applies decisions and asserts the king and the group of the first file.
#[track_caller]
fn check(decisions: &[(u32, u32, Relationship)], king: u32, others: &[u32]) -> TestLibrary {
    let library = pictures(8);
    let decisions = decisions.iter().map(|(a, b, kind)| decision(*a, *b, *kind)).collect();
    library.decide(decisions).unwrap();
    let found = of(&library, 1);
    assert_eq!((found.king, found.duplicates), (ItemId(king), ids(others)));
    library.check();
    library
}

use Relationship::{Alternate, Better, FalsePositive, Potential, SameQuality};

#[test]
fn the_better_file_is_king() {
    check(&[(1, 2, Better)], 1, &[2]);
    check(&[(2, 1, Better)], 2, &[2]);
    check(&[(1, 2, Better), (2, 1, Better)], 2, &[2]);
    check(&[(1, 2, Better), (3, 1, Better)], 3, &[2, 3]);
    check(&[(1, 1, Better)], 1, &[]);
}

#[test]
fn a_worse_file_that_is_no_king_leaves_its_group() {
    let library = check(&[(2, 3, Better), (1, 3, Better)], 1, &[3]);
    assert_eq!(of(&library, 2).duplicates, []);
}

#[test]
fn same_quality_follows_the_kings() {
    check(&[(1, 2, SameQuality)], 1, &[2]);
    check(&[(1, 2, Better), (3, 4, Better), (1, 3, SameQuality)], 1, &[2, 3, 4]);
    check(&[(2, 1, Better), (3, 4, Better), (1, 3, SameQuality)], 2, &[2, 3, 4]);
    check(&[(1, 2, Better), (3, 4, Better), (1, 4, SameQuality)], 3, &[2, 3, 4]);
    let library = check(&[(2, 1, Better), (3, 4, Better), (1, 4, SameQuality)], 2, &[2, 4]);
    assert_eq!(of(&library, 3).duplicates, []);
}

#[test]
fn alternates_of_alternates_are_alternates() {
    let library = check(&[(1, 2, Alternate), (2, 3, Alternate)], 1, &[]);
    assert_eq!(of(&library, 1).alternates, ids(&[2, 3]));
}

#[test]
fn an_alternate_of_its_own_group_leaves_it() {
    let library = check(&[(1, 2, Better), (1, 2, Alternate)], 1, &[]);
    assert_eq!(of(&library, 1).alternates, ids(&[2]));
}

#[test]
fn a_king_that_leaves_dissolves_its_group() {
    let library = pictures(4);
    library.decide(vec![decision(1, 2, Better), decision(1, 3, Better)]).unwrap();
    library.decide(vec![decision(2, 1, Alternate)]).unwrap();
    assert_eq!(of(&library, 1).duplicates, ids(&[3]));
    library.check();
}

#[test]
fn false_positives_hold_for_all_alternates_until_they_are_overruled() {
    let library = check(&[(1, 2, Alternate), (1, 3, FalsePositive)], 1, &[]);
    assert_eq!(of(&library, 2).false_positives, ids(&[3]));
    library.decide(vec![decision(2, 3, Potential)]).unwrap();
    assert_eq!(of(&library, 2).potentials, []);
    library.decide(vec![decision(2, 3, Alternate)]).unwrap();
    assert_eq!(of(&library, 1).alternates, ids(&[2, 3]));
    assert_eq!(of(&library, 1).false_positives, []);
    library.decide(vec![decision(1, 3, FalsePositive)]).unwrap();
    assert_eq!(of(&library, 1).false_positives, [], "members of one set are related");
    library.check();
}

#[test]
fn potential_pairs_move_with_their_group_and_end_with_a_decision() {
    let library = pictures(4);
    library.decide(vec![decision(2, 3, Potential), decision(1, 2, Better)]).unwrap();
    assert_eq!(of(&library, 1).potentials, ids(&[3]));
    assert_eq!(of(&library, 3).potentials, ids(&[1]));
    library.decide(vec![decision(3, 2, Alternate)]).unwrap();
    assert_eq!(of(&library, 3).potentials, []);
    library.decide(vec![decision(1, 4, Potential)]).unwrap();
    library.remove_potentials(ids(&[2])).unwrap();
    assert_eq!(of(&library, 4).potentials, []);
    library.check();
}

#[test]
fn any_member_can_be_made_king() {
    let library = check(&[(1, 2, Better)], 1, &[2]);
    library.set_kings(ids(&[2, 5])).unwrap();
    assert_eq!((of(&library, 1).king, of(&library, 5).king), (ItemId(2), ItemId(5)));
    assert!(library.set_kings(ids(&[99])).is_err());
    library.check();
}

#[test]
fn files_that_look_alike_are_found_once() {
    let library = TestLibrary::new();
    for (byte, hash) in [(1, 0), (2, 0b11), (3, u64::MAX)] {
        library.item(byte, move |item| held(item, hash));
    }
    assert_eq!(library.find_potentials(1).unwrap(), 0);
    assert_eq!(library.find_potentials(2).unwrap(), 1);
    assert_eq!(of(&library, 1).potentials, ids(&[2]));
    library.remove_potentials(ids(&[1])).unwrap();
    assert_eq!(library.find_potentials(2).unwrap(), 0, "what was removed does not come back");
    library.item(4, |item| held(item, 0b1));
    library.find_potentials(2).unwrap();
    assert_eq!(of(&library, 4).potentials, ids(&[1, 2]));
    library.check();
}

#[test]
fn a_new_file_finds_its_equals() {
    let library = TestLibrary::new();
    for (byte, hash) in [(1, 7), (2, 7), (3, 6)] {
        let id = library.item(byte, move |item| held(item, hash));
        library.write(move |tx| Ok(super::note_new_file(tx, id)?)).unwrap();
    }
    assert_eq!(of(&library, 1).potentials, ids(&[2]));
    assert_eq!(of(&library, 3).potentials, []);
}

#[test]
fn content_goes_to_the_better_file() {
    let library = pictures(2);
    let tag = |tag: &str| TagChange {
        service: builtin::MY_TAGS,
        action: TagAction::Add,
        tag: Tag::clean(tag).unwrap(),
        reason: String::new(),
    };
    library.change_tags(ids(&[2]), vec![tag("bird")], TagChangeRules::default()).unwrap();
    library
        .write(|tx| {
            tx.edit_item(ItemId(2), |item| {
                item.set_rating(builtin::FAVOURITES, Some(1.0));
                item.add_url("https://birds.example/");
                item.set_note("where", "a lake");
                item.modified_ms = Some(5);
                item.inbox = true;
            })?;
            tx.edit_item(ItemId(1), |item| item.modified_ms = Some(9))?;
            Ok(())
        })
        .unwrap();
    let decided = Decision { merge_content: true, delete: [false, true], ..decision(1, 2, Better) };
    library.decide(vec![decided]).unwrap();
    let (better, worse) = (library.get(ItemId(1)), library.get(ItemId(2)));
    assert_eq!(better.rating(builtin::FAVOURITES), Some(1.0));
    assert_eq!(worse.rating(builtin::FAVOURITES), None);
    assert_eq!(
        (better.urls.len(), better.note("where"), better.modified_ms),
        (1, Some("a lake"), Some(5))
    );
    assert!(worse.inbox && worse.is_in(builtin::TRASH) && better.is_in(builtin::MY_FILES));
    let view = library.view().unwrap();
    let count = |file: u32| {
        let mappings = view.mappings(ItemId(file)).unwrap();
        let tags = mappings.service(builtin::MY_TAGS).unwrap();
        (tags.current.len(), tags.deleted.len())
    };
    assert_eq!((count(1), count(2)), ((1, 0), (0, 1)));
    library.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_sequence_of_decisions_leaves_everything_in_agreement(
        steps in proptest::collection::vec((1u32..9, 1u32..9, 0usize..6), 1..24),
    ) {
        let library = pictures(8);
        for (a, b, kind) in steps {
            let kinds = [Potential, FalsePositive, SameQuality, Alternate, Better];
            match kinds.get(kind) {
                Some(kind) => library.decide(vec![decision(a, b, *kind)]).unwrap(),
                None => library.set_kings(ids(&[a])).unwrap(),
            }
            if kind == 4 && a != b {
                let found = of(&library, a);
                prop_assert!(found.duplicates.contains(&ItemId(b)));
                prop_assert!(found.king != ItemId(b));
            }
        }
        library.check();
    }
}
