//! Tests of numbers: one operator and one value, under the rules of what is being measured.
//!
//! The same `~= 10` means different things for a width, a size and a view count, and a file
//! without the measurement counts as 0 for some and matches nothing for others. A
//! [`NumberTest`] carries its [`NumberRule`], so [`NumberTest::matches`] is always the right
//! question to ask.

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberOp {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `~=`: near, as near as the rule says.
    About,
}

/// What is measured, which decides what `~=` and a missing measurement mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberRule {
    /// Width, height, duration, frames, words, notes, URLs, tags: missing is 0; about is within
    /// 15 %, ends included.
    Measure,
    /// Bytes and pixels: missing matches nothing; about is strictly between the whole parts of
    /// 85 % and 115 %.
    Size,
    /// Views and viewtime: missing is 0; about is between the whole parts of 80 % and 120 %, ends
    /// included.
    Views,
    /// Numbers of file relationships: missing is 0; about is strictly between 80 % and 120 %.
    Relationships,
    /// Subtags read as numbers: about is strictly between the whole parts of 85 % and 115 %; but
    /// of an item with several numbers, one may be above the one and another below the other.
    TagNumber,
    /// Inc/dec ratings: missing is 0; about is strictly between 80 % and 120 %, and never more
    /// than 1 away.
    Count,
}

/// One test of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberTest {
    /// What is measured.
    pub rule: NumberRule,
    /// How it is compared.
    pub op: NumberOp,
    /// With what.
    pub value: i64,
}

impl NumberTest {
    /// A test of the given rule.
    #[must_use]
    pub fn new(rule: NumberRule, op: NumberOp, value: i64) -> NumberTest {
        NumberTest { rule, op, value }
    }

    /// Whether a file with this measurement passes; `None` is a file that has none.
    ///
    /// A missing width passes `< 1`, `= 0` and `!= 5`, because it counts as 0; a missing size
    /// passes nothing.
    #[must_use]
    pub fn matches(&self, measured: Option<i64>) -> bool {
        let Some(measured) = measured.or_else(|| self.missing_as()) else { return false };
        match self.range() {
            Some((low, high)) => low <= measured && measured <= high,
            None => measured != self.value,
        }
    }

    /// As [`NumberTest::matches`] for what is no whole number, such as frames a second.
    #[must_use]
    pub fn matches_real(&self, measured: Option<f64>) -> bool {
        const NEAR: f64 = 1e-9;
        let Some(measured) = measured.or_else(|| self.missing_as().map(|_| 0.0)) else {
            return false;
        };
        let value = self.value as f64;
        match self.op {
            NumberOp::Less => measured < value - NEAR,
            NumberOp::LessOrEqual => measured <= value + NEAR,
            NumberOp::Equal => (measured - value).abs() <= NEAR,
            NumberOp::NotEqual => (measured - value).abs() > NEAR,
            NumberOp::GreaterOrEqual => measured >= value - NEAR,
            NumberOp::Greater => measured > value + NEAR,
            NumberOp::About => {
                let (low, high) = (value * 0.85, value * 1.15);
                low.min(high) - NEAR <= measured && measured <= low.max(high) + NEAR
            }
        }
    }

    /// What a file without the measurement is taken to have; `None` when it cannot pass.
    #[must_use]
    pub fn missing_as(&self) -> Option<i64> {
        match self.rule {
            NumberRule::Size | NumberRule::TagNumber => None,
            NumberRule::Measure
            | NumberRule::Views
            | NumberRule::Relationships
            | NumberRule::Count => Some(0),
        }
    }

    /// The numbers that pass, first and last, for an ordered index. `None` for `!=`, where all
    /// but the value pass. A range whose first number is above its last is empty.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        let value = self.value;
        Some(match self.op {
            NumberOp::Less => below(value),
            NumberOp::LessOrEqual => (i64::MIN, value),
            NumberOp::Equal => (value, value),
            NumberOp::NotEqual => return None,
            NumberOp::GreaterOrEqual => (value, i64::MAX),
            NumberOp::Greater => above(value),
            NumberOp::About => self.about(),
        })
    }

    /// The whole parts of 85 % and 115 % of the value.
    #[must_use]
    pub fn about_bounds(&self) -> (i64, i64) {
        let real = self.value as f64;
        ((real * 0.85) as i64, (real * 1.15) as i64)
    }

    fn about(&self) -> (i64, i64) {
        let value = self.value;
        let real = value as f64;
        let whole = |share: f64| (real * share) as i64;
        let strictly = |one: i64, other: i64| {
            (one.min(other).saturating_add(1), one.max(other).saturating_sub(1))
        };
        match self.rule {
            NumberRule::Measure => {
                let (low, high) = (real * 0.85, real * 1.15);
                (low.min(high).ceil() as i64, low.max(high).floor() as i64)
            }
            NumberRule::Size | NumberRule::TagNumber => strictly(whole(0.85), whole(1.15)),
            NumberRule::Views => (whole(0.8), whole(1.2)),
            NumberRule::Relationships => {
                ((real * 0.8).floor() as i64 + 1, ((real * 1.2).ceil() as i64).saturating_sub(1))
            }
            NumberRule::Count => strictly(
                value.saturating_sub(1).max(whole(0.8)),
                value.saturating_add(1).min(whole(1.2)),
            ),
        }
    }
}

