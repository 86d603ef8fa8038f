//! Every text whose meaning was recorded, compared in full; and where we differ, why.

use std::collections::BTreeMap;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::model::number_test::{NumberOp, NumberTest};
use crate::model::predicate::*;
use crate::model::time_test::{TimeTest, TimeValue};

/// One text a line: the text, a tab, and its meaning in the form of [`describe`].
const RECORDED: &str = include_str!("../testdata/system_predicates.tsv");

/// Texts that mean something else here, and why. Everything else is as recorded.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("system:filesize > 200 bytes", "size > 200", BYTES),
    ("system:filesize > 200 byte", "size > 200", BYTES),
    ("system:filesize = 0 bytes", "size = 0", BYTES),
    ("system:filesize > 1.5 mb", "size > 1572864", DECIMALS),
    ("system:filetype is jpeg png", "filetype = 1,2", SPACES),
    ("system:modified < 60 minutes", "modified_time < 0d1h", AGES),
    ("system:import time < 30 minutes ago", "import_time < 0d0h30m", AGES),
    ("system:import time < 2 weeks", "import_time < 14d0h", AGES),
    ("system:import time < 90 minutes", "import_time < 0d1h30m", AGES),
    ("system:import time < 1 decade", "import_time < 3652d0h", AGES),
    (
        "system:has url https://example.com/Post/12",
        "known_urls has exact url https://example.com/Post/12",
        CASE,
    ),
    ("system:has url matching regex INDEX\\D+", "known_urls has regex INDEX\\D+", CASE),
    ("system:note named \"Field Log\"", "has_note_name has Field Log", CASE),
    ("system:tag as number page >= 5", "tag_as_number [page] >= 5", AT_LEAST),
    (
        "system:has tag species:robin",
        "tag_advanced has [] display current+pending species:robin",
        "an unquoted tag keeps its namespace: nobody asks for the tag without it",
    ),
];

const BYTES: &str = "bytes spelt out are the documented unit";
const DECIMALS: &str = "a size with a fraction has one meaning only";
const SPACES: &str = "a list with spaces was understood and then found nothing";
const AGES: &str = "minutes, weeks and decades are ages like hours, days and years";
const CASE: &str = "folding the case changes what a URL, a regular expression or a name says";
const AT_LEAST: &str = "at least is not about";

