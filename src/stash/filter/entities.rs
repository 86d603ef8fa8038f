//! Filters of tags, performers and studios, over the catalogue.

use std::rc::Rc;
use std::sync::Arc;

use super::criteria::{DateTest, IdsMode, IdsTest, NumberTest, StringTest, object};
use super::custom::CustomTest;
use super::items::{Kind, items};
use super::{Joined, criteria_of, joined};
use crate::graphql::{FieldError, Map, Value};
use crate::library::entities::{Catalogue, EntityCard};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::model::natural::Query;
use crate::stash::performer::counted;
use crate::stash::scope::Scope;

/// What a list of entities holds, in the order of names.
pub(in crate::stash) enum Found {
    /// All of a kind: looked up one by one.
    All(Arc<Catalogue>, EntityKind),
    These(Vec<EntityCard>),
}

impl Found {
    /// How many there are.
    pub(in crate::stash) fn len(&self) -> usize {
        match self {
            Found::All(catalogue, kind) => catalogue.of_kind(*kind).len(),
            Found::These(cards) => cards.len(),
        }
    }

    /// All of them.
    pub(in crate::stash) fn cards(self, scope: &Scope) -> Result<Vec<EntityCard>, FieldError> {
        match self {
            Found::All(catalogue, kind) => scope.listed_all(&catalogue, kind),
            Found::These(cards) => Ok(cards),
        }
    }
}

/// The entities of a kind that a filter and the words of a search find, in the order of names.
pub(in crate::stash) fn entities(
    scope: &Rc<Scope>,
    kind: EntityKind,
    filter: Option<&Map>,
    words: Option<&str>,
) -> Result<Found, FieldError> {
    let catalogue = scope.view.catalogue(&scope.entities)?;
    let query = words.map(Query::parse).filter(|query| !query.is_empty());
    let mut tests = filter.map(|filter| Level::read(scope, filter)).transpose()?;
    if query.is_none() && tests.is_none() {
        return Ok(Found::All(catalogue, kind));
    }
    // Without pairs of tags an entity without a record has no text but its name.
    let is_related = scope.entities.services.iter().any(|id| scope.view.relations().has_any(*id));
    let mut found = Vec::new();
    for id in catalogue.of_kind(kind) {
        if let Some(query) = query.as_ref()
            && !is_related
            && catalogue.record(*id).is_none()
            && !query.matches([scope.view.plain_name(&scope.entities, *id)?.as_str()])
        {
            continue;
        }
        let Some(card) = scope.listed(&catalogue, *id)? else { continue };
        let is_said = query.as_ref().is_none_or(|query| {
            let own = [card.entity.name.as_str(), card.entity.sort_name.as_str()];
            query.matches(own.into_iter().chain(card.entity.aliases.iter().map(String::as_str)))
        });
        if is_said && tests.as_mut().map_or(Ok(true), |level| level.matches(scope, &card))? {
            found.push(card);
        }
    }
    Ok(Found::These(found))
}

