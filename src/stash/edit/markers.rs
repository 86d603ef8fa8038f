//! Markers: made, changed, destroyed.

use std::rc::Rc;

use super::inputs;
use super::items::{check_entities, known};
use crate::graphql::{Field, FieldError, Map, Resolved};
use crate::library::entities::ListChange;
use crate::library::objects::{MarkerEdit, create_marker, destroy_marker, edit_marker};
use crate::model::entity::EntityKind;
use crate::model::ids::{MarkerId, TagId};
use crate::stash::filter::Kind;
use crate::stash::marker;
use crate::stash::scope::{Scope, parse_id};

/// Runs a mutation of this file.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    match field.name() {
        "sceneMarkerCreate" => create(scope, input_of(arguments)?),
        "sceneMarkerUpdate" => {
            let input = input_of(arguments)?;
            let id = known_marker(scope, input.str("id").unwrap_or_default())?;
            let edit = read(scope, input)?;
            scope.shared.library.write(move |tx| edit_marker(tx, id, &edit))?;
            answer(&scope.renewed()?, id)
        }
        "bulkSceneMarkerUpdate" => {
            let input = input_of(arguments)?;
            let ids = known_markers(scope, &input.strs("ids").unwrap_or_default())?;
            let edit = read(scope, input)?;
            let edited = ids.clone();
            scope
                .shared
                .library
                .write(move |tx| edited.iter().try_for_each(|id| edit_marker(tx, *id, &edit)))?;
            let scope = scope.renewed()?;
            let answers = ids.into_iter().map(|id| answer(&scope, id));
            Ok(Resolved::List(answers.collect::<Result<Vec<_>, _>>()?))
        }
        _ => {
            let ids = match arguments.strs("ids") {
                Some(ids) => ids,
                None => arguments.str("id").into_iter().collect(),
            };
            let ids = known_markers(scope, &ids)?;
            scope
                .shared
                .library
                .write(move |tx| ids.iter().try_for_each(|id| destroy_marker(tx, *id)))?;
            Ok(Resolved::Bool(true))
        }
    }
}

fn input_of(arguments: &Map) -> Result<&Map, FieldError> {
    arguments.map("input").ok_or(FieldError::from("input is missing"))
}

fn known_marker(scope: &Rc<Scope>, text: &str) -> Result<MarkerId, FieldError> {
    let id = MarkerId(parse_id(text, "id")?);
    let missing = || FieldError::new(format!("scene marker with id {id} not found"));
    marker::find(scope, id)?.map(|_| id).ok_or_else(missing)
}

fn known_markers(scope: &Rc<Scope>, texts: &[&str]) -> Result<Vec<MarkerId>, FieldError> {
    let mut ids: Vec<MarkerId> = Vec::new();
    for text in texts {
        let id = known_marker(scope, text)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn answer<'r>(scope: &Rc<Scope>, id: MarkerId) -> Result<Resolved<'r>, FieldError> {
    Ok(marker::find(scope, id)?.map_or(Resolved::Null, Resolved::object))
}

/// Reads what is to change: what is absent stays, a null end is taken away.
fn read(scope: &Rc<Scope>, input: &Map) -> Result<MarkerEdit, FieldError> {
    let scene = input.str("scene_id").map(|text| known(scope, Kind::Scene, text)).transpose()?;
    let primary = input.str("primary_tag_id");
    let primary = primary.map(|text| parse_id(text, "primary tag id")).transpose()?.map(TagId);
    // Null says nothing of a list here.
    let tags = match input.given("tag_ids") {
        Some(_) => inputs::ids(input, "tag_ids")?,
        None => None,
    };
    let named: Vec<TagId> = match &tags {
        Some(ListChange::Set(ids) | ListChange::Add(ids)) => ids.clone(),
        Some(ListChange::Remove(_)) | None => Vec::new(),
    };
    check_entities(scope, EntityKind::Tag, &named)?;
    check_entities(scope, EntityKind::Tag, primary.as_slice())?;
    let moments = [input.float("seconds"), input.float("end_seconds")];
    if moments.iter().flatten().any(|seconds| !seconds.is_finite() || *seconds < 0.0) {
        return Err(FieldError::from("a moment of a marker must not be negative"));
    }
    Ok(MarkerEdit {
        title: inputs::text(input, "title"),
        seconds: input.float("seconds"),
        end_seconds: input.get("end_seconds").map(|_| input.float("end_seconds")),
        scene,
        primary_tag: primary,
        tags,
    })
}

fn create<'r>(scope: &Rc<Scope>, input: &Map) -> Result<Resolved<'r>, FieldError> {
    let edit = read(scope, input)?;
    let (Some(scene), Some(primary)) = (edit.scene, edit.primary_tag) else {
        return Err(FieldError::from("a marker needs a scene and a primary tag"));
    };
    let id = scope.shared.library.write(move |tx| create_marker(tx, scene, primary, &edit))?;
    answer(&scope.renewed()?, id)
}
