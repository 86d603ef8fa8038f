//! Headers that downloads send.

pub mod get_headers;
pub mod set_headers;
pub mod set_user_agent;
