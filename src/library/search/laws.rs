//! Laws: the planner finds what a look at every record finds, and autocomplete what a look at
//! every tag finds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestCaseResult;

use super::naive::{Naive, Subject};
use super::sample::{COUNTER, DOMAINS, STARS, Sample, Spec, TAGS, TRAINS, spec};
use crate::index::TextField;
use crate::library::View;
use crate::library::autocomplete::{AutocompleteRequest, search_tags};
use crate::model::hash::Sha256;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::item::Membership;
use crate::model::predicate::{HashKind, RatingKind, SystemPredicate};
use crate::model::query::{FileDomains, SearchRequest, Sort, Term};
use crate::model::service::builtin;
use crate::model::system_predicate::{NamedService, ParseContext, RatingService};
use crate::model::tag::Tag;
use crate::model::tag_pattern::{Completion, TagPattern};
use crate::model::terms;
use crate::store::{Read, Status, Tx};

/// Texts of predicates of every kind.
const PREDICATES: &[&str] = &[
    "system:everything",
    "system:inbox",
    "system:archive",
    "system:has audio",
    "system:no audio",
    "system:has transparency",
    "system:no exif",
    "system:has icc profile",
    "system:has forced filetype",
    "system:no forced filetype",
    "system:width > 100",
    "system:width < 50",
    "system:no width",
    "system:height ~= 150",
    "system:has duration",
    "system:duration < 2 seconds",
    "system:num frames > 40",
    "system:framerate > 20",
    "system:framerate ~= 30",
    "system:has words",
    "system:num notes > 0",
    "system:no notes",
    "system:num urls = 2",
    "system:no urls",
    "system:filesize > 200 b",
    "system:filesize ~= 100 b",
    "system:num pixels > 10 kilopixels",
    "system:ratio wider than 1:1",
    "system:ratio = 1:1",
    "system:best quality of group",
    "system:not best quality of group",
    "system:has tags",
    "system:untagged",
    "system:num tags > 2",
    "system:num tags = 1",
    "system:num species tags = 1",
    "system:num species tags > 0",
    "system:num unnamespaced tags = 0",
    "system:tag as number page > 4",
    "system:tag as number any namespace < 6",
    "system:tag as number unnamespaced > 1",
    "system:filetype is jpeg, gif",
    "system:filetype is not image",
    "system:filetype is video",
    "system:archived time > 1 day ago",
    "system:imported time < 1 day",
    "system:modified time > 1 day ago",
    "system:last viewed time > 1 day ago",
    "system:file service is currently in trains",
    "system:file service is not currently in my files",
    "system:file service is pending to my files",
    "system:num file relationships > 0 duplicates",
    "system:num file relationships = 1 alternates",
    "system:num file relationships > 0 potential duplicates",
    "system:num file relationships = 0 false positives",
    "system:media views > 4",
    "system:all views > 5",
    "system:views in client api < 1",
    "system:media viewtime > 3 seconds",
    "system:has url matching regex /[ab]/",
    "system:does not have url matching regex c[?]",
    "system:has domain trains.example",
    "system:does not have domain www.trains.example",
    "system:has url https://trains.example/b/2",
    "system:has note with name title",
    "system:does not have note with name details",
    "system:has rating for favourites",
    "system:no rating for stars",
    "system:rating for favourites is like",
    "system:rating for stars > 2/5",
    "system:rating for stars = 3/5",
    "system:has count for times seen",
    "system:no count for times seen",
    "system:count for times seen < 2",
    "system:count for times seen > 1",
    "system:all ratings rated",
    "system:any ratings rated",
    "system:any ratings not rated",
    "system:only numerical ratings rated",
    "system:all like/dislike ratings not rated",
    "system:has tag deleted: \"robin\"",
    "system:has tag ignore siblings: \"species:robin\"",
    "system:does not have tag \"my tags\", current: \"robin\"",
    "system:has tag pending: \"rob\"",
];

const PATTERNS: &[&str] = &[
    "*",
    "species:*",
    "sp*:*",
    "*:*",
    "page:*",
    "rob*",
    "*:rob*",
    "*obin",
    "species:*t*",
    "b*t",
    "*:*bi*",
    "none:*",
    "blue t*",
    "page:*2",
];

