//! `GET /verify_access_key`: what the key at hand permits.

use serde::Serialize;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::{Caller, Context};
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/verify_access_key", Access::AnyKey, &[], call);

#[derive(Serialize)]
struct Response<'a> {
    name: &'a str,
    permits_everything: bool,
    /// Sorted; all of them where everything is permitted.
    basic_permissions: Vec<u8>,
    human_description: String,
}

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let Some(caller) = context.caller() else {
        return Err(Rejection::no_credentials("No access key or session key provided!"));
    };
    let access = &caller.access;
    let basic_permissions = if access.permits_everything {
        Permission::ALL.iter().map(|permission| permission.number()).collect()
    } else {
        access.permissions.iter().copied().collect()
    };
    Ok(Answer::object(&Response {
        name: &access.name,
        permits_everything: access.permits_everything,
        basic_permissions,
        human_description: describe(caller),
    }))
}

fn describe(caller: &Caller) -> String {
    let access = &caller.access;
    let name = &access.name;
    if access.permits_everything {
        return format!("API Permissions ({name}): can do anything");
    }
    let held = Permission::ALL.iter().filter(|permission| caller.may(**permission));
    let mut names: Vec<&str> = held.map(|permission| permission.name()).collect();
    names.sort_unstable();
    let names = names.join(", ");
    let search = if caller.may(Permission::SearchFiles) {
        format!(": Can search: {}", access.filter.describe())
    } else {
        String::new()
    };
    format!("API Permissions ({name}): {names}{search}")
}
