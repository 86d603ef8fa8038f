//! The criteria of scenes and images, by where their answer is: in sets, in memory, in records.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::criteria::{DateTest, NumberTest, StringTest, object, resolution_span};
use crate::graphql::{FieldError, Value};
use crate::library::objects::{Column, Flag, ObjectFacts, TextField};
use crate::model::entity::EntityKind;
use crate::model::hash::to_hex;
use crate::model::ids::ItemId;
use crate::model::item::Item;
use crate::model::media::MediaInfo;
use crate::stash::file;
use crate::stash::scope::Scope;

/// Where a criterion is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// By sets of items.
    Set,
    /// By columns and facts in memory.
    Memory,
    /// By a filter of another type.
    Related,
    /// By a look at each record.
    Record,
    /// Nowhere yet.
    Nowhere,
}

/// Where a criterion is answered.
pub(super) fn place(name: &str) -> Place {
    match name {
        "tags" | "performers" | "studios" | "groups" | "movies" | "organized"
        | "performer_favorite" | "performer_tags" | "oshash" | "checksum" | "has_markers"
        | "galleries" | "phash" | "phash_distance" | "duplicated" => Place::Set,
        "id" | "rating100" | "rating" | "o_counter" | "resolution" | "orientation" | "duration"
        | "framerate" | "bitrate" | "resume_time" | "play_duration" | "play_count"
        | "last_played_at" | "date" | "created_at" | "updated_at" | "tag_count"
        | "performer_count" | "title" | "code" | "is_missing" | "interactive_speed" => {
            Place::Memory
        }
        "tags_filter" | "performers_filter" | "studios_filter" | "groups_filter"
        | "movies_filter" | "markers_filter" | "galleries_filter" => Place::Related,
        "details" | "director" | "photographer" | "path" | "url" | "file_count" | "video_codec"
        | "audio_codec" | "captions" | "stash_id_endpoint" | "stash_id" | "files_filter"
        | "performer_age" | "interactive" => Place::Record,
        _ => Place::Nowhere,
    }
}

/// Cheap ones first.
pub(super) fn cost(name: &str) -> Place {
    place(name)
}

/// Of some items those that a test keeps.
pub(super) fn keep(
    within: RoaringBitmap,
    mut test: impl FnMut(ItemId) -> Result<bool, FieldError>,
) -> Result<RoaringBitmap, FieldError> {
    let mut found = RoaringBitmap::new();
    for id in within {
        if test(ItemId(id))? {
            found.insert(id);
        }
    }
    Ok(found)
}

/// Criteria on columns and facts.
pub(super) fn by_memory(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    within: RoaringBitmap,
) -> Result<RoaringBitmap, FieldError> {
    let view = &scope.view;
    match name {
        "id" => {
            let test = NumberTest::read(name, value)?;
            keep(within, |id| Ok(test.matches(Some(f64::from(id.0)))))
        }
        "resolution" | "orientation" => by_shape(scope, name, value, within),
        "duration" => {
            let test = NumberTest::read(name, value)?;
            let durations = view.column(Column::DurationMs)?;
            let seconds = |ms: i64| ms.div_euclid(1000) as f64;
            keep(within, |id| Ok(test.matches(durations.value(id).map(seconds))))
        }
        "created_at" | "updated_at" => {
            let test = NumberTest::read_time(name, value)?;
            let is_created = name == "created_at";
            let column = if is_created { Column::CreatedMs } else { Column::UpdatedMs };
            let times = view.column(column)?;
            keep(within, |id| Ok(test.matches_time(times.value(id))))
        }
        "tag_count" | "performer_count" => {
            let test = NumberTest::read(name, value)?;
            let is_tag = name == "tag_count";
            let kind = if is_tag { EntityKind::Tag } else { EntityKind::Performer };
            let counts = EntityCounts::new(scope, kind)?;
            keep(within, |id| Ok(test.matches(Some(counts.of(id)? as f64))))
        }
        "is_missing" => missing(scope, value.as_str().unwrap_or_default(), within),
        _ => by_facts(scope, name, value, within),
    }
}

