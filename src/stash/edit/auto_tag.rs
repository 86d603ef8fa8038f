//! `metadataAutoTag`: names in paths become performers, studios and tags.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::graphql::{FieldError, Map, Resolved};
use crate::library::entities::{EntityScope, ListChange};
use crate::library::jobs::JobContext;
use crate::library::objects::{ObjectEdit, edit_object};
use crate::library::{self, Library};
use crate::model::entity::EntityKind;
use crate::model::ids::{ItemId, TagId};
use crate::stash::file::text;
use crate::stash::scope::{Scope, parse_id};

/// Objects changed in one transaction.
const BATCH: usize = 64;

/// Which entities are looked for.
#[derive(Clone)]
enum Wanted {
    None,
    All,
    These(Vec<TagId>),
}

/// A name to look for.
struct Name {
    kind: EntityKind,
    id: TagId,
    pattern: Regex,
}

struct Task {
    wanted: [(EntityKind, Wanted); 3],
    paths: Vec<PathBuf>,
    entities: EntityScope,
}

/// Adds the job.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let empty = Map::new();
    let input = arguments.map("input").unwrap_or(&empty);
    let wanted = |name: &str| -> Result<Wanted, FieldError> {
        match input.strs(name).unwrap_or_default().as_slice() {
            [] => Ok(Wanted::None),
            ["*", ..] => Ok(Wanted::All),
            ids => {
                let ids = ids.iter().map(|id| Ok(TagId(parse_id(id, name)?)));
                Ok(Wanted::These(ids.collect::<Result<Vec<_>, FieldError>>()?))
            }
        }
    };
    let task = Task {
        wanted: [
            (EntityKind::Performer, wanted("performers")?),
            (EntityKind::Studio, wanted("studios")?),
            (EntityKind::Tag, wanted("tags")?),
        ],
        paths: input.strs("paths").unwrap_or_default().into_iter().map(PathBuf::from).collect(),
        entities: scope.entities.clone(),
    };
    let library = Arc::clone(&scope.shared.library);
    let id = scope.shared.library.jobs().add("Auto-tagging...", move |context| {
        run(&library, &task, context).map_err(|error| error.to_string())
    });
    Ok(Resolved::from(id.to_string()))
}

fn run(library: &Arc<Library>, task: &Task, context: &JobContext) -> library::Result<()> {
    let view = library.view()?;
    let names = names(task, &view)?;
    // What is organized is left alone.
    let objects = (view.scenes()? | view.images()?) & view.inbox()?;
    drop(view);
    if names.is_empty() {
        return Ok(());
    }
    let all: Vec<u32> = objects.into_iter().collect();
    for (done, batch) in all.chunks(BATCH).enumerate() {
        if context.is_cancelled() {
            return Ok(());
        }
        context.progress(done * BATCH, all.len());
        let view = library.view()?;
        let mut edits = Vec::new();
        for id in batch.iter().copied().map(ItemId) {
            edits.extend(found(&view, task, &names, id)?.map(|edit| (id, edit)));
        }
        let (entities, relations) = (task.entities.clone(), view.shared_relations());
        drop(view);
        if edits.is_empty() {
            continue;
        }
        library.write(move |tx| {
            let mut each = edits.iter();
            each.try_for_each(|(id, edit)| edit_object(tx, &entities, &relations, *id, edit))
        })?;
    }
    Ok(())
}

/// The names of what is wanted: of tags and studios their aliases as well.
fn names(task: &Task, view: &library::View) -> library::Result<Vec<Name>> {
    let catalogue = view.catalogue(&task.entities)?;
    let mut names = Vec::new();
    for (kind, wanted) in &task.wanted {
        let ids = match wanted {
            Wanted::None => &[][..],
            Wanted::All => catalogue.of_kind(*kind),
            Wanted::These(ids) => ids,
        };
        for id in ids {
            let card = view.entity(&task.entities, *id)?.filter(|card| card.kind == *kind);
            let Some(card) = card.filter(|card| !card.entity.ignore_auto_tag) else { continue };
            let aliases = card.entity.aliases.iter().filter(|_| *kind != EntityKind::Performer);
            let (kind, id) = (*kind, card.id);
            for name in std::iter::once(&card.entity.name).chain(aliases) {
                names.extend(pattern(name).map(|pattern| Name { kind, id, pattern }));
            }
        }
    }
    Ok(names)
}

/// A name between what is no letter or digit; its spaces may be any separators, or none.
fn pattern(name: &str) -> Option<Regex> {
    let words: Vec<String> = name.split_whitespace().map(regex::escape).collect();
    if words.is_empty() {
        return None;
    }
    let source = format!(r"(?:^|_|[^\w\d]){}(?:$|_|[^\w\d])", words.join(r"[.\-_ ]*"));
    RegexBuilder::new(&source).case_insensitive(true).build().ok()
}

/// What the paths of an object name.
fn found(
    view: &library::View,
    task: &Task,
    names: &[Name],
    id: ItemId,
) -> library::Result<Option<ObjectEdit>> {
    let Some(item) = view.object(id)?.map(Arc::new) else { return Ok(None) };
    let Some(file) = view.object_files(id, &item)?.into_iter().next() else { return Ok(None) };
    if !task.paths.is_empty() && !task.paths.iter().any(|path| file.path.starts_with(path)) {
        return Ok(None);
    }
    let path = text(&file.path);
    let (mut performers, mut tags) = (Vec::new(), Vec::new());
    let mut studio: Option<(usize, TagId)> = None;
    for name in names {
        let Some(last) = name.pattern.find_iter(&path).last() else { continue };
        match name.kind {
            EntityKind::Performer => performers.push(name.id),
            EntityKind::Studio if studio.is_none_or(|(at, _)| at < last.start()) => {
                studio = Some((last.start(), name.id));
            }
            EntityKind::Studio | EntityKind::Group => {}
            EntityKind::Tag => tags.push(name.id),
        }
    }
    let mut has_studio = false;
    let known = view.item_entities(&task.entities, id)?;
    for tag in &known {
        has_studio |= view.entity_kind(&task.entities, *tag)? == EntityKind::Studio;
    }
    let is_new = |tag: &TagId| !known.contains(tag);
    let edit = ObjectEdit {
        studio: studio.filter(|_| !has_studio).map(|(_, id)| Some(id)),
        performers: performers.iter().any(is_new).then_some(ListChange::Add(performers)),
        tags: tags.iter().any(is_new).then_some(ListChange::Add(tags)),
        ..ObjectEdit::default()
    };
    let is_empty = edit.studio.is_none() && edit.performers.is_none() && edit.tags.is_none();
    Ok((!is_empty).then_some(edit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_between_separators() {
        let check = |name: &str, path: &str, matches: bool| {
            assert_eq!(pattern(name).unwrap().is_match(path), matches, "{name} {path}");
        };
        check("Ada Birch", "/films/ada.birch-night.mp4", true);
        check("Ada Birch", "/films/AdaBirch/1.mp4", true);
        check("Ada Birch", "/films/ada_birches.mp4", false);
        check("fog", "/films/night_fog_.mp4", true);
        check("fog", "/films/foggy.mp4", false);
        check("a+b", "/films/a+b.mp4", true);
    }
}
