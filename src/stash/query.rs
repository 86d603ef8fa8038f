//! The root of queries.

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::absent;
use super::configuration::Configuration;
use super::directory::Directory;
use super::file::{Folder, FolderRef, any_file};
use super::files;
use super::filter::{self, Kind};
use super::find::{self, Window, named_ids, words};
use super::group::Group;
use super::image::Image;
use super::job;
use super::log;
use super::marker;
use super::saved;
use super::scene::{Scene, streams_of};
use super::scope::{Scope, parse_id};
use super::status::{Stats, SystemStatus, Version, sum};
use super::tag::entity_object;
use super::wall;
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::library::entities::EntityCard;
use crate::library::objects::{Column, LookupKind};
use crate::model::entity::EntityKind;
use crate::model::hash::from_hex;
use crate::model::ids::{ItemId, PlaceId, TagId};

/// The root of queries, over one view.
pub(super) struct Query {
    scope: Rc<Scope>,
}

impl Query {
    /// The root over a scope.
    pub(super) fn new(scope: Rc<Scope>) -> Query {
        Query { scope }
    }

    fn find_object(&self, kind: Kind, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        if let Some(id) = arguments.str("id") {
            return object(&self.scope, kind, ItemId(parse_id(id, "id")?));
        }
        let Some(checksum) = arguments.str("checksum") else { return Ok(Resolved::Null) };
        self.by_hash(kind, LookupKind::Md5, checksum).map(|found| found.unwrap_or(Resolved::Null))
    }

