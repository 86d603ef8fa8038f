//! Cookies and headers that downloads send (behaviour.md 25).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::{Library, View};
use crate::model::time::now_ms;
use crate::store::{self, DocumentKind, Read, Tx};

/// One cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    /// With a dot in front: subdomains too.
    pub domain: String,
    pub path: String,
    /// Seconds; `None` ends with the session of a browser, which we never end.
    pub expires_s: Option<i64>,
}

/// A cookie to set or, without a value, to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieChange {
    pub name: String,
    pub value: Option<String>,
    pub domain: String,
    pub path: String,
    pub expires_s: Option<i64>,
}

/// Whether a person let a header be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    #[default]
    Approved,
    Denied,
    Pending,
}

/// A header of a network context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub value: String,
    pub approved: Approval,
    /// Why it is sent.
    pub reason: String,
}

/// What to change of one header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChange {
    /// `Some(None)` takes the header away.
    pub value: Option<Option<String>>,
    pub approved: Option<Approval>,
    pub reason: Option<String>,
}

const USER_AGENT: &str = "Mozilla/5.0 (compatible; Hydrus Client)";
const USER_AGENT_REASON: &str =
    "This is the default User-Agent identifier for the client for all network connections.";
const REASON: &str = "Set by Client API";

/// Cookies of one second-level domain, and headers of one context.
const PER_CONTEXT_MAX: usize = 10_000;

/// Longer cookies that servers set are not kept.
const COOKIE_LENGTH_MAX: usize = 8192;

/// The name of the document of a context: domains are never empty.
fn context(domain: Option<&str>) -> &str {
    domain.unwrap_or("")
}

/// The last two labels of a domain: what cookies are kept by.
#[must_use]
pub fn second_level_domain(domain: &str) -> &str {
    let mut dots = domain.rmatch_indices('.');
    dots.next();
    dots.next().map_or(domain, |(place, _)| &domain[place + 1..])
}

fn check_domain(domain: &str) -> Result<()> {
    if domain.contains('.') {
        return Ok(());
    }
    Err(Error::invalid(format!("The value \"{domain}\" does not seem to be a domain!")))
}

fn live_cookies(read: &impl Read, second_level: &str) -> store::Result<Vec<Cookie>> {
    let mut cookies: Vec<Cookie> =
        read.document(DocumentKind::Cookies, second_level)?.unwrap_or_default();
    let now_s = now_ms() / 1000;
    cookies.retain(|cookie| cookie.expires_s.is_none_or(|expires_s| expires_s > now_s));
    Ok(cookies)
}

fn default_headers() -> Vec<Header> {
    let header = |name: &str, value: &str, reason: &str| Header {
        name: name.to_owned(),
        value: value.to_owned(),
        approved: Approval::Approved,
        reason: reason.to_owned(),
    };
    vec![
        header("User-Agent", USER_AGENT, USER_AGENT_REASON),
        header(
            "Accept",
            "image/jpeg,image/png,image/*;q=0.9,*/*;q=0.8",
            "Prefers jpeg/png over webp, but provides graceful fallback.",
        ),
        header(
            "Cache-Control",
            "no-transform",
            "Tells CDNs not to deliver \"optimised\" versions of files. May not be honoured.",
        ),
    ]
}

fn load_headers(read: &impl Read, domain: Option<&str>) -> store::Result<Vec<Header>> {
    let stored = read.document(DocumentKind::Headers, context(domain))?;
    let fresh = || if domain.is_none() { default_headers() } else { Vec::new() };
    Ok(stored.unwrap_or_else(fresh))
}

impl View {
    /// The cookies of the second-level domain of `domain`, without those that expired.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that is no domain.
    pub fn cookies(&self, domain: &str) -> Result<Vec<Cookie>> {
        check_domain(domain)?;
        Ok(live_cookies(&self.snapshot, second_level_domain(domain))?)
    }

    /// The headers of a domain, or those of all connections.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that is no domain.
    pub fn headers(&self, domain: Option<&str>) -> Result<Vec<Header>> {
        domain.map(check_domain).transpose()?;
        Ok(load_headers(&self.snapshot, domain)?)
    }

