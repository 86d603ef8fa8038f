//! `GET /get_service_rating_svg`: the drawing of ratings whose shape is a picture.

use super::{SEES_SERVICES, SERVICE};
use crate::http::FileAnswer;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::model::service::ServiceKind;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/get_service_rating_svg", SEES_SERVICES, &[SERVICE], call);

/// The one drawing there is: a leaf. Services name a shape, they do not bring one along.
const LEAF: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">\
    <path d=\"M4 28C4 12 14 4 28 4c0 14-8 24-24 24zM4 28L18 14\" fill=\"#50C878\" \
    stroke=\"#000000\"/></svg>";

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let (_, service) = context.service(params)?;
    if ![ServiceKind::RATING_LIKE, ServiceKind::RATING_NUMERICAL].contains(&service.kind) {
        let sentence = "This type of service cannot have a SVG associated with it!";
        return Err(Rejection::bad_request(sentence));
    }
    if service.star_shape.as_deref() != Some("svg") {
        let name = &service.name;
        let sentence = format!("Rating service \"{name}\" does not use a SVG icon!");
        return Err(Rejection::not_found(sentence));
    }
    Ok(Answer::file(FileAnswer::of_bytes(LEAF, "image/svg+xml")))
}
