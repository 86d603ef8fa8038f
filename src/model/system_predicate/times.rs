//! Values of time predicates: ages such as `7 years 45 days 7h`, and dates.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, Zoned};
use regex::Regex;

use super::scan::{RELATION, Scan};
use super::{NO_OPERATOR, NO_VALUE, ParseContext, Refusal};
use crate::model::number_test::NumberOp;
use crate::model::time_test::{TimeTest, age_of};

/// Reads operator and value: the value is everything from the first digit on.
pub(super) fn read(scan: &mut Scan<'_>, context: &ParseContext) -> Result<TimeTest, Refusal> {
    let text = scan.take_rest();
    let first = text.find(|sign: char| sign.is_ascii_digit()).ok_or(NO_OPERATOR)?;
    let (before, value) = text.split_at(first);
    let before = before.to_lowercase();
    let now = Timestamp::from_millisecond(context.now_ms)
        .map_err(|_| NO_VALUE)?
        .to_zoned(context.zone.clone());
    if let Some(age_ms) = age(value, &now) {
        let op = operator(&before, true)?;
        return Ok(TimeTest::age(op, age_ms, context.now_ms));
    }
    let op = operator(&before, false)?;
    let date = date(value, &now).ok_or(NO_VALUE)?;
    TimeTest::date(op, date, &context.zone).ok_or(NO_VALUE)
}

fn operator(before: &str, is_age: bool) -> Result<NumberOp, Refusal> {
    let about = if is_age { "around" } else { "month" };
    if before.contains(about) {
        Ok(NumberOp::About)
    } else if before.contains("day") && !is_age {
        Ok(NumberOp::Equal)
    } else if before.contains("since") {
        Ok(if is_age { NumberOp::Less } else { NumberOp::Greater })
    } else if before.contains("before") {
        Ok(if is_age { NumberOp::Greater } else { NumberOp::Less })
    } else {
        Scan::new(before).operator(RELATION)
    }
}

/// The length of an age in milliseconds: numbers with units, in any order, perhaps with `ago`.
fn age(text: &str, now: &Zoned) -> Option<i64> {
    static PART: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)^[\s,]*(?:and\s+)?([0-9]{1,9})(\.[0-9]{1,9})?\s*
            (decade|year|yr|y|month|week|w|day|d|hour|hr|h|minute|min|m|second|sec|s)s?\b",
        )
        .expect("the pattern is sound")
    });
    let mut rest = text.trim();
    let mut span = Span::new();
    let mut fraction_ms = 0.0;
    let mut parts = 0;
    while let Some(found) = PART.captures(rest) {
        let whole: i64 = found[1].parse().ok()?;
        let fraction: f64 = found.get(2).map_or(Some(0.0), |part| part.as_str().parse().ok())?;
        let unit = found[3].to_ascii_lowercase();
        let unit_days = match unit.as_str() {
            "decade" => {
                span = span
                    .try_years(whole.checked_mul(10)?.checked_add(span.get_years().into())?)
                    .ok()?;
                3652.5
            }
            "year" | "yr" | "y" => {
                span = span.try_years(whole + i64::from(span.get_years())).ok()?;
                365.25
            }
            "month" => {
                span = span.try_months(whole + i64::from(span.get_months())).ok()?;
                30.436_875
            }
            "week" | "w" => {
                span = span.try_weeks(whole + i64::from(span.get_weeks())).ok()?;
                7.0
            }
            "day" | "d" => {
                span = span.try_days(whole + i64::from(span.get_days())).ok()?;
                1.0
            }
            "hour" | "hr" | "h" => {
                span = span.try_hours(whole + i64::from(span.get_hours())).ok()?;
                1.0 / 24.0
            }
            "minute" | "min" | "m" => {
                span = span.try_minutes(whole + span.get_minutes()).ok()?;
                1.0 / 1440.0
            }
            _ => {
                span = span.try_seconds(whole + span.get_seconds()).ok()?;
                1.0 / 86_400.0
            }
        };
        fraction_ms += fraction * unit_days * 86_400_000.0;
        parts += 1;
        rest = &rest[found.get(0)?.end()..];
    }
    let rest = rest.trim_matches([' ', ',']);
    if parts == 0 || !(rest.is_empty() || rest.eq_ignore_ascii_case("ago")) {
        return None;
    }
    age_of(span, now)?.checked_add(fraction_ms as i64)
}

/// A moment of the local calendar. The year may stand first or last (then the month is first),
/// or alone: then it is today's day of that year.
fn date(text: &str, now: &Zoned) -> Option<DateTime> {
    static YEAR_FIRST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"));
    static YEAR_LAST: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})"));
    static IN_WORDS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"([0-9]{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?([a-z]{3,9}),?\s+([0-9]{4})")
    });
    static YEAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"([0-9]{4})"));
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.to_zoned(now.time_zone().clone()).datetime());
    }
    let day = |year: &str, month: i8, day: &str| {
        Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
    };
    let (date, found) = if let Some(found) = YEAR_FIRST.captures(text) {
        (day(&found[1], found[2].parse().ok()?, &found[3])?, found)
    } else if let Some(found) = YEAR_LAST.captures(text) {
        (day(&found[3], found[1].parse().ok()?, &found[2])?, found)
    } else if let Some(found) = IN_WORDS.captures(text) {
        (day(&found[3], month_of(&found[2])?, &found[1])?, found)
    } else {
        let found = YEAR.captures(text)?;
        let year = found[1].parse().ok()?;
        (now.date().with().year(year).build().ok()?, found)
    };
    let part =
        |name: &str| found.name(name).map_or(Some(0), |part| part.as_str().parse::<i8>().ok());
    let time = jiff::civil::Time::new(part("hour")?, part("minute")?, part("second")?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// A date of this shape, perhaps with a time of day, and nothing else.
fn pattern(date: &str) -> Regex {
    Regex::new(&format!(
        r"(?i)^{date}(?:[\sT]+(?<hour>[0-9]{{1,2}}):(?<minute>[0-9]{{2}})(?::(?<second>[0-9]{{2}}))?)?$"
    ))
    .expect("the pattern is sound")
}

fn month_of(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| month.starts_with(&name))?;
    i8::try_from(index + 1).ok()
}
