//! Tags: how any text becomes one, and the two other forms a tag is compared in.
//!
//! Start with [`Tag::clean`]: nothing enters the library as a tag without it, so two spellings of
//! one tag meet in one text. [`human_order`] is the order people expect in a list, and
//! [`searchable`] is the form that wildcards and autocomplete look at.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What is longer is cut before anything else happens, in code points.
pub const TAG_CHARS_MAX: usize = 1024;

/// A cleaned tag. Two tags are the same exactly when their texts are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(String);

impl Tag {
    /// Cleans what a person or a program wrote; `None` when nothing is left of it.
    ///
    /// `" Blue  Tit "` is `blue tit`, `"Species : Robin"` is `species:robin`, `":)"` is the
    /// unnamespaced `::)`; `""`, `"-"` and `"species:"` are nothing.
    #[must_use]
    pub fn clean(raw: &str) -> Option<Tag> {
        clean_text(&cut(raw).to_lowercase()).map(Tag)
    }

    /// As [`Tag::clean`], but the letters keep their case: the form shown to people.
    #[must_use]
    pub fn display(raw: &str) -> Option<String> {
        clean_text(cut(raw))
    }

    /// The tag of a namespace and a subtag, each taken literally: a colon in an unnamespaced
    /// subtag does not make a namespace.
    #[must_use]
    pub fn from_parts(namespace: &str, subtag: &str) -> Option<Tag> {
        Tag::clean(&joined(namespace, subtag))
    }

    /// Takes text that came out of [`Tag::clean`] earlier, such as a row of the store.
    #[must_use]
    pub fn from_cleaned(text: String) -> Tag {
        Tag(text)
    }

    /// The whole tag, `namespace:subtag`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole tag as an owned text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// What stands before the first colon; empty for an unnamespaced tag.
    #[must_use]
    pub fn namespace(&self) -> &str {
        split(&self.0).0
    }

    /// What stands after the first colon, or everything. Never empty.
    #[must_use]
    pub fn subtag(&self) -> &str {
        split(&self.0).1
    }

    /// The subtag in the form wildcards look at. May be empty, for a tag such as `---_`.
    #[must_use]
    pub fn searchable_subtag(&self) -> String {
        searchable(self.subtag())
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Tag({:?})", self.0)
    }
}

/// Namespace and subtag of a cleaned tag's text.
#[must_use]
pub fn split(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or(("", text))
}

/// The text of a namespace and a subtag; an unnamespaced subtag with a colon gets one in front.
#[must_use]
pub fn joined(namespace: &str, subtag: &str) -> String {
    if !namespace.is_empty() {
        format!("{namespace}:{subtag}")
    } else if subtag.contains(':') {
        format!(":{subtag}")
    } else {
        subtag.to_owned()
    }
}

fn cut(raw: &str) -> &str {
    match raw.char_indices().nth(TAG_CHARS_MAX) {
        Some((end, _)) => &raw[..end],
        None => raw,
    }
}

fn clean_text(text: &str) -> Option<String> {
    let (namespace, subtag) = clean_parts(text);
    if subtag.is_empty() { None } else { Some(joined(&namespace, &subtag)) }
}

/// Namespace and subtag of a text that is still being typed: cleaned as a tag is, but either may
/// be empty.
#[must_use]
pub fn clean_unfinished(raw: &str) -> (String, String) {
    clean_parts(&cut(raw).to_lowercase())
}

fn clean_parts(text: &str) -> (String, String) {
    // A smiley such as ":)" is not an empty namespace with the subtag ")".
    let is_smiley = text.len() > 1 && text.starts_with(':') && !text[1..].contains(':');
    let text = if is_smiley { format!(":{text}") } else { text.to_owned() };
    let whole = strip(&text);
    if text.contains(':') {
        // The colon may have gone with a leading "system:"; what is left is stripped again anyway.
        let (namespace, subtag) = split(&whole);
        (strip(namespace), strip(subtag))
    } else {
        (String::new(), whole)
    }
}

/// Step S of cleaning: one part of a tag without invisible characters and needless space.
fn strip(text: &str) -> String {
    let visible: String = text.chars().filter(|&sign| !is_invisible(sign)).collect();
    let text = collapse_spaces(&visible);
    let text = without_leading_garbage(&text).trim();
    let mut text =
        if text.chars().any(is_hangul) { text.to_owned() } else { text.replace('\u{3164}', "") };
    // In European text a joiner is dirt from a web page; in emoji and Indic scripts it has meaning.
    if text.chars().all(|sign| is_european(sign) || is_joiner(sign)) {
        text.retain(|sign| !is_joiner(sign));
    }
    collapse_spaces(&text)
}

