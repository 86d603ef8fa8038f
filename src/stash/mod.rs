//! The Stash GraphQL API.

pub mod schema;
