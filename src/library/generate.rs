//! Making what clients show of scenes and images beside the files: covers, perceptual hashes,
//! previews, sprites, pictures of markers, transcodes, thumbnails (behaviour.md of Stash, E3).
//!
//! A job works through scenes and images one by one. What needs ffmpeg is told as missing when there
//! is none; what fails is counted and named, and the job fails with it: nothing is reported as made
//! that is not there. Files go to the folder of generated data under names that clients expect.

mod files;

use std::path::PathBuf;
use std::sync::Arc;

pub use files::{Generated, cue};

use self::files::Maker;
use super::error::{Error, Result};
use super::jobs::JobContext;
use super::objects::{Flag, ObjectFile, put_picture};
use super::{Library, View};
use crate::media::{ffmpeg, montage};
use crate::model::ids::{ItemId, MarkerId};
use crate::model::item::{Item, Marker};

/// Failures that are named in a job's error.
const NAMED_MAX: usize = 3;

/// What is to be made.
#[derive(Clone, Debug, Default)]
pub struct GenerateRequest {
    pub covers: bool,
    pub sprites: bool,
    pub previews: bool,
    /// Moving pictures of the previews; only with these.
    pub image_previews: bool,
    pub markers: bool,
    pub marker_image_previews: bool,
    pub marker_screenshots: bool,
    pub transcodes: bool,
    /// Transcodes also of what browsers play as it is.
    pub force_transcodes: bool,
    pub phashes: bool,
    pub thumbnails: bool,
    pub overwrite: bool,
    pub preview: PreviewOptions,
    /// The scenes; `None` is all, unless only markers are named.
    pub scenes: Option<Vec<ItemId>>,
    /// The markers; `None` is all of the scenes.
    pub marked: Option<Vec<MarkerId>>,
    /// Where generated data goes.
    pub folder: PathBuf,
    /// Whether files are named by MD5 and not by oshash.
    pub by_md5: bool,
}

/// How previews are made.
#[derive(Clone, Debug)]
pub struct PreviewOptions {
    pub segments: u32,
    pub segment_seconds: f64,
    /// Seconds, or a share of the length as `N%`.
    pub exclude_start: String,
    pub exclude_end: String,
    /// ffmpeg's name for how long it may think.
    pub preset: String,
    pub audio: bool,
}

impl Default for PreviewOptions {
    fn default() -> PreviewOptions {
        PreviewOptions {
            segments: 12,
            segment_seconds: 0.75,
            exclude_start: "0".to_owned(),
            exclude_end: "0".to_owned(),
            preset: "slow".to_owned(),
            audio: true,
        }
    }
}

impl GenerateRequest {
    fn needs_ffmpeg(&self) -> bool {
        let markers = self.markers || self.marker_image_previews || self.marker_screenshots;
        let transcodes = self.transcodes || self.force_transcodes;
        let previews = self.previews || self.sprites || self.covers || self.phashes;
        markers || transcodes || previews
    }
}

/// What went wrong of how much.
#[derive(Default)]
struct Tally {
    made: usize,
    failed: usize,
    named: Vec<String>,
}

impl Tally {
    fn note(&mut self, what: &str, id: ItemId, made: Result<bool, String>) {
        match made {
            Ok(made) => self.made += usize::from(made),
            Err(error) => {
                tracing::warn!(%id, what, %error, "could not be made");
                self.failed += 1;
                if self.named.len() < NAMED_MAX {
                    self.named.push(format!("{what} of {id}: {error}"));
                }
            }
        }
    }
}

impl Library {
    /// Makes what is asked for. Stops early when `context` is cancelled.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what could not be made; a failure of the store.
    pub fn generate(
        self: &Arc<Self>,
        request: &GenerateRequest,
        context: &JobContext,
    ) -> Result<()> {
        let view = self.view()?;
        let mut tally = Tally::default();
        let scenes = if request.needs_ffmpeg() { wanted_scenes(&view, request)? } else { vec![] };
        let images = if request.thumbnails { view.images()? } else { Default::default() };
        drop(view);
        let total = scenes.len() + usize::try_from(images.len()).unwrap_or(usize::MAX);
        if !scenes.is_empty() && !ffmpeg::is_there() {
            let text = "ffmpeg is not on the PATH: nothing was made of scenes";
            tally.note("pictures and hashes", scenes[0], Err(text.to_owned()));
        } else {
            for (done, id) in scenes.iter().enumerate() {
                if context.is_cancelled() {
                    return Ok(());
                }
                context.progress(done, total);
                let task = format!("Generating for scene {id}");
                context.sub_task(&task, || {
                    self.generate_of_scene(request, context, *id, &mut tally)
                })?;
            }
        }
        for (done, id) in images.iter().enumerate() {
            if context.is_cancelled() {
                return Ok(());
            }
            context.progress(scenes.len() + done, total);
            let id = ItemId(id);
            tally.note("thumbnail", id, self.generate_thumbnail(id));
        }
        context.progress(total, total);
        tracing::info!(made = tally.made, failed = tally.failed, "Generate finished");
        if tally.failed == 0 {
            return Ok(());
        }
        let (failed, named) = (tally.failed, tally.named.join("; "));
        Err(Error::Invalid(format!("{failed} could not be made: {named}")))
    }

