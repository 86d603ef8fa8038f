//! The GraphQL language alone: documents, coercion, execution. No word of any schema.
//!
//! Start with [`Engine`]: it owns a schema, turns a query text into a [`Prepared`] plan (parsed,
//! validated, limited and cached) and executes plans against objects that implement [`Object`].
//! Parsing, validation and introspection are apollo-compiler's; planning, coercion of input and
//! execution are ours, because the response is written once, straight into its final bytes.
//!
//! What must stay true, each with a test here:
//! - a plan gives the same answer as the document it came from, whatever its fragments and aliases;
//! - a null that the schema forbids removes exactly the nearest nullable ancestor;
//! - in coerced input, a field that was absent and a field that was null stay different;
//! - no document, variable or request body makes this module panic.

mod coerce;
mod engine;
mod error;
mod execute;
mod json;
mod plan;
mod request;
#[cfg(test)]
mod tests;
mod value;

pub use coerce::ScalarShape;
pub use engine::{Engine, Limits};
pub use error::{FieldError, GraphqlError, PathSegment};
pub use execute::{Context, Field, Object, Resolved};
pub use plan::{OperationKind, Prepared};
pub use request::{MediaType, Method, Outcome, Request};
pub use value::{Map, Value};
