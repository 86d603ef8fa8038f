//! The text form of system predicates: `system:width > 1000`, `system:has note named log`, ...
//!
//! [`parse`] is the whole of it. A predicate is a name, then perhaps an operator, a value and a
//! unit; the names are tried in the fixed order of [`rows::ROWS`], and the first that fits
//! decides. Whatever is left over at the end is an error, so that a misspelt condition never
//! widens a search in silence.
//!
//! Letters' case means nothing in names, operators and units, but is kept in URLs, regular
//! expressions and names of notes.

mod filetypes;
mod ratings;
mod rows;
mod scan;
mod tags;
mod times;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

use super::ids::ServiceId;
use super::predicate::{RatingKind, SystemPredicate};
pub use filetypes::filetype_numbers;
use scan::Scan;

/// What a system predicate's text can refer to.
#[derive(Clone, Debug)]
pub struct ParseContext {
    /// The moment that ages count back from.
    pub now_ms: i64,
    /// The calendar that dates are meant in.
    pub zone: TimeZone,
    /// Every rating service.
    pub rating_services: Vec<RatingService>,
    /// Every tag service that a search may name.
    pub tag_services: Vec<NamedService>,
    /// Every file domain.
    pub file_services: Vec<NamedService>,
    /// The names of the URL classes.
    pub url_classes: Vec<String>,
}

impl ParseContext {
    /// A context in which nothing has a name.
    #[must_use]
    pub fn bare(now_ms: i64, zone: TimeZone) -> ParseContext {
        ParseContext {
            now_ms,
            zone,
            rating_services: Vec::new(),
            tag_services: Vec::new(),
            file_services: Vec::new(),
            url_classes: Vec::new(),
        }
    }
}

/// A service and what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedService {
    /// Which.
    pub id: ServiceId,
    /// Compared without regard to case.
    pub name: String,
}

/// A rating service and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatingService {
    /// Which.
    pub id: ServiceId,
    /// Compared without regard to case.
    pub name: String,
    /// What its ratings are.
    pub kind: RatingKind,
}

/// Why a text is no system predicate.
type Refusal = &'static str;

const NO_NAME: Refusal = "no predicate has this name";
const NO_OPERATOR: Refusal = "the operator is missing or not allowed here";
const NO_VALUE: Refusal = "the value is missing or not understood";
const NO_UNIT: Refusal = "the unit is missing or not understood";
const NO_SERVICE: Refusal = "there is no service of this name";
const NO_URL_CLASS: Refusal = "there is no URL class of this name";
const LEFT_OVER: Refusal = "there is more text than the predicate needs";

/// Understands a text that begins with `system:`, in any case and with space around it.
///
/// # Errors
/// Says in words for people what is wrong with it.
pub fn parse(text: &str, context: &ParseContext) -> Result<SystemPredicate, String> {
    const PREFIX: &str = "system:";
    let text = text.trim();
    let body = match text.get(..PREFIX.len()) {
        Some(head) if head.eq_ignore_ascii_case(PREFIX) => &text[PREFIX.len()..],
        _ => return Err("a system predicate begins with system:".to_owned()),
    };
    let refuse = |why: Refusal| format!("{why}: {text:?}");
    let (row, captures) = rows::find(body).ok_or_else(|| refuse(NO_NAME))?;
    let mut scan = Scan::new(&body[captures.value_at..]);
    let predicate = (row.read)(&mut scan, &captures, context).map_err(refuse)?;
    if scan.rest().is_empty() { Ok(predicate) } else { Err(refuse(LEFT_OVER)) }
}
