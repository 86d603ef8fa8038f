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
        Kind::Integer => {
            let number = text.trim().parse::<i64>();
            number.map(Value::from).map_err(|_| refuse("an integer"))
        }
        Kind::Hex => {
            // Some clients write `sha256:0123...`.
            let digits = match text.split_once(':') {
                Some((_, digits)) if name == "hash" => digits,
                _ => text,
            };
            let is_hex = from_hex(digits).is_some();
            is_hex.then(|| Value::from(digits)).ok_or_else(|| refuse("a hex string"))
        }
        Kind::Text => Ok(Value::from(decode_percent(text))),
        Kind::Json => decoded().ok_or_else(|| refuse("a json-encoded string")),
        Kind::HexList => {
            let list = decoded().filter(|value| value.is_null() || is_hex_list(value));
            list.ok_or_else(|| refuse("a json-encoded hex strings"))
        }
    }
}

fn is_hex_list(value: &Value) -> bool {
    let is_hex = |item: &Value| item.as_str().and_then(from_hex).is_some();
    value.as_array().is_some_and(|list| list.iter().all(is_hex))
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
    values.retain(|name, value| {
        let name = name.as_str();
        let is_hex = [names::HEX, names::HEX_LISTS, names::HEX_OBJECTS]
            .iter()
            .any(|names| names.contains(&name));
        let is_empty = names::HEX.contains(&name) && value.as_str() == Some("");
        // Of other parameters some mean something by being null.
        let is_absent = is_empty || (is_hex && value.is_null());
        !is_absent
    });
    for (name, value) in &values {
        let name = name.as_str();
        if names::HEX.contains(&name) && value.as_str().and_then(from_hex).is_none() {
            return Err(refuse(name, "hex string"));
        }
        if names::HEX_LISTS.contains(&name) && !is_hex_list(value) {
            return Err(refuse(name, "list of hex strings"));
        }
        let is_hex_object = |value: &Value| {
            let object = value.as_object();
            object.is_some_and(|object| object.keys().all(|key| from_hex(key).is_some()))
        };
        if names::HEX_OBJECTS.contains(&name) && !is_hex_object(value) {
            return Err(refuse(name, "dictionary of hex strings to other data"));
        }
    }
    Ok(values)
}
