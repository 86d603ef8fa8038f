//! The table of predicate names, in the order they are tried, and what each reads after its name.
//!
//! In a pattern a space stands for spaces and underscores, and case means nothing. A pattern ends
//! where the value begins; an optional colon after the name is read here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::scan::{EQUALITY, NUMBER, ONLY_EQUAL, RELATION, RELATION_EXACT, Scan, Units};
use super::{
    NO_OPERATOR, NO_SERVICE, NO_URL_CLASS, NO_VALUE, ParseContext, Refusal, filetypes, ratings,
    tags, times,
};
use crate::model::number_test::{NumberOp, NumberRule, NumberTest};
use crate::model::predicate::{
    Canvas, FileServiceStatus, Flag, HashKind, Quantity, RatioOp, RatioTest, RelationshipKind,
    SystemPredicate, TimeKind, UrlRegex, UrlTest,
};

/// What was found of a name.
pub(super) struct Found {
    /// Where the value begins.
    pub(super) value_at: usize,
    /// The whole text after `system:`.
    pub(super) body: String,
}

type Read = fn(&mut Scan<'_>, &Found, &ParseContext) -> Result<SystemPredicate, Refusal>;

/// One row: a name and the reader of what follows.
pub(super) struct Row {
    name: &'static str,
    pub(super) read: Read,
}

const fn row(name: &'static str, read: Read) -> Row {
    Row { name, read }
}

/// Finds the first row whose name begins the text.
pub(super) fn find(body: &str) -> Option<(&'static Row, Found)> {
    static PATTERNS: LazyLock<Vec<Regex>> =
        LazyLock::new(|| ROWS.iter().map(|row| compile(row.name)).collect());
    ROWS.iter().zip(PATTERNS.iter()).find_map(|(row, pattern)| {
        let captures = pattern.captures(body)?;
        // A pattern may look ahead: then its value begins before the end of what it saw.
        let value_at = match captures.name("value") {
            Some(value) => value.start(),
            None => captures.get(0)?.end(),
        };
        Some((row, Found { value_at, body: body.to_owned() }))
    })
}

fn compile(name: &str) -> Regex {
    let spaced = name.replace(' ', r"[ _]+");
    Regex::new(&format!("^(?i:{spaced})")).expect("the names are sound patterns")
}

/// Ends a name that must be the whole text.
macro_rules! whole {
    ($name:literal) => {
        concat!("(?:", $name, r")[ _]*:?[ _]*$")
    };
}

/// Ends a name that a value may follow.
macro_rules! open {
    ($name:literal) => {
        concat!("(?:", $name, ")(?:[ _]*:)?")
    };
}

/// As `open!`, but the name ends at the end of a word.
macro_rules! word {
    ($name:literal) => {
        concat!("(?:", $name, r")(?:[ _]*:|[ _]|\b)")
    };
}

/// Every name of the grammar, first match first.
pub(super) const ROWS: &[Row] = &[
    row(open!("everything"), |_, _, _| Ok(SystemPredicate::Everything)),
    row(open!("inbox"), |_, _, _| Ok(SystemPredicate::Inbox)),
    row(whole!("archived?"), |_, _, _| Ok(SystemPredicate::Archive)),
    row(open!("has duration"), |_, _, _| has(Quantity::Duration)),
    row(open!("no duration"), |_, _, _| none(Quantity::Duration)),
    row(open!("has framerate"), |_, _, _| has(Quantity::Framerate)),
    row(open!("no framerate"), |_, _, _| none(Quantity::Framerate)),
    row(open!("has frames"), |_, _, _| has(Quantity::Frames)),
    row(open!("no frames"), |_, _, _| none(Quantity::Frames)),
    row(open!("has width"), |_, _, _| has(Quantity::Width)),
    row(open!("no width"), |_, _, _| none(Quantity::Width)),
    row(open!("has height"), |_, _, _| has(Quantity::Height)),
    row(open!("no height"), |_, _, _| none(Quantity::Height)),
    row(open!("has notes"), |_, _, _| has(Quantity::Notes)),
    row(open!("no notes"), |_, _, _| none(Quantity::Notes)),
    row(open!("has urls"), |_, _, _| has(Quantity::Urls)),
    row(open!("no urls"), |_, _, _| none(Quantity::Urls)),
    row(open!("has words"), |_, _, _| has(Quantity::Words)),
    row(open!("no words"), |_, _, _| none(Quantity::Words)),
    row(open!("(?:is the )?best quality(?: file)? of(?: its)?(?: duplicate)? group"), |_, _, _| {
        Ok(SystemPredicate::BestOfGroup(true))
    }),
    row(
        open!(
            "(?:is not|not|isn't)(?: the)? best quality(?: file)? of(?: its)?(?: duplicate)? group"
        ),
        |_, _, _| Ok(SystemPredicate::BestOfGroup(false)),
    ),
    row(open!("has audio"), |_, _, _| flag(Flag::Audio, true)),
    row(open!("no audio"), |_, _, _| flag(Flag::Audio, false)),
    row(open!("has (?:transparency|alpha)"), |_, _, _| flag(Flag::Transparency, true)),
    row(open!("no (?:transparency|alpha)"), |_, _, _| flag(Flag::Transparency, false)),
    row(open!("has exif"), |_, _, _| flag(Flag::Exif, true)),
    row(open!("no exif"), |_, _, _| flag(Flag::Exif, false)),
    row(open!("has xmp"), |_, _, _| flag(Flag::Xmp, true)),
    row(open!("no xmp"), |_, _, _| flag(Flag::Xmp, false)),
    row(open!("has iptc"), |_, _, _| flag(Flag::Iptc, true)),
    row(open!("no iptc"), |_, _, _| flag(Flag::Iptc, false)),
    row(open!("has [^:\"]*(?:embedded|human-readable)[^:\"]* metadata"), |_, _, _| {
        flag(Flag::HumanReadableEmbeddedMetadata, true)
    }),
    row(open!("no [^:\"]*(?:embedded|human-readable)[^:\"]* metadata"), |_, _, _| {
        flag(Flag::HumanReadableEmbeddedMetadata, false)
    }),
    row(open!("has (?:embedded|human-readable) metadata"), |_, _, _| {
        flag(Flag::HumanReadableEmbeddedMetadata, true)
    }),
    row(open!("no (?:embedded|human-readable) metadata"), |_, _, _| {
        flag(Flag::HumanReadableEmbeddedMetadata, false)
    }),
    row(open!("has software/source metadata"), |_, _, _| flag(Flag::SoftwareSource, true)),
    row(open!("no software/source metadata"), |_, _, _| flag(Flag::SoftwareSource, false)),
    row(open!("has icc profile"), |_, _, _| flag(Flag::IccProfile, true)),
    row(open!("no icc profile"), |_, _, _| flag(Flag::IccProfile, false)),
    row(open!("has forced filetype"), |_, _, _| flag(Flag::ForcedFiletype, true)),
    row(open!("no forced filetype"), |_, _, _| flag(Flag::ForcedFiletype, false)),
    row(open!("has tags"), |_, _, _| tags::any_number(NumberOp::Greater)),
    row(open!("(?:untagged|no tags)"), |_, _, _| tags::any_number(NumberOp::Equal)),
    row(open!("num(?:ber)?(?: of)? tags"), |scan, _, _| tags::number(scan)),
    row(
        "num(?:ber)?(?: of)? (?<value>[^\"]+? tags[ _]*:?[ _]*(?:[=!<>~≠≈]|is|has|no))",
        |scan, _, _| tags::number_of_namespace(scan),
    ),
    row(open!("num(?:ber)?(?: of)? urls"), |scan, _, _| number(scan, Quantity::Urls, RELATION)),
    row(open!("num(?:ber)?(?: of)? words"), |scan, _, _| number(scan, Quantity::Words, NUMBER)),
    row(open!("height"), |scan, _, _| pixels_long(scan, Quantity::Height)),
    row(open!("width"), |scan, _, _| pixels_long(scan, Quantity::Width)),
    row(open!("file ?size|filesize"), |scan, _, _| size(scan)),
    row(word!("similar to data"), |scan, _, _| similar_data(scan)),
    row(word!("similar to(?: files)?"), |scan, _, _| similar_files(scan)),
    row(open!("limit"), |scan, _, _| limit(scan)),
    row(open!("file ?type|filetype"), |scan, _, _| filetype(scan)),
    row(open!(r"hash(?: \(?(?:md5|sha1|sha512)\)?)?"), hash),
    row(word!("archived? (?:date|time)|(?:date|time) archived|archived"), |scan, _, context| {
        time(scan, TimeKind::Archived, context)
    }),
    row(word!("modified (?:date|time)|(?:date|time) modified|modified"), |scan, _, context| {
        time(scan, TimeKind::Modified, context)
    }),
    row(
        word!("last view(?:ed)? (?:date|time)|(?:date|time) last viewed|last viewed"),
        |scan, _, context| time(scan, TimeKind::LastViewed, context),
    ),
    row(
        word!("import(?:ed)? (?:date|time)|(?:date|time) imported|imported"),
        |scan, _, context| time(scan, TimeKind::Imported, context),
    ),
    row(open!("duration"), |scan, _, _| duration(scan)),
    row(open!("framerate"), |scan, _, _| framerate(scan)),
    row(open!("num(?:ber)?(?: of)? frames"), |scan, _, _| number(scan, Quantity::Frames, NUMBER)),
    row(open!("file service"), |scan, _, context| file_service(scan, context)),
    row(open!("num(?:ber)?(?: of)? file relationships"), |scan, _, _| relationships(scan)),
    row(open!("ratio"), |scan, _, _| ratio(scan)),
    row(open!("num(?:ber)?(?: of)? pixels"), |scan, _, _| pixels(scan)),
    row(open!("media views"), |scan, _, _| views(scan, BTreeSet::from([Canvas::Media]))),
    row(open!("preview views"), |scan, _, _| views(scan, BTreeSet::from([Canvas::Preview]))),
    row(open!("all views"), |scan, _, _| {
        views(scan, BTreeSet::from([Canvas::Media, Canvas::Preview]))
    }),
    row(word!("views(?: in)?"), |scan, _, _| {
        let canvases = canvases(scan);
        views(scan, canvases)
    }),
    row(open!("media viewtime"), |scan, _, _| viewtime(scan, BTreeSet::from([Canvas::Media]))),
    row(open!("preview viewtime"), |scan, _, _| viewtime(scan, BTreeSet::from([Canvas::Preview]))),
    row(open!("all viewtime"), |scan, _, _| {
        viewtime(scan, BTreeSet::from([Canvas::Media, Canvas::Preview]))
    }),
    row(word!("viewtime(?: in)?"), |scan, _, _| {
        let canvases = canvases(scan);
        viewtime(scan, canvases)
    }),
    row(open!("has(?: a)? url matching regex"), |scan, _, _| url_regex(scan, true)),
    row(open!("(?:does not|doesn't) have(?: a)? url matching regex"), |scan, _, _| {
        url_regex(scan, false)
    }),
    row("has url:? (?<value>http)", |scan, _, _| url_exact(scan, true)),
    row("(?:does not|doesn't) have url:? (?<value>http)", |scan, _, _| url_exact(scan, false)),
    row(word!("has(?: an?)?(?: url with)? domain"), |scan, _, _| domain(scan, true)),
    row(word!("(?:does not|doesn't) have(?: an?)?(?: url with)? domain"), |scan, _, _| {
        domain(scan, false)
    }),
    row(word!("has(?: an?)? url with(?: url)? class"), |scan, _, context| {
        url_class(scan, true, context)
    }),
    row(word!("(?:does not|doesn't) have(?: an?)? url with(?: url)? class"), |scan, _, context| {
        url_class(scan, false, context)
    }),
    row(open!("tag as number"), |scan, _, _| tags::tag_number(scan)),
    row(whole!("has notes?"), |_, _, _| has(Quantity::Notes)),
    row(whole!("(?:has no|no|does not have(?: a)?|doesn't have) notes?"), |_, _, _| {
        none(Quantity::Notes)
    }),
    row(open!("num(?:ber)?(?: of)? notes?"), |scan, _, _| {
        number(scan, Quantity::Notes, RELATION_EXACT)
    }),
    row(word!("(?:has(?: a)? )?note (?:with name|named)"), |scan, _, _| note(scan, true)),
    row(
        word!("(?:(?:has )?no|does not have(?: a)?|doesn't have(?: a)?) note (?:with name|named)"),
        |scan, _, _| note(scan, false),
    ),
    row(word!("has(?: a)? (?:rating|count)(?: for)?"), |scan, _, context| {
        ratings::rated(scan, true, context)
    }),
    row(
        word!("(?:(?:has )?no|does not have(?: a)?|doesn't have(?: a)?) (?:rating|count)(?: for)?"),
        |scan, _, context| ratings::rated(scan, false, context),
    ),
    row(word!("(?:rating|count)(?: for)?"), |scan, _, context| ratings::value(scan, context)),
    row(word!("has tag"), |scan, _, context| tags::has_tag(scan, true, context)),
    row(word!("(?:does not|doesn't) have tag"), |scan, _, context| {
        tags::has_tag(scan, false, context)
    }),
    row("(?<value>(?:all|any|only) .*rated$)", |scan, _, context| ratings::several(scan, context)),
];

fn test(quantity: Quantity, op: NumberOp, value: i64) -> Result<SystemPredicate, Refusal> {
    let rule = match quantity {
        Quantity::Size | Quantity::Pixels => NumberRule::Size,
        _ => NumberRule::Measure,
    };
    Ok(SystemPredicate::Number { quantity, test: NumberTest::new(rule, op, value) })
}

fn has(quantity: Quantity) -> Result<SystemPredicate, Refusal> {
    test(quantity, NumberOp::Greater, 0)
}

fn none(quantity: Quantity) -> Result<SystemPredicate, Refusal> {
    test(quantity, NumberOp::Equal, 0)
}

fn flag(flag: Flag, wanted: bool) -> Result<SystemPredicate, Refusal> {
    Ok(SystemPredicate::Flag { flag, wanted })
}

fn number(
    scan: &mut Scan<'_>,
    quantity: Quantity,
    operators: &'static [(&'static str, NumberOp)],
) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(operators, Scan::natural)?;
    test(quantity, op, value)
}