    fn by_hash(
        &self,
        kind: Kind,
        hash: LookupKind,
        text: &str,
    ) -> Result<Option<Resolved<'_>>, FieldError> {
        let Some(bytes) = from_hex(text) else { return Ok(None) };
        let all = self.all(kind)?;
        let found = self.scope.view.objects_by_hash(hash, &bytes)?;
        let found = found.into_iter().find(|head| all.contains(head.0));
        found.map(|head| object(&self.scope, kind, head)).transpose()
    }

    fn find_by_hash(&self, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let empty = Map::new();
        let input = arguments.map("input").unwrap_or(&empty);
        for (name, kind) in [("checksum", LookupKind::Md5), ("oshash", LookupKind::Oshash)] {
            if let Some(text) = input.str(name)
                && let Some(found) = self.by_hash(Kind::Scene, kind, text)?
            {
                return Ok(found);
            }
        }
        Ok(Resolved::Null)
    }

    fn all(&self, kind: Kind) -> Result<&RoaringBitmap, FieldError> {
        match kind {
            Kind::Scene => self.scope.scenes(),
            Kind::Image => self.scope.images(),
        }
    }

    fn find_objects(&self, kind: Kind, field: Field<'_>) -> Result<Resolved<'_>, FieldError> {
        let arguments = field.arguments();
        let (legacy, what, filter) = match kind {
            Kind::Scene => ("scene_ids", "scene", "scene_filter"),
            Kind::Image => ("image_ids", "image", "image_filter"),
        };
        let all = self.all(kind)?;
        let scope = Rc::clone(&self.scope);
        if let Some(ids) = named_ids(arguments, legacy, what, |id| Ok(all.contains(id)))? {
            let found = ids.iter().copied().collect();
            let page = ids.into_iter().map(ItemId).collect();
            return Ok(Resolved::object(FoundItems { scope, kind, found, page }));
        }
        let wanted = arguments.map("filter");
        let filter = arguments.map(filter);
        let found = filter::items(&scope, kind, filter, words(wanted), all.clone())?;
        let window = Window::read(wanted).of_groups(filter, &["groups", "movies"])?;
        self.listed(kind, found, &window)
    }

    fn listed(
        &self,
        kind: Kind,
        found: RoaringBitmap,
        window: &Window,
    ) -> Result<Resolved<'_>, FieldError> {
        let scope = Rc::clone(&self.scope);
        let page = find::page_of_items(&scope, kind, &found, window)?;
        Ok(Resolved::object(FoundItems { scope, kind, found, page }))
    }

    fn by_path_regex(&self, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let wanted = arguments.map("filter");
        let pattern = wanted.and_then(|filter| filter.str("q")).unwrap_or_default();
        let all = self.scope.scenes()?.clone();
        let mut criterion = Map::new();
        criterion.insert("value", crate::graphql::Value::String(format!("(?i){pattern}")));
        criterion.insert("modifier", crate::graphql::Value::Enum("MATCHES_REGEX".to_owned()));
        let mut filter = Map::new();
        filter.insert("path", crate::graphql::Value::Object(criterion));
        let found = filter::items(&self.scope, Kind::Scene, Some(&filter), None, all)?;
        self.listed(Kind::Scene, found, &Window::read(wanted))
    }

    fn all_objects(&self, kind: Kind) -> Result<Resolved<'_>, FieldError> {
        let window = {
            let mut every = Map::new();
            every.insert("per_page", crate::graphql::Value::Int(-1));
            if kind == Kind::Scene {
                every.insert("sort", crate::graphql::Value::String("path".to_owned()));
            }
            Window::read(Some(&every))
        };
        let page = find::page_of_items(&self.scope, kind, self.all(kind)?, &window)?;
        Ok(objects(&self.scope, kind, page))
    }

    fn find_entity(&self, kind: EntityKind, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let id = TagId(parse_id(arguments.str("id").unwrap_or_default(), "id")?);
        match self.scope.view.existing_entity(&self.scope.entities, kind, id)? {
            Some(card) => entity_object(&self.scope, Rc::new(card)),
            None => Ok(Resolved::Null),
        }
    }

    fn find_entities(
        &self,
        kind: EntityKind,
        field: Field<'_>,
    ) -> Result<Resolved<'_>, FieldError> {
        let arguments = field.arguments();
        let (what, filter) = match kind {
            EntityKind::Tag => ("tag", "tag_filter"),
            EntityKind::Performer => ("performer", "performer_filter"),
            EntityKind::Studio => ("studio", "studio_filter"),
            EntityKind::Group if field.name() == "findMovies" => ("movie", "movie_filter"),
            EntityKind::Group => ("group", "group_filter"),
        };
        let scope = Rc::clone(&self.scope);
        let card = |id| scope.view.existing_entity(&scope.entities, kind, TagId(id));
        let is_there = |id| Ok(card(id)?.is_some());
        if let Some(ids) = named_ids(arguments, "performer_ids", what, is_there)? {
            let mut page = Vec::new();
            for id in ids {
                page.extend(card(id)?);
            }
            let count = page.len();
            let movies = field.name() == "findMovies";
            return Ok(Resolved::object(FoundEntities { scope, kind, count, page, movies }));
        }
        let wanted = arguments.map("filter");
        let filter = arguments.map(filter);
        let found = filter::entities(&scope, kind, filter, words(wanted))?;
        let count = found.len();
        let window = Window::read(wanted).of_groups(filter, &["containing_groups"])?;
        let page = find::page_of_entities(&scope, found, &window)?;
        let movies = field.name() == "findMovies";
        Ok(Resolved::object(FoundEntities { scope, kind, count, page, movies }))
    }

    fn all_entities(&self, kind: EntityKind) -> Result<Resolved<'_>, FieldError> {
        let catalogue = self.scope.view.catalogue(&self.scope.entities)?;
        let scope = Rc::clone(&self.scope);
        let object = move |card: EntityCard| {
            entity_object(&scope, Rc::new(card)).unwrap_or_else(Resolved::Failed)
        };
        if kind == EntityKind::Tag {
            // Many: each is looked up when its turn to be written comes.
            let scope = Rc::clone(&self.scope);
            let ids = catalogue.of_kind(kind).to_vec().into_iter();
            let cards = ids.filter_map(move |id| scope.listed(&catalogue, id).transpose());
            let objects = cards.map(move |card| card.map_or_else(Resolved::Failed, &object));
            return Ok(Resolved::Iter(Box::new(objects)));
        }
        let mut cards = self.scope.listed_all(&catalogue, kind)?;
        cards.sort_by(|a, b| a.entity.name.cmp(&b.entity.name).then(a.id.cmp(&b.id)));
        Ok(Resolved::Iter(Box::new(cards.into_iter().map(object))))
    }

    fn find_file(&self, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let file = match (arguments.str("id"), arguments.str("path")) {
            (Some(id), _) => self.scope.view.file(PlaceId(parse_id(id, "id")?))?,
            (None, Some(path)) => {
                let found = self.scope.view.file_at(path)?;
                Some(found.ok_or(FieldError::from("file not found"))?)
            }
            (None, None) => return Err(FieldError::from("either id or path must be provided")),
        };
        Ok(file.map_or(Resolved::Null, |file| any_file(&self.scope, file)))
    }

    fn find_folder(&self, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let which = match (arguments.str("id"), arguments.str("path")) {
            (Some(id), _) => FolderRef::from_id(parse_id(id, "id")?),
            (None, Some(path)) => {
                let found = self.scope.view.folder_at(path)?;
                FolderRef::Row(found.ok_or(FieldError::from("folder not found"))?)
            }
            (None, None) => return Err(FieldError::from("either id or path must be provided")),
        };
        Ok(Folder::load(&self.scope, which)?.map_or(Resolved::Null, Resolved::object))
    }

    fn scene_streams(&self, arguments: &Map) -> Result<Resolved<'_>, FieldError> {
        let id = parse_id(arguments.str("id").unwrap_or_default(), "id")?;
        let missing = || FieldError::new(format!("scene with id {id} not found"));
        let scene = Scene::find(&self.scope, ItemId(id))?.ok_or_else(missing)?;
        Ok(Resolved::objects(streams_of(&scene)?))
    }
}

