//! `POST /manage_cookies/set_cookies`: sets and removes cookies.

use serde_json::Value;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, shown};
use crate::library::CookieChange;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_cookies/set_cookies",
    Access::Needs(Permission::ManageCookies),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[required(
    "cookies",
    "list of [name, value, domain, path, expires]",
    "the cookies; without a value one is removed",
)];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let rows = params.need_list("cookies")?;
    let changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
    context.library().set_cookies(changes)?;
    Ok(Answer::Empty)
}

fn change(row: &Value) -> Result<CookieChange, Rejection> {
    let Some([name, value, domain, path, expires]) = row.as_array().map(Vec::as_slice) else {
        let row = shown(row);
        return Err(Rejection::bad_request(format!(
            "The cookie \"{row}\" did not come in the format [ name, value, domain, path, expires ]!"
        )));
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let read = || {
        Some(CookieChange {
            name: text(name)?,
            value: if value.is_null() { None } else { Some(text(value)?) },
            domain: text(domain)?,
            path: text(path)?,
            expires_s: if expires.is_null() { None } else { Some(expires.as_i64()?) },
        })
    };
    read().ok_or_else(|| {
        let row = shown(row);
        Rejection::bad_request(format!(
            "In the row [ name, value, domain, path, expires ], which I received as \"{row}\", name, \
             domain, and path need to be strings, value needs to be null or a string, and expires \
             needs to be null or an integer!"
        ))
    })
}
