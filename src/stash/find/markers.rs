//! The order of markers.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Window, random_place, seed};
use crate::graphql::FieldError;
use crate::library::objects::Column;
use crate::model::natural::natural_order;
use crate::stash::marker::MarkerObject;
use crate::stash::scope::Scope;

/// What a marker is ordered by.
enum Key {
    Number(f64),
    Text(String),
}

/// One page of some markers, in the order that a window asks for. Equals are told apart by scene
/// and moment.
pub(in crate::stash) fn page_of_markers(
    scope: &Rc<Scope>,
    found: Vec<MarkerObject>,
    window: &Window,
) -> Result<Vec<MarkerObject>, FieldError> {
    let sort = if window.sort.is_empty() { "title" } else { window.sort.as_str() };
    let seed = seed(sort)?;
    let mut rows = Vec::new();
    for object in found {
        let marker = &object.marker;
        let key = match sort {
            _ if seed.is_some() => {
                Key::Number(random_place(marker.id.0, seed.unwrap_or_default()) as f64)
            }
            "title" => Key::Text(object.name()?),
            "id" => Key::Number(f64::from(marker.id.0)),
            "seconds" => Key::Number(marker.seconds),
            "duration" => {
                Key::Number(marker.end_seconds.map_or(f64::NEG_INFINITY, |e| e - marker.seconds))
            }
            "created_at" => Key::Number(marker.created_ms as f64),
            "updated_at" => Key::Number(marker.updated_ms as f64),
            "scene_id" => Key::Number(f64::from(object.scene.0)),
            "scenes_updated_at" => {
                let times = scope.view.column(Column::UpdatedMs)?;
                Key::Number(times.value(object.scene).unwrap_or_default() as f64)
            }
            _ => return Err(FieldError::new(format!("invalid sort: {sort}"))),
        };
        rows.push((key, object));
    }
    let by_key = |a: &Key, b: &Key| match (a, b) {
        (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
        (Key::Text(a), Key::Text(b)) => natural_order(a, b),
        (Key::Number(_), Key::Text(_)) => Ordering::Less,
        (Key::Text(_), Key::Number(_)) => Ordering::Greater,
    };
    let place = |object: &MarkerObject| (object.scene, object.marker.seconds, object.marker.id);
    let page = window.ordered_page(rows, |a, b| {
        let order = by_key(&a.0, &b.0);
        let order = if window.descending { order.reverse() } else { order };
        let (a, b) = (place(&a.1), place(&b.1));
        order.then(a.0.cmp(&b.0)).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
    });
    Ok(page.into_iter().map(|(_, object)| object).collect())
}

/// Puts a list into a random order.
pub(in crate::stash) fn shuffle<T>(list: &mut [T]) -> Result<(), FieldError> {
    for end in (1..list.len()).rev() {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(FieldError::new)?;
        let other = usize::try_from(u64::from_le_bytes(bytes) % (end as u64 + 1)).unwrap_or(0);
        list.swap(end, other);
    }
    Ok(())
}
