//! Searches as data: the tree that both dialects compile to and the library answers.

use super::ids::ServiceId;
use super::number_test::{NumberOp, NumberTest};
use super::predicate::{Flag, Quantity, RatioOp, SystemPredicate, TimeKind};
use super::tag::Tag;
use super::tag_pattern::TagPattern;

/// One condition on a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Bears this tag: exactly, namespace included, siblings and parents followed.
    Tag(Tag),
    /// Bears a tag that is shown on it and fits.
    Pattern(TagPattern),
    /// Answers yes.
    System(SystemPredicate),
    /// Does not fulfil it.
    Not(Box<Term>),
    /// Fulfils at least one. None at all is fulfilled by no file.
    Or(Vec<Term>),
    /// Fulfils all. None at all is fulfilled by every file.
    And(Vec<Term>),
}

/// A whole search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest {
    /// All must be fulfilled. None at all finds nothing.
    pub terms: Vec<Term>,
    /// Where to look.
    pub domains: FileDomains,
    /// Whose tags count; `None` is all known tags.
    pub tag_service: Option<ServiceId>,
    /// Tags that are there count.
    pub include_current: bool,
    /// Tags that are proposed count.
    pub include_pending: bool,
    /// Best first or last.
    pub sort: Sort,
    /// Smallest first.
    pub ascending: bool,
    /// No more than so many, after sorting. `system:limit` is a term of its own.
    pub limit: Option<usize>,
}

/// File domains, united.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileDomains {
    /// Files that are in these.
    pub current: Vec<ServiceId>,
    /// Files that were deleted from these.
    pub deleted: Vec<ServiceId>,
}

/// What to sort by. The order is that of the numbers in the Client API, which has no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    /// 0, bytes.
    Size,
    /// 1, none is -1.
    Duration,
    /// 2, in the searched domain; ties by id.
    ImportTime,
    /// 3
    Filetype,
    /// 4
    Random,
    /// 5, none is -1.
    Width,
    /// 6, none is -1.
    Height,
    /// 7, width to height.
    Ratio,
    /// 8
    Pixels,
    /// 9
    TagCount,
    /// 10, media viewer and client api.
    MediaViews,
    /// 11, media viewer and client api.
    MediaViewtime,
    /// 12, size by duration.
    Bitrate,
    /// 13
    HasAudio,
    /// 14, the earliest.
    ModifiedTime,
    /// 15
    Framerate,
    /// 16
    Frames,
    /// 17, accepted and of no effect.
    CollectionSize,
    /// 18, never viewed last.
    LastViewedTime,
    /// 19
    ArchivedTime,
    /// 20, hexadecimal digits.
    Hash,
    /// 21, none last in both directions.
    PixelHash,
    /// 22, none last in both directions.
    Blurhash,
    /// 23, average colour, as the four below: none last in both directions.
    ColourLightness,
    /// 24
    ColourChroma,
    /// 25
    ColourGreenRed,
    /// 26
    ColourBlueYellow,
    /// 27
    ColourHue,
}

impl Sort {
    /// All, each at the place of its number.
    pub const ALL: [Sort; 28] = [
        Sort::Size,
        Sort::Duration,
        Sort::ImportTime,
        Sort::Filetype,
        Sort::Random,
        Sort::Width,
        Sort::Height,
        Sort::Ratio,
        Sort::Pixels,
        Sort::TagCount,
        Sort::MediaViews,
        Sort::MediaViewtime,
        Sort::Bitrate,
        Sort::HasAudio,
        Sort::ModifiedTime,
        Sort::Framerate,
        Sort::Frames,
        Sort::CollectionSize,
        Sort::LastViewedTime,
        Sort::ArchivedTime,
        Sort::Hash,
        Sort::PixelHash,
        Sort::Blurhash,
        Sort::ColourLightness,
        Sort::ColourChroma,
        Sort::ColourGreenRed,
        Sort::ColourBlueYellow,
        Sort::ColourHue,
    ];

