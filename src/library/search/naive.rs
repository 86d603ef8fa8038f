//! What a search means, said again without any index: one item, one record, one answer.
//!
//! The laws compare the planner with this. Nothing here reads a set, a column or a lookup.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::system::framerate;
use super::{scope, seeds};
use crate::library::View;
use crate::model::colour::{self, ColourSort};
use crate::model::hash::{Sha256, to_hex};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::number_test::NumberOp;
use crate::model::predicate::{
    FileServiceStatus, Flag, HashKind, NamespaceFilter, Quantity, RatingTest, RelationshipKind,
    SystemPredicate, TagStatus, TimeKind, UrlTest, expand_filetypes,
};
use crate::model::query::{FileDomains, SearchRequest, Sort, Term};
use crate::model::service::builtin;
use crate::model::tag::Tag;
use crate::model::time_test::TimeTest;
use crate::store::{ALTERNATES, GROUPS, Mappings, POTENTIALS, Read, Status, host_of};

/// One item with everything it has.
pub(super) struct Subject {
    pub(super) id: ItemId,
    pub(super) item: Item,
    mappings: Mappings,
}

/// The oracle of one search.
pub(super) struct Naive<'a> {
    view: &'a View,
    request: &'a SearchRequest,
    services: Vec<ServiceId>,
}