fn collapse_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn without_leading_garbage(text: &str) -> &str {
    const SYSTEM: &str = "system:";
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('-') {
            rest = after;
        } else if rest.get(..SYSTEM.len()).is_some_and(|head| head.eq_ignore_ascii_case(SYSTEM)) {
            rest = &rest[SYSTEM.len()..];
        } else {
            return rest;
        }
    }
}

fn is_invisible(sign: char) -> bool {
    matches!(sign,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

fn is_hangul(sign: char) -> bool {
    matches!(sign, '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}')
}

fn is_european(sign: char) -> bool {
    matches!(sign, ' '..='~' | '\u{a0}'..='\u{24f}')
}

fn is_joiner(sign: char) -> bool {
    matches!(sign, '\u{200c}' | '\u{200d}')
}

/// The form wildcards and autocomplete look at: punctuation that people leave out or swap counts
/// as a space, and several stars as one. `blue_tit`, `blue-tit` and `(blue) tit` are all
/// `blue tit`.
#[must_use]
pub fn searchable(subtag: &str) -> String {
    let mut out = String::with_capacity(subtag.len());
    let mut at_star = false;
    for sign in subtag.chars() {
        if sign == '*' && at_star {
            continue;
        }
        at_star = sign == '*';
        let is_soft =
            matches!(sign, '[' | ']' | '(' | ')' | '{' | '}' | '/' | '\\' | '"' | '\'' | '-' | '_');
        out.push(if is_soft { ' ' } else { sign });
    }
    collapse_spaces(&out)
}

/// What stands in a [`HumanKey`] for a run of digits: below any other sign.
const DIGITS: u8 = 1;
/// Comes before a sign of text that would look like [`DIGITS`] or this.
const ESCAPE: u8 = 2;

/// A text made into bytes that compare as people expect: see [`human_order`].
pub type HumanKey = Vec<u8>;

/// The sort key of a text in human order: case-folded, each run of digits as a mark, its length
/// without leading zeros, and the digits.
#[must_use]
pub fn human_key(text: &str) -> HumanKey {
    let mut key = Vec::with_capacity(text.len() + 8);
    if text.is_ascii() {
        put_human(&mut key, text.bytes().map(|byte| byte.to_ascii_lowercase()));
    } else {
        put_human(&mut key, folded(text).bytes());
    }
    key
}

/// A text without regard to case, and with digits of other scripts as `0` to `9`.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        if let Some(digit) = foreign_digit(sign) {
            out.push(digit);
        } else if sign == '\u{131}' {
            // Its capital is that of `i`, but it folds to nothing else.
            out.push(sign);
        } else {
            out.extend(sign.to_uppercase().flat_map(char::to_lowercase));
        }
    }
    out
}