/// The empty range, where nothing is below or above.
const NOTHING: (i64, i64) = (1, 0);

fn below(value: i64) -> (i64, i64) {
    value.checked_sub(1).map_or(NOTHING, |last| (i64::MIN, last))
}

fn above(value: i64) -> (i64, i64) {
    value.checked_add(1).map_or(NOTHING, |first| (first, i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(rule: NumberRule, op: NumberOp, value: i64, pass: &[i64], fail: &[i64], null: bool) {
        let test = NumberTest::new(rule, op, value);
        for &number in pass {
            assert!(test.matches(Some(number)), "{number} must pass {test:?}");
        }
        for &number in fail {
            assert!(!test.matches(Some(number)), "{number} must fail {test:?}");
        }
        assert_eq!(test.matches(None), null, "a missing number under {test:?}");
    }

    #[test]
    fn a_missing_measure_counts_as_nought() {
        use NumberOp::*;
        let rule = NumberRule::Measure;
        check(rule, Less, 5, &[4, 0], &[5, 6], true);
        check(rule, Less, 0, &[-1], &[0], false);
        check(rule, LessOrEqual, 0, &[0], &[1], true);
        check(rule, Greater, 0, &[1], &[0], false);
        check(rule, Greater, -1, &[0], &[-1], true);
        check(rule, GreaterOrEqual, 0, &[0], &[-1], true);
        check(rule, GreaterOrEqual, 1, &[1], &[0], false);
        check(rule, Equal, 0, &[0], &[1], true);
        check(rule, NotEqual, 5, &[4, 0], &[5], true);
        check(rule, NotEqual, 0, &[1], &[0], false);
        check(rule, About, 0, &[0], &[1], true);
    }

    #[test]
    fn a_missing_size_matches_nothing() {
        use NumberOp::*;
        let rule = NumberRule::Size;
        check(rule, Less, 5, &[4], &[5], false);
        check(rule, NotEqual, 5, &[4], &[5], false);
        check(rule, Equal, 0, &[0], &[1], false);
    }

    #[test]
    fn about_is_as_near_as_the_rule_says() {
        use NumberOp::About;
        check(NumberRule::Measure, About, 100, &[85, 114], &[84, 116], false);
        check(NumberRule::Measure, About, 10, &[9, 11], &[8, 12], false);
        check(NumberRule::Size, About, 1000, &[851, 1148], &[850, 1150], false);
        check(NumberRule::TagNumber, About, 3, &[], &[2, 3, 4], false);
        check(NumberRule::TagNumber, About, 10, &[9, 10], &[8, 11], false);
        check(NumberRule::TagNumber, About, -20, &[-20], &[-17, -23, 20], false);
        check(NumberRule::Views, About, 10, &[8, 12], &[7, 13], false);
        check(NumberRule::Relationships, About, 10, &[9, 11], &[8, 12], false);
        check(NumberRule::Relationships, About, 4, &[4], &[3, 5], false);
        check(NumberRule::Count, About, 100, &[100], &[99, 101], false);
    }

    #[test]
    fn real_numbers_follow_the_same_operators() {
        let test = |op, value| NumberTest::new(NumberRule::Measure, op, value);
        assert!(test(NumberOp::Equal, 15).matches_real(Some(15.0)));
        assert!(!test(NumberOp::Equal, 30).matches_real(Some(29.97)));
        assert!(test(NumberOp::About, 30).matches_real(Some(29.97)));
        assert!(test(NumberOp::Less, 10).matches_real(None));
        assert!(!test(NumberOp::Greater, 10).matches_real(None));
    }

    proptest! {
        #[test]
        fn not_equal_is_the_opposite_of_equal(value: i64, measured: i64) {
            let equal = NumberTest::new(NumberRule::Measure, NumberOp::Equal, value);
            let other = NumberTest { op: NumberOp::NotEqual, ..equal };
            prop_assert_ne!(equal.matches(Some(measured)), other.matches(Some(measured)));
        }

        #[test]
        fn no_value_overflows(value: i64, measured: i64) {
            use NumberRule::*;
            for rule in [Measure, Size, Views, Relationships, TagNumber, Count] {
                for op in [NumberOp::Less, NumberOp::Greater, NumberOp::About] {
                    let _ = NumberTest::new(rule, op, value).matches(Some(measured));
                }
            }
        }
    }
}
