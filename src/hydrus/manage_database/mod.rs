//! The library as a whole.

pub mod force_commit;
pub mod get_client_options;
pub mod lock_off;
pub mod lock_on;
pub mod mr_bones;
