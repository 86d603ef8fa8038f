//! Fetching one address into a file: what is asked, what is refused, what may be tried again.
//!
//! A name is looked up once for each connection, and the very address that was looked at is the one
//! that is connected to; so an answer that changes between two look-ups leads nowhere new. Proxies of
//! the environment are left alone, because they would look names up on their own.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ureq::config::Config;
use ureq::http::{HeaderMap, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::error::{Error, Result};
use super::network::{CookieChange, parse_cookie};
use super::places::Temporary;
use super::{Library, random_key};
use crate::model::hash::to_hex;
use crate::model::time::now_ms;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const REDIRECTS_MAX: usize = 10;
/// Cookies of one answer that are kept.
const COOKIES_MAX: usize = 50;
/// A server that asks for a longer pause is asked again after this.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Limits of what is fetched from other servers.
#[derive(Clone, Debug)]
pub struct DownloadSettings {
    /// Whether addresses of private networks may be fetched from.
    pub allow_private: bool,
    /// Larger files are refused.
    pub bytes_max: u64,
    /// How long a whole file may take.
    pub timeout: Duration,
    /// How long the other side may say nothing.
    pub stall_timeout: Duration,
    /// How many files are fetched at once.
    pub parallel: usize,
    /// How often an address is tried that did not answer well.
    pub attempts: u32,
    /// The wait before the second attempt; each further one is twice as long.
    pub retry_wait: Duration,
}

impl Default for DownloadSettings {
    fn default() -> DownloadSettings {
        DownloadSettings {
            allow_private: false,
            bytes_max: 4 << 30,
            timeout: Duration::from_secs(3600),
            stall_timeout: Duration::from_secs(60),
            parallel: 4,
            attempts: 5,
            retry_wait: Duration::from_secs(30),
        }
    }
}

/// What was fetched.
pub(super) struct Fetched {
    pub(super) file: Temporary,
    /// Where it came from in the end.
    pub(super) url: String,
    pub(super) last_modified_ms: Option<i64>,
}

/// Why nothing was fetched.
#[derive(Debug)]
pub(super) enum Unfetched {
    /// It is not there for us, or not wanted: trying again changes nothing.
    Ignored(String),
    /// It cannot be done at all.
    Failed(String),
    /// Another time it may work; at the earliest after this wait.
    Later { reason: String, wait: Option<Duration> },
    /// We are closing.
    Stopped,
}

impl From<Error> for Unfetched {
    fn from(error: Error) -> Unfetched {
        match error {
            Error::Busy => Unfetched::Stopped,
            other => Unfetched::Failed(other.to_string()),
        }
    }
}

/// Told of every piece: bytes so far, and of how many. `false` stops.
pub(super) type Told<'a> = &'a dyn Fn(u64, Option<u64>) -> bool;

fn later(reason: impl Into<String>) -> Unfetched {
    Unfetched::Later { reason: reason.into(), wait: None }
}

impl Library {
    /// Fetches an address into the temporary folder.
    pub(super) fn fetch(
        self: &std::sync::Arc<Self>,
        url: &str,
        told: Told<'_>,
    ) -> Result<Fetched, Unfetched> {
        let settings = &self.settings.downloads;
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let (status, headers, body) = self.ask(&url)?;
            self.keep_cookies(&url, &headers)?;
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            match status {
                200 => {
                    let name = to_hex(&random_key().map_err(Unfetched::from)?);
                    let file = Temporary::adopt(self.temporary_folder().join(name));
                    let size_bytes = body.content_length();
                    // Of packed bodies the limit holds for what they unpack to.
                    if size_bytes.is_some_and(|size| size > settings.bytes_max) {
                        return Err(too_large(settings.bytes_max));
                    }
                    let reader = body.into_with_config().limit(u64::MAX).reader();
                    receive(reader, file.path(), size_bytes, settings.bytes_max, told)?;
                    let last_modified_ms = text("last-modified").and_then(http_date_ms);
                    return Ok(Fetched { file, url, last_modified_ms });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let place = text("location").and_then(|place| joined(&url, place));
                    url = place.ok_or_else(|| {
                        Unfetched::Failed("The server led to nowhere!".to_owned())
                    })?;
                }
                401 | 403 | 404 | 410 | 451 => return Err(Unfetched::Ignored(status.to_string())),
                408 | 425 | 429 | 500..=599 => {
                    let wait = text("retry-after").and_then(|wait| wait.trim().parse().ok());
                    let wait = wait.map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
                    let reason = format!("The server answered {status}!");
                    return Err(Unfetched::Later { reason, wait });
                }
                other => {
                    return Err(Unfetched::Failed(format!("The server answered {other}!")));
                }
            }
        }
        Err(Unfetched::Failed("The server led from place to place!".to_owned()))
    }

    /// One request; redirections are answers.
    /// Fetches a small file that a client names by its address, such as a picture.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it cannot be had, is private, or is larger than `bytes_max`.
    pub fn fetch_bytes(self: &std::sync::Arc<Self>, url: &str, bytes_max: u64) -> Result<Vec<u8>> {
        let is_too_large = std::cell::Cell::new(false);
        let told = |bytes: u64, _: Option<u64>| {
            is_too_large.set(bytes > bytes_max);
            bytes <= bytes_max
        };
        let fetched = self.fetch(url, &told).map_err(|unfetched| {
            let reason = match unfetched {
                _ if is_too_large.get() => format!("it is larger than {bytes_max} bytes"),
                Unfetched::Ignored(reason) | Unfetched::Failed(reason) => reason,
                Unfetched::Later { reason, .. } => reason,
                Unfetched::Stopped => "the library is being closed".to_owned(),
            };
            Error::Invalid(format!("{url} could not be fetched: {reason}"))
        })?;
        let context = |error| Error::File { context: url.to_owned(), error };
        std::fs::read(fetched.file.path()).map_err(context)
    }

    fn ask(
        self: &std::sync::Arc<Self>,
        url: &str,
    ) -> Result<(u16, HeaderMap, ureq::Body), Unfetched> {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        if !is_web || crate::store::host_of(url).is_empty() {
            return Err(Unfetched::Failed(format!("{url} is no address of the web!")));
        }
        let settings = &self.settings.downloads;
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(settings.stall_timeout))
            .build();
        let names = Names { allow_private: settings.allow_private, look_up };
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), names);
        let mut request = agent.get(url);
        for (name, value) in self.view().and_then(|view| view.request_headers(url))? {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|error| unanswered(url, &error))?;
        let (head, body) = answer.into_parts();
        Ok((head.status.as_u16(), head.headers, body))
    }

    /// Remembers what cookies a server sets, for requests to come.
    fn keep_cookies(&self, url: &str, headers: &HeaderMap) -> Result<(), Unfetched> {
        let host = crate::store::host_of(url).to_lowercase();
        let lines = headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        let cookies = lines.filter_map(|line| parse_cookie(line, &host, now_ms() / 1000));
        let cookies: Vec<CookieChange> = cookies.take(COOKIES_MAX).collect();
        if cookies.is_empty() {
            return Ok(());
        }
        Ok(self.set_cookies(cookies)?)
    }
}

