//! Updates and destruction of scenes and images.

use std::rc::Rc;
use std::sync::Arc;

use super::inputs;
use crate::graphql::{FieldError, Map, Resolved, Value};
use crate::library::entities::{EntityScope, ListChange};
use crate::library::objects::{ObjectEdit, Tx, edit_object, put_picture, set_primary};
use crate::library::{self, Generated, Relations};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, PlaceId, TagId};
use crate::stash::file::funscript;
use crate::stash::filter::Kind;
use crate::stash::image::Image;
use crate::stash::scene::Scene;
use crate::stash::scope::{Scope, parse_id};

/// What is to change on one object, with the bytes of a new cover.
pub(super) struct Edit {
    pub(super) id: ItemId,
    pub(super) edit: ObjectEdit,
    pub(super) cover: Option<Vec<u8>>,
    pub(super) primary: Option<PlaceId>,
}

impl Edit {
    /// Writes it on the object of an id.
    pub(super) fn write(
        &self,
        tx: &mut Tx,
        entities: &EntityScope,
        relations: &Arc<Relations>,
        id: ItemId,
    ) -> library::Result<()> {
        let mut edit = self.edit.clone();
        edit.cover = self.cover.as_ref().map(|bytes| put_picture(tx, bytes));
        edit_object(tx, entities, relations, id, &edit)?;
        self.primary.map_or(Ok(()), |file| set_primary(tx, id, file))
    }
}

/// The object of an id, which must be there.
pub(super) fn known(scope: &Rc<Scope>, kind: Kind, text: &str) -> Result<ItemId, FieldError> {
    let id = parse_id(text, "id")?;
    let (all, what) = match kind {
        Kind::Scene => (scope.scenes()?, "scene"),
        Kind::Image => (scope.images()?, "image"),
    };
    if all.contains(id) {
        return Ok(ItemId(id));
    }
    Err(FieldError::new(format!("{what} with id {id} not found")))
}

pub(super) fn answer<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    id: ItemId,
) -> Result<Resolved<'r>, FieldError> {
    Ok(match kind {
        Kind::Scene => Scene::find(scope, id)?.map_or(Resolved::Null, Resolved::object),
        Kind::Image => Image::find(scope, id)?.map_or(Resolved::Null, Resolved::object),
    })
}

/// `sceneUpdate`, `imageUpdate`.
pub(super) fn update_one<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let edit = read(scope, kind, input)?;
    let id = edit.id;
    write(scope, vec![edit])?;
    answer(&scope.renewed()?, kind, id)
}

/// `scenesUpdate`, `imagesUpdate`.
pub(super) fn update_many<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let inputs = arguments.list("input").unwrap_or_default().iter().filter_map(Value::as_map);
    let edits = inputs.map(|input| read(scope, kind, input)).collect::<Result<Vec<_>, _>>()?;
    write_and_list(scope, kind, edits)
}

/// `bulkSceneUpdate`, `bulkImageUpdate`.
pub(super) fn update_bulk<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    // A list that is null says nothing here.
    let lists = ["urls", "performer_ids", "tag_ids", "group_ids", "movie_ids", "gallery_ids"];
    let said = input.iter().filter(|(name, value)| !(lists.contains(name) && value.is_null()));
    let input: Map = said.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let mut edits = Vec::new();
    for id in input.strs("ids").unwrap_or_default() {
        let mut one = input.clone();
        one.insert("id", Value::String(id.to_owned()));
        edits.push(read(scope, kind, &one)?);
    }
    write_and_list(scope, kind, edits)
}

fn write_and_list<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    edits: Vec<Edit>,
) -> Result<Resolved<'r>, FieldError> {
    let ids: Vec<ItemId> = edits.iter().map(|edit| edit.id).collect();
    write(scope, edits)?;
    let scope = scope.renewed()?;
    let objects = ids.into_iter().map(|id| answer(&scope, kind, id));
    Ok(Resolved::List(objects.collect::<Result<Vec<_>, _>>()?))
}

fn write(scope: &Rc<Scope>, edits: Vec<Edit>) -> Result<(), FieldError> {
    let (entities, relations) = (scope.entities.clone(), scope.view.shared_relations());
    scope.shared.library.write(move |tx| {
        edits.iter().try_for_each(|edit| edit.write(tx, &entities, &relations, edit.id))
    })?;
    Ok(())
}

/// Reads the input of an update: what is absent stays, what is null is cleared.
fn read(scope: &Rc<Scope>, kind: Kind, input: &Map) -> Result<Edit, FieldError> {
    let id = known(scope, kind, input.str("id").unwrap_or_default())?;
    let edit = read_edit(scope, kind, id, input)?;
    if kind == Kind::Scene && inputs::text(input, "title").is_some_and(|title| title.is_empty()) {
        let item = scope.view.object(id)?.unwrap_or_default();
        if scope.view.object_files(id, &Arc::new(item))?.is_empty() {
            return Err(FieldError::from("title must be set if scene has no files"));
        }
    }
    Ok(edit)
}

