//! One file's record in the answer of `file_metadata`, written straight into the bytes.
//!
//! Each item and its mappings are decoded once; see `tag_lists` for the tags.

use std::sync::Arc;

use super::tag_lists::{TagServices, TagTexts, Tags};
use crate::hydrus::error::Rejection;
use crate::hydrus::json::Writer;
use crate::hydrus::params::NamedFile;
use crate::hydrus::services::type_pretty;
use crate::hydrus::urls::described;
use crate::library::{View, stars};
use crate::model::filetype::FileType;
use crate::model::hash::to_hex;
use crate::model::ids::ServiceId;
use crate::model::item::Item;
use crate::model::service::builtin::{COMBINED_LOCAL, STORAGE, TRASH};
use crate::model::service::{Service, ServiceKind};
use crate::model::url_class::UrlClasses;

/// How much of each file is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Wins over `basic_only`.
    pub identifiers_only: bool,
    pub basic_only: bool,
    pub blurhash: bool,
    pub detailed_urls: bool,
    pub notes: bool,
    pub milliseconds: bool,
    pub older_tags: bool,
}

impl Detail {
    /// Whether whole records are wanted.
    #[must_use]
    pub fn is_whole(self) -> bool {
        !self.identifiers_only && !self.basic_only
    }
}

/// Writes records of one request.
pub struct Records<'a> {
    view: &'a View,
    detail: Detail,
    tag_services: TagServices,
    /// By name.
    rating_services: Vec<(ServiceId, &'a Service, String)>,
    url_classes: Arc<UrlClasses>,
}

/// A file and what is stored of it.
struct Loaded {
    file: NamedFile,
    item: Item,
    tags: Tags,
}

