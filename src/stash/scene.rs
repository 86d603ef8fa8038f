//! `Scene` and the small types below it.

use std::rc::Rc;

use super::file::{Caption, VideoFile, finite, funscript};
use super::group::SceneGroup;
use super::marker;
use super::object::Head;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::model::entity::EntityKind;
use crate::model::hash::to_hex;
use crate::model::ids::ItemId;
use crate::model::media::MediaInfo;

/// A scene.
pub(super) struct Scene(Head);

impl Scene {
    /// The scene of an id that is known to be one.
    pub(super) fn load(scope: &Rc<Scope>, id: ItemId) -> Result<Option<Scene>, FieldError> {
        Ok(Head::load(scope, id)?.map(Scene))
    }

    /// The scene of an id; `None` when it is none.
    pub(super) fn find(scope: &Rc<Scope>, id: ItemId) -> Result<Option<Scene>, FieldError> {
        if scope.scenes()?.contains(id.0) { Scene::load(scope, id) } else { Ok(None) }
    }

    /// The facts of the primary file.
    fn media(&self) -> Option<&MediaInfo> {
        let item = match self.0.state().and_then(|state| state.primary) {
            Some(_) => self.0.primary().ok().flatten().map(|file| &file.item),
            None => Some(&self.0.item),
        };
        item?.media.as_ref()
    }

    fn streams(&self) -> Result<Vec<StreamEndpoint>, FieldError> {
        if self.0.primary()?.is_none() {
            return Ok(Vec::new());
        }
        let mime = self.media().map_or("video/mp4", |media| media.filetype.mime());
        let (url, mime_type) = (self.stream_url(), mime.to_owned());
        Ok(vec![StreamEndpoint { url, mime_type, label: "Direct stream".to_owned() }])
    }

    fn stream_url(&self) -> String {
        let key = self.0.scope.shared.settings.read().api_key();
        let suffix = if key.is_empty() { String::new() } else { format!("?apikey={key}") };
        let base = &self.0.scope.origin.base;
        format!("{base}/scene/{}/stream{suffix}", self.0.id)
    }

    fn legacy<'r>(&'r self, name: &str) -> Option<Result<Resolved<'r>, FieldError>> {
        let media = self.media();
        Some(Ok(match name {
            "oshash" => Resolved::from(
                media.and_then(|media| media.oshash).map(|hash| format!("{hash:016x}")),
            ),
            "phash" => match self.0.primary() {
                Ok(file) => {
                    let hash = file.and_then(|file| file.item.video_hash);
                    Resolved::from(hash.map(|hash| format!("{hash:x}")))
                }
                Err(error) => return Some(Err(error)),
            },
            "gallery" => Resolved::Null,
            "file" => Resolved::object(SceneFileType(self)),
            "is_streamable" => Resolved::Bool(media.is_some()),
            _ => return None,
        }))
    }

    fn history<'r>(&'r self, name: &str) -> Option<Resolved<'r>> {
        let state = self.0.state();
        let scope = &self.0.scope;
        let newest_first = |times: &[i64]| {
            let mut times = times.to_vec();
            times.sort_unstable_by(|a, b| b.cmp(a));
            Resolved::List(times.into_iter().map(|time| scope.utc(time)).collect())
        };
        let plays = state.map_or(&[][..], |state| &state.plays_ms);
        Some(match name {
            "last_played_at" => plays.iter().max().map_or(Resolved::Null, |time| scope.utc(*time)),
            "resume_time" => seconds(state.map_or(0, |state| state.resume_ms)),
            "play_duration" => seconds(state.map_or(0, |state| state.play_duration_ms)),
            "play_count" => Resolved::from(plays.len()),
            "play_history" => newest_first(plays),
            "o_history" => newest_first(state.map_or(&[][..], |state| &state.counted_ms)),
            _ => return None,
        })
    }
}

/// Milliseconds as seconds.
fn seconds<'r>(ms: u64) -> Resolved<'r> {
    Resolved::Float(ms as f64 / 1000.0)
}

