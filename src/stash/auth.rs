//! Who may enter: API keys, sessions, passwords, and the guard against the public internet.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::settings::Settings;
use crate::http::Request;
use crate::model::hash::{from_hex, to_hex};
use crate::model::time::now_ms;

/// Rounds of the password hash.
const ROUNDS: u32 = 60_000;
/// Seconds that a session lasts after its last request.
pub(super) const SESSION_SECONDS: i64 = 3600;
/// The name of the session cookie.
pub(super) const COOKIE: &str = "session";

/// What a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Everything; a session is to be prolonged.
    Free { session: bool },
    /// Nothing: the tripwire has been touched.
    Tripped,
    /// Nothing, and the tripwire is touched now, by this address.
    Trips(String),
    /// A wrong key.
    WrongKey,
    /// Nothing before a login.
    Anonymous,
}

/// Decides about a request.
pub(super) fn entry(settings: &Settings, request: &Request) -> Entry {
    let open = settings.has_credentials() || allows_public(settings);
    if !open && !settings.tripwire.is_empty() {
        return Entry::Tripped;
    }
    let pairs = request.pairs();
    let given = request.headers.get("ApiKey").or_else(|| pairs.first("apikey"));
    if let Some(key) = given.filter(|key| !key.is_empty()) {
        let known = !settings.api_key.is_empty() && same(key, &settings.api_key);
        return if known { Entry::Free { session: false } } else { Entry::WrongKey };
    }
    if !open && let Some(address) = public_address(request) {
        return Entry::Trips(address);
    }
    if !settings.has_credentials() {
        return Entry::Free { session: false };
    }
    let session = request.headers.cookie(COOKIE);
    if session.is_some_and(|session| is_session(settings, session, now_ms() / 1000)) {
        Entry::Free { session: true }
    } else {
        Entry::Anonymous
    }
}

fn allows_public(settings: &Settings) -> bool {
    let value = settings.value("general", "dangerous_allow_public_without_auth");
    value.and_then(serde_json::Value::as_bool).unwrap_or(false)
}

/// The first address on the way of a request that is not local.
fn public_address(request: &Request) -> Option<String> {
    let peer = request.peer.ip().to_canonical();
    if !is_local(peer) {
        return Some(peer.to_string());
    }
    let forwarded = request.headers.get("X-Forwarded-For")?;
    forwarded
        .split(", ")
        .find(|text| !text.trim().parse().is_ok_and(|ip: IpAddr| is_local(ip.to_canonical())))
        .map(str::to_owned)
}

/// Private, loopback, link-local, or of a carrier's own network.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || a == 100 && (64..128).contains(&b)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn mac(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("this code takes keys of any length")
}

/// Compares without telling by the time it takes where two texts differ.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// 32 random bytes as hexadecimal digits.
pub(super) fn random_hex() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    to_hex(&bytes)
}

/// A session for the configured user, valid for an hour from `now_s`.
pub(super) fn session(settings: &Settings, now_s: i64) -> String {
    let until = now_s + SESSION_SECONDS;
    format!("{until}.{}", signature(settings, until))
}

fn signature(settings: &Settings, until: i64) -> String {
    let mut mac = mac(settings.session_secret.as_bytes());
    // The password is part of it: changing that ends all sessions.
    mac.update(format!("{until}\n{}\n{}", settings.username, settings.password).as_bytes());
    to_hex(&mac.finalize().into_bytes())
}

fn is_session(settings: &Settings, session: &str, now_s: i64) -> bool {
    let Some((until, signed)) = session.split_once('.') else { return false };
    let Ok(until) = until.parse::<i64>() else { return false };
    until > now_s && same(signed, &signature(settings, until))
}

