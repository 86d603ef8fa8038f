//! Filters of scenes and images.

use std::rc::Rc;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::criteria::{IdsMode, IdsTest, object};
use super::fields::{self, Place};
use super::files::FileFilter;
use super::{Joined, criteria_of, joined};
use crate::graphql::{FieldError, Map, Value};
use crate::library::objects::LookupKind;
use crate::model::entity::EntityKind;
use crate::model::hash::from_hex;
use crate::model::ids::{ItemId, TagId};
use crate::model::item::Item;
use crate::model::natural::Query;
use crate::model::place::PlaceKind;
use crate::stash::file;
use crate::stash::scope::Scope;

/// Which objects are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stash) enum Kind {
    Scene,
    Image,
}

type Found = Result<RoaringBitmap, FieldError>;

/// Of `within` the items that a filter and the words of a search find.
pub(in crate::stash) fn items(
    scope: &Rc<Scope>,
    kind: Kind,
    filter: Option<&Map>,
    words: Option<&str>,
    within: RoaringBitmap,
) -> Found {
    let narrowing = Narrowing { scope, kind };
    let found = match filter {
        Some(filter) => narrowing.level(filter, within)?,
        None => within,
    };
    match words.map(Query::parse).filter(|query| !query.is_empty()) {
        Some(query) => narrowing.worded(&query, found),
        None => Ok(found),
    }
}

struct Narrowing<'n> {
    scope: &'n Rc<Scope>,
    kind: Kind,
}

