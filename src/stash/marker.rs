//! `SceneMarker`, and the queries over markers.

use std::rc::Rc;

use super::filter;
use super::find::Window;
use super::scene::Scene;
use super::scope::{Scope, parse_id};
use super::tag::Tag;
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, MarkerId, TagId};
use crate::model::item::{Item, Marker};

/// Markers on a wall at most.
const WALL_MAX: usize = 80;

/// A marker with the scene it is on.
#[derive(Clone)]
pub(super) struct MarkerObject {
    scope: Rc<Scope>,
    pub(super) scene: ItemId,
    pub(super) marker: Marker,
}

/// The markers of a scene, by their moments.
pub(super) fn of_scene(scope: &Rc<Scope>, scene: ItemId, item: &Item) -> Vec<MarkerObject> {
    let mut markers: Vec<Marker> =
        item.object.iter().flat_map(|object| object.markers.clone()).collect();
    markers.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(a.id.cmp(&b.id)));
    let object = |marker| MarkerObject { scope: Rc::clone(scope), scene, marker };
    markers.into_iter().map(object).collect()
}

/// All markers, in the order of scenes and moments.
pub(super) fn all(scope: &Rc<Scope>) -> Result<Vec<MarkerObject>, FieldError> {
    let mut markers = Vec::new();
    for id in scope.view.marked_scenes()? {
        let item = scope.view.object(ItemId(id))?.unwrap_or_default();
        markers.extend(of_scene(scope, ItemId(id), &item));
    }
    Ok(markers)
}

/// A marker by its id.
pub(super) fn find(scope: &Rc<Scope>, id: MarkerId) -> Result<Option<MarkerObject>, FieldError> {
    let scene = scope.view.scene_of_marker(id)?;
    let Some(scene) = scene.filter(|scene| scope.scenes().is_ok_and(|all| all.contains(scene.0)))
    else {
        return Ok(None);
    };
    let item = scope.view.object(scene)?.unwrap_or_default();
    Ok(of_scene(scope, scene, &item).into_iter().find(|object| object.marker.id == id))
}

impl MarkerObject {
    /// The tag as it shows: another spelling is its ideal.
    pub(super) fn primary_tag(&self) -> TagId {
        self.scope.ideal(self.marker.primary_tag)
    }

