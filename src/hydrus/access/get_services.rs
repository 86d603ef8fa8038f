//! `GET /get_services`: all services, by kind and in two forms together.

use super::SEES_SERVICES;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::hydrus::services;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_services", SEES_SERVICES, &[], call);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let known = context.view()?.services();
    let mut members = services::lists(known);
    members.extend(services::objects(known));
    Ok(Answer::object(&members))
}