fn context() -> ParseContext {
    let named = |id, name: &str| NamedService { id, name: name.to_owned() };
    let rated = |id, name: &str, kind| RatingService { id, name: name.to_owned(), kind };
    ParseContext {
        rating_services: vec![
            rated(builtin::FAVOURITES, "favourites", RatingKind::Like),
            rated(STARS, "stars", RatingKind::Numerical { stars: 5, zero: true }),
            rated(COUNTER, "times seen", RatingKind::IncDec),
        ],
        tag_services: vec![
            named(builtin::MY_TAGS, "my tags"),
            named(builtin::DOWNLOADER_TAGS, "downloader tags"),
        ],
        file_services: vec![named(builtin::MY_FILES, "my files"), named(TRAINS, "trains")],
        // Times of the samples are a few milliseconds; now lies so that a day ago is among them.
        ..ParseContext::bare(86_400_004, TimeZone::UTC)
    }
}

fn predicate(text: &str) -> Term {
    terms::parse_text(text, &context()).expect("the texts are sound")
}

fn term() -> impl Strategy<Value = Term> {
    let tag = select(&TAGS).prop_map(|text| Term::Tag(Tag::clean(text).expect("a tag")));
    let pattern = select(PATTERNS)
        .prop_map(|text| Term::Pattern(TagPattern::parse(text).expect("a pattern")));
    let system = select(PREDICATES).prop_map(predicate);
    let similar = (0..24_u8, 0..6_u32).prop_map(|(number, distance)| {
        let hash = format!("{:02x}", number.wrapping_mul(91)).repeat(32);
        Term::System(SystemPredicate::SimilarFiles { hashes: vec![hash], distance })
    });
    let hash = (0..8_u8, any::<bool>()).prop_map(|(number, wanted)| {
        let (hashes, kind) = (vec![format!("{number:02x}").repeat(16)], HashKind::Md5);
        Term::System(SystemPredicate::Hash { wanted, kind, hashes })
    });
    let leaf = prop_oneof![3 => tag, 3 => pattern, 6 => system, 1 => similar, 1 => hash];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|term| Term::Not(Box::new(term))),
            vec(inner.clone(), 0..4).prop_map(Term::Or),
            vec(inner, 0..3).prop_map(Term::And),
        ]
    })
}

fn domains() -> impl Strategy<Value = FileDomains> {
    let virtual_ones = [builtin::DELETED_FROM_ANYWHERE];
    let any: Vec<ServiceId> = DOMAINS.into_iter().chain(virtual_ones).collect();
    prop_oneof![
        4 => Just(FileDomains { current: vec![builtin::COMBINED_LOCAL], deleted: Vec::new() }),
        2 => Just(FileDomains { current: vec![builtin::STORAGE], deleted: Vec::new() }),
        1 => Just(FileDomains { current: vec![builtin::ALL_KNOWN_FILES], deleted: Vec::new() }),
        3 => (vec(select(any), 0..3), vec(select(DOMAINS.to_vec()), 0..2))
            .prop_map(|(current, deleted)| FileDomains { current, deleted }),
    ]
}

fn request() -> impl Strategy<Value = SearchRequest> {
    let services = [None, Some(builtin::ALL_KNOWN_TAGS), Some(builtin::MY_TAGS)];
    (
        vec(term(), 0..4),
        domains(),
        select(services.to_vec()),
        (prop::bool::weighted(0.9), prop::bool::weighted(0.7)),
        select(Sort::ALL.to_vec()),
        any::<bool>(),
        prop::option::weighted(0.2, 0..6_usize),
    )
        .prop_map(
            |(terms, domains, tag_service, (current, pending), sort, ascending, limit)| {
                SearchRequest {
                    terms,
                    domains,
                    tag_service,
                    include_current: current,
                    include_pending: pending,
                    sort,
                    ascending,
                    limit,
                }
            },
        )
}

fn agrees(view: &View, request: &SearchRequest) -> TestCaseResult {
    let found = view.search(request).expect("a search");
    let naive = Naive::new(view, request);
    let mut expected = naive.ordered();
    if request.sort == Sort::Random {
        let (all, some): (BTreeSet<_>, BTreeSet<_>) =
            (expected.iter().collect(), found.iter().collect());
        prop_assert!(some.is_subset(&all));
        prop_assert_eq!(found.len(), request.limit.unwrap_or(usize::MAX).min(all.len()));
        return Ok(());
    }
    expected.truncate(request.limit.unwrap_or(usize::MAX));
    prop_assert_eq!(&found, &expected, "{:?}", request);
    let set: Vec<ItemId> = view.search_set(request).expect("a set").iter().map(ItemId).collect();
    expected.sort_unstable();
    prop_assert_eq!(set, expected);
    Ok(())
}

