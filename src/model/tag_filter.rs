//! Which tags an access key may search for: rules of four grades, the most exact one decides.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tag::{Tag, split};

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

    /// The rules in the words of the client: `allowing all tags`, `only allowing shapes`, `allowing
    /// all tags except 'series' tags`. Of more than twelve rules it tells the number alone.
    #[must_use]
    pub fn describe(&self) -> String {
        if self.blacklist.is_empty() {
            return "allowing all tags".to_owned();
        }
        let exact = |rules: &BTreeSet<String>| -> BTreeSet<String> {
            rules.iter().filter(|rule| !matches!(rule.as_str(), "" | ":")).cloned().collect()
        };
        let (forbidden, allowed) = (exact(&self.blacklist), exact(&self.whitelist));
        let still_not = ending(&forbidden, " while still disallowing ", " while still disllowing ");
        match (self.blacklist.contains(""), self.blacklist.contains(":")) {
            (true, true) if self.whitelist.is_empty() => "not allowing any tags".to_owned(),
            (true, true) => {
                ending(&self.whitelist, "only allowing ", "only allowing on ") + &still_not
            }
            (false, false) => {
                ending(&self.blacklist, "allowing all tags except ", "allowing all tags except on ")
                    + &ending(&allowed, " while still allowing ", " while still allowing ")
            }
            (unnamespaced, _) => {
                let kept = if unnamespaced { "namespaced" } else { "unnamespaced" };
                let also = if allowed.len() > MOST_RULES_IN_WORDS {
                    format!(" and {} other rules", allowed.len())
                } else {
                    ending(&allowed, " and ", " and ")
                };
                format!("allowing all {kept} tags{also}{still_not}")
            }
        }
    }
}

const MOST_RULES_IN_WORDS: usize = 12;

/// Rules after their introduction, or their number after another; nothing when there are none.
fn ending(rules: &BTreeSet<String>, introduction: &str, of_many: &str) -> String {
    match rules.len() {
        0 => String::new(),
        many if many > MOST_RULES_IN_WORDS => format!("{of_many}{many} rules"),
        _ => format!("{introduction}{}", in_words(rules)),
    }
}

fn in_words(rules: &BTreeSet<String>) -> String {
    rules.iter().map(|rule| rule_in_words(rule)).collect::<Vec<String>>().join(", ")
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
        assert_eq!(says(&filter(&["", ":"], &[])), "not allowing any tags");
        assert_eq!(
            says(&filter(&[":"], &["species:"])),
            "allowing all unnamespaced tags and 'species' tags"
        );
        assert_eq!(
            says(&filter(&["", "series:two"], &[])),
            "allowing all namespaced tags while still disallowing series:two"
        );
        assert_eq!(
            says(&filter(&["cat", "creator:"], &["creator:bob"])),
            "allowing all tags except cat, 'creator' tags while still allowing creator:bob"
        );
        assert_eq!(says(&filter(&[], &["sky"])), "allowing all tags");
    }

    #[test]
    fn both_lists_may_be_left_out() {
        let read: TagFilter = serde_json::from_str(r#"{"blacklist": ["series:"]}"#).expect("sound");
        assert_eq!(read, filter(&["series:"], &[]));
        assert!(serde_json::from_str::<TagFilter>(r#"{"greylist": []}"#).is_err());
    }
}
