//! `POST /edit_times/set_time`: sets one time of files.

use super::{MOMENT, canvas, moment_ms};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};
use crate::library::TimeOf;
use crate::model::ids::ServiceId;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/edit_times/set_time",
    Access::Needs(Permission::EditTimes),
    &[FILES, MOMENT, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required(
        "timestamp_type",
        "integer",
        "0 modified on a domain, 1 modified as a file, 3 imported, 4 deleted, 5 archived, 6 last \
         viewed, 7 previously imported",
    ),
    optional("file_service_key", "hex string", "the file domain of types 3, 4 and 7"),
    optional("canvas_type", "integer", "the canvas of type 6; 0"),
    optional("domain", "string", "the web domain of type 0; `local` is type 1"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let files = context.files(params)?;
    let kind = params.need_integer("timestamp_type")?;
    let moment_ms = moment_ms(params)?;
    let is_null = params.is_null("timestamp") || params.is_null("timestamp_ms");
    if moment_ms.is_none() {
        if !is_null {
            return Err(Rejection::bad_request("Sorry, you have to give a timestamp!"));
        }
        if kind != 0 {
            return Err(Rejection::bad_request(format!(
                "Sorry, you can only delete web domain timestamps (type 0) for now! You sent ({kind})!"
            )));
        }
    }
    let which = which(context, params, kind)?;
    // A file that nobody has heard of has no time that could be edited, and gets no record for that.
    let is_free = matches!(which, TimeOf::ModifiedOnDomain(_));
    if let Some(unknown) = files.iter().find(|file| file.id.is_none() && !is_free) {
        return Err(Rejection::bad_request(format!(
            "Sorry, times other than those of web domains can only be edited, not added, and this \
             file has none: {}",
            unknown.hash
        )));
    }
    let items = context.files_to_write(params)?;
    context.library().set_time(items, which, moment_ms)?;
    Ok(Answer::Empty)
}

fn which(context: &Context, params: &Params, kind: i64) -> Result<TimeOf, Rejection> {
    Ok(match kind {
        0 => match params.need_text("domain")? {
            "local" => TimeOf::Modified,
            domain => TimeOf::ModifiedOnDomain(domain.to_owned()),
        },
        1 => TimeOf::Modified,
        3 => TimeOf::Imported(file_service(context, params)?),
        4 => TimeOf::Deleted(file_service(context, params)?),
        5 => TimeOf::Archived,
        6 => TimeOf::LastViewed(canvas(params.integer("canvas_type")?.unwrap_or(0))?),
        7 => TimeOf::PreviouslyImported(file_service(context, params)?),
        other => {
            return Err(Rejection::bad_request(format!(
                "Sorry, do not understand that timestamp type \"{other}\"!"
            )));
        }
    })
}

fn file_service(context: &Context, params: &Params) -> Result<ServiceId, Rejection> {
    let refuse =
        || Rejection::bad_request("Sorry, you have to specify a file service service key!");
    let key = params.hex("file_service_key")?.ok_or_else(refuse)?;
    context.view()?.services().by_key(&key).ok_or_else(refuse)
}