fn by_shape(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    within: RoaringBitmap,
) -> Result<RoaringBitmap, FieldError> {
    let criterion = object(name, value)?;
    let widths = scope.view.column(Column::Width)?;
    let heights = scope.view.column(Column::Height)?;
    let size = |id| Some((widths.value(id)?, heights.value(id)?));
    if name == "orientation" {
        let wanted = criterion.strs("value").unwrap_or_default();
        if wanted.is_empty() {
            return Ok(within);
        }
        return keep(within, |id| {
            let Some((width, height)) = size(id) else { return Ok(false) };
            let shape = match width.cmp(&height) {
                std::cmp::Ordering::Greater => "LANDSCAPE",
                std::cmp::Ordering::Less => "PORTRAIT",
                std::cmp::Ordering::Equal => "SQUARE",
            };
            Ok(wanted.contains(&shape))
        });
    }
    let Some((low, high)) = resolution_span(criterion.str("value").unwrap_or_default()) else {
        return Ok(within);
    };
    let modifier = criterion.str("modifier").unwrap_or("EQUALS");
    keep(within, |id| {
        let Some((width, height)) = size(id) else { return Ok(false) };
        let side = width.min(height);
        Ok(match modifier {
            "EQUALS" => (low..=high).contains(&side),
            "NOT_EQUALS" => !(low..=high).contains(&side),
            "LESS_THAN" => side < low,
            "GREATER_THAN" => side > high,
            _ => true,
        })
    })
}

/// A test over the facts of one object.
enum FactTest {
    Number(NumberTest, fn(&ObjectFacts) -> Option<f64>),
    Time(NumberTest, fn(&ObjectFacts) -> Option<i64>),
    Date(DateTest),
    Text(StringTest, fn(&ObjectFacts) -> &str),
}

fn by_facts(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    within: RoaringBitmap,
) -> Result<RoaringBitmap, FieldError> {
    let number = |of| Ok::<_, FieldError>(FactTest::Number(NumberTest::read(name, value)?, of));
    let test = match name {
        "rating100" => number(|facts| facts.rating100.map(f64::from))?,
        "rating" => {
            let test = NumberTest::read(name, value)?.stars();
            FactTest::Number(test, |facts| facts.rating100.map(f64::from))
        }
        "o_counter" => number(|facts| Some(facts.counter as f64))?,
        "framerate" => number(|facts| Some(facts.frame_rate.round()))?,
        "bitrate" => number(|facts| Some(facts.bit_rate as f64))?,
        "resume_time" => number(|facts| Some((facts.resume_ms / 1000) as f64))?,
        "play_duration" => number(|facts| Some((facts.play_duration_ms / 1000) as f64))?,
        "play_count" => number(|facts| Some(facts.plays as f64))?,
        "interactive_speed" => number(|_| None)?,
        "last_played_at" => {
            let test = NumberTest::read_time(name, value)?;
            FactTest::Time(test, |facts| Some(facts.last_played_ms.unwrap_or(0)))
        }
        "date" => FactTest::Date(DateTest::read(name, value)?),
        "title" => FactTest::Text(StringTest::read(name, value)?, |facts| &facts.title),
        "code" => FactTest::Text(StringTest::read(name, value)?, |facts| &facts.code),
        _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
    };
    let facts = scope.view.facts()?;
    let nothing = ObjectFacts::default();
    keep(within, |id| {
        let facts = facts.get(id).unwrap_or(&nothing);
        Ok(match &test {
            FactTest::Number(test, of) => test.matches(of(facts)),
            FactTest::Time(test, of) => test.matches_time(of(facts)),
            FactTest::Date(test) => test.matches(facts.date.as_deref()),
            FactTest::Text(test, of) => test.matches(of(facts)),
        })
    })
}

/// How many entities of a kind an item shows, from sets where they suffice.
pub(super) struct EntityCounts<'s> {
    scope: &'s Scope,
    kind: EntityKind,
    with_any: RoaringBitmap,
}

