//! Searches of all known files: which terms name files by themselves.
//!
//! Nothing lists all files that were ever heard of, so such a search begins with the files that
//! have tags, unless a term leads to files directly: then those are looked at, tagged or not.

use crate::model::number_test::{NumberOp, NumberTest};
use crate::model::predicate::{Flag, Quantity, RatingTest, RatingsJoin, SystemPredicate, TimeKind};
use crate::model::query::Term;

/// Whether a term leads to the files that fulfil it.
pub(super) fn names_files(term: &Term) -> bool {
    match term {
        Term::Tag(_) | Term::Pattern(_) => true,
        Term::Not(_) => false,
        Term::Or(terms) => terms.iter().all(names_files),
        Term::And(terms) => terms.iter().any(names_files),
        Term::System(predicate) => predicate_names_files(predicate),
    }
}

fn predicate_names_files(predicate: &SystemPredicate) -> bool {
    use SystemPredicate as P;
    match predicate {
        P::Inbox | P::SimilarFiles { .. } | P::SimilarData { .. } => true,
        P::Hash { wanted, .. } => *wanted,
        P::HasTag(question) => question.wanted,
        P::Time { kind, test } => *kind != TimeKind::Imported && test.op != NumberOp::NotEqual,
        P::Views { test, .. } | P::Viewtime { test, .. } | P::Relationships { test, .. } => {
            !includes_zero(test)
        }
        P::Rating { test, .. } => match test {
            RatingTest::Unrated => false,
            RatingTest::Count(test) => !includes_zero(test),
            RatingTest::Rated | RatingTest::Value { .. } => true,
        },
        P::Ratings(test) => test.rated || test.join == RatingsJoin::Only,
        _ => false,
    }
}

/// Files that were never counted may pass, and those cannot be listed.
fn includes_zero(test: &NumberTest) -> bool {
    test.op == NumberOp::Less
        || (test.value == 0 && matches!(test.op, NumberOp::Equal | NumberOp::About))
}

/// Whether a term asks for what is known of a file's bytes.
pub(super) fn is_files_info(term: &Term) -> bool {
    let Term::System(predicate) = term else { return false };
    match predicate {
        SystemPredicate::Number { quantity, .. } => {
            !matches!(quantity, Quantity::Notes | Quantity::Urls)
        }
        SystemPredicate::Ratio(_) | SystemPredicate::Filetype { .. } => true,
        SystemPredicate::Flag { flag, .. } => matches!(flag, Flag::Audio | Flag::ForcedFiletype),
        _ => false,
    }
}
