//! Colour management: embedded profiles and PNG chromaticities to sRGB.

use super::picture::Picture;

/// Inks (255 meaning none, as Adobe writes them) to RGB, by the simple formula of the original.
#[must_use]
pub fn cmyk_to_srgb(
    width: u32,
    height: u32,
    inks: &[u8],
    profile: Option<&[u8]>,
) -> Option<Picture> {
    let _ = profile;
    let mut pixels = Vec::with_capacity(inks.len() / 4 * 3);
    for ink in inks.chunks_exact(4) {
        let light = i32::from(ink[3]);
        for channel in &ink[..3] {
            let dark = (255 - i32::from(*channel)) * light + 128;
            let dark = ((dark >> 8) + dark) >> 8;
            pixels.push((light - dark).clamp(0, 255) as u8);
        }
    }
    Picture::new(width, height, 3, pixels)
}

pub fn to_srgb(picture: Picture, profile: Option<&[u8]>) -> Picture {
    let _ = profile;
    picture
}

pub fn from_chromaticities(
    picture: Picture,
    gamma: Option<png::ScaledFloat>,
    xy: &png::SourceChromaticities,
) -> Picture {
    let _ = (gamma, xy);
    picture
}
