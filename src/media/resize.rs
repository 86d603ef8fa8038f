//! Resizing with the very arithmetic of OpenCV, so that hashes of shrunken pictures come out equal:
//! area averaging, fixed-point bilinear and fixed-point Lanczos over 8 taps.

use std::ops::Range;

use super::picture::Picture;

/// How samples are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Averages over the covered area when shrinking, bilinear when enlarging.
    Area,
    Linear,
    Lanczos,
}

/// A copy of the picture at exactly that size. Sides of 0 become 1.
#[must_use]
pub fn resize(picture: &Picture, width: u32, height: u32, filter: Filter) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    if (width, height) == (picture.width, picture.height) {
        return picture.clone();
    }
    let across = Axis::new(picture.width, width);
    let down = Axis::new(picture.height, height);
    let pixels = match filter {
        Filter::Area if across.scale >= 1.0 && down.scale >= 1.0 => {
            match (across.whole_scale(), down.whole_scale()) {
                (Some(x), Some(y)) => blocks(picture, &across, &down, x, y),
                _ => area(picture, &across, &down),
            }
        }
        // Halving in both directions is the mean of four pixels for the bilinear filter too.
        Filter::Linear if across.whole_scale() == Some(2) && down.whole_scale() == Some(2) => {
            blocks(picture, &across, &down, 2, 2)
        }
        Filter::Area => {
            taps(picture, &across.linear_like_area().inside(across.from), &down.linear_like_area())
        }
        Filter::Linear => taps(picture, &across.linear().inside(across.from), &down.linear()),
        Filter::Lanczos => taps(picture, &across.lanczos(), &down.lanczos()),
    };
    Picture { width, height, channels: picture.channels, pixels }
}

/// Grey by the weights 0.299, 0.587, 0.114 in 15-bit fixed point.
#[must_use]
pub fn grey(picture: &Picture) -> Picture {
    let mut pixels = Vec::with_capacity(picture.pixels.len() / picture.channels);
    let value = |pixel: &[u8]| {
        let (r, g, b) = (u32::from(pixel[0]), u32::from(pixel[1]), u32::from(pixel[2]));
        ((r * 9798 + g * 19235 + b * 3735 + (1 << 14)) >> 15) as u8
    };
    match picture.channels {
        3 => pixels.extend(picture.pixels.as_chunks::<3>().0.iter().map(|pixel| value(pixel))),
        4 => pixels.extend(picture.pixels.as_chunks::<4>().0.iter().map(|pixel| value(pixel))),
        _ => pixels.clone_from(&picture.pixels),
    }
    Picture { width: picture.width, height: picture.height, channels: 1, pixels }
}

/// One direction of a resize.
struct Axis {
    from: usize,
    to: usize,
    /// Source pixels a target pixel.
    scale: f64,
    inverse: f64,
}

/// For each target pixel the source pixels and their weights in 11-bit fixed point.
struct Taps {
    /// Index of the first source pixel of each target pixel; may lie outside and is then clamped.
    first: Vec<isize>,
    weights: Vec<i32>,
    count: usize,
}

/// A share of a source pixel in a target pixel.
struct Share {
    from: usize,
    to: usize,
    weight: f32,
}

impl Axis {
    fn new(from: u32, to: u32) -> Axis {
        let inverse = f64::from(to) / f64::from(from);
        Axis { from: from as usize, to: to as usize, scale: 1.0 / inverse, inverse }
    }

    /// The scale if it is a whole number.
    fn whole_scale(&self) -> Option<usize> {
        let whole = self.scale.round_ties_even();
        ((self.scale - whole).abs() < f64::EPSILON).then_some(whole as usize)
    }

