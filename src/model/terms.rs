//! Search terms as Hydrus clients write them: strings, and lists in which any may fit.

use serde_json::Value;

use super::query::{Term, keep_last_bounds};
use super::system_predicate::{self, ParseContext};
use super::tag::Tag;
use super::tag_filter::TagFilter;
use super::tag_pattern::TagPattern;

/// Lists may be nested this deep.
pub const DEPTH_MAX: usize = 16;

/// A list of terms that cannot be searched for. The words are those of the Client API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerm {
    /// Nothing is left of a tag.
    #[error("Could not understand the tag: \"{0}\"")]
    Tag(String),
    /// A text that begins with `system:` but means nothing.
    #[error("Could not parse system predicate \"{text}\"!")]
    System {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Lists in lists in lists.
    #[error("The search terms are nested too deeply!")]
    Depth,
}

/// Reads a list of terms; all of them must be fulfilled, but for those that a later one replaces.
/// What is neither text nor list is left out. A list in which nothing stands is fulfilled by nothing.
///
/// # Errors
/// On the first text that means nothing.
pub fn parse(terms: &[Value], context: &ParseContext) -> Result<Vec<Term>, InvalidTerm> {
    let mut terms = parse_list(terms, context, 0)?;
    keep_last_bounds(&mut terms);
    Ok(terms)
}

fn parse_list(
    terms: &[Value],
    context: &ParseContext,
    depth: usize,
) -> Result<Vec<Term>, InvalidTerm> {
    if depth > DEPTH_MAX {
        return Err(InvalidTerm::Depth);
    }
    let mut parsed = Vec::with_capacity(terms.len());
    for term in terms {
        match term {
            Value::String(text) => parsed.push(parse_text(text, context)?),
            Value::Array(list) => {
                parsed.push(Term::Or(parse_list(list, context, depth + 1)?));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
        }
    }
    Ok(parsed)
}

/// Reads one text: a system predicate, a tag, a pattern, or with a leading hyphen not that.
///
/// # Errors
/// When it means nothing.
pub fn parse_text(text: &str, context: &ParseContext) -> Result<Term, InvalidTerm> {
    if text.starts_with("system:") {
        return system_predicate::parse(text, context)
            .map(Term::System)
            .map_err(|why| InvalidTerm::System { text: text.to_owned(), why });
    }
    // The hyphen goes in cleaning, and hides the colon of `-:)`: what is left of that is `)`.
    let is_wanted = !text.starts_with('-');
    let tag = Tag::clean(text).ok_or_else(|| InvalidTerm::Tag(text.to_owned()))?;
    let term = match TagPattern::parse(tag.as_str()) {
        Some(pattern) => Term::Pattern(pattern),
        None => Term::Tag(tag),
    };
    Ok(if is_wanted { term } else { Term::Not(Box::new(term)) })
}

/// Why a key with a tag filter may not do a search.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefusal {
    /// None of the tags asked for is allowed.
    #[error("You do not have permission to do this search. Your tag search permissions are: {0}")]
    Tags(String),
    /// Only negated tags are asked for.
    #[error("You do not have permission to search for negated tags alone.")]
    Negated,
    /// Only system predicates are asked for.
    #[error("You do not have permission to search for system predicates alone.")]
    System,
    /// Only lists are asked for.
    #[error("You do not have permission to search for lists of terms alone.")]
    Or,
    /// Only patterns are asked for.
    #[error(
        "You do not have permission to do this search. Please add a regular tag to your search."
    )]
    Pattern,
}

