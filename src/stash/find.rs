//! Lists: totals over all matches, their order, and one page of them.

mod files;
mod keys;
mod markers;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

pub(super) use files::order_by_key;
pub(super) use markers::{page_of_markers, shuffle};
use roaring::RoaringBitmap;

use super::filter::{Found, Kind};
use super::scope::{Scope, parse_id};
use crate::graphql::{FieldError, Map};
use crate::library::entities::EntityCard;
use crate::library::objects::{Column, Flag, NameSort, ObjectFacts};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::model::natural::{natural_key, natural_order};

/// Objects of one page where the client names no number.
const PER_PAGE: usize = 25;

/// What of a list is wanted, and in which order.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) sort: String,
    pub(super) is_named: bool,
    pub(super) descending: bool,
    /// The groups that a list is of, for orders inside them.
    pub(super) groups: Vec<TagId>,
    from: usize,
    until: usize,
}

impl Window {
    /// Reads the `FindFilterType` of a list.
    pub(super) fn read(filter: Option<&Map>) -> Window {
        let empty = Map::new();
        let filter = filter.unwrap_or(&empty);
        let per_page = match filter.int("per_page") {
            None => PER_PAGE,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let page = filter.int("page").unwrap_or(1).max(1);
        let skipped = usize::try_from(page - 1).unwrap_or(usize::MAX);
        let from = if per_page == usize::MAX { 0 } else { skipped.saturating_mul(per_page) };
        Window {
            sort: filter.str("sort").unwrap_or_default().to_owned(),
            is_named: filter.str("sort").is_some(),
            descending: filter.str("direction") == Some("DESC"),
            groups: Vec::new(),
            from,
            until: from.saturating_add(per_page),
        }
    }

    /// The window on a list of which a filter names the groups.
    pub(super) fn of_groups(
        self,
        filter: Option<&Map>,
        names: &[&str],
    ) -> Result<Window, FieldError> {
        let criteria = names.iter().filter_map(|name| filter?.map(name));
        let ids = criteria.flat_map(|criterion| criterion.strs("value").unwrap_or_default());
        let groups = super::scope::parse_tags(&ids.collect::<Vec<_>>(), "ids")?;
        Ok(Window { groups, ..self })
    }

    /// The page of a list in order.
    pub(super) fn page<T>(&self, mut list: Vec<T>) -> Vec<T> {
        let until = self.until.min(list.len());
        list.truncate(until);
        list.drain(..self.from.min(until));
        list
    }

    /// The page of a list that is still to be ordered; orders no more than it must.
    fn ordered_page<T>(&self, mut list: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
        let until = self.until.min(list.len());
        if until == 0 {
            return Vec::new();
        }
        if until < list.len() {
            list.select_nth_unstable_by(until - 1, &order);
            list.truncate(until);
        }
        list.sort_unstable_by(&order);
        self.page(list)
    }
}

/// The words of a search.
pub(super) fn words(filter: Option<&Map>) -> Option<&str> {
    filter.and_then(|filter| filter.str("q")).filter(|words| !words.trim().is_empty())
}

/// The seed of a random order.
fn seed(sort: &str) -> Result<Option<u64>, FieldError> {
    if sort == "random" {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(FieldError::new)?;
        return Ok(Some(u64::from_le_bytes(bytes)));
    }
    let Some(text) = sort.strip_prefix("random_") else { return Ok(None) };
    let seed = text.parse().map_err(|_| FieldError::new(format!("invalid random seed: {text}")))?;
    Ok(Some(seed))
}

/// Where a seed puts an id.
fn random_place(id: u32, seed: u64) -> i64 {
    let sum = u128::from(id) + u128::from(seed % 100_000_000);
    i64::try_from((sum * sum * 52_959_209 + sum * 1_047_483_763) % 2_147_483_647).unwrap_or(0)
}

/// What items are ordered by, each with its id.
enum Rows {
    /// Numbers; nothing comes first.
    Numbers(Vec<(f64, u32)>),
    /// Texts as keys of the natural order.
    Texts(Vec<(Vec<u8>, u32)>),
}

impl Rows {
    fn numbers(
        found: &RoaringBitmap,
        mut key: impl FnMut(ItemId) -> Result<Option<f64>, FieldError>,
    ) -> Result<Rows, FieldError> {
        let mut rows = Vec::new();
        for id in found {
            rows.push((key(ItemId(id))?.unwrap_or(f64::NEG_INFINITY), id));
        }
        Ok(Rows::Numbers(rows))
    }

