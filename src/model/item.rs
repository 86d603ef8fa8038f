//! An item: everything the library knows of one content, except its tags.
//!
//! One record an item holds the whole truth; every index over items is derived from it in the same
//! transaction (`store::derive`). Times are UTC milliseconds.

use serde::{Deserialize, Serialize};

use super::filetype::FileType;
use super::hash::Sha256;
use super::ids::{GroupId, ItemId, MarkerId, PlaceId, ServiceId, TagId};
use super::media::MediaInfo;

/// One content, or an object without content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// `None` for an object without content (a hand-made scene, a folder gallery).
    pub sha256: Option<Sha256>,
    /// `None` while only the hash is known: tags or URLs were attached to a file never held.
    pub media: Option<MediaInfo>,
    /// A type that a person forced upon the file, in place of the one its bytes say.
    pub forced_filetype: Option<FileType>,
    /// Waiting in the inbox: only ever true for items that are held.
    pub inbox: bool,
    /// Current memberships in stored file domains (types 1, 2, 14, 15, 20, 21).
    pub domains: Vec<Membership>,
    /// Deletion records, one a domain.
    pub deletions: Vec<Deletion>,
    pub deletion_reason: Option<String>,
    /// Modified time of the file on disk.
    pub modified_ms: Option<i64>,
    /// Modified times by web domain, sorted by domain.
    pub domain_modified: Vec<(String, i64)>,
    pub archived_ms: Option<i64>,
    /// Viewing statistics by canvas, sorted by canvas.
    pub views: Vec<CanvasViews>,
    /// Ratings by service, sorted: like 1.0 / dislike 0.0, stars as 0..=1, counters as counts.
    pub ratings: Vec<(ServiceId, f64)>,
    /// Notes by name, sorted by name.
    pub notes: Vec<(String, String)>,
    /// Known URLs, sorted by code point.
    pub urls: Vec<String>,
    /// The duplicate group, once the item is in one with others or has relations.
    pub group: Option<GroupId>,
    /// The head of the object this item is a later member of; `None` for heads.
    pub head: Option<ItemId>,
    /// What only Stash knows of the object that this item heads.
    pub object: Option<Box<ObjectState>>,
    pub created_ms: i64,
    /// Moved by every write through either door.
    pub updated_ms: i64,
    /// Up to which distance files that look like this one were looked for.
    pub similar_searched: Option<u8>,
    /// Stash's perceptual hash of a video: of a montage of its frames. A function of the content,
    /// but made only when it is asked for.
    pub video_hash: Option<u64>,
}

/// A file's current membership in a file domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    pub service: ServiceId,
    pub imported_ms: Option<i64>,
}

/// The record that a file was deleted from a domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub service: ServiceId,
    pub deleted_ms: Option<i64>,
    /// When it had been imported there, where that was known.
    pub imported_ms: Option<i64>,
}

/// Views of one canvas: 0 media viewer, 1 preview, 4 client API.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanvasViews {
    pub canvas: u8,
    pub views: u64,
    pub viewtime_ms: u64,
    pub last_viewed_ms: Option<i64>,
}

/// Object state of a scene, image or gallery: lives on the head item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectState {
    /// Later members in order, without the head.
    pub members: Vec<ItemId>,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, as given.
    pub date: Option<String>,
    /// The exact rating, 1..=100, as Stash set it.
    pub rating100: Option<u8>,
    pub plays_ms: Vec<i64>,
    pub play_duration_ms: u64,
    pub resume_ms: u64,
    /// Times of the counter, with the number that carries no time in `counter_untimed`.
    pub counted_ms: Vec<i64>,
    pub counter_untimed: u64,
    /// The studio set last through Stash, where several `studio:` tags are present.
    pub studio: Option<TagId>,
    /// Cover picture that a person chose, by the hash of its bytes.
    pub cover: Option<Sha256>,
    /// (endpoint, id, updated) of external identifiers.
    pub stash_ids: Vec<(String, String, i64)>,
    /// A scene that a person made: it exists without a file, and without content of its own.
    pub made: bool,
    /// The file that a person made the primary one.
    pub primary: Option<PlaceId>,
    /// Markers of a scene, in the order of their making.
    pub markers: Vec<Marker>,
    /// The place of a scene in its groups, where a person gave one.
    pub scene_indexes: Vec<(TagId, i64)>,
    /// URLs in the order that a person gave them; what is not among the item's counts for nothing.
    pub url_order: Vec<String>,
}

