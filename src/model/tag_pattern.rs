//! Tag patterns: stars in search terms, and what autocomplete takes for a hit.
//!
//! A pattern looks at a namespace and at the searchable form of a subtag ([`super::tag::searchable`]).
//! [`TagPattern::matches`] is the whole truth; [`TagPattern::hint`] is what an index may use to
//! find candidates, of which it never loses one.

use super::tag::{Tag, clean_unfinished, joined, searchable, split};

/// A search term with stars, or a text to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPattern {
    /// What the namespace must be.
    pub namespace: NamespacePattern,
    /// What the subtag must be.
    pub subtag: SubtagPattern,
}

/// What a namespace must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespacePattern {
    /// Anything, or nothing: `*:`.
    Any,
    /// Exactly this; empty is unnamespaced.
    Exact(String),
    /// Stars stand for anything.
    Like(Glob),
}

/// What a subtag must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubtagPattern {
    /// Anything.
    Any,
    /// Somewhere, these words in a row, the last of which may go on: `text*`. Words are what stands
    /// between punctuation here, see [`phrase_words`].
    Phrase(String),
    /// The whole searchable form; stars stand for anything.
    Whole(Glob),
    /// As [`SubtagPattern::Whole`], but beginning at any word, and more may follow: autocomplete.
    FromWord(Glob),
}

/// A literal text with stars, each for any number of any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The literals between the stars: always one more than there are stars.
    pieces: Vec<String>,
}

impl Glob {
    /// Reads a text in which every `*` is a star.
    #[must_use]
    pub fn new(text: &str) -> Glob {
        Glob { pieces: text.split('*').map(str::to_owned).collect() }
    }

    /// The text it was read from.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.join("*")
    }

    /// Whether the whole text is so.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(text) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // Taking each piece as early as possible leaves the most for the pieces after it.
        for piece in middle {
            let Some(at) = text.find(piece.as_str()) else { return false };
            text = &text[at + piece.len()..];
        }
        true
    }

    /// What stands before the first star: every match begins with it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.pieces.first().map_or("", String::as_str)
    }

    /// The literals between the stars, without empty ones: every match contains each, in order.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(String::as_str).filter(|piece| !piece.is_empty())
    }

    fn is_literal(&self) -> bool {
        self.pieces.len() == 1
    }
}

/// A text to be completed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text as it is looked for, for people to see.
    pub search_text: String,
    /// It does not begin with a hyphen.
    pub inclusive: bool,
    /// What completes it. `None` for a text that completes to nothing: empty, only stars, a bare
    /// namespace, or a system predicate.
    pub pattern: Option<TagPattern>,
}

impl Completion {
    /// Reads what was typed. A star is added at its end; no namespace means any.
    #[must_use]
    pub fn parse(typed: &str) -> Completion {
        let (namespace, subtag) = clean_unfinished(typed);
        let is_unnamespaced = namespace.is_empty() && !subtag.contains(':');
        let subtag = searchable(&subtag);
        let search_text = joined(&namespace, &subtag);
        let inclusive = !typed.starts_with('-');
        // `*:` alone asks for every tag, other bare namespaces for none.
        let is_any = subtag.is_empty() && namespace == "*";
        if (subtag.is_empty() && !is_any) || subtag == "*" || typed.starts_with("system:") {
            return Completion { search_text, inclusive, pattern: None };
        }
        let namespace =
            if is_unnamespaced { NamespacePattern::Any } else { namespace_pattern(&namespace) };
        let open = if subtag.ends_with('*') { subtag } else { subtag + "*" };
        let glob = Glob::new(&open);
        // With a star inside it the text is where subtags begin, unless a star is in front, too.
        let is_whole = glob.literals().count() > 1 && !open.starts_with('*');
        let subtag =
            if is_whole { SubtagPattern::Whole(glob) } else { SubtagPattern::FromWord(glob) };
        let pattern = TagPattern { namespace, subtag };
        Completion { search_text, inclusive, pattern: Some(pattern) }
    }
}