impl Narrowing<'_> {
    fn level(&self, filter: &Map, within: RoaringBitmap) -> Found {
        let mut criteria: Vec<(&str, &Value)> = criteria_of(filter).collect();
        criteria.sort_by_key(|(name, _)| fields::cost(name));
        let is_bare = criteria.is_empty();
        let join = joined(filter)?;
        let whole = match join {
            Some(Joined::Or(_)) => Some(within.clone()),
            _ => None,
        };
        let mut found = within;
        for (name, value) in criteria {
            if found.is_empty() {
                break;
            }
            found = self.criterion(name, value, found)?;
        }
        Ok(match join {
            None => found,
            Some(Joined::And(sub)) => self.level(sub, found)?,
            Some(Joined::Not(sub)) => {
                let out = self.level(sub, found.clone())?;
                found - out
            }
            Some(Joined::Or(sub)) => {
                let other = self.level(sub, whole.unwrap_or_default())?;
                if is_bare { other } else { found | other }
            }
        })
    }

    fn criterion(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        match fields::place(name) {
            Place::Set => self.by_set(name, value, within),
            Place::Memory => fields::by_memory(self.scope, name, value, within),
            Place::Record => self.by_record(name, value, within),
            Place::Related => self.by_related(name, value, within),
            Place::Nowhere => Err(FieldError::new(format!("the filter {name} has no resolver"))),
        }
    }

    /// What sets of items answer.
    fn by_set(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        let single = name == "studios";
        let kind = match name {
            "tags" => EntityKind::Tag,
            "performers" => EntityKind::Performer,
            "studios" => EntityKind::Studio,
            "groups" | "movies" => EntityKind::Group,
            "organized" => {
                let inbox = self.scope.view.inbox()?;
                let organized = value.as_bool().unwrap_or(false);
                return Ok(if organized { within - inbox } else { within & inbox });
            }
            "performer_favorite" => {
                let mut favourites = RoaringBitmap::new();
                let catalogue = self.scope.view.catalogue(&self.scope.entities)?;
                let performers = catalogue.recorded(EntityKind::Performer);
                for card in performers.filter(|card| card.entity.favorite) {
                    favourites |= self.scope.bearers(card.id, None)?;
                }
                let wanted = value.as_bool().unwrap_or(false);
                return Ok(if wanted { within & favourites } else { within - favourites });
            }
            "performer_tags" => return self.by_performer_tags(value, within),
            "phash" | "phash_distance" => return self.by_phash(name, value, within),
            "duplicated" => {
                let criterion = object(name, value)?;
                let wanted = criterion.bool("duplicated").unwrap_or(false);
                let counts = super::files::hash_counts(self.scope)?;
                let is_several = |hash: u64| counts.get(&hash).is_some_and(|count| *count > 1);
                return Ok(within & self.with_hash(&|hash| is_several(hash) == wanted)?);
            }
            "oshash" | "checksum" => return self.by_hash(name, value, within),
            "has_markers" => {
                let marked = self.scope.view.marked_scenes()?;
                let wanted = value.as_str() == Some("true");
                return Ok(if wanted { within & marked } else { within - marked });
            }
            // None belongs to a gallery yet.
            "galleries" => {
                let test = IdsTest::read(name, value, false)?;
                let wanted =
                    test.is_some_and(|test| !matches!(test.mode, IdsMode::None | IdsMode::Null));
                return Ok(none_if(wanted, within));
            }
            _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
        };
        match IdsTest::read(name, value, single)? {
            Some(test) => self.by_entities(&test, kind, within),
            None => Ok(within),
        }
    }

    fn by_entities(&self, test: &IdsTest, kind: EntityKind, within: RoaringBitmap) -> Found {
        let (view, entities) = (&self.scope.view, &self.scope.entities);
        let bearers = |id: &u32| self.scope.bearers(TagId(*id), Some(test.depth));
        let mut found = within;
        match test.mode {
            IdsMode::Any if !test.values.is_empty() => {
                let mut any = RoaringBitmap::new();
                for id in &test.values {
                    any |= bearers(id)?;
                }
                found &= any;
            }
            IdsMode::All | IdsMode::Exactly => {
                for id in &test.values {
                    found &= bearers(id)?;
                }
            }
            IdsMode::Null => found -= view.items_with_kind(entities, kind)?,
            IdsMode::NotNull => found &= view.items_with_kind(entities, kind)?,
            IdsMode::Any | IdsMode::None => {}
        }
        for id in &test.excludes {
            found -= bearers(id)?;
        }
        if test.mode == IdsMode::Exactly {
            let mut values = test.values.clone();
            values.sort_unstable();
            values.dedup();
            let counts = fields::EntityCounts::new(self.scope, kind)?;
            found = fields::keep(found, |id| Ok(counts.of(id)? == values.len()))?;
        }
        Ok(found)
    }

    /// Items whose performers bear tags themselves.
    fn by_performer_tags(&self, value: &Value, within: RoaringBitmap) -> Found {
        let Some(test) = IdsTest::read("performer_tags", value, false)? else { return Ok(within) };
        let catalogue = self.scope.view.catalogue(&self.scope.entities)?;
        let scope = self.scope;
        let of_tag = |id: &u32| -> Found {
            let levels = match test.depth {
                below if below < 0 => None,
                levels => Some(usize::try_from(levels).unwrap_or(0)),
            };
            let mut items = RoaringBitmap::new();
            for tag in scope.view.entity_tree(&scope.entities, TagId(*id), levels)? {
                for (kind, performer) in catalogue.tagged_with(tag) {
                    if *kind == EntityKind::Performer {
                        items |= scope.bearers(*performer, None)?;
                    }
                }
            }
            Ok(items)
        };
        let mut found = within;
        match test.mode {
            IdsMode::Any if !test.values.is_empty() => {
                let mut any = RoaringBitmap::new();
                for id in &test.values {
                    any |= of_tag(id)?;
                }
                found &= any;
            }
            IdsMode::All => {
                for id in &test.values {
                    found &= of_tag(id)?;
                }
            }
            IdsMode::Null | IdsMode::NotNull => {
                let mut tagged = RoaringBitmap::new();
                for card in catalogue.recorded(EntityKind::Performer) {
                    if !card.own_tags().is_empty() {
                        tagged |= scope.bearers(card.id, None)?;
                    }
                }
                if test.mode == IdsMode::Null { found -= tagged } else { found &= tagged }
            }
            IdsMode::Any | IdsMode::None => {}
            IdsMode::Exactly => {
                let text = "invalid modifier EQUALS for performer tags";
                return Err(FieldError::from(text));
            }
        }
        for id in &test.excludes {
            found -= of_tag(id)?;
        }
        Ok(found)
    }

    /// The objects of which a file has a perceptual hash that passes.
    fn with_hash(&self, passes: &dyn Fn(u64) -> bool) -> Found {
        let mut found = RoaringBitmap::new();
        for (hash, item) in self.scope.view.video_hashes()? {
            if passes(hash) {
                found.extend(self.scope.view.head_of(item)?.map(|head| head.0));
            }
        }
        Ok(found)
    }

    /// Perceptual hashes: equal, or so near; of text that is no hash zero is read.
    fn by_phash(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        let criterion = object(name, value)?;
        let wanted = criterion.str("value").unwrap_or_default();
        let wanted = u64::from_str_radix(wanted, 16).unwrap_or(0);
        let distance = criterion.int("distance").and_then(|far| u32::try_from(far).ok());
        let far = |hash: u64| (hash ^ wanted).count_ones();
        let found = match (criterion.str("modifier").unwrap_or("EQUALS"), distance.unwrap_or(0)) {
            ("EQUALS", 0) => self.with_hash(&|hash| hash == wanted)?,
            ("NOT_EQUALS", 0) => self.with_hash(&|hash| hash != wanted)?,
            ("EQUALS", distance) => self.with_hash(&|hash| far(hash) < distance)?,
            ("NOT_EQUALS", distance) => self.with_hash(&|hash| far(hash) > distance)?,
            ("NOT_NULL", _) => self.with_hash(&|_| true)?,
            ("IS_NULL", _) => return Ok(within - self.with_hash(&|_| true)?),
            (other, _) => return Err(FieldError::new(format!("invalid modifier {other}"))),
        };
        Ok(within & found)
    }

    /// A whole hash is looked up; other tests read the records.
    fn by_hash(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        let criterion = object(name, value)?;
        let text = criterion.str("value").unwrap_or_default();
        let is_equal = criterion.str("modifier").unwrap_or("EQUALS") == "EQUALS";
        let kind = if name == "oshash" { LookupKind::Oshash } else { LookupKind::Md5 };
        let Some(hash) = from_hex(text).filter(|_| is_equal) else {
            return self.by_record(name, value, within);
        };
        let found = self.scope.view.objects_by_hash(kind, &hash)?;
        Ok(found.into_iter().map(|head| head.0).collect::<RoaringBitmap>() & within)
    }

    /// What needs a record or a path.
    fn by_record(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        let candidates = fields::candidates(self.scope, name, value)?;
        let (within, rest) = match candidates {
            // What has no such text passes or fails as a whole.
            Some((set, passes)) => {
                let rest = if passes { &within - &set } else { RoaringBitmap::new() };
                (within & set, rest)
            }
            None => (within, RoaringBitmap::new()),
        };
        if name == "files_filter" {
            let filter = FileFilter::read(self.scope, object(name, value)?)?;
            return fields::keep(within, |id| {
                let Some(item) = self.scope.view.object(id)?.map(Arc::new) else {
                    return Ok(false);
                };
                for file in self.scope.view.object_files(id, &item)? {
                    if filter.matches(self.scope, id, &file)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
        }
        let test = fields::RecordTest::read(name, value)?;
        let found = fields::keep(within, |id| {
            let Some(item) = self.scope.view.object(id)? else { return Ok(false) };
            test.matches(self.scope, id, &Arc::new(item))
        })?;
        Ok(found | rest)
    }

    /// Items of which a related object fulfils a filter of its own.
    fn by_related(&self, name: &str, value: &Value, within: RoaringBitmap) -> Found {
        let filter = object(name, value)?;
        if filter.is_empty() {
            return Ok(within);
        }
        // No object is in a gallery.
        if name == "galleries_filter" {
            return Ok(RoaringBitmap::new());
        }
        if name == "markers_filter" {
            return Ok(within & super::markers::marked(self.scope, filter)?);
        }
        let kind = match name {
            "groups_filter" | "movies_filter" => EntityKind::Group,
            "tags_filter" => EntityKind::Tag,
            "performers_filter" => EntityKind::Performer,
            "studios_filter" => EntityKind::Studio,
            _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
        };
        let mut any = RoaringBitmap::new();
        for card in super::entities(self.scope, kind, Some(filter), None)?.cards(self.scope)? {
            any |= self.scope.bearers(card.id, None)?;
        }
        Ok(within & any)
    }

    /// Items whose title, details, path or hashes hold the words of a search.
    fn worded(&self, query: &Query, within: RoaringBitmap) -> Found {
        let narrowed = match self.scope.word_candidates(query)? {
            Some(candidates) => within & candidates,
            None => within,
        };
        let facts = matches!(self.kind, Kind::Scene | Kind::Image);
        fields::keep(narrowed, |id| {
            let Some(item) = self.scope.view.object(id)? else { return Ok(false) };
            let texts = searched(self.scope, id, &Arc::new(item), facts)?;
            Ok(query.matches(texts.iter().map(String::as_str)))
        })
    }
}

/// The texts that a search looks at.
fn searched(
    scope: &Scope,
    id: ItemId,
    item: &Arc<Item>,
    details: bool,
) -> Result<Vec<String>, FieldError> {
    let mut texts: Vec<String> = item.note("title").map(str::to_owned).into_iter().collect();
    if details {
        texts.extend(item.note("details").map(str::to_owned));
    }
    for marker in item.object.iter().flat_map(|object| &object.markers) {
        texts.push(marker.title.clone());
    }
    for found in scope.view.object_files(id, item)? {
        // Where a managed blob is says nothing but its hash.
        if found.place.kind != PlaceKind::Managed {
            texts.push(file::text(&found.path));
        }
        if let Some(media) = &found.item.media {
            texts.push(crate::model::hash::to_hex(&media.md5));
            texts.extend(media.oshash.map(|hash| format!("{hash:016x}")));
            // As a signed number: clients paste it from where it is shown so.
            texts.extend(found.item.video_hash.map(|hash| hash.cast_signed().to_string()));
        }
    }
    Ok(texts)
}

fn none_if(none: bool, within: RoaringBitmap) -> RoaringBitmap {
    if none { RoaringBitmap::new() } else { within }
}
