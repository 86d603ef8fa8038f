//! `POST /manage_headers/set_headers`: sets, approves and removes headers.

use serde_json::Value;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, shown};
use crate::library::{Approval, HeaderChange};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_headers/set_headers",
    Access::Needs(Permission::ManageCookies),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("domain", "string", "the domain; all connections if none"),
    required("headers", "object of {value, approved, reason}", "a null value removes the header"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let domain = params.text("domain")?.map(str::to_owned);
    let mut changes = Vec::new();
    for (name, row) in params.need_object("headers")? {
        changes.push((name.clone(), change(row)?));
    }
    context.library().set_headers(domain, changes)?;
    Ok(Answer::Empty)
}

fn change(row: &Value) -> Result<HeaderChange, Rejection> {
    if !row.is_object() {
        let row = shown(row);
        return Err(Rejection::bad_request(format!("The header \"{row}\" was not an object!")));
    }
    let text = |name: &str| match row.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(other) => {
            let other = shown(other);
            Err(Rejection::bad_request(format!("The {name} \"{other}\" was not a string!")))
        }
    };
    for name in ["approved", "reason"] {
        if row.get(name).is_some_and(Value::is_null) {
            return Err(Rejection::bad_request(format!("The {name} \"None\" was not a string!")));
        }
    }
    let value = text("value")?;
    let approved = text("approved")?.flatten().map(|approved| match approved.as_str() {
        "approved" => Ok(Approval::Approved),
        "denied" => Ok(Approval::Denied),
        "pending" => Ok(Approval::Pending),
        other => Err(Rejection::bad_request(format!(
            "The approved \"{other}\" was not one of: approved, denied, pending!"
        ))),
    });
    let reason = text("reason")?.flatten();
    if value.is_none() && approved.is_none() && reason.is_none() {
        return Err(Rejection::bad_request(
            "Sorry, you have to set a value, approved, or reason parameter!",
        ));
    }
    Ok(HeaderChange { value, approved: approved.transpose()?, reason })
}