/// Reads what is to change on an object, whatever `input` says of its id.
pub(super) fn read_edit(
    scope: &Rc<Scope>,
    kind: Kind,
    id: ItemId,
    input: &Map,
) -> Result<Edit, FieldError> {
    let names: &[&'static str] = match kind {
        Kind::Scene => &["title", "code", "details", "director"],
        Kind::Image => &["title", "code", "details", "photographer"],
    };
    let notes = names.iter().filter_map(|name| Some((*name, inputs::text(input, name)?))).collect();
    let mut scene_indexes = None;
    let groups = match (inputs::ids(input, "group_ids")?, inputs::ids(input, "movie_ids")?) {
        (Some(change), _) | (None, Some(change)) => Some(change),
        (None, None) => listed_groups(input)?.map(|(groups, indexes)| {
            scene_indexes = Some(indexes);
            ListChange::Set(groups)
        }),
    };
    let seconds = |name| input.float(name).map(|value| (value.max(0.0) * 1000.0) as u64);
    let edit = ObjectEdit {
        notes,
        organized: input.bool("organized"),
        rating100: inputs::rating(input)?,
        urls: inputs::urls(input)?,
        date: inputs::date(input, "date")?,
        studio: inputs::id(input, "studio_id")?,
        performers: inputs::ids(input, "performer_ids")?,
        tags: inputs::ids(input, "tag_ids")?,
        groups,
        scene_indexes,
        stash_ids: inputs::stash_ids(input)?.map(ListChange::Set),
        cover: None,
        play_duration_ms: seconds("play_duration"),
    };
    for (change, kind) in [
        (&edit.tags, EntityKind::Tag),
        (&edit.performers, EntityKind::Performer),
        (&edit.groups, EntityKind::Group),
        (&edit.studio.map(|id| ListChange::Set(id.into_iter().collect())), EntityKind::Studio),
    ] {
        if let Some(ListChange::Set(ids) | ListChange::Add(ids)) = change {
            check_entities(scope, kind, ids)?;
        }
    }
    if input.list("gallery_ids").is_some_and(|ids| !ids.is_empty()) {
        return Err(FieldError::from("FOREIGN KEY constraint failed"));
    }
    let primary = input.str("primary_file_id");
    let primary = primary.map(|text| parse_id(text, "primary file id")).transpose()?.map(PlaceId);
    Ok(Edit {
        id,
        edit,
        cover: inputs::picture(&scope.shared.library, input, "cover_image")?.flatten(),
        primary,
    })
}

/// Groups, and the place of the scene in those where one is given.
type ListedGroups = (Vec<TagId>, Vec<(TagId, i64)>);

/// Groups in the form of a list of objects; null is none.
fn listed_groups(input: &Map) -> Result<Option<ListedGroups>, FieldError> {
    for (name, id) in [("groups", "group_id"), ("movies", "movie_id")] {
        let Some(list) = input.get(name) else { continue };
        let (mut groups, mut indexes) = (Vec::new(), Vec::new());
        for group in list.as_list().unwrap_or_default().iter().filter_map(Value::as_map) {
            let group_id = TagId(parse_id(group.str(id).unwrap_or_default(), "group id")?);
            groups.push(group_id);
            indexes.extend(group.int("scene_index").map(|index| (group_id, index)));
        }
        return Ok(Some((groups, indexes)));
    }
    Ok(None)
}

/// What is linked must exist and be of its kind.
pub(super) fn check_entities(
    scope: &Rc<Scope>,
    kind: EntityKind,
    ids: &[TagId],
) -> Result<(), FieldError> {
    for id in ids {
        if scope.card(*id)?.is_none_or(|card| card.kind != kind) {
            return Err(FieldError::from("FOREIGN KEY constraint failed"));
        }
    }
    Ok(())
}

/// `sceneDestroy`, `imagesDestroy` and the others: the bytes go, or only the object.
pub(super) fn destroy<'r>(
    scope: &Rc<Scope>,
    kind: Kind,
    arguments: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let input = arguments.map("input").ok_or(FieldError::from("input is missing"))?;
    let texts = match input.strs("ids") {
        Some(ids) => ids,
        None => input.str("id").into_iter().collect(),
    };
    let mut items = Vec::new();
    for text in texts {
        let id = known(scope, kind, text)?;
        items.push(id);
        let item = scope.view.item(id)?;
        items.extend(item.and_then(|item| item.object).map_or(Vec::new(), |object| object.members));
    }
    let delete_file = input.bool("delete_file") == Some(true);
    let mut scripts = Vec::new();
    for id in items.iter().filter(|_| delete_file && kind == Kind::Scene) {
        let item = Arc::new(scope.view.item(*id)?.unwrap_or_default());
        let files = scope.view.object_files(*id, &item)?.into_iter();
        scripts.extend(files.filter_map(|file| funscript(&file.path)));
    }
    let mut generated = Vec::new();
    if input.bool("delete_generated") == Some(true) && kind == Kind::Scene {
        let folder = scope.shared.config.generated_folder();
        for id in &items {
            let media = scope.view.item(*id)?.and_then(|item| item.media);
            let at = |by_md5| Generated::new(&folder, media.as_ref()?, by_md5);
            generated.extend([at(false), at(true)].into_iter().flatten());
        }
    }
    scope.shared.library.destroy(items, delete_file)?;
    generated.iter().for_each(Generated::remove);
    for script in scripts {
        if let Err(error) = std::fs::remove_file(&script) {
            tracing::warn!(path = %script.display(), %error, "a script stays");
        }
    }
    Ok(Resolved::Bool(true))
}
