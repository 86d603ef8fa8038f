//! Answers searches: [`View::search`] from terms to ordered ids, [`View::search_set`] to a set.
//!
//! The way of a search: every term that is a set (tags, flags, types, hashes) is read from the
//! store and intersected, the rarest first, until nothing is left; the terms that need a look at
//! each item then see only what remains, first those that a column in memory answers, last those
//! that need whole records. Nothing here decodes a record of an item that is out already.
//!
//! The pieces: `scope` (domains and tag services), `seeds` (searches of all known files), `tags` and `counts` (what is shown on an item),
//! `system` (predicates), `similar` (pictures that look alike), `order` (sorts and limits).

mod counts;
mod gather;
mod order;
mod random;
mod relatives;
mod scope;
mod seeds;
mod similar;
mod system;
mod tags;
mod urls;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod sample;

use roaring::RoaringBitmap;

use super::View;
use super::error::Result;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::predicate::{SystemPredicate, UrlTest};
use crate::model::query::{FileDomains, SearchRequest, Term};
use crate::model::service::builtin;
use crate::store::{self, Read, SetKey, Status};

impl View {
    /// The items of a search, in its order.
    ///
    /// # Errors
    /// When reading fails.
    pub fn search(&self, request: &SearchRequest) -> Result<Vec<ItemId>> {
        let (terms, limit) = split_limits(&request.terms);
        if request.terms.is_empty() || limit == Some(0) {
            return Ok(Vec::new());
        }
        let search = Search::new(self, request)?;
        let most = [limit, request.limit].into_iter().flatten().min();
        if most.is_some() && search.sorts_before_limit() {
            // The first in order are looked for: of the others not all need to be looked at.
            let (mut later, mut now) = (Vec::new(), Vec::new());
            for term in &terms {
                if search.is_asked_of_each(term)? { &mut later } else { &mut now }.push(*term);
            }
            let found = search.whole(&now, search.start(&terms)?)?;
            return search.ordered(found, &later, most);
        }
        let mut found = search.whole(&terms, search.start(&terms)?)?;
        if let Some(limit) = limit
            && !search.sorts_before_limit()
        {
            found = random::some_of(&found, limit);
        }
        search.ordered(found, &[], most)
    }

    /// The items of a search as a set of ids: its sort matters only where a limit cuts.
    ///
    /// # Errors
    /// When reading fails.
    pub fn search_set(&self, request: &SearchRequest) -> Result<RoaringBitmap> {
        let (terms, limit) = split_limits(&request.terms);
        if limit.is_some() || request.limit.is_some() {
            return Ok(self.search(request)?.into_iter().map(|item| item.0).collect());
        }
        if request.terms.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        let search = Search::new(self, request)?;
        search.whole(&terms, search.start(&terms)?)
    }

    /// Of some items those that a search finds, wherever they are.
    ///
    /// # Errors
    /// When reading fails.
    pub fn search_within(
        &self,
        request: &SearchRequest,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let (terms, limit) = split_limits(&request.terms);
        let search = Search::new(self, request)?;
        let found = search.whole(&terms, within)?;
        Ok(limit.map_or_else(|| found.clone(), |limit| random::some_of(&found, limit)))
    }

    /// The items of some file domains, as a search of them sees it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn domain_set(&self, domains: &FileDomains) -> Result<RoaringBitmap> {
        scope::domain_set(self, domains)
    }
}

