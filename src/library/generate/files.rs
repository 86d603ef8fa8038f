//! The files that are made of one scene, and where they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GenerateRequest, seconds_of};
use crate::library::objects::ObjectFile;
use crate::media::{ffmpeg, jpeg, montage};
use crate::model::hash::to_hex;
use crate::model::item::Marker;
use crate::model::media::MediaInfo;

/// Frames in a row of a sprite, and rows.
const SPRITE_SIDE: usize = 9;
/// Width of a frame of a sprite.
const SPRITE_WIDTH: u32 = 160;
/// The longest that a short file may take, and more for every second of the video.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The longest preview of a marker, and of its moving picture.
const MARKER_SECONDS: f64 = 20.0;
const MARKER_IMAGE_SECONDS: f64 = 5.0;

/// What is said of each attempt: what it was, and whether it was made, or was there.
type Report<'r> = &'r mut dyn FnMut(&str, Result<bool, String>);

/// Where what is made of one scene is.
pub struct Generated {
    folder: PathBuf,
    hash: String,
}

impl Generated {
    /// The places of a file's content; `None` when it has no such hash.
    #[must_use]
    pub fn new(folder: &Path, media: &MediaInfo, by_md5: bool) -> Option<Generated> {
        let hash = if by_md5 { to_hex(&media.md5) } else { format!("{:016x}", media.oshash?) };
        Some(Generated { folder: folder.to_owned(), hash })
    }

    /// The places of a hash that a client names; `None` when it is none.
    #[must_use]
    pub fn named(folder: &Path, hash: &str) -> Option<Generated> {
        let is_hash = matches!(hash.len(), 16 | 32) && hash.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash.then(|| Generated { folder: folder.to_owned(), hash: hash.to_lowercase() })
    }

    fn at(&self, folder: &str, ending: &str) -> PathBuf {
        self.folder.join(folder).join(format!("{}{ending}", self.hash))
    }

    /// The short video.
    #[must_use]
    pub fn preview(&self) -> PathBuf {
        self.at("screenshots", ".mp4")
    }

    /// The short moving picture.
    #[must_use]
    pub fn image_preview(&self) -> PathBuf {
        self.at("screenshots", ".webp")
    }

    /// All frames of the scrubber in one picture.
    #[must_use]
    pub fn sprite(&self) -> PathBuf {
        self.at("vtt", "_sprite.jpg")
    }

    /// Which frame of the sprite is when.
    #[must_use]
    pub fn thumbs(&self) -> PathBuf {
        self.at("vtt", "_thumbs.vtt")
    }

    /// The video as browsers play it.
    #[must_use]
    pub fn transcode(&self) -> PathBuf {
        self.at("transcodes", ".mp4")
    }

    /// A file of a marker: `mp4`, `webp` or `jpg`.
    #[must_use]
    pub fn marker(&self, seconds: f64, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", seconds.max(0.0) as u64);
        self.folder.join("markers").join(&self.hash).join(name)
    }

    /// Removes all of it.
    pub fn remove(&self) {
        let files =
            [self.preview(), self.image_preview(), self.sprite(), self.thumbs(), self.transcode()];
        for file in files {
            // Most of it was never made.
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_dir_all(self.folder.join("markers").join(&self.hash));
    }
}

/// Makes the files of one scene.
pub(super) struct Maker<'m> {
    request: &'m GenerateRequest,
    video: &'m Path,
    media: &'m MediaInfo,
    seconds: f64,
    at: Generated,
    is_cancelled: &'m dyn Fn() -> bool,
}

