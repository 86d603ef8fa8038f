//! Everything that an import needs to know of a file, in one call.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::beside::beside;
use super::decode::{self, Still};
use super::document::{self, Shape};
use super::hashes::{self, Digests};
use super::identify::{self, WHOLE_MAX};
use super::metadata::{self, Facts};
use super::picture::Picture;
use super::probe::{Probe, probe};
use super::source::Source;
use super::thumbnail::{Thumbnail, ThumbnailOptions, encode, shrink, thumbnail_size};
use super::{Refusal, animation, heif, icon, prober, project, psd};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::media::MediaInfo;

/// A file that may be imported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    pub sha256: Sha256,
    pub info: MediaInfo,
    /// `None` for types without thumbnails.
    pub thumbnail: Option<Thumbnail>,
}

/// Identifies a file, hashes it and draws its thumbnail; refuses what may not be imported.
pub fn examine(path: &Path, options: &ThumbnailOptions) -> Result<Examined, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::Unreadable(error.to_string());
    let source = Source::open(path).map_err(unreadable)?;
    if source.size() == 0 {
        return Err(Refusal::Empty);
    }
    let identified = identify::identify(&source, path);
    let kind = identified.kind;
    check_importable(kind)?;
    // Anything but long streams is read once, digested and decoded from memory.
    let streamed = kind.is_video() || kind.is_audio() || source.size() > WHOLE_MAX;
    let bytes = if streamed { None } else { source.all(WHOLE_MAX) };
    let mut file = File { kind, options, path, found: Found::default() };
    let digests = match &bytes {
        Some(bytes) => {
            let digest = || hashes::digest_bytes(bytes);
            let (digests, looked) = beside(digest, || file.look_inside(bytes));
            looked?;
            digests
        }
        None => {
            let digests = hashes::digest_file(path).map_err(unreadable)?;
            file.ask_container(&source, identified.probe)?;
            digests
        }
    };
    Ok(file.examined(digests))
}

/// Hashes alone, for files that are not to be imported: perceptual and pixel hash of a still.
pub fn picture_hashes(path: &Path) -> Result<(Option<u64>, Option<[u8; 32]>), Refusal> {
    let examined = examine(path, &ThumbnailOptions::default())?;
    Ok((examined.info.perceptual_hash, examined.info.pixel_hash))
}

fn check_importable(kind: FileType) -> Result<(), Refusal> {
    match kind {
        kind if kind.is_importable() => Ok(()),
        FileType::HTML => Err(Refusal::Html),
        FileType::JSON => Err(Refusal::Json),
        FileType::UNKNOWN => Err(Refusal::Unknown),
        _ => Err(Refusal::NotPermitted),
    }
}

/// The flattened picture of a still or layered picture.
pub(super) fn still_of(bytes: &[u8], kind: FileType) -> Option<Still> {
    if matches!(kind, FileType::KRITA | FileType::ORA) {
        let mut archive = Archive::of_bytes(bytes.to_vec())?;
        let picture = archive.picture("mergedimage.png")?;
        return Some(Still { picture, facts: Facts::default(), pixel_hash: None });
    }
    decode::still(bytes, kind)
}

/// What is found out besides digests.
#[derive(Default)]
struct Found {
    size: Option<(u32, u32)>,
    duration_ms: Option<u64>,
    num_frames: Option<u64>,
    num_words: Option<u64>,
    facts: Facts,
    is_transparent: bool,
    pixel_hash: Option<[u8; 32]>,
    perceptual_hash: Option<u64>,
    /// Already at thumbnail size.
    thumbnail: Option<Picture>,
    probe: Option<Probe>,
}

struct File<'a> {
    kind: FileType,
    options: &'a ThumbnailOptions,
    path: &'a Path,
    found: Found,
}

