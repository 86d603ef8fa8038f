//! Sorts and limits (behaviour.md 16.4).
//!
//! Two rules hold for every sort: what has no key comes last in both directions, and equals stand
//! in the order of their ids in both directions. Import times alone are sorted together with the
//! ids, so that descending is the exact reverse.

use std::cmp::Ordering;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::system::framerate;
use super::{Search, random, scope};
use crate::library::error::Result;
use crate::library::tracked::{self, Facts};
use crate::model::colour::{self, ColourSort};
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::predicate::NamespaceFilter;
use crate::model::query::Sort;
use crate::model::service::builtin;
use crate::store::{self, Column, ColumnValues, Read};

/// A real number as a key: ordered as numbers are.
#[derive(Clone, Copy, PartialEq)]
struct Real(f64);

impl Eq for Real {}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Real) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Real) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// From so many items on, the import times of a whole domain are worth keeping in memory. Tests
/// have small libraries and take this way as well.
const TRACK_FROM: u64 = if cfg!(test) { 5 } else { 2_000 };

/// When items came into the searched domains.
pub(super) enum ImportTimes<'a> {
    Combined(ColumnValues<'a>),
    Domain(Arc<Facts<i64>>),
    Records(&'a Search<'a>),
}

impl ImportTimes<'_> {
    pub(super) fn of(&self, item: ItemId) -> store::Result<Option<i64>> {
        match self {
            ImportTimes::Combined(column) => Ok(column.value(item)),
            ImportTimes::Domain(facts) => Ok(tracked::fact_of(facts, item.0)),
            ImportTimes::Records(search) => {
                let record = search.view.snapshot.item(item)?;
                Ok(record.and_then(|record| search.imported_ms(&record)))
            }
        }
    }
}

