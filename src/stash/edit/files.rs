//! Files: their fingerprints, moved and deleted ones.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::graphql::{Field, FieldError, Map, Resolved, Value};
use crate::library::objects::{ObjectFile, set_video_hash};
use crate::model::ids::PlaceId;
use crate::stash::file::{Folder, FolderRef, text};
use crate::stash::scope::{Scope, parse_id};

/// Runs a mutation of this file.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    match field.name() {
        "deleteFiles" => delete(scope, field.arguments()),
        "moveFiles" => move_files(scope, field.arguments()),
        _ => set_fingerprints(scope, field.arguments()),
    }
}

/// The file of an id, which must be there.
fn known(scope: &Rc<Scope>, text: &str) -> Result<ObjectFile, FieldError> {
    let id = PlaceId(parse_id(text, "ids")?);
    let missing = || FieldError::new(format!("file with id {id} not found"));
    scope.view.file(id)?.ok_or_else(missing)
}

/// `deleteFiles`: a primary file goes with its object only.
fn delete<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let mut files = Vec::new();
    for id in arguments.strs("ids").unwrap_or_default() {
        let file = known(scope, id)?;
        if let Some(head) = scope.view.head_of(file.item_id)?
            && let Some(object) = scope.view.object(head)?.map(Arc::new)
        {
            let primary = scope.view.object_files(head, &object)?.into_iter().next();
            if primary.is_some_and(|primary| primary.id == file.id) {
                let path = text(&file.path);
                return Err(FieldError::new(format!("cannot delete primary file {path}")));
            }
        }
        files.push(file.id);
    }
    scope.shared.library.delete_single_files(files)?;
    Ok(Resolved::Bool(true))
}

/// `moveFiles`: to another folder, or under another name.
fn move_files<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let given = |name: &str| input.str(name).filter(|text| !text.is_empty());
    let folder = match (given("destination_folder"), given("destination_folder_id")) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(id)) => {
            let which = FolderRef::from_id(parse_id(id, "folder id")?);
            let missing = || FieldError::new(format!("folder with id {id} not found"));
            Folder::load(scope, which)?.ok_or_else(missing)?.path()
        }
        (None, None) => return Err(FieldError::from("must specify destination folder or path")),
    };
    let ids = input.strs("ids").unwrap_or_default();
    let name = given("destination_basename");
    if name.is_some() && ids.len() != 1 {
        return Err(FieldError::from("must specify one file when providing destination path"));
    }
    if name.is_some_and(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(FieldError::from("the destination is no plain name"));
    }
    let mut moves = Vec::new();
    for id in ids {
        let file = known(scope, id)?;
        let old = file.path.file_name().unwrap_or_default().to_owned();
        let new = name.map_or(old.clone(), Into::into);
        if kind_of(scope, Path::new(&new))? != kind_of(scope, Path::new(&old))? {
            let (new, old) = (new.to_string_lossy(), old.to_string_lossy());
            let text = format!("file extension for {new} is inconsistent with old filename {old}");
            return Err(FieldError::new(text));
        }
        moves.push((file.id, folder.join(new)));
    }
    for (id, target) in moves {
        scope.shared.library.move_single_file(id, &target)?;
    }
    Ok(Resolved::Bool(true))
}

/// Which list of the scan a name's extension is in.
fn kind_of(scope: &Scope, name: &Path) -> Result<[bool; 3], FieldError> {
    let rules = scope.view.scan_rules()?;
    let extension = name.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let lists = [&rules.video_extensions, &rules.image_extensions, &rules.gallery_extensions];
    Ok(lists.map(|list| list.iter().any(|known| known.eq_ignore_ascii_case(&extension))))
}

/// `fileSetFingerprints`: only what is not a function of the bytes can be set.
fn set_fingerprints<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
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
