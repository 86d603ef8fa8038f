//! Search terms of a request: understood with the names of the library's services, and checked
//! against the rules of the caller's key.

use serde_json::Value;

use super::context::Context;
use super::error::Rejection;
use crate::library::View;
use crate::model::ids::ServiceId;
use crate::model::predicate::RatingKind;
use crate::model::query::{FileDomains, SearchRequest, Sort, Term};
use crate::model::service::{Service, ServiceKind, builtin};
use crate::model::system_predicate::{NamedService, ParseContext, RatingService};
use crate::model::terms::{parse, permit};
use crate::model::time::now_ms;

impl Context {
    /// Reads a list of terms that this caller may search for.
    ///
    /// # Errors
    /// 400 for terms without a meaning, 403 for those that the key does not permit.
    pub fn search_terms(&self, terms: &[Value]) -> Result<Vec<Term>, Rejection> {
        let Some(caller) = self.caller().filter(|caller| caller.is_restricted()) else {
            return self.any_terms(terms);
        };
        let may = |terms: &[Term]| {
            permit(terms, &caller.access.filter)
                .map_err(|refusal| Rejection::forbidden(refusal.to_string()))
        };
        match self.any_terms(terms) {
            Ok(terms) => may(&terms).map(|()| terms),
            // What a key must not search for is refused before anybody reads what exactly it asks.
            Err(not_understood) => {
                let outline: Vec<Value> = terms.iter().map(outline).collect();
                may(&self.any_terms(&outline)?)?;
                Err(not_understood)
            }
        }
    }

    /// The same where no key is restricted.
    ///
    /// # Errors
    /// 400 for terms without a meaning.
    pub fn any_terms(&self, terms: &[Value]) -> Result<Vec<Term>, Rejection> {
        let terms = parse(terms, &parse_context(self.view()?)?);
        terms.map_err(|error| Rejection::bad_request(error.to_string()))
    }
}

/// A term of the same sort that can be understood, unless it is a tag.
fn outline(term: &Value) -> Value {
    let anything = || Value::from("system:everything");
    match term {
        Value::Array(_) => Value::Array(vec![anything()]),
        Value::String(text) if text.starts_with("system:") => anything(),
        _ => term.clone(),
    }
}

/// What the text of a system predicate may name.
///
/// # Errors
/// When reading fails.
pub fn parse_context(view: &View) -> Result<ParseContext, Rejection> {
    let services = view.services();
    let named = |of_kind: fn(ServiceKind) -> bool| {
        let fitting = services.iter().filter(|(_, service)| of_kind(service.kind));
        fitting.map(|(id, service)| NamedService { id, name: service.name.clone() }).collect()
    };
    let ratings = services.iter().filter(|(_, service)| service.kind.is_rating());
    Ok(ParseContext {
        now_ms: now_ms(),
        zone: view.library().settings().zone.clone(),
        rating_services: ratings
            .map(|(id, service)| RatingService {
                id,
                name: service.name.clone(),
                kind: rating_kind(service),
            })
            .collect(),
        tag_services: {
            let mut services: Vec<NamedService> = named(ServiceKind::holds_tags);
            let name = "all known tags".to_owned();
            services.push(NamedService { id: builtin::ALL_KNOWN_TAGS, name });
            services
        },
        file_services: named(|kind| kind.holds_files() && kind != ServiceKind::ALL_KNOWN_FILES),
        url_classes: view.url_classes()?.iter().map(|class| class.name.clone()).collect(),
    })
}

fn rating_kind(service: &Service) -> RatingKind {
    match service.kind {
        ServiceKind::RATING_NUMERICAL => {
            RatingKind::Numerical { stars: service.max_stars.max(1), zero: service.min_stars == 0 }
        }
        ServiceKind::RATING_COUNT => RatingKind::IncDec,
        _ => RatingKind::Like,
    }
}

/// A search for everything that fulfils the terms, in no particular order.
#[must_use]
pub fn unsorted(terms: Vec<Term>, domains: FileDomains, tag_service: ServiceId) -> SearchRequest {
    SearchRequest {
        terms,
        domains,
        tag_service: Some(tag_service).filter(|service| *service != builtin::ALL_KNOWN_TAGS),
        include_current: true,
        include_pending: true,
        sort: Sort::ImportTime,
        ascending: false,
        limit: None,
    }
}