impl<'s> EntityCounts<'s> {
    /// Counts of a kind.
    pub(super) fn new(scope: &'s Scope, kind: EntityKind) -> Result<EntityCounts<'s>, FieldError> {
        let with_any = scope.view.items_with_kind(&scope.entities, kind)?;
        Ok(EntityCounts { scope, kind, with_any })
    }

    /// The count of one item.
    pub(super) fn of(&self, id: ItemId) -> Result<usize, FieldError> {
        if !self.with_any.contains(id.0) {
            return Ok(0);
        }
        let mut count = 0;
        for tag in self.scope.view.item_entities(&self.scope.entities, id)? {
            let is_kind = self.scope.view.entity_kind(&self.scope.entities, tag)? == self.kind;
            count += usize::from(is_kind);
        }
        Ok(count)
    }
}

/// Items without something.
fn missing(
    scope: &Rc<Scope>,
    what: &str,
    within: RoaringBitmap,
) -> Result<RoaringBitmap, FieldError> {
    let view = &scope.view;
    let entities = |kind| view.items_with_kind(&scope.entities, kind);
    Ok(match what {
        "" => within,
        "url" => within - view.flagged(Flag::HasUrls)?,
        "tags" => within - entities(EntityKind::Tag)?,
        "performers" => within - entities(EntityKind::Performer)?,
        "studio" => within - entities(EntityKind::Studio)?,
        "movie" | "group" => within - entities(EntityKind::Group)?,
        // Nothing is in a gallery.
        "galleries" => within,
        "phash" => within - view.with_video_hash()?,
        "stash_id" | "cover" => {
            let stateful = view.flagged(Flag::HasObjectState)?;
            keep(within, |id| {
                let item = if stateful.contains(id.0) { view.object(id)? } else { None };
                let object = item.and_then(|item| item.object);
                Ok(object.is_none_or(|object| {
                    if what == "cover" {
                        object.cover.is_none()
                    } else {
                        object.stash_ids.is_empty()
                    }
                }))
            })?
        }
        "title" | "code" | "date" | "rating" | "rating100" => {
            let facts = view.facts()?;
            keep(within, |id| {
                Ok(facts.get(id).is_none_or(|facts| match what {
                    "title" => facts.title.trim().is_empty(),
                    "code" => facts.code.trim().is_empty(),
                    "date" => facts.date.is_none(),
                    _ => facts.rating100.is_none(),
                }))
            })?
        }
        "details" | "director" | "photographer" => {
            let noted = view.flagged(Flag::HasNotes)?;
            keep(within, |id| {
                let item = if noted.contains(id.0) { view.object(id)? } else { None };
                Ok(item.is_none_or(|item| item.note(what).is_none_or(|t| t.trim().is_empty())))
            })?
        }
        other => return Err(FieldError::new(format!("invalid is_missing value: {other}"))),
    })
}

/// The items that can have the text at all, and whether those without it pass.
pub(super) fn candidates(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
) -> Result<Option<(RoaringBitmap, bool)>, FieldError> {
    if let Some(narrowed) = by_index(scope, name, value)? {
        return Ok(Some((narrowed, false)));
    }
    let flag = match name {
        "details" | "director" | "photographer" => Flag::HasNotes,
        "url" => Flag::HasUrls,
        "stash_id" | "stash_id_endpoint" => Flag::HasObjectState,
        _ => return Ok(None),
    };
    let passes = match RecordTest::read(name, value)? {
        RecordTest::Note(_, test) => test.takes_nothing(),
        RecordTest::Urls(test) | RecordTest::StashIds(test, _) => test.matches_list([]),
        _ => return Ok(None),
    };
    Ok(Some((scope.view.flagged(flag)?, passes)))
}

/// What the text index leaves of a criterion that wants some words.
fn by_index(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
) -> Result<Option<RoaringBitmap>, FieldError> {
    let field = match name {
        "details" => TextField::Details,
        "path" => TextField::Path,
        "url" => TextField::Url,
        _ => return Ok(None),
    };
    let criterion = object(name, value)?;
    let text = criterion.str("value").unwrap_or_default().trim();
    if text.contains(['%', '_', '"']) {
        return Ok(None);
    }
    let words: Vec<&str> = match criterion.str("modifier").unwrap_or("EQUALS") {
        "INCLUDES" => text.split_whitespace().collect(),
        "EQUALS" => vec![text],
        _ => return Ok(None),
    };
    let mut found = RoaringBitmap::new();
    for word in words {
        match scope.view.text_candidates(&[field], word)? {
            Some(candidates) => found |= candidates,
            None => return Ok(None),
        }
    }
    if field == TextField::Path {
        // The paths of managed blobs are not in the index.
        found |= scope.view.managed()?;
    }
    Ok(Some(found))
}

/// A test that needs a record.
pub(super) enum RecordTest {
    Note(&'static str, StringTest),
    Urls(StringTest),
    Path(StringTest),
    Files(NumberTest),
    Codec(bool, StringTest),
    Hash(bool, StringTest),
    Captions(StringTest),
    /// Whether there is a script for devices beside the primary file.
    Interactive(bool),
    /// Years of any performer on the day of the object.
    Age(NumberTest),
    /// On the ids, of that endpoint where one is named.
    StashIds(StringTest, Option<String>),
}

impl RecordTest {
    /// The test of a criterion.
    pub(super) fn read(name: &str, value: &Value) -> Result<RecordTest, FieldError> {
        let text = || StringTest::read(name, value);
        Ok(match name {
            "details" => RecordTest::Note("details", text()?),
            "director" => RecordTest::Note("director", text()?),
            "photographer" => RecordTest::Note("photographer", text()?),
            "url" => RecordTest::Urls(text()?),
            "path" => RecordTest::Path(text()?),
            "file_count" => RecordTest::Files(NumberTest::read(name, value)?),
            "video_codec" | "audio_codec" => RecordTest::Codec(name == "video_codec", text()?),
            "oshash" | "checksum" => RecordTest::Hash(name == "oshash", text()?),
            "captions" => RecordTest::Captions(text()?),
            "interactive" => RecordTest::Interactive(value.as_bool().unwrap_or(false)),
            "performer_age" => RecordTest::Age(NumberTest::read(name, value)?),
            "stash_id" => RecordTest::StashIds(text()?, None),
            "stash_id_endpoint" => {
                let criterion = object(name, value)?;
                let mut renamed = crate::graphql::Map::new();
                if let Some(modifier) = criterion.get("modifier") {
                    renamed.insert("modifier", modifier.clone());
                }
                if let Some(id) = criterion.given("stash_id") {
                    renamed.insert("value", id.clone());
                }
                let test = StringTest::read(name, &Value::Object(renamed))?;
                let endpoint = criterion.str("endpoint").filter(|text| !text.is_empty());
                RecordTest::StashIds(test, endpoint.map(str::to_owned))
            }
            _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
        })
    }

