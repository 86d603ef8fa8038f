//! `POST /manage_pages/new_page`: makes a page.

use serde_json::json;

use super::found;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params};
use crate::library::pages::{Page, PageKind, PageSearch};
use crate::library::queue::ImportEntry;
use crate::library::{is_repository, random_key};
use crate::model::hash::to_hex;
use crate::model::query::Sort;
use crate::model::service::builtin;
use crate::model::time::now_ms;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_pages/new_page",
    Access::Needs(Permission::ManagePages),
    &[FILES, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("page_type", "integer", "1, 2, 3, 5, 6, 7, 8, 9 or 10"),
    optional("page_name", "string", "its name"),
    optional("page_of_pages_key", "hex string", "where it goes; the top"),
    optional("focus_page", "boolean", "whether it is shown; true"),
    optional("tags", "list of search terms", "of a search"),
    optional("file_service_key", "hex string", "where a search looks"),
    optional("tag_service_key", "hex string", "whose tags count in a search"),
    optional("file_sort_type", "integer", "the sort of a search"),
    optional("file_sort_asc", "boolean", "smallest first; true"),
    optional("file_sort_namespaces", "list of strings", "the sort of a search by tags"),
    optional("collect_namespaces", "list of strings", "what piles of files are made by"),
    optional("system_hash_locked", "boolean", "whether it never searches again"),
    optional("service_key", "hex string", "the repository of petitions"),
    optional("paths", "list of strings", "files of this machine to import"),
    optional("delete_after_success", "boolean", "whether they go then; false"),
    optional("urls", "list of strings", "addresses to import"),
    optional("url", "string", "an address to watch"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let number = params.need_integer("page_type")?;
    let name = params.text("page_name")?;
    let focus = params.flag("focus_page", true)?;
    let delete_source = params.flag("delete_after_success", false)?;
    let (paths, urls) = (texts(params, "paths")?, texts(params, "urls")?);
    let url = params.text("url")?;
    if names_files(params) {
        context.files(params)?;
    }
    let search = search(context, params)?;
    let parent = parent(context, params)?;
    let kind = kind(number)?;
    let usual = usual_name(kind);
    // Of these two the name is not asked for.
    let is_fixed = kind == PageKind::SIMPLE_DOWNLOADER || kind == PageKind::LOCAL_IMPORT;
    let name = name.filter(|name| !is_fixed && !name.is_empty()).unwrap_or(usual);
    let mut page = Page::new(kind, name, now_ms())?;
    let mut imports = Vec::new();
    match kind {
        PageKind::SEARCH => fill_search(context, params, &mut page, search)?,
        PageKind::LOCAL_IMPORT => {
            for path in paths {
                let entry = ImportEntry::new(path.to_owned(), Vec::new(), page.created_ms);
                imports.push(ImportEntry { delete_source, ..entry });
            }
        }
        PageKind::URLS => {
            let classes = context.view()?.url_classes()?;
            for url in urls {
                let url = classes.for_server(url);
                imports.push(ImportEntry::new(url, Vec::new(), page.created_ms));
            }
        }
        PageKind::WATCHER => {
            if let Some(url) = url {
                page.watched = Some((url.to_owned(), to_hex(&random_key()?)));
            }
        }
        PageKind::PETITIONS => page.name = petitions_name(context, params)?,
        _ => {}
    }
    let answer = json!({
        "page_key": page.key,
        "page_type": page.kind.0,
        "page_name": page.name,
    });
    context.library().add_page(parent, page, imports, focus)?;
    context.library().work_imports();
    Ok(Answer::object(&answer))
}

/// The texts of a list. Nothing asks for what else may be among them, so that is left out.
fn texts<'a>(params: &'a Params, name: &str) -> Result<Vec<&'a str>, Rejection> {
    let list = params.list(name)?.unwrap_or_default();
    Ok(list.iter().filter_map(serde_json::Value::as_str).collect())
}

fn kind(number: i64) -> Result<PageKind, Rejection> {
    let known =
        u8::try_from(number).ok().filter(|kind| [1, 2, 3, 5, 6, 7, 8, 9, 10].contains(kind));
    known
        .map(PageKind)
        .ok_or_else(|| Rejection::bad_request("Unrecognised or unsupported page type!"))
}

