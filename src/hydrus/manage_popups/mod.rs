//! Popups: what jobs and clients tell people.

pub mod add_popup;
pub mod call_user_callable;
pub mod cancel_popup;
pub mod dismiss_popup;
pub mod finish_and_dismiss_popup;
pub mod finish_popup;
pub mod get_popups;
pub mod update_popup;

use serde_json::{Map, Value, json};

use super::context::Context;
use super::endpoint::{Param, optional, required};
use super::error::Rejection;
use super::params::{Params, all_of, as_integer};
use crate::library::{NetworkJob, Popup, PopupChange};
use crate::model::hash::to_hex;

/// Which popup.
pub const POPUP: &[Param] = &[required("job_status_key", "hex string", "the popup")];

/// What a popup shows.
pub const CONTENT: &[Param] = &[
    optional("status_title", "string or null", "the title; null removes"),
    optional("status_text_1", "string or null", "the first text; null removes"),
    optional("status_text_2", "string or null", "the second text; null removes"),
    optional("api_data", "object or null", "what the client remembers; null removes"),
    optional("popup_gauge_1", "[integer, integer] or null", "done and to do; null removes"),
    optional("popup_gauge_2", "[integer, integer] or null", "done and to do; null removes"),
    optional("files_label", "string", "what the attached files are called"),
];

/// The members of the group [`CONTENT`], and attached files.
fn change(context: &Context, params: &Params) -> Result<PopupChange, Rejection> {
    let text = |name: &str| -> Result<Option<Option<String>>, Rejection> {
        let text = params.text(name)?.map(|text| Some(text.to_owned()));
        Ok(text.or_else(|| params.is_null(name).then_some(None)))
    };
    let api_data = params.object("api_data")?.map(|data| Some(Value::Object(data.clone())));
    let label = params.text("files_label")?;
    let is_given = |name: &&str| {
        let value = params.value(name);
        let is_null = params.is_null(name);
        value.map_or(is_null, |value| value != &Value::Array(Vec::new()) || *name == "file_id")
    };
    let change = PopupChange {
        title: text("status_title")?,
        text_1: text("status_text_1")?,
        text_2: text("status_text_2")?,
        gauge_1: gauge(params, "popup_gauge_1")?,
        gauge_2: gauge(params, "popup_gauge_2")?,
        api_data: api_data.or_else(|| params.is_null("api_data").then_some(None)),
        files: None,
    };
    // Last, for it may make records of files.
    let files = if ["hash", "hashes", "file_id", "file_ids"].iter().any(is_given) {
        let label = label.ok_or_else(|| {
            Rejection::bad_request("\"files_label\" is required to add files to a popup!")
        })?;
        Some((context.files_to_write(params)?, label.to_owned()))
    } else {
        None
    };
    Ok(PopupChange { files, ..change })
}

/// A gauge: `Some(None)` takes it away.
type GaugeChange = Option<Option<(i64, i64)>>;

fn gauge(params: &Params, name: &str) -> Result<GaugeChange, Rejection> {
    let Some(list) = params.list(name)? else {
        return Ok(params.is_null(name).then_some(None));
    };
    match all_of(name, list, "integer", as_integer)?.as_slice() {
        [done, all] => Ok(Some(Some((*done, *all)))),
        _ => Err(Rejection::bad_request(format!(
            "The parameter \"{name}\" had an invalid number of items!"
        ))),
    }
}

/// A popup as answers show it; what is not set is left out.
fn shown(context: &Context, popup: &Popup) -> Result<Value, Rejection> {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("key", to_hex(&popup.key).into());
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    set("creation_time", (popup.created_ms as f64 / 1000.0).into());
    for (name, text) in [
        ("status_title", &popup.title),
        ("status_text_1", &popup.text_1),
        ("status_text_2", &popup.text_2),
    ] {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    set("had_error", false.into());
    set("is_cancellable", popup.is_cancellable().into());
    set("is_cancelled", popup.is_cancelled.into());
    set("is_done", popup.is_done.into());
    set("is_pausable", popup.is_pausable().into());
    set("is_paused", false.into());
    set("nice_string", popup.all_text().into());
    for (name, gauge) in [("popup_gauge_1", popup.gauge_1), ("popup_gauge_2", popup.gauge_2)] {
        if let Some((done, all)) = gauge {
            set(name, vec![done, all].into());
        }
    }
    if popup.files_mergable {
        set("attached_files_mergable", true.into());
    }
    if let Some(data) = &popup.api_data {
        set("api_data", data.clone());
    }
    if let Some((items, label)) = &popup.files {
        let view = context.renew()?;
        let mut hashes = Vec::new();
        for item in items {
            let hash = view.item(*item)?.and_then(|item| item.sha256);
            hashes.extend(hash.map(|hash| hash.to_hex()));
        }
        set("files", json!({ "hashes": hashes, "label": label }));
    }
    if let Some(job) = &popup.network_job {
        members.insert("network_job".to_owned(), network_job(job));
    }
    Ok(Value::Object(members))
}

fn network_job(job: &NetworkJob) -> Value {
    json!({
        "url": job.url,
        "waiting_on_connection_error": false,
        "domain_ok": true,
        "waiting_on_serverside_bandwidth": false,
        "no_engine_yet": false,
        "has_error": false,
        "total_data_used": job.bytes_read,
        "is_done": false,
        "status_text": "downloading\u{2026}",
        "current_speed": job.bytes_per_second,
        "bytes_read": job.bytes_read,
        "bytes_to_read": job.bytes_to_read,
    })
}
