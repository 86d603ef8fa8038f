//! Keys of orders that need more than a column or a fact.

use std::collections::HashMap;
use std::rc::Rc;

use roaring::RoaringBitmap;

use super::{Rows, Window};
use crate::graphql::FieldError;
use crate::library::entities::EntityCard;
use crate::library::objects::{Column, Flag};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::stash::filter::criteria::first_day;
use crate::stash::marker;
use crate::stash::scope::Scope;

/// The days that performers had lived on the day of each scene: of the youngest one, or of the
/// oldest where the greatest come first. Scenes that nobody's age is known of come last.
pub(super) fn ages(
    scope: &Rc<Scope>,
    found: &RoaringBitmap,
    window: &Window,
) -> Result<Rows, FieldError> {
    let dates: HashMap<u32, String> = {
        let facts = scope.view.facts()?;
        let date = |id| Some((id, first_day(facts.get(ItemId(id))?.date.as_deref()?)));
        found.iter().filter_map(date).collect()
    };
    Rows::numbers(found, |id| {
        let mut ages = Vec::new();
        if let Some(day) = dates.get(&id.0) {
            let tags = scope.view.item_entities(&scope.entities, id)?;
            for card in scope.cards_of(tags, EntityKind::Performer)? {
                ages.extend(days_lived(&card, day));
            }
        }
        Ok(if window.descending {
            ages.into_iter().max().map(f64::from)
        } else {
            Some(ages.into_iter().min().map_or(f64::INFINITY, f64::from))
        })
    })
}

fn days_lived(card: &EntityCard, day: &str) -> Option<i32> {
    let born = card.detail("birthdate")?;
    let born: jiff::civil::Date = first_day(born.as_str()?).parse().ok()?;
    let day: jiff::civil::Date = day.parse().ok()?;
    Some(born.until(day).ok()?.get_days())
}

/// The perceptual hash of each scene, then its size, the largest first whichever the direction.
pub(super) fn similarities(
    scope: &Rc<Scope>,
    found: &RoaringBitmap,
    window: &Window,
) -> Result<Rows, FieldError> {
    let mut hashes: HashMap<u32, u64> = HashMap::new();
    for (hash, item) in scope.view.video_hashes()? {
        if let Some(head) = scope.view.head_of(item)? {
            hashes.entry(head.0).or_insert(hash);
        }
    }
    let sizes = scope.view.column(Column::SizeBytes)?;
    let key = |id: u32| {
        let Some(hash) = hashes.get(&id) else { return Vec::new() };
        let size = sizes.value(ItemId(id)).unwrap_or(0).cast_unsigned();
        let size = if window.descending { size } else { !size };
        // Hashes are ordered as the signed numbers that they are kept as elsewhere.
        [(hash ^ (1 << 63)).to_be_bytes(), size.to_be_bytes()].concat()
    };
    Ok(Rows::Texts(found.iter().map(|id| (key(id), id)).collect()))
}

/// The place of each scene in the groups that a list is of, or in any of its own.
pub(super) fn group_indexes(
    scope: &Rc<Scope>,
    found: &RoaringBitmap,
    window: &Window,
) -> Result<Rows, FieldError> {
    let stateful = scope.view.flagged(Flag::HasObjectState)?;
    Rows::numbers(found, |id| {
        let item = if stateful.contains(id.0) { scope.view.item(id)? } else { None };
        let indexes = item.and_then(|item| item.object).map(|object| object.scene_indexes);
        let Some(indexes) = indexes.filter(|indexes| !indexes.is_empty()) else { return Ok(None) };
        let groups = scope.view.item_entities(&scope.entities, id)?;
        let is_asked = |group: &TagId| window.groups.is_empty() || window.groups.contains(group);
        let shown = indexes.iter().filter(|(group, _)| groups.contains(group) && is_asked(group));
        Ok(shown.map(|(_, index)| *index as f64).min_by(f64::total_cmp))
    })
}

/// A text of an entity that a list may be ordered by.
pub(super) fn text_of(card: &EntityCard, sort: &str) -> Option<String> {
    let is_text =
        card.kind == EntityKind::Performer && matches!(sort, "career_length" | "measurements");
    is_text
        .then(|| card.detail(sort).and_then(|value| value.as_str().map(str::to_owned)))?
        .or(Some(String::new()))
}

/// How many markers bear each tag.
pub(super) fn markers_by_tag(scope: &Rc<Scope>) -> Result<HashMap<TagId, u32>, FieldError> {
    let mut counts = HashMap::new();
    for object in marker::all(scope)? {
        for tag in object.tags() {
            *counts.entry(tag).or_insert(0) += 1;
        }
    }
    Ok(counts)
}
