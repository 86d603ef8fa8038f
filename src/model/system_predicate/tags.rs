//! Predicates about tags: how many, as numbers, and one tag with its own options.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::scan::{NUMBER, RELATION, Scan, alternatives};
use super::{NO_OPERATOR, NO_SERVICE, NO_VALUE, ParseContext, Refusal};
use crate::model::number_test::{NumberOp, NumberRule, NumberTest};
use crate::model::predicate::{NamespaceFilter, SystemPredicate, TagQuestion, TagStatus};
use crate::model::tag::Tag;

/// Has tags at all, or none.
pub(super) fn any_number(op: NumberOp) -> Result<SystemPredicate, Refusal> {
    count(NamespaceFilter::Any, op, 0)
}

/// Reads how many.
pub(super) fn number(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    let (op, value) = scan.comparison(RELATION, Scan::natural)?;
    count(NamespaceFilter::Any, op, value)
}

/// Reads a namespace, the word `tags` and how many.
pub(super) fn number_of_namespace(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?is)^(.+?)[\s_]+tags\b\s*:?\s*(.*)$").expect("the pattern is sound")
    });
    let found = PATTERN.captures(scan.text()?).ok_or(NO_VALUE)?;
    let mut number = Scan::new(found.get(2).map_or("", |part| part.as_str()));
    let (op, value) = number.comparison(RELATION, Scan::natural)?;
    if !number.rest().is_empty() {
        return Err(super::LEFT_OVER);
    }
    count(namespace(&found[1]), op, value)
}

fn count(namespace: NamespaceFilter, op: NumberOp, value: i64) -> Result<SystemPredicate, Refusal> {
    let test = NumberTest::new(NumberRule::Measure, op, value);
    Ok(SystemPredicate::TagCount { namespace, test })
}

fn namespace(text: &str) -> NamespaceFilter {
    match text.trim().to_lowercase() {
        name if name == "any namespace" => NamespaceFilter::Any,
        name if name == "unnamespaced" => NamespaceFilter::Unnamespaced,
        name => NamespaceFilter::Named(name),
    }
}

/// Reads a namespace, an operator and a whole number, possibly below 0.
pub(super) fn tag_number(scan: &mut Scan<'_>) -> Result<SystemPredicate, Refusal> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        let operators = alternatives(NUMBER);
        Regex::new(&format!(r"(?is)^(?<name>.+?)\s*(?<op>{operators})\s*(?<value>.*)$"))
            .expect("the pattern is sound")
    });
    let found = PATTERN.captures(scan.text()?).ok_or(NO_OPERATOR)?;
    let op = match Scan::new(&found["op"]).operator(NUMBER)? {
        NumberOp::Equal | NumberOp::NotEqual | NumberOp::About => NumberOp::About,
        other => other,
    };
    let value = found["value"].replace(',', "").parse().map_err(|_| NO_VALUE)?;
    let test = NumberTest::new(NumberRule::TagNumber, op, value);
    Ok(SystemPredicate::TagNumber { namespace: namespace(&found["name"]), test })
}

/// Reads options, a colon and a tag; or a tag alone.
pub(super) fn has_tag(
    scan: &mut Scan<'_>,
    wanted: bool,
    context: &ParseContext,
) -> Result<SystemPredicate, Refusal> {
    let text = scan.text()?;
    let (options, tag) = split_options(text);
    let mut question = TagQuestion {
        wanted,
        tag: Tag::clean(unquoted(tag)).ok_or(NO_VALUE)?,
        service: None,
        display: true,
        statuses: BTreeSet::new(),
    };
    for option in options.split(',') {
        read_option(option, &mut question, context)?;
    }
    if question.statuses.is_empty() {
        question.statuses = BTreeSet::from([TagStatus::Current, TagStatus::Pending]);
    }
    Ok(SystemPredicate::HasTag(question))
}

/// Options and tag. The first colon outside quotes stands between them, unless it belongs to an
/// unquoted tag with a namespace.
fn split_options(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let colon = text.char_indices().find(|&(_, sign)| {
        is_quoted ^= sign == '"';
        sign == ':' && !is_quoted
    });
    let Some((at, _)) = colon else { return ("", text) };
    let (left, right) = (&text[..at], text[at + 1..].trim());
    let words = left.to_lowercase();
    let is_options = left.trim().is_empty()
        || left.contains('"')
        || left.trim_start().starts_with(',')
        || right.starts_with('"')
        || ["siblings", "parents", "with status"].iter().any(|word| words.contains(word));
    if is_options { (left, right) } else { ("", text) }
}

/// The text between the first and the last quotes, or all of it.
fn unquoted(text: &str) -> &str {
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => &text[first + 1..last],
        _ => text,
    }
}

fn read_option(
    option: &str,
    question: &mut TagQuestion,
    context: &ParseContext,
) -> Result<(), Refusal> {
    const STATUSES: &[(&str, TagStatus)] = &[
        ("current", TagStatus::Current),
        ("pending", TagStatus::Pending),
        ("deleted", TagStatus::Deleted),
        ("petitioned", TagStatus::Petitioned),
    ];
    let option = option.to_lowercase();
    if option.contains('"') {
        let name = unquoted(&option);
        let service = context
            .tag_services
            .iter()
            .find(|service| service.name.to_lowercase() == name)
            .ok_or(NO_SERVICE)?;
        question.service = Some(service.id);
        return Ok(());
    }
    if option.contains("siblings") || option.contains("parents") {
        question.display = false;
    }
    let named = STATUSES.iter().filter(|(word, _)| option.contains(word));
    question.statuses.extend(named.map(|(_, status)| *status));
    Ok(())
}
