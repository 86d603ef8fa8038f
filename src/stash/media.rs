//! The media routes: streams, pictures, captions, and the pictures of entities.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::door::Shared;
use super::file::{Caption, funscript};
use crate::http::{
    FileAnswer, FileSource, Lookup, Method, Params, Request, Response, Route, Router, Status,
};
use crate::library::entities::EntityCard;
use crate::library::{self, Generated, View};
use crate::model::entity::EntityKind;
use crate::model::hash::{Sha256, from_hex, to_hex};
use crate::model::ids::{ItemId, TagId};

/// The router of the media routes.
pub(super) type Routes = Router<Handler>;

/// What a route answers: content that is found on a thread that may block.
pub(super) type Handler = fn(&Call<'_>) -> Result<Answer, Refused>;

pub(super) struct Call<'c> {
    shared: &'c Shared,
    view: View,
    params: &'c Params,
    request: &'c Request,
}

/// What was found.
pub(super) enum Answer {
    /// A file or bytes, with ranges and conditions.
    Content(Box<FileAnswer>),
    /// Anything else.
    Plain(Response),
}

/// Why there is nothing.
pub(super) enum Refused {
    Missing,
    Malformed,
    Library(library::Error),
}

impl From<library::Error> for Refused {
    fn from(error: library::Error) -> Refused {
        match error {
            library::Error::Missing { .. } => Refused::Missing,
            other => Refused::Library(other),
        }
    }
}

/// The table of routes.
pub(super) fn routes() -> Routes {
    let get = |pattern, handler: Handler| {
        [Method::Get, Method::Head].map(|method| Route::new(method, pattern, handler))
    };
    let rows = [
        get("/scene/{id}/stream", stream),
        get("/scene/{id}/screenshot", screenshot),
        get("/scene/{id}/caption", caption),
        get("/scene/{id}/vtt/chapter", chapters),
        get("/scene/{id}/funscript", script),
        get("/scene/{id}/interactive_csv", script_table),
        get("/scene/{id}/preview", |call| call.generated(Generated::preview)),
        get("/scene/{id}/webp", |call| call.generated(Generated::image_preview)),
        get("/scene/{id}/vtt/thumbs", |call| call.generated(Generated::thumbs)),
        get("/scene/{id}/vtt/sprite", |call| call.generated(Generated::sprite)),
        get("/scene/{id}/scene_marker/{marker}/{what}", marker),
        get("/scene/{id}/{any*}", known_scene),
        get("/scene/{name}", by_hash),
        get("/downloads/{key}/{name}", download),
        get("/group/{id}/frontimage", group_front),
        get("/group/{id}/backimage", group_back),
        get("/css", |call| Ok(call.picture(Vec::new(), "text/css"))),
        get("/javascript", |call| Ok(call.picture(Vec::new(), "text/javascript"))),
        get("/customlocales", |call| Ok(call.picture(b"{}".to_vec(), "application/json"))),
        get("/image/{id}/image", image),
        get("/image/{id}/thumbnail", thumbnail),
        get("/performer/{id}/image", performer_picture),
        get("/studio/{id}/image", studio_picture),
        get("/tag/{id}/image", tag_picture),
    ];
    Router::new(rows.into_iter().flatten()).expect("the patterns are valid and different")
}

