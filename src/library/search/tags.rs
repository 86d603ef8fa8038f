//! Tags in searches. What counts is what is shown: stored tags after siblings and parents.

use std::collections::BTreeSet;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Search;
use super::gather::{GATHER_FROM, Gathered};
use crate::library::View;
use crate::library::error::Result;
use crate::library::tallies::Tally;
use crate::model::ids::{ItemId, ServiceId, TagId};
use crate::model::number_test::{NumberOp, NumberTest};
use crate::model::predicate::{NamespaceFilter, TagQuestion, TagStatus};
use crate::model::tag::{self, Tag};
use crate::model::tag_pattern::{NamespacePattern, SubtagPattern, TagPattern};
use crate::store::{
    Mappings, NAMESPACE_BY_TEXT, NamespaceId, Packed, Read, SetKey, Status, TAG_BY_TEXT,
};

impl View {
    /// The items on which a service shows a tag: the union over all stored tags that make it shown.
    pub(in crate::library) fn shown_set(
        &self,
        service: ServiceId,
        status: Status,
        tag: TagId,
    ) -> Result<RoaringBitmap> {
        let mut all = RoaringBitmap::new();
        for stored in self.relations().stored_for(service, tag) {
            all |= self.snapshot.set(SetKey::Tag(service, status, stored))?;
        }
        Ok(all)
    }

    /// All tags that services show on an item with one of some statuses, each once.
    fn shown_with(
        &self,
        services: &[ServiceId],
        statuses: &[Status],
        mappings: &Mappings,
    ) -> BTreeSet<TagId> {
        let mut shown = BTreeSet::new();
        for service in services {
            let Some(tags) = mappings.service(*service) else { continue };
            for status in statuses {
                shown.extend(self.shown_tags(*service, tags.tags(*status)));
            }
        }
        shown
    }

    /// How many different tags of one kind of namespace services show on an item.
    pub(super) fn count_shown(
        &self,
        services: &[ServiceId],
        statuses: &[Status],
        item: ItemId,
        filter: &NamespaceFilter,
    ) -> crate::store::Result<i64> {
        let shown = self.shown_with(services, statuses, &self.snapshot.mappings(item)?);
        if *filter == NamespaceFilter::Any {
            return Ok(i64::try_from(shown.len()).unwrap_or(i64::MAX));
        }
        let mut count = 0;
        for tag in shown {
            let text = self.library().lexicon.text(&self.snapshot, tag)?;
            count += i64::from(filter.matches(tag::split(&text).0));
        }
        Ok(count)
    }
}

