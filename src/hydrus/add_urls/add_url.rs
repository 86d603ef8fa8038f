//! `POST /add_urls/add_url`: fetches a file.

use serde_json::{Value, json};

use super::given_url;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{Params, WRITE_FILE_DOMAIN, all_of, service_by_name, wrong_type};
use crate::library::queue::ImportEntry;
use crate::model::hash::{from_hex, to_hex};
use crate::model::ids::ServiceId;
use crate::model::service::{ServiceKind, builtin};
use crate::model::time::now_ms;
use crate::model::url_class::{UNKNOWN_TYPE, UrlType};

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/add_urls/add_url",
    Access::Needs(Permission::EditUrls),
    &[WRITE_FILE_DOMAIN, PARAMS],
    call,
);

const PARAMS: &[Param] = &[
    required("url", "string", "the address of the file"),
    optional(
        "destination_page_key",
        "hex string",
        "the page that shows it; unknown ones are left out",
    ),
    optional("destination_page_name", "string", "the page that shows it, made if there is none"),
    optional("show_destination_page", "boolean", "whether that page is shown; false"),
    optional(
        "filterable_tags",
        "list of strings",
        "tags for downloader tags, if the import options let them through",
    ),
    optional("service_keys_to_additional_tags", "object of lists of strings", "tags for services"),
    optional("service_names_to_additional_tags", "object of lists of strings", "tags for services"),
    optional("service_names_to_tags", "object of lists of strings", "an older name of the same"),
];

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let url = given_url(params)?;
    for name in ["filterable_tags", "destination_page_name"] {
        params.refuse_null(name)?;
    }
    let tags = tags(context, params)?;
    if crate::model::url::split(url).is_none() {
        return Err(Rejection::bad_request(format!("Could not parse \"{url}\" at all!")));
    }
    let classes = context.view()?.url_classes()?;
    let info = classes.info(url);
    let kind = info.url_type;
    if kind != UNKNOWN_TYPE && kind != UrlType::File.number() {
        let (name, reason) = (&info.match_name, &info.cannot_parse_reason);
        return Err(Rejection::bad_request(format!(
            "This URL was recognised as a \"{name}\" but it cannot be parsed: {reason}\n\nSince this \
             URL cannot be parsed, a downloader cannot be created for it! Please check your url class \
             links under the 'networking' menu."
        )));
    }
    let domains = domains(context, params)?;
    let page_key = params.hex("destination_page_key")?.map(|key| to_hex(&key));
    let page_name = params.text("destination_page_name")?.map(str::to_owned);
    let focus = params.flag("show_destination_page", false)?;
    let normalised_url = classes.for_server(url);
    let filterable_tags = params.texts("filterable_tags")?.unwrap_or_default();
    let entry = ImportEntry {
        filterable_tags: filterable_tags.into_iter().map(str::to_owned).collect(),
        ..ImportEntry::new(normalised_url.clone(), tags, now_ms())
    };
    context.library().queue_url(page_key, page_name, domains, entry, focus)?;
    context.library().work_imports();
    let name = &info.match_name;
    Ok(Answer::object(&json!({
        "human_result_text": format!("\"{name}\" URL added successfully."),
        "normalised_url": normalised_url,
    })))
}

fn domains(context: &Context, params: &Params) -> Result<Vec<ServiceId>, Rejection> {
    let domains = context.named_domains(params)?;
    let services = context.view()?.services();
    let is_local = |domain: &ServiceId| services.kind(*domain) == Some(ServiceKind::LOCAL_FILES);
    if domains.iter().all(is_local) {
        return Ok(domains);
    }
    Err(Rejection::bad_request(
        "Sorry, any custom file domain here must only declare local file domains.",
    ))
}

/// What tags the file.
const TAGGING: [&str; 4] = [
    "filterable_tags",
    "service_keys_to_additional_tags",
    "service_names_to_additional_tags",
    "service_names_to_tags",
];

fn tags(context: &Context, params: &Params) -> Result<Vec<(ServiceId, String)>, Rejection> {
    let mut tags = Vec::new();
    // Who may not edit tags may not even say that there are none.
    let is_tagging = TAGGING.iter().any(|name| params.has(name));
    if is_tagging && !context.may(Permission::EditTags) {
        let name = Permission::EditTags.name();
        return Err(Rejection::forbidden(format!("You do not have permission to: {name}")));
    }
    let services = context.view()?.services();
    if let Some(object) = params.object("service_keys_to_additional_tags")? {
        for (key, list) in object {
            let service = context.tag_service_of(&from_hex(key).unwrap_or_default())?;
            add(&mut tags, service, key, list)?;
        }
    }
    for name in ["service_names_to_additional_tags", "service_names_to_tags"] {
        for (name, list) in params.object(name)?.into_iter().flatten() {
            let (_, service) = service_by_name(services, name)?;
            let service = context.tag_service_of(&service.key)?;
            add(&mut tags, service, name, list)?;
        }
    }
    if tags.iter().any(|(service, _)| *service == builtin::ALL_KNOWN_TAGS) {
        return Err(Rejection::bad_request("Tags are added to one service, not to all!"));
    }
    Ok(tags)
}

fn add(
    tags: &mut Vec<(ServiceId, String)>,
    service: ServiceId,
    name: &str,
    list: &Value,
) -> Result<(), Rejection> {
    let list = list.as_array().ok_or_else(|| wrong_type(name, list, "list"))?;
    let texts = all_of(name, list, "string", Value::as_str)?;
    tags.extend(texts.into_iter().map(|tag| (service, tag.to_owned())));
    Ok(())
}