    /// Which source pixels each target pixel covers, and how much of each.
    fn shares(&self) -> Vec<Share> {
        let mut shares = Vec::with_capacity(self.from + 2 * self.to);
        for to in 0..self.to {
            let start = to as f64 * self.scale;
            let end = start + self.scale;
            let cell = self.scale.min(self.from as f64 - start);
            let last = (end.floor() as usize).min(self.from - 1);
            let first = (start.ceil() as usize).min(last);
            if first as f64 - start > 1e-3 && first > 0 {
                let weight = ((first as f64 - start) / cell) as f32;
                shares.push(Share { from: first - 1, to, weight });
            }
            for from in first..last {
                shares.push(Share { from, to, weight: (1.0 / cell) as f32 });
            }
            if end - last as f64 > 1e-3 {
                let weight = ((end - last as f64).min(1.0).min(cell) / cell) as f32;
                shares.push(Share { from: last, to, weight });
            }
        }
        shares
    }

    fn linear(&self) -> Taps {
        self.two_taps(|to| {
            let position = ((to as f64 + 0.5) * self.scale - 0.5) as f32;
            let floor = position.floor();
            (floor as isize, position - floor)
        })
    }

    fn linear_like_area(&self) -> Taps {
        self.two_taps(|to| {
            let floor = (to as f64 * self.scale).floor();
            let rest = ((to + 1) as f64 - (floor + 1.0) * self.inverse) as f32;
            (floor as isize, if rest <= 0.0 { 0.0 } else { rest - rest.floor() })
        })
    }

    fn two_taps(&self, place: impl Fn(usize) -> (isize, f32)) -> Taps {
        let mut taps = Taps { first: Vec::new(), weights: Vec::new(), count: 2 };
        for to in 0..self.to {
            let (first, rest) = place(to);
            taps.first.push(first);
            taps.weights.extend([fixed(1.0 - rest), fixed(rest)]);
        }
        taps
    }

    fn lanczos(&self) -> Taps {
        let mut taps = Taps { first: Vec::new(), weights: Vec::new(), count: 8 };
        for to in 0..self.to {
            let position = ((to as f64 + 0.5) * self.scale - 0.5) as f32;
            let floor = position.floor();
            taps.first.push(floor as isize - 3);
            taps.weights.extend(lanczos_weights(position - floor).map(fixed));
        }
        taps
    }
}

impl Taps {
    /// Pairs of taps that reach over an edge take the edge pixel alone. The original does this
    /// along rows only; down the columns it takes the edge row twice, which truncates differently.
    fn inside(mut self, from: usize) -> Taps {
        let last = from as isize - 1;
        for (first, weights) in self.first.iter_mut().zip(self.weights.chunks_exact_mut(2)) {
            if *first < 0 || *first >= last {
                *first = (*first).clamp(0, last);
                weights.copy_from_slice(&[2048, 0]);
            }
        }
        self
    }
}

/// A weight as a 16-bit number of 2048ths.
fn fixed(weight: f32) -> i32 {
    (weight * 2048.0).round_ties_even() as i32
}

fn lanczos_weights(x: f32) -> [f32; 8] {
    const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const TURNS: [(f64, f64); 8] = [
        (1.0, 0.0),
        (-HALF, -HALF),
        (0.0, 1.0),
        (HALF, -HALF),
        (-1.0, 0.0),
        (HALF, HALF),
        (0.0, -1.0),
        (-HALF, HALF),
    ];
    let quarter = std::f64::consts::FRAC_PI_4;
    let (sine, cosine) = (-f64::from(x + 3.0) * quarter).sin_cos();
    let mut weights = [0.0_f32; 8];
    let mut sum = 0.0_f32;
    for (i, weight) in weights.iter_mut().enumerate() {
        let distance = x + 3.0 - i as f32;
        *weight = if distance.abs() >= 1e-6 {
            let y = -f64::from(distance) * quarter;
            ((TURNS[i].0 * sine + TURNS[i].1 * cosine) / (y * y)) as f32
        } else {
            1e30
        };
        sum += *weight;
    }
    let scale = 1.0 / sum;
    weights.map(|weight| weight * scale)
}

fn rounded(sum: f32) -> u8 {
    sum.round_ties_even() as u8
}