impl<'a> Naive<'a> {
    pub(super) fn new(view: &'a View, request: &'a SearchRequest) -> Naive<'a> {
        let services = match request.tag_service {
            Some(service) if service != builtin::ALL_KNOWN_TAGS => vec![service],
            _ => vec![builtin::MY_TAGS, builtin::DOWNLOADER_TAGS],
        };
        Naive { view, request, services }
    }

    pub(super) fn subjects(&self) -> Vec<Subject> {
        let last = self.view.snapshot.last_item().unwrap();
        let subject = |id| Subject {
            id: ItemId(id),
            item: self.view.item(ItemId(id)).unwrap().unwrap_or_default(),
            mappings: self.view.mappings(ItemId(id)).unwrap(),
        };
        (1..=last).map(subject).collect()
    }

    pub(super) fn found(&self) -> Vec<Subject> {
        let terms = &self.request.terms;
        let is_known = self.request.domains.current.contains(&builtin::ALL_KNOWN_FILES);
        let has_info = terms.iter().any(seeds::is_files_info);
        // Over all known files, something must lead to a file, or it must have a tag.
        let is_led = terms.iter().any(|term| match term {
            Term::Or(_) => !has_info,
            term => seeds::names_files(term),
        });
        let is_tag = |term: &Term| matches!(term, Term::Tag(_) | Term::Pattern(_));
        let anew = is_known && !has_info && !terms.iter().any(is_tag);
        let domains = &self.request.domains;
        let is_storage = domains.current == [builtin::STORAGE] && domains.deleted.is_empty();
        let mut found = self.subjects();
        found.retain(|one| {
            !(terms.is_empty() || is_storage && one.item.is_in(builtin::UPDATES))
                && self.is_in(one, &self.request.domains)
                && (!is_known || is_led || self.is_tagged(one))
                && terms.iter().all(|term| self.fulfils_anew(one, term, anew))
        });
        found
    }

    fn is_tagged(&self, one: &Subject) -> bool {
        !self.shown(one, &self.services, &self.statuses()).is_empty()
    }

    fn fulfils_anew(&self, one: &Subject, term: &Term, anew: bool) -> bool {
        let Term::Or(terms) = term else { return self.fulfils(one, term) };
        terms.iter().any(|term| {
            let is_led = !anew || matches!(term, Term::Or(_)) || seeds::names_files(term);
            (is_led || self.is_tagged(one)) && self.fulfils_anew(one, term, anew)
        })
    }

    pub(super) fn is_in(&self, one: &Subject, domains: &FileDomains) -> bool {
        let current = domains.current.iter().any(|domain| match *domain {
            builtin::ALL_KNOWN_FILES => true,
            domain => one.item.is_in(domain),
        });
        let deleted = domains.deleted.iter().any(|domain| one.item.deletion(*domain).is_some());
        one.item.sha256.is_some() && (current || deleted)
    }

    fn statuses(&self) -> Vec<Status> {
        let mut statuses = Vec::new();
        statuses.extend(self.request.include_current.then_some(Status::Current));
        statuses.extend(self.request.include_pending.then_some(Status::Pending));
        statuses
    }

    /// The tags shown on an item, from what is stored forwards.
    fn shown(&self, one: &Subject, services: &[ServiceId], statuses: &[Status]) -> BTreeSet<Tag> {
        let mut shown = BTreeSet::new();
        for service in services {
            let Some(tags) = one.mappings.service(*service) else { continue };
            for status in statuses {
                for tag in self.view.shown_tags(*service, tags.tags(*status)) {
                    let text = self.view.tag_text(tag).unwrap();
                    shown.insert(Tag::from_cleaned(text.to_string()));
                }
            }
        }
        shown
    }

    fn bears(&self, one: &Subject, services: &[ServiceId], statuses: &[Status], tag: &Tag) -> bool {
        let Some(id) = self.view.tag_by_text(tag.as_str()).unwrap() else { return false };
        services.iter().any(|service| {
            let ideal = self.view.relations().ideal(*service, id);
            let ideal = Tag::from_cleaned(self.view.tag_text(ideal).unwrap().to_string());
            self.shown(one, &[*service], statuses).contains(&ideal)
        })
    }

    pub(super) fn fulfils(&self, one: &Subject, term: &Term) -> bool {
        match term {
            Term::Tag(tag) => self.bears(one, &self.services, &self.statuses(), tag),
            Term::Pattern(pattern) => self
                .shown(one, &self.services, &self.statuses())
                .iter()
                .any(|tag| pattern.matches(tag)),
            Term::System(predicate) => self.answers(one, predicate),
            Term::Not(inner) => !self.fulfils(one, inner),
            Term::Or(terms) => terms.iter().any(|term| self.fulfils(one, term)),
            Term::And(terms) => terms.iter().all(|term| self.fulfils(one, term)),
        }
    }

    fn answers(&self, one: &Subject, predicate: &SystemPredicate) -> bool {
        use SystemPredicate as P;
        let item = &one.item;
        match predicate {
            P::Everything => true,
            P::Inbox => item.inbox,
            P::Archive => {
                let is_here = scope::is_stored(self.view, &self.request.domains);
                !item.inbox && (is_here || item.is_in(builtin::STORAGE))
            }
            P::Number { quantity, .. }
                if !matches!(quantity, Quantity::Notes | Quantity::Urls)
                    && item.media.is_none() =>
            {
                false
            }
            P::Number { quantity: Quantity::Framerate, test } => test.matches_real(rate(item)),
            P::Number { quantity, test } => test.matches(quantity_of(item, *quantity)),
            P::Flag { flag: Flag::ForcedFiletype, wanted: false } if item.media.is_none() => false,
            P::Flag { flag, wanted } => flag_of(item, *flag) == Some(*wanted),
            P::Ratio(test) => {
                let media = item.media.as_ref();
                test.matches(media.and_then(|media| media.width.zip(media.height)))
            }
            P::BestOfGroup(wanted) => {
                let group =
                    item.group.and_then(|group| self.view.snapshot.get(&GROUPS, &group).unwrap());
                group.is_none_or(|group| group.king == one.id) == *wanted
            }
            P::Filetype { wanted, types } => {
                let types = expand_filetypes(types);
                (*wanted || item.media.is_some())
                    && item.filetype().is_some_and(|filetype| types.contains(&filetype)) == *wanted
            }
            P::Hash { wanted, kind, hashes } => {
                let media = item.media.as_ref();
                let hash = match kind {
                    HashKind::Sha256 => item.sha256.map(Sha256::to_hex),
                    HashKind::Md5 => media.map(|media| to_hex(&media.md5)),
                    HashKind::Sha1 => media.map(|media| to_hex(&media.sha1)),
                    HashKind::Sha512 => media.map(|media| to_hex(&media.sha512)),
                };
                hash.is_some_and(|hash| hashes.contains(&hash)) == *wanted
            }
            P::FileService { service, status, wanted } => match status {
                FileServiceStatus::Current => item.is_in(*service) == *wanted,
                FileServiceStatus::Pending => !*wanted,
            },
            P::Url { wanted, test } => item.urls.iter().any(|url| url_fits(url, test)) == *wanted,
            P::NoteName { wanted, name } => {
                let is_it =
                    |(noted, _): &(String, String)| noted.to_lowercase() == name.to_lowercase();
                item.notes.iter().any(is_it) == *wanted
            }
            P::Ratings(test) => test.matches(|service| self.is_rated(item, service)),
            P::Rating { service, test } => {
                let rating = item.rating(*service);
                match test {
                    RatingTest::Rated => self.is_rated(item, *service),
                    RatingTest::Unrated => !self.is_rated(item, *service),
                    RatingTest::Count(_) => test.matches_count(rating.map(|count| count as i64)),
                    RatingTest::Value { .. } => test.matches(rating),
                }
            }
            other => self.answers_more(one, other),
        }
    }

    fn answers_more(&self, one: &Subject, predicate: &SystemPredicate) -> bool {
        use SystemPredicate as P;
        let item = &one.item;
        match predicate {
            P::TagCount { namespace, test } => {
                test.matches(Some(self.tags_of(one, namespace).len() as i64))
            }
            P::TagNumber { namespace, test } => {
                let tags = self.tags_of(one, namespace);
                let numbers: Vec<i64> =
                    tags.iter().filter_map(|tag| tag.subtag().parse().ok()).collect();
                let (least, greatest) = test.about_bounds();
                match test.op {
                    NumberOp::About => {
                        numbers.iter().any(|it| *it > least)
                            && numbers.iter().any(|it| *it < greatest)
                    }
                    _ => numbers.iter().any(|it| test.matches(Some(*it))),
                }
            }
            P::HasTag(question) => self.has_tag(one, question) == question.wanted,
            P::Time { kind: TimeKind::Imported, test } => self.came(item, test),
            P::Time { kind, test } => test.matches(match kind {
                TimeKind::Archived => item.archived_ms.filter(|_| !item.inbox),
                TimeKind::Modified => item.modified_ms,
                TimeKind::LastViewed => item.views_of(0).last_viewed_ms,
                TimeKind::Imported => None,
            }),
            P::Views { canvases, test } => {
                let sum: u64 = canvases.iter().map(|it| item.views_of(it.number()).views).sum();
                test.matches(Some(sum as i64))
            }
            P::Viewtime { canvases, test } => {
                let sum: u64 =
                    canvases.iter().map(|it| item.views_of(it.number()).viewtime_ms).sum();
                test.matches(Some(sum as i64))
            }
            P::Relationships { kind, test } => test.matches(Some(self.relations(item, *kind))),
            P::SimilarFiles { hashes, distance } => self.resembles(one, hashes, *distance),
            P::SimilarData { pixel_hashes, perceptual_hashes, distance } => {
                item.media.as_ref().is_some_and(|media| {
                    media.pixel_hash.is_some_and(|hash| pixel_hashes.contains(&hash))
                        || media.perceptual_hash.is_some_and(|hash| {
                            perceptual_hashes.iter().any(|it| (it ^ hash).count_ones() <= *distance)
                        })
                })
            }
            P::Limit(_) => true,
            other => panic!("{other:?} is answered above"),
        }
    }

    fn tags_of(&self, one: &Subject, filter: &NamespaceFilter) -> BTreeSet<Tag> {
        let mut tags = self.shown(one, &self.services, &self.statuses());
        tags.retain(|tag| filter.matches(tag.namespace()));
        tags
    }

    fn has_tag(&self, one: &Subject, question: &crate::model::predicate::TagQuestion) -> bool {
        let services = question.service.map_or_else(|| self.services.clone(), |one| vec![one]);
        question.statuses.iter().any(|status| {
            let (status, is_copied) = match status {
                TagStatus::Current => (Status::Current, false),
                TagStatus::Pending => (Status::Pending, false),
                TagStatus::Deleted => (Status::Deleted, true),
                TagStatus::Petitioned => (Status::Petitioned, true),
            };
            if question.display && !is_copied {
                return self.bears(one, &services, &[status], &question.tag);
            }
            let id = self.view.tag_by_text(question.tag.as_str()).unwrap();
            services.iter().any(|service| {
                one.mappings
                    .service(*service)
                    .zip(id)
                    .is_some_and(|(tags, id)| tags.has(status, id))
            })
        })
    }

    fn is_rated(&self, item: &Item, service: ServiceId) -> bool {
        item.rating(service).is_some_and(|value| service != super::sample::COUNTER || value > 0.0)
    }

    fn resembles(&self, one: &Subject, hashes: &[String], distance: u32) -> bool {
        let models = self.subjects();
        models.iter().filter(|it| it.item.sha256.is_some_and(|h| hashes.contains(&h.to_hex()))).any(
            |model| {
                let both = model.item.media.as_ref().zip(one.item.media.as_ref());
                model.id == one.id
                    || both.is_some_and(|(left, right)| {
                        (left.pixel_hash.is_some() && left.pixel_hash == right.pixel_hash)
                            || left.perceptual_hash.zip(right.perceptual_hash).is_some_and(
                                |(left, right)| (left ^ right).count_ones() <= distance,
                            )
                    })
            },
        )
    }

    fn relations(&self, item: &Item, kind: RelationshipKind) -> i64 {
        let snapshot = &self.view.snapshot;
        let Some(id) = item.group else { return 0 };
        let subjects = self.subjects();
        let here = |id: &ItemId| {
            subjects.iter().any(|one| one.id == *id && self.is_in(one, &self.request.domains))
        };
        let group = snapshot.get(&GROUPS, &id).unwrap().unwrap();
        let set = snapshot.get(&ALTERNATES, &group.alternates.unwrap()).unwrap().unwrap();
        let count = match kind {
            RelationshipKind::Duplicates => group.members.iter().filter(|it| here(it)).count() - 1,
            RelationshipKind::Alternates => set
                .groups
                .iter()
                .filter(|other| **other != id)
                .filter_map(|other| snapshot.get(&GROUPS, other).unwrap())
                .filter(|other| other.members.iter().any(here))
                .count(),
            RelationshipKind::PotentialDuplicates => {
                let mut count = 0;
                snapshot
                    .scan(&POTENTIALS, |(one, other), _| {
                        let other = snapshot.get(&GROUPS, &other)?;
                        let both = here(&group.king) && other.is_some_and(|it| here(&it.king));
                        count += usize::from(one == id && both);
                        Ok(())
                    })
                    .unwrap();
                count
            }
            RelationshipKind::FalsePositives => set
                .false_positives
                .iter()
                .filter_map(|other| snapshot.get(&ALTERNATES, other).unwrap())
                .filter(|other| {
                    let mut groups =
                        other.groups.iter().filter_map(|it| snapshot.get(&GROUPS, it).unwrap());
                    groups.any(|group| group.members.iter().any(here))
                })
                .count(),
        };
        count as i64
    }

    /// When an item came into the searched domain; where that is not a single one, when it came.
    fn imported(&self, item: &Item) -> Option<i64> {
        match self.request.domains.current.as_slice() {
            [builtin::DELETED_FROM_ANYWHERE] if self.request.domains.deleted.is_empty() => {
                item.deletions.iter().filter_map(|row| row.deleted_ms).min()
            }
            [domain] if self.request.domains.deleted.is_empty() => {
                item.membership(*domain)?.imported_ms
            }
            _ => item.membership(builtin::STORAGE)?.imported_ms,
        }
    }

    /// Whether it came into one of the searched domains, or was deleted from one, at such a time.
    fn came(&self, item: &Item, test: &TimeTest) -> bool {
        let domains = &self.request.domains;
        let current = domains.current.iter().any(|domain| {
            let time = match *domain {
                builtin::DELETED_FROM_ANYWHERE => {
                    item.deletions.iter().filter_map(|row| row.deleted_ms).min()
                }
                domain => item.membership(domain).and_then(|row| row.imported_ms),
            };
            test.matches(time)
        });
        let mut deleted = domains.deleted.iter();
        domains.current.contains(&builtin::ALL_KNOWN_FILES)
            || current
            || deleted
                .any(|domain| test.matches(item.deletion(*domain).and_then(|row| row.deleted_ms)))
    }

    /// The found items in the order of the search.
    pub(super) fn ordered(&self) -> Vec<ItemId> {
        let mut found = self.found();
        let is_known = self.request.domains.current.contains(&builtin::ALL_KNOWN_FILES);
        if !is_known && self.request.sort != Sort::CollectionSize {
            found.sort_by(|left, right| self.compare(left, right));
        }
        found.into_iter().map(|one| one.id).collect()
    }

    fn compare(&self, left: &Subject, right: &Subject) -> Ordering {
        let ascending = self.request.ascending;
        let by_id = left.id.cmp(&right.id);
        if let Some(sort) = colour_sort(self.request.sort) {
            let key = |one: &Subject| {
                let media = one.item.media.as_ref();
                let blurhash = media.and_then(|media| media.blurhash.as_deref());
                colour::key(blurhash.and_then(colour::average), sort)
            };
            return key(left).order(&key(right), ascending).then(by_id);
        }
        let both = (self.key(left), self.key(right));
        let (Some(one), Some(other)) = &both else {
            return both.0.is_none().cmp(&both.1.is_none()).then(by_id);
        };
        let by_key = one.partial_cmp(other).unwrap();
        let by_key = if ascending { by_key } else { by_key.reverse() };
        let is_reversed = self.request.sort == Sort::ImportTime && !ascending;
        by_key.then(if is_reversed { by_id.reverse() } else { by_id })
    }

    fn key(&self, one: &Subject) -> Option<Vec<f64>> {
        let item = &one.item;
        let media = item.media.as_ref();
        let or_less = |value: Option<f64>| media.map(|_| vec![value.unwrap_or(-1.0)]);
        let real = |value: Option<i64>| value.map(|value| vec![value as f64]);
        let bytes = |bytes: &[u8]| bytes.iter().map(|byte| f64::from(*byte)).collect();
        let rows: Vec<_> = item.views.iter().filter(|row| row.canvas != 1).collect();
        let both = media.and_then(|media| media.width.zip(media.height));
        match self.request.sort {
            Sort::Size => real(quantity_of(item, Quantity::Size)),
            Sort::Duration => or_less(quantity_of(item, Quantity::Duration).map(|it| it as f64)),
            Sort::Width => or_less(quantity_of(item, Quantity::Width).map(|it| it as f64)),
            Sort::Height => or_less(quantity_of(item, Quantity::Height).map(|it| it as f64)),
            Sort::Frames => or_less(quantity_of(item, Quantity::Frames).map(|it| it as f64)),
            Sort::Pixels => or_less(quantity_of(item, Quantity::Pixels).map(|it| it as f64)),
            Sort::Framerate => or_less(rate(item)),
            Sort::Ratio => or_less(
                both.filter(|(_, height)| *height > 0).map(|(w, h)| f64::from(w) / f64::from(h)),
            ),
            Sort::Bitrate => media.map(bitrate),
            Sort::ImportTime => real(self.imported(item)),
            Sort::Filetype => real(item.filetype().map(|filetype| i64::from(filetype.0))),
            Sort::HasAudio => real(media.map(|media| -i64::from(media.has_audio))),
            Sort::TagCount => real(Some(self.tags_of(one, &NamespaceFilter::Any).len() as i64)),
            Sort::MediaViews => {
                (!rows.is_empty()).then(|| vec![rows.iter().map(|row| row.views as f64).sum()])
            }
            Sort::MediaViewtime => (!rows.is_empty())
                .then(|| vec![rows.iter().map(|row| row.viewtime_ms as f64).sum()]),
            Sort::ModifiedTime => real(item.modified_ms),
            Sort::LastViewedTime => real(item.views_of(0).last_viewed_ms),
            Sort::ArchivedTime => real(item.archived_ms.filter(|_| !item.inbox)),
            Sort::Hash => item.sha256.map(|hash| bytes(&hash.0)),
            Sort::PixelHash => media?.pixel_hash.map(|hash| bytes(&hash)),
            Sort::Blurhash => media?.blurhash.as_ref().map(|text| bytes(text.as_bytes())),
            _ => None,
        }
    }
}