/// The value of a decimal digit of another script. Those of a script stand together, zero first.
fn foreign_digit(sign: char) -> Option<char> {
    static DIGIT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{Nd}$").expect("the pattern is sound"));
    let is_digit = |sign: char| DIGIT.is_match(sign.encode_utf8(&mut [0; 4]));
    if sign.is_ascii() || !sign.is_numeric() || !is_digit(sign) {
        return None;
    }
    let before = (1..=50).map_while(|back| char::from_u32(u32::from(sign) - back));
    let value = before.take_while(|one| is_digit(*one)).count() % 10;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

fn put_human(key: &mut HumanKey, signs: impl Iterator<Item = u8>) {
    let mut signs = signs.peekable();
    while let Some(sign) = signs.next() {
        match sign {
            b'0'..=b'9' => {
                key.push(DIGITS);
                let length_at = key.len();
                key.extend_from_slice(&[0; 4]);
                let mut digit = Some(sign);
                while let Some(sign) = digit {
                    if sign != b'0' || key.len() > length_at + 4 {
                        key.push(sign);
                    }
                    digit = signs.next_if(u8::is_ascii_digit);
                }
                let length = u32::try_from(key.len() - length_at - 4).unwrap_or(u32::MAX);
                key[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
            }
            ..=ESCAPE => key.extend_from_slice(&[ESCAPE, sign]),
            _ => key.push(sign),
        }
    }
}

/// The order people expect: digits as numbers and before text, case ignored. Texts of equal keys
/// stand shorter first, so `7` comes before `007`.
#[must_use]
pub fn human_order(left: &str, right: &str) -> Ordering {
    human_key(left)
        .cmp(&human_key(right))
        .then_with(|| left.len().cmp(&right.len()))
        .then_with(|| left.cmp(right))
}

/// Cleans many tags: nothing twice, nothing empty, in human order.
#[must_use]
pub fn clean_all<'a>(raw: impl IntoIterator<Item = &'a str>) -> Vec<Tag> {
    let mut keyed: Vec<(HumanKey, usize, Tag)> = raw
        .into_iter()
        .filter_map(Tag::clean)
        .map(|tag| (human_key(tag.as_str()), tag.as_str().len(), tag))
        .collect();
    keyed.sort();
    keyed.dedup();
    keyed.into_iter().map(|(_, _, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        let cleaned = Tag::clean(raw);
        let text = cleaned.as_ref().map_or("", Tag::as_str);
        assert_eq!(text, expected, "cleaning {raw:?}");
    }

    #[test]
    fn whitespace_collapses_and_case_folds() {
        check(" robin ", "robin");
        check("blue    tit", "blue tit");
        check("A", "a");
        check("ÀÉÎ", "àéî");
        check("ß", "ß");
        check("\u{130}stanbul", "i\u{307}stanbul");
        check("\u{1c5}", "\u{1c6}");
        check("Σς", "σς");
        check("nbsp\u{a0}x", "nbsp x");
        check("ideographic\u{3000}space", "ideographic space");
        check("ＷＩＤＥ", "ｗｉｄｅ");
    }

    #[test]
    fn leading_hyphens_and_system_are_deleted_once() {
        check("-great tit", "great tit");
        check("--x", "x");
        check("- x", "x");
        check("  - - x", "- x");
        check("- -", "-");
        check("system:inbox", "inbox");
        check("-system:x", "x");
        check("System:System:y", "y");
        check("system:-y", "y");
        check("system :x", "system:x");
        check("system", "system");
        check("species:-robin", "species:robin");
        check("species:system:x", "species:x");
        check("system:- -x", "x");
    }

    #[test]
    fn namespaces_split_at_the_first_colon() {
        check("species : robin", "species:robin");
        check("species:  robin ", "species:robin");
        check("a  :  b  :  c", "a:b : c");
        check("-species:robin", "species:robin");
        check("title:12:30", "title:12:30");
        check("title:hello: world", "title:hello: world");
        for unchanged in ["a:b:c", ":a:b", "::a", "::", ":::", "a::", "a::b", "*:a", "a:*"] {
            check(unchanged, unchanged);
        }
    }

    #[test]
    fn smileys_are_unnamespaced() {
        check(":)", "::)");
        check(":-)", "::-)");
        check(":a", "::a");
        check(": a", ":: a");
        check(":-a", "::-a");
        check(" :x", "x");
        check(" : a", "a");
        check("-:x", "x");
        check("-::a", "::a");
        let smiley = Tag::clean(":)").expect("a smiley is a tag");
        assert_eq!((smiley.namespace(), smiley.subtag()), ("", ":)"));
    }

    #[test]
    fn nothing_left_is_no_tag() {
        for raw in ["", " ", "-", "--", "-  ", ":", "a:", "a :", "creator: ", "\u{200d}\u{200c}"] {
            check(raw, "");
        }
        check(&(" ".repeat(1030) + "robin"), "");
    }

    #[test]
    fn invisible_characters_vanish() {
        check("A\tB", "ab");
        check("A\nB", "ab");
        check("null\0char", "nullchar");
        check("a \t b", "a b");
        check("zero\u{200b}width", "zerowidth");
        check("ze\u{200d}ro", "zero");
        check("c1\u{85}x", "c1x");
        check("rtl\u{200f}mark", "rtlmark");
        check("soft\u{ad}hyphen", "soft\u{ad}hyphen");
        check("👩\u{200d}🌾", "👩\u{200d}🌾");
        check("x\u{3164}", "x");
        check("한\u{3164}", "한\u{3164}");
    }

    #[test]
    fn punctuation_stays() {
        for same in ["_under", "(tag)", "tag,comma", "\"quoted\"", "a**b", "percent%", "[x]", "♥"]
        {
            check(same, same);
        }
    }

    #[test]
    fn long_text_is_cut_at_1024_code_points() {
        check(&"é".repeat(1025), &"é".repeat(1024));
        check(&format!("{}:e", "d".repeat(1024)), &"d".repeat(1024));
    }

    #[test]
    fn display_keeps_case() {
        assert_eq!(
            Tag::display(" Species : European  Robin ").as_deref(),
            Some("Species:European Robin")
        );
        assert_eq!(Tag::display("SYSTEM:Inbox").as_deref(), Some("Inbox"));
    }

    #[test]
    fn parts_are_literal() {
        let tag = Tag::from_parts("", "performer:x").expect("a tag");
        assert_eq!(tag.as_str(), ":performer:x");
        assert_eq!((tag.namespace(), tag.subtag()), ("", "performer:x"));
        assert_eq!(Tag::from_parts("place", "").map(Tag::into_string), None);
    }

    #[test]
    fn lists_are_in_human_order() {
        let raw = "100|20|3|1|10|2|page:10|page:2|page:1|page:11|a10|a2|a1|A3|b 10 c 2|b 10 c 10|\
            b 2 c 9|z|creator:z|creator:a|character:m|series:q| _x|1a|a|1|é|e|f|-neg|(paren)|\
            !bang|~tilde|Zed|zed|00|0|007|7";
        let expected = "0|00|1|1a|2|3|7|007|10|20|100|!bang|(paren)|_x|a|a1|a2|a3|a10|b 2 c 9|\
            b 10 c 2|b 10 c 10|character:m|creator:a|creator:z|e|f|neg|page:1|page:2|page:10|\
            page:11|series:q|z|zed|~tilde|é";
        let cleaned: Vec<String> =
            clean_all(raw.split('|')).into_iter().map(Tag::into_string).collect();
        assert_eq!(cleaned.join("|"), expected);
    }

    #[test]
    fn searchable_form_softens_punctuation() {
        assert_eq!(searchable("blue_tit"), "blue tit");
        assert_eq!(searchable("(blue)-tit/[x]"), "blue tit x");
        assert_eq!(searchable("it's"), "it s");
        assert_eq!(searchable("a***b"), "a*b");
        assert_eq!(searchable("__"), "");
    }

    proptest! {
        #[test]
        fn a_clean_tag_has_no_space_at_its_ends(raw in any::<String>()) {
            let Some(tag) = Tag::clean(&raw) else { return Ok(()) };
            prop_assert_eq!(tag.as_str().trim(), tag.as_str());
            prop_assert!(!tag.subtag().is_empty());
        }

        #[test]
        fn the_parts_make_the_tag_again(raw in "[a-c:)\\- ]{0,8}") {
            let Some(tag) = Tag::clean(&raw) else { return Ok(()) };
            prop_assert_eq!(joined(tag.namespace(), tag.subtag()), tag.as_str());
        }

        #[test]
        fn keys_compare_as_runs_of_digits_and_text_do(
            left in "([ab\u{0}-\u{3}ßİ]{0,2}[0-2]{0,3}){0,3}",
            right in "([ab\u{0}-\u{3}ßİ]{0,2}[0-2]{0,3}){0,3}",
        ) {
            // Digits before text, by value; text by its folded letters.
            fn runs(text: &str) -> Vec<(bool, usize, String)> {
                let folded: String =
                    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
                let mut runs: Vec<(bool, usize, String)> = Vec::new();
                for sign in folded.chars() {
                    let is_text = !sign.is_ascii_digit();
                    match runs.last_mut() {
                        Some((last, _, run)) if *last == is_text => run.push(sign),
                        _ => runs.push((is_text, 0, sign.to_string())),
                    }
                }
                for (is_text, length, run) in &mut runs {
                    if !*is_text {
                        *run = run.trim_start_matches('0').to_owned();
                        *length = run.len();
                    }
                }
                runs
            }
            prop_assert_eq!(
                human_key(&left).cmp(&human_key(&right)), runs(&left).cmp(&runs(&right))
            );
        }

        #[test]
        fn human_order_is_total(texts in proptest::collection::vec("[a-b0-2]{0,4}", 3)) {
            let mut once = texts.clone();
            once.sort_by(|left, right| human_order(left, right));
            let mut twice: Vec<String> = texts.into_iter().rev().collect();
            twice.sort_by(|left, right| human_order(left, right));
            prop_assert_eq!(once, twice);
        }
    }
}
