//! Scenes that are made, merged, and given files.

use std::rc::Rc;

use super::inputs;
use super::items::{answer, known, read_edit};
use crate::graphql::{FieldError, Map, Resolved};
use crate::library::entities::ListChange;
use crate::library::objects::{assign_file, create_scene, merge_scenes};
use crate::model::ids::{ItemId, PlaceId};
use crate::stash::filter::Kind;
use crate::stash::scope::{Scope, parse_id};

/// `sceneCreate`: a scene of files that other scenes can spare, or of none.
pub(super) fn create<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let mut files = Vec::new();
    for text in input.strs("file_ids").unwrap_or_default() {
        files.push(PlaceId(parse_id(text, "file ids")?));
    }
    if files.is_empty() && inputs::text(input, "title").unwrap_or_default().is_empty() {
        return Err(FieldError::from("title must be set if scene has no files"));
    }
    let mut edit = read_edit(scope, Kind::Scene, ItemId(0), input)?;
    // What a file brings along from its old scene is not the new one's.
    let all = &mut edit.edit;
    for name in ["title", "code", "details", "director"] {
        if !all.notes.iter().any(|(known, _)| *known == name) {
            all.notes.push((name, String::new()));
        }
    }
    all.organized.get_or_insert(false);
    all.rating100.get_or_insert(None);
    all.urls.get_or_insert(ListChange::Set(Vec::new()));
    all.studio.get_or_insert(None);
    for list in [&mut all.performers, &mut all.groups, &mut all.tags] {
        list.get_or_insert(ListChange::Set(Vec::new()));
    }
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    let id = scope.shared.library.write(move |tx| {
        let id = create_scene(tx, &files)?;
        edit.write(tx, &entities, &relations, id)?;
        Ok(id)
    })?;
    answer(&scope.renewed()?, Kind::Scene, id)
}

/// `sceneAssignFile`.
pub(super) fn assign<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let id = known(scope, Kind::Scene, input.str("scene_id").unwrap_or_default())?;
    let file = PlaceId(parse_id(input.str("file_id").unwrap_or_default(), "file id")?);
    let written = scope.shared.library.write(move |tx| assign_file(tx, id, file));
    written.map_err(|error| FieldError::new(format!("assigning file to scene: {error}")))?;
    Ok(Resolved::Bool(true))
}

/// `sceneMerge`: files, markers and, where wished, histories go to the destination.
pub(super) fn merge<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let destination = parse_id(input.str("destination").unwrap_or_default(), "destination id")?;
    let mut sources: Vec<ItemId> = Vec::new();
    for text in input.strs("source").unwrap_or_default() {
        let source = ItemId(parse_id(text, "source ids")?);
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let scenes = scope.scenes()?;
    if sources.contains(&ItemId(destination)) {
        return Err(FieldError::from("destination scene cannot be in source list"));
    }
    if !scenes.contains(destination) {
        return Err(FieldError::new(format!("finding destination scene ID {destination}")));
    }
    if let Some(source) = sources.iter().find(|source| !scenes.contains(source.0)) {
        let message = format!("finding source scenes: scene with id {source} not found");
        return Err(FieldError::new(message));
    }
    let id = ItemId(destination);
    let empty = Map::new();
    let values = input.map("values").unwrap_or(&empty);
    let mut edit = read_edit(scope, Kind::Scene, id, values)?;
    // The destination keeps its own primary file.
    edit.primary = None;
    let said = |name| input.bool(name).unwrap_or(false);
    let (plays, counted) = (said("play_history"), said("o_history"));
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    scope.shared.library.write(move |tx| {
        merge_scenes(tx, &sources, id, plays, counted)?;
        edit.write(tx, &entities, &relations, id)
    })?;
    answer(&scope.renewed()?, Kind::Scene, id)
}
