//! `POST /add_tags/set_favourite_tags`: changes the list that clients offer.

use serde_json::json;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::model::tag::clean_all;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_tags/set_favourite_tags",
    Access::Needs(Permission::EditTags),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("set", "list of strings", "the whole new list; the others are ignored then"),
    optional("add", "list of strings", "tags to add"),
    optional("remove", "list of strings", "tags to take away"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let library = context.library();
    if params.is_null("set") {
        return Err(Rejection::missing("set"));
    }
    let tags = match params.texts("set")? {
        Some(tags) => library.set_favourite_tags(clean_all(tags))?,
        None => {
            let add = params.texts("add")?.unwrap_or_default();
            let remove = params.texts("remove")?.unwrap_or_default();
            library.change_favourite_tags(clean_all(add), clean_all(remove))?
        }
    };
    Ok(Answer::object(&json!({ "favourite_tags": tags })))
}