impl ObjectState {
    /// The place of the scene in a group.
    #[must_use]
    pub fn index_in(&self, group: TagId) -> Option<i64> {
        self.scene_indexes.iter().find(|(known, _)| *known == group).map(|(_, index)| *index)
    }
}

/// A named moment, or span, of a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    pub id: MarkerId,
    /// Empty for none: the primary tag names it then.
    pub title: String,
    pub seconds: f64,
    pub end_seconds: Option<f64>,
    pub primary_tag: TagId,
    /// Further tags, without the primary one.
    pub tags: Vec<TagId>,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl Item {
    /// The file type in force: the forced one, else the one found in the bytes.
    #[must_use]
    pub fn filetype(&self) -> Option<FileType> {
        self.forced_filetype.or_else(|| self.media.as_ref().map(|media| media.filetype))
    }

    /// Whether the item is currently in the domain.
    #[must_use]
    pub fn is_in(&self, service: ServiceId) -> bool {
        self.membership(service).is_some()
    }

    /// The membership in the domain, if current.
    #[must_use]
    pub fn membership(&self, service: ServiceId) -> Option<&Membership> {
        self.domains.iter().find(|membership| membership.service == service)
    }

    /// The deletion record of the domain, if there is one.
    #[must_use]
    pub fn deletion(&self, service: ServiceId) -> Option<&Deletion> {
        self.deletions.iter().find(|deletion| deletion.service == service)
    }

    /// The aggregate modified time: the smallest of the file's own and all web domains'.
    #[must_use]
    pub fn aggregate_modified_ms(&self) -> Option<i64> {
        self.modified_ms.into_iter().chain(self.domain_modified.iter().map(|(_, time)| *time)).min()
    }

    /// The stored rating of a service.
    #[must_use]
    pub fn rating(&self, service: ServiceId) -> Option<f64> {
        self.ratings.iter().find(|(rated, _)| *rated == service).map(|(_, value)| *value)
    }

    /// Sets or clears the rating of a service.
    pub fn set_rating(&mut self, service: ServiceId, value: Option<f64>) {
        self.ratings.retain(|(rated, _)| *rated != service);
        if let Some(value) = value {
            self.ratings.push((service, value));
            self.ratings.sort_by_key(|(rated, _)| *rated);
        }
    }

    /// The text of the note of that exact name.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<&str> {
        self.notes.iter().find(|(noted, _)| noted == name).map(|(_, text)| text.as_str())
    }

    /// Sets a note; an empty text removes it.
    pub fn set_note(&mut self, name: &str, text: &str) {
        self.notes.retain(|(noted, _)| noted != name);
        if !text.is_empty() {
            self.notes.push((name.to_owned(), text.to_owned()));
            self.notes.sort();
        }
    }

    /// Adds a URL unless it is known; keeps the order. Returns whether it was new.
    pub fn add_url(&mut self, url: &str) -> bool {
        match self.urls.binary_search_by(|known| known.as_str().cmp(url)) {
            Ok(_) => false,
            Err(place) => {
                self.urls.insert(place, url.to_owned());
                true
            }
        }
    }

    /// The URLs: first those that a person put in order, then the others.
    pub fn urls_in_order(&self) -> impl Iterator<Item = &String> {
        let order = self.object.as_ref().map_or(&[][..], |object| &object.url_order);
        let first = order.iter().filter(|url| self.urls.binary_search(url).is_ok());
        first.chain(self.urls.iter().filter(|url| !order.contains(url)))
    }

    /// The object state, made on first use.
    pub fn object_mut(&mut self) -> &mut ObjectState {
        self.object.get_or_insert_with(Box::default)
    }

    /// The viewing statistics of a canvas; zeros where nothing was recorded.
    #[must_use]
    pub fn views_of(&self, canvas: u8) -> CanvasViews {
        self.views.iter().find(|row| row.canvas == canvas).copied().unwrap_or(CanvasViews {
            canvas,
            views: 0,
            viewtime_ms: 0,
            last_viewed_ms: None,
        })
    }

    /// Replaces the viewing statistics of a canvas.
    pub fn set_views(&mut self, row: CanvasViews) {
        self.views.retain(|known| known.canvas != row.canvas);
        self.views.push(row);
        self.views.sort_by_key(|known| known.canvas);
    }
}