impl Search<'_> {
    /// Whether a limit takes the first in order, not any.
    pub(super) fn sorts_before_limit(&self) -> bool {
        self.request.sort.is_limiting() && !scope::is_all_known(self.view, &self.request.domains)
    }

    /// The import times of some items, the cheapest way.
    pub(super) fn import_times(&self, of: &RoaringBitmap) -> Result<ImportTimes<'_>> {
        let library = self.view.library();
        let domains = &self.request.domains;
        Ok(match domains.current.as_slice() {
            [builtin::COMBINED_LOCAL] if domains.deleted.is_empty() => {
                ImportTimes::Combined(library.store.column(Column::ImportedMs)?)
            }
            [domain]
                if domains.deleted.is_empty()
                    && *domain != builtin::DELETED_FROM_ANYWHERE
                    && of.len() >= TRACK_FROM =>
            {
                ImportTimes::Domain(library.import_times.get(&library.store, *domain)?)
            }
            _ => ImportTimes::Records(self),
        })
    }

    /// When an item came into the searched domain; where that is not a single one, when it came.
    fn imported_ms(&self, item: &Item) -> Option<i64> {
        let domains = &self.request.domains;
        let domain = match domains.current.as_slice() {
            [domain] if domains.deleted.is_empty() => *domain,
            _ => builtin::STORAGE,
        };
        if domain == builtin::DELETED_FROM_ANYWHERE {
            return item.deletions.iter().filter_map(|row| row.deleted_ms).min();
        }
        item.membership(domain)?.imported_ms
    }

    /// When an item came into the searched domains, or was deleted from them.
    pub(super) fn times_in_domains(&self, item: &Item) -> impl Iterator<Item = i64> {
        let domains = &self.request.domains;
        let current = domains.current.iter().filter_map(|domain| {
            if *domain == builtin::DELETED_FROM_ANYWHERE {
                return item.deletions.iter().filter_map(|row| row.deleted_ms).min();
            }
            item.membership(*domain)?.imported_ms
        });
        let deleted = domains.deleted.iter();
        current.chain(deleted.filter_map(|domain| item.deletion(*domain)?.deleted_ms))
    }

    /// The items in the order of the search, at most `most`.
    pub(super) fn ordered(
        &self,
        found: &RoaringBitmap,
        most: Option<usize>,
    ) -> Result<Vec<ItemId>> {
        let most = most.unwrap_or(usize::MAX);
        if scope::is_all_known(self.view, &self.request.domains) {
            return Ok(found.iter().take(most).map(ItemId).collect());
        }
        let arrange = Arrange { ascending: self.request.ascending, most };
        match self.request.sort {
            Sort::CollectionSize => Ok(found.iter().take(most).map(ItemId).collect()),
            Sort::Random => {
                let mut ids: Vec<u32> = found.iter().collect();
                random::shuffle_start(&mut ids, most);
                ids.truncate(most);
                Ok(ids.into_iter().map(ItemId).collect())
            }
            Sort::Size => self.by_column(found, Column::SizeBytes, arrange),
            Sort::Filetype => self.by_column(found, Column::Filetype, arrange),
            Sort::HasAudio => {
                let sounds = self.column(Column::HasAudio)?;
                // Files with sound come first where the smallest do.
                arrange.keyed(found, |item| Ok(sounds.value(item).map(|sounds| -sounds)))
            }
            Sort::ModifiedTime => self.by_column(found, Column::ModifiedMs, arrange),
            Sort::LastViewedTime => self.by_column(found, Column::LastViewedMs, arrange),
            Sort::ArchivedTime => self.by_column(found, Column::ArchivedMs, arrange),
            Sort::Duration => self.by_measure(found, Column::DurationMs, arrange),
            Sort::Width => self.by_measure(found, Column::Width, arrange),
            Sort::Height => self.by_measure(found, Column::Height, arrange),
            Sort::Frames => self.by_measure(found, Column::Frames, arrange),
            Sort::Ratio | Sort::Pixels => self.by_picture(found, arrange),
            Sort::Framerate | Sort::Bitrate => self.by_rate(found, arrange),
            Sort::MediaViews => self.by_sum(found, [Column::MediaViews, Column::ApiViews], arrange),
            Sort::MediaViewtime => {
                self.by_sum(found, [Column::MediaViewtimeMs, Column::ApiViewtimeMs], arrange)
            }
            Sort::ImportTime => self.by_import(found, arrange),
            Sort::TagCount => self.by_tags(found, arrange),
            Sort::Hash | Sort::PixelHash | Sort::Blurhash => self.by_text(found, arrange),
            Sort::ColourLightness => self.by_colour(found, ColourSort::Lightness, arrange),
            Sort::ColourChroma => self.by_colour(found, ColourSort::Chroma, arrange),
            Sort::ColourGreenRed => self.by_colour(found, ColourSort::GreenRed, arrange),
            Sort::ColourBlueYellow => self.by_colour(found, ColourSort::BlueYellow, arrange),
            Sort::ColourHue => self.by_colour(found, ColourSort::Hue, arrange),
        }
    }

    fn column(&self, column: Column) -> Result<ColumnValues<'_>> {
        Ok(self.view.library().store.column(column)?)
    }

    fn by_column(
        &self,
        found: &RoaringBitmap,
        column: Column,
        arrange: Arrange,
    ) -> Result<Vec<ItemId>> {
        let values = self.column(column)?;
        arrange.keyed(found, |item| Ok(values.value(item)))
    }

    /// By a measurement of files: one that is missing is -1, a file that was never held is last.
    fn by_measure(
        &self,
        found: &RoaringBitmap,
        column: Column,
        arrange: Arrange,
    ) -> Result<Vec<ItemId>> {
        let values = self.column(column)?;
        let sizes = self.column(Column::SizeBytes)?;
        arrange.keyed(found, |item| {
            let is_known = sizes.value(item).is_some();
            Ok(is_known.then(|| values.value(item).unwrap_or(-1)))
        })
    }

    fn by_picture(&self, found: &RoaringBitmap, arrange: Arrange) -> Result<Vec<ItemId>> {
        let widths = self.column(Column::Width)?;
        let heights = self.column(Column::Height)?;
        let sizes = self.column(Column::SizeBytes)?;
        let is_ratio = self.request.sort == Sort::Ratio;
        arrange.keyed(found, |item| {
            if sizes.value(item).is_none() {
                return Ok(None);
            }
            let both = widths.value(item).zip(heights.value(item));
            let measure = both.and_then(|(width, height)| match is_ratio {
                true => (height > 0).then(|| width as f64 / height as f64),
                false => Some(width as f64 * height as f64),
            });
            Ok(Some(Real(measure.unwrap_or(-1.0))))
        })
    }

    /// By frames a second, or by bytes a millisecond and then those a frame.
    fn by_rate(&self, found: &RoaringBitmap, arrange: Arrange) -> Result<Vec<ItemId>> {
        let frames = self.column(Column::Frames)?;
        let durations = self.column(Column::DurationMs)?;
        let sizes = self.column(Column::SizeBytes)?;
        if self.request.sort == Sort::Framerate {
            return arrange.keyed(found, |item| {
                let rate = framerate(frames.value(item), durations.value(item));
                Ok(sizes.value(item).map(|_| Real(rate.unwrap_or(-1.0))))
            });
        }
        let widths = self.column(Column::Width)?;
        let heights = self.column(Column::Height)?;
        arrange.keyed(found, |item| {
            let Some(size) = sizes.value(item) else { return Ok(None) };
            let above_zero = |value: Option<i64>| value.filter(|value| *value > 0);
            let key = match above_zero(durations.value(item)) {
                _ if size == 0 => (-1.0, -1.0),
                Some(duration) => {
                    let rate = size as f64 / duration as f64;
                    (
                        rate,
                        above_zero(frames.value(item)).map_or(0.0, |frames| rate / frames as f64),
                    )
                }
                None => {
                    let both = above_zero(widths.value(item)).zip(above_zero(heights.value(item)));
                    (0.0, both.map_or(0.0, |(w, h)| size as f64 / (w as f64 * h as f64)))
                }
            };
            Ok(Some((Real(key.0), Real(key.1))))
        })
    }

    fn by_sum(
        &self,
        found: &RoaringBitmap,
        columns: [Column; 2],
        arrange: Arrange,
    ) -> Result<Vec<ItemId>> {
        let [first, second] = columns;
        let (first, second) = (self.column(first)?, self.column(second)?);
        arrange.keyed(found, |item| {
            let both = [first.value(item), second.value(item)];
            Ok(both.into_iter().flatten().reduce(i64::saturating_add))
        })
    }

    fn by_import(&self, found: &RoaringBitmap, arrange: Arrange) -> Result<Vec<ItemId>> {
        let times = self.import_times(found)?;
        arrange.keyed(found, |item| Ok(times.of(item)?.map(|time| (time, item.0))))
    }

    fn by_tags(&self, found: &RoaringBitmap, arrange: Arrange) -> Result<Vec<ItemId>> {
        if self.counts_are_stored()? {
            let counts = self.column(Column::Tags)?;
            return arrange.keyed(found, |item| Ok(Some(counts.value(item).unwrap_or(0))));
        }
        arrange.keyed(found, |item| Ok(Some(self.count_shown(item, &NamespaceFilter::Any)?)))
    }

    fn by_text(&self, found: &RoaringBitmap, arrange: Arrange) -> Result<Vec<ItemId>> {
        let key = |item: Item| -> Option<Vec<u8>> {
            match self.request.sort {
                Sort::Hash => item.sha256.map(|hash| hash.0.to_vec()),
                Sort::PixelHash => item.media?.pixel_hash.map(|hash| hash.to_vec()),
                _ => item.media?.blurhash.map(String::into_bytes),
            }
        };
        arrange.keyed(found, |item| Ok(self.view.snapshot.item(item)?.and_then(key)))
    }

    fn by_colour(
        &self,
        found: &RoaringBitmap,
        sort: ColourSort,
        arrange: Arrange,
    ) -> Result<Vec<ItemId>> {
        let library = self.view.library();
        let colours = library.colours.get(&library.store)?;
        let key = |id| (colour::key(tracked::fact_of(&colours, id), sort), id);
        let keys = found.iter().map(key).collect();
        let order = |left: &(colour::ColourKey, u32), right: &(colour::ColourKey, u32)| {
            left.0.order(&right.0, arrange.ascending).then(left.1.cmp(&right.1))
        };
        Ok(arrange.first(keys, order))
    }
}

