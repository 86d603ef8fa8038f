//! Errors of the language and their form in a response.

use std::borrow::Cow;
use std::fmt;

use crate::graphql::json;

/// The document could not be parsed.
pub(super) const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The document or its variables do not fit the schema.
pub(super) const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// The document would cost more than the configured limits allow.
pub(super) const TOO_COMPLEX: &str = "COMPLEXITY_LIMIT_EXCEEDED";

/// One step from the response's root to the place of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// A response key (alias or field name).
    Key(String),
    /// A position in a list.
    Index(usize),
}

/// An entry of the response's `errors` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphqlError {
    /// Plain text for a person.
    pub message: String,
    /// Line and column in the query text, both from 1. Only parse and validation errors have one.
    pub locations: Vec<(usize, usize)>,
    /// Where in the response the error arose; empty for request errors.
    pub path: Vec<PathSegment>,
    /// `extensions.code`. Only request errors have one.
    pub code: Option<&'static str>,
}

impl GraphqlError {
    /// An error with nothing but a message.
    pub fn new(message: impl Into<String>) -> GraphqlError {
        GraphqlError {
            message: message.into(),
            locations: Vec::new(),
            path: Vec::new(),
            code: None,
        }
    }

    pub(super) fn coded(message: impl Into<String>, code: &'static str) -> GraphqlError {
        GraphqlError { code: Some(code), ..GraphqlError::new(message) }
    }

    /// Appends the JSON form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"message\":");
        json::string(out, &self.message);
        if !self.locations.is_empty() {
            out.extend_from_slice(b",\"locations\":");
            json::list(out, &self.locations, |out, (line, column)| {
                out.extend_from_slice(
                    format!("{{\"line\":{line},\"column\":{column}}}").as_bytes(),
                );
            });
        }
        if !self.path.is_empty() {
            out.extend_from_slice(b",\"path\":");
            json::list(out, &self.path, |out, segment| match segment {
                PathSegment::Key(key) => json::string(out, key),
                PathSegment::Index(index) => out.extend_from_slice(index.to_string().as_bytes()),
            });
        }
        if let Some(code) = self.code {
            out.extend_from_slice(b",\"extensions\":{\"code\":");
            json::string(out, code);
            out.push(b'}');
        }
        out.push(b'}');
    }

    /// Appends a JSON list of errors.
    pub fn write_list(errors: &[GraphqlError], out: &mut Vec<u8>) {
        json::list(out, errors, |out, error| error.write(out));
    }
}

/// Why a field has no value. It becomes one entry of `errors` with the field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldError {
    /// The object does not know the field, though the schema does. The executor names the field.
    Unresolved,
    /// Any other reason, told as it stands.
    Message(Cow<'static, str>),
}

impl FieldError {
    /// An error with that text.
    pub fn new(message: impl fmt::Display) -> FieldError {
        FieldError::Message(Cow::Owned(message.to_string()))
    }

    /// The text for the response; `type_name` and `field` name the place for [`Self::Unresolved`].
    pub fn message(&self, type_name: &str, field: &str) -> String {
        match self {
            FieldError::Unresolved => format!("{type_name}.{field} has no resolver"),
            FieldError::Message(text) => text.clone().into_owned(),
        }
    }
}

impl From<String> for FieldError {
    fn from(message: String) -> FieldError {
        FieldError::Message(Cow::Owned(message))
    }
}

impl From<&'static str> for FieldError {
    fn from(message: &'static str) -> FieldError {
        FieldError::Message(Cow::Borrowed(message))
    }
}
