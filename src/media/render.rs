//! Pictures written anew: PNG, JPEG, WebP and APNG for the `render` call.

use std::borrow::Cow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::picture::Picture;
use super::resize::{Filter, resize};
use super::source::Source;
use super::{Refusal, identify, jpeg};
use crate::model::filetype::FileType;

/// What to draw a file as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderRequest {
    /// `None` is the default of the type: APNG for ugoiras, PNG for the rest.
    pub format: Option<RenderFormat>,
    /// 0 to 9 for PNG, 1 to 100 for JPEG and WebP; `None` is 1 and 80.
    pub quality: Option<u8>,
    /// The exact size; the shape is not kept.
    pub size: Option<(u32, u32)>,
    /// The size of the picture that is drawn instead of a still that cannot be; without, that is a
    /// refusal.
    pub instead: Option<(u32, u32)>,
}

/// A format that `render` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenderFormat {
    Png,
    Jpeg,
    Webp,
    Apng,
}

impl RenderFormat {
    /// The mime type of what is written.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            RenderFormat::Png => "image/png",
            RenderFormat::Jpeg => "image/jpeg",
            RenderFormat::Webp => "image/webp",
            RenderFormat::Apng => "image/apng",
        }
    }
}

/// A drawn picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    #[serde(with = "super::wire_bytes")]
    pub bytes: Vec<u8>,
    pub format: RenderFormat,
    /// Whether it is the file, and not the picture that stands for one that cannot be drawn.
    pub is_file: bool,
}

/// The largest side that may be asked for.
const SIDE_MAX: u32 = 16_384;
const DEFAULT_QUALITY: u8 = 80;

/// Draws a still or an ugoira.
pub fn render(path: &Path, request: &RenderRequest) -> Result<Rendered, Refusal> {
    match (file(path, request), request.instead) {
        (Err(Refusal::Unreadable(_) | Refusal::Malformed(_)), Some(size)) => {
            let rendered = still(&crossed_out(size), request);
            let rendered = rendered.map(|rendered| Rendered { is_file: false, ..rendered });
            rendered.ok_or_else(|| Refusal::Malformed(path.display().to_string()))
        }
        (drawn, _) => drawn,
    }
}

fn file(path: &Path, request: &RenderRequest) -> Result<Rendered, Refusal> {
    let source = Source::open(path).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    let kind = identify::identify(&source, path).kind;
    if !kind.is_renderable() {
        return Err(Refusal::NotAnImage);
    }
    let malformed = || Refusal::Malformed(path.display().to_string());
    let bytes = source.all(identify::WHOLE_MAX).ok_or_else(malformed)?;
    if kind == FileType::UGOIRA {
        return ugoira(bytes, request).ok_or_else(malformed);
    }
    let picture = super::examine::still_of(&bytes, kind).ok_or_else(malformed)?.picture;
    still(&picture, request).ok_or_else(malformed)
}

fn still(picture: &Picture, request: &RenderRequest) -> Option<Rendered> {
    let picture = sized(picture, request.size);
    let format = request.format.unwrap_or(RenderFormat::Png);
    let bytes = match format {
        RenderFormat::Png | RenderFormat::Apng => png(&picture),
        RenderFormat::Jpeg => {
            jpeg::encode(&picture, request.quality.unwrap_or(DEFAULT_QUALITY), true).ok()
        }
        RenderFormat::Webp => webp(&picture),
    };
    Some(Rendered { bytes: bytes?, format, is_file: true })
}

/// What shows that a picture cannot be shown: white, in a dark frame, crossed out.
fn crossed_out((width, height): (u32, u32)) -> Picture {
    const DARK: u8 = 20;
    const LINE: u32 = 3;
    let (width, height) = (width.clamp(1, SIDE_MAX), height.clamp(1, SIDE_MAX));
    let mut pixels = vec![u8::MAX; width as usize * height as usize * 3];
    for (y, row) in (0..height).zip(pixels.chunks_exact_mut(width as usize * 3)) {
        let mut draw = |from: u32, to: u32| {
            row[from.min(width) as usize * 3..to.min(width) as usize * 3].fill(DARK);
        };
        let crossing = u64::from(y) * u64::from(width) / u64::from(height);
        let crossing = u32::try_from(crossing).unwrap_or(width);
        draw(0, LINE);
        draw(width.saturating_sub(LINE), width);
        draw(crossing, crossing.saturating_add(LINE));
        draw((width - crossing).saturating_sub(LINE), width - crossing);
        if y < LINE || height - y <= LINE {
            draw(0, width);
        }
    }
    Picture { width, height, channels: 3, pixels }
}