fn too_large(bytes_max: u64) -> Unfetched {
    Unfetched::Ignored(format!("The file is larger than the allowed {bytes_max} bytes!"))
}

fn unanswered(url: &str, error: &ureq::Error) -> Unfetched {
    tracing::debug!(url, %error, "a fetch failed");
    match error {
        ureq::Error::Io(inner) if inner.kind() == std::io::ErrorKind::PermissionDenied => {
            Unfetched::Ignored(inner.to_string())
        }
        ureq::Error::HostNotFound => later("The server's name was not found!"),
        ureq::Error::Timeout(_) => later("The server did not answer in time!"),
        ureq::Error::Io(inner) => later(format!("The connection failed: {inner}!")),
        ureq::Error::ConnectionFailed => later("The connection failed!"),
        other => Unfetched::Failed(format!("The request failed: {other}!")),
    }
}

/// Writes what arrives into a new file.
fn receive(
    mut reader: impl std::io::Read,
    path: &Path,
    size_bytes: Option<u64>,
    bytes_max: u64,
    told: Told<'_>,
) -> Result<(), Unfetched> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, path = %path.display(), "a fetched file cannot be written");
        later(format!("The file could not be written: {error}!"))
    };
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let mut buffer = vec![0; 64 << 10];
    let mut done_bytes = 0_u64;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return file.flush().map_err(failed),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(later(format!("The download broke off: {error}!"))),
        };
        done_bytes += count as u64;
        if done_bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        file.write_all(&buffer[..count]).map_err(failed)?;
        if !told(done_bytes, size_bytes) {
            return Err(Unfetched::Stopped);
        }
    }
}

fn http_date_ms(text: &str) -> Option<i64> {
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // A clock that runs ahead says nothing about a file.
    let is_past = moment.as_second() > 0 && moment.as_second().unsigned_abs() <= now.as_secs();
    is_past.then(|| moment.as_millisecond())
}

/// Where a redirection at `base` leads.
fn joined(base: &str, place: &str) -> Option<String> {
    let place = place.trim();
    let (scheme, rest) = base.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let path = rest[authority.len()..].split(['?', '#']).next()?;
    let place = place.split('#').next()?;
    let has_scheme = place.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if has_scheme {
        return Some(place.to_owned());
    }
    if let Some(rest) = place.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    if place.starts_with('/') {
        return Some(format!("{scheme}://{authority}{place}"));
    }
    if place.is_empty() || place.starts_with('?') {
        return Some(format!("{scheme}://{authority}{path}{place}"));
    }
    let (own, query) = place.split_once('?').map_or((place, None), |(own, q)| (own, Some(q)));
    let folder = path.rfind('/').and_then(|end| path.get(1..end)).unwrap_or("");
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in own.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{scheme}://{authority}/{}{query}", parts.join("/")))
}

