//! Settings that clients write.

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::graphql::{Field, FieldError, Map, Resolved, Value};
use crate::library::ScanRules;
use crate::model::time::now_ms;
use crate::stash::auth;
use crate::stash::configuration::Section;
use crate::stash::scope::Scope;

/// Runs a mutation of this file.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let arguments = field.arguments();
    let empty = Map::new();
    let input = arguments.map("input").unwrap_or(&empty);
    match field.name() {
        "generateAPIKey" => generate_key(scope, input.bool("clear") == Some(true)),
        "configureGeneral" => general(scope, input),
        "configureInterface" => section(scope, "interface", input),
        "configureDLNA" => section(scope, "dlna", input),
        "configureScraping" => section(scope, "scraping", input),
        "configureDefaults" => section(scope, "defaults", input),
        _ => ui(scope, field.name(), arguments),
    }
}

fn generate_key<'r>(scope: &Rc<Scope>, clear: bool) -> Result<Resolved<'r>, FieldError> {
    let shared = &scope.shared;
    let settings = shared.settings.change(&shared.library, |settings| {
        settings.api_key = if clear || settings.username.is_empty() {
            String::new()
        } else {
            auth::api_key(settings, now_ms() / 1000)
        };
    })?;
    Ok(Resolved::from(settings.api_key()))
}

/// Keeps what is given of a section and answers all of it.
fn section<'r>(
    scope: &Rc<Scope>,
    name: &'static str,
    input: &Map,
) -> Result<Resolved<'r>, FieldError> {
    let shared = &scope.shared;
    shared.settings.change(&shared.library, |settings| {
        for (key, value) in input.iter().filter(|(_, value)| !value.is_null()) {
            settings.set(name, key, value.to_json());
        }
    })?;
    Ok(Resolved::object(Section::load(&scope.renewed()?, name)?))
}

/// `configureGeneral`: folders go to the library, credentials to the door.
fn general<'r>(scope: &Rc<Scope>, input: &Map) -> Result<Resolved<'r>, FieldError> {
    let shared = &scope.shared;
    if let Some(stashes) = input.list("stashes") {
        set_folders(scope, stashes)?;
    }
    let given = |name: &str| input.str(name).map(str::to_owned);
    let (username, password) = (given("username"), given("password"));
    let hashed = match password.as_deref() {
        None => None,
        Some("") => Some(String::new()),
        Some(same) if same == shared.settings.read().password => None,
        Some(new) => Some(auth::hash_password(new)),
    };
    let rules = scan_rules(scope, input)?;
    let own = ["stashes", "username", "password"];
    shared.settings.change(&shared.library, |settings| {
        if let Some(username) = username {
            settings.username = username;
        }
        if let Some(hashed) = hashed {
            settings.password = hashed;
        }
        let kept = input.iter().filter(|(key, value)| !own.contains(key) && !value.is_null());
        for (key, value) in kept {
            settings.set("general", key, value.to_json());
        }
        settings.tripwire.clear();
    })?;
    if let Some(rules) = rules {
        shared.library.set_scan_rules(rules)?;
    }
    Ok(Resolved::object(Section::load(&scope.renewed()?, "general")?))
}

/// The rules of scans with what is given of them laid over; `None` when nothing is.
fn scan_rules(scope: &Scope, input: &Map) -> Result<Option<ScanRules>, FieldError> {
    let mut rules = scope.view.scan_rules()?;
    let before = rules.clone();
    for (name, list) in [
        ("videoExtensions", &mut rules.video_extensions),
        ("imageExtensions", &mut rules.image_extensions),
        ("galleryExtensions", &mut rules.gallery_extensions),
        ("excludes", &mut rules.excludes),
        ("imageExcludes", &mut rules.image_excludes),
    ] {
        if let Some(given) = input.strs(name) {
            *list = given.into_iter().map(str::to_owned).collect();
        }
    }
    for (what, patterns) in [("video", &rules.excludes), ("image/gallery", &rules.image_excludes)] {
        for pattern in patterns {
            if let Err(error) = regex::Regex::new(&format!("(?i){pattern}")) {
                let message = format!("{what} exclusion pattern '{pattern}' invalid: {error}");
                return Err(FieldError::new(message));
            }
        }
    }
    Ok((rules != before).then_some(rules))
}

/// Makes the library folders those that are given.
fn set_folders(scope: &Rc<Scope>, stashes: &[Value]) -> Result<(), FieldError> {
    let library = &scope.shared.library;
    let mut wanted: Vec<PathBuf> = Vec::new();
    for stash in stashes.iter().filter_map(Value::as_map) {
        let path = PathBuf::from(stash.str("path").unwrap_or_default());
        if !path.is_dir() {
            let path = path.display();
            return Err(FieldError::new(format!("stat {path}: no such file or directory")));
        }
        let flag = |name| stash.bool(name).unwrap_or(false);
        library.add_library_folder(&path, flag("excludeVideo"), flag("excludeImage"))?;
        wanted.push(path.components().collect());
    }
    for folder in scope.view.library_folders()? {
        if !wanted.contains(&folder.path) {
            let removing = std::sync::Arc::clone(library);
            library.jobs().add("Removing library folder...", move |context| {
                let removed = removing.remove_library_folder(folder.domain, context);
                removed.map_err(|error| error.to_string())
            });
        }
    }
    Ok(())
}

/// `configureUI` and `configureUISetting`.
fn ui<'r>(scope: &Rc<Scope>, name: &str, arguments: &Map) -> Result<Resolved<'r>, FieldError> {
    let shared = &scope.shared;
    let json = |name: &str| arguments.given(name).map(Value::to_json);
    let (whole, partial, value) = (json("input"), json("partial"), json("value"));
    let key = arguments.str("key").unwrap_or_default().to_owned();
    let is_setting = name == "configureUISetting";
    let settings = shared.settings.change(&shared.library, |settings| {
        let now = settings.sections.entry("ui").or_insert_with(|| Json::Object(Default::default()));
        if let Some(whole) = whole {
            *now = whole;
        }
        if let Some(partial) = partial {
            merge(now, partial);
        }
        if is_setting {
            put(now, &key, value);
        }
    })?;
    Ok(Resolved::Json(settings.sections.get("ui").cloned().unwrap_or_default()))
}

/// Lays one object over another, level by level.
fn merge(now: &mut Json, over: Json) {
    match (now, over) {
        (Json::Object(now), Json::Object(over)) => {
            for (name, value) in over {
                merge(now.entry(name).or_insert(Json::Null), value);
            }
        }
        (now, over) => *now = over,
    }
}

/// Sets the value at a dotted name; none removes it.
fn put(now: &mut Json, key: &str, value: Option<Json>) {
    if !now.is_object() {
        *now = Json::Object(serde_json::Map::new());
    }
    let Some(object) = now.as_object_mut() else { return };
    match key.split_once('.') {
        Some((first, rest)) => put(object.entry(first).or_insert(Json::Null), rest, value),
        None => match value {
            Some(value) => drop(object.insert(key.to_owned(), value)),
            None => drop(object.remove(key)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_found_by_dotted_names() {
        let mut ui = json!({"a": {"b": 1}});
        put(&mut ui, "a.c", Some(json!(2)));
        put(&mut ui, "x.y.z", Some(json!(true)));
        put(&mut ui, "a.b", None);
        assert_eq!(ui, json!({"a": {"c": 2}, "x": {"y": {"z": true}}}));
        merge(&mut ui, json!({"a": {"d": 3}, "x": null}));
        assert_eq!(ui, json!({"a": {"c": 2, "d": 3}, "x": null}));
    }
}
