//! Reading what inputs of several types have in common.

use std::sync::Arc;

use base64::Engine as _;

use crate::graphql::{FieldError, Map, Value};
use crate::library::Library;
use crate::library::entities::ListChange;
use crate::model::ids::TagId;
use crate::model::time::{now_ms, parse_timestamp};
use crate::stash::media::{UNKNOWN_MIME, sniff};
use crate::stash::scope::{parse_id, parse_tags};

/// Bytes of a picture at most.
const PICTURE_MAX: usize = 64 << 20;

/// A text that may be cleared: absent, or the trimmed text, empty for null.
pub(super) fn text(input: &Map, name: &str) -> Option<String> {
    let value = input.get(name)?;
    Some(value.as_str().unwrap_or_default().trim().to_owned())
}

/// A rating: absent, cleared, or 1 to 100. Older clients give one to five stars.
pub(super) fn rating(input: &Map) -> Result<Option<Option<u8>>, FieldError> {
    let (value, points) = match (input.get("rating100"), input.get("rating")) {
        (Some(value), _) => (value, 1),
        (None, Some(value)) => (value, 20),
        (None, None) => return Ok(None),
    };
    let Some(given) = value.as_int() else { return Ok(Some(None)) };
    match u8::try_from(given.saturating_mul(points)) {
        Ok(rating @ 1..=100) => Ok(Some(Some(rating))),
        Ok(0) => Ok(Some(None)),
        _ => Err(FieldError::new(format!("rating {given} is not between 1 and 100"))),
    }
}

/// The addresses: a list, a change of one, or a single one of older clients.
pub(super) fn urls(input: &Map) -> Result<Option<ListChange<String>>, FieldError> {
    if input.contains("urls") {
        return strings(input, "urls");
    }
    Ok(text(input, "url")
        .map(|url| ListChange::Set(if url.is_empty() { Vec::new() } else { vec![url] })))
}

/// A list of texts, or a change of one.
pub(super) fn strings(input: &Map, name: &str) -> Result<Option<ListChange<String>>, FieldError> {
    let Some(value) = input.get(name) else { return Ok(None) };
    let trimmed = |values: &[Value]| -> Vec<String> {
        let texts = values.iter().filter_map(Value::as_str);
        texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    };
    Ok(match value {
        Value::List(values) => Some(ListChange::Set(trimmed(values))),
        Value::Object(bulk) => {
            let values = trimmed(bulk.list("values").unwrap_or_default());
            Some(change(bulk, values))
        }
        _ => Some(ListChange::Set(Vec::new())),
    })
}

fn change<T>(bulk: &Map, values: Vec<T>) -> ListChange<T> {
    match bulk.str("mode") {
        Some("ADD") => ListChange::Add(values),
        Some("REMOVE") => ListChange::Remove(values),
        _ => ListChange::Set(values),
    }
}

/// A list of ids, or a change of one.
pub(super) fn ids(input: &Map, name: &str) -> Result<Option<ListChange<TagId>>, FieldError> {
    let what = name.replace('_', " ");
    Ok(match input.get(name) {
        None => None,
        Some(Value::Object(bulk)) => {
            let values = parse_tags(&bulk.strs("ids").unwrap_or_default(), &what)?;
            Some(change(bulk, values))
        }
        Some(Value::List(_)) => {
            let values = parse_tags(&input.strs(name).unwrap_or_default(), &what)?;
            Some(ListChange::Set(values))
        }
        // In a bulk form null says nothing, in an update it clears.
        Some(_) => Some(ListChange::Set(Vec::new())),
    })
}

/// One id that may be cleared.
pub(super) fn id(input: &Map, name: &str) -> Result<Option<Option<TagId>>, FieldError> {
    let Some(value) = input.get(name) else { return Ok(None) };
    match value.as_str().filter(|text| !text.is_empty()) {
        None => Ok(Some(None)),
        Some(text) => Ok(Some(Some(TagId(parse_id(text, &name.replace('_', " "))?)))),
    }
}

/// A date that may be cleared: a day, a month or a year.
pub(super) fn date(input: &Map, name: &str) -> Result<Option<Option<String>>, FieldError> {
    let Some(text) = text(input, name) else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(None));
    }
    let whole = crate::stash::filter::criteria::first_day(&text);
    let is_long = matches!(text.len(), 4 | 7 | 10);
    if is_long && whole.parse::<jiff::civil::Date>().is_ok() {
        return Ok(Some(Some(text)));
    }
    let reason = "it is neither a day nor a month nor a year";
    Err(FieldError::new(format!("converting {name}: failed to parse date {text:?}: {reason}")))
}

