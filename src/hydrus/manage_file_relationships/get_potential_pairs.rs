//! `GET /manage_file_relationships/get_potential_pairs`: pairs that wait for a decision.

use serde_json::json;

use super::{PAIRS, hashes, search};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, Params};
use crate::library::relationships::PairSort;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_file_relationships/get_potential_pairs",
    Access::Needs(Permission::EditRelationships),
    &[FILE_DOMAIN, PAIRS, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional("max_num_pairs", "integer", "how many pairs at most; 100"),
    optional("group_mode", "boolean", "whether all pairs connected to a random one; false"),
    optional(
        "duplicate_pair_sort_type",
        "integer",
        "0 larger file, 1 similarity, 2 smaller file, 3 random; 0",
    ),
    optional("duplicate_pair_sort_asc", "boolean", "smallest first; false"),
];

const PAIRS_USUAL: usize = 100;

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let search = search(context, params)?;
    let sort = match params.integer("duplicate_pair_sort_type")? {
        None | Some(0) => PairSort::Larger,
        Some(1) => PairSort::Similarity,
        Some(2) => PairSort::Smaller,
        // The documentation and the client do not agree which of the two numbers it is.
        Some(3 | 4) => PairSort::Random,
        Some(other) => {
            let sentence = format!("Sorry, there is no duplicate_pair_sort_type {other}!");
            return Err(Rejection::bad_request(sentence));
        }
    };
    let ascending = params.flag("duplicate_pair_sort_asc", false)?;
    let (pairs, count_max) = if params.flag("group_mode", false)? {
        (view.random_pair_group(&search)?, usize::MAX)
    } else {
        let count_max = params.integer("max_num_pairs")?;
        let count_max = count_max.map(|count| usize::try_from(count).unwrap_or(0));
        (view.potential_pairs(&search)?, count_max.unwrap_or(PAIRS_USUAL))
    };
    let mut rows = Vec::new();
    for (better, worse) in view.ordered_pairs(pairs, sort, ascending, count_max)? {
        rows.push(hashes(view, &[better, worse])?);
    }
    Ok(Answer::object(&json!({ "potential_duplicate_pairs": rows })))
}
