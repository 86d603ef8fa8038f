//! `GET /get_files/render`: a picture drawn anew, as a viewer would show it.

use std::path::PathBuf;

use super::ACCESS;
use crate::http::FileAnswer;
use crate::hydrus::answer::{Answer, FILE_AGE_S};
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Endpoint, Param, optional};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::{FILE, Params};
use crate::library::{RenderFormat, RenderRequest};
use crate::model::filetype::FileType;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::get("/get_files/render", ACCESS, &[FILE, PARAMS], call);

const PARAMS: &[Param] = &[
    optional("download", "boolean", "whether browsers should save it rather than show it; false"),
    optional("render_format", "integer", "1 jpeg, 2 png, 33 webp; ugoiras 23 apng, 83 webp"),
    optional("render_quality", "integer", "png 0 to 9, others 1 to 100; png 1, others 80"),
    optional("width", "integer", "only together with height"),
    optional("height", "integer", "only together with width"),
];

/// What the client takes for the size of a picture that has none.
const UNKNOWN_SIDES: (u32, u32) = (100, 100);

fn call(context: &Context, params: &Params) -> Result<Answer, Rejection> {
    let no_picture = || Rejection::bad_request("Requested file is not an image!");
    let is_download = params.flag("download", false)?;
    let id = super::named_file(context, params)?.ok_or_else(no_picture)?;
    let view = context.view()?;
    let item = view.item(id)?.ok_or_else(no_picture)?;
    let filetype = item.filetype().filter(|filetype| filetype.is_renderable());
    let is_ugoira = filetype.ok_or_else(no_picture)? == FileType::UGOIRA;
    let sha256 = item.sha256.ok_or_else(no_picture)?;
    let media = item.media.as_ref();
    let sides = media.and_then(|media| media.width.zip(media.height)).unwrap_or(UNKNOWN_SIDES);
    let request = RenderRequest {
        format: Some(format(params.integer("render_format")?, is_ugoira)?),
        quality: params
            .integer("render_quality")?
            .map(|quality| u8::try_from(quality.clamp(0, 101)).unwrap_or(u8::MAX)),
        size: size(params)?,
        instead: (!is_ugoira).then_some(sides),
    };
    let path = match super::content(context, params) {
        Ok(content) => content.path,
        // Of a still that is gone the client shows that it cannot be shown.
        Err(_) if !is_ugoira => PathBuf::new(),
        Err(rejection) => return Err(rejection),
    };
    let drawn = context.library().render(&path, &request)?;
    let extension = match drawn.format {
        RenderFormat::Png | RenderFormat::Apng => "png",
        RenderFormat::Jpeg => "jpg",
        RenderFormat::Webp => "webp",
    };
    let file = FileAnswer::of_bytes(drawn.bytes, drawn.format.mime());
    let name = format!("{sha256}.{extension}");
    // The file may come back.
    let seconds = if drawn.is_file { FILE_AGE_S } else { 0 };
    Ok(Answer::file(file).named(name, is_download).for_seconds(seconds))
}

fn format(number: Option<i64>, is_ugoira: bool) -> Result<RenderFormat, Rejection> {
    match (number, is_ugoira) {
        (None | Some(2), false) => Ok(RenderFormat::Png),
        (Some(1), false) => Ok(RenderFormat::Jpeg),
        (Some(33), false) | (Some(83), true) => Ok(RenderFormat::Webp),
        (None | Some(23), true) => Ok(RenderFormat::Apng),
        _ => Err(Rejection::bad_request("Invalid render format!")),
    }
}

fn size(params: &Params) -> Result<Option<(u32, u32)>, Rejection> {
    let (width, height) = (params.integer("width")?, params.integer("height")?);
    let (Some(width), Some(height)) = (width, height) else { return Ok(None) };
    let side = |side: i64, name: &str| {
        if side < 1 {
            return Err(Rejection::bad_request(format!("The {name} must be at least 1!")));
        }
        Ok(u32::try_from(side).unwrap_or(u32::MAX))
    };
    Ok(Some((side(width, "width")?, side(height, "height")?)))
}
