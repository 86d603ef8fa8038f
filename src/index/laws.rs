//! The laws of the index: what is applied is found, whatever the committer is doing; what is
//! damaged is noticed; what was not committed is asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

/// A directory of its own for each index, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-index-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        Scratch(path)
    }

    fn open(&self) -> Opened {
        Index::open(&self.0, 1).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn tag(id: u32, text: &str) -> Change {
    let (namespace, subtag) = text.split_once(':').unwrap_or(("", text));
    Change::AddTag { tag: TagId(id), namespace: namespace.into(), subtag: subtag.into() }
}

fn titled(id: u32, title: &str) -> Change {
    let fields = TextFields { title: title.into(), ..TextFields::default() };
    Change::PutText { item: ItemId(id), fields }
}

const BIRDS: [&str; 11] = [
    "robin",
    "species:robin",
    "great blue tit",
    "species:blue tit",
    "place:hill walk",
    "place:north harbour",
    "part 2",
    "series:robins of spring",
    "lake: west shore",
    "genus:erithacus robin",
    "a*b",
];

fn birds() -> (Scratch, Index) {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    let changes = (0..).zip(BIRDS).map(|(id, text)| tag(id, text)).collect();
    index.apply(changes, 1).unwrap();
    (scratch, index)
}

/// Asks before and after the commit: both must answer the same.
#[track_caller]
fn check_tags(queries: &[(TagQuery, &[&str])]) {
    let (_scratch, index) = birds();
    for moment in ["waiting", "committed"] {
        for (query, expected) in queries {
            let hits = index.tags(query, 100).unwrap();
            let found: Vec<&str> = hits.tags.iter().map(|tag| BIRDS[tag.0 as usize]).collect();
            assert_eq!(&found, expected, "{moment}: {query:?}");
            assert!(hits.complete);
        }
        index.flush().unwrap();
    }
}

#[test]
fn typed_text_finds_beginnings_of_words() {
    let ask = TagQuery::autocomplete;
    check_tags(&[
        (
            ask(None, "rob"),
            &["robin", "species:robin", "series:robins of spring", "genus:erithacus robin"],
        ),
        (ask(None, "tit"), &["great blue tit", "species:blue tit"]),
        (ask(None, "blue ti"), &["great blue tit", "species:blue tit"]),
        (ask(None, "hill w"), &["place:hill walk"]),
        (ask(None, "part 2"), &["part 2"]),
        (ask(None, "a"), &["a*b"]),
        (ask(None, "west"), &["lake: west shore"]),
        (ask(None, "obin"), &[]),
        (ask(None, "art"), &[]),
        (ask(None, "spec"), &[]),
        (ask(None, "par 2"), &[]),
        (ask(None, "place harbour"), &[]),
        (ask(None, "great tit"), &[]),
        (ask(Some("species"), "rob"), &["species:robin"]),
        (ask(Some("species"), "tit"), &["species:blue tit"]),
        (ask(Some(""), "rob"), &["robin"]),
        (ask(Some("sp*"), "rob"), &["species:robin"]),
        (ask(Some("*"), "hill"), &["place:hill walk"]),
        (ask(Some("spec"), "rob"), &[]),
        (ask(None, &"r".repeat(200)), &[]),
    ]);
}

#[test]
fn stars_inside_typed_text_compare_the_whole_subtag() {
    let ask = TagQuery::autocomplete;
    let robins = ["robin", "species:robin", "series:robins of spring", "genus:erithacus robin"];
    check_tags(&[
        (ask(None, "*obin"), &robins),
        (ask(None, "r*n"), &["robin", "species:robin", "series:robins of spring"]),
        (ask(Some("species"), "*in"), &["species:robin"]),
        (ask(Some("sp*"), "*i*t"), &["species:blue tit"]),
        (ask(None, "*s of sp"), &["series:robins of spring"]),
    ]);
}

#[test]
fn search_terms_with_stars_keep_to_their_namespace() {
    let ask = TagQuery::wildcard;
    check_tags(&[
        (ask(None, "rob*"), &["robin"]),
        (ask(None, "*tit"), &["great blue tit"]),
        (ask(None, "*"), &["robin", "great blue tit", "part 2", "a*b"]),
        (ask(Some("*"), "*in"), &["robin", "species:robin", "genus:erithacus robin"]),
        (ask(Some("species"), "*"), &["species:robin", "species:blue tit"]),
        (ask(Some("s*s"), "*"), &["species:robin", "species:blue tit", "series:robins of spring"]),
        (ask(Some("*"), "*"), &BIRDS),
        (ask(Some("genus"), "robin"), &[]),
        (ask(Some("species"), "robin"), &["species:robin"]),
        (ask(Some("nowhere"), "*"), &[]),
    ]);
}

#[test]
fn namespaces_are_listed_by_pattern() {
    let (_scratch, index) = birds();
    for _moment in ["waiting", "committed"] {
        let ask = |text| index.namespaces(&NamespacePattern::parse(text), 100).unwrap();
        assert_eq!(ask("*"), ["", "genus", "lake", "place", "series", "species"]);
        assert_eq!(ask("s*s"), ["series", "species"]);
        assert_eq!(ask("place"), ["place"]);
        assert_eq!(ask("pla"), [""; 0]);
        index.flush().unwrap();
    }
}

#[test]
fn a_limit_keeps_the_lowest_ids_and_says_so() {
    let (_scratch, index) = birds();
    let hits = index.tags(&TagQuery::autocomplete(None, "rob"), 2).unwrap();
    assert_eq!(hits, TagHits { tags: vec![TagId(0), TagId(1)], complete: false });
}

#[test]
fn long_subtags_and_namespaces_are_found_beyond_what_is_indexed() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    let (long, space) = ("kite ".repeat(60), "n".repeat(300));
    let text = format!("{space}:{long}end");
    index.apply(vec![tag(7, &text), tag(8, &format!("{space}:{long}mid"))], 1).unwrap();
    for _moment in ["waiting", "committed"] {
        for namespace in [None, Some(space.as_str()), Some("n*")] {
            let ask = |text: &str| {
                let query = TagQuery::autocomplete(namespace, text);
                index.tag_set(&query).unwrap().iter().collect::<Vec<_>>()
            };
            assert_eq!(ask("kite kite"), [7, 8]);
            assert_eq!(ask(&format!("{long}en")), [7]);
            assert_eq!(ask("end"), [7]);
        }
        index.flush().unwrap();
    }
}

