//! Services: tag services, file domains and ratings, with the fixed ones of a fresh library.

use serde::{Deserialize, Serialize};

use super::ids::ServiceId;

/// The number of a kind of service, as `/get_services` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceKind(pub u8);

impl ServiceKind {
    pub const TAG_REPOSITORY: ServiceKind = ServiceKind(0);
    pub const FILE_REPOSITORY: ServiceKind = ServiceKind(1);
    pub const LOCAL_FILES: ServiceKind = ServiceKind(2);
    pub const LOCAL_TAGS: ServiceKind = ServiceKind(5);
    pub const RATING_NUMERICAL: ServiceKind = ServiceKind(6);
    pub const RATING_LIKE: ServiceKind = ServiceKind(7);
    pub const ALL_KNOWN_TAGS: ServiceKind = ServiceKind(10);
    pub const ALL_KNOWN_FILES: ServiceKind = ServiceKind(11);
    pub const TRASH: ServiceKind = ServiceKind(14);
    pub const STORAGE: ServiceKind = ServiceKind(15);
    pub const NOTES: ServiceKind = ServiceKind(17);
    pub const CLIENT_API: ServiceKind = ServiceKind(18);
    pub const DELETED_FROM_ANYWHERE: ServiceKind = ServiceKind(19);
    pub const UPDATES: ServiceKind = ServiceKind(20);
    pub const COMBINED_LOCAL: ServiceKind = ServiceKind(21);
    pub const RATING_COUNT: ServiceKind = ServiceKind(22);

    /// A service that holds tag mappings of its own.
    #[must_use]
    pub fn holds_tags(self) -> bool {
        self == ServiceKind::LOCAL_TAGS || self == ServiceKind::TAG_REPOSITORY
    }

    /// A rating service of any of the three kinds.
    #[must_use]
    pub fn is_rating(self) -> bool {
        [ServiceKind::RATING_LIKE, ServiceKind::RATING_NUMERICAL, ServiceKind::RATING_COUNT]
            .contains(&self)
    }

    /// A service of files: something that can be a file domain of a search.
    #[must_use]
    pub fn holds_files(self) -> bool {
        matches!(self.0, 1 | 2 | 11 | 14 | 15 | 19 | 20 | 21)
    }
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The key's bytes; shown as hexadecimal digits.
    pub key: Vec<u8>,
    pub name: String,
    pub kind: ServiceKind,
    /// Shape of the drawn stars; ratings only.
    #[serde(default)]
    pub star_shape: Option<String>,
    /// Numerical ratings: 0 allows no stars at all.
    #[serde(default)]
    pub min_stars: u32,
    #[serde(default)]
    pub max_stars: u32,
    /// The library folder of which this domain is the mirror, as path bytes.
    #[serde(default)]
    pub folder: Option<Vec<u8>>,
}

impl Service {
    /// A service with nothing but key, name and kind.
    #[must_use]
    pub fn plain(key: &[u8], name: &str, kind: ServiceKind) -> Service {
        let (key, name) = (key.to_vec(), name.to_owned());
        Service { key, name, kind, star_shape: None, min_stars: 0, max_stars: 0, folder: None }
    }
}

/// The services of a fresh library (behaviour.md 6); their ids are fixed.
pub mod builtin {
    use super::{Service, ServiceId, ServiceKind};

    pub const MY_FILES: ServiceId = ServiceId(1);
    pub const TRASH: ServiceId = ServiceId(2);
    pub const UPDATES: ServiceId = ServiceId(3);
    pub const STORAGE: ServiceId = ServiceId(4);
    pub const COMBINED_LOCAL: ServiceId = ServiceId(5);
    pub const ALL_KNOWN_FILES: ServiceId = ServiceId(6);
    pub const DELETED_FROM_ANYWHERE: ServiceId = ServiceId(7);
    pub const MY_TAGS: ServiceId = ServiceId(8);
    pub const DOWNLOADER_TAGS: ServiceId = ServiceId(9);
    pub const ALL_KNOWN_TAGS: ServiceId = ServiceId(10);
    pub const FAVOURITES: ServiceId = ServiceId(11);
    pub const LOCAL_NOTES: ServiceId = ServiceId(12);
    pub const CLIENT_API: ServiceId = ServiceId(13);
    /// The first id given to an added service.
    pub const FIRST_ADDED: ServiceId = ServiceId(32);

    /// All fixed services with their ids.
    #[must_use]
    pub fn all() -> Vec<(ServiceId, Service)> {
        let rows: [(ServiceId, &str, &str, ServiceKind); 13] = [
            (MY_FILES, "local files", "my files", ServiceKind::LOCAL_FILES),
            (TRASH, "trash", "trash", ServiceKind::TRASH),
            (UPDATES, "repository updates", "repository updates", ServiceKind::UPDATES),
            (STORAGE, "all local files", "hydrus local file storage", ServiceKind::STORAGE),
            (
                COMBINED_LOCAL,
                "all local media",
                "combined local file domains",
                ServiceKind::COMBINED_LOCAL,
            ),
            (ALL_KNOWN_FILES, "all known files", "all known files", ServiceKind::ALL_KNOWN_FILES),
            (
                DELETED_FROM_ANYWHERE,
                "all deleted files",
                "deleted from anywhere",
                ServiceKind::DELETED_FROM_ANYWHERE,
            ),
            (MY_TAGS, "local tags", "my tags", ServiceKind::LOCAL_TAGS),
            (DOWNLOADER_TAGS, "downloader tags", "downloader tags", ServiceKind::LOCAL_TAGS),
            (ALL_KNOWN_TAGS, "all known tags", "all known tags", ServiceKind::ALL_KNOWN_TAGS),
            (FAVOURITES, "favourites", "favourites", ServiceKind::RATING_LIKE),
            (LOCAL_NOTES, "local notes", "local notes", ServiceKind::NOTES),
            (CLIENT_API, "client api", "client api", ServiceKind::CLIENT_API),
        ];
        let with_shape = |id, mut service: Service| {
            if id == FAVOURITES {
                service.star_shape = Some("fat star".to_owned());
            }
            (id, service)
        };
        rows.into_iter()
            .map(|(id, key, name, kind)| with_shape(id, Service::plain(key.as_bytes(), name, kind)))
            .collect()
    }
}

/// The services that mirror Stash's own ratings; they appear when Stash first sets one.
pub mod stash {
    /// A numerical rating of one to five stars, twenty points a star.
    pub const RATING_KEY: &[u8] = b"stash rating";
    /// The counter.
    pub const COUNTER_KEY: &[u8] = b"stash counter";
}
