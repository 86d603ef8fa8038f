//! `ConfigResult`: what clients read of the settings, and `configureGeneral`, which writes them.

use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::file::text;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::View;

/// The whole configuration.
pub(super) struct Configuration {
    scope: Rc<Scope>,
}

impl Configuration {
    /// The configuration as of now.
    pub(super) fn new(scope: &Rc<Scope>) -> Configuration {
        Configuration { scope: Rc::clone(scope) }
    }
}

impl Object for Configuration {
    fn type_name(&self) -> &'static str {
        "ConfigResult"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let section = |name| Section::load(&self.scope, name).map(Resolved::object);
        match field.name() {
            "general" => section("general"),
            "interface" => section("interface"),
            "dlna" => section("dlna"),
            "scraping" => section("scraping"),
            "defaults" => section("defaults"),
            name @ ("ui" | "plugins") => {
                let settings = self.scope.shared.settings.read();
                let stored = settings.sections.get(name).cloned();
                Ok(Resolved::Json(stored.unwrap_or_else(|| json!({}))))
            }
            _ => Err(FieldError::Unresolved),
        }
    }
}

/// One section: its defaults with what was set laid over them.
pub(super) struct Section {
    type_name: &'static str,
    values: Json,
}

impl Section {
    /// A section as of now.
    pub(super) fn load(scope: &Rc<Scope>, name: &str) -> Result<Section, FieldError> {
        let (type_name, mut values) = match name {
            "general" => ("ConfigGeneralResult", general(scope)?),
            "interface" => ("ConfigInterfaceResult", section_defaults(name)),
            "dlna" => ("ConfigDLNAResult", section_defaults(name)),
            "scraping" => ("ConfigScrapingResult", section_defaults(name)),
            _ => ("ConfigDefaultSettingsResult", section_defaults("defaults")),
        };
        let settings = scope.shared.settings.read();
        if let (Some(values), Some(Json::Object(stored))) =
            (values.as_object_mut(), settings.sections.get(name))
        {
            for (name, value) in stored.iter().filter(|(_, value)| !value.is_null()) {
                match (values.get_mut(name), value) {
                    (Some(Json::Object(known)), Json::Object(given)) => {
                        known.extend(
                            given.iter().map(|(name, value)| (name.clone(), value.clone())),
                        );
                    }
                    _ => drop(values.insert(name.clone(), value.clone())),
                }
            }
        }
        Ok(Section { type_name, values })
    }
}

impl Object for Section {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        if let Some(value) = self.values.get(field.name()) {
            return Ok(resolved(field.name(), value));
        }
        // What a client left out when it set the others.
        let options = OPTIONS.iter().find(|(ty, _)| *ty == self.type_name);
        if !options.is_some_and(|(_, fields)| fields.contains(&field.name())) {
            return Err(FieldError::Unresolved);
        }
        Ok(match self.type_name {
            "ScanMetadataOptions" => Resolved::Bool(false),
            "IdentifyMetadataTaskOptions" if field.name() == "sources" => {
                Resolved::List(Vec::new())
            }
            "StashBox" if field.name() == "max_requests_per_minute" => Resolved::Int(0),
            _ => Resolved::Null,
        })
    }
}

/// The types of the objects inside sections, by the field that holds them.
const TYPES: &[(&str, &str)] = &[
    ("stashes", "StashConfig"),
    ("stashBoxes", "StashBox"),
    ("scraperPackageSources", "PackageSource"),
    ("pluginPackageSources", "PackageSource"),
    ("imageLightbox", "ConfigImageLightboxResult"),
    ("disableDropdownCreate", "ConfigDisableDropdownCreate"),
    ("disabledDropdownCreate", "ConfigDisableDropdownCreate"),
    ("scan", "ScanMetadataOptions"),
    ("generate", "GenerateMetadataOptions"),
    ("autoTag", "AutoTagMetadataOptions"),
    ("identify", "IdentifyMetadataTaskOptions"),
    ("previewOptions", "GeneratePreviewOptions"),
    ("sources", "IdentifySource"),
    ("source", "ScraperSource"),
    ("options", "IdentifyMetadataOptions"),
    ("fieldOptions", "IdentifyFieldOptions"),
];