/// How to arrange: which direction, and how many are wanted.
#[derive(Clone, Copy)]
struct Arrange {
    ascending: bool,
    most: usize,
}

impl Arrange {
    /// The items by key; those without one at the end.
    fn keyed<K: Ord>(
        self,
        found: &RoaringBitmap,
        key: impl Fn(ItemId) -> store::Result<Option<K>>,
    ) -> Result<Vec<ItemId>> {
        let order = |left: &(K, u32), right: &(K, u32)| {
            let by_key = left.0.cmp(&right.0);
            let by_key = if self.ascending { by_key } else { by_key.reverse() };
            by_key.then(left.1.cmp(&right.1))
        };
        // Of a few among many only those are kept that may be of them.
        let all = usize::try_from(found.len()).unwrap_or(usize::MAX);
        let room = self.most.saturating_mul(4).saturating_add(256).min(all);
        let mut keys: Vec<(K, u32)> = Vec::with_capacity(room);
        let (mut is_cut, mut last) = (false, Vec::new());
        let mut visit = |id: u32| -> store::Result<()> {
            let Some(key) = key(ItemId(id))? else {
                last.push(ItemId(id));
                return Ok(());
            };
            let row = (key, id);
            if is_cut && order(&row, &keys[self.most]).is_gt() {
                return Ok(());
            }
            keys.push(row);
            if keys.len() == room && room < all {
                // The one at `most` is behind all that are wanted: whatever is behind it is not.
                keys.select_nth_unstable_by(self.most, order);
                keys.truncate(self.most + 1);
                is_cut = true;
            }
            Ok(())
        };
        // Later ids tend to have later times: seen first, they rule the others out.
        if self.ascending {
            found.iter().try_for_each(&mut visit)?;
        } else {
            found.iter().rev().try_for_each(&mut visit)?;
            last.reverse();
        }
        let mut ordered = self.first(keys, order);
        ordered.extend(last.into_iter().take(self.most - ordered.len()));
        Ok(ordered)
    }

    /// The first of some keys, in order.
    fn first<K>(
        self,
        mut keys: Vec<(K, u32)>,
        order: impl Fn(&(K, u32), &(K, u32)) -> Ordering,
    ) -> Vec<ItemId> {
        if self.most < keys.len() {
            keys.select_nth_unstable_by(self.most, &order);
            keys.truncate(self.most);
        }
        keys.sort_unstable_by(&order);
        keys.into_iter().map(|(_, id)| ItemId(id)).collect()
    }
}
