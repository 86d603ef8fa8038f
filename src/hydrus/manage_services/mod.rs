//! What waits to be sent to repositories.

pub mod commit_pending;
pub mod forget_pending;
pub mod get_pending_counts;

use super::context::Context;
use super::endpoint::{Param, required};
use super::error::Rejection;
use super::params::Params;
use crate::library::is_repository;
use crate::model::hash::to_hex;
use crate::model::ids::ServiceId;

/// The repository.
pub const REPOSITORY: &[Param] = &[required("service_key", "hex string", "a repository")];

/// The repository that a request names.
fn repository(context: &Context, params: &Params) -> Result<ServiceId, Rejection> {
    let key = params.need_hex("service_key")?;
    let services = context.view()?.services();
    let hex = to_hex(&key);
    let Some(id) = services.by_key(&key) else {
        return Err(Rejection::bad_request(format!("Could not find the service \"{hex}\"!")));
    };
    if services.kind(id).is_some_and(is_repository) {
        return Ok(id);
    }
    Err(Rejection::bad_request(format!(
        "Sorry, the service key \"{hex}\" was not for an uploadable service!"
    )))
}
