//! URLs in the form they are stored in, and the forms the same address may have elsewhere.
//!
//! [`normalise`] is for addresses no class knows; [`super::url_class`] has the classes. Neither
//! changes more than it must: two addresses that a site tells apart stay two.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

/// The parts of a URL, as they stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// Before `://`.
    pub scheme: &'a str,
    /// User, host and port: all up to the next slash.
    pub authority: &'a str,
    /// From that slash on; may be empty.
    pub path: &'a str,
    /// After the question mark; may be empty.
    pub query: &'a str,
}

/// Takes a URL apart, without its fragment. `None` for a text without scheme or host.
#[must_use]
pub fn split(url: &str) -> Option<UrlParts<'_>> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let mut signs = scheme.chars();
    let is_scheme = signs.next().is_some_and(|first| first.is_ascii_alphabetic())
        && signs.all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '+' | '-' | '.'));
    let (authority, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_scheme || authority.is_empty() {
        return None;
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(UrlParts { scheme, authority, path, query })
}

/// The stored form of a URL without a class: scheme in lower case, the fragment gone, and
/// percent-encoding where a sign needs it. A text that is no URL stays as it is.
///
/// `https://example.com/a b#c` is `https://example.com/a%20b`.
#[must_use]
pub fn normalise(url: &str) -> String {
    let Some(parts) = split(url) else { return url.to_owned() };
    let path = if parts.path.is_empty() { "/".to_owned() } else { encode(parts.path, "/") };
    let query = normalise_query(parts.query);
    let mark = if query.is_empty() { "" } else { "?" };
    let (scheme, host) = (parts.scheme.to_lowercase(), normalise_authority(parts.authority));
    format!("{scheme}://{host}{path}{mark}{query}")
}

/// Compatible forms of letters become the plain ones; what then looks like the end of the host
/// becomes an underscore.
pub(super) fn normalise_authority(authority: &str) -> String {
    authority.nfkc().map(|sign| if matches!(sign, '?' | '#') { '_' } else { sign }).collect()
}

/// Of a name that occurs twice, the last value counts in both places.
fn normalise_query(query: &str) -> String {
    let pairs = || {
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
    };
    let last: HashMap<&str, &str> =
        pairs().filter_map(|(name, value)| Some((name, value?))).collect();
    let parts: Vec<String> = pairs()
        .map(|(name, value)| {
            let value = value.and_then(|_| last.get(name));
            match value {
                Some(value) => format!("{}={}", encode(name, "/?"), encode(value, "/?")),
                None => encode(name, "/?"),
            }
        })
        .collect();
    parts.join("&")
}

/// Percent-encodes what may not stand as it is; what is encoded already stays.
pub(super) fn encode(text: &str, also_safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, sign) in text.char_indices() {
        let is_safe = sign.is_ascii_alphanumeric()
            || "-._~!$&'()*+,;=@:".contains(sign)
            || also_safe.contains(sign)
            || (sign == '%' && is_escape(&text[at..]));
        if is_safe {
            out.push(sign);
        } else {
            let mut bytes = [0; 4];
            for byte in sign.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

fn is_escape(text: &str) -> bool {
    text.as_bytes().get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// The address and the forms under which the same page may have been stored: by http and https,
/// with and without `www`, with and without a slash at its end, and with double slashes made one.
#[must_use]
pub fn variants(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let mut add = |make: fn(&str) -> Option<String>| {
        let made: Vec<String> = all.iter().filter_map(|url| make(url)).collect();
        for url in made {
            if !all.contains(&url) {
                all.push(url);
            }
        }
    };
    add(other_scheme);
    add(other_host);
    add(single_slashes);
    add(other_end);
    all
}

fn other_scheme(url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix("https://") {
        Some(format!("http://{rest}"))
    } else {
        url.strip_prefix("http://").map(|rest| format!("https://{rest}"))
    }
}

fn other_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let plain = without_www(host);
    let host = if plain == host { format!("www.{host}") } else { plain.to_owned() };
    Some(format!("{scheme}://{host}{path}"))
}

/// A host without its leading `www`, `www2`, ...
pub(super) fn without_www(host: &str) -> &str {
    match host.split_once('.') {
        Some((label, rest)) if label.starts_with("www") && rest.contains('.') => rest,
        _ => host,
    }
}

fn single_slashes(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find('?').unwrap_or(rest.len());
    let (path, query) = rest.split_at(end);
    let mut single = String::with_capacity(path.len());
    for sign in path.chars() {
        if sign != '/' || !single.ends_with('/') {
            single.push(sign);
        }
    }
    (single != path).then(|| format!("{scheme}://{single}{query}"))
}

fn other_end(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find('?').unwrap_or(rest.len());
    let (path, query) = rest.split_at(end);
    match path.strip_suffix('/') {
        Some(path) => Some(format!("{scheme}://{path}{query}")),
        None => Some(format!("{scheme}://{path}/{query}")),
    }
}

/// The host of a URL in lower case, without user and port; what "has domain" looks at.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let authority = split(url)?.authority;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|sign| sign.is_ascii_digit()) => host,
        _ => host,
    };
    Some(host.to_lowercase())
}

/// Whether a URL is of this domain or of one below it. `domain` is in lower case.
#[must_use]
pub fn is_of_domain(url: &str, domain: &str) -> bool {
    host(url).is_some_and(|host| {
        host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(normalise(url), expected);
    }

    #[test]
    fn only_what_must_change_changes() {
        for same in [
            "https://example.com/a/../b?z=1&a=2",
            "https://EXAMPLE.com:443/Path?b=2&a=1",
            "https://user:pw@example.com//x//",
            "https://example.com/?flag&x=",
            "https://example.com/%E4%B8%96?q=%20+",
            "not a url",
            "",
            "//example.com",
            "https://",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn signs_are_encoded_where_they_must_be() {
        check(" HTTPS://example.com ", "https://example.com/");
        check("https://example.com/a b c?x=y z#frag", "https://example.com/a%20b%20c?x=y%20z");
        check("https://例え.jp/パス/?q=値", "https://例え.jp/%E3%83%91%E3%82%B9/?q=%E5%80%A4");
        check("https://example.com/100%?p=5%2", "https://example.com/100%25?p=5%252");
        check("https://ｅxample.com/", "https://example.com/");
    }

    #[test]
    fn an_address_has_several_forms() {
        let forms = variants("https://www.example.com/a//b");
        for form in [
            "https://www.example.com/a//b",
            "http://www.example.com/a//b",
            "http://example.com/a/b/",
            "https://example.com/a//b/",
        ] {
            assert!(forms.contains(&form.to_owned()), "{form} in {forms:?}");
        }
        assert!(
            variants("http://shared.example.org/1")
                .contains(&"https://shared.example.org/1".to_owned())
        );
        assert_eq!(variants("nonsense"), ["nonsense"]);
    }

    #[test]
    fn domains_include_those_below() {
        assert!(is_of_domain("https://img.example.com:8080/x", "example.com"));
        assert!(is_of_domain("https://me@Example.com", "example.com"));
        assert!(!is_of_domain("https://notexample.com/", "example.com"));
        assert!(!is_of_domain("example.com", "example.com"));
    }

    proptest! {
        #[test]
        fn the_stored_form_is_stable(path in "[a-z%/ ?&=#é]{0,12}") {
            let once = normalise(&format!("https://example.com/{path}"));
            prop_assert_eq!(normalise(&once), once.clone());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = (normalise(&text), variants(&text), host(&text));
        }
    }
}