impl Object for Scene {
    fn type_name(&self) -> &'static str {
        "Scene"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let head = &self.0;
        if let Some(answer) = head.field(field) {
            return answer;
        }
        if let Some(answer) = self.history(field.name()) {
            return Ok(answer);
        }
        if let Some(answer) = self.legacy(field.name()) {
            return answer;
        }
        Ok(match field.name() {
            "interactive" => {
                let script = head.primary()?.and_then(|file| funscript(&file.path));
                Resolved::Bool(script.is_some())
            }
            // The speed is told by heat maps, which are not made.
            "interactive_speed" => Resolved::Null,
            "captions" => match head.primary()? {
                Some(file) => Resolved::objects(Caption::beside(&file.path)),
                None => Resolved::Null,
            },
            "files" => Resolved::objects(
                head.files()?.iter().map(|file| VideoFile::new(&head.scope, file.clone())),
            ),
            "paths" => Resolved::object(ScenePaths(self)),
            "stash_ids" => Resolved::objects(
                head.state()
                    .map_or(&[][..], |state| &state.stash_ids)
                    .iter()
                    .map(|id| StashId { scope: Rc::clone(&head.scope), id: id.clone() }),
            ),
            "sceneStreams" => Resolved::objects(self.streams()?),
            "scene_markers" => {
                Resolved::objects(marker::of_scene(&head.scope, head.id, &head.item))
            }
            "groups" | "movies" => {
                let make =
                    if field.name() == "groups" { SceneGroup::new } else { SceneGroup::movie };
                let groups = head.cards(EntityKind::Group)?.into_iter();
                Resolved::objects(groups.map(|card| {
                    let index = head.state().and_then(|state| state.index_in(card.id));
                    make(&head.scope, card, index)
                }))
            }
            // No gallery can be linked to it.
            "galleries" => Resolved::List(Vec::new()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The addresses of a scene's pictures and streams.
struct ScenePaths<'s>(&'s Scene);

impl Object for ScenePaths<'_> {
    fn type_name(&self) -> &'static str {
        "ScenePathsType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let head = &self.0.0;
        let id = head.id;
        let hash = || {
            let media = self.0.media();
            let oshash = media.and_then(|media| media.oshash).map(|hash| format!("{hash:016x}"));
            oshash.or_else(|| media.map(|media| to_hex(&media.md5))).unwrap_or_default()
        };
        let path = match field.name() {
            "screenshot" => format!("/scene/{id}/screenshot?t={}", head.stamp()),
            "stream" => return Ok(Resolved::from(self.0.stream_url())),
            "vtt" => format!("/scene/{}_thumbs.vtt", hash()),
            "sprite" => format!("/scene/{}_sprite.jpg", hash()),
            "chapters_vtt" => format!("/scene/{id}/vtt/chapter"),
            name @ ("preview" | "webp" | "funscript" | "interactive_heatmap" | "caption") => {
                format!("/scene/{id}/{name}")
            }
            _ => return Err(FieldError::Unresolved),
        };
        Ok(head.scope.url(path))
    }
}

/// A way to play a scene.
pub(super) struct StreamEndpoint {
    url: String,
    mime_type: String,
    label: String,
}

impl Object for StreamEndpoint {
    fn type_name(&self) -> &'static str {
        "SceneStreamEndpoint"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "url" => Resolved::from(&self.url),
            "mime_type" => Resolved::from(&self.mime_type),
            "label" => Resolved::from(&self.label),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The ways to play a scene.
pub(super) fn streams_of(scene: &Scene) -> Result<Vec<StreamEndpoint>, FieldError> {
    scene.streams()
}

/// The primary file as older clients know it.
struct SceneFileType<'s>(&'s Scene);

impl Object for SceneFileType<'_> {
    fn type_name(&self) -> &'static str {
        "SceneFileType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let Some(media) = self.0.media() else { return Ok(Resolved::Null) };
        Ok(match field.name() {
            "size" => Resolved::from(media.size_bytes.to_string()),
            "duration" => seconds(media.duration_ms.unwrap_or(0)),
            "video_codec" => Resolved::from(&media.video_codec),
            "audio_codec" => Resolved::from(&media.audio_codec),
            "width" => Resolved::from(media.width),
            "height" => Resolved::from(media.height),
            "framerate" => Resolved::Float(finite(media.frame_rate)),
            "bitrate" => Resolved::from(media.bit_rate),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// An identifier of an outside service.
pub(super) struct StashId {
    pub(super) scope: Rc<Scope>,
    pub(super) id: (String, String, i64),
}

impl Object for StashId {
    fn type_name(&self) -> &'static str {
        "StashID"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "endpoint" => Resolved::from(&self.id.0),
            "stash_id" => Resolved::from(&self.id.1),
            "updated_at" => self.scope.time(self.id.2),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
