//! Sorts and limits (behaviour.md 16.4).
//!
//! Two rules hold for every sort: what has no key comes last in both directions, and equals stand
//! in the order of their ids in both directions. Import times alone are sorted together with the
//! ids, so that descending is the exact reverse. Orders are kept in memory: see
//! [`orders`](crate::library::orders).

use std::cmp::Ordering;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::system::framerate;
use super::{Search, random, scope};
use crate::library::error::Result;
use crate::library::orders::{
    Batch, Keys, Name, Reader, Rows, Walk, Wanted, first, real, scan, whole,
};
use crate::library::tracked::{self, Facts};
use crate::model::colour::{self, ColourKey, ColourSort};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::predicate::NamespaceFilter;
use crate::model::query::{Sort, Term};
use crate::model::service::builtin;
use crate::store::{self, Column, ColumnValues, ITEMS, Read};

/// Numbers as a key: ordered first by the first, as unsigned numbers are.
type Numbers = (u64, u64);

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

    /// The one domain whose import times are kept in memory, where the search asks for those.
    pub(super) fn import_domain(&self, of: &RoaringBitmap) -> Option<ServiceId> {
        let domains = &self.request.domains;
        match domains.current.as_slice() {
            [builtin::DELETED_FROM_ANYWHERE] => None,
            [domain] if domains.deleted.is_empty() => {
                (*domain == builtin::COMBINED_LOCAL || of.len() >= TRACK_FROM).then_some(*domain)
            }
            _ => None,
        }
    }

    /// The import times of items: those that are kept of a domain, else what records say.
    pub(super) fn import_times(&self, domain: Option<ServiceId>) -> Result<ImportTimes<'_>> {
        let library = self.view.library();
        Ok(match domain {
            Some(builtin::COMBINED_LOCAL) => {
                ImportTimes::Combined(library.store.column(Column::ImportedMs)?)
            }
            Some(domain) => ImportTimes::Domain(library.import_times.get(&library.store, domain)?),
            None => ImportTimes::Records(self),
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

    /// The first items in the order of the search, at most `most`, of those that fulfil some `later`
    /// terms as well.
    pub(super) fn ordered(
        &self,
        found: RoaringBitmap,
        later: &[&Term],
        most: Option<usize>,
    ) -> Result<Vec<ItemId>> {
        let most = most.unwrap_or(usize::MAX);
        let first_of = |found: &RoaringBitmap| found.iter().take(most).map(ItemId).collect();
        if scope::is_all_known(self.view, &self.request.domains) {
            return Ok(first_of(&self.narrowed(later, found)?));
        }
        let sort = self.request.sort;
        let unkept = |found| -> Result<RoaringBitmap> { self.narrowed(later, found) };
        let by = |domain| NumberKeys { search: self, domain };
        let numbers = |domain| self.first(&by(domain), self.name(domain), &found, later, most);
        match sort {
            Sort::CollectionSize => Ok(first_of(&unkept(found)?)),
            Sort::Random => {
                let ids = random::some_shuffled(&unkept(found)?, most);
                Ok(ids.into_iter().map(ItemId).collect())
            }
            Sort::TagCount if !self.counts_are_stored()? => {
                let found = unkept(found)?;
                scan(&CountKeys(self), self.wanted(&found, most)).map(items)
            }
            Sort::ImportTime => match self.import_domain(&found) {
                None => {
                    let found = unkept(found)?;
                    scan(&by(None), self.wanted(&found, most)).map(items)
                }
                domain => numbers(domain),
            },
            Sort::Hash | Sort::PixelHash | Sort::Blurhash => {
                self.first(&TextKeys(self), self.name(None), &found, later, most)
            }
            _ => match colour_sort(sort) {
                Some(sort) => {
                    // The direction is part of the keys.
                    let ascending = Some(self.request.ascending);
                    let name = Name::Files { sort: self.request.sort, domain: None, ascending };
                    self.first(&ColourKeys(self, sort), name, &found, later, most)
                }
                None => numbers(None),
            },
        }
    }

    fn name(&self, domain: Option<ServiceId>) -> Name {
        Name::Files { sort: self.request.sort, domain, ascending: None }
    }

    fn wanted<'f>(&self, found: &'f RoaringBitmap, most: usize) -> Wanted<'f> {
        let is_turned = colour_sort(self.request.sort).is_none();
        Wanted { found, descending: is_turned && !self.request.ascending, most }
    }

    /// The first in a kept order. What the later terms say is asked of a few at a time, in order,
    /// until enough fulfil them.
    fn first<K: Keys>(
        &self,
        keys: &K,
        name: Name,
        found: &RoaringBitmap,
        later: &[&Term],
        most: usize,
    ) -> Result<Vec<ItemId>> {
        let library = self.view.library();
        let (store, kept) = (&library.store, library.orders.of(name));
        if later.is_empty() {
            return first(store, &kept, keys, self.wanted(found, most)).map(items);
        }
        let walk = match most < usize::MAX {
            true => Walk::begin(store, &kept, keys, self.wanted(found, most))?,
            false => None,
        };
        if let Some(mut walk) = walk {
            let (mut room, mut ids) = (most.saturating_mul(2).max(BATCH_LEAST), Vec::new());
            loop {
                let mut batch = Vec::new();
                let end = walk.batch(keys, room, &mut batch)?;
                if end == Batch::Spent {
                    break;
                }
                let fulfil = self.narrowed(later, batch.iter().copied().collect())?;
                ids.extend(batch.into_iter().filter(|id| fulfil.contains(*id)));
                if ids.len() >= most || end == Batch::Last {
                    ids.truncate(most);
                    return Ok(items(ids));
                }
                room = room.saturating_mul(2);
            }
        }
        let found = self.narrowed(later, found.clone())?;
        first(store, &kept, keys, self.wanted(&found, most)).map(items)
    }

    /// The newest item of all: orders are as of now.
    fn last_item(&self) -> Result<u32> {
        Ok(self.view.library().store.snapshot()?.last_item()?)
    }

    fn column(&self, column: Column) -> Result<ColumnValues<'_>> {
        Ok(self.view.library().store.column(column)?)
    }

    /// Reads a column as it is.
    fn by_column(&self, column: Column) -> Result<NumberReader<'_>> {
        let values = self.column(column)?;
        Ok(Box::new(move |item| values.value(item).map(|value| (whole(value), 0))))
    }

    /// By a measurement of files: one that is missing is -1, a file that was never held is last.
    fn by_measure(&self, column: Column) -> Result<NumberReader<'_>> {
        let values = self.column(column)?;
        let sizes = self.column(Column::SizeBytes)?;
        Ok(Box::new(move |item| {
            sizes.value(item)?;
            Some((whole(values.value(item).unwrap_or(-1)), 0))
        }))
    }

    fn by_picture(&self) -> Result<NumberReader<'_>> {
        let widths = self.column(Column::Width)?;
        let heights = self.column(Column::Height)?;
        let sizes = self.column(Column::SizeBytes)?;
        let is_ratio = self.request.sort == Sort::Ratio;
        Ok(Box::new(move |item| {
            sizes.value(item)?;
            let both = widths.value(item).zip(heights.value(item));
            let measure = both.and_then(|(width, height)| match is_ratio {
                true => (height > 0).then(|| width as f64 / height as f64),
                false => Some(width as f64 * height as f64),
            });
            Some((real(measure.unwrap_or(-1.0)), 0))
        }))
    }

    fn by_framerate(&self) -> Result<NumberReader<'_>> {
        let frames = self.column(Column::Frames)?;
        let durations = self.column(Column::DurationMs)?;
        let sizes = self.column(Column::SizeBytes)?;
        Ok(Box::new(move |item| {
            sizes.value(item)?;
            let rate = framerate(frames.value(item), durations.value(item));
            Some((real(rate.unwrap_or(-1.0)), 0))
        }))
    }

    /// By bytes a millisecond and then those a frame.
    fn by_bitrate(&self) -> Result<NumberReader<'_>> {
        let frames = self.column(Column::Frames)?;
        let durations = self.column(Column::DurationMs)?;
        let sizes = self.column(Column::SizeBytes)?;
        let widths = self.column(Column::Width)?;
        let heights = self.column(Column::Height)?;
        Ok(Box::new(move |item| {
            let size = sizes.value(item)?;
            let above_zero = |value: Option<i64>| value.filter(|value| *value > 0);
            let key = match above_zero(durations.value(item)) {
                _ if size == 0 => (-1.0, -1.0),
                Some(duration) => {
                    let rate = size as f64 / duration as f64;
                    let frames = above_zero(frames.value(item));
                    (rate, frames.map_or(0.0, |frames| rate / frames as f64))
                }
                None => {
                    let both = above_zero(widths.value(item)).zip(above_zero(heights.value(item)));
                    (0.0, both.map_or(0.0, |(w, h)| size as f64 / (w as f64 * h as f64)))
                }
            };
            Some((real(key.0), real(key.1)))
        }))
    }

    fn by_sum(&self, columns: [Column; 2]) -> Result<NumberReader<'_>> {
        let [first, second] = columns;
        let (first, second) = (self.column(first)?, self.column(second)?);
        Ok(Box::new(move |item| {
            let both = [first.value(item), second.value(item)];
            let sum = both.into_iter().flatten().reduce(i64::saturating_add);
            sum.map(|sum| (whole(sum), 0))
        }))
    }
}

