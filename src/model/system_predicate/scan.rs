//! Reading a predicate from left to right: operators, numbers, units, lists.

use std::sync::LazyLock;

use regex::Regex;

use super::{NO_OPERATOR, NO_UNIT, NO_VALUE, Refusal};
use crate::model::number_test::NumberOp;

/// What is still to be read of a text. Space at its beginning is never seen.
pub(super) struct Scan<'a> {
    rest: &'a str,
}

/// Spellings of operators, in the order they are tried: longer ones first.
type Spellings = &'static [(&'static str, NumberOp)];

/// Operators of most numbers.
pub(super) const NUMBER: Spellings = &[
    ("less than or equal to", NumberOp::LessOrEqual),
    ("fewer than or equal to", NumberOp::LessOrEqual),
    ("more than or equal to", NumberOp::GreaterOrEqual),
    ("greater than or equal to", NumberOp::GreaterOrEqual),
    ("greater than", NumberOp::Greater),
    ("fewer than", NumberOp::Less),
    ("less than", NumberOp::Less),
    ("more than", NumberOp::Greater),
    ("is about", NumberOp::About),
    ("about", NumberOp::About),
    ("is not", NumberOp::NotEqual),
    ("isn't", NumberOp::NotEqual),
    ("!=", NumberOp::NotEqual),
    ("≠", NumberOp::NotEqual),
    ("<=", NumberOp::LessOrEqual),
    ("≤", NumberOp::LessOrEqual),
    (">=", NumberOp::GreaterOrEqual),
    ("≥", NumberOp::GreaterOrEqual),
    ("~=", NumberOp::About),
    ("≈", NumberOp::About),
    ("==", NumberOp::Equal),
    ("=", NumberOp::Equal),
    ("is", NumberOp::Equal),
    ("<", NumberOp::Less),
    (">", NumberOp::Greater),
];

/// Operators of numbers that know fewer words.
pub(super) const RELATION: Spellings = &[
    ("is not", NumberOp::NotEqual),
    ("isn't", NumberOp::NotEqual),
    ("!=", NumberOp::NotEqual),
    ("≠", NumberOp::NotEqual),
    ("~=", NumberOp::About),
    ("≈", NumberOp::About),
    ("==", NumberOp::Equal),
    ("=", NumberOp::Equal),
    ("is", NumberOp::Equal),
    ("<", NumberOp::Less),
    (">", NumberOp::Greater),
];

/// Operators of numbers of notes.
pub(super) const RELATION_EXACT: Spellings = &[
    ("==", NumberOp::Equal),
    ("=", NumberOp::Equal),
    ("is", NumberOp::Equal),
    ("<", NumberOp::Less),
    (">", NumberOp::Greater),
];

/// Operators of lists.
pub(super) const EQUALITY: Spellings = &[
    ("is not", NumberOp::NotEqual),
    ("isn't", NumberOp::NotEqual),
    ("!=", NumberOp::NotEqual),
    ("≠", NumberOp::NotEqual),
    ("==", NumberOp::Equal),
    ("=", NumberOp::Equal),
    ("is", NumberOp::Equal),
];

/// The operator of a limit.
pub(super) const ONLY_EQUAL: Spellings =
    &[("==", NumberOp::Equal), ("=", NumberOp::Equal), ("is", NumberOp::Equal)];

