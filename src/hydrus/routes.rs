//! The whole protocol on one page, in the order of the documentation.

use super::access::{
    api_version, apply, client_info, get_service, get_service_rating_svg, get_services,
    request_new_permissions, session_key, verify_access_key,
};
use super::add_files::{
    add_file, archive_files, clear_file_deletion_record, delete_files, generate_hashes,
    migrate_files, unarchive_files, undelete_files,
};
use super::add_tags::{
    add_tags, clean_tags, get_favourite_tags, get_siblings_and_parents, search_tags,
    set_favourite_tags,
};
use super::endpoint::Endpoint;
use super::get_files::{
    file, file_hashes, file_metadata, file_path, local_file_storage_locations, render,
    search_files, thumbnail, thumbnail_path,
};

/// Every endpoint. This table feeds the router, the access checks and the documentation.
pub const ROUTES: &[Endpoint] = &[
    // access
    api_version::ENDPOINT,
    request_new_permissions::ENDPOINT,
    session_key::ENDPOINT,
    verify_access_key::ENDPOINT,
    client_info::ENDPOINT,
    get_service::ENDPOINT,
    get_services::ENDPOINT,
    get_service_rating_svg::ENDPOINT,
    // add_files
    add_file::ENDPOINT,
    delete_files::ENDPOINT,
    undelete_files::ENDPOINT,
    clear_file_deletion_record::ENDPOINT,
    migrate_files::ENDPOINT,
    archive_files::ENDPOINT,
    unarchive_files::ENDPOINT,
    generate_hashes::ENDPOINT,
    // add_tags
    clean_tags::ENDPOINT,
    get_siblings_and_parents::ENDPOINT,
    search_tags::ENDPOINT,
    add_tags::ENDPOINT,
    get_favourite_tags::ENDPOINT,
    set_favourite_tags::ENDPOINT,
    // get_files
    search_files::ENDPOINT,
    file_metadata::ENDPOINT,
    file_hashes::ENDPOINT,
    file::ENDPOINT,
    thumbnail::ENDPOINT,
    render::ENDPOINT,
    file_path::ENDPOINT,
    thumbnail_path::ENDPOINT,
    local_file_storage_locations::ENDPOINT,
    // ours
    apply::ENDPOINT,
];
