//! Times of files and their viewing statistics.

pub mod increment_file_viewtime;
pub mod set_file_viewtime;
pub mod set_time;

use super::context::Context;
use super::endpoint::{Param, optional};
use super::error::Rejection;
use super::params::Params;

/// When: `timestamp` wins.
pub const MOMENT: &[Param] = &[
    optional("timestamp", "float", "seconds since 1970"),
    optional("timestamp_ms", "integer", "milliseconds since 1970"),
];

/// A moment of the group [`MOMENT`] in milliseconds. `timestamp` wins even if it is null.
fn moment_ms(params: &Params) -> Result<Option<i64>, Rejection> {
    if params.has("timestamp") || params.is_null("timestamp") {
        return Ok(params.number("timestamp")?.map(to_ms));
    }
    params.integer("timestamp_ms")
}

/// Seconds as milliseconds, of which parts are cut off; what lies outside counts as the end of time.
fn to_ms(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    let milliseconds = (seconds * 1000.0) as i64;
    milliseconds
}

/// The canvas that a request names.
fn canvas(number: i64) -> Result<u8, Rejection> {
    let known =
        u8::try_from(number).ok().filter(|canvas| crate::library::CANVASES.contains(canvas));
    known.ok_or_else(|| {
        Rejection::bad_request("Sorry, the canvas type needs to be either 0, 1, or 4!")
    })
}

/// Refuses while views are not counted.
fn check_counted(context: &Context) -> Result<(), Rejection> {
    if context.view()?.switches()?.file_viewing_statistics {
        return Ok(());
    }
    let sentence = "Sorry, the user has disabled file viewing statistics on this client!";
    Err(Rejection::forbidden(sentence))
}

/// Refuses numbers below zero.
fn not_negative(name: &str, number: i64) -> Result<u64, Rejection> {
    u64::try_from(number)
        .map_err(|_| Rejection::bad_request(format!("{name} cannot be a negative number!")))
}