/// Means of whole blocks of `x` by `y` pixels.
fn blocks(picture: &Picture, across: &Axis, down: &Axis, x: usize, y: usize) -> Vec<u8> {
    match picture.channels {
        1 => blocks_of::<1>(picture, across, down, x, y),
        3 => blocks_of::<3>(picture, across, down, x, y),
        _ => blocks_of::<4>(picture, across, down, x, y),
    }
}

fn blocks_of<const N: usize>(
    picture: &Picture,
    across: &Axis,
    down: &Axis,
    x: usize,
    y: usize,
) -> Vec<u8> {
    let scale = 1.0 / (x * y) as f32;
    let mut pixels = Vec::with_capacity(across.to * down.to * N);
    let mut sums = RowSums::new(picture.stride());
    for to in 0..down.to {
        sums.add_up(picture, to * y..(to + 1) * y);
        for cell in sums.total.as_chunks::<N>().0.chunks_exact(x).take(across.to) {
            let mut sum = [0_u32; N];
            for pixel in cell {
                for channel in 0..N {
                    sum[channel] += pixel[channel];
                }
            }
            if (x, y) == (2, 2) {
                pixels.extend(sum.map(|sum| ((sum + 2) >> 2) as u8));
            } else {
                pixels.extend(sum.map(|sum| rounded(sum as f32 * scale)));
            }
        }
    }
    pixels
}

/// Means over fractions of pixels.
fn area(picture: &Picture, across: &Axis, down: &Axis) -> Vec<u8> {
    match picture.channels {
        1 => area_of::<1>(picture, across, down),
        3 => area_of::<3>(picture, across, down),
        _ => area_of::<4>(picture, across, down),
    }
}

/// The definition sums 32-bit floats, first along each row, then down the rows, and floats do not
/// add up the same in another order. Here whole rows are summed first, in integers, which is many
/// times faster and at most [`slack`] off: where that could round to another value, which is one
/// time in hundreds, the pixel is computed anew by the definition.
fn area_of<const N: usize>(picture: &Picture, across: &Axis, down: &Axis) -> Vec<u8> {
    let (columns, rows) = (across.shares(), down.shares());
    let by_column: Vec<&[Share]> = columns.chunk_by(|a, b| a.to == b.to).collect();
    let column_runs: Vec<Vec<Run>> = by_column.iter().map(|shares| runs(shares)).collect();
    let shares_max = |shares: &[&[Share]]| shares.iter().map(|cell| cell.len()).max().unwrap_or(0);
    let mut pixels = Vec::with_capacity(across.to * down.to * N);
    let mut sums = RowSums::new(picture.stride());
    let mut weighted = vec![0.0_f32; picture.stride()];
    for row in rows.chunk_by(|a, b| a.to == b.to) {
        weighted.fill(0.0);
        for run in runs(row) {
            sums.add_up(picture, run.from..run.end);
            for (weighted, sum) in weighted.iter_mut().zip(&sums.total) {
                *weighted += run.weight * *sum as i32 as f32;
            }
        }
        let safe = 0.5 - slack(shares_max(&by_column), row.len());
        let line = weighted.as_chunks::<N>().0;
        for (runs, column) in column_runs.iter().zip(&by_column) {
            let mut value = [0.0_f32; N];
            for run in runs {
                let mut sum = [0.0_f32; N];
                for pixel in &line[run.from..run.end] {
                    for channel in 0..N {
                        sum[channel] += pixel[channel];
                    }
                }
                for channel in 0..N {
                    value[channel] += sum[channel] * run.weight;
                }
            }
            if value.iter().any(|value| (value - value.round_ties_even()).abs() >= safe) {
                value = defined_mean(picture, column, row);
            }
            pixels.extend(value.map(rounded));
        }
    }
    pixels
}

/// How far apart the two ways of summing can be: each rounds at most once for a share and a few
/// times more, each time by a 2^24th of a sum that does not exceed 256.
fn slack(columns: usize, rows: usize) -> f32 {
    (2 * columns + 2 * rows + 16) as f32 * 300.0 / (1 << 24) as f32
}

