//! Long work: generating, screenshots, backups.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::items::known;
use crate::graphql::{Field, FieldError, Map, Resolved};
use crate::library::{GenerateRequest, PreviewOptions};
use crate::model::ids::{ItemId, MarkerId};
use crate::model::time::now_ms;
use crate::stash::filter::Kind;
use crate::stash::scope::{Scope, parse_id};

/// The number that names of backups carry: that of the schema that clients know.
const SCHEMA: u32 = 75;

/// Runs a mutation of this file.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    match field.name() {
        "metadataGenerate" => generate(scope, arguments),
        "sceneGenerateScreenshot" => screenshot(scope, arguments),
        _ => backup(scope, arguments),
    }
}

fn generate<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let empty = Map::new();
    let input = arguments.map("input").unwrap_or(&empty);
    let request = generate_request(scope, input)?;
    let library = Arc::clone(&scope.shared.library);
    let id = scope.shared.library.jobs().add("Generating...", move |context| {
        library.generate(&request, context).map_err(|error| error.to_string())
    });
    Ok(Resolved::from(id.to_string()))
}

/// What an input says is to be made.
pub(in crate::stash) fn generate_request(
    scope: &Rc<Scope>,
    input: &Map,
) -> Result<GenerateRequest, FieldError> {
    let said = |name: &str| input.bool(name).unwrap_or(false);
    let ids = |name: &str| -> Result<Option<Vec<u32>>, FieldError> {
        let texts = input.strs(name).filter(|texts| !texts.is_empty());
        let ids = texts.map(|texts| texts.iter().map(|text| parse_id(text, "ids")).collect());
        ids.transpose()
    };
    if said("imagePreviews") && !said("previews") {
        return Err(FieldError::from("imagePreviews requires previews"));
    }
    let settings = scope.shared.settings.read();
    let by_md5 = settings
        .value("general", "videoFileNamingAlgorithm")
        .is_some_and(|name| name.as_str() == Some("MD5"));
    Ok(GenerateRequest {
        covers: said("covers"),
        sprites: said("sprites"),
        previews: said("previews"),
        image_previews: said("imagePreviews"),
        markers: said("markers"),
        marker_image_previews: said("markerImagePreviews"),
        marker_screenshots: said("markerScreenshots"),
        transcodes: said("transcodes"),
        force_transcodes: said("forceTranscodes"),
        phashes: said("phashes"),
        thumbnails: said("imageThumbnails") || said("thumbnails"),
        overwrite: said("overwrite"),
        preview: preview_options(scope, input),
        scenes: ids("sceneIDs")?.map(|ids| ids.into_iter().map(ItemId).collect()),
        marked: ids("markerIDs")?.map(|ids| ids.into_iter().map(MarkerId).collect()),
        folder: scope.shared.config.generated_folder(),
        by_md5,
    })
}

/// What is said here, else what the settings say, else the usual.
fn preview_options(scope: &Scope, input: &Map) -> PreviewOptions {
    let empty = Map::new();
    let given = input.map("previewOptions").unwrap_or(&empty);
    let settings = scope.shared.settings.read();
    let set = |name: &str| settings.value("general", name).cloned();
    let text = |name: &str| {
        let set = || set(name).and_then(|value| value.as_str().map(str::to_owned));
        given.str(name).map(str::to_owned).or_else(set)
    };
    let number = |name: &str| given.float(name).or_else(|| set(name)?.as_f64());
    let usual = PreviewOptions::default();
    let segments = number("previewSegments").filter(|count| *count >= 1.0);
    PreviewOptions {
        segments: segments.map_or(usual.segments, |count| count as u32),
        segment_seconds: number("previewSegmentDuration").unwrap_or(usual.segment_seconds),
        exclude_start: text("previewExcludeStart").unwrap_or(usual.exclude_start),
        exclude_end: text("previewExcludeEnd").unwrap_or(usual.exclude_end),
        preset: text("previewPreset")
            .or_else(|| input.str("previewPreset").map(str::to_owned))
            .unwrap_or(usual.preset),
        audio: set("previewAudio").and_then(|value| value.as_bool()).unwrap_or(usual.audio),
    }
}

/// `sceneGenerateScreenshot`: begins at once; the answer is the word that the real server gives.
fn screenshot<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let text = arguments.str("id").unwrap_or_default();
    let id = parse_id(text, "id")?;
    let at = arguments.float("at");
    if at.is_some_and(|at| !at.is_finite() || at < 0.0) {
        return Err(FieldError::from("at must not be negative"));
    }
    let found = known(scope, Kind::Scene, text);
    let library = Arc::clone(&scope.shared.library);
    let description = format!("Generating screenshot for scene id {id}");
    scope.shared.library.jobs().start(&description, move |_| {
        let id = found.map_err(|_| format!("scene with id {id} not found"))?;
        library.generate_cover(id, at).map_err(|error| error.to_string())
    });
    Ok(Resolved::from("todo"))
}

/// `optimiseDatabase`: the store is in order after every write, so that the job has nothing to do.
pub(super) fn optimise<'r>(scope: &Rc<Scope>) -> Resolved<'r> {
    let id = scope.shared.library.jobs().add("Optimising database...", |_| {
        tracing::info!("the store keeps itself in order: nothing was to be done");
        Ok(())
    });
    Resolved::from(id.to_string())
}

/// `backupDatabase`: a copy of the store beside it, or in a place of its own to be fetched once.
fn backup<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let shared = &scope.shared;
    let download = arguments.map("input").and_then(|input| input.bool("download")) == Some(true);
    let data = &shared.library.settings().data;
    let folder = if download {
        data.join("tmp").join("downloads")
    } else {
        let settings = shared.settings.read();
        let set = settings.value("general", "backupDirectoryPath").and_then(|path| path.as_str());
        set.filter(|path| !path.is_empty()).map_or(data.clone(), PathBuf::from)
    };
    std::fs::create_dir_all(&folder).map_err(FieldError::new)?;
    let now = jiff::Timestamp::from_millisecond(now_ms()).map_err(FieldError::new)?;
    let now = now.to_zoned(shared.zone.clone()).strftime("%Y%m%d_%H%M%S").to_string();
    // Several may be made in one second.
    let name = (1_u32..).map(|number| match number {
        1 => format!("library.redb.{SCHEMA}.{now}"),
        number => format!("library.redb.{SCHEMA}.{now}-{number}"),
    });
    let path = name.map(|name| folder.join(name)).find(|path| !path.exists());
    let path = path.ok_or(FieldError::from("there is no name left for the backup"))?;
    shared.library.backup(&path)?;
    tracing::info!(path = %path.display(), "a backup was made");
    if !download {
        return Ok(Resolved::Null);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = shared.downloads.add(path).map_err(FieldError::new)?;
    Ok(scope.url(format!("/downloads/{key}/{name}")))
}
