//! Refusals of the library, as GraphQL errors say them.

use crate::graphql::FieldError;
use crate::library;

impl From<library::Error> for FieldError {
    fn from(error: library::Error) -> FieldError {
        if let library::Error::Store(error) = &error {
            tracing::error!(%error, "the store failed");
        }
        FieldError::new(error)
    }
}
