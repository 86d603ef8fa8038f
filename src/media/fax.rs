//! Fax lines (T.4): runs of white and black, alone or told by the line above.

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, slice_reader};

/// How the lines of a strip are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Each line for itself, begun on a whole byte.
    Bytes,
    /// Each line for itself, after an end-of-line mark.
    Marked,
    /// After each mark a bit says whether the line is told by the one above.
    TwoDimensional,
}

/// The rows of a strip as packed bits, black being 1. What is missing or damaged stays white.
pub(super) fn rows(bytes: &[u8], coding: Coding, width: usize, height: usize) -> Vec<u8> {
    // The code tables look ahead of the last code.
    let padded = [bytes, &[0; 8]].concat();
    let mut reader = slice_reader(&padded);
    let stride = width.div_ceil(8);
    let mut packed = vec![0; stride * height];
    let mut above = Vec::new();
    for row in packed.chunks_exact_mut(stride) {
        let is_alone = match coding {
            Coding::Bytes => true,
            Coding::Marked => skip_mark(&mut reader),
            Coding::TwoDimensional => {
                skip_mark(&mut reader);
                let bit = reader.peek(1);
                let _end = reader.consume(1);
                bit == Some(1)
            }
        };
        let line = if is_alone || coding != Coding::TwoDimensional {
            alone(&mut reader, width)
        } else {
            told_by(&above, &mut reader, width)
        };
        if coding == Coding::Bytes {
            let _end = reader.consume(reader.bits_to_byte_boundary());
        }
        let Some(line) = line else { break };
        paint(row, &line, width);
        above = line;
    }
    packed
}

/// Skips fill bits and the mark after them, if they are next.
fn skip_mark(reader: &mut impl BitReader) -> bool {
    if reader.peek(11) != Some(0) {
        return false;
    }
    while reader.peek(1) == Some(0) {
        let _end = reader.consume(1);
    }
    reader.consume(1).is_ok()
}

/// The length of the next run of a colour.
fn run(reader: &mut impl BitReader, is_black: bool) -> Option<usize> {
    let mut length = 0;
    loop {
        let part = if is_black { black::decode(reader)? } else { white::decode(reader)? };
        length += usize::from(part);
        if part < 64 {
            return Some(length);
        }
    }
}

/// The places where the colour changes, white first.
fn alone(reader: &mut impl BitReader, width: usize) -> Option<Vec<usize>> {
    let (mut changes, mut at, mut is_black) = (Vec::new(), 0, false);
    while at < width {
        at += run(reader, is_black)?;
        changes.push(at.min(width));
        is_black = !is_black;
    }
    Some(changes)
}

fn told_by(above: &[usize], reader: &mut impl BitReader, width: usize) -> Option<Vec<usize>> {
    let (mut changes, mut at, mut is_black) = (Vec::new(), 0_usize, false);
    let mut is_start = true;
    while at < width {
        // The first change above, right of here, to the colour that is not ours.
        let first = (usize::from(is_black)..above.len())
            .step_by(2)
            .find(|index| above[*index] > at || is_start && above[*index] == 0);
        let place = |index: Option<usize>| {
            index.and_then(|index| above.get(index)).copied().unwrap_or(width)
        };
        let (b1, b2) = (place(first), place(first.map(|index| index + 1)));
        match mode::decode(reader)? {
            Mode::Pass => at = b2,
            Mode::Horizontal => {
                for colour in [is_black, !is_black] {
                    at = (at + run(reader, colour)?).min(width);
                    changes.push(at);
                }
            }
            Mode::Vertical(shift) => {
                let next = b1.checked_add_signed(isize::from(shift))?.min(width);
                if next < at {
                    return None;
                }
                at = next;
                changes.push(at);
                is_black = !is_black;
            }
            Mode::Extension | Mode::EOF => return None,
        }
        is_start = false;
    }
    Some(changes)
}

fn paint(row: &mut [u8], changes: &[usize], width: usize) {
    for pair in changes.chunks(2) {
        if let [start, rest @ ..] = pair {
            for x in *start..rest.first().copied().unwrap_or(width) {
                row[x / 8] |= 0x80 >> (x % 8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_alone_and_lines_told_by_the_one_above() {
        // T.4: white 2 is 0111, black 3 is 10, white 3 is 1000; each "vertical 0" is 1.
        let alone = [0b0111_1010, 0b0000_0000];
        assert_eq!(rows(&alone, Coding::Bytes, 8, 1), [0b0011_1000]);
        // Mark 000000000001, bit 1, the line; mark, bit 0, three times "vertical 0".
        let bits = "000000000001".to_owned() + "1" + "0111101000" + "000000000001" + "0" + "111";
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| byte.iter().enumerate().map(|(i, b)| (b - b'0') << (7 - i)).sum())
            .collect();
        assert_eq!(rows(&bytes, Coding::TwoDimensional, 8, 2), [0b0011_1000; 2]);
    }

    #[test]
    fn nonsense_is_white() {
        assert_eq!(rows(&[0; 3], Coding::Marked, 16, 2), [0; 4]);
        assert_eq!(rows(&[0xFF; 9], Coding::TwoDimensional, 9, 1).len(), 2);
    }
}
