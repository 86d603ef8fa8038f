//! How a query's values are typed: by the parameter's name alone (section 4).

/// How the text of a query parameter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Hex,
    /// Percent-decoded a second time.
    Text,
    /// Percent-decoded a second time as well.
    Json,
    /// JSON, a list of hexadecimal texts.
    HexList,
}

/// The two names under which a key may come, in the order in which they count.
pub const ACCESS_KEY: &str = "Hydrus-Client-API-Access-Key";
pub const SESSION_KEY: &str = "Hydrus-Client-API-Session-Key";

const INTEGERS: &[&str] = &[
    "duplicate_pair_sort_type",
    "file_id",
    "file_sort_type",
    "potentials_search_type",
    "pixel_duplicates",
    "max_hamming_distance",
    "max_num_pairs",
    "width",
    "height",
    "render_format",
    "render_quality",
];

/// Names whose value is hexadecimal, in queries and in bodies.
pub const HEX: &[&str] = &[
    "hash",
    "destination_page_key",
    "page_key",
    "page_of_pages_key",
    "service_key",
    "tag_service_key",
    "tag_service_key_1",
    "tag_service_key_2",
    "file_service_key",
    "deleted_file_service_key",
    "rating_service_key",
    "job_status_key",
    ACCESS_KEY,
    SESSION_KEY,
];

const TEXTS: &[&str] = &[
    "name",
    "url",
    "domain",
    "search",
    "service_name",
    "reason",
    "tag_display_type",
    "source_hash_type",
    "desired_hash_type",
    "file_service_name",
    "tag_service_name",
];

const JSON: &[&str] = &[
    "basic_permissions",
    "permits_everything",
    "tags",
    "tags_1",
    "tags_2",
    "file_ids",
    "download",
    "only_return_identifiers",
    "only_return_basic_information",
    "include_blurhash",
    "create_new_file_ids",
    "detailed_url_information",
    "duplicate_pair_sort_asc",
    "hide_service_keys_tags",
    "simple",
    "file_sort_asc",
    "group_mode",
    "return_hashes",
    "return_file_ids",
    "include_thumbnail_filetype",
    "include_notes",
    "include_milliseconds",
    "include_services_object",
    "notes",
    "note_names",
    "doublecheck_file_system",
    "only_in_view",
    "include_current_tags",
    "include_pending_tags",
];

/// Names whose value is a list of hexadecimal texts, in queries and in bodies.
pub const HEX_LISTS: &[&str] = &["file_service_keys", "deleted_file_service_keys", "hashes"];

/// Names of objects whose member names are hexadecimal, in bodies.
pub const HEX_OBJECTS: &[&str] =
    &["service_keys_to_tags", "service_keys_to_actions_to_tags", "service_keys_to_additional_tags"];

/// How a query parameter of this name is read; `None` for names that mean nothing.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    let kinds = [
        (INTEGERS, Kind::Integer),
        (HEX, Kind::Hex),
        (TEXTS, Kind::Text),
        (JSON, Kind::Json),
        (HEX_LISTS, Kind::HexList),
    ];
    kinds.into_iter().find(|(names, _)| names.contains(&name)).map(|(_, kind)| kind)
}
