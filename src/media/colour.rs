//! Colour management: embedded profiles and PNG chromaticities to sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};
use std::sync::Arc;

use super::picture::Picture;
use super::shaper::Shaper;

/// A profile that changes no probe by more than this is sRGB by another name; the reference's
/// engine leaves such pixels as they are.
const SAME_WITHIN: u8 = 1;
/// What the reference takes for a missing gamma.
const GAMMA: f32 = 0.454_55;

/// Inks (255 meaning none, as Adobe writes them) to RGB: by the profile, else by the simple formula
/// of the original.
#[must_use]
pub fn cmyk_to_srgb(
    width: u32,
    height: u32,
    inks: &[u8],
    profile: Option<&[u8]>,
) -> Option<Picture> {
    if let Some(profile) = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok())
        && profile.color_space == DataColorSpace::Cmyk
        && let Some(transform) = transform(&profile, Layout::Rgba, Layout::Rgb)
    {
        let amounts: Vec<u8> = inks.iter().map(|ink| 255 - ink).collect();
        let mut picture = Picture::blank(width, height, 3)?;
        if transform.transform(&amounts, &mut picture.pixels).is_ok() {
            return Some(picture);
        }
    }
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

/// Converts by an embedded profile. Profiles that are damaged, or not for RGB, change nothing.
#[must_use]
pub fn to_srgb(picture: Picture, profile: Option<&[u8]>) -> Picture {
    match profile.and_then(Shaper::of_profile) {
        Some(Some(shaper)) => return shaper.apply(picture),
        Some(None) => return picture,
        None => {}
    }
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    match profile {
        Some(profile) if profile.color_space == DataColorSpace::Rgb => converted(picture, &profile),
        _ => picture,
    }
}

/// Converts by the chromaticities and gamma of a PNG.
#[must_use]
pub fn from_chromaticities(
    picture: Picture,
    gamma: Option<png::ScaledFloat>,
    xy: &png::SourceChromaticities,
) -> Picture {
    let pairs =
        [xy.white, xy.red, xy.green, xy.blue].map(|(x, y)| (x.into_value(), y.into_value()));
    let gamma = gamma.map_or(GAMMA, png::ScaledFloat::into_value);
    if gamma == 0.0 || pairs.iter().any(|(x, y)| *x == 0.0 || *y == 0.0) {
        return picture;
    }
    let wide = |(x, y): (f32, f32)| (decimal(x), decimal(y));
    match Shaper::of_chromaticities(1.0 / decimal(gamma), pairs.map(wide)) {
        Some(Some(shaper)) => shaper.apply(picture),
        _ => picture,
    }
}

/// A number of five decimals that was kept as less precise one.
fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1e5).round() / 1e5
}

fn transform(
    profile: &ColorProfile,
    from: Layout,
    to: Layout,
) -> Option<Arc<Transform8BitExecutor>> {
    let srgb = ColorProfile::new_srgb();
    let options =
        TransformOptions { allow_use_cicp_transfer: false, ..TransformOptions::default() };
    profile.create_transform_8bit(from, &srgb, to, options).ok()
}

fn converted(picture: Picture, profile: &ColorProfile) -> Picture {
    let layout = if picture.channels == 4 { Layout::Rgba } else { Layout::Rgb };
    let Some(transform) = transform(profile, layout, layout) else { return picture };
    if is_srgb(profile) {
        return picture;
    }
    let mut pixels = vec![0; picture.pixels.len()];
    match transform.transform(&picture.pixels, &mut pixels) {
        Ok(()) => Picture { pixels, ..picture },
        Err(_) => picture,
    }
}

/// Whether greys and a cube of colours come out as they went in.
fn is_srgb(profile: &ColorProfile) -> bool {
    let greys = (0..=255_u8).flat_map(|grey| [grey; 3]);
    let steps = [0_u8, 64, 128, 192, 255];
    let cube = (0..125).flat_map(|at| [steps[at / 25], steps[at / 5 % 5], steps[at % 5]]);
    let probes: Vec<u8> = greys.chain(cube).collect();
    let mut seen = vec![0; probes.len()];
    transform(profile, Layout::Rgb, Layout::Rgb)
        .is_some_and(|transform| transform.transform(&probes, &mut seen).is_ok())
        && probes.iter().zip(&seen).all(|(probe, seen)| probe.abs_diff(*seen) <= SAME_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey_picture() -> Picture {
        Picture::from_grey(2, 1, &[0, 128]).unwrap()
    }

    #[test]
    fn srgb_by_another_name_changes_nothing() {
        let profile = ColorProfile::new_srgb().encode().unwrap();
        assert_eq!(to_srgb(grey_picture(), Some(&profile)), grey_picture());
        assert_eq!(to_srgb(grey_picture(), Some(b"no profile")), grey_picture());
    }

    #[test]
    fn a_wide_profile_changes_colours_and_keeps_black() {
        let profile = ColorProfile::new_pro_photo_rgb().encode().unwrap();
        let seen = to_srgb(grey_picture(), Some(&profile));
        assert_eq!(seen.pixels[..3], [0; 3]);
        assert!(seen.pixels[3] > 130, "{:?}", seen.pixels);
    }

    #[test]
    fn chromaticities_of_srgb_with_another_gamma_darken_or_lighten() {
        let xy =
            png::SourceChromaticities::new((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06));
        let linear = from_chromaticities(grey_picture(), Some(png::ScaledFloat::new(1.0)), &xy);
        assert!((186..=190).contains(&linear.pixels[3]), "{:?}", linear.pixels);
    }

    #[test]
    fn inks_without_a_profile_are_light_minus_dark() {
        let seen = cmyk_to_srgb(2, 1, &[255, 255, 255, 255, 0, 255, 255, 255], None).unwrap();
        assert_eq!(seen.pixels, [255, 255, 255, 0, 255, 255]);
    }
}