fn pixels_long(scan: &mut Scan<'_>, quantity: Quantity) -> Result<SystemPredicate, Refusal> {
    const LENGTHS: Units = &[("pixels", 1), ("pixel", 1), ("px", 1)];
    let (op, value) = scan.comparison(NUMBER, |scan| {
        let value = scan.natural()?;
        if scan.rest().is_empty() { Ok(value) } else { Ok(value * scan.unit(LENGTHS)?) }
    })?;
    test(quantity, op, value)
}

fn size(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    const SIZES: Units = &[
        ("kilobytes", 1 << 10),
        ("kilobyte", 1 << 10),
        ("megabytes", 1 << 20),
        ("megabyte", 1 << 20),
        ("gigabytes", 1 << 30),
        ("gigabyte", 1 << 30),
        ("bytes", 1),
        ("byte", 1),
        ("kb", 1 << 10),
        ("mb", 1 << 20),
        ("gb", 1 << 30),
        ("b", 1),
    ];
    let (op, value) = scan.comparison(RELATION, |scan| scan.measure(SIZES))?;
    test(Quantity::Size, op, value)
}

fn pixels(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    const AREAS: Units = &[
        ("kilopixels", 1000),
        ("kilopixel", 1000),
        ("megapixels", 1_000_000),
        ("megapixel", 1_000_000),
        ("pixels", 1),
        ("pixel", 1),
        ("kpx", 1000),
        ("mpx", 1_000_000),
        ("px", 1),
    ];
    let (op, value) = scan.comparison(RELATION, |scan| scan.measure(AREAS))?;
    test(Quantity::Pixels, op, value)
}

