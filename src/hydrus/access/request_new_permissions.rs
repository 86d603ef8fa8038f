//! `GET /request_new_permissions`: a client asks for a key, which a person approves.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::AccessKey;
use crate::model::hash::to_hex;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/request_new_permissions", Access::Open, &[PARAMS], call);

const PARAMS: &[Param] = &[
    required("name", "string", "what the key is called"),
    optional("permits_everything", "boolean", "whether it is to permit everything; false"),
    optional("basic_permissions", "list of integers", "what it is to permit; nothing"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    if !context.view()?.switches()?.permission_request_dialog_open {
        return Err(Rejection::conflict(
            "The permission registration dialog is not open. Please open it under \"review services\" \
             in the hydrus client.",
        ));
    }
    let name = params.need_text("name")?.to_owned();
    let permits_everything = params.flag("permits_everything", false)?;
    let permissions = params.integers("basic_permissions")?.unwrap_or_default();
    // Numbers without a meaning are dropped: no check ever asks for them.
    let permissions = permissions.into_iter().filter_map(|number| u8::try_from(number).ok());
    let permissions = permissions.collect();
    let access = AccessKey {
        name,
        permits_everything,
        permissions,
        is_waiting: true,
        ..AccessKey::default()
    };
    let key = context.library().create_access_key(access)?;
    Ok(Answer::object(&json!({ "access_key": to_hex(&key) })))
}