/// One level of a filter, read once.
struct Level {
    tests: Vec<Test>,
    join: Option<(Join, Box<Level>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    And,
    Or,
    Not,
}

enum Test {
    Text(StringTest, String),
    List(StringTest, fn(&EntityCard) -> Vec<String>),
    Flag(bool, fn(&EntityCard) -> bool),
    Number(NumberTest, Number),
    Time(NumberTest, fn(&EntityCard) -> i64),
    Date(DateTest, &'static str),
    /// The length of a part of a date.
    Year(NumberTest, &'static str),
    Missing(String),
    Ids(IdsTest, Relation),
    /// On the ids, of that endpoint where one is named.
    StashIds(StringTest, Option<String>),
    /// Any of these tags.
    TaggedWith(Vec<TagId>),
    Words(Vec<String>, Option<bool>, &'static str),
    /// Any of these studios, of a group.
    StudioOf(Vec<TagId>),
    /// Items that the entity must share one with.
    Items(roaring::RoaringBitmap),
    /// Whole years of a life until now, or until its end.
    Age(NumberTest),
    /// Fields that a person made up.
    Custom(Vec<CustomTest>),
}

#[derive(Clone, Copy)]
enum Number {
    Rating,
    Scenes,
    Images,
    Tags,
    Tagged(EntityKind),
    Parents,
    Children,
    Counter,
    Detail(&'static str),
    Markers,
    Plays,
    Zero,
}

#[derive(Clone, Copy)]
enum Relation {
    Parents,
    Children,
    Tags,
    /// Of a kind, on the same items.
    Sharing(EntityKind),
}

impl Level {
    fn read(scope: &Rc<Scope>, filter: &Map) -> Result<Level, FieldError> {
        let mut tests = Vec::new();
        for (name, value) in criteria_of(filter) {
            tests.extend(Test::read(scope, name, value)?);
        }
        let sub = |filter| Level::read(scope, filter).map(Box::new);
        let join = match joined(filter)? {
            None => None,
            Some(Joined::And(filter)) => Some((Join::And, sub(filter)?)),
            Some(Joined::Or(filter)) => Some((Join::Or, sub(filter)?)),
            Some(Joined::Not(filter)) => Some((Join::Not, sub(filter)?)),
        };
        Ok(Level { tests, join })
    }

    fn matches(&self, scope: &Rc<Scope>, card: &EntityCard) -> Result<bool, FieldError> {
        let mut own = true;
        for test in &self.tests {
            own = own && test.matches(scope, card)?;
        }
        Ok(match &self.join {
            None => own,
            Some((Join::And, level)) => own && level.matches(scope, card)?,
            Some((Join::Not, level)) => own && !level.matches(scope, card)?,
            Some((Join::Or, level)) => {
                own && !self.tests.is_empty() || level.matches(scope, card)?
            }
        })
    }
}

impl Test {
    fn read(scope: &Rc<Scope>, name: &str, value: &Value) -> Result<Option<Test>, FieldError> {
        if let Some(number) = Number::named(name) {
            let test = NumberTest::read(name, value)?;
            let test = if name == "rating" { test.stars() } else { test };
            return Ok(Some(Test::Number(test, number)));
        }
        let flag = |of| Ok(Some(Test::Flag(value.as_bool().unwrap_or(false), of)));
        let ids = |relation| {
            let test = IdsTest::read(name, value, false)?;
            Ok(test.map(|test| Test::Ids(test, relation)))
        };
        match name {
            "aliases" => {
                let test = StringTest::read(name, value)?;
                Ok(Some(Test::List(test, |card| card.entity.aliases.clone())))
            }
            "url" => {
                let test = StringTest::read(name, value)?;
                Ok(Some(Test::List(test, |card| card.entity.urls.clone())))
            }
            "stash_id" => {
                let of = |card: &EntityCard| {
                    card.entity.stash_ids.iter().map(|id| id.1.clone()).collect()
                };
                Ok(Some(Test::List(StringTest::read(name, value)?, of)))
            }
            "stash_id_endpoint" => Test::stash_ids(name, object(name, value)?),
            "date" => Ok(Some(Test::Date(DateTest::read(name, value)?, "date"))),
            "containing_groups" => ids(Relation::Parents),
            "sub_groups" => ids(Relation::Children),
            "studios" => ids(Relation::Sharing(EntityKind::Studio)),
            "groups" => ids(Relation::Sharing(EntityKind::Group)),
            "performers" => ids(Relation::Sharing(EntityKind::Performer)),
            "favorite" | "filter_favorites" => flag(|card| card.entity.favorite),
            "ignore_auto_tag" => flag(|card| card.entity.ignore_auto_tag),
            "is_missing" => Ok(value.as_str().map(|what| Test::Missing(what.to_owned()))),
            "created_at" => Ok(Some(Test::Time(NumberTest::read_time(name, value)?, |card| {
                card.entity.created_ms
            }))),
            "updated_at" => Ok(Some(Test::Time(NumberTest::read_time(name, value)?, |card| {
                card.entity.updated_ms
            }))),
            "birthdate" => Ok(Some(Test::Date(DateTest::read(name, value)?, "birthdate"))),
            "death_date" => Ok(Some(Test::Date(DateTest::read(name, value)?, "death_date"))),
            "birth_year" => Ok(Some(Test::Year(NumberTest::read(name, value)?, "birthdate"))),
            "death_year" => Ok(Some(Test::Year(NumberTest::read(name, value)?, "death_date"))),
            "age" => Ok(Some(Test::Age(NumberTest::read(name, value)?))),
            "height" => Test::height(name, object(name, value)?),
            "custom_fields" => Ok(Some(Test::Custom(CustomTest::read_all(value)?))),
            "parents" | "children" => {
                let modifier = object(name, value)?.str("modifier").unwrap_or_default();
                if matches!(modifier, "EQUALS" | "NOT_EQUALS") {
                    return Err(FieldError::new(format!("invalid modifier {modifier}")));
                }
                ids(if name == "parents" { Relation::Parents } else { Relation::Children })
            }
            "tags" => ids(Relation::Tags),
            "gender" => Test::words(value, "gender"),
            "circumcised" => Test::words(value, "circumcised"),
            "tags_filter" | "studios_filter" | "galleries_filter" | "scenes_filter"
            | "images_filter" => Test::filter(scope, name, object(name, value)?),
            "name" | "sort_name" | "description" | "details" | "disambiguation" | "ethnicity"
            | "country" | "eye_color" | "measurements" | "fake_tits" | "career_length"
            | "tattoos" | "piercings" | "hair_color" | "director" | "synopsis" => {
                Ok(Some(Test::Text(StringTest::read(name, value)?, name.to_owned())))
            }
            _ => Err(FieldError::new(format!("the filter {name} has no resolver"))),
        }
    }

    /// A criterion on ids that other servers gave.
    fn stash_ids(name: &str, criterion: &Map) -> Result<Option<Test>, FieldError> {
        let mut renamed = Map::new();
        for (from, to) in [("modifier", "modifier"), ("stash_id", "value")] {
            if let Some(given) = criterion.given(from) {
                renamed.insert(to, given.clone());
            }
        }
        let endpoint = criterion.str("endpoint").filter(|text| !text.is_empty());
        let test = StringTest::read(name, &Value::Object(renamed))?;
        Ok(Some(Test::StashIds(test, endpoint.map(str::to_owned))))
    }

    /// A filter of what the entity must share something with.
    fn filter(scope: &Rc<Scope>, name: &str, filter: &Map) -> Result<Option<Test>, FieldError> {
        match name {
            "tags_filter" => {
                let found = entities(scope, EntityKind::Tag, Some(filter), None)?.cards(scope)?;
                Ok(Some(Test::TaggedWith(found.iter().map(|card| card.id).collect())))
            }
            "studios_filter" => {
                let found = entities(scope, EntityKind::Studio, Some(filter), None)?;
                let found = found.cards(scope)?.iter().map(|card| card.id).collect();
                Ok((!filter.is_empty()).then_some(Test::StudioOf(found)))
            }
            // Nothing is in a gallery.
            "galleries_filter" => {
                let is_empty = filter.is_empty();
                Ok((!is_empty).then(|| Test::Items(roaring::RoaringBitmap::new())))
            }
            "scenes_filter" => {
                let all = scope.scenes()?.clone();
                Ok(Some(Test::Items(items(scope, Kind::Scene, Some(filter), None, all)?)))
            }
            "images_filter" => {
                let all = scope.images()?.clone();
                Ok(Some(Test::Items(items(scope, Kind::Image, Some(filter), None, all)?)))
            }
            _ => Err(FieldError::new(format!("the filter {name} has no resolver"))),
        }
    }

    /// A criterion on the height as older clients give it: as text.
    fn height(name: &str, criterion: &Map) -> Result<Option<Test>, FieldError> {
        let text = criterion.str("value").unwrap_or_default();
        let is_bare = matches!(criterion.str("modifier"), Some("IS_NULL" | "NOT_NULL"));
        let height = match text.trim().parse::<i64>() {
            Ok(height) => height,
            Err(_) if is_bare => 0,
            Err(_) => return Err(FieldError::new(format!("invalid height value: {text}"))),
        };
        let mut number = criterion.clone();
        number.insert("value", Value::Int(height));
        let test = NumberTest::read(name, &Value::Object(number))?;
        Ok(Some(Test::Number(test, Number::Detail("height_cm"))))
    }

    /// A criterion on a list of words.
    fn words(value: &Value, detail: &'static str) -> Result<Option<Test>, FieldError> {
        let criterion = object(detail, value)?;
        let mut words = criterion.strs("value_list").unwrap_or_default();
        if words.is_empty() {
            words = criterion.strs("value").unwrap_or_default();
            words.extend(criterion.str("value"));
        }
        let words = words.into_iter().map(str::to_owned).collect();
        Ok(match criterion.str("modifier").unwrap_or("EQUALS") {
            "EQUALS" | "INCLUDES" => Some(Test::Words(words, Some(true), detail)),
            "NOT_EQUALS" | "EXCLUDES" => Some(Test::Words(words, Some(false), detail)),
            "IS_NULL" => Some(Test::Words(Vec::new(), None, detail)),
            "NOT_NULL" => Some(Test::Words(Vec::new(), Some(false), detail)),
            other => return Err(FieldError::new(format!("invalid modifier {other}"))),
        })
    }

    fn matches(&self, scope: &Rc<Scope>, card: &EntityCard) -> Result<bool, FieldError> {
        let detail = |name: &str| {
            let value = card.detail(name)?;
            value.as_str().map(str::to_owned)
        };
        Ok(match self {
            Test::Text(test, name) => test.matches(&text_of(card, name)),
            Test::List(test, of) => test.matches_list(of(card).iter().map(String::as_str)),
            Test::Flag(wanted, of) => of(card) == *wanted,
            Test::Number(test, number) => test.matches(number.of(scope, card)?),
            Test::Time(test, of) => test.matches_time(Some(of(card))),
            Test::Date(test, name) => test.matches(detail(name).as_deref()),
            Test::Year(test, name) => {
                let year = detail(name).and_then(|date| date.get(..4)?.parse::<f64>().ok());
                test.matches(year)
            }
            Test::Missing(what) => is_missing(scope, card, what)?,
            Test::StashIds(test, endpoint) => {
                let ids = card.entity.stash_ids.iter();
                let wanted = ids.filter(|id| endpoint.as_ref().is_none_or(|e| *e == id.0));
                test.matches_list(wanted.map(|id| id.1.as_str()))
            }
            Test::StudioOf(studios) => studio_of(card).is_some_and(|id| studios.contains(&id)),
            Test::Age(test) => test.matches(age(&detail("birthdate"), &detail("death_date"))),
            Test::Custom(tests) => {
                let fields = card.detail("custom_fields");
                let field = |name: &str| fields.as_ref().and_then(|fields| fields.get(name));
                tests.iter().all(|test| test.matches(field(&test.field)))
            }
            Test::TaggedWith(tags) => card.own_tags().iter().any(|tag| tags.contains(tag)),
            Test::Ids(test, relation) => relation.matches(scope, card, test)?,
            Test::Words(words, wanted, name) => match (detail(name), wanted) {
                (found, None) => found.is_none(),
                (None, Some(_)) => false,
                (Some(found), Some(wanted)) => words.contains(&found) == *wanted,
            },
            Test::Items(items) => !scope.bearers(card.id, None)?.is_disjoint(items),
        })
    }
}

/// The studio that a group names.
fn studio_of(card: &EntityCard) -> Option<TagId> {
    card.detail("studio_id").and_then(|id| u32::try_from(id.as_u64()?).ok()).map(TagId)
}

/// Whole years from a birth to a death, or to today.
fn age(born: &Option<String>, died: &Option<String>) -> Option<f64> {
    let today = || jiff::Zoned::now().date().to_string();
    let until = died.as_deref().map_or_else(today, super::criteria::first_day);
    super::fields::whole_years(born.as_deref()?, &until)
}

fn text_of(card: &EntityCard, name: &str) -> String {
    let entity = &card.entity;
    match name {
        "name" => entity.name.clone(),
        "sort_name" => entity.sort_name.clone(),
        "description" | "details" | "synopsis" => entity.description.clone(),
        "disambiguation" => entity.disambiguation.clone(),
        other => {
            let value = card.detail(other);
            value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        }
    }
}

fn is_missing(scope: &Rc<Scope>, card: &EntityCard, what: &str) -> Result<bool, FieldError> {
    let entity = &card.entity;
    Ok(match what {
        "" => true,
        "image" => entity.image.is_none(),
        "url" => entity.urls.is_empty(),
        "aliases" => entity.aliases.is_empty(),
        "stash_id" => entity.stash_ids.is_empty(),
        "rating" | "rating100" => entity.rating100.is_none(),
        "scenes" => scope.bearers(card.id, None)?.is_disjoint(scope.scenes()?),
        "height" | "height_cm" | "weight" | "penis_length" | "circumcised" | "gender"
        | "birthdate" | "death_date" => {
            let name = if what == "height" { "height_cm" } else { what };
            card.detail(name).is_none_or(|value| value.is_null())
        }
        other => text_of(card, other).trim().is_empty(),
    })
}

impl Number {
    /// The number that a criterion is about.
    fn named(name: &str) -> Option<Number> {
        Some(match name {
            "rating100" | "rating" => Number::Rating,
            "scene_count" => Number::Scenes,
            "image_count" => Number::Images,
            "gallery_count" => Number::Zero,
            "marker_count" => Number::Markers,
            "play_count" => Number::Plays,
            "duration" => Number::Detail("duration"),
            "containing_group_count" => Number::Parents,
            "sub_group_count" => Number::Children,
            "performer_count" => Number::Tagged(EntityKind::Performer),
            "studio_count" => Number::Tagged(EntityKind::Studio),
            "group_count" | "movie_count" => Number::Tagged(EntityKind::Group),
            "tag_count" => Number::Tags,
            "parent_count" => Number::Parents,
            "child_count" => Number::Children,
            "o_counter" => Number::Counter,
            "height_cm" => Number::Detail("height_cm"),
            "weight" => Number::Detail("weight"),
            "penis_length" => Number::Detail("penis_length"),
            _ => return None,
        })
    }

    fn of(self, scope: &Rc<Scope>, card: &EntityCard) -> Result<Option<f64>, FieldError> {
        let (view, entities) = (&scope.view, &scope.entities);
        let bearers = || scope.bearers(card.id, None);
        let count = match self {
            Number::Rating => return Ok(card.entity.rating100.map(f64::from)),
            Number::Detail(name) => return Ok(card.detail(name).and_then(|value| value.as_f64())),
            Number::Scenes => bearers()?.intersection_len(scope.scenes()?),
            Number::Images => bearers()?.intersection_len(scope.images()?),
            Number::Tags => card.own_tags().len() as u64,
            Number::Tagged(kind) => {
                let catalogue = view.catalogue(entities)?;
                let tagged = catalogue.tagged_with(card.id).iter();
                tagged.filter(|(other, _)| *other == kind).count() as u64
            }
            Number::Parents => view.entity_parents(entities, card.id)?.len() as u64,
            Number::Children => view.entity_children(entities, card.id)?.len() as u64,
            Number::Counter => counted(scope, &bearers()?)?,
            Number::Markers => {
                let markers = crate::stash::marker::all(scope)?;
                let bears = markers.iter().filter(|marker| marker.tags().contains(&card.id));
                bears.count() as u64
            }
            Number::Plays => {
                let scenes = bearers()? & scope.scenes()?;
                let facts = view.facts()?;
                scenes.iter().filter_map(|id| facts.get(ItemId(id))).map(|f| f.plays).sum()
            }
            Number::Zero => 0,
        };
        Ok(Some(count as f64))
    }
}

impl Relation {
    fn matches(
        self,
        scope: &Rc<Scope>,
        card: &EntityCard,
        test: &IdsTest,
    ) -> Result<bool, FieldError> {
        let (view, entities) = (&scope.view, &scope.entities);
        let own = match self {
            Relation::Parents => view.entity_parents(entities, card.id)?,
            Relation::Children => view.entity_children(entities, card.id)?,
            Relation::Tags => card.own_tags(),
            // A group names its studio itself.
            Relation::Sharing(EntityKind::Studio) if card.kind == EntityKind::Group => {
                studio_of(card).into_iter().collect()
            }
            Relation::Sharing(kind) => {
                let mut found = std::collections::BTreeSet::new();
                for item in scope.bearers(card.id, None)? & view.visible()? {
                    found.extend(view.item_entities(entities, ItemId(item))?);
                }
                let cards = scope.cards_of(found, kind)?.into_iter().map(|other| other.id);
                cards.filter(|other| *other != card.id).collect()
            }
        };
        // Depth means: the ids, or what is so many levels from them.
        let fits = |id: &u32| -> Result<bool, FieldError> {
            let depth = match test.depth {
                below if below < 0 => None,
                levels => Some(usize::try_from(levels).unwrap_or(0)),
            };
            Ok(match self {
                Relation::Parents | Relation::Tags | Relation::Sharing(_) => {
                    let tree = view.entity_tree(entities, TagId(*id), depth)?;
                    own.iter().any(|tag| tree.contains(tag))
                }
                Relation::Children => {
                    let levels = depth.map(|depth| depth + 1);
                    *id != card.id.0
                        && view.entity_tree(entities, card.id, levels)?.contains(&TagId(*id))
                }
            })
        };
        for id in &test.excludes {
            if fits(id)? {
                return Ok(false);
            }
        }
        let mut matching = 0;
        for id in &test.values {
            matching += usize::from(fits(id)?);
        }
        Ok(match test.mode {
            IdsMode::Any => matching > 0 || test.values.is_empty(),
            IdsMode::All => matching == test.values.len(),
            IdsMode::Exactly => matching == test.values.len() && own.len() == matching,
            IdsMode::None => true,
            IdsMode::Null => own.is_empty(),
            IdsMode::NotNull => !own.is_empty(),
        })
    }
}