impl Search<'_> {
    /// The items that bear a tag, which is first turned into its ideal in each service.
    pub(super) fn tag_set(&self, tag: &Tag) -> Result<RoaringBitmap> {
        let Some(tag) = self.view.tag_by_text(tag.as_str())? else {
            return Ok(RoaringBitmap::new());
        };
        self.shown_in(&self.services, &self.statuses, tag)
    }

    fn shown_in(
        &self,
        services: &[ServiceId],
        statuses: &[Status],
        tag: TagId,
    ) -> Result<RoaringBitmap> {
        let mut all = RoaringBitmap::new();
        for service in services {
            let ideal = self.view.relations().ideal(*service, tag);
            for status in statuses {
                all |= self.view.shown_set(*service, *status, ideal)?;
            }
        }
        Ok(all)
    }

    /// `has tag`: one tag with its own services, statuses and display, whatever is wanted of it.
    pub(super) fn question_set(&self, question: &TagQuestion) -> Result<RoaringBitmap> {
        let mut all = RoaringBitmap::new();
        let Some(tag) = self.view.tag_by_text(question.tag.as_str())? else { return Ok(all) };
        let services = match question.service {
            Some(service) => self.view.services().tag_services_of(Some(service)),
            None => self.services.clone(),
        };
        for status in &question.statuses {
            let (status, is_related) = match status {
                TagStatus::Current => (Status::Current, question.display),
                TagStatus::Pending => (Status::Pending, question.display),
                TagStatus::Deleted => (Status::Deleted, false),
                TagStatus::Petitioned => (Status::Petitioned, false),
            };
            if is_related {
                all |= self.shown_in(&services, &[status], tag)?;
                continue;
            }
            for service in &services {
                all |= self.view.snapshot.set(SetKey::Tag(*service, status, tag))?;
            }
        }
        Ok(all)
    }

    /// Of some items those that show a tag of this shape.
    pub(super) fn with_pattern(
        &self,
        pattern: &TagPattern,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        if pattern.subtag == SubtagPattern::Any {
            return self.with_namespace(&pattern.namespace, within);
        }
        let tags = self.view.tags_like(pattern)?;
        self.with_any_tag(&tags, within)
    }

    /// Of some items those that show one of these tags.
    pub(super) fn with_any_tag(
        &self,
        tags: &RoaringBitmap,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        // Reading the tags of an item costs about as much as reading two sets.
        if within.len() < tags.len() / 2 {
            return Self::filter(&within, |item| {
                let mappings = self.view.snapshot.mappings(item)?;
                Ok(self.shown_on(&mappings).iter().any(|tag| tags.contains(tag.0)))
            });
        }
        let (mut found, mut gathered) = (RoaringBitmap::new(), Gathered::default());
        for service in &self.services {
            for status in &self.statuses {
                // Most services have nothing pending: one look spares one for each tag.
                if !self.view.has_tags(*service, *status)? {
                    continue;
                }
                for tag in tags {
                    let bearers = self.view.shown_set(*service, *status, TagId(tag))?;
                    match tags.len() >= GATHER_FROM {
                        true => gathered.extend(bearers),
                        false => found |= bearers,
                    }
                }
            }
        }
        Ok((found | gathered.into_set()) & within)
    }

    /// All tags shown on an item, over all services and statuses that count, each once.
    fn shown_on(&self, mappings: &Mappings) -> BTreeSet<TagId> {
        self.view.shown_with(&self.services, &self.statuses, mappings)
    }

    /// Of some items those that show any tag of the namespaces meant.
    fn with_namespace(
        &self,
        pattern: &NamespacePattern,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let meant = match pattern {
            NamespacePattern::Any => None,
            NamespacePattern::Exact(_) | NamespacePattern::Like(_) => {
                Some(self.namespaces(pattern)?)
            }
        };
        let mut found = RoaringBitmap::new();
        for service in &self.services {
            for status in &self.statuses {
                found |= match &meant {
                    // Whatever is stored, something is shown for it.
                    None => self.view.snapshot.set(SetKey::Tagged(*service, *status))? & &within,
                    Some(meant) => self.of_namespaces(*service, *status, meant, &within)?,
                };
            }
        }
        Ok(found)
    }

    /// Of some items those that show a tag of one kind of namespace.
    pub(super) fn with_namespace_filter(
        &self,
        filter: &NamespaceFilter,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let pattern = match filter {
            NamespaceFilter::Any => NamespacePattern::Any,
            NamespaceFilter::Unnamespaced => NamespacePattern::Exact(String::new()),
            NamespaceFilter::Named(name) => NamespacePattern::Exact(name.clone()),
        };
        self.with_namespace(&pattern, within)
    }

    /// The namespaces that fit, with their ids.
    fn namespaces(&self, pattern: &NamespacePattern) -> Result<Vec<(String, NamespaceId)>> {
        let snapshot = &self.view.snapshot;
        if let NamespacePattern::Exact(name) = pattern {
            let id = snapshot.get(&NAMESPACE_BY_TEXT, name)?;
            return Ok(id.map(|id| (name.clone(), id)).into_iter().collect());
        }
        let probe = TagPattern { namespace: pattern.clone(), subtag: SubtagPattern::Any };
        let mut found = Vec::new();
        snapshot.scan(&NAMESPACE_BY_TEXT, |name, id| {
            if probe.matches_namespace(&name) {
                found.push((name, id));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Of some items those on which one service shows a tag of these namespaces with a status.
    ///
    /// The stored sets answer for all tags without siblings and parents; what those change is
    /// corrected, at a cost that grows with the tags that are in a pair and not with the library.
    fn of_namespaces(
        &self,
        service: ServiceId,
        status: Status,
        meant: &[(String, NamespaceId)],
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let mut stored = RoaringBitmap::new();
        for (_, namespace) in meant {
            stored |= snapshot.set(SetKey::Namespace(service, status, *namespace))? & within;
        }
        let involved = self.view.relations().involved(service);
        if involved.is_empty() {
            return Ok(stored);
        }
        let mut names: Vec<&str> = meant.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let is_meant = |text: &str| names.binary_search(&tag::split(text).0).is_ok();
        let (mut shown, mut doubtful) = (RoaringBitmap::new(), RoaringBitmap::new());
        for tag in &involved {
            if !is_meant(&self.view.tag_text(*tag)?) {
                continue;
            }
            if self.view.relations().ideal(service, *tag) == *tag {
                shown |= self.view.shown_set(service, status, *tag)? & within;
            } else {
                doubtful |= snapshot.set(SetKey::Tag(service, status, *tag))? & within;
            }
        }
        doubtful &= &stored;
        doubtful -= &shown;
        // An item of the namespace that bears a hidden tag of it: does it bear another, too?
        let certain = Self::filter(&doubtful, |item| {
            let mappings = snapshot.mappings(item)?;
            let Some(tags) = mappings.service(service) else { return Ok(false) };
            for tag in tags.tags(status).filter(|tag| !involved.contains(tag)) {
                if is_meant(&self.view.library().lexicon.text(snapshot, tag)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        Ok((stored - doubtful) | shown | certain)
    }

    /// Of some items those with a tag that is such a number. About a number is above one and below
    /// another, and these may be two tags.
    pub(super) fn with_tag_number(
        &self,
        filter: &NamespaceFilter,
        test: &NumberTest,
        mut within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        if test.op != NumberOp::About {
            let tags = self.numbered_tags(filter, |number| test.matches(Some(number)))?;
            return self.with_any_tag(&tags, within);
        }
        let (least, greatest) = test.about_bounds();
        for (op, bound) in [(NumberOp::Greater, least), (NumberOp::Less, greatest)] {
            within =
                self.with_tag_number(filter, &NumberTest::new(test.rule, op, bound), within)?;
        }
        Ok(within)
    }

    /// Tags whose subtag is a whole number for which `test` says yes.
    fn numbered_tags(
        &self,
        filter: &NamespaceFilter,
        test: impl Fn(i64) -> bool,
    ) -> Result<RoaringBitmap> {
        const STARTS: [char; 12] = ['+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
        let mut namespaces = match filter {
            NamespaceFilter::Unnamespaced => vec![String::new()],
            NamespaceFilter::Named(name) => vec![name.clone()],
            NamespaceFilter::Any => Vec::new(),
        };
        if *filter == NamespaceFilter::Any {
            self.view.snapshot.scan(&NAMESPACE_BY_TEXT, |name, _| {
                namespaces.push(name);
                Ok(())
            })?;
        }
        let mut found = RoaringBitmap::new();
        for namespace in namespaces {
            for start in STARTS {
                let prefix = match namespace.as_str() {
                    "" => String::from(start),
                    named => format!("{named}:{start}"),
                };
                let rows = self.view.snapshot.with_prefix(&TAG_BY_TEXT, prefix.as_bytes())?;
                for (text, tag) in rows {
                    let (of, subtag) = tag::split(&text);
                    if of == namespace && subtag.parse().is_ok_and(&test) {
                        found.insert(tag.0);
                    }
                }
            }
        }
        Ok(found)
    }

    /// How many different tags of one kind of namespace are shown on an item.
    pub(super) fn count_shown(
        &self,
        item: ItemId,
        filter: &NamespaceFilter,
    ) -> crate::store::Result<i64> {
        self.view.count_shown(&self.services, &self.statuses, item, filter)
    }

    /// Those numbers for many items, where they are in memory or many are asked about.
    pub(super) fn counts_shown(
        &self,
        filter: &NamespaceFilter,
        for_items: u64,
    ) -> Result<Option<Arc<Packed>>> {
        let (services, statuses) = (&self.services, &self.statuses);
        let tally = Tally::Shown(filter.clone(), services.clone(), statuses.clone());
        let items = |view: &View, tag| {
            let mut items = RoaringBitmap::new();
            for service in services {
                for status in statuses {
                    items |= view.shown_set(*service, *status, tag)?;
                }
            }
            Ok(items)
        };
        let one =
            |view: &View, item| Ok(view.count_shown(services, statuses, ItemId(item), filter)?);
        self.view.tally(tally, for_items, &|name| filter.matches(name), &items, &one)
    }
}