/// What an index can look up to find candidates; all of it holds for every match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint<'a> {
    /// The namespace, if it is known.
    pub namespace: Option<&'a str>,
    /// The searchable subtag begins with this; may be empty.
    pub prefix: &'a str,
    /// One of the words of the searchable subtag begins with this; may be empty.
    pub word_prefix: &'a str,
    /// Whole words of the searchable subtag.
    pub words: Vec<&'a str>,
    /// Texts that the searchable subtag contains.
    pub contained: Vec<&'a str>,
}

impl TagPattern {
    /// Reads a cleaned search term. `None` when it has no star and is therefore a plain tag.
    ///
    /// No namespace means unnamespaced tags only; `*:robin` means any namespace.
    #[must_use]
    pub fn parse(term: &str) -> Option<TagPattern> {
        if !term.contains('*') {
            return None;
        }
        let (namespace, subtag) = split(term);
        let subtag = searchable(subtag);
        let subtag = match subtag.strip_suffix('*') {
            Some("") => SubtagPattern::Any,
            Some(phrase) if !phrase.contains('*') => SubtagPattern::Phrase(phrase.to_owned()),
            Some(_) | None => SubtagPattern::Whole(Glob::new(&subtag)),
        };
        Some(TagPattern { namespace: namespace_pattern(namespace), subtag })
    }

    /// The namespace as it was written.
    #[must_use]
    pub fn namespace_text(&self) -> String {
        match &self.namespace {
            NamespacePattern::Any => "*".to_owned(),
            NamespacePattern::Exact(name) => name.clone(),
            NamespacePattern::Like(glob) => glob.text(),
        }
    }

    /// Whether the tag is so.
    #[must_use]
    pub fn matches(&self, tag: &Tag) -> bool {
        self.matches_namespace(tag.namespace())
            && (self.subtag == SubtagPattern::Any
                || self.matches_searchable(&tag.searchable_subtag()))
    }

    /// Whether the namespace is so.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &str) -> bool {
        match &self.namespace {
            NamespacePattern::Any => true,
            NamespacePattern::Exact(name) => name == namespace,
            NamespacePattern::Like(glob) => glob.matches(namespace),
        }
    }

    /// Whether the searchable form of a subtag is so.
    #[must_use]
    pub fn matches_searchable(&self, subtag: &str) -> bool {
        match &self.subtag {
            SubtagPattern::Any => true,
            SubtagPattern::Phrase(phrase) => has_phrase(subtag, phrase),
            SubtagPattern::Whole(glob) => glob.matches(subtag),
            SubtagPattern::FromWord(glob) => word_starts(subtag).any(|rest| glob.matches(rest)),
        }
    }

    /// What an index can look up.
    #[must_use]
    pub fn hint(&self) -> Hint<'_> {
        let mut hint = Hint {
            namespace: match &self.namespace {
                NamespacePattern::Exact(name) => Some(name),
                NamespacePattern::Any | NamespacePattern::Like(_) => None,
            },
            ..Hint::default()
        };
        match &self.subtag {
            SubtagPattern::Any => {}
            SubtagPattern::Phrase(phrase) => hint.contained = phrase_words(phrase).collect(),
            SubtagPattern::Whole(glob) => {
                hint.prefix = glob.prefix();
                if glob.is_literal() {
                    hint.words = glob.prefix().split(' ').collect();
                } else {
                    hint.set_phrase(glob.prefix());
                    hint.contained = glob.literals().collect();
                }
            }
            SubtagPattern::FromWord(glob) => {
                hint.set_phrase(glob.prefix());
                hint.contained = glob.literals().collect();
            }
        }
        hint
    }
}

impl<'a> Hint<'a> {
    fn set_phrase(&mut self, phrase: &'a str) {
        let (words, last) = phrase.rsplit_once(' ').unwrap_or(("", phrase));
        self.words = words.split(' ').filter(|word| !word.is_empty()).collect();
        self.word_prefix = last;
    }
}

