//! The table of all settings.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::value::Value;
use super::{Raw, Secret};

/// One row of the table, for documentation and lookups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file, as in `limits.graphql_depth`.
    pub key: &'static str,
    /// The default as a text; empty for none.
    pub default: String,
    /// What it is for.
    pub doc: String,
}

impl Setting {
    /// The environment variable, as in `DIPTYCH_LIMITS_PAGE_SIZE`.
    pub fn environment(&self) -> String {
        format!("DIPTYCH_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }

    /// The table of the file it stands in; empty for the top.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }
}

macro_rules! settings {
    (
        { $($(#[doc = $top_doc:literal])+ $top:ident: $top_type:ty = $top_default:expr;)* }
        $($(#[doc = $section_doc:literal])+ $section:ident: $Section:ident {
            $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)*
        })*
    ) => {
        /// All settings. [`Config::load`] is the way to get them; the default is what a machine
        /// without flags, environment and file has.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $top_doc])+ pub $top: $top_type,)*
            $($(#[doc = $section_doc])+ pub $section: $Section,)*
        }

        impl Default for Config {
            fn default() -> Config {
                Config {
                    $($top: $top_default,)*
                    $($section: $Section::default(),)*
                }
            }
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $Section {
                $($(#[doc = $doc])+ pub $name: $type,)*
            }

            impl Default for $Section {
                fn default() -> $Section {
                    $Section { $($name: $default,)* }
                }
            }
        )*

        impl Config {
            /// Sets one value by its key; false if there is no such key.
            pub(super) fn set(&mut self, key: &str, raw: Raw<'_>) -> Result<bool, String> {
                match key.split_once('.') {
                    None => match key {
                        $(stringify!($top) => self.$top = Value::read(raw)?,)*
                        _ => return Ok(false),
                    },
                    $(Some((stringify!($section), name)) => match name {
                        $(stringify!($name) => self.$section.$name = Value::read(raw)?,)*
                        _ => return Ok(false),
                    },)*
                    Some(_) => return Ok(false),
                }
                Ok(true)
            }
        }

        /// What a section of the file is for; none for the top and for what is no section.
        pub fn section_purpose(section: &str) -> Option<String> {
            match section {
                $(stringify!($section) => Some([$($section_doc),+].map(str::trim).join(" ")),)*
                _ => None,
            }
        }

        /// All settings in the order of the documentation.
        pub fn settings() -> &'static [Setting] {
            static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();
            SETTINGS.get_or_init(|| {
                let config = Config::default();
                vec![
                    $(Setting {
                        key: stringify!($top),
                        default: config.$top.show(),
                        doc: [$($top_doc),+].map(str::trim).join(" "),
                    },)*
                    $($(Setting {
                        key: concat!(stringify!($section), ".", stringify!($name)),
                        default: config.$section.$name.show(),
                        doc: [$($doc),+].map(str::trim).join(" "),
                    },)*)*
                ]
            })
        }
    };
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

settings! {
    {
        /// Folder of everything that is kept: store, index, managed files, generated data.
        data: PathBuf = PathBuf::from("diptych-data");
        /// Folder of what can be made again (thumbnails, previews, sprites); `generated` in the
        /// data folder if not set.
        generated: Option<PathBuf> = None;
        /// Zone of dates without one, as in `Europe/Berlin`; `TZ`, else UTC, if not set.
        time_zone: Option<String> = None;
        /// `error`, `warn`, `info`, `debug` or `trace`.
        log_level: String = String::from("info");
        /// An access key of 64 hexadecimal digits that may do everything through the Hydrus door.
        access_key: Option<Secret> = None;
    }

    /// The Hydrus Client API.
    hydrus: Hydrus {
        /// Where it listens.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 45869));
        /// Whether peers that are not on this machine are served.
        allow_remote: bool = false;
    }

    /// The Stash GraphQL API.
    stash: Stash {
        /// Where it listens; the same address as the other door means one shared listener.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9999));
    }

    /// TLS on both doors; both settings or none.
    tls: Tls {
        /// Certificate chain in PEM form.
        certificate: Option<PathBuf> = None;
        /// Private key in PEM form.
        key: Option<PathBuf> = None;
    }

    /// Library folders and what the doors may do with them.
    library: Library {
        /// Folders to add to the library; never removed from it by this setting.
        folders: Vec<PathBuf> = Vec::new();
        /// Whether deleting a file of a library folder through the Hydrus door deletes its bytes.
        hydrus_may_delete: bool = false;
        /// Tag services whose tags the Stash door shows; it writes to the first.
        tag_services: Vec<String> = vec![String::from("my tags")];
    }

    /// Namespaces whose tags are performers, studios and groups; new ones take the first of a kind.
    entities: Entities {
        /// Namespaces of performers.
        performer_namespaces: Vec<String> = vec![String::from("performer")];
        /// Namespaces of studios.
        studio_namespaces: Vec<String> = vec![String::from("studio")];
        /// Namespaces of groups.
        group_namespaces: Vec<String> = vec![String::from("group")];
    }

    /// Fetching from other servers.
    downloads: Downloads {
        /// Whether addresses of private networks and of this machine may be fetched from.
        allow_private: bool = false;
        /// Larger files are not fetched, in bytes.
        bytes: u64 = 4 * GIB;
        /// Seconds that fetching a file may take.
        seconds: u64 = 3600;
        /// Seconds that the other side may say nothing.
        stall_seconds: u64 = 60;
        /// Files that are fetched at once; of one server never more than two.
        parallel: u64 = 4;
        /// How often an address is tried whose server does not answer well.
        attempts: u64 = 5;
        /// Seconds before the second attempt; each further wait is twice as long.
        retry_seconds: u64 = 30;
    }

    /// Limits. Sizes in bytes may be written as `"64 MiB"`.
    limits: Limits {
        /// First line of a request in bytes; longer ones are refused with 414.
        request_line_bytes: u64 = 2 * MIB;
        /// Header fields of a request together in bytes; larger ones are refused with 431.
        head_bytes: u64 = MIB / 4;
        /// Number of header fields of a request; more are refused with 431.
        headers: u64 = 128;
        /// Seconds that a head, a TLS handshake or the wait for the next request may take.
        header_seconds: u64 = 60;
        /// Seconds that a request may take without a piece of its body arriving.
        request_seconds: u64 = 300;
        /// Seconds that answers under way may still take after the signal to stop.
        drain_seconds: u64 = 10;
        /// Size in bytes from which answers in JSON are compressed with gzip for clients that take
        /// it; 0 compresses none. Media never is, nor what the Hydrus door answers to clients on
        /// this machine.
        compress_from_bytes: u64 = 1024;
        /// Open connections of a listener; further ones wait.
        connections: u64 = 1024;
        /// Requests a listener answers at once; further ones wait.
        concurrency: u64 = 256;
        /// A body of JSON or CBOR in bytes; larger ones are refused.
        body_bytes: u64 = 16 * MIB;
        /// Such bodies worked on at once by a door, in bytes; further ones wait.
        bodies_in_flight_bytes: u64 = 64 * MIB;
        /// An uploaded file in bytes.
        upload_bytes: u64 = 64 * GIB;
        /// A GraphQL document in bytes.
        graphql_document_bytes: u64 = MIB;
        /// Depth of the selections of a GraphQL document.
        graphql_depth: u64 = 64;
        /// Fields a GraphQL document may select, each counted wherever its fragment is used.
        graphql_complexity: u64 = 50_000;
        /// A GraphQL answer in bytes; larger ones are broken off with an error.
        graphql_response_bytes: u64 = GIB;
        /// Writes waiting for the writer; further ones wait before they are queued.
        writer_queue: u64 = 1024;
        /// Processes that decode media; 0 means one per processor core.
        media_workers: u64 = 0;
        /// Memory of one such process in bytes.
        media_memory_bytes: u64 = 2 * GIB;
        /// Seconds that one piece of work of such a process may take.
        media_seconds: u64 = 60;
        /// Cache of the store in bytes.
        store_cache_bytes: u64 = 256 * MIB;
        /// Pixels of one decoded picture.
        decoded_pixels: u64 = 256 * MIB;
        /// Free space of the data folder in bytes below which writes are refused.
        free_disk_bytes: u64 = 256 * MIB;
    }
}