    /// What a request to a URL carries: approved headers, and a `Cookie` header if there are any.
    ///
    /// # Errors
    /// When reading fails.
    pub fn request_headers(&self, url: &str) -> Result<Vec<(String, String)>> {
        let host = store::host_of(url).to_lowercase();
        let mut headers: BTreeMap<String, (String, String)> = BTreeMap::new();
        let mut contexts = vec![None];
        let labels: Vec<&str> = host.split('.').collect();
        let domains: Vec<String> =
            (0..labels.len().saturating_sub(1)).rev().map(|at| labels[at..].join(".")).collect();
        contexts.extend(domains.iter().map(|domain| Some(domain.as_str())));
        for domain in contexts {
            for header in load_headers(&self.snapshot, domain)? {
                if header.approved == Approval::Approved {
                    headers.insert(header.name.to_lowercase(), (header.name, header.value));
                }
            }
        }
        let path = path_of(url);
        let cookies = live_cookies(&self.snapshot, second_level_domain(&host))?;
        let sent: Vec<String> = cookies
            .iter()
            .filter(|cookie| fits(cookie, &host, path))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        let mut headers: Vec<(String, String)> = headers.into_values().collect();
        if !sent.is_empty() {
            headers.push(("Cookie".to_owned(), sent.join("; ")));
        }
        Ok(headers)
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |parts| parts.1);
    let path = rest.find('/').map_or("/", |place| &rest[place..]);
    path.split(['?', '#']).next().unwrap_or("/")
}

fn fits(cookie: &Cookie, host: &str, path: &str) -> bool {
    let domain = cookie.domain.to_lowercase();
    let on_domain = match domain.strip_prefix('.') {
        Some(parent) => host == parent || host.ends_with(&domain),
        None => host == domain,
    };
    let below = path.strip_prefix(cookie.path.trim_end_matches('/'));
    on_domain && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A `Set-Cookie` line of `host`, as a change; `None` when it is not to be kept: it cannot be read, or
/// is of a domain that the host does not belong to.
#[must_use]
pub(super) fn parse_cookie(line: &str, host: &str, now_s: i64) -> Option<CookieChange> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || line.len() > COOKIE_LENGTH_MAX {
        return None;
    }
    let mut cookie = CookieChange {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        domain: host.to_owned(),
        path: "/".to_owned(),
        expires_s: None,
    };
    let mut has_age = false;
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match attribute.trim().to_lowercase().as_str() {
            "domain" => {
                let domain = value.trim_start_matches('.').to_lowercase();
                let is_above = host.strip_suffix(domain.as_str())?;
                let is_ours = is_above.is_empty() || is_above.ends_with('.');
                if !is_ours || !domain.contains('.') {
                    return None;
                }
                cookie.domain = format!(".{domain}");
            }
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "max-age" => {
                let age_s: i64 = value.parse().ok()?;
                cookie.expires_s = Some(now_s.saturating_add(age_s));
                has_age = true;
            }
            "expires" if !has_age => {
                let text = value.replace('-', " ");
                let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
                cookie.expires_s = moment.map(jiff::Timestamp::as_second);
            }
            _ => {}
        }
    }
    if cookie.expires_s.is_some_and(|expires_s| expires_s <= now_s) {
        cookie.value = None;
    }
    Some(cookie)
}

impl Library {
    /// Sets and removes cookies, in one transaction. A cookie is known by its name, domain and path.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a domain has too many.
    pub fn set_cookies(&self, changes: Vec<CookieChange>) -> Result<()> {
        self.write(move |tx| changes.iter().try_for_each(|change| set_cookie(tx, change)))
    }

    /// Changes headers of a domain, or those of all connections, in one transaction.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no value to approve of, or the domain is none.
    pub fn set_headers(
        &self,
        domain: Option<String>,
        changes: Vec<(String, HeaderChange)>,
    ) -> Result<()> {
        domain.as_deref().map(check_domain).transpose()?;
        self.write(move |tx| set_headers(tx, domain.as_deref(), &changes))
    }