    fn texts(
        found: &RoaringBitmap,
        mut key: impl FnMut(ItemId) -> Result<String, FieldError>,
    ) -> Result<Rows, FieldError> {
        let mut rows = Vec::new();
        for id in found {
            rows.push((natural_key(&key(ItemId(id))?), id));
        }
        Ok(Rows::Texts(rows))
    }
}

/// One page of some items, in the order that a window asks for.
pub(super) fn page_of_items(
    scope: &Rc<Scope>,
    kind: Kind,
    found: &RoaringBitmap,
    window: &Window,
) -> Result<Vec<ItemId>, FieldError> {
    let sort = window.sort.as_str();
    if sort.is_empty() || sort == "id" {
        return Ok(by_id(found, window));
    }
    let turned = |order: Ordering| if window.descending { order.reverse() } else { order };
    if let Some(seed) = seed(sort)? {
        let rows = found.iter().map(|id| (random_place(id, seed), id)).collect();
        let page = window.ordered_page(rows, |a: &(i64, u32), b| turned(a.cmp(b)));
        return Ok(page.into_iter().map(|(_, id)| ItemId(id)).collect());
    }
    // Read before the facts are locked below: a key may need them as well.
    let rows = rows_of(scope, kind, window, found)?;
    // Equals are told apart by title, or id where there is none, whichever the direction.
    let facts = scope.view.facts()?;
    let name = |id: u32| match facts.get(ItemId(id)).map(|facts| &*facts.title) {
        Some(title) if !title.is_empty() => Some(title),
        _ => None,
    };
    let tie = |a: u32, b: u32| match (name(a), name(b)) {
        (None, None) => a.cmp(&b),
        (a_title, b_title) => {
            let text = |title: Option<&str>, id: u32| title.map_or(id.to_string(), str::to_owned);
            natural_order(&text(a_title, a), &text(b_title, b)).then(a.cmp(&b))
        }
    };
    Ok(match rows {
        Rows::Numbers(rows) => {
            let order = |a: &(f64, u32), b: &(f64, u32)| {
                turned(a.0.total_cmp(&b.0)).then_with(|| tie(a.1, b.1))
            };
            window.ordered_page(rows, order).into_iter().map(|(_, id)| ItemId(id)).collect()
        }
        Rows::Texts(rows) => {
            let order = |a: &(Vec<u8>, u32), b: &(Vec<u8>, u32)| {
                turned(a.0.cmp(&b.0)).then_with(|| tie(a.1, b.1))
            };
            window.ordered_page(rows, order).into_iter().map(|(_, id)| ItemId(id)).collect()
        }
    })
}

fn by_id(found: &RoaringBitmap, window: &Window) -> Vec<ItemId> {
    let total = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let until = window.until.min(total);
    let take = until.saturating_sub(window.from);
    if window.descending {
        return found.iter().rev().skip(window.from).take(take).map(ItemId).collect();
    }
    let from = u32::try_from(window.from).ok().and_then(|from| found.select(from));
    let Some(from) = from.filter(|_| take > 0) else { return Vec::new() };
    found.range(from..).take(take).map(ItemId).collect()
}

/// The keys of some items for a sort.
fn rows_of(
    scope: &Rc<Scope>,
    kind: Kind,
    window: &Window,
    found: &RoaringBitmap,
) -> Result<Rows, FieldError> {
    let view = &scope.view;
    let sort = window.sort.as_str();
    let column = |column: Column| {
        let values = view.column(column)?;
        Rows::numbers(found, |id| Ok(values.value(id).map(|value| value as f64)))
    };
    let is_scene = kind == Kind::Scene;
    match sort {
        "created_at" => column(Column::CreatedMs),
        "updated_at" => column(Column::UpdatedMs),
        "duration" if is_scene => column(Column::DurationMs),
        "filesize" => column(Column::SizeBytes),
        "file_mod_time" => column(Column::ModifiedMs),
        "resolution" => {
            let (widths, heights) = (view.column(Column::Width)?, view.column(Column::Height)?);
            let side = |id| Some(widths.value(id)?.min(heights.value(id)?) as f64);
            Rows::numbers(found, |id| Ok(side(id)))
        }
        "tag_count" => counts(scope, EntityKind::Tag, found),
        "performer_count" => counts(scope, EntityKind::Performer, found),
        "file_count" => Rows::numbers(found, |id| {
            let Some(item) = view.object(id)? else { return Ok(None) };
            Ok(Some(view.object_files(id, &Arc::new(item))?.len() as f64))
        }),
        "organized" if is_scene => {
            let inbox = view.inbox()?;
            Rows::numbers(found, |id| Ok(Some(f64::from(!inbox.contains(id.0)))))
        }
        "interactive" if is_scene => Rows::numbers(found, |id| {
            let Some(item) = view.object(id)?.map(Arc::new) else { return Ok(None) };
            let file = view.object_files(id, &item)?.into_iter().next();
            let script = file.and_then(|file| super::file::funscript(&file.path));
            Ok(Some(f64::from(u8::from(script.is_some()))))
        }),
        // The speed of a script is not measured.
        "interactive_speed" if is_scene => Rows::numbers(found, |_| Ok(None)),
        "group_scene_number" | "movie_scene_number" if is_scene => {
            keys::group_indexes(scope, found, window)
        }
        "perceptual_similarity" if is_scene => keys::similarities(scope, found, window),
        "performer_age" if is_scene => keys::ages(scope, found, window),
        "title" | "path" => {
            let by = if sort == "title" { NameSort::Title } else { NameSort::Path };
            let ranks = view.name_ranks(by)?;
            Rows::numbers(found, |id| Ok(Some(f64::from(ranks.rank(id)))))
        }
        "studio" if is_scene => by_studio(scope, found),
        _ => rows_of_facts(scope, is_scene, sort, found),
    }
}

/// The names of studios: of each scene the one that a person chose, else the one of the lowest id.
fn by_studio(scope: &Rc<Scope>, found: &RoaringBitmap) -> Result<Rows, FieldError> {
    let catalogue = scope.view.catalogue(&scope.entities)?;
    let stateful = scope.view.flagged(Flag::HasObjectState)?;
    let mut names: HashMap<TagId, Vec<u8>> = HashMap::new();
    let mut rows = Vec::new();
    for id in found {
        let mut studios = scope.view.item_entities(&scope.entities, ItemId(id))?;
        studios.retain(|tag| catalogue.has(EntityKind::Studio, *tag));
        let chosen = match stateful.contains(id) && studios.len() > 1 {
            true => scope.view.object(ItemId(id))?.and_then(|item| item.object?.studio),
            false => None,
        };
        let studio = chosen.filter(|chosen| studios.contains(chosen)).or(studios.first().copied());
        let name = match studio {
            None => Vec::new(),
            Some(studio) => match names.get(&studio) {
                Some(name) => name.clone(),
                None => {
                    let card = scope.card(studio)?;
                    let name = card.map_or(Vec::new(), |card| natural_key(&card.entity.name));
                    names.entry(studio).or_insert(name).clone()
                }
            },
        };
        rows.push((name, id));
    }
    Ok(Rows::Texts(rows))
}

/// The keys that are facts.
fn rows_of_facts(
    scope: &Rc<Scope>,
    is_scene: bool,
    sort: &str,
    found: &RoaringBitmap,
) -> Result<Rows, FieldError> {
    let facts = scope.view.facts()?;
    let nothing = ObjectFacts::default();
    let of: fn(&ObjectFacts) -> Option<f64> = match sort {
        "date" => {
            return Rows::texts(found, |id| {
                let date = facts.get(id).and_then(|facts| facts.date.as_deref());
                Ok(date.map_or(String::new(), super::filter::criteria::first_day))
            });
        }
        "code" if is_scene => {
            return Rows::texts(found, |id| {
                Ok(facts.get(id).map_or(String::new(), |facts| facts.code.to_string()))
            });
        }
        "rating" => |facts| facts.rating100.map(f64::from),
        "o_counter" => |facts| Some(facts.counter as f64),
        "last_o_at" if is_scene => |facts| facts.last_counted_ms.map(|ms| ms as f64),
        "last_played_at" if is_scene => |facts| facts.last_played_ms.map(|ms| ms as f64),
        "play_count" if is_scene => |facts| Some(facts.plays as f64),
        "play_duration" if is_scene => |facts| Some(facts.play_duration_ms as f64),
        "resume_time" if is_scene => |facts| Some(facts.resume_ms as f64),
        "framerate" if is_scene => |facts| Some(facts.frame_rate),
        "bitrate" if is_scene => |facts| Some(facts.bit_rate as f64),
        _ => return Err(FieldError::new(format!("invalid sort: {sort}"))),
    };
    Rows::numbers(found, |id| Ok(of(facts.get(id).unwrap_or(&nothing))))
}

fn counts(scope: &Rc<Scope>, kind: EntityKind, found: &RoaringBitmap) -> Result<Rows, FieldError> {
    Rows::numbers(found, |id| {
        let mut count = 0_u32;
        for tag in scope.view.item_entities(&scope.entities, id)? {
            count += u32::from(scope.view.entity_kind(&scope.entities, tag)? == kind);
        }
        Ok(Some(f64::from(count)))
    })
}

/// One page of some entities, in the order that a window asks for.
pub(super) fn page_of_entities(
    scope: &Rc<Scope>,
    found: Found,
    window: &Window,
) -> Result<Vec<EntityCard>, FieldError> {
    let sort = if window.is_named { window.sort.as_str() } else { "name" };
    if sort == "name" {
        // The catalogue is in that order already, but for sort names that performers lack.
        return match found {
            Found::All(catalogue, kind) => {
                let mut page = catalogue.of_kind(kind).to_vec();
                if window.descending {
                    page.reverse();
                }
                let cards = window.page(page).into_iter();
                cards.filter_map(|id| scope.listed(&catalogue, id).transpose()).collect()
            }
            Found::These(mut cards) => {
                if window.descending {
                    cards.reverse();
                }
                Ok(window.page(cards))
            }
        };
    }
    let turned = |order: Ordering| if window.descending { order.reverse() } else { order };
    let mut rows: Vec<((f64, Vec<u8>), EntityCard)> = Vec::new();
    let seed = seed(sort)?;
    let marked = match sort {
        "scene_markers_count" => keys::markers_by_tag(scope)?,
        _ => HashMap::new(),
    };
    for card in found.cards(scope)? {
        let text = keys::text_of(&card, sort);
        let number = match seed {
            Some(seed) => Some(random_place(card.id.0, seed) as f64),
            None if text.is_some() => None,
            None if sort == "scene_markers_count" && card.kind == EntityKind::Tag => {
                Some(f64::from(marked.get(&card.id).copied().unwrap_or(0)))
            }
            None => entity_key(scope, &card, window)?,
        };
        let text = text.map_or(Vec::new(), |text| natural_key(&text));
        rows.push(((number.unwrap_or(f64::NEG_INFINITY), text), card));
    }
    let by_key =
        |a: &(f64, Vec<u8>), b: &(f64, Vec<u8>)| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1));
    let tie = |a: &EntityCard, b: &EntityCard| {
        natural_order(a.sort_name(), b.sort_name()).then(a.id.cmp(&b.id))
    };
    let page =
        window.ordered_page(rows, |a, b| turned(by_key(&a.0, &b.0)).then_with(|| tie(&a.1, &b.1)));
    Ok(page.into_iter().map(|(_, card)| card).collect())
}