/// The mean by the definition: the shares of one target column and of one target row.
fn defined_mean<const N: usize>(picture: &Picture, columns: &[Share], rows: &[Share]) -> [f32; N] {
    let mut sums = [0.0_f32; N];
    for row in rows {
        let source = picture.row(row.from).as_chunks::<N>().0;
        let mut line = [0.0_f32; N];
        for column in columns {
            for channel in 0..N {
                line[channel] += f32::from(source[column.from][channel]) * column.weight;
            }
        }
        for channel in 0..N {
            sums[channel] += row.weight * line[channel];
        }
    }
    sums
}

/// Neighbouring source pixels with the same share in a target pixel.
struct Run {
    from: usize,
    end: usize,
    weight: f32,
}

/// The shares of one target pixel as runs, three at most.
fn runs(shares: &[Share]) -> Vec<Run> {
    let same = |a: &Share, b: &Share| a.weight == b.weight && a.from + 1 == b.from;
    let run = |part: &[Share]| Run {
        from: part[0].from,
        end: part[0].from + part.len(),
        weight: part[0].weight,
    };
    shares.chunk_by(same).map(run).collect()
}

/// Rows that a 16-bit number can sum.
const ROWS_MAX: usize = 257;

/// Sums of neighbouring rows, value by value. The shorter numbers are summed several at once.
struct RowSums {
    total: Vec<u32>,
    part: Vec<u16>,
}

impl RowSums {
    fn new(stride: usize) -> RowSums {
        RowSums { total: vec![0; stride], part: vec![0; stride] }
    }

    fn add_up(&mut self, picture: &Picture, rows: Range<usize>) {
        self.total.fill(0);
        for first in rows.clone().step_by(ROWS_MAX) {
            self.part.fill(0);
            for row in first..(first + ROWS_MAX).min(rows.end) {
                for (sum, value) in self.part.iter_mut().zip(picture.row(row)) {
                    *sum += u16::from(*value);
                }
            }
            for (total, sum) in self.total.iter_mut().zip(&self.part) {
                *total += u32::from(*sum);
            }
        }
    }
}

/// Weighted sums of neighbours, first along the rows, then down the columns.
fn taps(picture: &Picture, across: &Taps, down: &Taps) -> Vec<u8> {
    let channels = picture.channels;
    let line_length = across.first.len() * channels;
    let last_row = picture.height as isize - 1;
    let mut pixels = Vec::with_capacity(line_length * down.first.len());
    // The rows that the current target row needs, by source row.
    let mut lines: std::collections::VecDeque<(isize, Vec<i32>)> = Default::default();
    for (to, first) in down.first.iter().enumerate() {
        let needed: Vec<isize> =
            (0..down.count as isize).map(|tap| (first + tap).clamp(0, last_row)).collect();
        lines.retain(|(row, _)| *row >= needed[0]);
        for row in &needed {
            if !lines.iter().any(|(held, _)| held == row) {
                lines.push_back((*row, along(picture.row(*row as usize), channels, across)));
            }
        }
        let rows: Vec<&[i32]> = needed
            .iter()
            .filter_map(|row| lines.iter().find(|(held, _)| held == row))
            .map(|(_, line)| line.as_slice())
            .collect();
        let weights = &down.weights[to * down.count..(to + 1) * down.count];
        for at in 0..line_length {
            pixels.push(column(&rows, weights, at));
        }
    }
    pixels
}

/// One value of a target row. The bilinear case drops the same low bits as the original does.
fn column(rows: &[&[i32]], weights: &[i32], at: usize) -> u8 {
    let value = if weights.len() == 2 {
        let upper = (weights[0] * (rows[0][at] >> 4)) >> 16;
        let lower = (weights[1] * (rows[1][at] >> 4)) >> 16;
        (upper + lower + 2) >> 2
    } else {
        let sum: i64 =
            rows.iter().zip(weights).map(|(r, w)| i64::from(r[at]) * i64::from(*w)).sum();
        ((sum + (1 << 21)) >> 22) as i32
    };
    value.clamp(0, 255) as u8
}

