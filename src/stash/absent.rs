//! What this server has none of: galleries, scrapers, plugins, packages, DLNA. Lists of them are
//! empty, and asking one of them by name is an error.

use crate::graphql::{Context, Field, FieldError, Object, Resolved};

/// The queries of this file that answer an empty list.
const LISTS: &[&str] = &[
    "allGalleries",
    "validGalleriesForScene",
    "listScrapers",
    "listGalleryScrapers",
    "listMovieScrapers",
    "listPerformerScrapers",
    "listSceneScrapers",
    "scrapeFreeonesPerformerList",
    "plugins",
    "pluginTasks",
    "installedPackages",
];

/// The queries that answer null, since no gallery or scraper fits.
const NOTHING: &[&str] = &[
    "findGallery",
    "scrapeFreeones",
    "scrapeURL",
    "scrapePerformerURL",
    "scrapeSceneURL",
    "scrapeGalleryURL",
    "scrapeImageURL",
    "scrapeMovieURL",
    "scrapeGroupURL",
];

/// The queries that name a scraper or an instance of stash-box.
const SOURCES: &[&str] = &[
    "scrapeSingleScene",
    "scrapeMultiScenes",
    "scrapeSingleStudio",
    "scrapeSingleTag",
    "scrapeSinglePerformer",
    "scrapeMultiPerformers",
    "scrapeSingleGallery",
    "scrapeSingleMovie",
    "scrapeSingleGroup",
    "scrapeSingleImage",
];

/// What this server never does, and why.
const REFUSED: &[(&str, &str)] = &[
    ("latestversion", "newer releases are not looked up"),
    ("setup", "the library is set up already"),
    ("migrate", "the library is of the current format already"),
    ("migrateHashNaming", "generated files are named anew when they are generated"),
    ("migrateSceneScreenshots", "there are no covers of the older kind"),
    ("migrateBlobs", "pictures are kept in one place only"),
    ("downloadFFMpeg", "ffmpeg is not downloaded: put it on the PATH"),
    ("querySQL", "there is no SQL database behind this library"),
    ("execSQL", "there is no SQL database behind this library"),
];

/// Why a field is never answered; `None` for the others.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason)
}

/// Answers the queries of this file; the others have no resolver.
pub(super) fn query<'r>(field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    match field.name() {
        name if LISTS.contains(&name) => Ok(Resolved::List(Vec::new())),
        name if NOTHING.contains(&name) => Ok(Resolved::Null),
        "findGalleries" => match arguments.strs("ids").and_then(|ids| ids.first().copied()) {
            Some(id) => Err(FieldError::new(format!("gallery with id {id} not found"))),
            None => Ok(Resolved::object(NoGalleries)),
        },
        "dlnaStatus" => Ok(Resolved::object(NoDlna)),
        name if SOURCES.contains(&name) => Err(no_source(field)),
        name => Err(refusal(name).map_or(FieldError::Unresolved, FieldError::from)),
    }
}

/// Why nothing is scraped: no source is named, or the one that is does not exist.
fn no_source(field: Field<'_>) -> FieldError {
    let source = field.arguments().map("source");
    let text = |name: &str| source.and_then(|source| source.str(name));
    if let Some(id) = text("scraper_id") {
        return FieldError::new(format!("scraper not found: {id}"));
    }
    if text("stash_box_endpoint").is_some() {
        return FieldError::from("stash box not found");
    }
    match source.and_then(|source| source.int("stash_box_index")) {
        Some(index) => FieldError::new(format!("invalid stash_box_index {index}")),
        None => FieldError::from("input error: scraper_id or stash_box_index must be set"),
    }
}

struct NoGalleries;

impl Object for NoGalleries {
    fn type_name(&self) -> &'static str {
        "FindGalleriesResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::Int(0),
            "galleries" => Resolved::List(Vec::new()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct NoDlna;

impl Object for NoDlna {
    fn type_name(&self) -> &'static str {
        "DLNAStatus"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "running" => Resolved::Bool(false),
            "until" => Resolved::Null,
            "recentIPAddresses" | "allowedIPAddresses" => Resolved::List(Vec::new()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
