//! Columns: the numbers of one sort key or measurable fact, in memory, by item id.
//!
//! The table `FACTS` holds the same as one row an item, so that a column loads in one quick walk on
//! first use. The writer brings loaded columns up to date before it answers.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::error::{Error, Result};
use super::packed::Packed;
use super::read::{Read, Snapshot};
use super::tables::FACTS;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::service::builtin;

/// One measurable fact. The order is the order of the stored row: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Column {
    SizeBytes,
    Filetype,
    Width,
    Height,
    DurationMs,
    Frames,
    Words,
    /// Import time into the combined local domains.
    ImportedMs,
    /// Aggregate modified time.
    ModifiedMs,
    ArchivedMs,
    /// In the media viewer.
    LastViewedMs,
    MediaViews,
    MediaViewtimeMs,
    PreviewViews,
    PreviewViewtimeMs,
    ApiViews,
    ApiViewtimeMs,
    Urls,
    Notes,
    /// Different current tags over all services.
    Tags,
    Rating100,
    CreatedMs,
    UpdatedMs,
    HasAudio,
}

/// How many columns there are.
pub(super) const COLUMNS: usize = 24;

impl Column {
    pub(super) const ALL: [Column; COLUMNS] = [
        Column::SizeBytes,
        Column::Filetype,
        Column::Width,
        Column::Height,
        Column::DurationMs,
        Column::Frames,
        Column::Words,
        Column::ImportedMs,
        Column::ModifiedMs,
        Column::ArchivedMs,
        Column::LastViewedMs,
        Column::MediaViews,
        Column::MediaViewtimeMs,
        Column::PreviewViews,
        Column::PreviewViewtimeMs,
        Column::ApiViews,
        Column::ApiViewtimeMs,
        Column::Urls,
        Column::Notes,
        Column::Tags,
        Column::Rating100,
        Column::CreatedMs,
        Column::UpdatedMs,
        Column::HasAudio,
    ];

    /// The row of facts of an item. `Tags` is left out: it belongs to the mappings.
    pub(super) fn facts(item: &Item) -> Vec<Option<i64>> {
        Column::ALL.iter().map(|column| column.of(item)).collect()
    }

    fn of(self, item: &Item) -> Option<i64> {
        let media = item.media.as_ref();
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let count = |length: usize| (length > 0).then(|| number(length as u64));
        let views = |canvas: u8| item.views.iter().find(|row| row.canvas == canvas);
        match self {
            Column::SizeBytes => media.map(|media| number(media.size_bytes)),
            Column::Filetype => item.filetype().map(|filetype| i64::from(filetype.0)),
            Column::Width => media?.width.map(i64::from),
            Column::Height => media?.height.map(i64::from),
            Column::DurationMs => media?.duration_ms.map(number),
            Column::Frames => media?.num_frames.map(number),
            Column::Words => media?.num_words.map(number),
            Column::ImportedMs => {
                let combined = item.membership(builtin::COMBINED_LOCAL);
                combined.or_else(|| item.domains.first())?.imported_ms
            }
            Column::ModifiedMs => item.aggregate_modified_ms(),
            Column::ArchivedMs => item.archived_ms.filter(|_| !item.inbox),
            Column::LastViewedMs => views(0)?.last_viewed_ms,
            Column::MediaViews => views(0).map(|row| number(row.views)),
            Column::MediaViewtimeMs => views(0).map(|row| number(row.viewtime_ms)),
            Column::PreviewViews => views(1).map(|row| number(row.views)),
            Column::PreviewViewtimeMs => views(1).map(|row| number(row.viewtime_ms)),
            Column::ApiViews => views(4).map(|row| number(row.views)),
            Column::ApiViewtimeMs => views(4).map(|row| number(row.viewtime_ms)),
            Column::Urls => count(item.urls.len()),
            Column::Notes => count(item.notes.len()),
            Column::Tags => None,
            Column::Rating100 => item.object.as_ref()?.rating100.map(i64::from),
            Column::CreatedMs => Some(item.created_ms),
            Column::UpdatedMs => Some(item.updated_ms),
            Column::HasAudio => media.map(|media| i64::from(media.has_audio)),
        }
    }
}

/// The columns that were needed so far.
pub struct Columns {
    loaded: [RwLock<Option<Packed>>; COLUMNS],
    /// Held while one is loaded: nobody waits to load what somebody loaded and reads meanwhile.
    loading: Mutex<()>,
}

/// One loaded column, locked for reading. Drop it soon: the writer waits for it.
pub struct ColumnValues<'a>(RwLockReadGuard<'a, Option<Packed>>);

impl ColumnValues<'_> {
    /// The item's value, if it has one.
    #[inline]
    #[must_use]
    pub fn value(&self, item: ItemId) -> Option<i64> {
        self.0.as_ref()?.get(item.0)
    }
}

impl Columns {
    pub(super) fn new() -> Columns {
        Columns { loaded: std::array::from_fn(|_| RwLock::new(None)), loading: Mutex::new(()) }
    }

    /// A column, loaded on first use. `snapshot` takes a fresh snapshot for that.
    pub(super) fn read(
        &self,
        column: Column,
        snapshot: impl FnOnce() -> Result<Snapshot>,
    ) -> Result<ColumnValues<'_>> {
        let lock = &self.loaded[column as usize];
        let poisoned = || Error::Storage("a column's lock is poisoned".to_owned());
        let values = lock.read().map_err(|_| poisoned())?;
        if values.is_some() {
            return Ok(ColumnValues(values));
        }
        drop(values);
        let loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        // Readers of a loaded column may hold it while they wait for this one.
        if lock.read().map_err(|_| poisoned())?.is_none() {
            let mut values = lock.write().map_err(|_| poisoned())?;
            // Under the lock, so that no commit slips between the snapshot and the first update.
            *values = Some(load(&snapshot()?, column)?);
        }
        drop(loading);
        Ok(ColumnValues(lock.read().map_err(|_| poisoned())?))
    }

    /// Brings loaded columns up to date with new rows of facts.
    pub(super) fn update(&self, rows: &[(ItemId, Vec<Option<i64>>)]) {
        if rows.is_empty() {
            return;
        }
        for (column, lock) in self.loaded.iter().enumerate() {
            let Ok(mut loaded) = lock.write() else { continue };
            let Some(values) = loaded.as_mut() else { continue };
            for (item, row) in rows {
                values.set(item.0, row.get(column).copied().flatten());
            }
        }
    }

    /// Forgets all columns: after a repair, or while the store is closed.
    pub(super) fn clear(&self) {
        for lock in &self.loaded {
            if let Ok(mut loaded) = lock.write() {
                *loaded = None;
            }
        }
    }
}

fn load(snapshot: &Snapshot, column: Column) -> Result<Packed> {
    Packed::load(|put| {
        snapshot.scan(&FACTS, |item, row| {
            if let Some(value) = row.get(column as usize).copied().flatten() {
                put(item.0, value);
            }
            Ok(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_has_one_place_for_each_column_in_order() {
        for (place, column) in Column::ALL.iter().enumerate() {
            assert_eq!(place, *column as usize, "{column:?}");
        }
        assert_eq!(Column::facts(&Item::default()).len(), COLUMNS);
    }
}
