//! Mutations.

use std::rc::Rc;

use super::scope::Scope;
use crate::graphql::{Field, FieldError, Resolved};

/// Runs one mutation.
pub(super) fn mutate<'r>(_: &Rc<Scope>, _: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    Err(FieldError::Unresolved)
}