fn similar_files(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let hashes = scan.hashes(5)?;
    let distance = distance(scan)?.unwrap_or(4);
    Ok(SystemPredicate::SimilarFiles { hashes, distance })
}

fn similar_data(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let hashes = scan.hashes(5)?;
    let distance = distance(scan)?.unwrap_or(8);
    let pixel_hashes = hashes
        .iter()
        .filter_map(|hash| crate::model::hash::from_hex(hash)?.try_into().ok())
        .collect();
    let perceptual_hashes = hashes
        .iter()
        .filter(|hash| hash.len() == 16)
        .filter_map(|hash| u64::from_str_radix(hash, 16).ok())
        .collect();
    Ok(SystemPredicate::SimilarData { pixel_hashes, perceptual_hashes, distance })
}

fn distance(scan: &mut Scan<'_>) -> Result<Option<u32>, Refusal> {
    for word in ["with", "distance", "of"] {
        scan.take_word(word);
    }
    if scan.rest().is_empty() {
        return Ok(None);
    }
    u32::try_from(scan.natural()?).map(Some).map_err(|_| NO_VALUE)
}

fn limit(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    scan.operator(ONLY_EQUAL)?;
    u64::try_from(scan.natural()?).map(SystemPredicate::Limit).map_err(|_| NO_VALUE)
}