/// Reads a key that columns tell.
type NumberReader<'a> = Box<dyn Fn(ItemId) -> Option<Numbers> + 'a>;

/// So many files at least are asked at once whether they fulfil a term.
const BATCH_LEAST: usize = if cfg!(test) { 3 } else { 512 };

fn items(ids: Vec<u32>) -> Vec<ItemId> {
    ids.into_iter().map(ItemId).collect()
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

/// Sorts by what columns tell, and by import times.
struct NumberKeys<'s, 'v> {
    search: &'s Search<'v>,
    /// For import times: the domain whose times are kept.
    domain: Option<ServiceId>,
}

impl Keys for NumberKeys<'_, '_> {
    type Group = Numbers;
    type Tie = ();

    fn reader(&self) -> Result<Reader<'_, Self>> {
        let search = self.search;
        let number: NumberReader<'_> = match search.request.sort {
            Sort::ImportTime => {
                let times = search.import_times(self.domain)?;
                return Ok(Box::new(move |id| {
                    let time = times.of(ItemId(id))?;
                    Ok(time.map(|time| ((whole(time), u64::from(id)), ())))
                }));
            }
            Sort::HasAudio => {
                let sounds = search.column(Column::HasAudio)?;
                // Files with sound come first where the smallest do.
                Box::new(move |item| sounds.value(item).map(|sounds| (whole(-sounds), 0)))
            }
            Sort::TagCount => {
                let counts = search.column(Column::Tags)?;
                Box::new(move |item| Some((whole(counts.value(item).unwrap_or(0)), 0)))
            }
            Sort::Filetype => search.by_column(Column::Filetype)?,
            Sort::ModifiedTime => search.by_column(Column::ModifiedMs)?,
            Sort::LastViewedTime => search.by_column(Column::LastViewedMs)?,
            Sort::ArchivedTime => search.by_column(Column::ArchivedMs)?,
            Sort::Duration => search.by_measure(Column::DurationMs)?,
            Sort::Width => search.by_measure(Column::Width)?,
            Sort::Height => search.by_measure(Column::Height)?,
            Sort::Frames => search.by_measure(Column::Frames)?,
            Sort::Ratio | Sort::Pixels => search.by_picture()?,
            Sort::Framerate => search.by_framerate()?,
            Sort::Bitrate => search.by_bitrate()?,
            Sort::MediaViews => search.by_sum([Column::MediaViews, Column::ApiViews])?,
            Sort::MediaViewtime => {
                search.by_sum([Column::MediaViewtimeMs, Column::ApiViewtimeMs])?
            }
            _ => search.by_column(Column::SizeBytes)?,
        };
        Ok(Box::new(move |id| Ok(number(ItemId(id)).map(|number| (number, ())))))
    }

    fn last(&self) -> Result<u32> {
        self.search.last_item()
    }
}

