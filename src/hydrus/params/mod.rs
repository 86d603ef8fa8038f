//! The arguments of a request: read once, then asked for by name and type.
//!
//! A parameter that is absent and one that is `null` are the same. Every method that finds a value
//! of another type refuses the request with the sentence that clients know.

mod groups;
pub mod names;
mod python;
mod read;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(in crate::hydrus) use groups::wrong_length;
pub use groups::{
    FILE, FILE_DOMAIN, FILES, FileName, NamedFile, TAG_SERVICE, WRITE_FILE_DOMAIN, service_by_name,
};
pub use python::{class, shown};
pub use read::{cbor_body, json_body, query};

use super::endpoint::Endpoint;
use super::error::Rejection;
use crate::http::TempFile;
use crate::model::hash::from_hex;

/// The arguments of one request.
#[derive(Debug)]
pub struct Params {
    values: Map<String, Value>,
    upload: Option<TempFile>,
    endpoint: &'static Endpoint,
}

impl Params {
    /// Arguments for an endpoint.
    #[must_use]
    pub fn new(
        endpoint: &'static Endpoint,
        values: Map<String, Value>,
        upload: Option<TempFile>,
    ) -> Params {
        Params { values, upload, endpoint }
    }

    /// The file that was sent as the body.
    #[must_use]
    pub fn upload(&self) -> Option<&TempFile> {
        self.upload.as_ref()
    }

    /// The value as it came.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let is_declared = self.endpoint.params().any(|param| param.name == name)
            || [names::ACCESS_KEY, names::SESSION_KEY].contains(&name);
        debug_assert!(is_declared, "{} does not declare {name}", self.endpoint.path);
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// All of them, as they came.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Whether the parameter is there, but null.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        self.value(name).is_none() && self.values.contains_key(name)
    }

    /// Whether the parameter is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Refuses a parameter that is there but null: of some that is not the same as nothing.
    ///
    /// # Errors
    /// 400 for it.
    pub fn refuse_null(&self, name: &str) -> Result<(), Rejection> {
        if self.is_null(name) { Err(Rejection::missing(name)) } else { Ok(()) }
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        kind: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Rejection> {
        let Some(value) = self.value(name) else { return Ok(None) };
        convert(value).map(Some).ok_or_else(|| wrong_type(name, value, kind))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Rejection> {
        self.typed(name, "string", Value::as_str)
    }

    /// A text that must be there.
    pub fn need_text(&self, name: &str) -> Result<&str, Rejection> {
        self.text(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// An integer. `true` passes as 1, `false` as 0.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Rejection> {
        self.typed(name, "integer", as_integer)
    }

    /// An integer that must be there.
    pub fn need_integer(&self, name: &str) -> Result<i64, Rejection> {
        self.integer(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// A number; integers pass.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Rejection> {
        let convert = |value: &Value| match value {
            Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
            _ => value.as_f64(),
        };
        self.typed(name, "float", convert)
    }

    /// A number that must be there.
    pub fn need_number(&self, name: &str) -> Result<f64, Rejection> {
        self.number(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// `true` or `false`; integers do not pass.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Rejection> {
        self.typed(name, "boolean", Value::as_bool)
    }

    /// `true` or `false`, with a default.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Rejection> {
        Ok(self.boolean(name)?.unwrap_or(default))
    }

    /// Bytes given as hexadecimal digits.
    pub fn hex(&self, name: &str) -> Result<Option<Vec<u8>>, Rejection> {
        self.typed(name, "hex string", |value| value.as_str().and_then(from_hex))
    }

    /// Bytes that must be there.
    pub fn need_hex(&self, name: &str) -> Result<Vec<u8>, Rejection> {
        self.hex(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// A list of bytes, each given as hexadecimal digits.
    pub fn hex_list(&self, name: &str) -> Result<Option<Vec<Vec<u8>>>, Rejection> {
        let convert = |value: &Value| {
            let items = value.as_array()?.iter().map(|item| item.as_str().and_then(from_hex));
            items.collect::<Option<Vec<_>>>()
        };
        self.typed(name, "list of hex strings", convert)
    }

    /// A list of anything.
    pub fn list(&self, name: &str) -> Result<Option<&[Value]>, Rejection> {
        self.typed(name, "list", |value| value.as_array().map(Vec::as_slice))
    }

    /// A list of anything that must be there.
    pub fn need_list(&self, name: &str) -> Result<&[Value], Rejection> {
        self.list(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Rejection> {
        let list = self.list(name)?;
        list.map(|list| all_of(name, list, "string", Value::as_str)).transpose()
    }

    /// A list of texts that must be there.
    pub fn need_texts(&self, name: &str) -> Result<Vec<&str>, Rejection> {
        self.texts(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// A list of integers.
    pub fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, Rejection> {
        let list = self.list(name)?;
        list.map(|list| all_of(name, list, "integer", as_integer)).transpose()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, Rejection> {
        self.typed(name, "object/dict", Value::as_object)
    }

    /// An object that must be there.
    pub fn need_object(&self, name: &str) -> Result<&Map<String, Value>, Rejection> {
        self.object(name)?.ok_or_else(|| Rejection::missing(name))
    }

    /// An object whose values are texts, in order.
    pub fn text_object<'a>(
        &'a self,
        name: &str,
    ) -> Result<Option<Vec<(&'a str, &'a str)>>, Rejection> {
        let Some(object) = self.object(name)? else { return Ok(None) };
        let text = |(key, value): (&'a String, &'a Value)| {
            let refuse = || {
                let (shown, class) = (shown(value), class(value));
                Rejection::bad_request(format!(
                    "The Object parameter \"{name}\" held a value, \"{shown}\" that was {class} and \
                     not the expected type: string!"
                ))
            };
            Ok((key.as_str(), value.as_str().ok_or_else(refuse)?))
        };
        object.iter().map(text).collect::<Result<Vec<_>, _>>().map(Some)
    }
}

/// The value of an integer; reals do not pass, truth values do.
#[must_use]
pub fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(truth) => Some(i64::from(*truth)),
        _ => value.as_i64(),
    }
}

/// Refuses a value that is not of the expected type.
#[must_use]
pub fn wrong_type(name: &str, value: &Value, kind: &str) -> Rejection {
    let shown = shown(value);
    Rejection::bad_request(format!(
        "The parameter \"{name}\", with value \"{shown}\", was not the expected type: {kind}!"
    ))
}

/// Converts every item of a list, refusing the first that is of another type.
pub fn all_of<'a, T>(
    name: &str,
    list: &'a [Value],
    kind: &str,
    convert: impl Fn(&'a Value) -> Option<T>,
) -> Result<Vec<T>, Rejection> {
    let refuse = |item: &Value| {
        let (shown, class) = (shown(item), class(item));
        Rejection::bad_request(format!(
            "The list parameter \"{name}\" held an item, \"{shown}\" that was {class} and not the \
             expected type: {kind}!"
        ))
    };
    list.iter().map(|item| convert(item).ok_or_else(|| refuse(item))).collect()
}
