//! `POST /add_notes/set_notes`: writes notes of one file.

use serde_json::{Map, Value, json};

use super::{check_one_file, one_file};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};
use crate::library::NoteWriting;
use crate::model::notes::NoteConflict;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_notes/set_notes",
    Access::Needs(Permission::EditNotes),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("notes", "object of texts", "names with texts; an empty text removes"),
    optional("merge_cleverly", "boolean", "whether no text is to be lost; false"),
    optional("extend_existing_note_if_possible", "boolean", "with merge_cleverly; true"),
    optional(
        "conflict_resolution",
        "integer",
        "with merge_cleverly: 0 replace, 1 ignore, 2 append, 3 rename; 3",
    ),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    check_one_file(context, params)?;
    let notes = params.text_object("notes")?.ok_or_else(|| Rejection::missing("notes"))?;
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let notes: Vec<(String, String)> = notes.into_iter().map(owned).collect();
    // How to merge is not looked at where nothing is merged.
    let writing =
        if params.flag("merge_cleverly", false)? { merging(params)? } else { NoteWriting::Replace };
    if notes.is_empty() && writing == NoteWriting::Replace {
        return Ok(Answer::object(&json!({ "notes": {} })));
    }
    let item = one_file(context, params)?;
    let changes = context.library().set_notes(item, notes, writing)?;
    let changes: Map<String, Value> =
        changes.into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    Ok(Answer::object(&json!({ "notes": changes })))
}

fn merging(params: &Params) -> Result<NoteWriting, Rejection> {
    let extend = params.flag("extend_existing_note_if_possible", true)?;
    let number = params.integer("conflict_resolution")?.unwrap_or(3);
    let conflict = NoteConflict::from_number(number).ok_or_else(|| {
        Rejection::bad_request("Sorry, did not understand that conflict_resolution!")
    })?;
    Ok(NoteWriting::Merge { extend, conflict })
}
