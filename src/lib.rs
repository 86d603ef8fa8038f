//! Diptych: one media library behind two doors, the Hydrus Client API and the Stash GraphQL API.
//!
//! The layers, and the only direction in which they may depend on each other:
//!
//! ```text
//! main -> app -> {hydrus, stash} -> library -> {store, index, media} -> model
//! ```
//!
//! `http` and `graphql` are tools of the protocol layers and know no word of the domain.
//! `tidy` holds the tests that keep it so.

pub mod app;
pub mod config;
pub mod graphql;
pub mod http;
pub mod hydrus;
pub mod index;
pub mod library;
pub mod media;
pub mod model;
pub mod stash;
pub mod store;
#[cfg(test)]
mod tidy;
