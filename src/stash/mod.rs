//! The Stash GraphQL API: the schema beside this file is the contract.
//!
//! Start with [`StashDoor`]: it checks who may enter and hands requests on, to GraphQL
//! (`graphql.rs`: one view of the library a request) or to the media routes (`media.rs`). Resolvers
//! are one file a type; `find` and `filter` answer the lists, `edit` the mutations. What has no
//! resolver answers an error naming the field and is listed in `docs/stash-unresolved.txt`.

mod absent;
mod auth;
mod configuration;
mod directory;
mod door;
mod downloads;
mod edit;
mod error;
mod file;
mod files;
mod filter;
mod find;
mod graphql;
mod group;
mod image;
mod job;
mod log;
mod marker;
mod media;
mod mutation;
mod object;
mod parser;
mod performer;
mod query;
mod saved;
mod scene;
pub mod schema;
mod scope;
mod settings;
mod socket;
mod status;
mod studio;
mod tag;
#[cfg(test)]
mod tests;
mod wall;

pub use door::StashDoor;
