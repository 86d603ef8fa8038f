//! From RGB by a profile of curves and a matrix to sRGB, with the arithmetic of Little CMS: tables
//! of 14 fractional bits, so that pixels come out equal to the reference's.

use super::picture::Picture;

/// A tone curve as a profile tells it.
#[derive(Clone, Debug, PartialEq)]
enum Curve {
    /// The kind (1 to 5, counted from 1) and its parameters.
    Formula(u16, [f64; 7]),
    Table(Vec<u16>),
}

type Matrix = [[f64; 3]; 3];

const D50: [f64; 3] = [0.9642, 1.0, 0.8249];
const BRADFORD: Matrix =
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
const TINY: f64 = 1e-4;

/// What turns a profile's RGB into sRGB.
#[derive(Debug)]
pub(super) struct Shaper {
    first: [Vec<i32>; 3],
    matrix: [[i32; 3]; 3],
    second: Vec<u8>,
}

impl Shaper {
    /// Of an ICC profile; `None` for those that need more than curves and a matrix, or are damaged.
    pub(super) fn of_profile(profile: &[u8]) -> Option<Option<Shaper>> {
        if profile.get(16..20)? != b"RGB " || profile.get(20..24)? != b"XYZ " {
            return None;
        }
        let class = profile.get(12..16)?;
        let tag = |name: &[u8; 4]| tag(profile, name);
        if !matches!(class, b"mntr" | b"scnr" | b"prtr" | b"spac") || tag(b"A2B0").is_some() {
            return None;
        }
        let mut colours = [[0.0; 3]; 3];
        for (column, name) in [b"rXYZ", b"gXYZ", b"bXYZ"].into_iter().enumerate() {
            let content = tag(name).filter(|content| content.starts_with(b"XYZ "))?;
            for (row, colour) in colours.iter_mut().enumerate() {
                colour[column] = fixed(content, 8 + row * 4)?;
            }
        }
        let curves = [curve(tag(b"rTRC")?)?, curve(tag(b"gTRC")?)?, curve(tag(b"bTRC")?)?];
        Shaper::new(&curves, &colours)
    }

    /// Of a gamma and chromaticities (white, red, green, blue), as the reference makes a profile of
    /// them.
    pub(super) fn of_chromaticities(gamma: f64, xy: [(f64, f64); 4]) -> Option<Option<Shaper>> {
        let whole = |(x, y): (f64, f64)| [x / y, 1.0, (1.0 - x - y) / y];
        let [white, red, green, blue] = xy.map(whole);
        let columns = [0, 1, 2].map(|row| [red[row], green[row], blue[row]]);
        let scales = applied(&inverse(&columns)?, white);
        let columns = columns.map(|row| [0, 1, 2].map(|at| row[at] * scales[at]));
        let middle = whole((0.34567, 0.35850));
        let adapted = product(&adaptation(white, middle)?, &columns);
        let cut =
            adapted.map(|row| row.map(|value| (value * 65_536.0).round_ties_even() / 65_536.0));
        let gamma = (gamma * 256.0).round_ties_even().clamp(0.0, 65_535.0) / 256.0;
        let curve = Curve::Formula(1, [gamma, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        Shaper::new(&[curve.clone(), curve.clone(), curve], &cut)
    }

    /// `Some(None)` when the colours are sRGB's own and stay as they are.
    fn new(curves: &[Curve; 3], colours: &Matrix) -> Option<Option<Shaper>> {
        const ENCODING: f64 = 1.0 + 32_767.0 / 32_768.0;
        let into = colours.map(|row| row.map(|value| value * (1.0 / ENCODING)));
        let out = inverse(&srgb()?)?.map(|row| row.map(|value| value * ENCODING));
        let matrix = product(&out, &into);
        let is_unit = matrix.iter().enumerate().all(|(row, values)| {
            let near = |(column, value): (usize, &f64)| {
                (value - f64::from(u8::from(row == column))).abs() < 1.0 / 65_535.0
            };
            values.iter().enumerate().all(near)
        });
        let second: Vec<u8> =
            (0..=16_384).map(|at| narrow(to_srgb((at as f32 / 16_384.0).into()))).collect();
        let first = [0, 1, 2].map(|at| curves[at].first_table());
        if is_unit && curves.iter().all(Curve::is_srgb) {
            return Some(None);
        }
        let matrix = matrix.map(|row| row.map(fourteen));
        Some(Some(Shaper { first, matrix, second }))
    }

    /// Converts the colours; an alpha channel stays as it is.
    pub(super) fn apply(&self, mut picture: Picture) -> Picture {
        for pixel in picture.pixels.chunks_exact_mut(picture.channels) {
            let linear: [i32; 3] = [0, 1, 2].map(|at| self.first[at][usize::from(pixel[at])]);
            let mixed = self.matrix.map(|row| {
                let sum = (0..3)
                    .fold(0_i32, |sum, at| sum.wrapping_add(row[at].wrapping_mul(linear[at])));
                sum.wrapping_add(0x2000) >> 14
            });
            for (at, value) in mixed.into_iter().enumerate() {
                pixel[at] = self.second[value.clamp(0, 16_384) as usize];
            }
        }
        picture
    }
}

/// The content of a tag of a profile.
fn tag<'a>(profile: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    const TAGS_MAX: u32 = 100;
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(profile.get(at..at + 4)?.try_into().ok()?))
    };
    for index in 0..number(128)?.min(TAGS_MAX) as usize {
        let at = 132 + index * 12;
        if profile.get(at..at + 4)? == name {
            let (start, size) = (number(at + 4)? as usize, number(at + 8)? as usize);
            return profile.get(start..start.checked_add(size)?);
        }
    }
    None
}

