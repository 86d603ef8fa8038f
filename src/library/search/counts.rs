//! Numbers of tags: how many an item shows.

use roaring::RoaringBitmap;

use super::Search;
use crate::library::View;
use crate::library::error::Result;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::number_test::NumberTest;
use crate::model::predicate::NamespaceFilter;
use crate::store::{Column, Read, SetKey, Status};

impl View {
    /// Whether anything has a tag of this service with this status.
    pub(in crate::library) fn has_tags(&self, service: ServiceId, status: Status) -> Result<bool> {
        Ok(!self.snapshot.set(SetKey::Tagged(service, status))?.is_empty())
    }
}

impl Search<'_> {
    /// Of some items those that show so many tags.
    pub(super) fn with_tag_count(
        &self,
        filter: &NamespaceFilter,
        test: &NumberTest,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let with_none = test.matches(Some(0));
        let with_some = match test.range() {
            Some((low, high)) => low <= 1 && high == i64::MAX,
            None => test.value == 0,
        };
        let has_any = self.with_namespace_filter(filter, within.clone())?;
        let none = within - &has_any;
        let passing = if with_some {
            has_any
        } else if test.range().is_some_and(|(low, high)| high <= 0 || low > high) {
            RoaringBitmap::new()
        } else if *filter == NamespaceFilter::Any && self.counts_are_stored()? {
            let counts = self.view.library().store.column(Column::Tags)?;
            Self::filter(&has_any, |item| Ok(test.matches(counts.value(item))))?
        } else if let Some(counts) = self.counts_shown(filter, has_any.len())? {
            let count = |item: ItemId| counts.get(item.0).unwrap_or(0);
            Self::filter(&has_any, |item| Ok(test.matches(Some(count(item)))))?
        } else {
            Self::filter(&has_any, |item| Ok(test.matches(Some(self.count_shown(item, filter)?))))?
        };
        Ok(if with_none { passing | none } else { passing })
    }

    /// Whether the column of tag counts says what this search counts: current tags of all services
    /// that have any, with neither siblings nor parents nor anything pending.
    pub(super) fn counts_are_stored(&self) -> Result<bool> {
        if !self.statuses.contains(&Status::Current) {
            return Ok(false);
        }
        for service in self.view.services().real_tag_services() {
            let is_searched = self.services.contains(&service);
            let counts_pending = is_searched && self.statuses.contains(&Status::Pending);
            if is_searched && self.view.relations().has_any(service)
                || counts_pending && self.view.has_tags(service, Status::Pending)?
                || !is_searched && self.view.has_tags(service, Status::Current)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