#[test]
fn words_phrases_and_substrings_of_texts() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    let fields = TextFields {
        title: "Night Train to Ägeri".into(),
        details: "A concert, then the last train.".into(),
        paths: vec!["/media/trains/night_01.mkv".into()],
        notes: vec!["first note".into(), "second one".into()],
        ..TextFields::default()
    };
    index.apply(vec![Change::PutText { item: ItemId(5), fields }, titled(9, "Lake")], 1).unwrap();
    let (title, all) = (&[TextField::Title][..], &TextField::ALL[..]);
    for moment in ["waiting", "committed"] {
        let words = |fields, text| index.words(fields, text).unwrap().contains(5);
        assert!(words(title, "train NIGHT"), "{moment}");
        assert!(words(title, "to äG"));
        assert!(words(all, "concert mkv nig"));
        assert!(!words(title, "nig train"));
        assert!(!words(title, "concert"));
        assert!(!words(title, ""));
        let phrase = |fields, text| index.phrase(fields, text).unwrap().contains(5);
        assert!(phrase(title, "night train"));
        assert!(phrase(all, "THE LAST train"));
        assert!(!phrase(all, "train night"));
        assert!(!phrase(all, "note second"));
        let narrowed = [TextField::Title, TextField::Path];
        let part = |text| index.substring_candidates(&narrowed, text).unwrap().unwrap();
        assert!(part("GHT tr").contains(5));
        assert!(part("ains/night_01").contains(5));
        assert!(!part("concert").contains(5));
        assert!(!part("ght").contains(9));
        assert_eq!(index.substring_candidates(&narrowed, "gh").unwrap(), None);
        assert_eq!(index.substring_candidates(all, "ght").unwrap(), None);
        index.flush().unwrap();
    }
}

