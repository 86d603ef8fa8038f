//! The settings that are needed to boot: from flags, the environment, a TOML file, or defaults.
//!
//! [`Config::load`] merges them; a flag wins over the environment, the environment over the file,
//! the file over the default. [`settings`] is the one table of all settings: the structures, the
//! names in each source, the defaults and `docs/configuration.md` all come from it.
//!
//! What can change while the server runs (library folders added later, options, credentials) lives
//! in the store and not here.

mod settings;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http;

pub use settings::{
    Config, Downloads, Entities, Hydrus, Library, Limits, Setting, Stash, Tls, section_purpose,
    settings,
};
pub use value::Secret;

/// The flags of `diptych serve`. Each may be absent: then the next source counts. A test holds the
/// names of the environment variables in their help against [`settings`].
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Folder of everything that is kept [default: ./diptych-data] [env: DIPTYCH_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the Hydrus Client API listens [default: 127.0.0.1:45869] [env: DIPTYCH_HYDRUS_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    pub hydrus_listen: Option<SocketAddr>,
    /// Where the Stash API listens [default: 127.0.0.1:9999]; the same address as the other means
    /// one shared listener [env: DIPTYCH_STASH_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    pub stash_listen: Option<SocketAddr>,
    /// A library folder; may be repeated [env: DIPTYCH_LIBRARY, commas between them]
    #[arg(long = "library", value_name = "DIR")]
    pub libraries: Vec<PathBuf>,
    /// Settings file [default: diptych.toml in the data folder, if there is one] [env: DIPTYCH_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Certificate chain in PEM form; turns TLS on together with --tls-key [env: DIPTYCH_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM form [env: DIPTYCH_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Time zone of dates without one, as in Europe/Berlin [default: TZ, else UTC] [env:
    /// DIPTYCH_TIME_ZONE]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// error, warn, info, debug or trace [default: info] [env: DIPTYCH_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Any other setting by its key, as in limits.graphql_depth=100; may be repeated. In the
    /// environment it is DIPTYCH_LIMITS_GRAPHQL_DEPTH, and so on
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Settings whose flag is not called like their key: the variable called like the flag counts as
/// well, after the other one.
const VARIABLES_OF_FLAGS: &[(&str, &str)] =
    &[("DIPTYCH_LIBRARY", "library.folders"), ("DIPTYCH_TLS_CERT", "tls.certificate")];

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that is no setting.
    #[error("{origin}: there is no setting {key:?}")]
    Unknown {
        /// Where it was given.
        origin: String,
        /// The key.
        key: String,
    },
    /// A value that the setting cannot have.
    #[error("{origin}: {key}: {reason}")]
    Invalid {
        /// Where it was given.
        origin: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is no TOML.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A value on its way into a setting.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    Text(&'a str),
    Toml(&'a toml::Value),
}

impl Config {
    /// Merges all sources, with the environment of this process.
    pub fn load(args: &ServeArgs) -> Result<Config, ConfigError> {
        Config::load_with(args, |name| std::env::var(name).ok())
    }

    /// Merges all sources; `environment` gives the value of a variable.
    pub fn load_with(
        args: &ServeArgs,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        if let Some((path, text)) = read_file(args, &environment)? {
            config.apply_toml(&path, &text)?;
        }
        let of_keys = settings().iter().map(|setting| (setting.environment(), setting.key));
        let of_flags = VARIABLES_OF_FLAGS.iter().map(|(name, key)| ((*name).to_owned(), *key));
        for (name, key) in of_keys.chain(of_flags) {
            if let Some(value) = environment(&name).filter(|value| !value.is_empty()) {
                config.apply(&name, key, Raw::Text(&value))?;
            }
        }
        config.apply_flags(args)?;
        config.check()?;
        Ok(config)
    }

    /// Sets what a TOML text says; any key that is no setting is an error.
    fn apply_toml(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let table: toml::Table = text.parse().map_err(syntax)?;
        let origin = path.display().to_string();
        for (name, value) in &table {
            match value {
                toml::Value::Table(section) if section.is_empty() => {
                    let known = settings().iter().any(|one| one.section() == name);
                    if !known {
                        return Err(ConfigError::Unknown { origin, key: name.clone() });
                    }
                }
                toml::Value::Table(section) => {
                    for (key, value) in section {
                        self.apply(&origin, &format!("{name}.{key}"), Raw::Toml(value))?;
                    }
                }
                value => self.apply(&origin, name, Raw::Toml(value))?,
            }
        }
        Ok(())
    }

    fn apply_flags(&mut self, args: &ServeArgs) -> Result<(), ConfigError> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        for (key, value) in [
            ("data", path(&args.data)),
            ("hydrus.listen", address(args.hydrus_listen)),
            ("stash.listen", address(args.stash_listen)),
            ("tls.certificate", path(&args.tls_cert)),
            ("tls.key", path(&args.tls_key)),
            ("time_zone", args.time_zone.clone()),
            ("log_level", args.log_level.clone()),
        ] {
            if let Some(value) = value {
                self.apply("flag", key, Raw::Text(&value))?;
            }
        }
        if !args.libraries.is_empty() {
            // Not by way of text: a path may hold any byte.
            self.library.folders.clone_from(&args.libraries);
        }
        for pair in &args.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| ConfigError::Invalid {
                origin: String::from("--set"),
                key: pair.clone(),
                reason: String::from("it has no ="),
            })?;
            self.apply("--set", key.trim(), Raw::Text(value.trim()))?;
        }
        // The same for the data folder, whose text above served only as a check.
        if let Some(data) = &args.data {
            self.data.clone_from(data);
        }
        Ok(())
    }

    fn apply(&mut self, origin: &str, key: &str, raw: Raw<'_>) -> Result<(), ConfigError> {
        match self.set(key, raw) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(ConfigError::Unknown { origin: origin.to_owned(), key: key.to_owned() })
            }
            Err(reason) => Err(invalid(origin, key, reason)),
        }
    }

    /// What no single value shows.
    fn check(&self) -> Result<(), ConfigError> {
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err(invalid("settings", "tls", "certificate and key belong together"));
        }
        if let Some(key) = &self.access_key {
            let hex = key.expose().bytes().all(|byte| byte.is_ascii_hexdigit());
            if key.expose().len() != 64 || !hex {
                return Err(invalid("settings", "access_key", "it is not 64 hexadecimal digits"));
            }
        }
        if let Some(zone) = &self.time_zone
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            return Err(invalid("settings", "time_zone", format!("{zone:?} is not known")));
        }
        if !["error", "warn", "info", "debug", "trace"].contains(&self.log_level.as_str()) {
            return Err(invalid("settings", "log_level", "it is no level"));
        }
        for (key, list) in [
            ("entities.performer_namespaces", &self.entities.performer_namespaces),
            ("entities.studio_namespaces", &self.entities.studio_namespaces),
            ("entities.group_namespaces", &self.entities.group_namespaces),
            ("library.tag_services", &self.library.tag_services),
        ] {
            if list.is_empty() || list.iter().any(|one| one.trim().is_empty()) {
                return Err(invalid("settings", key, "it needs at least one name, none empty"));
            }
        }
        match self.zero_limit() {
            Some(key) => Err(invalid("settings", key, "it must be at least 1")),
            None => Ok(()),
        }
    }

    fn zero_limit(&self) -> Option<&'static str> {
        let limits = &self.limits;
        [
            ("limits.request_line_bytes", limits.request_line_bytes),
            ("limits.head_bytes", limits.head_bytes),
            ("limits.headers", limits.headers),
            ("limits.header_seconds", limits.header_seconds),
            ("limits.request_seconds", limits.request_seconds),
            ("limits.connections", limits.connections),
            ("limits.concurrency", limits.concurrency),
            ("limits.body_bytes", limits.body_bytes),
            ("limits.bodies_in_flight_bytes", limits.bodies_in_flight_bytes),
            ("limits.upload_bytes", limits.upload_bytes),
            ("limits.graphql_document_bytes", limits.graphql_document_bytes),
            ("limits.graphql_depth", limits.graphql_depth),
            ("limits.graphql_complexity", limits.graphql_complexity),
            ("limits.graphql_response_bytes", limits.graphql_response_bytes),
            ("limits.writer_queue", limits.writer_queue),
            ("limits.media_memory_bytes", limits.media_memory_bytes),
            ("limits.media_seconds", limits.media_seconds),
            ("limits.decoded_pixels", limits.decoded_pixels),
        ]
        .into_iter()
        .find(|(_, value)| *value == 0)
        .map(|(key, _)| key)
    }

    /// The zone for dates without one: the setting, else the system's, else UTC.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        let utc = jiff::tz::TimeZone::UTC;
        match &self.time_zone {
            Some(name) => jiff::tz::TimeZone::get(name).unwrap_or(utc),
            None => jiff::tz::TimeZone::try_system().unwrap_or(utc),
        }
    }

    /// Where generated data goes.
    pub fn generated_folder(&self) -> PathBuf {
        self.generated.clone().unwrap_or_else(|| self.data.join("generated"))
    }

    /// How many media workers there are.
    pub fn media_workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        match usize::try_from(self.limits.media_workers).unwrap_or(usize::MAX) {
            0 => cores(),
            count => count,
        }
    }

    /// Whether both doors share one listener. Two free ports are two listeners.
    pub fn shares_listener(&self) -> bool {
        self.hydrus.listen == self.stash.listen && self.hydrus.listen.port() != 0
    }

    /// The listener of the Hydrus door.
    pub fn hydrus_listener(&self) -> http::ListenerConfig {
        let mut listener = self.listener(self.hydrus.listen);
        // The original compresses nothing, and its lists are long.
        listener.limits.compress_local = self.shares_listener();
        listener
    }

    /// The listener of the Stash door.
    pub fn stash_listener(&self) -> http::ListenerConfig {
        self.listener(self.stash.listen)
    }

    fn listener(&self, address: SocketAddr) -> http::ListenerConfig {
        let tls = match (&self.tls.certificate, &self.tls.key) {
            (Some(certificate), Some(key)) => {
                Some(http::TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => None,
        };
        http::ListenerConfig { address, tls, limits: self.limits.http() }
    }
}

impl Limits {
    /// Those that the listeners keep.
    pub fn http(&self) -> http::Limits {
        // Larger ones than these are as good as none, and safe to add up.
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).min(1 << 30);
        let time = |seconds: u64| Duration::from_secs(seconds.min(365 * 86_400));
        http::Limits {
            request_line_bytes: size(self.request_line_bytes),
            head_bytes: size(self.head_bytes),
            headers: size(self.headers).min(10_000),
            header_time: time(self.header_seconds),
            request_time: time(self.request_seconds),
            connections: size(self.connections),
            concurrency: size(self.concurrency),
            drain_time: time(self.drain_seconds),
            compress_from_bytes: size(self.compress_from_bytes),
            compress_local: true,
        }
    }
}

fn invalid(origin: &str, key: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { origin: origin.to_owned(), key: key.to_owned(), reason: reason.into() }
}

/// The settings file: the one named, else the one in the data folder if it is there.
fn read_file(
    args: &ServeArgs,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let from_environment = |name: &str| environment(name).map(PathBuf::from);
    let named = args.config.clone().or_else(|| from_environment("DIPTYCH_CONFIG"));
    let data = args.data.clone().or_else(|| from_environment("DIPTYCH_DATA"));
    let data = data.unwrap_or_else(|| Config::default().data);
    let path = named.clone().unwrap_or_else(|| data.join("diptych.toml"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests;
