//! From a query or a body to named values, refusing what the Client API refuses while parsing.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::names::{self, Kind};
use crate::http::Pairs;
use crate::http::form::decode_percent;
use crate::hydrus::error::Rejection;
use crate::model::hash::from_hex;

/// CBOR may be nested this deep; JSON has the limit of its parser, 128.
const CBOR_DEPTH_MAX: usize = 128;

/// Reads a query. Unknown names are left out; of a repeated name the first counts.
///
/// # Errors
/// 400 for a value that is not of its name's type.
pub fn query(pairs: &Pairs) -> Result<Map<String, Value>, Rejection> {
    let is_cbor = pairs.contains("cbor");
    let mut values = Map::new();
    for (name, text) in pairs.iter() {
        let Some(kind) = names::kind(name) else { continue };
        if !values.contains_key(name) {
            values.insert(name.to_owned(), query_value(name, kind, text, is_cbor)?);
        }
    }
    Ok(values)
}

fn query_value(name: &str, kind: Kind, text: &str, is_cbor: bool) -> Result<Value, Rejection> {
    let refuse = |what: &str| {
        let sentence = format!("I was expecting to parse '{name}' as {what}, but it failed.");
        Rejection::bad_request(sentence)
    };
    let decoded = || {
        if is_cbor { packed_cbor(text) } else { serde_json::from_str(&decode_percent(text)).ok() }
    };
    match kind {
        Kind::Integer => integer_text(text).map(Value::from).ok_or_else(|| refuse("an integer")),
        Kind::Hex => {
            // Some clients write `sha256:0123...`.
            let digits = match text.split_once(':') {
                Some((_, digits)) if name == "hash" => digits,
                _ => text,
            };
            hex_digits(digits).map(Value::from).ok_or_else(|| refuse("a hex string"))
        }
        Kind::Text => Ok(Value::from(decode_percent(text))),
        Kind::Json => decoded().ok_or_else(|| refuse("a json-encoded string")),
        Kind::HexList => {
            let list = decoded().as_ref().and_then(hex_list);
            list.map(Value::from).ok_or_else(|| refuse("a json-encoded hex strings"))
        }
    }
}

/// An integer as Python reads it: spaces around it and single underscores within it pass. What is
/// beyond 64 bits is as far as they go: nothing asks for it.
fn integer_text(text: &str) -> Option<i64> {
    let text = text.trim();
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut parts = digits.split('_');
    if !parts.all(|part| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_digit())) {
        return None;
    }
    let number = digits.replace('_', "").parse::<i64>().unwrap_or(i64::MAX);
    Some(if is_negative { -number } else { number })
}

/// The hexadecimal digits of bytes as Python reads them: white space between the bytes passes.
fn hex_digits(text: &str) -> Option<String> {
    let is_space = |sign: char| sign.is_ascii_whitespace() || sign == '\u{b}';
    let digits: String =
        text.split(is_space).map(|part| from_hex(part).map(|_| part)).collect::<Option<_>>()?;
    Some(digits)
}

/// A list of hexadecimal texts: anything with items that are such, so the names of an object and
/// the empty text too.
fn hex_list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(|item| hex_digits(item.as_str()?)).collect(),
        Value::Object(members) => members.keys().map(|name| hex_digits(name)).collect(),
        // The items of a text are its characters, and no byte has one digit.
        Value::String(text) if text.chars().all(|sign| sign.is_ascii_whitespace()) => {
            Some(Vec::new())
        }
        _ => None,
    }
}

/// URL-safe base64 of CBOR; the padding may be there or not. The plain alphabet is understood as well,
/// as by the client that is followed: a published crate sends it.
fn packed_cbor(text: &str) -> Option<Value> {
    const PACKED: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    cbor(&PACKED.decode(text.replace('+', "-").replace('/', "_")).ok()?)
}

