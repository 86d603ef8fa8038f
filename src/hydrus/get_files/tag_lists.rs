//! The tags of records: for every tag service, by status, as stored and as shown.
//!
//! Texts are ordered and encoded once for a whole chunk of records ([`TagTexts`]); a list of tags is
//! then a list of ranks. A service without siblings and parents shows what it stores, and all known
//! tags are those of the only service that has any: such lists are not made twice.

use std::collections::HashMap;
use std::sync::Arc;

use crate::hydrus::error::Rejection;
use crate::hydrus::json::{self, Writer};
use crate::hydrus::services::type_pretty;
use crate::library::{ServiceTags, Services, View};
use crate::model::hash::to_hex;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::service::builtin::ALL_KNOWN_TAGS;
use crate::model::tag::human_key;

/// The number of statuses: current, pending, deleted, petitioned.
const STATUSES: usize = 4;
const STATUS_NAMES: [&str; STATUSES] = ["0", "1", "2", "3"];

/// Tags by status.
type ByStatus = [Vec<TagId>; STATUSES];

/// The tags of one file: services that have any, and all of them together.
#[derive(Debug, Default)]
pub struct Tags {
    services: Vec<(ServiceId, Shown)>,
    /// Absent where one service has all of them, or none has any.
    together: Option<Shown>,
}

/// Stored tags and what is shown for them; `None` where that is the same.
#[derive(Debug, Default)]
struct Shown {
    stored: ByStatus,
    shown: Option<ByStatus>,
}

/// The tag services of a library, by name.
#[derive(Debug)]
pub struct TagServices(Vec<TagService>);

#[derive(Debug)]
struct TagService {
    id: ServiceId,
    key: String,
    /// The members `name`, `type`, `type_pretty` as JSON, and a comma.
    head: Vec<u8>,
}

impl TagServices {
    /// All of them, all known tags included.
    #[must_use]
    pub fn new(services: &Services) -> TagServices {
        let is_one = |id: ServiceId| id == ALL_KNOWN_TAGS;
        let mut found: Vec<_> = services
            .iter()
            .filter(|(id, service)| service.kind.holds_tags() || is_one(*id))
            .collect();
        found.sort_by(|(_, left), (_, right)| left.name.cmp(&right.name));
        let row = |(id, service): (ServiceId, &crate::model::service::Service)| {
            let mut head = b"\"name\": ".to_vec();
            json::write(&mut head, &service.name);
            head.extend_from_slice(format!(", \"type\": {}", service.kind.0).as_bytes());
            head.extend_from_slice(b", \"type_pretty\": ");
            json::write(&mut head, type_pretty(service.kind));
            TagService { id, key: to_hex(&service.key), head }
        };
        TagServices(found.into_iter().map(row).collect())
    }

    /// The tags of a file.
    ///
    /// # Errors
    /// When reading fails.
    pub fn tags_of(&self, view: &View, item: ItemId) -> Result<Tags, Rejection> {
        let mut tags = Tags::default();
        for ServiceTags { service, stored } in view.tags_by_service(item)? {
            let shown = view.relations().has_any(service).then(|| {
                let [current, pending, deleted, petitioned] = &stored;
                let shown = |stored: &[TagId]| view.shown_tags(service, stored.iter().copied());
                [shown(current), shown(pending), deleted.clone(), petitioned.clone()]
            });
            tags.services.push((service, Shown { stored, shown }));
        }
        if tags.services.len() > 1 {
            tags.together = Some(Shown {
                stored: united(tags.services.iter().map(|(_, tags)| &tags.stored)),
                shown: Some(united(tags.services.iter().map(|(_, tags)| tags.as_shown()))),
            });
        }
        Ok(tags)
    }

    /// Writes the member `tags`.
    pub fn write(&self, out: &mut Writer, tags: &Tags, texts: &TagTexts) {
        out.key("tags").object(|out| {
            for service in &self.0 {
                let found = tags.of(service.id);
                out.key(&service.key).object(|out| {
                    out.item().raw(&service.head);
                    let stored = found.map(|found| texts.lists(&found.stored)).unwrap_or_default();
                    out.key("storage_tags").raw(or_empty(&stored));
                    let shown = found.and_then(|found| found.shown.as_ref());
                    let shown = shown.map_or(stored, |shown| texts.lists(shown));
                    out.key("display_tags").raw(or_empty(&shown));
                });
            }
        });
    }