fn namespace_pattern(namespace: &str) -> NamespacePattern {
    if namespace == "*" {
        NamespacePattern::Any
    } else if namespace.contains('*') {
        NamespacePattern::Like(Glob::new(namespace))
    } else {
        NamespacePattern::Exact(namespace.to_owned())
    }
}

/// The words that a phrase is compared by: runs of ASCII letters, digits, and all beyond ASCII.
pub fn phrase_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !is_of_word(character)).filter(|word| !word.is_empty())
}

/// Whether the last word of a phrase may go on: not if something follows it, as in `a-*`.
#[must_use]
pub fn is_open_phrase(phrase: &str) -> bool {
    phrase.ends_with(is_of_word)
}

fn is_of_word(character: char) -> bool {
    !character.is_ascii() || character.is_ascii_alphanumeric()
}

fn has_phrase(subtag: &str, phrase: &str) -> bool {
    let asked: Vec<&str> = phrase_words(phrase).collect();
    let Some((last, rest)) = asked.split_last() else { return subtag.starts_with(phrase) };
    let is_open = is_open_phrase(phrase);
    let fits = |word: &str| if is_open { word.starts_with(last) } else { word == *last };
    let words: Vec<&str> = phrase_words(subtag).collect();
    words
        .windows(asked.len())
        .any(|row| row.starts_with(rest) && row.last().is_some_and(|w| fits(w)))
}