/// Reads CBOR as the values that JSON has. Byte strings and other things that JSON has not are
/// refused.
fn cbor(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value: ciborium::Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, CBOR_DEPTH_MAX).ok()?;
    json_of(value)
}

fn json_of(value: ciborium::Value) -> Option<Value> {
    use ciborium::Value as Cbor;
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(truth) => Value::Bool(truth),
        Cbor::Text(text) => Value::String(text),
        Cbor::Float(number) => Value::from(number),
        Cbor::Integer(number) => integer(i128::from(number)),
        Cbor::Array(items) => {
            Value::Array(items.into_iter().map(json_of).collect::<Option<Vec<_>>>()?)
        }
        Cbor::Map(members) => {
            let member = |(name, value)| {
                let name = match name {
                    Cbor::Text(text) => text,
                    Cbor::Integer(number) => i128::from(number).to_string(),
                    _ => return None,
                };
                Some((name, json_of(value)?))
            };
            Value::Object(members.into_iter().map(member).collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

fn integer(number: i128) -> Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Value::from(number),
        (_, Ok(number)) => Value::from(number),
        // Nothing asks for integers beyond 64 bits; like JSON's reader, which makes them reals.
        #[expect(clippy::cast_precision_loss, reason = "the value is out of every range anyway")]
        _ => Value::from(number as f64),
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 400 for what is no JSON object, and for values that are not of their name's type.
pub fn json_body(bytes: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let value = serde_json::from_slice(bytes).map_err(|error| {
        let sentence = format!("Sorry, did not understand the JSON you gave me: {error}");
        Rejection::bad_request(sentence)
    })?;
    body(Some(value))
}

/// Reads a CBOR body.
///
/// # Errors
/// As for JSON.
pub fn cbor_body(bytes: &[u8]) -> Result<Map<String, Value>, Rejection> {
    body(cbor(bytes))
}

fn body(value: Option<Value>) -> Result<Map<String, Value>, Rejection> {
    let Some(Value::Object(mut values)) = value else {
        let sentence = "The given parameter did not seem to be a JSON Object!";
        return Err(Rejection::bad_request(sentence));
    };
    let refuse = |name: &str, what: &str| {
        let sentence = format!("I was expecting to parse '{name}' as a {what}, but it failed.");
        Rejection::bad_request(sentence)
    };
    for name in names::HEX {
        let read = |value: &Value| hex_digits(value.as_str()?);
        replace(&mut values, name, |value| {
            let digits = read(value).ok_or_else(|| refuse(name, "hex string"))?;
            Ok((!digits.is_empty()).then(|| Value::from(digits)))
        })?;
    }
    for name in names::HEX_LISTS {
        replace(&mut values, name, |value| {
            let mut list = hex_list(value).ok_or_else(|| refuse(name, "list of hex strings"))?;
            list.retain(|digits| !digits.is_empty());
            Ok((!list.is_empty()).then(|| Value::from(list)))
        })?;
    }
    for name in names::HEX_OBJECTS {
        replace(&mut values, name, |value| {
            let object = hex_object(value);
            let what = "dictionary of hex strings to other data";
            let object = object.ok_or_else(|| refuse(name, what))?;
            Ok((!object.is_empty()).then(|| Value::from(object)))
        })?;
    }
    Ok(values)
}

/// Puts what a value means in its place; without a meaning, or as null, it is absent.
fn replace(
    values: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Result<Option<Value>, Rejection>,
) -> Result<(), Rejection> {
    let Some(value) = values.get_mut(name) else { return Ok(()) };
    match if value.is_null() { None } else { read(value)? } {
        Some(read) => *value = read,
        None => {
            values.remove(name);
        }
    }
    Ok(())
}

/// An object whose names are hexadecimal; members without a name are left out.
fn hex_object(value: &Value) -> Option<Map<String, Value>> {
    let named = value.as_object()?.iter().filter(|(name, _)| !name.is_empty());
    named.map(|(name, value)| Some((hex_digits(name)?, value.clone()))).collect()
}
