//! Addresses as clients see them.

use serde::Serialize;

use crate::model::url_class::UrlInfo;

/// What is known of an address: an item of `detailed_known_urls`, and most of `get_url_info`.
#[derive(Serialize)]
pub struct Described<'a> {
    normalised_url: &'a str,
    url_type: u8,
    url_type_string: &'a str,
    match_name: &'a str,
    /// Nothing here reads pages for files.
    can_parse: bool,
    cannot_parse_reason: &'a str,
}

/// Describes an address.
#[must_use]
pub fn described(info: &UrlInfo) -> Described<'_> {
    Described {
        normalised_url: &info.normalised_url,
        url_type: info.url_type,
        url_type_string: info.url_type_string,
        match_name: &info.match_name,
        can_parse: false,
        cannot_parse_reason: &info.cannot_parse_reason,
    }
}
