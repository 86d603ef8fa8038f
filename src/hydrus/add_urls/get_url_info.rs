//! `GET /add_urls/get_url_info`: what the URL classes say of an address.

use serde_json::json;

use super::given_url;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/add_urls/get_url_info", Access::Needs(Permission::EditUrls), &[PARAMS], call);

const PARAMS: &[Param] = &[required("url", "string", "the address")];

/// URL classes seldom change.
const AGE_S: u32 = 600;

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let info = context.view()?.url_info(given_url(params)?)?;
    let answer = json!({
        "normalised_url": info.normalised_url,
        "url_type": info.url_type,
        "url_type_string": info.url_type_string,
        "match_name": info.match_name,
        "can_parse": false,
        "cannot_parse_reason": info.cannot_parse_reason,
        "request_url": info.request_url,
    });
    Ok(Answer::object(&answer).for_seconds(AGE_S))
}
