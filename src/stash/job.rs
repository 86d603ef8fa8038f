//! `Job`: the queue of long work.

use std::rc::Rc;

use super::scope::Scope;
use crate::graphql::{Field, FieldError, Resolved};

/// `findJob` and `jobQueue`.
pub(super) fn query<'r>(_: &Rc<Scope>, _: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    Err(FieldError::Unresolved)
}