impl<'a> Records<'a> {
    /// Records as of a view.
    ///
    /// # Errors
    /// When reading fails.
    pub fn new(view: &'a View, detail: Detail) -> Result<Records<'a>, Rejection> {
        let services = view.services();
        let mut rating_services: Vec<_> = services
            .iter()
            .filter(|(_, service)| service.kind.is_rating())
            .map(|(id, service)| (id, service, to_hex(&service.key)))
            .collect();
        rating_services.sort_by(|left, right| left.1.name.cmp(&right.1.name));
        let (tag_services, url_classes) = (TagServices::new(services), view.url_classes()?);
        Ok(Records { view, detail, tag_services, rating_services, url_classes })
    }

    /// Writes the records of some files as items of a list.
    ///
    /// # Errors
    /// When reading fails.
    pub fn write(&self, list: &mut Writer, files: &[NamedFile]) -> Result<(), Rejection> {
        if self.detail.identifiers_only {
            for file in files {
                list.item().object(|record| write_identifiers(record, *file));
            }
            return Ok(());
        }
        let loaded = files.iter().map(|file| self.load(*file)).collect::<Result<Vec<_>, _>>()?;
        let tags = loaded.iter().flatten().map(|loaded| &loaded.tags);
        let texts = TagTexts::new(self.view, tags)?;
        for (file, loaded) in files.iter().zip(loaded) {
            match loaded {
                None => list.item().object(|record| write_identifiers(record, *file)),
                Some(loaded) => list.item().object(|record| self.record(record, &loaded, &texts)),
            }
        }
        Ok(())
    }

    fn load(&self, file: NamedFile) -> Result<Option<Loaded>, Rejection> {
        let Some(id) = file.id else { return Ok(None) };
        let Some(item) = self.view.item(id)? else { return Ok(None) };
        let tags = if self.detail.is_whole() {
            self.tag_services.tags_of(self.view, id)?
        } else {
            Tags::default()
        };
        Ok(Some(Loaded { file, item, tags }))
    }

    fn record(&self, out: &mut Writer, loaded: &Loaded, texts: &TagTexts) {
        let item = &loaded.item;
        write_identifiers(out, loaded.file);
        self.basics(out, item);
        if self.detail.basic_only {
            return;
        }
        if let Some((width, height)) = self.view.thumbnail_size(item) {
            out.member("thumbnail_width", &width);
            out.member("thumbnail_height", &height);
        }
        if self.detail.notes {
            out.key("notes").object(|notes| {
                for (name, text) in &item.notes {
                    notes.key(name).text(text);
                }
            });
        }
        self.domains(out, item);
        self.times(out, item);
        out.member("is_local", &item.is_in(STORAGE));
        out.member("is_trashed", &item.is_in(TRASH));
        let is_deleted = item.is_in(TRASH) || item.deletion(COMBINED_LOCAL).is_some();
        out.member("is_deleted", &is_deleted);
        flags(out, item);
        out.member("known_urls", &item.urls);
        out.key("ipfs_multihashes").object(|_| {});
        if self.detail.detailed_urls {
            self.detailed_urls(out, item);
        }
        self.ratings(out, item);
        self.tag_services.write(out, &loaded.tags, texts);
        self.viewing(out, item);
        if self.detail.older_tags {
            self.tag_services.write_older(out, &loaded.tags, texts);
        }
    }

    fn basics(&self, out: &mut Writer, item: &Item) {
        let media = item.media.as_ref();
        let filetype = item.filetype().unwrap_or(FileType::UNKNOWN);
        out.member("size", &media.map(|media| media.size_bytes));
        out.key("mime").text(filetype.mime());
        out.key("filetype_human").text(filetype.human());
        out.member("filetype_enum", &filetype.0);
        out.key("ext").text(filetype.ext());
        out.member("width", &media.and_then(|media| media.width));
        out.member("height", &media.and_then(|media| media.height));
        out.member("duration", &media.and_then(|media| media.duration_ms));
        out.member("num_frames", &media.and_then(|media| media.num_frames));
        out.member("num_words", &media.and_then(|media| media.num_words));
        out.member("has_audio", &media.map(|media| media.has_audio));
        if self.detail.blurhash || !self.detail.basic_only {
            out.member("blurhash", &media.and_then(|media| media.blurhash.as_deref()));
        }
        if !self.detail.basic_only {
            let pixel_hash = media.and_then(|media| media.pixel_hash);
            out.member("pixel_hash", &pixel_hash.map(|hash| to_hex(&hash)));
        }
        out.member("filetype_forced", &item.forced_filetype.is_some());
        if let (Some(_), Some(media)) = (item.forced_filetype, media) {
            out.key("original_mime").text(media.filetype.mime());
        }
    }

    /// A time of the record: whole seconds, or with their fraction.
    fn time(&self, out: &mut Writer, time_ms: Option<i64>) {
        match time_ms {
            None => out.value(&None::<i64>),
            Some(time_ms) if self.detail.milliseconds => out.value(&seconds(time_ms)),
            Some(time_ms) => out.value(&time_ms.div_euclid(1000)),
        }
    }

    fn domains(&self, out: &mut Writer, item: &Item) {
        let services = self.view.services();
        let head = |out: &mut Writer, service: &Service| {
            out.key("name").text(&service.name);
            out.member("type", &service.kind.0);
            out.key("type_pretty").text(type_pretty(service.kind));
        };
        out.key("file_services").object(|out| {
            out.key("current").object(|out| {
                for row in &item.domains {
                    let Some(service) = services.get(row.service) else { continue };
                    out.key(&to_hex(&service.key)).object(|out| {
                        head(out, service);
                        self.time(out.key("time_imported"), row.imported_ms);
                    });
                }
            });
            out.key("deleted").object(|out| {
                for row in &item.deletions {
                    let Some(service) = services.get(row.service) else { continue };
                    out.key(&to_hex(&service.key)).object(|out| {
                        head(out, service);
                        self.time(out.key("time_deleted"), row.deleted_ms);
                        self.time(out.key("time_imported"), row.imported_ms);
                    });
                }
            });
        });
    }

    fn times(&self, out: &mut Writer, item: &Item) {
        self.time(out.key("time_modified"), item.aggregate_modified_ms());
        out.key("time_modified_details").object(|out| {
            if item.modified_ms.is_some() {
                self.time(out.key("local"), item.modified_ms);
            }
            for (domain, time_ms) in &item.domain_modified {
                self.time(out.key(domain), Some(*time_ms));
            }
        });
        out.member("is_inbox", &item.inbox);
        if item.archived_ms.is_some() && !item.inbox {
            self.time(out.key("time_archived"), item.archived_ms);
        }
    }

    fn detailed_urls(&self, out: &mut Writer, item: &Item) {
        out.key("detailed_known_urls").list(|out| {
            for url in &item.urls {
                out.item().value(&described(&self.url_classes.info(url)));
            }
        });
    }

    fn ratings(&self, out: &mut Writer, item: &Item) {
        out.key("ratings").object(|out| {
            for (id, service, key) in &self.rating_services {
                let out = out.key(key);
                let value = item.rating(*id);
                match service.kind {
                    ServiceKind::RATING_LIKE => out.value(&value.map(|value| value >= 0.5)),
                    ServiceKind::RATING_COUNT => out.value(&whole(value.unwrap_or(0.0))),
                    _ => out.value(&value.map(|value| stars(service, value))),
                }
            }
        });
    }

    fn viewing(&self, out: &mut Writer, item: &Item) {
        const CANVASES: [(u8, &str); 3] =
            [(0, "media viewer"), (1, "preview viewer"), (4, "client api viewer")];
        out.key("file_viewing_statistics").list(|out| {
            for (canvas, name) in CANVASES {
                let row = item.views_of(canvas);
                out.item().object(|out| {
                    out.member("canvas_type", &canvas);
                    out.key("canvas_type_pretty").text(name);
                    out.member("views", &row.views);
                    let viewtime_ms = i64::try_from(row.viewtime_ms).unwrap_or(i64::MAX);
                    out.member("viewtime", &seconds(viewtime_ms));
                    out.member("last_viewed_timestamp", &row.last_viewed_ms.map(seconds));
                });
            }
        });
    }
}

fn write_identifiers(out: &mut Writer, file: NamedFile) {
    out.member("file_id", &file.id);
    out.key("hash").text(&file.hash.to_hex());
}

fn flags(out: &mut Writer, item: &Item) {
    let media = item.media.as_ref();
    out.member("has_transparency", &media.is_some_and(|media| media.has_transparency));
    out.member("has_exif", &media.is_some_and(|media| media.has_exif));
    out.member("has_xmp", &media.is_some_and(|media| media.has_xmp));
    out.member("has_iptc", &media.is_some_and(|media| media.has_iptc));
    let has_metadata = media.is_some_and(|media| media.has_human_readable_embedded_metadata);
    out.member("has_human_readable_embedded_metadata", &has_metadata);
    out.member("has_software_source", &media.is_some_and(|media| media.has_software_source));
    out.member("has_icc_profile", &media.is_some_and(|media| media.has_icc_profile));
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are exact")]
fn seconds(time_ms: i64) -> f64 {
    time_ms as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, reason = "counts are whole and bounded")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