impl<'m> Maker<'m> {
    pub(super) fn new(
        request: &'m GenerateRequest,
        file: &'m ObjectFile,
        is_cancelled: &'m dyn Fn() -> bool,
    ) -> Result<Maker<'m>, String> {
        let media = file.item.media.as_ref().ok_or("nothing is known of the file")?;
        let at = Generated::new(&request.folder, media, request.by_md5);
        let at = at.ok_or("the file is too small to be named by its hash")?;
        let seconds = seconds_of(file);
        Ok(Maker { request, video: &file.path, media, seconds, at, is_cancelled })
    }

    /// What is wanted of the scene itself.
    pub(super) fn scene(&self, report: Report<'_>) {
        let wanted = self.request;
        if wanted.previews {
            report("preview", self.once(&self.at.preview(), |to| self.preview(to)));
            if wanted.image_previews {
                let made = self.once(&self.at.image_preview(), |to| {
                    self.moving_picture(&self.at.preview(), None, to)
                });
                report("image preview", made);
            }
        }
        if wanted.sprites {
            report("sprite", self.once(&self.at.thumbs(), |to| self.sprite(to)));
        }
        let plays = self.plays_in_browsers();
        if wanted.force_transcodes || wanted.transcodes && !plays {
            report("transcode", self.once(&self.at.transcode(), |to| self.transcode(to)));
        }
    }

    /// What is wanted of a marker.
    pub(super) fn marker(&self, marker: &Marker, report: Report<'_>) {
        let at = |extension| self.at.marker(marker.seconds, extension);
        let length = marker.end_seconds.map_or(MARKER_SECONDS, |end| end - marker.seconds);
        let length = if length > 0.0 { length.min(MARKER_SECONDS) } else { MARKER_SECONDS };
        if self.request.markers {
            let made = self.once(&at("mp4"), |to| self.marker_video(marker.seconds, length, to));
            report("marker", made);
        }
        if self.request.marker_image_previews {
            let span = (marker.seconds, length.min(MARKER_IMAGE_SECONDS));
            let made = self.once(&at("webp"), |to| self.moving_picture(self.video, Some(span), to));
            report("marker image preview", made);
        }
        if self.request.marker_screenshots {
            let made = self
                .once(&at("jpg"), |to| put(to, &ffmpeg::screenshot(self.video, marker.seconds)?));
            report("marker screenshot", made);
        }
    }

    /// Makes a file unless it is there; whether it was made.
    fn once(
        &self,
        target: &Path,
        make: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<bool, String> {
        if target.exists() && !self.request.overwrite {
            return Ok(false);
        }
        make(target).map(|()| true)
    }

    /// Whether browsers play the file as it is.
    fn plays_in_browsers(&self) -> bool {
        let audio = self.media.audio_codec.as_str();
        let is_one_of = |list: &[&str], codec: &str| codec.is_empty() || list.contains(&codec);
        let in_webm = self.media.format == "webm"
            && ["vp8", "vp9", "av1"].contains(&self.media.video_codec.as_str())
            && is_one_of(&["vorbis", "opus"], audio);
        let in_mp4 = self.media.format == "mp4"
            && self.media.video_codec == "h264"
            && is_one_of(&["aac", "mp3", "opus"], audio);
        in_webm || in_mp4
    }

    fn run(&self, options: Vec<OsString>, target: &Path) -> Result<(), String> {
        let timeout = TIMEOUT + Duration::from_secs_f64(self.seconds.clamp(0.0, 86_400.0) * 4.0);
        ffmpeg::make(&options, target, timeout, self.is_cancelled)
    }

    /// Pieces of the whole length, one after the other.
    fn preview(&self, target: &Path) -> Result<(), String> {
        if self.seconds <= 0.0 {
            return Err("the length of the video is not known".to_owned());
        }
        let options = &self.request.preview;
        let has_audio = options.audio && self.media.has_audio;
        let mut arguments = Arguments::default();
        let pieces = self.pieces();
        for (from, length) in &pieces {
            arguments.add(["-ss", &format!("{from:.3}"), "-t", &format!("{length:.3}"), "-i"]);
            arguments.0.push(self.video.into());
        }
        let mut graph = String::new();
        for place in 0..pieces.len() {
            graph += &format!("[{place}:v:0]scale=640:-2,setsar=1[v{place}];");
        }
        for place in 0..pieces.len() {
            graph += &format!("[v{place}]");
            if has_audio {
                graph += &format!("[{place}:a:0]");
            }
        }
        let audio = u8::from(has_audio);
        graph += &format!("concat=n={}:v=1:a={audio}[v]", pieces.len());
        graph += if has_audio { "[a]" } else { "" };
        arguments.add(["-filter_complex", &graph, "-map", "[v]"]);
        if has_audio {
            arguments.add(["-map", "[a]", "-c:a", "aac", "-b:a", "128k"]);
        }
        arguments.add(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "high"]);
        arguments.add(["-level", "4.2", "-preset", &options.preset, "-crf", "21"]);
        arguments.add(["-movflags", "+faststart", "-f", "mp4"]);
        self.run(arguments.0, target)
    }

    /// Where the pieces of a preview begin, and how long they are.
    fn pieces(&self) -> Vec<(f64, f64)> {
        let options = &self.request.preview;
        let cut = |text: &str| {
            let number = |text: &str| text.trim().parse::<f64>().unwrap_or(0.0).max(0.0);
            match text.trim().strip_suffix('%') {
                Some(share) => self.seconds * number(share) / 100.0,
                None => number(text),
            }
        };
        let (start, end) = (cut(&options.exclude_start), cut(&options.exclude_end));
        let segments = options.segments.clamp(1, 100);
        let length = options.segment_seconds.max(0.75);
        if self.seconds < f64::from(segments) * length || start + end >= self.seconds {
            return vec![(0.0, self.seconds)];
        }
        let step = (self.seconds - start - end) / f64::from(segments);
        (0..segments).map(|place| (start + f64::from(place) * step, length)).collect()
    }

    fn moving_picture(
        &self,
        video: &Path,
        span: Option<(f64, f64)>,
        target: &Path,
    ) -> Result<(), String> {
        let mut arguments = Arguments::default();
        if let Some((from, length)) = span {
            arguments.add(["-ss", &format!("{from:.3}"), "-t", &format!("{length:.3}")]);
        }
        arguments.add(["-i"]);
        arguments.0.push(video.into());
        arguments.add(["-an", "-vf", "scale=640:-2,fps=12", "-c:v", "libwebp", "-lossless", "0"]);
        arguments.add(["-q:v", "70", "-compression_level", "6", "-loop", "0", "-f", "webp"]);
        self.run(arguments.0, target)
    }

    fn marker_video(&self, from: f64, length: f64, target: &Path) -> Result<(), String> {
        let mut arguments = Arguments::default();
        arguments.add(["-ss", &format!("{from:.3}"), "-t", &format!("{length:.3}"), "-i"]);
        arguments.0.push(self.video.into());
        arguments.add(["-vf", "scale=640:-2", "-c:v", "libx264", "-pix_fmt", "yuv420p"]);
        arguments.add(["-preset", "veryslow", "-crf", "24", "-c:a", "aac", "-b:a", "64k"]);
        arguments.add(["-movflags", "+faststart", "-f", "mp4"]);
        self.run(arguments.0, target)
    }

    fn transcode(&self, target: &Path) -> Result<(), String> {
        let copies_video = self.media.video_codec == "h264" && !self.request.force_transcodes;
        let mut arguments = Arguments::default();
        arguments.add(["-i"]);
        arguments.0.push(self.video.into());
        if copies_video {
            arguments.add(["-c:v", "copy"]);
        } else {
            arguments.add(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "superfast"]);
            // The encoder takes even sides only.
            arguments.add(["-crf", "23", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2"]);
        }
        arguments.add(["-c:a", "aac", "-movflags", "+faststart", "-f", "mp4"]);
        self.run(arguments.0, target)
    }

    /// The picture of all frames, then the file that says which is when: that one is looked for.
    fn sprite(&self, target: &Path) -> Result<(), String> {
        if self.seconds <= 0.0 {
            return Err("the length of the video is not known".to_owned());
        }
        let count = SPRITE_SIDE * SPRITE_SIDE;
        let step = self.seconds / count as f64;
        let mut frames = Vec::with_capacity(count);
        for place in 0..count {
            if (self.is_cancelled)() {
                return Err("it was stopped".to_owned());
            }
            let frame = ffmpeg::frame(self.video, place as f64 * step, SPRITE_WIDTH);
            match (frame, frames.last().cloned()) {
                (Ok(frame), _) => frames.push(frame),
                // The last moments of a file may have no frame of their own.
                (Err(_), Some(before)) => frames.push(before),
                (Err(error), None) => return Err(error),
            }
        }
        let (width, height) = frames.first().map_or((0, 0), |frame| (frame.width, frame.height));
        let sprite = montage::grid(&frames, SPRITE_SIDE).ok_or("the frames do not fit together")?;
        let sprite = jpeg::encode(&sprite, 75, false).map_err(|_| "the sprite is not drawn")?;
        put(&self.at.sprite(), &sprite)?;
        let mut text = String::from("WEBVTT\n");
        for place in 0..count {
            let (from, until) = (cue(place as f64 * step), cue((place + 1) as f64 * step));
            let x = u32::try_from(place % SPRITE_SIDE).unwrap_or(0) * width;
            let y = u32::try_from(place / SPRITE_SIDE).unwrap_or(0) * height;
            let hash = &self.at.hash;
            text +=
                &format!("\n{from} --> {until}\n{hash}_sprite.jpg#xywh={x},{y},{width},{height}\n");
        }
        put(target, text.as_bytes())
    }
}

/// A moment as WebVTT writes it.
#[must_use]
pub fn cue(seconds: f64) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1000 % 60, ms % 1000)
}

/// Writes a file whole or not at all.
fn put(target: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = target.parent().ok_or("the target has no folder")?;
    let part = target.with_extension("part");
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&part, bytes))
        // Or a power cut leaves the name and an empty file, which nobody makes again.
        .and_then(|()| std::fs::File::open(&part)?.sync_all())
        .and_then(|()| std::fs::rename(&part, target));
    if written.is_err() {
        // On a full disk it would take what room is left.
        let _ = std::fs::remove_file(&part);
    }
    written.map_err(|error| error.to_string())
}

/// Arguments of a command.
#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add<const COUNT: usize>(&mut self, words: [&str; COUNT]) {
        self.0.extend(words.iter().map(OsString::from));
    }
}
