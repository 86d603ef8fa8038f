//! `POST /edit_times/increment_file_viewtime`: adds to the viewing statistics of files.

use super::{MOMENT, canvas, check_counted, moment_ms, not_negative, to_ms};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};
use crate::library::KEEP_LAST_VIEW;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/edit_times/increment_file_viewtime",
    Access::Needs(Permission::EditTimes),
    &[FILES, MOMENT, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("canvas_type", "integer", "0 media viewer, 1 preview, 4 client api"),
    optional("views", "integer", "1"),
    required("viewtime", "float", "seconds"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    check_counted(context)?;
    let canvas_type = params.need_integer("canvas_type")?;
    context.files(params)?;
    let canvas = canvas(canvas_type)?;
    let views = not_negative("Views", params.integer("views")?.unwrap_or(1))?;
    let viewtime_ms = not_negative("Viewtime", to_ms(params.need_number("viewtime")?))?;
    let is_null = params.is_null("timestamp") || params.is_null("timestamp_ms");
    let at_ms = moment_ms(params)?.or_else(|| is_null.then_some(KEEP_LAST_VIEW));
    let items = context.files_to_write(params)?;
    context.library().add_views(items, canvas, views, viewtime_ms, at_ms)?;
    Ok(Answer::Empty)
}
