//! `POST /add_files/generate_hashes`: what a file would be known by, without importing it.

use serde::Serialize;

use super::{ACCESS, PATH, path};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::model::hash::to_hex;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/generate_hashes", ACCESS, &[PATH], call).taking_file();

#[derive(Serialize)]
struct Response {
    hash: String,
    /// At most one; pictures only.
    #[serde(skip_serializing_if = "Option::is_none")]
    perceptual_hashes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pixel_hash: Option<String>,
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let hashes = match params.upload() {
        Some(upload) => context.library().hashes_of(upload.path())?,
        None => context.library().hashes_of(&path(params)?)?,
    };
    let perceptual = hashes.perceptual.map(|hash| to_hex(&hash.to_be_bytes()));
    Ok(Answer::object(&Response {
        hash: hashes.sha256.to_hex(),
        perceptual_hashes: hashes.pixel.map(|_| perceptual.into_iter().collect()),
        pixel_hash: hashes.pixel.map(|hash| to_hex(&hash)),
    }))
}
