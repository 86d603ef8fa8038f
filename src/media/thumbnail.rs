//! Thumbnails: how large, from which picture, in which format.

use serde::{Deserialize, Serialize};

use super::picture::Picture;
use super::resize::{Filter, resize};
use super::{icon, jpeg};

/// The box that thumbnails are fitted into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThumbnailOptions {
    pub width: u32,
    pub height: u32,
    pub scale: ThumbnailScale,
    /// Pixels of the screen a hundred of the box's; 100 as a rule.
    pub dpr_percent: u32,
}

/// How pictures are fitted into the box (`thumbnail_scale_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThumbnailScale {
    /// 0: smaller pictures stay as they are.
    DownOnly,
    /// 1: smaller pictures are enlarged.
    Fit,
    /// 2: the box is covered; nothing is cut.
    Fill,
}

impl Default for ThumbnailOptions {
    fn default() -> ThumbnailOptions {
        ThumbnailOptions {
            width: 150,
            height: 125,
            scale: ThumbnailScale::DownOnly,
            dpr_percent: 100,
        }
    }
}

/// A stored thumbnail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    #[serde(with = "super::wire_bytes")]
    pub bytes: Vec<u8>,
    pub format: ThumbnailFormat,
    pub width: u32,
    pub height: u32,
    /// Whether it is the default icon of the type and not a picture of the file.
    pub is_icon: bool,
}

/// JPEG, or PNG where there is transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThumbnailFormat {
    Jpeg,
    Png,
}

impl ThumbnailFormat {
    /// The mime type to serve it with.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            ThumbnailFormat::Jpeg => "image/jpeg",
            ThumbnailFormat::Png => "image/png",
        }
    }
}

/// The size of the thumbnail of a file of that size; without a size the picture is a square as wide
/// as the box. Sides are cut to whole pixels, at least 1.
#[must_use]
pub fn thumbnail_size(size: Option<(u32, u32)>, options: &ThumbnailOptions) -> (u32, u32) {
    let scaled = |side: u32| (f64::from(side) * f64::from(options.dpr_percent) / 100.0) as u32;
    let (box_width, box_height) = (scaled(options.width).max(1), scaled(options.height).max(1));
    let (width, height) =
        size.filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((box_width, box_width));
    let fits = box_width >= width && box_height >= height;
    if options.scale == ThumbnailScale::DownOnly && fits {
        return (width, height);
    }
    let (w, h) = (f64::from(width), f64::from(height));
    let (across, down) = (w / f64::from(box_width), h / f64::from(box_height));
    let (mut to_width, mut to_height) = (f64::from(box_width), f64::from(box_height));
    match options.scale {
        ThumbnailScale::Fill if down > across => to_height = to_width * 5.0_f64.min(1.0 / (w / h)),
        ThumbnailScale::Fill if across > down => to_width = to_height * 5.0_f64.min(w / h),
        ThumbnailScale::Fill => {}
        _ if down > across => to_width = w / down,
        _ if across > down => to_height = h / across,
        _ => {}
    }
    ((to_width as u32).max(1), (to_height as u32).max(1))
}

/// A picture brought to thumbnail size.
#[must_use]
pub fn shrink(picture: &Picture, width: u32, height: u32) -> Picture {
    // The reference compares each side with the other one: very long pictures get the fine filter.
    let crossed = width > picture.height || height > picture.width;
    resize(picture, width, height, if crossed { Filter::Lanczos } else { Filter::Area })
}

const QUALITY: u8 = 92;

/// Writes a picture of thumbnail size as it is stored.
#[must_use]
pub fn encode(picture: &Picture, is_icon: bool) -> Option<Thumbnail> {
    let (format, bytes) = if picture.channels == 4 {
        (ThumbnailFormat::Png, super::render::png(picture)?)
    } else {
        (ThumbnailFormat::Jpeg, jpeg::encode(picture, QUALITY, false).ok()?)
    };
    Some(Thumbnail { bytes, format, width: picture.width, height: picture.height, is_icon })
}

/// Whether stored bytes are a whole JPEG or PNG: both have an end of their own.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xFF\xD8") && bytes.ends_with(b"\xFF\xD9")
        || bytes.starts_with(b"\x89PNG") && bytes.ends_with(b"IEND\xAE\x42\x60\x82")
}

/// The default icon of a type, padded to that size.
#[must_use]
pub fn default_thumbnail(
    kind: crate::model::filetype::FileType,
    width: u32,
    height: u32,
) -> Option<Thumbnail> {
    encode(&icon::padded(kind, width, height), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: (u32, u32), scale: ThumbnailScale, expected: (u32, u32)) {
        let options = ThumbnailOptions { scale, ..ThumbnailOptions::default() };
        assert_eq!(thumbnail_size(Some(size), &options), expected, "{size:?} {scale:?}");
    }

    #[test]
    fn sizes_are_those_of_the_document() {
        check((640, 480), ThumbnailScale::DownOnly, (150, 112));
        check((300, 300), ThumbnailScale::DownOnly, (125, 125));
        check((40, 1200), ThumbnailScale::DownOnly, (4, 125));
        check((1, 1), ThumbnailScale::DownOnly, (1, 1));
        check((100, 100), ThumbnailScale::DownOnly, (100, 100));
        check((100, 100), ThumbnailScale::Fit, (125, 125));
        check((10_000, 1), ThumbnailScale::DownOnly, (150, 1));
        check((40, 1200), ThumbnailScale::Fill, (150, 750));
        check((1000, 500), ThumbnailScale::Fill, (250, 125));
        check((600, 500), ThumbnailScale::Fill, (150, 125));
        assert_eq!(thumbnail_size(None, &ThumbnailOptions::default()), (125, 125));
    }
}
