//! Every hash that is made of a file: digests in one pass over the bytes, the perceptual hash and
//! the blurhash of its picture.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::picture::Picture;
use super::resize::{Filter, grey, resize};

/// The digests of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
    pub md5: [u8; 16],
    pub sha1: [u8; 20],
    pub sha512: [u8; 64],
    pub oshash: Option<u64>,
}

const OSHASH_BYTES: usize = 65_536;
const CHUNK_BYTES: usize = 262_144;

/// Reads a file once and digests it.
pub fn digest_file(path: &Path) -> io::Result<Digests> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&chunk[..read]),
        }
    }
}

/// Digests bytes already in memory.
#[must_use]
pub fn digest_bytes(bytes: &[u8]) -> Digests {
    let mut hasher = Hasher::default();
    for chunk in bytes.chunks(CHUNK_BYTES) {
        hasher.take(chunk);
    }
    let part = bytes.len().min(OSHASH_BYTES);
    hasher.digests(&bytes[..part], &bytes[bytes.len() - part..])
}

/// All digests side by side, fed in chunks.
#[derive(Default)]
pub struct Hasher {
    size_bytes: u64,
    sha256: Sha256,
    md5: Md5,
    sha1: Sha1,
    sha512: Sha512,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Hasher {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.take(bytes);
        let wanted = OSHASH_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        let last = &bytes[bytes.len().saturating_sub(OSHASH_BYTES)..];
        let surplus = (self.tail.len() + last.len()).saturating_sub(OSHASH_BYTES);
        self.tail.drain(..surplus);
        self.tail.extend_from_slice(last);
    }

    /// The digests of everything taken.
    #[must_use]
    pub fn finish(mut self) -> Digests {
        let (head, tail) = (std::mem::take(&mut self.head), std::mem::take(&mut self.tail));
        self.digests(&head, &tail)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.sha512.update(bytes);
    }

    fn digests(self, head: &[u8], tail: &[u8]) -> Digests {
        Digests {
            size_bytes: self.size_bytes,
            oshash: oshash(self.size_bytes, head, tail),
            sha256: self.sha256.finalize().into(),
            md5: self.md5.finalize().into(),
            sha1: self.sha1.finalize().into(),
            sha512: self.sha512.finalize().into(),
        }
    }
}

/// Size plus the little-endian words of the first and last 64 KiB, or of the largest equal part of
/// that which is a multiple of 8 for smaller files. `None` up to 8 bytes.
fn oshash(size_bytes: u64, head: &[u8], tail: &[u8]) -> Option<u64> {
    if size_bytes <= 8 {
        return None;
    }
    let part = head.len() / 8 * 8;
    let sum = |bytes: &[u8]| {
        let words = bytes.as_chunks::<8>().0;
        words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
    };
    let tail = &tail[tail.len().saturating_sub(part)..];
    Some(size_bytes.wrapping_add(sum(&head[..part])).wrapping_add(sum(tail)))
}

/// The perceptual hash that means "nothing to see", and how near to it a hash is dropped.
const BLANK: u64 = 0x8000_0000_0000_0000;
const BLANK_DISTANCE: u32 = 4;

/// Hydrus's perceptual hash; `None` for pictures without any structure.
#[must_use]
pub fn perceptual_hash(picture: &Picture) -> Option<u64> {
    let grey = if picture.channels == 4 { grey_on_white(picture) } else { grey(picture) };
    let tiny = resize(&grey, 32, 32, Filter::Area);
    let frequencies = low_frequencies(&tiny.pixels);
    let mut sorted: Vec<f64> = frequencies[1..].to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[31];
    let hash = frequencies.iter().fold(0_u64, |hash, value| hash << 1 | u64::from(*value > median));
    ((hash ^ BLANK).count_ones() > BLANK_DISTANCE).then_some(hash)
}

fn grey_on_white(picture: &Picture) -> Picture {
    let (width, height) = (picture.width.min(256), picture.height.min(256));
    let small = resize(picture, width, height, Filter::Area);
    let mut grey = grey(&small);
    for (value, pixel) in grey.pixels.iter_mut().zip(small.pixels.chunks_exact(4)) {
        let alpha = f64::from(pixel[3]);
        *value = (f64::from(*value) * (alpha / 255.0) + (255.0 - alpha)) as u8;
    }
    grey
}

/// The 8 x 8 lowest frequencies of a 32 x 32 picture, by the orthonormal cosine transform up to a
/// common factor.
fn low_frequencies(pixels: &[u8]) -> [f64; 64] {
    // Rows first: 32 rows of 8 frequencies.
    let rows: Vec<[f64; 8]> = pixels
        .chunks_exact(32)
        .map(|row| low_cosines(std::array::from_fn(|x| f64::from(row[x]))))
        .collect();
    let mut frequencies = [0.0; 64];
    for u in 0..8 {
        let column = low_cosines(std::array::from_fn(|y| rows[y][u]));
        for (v, value) in column.into_iter().enumerate() {
            frequencies[v * 8 + u] = value;
        }
    }
    frequencies
}

