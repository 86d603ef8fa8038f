//! The nouns of the library, without I/O: identifiers, hashes, file types, media facts, tags, queries.
//!
//! Everything here is plain data and pure functions, shared by both dialects. Nothing in this
//! folder knows of a database, a network or a file system.

pub mod colour;
pub mod entity;
pub mod filetype;
pub mod hash;
pub mod ids;
pub mod item;
pub mod media;
pub mod natural;
pub mod notes;
pub mod number_test;
pub mod place;
pub mod predicate;
pub mod query;
pub mod service;
pub mod system_predicate;
pub mod tag;
pub mod tag_filter;
pub mod tag_pattern;
pub mod terms;
pub mod time;
pub mod time_test;
pub mod url;
pub mod url_class;