/// The object of an id, or null.
fn object<'r>(scope: &Rc<Scope>, kind: Kind, id: ItemId) -> Result<Resolved<'r>, FieldError> {
    Ok(match kind {
        Kind::Scene => Scene::find(scope, id)?.map_or(Resolved::Null, Resolved::object),
        Kind::Image => Image::find(scope, id)?.map_or(Resolved::Null, Resolved::object),
    })
}

/// Objects that are made while they are written.
fn objects<'r>(scope: &Rc<Scope>, kind: Kind, ids: Vec<ItemId>) -> Resolved<'r> {
    let scope = Rc::clone(scope);
    Resolved::Iter(Box::new(
        ids.into_iter().map(move |id| object(&scope, kind, id).unwrap_or_else(Resolved::Failed)),
    ))
}

impl Object for Query {
    fn type_name(&self) -> &'static str {
        "Query"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let arguments = field.arguments();
        let scope = &self.scope;
        match field.name() {
            "systemStatus" => Ok(Resolved::object(SystemStatus(Rc::clone(scope)))),
            "version" => Ok(Resolved::object(Version)),
            "stats" => Ok(Resolved::object(Stats::new(scope))),
            "findScene" => self.find_object(Kind::Scene, arguments),
            "findImage" => self.find_object(Kind::Image, arguments),
            "findSceneByHash" => self.find_by_hash(arguments),
            "findScenes" => self.find_objects(Kind::Scene, field),
            "findImages" => self.find_objects(Kind::Image, field),
            "findScenesByPathRegex" => self.by_path_regex(arguments),
            "sceneStreams" => self.scene_streams(arguments),
            "allScenes" => self.all_objects(Kind::Scene),
            "allImages" => self.all_objects(Kind::Image),
            "findTag" => self.find_entity(EntityKind::Tag, arguments),
            "findPerformer" => self.find_entity(EntityKind::Performer, arguments),
            "findStudio" => self.find_entity(EntityKind::Studio, arguments),
            "findTags" => self.find_entities(EntityKind::Tag, field),
            "findPerformers" => self.find_entities(EntityKind::Performer, field),
            "findStudios" => self.find_entities(EntityKind::Studio, field),
            "allTags" | "allTagsSlim" => self.all_entities(EntityKind::Tag),
            "allPerformers" | "allPerformersSlim" => self.all_entities(EntityKind::Performer),
            "allStudios" | "allStudiosSlim" => self.all_entities(EntityKind::Studio),
            "findMovie" => {
                let id = TagId(parse_id(arguments.str("id").unwrap_or_default(), "id")?);
                let group = scope.view.existing_entity(&scope.entities, EntityKind::Group, id)?;
                Ok(group.map_or(Resolved::Null, |card| {
                    Resolved::object(Group::movie(scope, Rc::new(card)))
                }))
            }
            "findMovies" => self.find_entities(EntityKind::Group, field),
            "allMovies" | "allMoviesSlim" => {
                let catalogue = scope.view.catalogue(&scope.entities)?;
                let groups = scope.listed_all(&catalogue, EntityKind::Group)?.into_iter();
                let movies = groups.map(|card| Group::movie(scope, Rc::new(card)));
                Ok(Resolved::objects(movies.collect::<Vec<_>>()))
            }
            "findGroup" => self.find_entity(EntityKind::Group, arguments),
            "findGroups" => self.find_entities(EntityKind::Group, field),
            "findSceneMarkers" | "allSceneMarkers" | "markerWall" | "markerStrings"
            | "sceneMarkerTags" => marker::query(scope, field),
            "findSavedFilter" | "findSavedFilters" | "findDefaultFilter" => {
                saved::query(scope, field)
            }
            "sceneWall" | "findDuplicateScenes" | "parseSceneFilenames" => {
                wall::query(scope, field)
            }
            "findFile" => self.find_file(arguments),
            "findFolder" => self.find_folder(arguments),
            "findFiles" | "findFolders" => files::query(scope, field),
            "directory" => Ok(Resolved::object(Directory::read(arguments.str("path"))?)),
            "directories" => Ok(Directory::read(arguments.str("path"))?.folders()),
            "configuration" => Ok(Resolved::object(Configuration::new(scope))),
            "logs" => Ok(log::newest(scope)),
            "findJob" | "jobQueue" | "jobStatus" => job::query(scope, field),
            _ => absent::query(field),
        }
    }
}