    /// Sets the `User-Agent` of all connections; an empty text brings the first one back.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_user_agent(&self, user_agent: String) -> Result<()> {
        let value = if user_agent.is_empty() { USER_AGENT.to_owned() } else { user_agent };
        let change = HeaderChange { value: Some(Some(value)), ..HeaderChange::default() };
        let agent = "User-Agent".to_owned();
        self.write(move |tx| {
            let known = load_headers(tx, None)?.into_iter().find(|header| header.name == agent);
            let reason = known.map_or(USER_AGENT_REASON.to_owned(), |header| header.reason);
            let change = HeaderChange { reason: Some(reason), ..change.clone() };
            set_headers(tx, None, &[(agent.clone(), change)])
        })
    }
}

fn set_cookie(tx: &mut Tx, change: &CookieChange) -> Result<()> {
    let second_level = second_level_domain(&change.domain).to_owned();
    let mut cookies = live_cookies(tx, &second_level)?;
    let same = |cookie: &Cookie| {
        cookie.name == change.name && cookie.domain == change.domain && cookie.path == change.path
    };
    let place = cookies.iter().position(same);
    let cookie = change.value.as_ref().map(|value| Cookie {
        name: change.name.clone(),
        value: value.clone(),
        domain: change.domain.clone(),
        path: change.path.clone(),
        expires_s: change.expires_s,
    });
    match (place, cookie) {
        (Some(place), Some(cookie)) => cookies[place] = cookie,
        (Some(place), None) => {
            cookies.remove(place);
        }
        (None, Some(cookie)) => cookies.push(cookie),
        (None, None) => return Ok(()),
    }
    if cookies.len() > PER_CONTEXT_MAX {
        return Err(Error::Conflict(format!("{second_level} has too many cookies")));
    }
    Ok(tx.put_document(DocumentKind::Cookies, &second_level, &cookies)?)
}