/// The first 8 values of the cosine transform of 32 values. Sums and differences of mirrored values
/// are formed first, so that flat rows give exact zeros and not noise of either sign.
fn low_cosines(values: [f64; 32]) -> [f64; 8] {
    let mut result = [0.0; 8];
    let (mut part, mut length, mut step) = (values, 32, 1);
    while length > 1 {
        let half = length / 2;
        // Odd frequencies of this level see differences only, even ones the sums.
        for k in (step..8).step_by(2 * step) {
            let odd = k / step;
            result[k] = (0..half)
                .map(|n| {
                    let angle = std::f64::consts::PI * ((2 * n + 1) * odd) as f64;
                    (part[n] - part[length - 1 - n]) * (angle / (2 * length) as f64).cos()
                })
                .sum();
        }
        for n in 0..half {
            part[n] += part[length - 1 - n];
        }
        (length, step) = (half, 2 * step);
    }
    result[0] = part[0] * std::f64::consts::FRAC_1_SQRT_2;
    result
}

/// The largest side that a blurhash is made of.
const BLURHASH_SIDE_MAX: u32 = 100;
const BASE83: &[u8; 83] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/// The blurhash of a thumbnail, with the number of components that its shape asks for.
#[must_use]
pub fn blurhash(thumbnail: &Picture) -> String {
    let ratio = f64::from(thumbnail.width) / f64::from(thumbnail.height);
    let (across, down) = if ratio > 4.0 / 3.0 {
        (5, 3)
    } else if ratio < 3.0 / 4.0 {
        (3, 5)
    } else {
        (4, 4)
    };
    if thumbnail.width > BLURHASH_SIDE_MAX || thumbnail.height > BLURHASH_SIDE_MAX {
        let small = resize(thumbnail, BLURHASH_SIDE_MAX, BLURHASH_SIDE_MAX, Filter::Linear);
        return blurhash_of(&small, across, down);
    }
    blurhash_of(thumbnail, across, down)
}

fn blurhash_of(picture: &Picture, across: usize, down: usize) -> String {
    let components = components(picture, across, down);
    let largest = components[1..].iter().flatten().fold(0.0_f64, |max, value| max.max(value.abs()));
    let quantised = (largest * 166.0 - 0.5).floor().clamp(0.0, 82.0);
    let norm = (quantised + 1.0) / 166.0;
    let mut text = String::with_capacity(6 + 2 * components.len());
    base83(&mut text, across - 1 + (down - 1) * 9, 1);
    base83(&mut text, quantised as usize, 1);
    let average = components[0].map(to_srgb);
    base83(&mut text, (average[0] << 16) + (average[1] << 8) + average[2], 4);
    for component in &components[1..] {
        let steps = component.map(|value| {
            let root = (value / norm).abs().sqrt().copysign(value);
            (root * 9.0 + 9.5).floor().clamp(0.0, 18.0) as usize
        });
        base83(&mut text, (steps[0] * 19 + steps[1]) * 19 + steps[2], 2);
    }
    text
}

/// Colour averages weighted by cosines, row of components by row of components.
fn components(picture: &Picture, across: usize, down: usize) -> Vec<[f64; 3]> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let linear: [f64; 256] = std::array::from_fn(|value| {
        let value = value as f64 / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let cosines = |count: usize, length: usize| -> Vec<f64> {
        (0..count * length)
            .map(|at| {
                let (i, x) = ((at / length) as f64, (at % length) as f64);
                (std::f64::consts::PI * i * x / length as f64).cos()
            })
            .collect()
    };
    let (columns, rows) = (cosines(across, width), cosines(down, height));
    let mut sums = vec![[0.0_f64; 3]; across * down];
    for y in 0..height {
        let mut line = vec![[0.0_f64; 3]; across];
        for (x, pixel) in picture.row(y).chunks_exact(picture.channels).enumerate() {
            let colour = [0, 1, 2].map(|channel| linear[usize::from(pixel[channel])]);
            for (i, sum) in line.iter_mut().enumerate() {
                let weight = columns[i * width + x];
                for channel in 0..3 {
                    sum[channel] += weight * colour[channel];
                }
            }
        }
        for j in 0..down {
            let weight = rows[j * height + y];
            for i in 0..across {
                for channel in 0..3 {
                    sums[j * across + i][channel] += weight * line[i][channel];
                }
            }
        }
    }
    for (at, sum) in sums.iter_mut().enumerate() {
        let norm = if at == 0 { 1.0 } else { 2.0 };
        *sum = sum.map(|value| norm * value / (width * height) as f64);
    }
    sums
}

fn to_srgb(value: f64) -> usize {
    let value = value.clamp(0.0, 1.0);
    if value <= 0.003_130_8 {
        (value * 12.92 * 255.0 + 0.5) as usize
    } else {
        ((1.055 * value.powf(1.0 / 2.4) - 0.055) * 255.0 + 0.5) as usize
    }
}

fn base83(text: &mut String, value: usize, digits: u32) {
    for digit in (0..digits).rev() {
        text.push(char::from(BASE83[value / 83_usize.pow(digit) % 83]));
    }
}
