//! `POST /add_files/migrate_files`: copies files into further local file domains.

use super::ACCESS;
use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::Endpoint;
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILES, Params, WRITE_FILE_DOMAIN};

/// The row of the table.
pub const ENDPOINT: Endpoint =
    Endpoint::post("/add_files/migrate_files", ACCESS, &[FILES, WRITE_FILE_DOMAIN], call);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let files = context.files(params)?;
    let domains = context.named_domains(params)?;
    if domains.is_empty() {
        let sentence = "Please name at least one local file domain to copy the files into!";
        return Err(Rejection::bad_request(sentence));
    }
    if let Some(unknown) = files.iter().find(|file| file.id.is_none()) {
        let sentence = format!("Sorry, the file {} is in no local file domain.", unknown.hash);
        return Err(Rejection::bad_request(sentence));
    }
    let items = files.iter().filter_map(|file| file.id).collect();
    context.library().migrate_files(items, domains)?;
    Ok(Answer::Empty)
}
