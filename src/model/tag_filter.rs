//! Which tags an access key may search for: rules of four grades, the most exact one decides.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tag::{Tag, human_order, split};

/// Rules about tags. A rule is an exact tag (`species:robin`), a namespace with its colon
/// (`species:`), `:` for every namespaced tag, or nothing for every unnamespaced one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagFilter {
    /// What is forbidden.
    #[serde(default)]
    pub blacklist: BTreeSet<String>,
    /// What is allowed; wins over an equally exact ban.
    #[serde(default)]
    pub whitelist: BTreeSet<String>,
}

impl TagFilter {
    /// Whether no tag is forbidden.
    #[must_use]
    pub fn allows_all(&self) -> bool {
        self.blacklist.is_empty()
    }

    /// Whether the rules allow this tag. One that no rule speaks of is allowed.
    #[must_use]
    pub fn allows(&self, tag: &Tag) -> bool {
        let namespace = tag.namespace();
        let grades = if namespace.is_empty() {
            [tag.as_str().to_owned(), String::new(), String::new()]
        } else {
            [tag.as_str().to_owned(), format!("{namespace}:"), ":".to_owned()]
        };
        for rule in &grades {
            if self.whitelist.contains(rule) {
                return true;
            }
            if self.blacklist.contains(rule) {
                return false;
            }
        }
        true
    }

    /// The rules in words: `allowing all tags`, `only allowing shapes`, `allowing all tags except
    /// 'series' tags`.
    #[must_use]
    pub fn describe(&self) -> String {
        if self.allows_all() {
            return "allowing all tags".to_owned();
        }
        let allowed = in_words(&self.whitelist);
        if self.blacklist.contains("") && self.blacklist.contains(":") {
            return if allowed.is_empty() {
                "allowing no tags".to_owned()
            } else {
                format!("only allowing {allowed}")
            };
        }
        let forbidden = in_words(&self.blacklist);
        if allowed.is_empty() {
            format!("allowing all tags except {forbidden}")
        } else {
            format!("allowing all tags except {forbidden} (except {allowed})")
        }
    }
}

fn in_words(rules: &BTreeSet<String>) -> String {
    let mut rules: Vec<&String> = rules.iter().collect();
    rules.sort_by(|left, right| human_order(left, right));
    let words: Vec<String> = rules.into_iter().map(|rule| rule_in_words(rule)).collect();
    words.join(", ")
}

fn rule_in_words(rule: &str) -> String {
    match split(rule) {
        ("", "") if rule.is_empty() => "unnamespaced tags".to_owned(),
        ("", "") => "namespaced tags".to_owned(),
        (namespace, "") => format!("'{namespace}' tags"),
        _ => rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(blacklist: &[&str], whitelist: &[&str]) -> TagFilter {
        let rules = |list: &[&str]| list.iter().map(|rule| (*rule).to_owned()).collect();
        TagFilter { blacklist: rules(blacklist), whitelist: rules(whitelist) }
    }

    #[track_caller]
    fn check(filter: &TagFilter, allowed: &[&str], forbidden: &[&str]) {
        for (texts, expected) in [(allowed, true), (forbidden, false)] {
            for text in texts {
                let tag = Tag::clean(text).expect("a tag");
                assert_eq!(filter.allows(&tag), expected, "{text} under {filter:?}");
            }
        }
    }

    #[test]
    fn the_most_exact_rule_decides() {
        check(&filter(&[], &[]), &["robin", "species:robin"], &[]);
        check(&filter(&["", ":"], &["shapes"]), &["shapes"], &["robin", "species:shapes"]);
        check(&filter(&["series:"], &[]), &["robin", "species:robin"], &["series:x"]);
        check(
            &filter(&["", ":"], &["species:"]),
            &["species:robin"],
            &["robin", "series:x", "::)"],
        );
        check(&filter(&["species:robin"], &["species:"]), &["species:wren"], &["species:robin"]);
        check(&filter(&["species:"], &["species:robin"]), &["species:robin"], &["species:wren"]);
    }

    #[test]
    fn at_equal_exactness_the_whitelist_wins() {
        check(&filter(&["robin"], &["robin"]), &["robin"], &[]);
        check(&filter(&[":"], &[":"]), &["a:b"], &[]);
    }

    #[test]
    fn filters_speak_as_recorded() {
        let says = |filter: &TagFilter| filter.describe();
        assert_eq!(says(&filter(&[], &[])), "allowing all tags");
        assert_eq!(says(&filter(&["", ":"], &["shapes"])), "only allowing shapes");
        assert_eq!(says(&filter(&["", ":"], &["character:"])), "only allowing 'character' tags");
        assert_eq!(says(&filter(&["series:"], &[])), "allowing all tags except 'series' tags");
        assert_eq!(says(&filter(&["", ":"], &[])), "allowing no tags");
        assert_eq!(
            says(&filter(&[":"], &["species:"])),
            "allowing all tags except namespaced tags (except 'species' tags)"
        );
    }

    #[test]
    fn both_lists_may_be_left_out() {
        let read: TagFilter = serde_json::from_str(r#"{"blacklist": ["series:"]}"#).expect("sound");
        assert_eq!(read, filter(&["series:"], &[]));
        assert!(serde_json::from_str::<TagFilter>(r#"{"greylist": []}"#).is_err());
    }
}
