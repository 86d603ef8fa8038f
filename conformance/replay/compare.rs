//! When two answers are the same: placeholders, numbers, and the lists whose order means nothing.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::replay::context::{Context, is_sha256, plain};

const DIFFERENCES_MAX: usize = 40;
/// Times before the recordings were made are not "now".
const NOW_MIN: f64 = 1.5e9;
/// Clocks and rounding may run this many seconds ahead.
const NOW_SLACK: f64 = 4e5;

/// How the order of a list counts.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// By falling count; free among equal counts.
    Counted,
    Free,
    Strict,
}

#[derive(Clone)]
enum Part {
    Index(usize),
    Name(String),
}

/// One comparison of an expectation with an answer.
pub(crate) struct Comparison<'a> {
    context: &'a mut Context,
    api: &'a str,
    /// One number per result: equal numbers may come in any order among themselves.
    groups: Option<Vec<i64>>,
    path: Vec<Part>,
    pub(crate) differences: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(context: &'a mut Context, api: &'a str, groups: Option<Vec<i64>>) -> Self {
        Comparison { context, api, groups, path: Vec::new(), differences: Vec::new() }
    }

    fn differ(&mut self, expected: &str, got: &str) -> bool {
        if self.differences.len() < DIFFERENCES_MAX {
            let part = |part: &Part| match part {
                Part::Index(index) => index.to_string(),
                Part::Name(name) => name.clone(),
            };
            let path: Vec<String> = self.path.iter().map(part).collect();
            let path = if path.is_empty() { "(body)".to_owned() } else { path.join(".") };
            self.differences.push(format!("{path}: expected {expected}, got {got}"));
        }
        false
    }

    fn differ_values(&mut self, expected: &Value, got: &Value) -> bool {
        self.differ(&short(expected), &short(got))
    }

    fn within<T>(&mut self, part: Part, check: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let result = check(self);
        self.path.pop();
        result
    }

    /// Whether the answer fits the expectation; what does not is noted.
    pub(crate) fn same(&mut self, expected: &Value, got: &Value) -> bool {
        let fits = match (expected, got) {
            (Value::String(text), got) if text.starts_with('$') => self.placeholder(text, got),
            (Value::Number(left), Value::Number(right)) => match left.as_f64() {
                Some(number) if left.is_f64() => right.as_f64().is_some_and(|other| {
                    (other - number).abs() <= (number.abs() * 1e-9).max(0.0015)
                }),
                _ => left == right,
            },
            (Value::Object(expected), Value::Object(got)) => return self.members(expected, got),
            (Value::Array(expected), Value::Array(got)) => return self.items(expected, got),
            (expected, got) => expected == got,
        };
        fits || self.differ_values(expected, got)
    }

    fn members(
        &mut self,
        expected: &serde_json::Map<String, Value>,
        got: &serde_json::Map<String, Value>,
    ) -> bool {
        let mut fits = true;
        let mut known = Vec::new();
        for (key, value) in expected {
            let actual = self.context.vars.get(key).map_or_else(|| key.clone(), plain);
            fits &= self.within(Part::Name(key.clone()), |inner| match got.get(&actual) {
                None => inner.differ(&short(value), "(absent)"),
                Some(other) => inner.same(value, other),
            });
            known.push(actual);
        }
        for (key, value) in got.iter().filter(|(key, _)| !known.contains(key)) {
            fits &= self
                .within(Part::Name(key.clone()), |inner| inner.differ("(absent)", &short(value)));
        }
        fits
    }

    fn items(&mut self, expected: &[Value], got: &[Value]) -> bool {
        let last = self.path.last().map(|part| match part {
            Part::Name(name) => name.clone(),
            Part::Index(_) => String::new(),
        });
        let last = last.unwrap_or_default();
        let top = self.path.len() == 1;
        if self.groups.is_some() && top && matches!(last.as_str(), "hashes" | "file_ids") {
            return self.grouped(expected, got);
        }
        if top && last == "potential_duplicate_pairs" && self.api.ends_with("get_potential_pairs") {
            return self.pairs(expected, got);
        }
        let order = self.order(&last);
        if order != Order::Strict {
            return self.bag(expected, got, order);
        }
        if top && last == "tags" && self.api.ends_with("clean_tags") && human_equal(expected, got) {
            return true;
        }
        if expected.len() != got.len() {
            if expected.len() > 30 {
                let (left, right) = (expected.len(), got.len());
                return self.differ(&format!("{left} items"), &format!("{right} items"));
            }
            return self.differ_values(&expected.to_vec().into(), &got.to_vec().into());
        }
        let mut fits = true;
        for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
            fits &= self.within(Part::Index(index), |inner| inner.same(expected, got));
        }
        fits
    }

    /// Which lists carry no meaning in their order, by endpoint and place.
    fn order(&self, last: &str) -> Order {
        let named = self.path.iter().any(|part| matches!(part, Part::Name(_)));
        let name = self.path.iter().rev().find_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Index(_) => None,
        });
        let name = name.unwrap_or(last);
        let below = |wanted: &[&str]| {
            self.path
                .iter()
                .any(|part| matches!(part, Part::Name(name) if wanted.contains(&name.as_str())))
        };
        let free = match self.api.rsplit('/').next().unwrap_or_default() {
            "get_page_info" => {
                matches!(name, "hashes" | "hash_ids" | "hashes_selected" | "hash_ids_selected")
            }
            "search_tags" if name == "tags" => return Order::Counted,
            "get_siblings_and_parents" => matches!(name, "siblings" | "descendants" | "ancestors"),
            "file_metadata" => {
                below(&["storage_tags", "display_tags"])
                    || matches!(name, "known_urls" | "detailed_known_urls")
            }
            "get_url_files" => name == "url_file_statuses",
            "get_file_relationships" | "get_potential_pairs" => named,
            "get_cookies" => true,
            _ => false,
        };
        if free { Order::Free } else { Order::Strict }
    }

    fn placeholder(&mut self, name: &str, got: &Value) -> bool {
        let integer = got.is_i64() || got.is_u64();
        let now = |got: &Value| {
            got.as_f64().is_some_and(|time| NOW_MIN < time && time < clock() + NOW_SLACK)
        };
        match name {
            "$any" => true,
            "$int" => integer,
            "$bool" => got.is_boolean(),
            "$text" => got.as_str().is_some_and(|text| !text.is_empty()),
            "$now" => integer && now(got),
            "$nowf" => now(got),
            _ => {
                if let Some(hash) = name.strip_prefix("$path:") {
                    got.as_str().is_some_and(|path| path.starts_with('/') && path.contains(hash))
                } else if let Some(hash) = name.strip_prefix("$id:") {
                    self.context.hash_of(got).as_deref() == Some(hash)
                } else if name.starts_with("$var:") {
                    self.variable(name, got)
                } else if name.starts_with("$SAMPLES/") {
                    self.context.fill(&Value::String(name.to_owned())) == *got
                } else {
                    got == name
                }
            }
        }
    }

    fn variable(&mut self, name: &str, got: &Value) -> bool {
        if let Some(known) = self.context.vars.get(name) {
            return known == got;
        }
        let fresh = got.as_str().is_some_and(is_sha256)
            && !self.context.vars.values().any(|value| value == got);
        if fresh {
            self.context.vars.insert(name.to_owned(), got.clone());
        }
        fresh
    }

    /// What a result stands for: the hash, whether it was given as an id or as itself.
    fn subject(&mut self, value: &Value) -> String {
        if let Some(text) = value.as_str() {
            return text.strip_prefix("$id:").unwrap_or(text).to_owned();
        }
        self.context.hash_of(value).unwrap_or_else(|| value.to_string())
    }

    fn grouped(&mut self, expected: &[Value], got: &[Value]) -> bool {
        let expected: Vec<String> = expected.iter().map(|item| self.subject(item)).collect();
        let got: Vec<String> = got.iter().map(|item| self.subject(item)).collect();
        self.in_groups(&expected, &got)
    }

    fn pairs(&mut self, expected: &[Value], got: &[Value]) -> bool {
        let pair = |value: &Value| {
            let mut ends: Vec<String> = value.as_array().into_iter().flatten().map(plain).collect();
            ends.sort();
            ends.join("+")
        };
        let expected: Vec<String> = expected.iter().map(pair).collect();
        let got: Vec<String> = got.iter().map(pair).collect();
        if self.groups.is_some() {
            return self.in_groups(&expected, &got);
        }
        sorted(&expected) == sorted(&got) || self.differ_sets(&expected, &got)
    }

    fn in_groups(&mut self, expected: &[String], got: &[String]) -> bool {
        if expected == got {
            return true;
        }
        if sorted(expected) != sorted(got) {
            return self.differ_sets(expected, got);
        }
        let groups = self.groups.clone().unwrap_or_default();
        let by_name: BTreeMap<&String, &i64> = expected.iter().zip(&groups).collect();
        let found = got.iter().map(|name| by_name.get(name).copied());
        found.eq(groups.iter().map(Some))
            || self.differ(&format!("the order {expected:?}"), &format!("{got:?}"))
    }

    fn differ_sets(&mut self, expected: &[String], got: &[String]) -> bool {
        let list = |left: &[String], right: &[String]| {
            let items: Vec<&str> = left
                .iter()
                .filter(|item| !right.contains(item))
                .map(String::as_str)
                .take(6)
                .collect();
            items.join(", ")
        };
        let missing = format!("{} items, missing [{}]", expected.len(), list(expected, got));
        let extra = format!("{} items, extra [{}]", got.len(), list(got, expected));
        self.differ(&missing, &extra)
    }

    fn bag(&mut self, expected: &[Value], got: &[Value], order: Order) -> bool {
        if order == Order::Counted {
            let counts = |items: &[Value]| -> Vec<Value> {
                items.iter().map(|item| item.get("count").cloned().unwrap_or_default()).collect()
            };
            if counts(expected) != counts(got) {
                return self.differ_values(&expected.to_vec().into(), &got.to_vec().into());
            }
        }
        if expected.len() != got.len() {
            let (left, right): (Vec<String>, Vec<String>) =
                (expected.iter().map(plain).collect(), got.iter().map(plain).collect());
            return self.differ_sets(&left, &right);
        }
        let mut rest: Vec<&Value> = got.iter().collect();
        for item in expected {
            let found = rest.iter().position(|other| self.quietly_same(item, other));
            let Some(index) = found else {
                return self.differ(&short(item), &format!("none such in {}", rest.len()));
            };
            rest.remove(index);
        }
        true
    }

    fn quietly_same(&mut self, expected: &Value, got: &Value) -> bool {
        let (noted, groups) = (self.differences.len(), self.groups.take());
        let fits = self.within(Part::Index(0), |inner| inner.same(expected, got));
        self.differences.truncate(noted);
        self.groups = groups;
        fits
    }
}