fn context() -> ParseContext {
    let named = |id: u16, name: &str| NamedService { id: ServiceId(id), name: name.to_owned() };
    let rating = |id: u16, name: &str, kind| RatingService {
        id: ServiceId(id),
        name: name.to_owned(),
        kind,
    };
    let noon = date(2026, 11, 20).at(12, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a common date");
    ParseContext {
        now_ms: noon.timestamp().as_millisecond(),
        zone: TimeZone::UTC,
        rating_services: vec![
            rating(1, "Favourites", RatingKind::Like),
            rating(2, "print later", RatingKind::Like),
            rating(3, "photo quality", RatingKind::Numerical { stars: 5, zero: true }),
            rating(4, "sharpness", RatingKind::Numerical { stars: 5, zero: false }),
            rating(5, "times printed", RatingKind::IncDec),
        ],
        tag_services: vec![named(6, "my tags"), named(7, "second tags")],
        file_services: vec![named(8, "my files"), named(9, "trains")],
        url_classes: vec!["birdphotos post page".to_owned()],
    }
}

#[test]
fn every_recorded_text_means_what_was_recorded() {
    let context = context();
    let differences: BTreeMap<&str, &str> =
        DIFFERENCES.iter().map(|(text, meaning, _)| (*text, *meaning)).collect();
    let mut wrong = Vec::new();
    for line in RECORDED.lines() {
        let (text, recorded) = line.split_once('\t').expect("a tab in each line");
        let ours = parse(text, &context)
            .map_or_else(|_| "error".to_owned(), |predicate| describe(&predicate, &context));
        let expected = differences.get(text).copied().unwrap_or(recorded);
        if ours != expected {
            wrong.push(format!("{text}\n  expected {expected}\n  but is   {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} texts:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(RECORDED.lines().count(), 606);
}

#[test]
fn every_difference_is_one() {
    for (text, meaning, reason) in DIFFERENCES {
        let recorded = RECORDED
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(known, _)| known == text)
            .unwrap_or_else(|| panic!("{text} was never recorded"));
        assert_ne!(recorded.1, *meaning, "{text} is no difference ({reason})");
    }
}

#[track_caller]
fn check(text: &str, meaning: &str) {
    let context = context();
    let ours = parse(text, &context)
        .map_or_else(|_| "error".to_owned(), |predicate| describe(&predicate, &context));
    assert_eq!(ours, meaning, "{text}");
}

#[test]
fn texts_beyond_the_recorded_ones() {
    check("system:filesize < 0.5 kb", "size < 512");
    check("system:filesize < 1. kb", "error");
    check("system:number of pixels > 2.5 mpx", "num_pixels > 2500000");
    check("system:rating for photo quality <= 3/5", "rating [photo quality] <= 0.6");
    check("system:rating for photo quality = 3/0", "error");
    check("system:rating for photo quality = 3/10", "rating [photo quality] = 0.6");
    check("system:rating for photo quality > 13", "rating [photo quality] > 1.0");
    check("system:rating for sharpness > 3", "rating [sharpness] > 0.5");
    check("system:rating for print later = 13", "rating [print later] = 13.0");
    check("system:rating for times printed is like", "rating [times printed] = 1");
    check("system:count for times printed >= 3", "rating [times printed] >= 3");
    check("system:rating for times printed != 3", "error");
    check("system:rating for print later != like", "rating [print later] = 1.0");
    check("system:has a url matching regex (", "error");
    check("system:time imported: 7 days ago", "error");
    check("system:import time < 2020-02-30", "error");
    check("system:import time < 2020-02-29T07:30:00Z", "import_time < 2020-02-29 07:30");
    check("system:import time < 3 June 2021", "import_time < 2021-06-03");
    check("system:import time < 99999999 years", "error");
    check("system:limit=5, 6", "error");
    check("system:limit=99999999999999999999", "error");
    check("system:filetype is not jpg", "error");
    check("system:filetype is jpeg, , png", "filetype = 1,2");
    check("system:width > 99999999999999999999", "error");
    check("system:filesize > 9223372036854775807 gb", "error");
    check("system:HAS URL https://example.com/A", "known_urls has exact url https://example.com/A");
    check("system:has domain WWW.Example.com", "known_urls has domain www.example.com");
    check(
        "system:has tag with status in deleted: species:robin",
        "tag_advanced has [] display deleted species:robin",
    );
}

#[test]
fn other_words_for_zero_and_more() {
    check("system:number of species tags: has tags", "num_tags [species] > 0");
    check("system:number of tags: no tags", "num_tags [any] = 0");
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "system:(has |no |number of |import time |rating |all )?\\PC{0,40}") {
        let _ = parse(&text, &context());
    }

    #[test]
    fn no_recorded_text_panics_when_cut(line in 0..606_usize, end in 0..60_usize) {
        let text = RECORDED.lines().nth(line).expect("a line");
        let cut: String = text.chars().take(end).collect();
        let _ = parse(&cut, &context());
    }
}

/// A predicate in words that name everything it holds.
fn describe(predicate: &SystemPredicate, context: &ParseContext) -> String {
    match predicate {
        SystemPredicate::Everything => "everything".to_owned(),
        SystemPredicate::Inbox => "inbox".to_owned(),
        SystemPredicate::Archive => "archive".to_owned(),
        SystemPredicate::Number { quantity, test } => {
            format!("{} {}", quantity_name(*quantity), number(test))
        }
        SystemPredicate::Flag { flag, wanted } => format!("{} {wanted}", flag_name(*flag)),
        SystemPredicate::Ratio(test) => {
            let op = match test.op {
                RatioOp::Equal => "=",
                RatioOp::About => "~=",
                RatioOp::WiderThan => "wider than",
                RatioOp::TallerThan => "taller than",
            };
            format!("ratio {op} {}:{}", test.width, test.height)
        }
        SystemPredicate::BestOfGroup(wanted) => format!("file_relationships_king {wanted}"),
        SystemPredicate::TagCount { namespace, test } => {
            format!("num_tags [{}] {}", namespace_name(namespace), number(test))
        }
        SystemPredicate::TagNumber { namespace, test } => {
            format!("tag_as_number [{}] {}", namespace_name(namespace), number(test))
        }
        SystemPredicate::HasTag(question) => describe_tag(question, context),
        SystemPredicate::SimilarFiles { hashes, distance } => {
            format!("similar_to_files {} {distance}", hashes.join(","))
        }
        SystemPredicate::SimilarData { pixel_hashes, perceptual_hashes, distance } => {
            let pixels: Vec<String> =
                pixel_hashes.iter().map(|hash| crate::model::hash::to_hex(hash)).collect();
            let looks: Vec<String> =
                perceptual_hashes.iter().map(|hash| format!("{hash:016x}")).collect();
            format!("similar_to_data [{}] [{}] {distance}", pixels.join(","), looks.join(","))
        }
        SystemPredicate::Limit(count) => format!("limit {count}"),
        SystemPredicate::Filetype { wanted, types } => {
            let types: Vec<String> = types.iter().map(u8::to_string).collect();
            format!("filetype {} {}", if *wanted { "=" } else { "!=" }, types.join(","))
        }
        SystemPredicate::Hash { wanted, kind, hashes } => {
            let op = if *wanted { "=" } else { "!=" };
            format!("hash {op} {} {}", format!("{kind:?}").to_lowercase(), hashes.join(","))
        }
        _ => describe_more(predicate, context),
    }
}

/// The predicates that name services, times and texts.
fn describe_more(predicate: &SystemPredicate, context: &ParseContext) -> String {
    let has = |wanted: bool| if wanted { "has" } else { "does not have" };
    match predicate {
        SystemPredicate::Time { kind, test } => {
            let name = match kind {
                TimeKind::Archived => "archived_time",
                TimeKind::Modified => "modified_time",
                TimeKind::LastViewed => "last_viewed_time",
                TimeKind::Imported => "import_time",
            };
            format!("{name} {}", time(test))
        }
        SystemPredicate::FileService { service, status, wanted } => {
            let not = if *wanted { "" } else { "not " };
            let status = match status {
                FileServiceStatus::Current => "currently in",
                FileServiceStatus::Pending => "pending to",
            };
            format!("file_service is {not}{status} {}", name(&context.file_services, *service))
        }
        SystemPredicate::Relationships { kind, test } => {
            let kind = match kind {
                RelationshipKind::Duplicates => "duplicates",
                RelationshipKind::Alternates => "alternates",
                RelationshipKind::PotentialDuplicates => "potential duplicates",
                RelationshipKind::FalsePositives => "not related/false positive",
            };
            format!("file_relationships_count [{kind}] {}", number(test))
        }
        SystemPredicate::Views { canvases, test } => {
            format!("views [{}] {}", canvas_names(canvases), number(test))
        }
        SystemPredicate::Viewtime { canvases, test } => {
            let seconds = NumberTest { value: test.value / 1000, ..*test };
            format!("viewtime [{}] {}", canvas_names(canvases), number(&seconds))
        }
        SystemPredicate::Url { wanted, test } => {
            let test = match test {
                UrlTest::Exact(url) => format!("exact url {url}"),
                UrlTest::Regex(regex) => format!("regex {}", regex.as_str()),
                UrlTest::Domain(domain) => format!("domain {domain}"),
                UrlTest::Class(class) => format!("url class {class}"),
            };
            format!("known_urls {} {test}", has(*wanted))
        }
        SystemPredicate::NoteName { wanted, name } => {
            format!("has_note_name {} {name}", has(*wanted))
        }
        SystemPredicate::Rating { service, test } => {
            let test = match test {
                RatingTest::Rated => "rated".to_owned(),
                RatingTest::Unrated => "not rated".to_owned(),
                RatingTest::Value { op, value, .. } => format!("{} {value:?}", operator(*op)),
                RatingTest::Count(test) => number(test),
            };
            format!("rating [{}] {test}", rating_name(context, *service))
        }
        SystemPredicate::Ratings(test) => describe_ratings(test, context),
        other => panic!("{other:?} has no words"),
    }
}

fn describe_ratings(test: &RatingsTest, context: &ParseContext) -> String {
    let join = format!("{:?}", test.join).to_lowercase();
    let rated = if test.rated { "rated" } else { "not rated" };
    let list = |services: &[ServiceId]| {
        let mut names: Vec<String> =
            services.iter().map(|one| rating_name(context, *one)).collect();
        names.sort();
        names.join("+")
    };
    let primary = list(&test.primary);
    match test.join {
        RatingsJoin::Only => {
            format!("rating_advanced {join} {rated} [{primary}] [{}]", list(&test.amongst))
        }
        RatingsJoin::All | RatingsJoin::Any => {
            format!("rating_advanced {join} {rated} [{primary}]")
        }
    }
}

fn describe_tag(question: &TagQuestion, context: &ParseContext) -> String {
    let statuses: Vec<String> =
        question.statuses.iter().map(|status| format!("{status:?}").to_lowercase()).collect();
    format!(
        "tag_advanced {} [{}] {} {} {}",
        if question.wanted { "has" } else { "does not have" },
        question.service.map_or_else(String::new, |one| name(&context.tag_services, one)),
        if question.display { "display" } else { "storage" },
        statuses.join("+"),
        question.tag,
    )
}

fn quantity_name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Width => "width",
        Quantity::Height => "height",
        Quantity::Duration => "duration",
        Quantity::Framerate => "framerate",
        Quantity::Frames => "num_frames",
        Quantity::Words => "num_words",
        Quantity::Notes => "num_notes",
        Quantity::Urls => "num_urls",
        Quantity::Size => "size",
        Quantity::Pixels => "num_pixels",
    }
}

fn flag_name(flag: Flag) -> &'static str {
    match flag {
        Flag::Audio => "has_audio",
        Flag::Transparency => "has_transparency",
        Flag::Exif => "has_exif",
        Flag::Xmp => "has_xmp",
        Flag::Iptc => "has_iptc",
        Flag::HumanReadableEmbeddedMetadata => "has_human_readable_embedded_metadata",
        Flag::SoftwareSource => "has_software_source",
        Flag::IccProfile => "has_icc_profile",
        Flag::ForcedFiletype => "has_forced_filetype",
    }
}

