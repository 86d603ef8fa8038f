//! Notes of files.

pub mod delete_notes;
pub mod set_notes;

use super::context::Context;
use super::error::Rejection;
use super::params::Params;
use crate::model::ids::ItemId;

/// The one file that a request names; nothing is made for a hash that is not known yet.
fn check_one_file(context: &Context, params: &Params) -> Result<(), Rejection> {
    match context.files(params)?.as_slice() {
        [_] => Ok(()),
        _ => Err(Rejection::bad_request("Sorry, you can only set notes of one file at a time!")),
    }
}

/// The same file, to be written to.
fn one_file(context: &Context, params: &Params) -> Result<ItemId, Rejection> {
    let items = context.files_to_write(params)?;
    items.first().copied().ok_or_else(|| Rejection::bad_request("Please include a file!"))
}
