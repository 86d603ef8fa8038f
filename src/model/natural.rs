//! Texts as Stash compares them: natural order, SQL's LIKE, the search box, string criteria.

use std::cmp::Ordering;

use regex::Regex;

/// Natural order: runs of digits as numbers, case ignored. `scene 2` stands before `Scene 10`.
#[must_use]
pub fn natural_order(left: &str, right: &str) -> Ordering {
    natural_key(left).cmp(&natural_key(right))
}

/// A text made into bytes that compare in natural order, for sorts that compare it often: letters
/// as they are, a run of digits as a zero digit, its length without leading zeros, and the digits.
#[must_use]
pub fn natural_key(text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 8);
    if text.is_ascii() {
        put_natural(&mut key, text.bytes().map(|byte| byte.to_ascii_lowercase()));
    } else {
        put_natural(&mut key, text.to_lowercase().bytes());
    }
    key
}

fn put_natural(key: &mut Vec<u8>, signs: impl Iterator<Item = u8>) {
    let mut signs = signs.peekable();
    while let Some(sign) = signs.next() {
        if !sign.is_ascii_digit() {
            key.push(sign);
            continue;
        }
        // Any digit stands where all of them do among other signs.
        key.push(b'0');
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
}

/// A LIKE pattern: `%` is any text, `_` any one character; ASCII letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    signs: Vec<char>,
}

impl Like {
    /// A pattern as it stands.
    #[must_use]
    pub fn new(pattern: &str) -> Like {
        Like { signs: pattern.chars().map(|sign| sign.to_ascii_lowercase()).collect() }
    }

    /// The pattern of texts that contain this one, in which wildcards still work.
    #[must_use]
    pub fn containing(text: &str) -> Like {
        Like::new(&format!("%{text}%"))
    }

    /// Whether the whole text is so.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().map(|sign| sign.to_ascii_lowercase()).collect();
        let (mut at, mut sign_at) = (0, 0);
        // Where to go on when what follows the last `%` turns out not to fit: one further.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.signs.get(sign_at) {
                Some('%') => {
                    retry = Some((at, sign_at));
                    sign_at += 1;
                }
                Some(sign) if *sign == '_' || *sign == text[at] => {
                    at += 1;
                    sign_at += 1;
                }
                Some(_) | None => {
                    let Some((from, percent)) = retry else { return false };
                    retry = Some((from + 1, percent));
                    at = from + 1;
                    sign_at = percent + 1;
                }
            }
        }
        self.signs[sign_at..].iter().all(|sign| *sign == '%')
    }
}

/// What a pattern without wildcards comes to: ASCII letters match in either case.
fn contains_folded(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.is_empty() || text.windows(part.len()).any(|piece| piece.eq_ignore_ascii_case(part))
}

/// What was typed into the search box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each must be found.
    pub must: Vec<String>,
    /// Of each set, one must be found.
    pub any: Vec<Vec<String>>,
    /// None may be found.
    pub must_not: Vec<String>,
}

impl Query {
    /// Reads words, `"phrases"`, `a OR b`, `a | b` and `-not`.
    #[must_use]
    pub fn parse(text: &str) -> Query {
        let words = join_phrases(text.trim());
        let mut query = Query::default();
        let mut index = 0;
        while index < words.len() {
            let joins =
                index + 2 < words.len() && (is_or(&words[index + 1]) || words[index + 1] == "|");
            if joins && !is_join(&words[index]) {
                let mut set = vec![unquoted(&words[index]), unquoted(&words[index + 2])];
                index += 3;
                // Only the word goes on with a set; the bar begins one.
                while index + 1 < words.len() && is_or(&words[index]) {
                    set.push(unquoted(&words[index + 1]));
                    index += 2;
                }
                set.retain(|term| !term.is_empty());
                if !set.is_empty() {
                    query.any.push(set);
                }
                continue;
            }
            let word = &words[index];
            index += 1;
            let (list, term) = match word.strip_prefix('-') {
                Some(term) if !term.is_empty() => (&mut query.must_not, unquoted(term)),
                Some(_) | None => (&mut query.must, unquoted(word)),
            };
            if !term.is_empty() {
                list.push(term);
            }
        }
        query
    }

    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.any.is_empty() && self.must_not.is_empty()
    }

    /// Whether an object with these texts fits.
    #[must_use]
    pub fn matches<'a>(&self, texts: impl IntoIterator<Item = &'a str> + Clone) -> bool {
        let found = |term: &String| {
            if !term.contains(['%', '_']) {
                return texts.clone().into_iter().any(|text| contains_folded(text, term));
            }
            let like = Like::containing(term);
            texts.clone().into_iter().any(|text| like.matches(text))
        };
        self.must.iter().all(found)
            && self.any.iter().all(|set| set.iter().any(found))
            && !self.must_not.iter().any(found)
    }
}