fn filetype(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let wanted = scan.operator(EQUALITY)? == NumberOp::Equal;
    Ok(SystemPredicate::Filetype { wanted, types: filetypes::read(scan)? })
}

fn hash(scan: &mut Scan<'_>, found: &Found, _: &ParseContext) -> Result<SystemPredicate, Refusal> {
    let wanted = scan.operator(EQUALITY)? == NumberOp::Equal;
    let take_kind = |scan: &mut Scan<'_>| {
        ["md5", "sha1", "sha512", "sha256"].iter().any(|name| scan.take_word(name))
    };
    take_kind(scan);
    let hashes = scan.hashes(9)?;
    let text = found.body.to_ascii_lowercase();
    let kind = if text.contains("md5") {
        HashKind::Md5
    } else if text.contains("sha1") {
        HashKind::Sha1
    } else if text.contains("sha512") {
        HashKind::Sha512
    } else {
        HashKind::Sha256
    };
    take_kind(scan);
    Ok(SystemPredicate::Hash { wanted, kind, hashes })
}

fn time(
    scan: &mut Scan<'_>,
    kind: TimeKind,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    Ok(SystemPredicate::Time { kind, test: times::read(scan, context)? })
}

const HOUR_MS: i64 = 3_600_000;

fn duration(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(NUMBER, |scan| {
        scan.span(&[
            (&["hours", "hour", "hr", "h"], HOUR_MS),
            (&["minutes", "minute", "mins", "m"], 60_000),
            (&["seconds", "second", "secs", "sec", "s"], 1000),
            (&["milliseconds", "millisecond", "msecs", "msec", "ms"], 1),
        ])
    })?;
    test(Quantity::Duration, op, value)
}