fn set_headers(
    tx: &mut Tx,
    domain: Option<&str>,
    changes: &[(String, HeaderChange)],
) -> Result<()> {
    let mut headers = load_headers(tx, domain)?;
    for (name, change) in changes {
        let place = headers.iter().position(|header| header.name == *name);
        match (&change.value, place) {
            (Some(None), Some(place)) => {
                headers.remove(place);
            }
            (Some(None), None) => {}
            (Some(Some(value)), None) => headers.push(Header {
                name: name.clone(),
                value: value.clone(),
                approved: change.approved.unwrap_or_default(),
                reason: change.reason.clone().unwrap_or_else(|| REASON.to_owned()),
            }),
            // The same value again changes nothing, whatever else is said.
            (Some(Some(value)), Some(place)) if headers[place].value == *value => {}
            (value, Some(place)) => {
                let header = &mut headers[place];
                if let Some(Some(value)) = value {
                    header.value.clone_from(value);
                }
                header.approved = change.approved.unwrap_or(header.approved);
                header.reason = change.reason.clone().unwrap_or_else(|| header.reason.clone());
            }
            (None, None) => {
                let context = domain.unwrap_or("global");
                return Err(Error::invalid(format!(
                    "Sorry, you tried to set approved/reason on \"{name}\" for \"{context}\", but \
                     that entry does not exist, so there is no value to set them to! Please give a \
                     value!"
                )));
            }
        }
    }
    if headers.len() > PER_CONTEXT_MAX {
        return Err(Error::Conflict("there are too many headers".to_owned()));
    }
    Ok(tx.put_document(DocumentKind::Headers, context(domain), &headers)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    fn cookie(name: &str, value: Option<&str>, domain: &str, path: &str) -> CookieChange {
        CookieChange {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            domain: domain.to_owned(),
            path: path.to_owned(),
            expires_s: None,
        }
    }

    #[test]
    fn cookies_are_kept_by_second_level_domain() {
        for (domain, kept) in [
            ("trains.example", "trains.example"),
            (".a.trains.example", "trains.example"),
            ("nodot", "nodot"),
            ("", ""),
        ] {
            assert_eq!(second_level_domain(domain), kept);
        }
        let library = TestLibrary::new();
        let expired =
            CookieChange { expires_s: Some(1000), ..cookie("old", Some("x"), "a.b", "/") };
        let list = vec![
            cookie("s", Some("1"), ".x.a.b", "/"),
            cookie("t", Some("2"), "a.b", "/p"),
            expired,
        ];
        library.set_cookies(list).unwrap();
        let names = |domain: &str| -> Vec<String> {
            let cookies = library.view().unwrap().cookies(domain).unwrap();
            cookies.into_iter().map(|cookie| cookie.name).collect()
        };
        assert_eq!(names("y.a.b"), ["s", "t"]);
        library.set_cookies(vec![cookie("s", None, ".x.a.b", "/")]).unwrap();
        assert_eq!(names("a.b"), ["t"]);
        assert!(library.view().unwrap().cookies("nodot").is_err());
    }

    #[test]
    fn cookies_of_servers_are_kept_for_their_own_domains() {
        let parse = |line: &str| parse_cookie(line, "img.trains.example", 1000);
        let plain = parse("a=b; Secure; HttpOnly").unwrap();
        assert_eq!((plain.domain.as_str(), plain.path.as_str()), ("img.trains.example", "/"));
        assert_eq!(plain.value.as_deref(), Some("b"));
        let wide = parse("a=b=c; Domain=trains.example; Path=/x; Max-Age=60").unwrap();
        assert_eq!((wide.domain.as_str(), wide.path.as_str()), (".trains.example", "/x"));
        assert_eq!((wide.value.as_deref(), wide.expires_s), (Some("b=c"), Some(1060)));
        let dated = parse("a=b; Expires=Wed, 21-Oct-2015 07:28:00 GMT").unwrap();
        assert_eq!(dated.expires_s, Some(1_445_412_480));
        assert_eq!(parse("a=b; Max-Age=0").unwrap().value, None);
        for foreign in ["a=b; Domain=birds.example", "a=b; Domain=example", "=b", "a"] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
        assert_eq!(parse("a=b; Domain=ains.example"), None);
    }

    #[test]
    fn a_request_carries_what_fits_its_address() {
        let library = TestLibrary::new();
        let list = vec![
            cookie("all", Some("1"), ".a.b", "/"),
            cookie("one", Some("2"), "x.a.b", "/p"),
            cookie("other", Some("3"), "y.a.b", "/"),
        ];
        library.set_cookies(list).unwrap();
        let header = HeaderChange { value: Some(Some("v".to_owned())), ..HeaderChange::default() };
        let denied = HeaderChange { approved: Some(Approval::Denied), ..header.clone() };
        let changes = vec![("Token".to_owned(), header), ("Secret".to_owned(), denied)];
        library.set_headers(Some("a.b".to_owned()), changes).unwrap();
        let sent = library.view().unwrap().request_headers("https://x.a.b:80/p/q?r").unwrap();
        let find = |name: &str| sent.iter().find(|row| row.0 == name).map(|row| row.1.as_str());
        assert_eq!(find("Cookie"), Some("all=1; one=2"));
        assert_eq!(find("Token"), Some("v"));
        assert_eq!(find("Secret"), None);
        assert_eq!(find("User-Agent"), Some(USER_AGENT));
        let sent = library.view().unwrap().request_headers("https://x.a.b/pq").unwrap();
        assert!(sent.contains(&("Cookie".to_owned(), "all=1".to_owned())));
    }

    #[test]
    fn a_header_must_have_a_value_before_it_is_approved() {
        let library = TestLibrary::new();
        let approve = HeaderChange { approved: Some(Approval::Denied), ..HeaderChange::default() };
        let named = |change: &HeaderChange| vec![("DNT".to_owned(), change.clone())];
        assert!(library.set_headers(None, named(&approve)).is_err());
        let value = HeaderChange { value: Some(Some("1".to_owned())), ..HeaderChange::default() };
        library.set_headers(None, named(&value)).unwrap();
        library.set_headers(None, named(&approve)).unwrap();
        let headers = library.view().unwrap().headers(None).unwrap();
        assert_eq!(headers.len(), 4);
        assert_eq!((headers[3].approved, headers[3].reason.as_str()), (Approval::Denied, REASON));
    }

    #[test]
    fn an_empty_user_agent_is_the_first_one() {
        let library = TestLibrary::new();
        let agent = || library.view().unwrap().headers(None).unwrap()[0].value.clone();
        library.set_user_agent("Test 1".to_owned()).unwrap();
        assert_eq!(agent(), "Test 1");
        library.set_user_agent(String::new()).unwrap();
        assert_eq!(agent(), USER_AGENT);
    }
}
