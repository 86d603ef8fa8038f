//! Default icons, drawn by code: a sheet in the colour of the type's group with a sign on it.

use super::picture::Picture;
use super::resize::{Filter, resize};
use crate::model::filetype::FileType;

const SIDE: u32 = 200;
const INK: [u8; 3] = [250, 250, 250];

/// How the icon of a type looks.
#[derive(Clone, Copy)]
struct Look {
    sign: Sign,
    /// Of the sign, 1 being usual.
    size: f64,
    /// Colour of the sheet.
    sheet: [u8; 3],
    /// Colour of the sign.
    ink: [u8; 3],
}

/// Photoshop documents: their mean is that of the reference's icon, their contrast near it; clients sort
/// files that show nothing else by these.
const PHOTOSHOP: Look =
    Look { sign: Sign::Hills, size: 1.1, sheet: [80, 100, 128], ink: [49, 168, 255] };

/// The sign of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Hills,
    Triangle,
    Bars,
    Lines,
    Stripes,
    Ring,
}

/// The icon of a type: 200 x 200, transparent around the sheet.
#[must_use]
pub fn icon(kind: FileType) -> Picture {
    let look = look(kind);
    let mut pixels = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let sheet = coverage(sheet_distance(x, y));
            let ink = coverage(
                sign_distance(look.sign, (x - 100.0) / look.size, (y - 105.0) / look.size)
                    * look.size,
            );
            let mixed = [0, 1, 2].map(|channel| {
                let (ground, ink_value) =
                    (f64::from(look.sheet[channel]), f64::from(look.ink[channel]));
                (ground + (ink_value - ground) * ink).round() as u8
            });
            pixels.extend(mixed);
            pixels.push((sheet * 255.0).round() as u8);
        }
    }
    Picture { width: SIDE, height: SIDE, channels: 4, pixels }
}

/// The icon of a type fitted into that size and centred, transparent around it.
#[must_use]
pub fn padded(kind: FileType, width: u32, height: u32) -> Picture {
    let side = width.min(height).clamp(1, SIDE);
    let small = resize(&icon(kind), side, side, Filter::Area);
    let Some(mut canvas) = Picture::blank(width.max(1), height.max(1), 4) else { return small };
    let (left, top) = ((canvas.width - side) / 2, (canvas.height - side) / 2);
    for y in 0..side {
        let start = ((top + y) * canvas.width + left) as usize * 4;
        canvas.pixels[start..start + small.stride()].copy_from_slice(small.row(y as usize));
    }
    canvas
}

/// A page of a document that is not drawn: lines of black ink on nothing, as the reference draws
/// plain text.
#[must_use]
pub fn page(width: u32, height: u32) -> Picture {
    let Some(mut canvas) = Picture::blank(width.max(1), height.max(1), 4) else {
        return Picture { width: 1, height: 1, channels: 4, pixels: vec![0; 4] };
    };
    let (wide, high) = (f64::from(canvas.width), f64::from(canvas.height));
    let stride = canvas.width as usize;
    for (at, pixel) in canvas.pixels.chunks_exact_mut(4).enumerate() {
        let x = ((at % stride) as f64 + 0.5) / wide;
        let y = ((at / stride) as f64 + 0.5) / high;
        let line = (y * 14.0).fract();
        let inside = (0.12..0.88).contains(&x) && (0.1..0.9).contains(&y);
        pixel[3] = if inside && (0.3..0.62).contains(&line) { 150 } else { 0 };
    }
    canvas
}

/// The blurhash that the reference shows for its own icon of a type: clients compare it, so ours is
/// told by the same name where the reference's is known.
#[must_use]
pub fn reference_blurhash(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_audio() => Some("UxJ*;rM{D%Rj9Ft7xuof4Tt7t7oft7RjWBWB"),
        FileType::FLASH => Some("McE,:1$P0yJ+X-$PniS2bvW;E1Wp%Mn%RP"),
        FileType::EPUB => Some("UJ9R$dowDCodkAkAaga|DCagRSV^azWDodaz"),
        _ => None,
    }
}