fn agrees_with_limit(view: &View, request: &SearchRequest, limit: u64) -> TestCaseResult {
    let unlimited = SearchRequest { limit: None, ..request.clone() };
    let all = view.search(&unlimited).expect("a search");
    let mut limited = unlimited.clone();
    limited.terms.push(Term::System(SystemPredicate::Limit(limit + 3)));
    limited.terms.push(Term::System(SystemPredicate::Limit(limit)));
    let some = view.search(&limited).expect("a search");
    let is_known = request.domains.current.contains(&builtin::ALL_KNOWN_FILES);
    if unlimited.terms.is_empty() {
        prop_assert!(some.len() as u64 <= limit);
    } else if request.sort == Sort::Random {
        prop_assert_eq!(some.len() as u64, limit.min(all.len() as u64));
    } else if request.sort.is_limiting() && !is_known {
        let first: Vec<ItemId> = all.into_iter().take(limit as usize).collect();
        prop_assert_eq!(some, first);
    } else {
        prop_assert_eq!(some.len() as u64, limit.min(all.len() as u64));
        let mut left = all.iter();
        prop_assert!(some.iter().all(|item| left.any(|one| one == item)), "the order is kept");
    }
    Ok(())
}

const TYPED: &[&str] = &[
    "r",
    "rob",
    "robin",
    "b",
    "bird",
    "blue t",
    "species:",
    "species:b",
    "sp*:r",
    "*:r",
    "*obin",
    "r*n",
    "species:*t",
    "page:1",
    "5",
    "zzz",
    "*",
    "",
    "a b",
];

/// The items that an autocomplete counts.
fn counted(view: &View, request: &AutocompleteRequest) -> Vec<Subject> {
    let search = SearchRequest {
        terms: vec![Term::And(Vec::new())],
        domains: request.domains.clone(),
        tag_service: request.tag_service,
        include_current: true,
        include_pending: true,
        sort: Sort::Size,
        ascending: true,
        limit: None,
    };
    let naive = Naive::new(view, &search);
    let mut items = naive.subjects();
    items.retain(|one| naive.is_in(one, &request.domains));
    items
}

/// Counts every tag on every item of the domain.
fn completed(view: &View, request: &AutocompleteRequest) -> Vec<(String, u64)> {
    let Some(pattern) = Completion::parse(&request.text).pattern else { return Vec::new() };
    let is_any = request.tag_service.is_none_or(|it| it == builtin::ALL_KNOWN_TAGS);
    if is_any && request.domains.current.contains(&builtin::ALL_KNOWN_FILES) {
        return Vec::new();
    }
    let services = view.services().tag_services_of(request.tag_service);
    let mut domains: Vec<(FileDomains, bool)> = Vec::new();
    let one = |service| FileDomains { current: vec![service], deleted: Vec::new() };
    domains.extend(request.domains.current.iter().map(|service| (one(*service), false)));
    if !request.domains.deleted.is_empty() {
        domains.push((one(builtin::DELETED_FROM_ANYWHERE), true));
    }
    if request.domains.current.contains(&builtin::ALL_KNOWN_FILES) {
        domains = vec![(one(builtin::ALL_KNOWN_FILES), false)];
    }
    let mut counts: BTreeMap<TagId, [u64; 2]> = BTreeMap::new();
    for (domain, is_rough) in &domains {
        let is_rough = *is_rough || domain.current == [builtin::DELETED_FROM_ANYWHERE];
        let items =
            counted(view, &AutocompleteRequest { domains: domain.clone(), ..request.clone() });
        for service in &services {
            for tag in wanted(view, request, &pattern, *service) {
                let statuses = [
                    (request.include_current, Status::Current),
                    (request.include_pending, Status::Pending),
                ];
                let numbers = statuses.map(|(included, status)| {
                    let bears = |one: &&Subject| {
                        let mappings = view.mappings(one.id).expect("reads");
                        let Some(tags) = mappings.service(*service) else { return false };
                        let stored: Vec<_> = tags.tags(status).collect();
                        match request.display {
                            true => view.shown_tags(*service, stored.into_iter()).contains(&tag),
                            false => stored.contains(&tag),
                        }
                    };
                    if included { items.iter().filter(bears).count() as u64 } else { 0 }
                });
                if numbers != [0, 0] {
                    let most = counts.entry(tag).or_default();
                    for (most, number) in most.iter_mut().zip(numbers) {
                        *most = (*most).max(if is_rough { 0 } else { number });
                    }
                }
            }
        }
    }
    let text = |tag| view.tag_text(tag).expect("reads").to_string();
    let mut counts: Vec<(String, u64)> = counts
        .into_iter()
        .map(|(tag, [current, pending])| (text(tag), current + pending))
        .collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    counts
}

