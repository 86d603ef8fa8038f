//! `GET /manage_headers/get_headers`: the headers of a domain or of all connections.

use serde_json::{Map, Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::{Approval, Header};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_headers/get_headers",
    Access::Needs(Permission::ManageCookies),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[optional("domain", "string", "the domain; all connections if none")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let domain = params.text("domain")?;
    let headers = context.view()?.headers(domain)?;
    let row = |header: Header| {
        let approved = match header.approved {
            Approval::Approved => "approved",
            Approval::Denied => "denied",
            Approval::Pending => "pending",
        };
        let row = json!({ "value": header.value, "approved": approved, "reason": header.reason });
        (header.name, row)
    };
    let headers: Map<String, Value> = headers.into_iter().map(row).collect();
    let kind = if domain.is_some() { 2 } else { 0 };
    Ok(Answer::object(&json!({
        "network_context": { "type": kind, "data": domain },
        "headers": headers,
    })))
}
