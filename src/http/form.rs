//! Queries and URL-encoded forms: ordered pairs, `+` is a space, the first of a name counts.

use percent_encoding::percent_decode_str;

/// More pairs than this are ignored: a 2 MiB query could hold a million empty ones.
pub const PAIRS_MAX: usize = 10_000;

/// Decoded names and values in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Decodes `a=1&b=two+words`. Empty pieces are skipped, a piece without `=` has an empty value,
    /// bytes that are not UTF-8 become U+FFFD, and a `%` that begins no escape stands for itself.
    pub fn parse(text: &str) -> Pairs {
        let pieces = text.split('&').filter(|piece| !piece.is_empty());
        let pairs = pieces.take(PAIRS_MAX).map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (decode_form(name), decode_form(value))
        });
        Pairs(pairs.collect())
    }

    /// The first value of a name; names are case-sensitive.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Whether the name occurs.
    pub fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Undoes percent-encoding and turns `+` into a space.
pub fn decode_form(text: &str) -> String {
    decode_percent(&text.replace('+', " "))
}

/// Undoes percent-encoding alone; bytes that are not UTF-8 become U+FFFD.
pub fn decode_percent(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Encodes a value for a query or a path segment: everything but letters, digits and `-._~`.
pub fn encode_percent(text: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEEP).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        assert_eq!(Pairs::parse(text).iter().collect::<Vec<_>>(), expected, "parsing {text:?}");
    }

    #[test]
    fn pairs_keep_their_order_and_are_decoded_once() {
        check("a=1&b=two+words&c=%2B%2525", &[("a", "1"), ("b", "two words"), ("c", "+%25")]);
        check("b=1&a=2&b=3", &[("b", "1"), ("a", "2"), ("b", "3")]);
    }

    #[test]
    fn odd_pieces_are_taken_as_they_are() {
        check("", &[]);
        check("&&a&=x&b=&c==", &[("a", ""), ("", "x"), ("b", ""), ("c", "=")]);
        check("a=%&b=%zz&c=%ff", &[("a", "%"), ("b", "%zz"), ("c", "\u{fffd}")]);
    }

    #[test]
    fn the_first_of_a_repeated_name_counts() {
        let pairs = Pairs::parse("a=1&a=2&A=3");
        assert_eq!(pairs.first("a"), Some("1"));
        assert_eq!(pairs.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert!(!pairs.contains("b"));
    }

    #[test]
    fn the_number_of_pairs_is_limited() {
        assert_eq!(Pairs::parse(&"a=1&".repeat(PAIRS_MAX + 5)).len(), PAIRS_MAX);
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_itself(name in "\\PC{1,20}", value in any::<String>()) {
            let text = format!("{}={}", encode_percent(&name), encode_percent(&value));
            let pairs = Pairs::parse(&text);
            prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), [(name.as_str(), value.as_str())]);
        }
    }
}
