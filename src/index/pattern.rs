//! What may be asked about tags: patterns for the namespace and for the searchable subtag.
//!
//! A `*` stands for any run of characters, an empty one too; nothing else is special. Patterns are
//! compared byte for byte: tags are cleaned, so already in lower case.

use super::words::{GRAM_CHARS, tails};

/// Which namespaces a tag may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespacePattern {
    /// Any, and none.
    Any,
    /// Exactly this one; empty means tags without a namespace.
    Exact(String),
    /// Those that match a pattern with stars.
    Glob(String),
}

impl NamespacePattern {
    /// Reads the text before the colon: `*` is any, with a star inside a pattern, else exact.
    pub fn parse(text: &str) -> NamespacePattern {
        if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            NamespacePattern::Any
        } else if text.contains('*') {
            NamespacePattern::Glob(text.into())
        } else {
            NamespacePattern::Exact(text.into())
        }
    }

    /// Whether a tag's namespace is one of those meant.
    pub fn matches(&self, namespace: &str) -> bool {
        match self {
            NamespacePattern::Any => true,
            NamespacePattern::Exact(exact) => exact == namespace,
            NamespacePattern::Glob(pattern) => glob(pattern, namespace),
        }
    }
}

/// Which searchable subtags a tag may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubtagPattern {
    /// Any.
    Any,
    /// Consecutive words, beginning at any word; the last may go on. `blue ti` matches
    /// `great blue tit`. A star in it is a plain character. With [`super::INNER`] before it the words
    /// that begin behind punctuation are meant instead: `2` in `v1.2`.
    Words(String),
    /// A pattern with stars over the whole subtag.
    Glob(String),
}

impl SubtagPattern {
    /// Whether a searchable subtag is one of those meant.
    pub fn matches(&self, subtag: &str) -> bool {
        match self {
            SubtagPattern::Any => true,
            SubtagPattern::Words(text) => tails(subtag).any(|tail| tail.starts_with(text.as_str())),
            SubtagPattern::Glob(pattern) => glob(pattern, subtag),
        }
    }
}

/// A question about tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagQuery {
    /// Which namespaces.
    pub namespace: NamespacePattern,
    /// Which subtags.
    pub subtag: SubtagPattern,
}

impl TagQuery {
    /// What somebody has typed so far, cleaned and in searchable form: more may follow it.
    ///
    /// Without a namespace tags of any namespace match, and those without one. Text with a star
    /// inside or in front is compared with the whole subtag, other text with the beginnings of
    /// words. Empty text means all tags of the namespace; the caller decides whether to ask that.
    pub fn autocomplete(namespace: Option<&str>, text: &str) -> TagQuery {
        let typed = text.trim_end_matches('*');
        TagQuery {
            namespace: namespace.map_or(NamespacePattern::Any, NamespacePattern::parse),
            subtag: match typed {
                "" => SubtagPattern::Any,
                _ if typed.contains('*') => SubtagPattern::Glob(format!("{typed}*")),
                _ => SubtagPattern::Words(typed.into()),
            },
        }
    }

    /// A search term with stars. Without a namespace only tags without one match.
    ///
    /// A single star at the end compares with the beginnings of words, any other shape with the
    /// whole subtag, as LIKE would.
    pub fn wildcard(namespace: Option<&str>, subtag: &str) -> TagQuery {
        let head = subtag.trim_end_matches('*');
        TagQuery {
            namespace: NamespacePattern::parse(namespace.unwrap_or_default()),
            subtag: match head {
                "" if !subtag.is_empty() => SubtagPattern::Any,
                _ if head.len() < subtag.len() && !head.contains('*') => {
                    SubtagPattern::Words(head.into())
                }
                _ => SubtagPattern::Glob(subtag.into()),
            },
        }
    }

    /// Whether a tag is one of those asked for.
    pub fn matches(&self, namespace: &str, subtag: &str) -> bool {
        self.namespace.matches(namespace) && self.subtag.matches(subtag)
    }
}

/// Whether `text` as a whole matches a pattern with stars. Linear in the text per piece, with no
/// backtracking: between two stars the first place that fits is as good as any later one.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail)) else {
        return false;
    };
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some(place) = text.find(piece) else { return false };
        text = &text[place + piece.len()..];
    }
    true
}

/// What a match must begin with.
pub(super) fn glob_head(pattern: &str) -> &str {
    pattern.split('*').next().unwrap_or_default()
}

/// The pieces that a match must contain and that are long enough for an index of groups.
pub(super) fn glob_pieces(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('*').filter(|piece| piece.chars().count() >= GRAM_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(glob(pattern, text), expected, "{pattern:?} on {text:?}");
    }

    #[test]
    fn stars_stand_for_any_run() {
        check("robin", "robin", true);
        check("robin", "robins", false);
        check("*obin", "robin", true);
        check("r*n", "robin", true);
        check("r*n", "great robin", false);
        check("*", "", true);
        check("a*a", "a", false);
        check("a*a", "aa", true);
        check("*b*b*", "abc", false);
        check("*ab*ab*", "ab ab", true);
        check("ä*ü", "äöü", true);
    }

    #[test]
    fn typed_text_is_read_by_its_stars() {
        let words = |text: &str| SubtagPattern::Words(text.into());
        let whole = |text: &str| SubtagPattern::Glob(text.into());
        assert_eq!(TagQuery::autocomplete(None, "rob*").subtag, words("rob"));
        assert_eq!(TagQuery::autocomplete(None, "*obin").subtag, whole("*obin*"));
        assert_eq!(TagQuery::autocomplete(None, "r*n**").subtag, whole("r*n*"));
        assert_eq!(TagQuery::autocomplete(Some("bird"), "*").subtag, SubtagPattern::Any);
        assert_eq!(TagQuery::wildcard(None, "rob*").subtag, words("rob"));
        assert_eq!(TagQuery::wildcard(None, "r*b*").subtag, whole("r*b*"));
        assert_eq!(TagQuery::wildcard(None, "*").subtag, SubtagPattern::Any);
        assert_eq!(TagQuery::wildcard(None, "rob*").namespace, NamespacePattern::Exact("".into()));
        assert_eq!(TagQuery::wildcard(Some("*"), "rob*").namespace, NamespacePattern::Any);
    }
}
