//! `GET /manage_services/get_pending_counts`: how much waits to be sent to each repository.

use serde_json::{Map, Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::hydrus::services;
use crate::model::service::ServiceKind;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_services/get_pending_counts",
    Access::Needs(Permission::CommitPending),
    &[],
    call,
);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let mut counts = Map::new();
    for (id, _) in view.services().of_kind(ServiceKind::TAG_REPOSITORY) {
        let tags = view.pending_tags(id)?;
        // Siblings and parents are changed at once: none of theirs ever waits.
        let row = json!({
            "pending_tag_mappings": tags.pending,
            "petitioned_tag_mappings": tags.petitioned,
            "pending_tag_siblings": 0,
            "petitioned_tag_siblings": 0,
            "pending_tag_parents": 0,
            "petitioned_tag_parents": 0,
        });
        counts.insert(view.services().key_hex(id), row);
    }
    for (id, _) in view.services().of_kind(ServiceKind::FILE_REPOSITORY) {
        // Nothing here can propose a file to a repository.
        let row = json!({ "pending_files": 0, "petitioned_files": 0 });
        counts.insert(view.services().key_hex(id), row);
    }
    let mut answer = Map::new();
    answer.insert("pending_counts".to_owned(), Value::Object(counts));
    answer.extend(services::objects(view.services()));
    Ok(Answer::object(&answer))
}