/// A signed number of 16 fractional bits.
fn fixed(content: &[u8], at: usize) -> Option<f64> {
    let bytes = content.get(at..at + 4)?.try_into().ok()?;
    Some(f64::from(i32::from_be_bytes(bytes)) / 65_536.0)
}

fn curve(content: &[u8]) -> Option<Curve> {
    let short = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(content.get(at..at + 2)?.try_into().ok()?))
    };
    let mut parameters = [0.0; 7];
    match content.get(..4)? {
        b"curv" => {
            let count = u32::from_be_bytes(content.get(8..12)?.try_into().ok()?) as usize;
            match count {
                0 => parameters[0] = 1.0,
                1 => parameters[0] = f64::from(short(12)?) / 256.0,
                _ => {
                    let words = content.get(12..count.checked_mul(2)?.checked_add(12)?)?;
                    let words =
                        words.as_chunks::<2>().0.iter().map(|word| u16::from_be_bytes(*word));
                    return Some(Curve::Table(words.collect()));
                }
            }
            Some(Curve::Formula(1, parameters))
        }
        b"para" => {
            let kind = short(8)?;
            let count = [1, 3, 4, 5, 7].get(usize::from(kind))?;
            for (at, parameter) in parameters.iter_mut().enumerate().take(*count) {
                *parameter = fixed(content, 12 + at * 4)?;
            }
            Some(Curve::Formula(kind + 1, parameters))
        }
        _ => None,
    }
}

impl Curve {
    fn value(&self, at: f32) -> f32 {
        match self {
            Curve::Formula(kind, parameters) => formula(*kind, parameters, at.into()) as f32,
            Curve::Table(table) => {
                let index = (f64::from(at) * 65_535.0 + 0.5).floor().clamp(0.0, 65_535.0) as u16;
                f32::from(between(table, index)) / 65_535.0
            }
        }
    }

    fn first_table(&self) -> Vec<i32> {
        (0..256).map(|at| fourteen(self.value((f64::from(at) / 255.0) as f32).into())).collect()
    }

    /// Whether sRGB's curve leads back to where one was, near enough to be left out.
    fn is_srgb(&self) -> bool {
        (0..4096_u32).all(|at| {
            let word = (at * 65_535 + 2047) / 4095;
            let back = to_srgb(self.value(word as f32 / 65_535.0).into()) * 65_535.0;
            (f64::from(back) - f64::from(word)).abs() <= 15.0
        })
    }
}

fn formula(kind: u16, [g, a, b, c, d, e, f]: &[f64; 7], x: f64) -> f64 {
    let power = |base: f64| if base > 0.0 { base.powf(*g) } else { 0.0 };
    match kind {
        1 if x < 0.0 => {
            if (g - 1.0).abs() < TINY {
                x
            } else {
                0.0
            }
        }
        1 => x.powf(*g),
        2 if a.abs() < TINY => 0.0,
        2 => {
            if x >= -b / a {
                power(a * x + b)
            } else {
                0.0
            }
        }
        3 if a.abs() < TINY => 0.0,
        3 => {
            if x >= (-b / a).max(0.0) {
                power(a * x + b) + c
            } else {
                *c
            }
        }
        4 => {
            if x >= *d {
                power(a * x + b)
            } else {
                x * c
            }
        }
        _ => {
            if x >= *d {
                power(a * x + b) + e
            } else {
                x * c + f
            }
        }
    }
}

/// The value of a table between its entries, in 16.16 fixed point.
fn between(table: &[u16], at: u16) -> u16 {
    let last = table.len() - 1;
    if at == 0xFFFF {
        return table[last];
    }
    let scaled = last as u64 * u64::from(at);
    let scaled = scaled + (scaled + 0x7FFF) / 0xFFFF;
    let (cell, rest) = ((scaled >> 16) as usize, (scaled & 0xFFFF) as i64);
    let (low, high) = (i64::from(table[cell]), i64::from(table[(cell + 1).min(last)]));
    (low + (((high - low) * rest + 0x8000) >> 16)) as u16
}