/// The text from its beginning and from after each space.
fn word_starts(text: &str) -> impl Iterator<Item = &str> {
    std::iter::once(text).chain(text.match_indices(' ').map(|(at, _)| &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: Option<TagPattern>, hits: &[&str], misses: &[&str]) {
        let pattern = pattern.expect("a pattern");
        for (texts, expected) in [(hits, true), (misses, false)] {
            for text in texts {
                let tag = Tag::clean(text).expect("a tag");
                assert_eq!(pattern.matches(&tag), expected, "{text:?} under {pattern:?}");
            }
        }
    }

    fn term(text: &str) -> Option<TagPattern> {
        TagPattern::parse(text)
    }

    fn completion(text: &str) -> Option<TagPattern> {
        Completion::parse(text).pattern
    }

    #[test]
    fn a_star_alone_is_any_tag_of_the_namespace() {
        check(term("*"), &["robin", "blue tit"], &["species:robin"]);
        check(term("species:*"), &["species:robin"], &["robin", "place:hill"]);
        check(term("sp*:*"), &["species:robin"], &["robin", "place:hill"]);
        check(term("*:*"), &["species:robin", "robin"], &[]);
        assert_eq!(term("robin"), None);
    }

    #[test]
    fn a_trailing_star_matches_words_in_a_row() {
        check(term("blue*"), &["blue", "blue_tit", "great bluebird"], &["species:blue", "skyblue"]);
        check(term("blue ti*"), &["blue_tit", "a blue tit"], &["blue great tit", "blue"]);
        check(term("*:ro*"), &["species:robin", "robin", "old rock"], &["crow"]);
        check(term("b*"), &["a.b", "a+b", "bird", "x (b)"], &["ab"]);
        check(term("big.red*"), &["big red", "big.reddish"], &["bigred", "big, or red"]);
        check(term("a-*"), &["a b", "a.c", "x a"], &["ab"]);
        check(term("+*"), &["+x"], &["x+", "x"]);
    }

    #[test]
    fn other_shapes_match_the_whole_subtag() {
        check(term("*obin"), &["robin"], &["robins", "species:robin"]);
        check(term("r*n"), &["robin", "rain"], &["a robin", "robins"]);
        check(term("*u*i*"), &["blue tit"], &["robin"]);
        check(term("*:robin"), &["species:robin", "robin"], &["robins", "old robin"]);
        check(term("b*-t*t"), &["blue_tit"], &["bluetit"]);
    }

    #[test]
    fn completion_starts_at_a_word() {
        let robin = ["species:robin"];
        check(completion("rob"), &robin, &["crobat"]);
        check(completion("tit"), &["blue tit", "blue_tit"], &["entity"]);
        check(completion("hill w"), &["green hill walk"], &["hill"]);
        check(completion("*obin"), &robin, &["crow"]);
        check(completion("r*n"), &robin, &["crow", "old rain"]);
        check(completion("sp*:rob"), &robin, &["place:rob", "rob"]);
        check(completion("species:*in"), &robin, &["place:inn"]);
        check(completion("*:r"), &["species:robin", "robin"], &["crow"]);
        check(completion("obin"), &["obint"], &["species:robin"]);
        check(completion("art"), &["art"], &["part"]);
        check(completion("spec"), &["special"], &["species:robin"]);
        check(completion("par 2"), &["par 2"], &["part 2"]);
        check(completion("place harbour"), &["place harbour"], &["place:harbour"]);
        check(completion("\"rob"), &["species:robin"], &[]);
    }

    #[test]
    fn some_texts_complete_to_nothing() {
        for text in ["", "*", "species:", "species:*", "system:inbox", "**", "--"] {
            assert_eq!(completion(text), None, "completing {text:?}");
        }
    }

    #[track_caller]
    fn typed(text: &str, search_text: &str, inclusive: bool) {
        let completion = Completion::parse(text);
        assert_eq!(
            (completion.search_text.as_str(), completion.inclusive),
            (search_text, inclusive)
        );
    }

    #[test]
    fn typed_texts_are_shown_as_they_are_looked_for() {
        typed(" Blue_e", "blue e", true);
        typed("-sh", "sh", false);
        typed("-", "", false);
        typed("creator:", "creator:", true);
        typed("series:*", "series:*", true);
        typed("**", "*", true);
        typed(":", "", true);
        typed(":)", "::", true);
        typed("system:inbox", "inbox", true);
        typed("\"shapes\"", "shapes", true);
        check(completion(":)"), &[":)"], &["x"]);
    }

    #[test]
    fn pieces_between_stars_do_not_overlap() {
        assert!(Glob::new("ab*ba").matches("abba"));
        assert!(!Glob::new("ab*ba").matches("aba"));
        assert!(Glob::new("a*b*c").matches("aXbXbXc"));
        assert!(!Glob::new("a*bc*c").matches("abc"));
    }

    #[test]
    fn hints_name_what_every_match_has() {
        let pattern = term("species:blue ti*").expect("a pattern");
        let hint = pattern.hint();
        assert_eq!((hint.namespace, hint.contained), (Some("species"), vec!["blue", "ti"]));
        let pattern = term("great blue*x").expect("a pattern");
        let hint = pattern.hint();
        assert_eq!(hint.prefix, "great blue");
        assert_eq!((hint.words, hint.word_prefix), (vec!["great"], "blue"));
        assert_eq!(hint.contained, vec!["great blue", "x"]);
    }

    proptest! {
        #[test]
        fn no_hint_loses_a_match(pattern in "[ab *]{1,6}", subtag in "[ab ]{1,8}") {
            let Some(tag) = Tag::clean(&subtag) else { return Ok(()) };
            let found = tag.searchable_subtag();
            for pattern in [TagPattern::parse(&pattern), Completion::parse(&pattern).pattern] {
                let Some(pattern) = pattern else { continue };
                if !pattern.matches_searchable(&found) {
                    continue;
                }
                let hint = pattern.hint();
                prop_assert!(found.starts_with(hint.prefix));
                prop_assert!(word_starts(&found).any(|rest| rest.starts_with(hint.word_prefix)));
                for word in hint.words {
                    prop_assert!(found.split(' ').any(|one| one == word), "{word} in {found}");
                }
                for text in hint.contained {
                    prop_assert!(found.contains(text));
                }
            }
        }

        #[test]
        fn a_glob_agrees_with_a_regular_expression(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let regex = regex::Regex::new(&format!("^{}$", pattern.replace('*', ".*")))
                .expect("a regular expression");
            prop_assert_eq!(Glob::new(&pattern).matches(&text), regex.is_match(&text));
        }
    }
}