/// A list of scenes or images.
struct FoundItems {
    scope: Rc<Scope>,
    kind: Kind,
    found: RoaringBitmap,
    page: Vec<ItemId>,
}

impl Object for FoundItems {
    fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Scene => "FindScenesResultType",
            Kind::Image => "FindImagesResultType",
        }
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let view = &self.scope.view;
        Ok(match field.name() {
            "count" => Resolved::from(self.found.len()),
            "duration" => {
                let files = view.with_members(&self.found)?;
                Resolved::Float(sum(view, Column::DurationMs, &files)? / 1000.0)
            }
            "filesize" => {
                let files = view.with_members(&self.found)?;
                Resolved::Float(sum(view, Column::SizeBytes, &files)?)
            }
            "megapixels" => {
                let files = view.with_members(&self.found)?;
                let (widths, heights) = (view.column(Column::Width)?, view.column(Column::Height)?);
                let pixels = |id| Some(widths.value(id)? as f64 * heights.value(id)? as f64);
                let total: f64 = files.iter().filter_map(|id| pixels(ItemId(id))).sum();
                Resolved::Float(total / 1e6)
            }
            "scenes" | "images" => objects(&self.scope, self.kind, self.page.clone()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// A list of tags, performers or studios.
struct FoundEntities {
    scope: Rc<Scope>,
    kind: EntityKind,
    count: usize,
    page: Vec<EntityCard>,
    /// Whether the client calls groups movies.
    movies: bool,
}

impl Object for FoundEntities {
    fn type_name(&self) -> &'static str {
        match self.kind {
            EntityKind::Tag => "FindTagsResultType",
            EntityKind::Performer => "FindPerformersResultType",
            EntityKind::Studio => "FindStudiosResultType",
            EntityKind::Group if self.movies => "FindMoviesResultType",
            EntityKind::Group => "FindGroupsResultType",
        }
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "movies" => {
                let movie = |card: &EntityCard| Group::movie(&self.scope, Rc::new(card.clone()));
                Resolved::objects(self.page.iter().map(movie))
            }
            "tags" | "performers" | "studios" | "groups" => {
                let cards = self.page.iter().map(|card| {
                    entity_object(&self.scope, Rc::new(card.clone()))
                        .unwrap_or_else(Resolved::Failed)
                });
                Resolved::Iter(Box::new(cards))
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}
