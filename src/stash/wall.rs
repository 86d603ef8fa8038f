//! Scenes by other ways than a filter: the wall, duplicates, and what file names tell.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::file::text;
use super::filter::{self, Kind};
use super::find::{self, Window};
use super::parser::{self, Pattern};
use super::scene::Scene;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved, Value};
use crate::library::objects::{Column, Flag};
use crate::model::ids::ItemId;
use crate::model::natural::Like;

/// Scenes on the wall at most.
const WALL_MAX: usize = 80;

/// Answers the queries of this file.
pub(super) fn query<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    match field.name() {
        "sceneWall" => wall(scope, arguments.str("q").unwrap_or_default()),
        "findDuplicateScenes" => {
            let distance = arguments.int("distance").unwrap_or(0);
            duplicates(scope, distance, arguments.float("duration_diff").unwrap_or(-1.0))
        }
        _ => parse(scope, arguments),
    }
}

/// Scenes whose details hold a text, in a random order. A scene without details is on no wall.
fn wall<'r>(scope: &Rc<Scope>, q: &str) -> Result<Resolved<'r>, FieldError> {
    let wanted = Like::new(&format!("%{q}%"));
    let mut found: Vec<u32> =
        (scope.scenes()? & scope.view.flagged(Flag::HasNotes)?).into_iter().collect();
    find::shuffle(&mut found)?;
    let mut scenes = Vec::new();
    for id in found {
        if scenes.len() == WALL_MAX {
            break;
        }
        let item = scope.view.object(ItemId(id))?.unwrap_or_default();
        if item.note("details").is_some_and(|details| wanted.matches(details)) {
            scenes.extend(Scene::load(scope, ItemId(id))?);
        }
    }
    Ok(Resolved::objects(scenes))
}

/// A file with a perceptual hash.
struct Hashed {
    scene: ItemId,
    hash: u64,
    seconds: f64,
    size: i64,
}

/// Groups of scenes that look alike, ordered by the first path of each.
fn duplicates<'r>(
    scope: &Rc<Scope>,
    distance: i64,
    most_seconds: f64,
) -> Result<Resolved<'r>, FieldError> {
    let durations = scope.view.column(Column::DurationMs)?;
    let sizes = scope.view.column(Column::SizeBytes)?;
    let mut files = Vec::new();
    for (hash, item) in scope.view.video_hashes()? {
        let Some(scene) = scope.view.head_of(item)? else { continue };
        if scope.scenes()?.contains(scene.0) {
            let seconds = durations.value(item).unwrap_or(0) as f64 / 1000.0;
            files.push(Hashed { scene, hash, seconds, size: sizes.value(item).unwrap_or(0) });
        }
    }
    drop((durations, sizes));
    files.sort_by_key(|file| (std::cmp::Reverse(file.size), file.scene));
    let groups = match u32::try_from(distance).unwrap_or(0) {
        0 => same_hash(&files, most_seconds),
        distance => alike(&files, distance, most_seconds),
    };
    let mut rows = Vec::new();
    for group in groups {
        let mut first = None;
        let mut scenes = Vec::new();
        for id in group {
            let item = Arc::new(scope.view.object(id)?.unwrap_or_default());
            let path = scope.view.object_files(id, &item)?.first().map(|file| text(&file.path));
            first = first.into_iter().chain(path).min();
            scenes.extend(Scene::load(scope, id)?);
        }
        rows.push((first, Resolved::objects(scenes)));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Resolved::List(rows.into_iter().map(|(_, scenes)| scenes).collect()))
}

/// Scenes with the same hash; a file much shorter than the longest of its hash does not count.
fn same_hash(files: &[Hashed], most_seconds: f64) -> Vec<Vec<ItemId>> {
    let mut by_hash: BTreeMap<u64, Vec<&Hashed>> = BTreeMap::new();
    for file in files {
        by_hash.entry(file.hash).or_default().push(file);
    }
    let mut groups = Vec::new();
    for files in by_hash.into_values() {
        let longest = files.iter().map(|file| file.seconds).fold(0.0, f64::max);
        let is_kept = |file: &&Hashed| most_seconds < 0.0 || longest - file.seconds <= most_seconds;
        let mut scenes: Vec<ItemId> = Vec::new();
        for file in files.into_iter().filter(is_kept) {
            if !scenes.contains(&file.scene) {
                scenes.push(file.scene);
            }
        }
        if scenes.len() > 1 {
            groups.push(scenes);
        }
    }
    groups
}