    /// Makes the frame of a scene at a moment its cover; without one that at a fifth of its length.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such frame or no ffmpeg.
    pub fn generate_cover(self: &Arc<Self>, id: ItemId, at: Option<f64>) -> Result<()> {
        let view = self.view()?;
        let item = view.object(id)?.ok_or_else(|| Error::missing("scene", id))?;
        let file = view.object_files(id, &Arc::new(item))?.into_iter().next();
        let file = file.ok_or_else(|| Error::invalid("the scene has no file"))?;
        drop(view);
        if !ffmpeg::is_there() {
            return Err(Error::invalid("ffmpeg is not on the PATH: no screenshot was made"));
        }
        let bytes = ffmpeg::screenshot(&file.path, at.unwrap_or(0.2 * seconds_of(&file)));
        let bytes = bytes.map_err(Error::Invalid)?;
        self.write(move |tx| {
            let hash = put_picture(tx, &bytes);
            tx.edit_item(id, |item| item.object_mut().cover = Some(hash))?;
            Ok(())
        })
    }

    fn generate_of_scene(
        self: &Arc<Self>,
        request: &GenerateRequest,
        context: &JobContext,
        id: ItemId,
        tally: &mut Tally,
    ) -> Result<()> {
        let view = self.view()?;
        let Some(item) = view.object(id)?.map(Arc::new) else { return Ok(()) };
        let files = view.object_files(id, &item)?;
        drop(view);
        // A scene without a file has nothing to make anything of.
        let Some(primary) = files.first() else { return Ok(()) };
        let has_cover = item.object.as_ref().is_some_and(|object| object.cover.is_some());
        if request.covers && (request.overwrite || !has_cover) {
            let made = self.generate_cover(id, None).map(|()| true);
            tally.note("cover", id, made.map_err(|error| error.to_string()));
        }
        if request.phashes {
            self.generate_hashes_of(request, &files, tally)?;
        }
        let is_cancelled = || context.is_cancelled();
        let maker = match Maker::new(request, primary, &is_cancelled) {
            Ok(maker) => maker,
            Err(error) => {
                tally.note("files", id, Err(error));
                return Ok(());
            }
        };
        maker.scene(&mut |what, made| tally.note(what, id, made));
        let markers = item.object.iter().flat_map(|object| &object.markers);
        let wanted = |marker: &&Marker| {
            request.marked.as_ref().is_none_or(|marked| marked.contains(&marker.id))
        };
        for marker in markers.filter(wanted) {
            maker.marker(marker, &mut |what, made| tally.note(what, id, made));
        }
        Ok(())
    }

    /// The perceptual hash of every file.
    fn generate_hashes_of(
        &self,
        request: &GenerateRequest,
        files: &[ObjectFile],
        tally: &mut Tally,
    ) -> Result<()> {
        let mut done = Vec::new();
        for file in files {
            let id = file.item_id;
            let known = file.item.video_hash.is_some() && !request.overwrite;
            if known || done.contains(&id) {
                continue;
            }
            done.push(id);
            match montage::video_hash(&file.path, seconds_of(file)) {
                Ok(hash) => {
                    let put = move |item: &mut Item| item.video_hash = Some(hash);
                    self.write(move |tx| Ok(tx.edit_item(id, put).map(drop)?))?;
                    tally.note("phash", id, Ok(true));
                }
                Err(error) => tally.note("phash", id, Err(error)),
            }
        }
        Ok(())
    }

    fn generate_thumbnail(self: &Arc<Self>, id: ItemId) -> Result<bool, String> {
        let drawn = self.view().and_then(|view| view.thumbnail(id));
        let drawn = drawn.map_err(|error| error.to_string())?;
        if drawn.is_default { Err("it could not be drawn".to_owned()) } else { Ok(true) }
    }
}

/// The length of a file; zero when nobody knows.
fn seconds_of(file: &ObjectFile) -> f64 {
    let media = file.item.media.as_ref();
    media.and_then(|media| media.duration_ms).unwrap_or(0) as f64 / 1000.0
}

/// The scenes to be worked on.
fn wanted_scenes(view: &View, request: &GenerateRequest) -> Result<Vec<ItemId>> {
    let all = view.scenes()?;
    let mut wanted: Vec<ItemId> = match (&request.scenes, &request.marked) {
        (Some(scenes), _) => scenes.iter().copied().filter(|id| all.contains(id.0)).collect(),
        (None, Some(_)) => Vec::new(),
        (None, None) => all.iter().map(ItemId).collect(),
    };
    for marker in request.marked.iter().flatten() {
        wanted.extend(view.scene_of_marker(*marker)?.filter(|scene| !wanted.contains(scene)));
    }
    let only_markers = !(request.covers
        || request.sprites
        || request.previews
        || request.phashes
        || request.transcodes
        || request.force_transcodes);
    if only_markers {
        let marked = view.flagged(Flag::HasMarkers)?;
        wanted.retain(|scene| marked.contains(scene.0));
    }
    Ok(wanted)
}
