//! Conditional requests: entity tags, modification times and the dates of HTTP.

use jiff::{Timestamp, fmt::rfc2822};

use super::{Headers, Method};

/// A time as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`), from UTC milliseconds. Times that no
/// such date can name are given as 1970.
pub fn http_date(time_ms: i64) -> String {
    let whole_seconds = Timestamp::from_second(time_ms.div_euclid(1000)).unwrap_or_default();
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&whole_seconds)
        .unwrap_or_else(|_| String::from("Thu, 01 Jan 1970 00:00:00 GMT"))
}

/// Reads a date of HTTP into UTC milliseconds; nothing for what is no such date.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(time.as_second() * 1000)
}

/// Whether a caller that already holds a copy may be answered 304.
///
/// `If-None-Match` is compared weakly with `etag` (given with its quotes) and, when present, alone
/// decides; otherwise `If-Modified-Since` is compared with the modification time in whole seconds.
pub fn not_modified(
    method: Method,
    headers: &Headers,
    etag: Option<&str>,
    modified_ms: Option<i64>,
) -> bool {
    if !matches!(method, Method::Get | Method::Head) {
        return false;
    }
    if headers.contains("if-none-match") {
        return etag.is_some_and(|etag| {
            headers.get_all("if-none-match").any(|value| names_etag(value, etag))
        });
    }
    let since = headers.get("if-modified-since").and_then(parse_http_date);
    match (since, modified_ms) {
        (Some(since), Some(modified)) => modified.div_euclid(1000) <= since.div_euclid(1000),
        _ => false,
    }
}

/// Whether the `Range` of this request may be honoured: there is no `If-Range`, or it names exactly
/// what we hold (a strong entity tag, or the modification time to the second).
pub fn range_applies(headers: &Headers, etag: Option<&str>, modified_ms: Option<i64>) -> bool {
    let Some(condition) = headers.get("if-range").map(str::trim) else {
        return !headers.contains("if-range");
    };
    if condition.starts_with('"') {
        return etag == Some(condition);
    }
    let (named, modified) = (parse_http_date(condition), modified_ms);
    named.is_some() && named.map(|ms| ms.div_euclid(1000)) == modified.map(|ms| ms.div_euclid(1000))
}

/// Whether a list of entity tags holds this one, or is `*`.
fn names_etag(list: &str, etag: &str) -> bool {
    let strip = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.trim() == "*" || list.split(',').any(|one| strip(one) == strip(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_MS: i64 = 784_111_777_000;
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.append(*name, *value);
        }
        headers
    }

    #[test]
    fn dates_are_written_and_read() {
        assert_eq!(http_date(TIME_MS + 999), DATE);
        assert_eq!(parse_http_date(DATE), Some(TIME_MS));
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(http_date(i64::MAX), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    }

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: bool) {
        let found =
            not_modified(Method::Get, &headers(pairs), Some("\"abc\""), Some(TIME_MS + 500));
        assert_eq!(found, expected, "{pairs:?}");
    }

    #[test]
    fn a_known_entity_tag_is_not_modified() {
        check(&[], false);
        check(&[("If-None-Match", "\"abc\"")], true);
        check(&[("If-None-Match", "\"x\", W/\"abc\"")], true);
        check(&[("If-None-Match", "*")], true);
        check(&[("If-None-Match", "\"x\"")], false);
    }

    #[test]
    fn the_entity_tag_decides_before_the_date() {
        check(&[("If-Modified-Since", DATE)], true);
        check(&[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")], false);
        check(&[("If-Modified-Since", "soon")], false);
        check(&[("If-None-Match", "\"x\""), ("If-Modified-Since", DATE)], false);
        let posted = headers(&[("If-None-Match", "*")]);
        assert!(!not_modified(Method::Post, &posted, Some("\"abc\""), None));
    }

    #[test]
    fn a_range_applies_only_to_the_copy_it_names() {
        let check = |pairs: &[(&str, &str)], expected: bool| {
            let found = range_applies(&headers(pairs), Some("\"abc\""), Some(TIME_MS + 1));
            assert_eq!(found, expected, "{pairs:?}");
        };
        check(&[], true);
        check(&[("If-Range", "\"abc\"")], true);
        check(&[("If-Range", "W/\"abc\"")], false);
        check(&[("If-Range", "\"x\"")], false);
        check(&[("If-Range", DATE)], true);
        check(&[("If-Range", "Sun, 06 Nov 1994 08:49:38 GMT")], false);
        check(&[("If-Range", "soon")], false);
    }
}
