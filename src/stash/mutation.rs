//! The root of mutations: each field is one write, then a fresh view to answer from.

use std::rc::Rc;
use std::sync::Arc;

use super::door::Shared;
use super::scope::{Origin, Scope};
use crate::graphql::{Context, Field, FieldError, Object, Resolved};

/// The root of mutations.
pub(super) struct Mutation {
    shared: Arc<Shared>,
    origin: Origin,
}

impl Mutation {
    /// The root.
    pub(super) fn new(shared: &Arc<Shared>, origin: &Origin) -> Mutation {
        Mutation { shared: Arc::clone(shared), origin: origin.clone() }
    }

    /// A view as of now.
    fn scope(&self) -> Result<Rc<Scope>, FieldError> {
        Scope::new(&self.shared, self.origin.clone())
    }
}

impl Object for Mutation {
    fn type_name(&self) -> &'static str {
        "Mutation"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        super::edit::mutate(&self.scope()?, field)
    }
}
