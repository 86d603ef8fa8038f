//! Completing tags: which tags go on as somebody typed, and how many items bear each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::View;
use super::error::Result;
use crate::model::ids::{ServiceId, TagId};
use crate::model::query::FileDomains;
use crate::model::service::{ServiceKind, builtin};
use crate::model::tag_pattern::Completion;
use crate::store::{Read, SetKey, Status};

/// What to complete, and where to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutocompleteRequest {
    /// The text, as typed.
    pub text: String,
    /// Whose tags; `None` is all known tags.
    pub tag_service: Option<ServiceId>,
    /// Which items count.
    pub domains: FileDomains,
    /// Tags as they are shown, or as they are stored.
    pub display: bool,
    /// Count tags that are there.
    pub include_current: bool,
    /// Count tags that are proposed.
    pub include_pending: bool,
}

/// The tags that complete a text, with the number of items of each: most first, then by text.
///
/// Each file domain is counted in each service for itself, and for each status the largest of these
/// numbers stands: it is not known how many items are counted in several. Deleted files are counted
/// only over all domains at once, so of one domain's it is known which tags they have but not how
/// many: 0 at least.
///
/// # Errors
/// When reading fails.
pub fn search_tags(view: &View, request: &AutocompleteRequest) -> Result<Vec<(Arc<str>, u64)>> {
    let Some(pattern) = Completion::parse(&request.text).pattern else { return Ok(Vec::new()) };
    let Some(counter) = Counter::new(view, request)? else { return Ok(Vec::new()) };
    let hits = view.tags_like(&pattern)?;
    let mut found: BTreeMap<TagId, Count> = BTreeMap::new();
    for leaf in &counter.leaves {
        for tag in candidates(view, request, leaf.service, &hits) {
            if let Some(count) = counter.count(leaf, tag)? {
                let most = found.entry(tag).or_default();
                most.current = most.current.max(count.current);
                most.pending = most.pending.max(count.pending);
            }
        }
    }
    let mut counts = Vec::with_capacity(found.len());
    for (tag, count) in found {
        counts.push((view.tag_text(tag)?, count.current + count.pending));
    }
    counts.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ok(counts)
}

/// The tags to count in a service, from those whose text fits.
fn candidates(
    view: &View,
    request: &AutocompleteRequest,
    service: ServiceId,
    hits: &RoaringBitmap,
) -> BTreeSet<TagId> {
    let hits = hits.iter().map(TagId);
    if request.display {
        return hits.map(|hit| view.relations().ideal(service, hit)).collect();
    }
    match request.tag_service.filter(|service| *service != builtin::ALL_KNOWN_TAGS) {
        Some(service) => hits.flat_map(|hit| view.relations().chain(service, hit)).collect(),
        None => hits.collect(),
    }
}

/// How many items at least.
#[derive(Clone, Copy, Default)]
struct Count {
    current: u64,
    pending: u64,
}

/// One file domain seen by one tag service.
struct Leaf {
    service: ServiceId,
    /// What counts; `None` when everything with a tag does.
    domain: Option<RoaringBitmap>,
    /// The domain is larger than the one asked for.
    is_rough: bool,
    /// The statuses in which anything is tagged.
    statuses: Vec<Status>,
}

/// Counts items of tags.
struct Counter<'a> {
    view: &'a View,
    display: bool,
    leaves: Vec<Leaf>,
}

impl<'a> Counter<'a> {
    /// `None` when nothing is counted: all known tags over all known files are too many.
    fn new(view: &'a View, request: &AutocompleteRequest) -> Result<Option<Counter<'a>>> {
        let is_known = |service: &ServiceId| {
            view.services().kind(*service) == Some(ServiceKind::ALL_KNOWN_FILES)
        };
        let is_everywhere = request.domains.current.iter().any(is_known);
        let is_any_service =
            request.tag_service.is_none_or(|service| service == builtin::ALL_KNOWN_TAGS);
        if is_everywhere && is_any_service {
            return Ok(None);
        }
        let mut domains = Vec::new();
        if is_everywhere {
            domains.push((None, false));
        } else {
            let mut services = request.domains.current.clone();
            if !request.domains.deleted.is_empty() {
                services.push(builtin::DELETED_FROM_ANYWHERE);
            }
            for service in services {
                let one = FileDomains { current: vec![service], deleted: Vec::new() };
                let is_rough = service == builtin::DELETED_FROM_ANYWHERE;
                domains.push((Some(view.domain_set(&one)?), is_rough));
            }
        }
        let mut leaves = Vec::new();
        for service in view.services().tag_services_of(request.tag_service) {
            let mut bearers = RoaringBitmap::new();
            let mut statuses = Vec::new();
            let asked = [
                (request.include_current, Status::Current),
                (request.include_pending, Status::Pending),
            ];
            for (_, status) in asked.into_iter().filter(|(included, _)| *included) {
                let all = view.snapshot.set(SetKey::Tagged(service, status))?;
                if !all.is_empty() {
                    statuses.push(status);
                    bearers |= all;
                }
            }
            if statuses.is_empty() {
                continue;
            }
            for (domain, is_rough) in &domains {
                // Where every item with a tag is in the domain, sets need not be intersected.
                let domain = domain.as_ref().filter(|domain| !bearers.is_subset(domain)).cloned();
                let statuses = statuses.clone();
                leaves.push(Leaf { service, domain, is_rough: *is_rough, statuses });
            }
        }
        Ok(Some(Counter { view, display: request.display, leaves }))
    }

    /// `None` where nothing has the tag.
    fn count(&self, leaf: &Leaf, tag: TagId) -> Result<Option<Count>> {
        let mut count = Count::default();
        let mut has_any = false;
        for status in &leaf.statuses {
            let number = self.count_in(leaf, *status, tag)?;
            has_any |= number > 0;
            let number = if leaf.is_rough { 0 } else { number };
            match status {
                Status::Pending => count.pending = number,
                _ => count.current = number,
            }
        }
        Ok(has_any.then_some(count))
    }

    fn count_in(&self, leaf: &Leaf, status: Status, tag: TagId) -> Result<u64> {
        let set = match self.display {
            true => self.view.shown_set(leaf.service, status, tag)?,
            false => self.view.snapshot.set(SetKey::Tag(leaf.service, status, tag))?,
        };
        Ok(leaf.domain.as_ref().map_or_else(|| set.len(), |domain| set.intersection_len(domain)))
    }
}