fn bitrate(media: &crate::model::media::MediaInfo) -> Vec<f64> {
    let size = media.size_bytes as f64;
    let positive = |value: Option<u64>| value.filter(|value| *value > 0).map(|value| value as f64);
    if size == 0.0 {
        return vec![-1.0, -1.0];
    }
    match positive(media.duration_ms) {
        Some(duration) => {
            let frames = positive(media.num_frames);
            vec![size / duration, frames.map_or(0.0, |frames| size / duration / frames)]
        }
        None => {
            let pixels = media.width.zip(media.height).map(|(w, h)| f64::from(w) * f64::from(h));
            vec![0.0, pixels.filter(|pixels| *pixels > 0.0).map_or(0.0, |pixels| size / pixels)]
        }
    }
}

fn colour_sort(sort: Sort) -> Option<ColourSort> {
    Some(match sort {
        Sort::ColourLightness => ColourSort::Lightness,
        Sort::ColourChroma => ColourSort::Chroma,
        Sort::ColourGreenRed => ColourSort::GreenRed,
        Sort::ColourBlueYellow => ColourSort::BlueYellow,
        Sort::ColourHue => ColourSort::Hue,
        _ => return None,
    })
}

fn rate(item: &Item) -> Option<f64> {
    let media = item.media.as_ref()?;
    framerate(Some(media.num_frames? as i64), Some(media.duration_ms? as i64))
}

