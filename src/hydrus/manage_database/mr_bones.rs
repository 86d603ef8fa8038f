//! `GET /manage_database/mr_bones`: numbers about a set of files.

use serde_json::{Map, Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, Params, TAG_SERVICE};
use crate::hydrus::terms::unsorted;
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_database/mr_bones",
    Access::Needs(Permission::ManageDatabase),
    &[FILE_DOMAIN, TAG_SERVICE, PARAMS],
    call,
);

const PARAMS: &[Param] = &[optional("tags", "list of search terms", "all files if none")];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let domains = context.file_domains(params, builtin::COMBINED_LOCAL)?;
    let tag_service = context.tag_service(params)?;
    if tag_service == builtin::ALL_KNOWN_TAGS && domains.current.contains(&builtin::ALL_KNOWN_FILES)
    {
        let sentence = "Sorry, search for all known tags over all known files is not supported!";
        return Err(Rejection::bad_request(sentence));
    }
    let terms = context.search_terms(params.list("tags")?.unwrap_or_default())?;
    let bones = context.view()?.bones(&unsorted(terms, domains, tag_service))?;
    let mut stats = Map::new();
    let mut set = |name: &str, value: Value| stats.insert(name.to_owned(), value);
    set("num_inbox", bones.inbox.files.into());
    set("num_archive", bones.archive.files.into());
    set("size_inbox", bones.inbox.bytes.into());
    set("size_archive", bones.archive.bytes.into());
    if let Some(deleted) = bones.deleted {
        set("num_deleted", deleted.files.into());
        set("size_deleted", deleted.bytes.into());
    }
    if let Some(earliest_ms) = bones.earliest_import_ms {
        set("earliest_import_time", earliest_ms.div_euclid(1000).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "times for people")]
    let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
    let (media, preview) = (bones.media_views, bones.preview_views);
    set("total_viewtime", json!([media.0, seconds(media.1), preview.0, seconds(preview.1)]));
    set("total_alternate_groups", bones.relationships.alternate_groups.into());
    set("total_alternate_files", bones.relationships.alternate_files.into());
    set("total_duplicate_files", bones.relationships.duplicate_files.into());
    Ok(Answer::object(&json!({ "boned_stats": stats })))
}
