//! Sort keys of a picture's average colour, read from its blurhash.

use std::cmp::Ordering;

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// Ways to sort by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColourSort {
    /// Dark to light.
    Lightness,
    /// Grey to vivid.
    Chroma,
    /// Green to red.
    GreenRed,
    /// Blue to yellow.
    BlueYellow,
    /// Around the wheel from red; greys last in either direction.
    Hue,
}

/// The key of a picture: compared first by the first number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourKey {
    /// Whichever the direction: 0 is sorted, 1 stands after those (greys have no hue), 2 at the
    /// very end (no colour is known).
    pub tail: u8,
    /// Decides.
    pub first: f64,
    /// Decides between equals.
    pub second: f64,
}

impl ColourKey {
    /// The order of two keys; those that belong at the end stay there.
    #[must_use]
    pub fn order(&self, other: &ColourKey, ascending: bool) -> Ordering {
        let by_numbers =
            self.first.total_cmp(&other.first).then_with(|| self.second.total_cmp(&other.second));
        let by_numbers = if ascending { by_numbers } else { by_numbers.reverse() };
        self.tail.cmp(&other.tail).then(by_numbers)
    }
}

/// The average colour that a blurhash begins with; `None` for what is no blurhash.
#[must_use]
pub fn average(blurhash: &str) -> Option<Rgb> {
    const DIGITS: &[u8; 83] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
    let mut value: u32 = 0;
    for sign in blurhash.as_bytes().get(2..6)? {
        let digit = DIGITS.iter().position(|digit| digit == sign)?;
        value = value * 83 + u32::try_from(digit).ok()?;
    }
    let [overflow, red, green, blue] = value.to_be_bytes();
    (overflow == 0).then_some([red, green, blue])
}

/// The key of a picture of this average colour; a picture without one belongs at the end.
#[must_use]
pub fn key(average: Option<Rgb>, sort: ColourSort) -> ColourKey {
    let Some(rgb) = average else {
        return ColourKey { tail: 2, first: 0.0, second: 0.0 };
    };
    let [lightness, a, b] = lab(rgb);
    let chroma = a * a + b * b;
    let (tail, first, second) = match sort {
        ColourSort::Lightness => (0, lightness, chroma),
        ColourSort::Chroma => (0, chroma, lightness),
        ColourSort::GreenRed => (0, a, -lightness),
        ColourSort::BlueYellow => (0, b, -lightness),
        ColourSort::Hue => {
            let (hue, saturation) = hue_and_saturation(rgb);
            (u8::from(saturation < 0.03), hue, -saturation)
        }
    };
    ColourKey { tail, first, second }
}

/// CIE L*a*b* under D65.
fn lab(rgb: Rgb) -> [f64; 3] {
    let [red, green, blue] = rgb.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    let x = 0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue;
    let y = 0.212_672_9 * red + 0.715_152_2 * green + 0.072_175_0 * blue;
    let z = 0.019_333_9 * red + 0.119_192_0 * green + 0.950_304_1 * blue;
    let curve = |part: f64| {
        const EDGE: f64 = 6.0 / 29.0;
        if part > EDGE * EDGE * EDGE {
            part.cbrt()
        } else {
            part / (3.0 * EDGE * EDGE) + 4.0 / 29.0
        }
    };
    let (x, y, z) = (curve(x / 0.950_47), curve(y), curve(z / 1.088_83));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Hue in degrees and saturation of the HSL model.
fn hue_and_saturation(rgb: Rgb) -> (f64, f64) {
    let [red, green, blue] = rgb.map(|part| f64::from(part) / 255.0);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let (span, lightness) = (most - least, (most + least) / 2.0);
    if span <= 0.0 {
        return (0.0, 0.0);
    }
    let saturation = span / (1.0 - (2.0 * lightness - 1.0).abs());
    let sixths = if most == red {
        ((green - blue) / span).rem_euclid(6.0)
    } else if most == green {
        (blue - red) / span + 2.0
    } else {
        (red - green) / span + 4.0
    };
    (sixths * 60.0, saturation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_stands_in_four_signs() {
        // 0xFF0000 in base 83.
        assert_eq!(average("00TI:j0000"), average("L0TI:j"));
        assert_eq!(average("00TI:j"), Some([255, 0, 0]));
        assert_eq!(average("000000"), Some([0, 0, 0]));
        assert_eq!(average("00000"), None);
        assert_eq!(average("00 000"), None);
        assert_eq!(average("00~~~~"), None);
        assert_eq!(average("ééé"), None);
    }

    #[test]
    fn red_has_its_textbook_lab() {
        let [lightness, a, b] = lab([255, 0, 0]);
        assert!((lightness - 53.24).abs() < 0.01, "{lightness}");
        assert!((a - 80.09).abs() < 0.02 && (b - 67.20).abs() < 0.02, "{a} {b}");
        let [white, _, _] = lab([255, 255, 255]);
        assert!((white - 100.0).abs() < 0.001);
    }

    #[track_caller]
    fn check(sort: ColourSort, ascending: bool, colours: &[Option<Rgb>]) {
        for pair in colours.windows(2) {
            let order = key(pair[0], sort).order(&key(pair[1], sort), ascending);
            assert_eq!(order, Ordering::Less, "{pair:?} by {sort:?}");
        }
    }

    #[test]
    fn colours_sort_by_each_key() {
        const RED: Option<Rgb> = Some([220, 30, 30]);
        const GREEN: Option<Rgb> = Some([30, 220, 30]);
        const BLUE: Option<Rgb> = Some([30, 30, 220]);
        const GREY: Option<Rgb> = Some([128, 128, 128]);
        const YELLOW: Option<Rgb> = Some([220, 220, 30]);
        check(ColourSort::Lightness, true, &[BLUE, RED, GREY, GREEN, YELLOW, None]);
        check(ColourSort::Lightness, false, &[YELLOW, GREEN, GREY, RED, BLUE, None]);
        check(ColourSort::Chroma, true, &[GREY, RED, None]);
        check(ColourSort::GreenRed, true, &[GREEN, GREY, RED, None]);
        check(ColourSort::BlueYellow, true, &[BLUE, GREY, YELLOW, None]);
        check(ColourSort::Hue, true, &[RED, YELLOW, GREEN, BLUE, GREY, None]);
        check(ColourSort::Hue, false, &[BLUE, GREEN, YELLOW, RED, GREY, None]);
    }
}