fn framerate(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(RELATION, |scan| {
        let value = scan.natural()?;
        if scan.rest().is_empty() { Ok(value) } else { Ok(value * scan.unit(&[("fps", 1)])?) }
    })?;
    test(Quantity::Framerate, op, value)
}

fn file_service(scan: &mut Scan<'_>, context: &ParseContext) -> Result<SystemPredicate, Refusal> {
    const STATES: &[(&str, FileServiceStatus, bool)] = &[
        ("is not currently in", FileServiceStatus::Current, false),
        ("isn't currently in", FileServiceStatus::Current, false),
        ("not currently in", FileServiceStatus::Current, false),
        ("is currently in", FileServiceStatus::Current, true),
        ("currently in", FileServiceStatus::Current, true),
        ("is not pending to", FileServiceStatus::Pending, false),
        ("isn't pending to", FileServiceStatus::Pending, false),
        ("not pending to", FileServiceStatus::Pending, false),
        ("is pending to", FileServiceStatus::Pending, true),
        ("pending to", FileServiceStatus::Pending, true),
    ];
    let (_, status, wanted) =
        STATES.iter().find(|(words, _, _)| scan.take_word(words)).ok_or(NO_OPERATOR)?;
    let name = scan.text()?.to_lowercase();
    let service = context
        .file_services
        .iter()
        .find(|service| service.name.to_lowercase() == name)
        .ok_or(NO_SERVICE)?;
    Ok(SystemPredicate::FileService { service: service.id, status: *status, wanted: *wanted })
}

fn relationships(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    const KINDS: &[(&str, RelationshipKind)] = &[
        ("duplicates", RelationshipKind::Duplicates),
        ("alternates", RelationshipKind::Alternates),
        ("potential duplicates", RelationshipKind::PotentialDuplicates),
        ("not related/false positives", RelationshipKind::FalsePositives),
        ("not related/false positive", RelationshipKind::FalsePositives),
        ("not related", RelationshipKind::FalsePositives),
        ("false positives", RelationshipKind::FalsePositives),
        ("false positive", RelationshipKind::FalsePositives),
    ];
    let op = scan.operator(RELATION)?;
    let value = scan.natural()?;
    let (_, kind) = KINDS.iter().find(|(name, _)| scan.take_word(name)).ok_or(super::NO_UNIT)?;
    let test = NumberTest::new(NumberRule::Relationships, op, value);
    Ok(SystemPredicate::Relationships { kind: *kind, test })
}