/// Endpoint, identifier and when it was set.
pub(super) type StashId = (String, String, i64);

/// Identifiers of outside services.
pub(super) fn stash_ids(input: &Map) -> Result<Option<Vec<StashId>>, FieldError> {
    let Some(value) = input.get("stash_ids") else { return Ok(None) };
    let mut ids = Vec::new();
    for id in value.as_list().unwrap_or_default().iter().filter_map(Value::as_map) {
        let updated_ms = match id.str("updated_at") {
            Some(text) => parse_timestamp(text, now_ms()).map_err(FieldError::new)?,
            None => now_ms(),
        };
        let text = |name| id.str(name).unwrap_or_default().to_owned();
        ids.push((text("endpoint"), text("stash_id"), updated_ms));
    }
    Ok(Some(ids))
}

/// A picture: absent, taken away, or its bytes, which may be at an address.
pub(super) fn picture(
    library: &Arc<Library>,
    input: &Map,
    name: &str,
) -> Result<Option<Option<Vec<u8>>>, FieldError> {
    let Some(text) = text(input, name) else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(None));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let bytes = library.fetch_bytes(&text, PICTURE_MAX as u64)?;
        // A page that says why there is no picture is none.
        if sniff(&bytes) == UNKNOWN_MIME {
            return Err(FieldError::new(format!("what is at {text} is no picture")));
        }
        return Ok(Some(Some(bytes)));
    }
    let encoded = text
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
        .filter(|(head, _)| head.ends_with(";base64"))
        .map(|(_, encoded)| encoded)
        .ok_or(FieldError::from("a picture must be a data URL in base64"))?;
    if encoded.len() > PICTURE_MAX {
        return Err(FieldError::from("the picture is too large"));
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim());
    Ok(Some(Some(bytes.map_err(|_| FieldError::from("the picture is not valid base64"))?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: serde_json::Value) -> Map {
        Value::from_json(&json).as_map().unwrap().clone()
    }

    #[test]
    fn absent_and_null_differ() {
        let input = map(serde_json::json!({"title": null, "code": " x ", "date": ""}));
        assert_eq!(text(&input, "title"), Some(String::new()));
        assert_eq!(text(&input, "code"), Some("x".to_owned()));
        assert_eq!(text(&input, "details"), None);
        assert_eq!(date(&input, "date").unwrap(), Some(None));
        assert_eq!(date(&input, "birthdate").unwrap(), None);
    }

    #[test]
    fn dates_have_three_lengths() {
        let check = |text: &str, fine: bool| {
            assert_eq!(
                date(&map(serde_json::json!({"date": text})), "date").is_ok(),
                fine,
                "{text}"
            );
        };
        check("2020", true);
        check("2020-02", true);
        check("2020-02-29", true);
        check("2021-02-29", false);
        check("yesterday", false);
        check("2020-1-1", false);
    }

    #[test]
    fn stars_are_twenty_points() {
        let check = |json: serde_json::Value, expected: Option<Option<u8>>| {
            assert_eq!(rating(&map(json)).unwrap(), expected);
        };
        check(serde_json::json!({"rating": 3}), Some(Some(60)));
        check(serde_json::json!({"rating100": 55, "rating": 3}), Some(Some(55)));
        check(serde_json::json!({"rating100": null}), Some(None));
        check(serde_json::json!({}), None);
        assert!(rating(&map(serde_json::json!({"rating100": 101}))).is_err());
    }

    #[test]
    fn pictures_come_as_data_addresses() {
        let folder = std::env::temp_dir().join(format!("diptych-inputs-{}", std::process::id()));
        let library = Library::open(crate::library::Settings::at(&folder)).unwrap();
        let read =
            |text: &str| picture(&library, &map(serde_json::json!({"image": text})), "image");
        assert_eq!(read("data:image/png;base64,AAEC").unwrap(), Some(Some(vec![0, 1, 2])));
        assert_eq!(read("").unwrap(), Some(None));
        assert!(read("data:image/png;base64,*").is_err());
        assert!(read("picture.png").is_err());
        // Addresses of this machine are for nobody else to fetch.
        assert!(read("http://127.0.0.1:9/picture.png").is_err());
        drop(library);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
