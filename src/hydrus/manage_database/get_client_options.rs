//! `GET /manage_database/get_client_options`: the options that this library has, where clients look for them.

use serde_json::{Map, Value, json};

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::hydrus::services;
use crate::library::View;
use crate::model::service::builtin;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_database/get_client_options",
    Access::Needs(Permission::ManageDatabase),
    &[],
    call,
);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let mut answer = Map::new();
    answer.insert("old_options".to_owned(), old_options(view)?);
    answer.insert("options".to_owned(), options(view)?);
    answer.extend(services::objects(view.services()));
    Ok(Answer::object(&answer))
}

/// The options of older versions, of which some are still read here by clients.
fn old_options(view: &View) -> Result<Value, Rejection> {
    let rules = view.file_rules()?;
    Ok(json!({
        // The size of thumbnails is fixed.
        "thumbnail_dimensions": [150, 125],
        "trash_max_age": rules.trash_age_ms_max.map(|age_ms| age_ms / 3_600_000),
        "trash_max_size": rules.trash_bytes_max.map(|bytes| bytes >> 20),
    }))
}

fn options(view: &View) -> Result<Value, Rejection> {
    let switches = view.switches()?;
    let favourites = view.favourite_tags()?;
    let key = |id| view.services().key_hex(id);
    let tag_sort = json!({ "sort_type": 0, "sort_order": 0, "use_siblings": true, "group_by": 0 });
    let file_sort = json!({ "sort_metatype": "system", "sort_type": 2, "sort_order": 1 });
    Ok(json!({
        "booleans": {
            "delete_lock_for_archived_files": view.file_rules()?.delete_lock,
            "file_viewing_statistics_active": switches.file_viewing_statistics,
            "pause_all_new_network_traffic": switches.network_paused,
        },
        "strings": { "namespace_connector": ":" },
        "noneable_strings": {},
        "integers": { "similar_files_max_hamming_distance": switches.potentials_distance_max },
        "noneable_integers": {},
        "keys": { "default_tag_service_tab": key(builtin::MY_TAGS) },
        "colors": {},
        "media_zooms": [1.0],
        "slideshow_durations": [],
        "default_namespace_sorts": [],
        "default_sort": file_sort,
        "default_tag_sort": tag_sort,
        "default_tag_sort_search_page": tag_sort,
        "default_tag_sort_search_page_manage_tags": tag_sort,
        "default_tag_sort_media_viewer": tag_sort,
        "default_tag_sort_media_vewier_manage_tags": tag_sort,
        "fallback_sort": file_sort,
        "suggested_tags_favourites": { key(builtin::MY_TAGS): favourites },
        "default_local_location_context": {
            "current_service_keys": [key(builtin::MY_FILES)],
            "deleted_service_keys": [],
        },
    }))
}