/// sRGB's curve backwards: from light to what is stored.
fn to_srgb(light: f64) -> f32 {
    let (g, a, b, c, d) = (2.4_f64, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045_f64);
    let edge = (a * d + b).powf(g);
    (if light >= edge { (light.powf(1.0 / g) - b) / a } else { light / c }) as f32
}

/// From 0 to 1 to a byte, by way of 16 bits.
fn narrow(value: f32) -> u8 {
    let word = (f64::from(value.clamp(0.0, 1.0)) * 65_535.0 + 0.5).floor().min(65_535.0) as u64;
    ((word * 65_281 + 8_388_608) >> 24) as u8
}

fn fourteen(value: f64) -> i32 {
    if value < 131_072.0 { (value * 16_384.0 + 0.5).floor() as i32 } else { i32::MAX }
}

/// sRGB's own colours, seen under D50.
fn srgb() -> Option<Matrix> {
    let (x, y) = ([0.64, 0.30, 0.15], [0.33, 0.60, 0.06]);
    let z = [0, 1, 2].map(|at| 1.0 - x[at] - y[at]);
    let white = [0.3127 / 0.3290, 1.0, (1.0 - 0.3127 - 0.3290) / 0.3290];
    let scales = applied(&inverse(&[x, y, z])?, white);
    let colours = [x, y, z].map(|row| [0, 1, 2].map(|at| row[at] * scales[at]));
    Some(product(&adaptation(white, D50)?, &colours))
}

/// What a white becomes another with, after Bradford.
fn adaptation(from: [f64; 3], to: [f64; 3]) -> Option<Matrix> {
    let (source, target) = (applied(&BRADFORD, from), applied(&BRADFORD, to));
    let mut cone = [[0.0; 3]; 3];
    for at in 0..3 {
        cone[at][at] = target[at] / source[at];
    }
    Some(product(&inverse(&BRADFORD)?, &product(&cone, &BRADFORD)))
}

fn applied(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    left.map(|row| {
        [0, 1, 2].map(|at| row[0] * right[0][at] + row[1] * right[1][at] + row[2] * right[2][at])
    })
}

fn inverse(m: &Matrix) -> Option<Matrix> {
    let c0 = m[1][1] * m[2][2] - m[1][2] * m[2][1];
    let c1 = -m[1][0] * m[2][2] + m[1][2] * m[2][0];
    let c2 = m[1][0] * m[2][1] - m[1][1] * m[2][0];
    let det = m[0][0] * c0 + m[0][1] * c1 + m[0][2] * c2;
    if !det.is_finite() || det.abs() < TINY {
        return None;
    }
    Some([
        [
            c0 / det,
            (m[0][2] * m[2][1] - m[0][1] * m[2][2]) / det,
            (m[0][1] * m[1][2] - m[0][2] * m[1][1]) / det,
        ],
        [
            c1 / det,
            (m[0][0] * m[2][2] - m[0][2] * m[2][0]) / det,
            (m[0][2] * m[1][0] - m[0][0] * m[1][2]) / det,
        ],
        [
            c2 / det,
            (m[0][1] * m[2][0] - m[0][0] * m[2][1]) / det,
            (m[0][0] * m[1][1] - m[0][1] * m[1][0]) / det,
        ],
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_out_as_little_cms_makes_them() {
        let xy = [(0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)];
        let shaper = Shaper::of_chromaticities(1.0 / 0.55555, xy).unwrap().unwrap();
        let pixels = vec![200, 100, 50, 12, 250, 128, 0, 0, 0, 90, 90, 200];
        let seen = shaper.apply(Picture::new(4, 1, 3, pixels).unwrap());
        // By Little CMS itself.
        assert_eq!(seen.pixels, [224, 113, 49, 0, 255, 135, 0, 0, 0, 109, 109, 217]);
    }

    #[test]
    fn the_colours_of_srgb_itself_need_no_shaper() {
        let profile = moxcms::ColorProfile::new_srgb().encode().unwrap();
        let grey = Picture::from_grey(3, 1, &[0, 100, 255]).unwrap();
        let seen = match Shaper::of_profile(&profile).unwrap() {
            Some(shaper) => shaper.apply(grey.clone()),
            None => grey.clone(),
        };
        assert_eq!(seen, grey);
        assert!(Shaper::of_profile(b"no profile").is_none());
        assert!(Shaper::of_profile(&profile[..200]).is_none());
    }
}