fn operator(op: NumberOp) -> &'static str {
    match op {
        NumberOp::Less => "<",
        NumberOp::LessOrEqual => "<=",
        NumberOp::Equal => "=",
        NumberOp::NotEqual => "!=",
        NumberOp::GreaterOrEqual => ">=",
        NumberOp::Greater => ">",
        NumberOp::About => "~=",
    }
}

fn number(test: &NumberTest) -> String {
    format!("{} {}", operator(test.op), test.value)
}

fn time(test: &TimeTest) -> String {
    let value = match test.value {
        TimeValue::Age(ms) => {
            let minutes = ms / 60_000;
            let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
            let rest = if minutes == 0 { String::new() } else { format!("{minutes}m") };
            format!("{days}d{hours}h{rest}")
        }
        TimeValue::Date(at) if at.time() == jiff::civil::Time::midnight() => at.date().to_string(),
        TimeValue::Date(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
    };
    format!("{} {value}", operator(test.op))
}

fn namespace_name(namespace: &NamespaceFilter) -> &str {
    match namespace {
        NamespaceFilter::Any => "any",
        NamespaceFilter::Unnamespaced => "unnamespaced",
        NamespaceFilter::Named(name) => name,
    }
}

fn canvas_names(canvases: &std::collections::BTreeSet<Canvas>) -> String {
    let names: Vec<&str> = canvases
        .iter()
        .map(|canvas| match canvas {
            Canvas::Media => "media",
            Canvas::Preview => "preview",
            Canvas::ClientApi => "client api",
        })
        .collect();
    names.join("+")
}

fn name(services: &[NamedService], id: ServiceId) -> String {
    services.iter().find(|one| one.id == id).expect("a known service").name.clone()
}

fn rating_name(context: &ParseContext, id: ServiceId) -> String {
    let services = &context.rating_services;
    services.iter().find(|one| one.id == id).expect("a known service").name.to_lowercase()
}