    /// Writes the two members in which older clients look for tags.
    pub fn write_older(&self, out: &mut Writer, tags: &Tags, texts: &TagTexts) {
        let members = [
            ("service_keys_to_statuses_to_tags", false),
            ("service_keys_to_statuses_to_display_tags", true),
        ];
        for (name, as_shown) in members {
            out.key(name).object(|out| {
                for service in &self.0 {
                    // Here services without any tag are left out.
                    let Some(found) = tags.of(service.id) else { continue };
                    let lists = if as_shown { found.as_shown() } else { &found.stored };
                    out.key(&service.key).raw(&texts.lists(lists));
                }
            });
        }
    }
}

fn or_empty(json: &[u8]) -> &[u8] {
    if json.is_empty() { b"{}" } else { json }
}

fn united<'a>(all: impl Iterator<Item = &'a ByStatus>) -> ByStatus {
    let mut united = ByStatus::default();
    for tags in all {
        for (all, tags) in united.iter_mut().zip(tags) {
            all.extend_from_slice(tags);
        }
    }
    for tags in &mut united {
        tags.sort_unstable();
        tags.dedup();
    }
    united
}

impl Shown {
    fn as_shown(&self) -> &ByStatus {
        self.shown.as_ref().unwrap_or(&self.stored)
    }
}

impl Tags {
    fn of(&self, service: ServiceId) -> Option<&Shown> {
        if service == ALL_KNOWN_TAGS {
            let only = self.services.first().map(|(_, tags)| tags);
            return self.together.as_ref().or(only);
        }
        self.services.iter().find(|(id, _)| *id == service).map(|(_, tags)| tags)
    }

    fn all(&self) -> impl Iterator<Item = TagId> {
        let lists = self
            .services
            .iter()
            .flat_map(|(_, tags)| tags.stored.iter().chain(tags.shown.iter().flatten()));
        lists.flatten().copied()
    }
}

/// Texts of tags, in the order for people, ready to be written.
#[derive(Debug, Default)]
pub struct TagTexts {
    ranks: HashMap<TagId, u32>,
    /// By rank, as JSON.
    texts: Vec<Vec<u8>>,
}

impl TagTexts {
    /// The texts of all tags of some files.
    ///
    /// # Errors
    /// When reading fails.
    pub fn new<'a>(
        view: &View,
        files: impl Iterator<Item = &'a Tags>,
    ) -> Result<TagTexts, Rejection> {
        let mut ids: Vec<TagId> = files.flat_map(Tags::all).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push((view.tag_text(id)?, id));
        }
        // Keys are costly to make: once a text, not once a comparison.
        found.sort_by_cached_key(|(text, _)| (human_key(text), text.len(), Arc::clone(text)));
        let ranks = (0..).zip(&found).map(|(rank, (_, id))| (*id, rank)).collect();
        let texts = found.iter().map(|(text, _)| json::to_vec(&**text)).collect();
        Ok(TagTexts { ranks, texts })
    }

    /// An object of lists by status; statuses without tags are left out.
    fn lists(&self, tags: &ByStatus) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64 + tags.iter().map(Vec::len).sum::<usize>() * 24);
        let mut ranks: Vec<u32> = Vec::new();
        writer.object(|out| {
            for (name, tags) in STATUS_NAMES.iter().zip(tags) {
                if tags.is_empty() {
                    continue;
                }
                ranks.clear();
                ranks.extend(tags.iter().filter_map(|tag| self.ranks.get(tag)));
                ranks.sort_unstable();
                out.key(name).list(|out| {
                    for rank in &ranks {
                        if let Some(text) = self.texts.get(*rank as usize) {
                            out.item().raw(text);
                        }
                    }
                });
            }
        });
        writer.finish()
    }
}