/// Answers what is no page and no query.
pub(super) async fn answer(shared: &Arc<Shared>, routes: &Routes, request: Request) -> Response {
    let path = request.raw_path.strip_suffix('/').unwrap_or(&request.raw_path);
    let Lookup::Found(handler, params) = routes.lookup(request.method, path) else {
        return missing();
    };
    let (handler, shared) = (*handler, Arc::clone(shared));
    let has_stamp = request.pairs().contains("t");
    let found = tokio::task::spawn_blocking(move || {
        let found = shared.library.view().map_err(Refused::from).and_then(|view| {
            handler(&Call { shared: &shared, view, params: &params, request: &request })
        });
        (found, request)
    });
    let Ok((found, request)) = found.await else {
        return Response::text(Status::INTERNAL_SERVER_ERROR, "Internal server error");
    };
    let caching = if has_stamp { "private, max-age=31536000, immutable" } else { "no-cache" };
    match found {
        Ok(Answer::Plain(response)) => response,
        Ok(Answer::Content(content)) => {
            let size = content.size();
            match content.answer(&request) {
                Ok(mut response) => {
                    response.headers.set_default("Accept-Ranges", "bytes");
                    response.headers.set_default("Cache-Control", caching);
                    response
                }
                Err(error) => Response::text(error.status(), "invalid range")
                    .with_header("Content-Range", crate::http::RangeError::content_range(size)),
            }
        }
        Err(Refused::Missing) => missing(),
        Err(Refused::Malformed) => Response::new(Status::BAD_REQUEST),
        Err(Refused::Library(library::Error::Busy)) => Response::new(Status::SERVICE_UNAVAILABLE),
        Err(Refused::Library(error)) => {
            tracing::error!(%error, "a media route failed");
            Response::text(Status::INTERNAL_SERVER_ERROR, "Internal server error")
        }
    }
}

fn missing() -> Response {
    Response::bytes("text/plain; charset=utf-8", "404 page not found\n")
        .with_status(Status::NOT_FOUND)
}

impl Call<'_> {
    /// The scene of the path.
    fn scene(&self) -> Result<ItemId, Refused> {
        let text = self.params.get("id").unwrap_or_default();
        let id: i64 = text.parse().map_err(|_| Refused::Malformed)?;
        let id = u32::try_from(id).map_err(|_| Refused::Missing)?;
        if self.view.scenes()?.contains(id) { Ok(ItemId(id)) } else { Err(Refused::Missing) }
    }

    /// The image of the path: by id, or by its MD5.
    fn image(&self) -> Result<ItemId, Refused> {
        let text = self.params.get("id").unwrap_or_default();
        let images = self.view.images()?;
        if let Ok(id) = text.parse::<u32>() {
            return if images.contains(id) { Ok(ItemId(id)) } else { Err(Refused::Missing) };
        }
        let hash = from_hex(text).ok_or(Refused::Missing)?;
        let found = self.view.objects_by_hash(library::objects::LookupKind::Md5, &hash)?;
        found.into_iter().find(|head| images.contains(head.0)).ok_or(Refused::Missing)
    }

    /// The item of the primary file of the image of the path.
    fn image_file(&self) -> Result<ItemId, Refused> {
        let id = self.image()?;
        let item = Arc::new(self.view.object(id)?.ok_or(Refused::Missing)?);
        let file = self.view.object_files(id, &item)?.into_iter().next();
        Ok(file.map_or(id, |file| file.item_id))
    }

    /// The bytes of an item's first place.
    fn original(&self, id: ItemId) -> Result<Answer, Refused> {
        let content = self.view.open_content(id)?.ok_or(Refused::Missing)?;
        let source = FileSource::open(&content.path).map_err(|_| Refused::Missing)?;
        let modified_ms = source.modified_ms();
        let mut answer = FileAnswer::of_file(source, content.filetype.mime());
        answer.modified_ms = modified_ms;
        Ok(Answer::Content(Box::new(answer)))
    }

    /// A picture in memory.
    fn picture(&self, bytes: Vec<u8>, mime: &str) -> Answer {
        use md5::Digest;
        let etag = format!("\"{}\"", to_hex(&md5::Md5::digest(&bytes)));
        let mut answer = FileAnswer::of_bytes(bytes, mime);
        answer.etag = Some(etag);
        Answer::Content(Box::new(answer))
    }

    /// What was generated for the scene of the path, if it was.
    fn generated(&self, which: fn(&Generated) -> PathBuf) -> Result<Answer, Refused> {
        file_answer(&which(&self.generated_of(self.scene()?)?))
    }

    /// Where what is generated for a scene is.
    fn generated_of(&self, id: ItemId) -> Result<Generated, Refused> {
        let item = Arc::new(self.view.object(id)?.ok_or(Refused::Missing)?);
        let file = self.view.object_files(id, &item)?.into_iter().next();
        let media = file.as_ref().and_then(|file| file.item.media.as_ref());
        let settings = self.shared.settings.read();
        let algorithm = settings.value("general", "videoFileNamingAlgorithm");
        let by_md5 = algorithm.is_some_and(|name| name.as_str() == Some("MD5"));
        let folder = self.shared.config.generated_folder();
        let at = media.and_then(|media| Generated::new(&folder, media, by_md5));
        at.ok_or(Refused::Missing)
    }

    fn entity_picture(&self, kind: EntityKind) -> Result<Answer, Refused> {
        let text = self.params.get("id").unwrap_or_default();
        let id: i64 = text.parse().map_err(|_| Refused::Malformed)?;
        let id = TagId(u32::try_from(id).map_err(|_| Refused::Missing)?);
        let scope = self.view.entity_scope(&self.shared.rules);
        let card = self.view.entity(&scope, id)?.filter(|card| card.kind == kind);
        let card = card.ok_or(Refused::Missing)?;
        let wants_default = self.request.pairs().first("default") == Some("true");
        if let Some(hash) = card.entity.image.filter(|_| !wants_default)
            && let Some(bytes) = self.view.picture(hash)?
        {
            let mime = sniff(&bytes);
            return Ok(self.picture(bytes, mime));
        }
        Ok(self.picture(default_picture(&card).into_bytes(), "image/svg+xml"))
    }
}