#[test]
fn what_was_not_committed_is_asked_for_again() {
    let scratch = Scratch::new();
    let Opened { index, applied_seq } = scratch.open();
    assert_eq!(applied_seq, 0);
    index.apply(vec![tag(1, "kept"), titled(1, "kept")], 4).unwrap();
    assert_eq!(index.flush().unwrap(), 4);
    assert_eq!(index.committed_seq(), 4);
    index.apply(vec![tag(2, "lost"), titled(1, "lost")], 5).unwrap();
    drop(index);
    let Opened { index, applied_seq } = scratch.open();
    // The committer may have been quick enough for the second batch, never for a part of it.
    let titles = index.words(&[TextField::Title], "lost").unwrap().len();
    let tags = index.tag_set(&TagQuery::autocomplete(None, "lost")).unwrap().len();
    let kept = index.tag_set(&TagQuery::autocomplete(None, "kept")).unwrap().len();
    assert!(matches!((applied_seq, titles, tags), (4, 0, 0) | (5, 1, 1)), "{applied_seq}");
    assert_eq!(kept, 1);
    index.apply(vec![tag(2, "lost"), titled(1, "lost")], 5).unwrap();
    assert_eq!(index.close().unwrap(), 5);
    assert_eq!(scratch.open().applied_seq, 5);
}

#[test]
fn numbers_without_changes_are_committed_by_a_flush() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    index.apply(Vec::new(), 9).unwrap();
    assert_eq!(index.close().unwrap(), 9);
    assert_eq!(scratch.open().applied_seq, 9);
}

#[test]
fn the_committer_commits_unasked() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    index.apply(vec![tag(1, "robin")], 3).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while index.committed_seq() < 3 {
        assert!(std::time::Instant::now() < deadline, "no commit within 20 seconds");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_second_owner_is_refused_and_harms_nothing() {
    let (scratch, index) = birds();
    index.flush().unwrap();
    assert!(matches!(Index::open(&scratch.0, 1), Err(Error::Busy)));
    assert_eq!(index.close().unwrap(), 1);
    assert_eq!(scratch.open().applied_seq, 1);
}

#[test]
fn another_schema_version_begins_anew() {
    let (scratch, index) = birds();
    index.close().unwrap();
    let Opened { index, applied_seq } = Index::open(&scratch.0, 2).unwrap();
    assert_eq!(applied_seq, 0);
    assert!(index.tag_set(&TagQuery::wildcard(Some("*"), "*")).unwrap().is_empty());
}

#[test]
fn a_file_in_place_of_the_directory_begins_anew() {
    let scratch = Scratch::new();
    fs::write(&scratch.0, b"not an index").unwrap();
    assert_eq!(scratch.open().applied_seq, 0);
}

#[test]
fn a_rebuild_gives_way_to_changes_and_counts_only_when_finished() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    let rebuild = index.rebuild().unwrap();
    assert!(matches!(index.rebuild(), Err(Error::NotEmpty)));
    rebuild.put(vec![tag(1, "robin"), titled(1, "old one"), titled(2, "gone")]).unwrap();
    index.apply(vec![titled(1, "new one"), Change::RemoveText(ItemId(2))], 11).unwrap();
    index.apply(vec![titled(3, "new three"), Change::RemoveText(ItemId(4))], 12).unwrap();
    rebuild.put(vec![titled(3, "old three"), titled(4, "old four"), titled(5, "five")]).unwrap();
    assert_eq!(index.flush().unwrap(), 0);
    rebuild.finish(10).unwrap();
    assert_eq!(index.committed_seq(), 12);
    let title = |text| index.words(&[TextField::Title], text).unwrap().iter().collect::<Vec<_>>();
    assert_eq!(
        (title("new"), title("old"), title("gone"), title("five")),
        (vec![1, 3], vec![], vec![], vec![5])
    );
    assert_eq!(index.close().unwrap(), 12);
    assert_eq!(scratch.open().applied_seq, 12);
}

#[test]
fn an_unfinished_rebuild_begins_anew() {
    let scratch = Scratch::new();
    let index = scratch.open().index;
    let rebuild = index.rebuild().unwrap();
    rebuild.put(vec![titled(1, "half")]).unwrap();
    index.apply(vec![titled(2, "live")], 7).unwrap();
    assert_eq!(index.close().unwrap(), 0);
    let Opened { index, applied_seq } = scratch.open();
    assert_eq!(applied_seq, 0);
    assert!(index.words(&[TextField::Title], "half").unwrap().is_empty());
}

/// What the index should know, kept the simple way.
#[derive(Default)]
struct Naive {
    tags: BTreeMap<u32, String>,
    titles: BTreeMap<u32, String>,
}

impl Naive {
    fn take(&mut self, change: &Change) {
        match change {
            Change::AddTag { tag, subtag, .. } => {
                self.tags.entry(tag.0).or_insert(subtag.clone());
            }
            Change::PutText { item, fields } => {
                self.titles.insert(item.0, fields.title.clone());
            }
            Change::RemoveText(item) => {
                self.titles.remove(&item.0);
            }
        }
    }

