//! The whole protocol on one page, in the order of the documentation.

use super::access::{
    api_version, apply, client_info, get_service, get_service_rating_svg, get_services,
    request_new_permissions, session_key, verify_access_key,
};
use super::add_files::{
    add_file, archive_files, clear_file_deletion_record, delete_files, generate_hashes,
    migrate_files, unarchive_files, undelete_files,
};
use super::add_notes::{delete_notes, set_notes};
use super::add_tags::{
    add_tags, clean_tags, get_favourite_tags, get_siblings_and_parents, search_tags,
    set_favourite_tags,
};
use super::add_urls::{add_url, associate_url, get_url_files, get_url_info};
use super::edit_ratings::set_rating;
use super::edit_times::{increment_file_viewtime, set_file_viewtime, set_time};
use super::endpoint::Endpoint;
use super::get_files::{
    file, file_hashes, file_metadata, file_path, local_file_storage_locations, render,
    search_files, thumbnail, thumbnail_path,
};
use super::manage_cookies::{get_cookies, set_cookies};
use super::manage_database::{force_commit, get_client_options, lock_off, lock_on, mr_bones};
use super::manage_file_relationships::{
    get_file_relationships, get_potential_pairs, get_potentials_count, get_random_potentials,
    remove_potentials, set_file_relationships, set_kings,
};
use super::manage_headers::{get_headers, set_headers, set_user_agent};
use super::manage_pages::{
    add_files, focus_page, get_media_viewers, get_page_info, get_pages, new_page, refresh_page,
};
use super::manage_popups::{
    add_popup, call_user_callable, cancel_popup, dismiss_popup, finish_and_dismiss_popup,
    finish_popup, get_popups, update_popup,
};
use super::manage_services::{commit_pending, forget_pending, get_pending_counts};

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
    // edit_ratings
    set_rating::ENDPOINT,
    // edit_times
    set_time::ENDPOINT,
    increment_file_viewtime::ENDPOINT,
    set_file_viewtime::ENDPOINT,
    // add_notes
    set_notes::ENDPOINT,
    delete_notes::ENDPOINT,
    // add_urls
    get_url_files::ENDPOINT,
    get_url_info::ENDPOINT,
    add_url::ENDPOINT,
    associate_url::ENDPOINT,
    // manage_cookies
    get_cookies::ENDPOINT,
    set_cookies::ENDPOINT,
    // manage_headers
    get_headers::ENDPOINT,
    set_headers::ENDPOINT,
    set_user_agent::ENDPOINT,
    // manage_file_relationships
    get_file_relationships::ENDPOINT,
    get_potentials_count::ENDPOINT,
    get_potential_pairs::ENDPOINT,
    get_random_potentials::ENDPOINT,
    remove_potentials::ENDPOINT,
    set_file_relationships::ENDPOINT,
    set_kings::ENDPOINT,
    // manage_services
    get_pending_counts::ENDPOINT,
    commit_pending::ENDPOINT,
    forget_pending::ENDPOINT,
    // manage_pages
    get_pages::ENDPOINT,
    get_page_info::ENDPOINT,
    get_media_viewers::ENDPOINT,
    add_files::ENDPOINT,
    focus_page::ENDPOINT,
    refresh_page::ENDPOINT,
    new_page::ENDPOINT,
    // manage_popups
    get_popups::ENDPOINT,
    add_popup::ENDPOINT,
    call_user_callable::ENDPOINT,
    cancel_popup::ENDPOINT,
    dismiss_popup::ENDPOINT,
    finish_popup::ENDPOINT,
    finish_and_dismiss_popup::ENDPOINT,
    update_popup::ENDPOINT,
    // manage_database
    force_commit::ENDPOINT,
    lock_on::ENDPOINT,
    lock_off::ENDPOINT,
    mr_bones::ENDPOINT,
    get_client_options::ENDPOINT,
    // ours
    apply::ENDPOINT,
];
