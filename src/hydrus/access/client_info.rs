//! `GET /client_info`: which run of the program this is.

use serde::Serialize;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/client_info", Access::AnyKey, &[], call);

#[derive(Serialize)]
struct Response<'a> {
    /// 64 hexadecimal digits, others after every start.
    boot_id: &'a str,
    /// Seconds.
    boot_time: f64,
    /// A server without windows has nobody who could be idle.
    currently_idle: bool,
}

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let (boot_id, boot_ms) = context.memory().boot();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are exact")]
    let boot_time = boot_ms as f64 / 1000.0;
    Ok(Answer::object(&Response { boot_id, boot_time, currently_idle: false }))
}
