//! Endpoints without a folder: versions, keys, sessions, services, and the admin call.

pub mod api_version;
pub mod apply;
pub mod client_info;
pub mod get_service;
pub mod get_service_rating_svg;
pub mod get_services;
pub mod request_new_permissions;
pub mod session_key;
pub mod verify_access_key;

use super::endpoint::{Access, Param, Permission, optional};

/// Any of the permissions with which services are of use.
pub const SEES_SERVICES: Access = Access::Any(&[
    Permission::ImportFiles,
    Permission::EditRatings,
    Permission::EditTags,
    Permission::EditNotes,
    Permission::ManagePages,
    Permission::EditRelationships,
    Permission::SearchFiles,
]);

/// One service; see `Context::service`.
pub const SERVICE: &[Param] = &[
    optional("service_name", "string", "the service by its name, without regard to case"),
    optional("service_key", "hex string", "the service by its key"),
];
