//! How text is cut: words, groups of three characters, and the places where a subtag's words begin.
//!
//! The same functions cut what is indexed, what is asked, and what is scanned in memory, so the
//! three cannot disagree.

use std::borrow::Cow;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Longer words are cut to this many characters, in texts and in questions alike.
const WORD_CHARS_MAX: usize = 100;

/// Tails of subtags are indexed up to this many bytes; longer questions are verified by reading.
pub(super) const TAIL_BYTES_MAX: usize = 120;

/// Beginnings up to this many characters have a list of documents of their own.
const HEAD_CHARS_MAX: usize = 3;

/// How many characters a group has by which substrings are found.
pub(super) const GRAM_CHARS: usize = 3;

/// The words of a text: runs of letters and digits, in lower case.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some((word, _, after)) = next_word(rest) {
        found.push(word);
        rest = &rest[after..];
    }
    found
}

/// The first word, and the bytes where it begins and where the search goes on.
fn next_word(text: &str) -> Option<(String, usize, usize)> {
    let begin = text.find(char::is_alphanumeric)?;
    let run = &text[begin..];
    let length = run.find(|character: char| !character.is_alphanumeric()).unwrap_or(run.len());
    // Character by character: the lower case of a whole string depends on context (final sigma),
    // and then the beginning of a word would not be a prefix of the word.
    let word = run[..length].chars().flat_map(char::to_lowercase).take(WORD_CHARS_MAX).collect();
    Some((word, begin, begin + length))
}

/// A text as substrings are compared: ASCII letters in lower case, all else as it is.
pub(super) fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// All groups of three characters of a folded text, with repetitions.
pub(super) fn grams(folded: &str) -> impl Iterator<Item = &str> {
    let begins = folded.char_indices().map(|(begin, _)| begin);
    let ends = folded.char_indices().map(|(end, _)| end).skip(GRAM_CHARS);
    begins.zip(ends.chain(std::iter::once(folded.len()))).filter_map(|(begin, end)| {
        let gram = &folded[begin..end];
        (gram.chars().count() == GRAM_CHARS).then_some(gram)
    })
}

/// What stands before a tail that begins inside a word, behind punctuation. No subtag holds it.
pub const INNER: char = '\u{2}';

/// What is left of a subtag from the beginning of each of its words on.
///
/// A word begins at the start, after a space and after a colon. A letter or digit behind other
/// punctuation begins a tail, too, which is told apart by the [`INNER`] before it.
pub(super) fn tails(subtag: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut before = ' ';
    subtag.char_indices().filter_map(move |(begin, character)| {
        let left = std::mem::replace(&mut before, character);
        let tail = &subtag[begin..];
        if matches!(left, ' ' | ':') {
            (character != ' ').then_some(Cow::Borrowed(tail))
        } else {
            let begins = is_punctuation(left) && !is_punctuation(character);
            begins.then(|| Cow::Owned(format!("{INNER}{tail}")))
        }
    })
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii() && !character.is_ascii_alphanumeric()
}

/// The beginnings of a tail that are indexed as such: of one character up to [`HEAD_CHARS_MAX`].
pub(super) fn heads(tail: &str) -> impl Iterator<Item = &str> {
    let ends = tail.char_indices().map(|(begin, character)| begin + character.len_utf8());
    ends.take(HEAD_CHARS_MAX).map(|end| &tail[..end])
}

/// Whether a text is one of the [`heads`] of something.
pub(super) fn is_head(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= HEAD_CHARS_MAX
}

/// The longest beginning of `text` that is indexed.
pub(super) fn cut_tail(text: &str) -> &str {
    let mut end = text.len().min(TAIL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Cuts text into [`words`] for tantivy.
#[derive(Clone, Default)]
pub(super) struct WordTokenizer {
    token: Token,
}

pub(super) struct WordStream<'a> {
    text: &'a str,
    offset: usize,
    token: &'a mut Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, offset: 0, token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((word, begin, after)) = next_word(&self.text[self.offset..]) else {
            return false;
        };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.offset_from = self.offset + begin;
        self.token.offset_to = self.offset + after;
        self.token.text = word;
        self.offset += after;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// Cuts text into [`grams`] of its folded form for tantivy.
#[derive(Clone, Default)]
pub(super) struct GramTokenizer {
    token: Token,
    folded: String,
}

pub(super) struct GramStream<'a> {
    grams: Box<dyn Iterator<Item = &'a str> + 'a>,
    token: &'a mut Token,
}

impl Tokenizer for GramTokenizer {
    type TokenStream<'a> = GramStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> GramStream<'a> {
        self.token.reset();
        self.folded = fold(text);
        GramStream { grams: Box::new(grams(&self.folded)), token: &mut self.token }
    }
}

impl TokenStream for GramStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(gram) = self.grams.next() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(gram);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: impl Iterator<Item = impl AsRef<str>>, expected: &[&str]) {
        let found: Vec<_> = found.map(|text| text.as_ref().to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_are_lower_case_runs_of_letters_and_digits() {
        assert_eq!(words("Great-Tit, 2nd_day!"), ["great", "tit", "2nd", "day"]);
        assert_eq!(words("ÉTÉ ΟΔΟΣ"), ["été", "οδοσ"]);
        assert_eq!(words(" -- "), [""; 0]);
        assert_eq!(words(&"a".repeat(300)), ["a".repeat(WORD_CHARS_MAX)]);
    }

    #[test]
    fn groups_count_characters_not_bytes() {
        check(grams("robin"), &["rob", "obi", "bin"]);
        check(grams("äöü"), &["äöü"]);
        check(grams("ab"), &[]);
        check(grams(""), &[]);
    }

    #[test]
    fn heads_count_characters_not_bytes() {
        check(heads("äöüa"), &["ä", "äö", "äöü"]);
        check(heads("ab"), &["a", "ab"]);
        assert!(is_head("äöü") && !is_head("abcd") && !is_head(""));
    }

    #[test]
    fn long_tails_are_cut_between_characters() {
        let long = format!("a{}", "ä".repeat(TAIL_BYTES_MAX));
        assert_eq!(cut_tail(&long).len(), TAIL_BYTES_MAX - 1);
        assert_eq!(cut_tail("short"), "short");
    }

    #[test]
    fn tails_begin_at_words() {
        check(tails("great blue tit"), &["great blue tit", "blue tit", "tit"]);
        check(tails("lake: north shore"), &["lake: north shore", "north shore", "shore"]);
        check(tails(":)"), &[":)", ")"]);
        check(tails("v1.2 a+"), &["v1.2 a+", "\u{2}2 a+", "a+"]);
        check(tails(""), &[]);
    }

    #[test]
    fn the_tokenizers_give_what_the_functions_give() {
        let text = "Lake Ägeri, early MORNING";
        let mut collected = Vec::new();
        WordTokenizer::default().token_stream(text).process(&mut |token| {
            collected.push((token.position, token.text.clone()));
        });
        let expected: Vec<_> = words(text).into_iter().enumerate().collect();
        assert_eq!(collected, expected);
        let mut collected = Vec::new();
        GramTokenizer::default()
            .token_stream(text)
            .process(&mut |token| collected.push(token.text.clone()));
        assert_eq!(collected, grams(&fold(text)).collect::<Vec<_>>());
    }
}
