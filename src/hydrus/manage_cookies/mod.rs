//! Cookies that downloads send.

pub mod get_cookies;
pub mod set_cookies;