impl File<'_> {
    fn target(&self) -> (u32, u32) {
        thumbnail_size(self.found.size, self.options)
    }

    fn shrink(&mut self, picture: &Picture) {
        let (width, height) = self.target();
        self.found.thumbnail = Some(shrink(picture, width, height));
    }

    /// With the filter that the reference has for layered pictures and ugoiras.
    fn shrink_finely(&mut self, picture: &Picture) {
        let (width, height) = self.target();
        let small = super::lanczos::resize(picture, width, height);
        self.found.thumbnail = Some(small.without_useless_alpha());
    }

    fn look_inside(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self.kind {
            FileType::HEIF | FileType::HEIC | FileType::AVIF => self.coded_still(bytes),
            kind if kind.is_image() => return self.still(bytes),
            FileType::ANIMATED_GIF
            | FileType::APNG
            | FileType::ANIMATED_WEBP
            | FileType::ANIMATED_JXL => self.animation(bytes),
            FileType::UGOIRA => self.ugoira(bytes),
            FileType::KRITA | FileType::ORA => {
                let preview = match still_of(bytes, self.kind) {
                    Some(still) => Some(self.hash_and_shrink(still)),
                    None => project::preview(bytes, self.kind),
                };
                self.found.size = project::size(bytes, self.kind);
                if let Some(picture) = preview {
                    self.shrink_finely(&picture);
                }
            }
            FileType::PSD => {
                self.found.size = psd::size(bytes);
                self.found.facts = metadata::facts(bytes, self.kind);
                let size = self.found.size;
                if let Some(still) = decode::still(bytes, self.kind) {
                    self.hash_and_shrink(still);
                    self.found.size = size;
                }
            }
            FileType::SVG => {
                self.found.size = document::svg_size(bytes);
                let (width, height) = self.target();
                let picture = document::svg_picture(bytes, width, height);
                self.found.thumbnail = picture.map(Picture::without_useless_alpha);
            }
            FileType::PDF => {
                self.take_shape(document::pdf(bytes));
                let (width, height) = self.target();
                self.found.thumbnail = Some(icon::page(width, height));
            }
            FileType::DOCX | FileType::PPTX => self.office(bytes),
            FileType::FLASH => {
                let shape = document::flash(bytes).ok_or_else(|| self.malformed())?;
                self.take_shape(shape);
            }
            FileType::CBZ | FileType::EPUB => self.book(bytes),
            FileType::PROCREATE => {
                self.found.size = project::size(bytes, self.kind);
                if let Some(picture) = project::preview(bytes, self.kind) {
                    self.shrink(&picture);
                }
            }
            FileType::PAINT_NET => {
                self.found.size = project::size(bytes, self.kind);
                if let Some(picture) = project::preview(bytes, self.kind) {
                    self.shrink_finely(&picture);
                }
            }
            FileType::HEIF_SEQUENCE | FileType::HEIC_SEQUENCE | FileType::AVIF_SEQUENCE => {
                self.found.facts = metadata::facts(bytes, self.kind);
                self.ask_container(&Source::of_bytes(bytes.to_vec()), None)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn malformed(&self) -> Refusal {
        Refusal::Malformed(self.path.display().to_string())
    }

    fn still(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let still = decode::still(bytes, self.kind).ok_or_else(|| self.malformed())?;
        self.hash_and_shrink(still);
        Ok(())
    }

    fn hash_and_shrink(&mut self, still: Still) -> Picture {
        let Still { picture, facts, pixel_hash } = still;
        self.found.size = Some((picture.width, picture.height));
        self.found.facts = facts;
        self.found.is_transparent = picture.channels == 4;
        if self.kind.has_perceptual_hash() {
            // The hash of the pixels takes as long as the rest, unless it is there already.
            let is_hashed = pixel_hash.is_some();
            let there = || match is_hashed {
                true => (None, Some(hashes::perceptual_hash(&picture))),
                false => (Some(picture.pixel_hash()), None),
            };
            let ((late_hash, early), late) = beside(there, || {
                self.shrink(&picture);
                (!is_hashed).then(|| hashes::perceptual_hash(&picture))
            });
            self.found.pixel_hash = pixel_hash.or(late_hash);
            self.found.perceptual_hash = early.or(late).flatten();
        } else {
            self.shrink(&picture);
        }
        picture
    }

    /// Stills whose pixels need a decoder that may be absent: size and flags come from their boxes.
    fn coded_still(&mut self, bytes: &[u8]) {
        match decode::still(bytes, self.kind) {
            Some(still) => {
                self.hash_and_shrink(still);
            }
            None => {
                self.found.size = heif::shape(bytes).map(|(width, height, _)| (width, height));
                self.found.facts = metadata::facts(bytes, self.kind);
            }
        }
    }

    fn animation(&mut self, bytes: &[u8]) {
        let delays = match self.kind {
            FileType::ANIMATED_GIF => animation::gif_delays(bytes),
            FileType::ANIMATED_WEBP => animation::webp_delays(bytes),
            FileType::ANIMATED_JXL => animation::jxl_delays(bytes),
            _ => Vec::new(),
        };
        let found = &mut self.found;
        found.num_frames = Some(delays.len() as u64);
        found.duration_ms = Some(delays.iter().sum());
        if self.kind == FileType::APNG {
            found.num_frames = animation::png_frames(bytes);
            found.duration_ms = Some(animation::png_duration_ms(bytes));
        }
        found.facts = metadata::facts(bytes, self.kind);
        if let Some(first) = decode::still(bytes, self.kind) {
            found.size = Some((first.picture.width, first.picture.height));
            found.is_transparent = first.picture.channels == 4;
            let index = thumbnail_frame(found.num_frames);
            // What is scaled is scaled by ffmpeg in the reference, with its own filter.
            let is_scaled = self.found.size != Some(self.target());
            let by_ffmpeg =
                is_scaled && matches!(self.kind, FileType::ANIMATED_GIF | FileType::APNG);
            self.found.thumbnail = by_ffmpeg
                .then(|| super::frame::animation_frame(self.path, index, self.target()))
                .flatten();
            if self.found.thumbnail.is_none() {
                let frame = decode::frame(bytes, self.kind, index).unwrap_or(first.picture);
                self.shrink(&frame);
            }
        }
    }

    fn ugoira(&mut self, bytes: &[u8]) {
        let Some(mut archive) = Archive::of_bytes(bytes.to_vec()) else { return };
        let frames = archive.frames();
        self.found.num_frames = Some(frames.len() as u64);
        self.found.duration_ms = frames.iter().map(|(_, ms)| *ms).sum();
        let first = frames.first().and_then(|(name, _)| archive.picture(name));
        self.found.size = Some(first.map_or((100, 100), |first| (first.width, first.height)));
        let index = thumbnail_frame(self.found.num_frames);
        let frame = frames.get(index).and_then(|(name, _)| archive.picture(name));
        if let Some(frame) = frame {
            self.shrink_finely(&frame);
        }
    }

    fn take_shape(&mut self, shape: Shape) {
        self.found.size = shape.size;
        self.found.num_words = shape.num_words;
        self.found.duration_ms = shape.duration_ms;
        self.found.num_frames = shape.num_frames;
        self.found.facts.has_human_readable = shape.has_text;
    }

    fn office(&mut self, bytes: &[u8]) {
        let mut shape = document::office(bytes.to_vec());
        if self.kind == FileType::DOCX {
            shape.size = None;
        }
        self.take_shape(shape);
        let archive = Archive::of_bytes(bytes.to_vec());
        if self.kind == FileType::PPTX
            && let Some(picture) = archive.and_then(|mut a| a.picture("docProps/thumbnail.jpeg"))
        {
            self.shrink_finely(&picture);
        }
    }

    fn book(&mut self, bytes: &[u8]) {
        let Some(mut archive) = Archive::of_bytes(bytes.to_vec()) else { return };
        let cover = match self.kind {
            FileType::EPUB => archive.epub_cover(),
            _ => archive.cover(),
        };
        if let Some(picture) = cover.and_then(|name| archive.picture(&name)) {
            self.found.size = Some((picture.width, picture.height));
            self.shrink(&picture);
        }
    }

    fn ask_container(&mut self, source: &Source, asked: Option<Probe>) -> Result<(), Refusal> {
        let mut probe = asked.or_else(|| probe(source)).unwrap_or_default();
        let audio_alone = self.kind.is_audio();
        self.found.duration_ms =
            if audio_alone { probe.duration_from_zero_ms() } else { probe.duration_ms() };
        if let Some(video) = probe.video.as_ref().filter(|_| !audio_alone) {
            self.found.size = (video.width > 0).then_some((video.width, video.height));
            self.found.num_frames = probe.reference_frames(source.size());
        }
        if audio_alone {
            if self.kind == FileType::REALAUDIO && self.found.duration_ms.is_none() {
                return Err(Refusal::NoDuration);
            }
            self.cover(source);
        } else {
            self.ask_ffmpeg(source, &mut probe);
            if self.kind.is_video() && probe.video.is_none() {
                return Err(Refusal::NoVideo);
            }
            let index = thumbnail_frame(self.found.num_frames);
            let length = self.found.duration_ms.unwrap_or(0) as f64 / 1000.0;
            let seconds = index as f64 * length / self.found.num_frames.unwrap_or(1).max(1) as f64;
            self.found.thumbnail =
                super::frame::video_frame(self.path, index, seconds, self.target());
        }
        self.found.probe = Some(probe);
        Ok(())
    }

    /// What the built-in parsers leave open or cannot know, if ffmpeg is there to tell.
    fn ask_ffmpeg(&mut self, source: &Source, probe: &mut Probe) {
        let is_known = |kind| !matches!(kind, FileType::MPEG | FileType::REALVIDEO);
        let is_whole = self.found.size.is_some()
            && self.found.duration_ms.is_some()
            && self.found.num_frames.is_some()
            && !probe.is_cut;
        if !(is_known(self.kind) && is_whole)
            && let Some(told) = prober::film(self.path, source.size())
        {
            self.found.size = told.size.or(self.found.size);
            self.found.duration_ms = told.duration_ms;
            self.found.num_frames = told.num_frames;
            probe.video.get_or_insert_default();
            if told.has_sound {
                probe.audio.get_or_insert_default();
            }
        }
        if let Some(audio) = &mut probe.audio
            && let Some(is_audible) = prober::is_audible(self.path)
        {
            audio.is_silent = !is_audible;
        }
    }

    /// The picture inside a sound file.
    fn cover(&mut self, source: &Source) {
        let Some(bytes) = super::cover::picture(source, self.kind) else { return };
        let kind = match bytes.first() {
            Some(0xFF) => FileType::JPEG,
            Some(0x89) => FileType::PNG,
            _ => return,
        };
        // The reference has ffmpeg draw it, whose colours of a JPEG are a little other.
        let drawn =
            super::ffmpeg::cover(self.path).and_then(|png| decode::still(&png, FileType::PNG));
        if let Some(still) = drawn.or_else(|| decode::still(&bytes, kind)) {
            self.shrink(&still.picture);
        }
    }

    fn examined(self, digests: Digests) -> Examined {
        let (width, height) = self.target();
        let (kind, found) = (self.kind, self.found);
        let (picture, is_icon) = match found.thumbnail {
            Some(picture) => (picture, false),
            None => (icon::padded(kind, width, height), true),
        };
        let known = if is_icon { icon::reference_blurhash(kind) } else { None };
        let blurhash = || known.map_or_else(|| hashes::blurhash(&picture), str::to_owned);
        let (thumbnail, blurhash) = if kind.has_thumbnail() {
            let (blurhash, thumbnail) = beside(blurhash, || encode(&picture, is_icon));
            let blurhash = thumbnail.is_some().then_some(blurhash);
            (thumbnail, blurhash)
        } else {
            (None, None)
        };
        let probe = found.probe.unwrap_or_default();
        let facts = found.facts;
        let info = MediaInfo {
            filetype: kind,
            size_bytes: digests.size_bytes,
            md5: digests.md5,
            sha1: digests.sha1,
            sha512: digests.sha512,
            oshash: digests.oshash,
            width: found.size.map(|size| size.0),
            height: found.size.map(|size| size.1),
            duration_ms: found.duration_ms,
            num_frames: found.num_frames,
            num_words: found.num_words,
            has_audio: has_audio(kind, &probe),
            has_transparency: kind.may_be_transparent() && found.is_transparent,
            has_exif: kind.may_have_exif() && facts.has_exif,
            has_xmp: kind.may_have_xmp() && facts.has_xmp,
            has_iptc: kind.may_have_iptc() && facts.has_iptc,
            has_icc_profile: kind.may_have_icc_profile() && facts.icc_profile.is_some(),
            has_human_readable_embedded_metadata: kind.may_have_human_readable_metadata()
                && facts.has_human_readable,
            has_software_source: facts.has_software_source,
            blurhash,
            pixel_hash: found.pixel_hash,
            perceptual_hash: found.perceptual_hash,
            format: format_name(kind, &probe).to_owned(),
            video_codec: probe.video.as_ref().map(|v| v.codec.clone()).unwrap_or_default(),
            audio_codec: probe.audio.as_ref().map(|a| a.codec.clone()).unwrap_or_default(),
            frame_rate: probe.video.as_ref().map_or(0.0, |video| video.frame_rate),
            bit_rate: probe.bit_rate,
        };
        Examined { sha256: Sha256(digests.sha256), info, thumbnail }
    }
}

/// The frame that a thumbnail shows, 35 % in.
fn thumbnail_frame(num_frames: Option<u64>) -> usize {
    (num_frames.unwrap_or(1).saturating_sub(1) as f64 * 0.35) as usize
}

/// Sound by definition (audio, and Flash of which nobody knows), or a stream that is not silent.
fn has_audio(kind: FileType, probe: &Probe) -> bool {
    kind.is_audio()
        || kind == FileType::FLASH
        || kind.is_video() && probe.audio.as_ref().is_some_and(|audio| !audio.is_silent)
}

/// The name of a container or picture codec as Stash shows it.
fn format_name(kind: FileType, probe: &Probe) -> &'static str {
    if !probe.format.is_empty() {
        return probe.format;
    }
    match kind {
        FileType::JPEG => "mjpeg",
        FileType::PNG => "png",
        FileType::APNG => "apng",
        FileType::GIF | FileType::ANIMATED_GIF => "gif",
        FileType::BMP => "bmp",
        FileType::WEBP | FileType::ANIMATED_WEBP => "webp",
        FileType::TIFF => "tiff",
        FileType::AVIF | FileType::AVIF_SEQUENCE => "avif",
        FileType::HEIC | FileType::HEIF => "heif",
        FileType::JXL | FileType::ANIMATED_JXL => "jpegxl",
        _ => "",
    }
}
