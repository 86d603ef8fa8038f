//! `GET /manage_file_relationships/get_file_relationships`: what is known of files and others.

use serde_json::{Map, Value, json};

use super::hashes;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, FILES, Params};
use crate::library::View;
use crate::library::relationships::FileRelationships;
use crate::model::ids::ItemId;
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_file_relationships/get_file_relationships",
    Access::Needs(Permission::EditRelationships),
    &[FILES, FILE_DOMAIN],
    call,
);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let files = context.files(params)?;
    let domains = context.file_domains(params, builtin::COMBINED_LOCAL)?;
    let domain = view.domain_set(&domains)?;
    let mut rows = Map::new();
    for file in files {
        let hash = file.hash.to_hex();
        let row = match file.id {
            Some(id) => row(view, id, &view.file_relationships(id, &domain)?)?,
            None => json!({
                "is_king": true,
                "king": hash,
                "king_is_on_file_domain": false,
                "king_is_local": false,
                "0": [],
                "1": [],
                "3": [],
                "8": [],
            }),
        };
        rows.insert(hash, row);
    }
    Ok(Answer::object(&json!({ "file_relationships": rows })))
}

fn row(view: &View, id: ItemId, found: &FileRelationships) -> Result<Value, Rejection> {
    Ok(json!({
        "is_king": found.king == id,
        "king": hashes(view, &[found.king])?.first(),
        "king_is_on_file_domain": found.king_is_on_file_domain,
        "king_is_local": found.king_is_local,
        "0": hashes(view, &found.potentials)?,
        "1": hashes(view, &found.false_positives)?,
        "3": hashes(view, &found.alternates)?,
        "8": hashes(view, &found.duplicates)?,
    }))
}
