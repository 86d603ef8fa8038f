//! `GET /get_files/file_hashes`: from one kind of hash to another.

use serde_json::{Map, Value, json};

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, wrong_length};
use crate::model::hash::to_hex;
use crate::model::item::Item;
use crate::model::predicate::HashKind;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/file_hashes", ACCESS, &[PARAMS], call);

const PARAMS: &[Param] = &[
    optional("hash", "hex string", "a hash of the source type"),
    optional("hashes", "list of hex strings", "hashes of the source type"),
    optional("source_hash_type", "string", "sha256, md5, sha1 or sha512; sha256"),
    required("desired_hash_type", "string", "the same"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let (source, length) = kind(params.text("source_hash_type")?.unwrap_or("sha256"))?;
    let (desired, _) = kind(params.need_text("desired_hash_type")?)?;
    let mut hashes: Vec<Vec<u8>> = params.hex("hash")?.into_iter().collect();
    hashes.extend(params.hex_list("hashes")?.unwrap_or_default());
    if hashes.is_empty() {
        return Err(Rejection::bad_request("You have to specify a hash to look up!"));
    }
    let mut found = Map::new();
    for hash in hashes {
        if hash.len() != length {
            let name = params.text("source_hash_type")?.unwrap_or("sha256");
            return Err(wrong_length(name, length, &hash));
        }
        let item = view.item_by_hash(source, &hash)?.map(|id| view.item(id)).transpose()?.flatten();
        if let Some(wanted) = item.and_then(|item| of_item(&item, desired)) {
            found.insert(to_hex(&hash), Value::from(wanted));
        }
    }
    Ok(Answer::object(&json!({ "hashes": found })))
}

/// A kind of hash and its length in bytes.
fn kind(name: &str) -> Result<(HashKind, usize), Rejection> {
    match name {
        "sha256" => Ok((HashKind::Sha256, 32)),
        "md5" => Ok((HashKind::Md5, 16)),
        "sha1" => Ok((HashKind::Sha1, 20)),
        "sha512" => Ok((HashKind::Sha512, 64)),
        _ => Err(Rejection::bad_request("I do not support that hash type!")),
    }
}

fn of_item(item: &Item, kind: HashKind) -> Option<String> {
    let media = item.media.as_ref();
    match kind {
        HashKind::Sha256 => item.sha256.map(|hash| hash.to_hex()),
        HashKind::Md5 => media.map(|media| to_hex(&media.md5)),
        HashKind::Sha1 => media.map(|media| to_hex(&media.sha1)),
        HashKind::Sha512 => media.map(|media| to_hex(&media.sha512)),
    }
}
