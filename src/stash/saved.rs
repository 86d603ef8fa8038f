//! Saved filters: kept as clients gave them.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::scope::{Scope, parse_id};
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::library::objects::{put_stash_document, stash_document};

/// The name of the stored document.
const DOCUMENT: &str = "saved filters";

/// Filters at most: the document is read whole.
const FILTERS_MAX: usize = 10_000;

/// All saved filters.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Filters {
    last_id: u32,
    filters: Vec<SavedFilter>,
}

/// A saved filter.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SavedFilter {
    id: u32,
    mode: String,
    name: String,
    find_filter: Json,
    object_filter: Json,
    ui_options: Json,
}

fn stored(scope: &Scope) -> Result<Filters, FieldError> {
    Ok(stash_document(&scope.view, DOCUMENT)?.unwrap_or_default())
}

/// Whether a filter of one mode is wanted for another: groups were movies once.
fn is_of(own: &str, wanted: &str) -> bool {
    let groups = ["GROUPS", "MOVIES"];
    own == wanted || groups.contains(&own) && groups.contains(&wanted)
}

/// `findSavedFilter`, `findSavedFilters` and `findDefaultFilter`.
pub(super) fn query<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    let mode = arguments.str("mode");
    match field.name() {
        "findSavedFilter" => {
            let id = parse_id(arguments.str("id").unwrap_or_default(), "id")?;
            let found = stored(scope)?.filters.into_iter().find(|filter| filter.id == id);
            Ok(found.map_or(Resolved::Null, Resolved::object))
        }
        "findSavedFilters" => {
            let mut filters = stored(scope)?.filters;
            filters.retain(|filter| mode.is_none_or(|mode| is_of(&filter.mode, mode)));
            filters.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
            Ok(Resolved::objects(filters))
        }
        _ => {
            let mode = mode.unwrap_or_default().to_owned();
            let settings = scope.shared.settings.read();
            let ui = settings.sections.get("ui").and_then(|ui| ui.get("defaultFilters"));
            let Some(kept) = ui.and_then(|all| all.get(mode.to_lowercase())) else {
                return Ok(Resolved::Null);
            };
            let part = |name: &str| kept.get(name).cloned().unwrap_or(Json::Null);
            Ok(Resolved::object(SavedFilter {
                id: 0,
                mode,
                name: String::new(),
                find_filter: part("find_filter"),
                object_filter: part("object_filter"),
                ui_options: part("ui_options"),
            }))
        }
    }
}

/// A part of an input as JSON; null when it is absent.
fn part(input: &Map, name: &str) -> Json {
    input.get(name).map_or(Json::Null, |value| value.to_json())
}

/// `saveFilter`, `destroySavedFilter` and `setDefaultFilter`.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let input = field.arguments().map("input").ok_or(FieldError::from("input is missing"))?;
    let id = input.str("id").map(|text| parse_id(text, "id")).transpose()?;
    let mode = input.str("mode").unwrap_or_default().to_owned();
    let (find_filter, object_filter) = (part(input, "find_filter"), part(input, "object_filter"));
    let ui_options = part(input, "ui_options");
    let library = &scope.shared.library;
    match field.name() {
        "saveFilter" => {
            let name = input.str("name").unwrap_or_default().trim().to_owned();
            if name.is_empty() {
                return Err(FieldError::from("name must be non-empty"));
            }
            let given = SavedFilter { id: 0, mode, name, find_filter, object_filter, ui_options };
            change(scope, move |all| save(all, id, &given)).map(Resolved::object)
        }
        "destroySavedFilter" => change(scope, move |all| {
            all.filters.retain(|filter| Some(filter.id) != id);
            Ok(Resolved::Bool(true))
        }),
        _ => {
            let parts = [
                ("find_filter", find_filter),
                ("object_filter", object_filter),
                ("ui_options", ui_options),
            ];
            let is_cleared = parts.iter().all(|(_, part)| part.is_null());
            scope.shared.settings.change(library, |settings| {
                let ui = settings.sections.get("ui").and_then(|ui| ui.get("defaultFilters"));
                let mut all = ui.and_then(Json::as_object).cloned().unwrap_or_default();
                all.remove(&mode.to_lowercase());
                if !is_cleared {
                    let kept = parts.into_iter().map(|(name, part)| (name.to_owned(), part));
                    all.insert(mode.to_lowercase(), Json::Object(kept.collect()));
                }
                settings.set("ui", "defaultFilters", Json::Object(all));
            })?;
            Ok(Resolved::Bool(true))
        }
    }
}

/// Changes the stored filters. The settings' lock is not needed: a later write of the same document
/// reads what an earlier one left.
fn change<T>(
    scope: &Rc<Scope>,
    run: impl Fn(&mut Filters) -> Result<T, FieldError>,
) -> Result<T, FieldError> {
    let _turn = scope.shared.saving.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut all = stored(&*scope.renewed()?)?;
    let result = run(&mut all)?;
    scope.shared.library.write(move |tx| put_stash_document(tx, DOCUMENT, &all))?;
    Ok(result)
}

fn save(
    all: &mut Filters,
    id: Option<u32>,
    given: &SavedFilter,
) -> Result<SavedFilter, FieldError> {
    let mut saved = given.clone();
    match id {
        Some(id) => {
            let missing = || FieldError::new(format!("saved filter with id {id} not found"));
            saved.id = id;
            let known = all.filters.iter_mut().find(|filter| filter.id == id);
            *known.ok_or_else(missing)? = saved.clone();
        }
        None if all.filters.len() >= FILTERS_MAX => {
            return Err(FieldError::from("there are too many saved filters"));
        }
        None => {
            all.last_id += 1;
            saved.id = all.last_id;
            all.filters.push(saved.clone());
        }
    }
    Ok(saved)
}

impl Object for SavedFilter {
    fn type_name(&self) -> &'static str {
        "SavedFilter"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let json = |value: &Json| match value {
            Json::Null => Resolved::Null,
            value => Resolved::Json(value.clone()),
        };
        Ok(match field.name() {
            "id" => Resolved::from(self.id),
            "mode" => Resolved::from(&self.mode),
            "name" => Resolved::from(&self.name),
            "filter" => Resolved::from(""),
            "find_filter" if self.find_filter.is_null() => Resolved::Null,
            "find_filter" => Resolved::object(FindFilter(&self.find_filter)),
            "object_filter" => json(&self.object_filter),
            "ui_options" => json(&self.ui_options),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

struct FindFilter<'f>(&'f Json);

impl Object for FindFilter<'_> {
    fn type_name(&self) -> &'static str {
        "SavedFindFilterType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let value = self.0.get(field.name());
        Ok(match field.name() {
            "q" | "sort" | "direction" => Resolved::from(value.and_then(Json::as_str)),
            "page" | "per_page" => Resolved::from(value.and_then(Json::as_i64)),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
