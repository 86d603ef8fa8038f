//! The Hydrus Client API: paths, parameters and answers as the documentation gives them.
//!
//! Read [`routes::ROUTES`] first: the whole protocol on one page. [`HydrusDoor`] turns a request into
//! an answer; the checks on the way stand in `door.rs` in their order.
//!
//! # To add an endpoint
//!
//! 1. A file `<folder>/<last segment>.rs` (and its `pub mod` line in the folder's `mod.rs`) with a
//!    `pub const ENDPOINT: Endpoint = Endpoint::get(path, access, &[groups of params], call)` (or
//!    `post`) and `fn call(context: &Context, params: &Params) -> Result<Answer, Rejection>`.
//! 2. A line in `routes.rs`.
//!
//! `access/session_key.rs` is a small example. What a handler uses:
//! - [`params::Params`]: `text`, `integer`, `number`, `flag`, `hex`, `texts`, `integers`, `list`,
//!   `object`, `text_object`, `value`; each has a `need_` form that refuses when it is missing. A
//!   parameter must be declared in the row; the type in a query follows from its name
//!   (`params/names.rs`).
//! - Shared groups: `FILES` with `context.files(params)` (reads) or `context.files_to_write(params)`
//!   (unknown hashes get an id), `FILE` with `context.file(params)`, `FILE_DOMAIN` with
//!   `context.file_domains(params, default)`, `WRITE_FILE_DOMAIN` with `context.named_domains(params)`,
//!   `TAG_SERVICE` with `context.tag_service(params)`.
//! - `context.view()?`: one state of the library for the whole request; `context.renew()?` after a
//!   write; `context.library()` for verbs; `context.may(Permission::..)` for second permissions.
//! - [`answer::Answer`]: `Empty`, `object(&json!({..}))`, `written(bytes)` of a [`json::Writer`],
//!   `file(..)`. The versions, CBOR, cache headers and ranges are added outside.
//! - [`error::Rejection`]: `bad_request`, `not_found`, ...; a `library::Error` becomes one by `?`.
//!
//! Handlers run on threads that may block. Nothing here touches the store or the index; what both
//! doors need is a verb of the library.

pub mod access;
pub mod add_files;
pub mod add_notes;
pub mod add_tags;
pub mod add_urls;
pub mod answer;
pub mod context;
pub mod door;
pub mod edit_ratings;
pub mod edit_times;
pub mod endpoint;
pub mod error;
pub mod get_files;
pub mod json;
pub mod manage_cookies;
pub mod manage_database;
pub mod manage_file_relationships;
pub mod manage_headers;
pub mod manage_pages;
pub mod manage_popups;
pub mod manage_services;
pub mod memory;
pub mod params;
pub mod reference;
pub mod routes;
pub mod services;
pub mod terms;
pub mod urls;

pub use door::HydrusDoor;
