//! Addresses of files.

pub mod add_url;
pub mod associate_url;
pub mod get_url_files;
pub mod get_url_info;

use super::error::Rejection;
use super::params::Params;

/// The address that a request names.
fn given_url(params: &Params) -> Result<&str, Rejection> {
    match params.need_text("url")? {
        "" => Err(Rejection::bad_request("Given URL was empty!")),
        url => Ok(url),
    }
}
