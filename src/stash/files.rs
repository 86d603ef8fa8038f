//! `findFiles` and `findFolders`.

use std::rc::Rc;
use std::sync::Arc;

use super::file::{Folder, FolderRef, any_file, text};
use super::filter::{FileFilter, folder_matches};
use super::find::{Window, order_by_key, words};
use super::scope::{Scope, parse_id};
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::library::objects::ObjectFile;
use crate::model::filetype::FileType;
use crate::model::ids::{FolderId, ItemId, PlaceId};
use crate::model::natural::Query;

/// Answers the queries of this file.
pub(super) fn query<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    let wanted = arguments.map("filter");
    let window = Window::read(wanted);
    let query = words(wanted).map(Query::parse).filter(|query| !query.is_empty());
    let is_said = |path: &str| query.as_ref().is_none_or(|query| query.matches([path]));
    if field.name() == "findFiles" {
        let found = match arguments.strs("ids").filter(|ids| !ids.is_empty()) {
            Some(ids) => return named_files(scope, &ids),
            None => all_files(scope, arguments.map("file_filter"), &is_said)?,
        };
        let rows = found.iter().cloned().map(|file| {
            let key = (file.id.0, text(&file.path), file.place.created_ms, file.place.updated_ms);
            (key, file)
        });
        let page = order_by_key(rows.collect(), &window)?;
        return Ok(Resolved::object(FoundFiles { scope: Rc::clone(scope), found, page }));
    }
    let filter = arguments.map("folder_filter");
    let mut rows = Vec::new();
    for (id, folder) in scope.view.folders()? {
        let path = String::from_utf8_lossy(&folder.path).into_owned();
        let passes = filter.map_or(Ok(true), |filter| folder_matches(scope, filter, &folder))?;
        if passes && is_said(&path) {
            rows.push(((id.0, path, folder.created_ms, folder.updated_ms), id));
        }
    }
    if let Some(ids) = arguments.strs("ids").filter(|ids| !ids.is_empty()) {
        let ids: Result<Vec<u32>, _> = ids.iter().map(|text| parse_id(text, "ids")).collect();
        let page: Vec<FolderId> = ids?.into_iter().map(FolderId).collect();
        return Ok(Resolved::object(FoundFolders {
            scope: Rc::clone(scope),
            count: page.len(),
            page,
        }));
    }
    let count = rows.len();
    let page = order_by_key(rows, &window)?;
    Ok(Resolved::object(FoundFolders { scope: Rc::clone(scope), count, page }))
}

fn named_files<'r>(scope: &Rc<Scope>, ids: &[&str]) -> Result<Resolved<'r>, FieldError> {
    let mut found = Vec::new();
    for text in ids {
        let id = PlaceId(parse_id(text, "ids")?);
        let missing = || FieldError::new(format!("file with id {id} not found"));
        found.push(scope.view.file(id)?.ok_or_else(missing)?);
    }
    let page = found.clone();
    Ok(Resolved::object(FoundFiles { scope: Rc::clone(scope), found, page }))
}

/// The files of all objects that pass.
fn all_files(
    scope: &Rc<Scope>,
    filter: Option<&Map>,
    is_said: &dyn Fn(&str) -> bool,
) -> Result<Vec<ObjectFile>, FieldError> {
    let filter = filter.map(|filter| FileFilter::read(scope, filter)).transpose()?;
    let mut found = Vec::new();
    for id in (scope.scenes()? | scope.images()?).into_iter().map(ItemId) {
        let Some(item) = scope.view.object(id)?.map(Arc::new) else { continue };
        for file in scope.view.object_files(id, &item)? {
            let passes = filter.as_ref().map_or(Ok(true), |f| f.matches(scope, id, &file))?;
            if passes && is_said(&text(&file.path)) {
                found.push(file);
            }
        }
    }
    Ok(found)
}

struct FoundFiles {
    scope: Rc<Scope>,
    found: Vec<ObjectFile>,
    page: Vec<ObjectFile>,
}

impl Object for FoundFiles {
    fn type_name(&self) -> &'static str {
        "FindFilesResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let of_kind = |is_it: fn(FileType) -> bool| {
            let found =
                self.found.iter().filter(move |file| file.item.filetype().is_some_and(is_it));
            found.filter_map(|file| file.item.media.as_ref())
        };
        Ok(match field.name() {
            "count" => Resolved::from(self.found.len()),
            "megapixels" => {
                let pixels = of_kind(FileType::is_picture)
                    .filter_map(|m| Some(f64::from(m.width?) * f64::from(m.height?)));
                Resolved::Float(pixels.sum::<f64>() / 1e6)
            }
            "duration" => {
                let videos = of_kind(FileType::is_video);
                let ms: u64 = videos.filter_map(|media| media.duration_ms).sum();
                Resolved::Float(ms as f64 / 1000.0)
            }
            "size" => Resolved::from(self.found.iter().map(|f| f.place.size_bytes).sum::<u64>()),
            "files" => {
                let file = |file: &ObjectFile| any_file(&self.scope, file.clone());
                Resolved::List(self.page.iter().map(file).collect())
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct FoundFolders {
    scope: Rc<Scope>,
    count: usize,
    page: Vec<FolderId>,
}

impl Object for FoundFolders {
    fn type_name(&self) -> &'static str {
        "FindFoldersResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "count" => Resolved::from(self.count),
            "folders" => {
                let mut folders = Vec::new();
                for id in &self.page {
                    let missing = || FieldError::new(format!("folder with id {id} not found"));
                    let folder = Folder::load(&self.scope, FolderRef::Row(*id))?;
                    folders.push(folder.ok_or_else(missing)?);
                }
                Resolved::objects(folders)
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}
