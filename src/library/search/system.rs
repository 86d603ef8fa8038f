//! System predicates: as sets where the store keeps one, else by columns, else by records.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::{Exact, Search, random, scope};
use crate::library::error::Result;
use crate::model::hash::{Sha256, from_hex};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::number_test::{NumberOp, NumberTest};
use crate::model::predicate::{
    Canvas, FileServiceStatus, Flag, HashKind, Quantity, RatingTest, RatingsTest, RatioTest,
    SystemPredicate, TimeKind, UrlTest, expand_filetypes,
};
use crate::model::query::FileDomains;
use crate::model::service::{ServiceKind, builtin};
use crate::model::time_test::TimeTest;
use crate::store::{self, Column, LookupKind, Read, SetKey};

/// When a predicate that is no set is looked at: columns before records, limits at the end.
pub(super) fn cost(predicate: &SystemPredicate) -> u8 {
    match predicate {
        SystemPredicate::Number { .. }
        | SystemPredicate::Ratio(_)
        | SystemPredicate::Views { .. }
        | SystemPredicate::Viewtime { .. }
        | SystemPredicate::Ratings(_) => 1,
        SystemPredicate::Time { kind, .. } => match kind {
            TimeKind::Imported => 3,
            TimeKind::Archived | TimeKind::Modified | TimeKind::LastViewed => 1,
        },
        SystemPredicate::TagCount { .. }
        | SystemPredicate::TagNumber { .. }
        | SystemPredicate::Rating { .. }
        | SystemPredicate::Relationships { .. } => 3,
        SystemPredicate::Url { .. } => 4,
        SystemPredicate::Limit(_) => 9,
        SystemPredicate::Everything
        | SystemPredicate::Inbox
        | SystemPredicate::Archive
        | SystemPredicate::Flag { .. }
        | SystemPredicate::BestOfGroup(_)
        | SystemPredicate::HasTag(_)
        | SystemPredicate::SimilarFiles { .. }
        | SystemPredicate::SimilarData { .. }
        | SystemPredicate::Filetype { .. }
        | SystemPredicate::Hash { .. }
        | SystemPredicate::FileService { .. }
        | SystemPredicate::NoteName { .. } => 0,
    }
}

/// Whether a predicate that is no set is answered item by item at a like cost for each: others
/// first walk tables of addresses, numbered tags or groups.
pub(super) fn is_pointwise(predicate: &SystemPredicate) -> bool {
    matches!(
        predicate,
        SystemPredicate::Number { .. }
            | SystemPredicate::Ratio(_)
            | SystemPredicate::TagCount { .. }
            | SystemPredicate::Time { .. }
            | SystemPredicate::Views { .. }
            | SystemPredicate::Viewtime { .. }
    )
}

fn set_of(flag: Flag) -> store::Flag {
    match flag {
        Flag::Audio => store::Flag::HasAudio,
        Flag::Transparency => store::Flag::HasTransparency,
        Flag::Exif => store::Flag::HasExif,
        Flag::Xmp => store::Flag::HasXmp,
        Flag::Iptc => store::Flag::HasIptc,
        Flag::HumanReadableEmbeddedMetadata => store::Flag::HasHumanReadableMetadata,
        Flag::SoftwareSource => store::Flag::HasSoftwareSource,
        Flag::IccProfile => store::Flag::HasIccProfile,
        Flag::ForcedFiletype => store::Flag::ForcedFiletype,
    }
}

