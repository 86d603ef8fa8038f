//! Mutations: each reads its input, writes once, and answers from a fresh view.

mod auto_tag;
mod bulk;
mod entities;
mod files;
mod history;
mod inputs;
mod items;
mod markers;
mod scenes;
mod settings;
mod sub_groups;
mod tasks;

use std::rc::Rc;

pub(super) use tasks::generate_request;

use super::absent;
use super::filter::Kind;
use super::job;
use super::saved;
use super::scope::Scope;
use crate::graphql::{Field, FieldError, Resolved};
use crate::model::entity::EntityKind;

/// Runs one mutation.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    match field.name() {
        "sceneUpdate" => items::update_one(scope, Kind::Scene, arguments),
        "imageUpdate" => items::update_one(scope, Kind::Image, arguments),
        "scenesUpdate" => items::update_many(scope, Kind::Scene, arguments),
        "imagesUpdate" => items::update_many(scope, Kind::Image, arguments),
        "bulkSceneUpdate" => items::update_bulk(scope, Kind::Scene, arguments),
        "bulkImageUpdate" => items::update_bulk(scope, Kind::Image, arguments),
        "sceneDestroy" | "scenesDestroy" => items::destroy(scope, Kind::Scene, arguments),
        "imageDestroy" | "imagesDestroy" => items::destroy(scope, Kind::Image, arguments),
        "sceneCreate" => scenes::create(scope, arguments),
        "sceneAssignFile" => scenes::assign(scope, arguments),
        "sceneMerge" => scenes::merge(scope, arguments),
        "sceneMarkerCreate"
        | "sceneMarkerUpdate"
        | "bulkSceneMarkerUpdate"
        | "sceneMarkerDestroy"
        | "sceneMarkersDestroy" => markers::mutate(scope, field),
        "saveFilter" | "destroySavedFilter" | "setDefaultFilter" => saved::mutate(scope, field),
        "groupCreate" => entities::create(scope, EntityKind::Group, arguments),
        "groupUpdate" => entities::update(scope, EntityKind::Group, arguments),
        "groupDestroy" | "groupsDestroy" | "movieDestroy" | "moviesDestroy" => {
            entities::destroy(scope, EntityKind::Group, arguments)
        }
        "tagCreate" => entities::create(scope, EntityKind::Tag, arguments),
        "performerCreate" => entities::create(scope, EntityKind::Performer, arguments),
        "studioCreate" => entities::create(scope, EntityKind::Studio, arguments),
        "tagUpdate" => entities::update(scope, EntityKind::Tag, arguments),
        "performerUpdate" => entities::update(scope, EntityKind::Performer, arguments),
        "studioUpdate" => entities::update(scope, EntityKind::Studio, arguments),
        "tagDestroy" | "tagsDestroy" => entities::destroy(scope, EntityKind::Tag, arguments),
        "performerDestroy" | "performersDestroy" => {
            entities::destroy(scope, EntityKind::Performer, arguments)
        }
        "studioDestroy" | "studiosDestroy" => {
            entities::destroy(scope, EntityKind::Studio, arguments)
        }
        "tagsMerge" => entities::merge_tags(scope, arguments),
        "bulkTagUpdate" => bulk::update(scope, EntityKind::Tag, arguments),
        "bulkPerformerUpdate" => bulk::update(scope, EntityKind::Performer, arguments),
        "bulkStudioUpdate" => bulk::update(scope, EntityKind::Studio, arguments),
        "bulkGroupUpdate" => bulk::update(scope, EntityKind::Group, arguments),
        "performerMerge" => bulk::merge_performers(scope, arguments),
        "addGroupSubGroups" | "removeGroupSubGroups" | "reorderSubGroups" => {
            sub_groups::mutate(scope, field)
        }
        "movieCreate" | "movieUpdate" | "bulkMovieUpdate" => entities::movie(scope, field),
        "fileSetFingerprints" | "deleteFiles" | "moveFiles" => files::mutate(scope, field),
        "metadataAutoTag" => auto_tag::mutate(scope, arguments),
        // There is none of either: all of them are read.
        "reloadScrapers" | "reloadPlugins" => Ok(Resolved::Bool(true)),
        "metadataGenerate" | "sceneGenerateScreenshot" | "backupDatabase" => {
            tasks::mutate(scope, field)
        }
        "metadataScan" | "metadataClean" | "stopJob" | "stopAllJobs" => job::mutate(scope, field),
        "generateAPIKey" | "configureGeneral" | "configureInterface" | "configureDLNA"
        | "configureScraping" | "configureDefaults" | "configureUI" | "configureUISetting" => {
            settings::mutate(scope, field)
        }
        "optimiseDatabase" => Ok(tasks::optimise(scope)),
        name => match absent::refusal(name) {
            Some(reason) => Err(FieldError::from(reason)),
            None => history::mutate(scope, field),
        },
    }
}