/// Sorts by the number of tags that are shown, where siblings and parents have a say.
struct CountKeys<'s, 'v>(&'s Search<'v>);

impl Keys for CountKeys<'_, '_> {
    type Group = i64;
    type Tie = ();

    fn reader(&self) -> Result<Reader<'_, Self>> {
        let count = |id| self.0.count_shown(ItemId(id), &NamespaceFilter::Any);
        Ok(Box::new(move |id| Ok(Some((count(id)?, ())))))
    }

    fn last(&self) -> Result<u32> {
        self.0.last_item()
    }
}

/// Sorts by hashes.
struct TextKeys<'s, 'v>(&'s Search<'v>);

impl TextKeys<'_, '_> {
    fn of(&self, item: Item) -> Option<Vec<u8>> {
        match self.0.request.sort {
            Sort::Hash => item.sha256.map(|hash| hash.0.to_vec()),
            Sort::PixelHash => item.media?.pixel_hash.map(|hash| hash.to_vec()),
            _ => item.media?.blurhash.map(String::into_bytes),
        }
    }
}

impl Keys for TextKeys<'_, '_> {
    type Group = Vec<u8>;
    type Tie = ();

    fn reader(&self) -> Result<Reader<'_, Self>> {
        // As of now: the order has followed all that was noted by then.
        let snapshot = self.0.view.library().store.snapshot()?;
        Ok(Box::new(move |id| {
            let item = snapshot.item(ItemId(id))?;
            Ok(item.and_then(|item| self.of(item)).map(|text| (text, ())))
        }))
    }

    fn last(&self) -> Result<u32> {
        self.0.last_item()
    }

    fn is_quick(&self) -> bool {
        false
    }

    fn all(&self) -> Result<Rows<Self>> {
        let mut rows = Vec::new();
        self.0.view.library().store.snapshot()?.scan(&ITEMS, |id, item| {
            rows.extend(self.of(item).map(|text| ((text, ()), id.0)));
            Ok(())
        })?;
        Ok(rows)
    }
}

/// Sorts by colour, in one direction.
struct ColourKeys<'s, 'v>(&'s Search<'v>, ColourSort);

/// A colour where it stands in its direction.
struct Shade {
    key: ColourKey,
    ascending: bool,
}

impl Ord for Shade {
    fn cmp(&self, other: &Shade) -> Ordering {
        self.key.order(&other.key, self.ascending)
    }
}

impl PartialOrd for Shade {
    fn partial_cmp(&self, other: &Shade) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Shade {
    fn eq(&self, other: &Shade) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Shade {}

impl Keys for ColourKeys<'_, '_> {
    type Group = Shade;
    type Tie = ();

    fn reader(&self) -> Result<Reader<'_, Self>> {
        let library = self.0.view.library();
        let colours = library.colours.get(&library.store)?;
        let ascending = self.0.request.ascending;
        Ok(Box::new(move |id| {
            let key = colour::key(tracked::fact_of(&colours, id), self.1);
            Ok(Some((Shade { key, ascending }, ())))
        }))
    }

    fn last(&self) -> Result<u32> {
        self.0.last_item()
    }
}
