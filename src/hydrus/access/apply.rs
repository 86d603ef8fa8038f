//! `POST /diptych/apply`: the admin call. No part of the original protocol.

use serde_json::{Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::Declaration;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/diptych/apply", Access::Everything, &[PARAMS], call);

const PARAMS: &[Param] = &[
    optional("services", "list of objects", "services to add or replace"),
    optional("access_keys", "list of objects", "access keys to add, replace or delete"),
    optional("siblings", "list of objects", "tags that are shown as others"),
    optional("parents", "list of objects", "tags that imply others"),
    optional("url_classes", "list of objects", "URL classes to add or replace"),
    optional("find_potentials", "object", "a search for potential duplicates"),
    optional("forced_filetypes", "list of objects", "types to force upon files"),
    optional("expire_sessions", "list of hex strings", "sessions to end"),
    optional("options", "object", "switches and rules"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let declaration = serde_json::from_value::<Declaration>(Value::Object(params.all().clone()));
    let declaration = declaration.map_err(|error| Rejection::bad_request(error.to_string()))?;
    let applied = context.library().apply(declaration)?;
    for session in &applied.expired_sessions {
        context.memory().end_session(session);
    }
    Ok(Answer::object(&json!({ "applied": applied.names })))
}