impl Search<'_> {
    fn set(&self, key: SetKey) -> Result<RoaringBitmap> {
        Ok(self.view.snapshot.set(key)?)
    }

    /// A predicate as one set, where it is one.
    pub(super) fn exact_system(&self, predicate: &SystemPredicate) -> Result<Option<Exact>> {
        use SystemPredicate as P;
        let exact = match predicate {
            P::Everything => Exact::NotIn(RoaringBitmap::new()),
            P::Inbox => Exact::In(self.set(SetKey::Flag(store::Flag::Inbox))?),
            P::Archive => self.archived()?,
            P::Flag { flag: flag @ (Flag::Audio | Flag::ForcedFiletype), wanted: false } => {
                Exact::In(self.with_media()? - self.set(SetKey::Flag(set_of(*flag)))?)
            }
            P::Flag { flag, wanted } => {
                Exact::wanted(self.set(SetKey::Flag(set_of(*flag)))?, *wanted)
            }
            P::BestOfGroup(wanted) => Exact::wanted(self.second_best()?, !*wanted),
            P::HasTag(question) => Exact::wanted(self.question_set(question)?, question.wanted),
            P::SimilarFiles { hashes, distance } => {
                Exact::In(self.similar_files(hashes, *distance)?)
            }
            P::SimilarData { pixel_hashes, perceptual_hashes, distance } => {
                Exact::In(self.similar_to(pixel_hashes, perceptual_hashes, *distance)?)
            }
            P::Filetype { wanted, types } => {
                let mut all = RoaringBitmap::new();
                for filetype in expand_filetypes(types) {
                    all |= self.set(SetKey::Filetype(filetype))?;
                }
                match wanted {
                    true => Exact::In(all),
                    false => Exact::In(self.with_media()? - all),
                }
            }
            P::Hash { wanted, kind, hashes } => {
                Exact::wanted(self.with_hashes(*kind, hashes)?, *wanted)
            }
            P::FileService { service, status, wanted } => {
                Exact::wanted(self.file_service(*service, *status)?, *wanted)
            }
            P::NoteName { wanted, name } => {
                let text = name.to_lowercase();
                let items = self.view.snapshot.lookup(LookupKind::NoteName, text.as_bytes())?;
                Exact::wanted(items.into_iter().map(|item| item.0).collect(), *wanted)
            }
            P::Url { wanted, test: UrlTest::Exact(url) } => {
                Exact::wanted(self.with_url(url)?, *wanted)
            }
            P::Url { wanted, test: UrlTest::Domain(domain) } => {
                Exact::wanted(self.with_url_domain(domain)?, *wanted)
            }
            P::Rating { service, test: RatingTest::Rated } => Exact::In(self.rated(*service)?),
            P::Rating { service, test: RatingTest::Unrated } => Exact::NotIn(self.rated(*service)?),
            _ => return Ok(None),
        };
        Ok(Some(exact))
    }

    /// Items whose bytes were once examined.
    fn with_media(&self) -> Result<RoaringBitmap> {
        self.set(SetKey::Flag(store::Flag::HasMedia))
    }

    /// What is archived is not in the inbox, and it is here.
    fn archived(&self) -> Result<Exact> {
        let inbox = self.set(SetKey::Flag(store::Flag::Inbox))?;
        Ok(match scope::is_stored(self.view, &self.request.domains) {
            true => Exact::NotIn(inbox),
            false => Exact::In(self.set(SetKey::Domain(builtin::STORAGE))? - inbox),
        })
    }

    /// Of some items those that fulfil a predicate that is no set.
    pub(super) fn with_system(
        &self,
        predicate: &SystemPredicate,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        use SystemPredicate as P;
        match predicate {
            P::Number { quantity, test } => self.with_number(*quantity, test, within),
            P::Ratio(test) => self.with_ratio(test, &within),
            P::TagCount { namespace, test } => self.with_tag_count(namespace, test, within),
            P::TagNumber { namespace, test } => self.with_tag_number(namespace, test, within),
            P::Time { kind, test } => self.with_time(*kind, test, &within),
            P::Relationships { kind, test } => self.with_relationships(*kind, test, within),
            P::Views { canvases, test } => {
                let columns = canvases.iter().map(|canvas| views(*canvas)).collect();
                self.with_sum(columns, test, &within)
            }
            P::Viewtime { canvases, test } => {
                let columns = canvases.iter().map(|canvas| viewtime(*canvas)).collect();
                self.with_sum(columns, test, &within)
            }
            P::Url { wanted, test } => self.with_url_test(test, *wanted, within),
            P::Rating { service, test } => self.with_rating(*service, test, within),
            P::Ratings(test) => self.with_ratings(test, &within),
            P::Limit(limit) => {
                Ok(random::some_of(&within, usize::try_from(*limit).unwrap_or(usize::MAX)))
            }
            exact => match self.exact_system(exact)? {
                Some(set) => Ok(set.within(within)),
                None => Ok(within),
            },
        }
    }

    fn with_number(
        &self,
        quantity: Quantity,
        test: &NumberTest,
        mut within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let store = &self.view.library().store;
        // Of files that were never here nothing is known, not even that they have no width.
        if !matches!(quantity, Quantity::Notes | Quantity::Urls) {
            within &= self.with_media()?;
        }
        let column = match quantity {
            Quantity::Width => Column::Width,
            Quantity::Height => Column::Height,
            Quantity::Duration => Column::DurationMs,
            Quantity::Frames => Column::Frames,
            Quantity::Words => Column::Words,
            Quantity::Notes => Column::Notes,
            Quantity::Urls => Column::Urls,
            Quantity::Size => Column::SizeBytes,
            Quantity::Framerate => {
                let frames = store.column(Column::Frames)?;
                let durations = store.column(Column::DurationMs)?;
                return Self::filter(&within, |item| {
                    let rate = framerate(frames.value(item), durations.value(item));
                    Ok(test.matches_real(rate))
                });
            }
            Quantity::Pixels => {
                let widths = store.column(Column::Width)?;
                let heights = store.column(Column::Height)?;
                return Self::filter(&within, |item| {
                    let both = widths.value(item).zip(heights.value(item));
                    Ok(test.matches(both.map(|(width, height)| width.saturating_mul(height))))
                });
            }
        };
        // Few items have notes or addresses: the others need not be looked at.
        if !test.matches(None) {
            match quantity {
                Quantity::Notes => within &= self.set(SetKey::Flag(store::Flag::HasNotes))?,
                Quantity::Urls => within &= self.set(SetKey::Flag(store::Flag::HasUrls))?,
                _ => {}
            }
        }
        let values = store.column(column)?;
        Self::filter(&within, |item| Ok(test.matches(values.value(item))))
    }

    fn with_ratio(&self, test: &RatioTest, within: &RoaringBitmap) -> Result<RoaringBitmap> {
        let widths = self.view.library().store.column(Column::Width)?;
        let heights = self.view.library().store.column(Column::Height)?;
        let narrow = |value: i64| u32::try_from(value).ok();
        Self::filter(within, |item| {
            let width = widths.value(item).and_then(narrow);
            Ok(test.matches(width.zip(heights.value(item).and_then(narrow))))
        })
    }

    fn with_sum(
        &self,
        columns: Vec<Column>,
        test: &NumberTest,
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let store = &self.view.library().store;
        let columns = columns
            .into_iter()
            .map(|column| store.column(column))
            .collect::<store::Result<Vec<_>>>()?;
        Self::filter(within, |item| {
            let values = columns.iter().filter_map(|column| column.value(item));
            Ok(test.matches(Some(values.fold(0_i64, i64::saturating_add))))
        })
    }

    fn with_time(
        &self,
        kind: TimeKind,
        test: &TimeTest,
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let column = match kind {
            TimeKind::Archived => Column::ArchivedMs,
            TimeKind::Modified => Column::ModifiedMs,
            TimeKind::LastViewed => Column::LastViewedMs,
            TimeKind::Imported => return self.with_import_time(test, within),
        };
        let values = self.view.library().store.column(column)?;
        Self::filter(within, |item| Ok(test.matches(values.value(item))))
    }

    /// Of some items those that came into one of the searched domains, or went, at such a time.
    /// All known files are no domain to come into: there the test says nothing.
    fn with_import_time(&self, test: &TimeTest, within: &RoaringBitmap) -> Result<RoaringBitmap> {
        let domains = &self.request.domains;
        if scope::is_all_known(self.view, domains) || test.op == NumberOp::NotEqual {
            return Ok(within.clone());
        }
        if domains.current.len() == 1 && domains.deleted.is_empty() {
            let times = self.import_times(self.import_domain(within))?;
            return Self::filter(within, |item| Ok(test.matches(times.of(item)?)));
        }
        Self::filter(within, |item| {
            let Some(record) = self.view.snapshot.item(item)? else { return Ok(false) };
            Ok(self.times_in_domains(&record).any(|time| test.matches(Some(time))))
        })
    }

    fn with_hashes(&self, kind: HashKind, hashes: &[String]) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let mut found = RoaringBitmap::new();
        for text in hashes {
            let Some(bytes) = from_hex(text) else { continue };
            let lookup = match kind {
                HashKind::Sha256 => {
                    let hash = <[u8; 32]>::try_from(bytes).ok().map(Sha256);
                    if let Some(hash) = hash
                        && let Some(item) = snapshot.item_by_sha256(hash)?
                    {
                        found.insert(item.0);
                    }
                    continue;
                }
                HashKind::Md5 => LookupKind::Md5,
                HashKind::Sha1 => LookupKind::Sha1,
                HashKind::Sha512 => LookupKind::Sha512,
            };
            found.extend(snapshot.lookup(lookup, &bytes)?.into_iter().map(|item| item.0));
        }
        Ok(found)
    }

    fn file_service(&self, service: ServiceId, status: FileServiceStatus) -> Result<RoaringBitmap> {
        match status {
            FileServiceStatus::Current => {
                let domains = FileDomains { current: vec![service], deleted: Vec::new() };
                match scope::is_all_known(self.view, &domains) {
                    true => self.set(SetKey::Known),
                    false => scope::domain_set(self.view, &domains),
                }
            }
            // Nothing is ever uploaded to a file repository from here, so nothing waits for it.
            FileServiceStatus::Pending => Ok(RoaringBitmap::new()),
        }
    }

    /// Items rated in a service; by a counter: above zero.
    fn rated(&self, service: ServiceId) -> Result<RoaringBitmap> {
        let rated = self.set(SetKey::Rated(service))?;
        if self.view.services().kind(service) != Some(ServiceKind::RATING_COUNT) {
            return Ok(rated);
        }
        Self::filter(&rated, |item| {
            Ok(self.rating(item, service)?.is_some_and(|count| count > 0.0))
        })
    }

    fn rating(&self, item: ItemId, service: ServiceId) -> store::Result<Option<f64>> {
        Ok(self.view.snapshot.item(item)?.and_then(|item| item.rating(service)))
    }

    fn with_rating(
        &self,
        service: ServiceId,
        test: &RatingTest,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let rated = self.set(SetKey::Rated(service))? & &within;
        let fits = |rating: Option<f64>| match test {
            RatingTest::Count(_) => test.matches_count(rating.map(|count| count as i64)),
            _ => test.matches(rating),
        };
        let found = Self::filter(&rated, |item| Ok(fits(self.rating(item, service)?)))?;
        Ok(if fits(None) { found | (within - rated) } else { found })
    }

    fn with_ratings(&self, test: &RatingsTest, within: &RoaringBitmap) -> Result<RoaringBitmap> {
        let mut rated = BTreeMap::new();
        for service in test.primary.iter().chain(&test.amongst) {
            rated.insert(*service, self.rated(*service)?);
        }
        Self::filter(within, |item| {
            Ok(test.matches(|service| rated.get(&service).is_some_and(|set| set.contains(item.0))))
        })
    }
}

/// Frames a second.
pub(super) fn framerate(frames: Option<i64>, duration_ms: Option<i64>) -> Option<f64> {
    let (frames, duration_ms) = (frames?, duration_ms?);
    (duration_ms > 0).then(|| frames as f64 / (duration_ms as f64 / 1000.0))
}

fn views(canvas: Canvas) -> Column {
    match canvas {
        Canvas::Media => Column::MediaViews,
        Canvas::Preview => Column::PreviewViews,
        Canvas::ClientApi => Column::ApiViews,
    }
}

fn viewtime(canvas: Canvas) -> Column {
    match canvas {
        Canvas::Media => Column::MediaViewtimeMs,
        Canvas::Preview => Column::PreviewViewtimeMs,
        Canvas::ClientApi => Column::ApiViewtimeMs,
    }
}