/// The tags that a service counts for a text.
fn wanted(
    view: &View,
    request: &AutocompleteRequest,
    pattern: &TagPattern,
    service: ServiceId,
) -> BTreeSet<TagId> {
    let is_any = request.tag_service.is_none_or(|it| it == builtin::ALL_KNOWN_TAGS);
    let mut wanted = BTreeSet::new();
    for hit in TAGS.map(|text| Tag::clean(text).expect("a tag")) {
        if !pattern.matches(&hit) {
            continue;
        }
        let id = view.tag_by_text(hit.as_str()).expect("reads").expect("all tags are stored");
        if request.display {
            wanted.insert(view.relations().ideal(service, id));
        } else if !is_any {
            wanted.extend(view.relations().chain(service, id));
        } else {
            wanted.insert(id);
        }
    }
    wanted
}

fn autocomplete() -> impl Strategy<Value = AutocompleteRequest> {
    let services = [None, Some(builtin::ALL_KNOWN_TAGS), Some(builtin::MY_TAGS)];
    let typed = select(TYPED).prop_map(str::to_owned);
    let flags = (any::<bool>(), prop::bool::weighted(0.8), any::<bool>());
    (typed, select(services.to_vec()), domains(), flags).prop_map(
        |(text, tag_service, domains, (display, include_current, include_pending))| {
            AutocompleteRequest {
                text,
                tag_service,
                domains,
                display,
                include_current,
                include_pending,
            }
        },
    )
}

/// Few cases, each of many requests; as many as `PROPTEST_CASES` says where it is set.
fn few() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 24 };
    ProptestConfig { cases, max_shrink_iters: 2000, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn the_planner_finds_what_a_scan_finds(
        specs in (spec(), spec()),
        requests in vec((request(), 0..5_u64), 24),
    ) {
        let sample = Sample::of(&specs.0);
        let ask = || {
            let view = sample.library.view().expect("a view");
            requests.iter().try_for_each(|(request, limit)| {
                agrees(&view, request)?;
                agrees_with_limit(&view, request, *limit)
            })
        };
        ask()?;
        // What is kept in memory has to follow.
        sample.change(&specs.1);
        ask()?;
    }

    #[test]
    fn autocomplete_finds_what_a_scan_finds(spec in spec(), requests in vec(autocomplete(), 16)) {
        let sample = Sample::of(&spec);
        let view = sample.library.view().expect("a view");
        for request in &requests {
            let found = search_tags(&view, request).expect("tags");
            let found: Vec<(String, u64)> =
                found.into_iter().map(|(text, count)| (text.to_string(), count)).collect();
            prop_assert_eq!(found, completed(&view, request), "{:?}", request);
        }
    }
}

/// A list inside of a conjunction is no search of its own: what stands beside it leads to files.
#[test]
fn a_list_deeper_down_does_not_begin_anew() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let best = Term::System(SystemPredicate::BestOfGroup(true));
    let mut count = 0;
    for _ in 0..6 {
        let spec: Spec = spec().new_tree(&mut runner).expect("a sample").current();
        let sample = Sample::of(&spec);
        let view = sample.library.view().expect("a view");
        for number in 0..24_u8 {
            let hashes = vec![format!("{:02x}", number.wrapping_mul(91)).repeat(32)];
            let alike = Term::System(SystemPredicate::SimilarFiles { hashes, distance: 0 });
            let request = SearchRequest {
                terms: vec![Term::And(vec![Term::Or(vec![best.clone()]), alike])],
                domains: FileDomains {
                    current: vec![builtin::ALL_KNOWN_FILES],
                    deleted: Vec::new(),
                },
                tag_service: None,
                include_current: false,
                include_pending: false,
                sort: Sort::Hash,
                ascending: true,
                limit: None,
            };
            agrees(&view, &request).expect("the planner finds it");
            count += view.search(&request).expect("a search").len();
        }
    }
    assert!(count > 0, "the samples have files that look alike");
}