/// Whether a key with this filter may search for these terms: at least one tag or pattern among
/// them must be allowed, and at least one must be a plain tag. The filter says nothing about the
/// other terms, which can only narrow the search.
///
/// # Errors
/// When it may not.
pub fn permit(terms: &[Term], filter: &TagFilter) -> Result<(), SearchRefusal> {
    if filter.allows_all() || terms.is_empty() {
        return Ok(());
    }
    let allowed = |term: &Term| match term {
        Term::Tag(tag) => Some(filter.allows(tag)),
        Term::Pattern(pattern) => {
            let example = Tag::from_parts(&pattern.namespace_text(), "*");
            Some(example.is_none_or(|example| filter.allows(&example)))
        }
        Term::System(_) | Term::Not(_) | Term::Or(_) | Term::And(_) => None,
    };
    let inclusive: Vec<bool> = terms.iter().filter_map(allowed).collect();
    if !inclusive.is_empty() && !inclusive.contains(&true) {
        return Err(SearchRefusal::Tags(filter.describe()));
    }
    if terms.iter().any(|term| matches!(term, Term::Tag(_))) {
        return Ok(());
    }
    if !inclusive.is_empty() {
        return Err(SearchRefusal::Pattern);
    }
    if terms.iter().any(|term| matches!(term, Term::Not(_))) {
        return Err(SearchRefusal::Negated);
    }
    if terms.iter().any(|term| matches!(term, Term::System(_))) {
        return Err(SearchRefusal::System);
    }
    Err(SearchRefusal::Or)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::model::predicate::SystemPredicate;

    fn terms(list: Value) -> Result<Vec<Term>, InvalidTerm> {
        let Value::Array(list) = list else { panic!("a list") };
        parse(&list, &ParseContext::bare(0, TimeZone::UTC))
    }

    fn tag(text: &str) -> Term {
        Term::Tag(Tag::clean(text).expect("a tag"))
    }

    #[test]
    fn strings_are_tags_patterns_and_predicates() {
        let parsed = terms(json!(["Blue  Tit", "-species:robin", "system:inbox", "sp*"]));
        let pattern = TagPattern::parse("sp*").expect("a pattern");
        assert_eq!(
            parsed,
            Ok(vec![
                tag("blue tit"),
                Term::Not(Box::new(tag("species:robin"))),
                Term::System(SystemPredicate::Inbox),
                Term::Pattern(pattern),
            ])
        );
    }

    #[test]
    fn only_the_exact_prefix_makes_a_system_predicate() {
        assert_eq!(terms(json!(["System:inbox"])), Ok(vec![tag("inbox")]));
        assert_eq!(terms(json!([" system:inbox"])), Ok(vec![tag("inbox")]));
        let not = |text| Ok(vec![Term::Not(Box::new(tag(text)))]);
        assert_eq!(terms(json!(["-system:inbox"])), not("inbox"));
        assert_eq!(terms(json!(["-:)"])), not(")"));
        assert_eq!(terms(json!(["--robin"])), not("robin"));
    }

    #[test]
    fn lists_are_alternatives() {
        let or = Term::Or(vec![tag("a"), Term::Or(vec![tag("b")])]);
        assert_eq!(terms(json!([["a", 5, ["b"], null]])), Ok(vec![or]));
        let nothing = || Term::Or(Vec::new());
        assert_eq!(terms(json!([[], [[]]])), Ok(vec![nothing(), Term::Or(vec![nothing()])]));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refused = |list| terms(list).expect_err("refused").to_string();
        assert_eq!(refused(json!(["species:"])), "Could not understand the tag: \"species:\"");
        assert_eq!(refused(json!([["-"]])), "Could not understand the tag: \"-\"");
        assert_eq!(
            refused(json!(["system:nonsense"])),
            "Could not parse system predicate \"system:nonsense\"!"
        );
        let mut deep = json!(["a"]);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert_eq!(terms(deep), Err(InvalidTerm::Depth));
    }

    #[test]
    fn a_restricted_key_needs_an_allowed_tag() {
        let filter: TagFilter =
            serde_json::from_value(json!({"blacklist": ["", ":"], "whitelist": ["shapes"]}))
                .expect("sound");
        let may = |list| permit(&terms(list).expect("terms"), &filter);
        assert_eq!(may(json!(["shapes", "robin", "-x", ["y"]])), Ok(()));
        assert_eq!(may(json!([])), Ok(()));
        assert_eq!(may(json!(["robin"])), Err(SearchRefusal::Tags("only allowing shapes".into())));
        let refused = SearchRefusal::Tags("only allowing shapes".into());
        assert_eq!(may(json!(["sha*"])), Err(refused.clone()));
        assert_eq!(may(json!(["sha*", "robin"])), Err(refused));
        assert_eq!(may(json!(["-shapes"])), Err(SearchRefusal::Negated));
        assert_eq!(may(json!(["system:inbox"])), Err(SearchRefusal::System));
        assert_eq!(may(json!([["shapes"]])), Err(SearchRefusal::Or));
    }

    #[test]
    fn a_pattern_of_an_allowed_namespace_opens_the_search_to_a_tag() {
        let filter: TagFilter =
            serde_json::from_value(json!({"blacklist": ["", ":"], "whitelist": ["species:"]}))
                .expect("sound");
        let may = |list| permit(&terms(list).expect("terms"), &filter);
        assert_eq!(may(json!(["species:*", "robin"])), Ok(()));
        assert_eq!(may(json!(["species:*"])), Err(SearchRefusal::Pattern));
        let refused = SearchRefusal::Tags("only allowing 'species' tags".into());
        assert_eq!(may(json!(["series:*", "robin"])), Err(refused));
    }
}