/// The limits among the terms, the smallest of them, and the other terms.
fn split_limits(terms: &[Term]) -> (Vec<&Term>, Option<usize>) {
    let limit_of = |term: &Term| match term {
        Term::System(SystemPredicate::Limit(limit)) => {
            Some(usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => None,
    };
    let others = terms.iter().filter(|term| limit_of(term).is_none()).collect();
    (others, terms.iter().filter_map(limit_of).min())
}

/// One search in progress.
pub(super) struct Search<'a> {
    view: &'a View,
    request: &'a SearchRequest,
    /// The tag services that are looked at.
    services: Vec<ServiceId>,
    /// The statuses of tags that count.
    statuses: Vec<Status>,
    /// All items of the searched domains; of all known files all, with tags or without.
    domain: RoaringBitmap,
}

/// What a term is when it is a matter of one set.
pub(super) enum Exact {
    /// The items of the set.
    In(RoaringBitmap),
    /// All items but those.
    NotIn(RoaringBitmap),
}

impl Exact {
    fn negated(self) -> Exact {
        match self {
            Exact::In(set) => Exact::NotIn(set),
            Exact::NotIn(set) => Exact::In(set),
        }
    }

    fn wanted(set: RoaringBitmap, wanted: bool) -> Exact {
        if wanted { Exact::In(set) } else { Exact::NotIn(set) }
    }

    fn within(self, mut within: RoaringBitmap) -> RoaringBitmap {
        match self {
            Exact::In(set) => within &= set,
            Exact::NotIn(set) => within -= set,
        }
        within
    }
}

impl<'a> Search<'a> {
    fn new(view: &'a View, request: &'a SearchRequest) -> Result<Search<'a>> {
        let services = view.services().tag_services_of(request.tag_service);
        let flags = [
            (request.include_current, Status::Current),
            (request.include_pending, Status::Pending),
        ];
        let statuses: Vec<Status> =
            flags.into_iter().filter(|(on, _)| *on).map(|(_, status)| status).collect();
        let domain = scope::domain_set(view, &request.domains)?;
        Ok(Search { view, request, services, statuses, domain })
    }

    /// What a search begins with: its domain. Of all that is stored, updates are left out. Over all
    /// known files it is what has tags, unless one of the terms names files by itself.
    fn start(&self, terms: &[&Term]) -> Result<RoaringBitmap> {
        let has_files_info = terms.iter().any(|term| seeds::is_files_info(term));
        let is_seeded = |term: &&Term| match term {
            Term::Or(_) => !has_files_info,
            term => seeds::names_files(term),
        };
        if scope::is_all_known(self.view, &self.request.domains) && !terms.iter().any(is_seeded) {
            return self.tagged();
        }
        if scope::is_storage_alone(&self.request.domains) {
            return Ok(&self.domain - self.view.snapshot.set(SetKey::Domain(builtin::UPDATES))?);
        }
        Ok(self.domain.clone())
    }

    /// Of the domain what has tags that count.
    fn tagged(&self) -> Result<RoaringBitmap> {
        let mut tagged = RoaringBitmap::new();
        for service in &self.services {
            for status in &self.statuses {
                tagged |= self.view.snapshot.set(SetKey::Tagged(*service, *status))?;
            }
        }
        Ok(tagged & &self.domain)
    }

    /// Whether the branches of a list among these terms begin anew, as whole searches do.
    fn begins_with_lists(&self, terms: &[&Term]) -> bool {
        let comes_first = |term: &&Term| {
            matches!(term, Term::Tag(_) | Term::Pattern(_)) || seeds::is_files_info(term)
        };
        scope::is_all_known(self.view, &self.request.domains) && !terms.iter().any(comes_first)
    }

    /// Of some items those that fulfil the terms of the search itself.
    fn whole(&self, terms: &[&Term], within: RoaringBitmap) -> Result<RoaringBitmap> {
        self.all(terms, within, self.begins_with_lists(terms))
    }

    /// Of some items those that fulfil all terms. Lists among them begin `anew` only where the
    /// terms are the search itself: deeper down, what stands above has led to the files.
    fn all(&self, terms: &[&Term], within: RoaringBitmap, anew: bool) -> Result<RoaringBitmap> {
        let (mut sets, mut without, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for term in terms {
            match self.exact(term)? {
                Some(Exact::In(set)) if set.is_empty() => return Ok(set),
                Some(Exact::In(set)) => sets.push(set),
                Some(Exact::NotIn(set)) => without.push(set),
                None => later.push(*term),
            }
        }
        sets.push(within);
        sets.sort_by_key(RoaringBitmap::len);
        let mut sets = sets.into_iter();
        let mut found = sets.next().unwrap_or_default();
        for set in sets {
            if found.is_empty() {
                break;
            }
            found &= set;
        }
        for set in without {
            found -= set;
        }
        later.sort_by_key(|term| cost(term));
        for term in later {
            if found.is_empty() {
                break;
            }
            found = match term {
                Term::Or(list) => self.any(list, found, anew)?,
                term => self.narrow(term, found)?,
            };
        }
        Ok(found)
    }

    /// Whether a term is a question to each item, whose answer depends on no other item, rather than
    /// one set.
    fn is_asked_of_each(&self, term: &Term) -> Result<bool> {
        Ok(match term {
            Term::System(SystemPredicate::Url { test: UrlTest::Domain(domain), .. }) => {
                self.is_popular_domain(domain)?
            }
            Term::System(predicate) => system::is_pointwise(predicate),
            Term::Not(inner) => {
                matches!(&**inner, Term::System(predicate) if system::is_pointwise(predicate))
            }
            Term::Tag(_) | Term::Pattern(_) | Term::Or(_) | Term::And(_) => false,
        })
    }

    /// Of some items those that fulfil terms which are asked of each.
    fn narrowed(&self, terms: &[&Term], mut found: RoaringBitmap) -> Result<RoaringBitmap> {
        let mut terms = terms.to_vec();
        terms.sort_by_key(|term| cost(term));
        for term in terms {
            if found.is_empty() {
                break;
            }
            found = self.narrow(term, found)?;
        }
        Ok(found)
    }

    /// The term as one set, where it is one.
    fn exact(&self, term: &Term) -> Result<Option<Exact>> {
        Ok(match term {
            Term::Tag(tag) => Some(Exact::In(self.tag_set(tag)?)),
            Term::Not(inner) => self.exact(inner)?.map(Exact::negated),
            Term::System(predicate) => self.exact_system(predicate)?,
            Term::Pattern(_) | Term::Or(_) | Term::And(_) => None,
        })
    }

    /// Of some items those that fulfil a term.
    fn narrow(&self, term: &Term, within: RoaringBitmap) -> Result<RoaringBitmap> {
        if let Term::System(SystemPredicate::Url { wanted, test: UrlTest::Domain(domain) }) = term
            && within.len() < urls::WALK_FROM
        {
            let found = self.few_with_url_domain(domain, &within)?;
            return Ok(if *wanted { found } else { within - found });
        }
        if let Some(exact) = self.exact(term)? {
            return Ok(exact.within(within));
        }
        match term {
            Term::Pattern(pattern) => self.with_pattern(pattern, within),
            Term::System(predicate) => self.with_system(predicate, within),
            Term::Not(inner) => {
                let out = self.narrow(inner, within.clone())?;
                Ok(within - out)
            }
            Term::Or(terms) => self.any(terms, within, false),
            Term::And(terms) => {
                let (terms, limit) = split_limits(terms);
                let found = self.all(&terms, within, false)?;
                Ok(limit.map_or_else(|| found.clone(), |limit| random::some_of(&found, limit)))
            }
            Term::Tag(tag) => Ok(within & self.tag_set(tag)?),
        }
    }

    /// Of some items those that fulfil at least one term, each a whole search if `anew`.
    fn any(&self, terms: &[Term], within: RoaringBitmap, anew: bool) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        let mut later = Vec::new();
        let narrower = if anew { &within & self.tagged()? } else { RoaringBitmap::new() };
        let of = |term: &Term| match anew && !seeds::names_files(term) {
            true => &narrower,
            false => &within,
        };
        for term in terms {
            match self.exact(term)? {
                Some(exact) => found |= exact.within(of(term).clone()),
                None => later.push(term),
            }
        }
        later.sort_by_key(|term| cost(term));
        for term in later {
            let left = match term {
                Term::Or(_) => &within - &found,
                term => of(term) - &found,
            };
            if left.is_empty() {
                continue;
            }
            found |= match term {
                Term::Or(list) => self.any(list, left, anew)?,
                term => self.narrow(term, left)?,
            };
        }
        Ok(found)
    }

    /// Of some items those for which `test` says yes.
    fn filter(
        within: &RoaringBitmap,
        mut test: impl FnMut(ItemId) -> store::Result<bool>,
    ) -> Result<RoaringBitmap> {
        let mut failed = None;
        let fulfils = |id: &u32| match test(ItemId(*id)) {
            Ok(fulfils) => fulfils,
            Err(error) => {
                failed.get_or_insert(error);
                false
            }
        };
        // Ids that come in order are added much faster than one by one.
        let found = RoaringBitmap::from_sorted_iter(within.iter().filter(fulfils));
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(found.unwrap_or_default()),
        }
    }
}

/// The later a term is looked at, the higher: cheap ones leave less for the costly.
fn cost(term: &Term) -> u8 {
    match term {
        Term::Tag(_) => 0,
        Term::System(predicate) => system::cost(predicate),
        Term::Pattern(_) => 2,
        Term::Not(inner) => cost(inner),
        Term::Or(terms) | Term::And(terms) => terms.iter().map(cost).max().unwrap_or(0),
    }
}