fn entity_key(
    scope: &Rc<Scope>,
    card: &EntityCard,
    window: &Window,
) -> Result<Option<f64>, FieldError> {
    let sort = window.sort.as_str();
    let bearers = || scope.bearers(card.id, None);
    let tagged = |kind: EntityKind| -> Result<f64, FieldError> {
        let catalogue = scope.view.catalogue(&scope.entities)?;
        let tagged = catalogue.tagged_with(card.id).iter();
        Ok(tagged.filter(|(other, _)| *other == kind).count() as f64)
    };
    let digits = |name: &str| {
        let date = card.detail(name)?.as_str()?.replace('-', "");
        format!("{date:0<8}").parse::<f64>().ok()
    };
    Ok(match sort {
        "id" => Some(f64::from(card.id.0)),
        "created_at" => Some(card.entity.created_ms as f64),
        "updated_at" => Some(card.entity.updated_ms as f64),
        "rating" => card.entity.rating100.map(f64::from),
        "scenes_count" => Some(bearers()?.intersection_len(scope.scenes()?) as f64),
        "images_count" => Some(bearers()?.intersection_len(scope.images()?) as f64),
        "galleries_count" => Some(0.0),
        "scenes_duration" => {
            let scenes = bearers()? & scope.scenes()?;
            Some(super::status::sum(&scope.view, Column::DurationMs, &scenes)?)
        }
        "performers_count" => Some(tagged(EntityKind::Performer)?),
        "studios_count" => Some(tagged(EntityKind::Studio)?),
        "groups_count" | "movies_count" => Some(tagged(EntityKind::Group)?),
        "tag_count" => Some(card.own_tags().len() as f64),
        "child_count" => Some(scope.view.entity_children(&scope.entities, card.id)?.len() as f64),
        "o_counter" => Some(super::performer::counted(scope, &bearers()?)? as f64),
        "birthdate" => digits("birthdate"),
        "date" if card.kind == EntityKind::Group => digits("date"),
        "duration" if card.kind == EntityKind::Group => {
            card.detail("duration").and_then(|value| value.as_f64())
        }
        "sub_group_order" if card.kind == EntityKind::Group => {
            let containing = window.groups.first().map(|id| scope.card(*id)).transpose()?.flatten();
            let place = containing.and_then(|all| super::group::place_in(&all, card.id));
            place.map(|place| place as f64)
        }
        "height" => card.detail("height_cm").and_then(|value| value.as_f64()),
        "weight" | "penis_length" => card.detail(sort).and_then(|value| value.as_f64()),
        "play_count" | "last_played_at" | "last_o_at" => {
            let facts = scope.view.facts()?;
            let found = bearers()?;
            let found = found.iter().filter_map(|id| facts.get(ItemId(id)));
            match sort {
                "play_count" => Some(found.map(|facts| facts.plays).sum::<u64>() as f64),
                "last_played_at" => {
                    found.filter_map(|f| f.last_played_ms).max().map(|ms| ms as f64)
                }
                _ => found.filter_map(|f| f.last_counted_ms).max().map(|ms| ms as f64),
            }
        }
        _ => return Err(FieldError::new(format!("invalid sort: {sort}"))),
    })
}