fn ratio(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    const WORDS: &[(&str, RatioOp)] = &[
        ("square", RatioOp::Equal),
        ("portrait", RatioOp::TallerThan),
        ("landscape", RatioOp::WiderThan),
    ];
    const OPERATORS: &[(&str, RatioOp)] = &[
        ("is wider than", RatioOp::WiderThan),
        ("wider than", RatioOp::WiderThan),
        ("is taller than", RatioOp::TallerThan),
        ("taller than", RatioOp::TallerThan),
        ("~=", RatioOp::About),
        ("≈", RatioOp::About),
        ("==", RatioOp::Equal),
        ("=", RatioOp::Equal),
        ("is", RatioOp::Equal),
    ];
    if !scan.rest().contains(|sign: char| sign.is_ascii_digit()) {
        let text = scan.take_rest().to_lowercase();
        let (_, op) = WORDS.iter().find(|(word, _)| text.contains(word)).ok_or(NO_OPERATOR)?;
        return Ok(SystemPredicate::Ratio(RatioTest { op: *op, width: 1, height: 1 }));
    }
    let (_, op) = OPERATORS.iter().find(|(name, _)| scan.take(name)).ok_or(NO_OPERATOR)?;
    let side = |text: &str| -> Result<u64, Refusal> {
        let is_padded = text.len() > 1 && text.starts_with('0');
        let is_number = !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
        if is_number && !is_padded { text.parse().map_err(|_| NO_VALUE) } else { Err(NO_VALUE) }
    };
    let (width, height) = scan.text()?.split_once(':').ok_or(NO_VALUE)?;
    Ok(SystemPredicate::Ratio(RatioTest { op: *op, width: side(width)?, height: side(height)? }))
}

fn canvases(scan: &mut Scan<'_>) -> BTreeSet<Canvas> {
    let mut canvases = BTreeSet::new();
    loop {
        if scan.take_word("media") {
            canvases.insert(Canvas::Media);
        } else if scan.take_word("preview") {
            canvases.insert(Canvas::Preview);
        } else if scan.take_word("client api") {
            canvases.insert(Canvas::ClientApi);
        } else if canvases.is_empty() || !scan.take(",") {
            break;
        }
    }
    if canvases.is_empty() { BTreeSet::from([Canvas::Media, Canvas::ClientApi]) } else { canvases }
}

fn views(scan: &mut Scan<'_>, canvases: BTreeSet<Canvas>) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(RELATION, Scan::natural)?;
    let test = NumberTest::new(NumberRule::Views, op, value);
    Ok(SystemPredicate::Views { canvases, test })
}

fn viewtime(scan: &mut Scan<'_>, canvases: BTreeSet<Canvas>) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(RELATION, |scan| {
        scan.span(&[
            (&["days", "day", "d"], 24 * HOUR_MS),
            (&["hours", "hour", "h"], HOUR_MS),
            (&["minutes", "minute", "mins", "min"], 60_000),
            (&["seconds", "second", "secs", "sec", "s"], 1000),
        ])
    })?;
    let test = NumberTest::new(NumberRule::Views, op, value);
    Ok(SystemPredicate::Viewtime { canvases, test })
}

fn url_regex(scan: &mut Scan<'_>, wanted: bool) -> Result<SystemPredicate, Refusal> {
    let regex = UrlRegex::new(scan.text()?).ok_or(NO_VALUE)?;
    Ok(SystemPredicate::Url { wanted, test: UrlTest::Regex(regex) })
}

fn url_exact(scan: &mut Scan<'_>, wanted: bool) -> Result<SystemPredicate, Refusal> {
    Ok(SystemPredicate::Url { wanted, test: UrlTest::Exact(scan.text()?.to_owned()) })
}

fn domain(scan: &mut Scan<'_>, wanted: bool) -> Result<SystemPredicate, Refusal> {
    Ok(SystemPredicate::Url { wanted, test: UrlTest::Domain(scan.text()?.to_lowercase()) })
}

fn url_class(
    scan: &mut Scan<'_>,
    wanted: bool,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    let name = scan.text()?.to_lowercase();
    let class = context
        .url_classes
        .iter()
        .find(|class| class.to_lowercase() == name)
        .ok_or(NO_URL_CLASS)?;
    Ok(SystemPredicate::Url { wanted, test: UrlTest::Class(class.clone()) })
}

fn note(scan: &mut Scan<'_>, wanted: bool) -> Result<SystemPredicate, Refusal> {
    let name = scan.text()?;
    let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    Ok(SystemPredicate::NoteName { wanted, name: unquoted.to_owned() })
}