/// What the options of tasks and the places of others consist of.
const OPTIONS: &[(&str, &[&str])] = &[
    (
        "ScanMetadataOptions",
        &[
            "rescan",
            "scanGenerateCovers",
            "scanGeneratePreviews",
            "scanGenerateImagePreviews",
            "scanGenerateSprites",
            "scanGeneratePhashes",
            "scanGenerateThumbnails",
            "scanGenerateClipPreviews",
            "stripFileExtension",
            "useFileMetadata",
        ],
    ),
    (
        "GenerateMetadataOptions",
        &[
            "covers",
            "sprites",
            "previews",
            "imagePreviews",
            "previewOptions",
            "markers",
            "markerImagePreviews",
            "markerScreenshots",
            "transcodes",
            "phashes",
            "interactiveHeatmapsSpeeds",
            "imageThumbnails",
            "clipPreviews",
        ],
    ),
    (
        "GeneratePreviewOptions",
        &[
            "previewSegments",
            "previewSegmentDuration",
            "previewExcludeStart",
            "previewExcludeEnd",
            "previewPreset",
        ],
    ),
    ("AutoTagMetadataOptions", &["performers", "studios", "tags"]),
    ("IdentifyMetadataTaskOptions", &["sources", "options"]),
    ("IdentifySource", &["source", "options"]),
    (
        "IdentifyMetadataOptions",
        &[
            "fieldOptions",
            "setCoverImage",
            "setOrganized",
            "includeMalePerformers",
            "skipMultipleMatches",
            "skipMultipleMatchTag",
            "skipSingleNamePerformers",
            "skipSingleNamePerformerTag",
        ],
    ),
    ("IdentifyFieldOptions", &["field", "strategy", "createMissing"]),
    ("ScraperSource", &["stash_box_index", "stash_box_endpoint", "scraper_id"]),
    ("StashBox", &["endpoint", "api_key", "name", "max_requests_per_minute"]),
    ("PackageSource", &["name", "url", "local_path"]),
];

fn resolved<'a>(name: &str, value: &Json) -> Resolved<'a> {
    match value {
        Json::Null => Resolved::Null,
        Json::Bool(value) => Resolved::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Resolved::Int(whole),
            None => Resolved::Float(number.as_f64().unwrap_or(0.0)),
        },
        Json::String(text) => Resolved::from(text.clone()),
        Json::Array(items) => {
            Resolved::List(items.iter().map(|item| resolved(name, item)).collect())
        }
        Json::Object(_) => match TYPES.iter().find(|(field, _)| *field == name) {
            Some((_, type_name)) => Resolved::object(Section { type_name, values: value.clone() }),
            None => Resolved::Json(value.clone()),
        },
    }
}

/// The library folders, as Stash shows them.
fn stashes(view: &View) -> Result<Json, FieldError> {
    let folders = view.library_folders()?.into_iter();
    Ok(folders
        .map(|folder| {
            let (video, image) = (folder.exclude_video, folder.exclude_image);
            json!({"path": text(&folder.path), "excludeVideo": video, "excludeImage": image})
        })
        .collect())
}

fn general(scope: &Scope) -> Result<Json, FieldError> {
    let shared = &scope.shared;
    let data = &shared.library.settings().data;
    let at = |name: &str| text(&data.join(name));
    let settings = shared.settings.read();
    let mut values = section_defaults("general");
    let known = json!({
        "stashes": stashes(&scope.view)?,
        "databasePath": at("library.redb"),
        "generatedPath": text(&shared.config.generated_folder()),
        "configFilePath": at("diptych.toml"),
        "scrapersPath": at("scrapers"), "pluginsPath": at("plugins"), "cachePath": at("cache"),
        "blobsPath": at("blobs"),
        "apiKey": settings.api_key, "username": settings.username, "password": settings.password,
    });
    if let (Some(values), Json::Object(known)) = (values.as_object_mut(), known) {
        values.extend(known);
    }
    Ok(values)
}

/// A section as it is before anything was set.
fn section_defaults(name: &str) -> Json {
    static DEFAULTS: LazyLock<Json> = LazyLock::new(|| {
        serde_json::from_str(include_str!("defaults.json")).expect("the embedded file is JSON")
    });
    DEFAULTS.get(name).cloned().unwrap_or_else(|| json!({}))
}