/// The ids that a list names outright: `ids`, or the numbers of older clients. Each must be there,
/// once.
pub(super) fn named_ids(
    arguments: &Map,
    legacy: &str,
    what: &str,
    is_there: impl Fn(u32) -> Result<bool, FieldError>,
) -> Result<Option<Vec<u32>>, FieldError> {
    let mut ids = Vec::new();
    match arguments.strs("ids").filter(|ids| !ids.is_empty()) {
        Some(texts) => {
            for text in texts {
                ids.push(parse_id(text, "ids")?);
            }
        }
        None => {
            let numbers = arguments.list(legacy).unwrap_or_default();
            let number = |id: i64| u32::try_from(id).unwrap_or(u32::MAX);
            ids.extend(numbers.iter().filter_map(|id| id.as_int()).map(number));
        }
    }
    if ids.is_empty() {
        return Ok(None);
    }
    let mut seen = std::collections::BTreeSet::new();
    for id in &ids {
        if !seen.insert(*id) {
            return Err(FieldError::new(format!("validating ids: duplicate id found: {id}")));
        }
        if !is_there(*id)? {
            return Err(FieldError::new(format!("{what} with id {id} not found")));
        }
    }
    Ok(Some(ids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::Value;

    fn window(json: serde_json::Value) -> Window {
        let value = Value::from_json(&json);
        Window::read(value.as_map())
    }

    #[test]
    fn pages_are_counted_from_one() {
        let check = |json, expected: &[u32]| {
            let list: Vec<u32> = (0..60).collect();
            assert_eq!(window(json).page(list), expected);
        };
        let first: Vec<u32> = (0..25).collect();
        check(serde_json::json!({}), &first);
        check(serde_json::json!({"page": 0, "per_page": 2}), &[0, 1]);
        check(serde_json::json!({"page": 3, "per_page": 2}), &[4, 5]);
        check(serde_json::json!({"page": 31, "per_page": 2}), &[]);
        check(serde_json::json!({"per_page": 0}), &[]);
        let all: Vec<u32> = (0..60).collect();
        check(serde_json::json!({"per_page": -1, "page": 5}), &all);
    }

    #[test]
    fn a_page_in_order_equals_the_page_of_the_whole_order() {
        let list: Vec<u32> = (0..500).map(|n| (n * 7919) % 503).collect();
        let mut sorted = list.clone();
        sorted.sort_unstable();
        for (page, per_page) in [(1, 10), (7, 13), (50, 10), (51, 10), (1, -1), (1, 0)] {
            let window = window(serde_json::json!({"page": page, "per_page": per_page}));
            let expected = window.page(sorted.clone());
            assert_eq!(window.ordered_page(list.clone(), u32::cmp), expected, "{page} {per_page}");
        }
    }

    #[test]
    fn ids_are_paged_both_ways() {
        let found: RoaringBitmap = (1..=10).collect();
        let check = |json, expected: &[u32]| {
            let page = by_id(&found, &window(json));
            assert_eq!(page, expected.iter().copied().map(ItemId).collect::<Vec<_>>());
        };
        check(serde_json::json!({"page": 2, "per_page": 3}), &[4, 5, 6]);
        check(serde_json::json!({"page": 2, "per_page": 3, "direction": "DESC"}), &[7, 6, 5]);
        check(serde_json::json!({"page": 9, "per_page": 3}), &[]);
    }

    #[test]
    fn a_seed_makes_a_stable_order() {
        assert_eq!(seed("random_17").unwrap(), Some(17));
        assert!(seed("random_x").is_err());
        assert_eq!(random_place(3, 17), random_place(3, 100_000_017));
    }
}
