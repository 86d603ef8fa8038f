//! JSON as the Client API writes it: ASCII only, a space after each comma and colon.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Serde's output in the spelling of the Client API.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return out.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        let mut bytes = [0; 4];
        for letter in fragment.chars() {
            if letter.is_ascii() {
                out.write_all(letter.encode_utf8(&mut bytes).as_bytes())?;
            } else {
                for unit in letter.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a value behind what is there. Values whose serialisation fails (a map with keys that are
/// no texts) do not occur in answers; such a one would leave `null`.
pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    if value.serialize(&mut Serializer::with_formatter(&mut *out, Spaced)).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// A value as bytes.
#[must_use]
pub fn to_vec(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value);
    out
}

/// Writes objects and lists by hand, for answers too large to be built as values first.
///
/// Members and items must be balanced by the caller; [`Writer::finish`] gives the bytes.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Whether something stands before in the innermost object or list.
    begun: bool,
}

impl Writer {
    /// A writer with room for about that many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer { out: Vec::with_capacity(bytes), begun: false }
    }

    fn comma(&mut self) {
        if self.begun {
            self.out.extend_from_slice(b", ");
        }
        self.begun = true;
    }

    /// Writes an object; `members` writes what is in it.
    pub fn object(&mut self, members: impl FnOnce(&mut Writer)) {
        self.nested(b'{', b'}', members);
    }

    /// Writes a list; `items` writes what is in it, each through [`Writer::item`].
    pub fn list(&mut self, items: impl FnOnce(&mut Writer)) {
        self.nested(b'[', b']', items);
    }

    fn nested(&mut self, open: u8, close: u8, inner: impl FnOnce(&mut Writer)) {
        self.out.push(open);
        let outer = std::mem::replace(&mut self.begun, false);
        inner(self);
        self.begun = outer;
        self.out.push(close);
    }

    /// Begins an item of a list: whatever is written next.
    pub fn item(&mut self) -> &mut Writer {
        self.comma();
        self
    }

    /// Begins a member of an object: whatever is written next is its value.
    pub fn key(&mut self, name: &str) -> &mut Writer {
        self.comma();
        self.text(name);
        self.out.extend_from_slice(b": ");
        self
    }

    /// A member with a value of any kind.
    pub fn member(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.key(name);
        write(&mut self.out, value);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        let plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
        } else {
            write(&mut self.out, text);
        }
    }

    /// A value of any kind.
    pub fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        write(&mut self.out, value);
    }

    /// Bytes that are JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    /// The JSON.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_spelling_is_that_of_the_client_api() {
        let value = json!({"b": [1, 2.0, null], "a": "grün\n\u{1f426}\u{7f}", "c": {}});
        let text = String::from_utf8(to_vec(&value)).unwrap();
        assert_eq!(
            text,
            "{\"b\": [1, 2.0, null], \"a\": \"gr\\u00fcn\\n\\ud83d\\udc26\u{7f}\", \"c\": {}}"
        );
    }

    #[test]
    fn the_writer_puts_the_commas() {
        let mut writer = Writer::default();
        writer.object(|object| {
            object.member("a", &1);
            object.key("b").list(|list| {
                list.item().text("x");
                list.item().object(|_| {});
                list.item().text("é");
            });
            object.member("c", &None::<u8>);
        });
        let text = String::from_utf8(writer.finish()).unwrap();
        assert_eq!(text, "{\"a\": 1, \"b\": [\"x\", {}, \"\\u00e9\"], \"c\": null}");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let mut writer = Writer::default();
            writer.text(&text);
            let bytes = writer.finish();
            prop_assert!(bytes.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), Value::String(text));
        }
    }
}