    /// All tags as they show, the primary one first.
    pub(super) fn tags(&self) -> Vec<TagId> {
        let mut tags = vec![self.primary_tag()];
        for tag in &self.marker.tags {
            let tag = self.scope.ideal(*tag);
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// What it is called: its title, else its primary tag.
    pub(super) fn name(&self) -> Result<String, FieldError> {
        if !self.marker.title.is_empty() {
            return Ok(self.marker.title.clone());
        }
        let card = self.scope.card(self.primary_tag())?;
        Ok(card.map_or(String::new(), |card| card.entity.name.clone()))
    }
}

impl Object for MarkerObject {
    fn type_name(&self) -> &'static str {
        "SceneMarker"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let (scope, marker) = (&self.scope, &self.marker);
        Ok(match field.name() {
            "id" => Resolved::from(marker.id.0),
            "title" => Resolved::from(&marker.title),
            "seconds" => Resolved::Float(marker.seconds),
            "end_seconds" => Resolved::from(marker.end_seconds),
            "scene" => Scene::load(scope, self.scene)?.map_or(Resolved::Null, Resolved::object),
            "primary_tag" => match scope.card(self.primary_tag())? {
                Some(card) => Resolved::object(Tag::new(scope, card)),
                None => Resolved::Null,
            },
            "tags" => {
                let tags = self.tags().into_iter().skip(1);
                let cards = scope.cards_of(tags, EntityKind::Tag)?.into_iter();
                Resolved::objects(cards.map(|card| Tag::new(scope, card)))
            }
            "created_at" => scope.time(marker.created_ms),
            "updated_at" => scope.time(marker.updated_ms),
            name @ ("stream" | "preview" | "screenshot") => {
                scope.url(format!("/scene/{}/scene_marker/{}/{name}", self.scene, marker.id))
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// Answers the queries over markers.
pub(super) fn query<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    let wanted = |name| arguments.str(name).unwrap_or_default().to_lowercase();
    match field.name() {
        "findSceneMarkers" => find_markers(scope, arguments),
        "allSceneMarkers" => {
            let mut markers = all(scope)?;
            markers.sort_by_key(|object| object.marker.id);
            Ok(Resolved::objects(markers))
        }
        "markerWall" => {
            let q = wanted("q");
            let mut markers = all(scope)?;
            markers.retain(|object| object.marker.title.to_lowercase().contains(&q));
            super::find::shuffle(&mut markers)?;
            markers.truncate(WALL_MAX);
            Ok(Resolved::objects(markers))
        }
        "markerStrings" => {
            let q = wanted("q");
            let mut strings: Vec<MarkerString> = Vec::new();
            for object in all(scope)? {
                let title = object.marker.title;
                match strings.iter_mut().find(|known| known.title == title) {
                    Some(known) => known.count += 1,
                    None if title.to_lowercase().contains(&q) => {
                        strings.push(MarkerString { id: object.marker.id, title, count: 1 });
                    }
                    None => {}
                }
            }
            strings.sort_by(|a, b| a.title.cmp(&b.title));
            if arguments.str("sort") == Some("count") {
                strings.sort_by_key(|string| std::cmp::Reverse(string.count));
            }
            Ok(Resolved::objects(strings))
        }
        _ => by_tag(scope, arguments),
    }
}

/// `sceneMarkerTags`: the markers of a scene below their primary tags.
fn by_tag<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let id = ItemId(parse_id(arguments.str("scene_id").unwrap_or_default(), "scene id")?);
    let mut groups: Vec<MarkerTag> = Vec::new();
    let item = scope.view.object(id)?.unwrap_or_default();
    for marker in of_scene(scope, id, &item) {
        let tag = marker.primary_tag();
        match groups.iter_mut().find(|group| group.tag == tag) {
            Some(group) => group.markers.push(marker),
            None => {
                groups.push(MarkerTag { scope: Rc::clone(scope), tag, markers: vec![marker] });
            }
        }
    }
    Ok(Resolved::objects(groups))
}

fn find_markers<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    if let Some(texts) = arguments.strs("ids").filter(|ids| !ids.is_empty()) {
        let mut markers: Vec<MarkerObject> = Vec::new();
        for text in texts {
            let id = MarkerId(parse_id(text, "ids")?);
            let missing = || FieldError::new(format!("scene marker with id {id} not found"));
            markers.push(find(scope, id)?.ok_or_else(missing)?);
        }
        return Ok(Resolved::object(FoundMarkers { count: markers.len(), page: markers }));
    }
    let wanted = arguments.map("filter");
    let found =
        filter::markers(scope, arguments.map("scene_marker_filter"), super::find::words(wanted))?;
    let count = found.len();
    let page = super::find::page_of_markers(scope, found, &Window::read(wanted))?;
    Ok(Resolved::object(FoundMarkers { count, page }))
}

struct FoundMarkers {
    count: usize,
    page: Vec<MarkerObject>,
}

impl Object for FoundMarkers {
    fn type_name(&self) -> &'static str {
        "FindSceneMarkersResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "scene_markers" => Resolved::objects(self.page.iter().cloned()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct MarkerString {
    id: MarkerId,
    title: String,
    count: usize,
}

impl Object for MarkerString {
    fn type_name(&self) -> &'static str {
        "MarkerStringsResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "id" => Resolved::from(self.id.0),
            "title" => Resolved::from(&self.title),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct MarkerTag {
    scope: Rc<Scope>,
    tag: TagId,
    markers: Vec<MarkerObject>,
}

impl Object for MarkerTag {
    fn type_name(&self) -> &'static str {
        "SceneMarkerTag"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "tag" => match self.scope.card(self.tag)? {
                Some(card) => Resolved::object(Tag::new(&self.scope, card)),
                None => Resolved::Null,
            },
            "scene_markers" => Resolved::objects(self.markers.iter().cloned()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
