//! Duplicates: decisions of people, and pairs that wait for one.

pub mod get_file_relationships;
pub mod get_potential_pairs;
pub mod get_potentials_count;
pub mod get_random_potentials;
pub mod remove_potentials;
pub mod set_file_relationships;
pub mod set_kings;

use super::context::Context;
use super::endpoint::{Param, optional};
use super::error::Rejection;
use super::params::Params;
use super::terms::unsorted;
use crate::library::View;
use crate::library::relationships::{PixelDuplicates, PotentialSearch, SearchedFiles};
use crate::model::ids::ItemId;
use crate::model::predicate::SystemPredicate;
use crate::model::query::{FileDomains, SearchRequest, Term};
use crate::model::service::builtin;

/// Which pairs.
pub const PAIRS: &[Param] = &[
    optional("tag_service_key_1", "hex string", "the tag service of the first search"),
    optional("tags_1", "list of search terms", "the first search; everything"),
    optional("tag_service_key_2", "hex string", "the tag service of the second search"),
    optional("tags_2", "list of search terms", "the second search; everything"),
    optional(
        "potentials_search_type",
        "integer",
        "0 one file matches the first search, 1 both do, 2 each matches one of the searches; 0",
    ),
    optional("pixel_duplicates", "integer", "0 required, 1 allowed, 2 excluded; 1"),
    optional("max_hamming_distance", "integer", "how much their looks may differ; 4"),
];

/// The search of the group [`PAIRS`].
fn search(context: &Context, params: &Params) -> Result<PotentialSearch, Rejection> {
    let domains = context.file_domains(params, builtin::COMBINED_LOCAL)?;
    let first = one_search(context, params, &domains, "tag_service_key_1", "tags_1")?;
    let second = one_search(context, params, &domains, "tag_service_key_2", "tags_2")?;
    let files = match params.integer("potentials_search_type")? {
        Some(1) => SearchedFiles::Both(first),
        Some(2) => SearchedFiles::Each(first, second),
        _ => SearchedFiles::One(first),
    };
    let pixels = match params.integer("pixel_duplicates")? {
        Some(0) => PixelDuplicates::Required,
        Some(2) => PixelDuplicates::Excluded,
        _ => PixelDuplicates::Allowed,
    };
    let distance_max = params.integer("max_hamming_distance")?.unwrap_or(4);
    Ok(PotentialSearch { domains, files, pixels, distance_max })
}

fn one_search(
    context: &Context,
    params: &Params,
    domains: &FileDomains,
    key: &str,
    tags: &str,
) -> Result<SearchRequest, Rejection> {
    let key = params.hex(key)?;
    let service = key.map_or(Ok(builtin::ALL_KNOWN_TAGS), |key| context.tag_service_of(&key))?;
    let terms = match params.list(tags)? {
        // Nothing of what is found is shown but pairs: a key's filter has no say here.
        Some(list) if !list.is_empty() => context.any_terms(list)?,
        _ => vec![Term::System(SystemPredicate::Everything)],
    };
    Ok(unsorted(terms, domains.clone(), service))
}

/// The hashes of files as texts.
fn hashes(view: &View, ids: &[ItemId]) -> Result<Vec<String>, Rejection> {
    let mut hashes = Vec::with_capacity(ids.len());
    for id in ids {
        let hash = view.item(*id)?.and_then(|item| item.sha256);
        hashes.extend(hash.map(|hash| hash.to_hex()));
    }
    Ok(hashes)
}
