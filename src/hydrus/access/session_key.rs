//! `GET /session_key`: a key that ends a day after its last use.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::model::hash::to_hex;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/session_key", Access::AnyKey, &[], call);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let access_key = context.caller().map(|caller| caller.key.as_slice()).unwrap_or_default();
    let session = context.memory().begin_session(access_key)?;
    Ok(Answer::object(&json!({ "session_key": to_hex(&session) })))
}
