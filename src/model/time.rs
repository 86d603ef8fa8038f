//! Moments in words: the clock, the forms both dialects write, and the forms Stash reads.
//!
//! A moment is UTC milliseconds everywhere; zones come in only where people read or write.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, Zoned};

/// The moment it is now.
#[must_use]
pub fn now_ms() -> i64 {
    // A clock before 1970 is as good as one that stands at it.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2020-06-03 07:30:05` in a zone. A moment outside the calendar is shown as its nearest end.
#[must_use]
pub fn date_and_time(moment_ms: i64, zone: &TimeZone) -> String {
    zoned(moment_ms, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// RFC 3339 in a zone, as Stash writes it: `Z` or the offset, a fraction only if there is one.
#[must_use]
pub fn rfc3339(moment_ms: i64, zone: &TimeZone) -> String {
    let at = zoned(moment_ms, zone);
    let mut text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let ms = at.millisecond();
    if ms != 0 {
        text.push_str(format!(".{ms:03}").trim_end_matches('0'));
    }
    if at.offset().is_zero() {
        text.push('Z');
    } else {
        text.push_str(&at.strftime("%:z").to_string());
    }
    text
}

fn zoned(moment_ms: i64, zone: &TimeZone) -> Zoned {
    let nearest = if moment_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(moment_ms).unwrap_or(nearest).to_zoned(zone.clone())
}

/// How long ago something was, in its two largest units: `16 minutes 15 seconds`, `2 months 3
/// days`; up to three seconds it is `now`. What lies ahead is `now` too.
#[must_use]
pub fn human_age(moment_ms: i64, now_ms: i64) -> String {
    let zone = TimeZone::UTC;
    if now_ms.saturating_sub(moment_ms) < 4000 {
        return "now".to_owned();
    }
    let (then, now) = (zoned(moment_ms, &zone).datetime(), zoned(now_ms, &zone).datetime());
    let Ok(span) = then.until((Unit::Year, now)) else { return "a long time".to_owned() };
    let parts = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_days()), "day"),
        (i64::from(span.get_hours()), "hour"),
        (span.get_minutes(), "minute"),
        (span.get_seconds(), "second"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let words: Vec<String> = parts[first..]
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    words.join(" ")
}

/// A Stash timestamp that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimestamp {
    /// Nothing was given.
    #[error("cannot parse Timestamp: empty string")]
    Empty,
    /// Neither a moment nor a duration.
    #[error("cannot parse Timestamp: {0:?}")]
    Unreadable(String),
}

/// Reads what Stash takes for a moment: RFC 3339, a date with or without a time (both UTC), or
/// `<4h` (so long ago) and `>5m` (so far ahead).
///
/// # Errors
/// When it is none of these.
pub fn parse_timestamp(text: &str, now_ms: i64) -> Result<i64, InvalidTimestamp> {
    if text.is_empty() {
        return Err(InvalidTimestamp::Empty);
    }
    let refuse = || InvalidTimestamp::Unreadable(text.to_owned());
    if let Some(duration) = text.strip_prefix('<') {
        return go_duration_ms(duration).and_then(|ms| now_ms.checked_sub(ms)).ok_or_else(refuse);
    }
    if let Some(duration) = text.strip_prefix('>') {
        return go_duration_ms(duration).and_then(|ms| now_ms.checked_add(ms)).ok_or_else(refuse);
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
        .or_else(|_| DateTime::strptime("%Y-%m-%d %H:%M", text))
        .or_else(|_| Date::strptime("%Y-%m-%d", text).map(|date| date.at(0, 0, 0, 0)))
        .map_err(|_| refuse())?;
    let at = civil.to_zoned(TimeZone::UTC).map_err(|_| refuse())?;
    Ok(at.timestamp().as_millisecond())
}

/// A duration as Go writes it: `1h30m`, `2.5s`, `-300ms`, `0`.
#[must_use]
pub fn go_duration_ms(text: &str) -> Option<i64> {
    const UNITS: &[(&str, f64)] = &[
        ("ns", 1e-6),
        ("us", 1e-3),
        ("µs", 1e-3),
        ("ms", 1.0),
        ("s", 1e3),
        ("m", 6e4),
        ("h", 3.6e6),
    ];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let unit_end =
            after.find(|sign: char| sign.is_ascii_digit() || sign == '.').unwrap_or(after.len());
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == &after[..unit_end])?;
        sum += number * factor;
        rest = &after[unit_end..];
    }
    let ms = sign * sum;
    (ms.abs() < 9e15).then_some(ms.round() as i64)
}