fn quantity_of(item: &Item, quantity: Quantity) -> Option<i64> {
    let media = item.media.as_ref();
    match quantity {
        Quantity::Width => media?.width.map(i64::from),
        Quantity::Height => media?.height.map(i64::from),
        Quantity::Duration => media?.duration_ms.map(|it| it as i64),
        Quantity::Frames => media?.num_frames.map(|it| it as i64),
        Quantity::Words => media?.num_words.map(|it| it as i64),
        Quantity::Notes => Some(item.notes.len() as i64),
        Quantity::Urls => Some(item.urls.len() as i64),
        Quantity::Size => media.map(|media| media.size_bytes as i64),
        Quantity::Pixels => Some(i64::from(media?.width?) * i64::from(media?.height?)),
        Quantity::Framerate => None,
    }
}

fn flag_of(item: &Item, flag: Flag) -> Option<bool> {
    let media = item.media.as_ref();
    let known = |of: fn(&crate::model::media::MediaInfo) -> bool| media.is_some_and(of);
    Some(match flag {
        Flag::Audio => media?.has_audio,
        Flag::Transparency => known(|media| media.has_transparency),
        Flag::Exif => known(|media| media.has_exif),
        Flag::Xmp => known(|media| media.has_xmp),
        Flag::Iptc => known(|media| media.has_iptc),
        Flag::HumanReadableEmbeddedMetadata => {
            known(|media| media.has_human_readable_embedded_metadata)
        }
        Flag::SoftwareSource => known(|media| media.has_software_source),
        Flag::IccProfile => known(|media| media.has_icc_profile),
        Flag::ForcedFiletype => item.forced_filetype.is_some(),
    })
}

fn url_fits(url: &str, test: &UrlTest) -> bool {
    match test {
        UrlTest::Exact(exact) => url == exact,
        UrlTest::Regex(regex) => regex.is_match(url),
        UrlTest::Domain(domain) => {
            host_of(url) == domain || host_of(url).ends_with(&format!(".{domain}"))
        }
        UrlTest::Class(_) => false,
    }
}