/// Scenes that are connected by hashes so near each other.
fn alike(files: &[Hashed], distance: u32, most_seconds: f64) -> Vec<Vec<ItemId>> {
    let is_near = |a: &Hashed, b: &Hashed| {
        let known = a.seconds > 0.0 && b.seconds > 0.0;
        let apart = if known { (a.seconds - b.seconds).abs() } else { 0.0 };
        a.scene != b.scene
            && (a.hash ^ b.hash).count_ones() <= distance
            && (most_seconds < 0.0 || apart <= most_seconds)
    };
    let mut left: BTreeSet<usize> = (0..files.len()).collect();
    let mut groups = Vec::new();
    while let Some(start) = left.pop_first() {
        let mut scenes = Vec::new();
        let mut waiting = vec![start];
        while let Some(at) = waiting.pop() {
            if !scenes.contains(&files[at].scene) {
                scenes.push(files[at].scene);
            }
            let near: Vec<usize> =
                left.iter().copied().filter(|other| is_near(&files[at], &files[*other])).collect();
            for other in near.into_iter().rev() {
                left.remove(&other);
                waiting.push(other);
            }
        }
        if scenes.len() > 1 {
            groups.push(scenes);
        }
    }
    groups
}

/// `parseSceneFilenames`: what a pattern reads from the paths of scenes.
fn parse<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let empty = Map::new();
    let config = arguments.map("config").unwrap_or(&empty);
    let wanted = arguments.map("filter");
    let q = wanted.and_then(|filter| filter.str("q")).unwrap_or_default();
    if q.is_empty() {
        return Err(FieldError::from("a pattern must be given as q"));
    }
    let pattern = Pattern::new(q, config)?;
    let mut criterion = Map::new();
    criterion.insert("value", Value::String(pattern.path_regex()));
    criterion.insert("modifier", Value::Enum("MATCHES_REGEX".to_owned()));
    let mut scene_filter = Map::new();
    scene_filter.insert("path", Value::Object(criterion));
    if config.bool("ignoreOrganized") == Some(true) {
        scene_filter.insert("organized", Value::Bool(false));
    }
    let all = scope.scenes()?.clone();
    let found = filter::items(scope, Kind::Scene, Some(&scene_filter), None, all)?;
    let page = find::page_of_items(scope, Kind::Scene, &found, &Window::read(wanted))?;
    let mut results = Vec::new();
    for id in page {
        let item = Arc::new(scope.view.object(id)?.unwrap_or_default());
        let Some(file) = scope.view.object_files(id, &item)?.into_iter().next() else { continue };
        if let Some(values) = pattern.read(&text(&file.path)) {
            results.push(parser::Parsed::new(scope, id, &values)?);
        }
    }
    Ok(Resolved::object(ParsedScenes { count: found.len(), results }))
}

struct ParsedScenes {
    count: u64,
    results: Vec<parser::Parsed>,
}

impl Object for ParsedScenes {
    fn type_name(&self) -> &'static str {
        "SceneParserResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "results" => {
                Resolved::List(self.results.iter().map(|row| Resolved::Ref(row)).collect())
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(rows: &[(u32, u64, f64, i64)]) -> Vec<Hashed> {
        let file = |(scene, hash, seconds, size): &(u32, u64, f64, i64)| Hashed {
            scene: ItemId(*scene),
            hash: *hash,
            seconds: *seconds,
            size: *size,
        };
        rows.iter().map(file).collect()
    }

    fn ids(groups: Vec<Vec<ItemId>>) -> Vec<Vec<u32>> {
        groups.into_iter().map(|group| group.into_iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn equal_hashes_are_duplicates_unless_one_is_much_shorter() {
        let rows = files(&[(1, 7, 10.0, 9), (2, 7, 8.0, 8), (2, 7, 8.0, 7), (3, 6, 10.0, 1)]);
        assert_eq!(ids(same_hash(&rows, -1.0)), [[1, 2]]);
        assert_eq!(ids(same_hash(&rows, 2.0)), [[1, 2]]);
        assert!(same_hash(&rows, 1.0).is_empty());
    }

    #[test]
    fn near_hashes_connect_scenes_over_others() {
        let rows = files(&[
            (1, 0b000, 10.0, 9),
            (2, 0b001, 11.0, 8),
            (3, 0b011, 0.0, 7),
            (4, 0xFF00, 1.0, 1),
        ]);
        assert_eq!(ids(alike(&rows, 1, -1.0)), [[1, 2, 3]]);
        // A length that is not known is no difference.
        assert_eq!(ids(alike(&rows, 1, 0.5)), [[2, 3]]);
        assert_eq!(ids(alike(&rows, 2, 0.5)), [[1, 3, 2]]);
    }
}