    fn check(&self, index: &Index, word: &str) {
        let by_tag = |matches: &dyn Fn(&str) -> bool| -> BTreeSet<u32> {
            self.tags.iter().filter(|(_, text)| matches(text)).map(|(id, _)| *id).collect()
        };
        let by_title = |matches: &dyn Fn(&str) -> bool| -> BTreeSet<u32> {
            self.titles.iter().filter(|(_, text)| matches(text)).map(|(id, _)| *id).collect()
        };
        let set = |found: roaring::RoaringBitmap| found.iter().collect::<BTreeSet<u32>>();
        let begins = |text: &str| text.split(' ').any(|part| part.starts_with(word));
        let typed = TagQuery::autocomplete(None, word);
        assert_eq!(set(index.tag_set(&typed).unwrap()), by_tag(&begins));
        let inside = TagQuery::wildcard(None, &format!("*{word}*"));
        assert_eq!(set(index.tag_set(&inside).unwrap()), by_tag(&|text| text.contains(word)));
        let title = &[TextField::Title];
        assert_eq!(set(index.words(title, word).unwrap()), by_title(&begins));
        let whole = |text: &str| text.split(' ').any(|part| part == word);
        assert_eq!(set(index.phrase(title, word).unwrap()), by_title(&whole));
        if let Some(found) = index.substring_candidates(title, word).unwrap() {
            let expected = by_title(&|text| text.contains(word));
            // A word of three letters has one group, so candidates are exact here.
            assert_eq!(set(found), expected);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<Change>),
    Flush,
    Reopen,
    Ask(String),
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc]{1,3}", 1..4).prop_map(|words| words.join(" "))
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..20u32, words()).prop_map(|(id, text)| tag(id, &text)),
        (0..12u32, words()).prop_map(|(id, text)| titled(id, &text)),
        (0..12u32).prop_map(|id| Change::RemoveText(ItemId(id))),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(changes(), 0..6).prop_map(Step::Apply),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        4 => "[abc]{1,3}".prop_map(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_answers_as_a_scan_would(steps in prop::collection::vec(steps(), 1..30)) {
        let scratch = Scratch::new();
        let mut index = Some(scratch.open().index);
        let (mut naive, mut seq) = (Naive::default(), 0);
        for step in steps {
            let open = index.take().unwrap();
            index = Some(match step {
                Step::Apply(batch) => {
                    seq += 1;
                    batch.iter().for_each(|change| naive.take(change));
                    open.apply(batch, seq).unwrap();
                    open
                }
                Step::Flush => {
                    prop_assert_eq!(open.flush().unwrap(), seq);
                    open
                }
                Step::Reopen => {
                    prop_assert_eq!(open.close().unwrap(), seq);
                    let opened = scratch.open();
                    prop_assert_eq!(opened.applied_seq, seq);
                    if seq == 0 { naive = Naive::default() }
                    opened.index
                }
                Step::Ask(word) => {
                    naive.check(&open, &word);
                    open
                }
            });
        }
    }

    #[test]
    fn damage_is_noticed_on_opening(
        file in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        truncate in any::<bool>(),
    ) {
        let (scratch, index) = birds();
        index.apply(vec![titled(1, "night train")], 2).unwrap();
        index.flush().unwrap();
        index.apply(vec![titled(1, "day train")], 3).unwrap();
        index.close().unwrap();
        damage(&scratch.0, file, place, byte, truncate);
        let Opened { index, applied_seq } = scratch.open();
        let found = index.tag_set(&TagQuery::autocomplete(None, "rob")).unwrap().len();
        let titles = index.words(&[TextField::Title], "day").unwrap().len();
        // Either it was noticed, or it hit a byte that does not matter.
        prop_assert!(matches!((applied_seq, found, titles), (0, 0, 0) | (3, 4, 1)));
        index.apply(vec![tag(99, "robin again")], 4).unwrap();
        index.close().unwrap();
        prop_assert_eq!(scratch.open().applied_seq, 4);
    }
}

fn damage(
    dir: &Path,
    file: prop::sample::Index,
    place: prop::sample::Index,
    byte: u8,
    truncate: bool,
) {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let path = file.get(&files);
    let mut bytes = fs::read(path).unwrap();
    if !bytes.is_empty() {
        let place = place.index(bytes.len());
        if truncate {
            bytes.truncate(place)
        } else {
            bytes[place] = byte
        }
        fs::write(path, bytes).unwrap();
    }
}
