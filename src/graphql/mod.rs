//! The GraphQL language alone: documents, coercion, execution.
