//! `POST /edit_ratings/set_rating`: rates files in one service.

use serde_json::Value;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params, as_integer};
use crate::library::Rating;
use crate::model::service::ServiceKind;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/edit_ratings/set_rating",
    Access::Needs(Permission::EditRatings),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("rating_service_key", "hex string", "the rating service"),
    required("rating", "boolean, integer or null", "as the kind of service has it; null clears"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let key = params.need_hex("rating_service_key")?;
    // The files are named before anything else is looked at, and nothing is made for a refusal.
    context.files(params)?;
    if !params.has("rating") && !params.is_null("rating") {
        return Err(Rejection::bad_request("Sorry, you need to give a rating to set it to!"));
    }
    let services = context.view()?.services();
    let missing = || Rejection::data_missing("That service was not found!");
    let id = services.by_key(&key).ok_or_else(missing)?;
    let service = services.get(id).ok_or_else(missing)?;
    let rating = rating(service.kind, params.value("rating"))?;
    crate::library::stored_value(service, rating)?;
    let items = context.files_to_write(params)?;
    context.library().rate(items, id, rating)?;
    Ok(Answer::Empty)
}

fn rating(kind: ServiceKind, value: Option<&Value>) -> Result<Rating, Rejection> {
    let expects = |what: &str| {
        Rejection::bad_request(format!("Sorry, this service expects a \"{what}\" rating!"))
    };
    let Some(value) = value else { return Ok(Rating::Unset) };
    match kind {
        ServiceKind::RATING_LIKE => {
            value.as_bool().map(Rating::Liked).ok_or_else(|| expects("bool"))
        }
        ServiceKind::RATING_NUMERICAL => {
            // Numbers beyond 64 bits are beyond every scale.
            let stars = as_integer(value).or_else(|| value.as_u64().map(|_| i64::MAX));
            stars.map(Rating::Stars).ok_or_else(|| expects("int"))
        }
        ServiceKind::RATING_COUNT => {
            as_integer(value).map(Rating::Count).ok_or_else(|| expects("int"))
        }
        _ => Err(Rejection::bad_request("That service is not a rating service!")),
    }
}