fn stream(call: &Call<'_>) -> Result<Answer, Refused> {
    let id = call.scene()?;
    let item = call.view.object(id)?.ok_or(Refused::Missing)?;
    let file = call.view.object_files(id, &Arc::new(item))?.into_iter().next();
    let file = file.ok_or(Refused::Missing)?;
    let name = file.path.file_name();
    let unsafe_sign = |sign: char| matches!(sign, '"' | '\\') || sign.is_control();
    let name = name.map(|name| name.to_string_lossy().replace(unsafe_sign, "_"));
    let transcode = call.generated_of(id).ok().map(|at| at.transcode()).filter(|at| at.exists());
    let answer = match transcode {
        Some(transcode) => file_answer(&transcode)?,
        None => call.original(file.item_id)?,
    };
    let Answer::Content(content) = answer else { return Ok(answer) };
    let size = content.size();
    let Ok(mut response) = content.answer(call.request) else {
        let response = Response::text(Status::RANGE_NOT_SATISFIABLE, "invalid range")
            .with_header("Content-Range", format!("bytes */{size}"));
        return Ok(Answer::Plain(response));
    };
    response.headers.set("Accept-Ranges", "bytes");
    if let Some(name) = name {
        response.headers.set("Content-Disposition", disposition(&name));
    }
    Ok(Answer::Plain(response))
}

