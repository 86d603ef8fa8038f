//! `POST /manage_file_relationships/set_file_relationships`: decisions about pairs of files.

use serde_json::Value;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, as_integer, wrong_type};
use crate::library::relationships::{Decision, Relationship};
use crate::model::hash::{Sha256, from_hex};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_file_relationships/set_file_relationships",
    Access::Needs(Permission::EditRelationships),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    optional(
        "relationships",
        "list of objects",
        "each with hash_a, hash_b, relationship (0 potential, 1 false positive, 2 same quality, 3 \
         alternate, 4 better, 7 worse), do_default_content_merge, delete_a, delete_b",
    ),
    optional(
        "pair_rows",
        "list of lists",
        "an older form: [relationship, hash_a, hash_b, do_default_content_merge, delete_a, delete_b]",
    ),
];

/// A decision about files by hash.
struct Named {
    a: Sha256,
    b: Sha256,
    relationship: Relationship,
    merge_content: bool,
    delete: [bool; 2],
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let mut named = Vec::new();
    for row in params.list("relationships")?.unwrap_or_default() {
        named.push(from_object(row)?);
    }
    // Whatever else it may be is left out, as a live client leaves out all of it.
    for row in params.value("pair_rows").and_then(Value::as_array).into_iter().flatten() {
        named.extend(from_list(row)?);
    }
    let hashes = named.iter().flat_map(|row| [row.a, row.b]).collect();
    let ids = context.items_for(hashes)?;
    let decisions = named.into_iter().zip(ids.chunks_exact(2)).map(|(row, ids)| Decision {
        a: ids[0],
        b: ids[1],
        relationship: row.relationship,
        merge_content: row.merge_content,
        delete: row.delete,
    });
    context.library().decide(decisions.collect())?;
    Ok(Answer::Empty)
}

fn from_object(row: &Value) -> Result<Named, Rejection> {
    if !row.is_object() {
        return Err(wrong_type("relationships", row, "object/dict"));
    }
    let value = |name: &str| row.get(name).filter(|value| !value.is_null());
    let need = |name: &str| value(name).ok_or_else(|| Rejection::missing(name));
    let flag = |name: &str, value: &Value| {
        value.as_bool().ok_or_else(|| wrong_type(name, value, "boolean"))
    };
    let optional_flag = |name: &str| value(name).map_or(Ok(false), |value| flag(name, value));
    named(
        need("relationship")?,
        need("hash_a")?,
        need("hash_b")?,
        flag("do_default_content_merge", need("do_default_content_merge")?)?,
        [optional_flag("delete_a")?, optional_flag("delete_b")?],
    )
}

/// The form of older clients. What is no such row is left out, as a live client leaves out all.
fn from_list(row: &Value) -> Result<Option<Named>, Rejection> {
    let Some(row) = row.as_array().filter(|row| row.len() >= 4) else { return Ok(None) };
    let flag = |place: usize| row.get(place).and_then(Value::as_bool).unwrap_or(false);
    named(&row[0], &row[1], &row[2], flag(3), [flag(4), flag(5)]).map(Some)
}

fn hash(name: &str, value: &Value) -> Result<Sha256, Rejection> {
    let bytes = value.as_str().and_then(from_hex).ok_or_else(|| {
        let what = "a hex string, but it failed.";
        Rejection::bad_request(format!("I was expecting to parse '{name}' as {what}"))
    })?;
    <[u8; 32]>::try_from(bytes.as_slice())
        .map(Sha256)
        .map_err(|_| Rejection::bad_request("Sorry, one of the given hashes was the wrong length!"))
}

fn named(
    relationship: &Value,
    a: &Value,
    b: &Value,
    merge_content: bool,
    delete: [bool; 2],
) -> Result<Named, Rejection> {
    let number = as_integer(relationship)
        .ok_or_else(|| wrong_type("relationship", relationship, "integer"))?;
    let (a, b) = (hash("hash_a", a)?, hash("hash_b", b)?);
    let (relationship, is_swapped) = match number {
        0 => (Relationship::Potential, false),
        1 => (Relationship::FalsePositive, false),
        2 => (Relationship::SameQuality, false),
        3 => (Relationship::Alternate, false),
        4 => (Relationship::Better, false),
        7 => (Relationship::Better, true),
        other => {
            let sentence = format!("Sorry, \"{other}\" was not a valid relationship!");
            return Err(Rejection::bad_request(sentence));
        }
    };
    let named = Named { a, b, relationship, merge_content, delete };
    if is_swapped {
        return Ok(Named { a: b, b: a, delete: [delete[1], delete[0]], ..named });
    }
    Ok(named)
}