fn look(kind: FileType) -> Look {
    let (sign, sheet) = if kind == FileType::PSD {
        return PHOTOSHOP;
    } else if kind.is_image() || kind.is_image_project() || kind == FileType::SVG {
        (Sign::Hills, [58, 124, 165])
    } else if kind.is_video() || kind.is_animation() {
        (Sign::Triangle, [149, 76, 118])
    } else if kind.is_audio() {
        (Sign::Bars, [79, 135, 90])
    } else if kind.is_archive() {
        (Sign::Stripes, [166, 124, 59])
    } else if kind.is_application() {
        (Sign::Lines, [92, 98, 160])
    } else {
        (Sign::Ring, [110, 110, 110])
    };
    Look { sign, size: 1.0, sheet, ink: INK }
}

/// How much of a pixel lies inside, by its distance to the edge (negative inside).
fn coverage(distance: f64) -> f64 {
    (0.5 - distance).clamp(0.0, 1.0)
}

fn rectangle(x: f64, y: f64, half_width: f64, half_height: f64, radius: f64) -> f64 {
    let (dx, dy) = (x.abs() - half_width + radius, y.abs() - half_height + radius);
    dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
}

/// A sheet with a cut corner.
fn sheet_distance(x: f64, y: f64) -> f64 {
    let sheet = rectangle(x - 100.0, y - 100.0, 72.0, 90.0, 10.0);
    let corner = ((x - 172.0) - (y - 10.0) + 36.0) / std::f64::consts::SQRT_2;
    sheet.max(corner)
}

fn sign_distance(sign: Sign, x: f64, y: f64) -> f64 {
    match sign {
        Sign::Hills => {
            let hill =
                |left: f64, peak: f64| ((x - left).abs() * 0.9 - (y + peak)).max(y - 40.0) * 0.7;
            let sun = (x + 28.0).hypot(y + 34.0) - 11.0;
            hill(14.0, 22.0).min(hill(-26.0, -2.0)).min(sun)
        }
        Sign::Triangle => {
            let slope = (x * 0.55 + y.abs() - 24.0) * 0.88;
            slope.max(-26.0 - x)
        }
        Sign::Bars => [(-36.0, 18.0), (-12.0, 36.0), (12.0, 26.0), (36.0, 44.0)]
            .iter()
            .map(|(at, half)| rectangle(x - at, y, 7.0, *half, 4.0))
            .fold(f64::MAX, f64::min),
        Sign::Lines => (0..5)
            .map(|line| {
                let short = if line == 4 { 18.0 } else { 0.0 };
                rectangle(x + short, y + 40.0 - 20.0 * f64::from(line), 46.0 - short, 4.0, 3.0)
            })
            .fold(f64::MAX, f64::min),
        Sign::Stripes => (0..7)
            .map(|tooth| {
                let side = if tooth % 2 == 0 { -7.0 } else { 7.0 };
                rectangle(x - side, y + 52.0 - 16.0 * f64::from(tooth), 7.0, 6.0, 1.0)
            })
            .fold(f64::MAX, f64::min),
        Sign::Ring => (x.hypot(y) - 32.0).abs() - 7.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::hashes;
    use super::*;

    /// The mean colour that a blurhash begins with.
    fn mean(blurhash: &str) -> [i32; 3] {
        const DIGITS: &str =
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
        let value = blurhash[2..6]
            .chars()
            .fold(0, |value, digit| value * 83 + DIGITS.find(digit).map_or(0, |at| at as i32));
        [value >> 16, value >> 8 & 255, value & 255]
    }

    #[test]
    fn a_photoshop_document_is_as_blue_as_recorded() {
        let ours = mean(&hashes::blurhash(&padded(FileType::PSD, 100, 75)));
        let recorded = mean("Ue7ok|nhQ*Nej_ogWTWAnNbJX9jXS$f6nhkC");
        assert_eq!(ours, recorded);
    }
}
