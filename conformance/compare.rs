//! Comparing an answer with what a case expects, and writing an answer down as an expectation.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How many differences of one answer are shown.
const DIFFERENCES_MAX: usize = 20;
/// The member, or last item, that allows whatever else there is.
const MORE: &str = "[more]";

/// Values captured so far, by name.
pub(crate) type Captures = BTreeMap<String, Value>;

/// Every place where `got` is not what `expected` says, one line each. What `[capture name]`
/// stands for is noted in `captures`. A list named in `unordered` (by the last member on the way
/// to it) may come in any order.
pub(crate) fn differences(
    expected: &Value,
    got: &Value,
    unordered: &[String],
    captures: &mut Captures,
) -> Vec<String> {
    let mut walk = Walk { unordered, captures, found: Vec::new() };
    walk.value(&mut Vec::new(), expected, got);
    walk.found
}

struct Walk<'a> {
    unordered: &'a [String],
    captures: &'a mut Captures,
    found: Vec<String>,
}

impl Walk<'_> {
    fn differ(&mut self, path: &[String], expected: &str, got: &str) {
        if self.found.len() < DIFFERENCES_MAX {
            let path = if path.is_empty() { "(body)".to_owned() } else { path.join(".") };
            self.found.push(format!("{path}\n    - {expected}\n    + {got}"));
        }
    }

    fn value(&mut self, path: &mut Vec<String>, expected: &Value, got: &Value) {
        match (expected, got) {
            (Value::String(text), got) if is_placeholder(text) => {
                if let Some(name) = text.strip_prefix("[capture ") {
                    let name = name.trim_end_matches(']').trim().to_owned();
                    self.captures.insert(name, got.clone());
                } else if !fits(text, got) {
                    self.differ(path, text, &short(got));
                }
            }
            (Value::Object(expected), Value::Object(got)) => self.members(path, expected, got),
            (Value::Array(expected), Value::Array(got)) => self.items(path, expected, got),
            (expected, got) if equal(expected, got) => {}
            (expected, got) => self.differ(path, &short(expected), &short(got)),
        }
    }

    fn members(
        &mut self,
        path: &mut Vec<String>,
        expected: &Map<String, Value>,
        got: &Map<String, Value>,
    ) {
        for (key, value) in expected.iter().filter(|(key, _)| *key != MORE) {
            path.push(key.clone());
            match got.get(key) {
                None => self.differ(path, &short(value), "(absent)"),
                Some(other) => self.value(path, value, other),
            }
            path.pop();
        }
        let closed = !expected.contains_key(MORE);
        for (key, value) in got.iter().filter(|(key, _)| closed && !expected.contains_key(*key)) {
            path.push(key.clone());
            self.differ(path, "(absent)", &short(value));
            path.pop();
        }
    }

    fn items(&mut self, path: &mut Vec<String>, expected: &[Value], got: &[Value]) {
        let open = expected.last().is_some_and(|item| item == MORE);
        let expected = if open { &expected[..expected.len() - 1] } else { expected };
        let name = path.iter().rev().find(|part| part.parse::<usize>().is_err());
        if name.is_some_and(|name| self.unordered.contains(name)) {
            self.bag(path, expected, got, open);
            return;
        }
        if expected.len() > got.len() || (!open && expected.len() < got.len()) {
            let (left, right) = (expected.len(), got.len());
            let got = short(&Value::Array(got.to_vec()));
            self.differ(path, &format!("{left} items"), &format!("{right} items: {got}"));
            return;
        }
        for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
            path.push(index.to_string());
            self.value(path, expected, got);
            path.pop();
        }
    }

    fn bag(&mut self, path: &mut Vec<String>, expected: &[Value], got: &[Value], open: bool) {
        let mut rest: Vec<&Value> = got.iter().collect();
        for item in expected {
            let at = rest.iter().position(|other| {
                differences(item, other, self.unordered, &mut Captures::new()).is_empty()
            });
            match at {
                None => self.differ(path, &short(item), "(no such item)"),
                // Once more for what it captures.
                Some(at) => self.value(path, item, rest.remove(at)),
            }
        }
        for other in rest.iter().filter(|_| !open) {
            self.differ(path, "(no such item)", &short(other));
        }
    }
}

/// Integers equal integers only; numbers with a fraction allow for rounding.
fn equal(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(left), Value::Number(right)) if left.is_f64() => {
            let close =
                |left: f64, right: f64| (left - right).abs() <= (left.abs() * 1e-9).max(1e-9);
            matches!((left.as_f64(), right.as_f64()), (Some(l), Some(r)) if close(l, r))
        }
        (expected, got) => expected == got,
    }
}

fn is_placeholder(text: &str) -> bool {
    matches!(
        text,
        "[any]"
            | "[boolean]"
            | "[hash]"
            | "[integer]"
            | "[number]"
            | "[string]"
            | "[time]"
            | "[timestamp]"
    ) || (text.ends_with(']') && (text.starts_with("[capture ") || text.starts_with("[starts ")))
}

fn fits(placeholder: &str, got: &Value) -> bool {
    let text = got.as_str().unwrap_or_default();
    if let Some(beginning) = placeholder.strip_prefix("[starts ") {
        return text.starts_with(beginning.trim_end_matches(']'));
    }
    match placeholder {
        "[boolean]" => got.is_boolean(),
        "[hash]" => text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "[integer]" => got.is_i64() || got.is_u64(),
        "[number]" => got.is_number(),
        "[string]" => !text.is_empty(),
        // 2024-01-31T12:00:00Z or with an offset: what GraphQL's Time and Timestamp look like.
        "[time]" => {
            text.len() >= 20 && text.as_bytes()[10] == b'T' && text[..4].parse::<u16>().is_ok()
        }
        "[timestamp]" => got.as_f64().is_some_and(|seconds| seconds > 1.5e9),
        _ => true,
    }
}

/// The answer as a new expectation: placeholders that still fit stay.
pub(crate) fn merged(expected: &Value, got: &Value) -> Value {
    match (expected, got) {
        (Value::String(text), got) if is_placeholder(text) && fits(text, got) => expected.clone(),
        (Value::Object(expected), Value::Object(got)) => {
            let member = |(key, value): (&String, &Value)| {
                let known = expected.get(key);
                (key.clone(), known.map_or_else(|| value.clone(), |known| merged(known, value)))
            };
            let open = expected.get(MORE).map(|mark| (MORE.to_owned(), mark.clone()));
            let kept = got.iter().filter(|(key, _)| open.is_none() || expected.contains_key(*key));
            kept.map(member).chain(open.clone()).collect()
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            expected.iter().zip(got).map(|(expected, got)| merged(expected, got)).collect()
        }
        (_, got) => got.clone(),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let count = text.chars().count();
    if count <= 300 {
        return text;
    }
    format!("{}… ({count} characters)", text.chars().take(280).collect::<String>())
}