fn sized(picture: &Picture, size: Option<(u32, u32)>) -> Cow<'_, Picture> {
    let Some((width, height)) = size else { return Cow::Borrowed(picture) };
    let (width, height) = (width.clamp(1, SIDE_MAX), height.clamp(1, SIDE_MAX));
    let crossed = width > picture.height || height > picture.width;
    let filter = if crossed { Filter::Lanczos } else { Filter::Area };
    Cow::Owned(resize(picture, width, height, filter))
}

/// A PNG of the picture.
#[must_use]
pub fn png(picture: &Picture) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png_encoder(&mut bytes, picture);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&picture.pixels).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

fn png_encoder<'a>(bytes: &'a mut Vec<u8>, picture: &Picture) -> png::Encoder<'a, &'a mut Vec<u8>> {
    let mut encoder = png::Encoder::new(bytes, picture.width, picture.height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match picture.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder
}

/// A WebP of the picture. The encoder knows the lossless kind only, whatever the quality.
fn webp(picture: &Picture) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let colour = match picture.channels {
        4 => image_webp::ColorType::Rgba8,
        _ => image_webp::ColorType::Rgb8,
    };
    let encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.encode(&picture.pixels, picture.width, picture.height, colour).ok()?;
    Some(bytes)
}

/// Milliseconds of a frame that says nothing.
const FRAME_MS: u64 = 125;
/// Frames of one animation that are drawn.
const FRAMES_MAX: usize = 2000;

fn ugoira(bytes: Vec<u8>, request: &RenderRequest) -> Option<Rendered> {
    let mut archive = Archive::of_bytes(bytes)?;
    let names = archive.frames();
    let mut frames = Vec::new();
    for (name, ms) in names.into_iter().take(FRAMES_MAX) {
        let picture = archive.picture(&name)?;
        // All frames take the shape of the first.
        let size = request.size.or_else(|| {
            frames.first().map(|(first, _): &(Picture, u64)| (first.width, first.height))
        });
        let picture = sized(&picture, size).into_owned();
        frames.push((picture.with_alpha(), ms.unwrap_or(FRAME_MS)));
    }
    let format = match request.format {
        Some(RenderFormat::Webp) => RenderFormat::Webp,
        _ => RenderFormat::Apng,
    };
    let bytes = match format {
        RenderFormat::Webp => animated_webp(&frames),
        _ => apng(&frames),
    };
    Some(Rendered { bytes: bytes?, format, is_file: true })
}

fn apng(frames: &[(Picture, u64)]) -> Option<Vec<u8>> {
    let (first, _) = frames.first()?;
    let mut bytes = Vec::new();
    let mut encoder = png_encoder(&mut bytes, first);
    encoder.set_animated(u32::try_from(frames.len()).ok()?, 0).ok()?;
    let mut writer = encoder.write_header().ok()?;
    for (picture, ms) in frames {
        writer.set_frame_delay(u16::try_from(*ms).unwrap_or(u16::MAX), 1000).ok()?;
        writer.write_image_data(&picture.pixels).ok()?;
    }
    writer.finish().ok()?;
    Some(bytes)
}

/// Still WebP streams put into the animation container.
fn animated_webp(frames: &[(Picture, u64)]) -> Option<Vec<u8>> {
    let (first, _) = frames.first()?;
    let u24 = |value: u32| value.to_le_bytes()[..3].to_vec();
    let mut body = b"WEBP".to_vec();
    // Animation and alpha; the canvas size less one.
    let canvas = [u24(first.width - 1), u24(first.height - 1)].concat();
    body.extend(chunk(b"VP8X", &[&[0x12, 0, 0, 0], canvas.as_slice()].concat()));
    body.extend(chunk(b"ANIM", &[0; 6]));
    for (picture, ms) in frames {
        let still = webp(picture)?;
        let ms = u32::try_from(*ms).unwrap_or(u32::MAX).min(0xFF_FFFF);
        let mut head = vec![0; 6];
        head.extend(u24(picture.width - 1));
        head.extend(u24(picture.height - 1));
        head.extend(u24(ms));
        head.push(0);
        body.extend(chunk(b"ANMF", &[head.as_slice(), still.get(12..)?].concat()));
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
    file.extend(body);
    Some(file)
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = kind.to_vec();
    chunk.extend((data.len() as u32).to_le_bytes());
    chunk.extend_from_slice(data);
    if data.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}
