//! `GET /manage_cookies/get_cookies`: the cookies of a domain and its neighbours.

use serde_json::{Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_cookies/get_cookies",
    Access::Needs(Permission::ManageCookies),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[required("domain", "string", "the domain or one of its subdomains")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let cookies = context.view()?.cookies(params.need_text("domain")?)?;
    let row = |cookie: crate::library::Cookie| -> Value {
        json!([cookie.name, cookie.value, cookie.domain, cookie.path, cookie.expires_s])
    };
    let rows: Vec<Value> = cookies.into_iter().map(row).collect();
    Ok(Answer::object(&json!({ "cookies": rows })))
}