/// How a browser is told the name of a file. Names beyond ASCII are said twice, for headers are
/// ASCII.
fn disposition(name: &str) -> String {
    if name.is_ascii() {
        return format!("inline; filename=\"{name}\"");
    }
    let plain: String = name.chars().map(|sign| if sign.is_ascii() { sign } else { '_' }).collect();
    let whole = crate::http::form::encode_percent(name);
    format!("inline; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

fn screenshot(call: &Call<'_>) -> Result<Answer, Refused> {
    let id = call.scene()?;
    let item = call.view.object(id)?.ok_or(Refused::Missing)?;
    let cover = item.object.as_ref().and_then(|object| object.cover);
    if let Some(hash) = cover
        && let Some(bytes) = call.view.picture(hash)?
    {
        let mime = sniff(&bytes);
        return Ok(call.picture(bytes, mime));
    }
    let file = call.view.object_files(id, &Arc::new(item))?.into_iter().next();
    let thumbnail = call.view.thumbnail(file.map_or(id, |file| file.item_id))?;
    Ok(call.picture(thumbnail.bytes, thumbnail.mime))
}

fn image(call: &Call<'_>) -> Result<Answer, Refused> {
    call.original(call.image_file()?)
}

fn thumbnail(call: &Call<'_>) -> Result<Answer, Refused> {
    let thumbnail = call.view.thumbnail(call.image_file()?)?;
    Ok(call.picture(thumbnail.bytes, thumbnail.mime))
}

/// A file that was made here, by its extension's type.
fn file_answer(path: &Path) -> Result<Answer, Refused> {
    let mime = match path.extension().and_then(|extension| extension.to_str()) {
        Some("mp4") => "video/mp4",
        Some("webp") => "image/webp",
        Some("jpg") => "image/jpeg",
        Some("vtt") => "text/vtt",
        _ => "application/octet-stream",
    };
    let source = FileSource::open(path).map_err(|_| Refused::Missing)?;
    let modified_ms = source.modified_ms();
    let mut answer = FileAnswer::of_file(source, mime);
    answer.modified_ms = modified_ms;
    Ok(Answer::Content(Box::new(answer)))
}

/// What was generated for a marker; a picture says that one is missing yet.
fn marker(call: &Call<'_>) -> Result<Answer, Refused> {
    let id = call.scene()?;
    let marker: i64 =
        call.params.get("marker").unwrap_or_default().parse().map_err(|_| Refused::Malformed)?;
    let item = call.view.object(id)?.ok_or(Refused::Missing)?;
    let markers = item.object.map(|object| object.markers).unwrap_or_default();
    let marker = markers.into_iter().find(|known| i64::from(known.id.0) == marker);
    let marker = marker.ok_or(Refused::Missing)?;
    let extension = match call.params.get("what").unwrap_or_default() {
        "stream" => "mp4",
        "preview" => "webp",
        "screenshot" => "jpg",
        _ => return Err(Refused::Missing),
    };
    let made =
        call.generated_of(id).and_then(|at| file_answer(&at.marker(marker.seconds, extension)));
    match made {
        Err(Refused::Missing) if extension != "mp4" => {
            Ok(call.picture(PENDING.as_bytes().to_vec(), "image/svg+xml"))
        }
        made => made,
    }
}

/// Stands for a picture of a marker that was not made yet.
const PENDING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"500\" height=\"240\">\
     <rect width=\"100%\" height=\"100%\" fill=\"#202b33\"/><text x=\"50%\" y=\"50%\" fill=\"#fff\" \
     font-family=\"sans-serif\" font-size=\"32\" text-anchor=\"middle\">pending</text></svg>";

/// `/scene/HASH_thumbs.vtt` and `/scene/HASH_sprite.jpg`.
fn by_hash(call: &Call<'_>) -> Result<Answer, Refused> {
    let name = call.params.get("name").unwrap_or_default();
    let folder = call.shared.config.generated_folder();
    let at = |hash| Generated::named(&folder, hash).ok_or(Refused::Missing);
    if let Some(hash) = name.strip_suffix("_thumbs.vtt") {
        return file_answer(&at(hash)?.thumbs());
    }
    if let Some(hash) = name.strip_suffix("_sprite.jpg") {
        return file_answer(&at(hash)?.sprite());
    }
    Err(Refused::Missing)
}

fn download(call: &Call<'_>) -> Result<Answer, Refused> {
    let field = |name| call.params.get(name).unwrap_or_default();
    let path = call.shared.downloads.fetch(field("key"), field("name")).ok_or(Refused::Missing)?;
    let source = FileSource::open(&path).map_err(|_| Refused::Missing)?;
    let answer = FileAnswer::of_file(source, "application/octet-stream");
    let Ok(mut response) = answer.answer(call.request) else {
        return Ok(Answer::Plain(Response::text(Status::RANGE_NOT_SATISFIABLE, "invalid range")));
    };
    response.headers.set("Cache-Control", "no-store");
    Ok(Answer::Plain(response))
}

fn group_front(call: &Call<'_>) -> Result<Answer, Refused> {
    call.entity_picture(EntityKind::Group)
}

fn group_back(call: &Call<'_>) -> Result<Answer, Refused> {
    let text = call.params.get("id").unwrap_or_default();
    let id: i64 = text.parse().map_err(|_| Refused::Malformed)?;
    let id = TagId(u32::try_from(id).map_err(|_| Refused::Missing)?);
    let scope = call.view.entity_scope(&call.shared.rules);
    let card = call.view.entity(&scope, id)?.filter(|card| card.kind == EntityKind::Group);
    let hash = card.and_then(|card| Sha256::from_hex(card.detail("back_image")?.as_str()?));
    let bytes = call.view.picture(hash.ok_or(Refused::Missing)?)?.ok_or(Refused::Missing)?;
    let mime = sniff(&bytes);
    Ok(call.picture(bytes, mime))
}

/// The script for interactive devices beside the primary file of the scene of the path.
fn script_path(call: &Call<'_>) -> Result<PathBuf, Refused> {
    let id = call.scene()?;
    let item = Arc::new(call.view.object(id)?.ok_or(Refused::Missing)?);
    let file = call.view.object_files(id, &item)?.into_iter().next();
    file.and_then(|file| funscript(&file.path)).ok_or(Refused::Missing)
}

fn script(call: &Call<'_>) -> Result<Answer, Refused> {
    let bytes = std::fs::read(script_path(call)?).map_err(|_| Refused::Missing)?;
    Ok(call.picture(bytes, "text/plain; charset=utf-8"))
}

/// The actions of a script as rows of moment and position.
fn script_table(call: &Call<'_>) -> Result<Answer, Refused> {
    let bytes = std::fs::read(script_path(call)?).map_err(|_| Refused::Missing)?;
    let table = rows_of_script(&bytes).ok_or(Refused::Missing)?;
    Ok(call.picture(table.into_bytes(), "text/csv; charset=utf-8"))
}

fn rows_of_script(bytes: &[u8]) -> Option<String> {
    let script: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let inverted = script.get("inverted").and_then(|value| value.as_bool()).unwrap_or(false);
    let range = script.get("range").and_then(|value| value.as_i64()).filter(|range| *range > 0);
    let mut rows = String::new();
    for action in script.get("actions")?.as_array()? {
        // Some editors write fractions.
        let number = |name: &str| action.get(name)?.as_f64().map(|value| value as i64);
        let (at, mut position) = (number("at")?, number("pos")?);
        if inverted {
            position = 100_i64.saturating_sub(position);
        }
        if let Some(range) = range {
            position = position.saturating_mul(100) / range;
        }
        rows.push_str(&format!("{at},{position}\r\n"));
    }
    Some(rows)
}

/// What a scene could have but has not: heat maps, live transcodes.
fn known_scene(call: &Call<'_>) -> Result<Answer, Refused> {
    call.scene()?;
    Err(Refused::Missing)
}

/// The markers as chapters: each lasts to its end, to the next one, or to the end of the scene.
fn chapters(call: &Call<'_>) -> Result<Answer, Refused> {
    let id = call.scene()?;
    let item = call.view.object(id)?.ok_or(Refused::Missing)?;
    let scope = call.view.entity_scope(&call.shared.rules);
    let mut markers = item.object.as_ref().map(|object| object.markers.clone()).unwrap_or_default();
    markers.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let end = item.media.as_ref().and_then(|media| media.duration_ms).unwrap_or(0) as f64 / 1000.0;
    let mut text = String::from("WEBVTT\n");
    for (place, marker) in markers.iter().enumerate() {
        let next = markers.get(place + 1).map_or(end, |next| next.seconds);
        let until = marker.end_seconds.unwrap_or(next).max(marker.seconds);
        let mut names = Vec::new();
        for tag in std::iter::once(&marker.primary_tag).chain(&marker.tags) {
            names.extend(call.view.entity(&scope, *tag)?.map(|card| card.entity.name.clone()));
        }
        let name = if marker.title.is_empty() { names.join(", ") } else { marker.title.clone() };
        let (from, until) = (library::cue(marker.seconds), library::cue(until));
        text.push_str(&format!("\n{}\n{from} --> {until}\n{name}\n", place + 1));
    }
    Ok(call.picture(text.into_bytes(), "text/vtt"))
}

fn caption(call: &Call<'_>) -> Result<Answer, Refused> {
    let id = call.scene()?;
    let item = Arc::new(call.view.object(id)?.ok_or(Refused::Missing)?);
    let pairs = call.request.pairs();
    let field = |name| pairs.first(name).unwrap_or_default();
    let files = call.view.object_files(id, &item)?;
    let captions = files.first().map(|file| Caption::beside(&file.path)).unwrap_or_default();
    let found = captions.iter().find(|caption| caption.is(field("lang"), field("type")));
    let text = found.and_then(|caption| std::fs::read(&caption.path).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let text = if field("type") == "srt" && !text.is_empty() { from_srt(&text) } else { text };
    Ok(call.picture(text.into_bytes(), "text/vtt"))
}

/// The same captions in the form that browsers take.
fn from_srt(text: &str) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.contains("-->") {
            out.push_str(&line.replace(',', "."));
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

fn performer_picture(call: &Call<'_>) -> Result<Answer, Refused> {
    call.entity_picture(EntityKind::Performer)
}

fn studio_picture(call: &Call<'_>) -> Result<Answer, Refused> {
    call.entity_picture(EntityKind::Studio)
}

fn tag_picture(call: &Call<'_>) -> Result<Answer, Refused> {
    call.entity_picture(EntityKind::Tag)
}

/// The type of bytes that are no picture.
pub(super) const UNKNOWN_MIME: &str = "application/octet-stream";

/// Whether bytes begin as a drawing does: with its element, behind what XML puts before it.
fn is_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let head = String::from_utf8_lossy(head).to_lowercase();
    head.trim_start().starts_with('<') && head.contains("<svg")
}

/// The type of a picture by its first bytes.
pub(super) fn sniff(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xD8, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'B', b'M', ..] => "image/bmp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => "image/avif",
        _ if is_svg(bytes) => "image/svg+xml",
        _ => UNKNOWN_MIME,
    }
}

/// The picture of an entity without one: its first letter on a colour of its name.
fn default_picture(card: &EntityCard) -> String {
    let name = &card.entity.name;
    let sum = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let letter = name.chars().find(|sign| sign.is_alphanumeric()).unwrap_or('?');
    let (width, height) = match card.kind {
        EntityKind::Performer => (400, 600),
        EntityKind::Tag | EntityKind::Studio | EntityKind::Group => (480, 270),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\
         <rect width=\"100%\" height=\"100%\" fill=\"hsl({}, 30%, 40%)\"/>\
         <text x=\"50%\" y=\"50%\" fill=\"#fff\" font-family=\"sans-serif\" font-size=\"160\" \
         text-anchor=\"middle\" dominant-baseline=\"central\">{}</text></svg>",
        sum % 360,
        letter.to_uppercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_turned_into_what_browsers_take() {
        let srt = "\u{feff}1\r\n00:00:01,500 --> 00:00:02,000\r\nNight, train\r\n";
        let vtt = "WEBVTT\n\n1\n00:00:01.500 --> 00:00:02.000\nNight, train\n";
        assert_eq!(from_srt(srt), vtt);
    }

    #[test]
    fn scripts_become_rows_turned_and_stretched_as_they_say() {
        let check = |script: &str, rows: Option<&str>| {
            assert_eq!(rows_of_script(script.as_bytes()).as_deref(), rows, "{script}");
        };
        check(
            r#"{"actions": [{"at": 100, "pos": 10}, {"at": 9.5, "pos": 90}]}"#,
            Some("100,10\r\n9,90\r\n"),
        );
        check(r#"{"inverted": true, "actions": [{"at": 1, "pos": 10}]}"#, Some("1,90\r\n"));
        check(r#"{"range": 50, "actions": [{"at": 1, "pos": 10}]}"#, Some("1,20\r\n"));
        check(r#"{"actions": []}"#, Some(""));
        check(r#"{"actions": [{"at": 1}]}"#, None);
        check("[", None);
    }

    #[test]
    fn names_beyond_ascii_are_said_twice() {
        assert_eq!(disposition("a b.mp4"), "inline; filename=\"a b.mp4\"");
        let said = disposition("Köln.mp4");
        assert_eq!(said, "inline; filename=\"K_ln.mp4\"; filename*=UTF-8''K%C3%B6ln.mp4");
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert_eq!(sniff(b"\xFF\xD8\xFF"), "image/jpeg");
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(sniff(b"  <svg/>"), "image/svg+xml");
        assert_eq!(sniff(b"<?xml version='1.0'?><svg/>"), "image/svg+xml");
        assert_eq!(sniff(b"<!doctype html><p>"), "application/octet-stream");
        assert_eq!(sniff(b""), "application/octet-stream");
    }
}
