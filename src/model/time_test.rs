//! Tests of moments: ages and dates, resolved to bounds when they are made.
//!
//! `< 7 days` means newer than seven days, `< 2020-06-03` means before that day: a
//! [`TimeTest`] keeps what was asked and the two moments it comes down to, so whoever searches
//! needs neither a clock nor a time zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use super::number_test::NumberOp;

/// When something must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTest {
    /// As asked. Of ages, `<` is newer. `<=` and `>=` do not occur: bounds are inclusive anyway.
    pub op: NumberOp,
    /// As asked.
    pub value: TimeValue,
    /// Not before this moment, in UTC milliseconds; `None` is any time before.
    pub since_ms: Option<i64>,
    /// Not after this moment.
    pub until_ms: Option<i64>,
}

/// An age or a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeValue {
    /// How long before now, in milliseconds.
    Age(i64),
    /// A moment of the local calendar; a day without a time is its midnight.
    Date(DateTime),
}

impl TimeTest {
    /// A test of an age. Equal is as good as about: within 15 % of the age.
    #[must_use]
    pub fn age(op: NumberOp, age_ms: i64, now_ms: i64) -> TimeTest {
        let ago = |share: f64| Some(now_ms.saturating_sub((age_ms as f64 * share) as i64));
        let (since_ms, until_ms) = match op {
            NumberOp::Less | NumberOp::LessOrEqual => (ago(1.0), None),
            NumberOp::Greater | NumberOp::GreaterOrEqual => (None, ago(1.0)),
            NumberOp::Equal | NumberOp::NotEqual | NumberOp::About => (ago(1.15), ago(0.85)),
        };
        let op = match op {
            NumberOp::Equal => NumberOp::About,
            NumberOp::LessOrEqual => NumberOp::Less,
            NumberOp::GreaterOrEqual => NumberOp::Greater,
            other => other,
        };
        TimeTest { op, value: TimeValue::Age(age_ms), since_ms, until_ms }
    }

    /// A test of a date: equal is that calendar day, about is a month either side. `None` for a
    /// date at the very ends of the calendar.
    #[must_use]
    pub fn date(op: NumberOp, date: DateTime, zone: &TimeZone) -> Option<TimeTest> {
        let moment = |at: DateTime| -> Option<i64> {
            Some(at.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())
        };
        let (op, since_ms, until_ms) = match op {
            NumberOp::Less | NumberOp::LessOrEqual => (NumberOp::Less, None, Some(moment(date)?)),
            NumberOp::Greater | NumberOp::GreaterOrEqual => {
                (NumberOp::Greater, Some(moment(date)?), None)
            }
            NumberOp::Equal | NumberOp::NotEqual => {
                let day = date.date().at(0, 0, 0, 0);
                let next = day.checked_add(Span::new().days(1)).ok()?;
                (op, Some(moment(day)?), Some(moment(next)?))
            }
            NumberOp::About => {
                let before = date.checked_sub(Span::new().months(1)).ok()?;
                let after = date.checked_add(Span::new().months(1)).ok()?;
                (op, Some(moment(before)?), Some(moment(after)?))
            }
        };
        Some(TimeTest { op, value: TimeValue::Date(date), since_ms, until_ms })
    }

    /// Whether a moment passes; what never happened (`None`) does not.
    #[must_use]
    pub fn matches(&self, moment_ms: Option<i64>) -> bool {
        let Some(moment) = moment_ms else { return false };
        let is_inside = self.since_ms.is_none_or(|since| since <= moment)
            && self.until_ms.is_none_or(|until| moment <= until);
        is_inside != (self.op == NumberOp::NotEqual)
    }
}

/// The length of a calendar span that ends now, in milliseconds: a month is as long as the one
/// just past. `None` if it reaches out of the calendar.
#[must_use]
pub fn age_of(span: Span, now: &Zoned) -> Option<i64> {
    let then = now.checked_sub(span).ok()?;
    now.timestamp().as_millisecond().checked_sub(then.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn ages_count_back_from_now() {
        let now = 1000 * DAY;
        let newer = TimeTest::age(NumberOp::Less, 7 * DAY, now);
        assert!(newer.matches(Some(now - 7 * DAY)));
        assert!(!newer.matches(Some(now - 7 * DAY - 1)));
        assert!(!newer.matches(None));
        let older = TimeTest::age(NumberOp::Greater, 7 * DAY, now);
        assert!(older.matches(Some(now - 8 * DAY)));
        assert!(!older.matches(Some(now - 6 * DAY)));
        let about = TimeTest::age(NumberOp::Equal, 100 * DAY, now);
        assert_eq!(about.op, NumberOp::About);
        assert!(about.matches(Some(now - 86 * DAY)) && about.matches(Some(now - 114 * DAY)));
        assert!(!about.matches(Some(now - 84 * DAY)) && !about.matches(Some(now - 116 * DAY)));
    }

    #[test]
    fn dates_are_days_of_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let midnight = 1_591_135_200_000; // 2020-06-03 00:00 +02:00
        let at = date(2020, 6, 3).at(0, 0, 0, 0);
        let test = |op| TimeTest::date(op, at, &zone).expect("a common date");
        assert_eq!(test(NumberOp::Less).until_ms, Some(midnight));
        assert_eq!(test(NumberOp::Greater).since_ms, Some(midnight));
        let day = test(NumberOp::Equal);
        assert!(day.matches(Some(midnight)) && day.matches(Some(midnight + DAY)));
        assert!(!day.matches(Some(midnight - 1)) && !day.matches(Some(midnight + DAY + 1)));
        let other = test(NumberOp::NotEqual);
        assert!(!other.matches(Some(midnight + 5)) && other.matches(Some(midnight - 1)));
        assert!(!other.matches(None));
        let month = test(NumberOp::About);
        assert_eq!(month.since_ms, Some(midnight - 31 * DAY));
        assert_eq!(month.until_ms, Some(midnight + 30 * DAY));
    }

    #[test]
    fn the_ends_of_the_calendar_are_refused() {
        let zone = TimeZone::UTC;
        let last = date(9999, 12, 31).at(0, 0, 0, 0);
        assert_eq!(TimeTest::date(NumberOp::Equal, last, &zone), None);
    }
}