/// A source row at the target width, still in fixed point.
fn along(row: &[u8], channels: usize, taps: &Taps) -> Vec<i32> {
    let last = (row.len() / channels) as isize - 1;
    let mut line = Vec::with_capacity(taps.first.len() * channels);
    for (to, first) in taps.first.iter().enumerate() {
        let weights = &taps.weights[to * taps.count..(to + 1) * taps.count];
        for channel in 0..channels {
            let mut sum = 0;
            for (tap, weight) in weights.iter().enumerate() {
                let from = (first + tap as isize).clamp(0, last) as usize;
                sum += i32::from(row[from * channels + channel]) * weight;
            }
            line.push(sum);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Area averaging as it is defined: 32-bit floats, pixel by pixel, row by row.
    fn defined_area<const N: usize>(picture: &Picture, width: u32, height: u32) -> Vec<u8> {
        let columns = Axis::new(picture.width, width).shares();
        let rows = Axis::new(picture.height, height).shares();
        let mut pixels = Vec::new();
        for row in rows.chunk_by(|a, b| a.to == b.to) {
            for column in columns.chunk_by(|a, b| a.to == b.to) {
                pixels.extend(defined_mean::<N>(picture, column, row).map(rounded));
            }
        }
        pixels
    }

    /// Means of whole blocks as they are defined.
    fn defined_blocks(picture: &Picture, x: usize, y: usize) -> Vec<u8> {
        let (width, height) = (picture.width as usize / x, picture.height as usize / y);
        let mut pixels = Vec::new();
        for at in 0..width * height * picture.channels {
            let (pixel, channel) = (at / picture.channels, at % picture.channels);
            let (left, top) = (pixel % width * x, pixel / width * y);
            let sum: u32 = (0..x * y)
                .map(|n| {
                    let from = (left + n % x) * picture.channels + channel;
                    u32::from(picture.row(top + n / x)[from])
                })
                .sum();
            pixels.push(match (x, y) {
                (2, 2) => ((sum + 2) >> 2) as u8,
                _ => rounded(sum as f32 * (1.0 / (x * y) as f32)),
            });
        }
        pixels
    }

    /// Values that are random, or nearly equal, so that many means lie half way between two.
    fn picture(width: u32, height: u32, channels: usize, seed: u64, is_flat: bool) -> Picture {
        let mut state = seed | 1;
        let size = width as usize * height as usize * channels;
        let pixels = (0..size).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let value = (state >> 56) as u8;
            if is_flat { 100 + (value & 1) } else { value }
        });
        Picture::new(width, height, channels, pixels.collect()).unwrap()
    }

    proptest! {
        #[test]
        fn summing_rows_first_changes_no_mean(
            (width, height) in (1_u32..90, 1_u32..700),
            (across, down) in (1_u32..90, 1_u32..700),
            channels in prop_oneof![Just(1_usize), Just(3), Just(4)],
            seed in any::<u64>(),
            is_flat in any::<bool>(),
        ) {
            let picture = picture(width, height, channels, seed, is_flat);
            let (across, down) = (across.min(width), down.min(height));
            let (x, y) = (Axis::new(width, across), Axis::new(height, down));
            let expected = match channels {
                1 => defined_area::<1>(&picture, across, down),
                3 => defined_area::<3>(&picture, across, down),
                _ => defined_area::<4>(&picture, across, down),
            };
            prop_assert_eq!(area(&picture, &x, &y), expected);
        }

        #[test]
        fn summing_rows_first_changes_no_block(
            (width, height) in (1_u32..12, 1_u32..12),
            (x, y) in (1_usize..6, prop_oneof![1_usize..6, 250_usize..270]),
            channels in prop_oneof![Just(1_usize), Just(3), Just(4)],
            seed in any::<u64>(),
            is_flat in any::<bool>(),
        ) {
            let size = (width * x as u32, height * y as u32);
            let picture = picture(size.0, size.1, channels, seed, is_flat);
            let (across, down) = (Axis::new(size.0, width), Axis::new(size.1, height));
            prop_assert_eq!(blocks(&picture, &across, &down, x, y), defined_blocks(&picture, x, y));
        }
    }
}
