//! Importing and deleting files.

pub mod add_file;
pub mod archive_files;
pub mod clear_file_deletion_record;
pub mod delete_files;
pub mod generate_hashes;
pub mod migrate_files;
pub mod unarchive_files;
pub mod undelete_files;

use std::path::PathBuf;

use super::endpoint::{Access, Param, Permission, optional};
use super::error::Rejection;
use super::params::Params;

/// What all of them need.
pub const ACCESS: Access = Access::Needs(Permission::ImportFiles);

/// A file on the server's machine, where the body is not the file itself.
pub const PATH: &[Param] = &[optional("path", "string", "the file, unless it is the body")];

/// The path that a request names, which must be one of a file.
///
/// # Errors
/// 400 without a path, and where there is no file.
pub fn path(params: &Params) -> Result<PathBuf, Rejection> {
    let text = params.need_text("path")?;
    let path = PathBuf::from(text);
    let what = match std::fs::metadata(&path) {
        Ok(found) if found.is_file() => return Ok(path),
        Ok(_) => "is not a file",
        Err(_) => "does not exist",
    };
    Err(Rejection::bad_request(format!("Path \"{text}\" {what}!")))
}