    /// The sort of a number (`file_sort_type`); `None` for numbers that mean none.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Sort> {
        Sort::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Whether a limit takes the first files in this order, rather than any.
    #[must_use]
    pub fn is_limiting(self) -> bool {
        !matches!(self, Sort::Filetype | Sort::TagCount | Sort::HasAudio | Sort::CollectionSize)
    }
}

/// Drops what a later predicate of the same terms replaces: a search has one smallest and one
/// greatest size, number of pixels, tag as number and ratio, one earliest and latest moment of each
/// kind, one answer for each flag, and one question each about looks and the best of a group.
/// The last given wins, as `> 5 kB` and then `> 100 B` comes down to the latter.
pub fn keep_last_bounds(terms: &mut Vec<Term>) {
    let mut taken: Vec<Bound> = Vec::new();
    let mut index = terms.len();
    while index > 0 {
        index -= 1;
        let bounds = match &mut terms[index] {
            Term::System(predicate) => {
                open_replaced_times(predicate, &taken);
                open_replaced_number(predicate, &taken);
                bounds_of(predicate)
            }
            Term::Tag(_) | Term::Pattern(_) | Term::Not(_) | Term::Or(_) | Term::And(_) => continue,
        };
        if !bounds.is_empty() && bounds.iter().all(|bound| taken.contains(bound)) {
            terms.remove(index);
        } else {
            taken.extend(bounds);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Quantity(Quantity, Side),
    TagNumber(Side),
    Ratio(Side),
    Time(TimeKind, Side),
    Flag(Flag),
    BestOfGroup,
    SimilarFiles,
    SimilarData,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Low,
    High,
    Exactly,
    Not,
}

fn bounds_of(predicate: &SystemPredicate) -> Vec<Bound> {
    match predicate {
        SystemPredicate::Number {
            quantity: quantity @ (Quantity::Size | Quantity::Pixels),
            test,
        } => sides(test).iter().map(|side| Bound::Quantity(*quantity, *side)).collect(),
        SystemPredicate::TagNumber { test, .. } => {
            sides(test).iter().map(|side| Bound::TagNumber(*side)).collect()
        }
        SystemPredicate::Flag { flag, .. } => vec![Bound::Flag(*flag)],
        SystemPredicate::BestOfGroup(_) => vec![Bound::BestOfGroup],
        SystemPredicate::SimilarFiles { .. } => vec![Bound::SimilarFiles],
        SystemPredicate::SimilarData { .. } => vec![Bound::SimilarData],
        SystemPredicate::Ratio(test) => {
            let sides: &[Side] = match test.op {
                RatioOp::WiderThan => &[Side::Low],
                RatioOp::TallerThan => &[Side::High],
                RatioOp::Equal => &[Side::Exactly],
                RatioOp::About => &[Side::Low, Side::High],
            };
            sides.iter().map(|side| Bound::Ratio(*side)).collect()
        }
        SystemPredicate::Time { kind, test } => {
            if test.op == NumberOp::NotEqual {
                return vec![Bound::Time(*kind, Side::Not)];
            }
            let low = test.since_ms.map(|_| Bound::Time(*kind, Side::Low));
            let high = test.until_ms.map(|_| Bound::Time(*kind, Side::High));
            low.into_iter().chain(high).collect()
        }
        _ => Vec::new(),
    }
}

fn sides(test: &NumberTest) -> &'static [Side] {
    match test.op {
        NumberOp::Less | NumberOp::LessOrEqual => &[Side::High],
        NumberOp::Greater | NumberOp::GreaterOrEqual => &[Side::Low],
        NumberOp::Equal => &[Side::Exactly],
        NumberOp::NotEqual => &[Side::Not],
        NumberOp::About => &[Side::Low, Side::High],
    }
}

/// Of a number that is about so much, a later predicate may replace one end only.
fn open_replaced_number(predicate: &mut SystemPredicate, taken: &[Bound]) {
    let [low, high] = match bounds_of(predicate).as_slice() {
        [low, high] => [taken.contains(low), taken.contains(high)],
        _ => return,
    };
    let (SystemPredicate::Number { test, .. } | SystemPredicate::TagNumber { test, .. }) =
        predicate
    else {
        return;
    };
    let (least, greatest) = test.about_bounds();
    match (low, high) {
        (true, false) => *test = NumberTest::new(test.rule, NumberOp::Less, greatest),
        (false, true) => *test = NumberTest::new(test.rule, NumberOp::Greater, least),
        (true, true) | (false, false) => {}
    }
}

/// Of a span of time, a later predicate may replace one end only.
fn open_replaced_times(predicate: &mut SystemPredicate, taken: &[Bound]) {
    let SystemPredicate::Time { kind, test } = predicate else { return };
    let (low, high) = (Bound::Time(*kind, Side::Low), Bound::Time(*kind, Side::High));
    let has_both = test.since_ms.is_some() && test.until_ms.is_some();
    if !has_both || test.op == NumberOp::NotEqual {
        return;
    }
    match (taken.contains(&low), taken.contains(&high)) {
        (true, false) => test.since_ms = None,
        (false, true) => test.until_ms = None,
        (true, true) | (false, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::number_test::NumberRule;
    use crate::model::time_test::TimeTest;

    fn size(op: NumberOp, value: i64) -> Term {
        let test = NumberTest::new(NumberRule::Size, op, value);
        Term::System(SystemPredicate::Number { quantity: Quantity::Size, test })
    }

    fn imported(op: NumberOp, age_ms: i64) -> Term {
        let test = TimeTest::age(op, age_ms, 10_000);
        Term::System(SystemPredicate::Time { kind: TimeKind::Imported, test })
    }

    #[track_caller]
    fn check(mut terms: Vec<Term>, expected: &[Term]) {
        keep_last_bounds(&mut terms);
        assert_eq!(terms, expected);
    }

    #[test]
    fn sorts_are_at_the_place_of_their_number() {
        for (number, sort) in (0..).zip(Sort::ALL) {
            assert_eq!(Sort::from_number(number), Some(sort));
            assert_eq!(sort as i64, number);
        }
        assert_eq!(Sort::from_number(28), None);
        assert_eq!(Sort::from_number(-1), None);
    }

    #[test]
    fn the_last_bound_wins() {
        use NumberOp::*;
        check(vec![size(Greater, 5000), size(Greater, 100)], &[size(Greater, 100)]);
        let both = [size(Greater, 5), size(Less, 100)];
        check(both.to_vec(), &both);
        check(vec![size(About, 100), size(Less, 900)], &[size(Greater, 85), size(Less, 900)]);
        check(vec![size(About, 100), size(Greater, 9)], &[size(Less, 114), size(Greater, 9)]);
        check(vec![size(Less, 9), size(About, 5)], &[size(About, 5)]);
        check(vec![imported(Less, 50), imported(Less, 70)], &[imported(Less, 70)]);
    }

    #[test]
    fn a_later_end_replaces_one_end_of_a_span() {
        let mut terms = vec![imported(NumberOp::About, 1000), imported(NumberOp::Less, 5000)];
        keep_last_bounds(&mut terms);
        let Term::System(SystemPredicate::Time { test, .. }) = &terms[0] else {
            panic!("the span stays")
        };
        assert_eq!((test.since_ms, test.until_ms), (None, Some(9150)));
        assert_eq!(terms.len(), 2);
    }

    #[test]
    fn one_answer_for_each_flag() {
        let flag = |wanted| Term::System(SystemPredicate::Flag { flag: Flag::Audio, wanted });
        check(vec![flag(true), flag(false)], &[flag(false)]);
    }

    #[test]
    fn other_predicates_all_apply() {
        let terms = vec![
            Term::System(SystemPredicate::Limit(5)),
            Term::System(SystemPredicate::Limit(3)),
            Term::System(SystemPredicate::Inbox),
        ];
        check(terms.clone(), &terms);
    }
}
