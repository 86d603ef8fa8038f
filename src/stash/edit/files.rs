//! Files: their fingerprints.

use std::rc::Rc;

use crate::graphql::{FieldError, Map, Resolved, Value};
use crate::library::objects::set_video_hash;
use crate::model::ids::PlaceId;
use crate::stash::scope::{Scope, parse_id};

/// `fileSetFingerprints`: only what is not a function of the bytes can be set.
pub(super) fn set_fingerprints<'r>(
    scope: &Rc<Scope>,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let id = PlaceId(parse_id(input.str("id").unwrap_or_default(), "id")?);
    let file = scope.view.file(id)?;
    let file = file.ok_or_else(|| FieldError::new(format!("file with id {id} not found")))?;
    let mut hash = None;
    let prints = input.list("fingerprints").unwrap_or_default();
    for print in prints.iter().filter_map(Value::as_map) {
        match print.str("type").unwrap_or_default() {
            kind @ ("md5" | "oshash") => {
                return Err(FieldError::new(format!("cannot modify {kind} fingerprint")));
            }
            "phash" => {
                let read = |text| u64::from_str_radix(text, 16).map_err(FieldError::new);
                hash = Some(print.str("value").map(read).transpose()?);
            }
            other => return Err(FieldError::new(format!("unknown fingerprint type {other}"))),
        }
    }
    if let Some(hash) = hash {
        let item = file.item_id;
        scope.shared.library.write(move |tx| set_video_hash(tx, item, hash))?;
    }
    Ok(Resolved::Bool(true))
}
