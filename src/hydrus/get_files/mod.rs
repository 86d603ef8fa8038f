//! Searching and fetching files.

pub mod file;
pub mod file_hashes;
pub mod file_metadata;
pub mod file_path;
pub mod local_file_storage_locations;
pub mod record;
pub mod render;
pub mod search_files;
mod tag_lists;
pub mod thumbnail;
pub mod thumbnail_path;

use super::context::Context;
use super::endpoint::{Access, Permission};
use super::error::Rejection;
use super::params::Params;
use crate::library::Content;
use crate::model::ids::ItemId;
use crate::model::service::builtin::STORAGE;

/// What most of them need.
pub const ACCESS: Access = Access::Needs(Permission::SearchFiles);

/// What those that tell paths need.
pub const PATH_ACCESS: Access = Access::All(&[Permission::SeePaths, Permission::SearchFiles]);

/// The file that a request names. An id that means nothing is refused, for the client would invent
/// a file for it; a hash that means nothing is `None`, as files are that cannot do what is asked.
///
/// # Errors
/// As [`Context::file`]; 404 for an unknown id.
pub fn named_file(context: &Context, params: &Params) -> Result<Option<ItemId>, Rejection> {
    match context.file(params)? {
        None if params.has("file_id") => Err(not_here()),
        file => Ok(file),
    }
}

fn not_here() -> Rejection {
    Rejection::file_missing("The client does not have this file!")
}

/// The bytes of the file that a request names.
///
/// # Errors
/// 404 when they are not here, in one form when they should be and in another when not.
pub fn content(context: &Context, params: &Params) -> Result<Content, Rejection> {
    let view = context.view()?;
    let Some(id) = context.file(params)? else {
        return Err(not_here());
    };
    if let Some(content) = view.open_content(id)? {
        return Ok(content);
    }
    if view.item(id)?.is_some_and(|item| item.is_in(STORAGE)) {
        return Err(Rejection::not_found("That file seems to be missing!"));
    }
    Err(not_here())
}
