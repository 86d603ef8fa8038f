//! Markers: named moments of scenes. They are kept with the scene they are on.

use crate::library::entities::ListChange;
use crate::library::error::{Error, Result};
use crate::model::ids::{ItemId, MarkerId, TagId};
use crate::model::item::Marker;
use crate::store::{LookupKind, Read as _, Tx};

/// Counter of marker ids.
const NEXT_MARKER: &str = "next_marker";

/// Markers of one scene at most: its record is read whole.
const MARKERS_MAX: usize = 10_000;

/// What is to change on a marker. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct MarkerEdit {
    pub title: Option<String>,
    pub seconds: Option<f64>,
    pub end_seconds: Option<Option<f64>>,
    pub scene: Option<ItemId>,
    pub primary_tag: Option<TagId>,
    pub tags: Option<ListChange<TagId>>,
}

impl MarkerEdit {
    fn apply(&self, marker: &mut Marker) -> Result<()> {
        if let Some(title) = &self.title {
            marker.title.clone_from(title);
        }
        marker.seconds = self.seconds.unwrap_or(marker.seconds);
        marker.end_seconds = self.end_seconds.unwrap_or(marker.end_seconds);
        marker.primary_tag = self.primary_tag.unwrap_or(marker.primary_tag);
        if let Some(change) = &self.tags {
            marker.tags = change.apply(&marker.tags);
        }
        marker.tags.retain(|tag| *tag != marker.primary_tag);
        match marker.end_seconds {
            Some(end) if end < marker.seconds => Err(Error::Invalid(format!(
                "end_seconds ({end:.6}) must be greater than or equal to seconds ({:.6})",
                marker.seconds
            ))),
            _ => Ok(()),
        }
    }
}

/// Puts a marker on a scene; returns its id.
///
/// # Errors
/// [`Error::Invalid`] when it ends before it begins, or the scene has too many.
pub fn create_marker(
    tx: &mut Tx,
    scene: ItemId,
    primary_tag: TagId,
    edit: &MarkerEdit,
) -> Result<MarkerId> {
    let mut marker = Marker {
        id: MarkerId(tx.next_id(NEXT_MARKER)?),
        title: String::new(),
        seconds: 0.0,
        end_seconds: None,
        primary_tag,
        tags: Vec::new(),
        created_ms: tx.now_ms(),
        updated_ms: tx.now_ms(),
    };
    edit.apply(&mut marker)?;
    let id = marker.id;
    put(tx, scene, marker)?;
    Ok(id)
}

/// Changes a marker, or moves it to another scene.
///
/// # Errors
/// [`Error::Invalid`] when there is no such marker or it ends before it begins.
pub fn edit_marker(tx: &mut Tx, id: MarkerId, edit: &MarkerEdit) -> Result<()> {
    let (scene, mut marker) = take(tx, id)?;
    edit.apply(&mut marker)?;
    marker.updated_ms = tx.now_ms();
    put(tx, edit.scene.unwrap_or(scene), marker)
}

/// Removes a marker.
///
/// # Errors
/// [`Error::Invalid`] when there is no such marker.
pub fn destroy_marker(tx: &mut Tx, id: MarkerId) -> Result<()> {
    take(tx, id).map(drop)
}

fn put(tx: &mut Tx, scene: ItemId, marker: Marker) -> Result<()> {
    let item = tx.item(scene)?.ok_or_else(|| Error::missing("scene", scene))?;
    if item.object.is_some_and(|object| object.markers.len() >= MARKERS_MAX) {
        return Err(Error::invalid("the scene has too many markers"));
    }
    tx.edit_item(scene, |item| {
        let markers = &mut item.object_mut().markers;
        markers.push(marker);
        markers.sort_by_key(|marker| marker.id);
    })?;
    Ok(())
}

/// Takes a marker off its scene.
fn take(tx: &mut Tx, id: MarkerId) -> Result<(ItemId, Marker)> {
    let missing = || Error::Invalid(format!("scene marker with id {id} not found"));
    let scenes = tx.lookup(LookupKind::Marker, &id.0.to_be_bytes())?;
    let scene = scenes.into_iter().next().ok_or_else(missing)?;
    let mut taken = None;
    tx.edit_item(scene, |item| {
        let markers = &mut item.object_mut().markers;
        let place = markers.iter().position(|marker| marker.id == id);
        taken = place.map(|place| markers.remove(place));
    })?;
    Ok((scene, taken.ok_or_else(missing)?))
}
