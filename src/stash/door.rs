//! The Stash door: the order in which a request is checked and where it goes then.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::auth::{self, Entry};
use super::downloads::Downloads;
use super::graphql;
use super::media;
use super::scope::Origin;
use super::settings::SettingsCell;
use super::socket::{self, Events};
use crate::config::Config;
use crate::http::multipart::{self, FormLimits};
use crate::http::{BoxFuture, Documents, Method, Pairs, Request, Response, Service, Status, form};
use crate::library::entities::EntityRules;
use crate::library::{self, Library};
use crate::model::time::now_ms;

/// The beginnings of the paths that this door answers where both doors share a listener.
const PATHS: &[&str] = &[
    "/graphql",
    "/playground",
    "/login",
    "/logout",
    "/healthz",
    "/scene",
    "/image",
    "/gallery",
    "/performer",
    "/studio",
    "/tag",
    "/group",
    "/movie",
    "/downloads",
    "/plugin",
    "/css",
    "/javascript",
    "/customlocales",
    "/custom",
];

/// Bytes of a login form at most.
const FORM_MAX: u64 = 64 << 10;

/// What all requests share.
pub(super) struct Shared {
    pub(super) library: Arc<Library>,
    pub(super) config: Arc<Config>,
    pub(super) rules: Arc<EntityRules>,
    pub(super) settings: SettingsCell,
    pub(super) zone: jiff::tz::TimeZone,
    /// Held while a document is read and written back.
    pub(super) saving: Mutex<()>,
    pub(super) downloads: Downloads,
    pub(super) events: Events,
    /// Bodies that are read whole and worked on.
    pub(super) documents: Documents,
}

impl Shared {
    /// Where a helper program is; empty when it is not in the search path.
    pub(super) fn tool(&self, name: &str) -> String {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&paths)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        found.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where uploads are kept while a request runs.
    pub(super) fn temporary(&self) -> PathBuf {
        self.config.data.join("temporary")
    }
}

/// The service of the Stash API.
pub struct StashDoor {
    shared: Arc<Shared>,
    routes: media::Routes,
}

impl StashDoor {
    /// The door to a library.
    ///
    /// # Errors
    /// When the stored settings cannot be read or made.
    pub fn new(library: Arc<Library>, config: &Arc<Config>) -> library::Result<StashDoor> {
        super::schema::configure(config);
        let rules = EntityRules {
            tag_services: config.library.tag_services.clone(),
            performer_namespaces: config.entities.performer_namespaces.clone(),
            studio_namespaces: config.entities.studio_namespaces.clone(),
            group_namespaces: config.entities.group_namespaces.clone(),
        };
        let settings = SettingsCell::open(&library)?;
        let limits = &config.limits;
        let shared = Shared {
            library,
            rules: Arc::new(rules),
            settings,
            zone: config.zone(),
            config: Arc::clone(config),
            saving: Mutex::default(),
            downloads: Downloads::default(),
            events: Events::default(),
            documents: Documents::new(limits.body_bytes, limits.bodies_in_flight_bytes),
        };
        let shared = Arc::new(shared);
        // Weak: the jobs belong to the library, and the library to the door.
        let told = Arc::downgrade(&shared);
        shared.library.jobs().observe(move |update| {
            if let Some(shared) = told.upgrade() {
                shared.events.job(update);
            }
        });
        Ok(StashDoor { shared, routes: media::routes() })
    }

