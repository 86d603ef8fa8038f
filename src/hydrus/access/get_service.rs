//! `GET /get_service`: one service by name or key.

use serde_json::json;

use super::{SEES_SERVICES, SERVICE};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::hydrus::services::{brief, is_listed};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_service", SEES_SERVICES, &[SERVICE], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let (_, service) = context.service(params)?;
    if !is_listed(service.kind) {
        let sentence = "Sorry, for now, you cannot ask about this service!";
        return Err(Rejection::bad_request(sentence));
    }
    Ok(Answer::object(&json!({ "service": brief(service) })))
}