/// A new API key: a JSON web token for the user.
pub(super) fn api_key(settings: &Settings, now_s: i64) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = serde_json::json!({"uid": settings.username, "sub": "APIKey", "iat": now_s});
    let body = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = mac(settings.jwt_secret.as_bytes());
    mac.update(body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The stored form of a password: rounds, salt and PBKDF2 of HMAC-SHA-256.
pub(super) fn hash_password(password: &str) -> String {
    let salt = random_hex();
    format!("pbkdf2-sha256${ROUNDS}${salt}${}", derive(password, &salt, ROUNDS))
}

/// Whether a password is the stored one.
pub(super) fn is_password(stored: &str, password: &str) -> bool {
    let mut parts = stored.split('$');
    let (Some("pbkdf2-sha256"), Some(rounds), Some(salt), Some(hash)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(rounds) = rounds.parse::<u32>() else { return false };
    same(hash, &derive(password, salt, rounds.min(10_000_000)))
}

/// The first block of PBKDF2.
fn derive(password: &str, salt: &str, rounds: u32) -> String {
    let key = mac(password.as_bytes());
    let mut first = key.clone();
    first.update(&from_hex(salt).unwrap_or_default());
    first.update(&1_u32.to_be_bytes());
    let mut block: [u8; 32] = first.finalize().into_bytes().into();
    let mut all = block;
    for _ in 1..rounds {
        let mut next = key.clone();
        next.update(&block);
        block = next.finalize().into_bytes().into();
        for (sum, byte) in all.iter_mut().zip(block) {
            *sum ^= byte;
        }
    }
    to_hex(&all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn settings() -> Settings {
        Settings {
            jwt_secret: "a".repeat(64),
            session_secret: "b".repeat(64),
            ..Settings::default()
        }
    }

    fn guarded() -> Settings {
        let (username, password) = ("ann".to_owned(), hash_password("lark"));
        Settings { username, password, ..settings() }
    }

    #[test]
    fn passwords_are_known_by_their_hash() {
        let stored = hash_password("night train");
        assert!(is_password(&stored, "night train"));
        assert!(!is_password(&stored, "night trains"));
        assert!(!is_password("", ""));
    }

    #[test]
    fn sessions_end_and_cannot_be_made_up() {
        let settings = guarded();
        let session = session(&settings, 1000);
        assert!(is_session(&settings, &session, 1001));
        assert!(!is_session(&settings, &session, 1000 + SESSION_SECONDS));
        assert!(!is_session(&settings, &session.replace('4', "5"), 1001));
        assert!(!is_session(&settings, "9999999999999.00", 1001));
    }

    #[test]
    fn a_key_must_be_right_even_where_none_is_needed() {
        let check = |settings: &Settings, target: &str, expected: Entry| {
            assert_eq!(entry(settings, &Request::new(Method::Get, target)), expected, "{target}");
        };
        check(&settings(), "/graphql", Entry::Free { session: false });
        check(&settings(), "/graphql?apikey=x", Entry::WrongKey);
        check(&guarded(), "/graphql", Entry::Anonymous);
        let keyed = Settings { api_key: "k".to_owned(), ..guarded() };
        check(&keyed, "/graphql?apikey=k", Entry::Free { session: false });
    }

    #[test]
    fn the_public_internet_touches_the_tripwire() {
        let check = |peer: &str, forwarded: Option<&str>, expected: Entry| {
            let mut request = Request::new(Method::Get, "/graphql");
            request.peer = peer.parse().unwrap();
            if let Some(forwarded) = forwarded {
                request = request.with_header("X-Forwarded-For", forwarded);
            }
            assert_eq!(entry(&settings(), &request), expected, "{peer} {forwarded:?}");
        };
        let free = Entry::Free { session: false };
        check("192.168.1.4:80", None, free.clone());
        check("100.64.3.4:80", None, free.clone());
        check("9.9.9.9:80", None, Entry::Trips("9.9.9.9".to_owned()));
        check("127.0.0.1:80", Some("10.0.0.1, 127.0.0.1"), free);
        check("127.0.0.1:80", Some("9.9.9.9"), Entry::Trips("9.9.9.9".to_owned()));
        let tripped = Settings { tripwire: "9.9.9.9".to_owned(), ..settings() };
        assert_eq!(entry(&tripped, &Request::new(Method::Get, "/")), Entry::Tripped);
    }

    #[test]
    fn api_keys_are_signed_tokens() {
        let key = api_key(&guarded(), 7);
        let parts: Vec<&str> = key.split('.').collect();
        assert_eq!(parts.len(), 3);
        let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
        assert_eq!(claims, br#"{"uid":"ann","sub":"APIKey","iat":7}"#);
    }
}
