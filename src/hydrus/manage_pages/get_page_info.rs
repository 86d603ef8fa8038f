//! `GET /manage_pages/get_page_info`: what is on a page.

use serde_json::{Value, json};

use super::shows_files;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::View;
use crate::library::pages::{Page, PageKind};
use crate::library::queue::{ImportCounts, ImportEntry};
use crate::model::ids::ItemId;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/manage_pages/get_page_info",
    Access::Needs(Permission::ManagePages),
    &[PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("page_key", "hex string", "the page"),
    optional("simple", "boolean", "whether hashes and entries are left out; true"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let Some(value) = params.value("page_key").and_then(Value::as_str) else {
        return Err(Rejection::missing("page_key"));
    };
    let key = value.to_lowercase();
    let simple = params.flag("simple", true)?;
    let top = context.library().pages()?;
    let page = top
        .find(&key)
        .ok_or_else(|| Rejection::not_found(format!("Did not find a page for \"{value}\"!")))?;
    let view = context.renew()?;
    let mut info = json!({
        "name": page.name,
        "page_key": page.key,
        "page_state": 0,
        "page_type": page.kind.0,
        "is_media_page": shows_files(page),
    });
    if shows_files(page) {
        info["management"] = management(&view, page, simple)?;
        let files = view.page_files(page)?;
        let ids: Vec<u32> = files.iter().map(|file| file.0).collect();
        let mut media = json!({
            "num_files": ids.len(),
            "hash_ids": ids,
            "num_files_selected": 0,
            "hash_ids_selected": [],
        });
        if !simple {
            media["hashes"] = json!(hashes(&view, &files)?);
            media["hashes_selected"] = json!([]);
        }
        info["media"] = media;
    }
    Ok(Answer::object(&json!({ "page_info": info })))
}

fn hashes(view: &View, files: &[ItemId]) -> Result<Vec<String>, Rejection> {
    let mut hashes = Vec::new();
    for file in files {
        let hash = view.item(*file)?.and_then(|item| item.sha256);
        hashes.extend(hash.map(|hash| hash.to_hex()));
    }
    Ok(hashes)
}

fn management(view: &View, page: &Page, simple: bool) -> Result<Value, Rejection> {
    let entries = || entries(view, page, simple);
    let empty_log = || log(&[], simple);
    Ok(match page.kind {
        PageKind::GALLERY => {
            json!({ "multiple_gallery_import": { "gallery_imports": [], "highlight": null } })
        }
        PageKind::SIMPLE_DOWNLOADER => json!({ "simple_downloader_import": {
            "imports": entries()?,
            "gallery_log": empty_log(),
            "files_paused": false,
            "gallery_paused": false,
        } }),
        PageKind::LOCAL_IMPORT => {
            json!({ "hdd_import": { "imports": entries()?, "files_paused": false } })
        }
        PageKind::URLS => json!({ "urls_import": {
            "imports": entries()?,
            "gallery_log": empty_log(),
            "files_paused": false,
        } }),
        PageKind::WATCHER => {
            let watchers: Vec<Value> =
                page.watched.iter().map(|(url, key)| watcher(page, url, key, simple)).collect();
            json!({ "multiple_watcher_import": { "watcher_imports": watchers, "highlight": null } })
        }
        _ => json!({}),
    })
}

/// A watcher looks once: without parsers no address is one to be watched.
fn watcher(page: &Page, url: &str, key: &str, simple: bool) -> Value {
    let created = page.created_ms / 1000;
    let row = json!({
        "url": url,
        "created": created,
        "modified": created,
        "status": 7,
        "note": "Did not recognise this as a gallery or watchable URL!",
    });
    let mut imports = json!({
        "status": "",
        "simple_status": "",
        "total_processed": 0,
        "total_to_process": 0,
    });
    if !simple {
        imports["import_items"] = json!([]);
    }
    json!({
        "url": url,
        "watcher_key": key,
        "created": created,
        "last_check_time": created,
        "next_check_time": created,
        "files_paused": false,
        "checking_paused": true,
        "checking_status": 1,
        "subject": "unknown subject",
        "imports": imports,
        "gallery_log": log(&[row], simple),
    })
}

fn log(rows: &[Value], simple: bool) -> Value {
    let status = if rows.is_empty() { String::new() } else { format!("{} ignored", rows.len()) };
    let mut log = json!({
        "status": status,
        "total_processed": rows.len(),
        "total_to_process": rows.len(),
    });
    if !simple {
        log["log_items"] = json!(rows);
    }
    log
}

fn entries(view: &View, page: &Page, simple: bool) -> Result<Value, Rejection> {
    let counts = view.import_counts(&page.key)?;
    let simple_status = match (counts.done(), counts.total()) {
        (_, 0) => String::new(),
        (done, all) if done == all => all.to_string(),
        (done, all) => format!("{done}/{all}"),
    };
    let mut answer = json!({
        "status": status(&counts),
        "simple_status": simple_status,
        "total_processed": counts.done(),
        "total_to_process": counts.total(),
    });
    if !simple {
        let entries = view.imports(&page.key)?;
        let rows = entries.iter().map(|entry| row(view, entry)).collect::<Result<Vec<_>, _>>()?;
        answer["import_items"] = json!(rows);
    }
    Ok(answer)
}

fn row(view: &View, entry: &ImportEntry) -> Result<Value, Rejection> {
    let item = entry.item.map(|item| view.item(item)).transpose()?.flatten();
    Ok(json!({
        "import_data": entry.source,
        "created": entry.created_ms / 1000,
        "modified": entry.modified_ms / 1000,
        "source_time": entry.source_time_ms.map(|time_ms| time_ms / 1000),
        "status": entry.status,
        "note": entry.note,
        "hash": item.and_then(|item| item.sha256).map(|hash| hash.to_hex()),
    }))
}

/// What became of the entries, for people.
fn status(counts: &ImportCounts) -> String {
    let (new, known) = (counts.of(1), counts.of(2));
    let mut parts = Vec::new();
    match (new, known) {
        (0, 0) => {}
        (new, 0) => parts.push(format!("{new} successful")),
        (0, known) => parts.push(format!("{known} successful (all already in db)")),
        (new, known) => parts.push(format!("{} successful ({known} already in db)", new + known)),
    }
    for (status, name) in [(7, "ignored"), (3, "deleted"), (4, "failed"), (8, "skipped")] {
        if counts.of(status) > 0 {
            parts.push(format!("{} {name}", counts.of(status)));
        }
    }
    parts.join(", ")
}
