//! Services as clients see them.

use serde_json::{Map, Value, json};

use super::params::service_by_name;
use crate::hydrus::context::Context;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;
use crate::library::Services;
use crate::model::hash::to_hex;
use crate::model::ids::ServiceId;
use crate::model::service::{Service, ServiceKind, builtin};

/// The kinds that are listed, in the order of the list, with the name of their own list.
const LISTED: &[(ServiceKind, Option<&str>)] = &[
    (ServiceKind::LOCAL_TAGS, Some("local_tags")),
    (ServiceKind::TAG_REPOSITORY, Some("tag_repositories")),
    (ServiceKind::LOCAL_FILES, Some("local_files")),
    (ServiceKind::UPDATES, Some("local_updates")),
    (ServiceKind::FILE_REPOSITORY, Some("file_repositories")),
    (ServiceKind::STORAGE, Some("all_local_files")),
    (ServiceKind::COMBINED_LOCAL, Some("all_local_media")),
    (ServiceKind::ALL_KNOWN_FILES, Some("all_known_files")),
    (ServiceKind::ALL_KNOWN_TAGS, Some("all_known_tags")),
    (ServiceKind::RATING_LIKE, None),
    (ServiceKind::RATING_NUMERICAL, None),
    (ServiceKind::RATING_COUNT, None),
    (ServiceKind::TRASH, Some("trash")),
];

/// The name of a kind for people.
#[must_use]
pub fn type_pretty(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::TAG_REPOSITORY => "hydrus tag repository",
        ServiceKind::FILE_REPOSITORY => "hydrus file repository",
        ServiceKind::LOCAL_FILES => "local file domain",
        ServiceKind::LOCAL_TAGS => "local tag domain",
        ServiceKind::RATING_NUMERICAL => "local numerical rating service",
        ServiceKind::RATING_LIKE => "local like/dislike rating service",
        ServiceKind::ALL_KNOWN_TAGS => "virtual combined tag domain",
        ServiceKind::ALL_KNOWN_FILES => "virtual combined file domain",
        ServiceKind::TRASH => "local trash file domain",
        ServiceKind::STORAGE => "virtual combined local file domain",
        ServiceKind::NOTES => "local file notes service",
        ServiceKind::CLIENT_API => "client api",
        ServiceKind::DELETED_FROM_ANYWHERE => "virtual deleted file service",
        ServiceKind::UPDATES => "local update file domain",
        ServiceKind::COMBINED_LOCAL => "virtual combined local media domain",
        ServiceKind::RATING_COUNT => "local inc/dec rating service",
        _ => "unknown service",
    }
}

/// Whether services of a kind are listed at all.
#[must_use]
pub fn is_listed(kind: ServiceKind) -> bool {
    LISTED.iter().any(|(listed, _)| *listed == kind)
}

/// Name, type and key: the form of `get_service` and of the lists by kind.
#[must_use]
pub fn brief(service: &Service) -> Value {
    json!({
        "name": service.name,
        "type": service.kind.0,
        "type_pretty": type_pretty(service.kind),
        "service_key": to_hex(&service.key),
    })
}

/// The lists by kind, as members of an object.
#[must_use]
pub fn lists(services: &Services) -> Map<String, Value> {
    let mut members = Map::new();
    for (kind, list) in LISTED {
        let Some(list) = list else { continue };
        let of_kind = by_name(services, *kind).into_iter().map(|(_, service)| brief(service));
        members.insert((*list).to_owned(), of_kind.collect());
    }
    members
}

/// The members `services` and `services_v2` that many answers bear.
#[must_use]
pub fn objects(services: &Services) -> Map<String, Value> {
    let mut old = Map::new();
    let mut new = Vec::new();
    for (kind, _) in LISTED {
        for (id, service) in by_name(services, *kind) {
            let key = to_hex(&service.key);
            let mut described = json!({ "name": service.name });
            if let Some(members) = described.as_object_mut() {
                let mut older = members.clone();
                members.insert("service_key".to_owned(), Value::from(key.as_str()));
                for members in [&mut older, members] {
                    members.insert("type".to_owned(), Value::from(service.kind.0));
                    members.insert("type_pretty".to_owned(), type_pretty(service.kind).into());
                    members.extend(rating_members(id, service));
                }
                old.insert(key, Value::Object(older));
            }
            new.push(described);
        }
    }
    let mut members = Map::new();
    members.insert("services".to_owned(), Value::Object(old));
    members.insert("services_v2".to_owned(), Value::Array(new));
    members
}

fn by_name(services: &Services, kind: ServiceKind) -> Vec<(ServiceId, &Service)> {
    let mut all: Vec<_> = services.of_kind(kind).collect();
    all.sort_by(|(_, left), (_, right)| left.name.cmp(&right.name));
    all
}

fn rating_members(id: ServiceId, service: &Service) -> Map<String, Value> {
    let mut members = Map::new();
    if !service.kind.is_rating() {
        return members;
    }
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    let is_count = service.kind == ServiceKind::RATING_COUNT;
    set("show_in_thumbnail", false.into());
    set("show_in_thumbnail_even_when_null", false.into());
    if !is_count {
        let default = if id == builtin::FAVOURITES { "fat star" } else { "circle" };
        set("star_shape", service.star_shape.as_deref().unwrap_or(default).into());
    }
    let colour = |brush: &str| json!({"pen": "#000000", "brush": brush});
    let like = if id == builtin::FAVOURITES { "#F0F041" } else { "#50C878" };
    let is_like = service.kind == ServiceKind::RATING_LIKE;
    let dislike = if is_like { "#C85078" } else { "#FFFFFF" };
    let colours = if is_count {
        json!({"like": colour(like), "mixed": colour("#5F5F5F")})
    } else {
        json!({
            "like": colour(like),
            "dislike": colour(dislike),
            "null": colour("#BFBFBF"),
            "mixed": colour("#5F5F5F"),
        })
    };
    set("colours", colours);
    if service.kind == ServiceKind::RATING_NUMERICAL {
        set("allows_zero", (service.min_stars == 0).into());
        set("min_stars", service.min_stars.into());
        set("max_stars", service.max_stars.into());
    }
    members
}

impl Context {
    /// The service that `service_key` or `service_name` names.
    ///
    /// # Errors
    /// 400 without either, 404 for an unknown one.
    pub fn service<'a>(&'a self, params: &Params) -> Result<(ServiceId, &'a Service), Rejection> {
        let services = self.view()?.services();
        if let Some(name) = params.text("service_name")? {
            let found = service_by_name(services, name)?;
            if is_listed(found.1.kind) {
                return Ok(found);
            }
            let sentence = format!("Sorry, did not find a service with name \"{name}\"!");
            return Err(Rejection::not_found(sentence));
        }
        let Some(key) = params.hex("service_key")? else {
            let sentence = "Sorry, you need to give a service_key or service_name!";
            return Err(Rejection::bad_request(sentence));
        };
        let found = services.by_key(&key).and_then(|id| Some((id, services.get(id)?)));
        found.ok_or_else(|| {
            let hex = to_hex(&key);
            Rejection::not_found(format!("Sorry, did not find a service with key \"{hex}\"!"))
        })
    }
}
