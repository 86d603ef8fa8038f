//! `GET /get_files/file_metadata`: everything known of files.

use super::ACCESS;
use super::record::{Detail, Records};
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::json::Writer;
use crate::hydrus::params::{FILES, NamedFile, Params};
use crate::hydrus::services;
use crate::model::ids::ItemId;

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::get("/get_files/file_metadata", ACCESS, &[FILES, PARAMS], call);

const PARAMS: &[Param] = &[
    optional("create_new_file_ids", "boolean", "whether unknown hashes get an id; false"),
    optional("only_return_identifiers", "boolean", "id and hash alone; false"),
    optional("only_return_basic_information", "boolean", "what the bytes say; false"),
    optional("include_blurhash", "boolean", "with basic information; false"),
    optional("detailed_url_information", "boolean", "what the URL classes say; false"),
    optional("include_notes", "boolean", "notes; false"),
    optional("include_milliseconds", "boolean", "times as fractions of seconds; false"),
    optional("include_services_object", "boolean", "the services; true"),
    optional("hide_service_keys_tags", "boolean", "leave out an older form of the tags; true"),
];

/// Files whose records are in memory at a time.
const CHUNK: usize = 256;
/// About as long is one whole record.
const RECORD_BYTES: usize = 6000;

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let detail = detail(params)?;
    let with_services = params.flag("include_services_object", true)?;
    let creates = params.flag("create_new_file_ids", false)?;
    let mut files = context.files(params)?;
    if creates {
        create(context, &mut files)?;
    }
    let known: Vec<ItemId> = files.iter().filter_map(|file| file.id).collect();
    context.check_seen(&known)?;
    // Ids made by this very request are not in the view that it began with.
    let renewed = creates.then(|| context.renew()).transpose()?;
    let view = match &renewed {
        Some(view) => view,
        None => context.view()?,
    };
    let bytes = if detail.is_whole() { files.len().min(CHUNK * 16) * RECORD_BYTES } else { 4096 };
    let mut writer = Writer::with_capacity(bytes);
    let records = Records::new(view, detail)?;
    let mut written = Ok(());
    writer.object(|object| {
        object.key("metadata").list(|list| {
            written = files.chunks(CHUNK).try_for_each(|chunk| records.write(list, chunk));
        });
        if with_services {
            for (name, value) in services::objects(view.services()) {
                object.member(&name, &value);
            }
        }
    });
    written?;
    Ok(Answer::written(writer.finish()))
}

fn detail(params: &Params) -> Result<Detail, Rejection> {
    Ok(Detail {
        identifiers_only: params.flag("only_return_identifiers", false)?,
        basic_only: params.flag("only_return_basic_information", false)?,
        blurhash: params.flag("include_blurhash", false)?,
        detailed_urls: params.flag("detailed_url_information", false)?,
        notes: params.flag("include_notes", false)?,
        milliseconds: params.flag("include_milliseconds", false)?,
        older_tags: !params.flag("hide_service_keys_tags", true)?,
    })
}

fn create(context: &Context, files: &mut [NamedFile]) -> Result<(), Rejection> {
    let unknown = files.iter().filter(|file| file.id.is_none()).map(|file| file.hash).collect();
    let mut made = context.items_for(unknown)?.into_iter();
    for file in files.iter_mut().filter(|file| file.id.is_none()) {
        file.id = made.next();
    }
    Ok(())
}
