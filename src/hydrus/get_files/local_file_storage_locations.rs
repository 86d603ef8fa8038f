//! `GET /get_files/local_file_storage_locations`: where files and thumbnails are kept.

use serde::Serialize;

use super::PATH_ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/get_files/local_file_storage_locations", PATH_ACCESS, &[], call);

#[derive(Serialize)]
struct Response {
    locations: [Location; 1],
}

#[derive(Serialize)]
struct Location {
    path: String,
    ideal_weight: u32,
    max_num_bytes: Option<u64>,
    /// `f00` to `fff` for files, `t00` to `tff` for thumbnails, by the first byte of the hash.
    prefixes: Vec<String>,
}

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let (folder, prefixes) = context.library().storage_folders();
    let path = std::path::absolute(&folder).unwrap_or(folder).to_string_lossy().into_owned();
    let location = Location { path, ideal_weight: 1, max_num_bytes: None, prefixes };
    Ok(Answer::object(&Response { locations: [location] }))
}
