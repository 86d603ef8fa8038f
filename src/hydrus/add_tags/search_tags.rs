//! `GET /add_tags/search_tags`: which tags complete a text.

use serde::Serialize;

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Param, Permission, optional, required};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE_DOMAIN, Params, TAG_SERVICE};
use crate::library::autocomplete::{AutocompleteRequest, search_tags};
use crate::model::query::FileDomains;
use crate::model::service::builtin;
use crate::model::tag::Tag;
use crate::model::tag_pattern::Completion;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get(
    "/add_tags/search_tags",
    Access::Needs(Permission::SearchFiles),
    &[PARAMS, FILE_DOMAIN, TAG_SERVICE],
    call,
);

const PARAMS: &[Param] = &[
    required("search", "string", "the beginning of a tag, or a pattern with stars"),
    optional(
        "tag_display_type",
        "string",
        "`storage`, or anything else for tags as shown; storage",
    ),
];

#[derive(Serialize)]
struct Response<'a> {
    autocomplete_text: Typed<'a>,
    tags: Vec<Counted<'a>>,
}

#[derive(Serialize)]
struct Typed<'a> {
    search_text: &'a str,
    inclusive: bool,
}

#[derive(Serialize)]
struct Counted<'a> {
    value: &'a str,
    count: u64,
}

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let view = context.view()?;
    let text = params.need_text("search")?;
    let service = context.tag_service(params)?;
    let display = params.text("tag_display_type")?.is_some_and(|kind| kind != "storage");
    let completion = Completion::parse(text);
    // Where nothing is looked for, nobody looks at the place.
    let domains = match &completion.pattern {
        Some(_) => context.file_domains(params, builtin::COMBINED_LOCAL)?,
        None => FileDomains::default(),
    };
    let is_everything =
        service == builtin::ALL_KNOWN_TAGS && domains.current.contains(&builtin::ALL_KNOWN_FILES);
    let request = AutocompleteRequest {
        text: text.to_owned(),
        tag_service: Some(service).filter(|service| *service != builtin::ALL_KNOWN_TAGS),
        domains,
        display,
        include_current: true,
        include_pending: true,
    };
    let mut found = if is_everything { Vec::new() } else { search_tags(view, &request)? };
    if let Some(caller) = context.caller().filter(|caller| caller.is_restricted()) {
        let filter = &caller.access.filter;
        found.retain(|(tag, _)| filter.allows(&Tag::from_cleaned(tag.to_string())));
    }
    let tags = found.iter().map(|(tag, count)| Counted { value: tag, count: *count }).collect();
    let (search_text, inclusive) = (completion.search_text.as_str(), completion.inclusive);
    let autocomplete_text = Typed { search_text, inclusive };
    Ok(Answer::object(&Response { autocomplete_text, tags }))
}
