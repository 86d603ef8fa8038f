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
/// All known tags count, for each status, the largest number of any service: it is not known how
/// many items are counted in several.
///
/// # Errors
/// When reading fails.
pub fn search_tags(view: &View, request: &AutocompleteRequest) -> Result<Vec<(Arc<str>, u64)>> {
    let Some(pattern) = Completion::parse(&request.text).pattern else { return Ok(Vec::new()) };
    let Some(counter) = Counter::new(view, request)? else { return Ok(Vec::new()) };
    let mut counts = Vec::new();
    for tag in candidates(view, request, &counter.services, view.tags_like(&pattern)?) {
        let count = counter.count(tag)?;
        if count > 0 {
            counts.push((view.tag_text(tag)?, count));
        }
    }
    counts.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ok(counts)
}

/// The tags to count, from those whose text fits.
fn candidates(
    view: &View,
    request: &AutocompleteRequest,
    services: &[ServiceId],
    hits: RoaringBitmap,
) -> BTreeSet<TagId> {
    let hits = hits.into_iter().map(TagId);
    if request.display {
        let ideals = |hit| services.iter().map(move |it| view.relations().ideal(*it, hit));
        return hits.flat_map(ideals).collect();
    }
    match request.tag_service.filter(|service| *service != builtin::ALL_KNOWN_TAGS) {
        Some(service) => hits.flat_map(|hit| view.relations().chain(service, hit)).collect(),
        None => hits.collect(),
    }
}

/// Counts items of tags.
struct Counter<'a> {
    view: &'a View,
    display: bool,
    services: Vec<ServiceId>,
    /// Services and statuses in which anything is tagged, by status.
    tagged: BTreeMap<Status, Vec<ServiceId>>,
    /// What counts; `None` when everything does.
    domain: Option<RoaringBitmap>,
}

impl<'a> Counter<'a> {
    /// `None` when nothing is counted: all known tags over all known files are too many.
    fn new(view: &'a View, request: &AutocompleteRequest) -> Result<Option<Counter<'a>>> {
        let services = view.services().tag_services_of(request.tag_service);
        let is_known = |service: &ServiceId| {
            view.services().kind(*service) == Some(ServiceKind::ALL_KNOWN_FILES)
        };
        let is_everywhere = request.domains.current.iter().any(is_known);
        let is_any_service =
            request.tag_service.is_none_or(|service| service == builtin::ALL_KNOWN_TAGS);
        if is_everywhere && is_any_service {
            return Ok(None);
        }
        let domain = match is_everywhere {
            true => None,
            false => Some(view.domain_set(&request.domains)?),
        };
        let mut tagged: BTreeMap<Status, Vec<ServiceId>> = BTreeMap::new();
        let mut bearers = RoaringBitmap::new();
        for (included, status) in
            [(request.include_current, Status::Current), (request.include_pending, Status::Pending)]
        {
            for service in services.iter().filter(|_| included) {
                let all = view.snapshot.set(SetKey::Tagged(*service, status))?;
                if !all.is_empty() {
                    tagged.entry(status).or_default().push(*service);
                    bearers |= all;
                }
            }
        }
        // Where every item with a tag is in the domain, sets need not be intersected to be counted.
        let domain = domain.filter(|domain| !bearers.is_subset(domain));
        Ok(Some(Counter { view, display: request.display, services, tagged, domain }))
    }

    fn count(&self, tag: TagId) -> Result<u64> {
        let mut count = 0;
        for (status, services) in &self.tagged {
            let mut largest = 0;
            for service in services {
                largest = largest.max(self.count_in(*service, *status, tag)?);
            }
            count += largest;
        }
        Ok(count)
    }

    fn count_in(&self, service: ServiceId, status: Status, tag: TagId) -> Result<u64> {
        let set = match self.display {
            true => self.view.shown_set(service, status, tag)?,
            false => self.view.snapshot.set(SetKey::Tag(service, status, tag))?,
        };
        Ok(self.domain.as_ref().map_or_else(|| set.len(), |domain| set.intersection_len(domain)))
    }
}
