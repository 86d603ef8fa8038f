//! Ratings: one service's value, or several services at once.

use std::sync::LazyLock;

use regex::Regex;

use super::scan::{NUMBER, Scan, alternatives};
use super::{NO_OPERATOR, NO_SERVICE, NO_VALUE, ParseContext, RatingService, Refusal};
use crate::model::ids::ServiceId;
use crate::model::number_test::{NumberOp, NumberRule, NumberTest};
use crate::model::predicate::{RatingKind, RatingTest, RatingsJoin, RatingsTest, SystemPredicate};

/// Reads a service's name: there is a rating, or there is none.
pub(super) fn rated(
    scan: &mut Scan<'_>,
    wanted: bool,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    let service = service(scan.text()?, context)?;
    let test = match (service.kind, wanted) {
        (RatingKind::IncDec, _) => {
            let op = if wanted { NumberOp::Greater } else { NumberOp::Equal };
            RatingTest::Count(NumberTest::new(NumberRule::Count, op, 0))
        }
        (RatingKind::Like | RatingKind::Numerical { .. }, true) => RatingTest::Rated,
        (RatingKind::Like | RatingKind::Numerical { .. }, false) => RatingTest::Unrated,
    };
    Ok(SystemPredicate::Rating { service: service.id, test })
}

/// Reads a service's name, an operator and a value. The name may contain anything, so the value
/// is found at the end of the text and the operator before it.
pub(super) fn value(
    scan: &mut Scan<'_>,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    static STARS: LazyLock<Regex> =
        LazyLock::new(|| with_value(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})"));
    static COUNT: LazyLock<Regex> = LazyLock::new(|| with_value(r"([0-9][0-9,]{0,17})"));
    static LIKE: LazyLock<Regex> = LazyLock::new(|| {
        let operators = alternatives(NUMBER);
        pattern(&format!(r"^(?<name>.*?)[\s:]*{operators}?\s*(like|dislike)$"))
    });
    let text = scan.text()?;
    let (name, op, given) = if let Some(found) = STARS.captures(text) {
        let (given, of) = (number(&found[3])?, number(&found[4])?);
        if given > of {
            return Err(NO_VALUE);
        }
        (found["name"].to_owned(), operator(&found["op"])?, Given::Number(given))
    } else if let Some(found) = LIKE.captures(text) {
        let is_like = found[2].eq_ignore_ascii_case("like");
        (found["name"].to_owned(), NumberOp::Equal, Given::Like(is_like))
    } else {
        let found = COUNT.captures(text).ok_or(NO_OPERATOR)?;
        let given = number(&found[3].replace(',', ""))?;
        (found["name"].to_owned(), operator(&found["op"])?, Given::Number(given))
    };
    let service = service(&name, context)?;
    Ok(SystemPredicate::Rating { service: service.id, test: given.test(service.kind, op) })
}

enum Given {
    Like(bool),
    Number(i64),
}

impl Given {
    /// What was given on the scale of the service. Stars are the service's own, however many the
    /// text says there are: 3/10 of a service with five is three.
    fn test(&self, kind: RatingKind, op: NumberOp) -> RatingTest {
        let value = match (self, kind) {
            (Given::Like(is_like), RatingKind::Like | RatingKind::Numerical { .. }) => {
                if *is_like {
                    1.0
                } else {
                    0.0
                }
            }
            (Given::Number(number), RatingKind::Like) => *number as f64,
            (Given::Number(number), RatingKind::Numerical { stars, zero }) => {
                let number = (*number).clamp(0, stars.into());
                let (number, steps) =
                    if zero { (number, stars) } else { (number - 1, stars.max(1) - 1) };
                number.max(0) as f64 / f64::from(steps.max(1))
            }
            (Given::Like(is_like), RatingKind::IncDec) => {
                return RatingTest::Count(NumberTest::new(
                    NumberRule::Count,
                    op,
                    i64::from(*is_like),
                ));
            }
            (Given::Number(number), RatingKind::IncDec) => {
                return RatingTest::Count(NumberTest::new(NumberRule::Count, op, *number));
            }
        };
        RatingTest::Value { op, value, half: kind.half_step() }
    }
}

fn with_value(value: &str) -> Regex {
    let spellings: Vec<_> =
        NUMBER.iter().copied().filter(|(_, op)| *op != NumberOp::NotEqual).collect();
    let operators = alternatives(&spellings);
    pattern(&format!(r"^(?<name>.*?)[\s:]*(?<op>{operators})\s*{value}$"))
}

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?is){text}")).expect("the pattern is sound")
}

fn operator(text: &str) -> Result<NumberOp, Refusal> {
    Scan::new(text).operator(NUMBER)
}

fn number(digits: &str) -> Result<i64, Refusal> {
    digits.parse().map_err(|_| NO_VALUE)
}

fn service<'a>(name: &str, context: &'a ParseContext) -> Result<&'a RatingService, Refusal> {
    let name = name.trim().to_lowercase();
    context
        .rating_services
        .iter()
        .find(|service| service.name.to_lowercase() == name)
        .ok_or(NO_SERVICE)
}

/// Reads `all|any|only X (amongst Y) rated|not rated`.
pub(super) fn several(
    scan: &mut Scan<'_>,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?<join>all|any|only)\s+(?<what>.+?)\s*(?:\(\s*amongst\s+(?<amongst>.+?)\s*\))?\s+(?<not>not\s+)?rated$",
        )
    });
    let found = PATTERN.captures(scan.text()?).ok_or(NO_SERVICE)?;
    let join = match found["join"].to_ascii_lowercase().as_str() {
        "all" => RatingsJoin::All,
        "any" => RatingsJoin::Any,
        _ => RatingsJoin::Only,
    };
    let primary = services(&found["what"], context)?;
    let amongst = match found.name("amongst") {
        Some(_) if join != RatingsJoin::Only => return Err(NO_SERVICE),
        Some(amongst) => services(amongst.as_str(), context)?,
        None if join == RatingsJoin::Only => services("ratings", context)?,
        None => Vec::new(),
    };
    let rated = found.name("not").is_none();
    Ok(SystemPredicate::Ratings(RatingsTest { join, rated, primary, amongst }))
}

fn services(list: &str, context: &ParseContext) -> Result<Vec<ServiceId>, Refusal> {
    let mut ids = Vec::new();
    for item in list.split(',') {
        let item = item.trim().to_lowercase();
        let kinds = item.strip_suffix("ratings").or_else(|| item.strip_suffix("rating"));
        let fits: fn(RatingKind) -> bool = match kinds.map(str::trim) {
            Some("") => |_| true,
            Some("like/dislike") => |kind| kind == RatingKind::Like,
            Some("numerical") => |kind| matches!(kind, RatingKind::Numerical { .. }),
            Some("inc/dec") => |kind| kind == RatingKind::IncDec,
            Some(_) | None => {
                ids.push(service(&item, context)?.id);
                continue;
            }
        };
        ids.extend(context.rating_services.iter().filter(|one| fits(one.kind)).map(|one| one.id));
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}