/// Names of units, longer ones first, with what one of them counts.
pub(super) type Units = &'static [(&'static str, i64)];

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Scan<'a> {
        Scan { rest: text.trim() }
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Reads everything that is left.
    pub(super) fn take_rest(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// Reads everything that is left; nothing left is no value.
    pub(super) fn text(&mut self) -> Result<&'a str, Refusal> {
        if self.rest.is_empty() { Err(NO_VALUE) } else { Ok(self.take_rest()) }
    }

    /// Reads this word or sign, if it is next; its spaces stand for any space or underscores.
    pub(super) fn take(&mut self, spelling: &str) -> bool {
        let Some(after) = after_spelling(self.rest, spelling) else { return false };
        self.rest = after.trim_start();
        true
    }

    /// As [`Scan::take`], but only if no letter or digit follows.
    pub(super) fn take_word(&mut self, spelling: &str) -> bool {
        match after_spelling(self.rest, spelling) {
            Some(after) if !after.starts_with(|sign: char| sign.is_alphanumeric()) => {
                self.rest = after.trim_start();
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn operator(&mut self, spellings: Spellings) -> Result<NumberOp, Refusal> {
        spellings
            .iter()
            .find(|(spelling, _)| self.take(spelling))
            .map(|(_, op)| *op)
            .ok_or(NO_OPERATOR)
    }

    /// Reads an operator and what it compares with; or the words `has ...`, which mean above 0,
    /// or `no ...`, which mean 0.
    pub(super) fn comparison(
        &mut self,
        spellings: Spellings,
        value: impl FnOnce(&mut Scan<'a>) -> Result<i64, Refusal>,
    ) -> Result<(NumberOp, i64), Refusal> {
        if let Ok(op) = self.operator(spellings) {
            return Ok((op, value(self)?));
        }
        let op = if self.take_word("has") {
            NumberOp::Greater
        } else if self.take_word("no") {
            NumberOp::Equal
        } else {
            return Err(NO_OPERATOR);
        };
        self.take_rest();
        Ok((op, 0))
    }

    /// Reads digits, with or without commas between them.
    pub(super) fn natural(&mut self) -> Result<i64, Refusal> {
        if !self.rest.starts_with(|sign: char| sign.is_ascii_digit()) {
            return Err(NO_VALUE);
        }
        let end = self
            .rest
            .find(|sign: char| !sign.is_ascii_digit() && sign != ',')
            .unwrap_or(self.rest.len());
        let value = self.rest[..end].replace(',', "").parse().map_err(|_| NO_VALUE)?;
        self.rest = self.rest[end..].trim_start();
        Ok(value)
    }

    /// Reads a number with perhaps a fraction and then one of the units, and multiplies them.
    pub(super) fn measure(&mut self, units: Units) -> Result<i64, Refusal> {
        let whole = self.natural()?;
        let mut fraction = 0.0;
        if let Some(after) = self.rest.strip_prefix('.') {
            let digits: &str =
                &after[..after.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(after.len())];
            if digits.is_empty() {
                return Err(NO_VALUE);
            }
            fraction = format!("0.{digits}").parse().map_err(|_| NO_VALUE)?;
            self.rest = after[digits.len()..].trim_start();
        }
        let unit = self.unit(units)?;
        let part = (fraction * unit as f64).round() as i64;
        whole.checked_mul(unit).and_then(|sum| sum.checked_add(part)).ok_or(NO_VALUE)
    }

    /// Reads one of the units.
    pub(super) fn unit(&mut self, units: Units) -> Result<i64, Refusal> {
        units
            .iter()
            .find(|(name, _)| self.take_word(name))
            .map(|(_, factor)| *factor)
            .ok_or(NO_UNIT)
    }

    /// Reads a length of time: whole numbers, each with a unit of its group, the groups in order,
    /// any of them left out but not all.
    pub(super) fn span(&mut self, groups: &[(&[&str], i64)]) -> Result<i64, Refusal> {
        let mut sum: Option<i64> = None;
        for (names, factor) in groups {
            let Some((count, after)) = whole_number(self.rest) else { break };
            let mut ahead = Scan::new(after);
            if names.iter().any(|name| ahead.take_word(name)) {
                let part = count.checked_mul(*factor).ok_or(NO_VALUE)?;
                sum = Some(sum.unwrap_or(0).checked_add(part).ok_or(NO_VALUE)?);
                self.rest = ahead.rest;
            }
        }
        sum.ok_or(NO_VALUE)
    }

    /// Reads words of hexadecimal digits, of at least so many each, between commas and spaces.
    pub(super) fn hashes(&mut self, digits_min: usize) -> Result<Vec<String>, Refusal> {
        let mut hashes = Vec::new();
        loop {
            let end = self.rest.find([' ', ',', '\t', '\n']).unwrap_or(self.rest.len());
            let word = &self.rest[..end];
            if word.len() < digits_min || !word.bytes().all(|sign| sign.is_ascii_hexdigit()) {
                break;
            }
            hashes.push(word.to_ascii_lowercase());
            self.rest = self.rest[end..].trim_start_matches([' ', ',', '\t', '\n']);
        }
        if hashes.is_empty() { Err(NO_VALUE) } else { Ok(hashes) }
    }
}

/// A number without leading zeros, and what follows it.
fn whole_number(text: &str) -> Option<(i64, &str)> {
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^(?:0|[1-9][0-9]*)").expect("the pattern is sound"));
    let found = NUMBER.find(text)?;
    Some((found.as_str().parse().ok()?, &text[found.end()..]))
}

fn after_spelling<'a>(text: &'a str, spelling: &str) -> Option<&'a str> {
    let mut rest = text;
    for (index, word) in spelling.split(' ').enumerate() {
        if index > 0 {
            let after = rest.trim_start_matches([' ', '_', '\t']);
            if after.len() == rest.len() {
                return None;
            }
            rest = after;
        }
        let head = rest.get(..word.len())?;
        if !head.eq_ignore_ascii_case(word) {
            return None;
        }
        rest = &rest[word.len()..];
    }
    Some(rest)
}

/// One pattern for all spellings of some operators, tried in their order.
pub(super) fn alternatives(spellings: &[(&str, NumberOp)]) -> String {
    let all: Vec<String> = spellings
        .iter()
        .map(|(spelling, _)| regex::escape(spelling).replace(' ', r"[ _]+"))
        .collect();
    format!("(?:{})", all.join("|"))
}
