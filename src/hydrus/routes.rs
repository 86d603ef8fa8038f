//! The whole protocol on one page, in the order of the documentation.

use super::access::{
    api_version, client_info, get_service, get_service_rating_svg, get_services,
    request_new_permissions, session_key, verify_access_key,
};
use super::endpoint::Endpoint;

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
];