fn usual_name(kind: PageKind) -> &'static str {
    match kind {
        PageKind::GALLERY => "gallery",
        PageKind::SIMPLE_DOWNLOADER => "simple downloader",
        PageKind::LOCAL_IMPORT => "import",
        PageKind::URLS => "url import",
        PageKind::DUPLICATES => "duplicates",
        PageKind::WATCHER => "watcher",
        PageKind::PAGES => "pages",
        _ => "files",
    }
}

/// What is checked of every page, whatever its kind: the parts of a search.
fn search(context: &Context, params: &Params) -> Result<PageSearch, Rejection> {
    let sort = params.integer("file_sort_type")?;
    let namespaces = params.list("file_sort_namespaces")?;
    params.list("collect_namespaces")?;
    if sort.is_some() && namespaces.is_some() {
        return Err(Rejection::bad_request(
            "Provide either file_sort_type (system sort) or file_sort_namespaces (namespace sort), \
             not both!",
        ));
    }
    if sort.is_some_and(|number| Sort::from_number(number).is_none()) {
        return Err(Rejection::bad_request("Sorry, did not understand that sort type!"));
    }
    let tag_service = params.hex("tag_service_key")?;
    let tag_service =
        tag_service.map_or(Ok(builtin::ALL_KNOWN_TAGS), |key| context.tag_service_of(&key))?;
    let is_locked = params.flag("system_hash_locked", false)?;
    if is_locked && !names_files(params) {
        return Err(Rejection::bad_request("system_hash_locked requires hashes to be provided!"));
    }
    let tags = params.list("tags")?.unwrap_or_default().to_vec();
    context.search_terms(&tags)?;
    // An unknown domain is no mistake here: nothing is found in it.
    let domains = match params.hex("file_service_key")? {
        Some(key) => context.view()?.services().by_key(&key).into_iter().collect(),
        None => vec![builtin::COMBINED_LOCAL],
    };
    let tags = if is_locked { Vec::new() } else { tags };
    let ascending = sort.is_some() && params.flag("file_sort_asc", true)?;
    Ok(PageSearch { tags, domains, tag_service, sort, ascending, is_locked })
}

fn names_files(params: &Params) -> bool {
    // Of ids, an empty list is no names.
    let is_named = |name: &&str| match params.value(name) {
        Some(value) => value.as_array().is_none_or(|list| !list.is_empty()),
        None => params.is_null(name),
    };
    ["hash", "hashes", "file_id", "file_ids"].iter().any(is_named)
}

fn parent(context: &Context, params: &Params) -> Result<Option<String>, Rejection> {
    let Some(key) = params.hex("page_of_pages_key")? else { return Ok(None) };
    let key = to_hex(&key);
    let top = context.library().pages()?;
    if top.find(&key).is_none_or(|page| page.kind != PageKind::PAGES) {
        return Err(Rejection::not_found("Could not find a page of pages with that key!"));
    }
    Ok(Some(key))
}

fn fill_search(
    context: &Context,
    params: &Params,
    page: &mut Page,
    search: PageSearch,
) -> Result<(), Rejection> {
    if names_files(params) {
        page.files = context.files_to_write(params)?;
    } else if !search.tags.is_empty() && !search.domains.is_empty() {
        page.files = found(context, &search)?;
    }
    page.search = Some(search);
    Ok(())
}

fn petitions_name(context: &Context, params: &Params) -> Result<String, Rejection> {
    let refuse = |sentence: &str| Rejection::bad_request(sentence);
    let key = params
        .hex("service_key")?
        .ok_or_else(|| refuse("Petitions page requires a service_key!"))?;
    let services = context.view()?.services();
    let service = services.by_key(&key).and_then(|id| services.get(id));
    let service = service.ok_or_else(|| Rejection::not_found("That service was not found!"))?;
    let service = Some(service).filter(|service| is_repository(service.kind));
    let service = service.ok_or_else(|| refuse("Petitions are of repositories only!"))?;
    Ok(format!("{} petitions", service.name))
}
