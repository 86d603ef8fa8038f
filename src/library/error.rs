//! Why a verb of the library refuses.

use crate::store;

/// A refusal, from the caller's fault to ours. Each dialect chooses its own code for each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller named a thing we do not hold.
    #[error("there is no {kind} {name}")]
    Missing { kind: &'static str, name: String },
    /// The caller's value cannot mean anything here. The text is the whole sentence for people.
    #[error("{0}")]
    Invalid(String),
    /// The state forbids it now; the same call may succeed later.
    #[error("{0}")]
    Conflict(String),
    /// The library is locked or closing.
    #[error("the library is closed for the moment")]
    Busy,
    /// Another process holds the data folder.
    #[error("another process has this library open")]
    InUse,
    /// The disk has less room than configured, nothing was written.
    #[error("{0}")]
    Full(String),
    /// A file could not be read or written.
    #[error("{context}: {error}")]
    File { context: String, error: std::io::Error },
    /// Our fault. Logged whole where it is answered; the caller learns only that it happened.
    #[error("the store failed: {0}")]
    Store(store::Error),
}

impl Error {
    /// A refusal of a value, with the sentence for people.
    pub fn invalid(sentence: impl Into<String>) -> Error {
        Error::Invalid(sentence.into())
    }

    /// There is no such thing.
    pub fn missing(kind: &'static str, name: impl ToString) -> Error {
        Error::Missing { kind, name: name.to_string() }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        match error {
            store::Error::AlreadyOpen => Error::InUse,
            store::Error::Closed | store::Error::Reopening => Error::Busy,
            full @ store::Error::Full { .. } => Error::Full(full.to_string()),
            other => Error::Store(other),
        }
    }
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