/// Seconds since 1970.
pub(crate) fn clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn sorted(items: &[String]) -> Vec<&String> {
    let mut items: Vec<&String> = items.iter().collect();
    items.sort();
    items
}

/// Whether two tag lists differ only among tags that the human sort holds equal: 1, 01, 001.
fn human_equal(expected: &[Value], got: &[Value]) -> bool {
    let texts = |items: &[Value]| -> Vec<String> { items.iter().map(plain).collect() };
    let (expected, got) = (texts(expected), texts(got));
    let folded = |items: &[String]| -> Vec<String> {
        items.iter().map(|text| without_leading_zeros(text)).collect()
    };
    sorted(&expected) == sorted(&got) && folded(&expected) == folded(&got)
}

fn without_leading_zeros(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut index = 0;
    while index < letters.len() {
        let mut end = index;
        while letters.get(end) == Some(&'0') {
            end += 1;
        }
        let digit = letters.get(end).is_some_and(char::is_ascii_digit);
        if end > index && !digit {
            end -= 1;
        }
        out.push(letters[end]);
        index = end + 1;
    }
    out
}

/// A value in one short line.
pub(crate) fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
    let count = text.chars().count();
    if count < 160 {
        return text;
    }
    format!("{}…({count})", text.chars().take(150).collect::<String>())
}
