//! `GET /api_version`: which Client API this is.

use serde::Serialize;

use crate::hydrus::answer::{API_VERSION, Answer, SOFTWARE_VERSION};
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/api_version", Access::Open, &[], call);

#[derive(Serialize)]
struct Response {
    version: u32,
    hydrus_version: u32,
}

fn call(_: &Context, _: &Params) -> Result<Answer, Rejection> {
    Ok(Answer::bare(&Response { version: API_VERSION, hydrus_version: SOFTWARE_VERSION }))
}