fn is_or(word: &str) -> bool {
    word.eq_ignore_ascii_case("or")
}

fn is_join(word: &str) -> bool {
    is_or(word) || word == "|"
}

fn unquoted(term: &str) -> String {
    let term = term.strip_prefix('"').unwrap_or(term);
    term.strip_suffix('"').unwrap_or(term).to_owned()
}

/// Splits at single spaces and puts quoted phrases together again. A phrase without its end stays
/// as words.
fn join_phrases(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let mut joined = Vec::new();
    let mut index = 0;
    while index < words.len() {
        let word = words[index];
        let opens = word.strip_prefix('-').unwrap_or(word).starts_with('"');
        let closes = word.ends_with('"') && word.trim_start_matches('-').len() > 1;
        let end = if opens && !closes {
            (index + 1..words.len()).find(|&end| words[end].ends_with('"'))
        } else {
            None
        };
        let end = end.unwrap_or(index);
        joined.push(words[index..=end].join(" "));
        index = end + 1;
    }
    joined.retain(|word| !word.is_empty());
    joined
}

/// How a criterion compares a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextModifier {
    /// LIKE the value.
    Equals,
    /// Not LIKE the value; nothing is never so.
    NotEquals,
    /// Contains one of the words, or the quoted phrase.
    Includes,
    /// Contains none of them; nothing is never so.
    Excludes,
    /// The regular expression finds something.
    MatchesRegex,
    /// It finds nothing.
    NotMatchesRegex,
    /// Nothing, or only space.
    IsNull,
    /// Something.
    NotNull,
}

/// A criterion on a text, ready to be asked.
#[derive(Clone, Debug)]
pub enum TextTest {
    /// Fits one of these.
    Any(Vec<Like>),
    /// Is something and fits none of these.
    NoneOf(Vec<Like>),
    /// The expression finds something (or, `false`, nothing).
    Regex(Regex, bool),
    /// Is empty (or, `false`, is not).
    Null(bool),
}

impl TextTest {
    /// Makes a test.
    ///
    /// # Errors
    /// When a regular expression cannot be compiled; says why.
    pub fn new(modifier: TextModifier, value: &str) -> Result<TextTest, String> {
        Ok(match modifier {
            TextModifier::Equals => TextTest::Any(vec![Like::new(value)]),
            TextModifier::NotEquals => TextTest::NoneOf(vec![Like::new(value)]),
            TextModifier::Includes => TextTest::Any(criterion_words(value)),
            TextModifier::Excludes => TextTest::NoneOf(criterion_words(value)),
            TextModifier::MatchesRegex => TextTest::Regex(compile(value)?, true),
            TextModifier::NotMatchesRegex => TextTest::Regex(compile(value)?, false),
            TextModifier::IsNull => TextTest::Null(true),
            TextModifier::NotNull => TextTest::Null(false),
        })
    }

    /// Whether a text passes; `None` is an object without one.
    #[must_use]
    pub fn matches(&self, text: Option<&str>) -> bool {
        match self {
            TextTest::Any(likes) => {
                text.is_some_and(|text| likes.iter().any(|like| like.matches(text)))
            }
            TextTest::NoneOf(likes) => {
                text.is_some_and(|text| !likes.iter().any(|like| like.matches(text)))
            }
            TextTest::Regex(regex, wanted) => {
                text.is_some_and(|text| regex.is_match(text)) == *wanted
            }
            TextTest::Null(wanted) => text.is_none_or(|text| text.trim().is_empty()) == *wanted,
        }
    }