/// Looks names up, and passes on only addresses that may be connected to.
#[derive(Debug)]
struct Names {
    allow_private: bool,
    look_up: fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>,
}

fn look_up(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

impl Names {
    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ureq::Error> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = (self.look_up)(bare, port).map_err(|error| {
            tracing::debug!(host, %error, "a name was not found");
            ureq::Error::HostNotFound
        })?;
        let was_found = !found.is_empty();
        let allowed = |address: &SocketAddr| self.allow_private || !is_private(address.ip());
        let found: Vec<SocketAddr> = found.into_iter().filter(allowed).collect();
        if was_found && found.is_empty() {
            let sentence = format!("{host} is in a private network, which is not fetched from!");
            let error = std::io::Error::new(std::io::ErrorKind::PermissionDenied, sentence);
            return Err(ureq::Error::Io(error));
        }
        Ok(found)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let mut answer = self.empty();
        // There is room for sixteen.
        for address in self.addresses(host, port)?.into_iter().take(16) {
            answer.push(address);
        }
        if answer.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(answer) }
    }
}

/// Whether an address is of this machine, of a private network, or of nobody.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (18..20).contains(&b))
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let parts = v6.segments();
            let tail = |high: u16, low: u16| {
                IpAddr::from(
                    [high.to_be_bytes(), low.to_be_bytes()].concat().try_into().unwrap_or([0; 4]),
                )
            };
            let first = parts[0];
            v6.to_ipv4().is_some_and(|v4| is_private(IpAddr::V4(v4)))
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || (first & 0xffc0) == 0xfec0
                || (first == 0x2001 && (parts[1] == 0 || parts[1] == 0xdb8))
                // Addresses that stand for an IPv4 one: NAT64 and 6to4.
                || (first == 0x64 && parts[1] == 0xff9b && is_private(tail(parts[6], parts[7])))
                || (first == 0x64 && parts[1] == 0xff9b && parts[2] != 0)
                || (first == 0x2002 && is_private(tail(parts[1], parts[2])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.0.1",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fc00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:db8::1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_allowed_addresses_of_a_name_are_connected_to() {
        fn mixed(_: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            Ok(vec![
                SocketAddr::from(([10, 0, 0, 1], port)),
                SocketAddr::from(([1, 1, 1, 1], port)),
            ])
        }
        fn rebound(_: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        }
        let names = Names { allow_private: false, look_up: mixed };
        let found = names.addresses("trains.example", 80).unwrap();
        assert_eq!(found, [SocketAddr::from(([1, 1, 1, 1], 80))]);
        let names = Names { allow_private: false, look_up: rebound };
        let refused = names.addresses("trains.example", 80).unwrap_err();
        assert!(matches!(unanswered("x", &refused), Unfetched::Ignored(_)), "{refused}");
        let names = Names { allow_private: true, look_up: rebound };
        assert_eq!(names.addresses("trains.example", 80).unwrap().len(), 1);
    }

    /// A name that leads to this machine is looked up once, and nobody is called.
    #[test]
    fn a_name_that_leads_here_is_not_connected_to() {
        fn here(_: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Names { allow_private: false, look_up: here };
        let agent = ureq::Agent::with_parts(
            ureq::Agent::config_builder().proxy(None).build(),
            DefaultConnector::default(),
            names,
        );
        assert!(agent.get(format!("http://trains.example:{port}/")).call().is_err());
        assert!(listener.accept().is_err(), "somebody called");
    }

    #[test]
    fn redirections_lead_where_they_say() {
        let base = "https://a.example:81/b/c?d#e";
        for (place, wanted) in [
            ("http://x.example/y", "http://x.example/y"),
            ("//x.example/y", "https://x.example/y"),
            ("/y?z", "https://a.example:81/y?z"),
            ("y", "https://a.example:81/b/y"),
            ("../y/./z#f", "https://a.example:81/y/z"),
            ("?q", "https://a.example:81/b/c?q"),
            ("y?at=12:30", "https://a.example:81/b/y?at=12:30"),
        ] {
            assert_eq!(joined(base, place).as_deref(), Some(wanted), "{place}");
        }
        for base in ["http://a.example", "http://a.example/", "http://a.example/x?y/z"] {
            assert_eq!(joined(base, "y").as_deref(), Some("http://a.example/y"), "{base}");
        }
    }

    #[test]
    fn times_of_servers_are_read() {
        assert_eq!(http_date_ms("Wed, 21 Oct 2015 07:28:00 GMT"), Some(1_445_412_480_000));
        assert_eq!(http_date_ms("soon"), None);
        assert_eq!(http_date_ms("Wed, 21 Oct 2893 07:28:00 GMT"), None);
    }
}