#[test]
fn every_predicate_agrees_alone() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let domains = [[builtin::COMBINED_LOCAL], [builtin::MY_FILES], [TRAINS]];
    for _ in 0..6 {
        let spec: Spec = spec().new_tree(&mut runner).expect("a sample").current();
        let sample = Sample::of(&spec);
        let view = sample.library.view().expect("a view");
        for (text, domain) in PREDICATES.iter().flat_map(|text| domains.map(|one| (text, one))) {
            for include_pending in [false, true] {
                let request = SearchRequest {
                    terms: vec![predicate(text)],
                    domains: FileDomains { current: domain.to_vec(), deleted: Vec::new() },
                    tag_service: None,
                    include_current: true,
                    include_pending,
                    sort: Sort::TagCount,
                    ascending: true,
                    limit: None,
                };
                agrees(&view, &request).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
    }
}

fn tags_found(sample: &Sample, text: &str) -> Vec<String> {
    let request = AutocompleteRequest {
        text: text.to_owned(),
        tag_service: None,
        domains: FileDomains { current: vec![builtin::COMBINED_LOCAL], deleted: Vec::new() },
        display: false,
        include_current: true,
        include_pending: false,
    };
    let view = sample.library.view().expect("a view");
    let found = search_tags(&view, &request).expect("tags");
    found.into_iter().map(|(text, _)| text.to_string()).collect()
}

#[test]
fn the_index_catches_up_and_is_built_anew() {
    let mut sample = Sample::new();
    let bear = |sample: &Sample, text: &'static str| {
        let write = move |tx: &mut Tx| {
            let id = tx.item_for(Sha256([7; 32]))?;
            let (service, imported_ms) = (builtin::COMBINED_LOCAL, Some(1));
            tx.edit_item(id, |item| {
                item.domains = vec![Membership { service, imported_ms }];
                item.set_note("title", text);
            })?;
            let tag = tx.tag_for(text)?;
            let mut mappings = tx.mappings(id)?;
            mappings.service_mut(builtin::MY_TAGS).insert(Status::Current, tag, "");
            Ok(tx.put_mappings(id, mappings)?)
        };
        sample.library.write(write).expect("a write");
    };
    bear(&sample, "steam train");
    assert_eq!(tags_found(&sample, "tra"), ["steam train"], "found before any commit of the index");
    // Reopened without an orderly end: the log is replayed.
    sample.reopen();
    assert_eq!(tags_found(&sample, "tra"), ["steam train"]);
    bear(&sample, "night train");
    sample.library.close().expect("closed in order");
    sample.reopen();
    assert_eq!(tags_found(&sample, "tra"), ["night train", "steam train"]);
    // The index is lost: everything is fed again.
    sample.reopen_after(|folder| std::fs::remove_dir_all(folder.join("index")).expect("removed"));
    assert_eq!(tags_found(&sample, "tra"), ["night train", "steam train"]);
    let titles = sample
        .library
        .index()
        .expect("an index")
        .words(&[TextField::Title], "nig")
        .expect("a search");
    assert_eq!(titles.len(), 1);
    // The index is ahead of an older copy of the library: it is built anew as well.
    let copy = sample.folder.join("copy.redb");
    sample.library.backup(&copy).expect("a copy");
    bear(&sample, "mail train");
    sample.library.close().expect("closed in order");
    sample.reopen_after(|folder| {
        std::fs::rename(folder.join("copy.redb"), folder.join("library.redb")).expect("moved");
    });
    assert_eq!(tags_found(&sample, "tra"), ["night train", "steam train"]);
    bear(&sample, "toy train");
    assert_eq!(tags_found(&sample, "tra"), ["night train", "steam train", "toy train"]);
}