    /// Whether a list of texts passes: one of them does. Without any, only a test for nothing
    /// does. [`TextModifier::Excludes`] on a list is [`list_excludes`] instead.
    #[must_use]
    pub fn matches_list<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_none() {
            return matches!(self, TextTest::Null(true));
        }
        texts.any(|text| self.matches(Some(text)))
    }
}

/// Whether no text of a list contains the value, which is not split into words.
#[must_use]
pub fn list_excludes<'a>(value: &str, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let like = Like::containing(value);
    !texts.into_iter().any(|text| like.matches(text))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| format!("invalid regular expression {pattern:?}: {error}"))
}

fn criterion_words(value: &str) -> Vec<Like> {
    let value = value.trim();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(phrase) => vec![Like::containing(phrase)],
        None => value.split_whitespace().map(Like::containing).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut texts = ["b", "Scene 10", "scene 2", "scene 02b", "a", "", "scene"];
        texts.sort_by(|left, right| natural_order(left, right));
        assert_eq!(texts, ["", "a", "b", "scene", "scene 2", "scene 02b", "Scene 10"]);
    }

    #[track_caller]
    fn like(pattern: &str, fits: &[&str], not: &[&str]) {
        let like = Like::new(pattern);
        for (texts, expected) in [(fits, true), (not, false)] {
            for text in texts {
                assert_eq!(like.matches(text), expected, "{text:?} like {pattern:?}");
            }
        }
    }

    #[test]
    fn like_has_two_wildcards() {
        like("blue tit", &["Blue Tit"], &["blue tits", "a blue tit"]);
        like("%tit%", &["TIT", "blue tit", "title"], &["ti"]);
        like("b_rd", &["bird", "bérd"], &["brd", "biird"]);
        like("a%b%c", &["abc", "aXbXbXc"], &["acb"]);
        like("É", &["É"], &["é"]);
        like("", &[""], &["a"]);
        like("%", &["", "a"], &[]);
    }

    #[track_caller]
    fn query(text: &str, must: &[&str], any: &[&[&str]], must_not: &[&str]) {
        let own = |list: &[&str]| list.iter().map(|term| (*term).to_owned()).collect::<Vec<_>>();
        let expected = Query {
            must: own(must),
            any: any.iter().map(|set| own(set)).collect(),
            must_not: own(must_not),
        };
        assert_eq!(Query::parse(text), expected, "{text:?}");
    }

    #[test]
    fn the_search_box_has_a_grammar() {
        query("blue tit", &["blue", "tit"], &[], &[]);
        query("  \"blue tit\"  robin ", &["blue tit", "robin"], &[], &[]);
        query("-\"blue tit\" -wren -", &["-"], &[], &["blue tit", "wren"]);
        query("x a OR b", &["x"], &[&["a", "b"]], &[]);
        query("a or b OR c d", &["d"], &[&["a", "b", "c"]], &[]);
        query("a | b", &[], &[&["a", "b"]], &[]);
        query("a | b | c", &["|", "c"], &[&["a", "b"]], &[]);
        query("OR a", &["OR", "a"], &[], &[]);
        query("a OR", &["a", "OR"], &[], &[]);
        query("a OR -b", &[], &[&["a", "-b"]], &[]);
        query("\"open end", &["open", "end"], &[], &[]);
        query("\"\"", &[], &[], &[]);
        query("", &[], &[], &[]);
    }

    #[test]
    fn a_query_looks_at_every_text() {
        let texts = ["Blue tits", "/birds/blue.mp4"];
        let fits = |text: &str| Query::parse(text).matches(texts);
        assert!(fits("blue birds") && fits("\"blue tit\"") && fits("wren OR tits"));
        assert!(!fits("blue wren") && !fits("-birds") && !fits("\"tits birds\""));
        assert!(fits(""));
    }

    #[track_caller]
    fn text(modifier: TextModifier, value: &str, fits: &[Option<&str>], not: &[Option<&str>]) {
        let test = TextTest::new(modifier, value).expect("a sound test");
        for (texts, expected) in [(fits, true), (not, false)] {
            for text in texts {
                assert_eq!(test.matches(*text), expected, "{text:?} {modifier:?} {value:?}");
            }
        }
    }

    #[test]
    fn criteria_follow_their_modifier() {
        use TextModifier::*;
        text(Equals, "blue%", &[Some("Blue tit")], &[Some("a blue"), None]);
        text(NotEquals, "blue", &[Some("tit")], &[Some("BLUE"), None]);
        text(Includes, " blue wren ", &[Some("a wren"), Some("blue")], &[Some("tit"), None]);
        text(Includes, "\"blue tit\"", &[Some("a blue tit")], &[Some("tit blue")]);
        text(Excludes, "blue wren", &[Some("tit")], &[Some("a wren"), None]);
        text(MatchesRegex, "^B.*t$", &[Some("Blue tit")], &[Some("blue tit"), None]);
        text(NotMatchesRegex, "^B", &[Some("tit"), None], &[Some("Blue")]);
        text(IsNull, "", &[None, Some("  ")], &[Some("x")]);
        text(NotNull, "", &[Some("x")], &[None, Some("")]);
        assert!(TextTest::new(MatchesRegex, "(").is_err());
    }

    #[test]
    fn lists_pass_by_any_of_their_texts() {
        let equals = TextTest::new(TextModifier::Equals, "a").expect("sound");
        assert!(equals.matches_list(["b", "a"]) && !equals.matches_list([]));
        let null = TextTest::new(TextModifier::IsNull, "").expect("sound");
        assert!(null.matches_list([]) && !null.matches_list(["x"]));
        assert!(list_excludes("a b", ["a", "b"]) && !list_excludes("a b", ["xa bx"]));
        assert!(list_excludes("a", []));
    }

    /// The order sign by sign, as it is defined.
    fn by_signs(left: &str, right: &str) -> Ordering {
        let cut = |text: &str| {
            let folded = text.to_lowercase();
            let mut parts: Vec<(char, usize, String)> = Vec::new();
            for sign in folded.chars() {
                match parts.last_mut() {
                    Some(('0', _, digits)) if sign.is_ascii_digit() => digits.push(sign),
                    _ if sign.is_ascii_digit() => parts.push(('0', 0, sign.to_string())),
                    _ => parts.push((sign, 0, String::new())),
                }
            }
            for (_, length, digits) in &mut parts {
                *digits = digits.trim_start_matches('0').to_owned();
                *length = digits.len();
            }
            parts
        };
        cut(left).cmp(&cut(right))
    }

    proptest! {
        #[test]
        fn a_part_is_found_as_like_finds_it(text in "[aAbBéÉ ]{0,6}", part in "[aAbBéÉ ]{0,3}") {
            prop_assert_eq!(contains_folded(&text, &part), Like::containing(&part).matches(&text));
        }

        #[test]
        fn keys_compare_as_signs_and_numbers_do(
            left in "([aB /~é\u{0}\u{1}]{0,2}[0-2]{0,3}){0,3}",
            right in "([aB /~é\u{0}\u{1}]{0,2}[0-2]{0,3}){0,3}",
        ) {
            prop_assert_eq!(natural_order(&left, &right), by_signs(&left, &right));
        }
    }

    proptest! {
        #[test]
        fn natural_order_agrees_with_itself(left in "[a-bA0-2]{0,5}", right in "[a-bA0-2]{0,5}") {
            prop_assert_eq!(natural_order(&left, &right), natural_order(&right, &left).reverse());
        }

        #[test]
        fn like_agrees_with_a_regular_expression(pattern in "[ab%_]{0,6}", text in "[ab]{0,8}") {
            let regex = pattern.replace('%', ".*").replace('_', ".");
            let regex = Regex::new(&format!("^{regex}$")).expect("a regular expression");
            prop_assert_eq!(Like::new(&pattern).matches(&text), regex.is_match(&text));
        }

        #[test]
        fn no_query_panics(text in "[ab\"|OR -]{0,20}") {
            let _ = Query::parse(&text);
        }
    }
}