    /// Whether a path belongs to this door, where both share a listener.
    #[must_use]
    pub fn owns(path: &str) -> bool {
        PATHS.iter().any(|own| {
            path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    async fn answer(&self, request: Request) -> Response {
        if request.path == "/healthz" && matches!(request.method, Method::Get | Method::Head) {
            return Response::bytes("text/plain", ".");
        }
        if request.method == Method::Options {
            return preflight(&request);
        }
        let response = self.guarded(request).await;
        let mut response = response.with_header("Access-Control-Allow-Origin", "*");
        response.headers.set_default("X-Content-Type-Options", "nosniff");
        response
    }

    /// The checks of who may enter.
    async fn guarded(&self, request: Request) -> Response {
        let settings = self.shared.settings.read();
        match auth::entry(&settings, &request) {
            Entry::Tripped => forbidden(),
            Entry::Trips(address) => {
                let shared = Arc::clone(&self.shared);
                let change = move || {
                    shared.settings.change(&shared.library, |settings| settings.tripwire = address)
                };
                if let Ok(Err(error)) = tokio::task::spawn_blocking(change).await {
                    tracing::error!(%error, "the tripwire could not be kept");
                }
                forbidden()
            }
            Entry::WrongKey => unauthorized(),
            Entry::Anonymous if !is_open(&request.path) => {
                let extension =
                    request.path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
                let is_page = extension.is_none_or(|(_, extension)| extension == "html");
                if request.path == "/graphql" || !is_page {
                    return unauthorized();
                }
                let target = form::encode_percent(&request.target());
                Response::redirect(&format!("{}/login?returnURL={target}", prefix(&request)))
            }
            Entry::Anonymous | Entry::Free { session: false } => self.route(request).await,
            Entry::Free { session: true } => {
                let cookie =
                    cookie(&auth::session(&settings, now_ms() / 1000), auth::SESSION_SECONDS);
                self.route(request).await.with_header("Set-Cookie", cookie)
            }
        }
    }

    async fn route(&self, request: Request) -> Response {
        let path = request.path.strip_suffix('/').unwrap_or(&request.path).to_owned();
        match path.as_str() {
            "/graphql" if socket::is_wanted(&request) => socket::answer(&self.shared, request),
            "/graphql" => graphql::answer(&self.shared, request).await,
            "/playground" => Response::html(graphql::PLAYGROUND),
            "/login" => self.login(request).await,
            "/logout" => self.logout(&request),
            _ => media::answer(&self.shared, &self.routes, request).await,
        }
    }

    async fn login(&self, request: Request) -> Response {
        let settings = self.shared.settings.read();
        if request.method != Method::Post {
            let target = request.pairs().first("returnURL").map(str::to_owned);
            if settings.has_credentials() {
                return Response::html(graphql::LOGIN);
            }
            return Response::redirect(&target.unwrap_or_else(|| format!("{}/", prefix(&request))));
        }
        let Some(pairs) = self.form(request).await else {
            return Response::text(Status::BAD_REQUEST, "the form cannot be read");
        };
        let field = |name: &str| pairs.iter().find(|(own, _)| own == name).map_or("", |(_, v)| v);
        let (username, password) = (field("username").to_owned(), field("password").to_owned());
        let target = field("returnURL").to_owned();
        if settings.has_credentials() {
            let stored = settings.password.clone();
            let right_user = username == settings.username;
            let check = move || auth::is_password(&stored, &password);
            let right = tokio::task::spawn_blocking(check).await.unwrap_or(false);
            if !(right && right_user) {
                let text = "Username or password is invalid";
                return Response::bytes("text/plain", text).with_status(Status::UNAUTHORIZED);
            }
        }
        let cookie = cookie(&auth::session(&settings, now_ms() / 1000), auth::SESSION_SECONDS);
        // Older clients follow the redirect that they ask for.
        let is_ours = target.starts_with('/') && !target.starts_with("//");
        let response =
            if is_ours { Response::redirect(&target) } else { Response::new(Status::OK) };
        response.with_header("Set-Cookie", cookie)
    }

    /// The fields of a form in either encoding.
    async fn form(&self, request: Request) -> Option<Vec<(String, String)>> {
        if request.headers.media_type().as_deref() == Some("multipart/form-data") {
            let limits = FormLimits { parts: 16, text_bytes: FORM_MAX, file_bytes: 0 };
            let folder = self.shared.temporary();
            let parts =
                multipart::read(&request.headers, request.body, &folder, limits).await.ok()?;
            let field = |part: multipart::Part| Some((part.name.clone(), part.text()?.to_owned()));
            return Some(parts.into_iter().filter_map(field).collect());
        }
        let body = request.body.bytes(FORM_MAX).await.ok()?;
        let pairs = Pairs::parse(std::str::from_utf8(&body).ok()?);
        Some(pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn logout(&self, request: &Request) -> Response {
        let page = if self.shared.settings.read().has_credentials() { "/login" } else { "/" };
        Response::redirect(&format!("{}{page}", prefix(request)))
            .with_header("Set-Cookie", cookie("", -1))
    }
}

impl Service for StashDoor {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(self.answer(request))
    }
}

/// The part of all paths that a proxy took away.
fn prefix(request: &Request) -> String {
    let prefix = request.headers.get("X-Forwarded-Prefix").unwrap_or_default();
    prefix.strip_suffix('/').unwrap_or(prefix).to_owned()
}

/// How addresses in an answer begin.
pub(super) fn origin(shared: &Shared, request: &Request) -> Origin {
    let settings = shared.settings.read();
    let external = settings.value("general", "external_host").and_then(|host| host.as_str());
    let host = match external.filter(|host| !host.is_empty()) {
        Some(external) => external.trim_end_matches('/').to_owned(),
        None => {
            let forwarded = request.headers.get("X-Forwarded-Proto") == Some("https");
            let scheme = if request.secure || forwarded { "https" } else { "http" };
            let listen = shared.config.stash.listen.to_string();
            format!("{scheme}://{}", request.headers.get("Host").unwrap_or(&listen))
        }
    };
    Origin { base: format!("{host}{}", prefix(request)) }
}

/// Paths that need no login.
fn is_open(path: &str) -> bool {
    ["/login", "/logout", "/css", "/assets"].iter().any(|open| path.starts_with(open))
}

fn cookie(value: &str, seconds: i64) -> String {
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax", auth::COOKIE)
}

fn forbidden() -> Response {
    let text = "You have attempted to access this server from the public internet without \
                a username and a password. Set them on a private network first.";
    Response::bytes("text/plain", text).with_status(Status::FORBIDDEN)
}

fn unauthorized() -> Response {
    Response::new(Status::UNAUTHORIZED).with_header("WWW-Authenticate", "FormBased")
}

fn preflight(request: &Request) -> Response {
    let asked = |name: &str, other: &str| request.headers.get(name).unwrap_or(other).to_owned();
    Response::new(Status::NO_CONTENT)
        .with_header("Access-Control-Allow-Origin", "*")
        .with_header(
            "Access-Control-Allow-Methods",
            asked("Access-Control-Request-Method", "GET, POST, OPTIONS"),
        )
        .with_header("Access-Control-Allow-Headers", asked("Access-Control-Request-Headers", "*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_knows_its_paths() {
        for path in ["/graphql", "/scene/1/stream", "/healthz", "/image/2/image"] {
            assert!(StashDoor::owns(path), "{path}");
        }
        for path in ["/", "/get_files/file", "/scenery", "/api_version"] {
            assert!(!StashDoor::owns(path), "{path}");
        }
    }
}