    /// Whether an object passes.
    pub(super) fn matches(
        &self,
        scope: &Scope,
        id: ItemId,
        item: &Arc<Item>,
    ) -> Result<bool, FieldError> {
        Ok(match self {
            RecordTest::Note(name, test) => test.matches(item.note(name).unwrap_or_default()),
            RecordTest::Urls(test) => test.matches_list(item.urls.iter().map(String::as_str)),
            RecordTest::Path(test) => {
                let files = scope.view.object_files(id, item)?;
                let mut paths = files.iter().map(|found| file::text(&found.path)).peekable();
                if paths.peek().is_none() {
                    return Ok(test.takes_nothing());
                }
                paths.any(|path| test.matches(&path))
            }
            RecordTest::Files(test) => {
                test.matches(Some(scope.view.object_files(id, item)?.len() as f64))
            }
            RecordTest::Codec(is_video, test) => any_media(scope, id, item, |media| {
                let codec = |m: &MediaInfo| match is_video {
                    true => test.matches(&m.video_codec),
                    false => test.matches(&m.audio_codec),
                };
                media.map_or_else(|| test.takes_nothing(), codec)
            })?,
            RecordTest::Hash(is_oshash, test) => any_media(scope, id, item, |media| {
                let hash = media.and_then(|media| match is_oshash {
                    true => media.oshash.map(|hash| format!("{hash:016x}")),
                    false => Some(to_hex(&media.md5)),
                });
                test.matches(&hash.unwrap_or_default())
            })?,
            RecordTest::Captions(test) => {
                let files = scope.view.object_files(id, item)?;
                let captions = files.iter().flat_map(|found| file::Caption::beside(&found.path));
                let codes: BTreeSet<String> =
                    captions.map(|caption| caption.language().to_owned()).collect();
                test.matches_list(codes.iter().map(String::as_str))
            }
            RecordTest::Interactive(wanted) => {
                let files = scope.view.object_files(id, item)?;
                let script = files.first().and_then(|found| file::funscript(&found.path));
                script.is_some() == *wanted
            }
            RecordTest::Age(test) => {
                let day = item.object.as_ref().and_then(|object| object.date.as_deref());
                let Some(day) = day.map(super::criteria::first_day) else { return Ok(false) };
                let tags = scope.view.item_entities(&scope.entities, id)?;
                let performers = scope.cards_of(tags, EntityKind::Performer)?;
                performers.iter().any(|card| {
                    let born = card.detail("birthdate");
                    let born = born.as_ref().and_then(|date| date.as_str());
                    test.matches(born.and_then(|born| whole_years(born, &day))) && born.is_some()
                })
            }
            RecordTest::StashIds(test, endpoint) => {
                let ids = item.object.as_ref().map_or(&[][..], |object| &object.stash_ids);
                let wanted = |id: &&(String, String, i64)| {
                    endpoint.as_ref().is_none_or(|endpoint| *endpoint == id.0)
                };
                test.matches_list(ids.iter().filter(wanted).map(|id| id.1.as_str()))
            }
        })
    }
}

/// Whether the facts of any file of an object pass; without a file, whether nothing does.
fn any_media(
    scope: &Scope,
    id: ItemId,
    item: &Arc<Item>,
    test: impl Fn(Option<&MediaInfo>) -> bool,
) -> Result<bool, FieldError> {
    if item.object.as_ref().is_none_or(|object| object.members.is_empty()) {
        return Ok(test(item.media.as_ref()));
    }
    let files = scope.view.object_files(id, item)?;
    Ok(files.iter().any(|file| test(file.item.media.as_ref())))
}

/// Whole years from one day to another.
pub(super) fn whole_years(from: &str, to: &str) -> Option<f64> {
    let from: jiff::civil::Date = super::criteria::first_day(from).parse().ok()?;
    let to: jiff::civil::Date = to.parse().ok()?;
    let had_birthday = (to.month(), to.day()) >= (from.month(), from.day());
    Some(f64::from(to.year() - from.year()) - f64::from(u8::from(!had_birthday)))
}
