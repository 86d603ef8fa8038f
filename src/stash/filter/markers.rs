//! Filters of markers.

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::criteria::{DateTest, IdsMode, IdsTest, NumberTest, object};
use super::{Kind, items};
use crate::graphql::{FieldError, Map, Value};
use crate::library::objects::Column;
use crate::model::ids::TagId;
use crate::model::natural::Query;
use crate::stash::marker::{MarkerObject, all};
use crate::stash::scope::{Scope, parse_id};

/// The markers that a filter and the words of a search find, in the order of scenes and moments.
pub(in crate::stash) fn markers(
    scope: &Rc<Scope>,
    filter: Option<&Map>,
    words: Option<&str>,
) -> Result<Vec<MarkerObject>, FieldError> {
    let mut found = all(scope)?;
    if let Some(filter) = filter {
        for (name, value) in filter.iter().filter(|(_, value)| !value.is_null()) {
            if found.is_empty() {
                break;
            }
            criterion(scope, name, value, &mut found)?;
        }
    }
    if let Some(query) = words.map(Query::parse).filter(|query| !query.is_empty()) {
        keep(&mut found, |marker| {
            let scene = scope.view.object(marker.scene)?;
            let scene = scene.as_ref().and_then(|item| item.note("title")).unwrap_or_default();
            let tag = scope.card(marker.primary_tag())?;
            let tag = tag.as_ref().map_or("", |card| card.entity.name.as_str());
            Ok(query.matches([marker.marker.title.as_str(), scene, tag]))
        })?;
    }
    Ok(found)
}

fn keep(
    found: &mut Vec<MarkerObject>,
    mut passes: impl FnMut(&MarkerObject) -> Result<bool, FieldError>,
) -> Result<(), FieldError> {
    let mut kept = Vec::new();
    for marker in found.drain(..) {
        if passes(&marker)? {
            kept.push(marker);
        }
    }
    *found = kept;
    Ok(())
}

fn criterion(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    found: &mut Vec<MarkerObject>,
) -> Result<(), FieldError> {
    match name {
        "tags" => match IdsTest::read(name, value, false)? {
            Some(test) => by_tags(scope, &test, found),
            None => Ok(()),
        },
        "tag_id" => {
            let tag = TagId(parse_id(value.as_str().unwrap_or_default(), "tag id")?);
            keep(found, |marker| Ok(marker.tags().contains(&tag)))
        }
        "scenes" => {
            let Some(test) = IdsTest::read(name, value, false)? else { return Ok(()) };
            keep(found, |marker| {
                let scene = &marker.scene.0;
                let wanted = test.mode != IdsMode::Any || test.values.contains(scene);
                Ok(wanted && !test.excludes.contains(scene))
            })
        }
        "duration" => {
            let test = NumberTest::read(name, value)?;
            keep(found, |marker| {
                let length = marker.marker.end_seconds.map(|end| end - marker.marker.seconds);
                Ok(test.matches(length))
            })
        }
        "created_at" | "updated_at" => {
            let test = NumberTest::read_time(name, value)?;
            let is_created = name == "created_at";
            keep(found, |marker| {
                let marker = &marker.marker;
                let at = if is_created { marker.created_ms } else { marker.updated_ms };
                Ok(test.matches_time(Some(at)))
            })
        }
        "scene_created_at" | "scene_updated_at" => {
            let test = NumberTest::read_time(name, value)?;
            let is_created = name == "scene_created_at";
            let column = if is_created { Column::CreatedMs } else { Column::UpdatedMs };
            let times = scope.view.column(column)?;
            keep(found, |marker| Ok(test.matches_time(times.value(marker.scene))))
        }
        "scene_date" => {
            let test = DateTest::read(name, value)?;
            let facts = scope.view.facts()?;
            keep(found, |marker| {
                let date = facts.get(marker.scene).and_then(|facts| facts.date.as_deref());
                Ok(test.matches(date))
            })
        }
        // The others are filters of the scene itself.
        _ => {
            let scenes = of_scenes(scope, name, value, found)?;
            keep(found, |marker| Ok(scenes.contains(marker.scene.0)))
        }
    }
}

/// The scenes of the markers that pass a filter of scenes.
fn of_scenes(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    found: &[MarkerObject],
) -> Result<RoaringBitmap, FieldError> {
    let within: RoaringBitmap = found.iter().map(|marker| marker.scene.0).collect();
    let mut filter = Map::new();
    match name {
        "scene_filter" => filter = object(name, value)?.clone(),
        "scene_tags" => filter.insert("tags", value.clone()),
        "performers" => filter.insert("performers", value.clone()),
        _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
    }
    items(scope, Kind::Scene, Some(&filter), None, within)
}

fn by_tags(
    scope: &Rc<Scope>,
    test: &IdsTest,
    found: &mut Vec<MarkerObject>,
) -> Result<(), FieldError> {
    let depth = match test.depth {
        below if below < 0 => None,
        levels => Some(usize::try_from(levels).unwrap_or(0)),
    };
    let trees = |ids: &[u32]| {
        let tree = |id: &u32| scope.view.entity_tree(&scope.entities, TagId(*id), depth);
        ids.iter().map(tree).collect::<Result<Vec<_>, _>>()
    };
    let (values, excludes) = (trees(&test.values)?, trees(&test.excludes)?);
    keep(found, |marker| {
        let tags = marker.tags();
        let has = |tree: &std::collections::BTreeSet<TagId>| tags.iter().any(|t| tree.contains(t));
        let wanted = match test.mode {
            IdsMode::Any => values.is_empty() || values.iter().any(has),
            IdsMode::All => values.iter().all(has),
            IdsMode::Exactly => values.iter().all(has) && tags.len() == values.len(),
            // Every marker has a primary tag.
            IdsMode::Null => false,
            IdsMode::NotNull | IdsMode::None => true,
        };
        Ok(wanted && !excludes.iter().any(has))
    })
}

/// The scenes of which a marker passes a filter of markers.
pub(super) fn marked(scope: &Rc<Scope>, filter: &Map) -> Result<RoaringBitmap, FieldError> {
    Ok(markers(scope, Some(filter), None)?.into_iter().map(|marker| marker.scene.0).collect())
}