#[cfg(test)]
mod tests {
    use jiff::tz;
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1000;
    const DAY: i64 = 86_400 * SECOND;

    #[test]
    fn ages_have_two_units() {
        let now = 1_700_000_000_000;
        let check = |ago: i64, expected: &str| {
            assert_eq!(human_age(now - ago, now), expected, "{ago} ms ago");
        };
        check(0, "now");
        check(3 * SECOND, "now");
        check(-5 * SECOND, "now");
        check(4 * SECOND, "4 seconds");
        check(60 * SECOND, "1 minute");
        check(975 * SECOND, "16 minutes 15 seconds");
        check(3600 * SECOND + 5 * SECOND, "1 hour");
        check(DAY + 7200 * SECOND, "1 day 2 hours");
        check(64 * DAY, "2 months 3 days");
        check(366 * DAY, "1 year");
    }

    #[test]
    fn moments_are_written_in_a_zone() {
        let moment = 1_591_169_405_000;
        let east = TimeZone::fixed(tz::offset(2));
        assert_eq!(date_and_time(moment, &TimeZone::UTC), "2020-06-03 07:30:05");
        assert_eq!(date_and_time(moment, &east), "2020-06-03 09:30:05");
        assert_eq!(rfc3339(moment, &TimeZone::UTC), "2020-06-03T07:30:05Z");
        assert_eq!(rfc3339(moment, &east), "2020-06-03T09:30:05+02:00");
        assert_eq!(rfc3339(moment + 120, &east), "2020-06-03T09:30:05.12+02:00");
        assert_eq!(rfc3339(i64::MAX, &TimeZone::UTC).get(..4), Some("9999"));
    }

    #[test]
    fn stash_timestamps_have_four_forms() {
        let now = 1_000_000_000_000;
        let read = |text: &str| parse_timestamp(text, now);
        assert_eq!(read("2020-06-03T09:30:05+02:00"), Ok(1_591_169_405_000));
        assert_eq!(read("2020-06-03T07:30:05.5Z"), Ok(1_591_169_405_500));
        assert_eq!(read("2020-06-03 07:30:05"), Ok(1_591_169_405_000));
        assert_eq!(read("2020-06-03 07:30"), Ok(1_591_169_400_000));
        assert_eq!(read("2020-06-03"), Ok(1_591_142_400_000));
        assert_eq!(read("<4h"), Ok(now - 4 * 3600 * SECOND));
        assert_eq!(read(">5m"), Ok(now + 300 * SECOND));
        assert_eq!(read(""), Err(InvalidTimestamp::Empty));
        for unreadable in ["yesterday", "2020-13-01", "<4", "<", ">h", "<1e9h"] {
            assert_eq!(read(unreadable), Err(InvalidTimestamp::Unreadable(unreadable.into())));
        }
    }

    #[test]
    fn go_durations_add_up() {
        assert_eq!(go_duration_ms("1h30m"), Some(5_400_000));
        assert_eq!(go_duration_ms("2.5s"), Some(2500));
        assert_eq!(go_duration_ms("-300ms"), Some(-300));
        assert_eq!(go_duration_ms("0"), Some(0));
        assert_eq!(go_duration_ms("5"), None);
        assert_eq!(go_duration_ms("1d"), None);
        assert_eq!(go_duration_ms("1..5s"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(moment in -60_000_000_000_000_i64..250_000_000_000_000) {
            let text = rfc3339(moment, &TimeZone::fixed(tz::offset(-3)));
            prop_assert_eq!(parse_timestamp(&text, 0), Ok(moment));
        }

        #[test]
        fn no_moment_is_too_far(moment: i64, now: i64) {
            let _ = (human_age(moment, now), date_and_time(moment, &TimeZone::UTC));
        }
    }
}
