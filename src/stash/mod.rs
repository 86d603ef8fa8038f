//! The Stash GraphQL API.
