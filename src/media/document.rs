//! Sizes and word counts of documents: PDF, Office, Flash, SVG, layered pictures.

use std::io::Read;

use super::archive::{Archive, parse};
use super::metadata::find;
use super::picture::Picture;

/// What a document tells: pixels at 300 a inch, words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    pub size: Option<(u32, u32)>,
    pub num_words: Option<u64>,
    pub duration_ms: Option<u64>,
    pub num_frames: Option<u64>,
    pub has_text: bool,
}

const PIXELS_AN_INCH: f64 = 300.0;
const POINTS_AN_INCH: f64 = 72.0;
const EMU_AN_INCH: f64 = 914_400.0;
/// Streams of a document inflate to no more than this, all together.
const INFLATED_MAX: usize = 256 << 20;

/// The first page's size and the number of words of a PDF. A damaged one has neither.
#[must_use]
pub fn pdf(bytes: &[u8]) -> Shape {
    let streams = pdf_streams(bytes);
    let objects = || std::iter::once(bytes).chain(streams.iter().map(Vec::as_slice));
    let size = objects().find_map(media_box);
    let words: u64 = streams.iter().map(|stream| words_shown(stream)).sum();
    let has_text = objects().any(|part| {
        [b"/Title".as_slice(), b"/Author", b"/Subject", b"/Keywords"].iter().any(|key| {
            find(part, key).is_some_and(|at| {
                let value = part[at + key.len()..].trim_ascii_start();
                value.starts_with(b"(") && !value.starts_with(b"()") || value.starts_with(b"<FEFF")
            })
        })
    });
    Shape { size, num_words: size.map(|_| words), has_text, ..Shape::default() }
}

/// The contents of all streams, inflated where they are compressed.
fn pdf_streams(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    let (mut at, mut total) = (0, 0);
    while let Some(skip) = bytes.get(at..).and_then(|rest| find(rest, b"stream")) {
        let start = at + skip + 6;
        at = start;
        if bytes[..start].ends_with(b"endstream") {
            continue;
        }
        let body =
            bytes[start..].strip_prefix(b"\r\n").or_else(|| bytes[start..].strip_prefix(b"\n"));
        let Some(body) = body else { continue };
        let Some(end) = find(body, b"endstream") else { break };
        let head = &bytes[start.saturating_sub(400)..start];
        let dictionary =
            head.windows(3).rposition(|w| w == b"obj").map_or(head, |obj| &head[obj..]);
        let compressed = find(dictionary, b"FlateDecode").is_some();
        let mut stream = Vec::new();
        if compressed {
            let inflate = flate2::read::ZlibDecoder::new(&body[..end]);
            let room = (INFLATED_MAX - total) as u64;
            let _partial = inflate.take(room).read_to_end(&mut stream);
        } else if find(dictionary, b"/Filter").is_none() {
            stream.extend_from_slice(&body[..end]);
        }
        total += stream.len();
        streams.push(stream);
        at = start + end;
        if total >= INFLATED_MAX {
            break;
        }
    }
    streams
}

fn media_box(part: &[u8]) -> Option<(u32, u32)> {
    let at = find(part, b"/MediaBox")? + 9;
    let text = String::from_utf8_lossy(part.get(at..(at + 120).min(part.len()))?).into_owned();
    let inside = text.trim_start().strip_prefix('[')?.split(']').next()?;
    let numbers: Vec<f64> =
        inside.split_whitespace().map_while(|number| number.parse().ok()).collect();
    let [left, bottom, right, top] = numbers[..] else { return None };
    let pixels = |points: f64| (points.abs() / POINTS_AN_INCH * PIXELS_AN_INCH).round_ties_even();
    Some((pixels(right - left) as u32, pixels(top - bottom) as u32))
}

/// Words in the strings that a page's content stream shows.
fn words_shown(stream: &[u8]) -> u64 {
    if find(stream, b"BT").is_none() || find(stream, b"ET").is_none() {
        return 0;
    }
    let (mut text, mut depth, mut at) = (String::new(), 0_u32, 0);
    while let Some(byte) = stream.get(at) {
        match (depth, byte) {
            (_, b'\\') => at += 1,
            (_, b'(') => {
                depth += 1;
                if depth > 1 {
                    text.push(' ');
                }
            }
            (1.., b')') => depth -= 1,
            (1.., byte) => text.push(char::from(*byte)),
            (0, b'T') if matches!(stream.get(at + 1), Some(b'j' | b'J')) => text.push(' '),
            _ => {}
        }
        at += 1;
    }
    let plain = text.replace(|sign: char| !sign.is_alphanumeric() && sign != '_', " ");
    plain.split_whitespace().count() as u64
}

/// Words (and for presentations the slide size) by the package's own properties.
#[must_use]
pub fn office(bytes: Vec<u8>) -> Shape {
    let Some(mut archive) = Archive::of_bytes(bytes) else { return Shape::default() };
    let words = |archive: &mut Archive<_>| -> Option<u64> {
        let text = String::from_utf8(archive.read("docProps/app.xml")?).ok()?;
        let document = parse(&text)?;
        let node = document.descendants().find(|node| node.tag_name().name() == "Words")?;
        node.text()?.trim().parse().ok()
    };
    let slide = |archive: &mut Archive<_>| -> Option<(u32, u32)> {
        let text = String::from_utf8(archive.read("ppt/presentation.xml")?).ok()?;
        let document = parse(&text)?;
        let node = document.descendants().find(|node| node.tag_name().name() == "sldSz")?;
        let pixels = |name: &str| -> Option<u32> {
            let emu: f64 = node.attribute(name)?.parse().ok()?;
            Some((emu * PIXELS_AN_INCH / EMU_AN_INCH).round_ties_even() as u32)
        };
        Some((pixels("cx")?, pixels("cy")?))
    };
    Shape { num_words: words(&mut archive), size: slide(&mut archive), ..Shape::default() }
}

/// Stage size, frames and duration of a Flash file; `None` when its head is damaged.
#[must_use]
pub fn flash(bytes: &[u8]) -> Option<Shape> {
    let mut body = Vec::new();
    match bytes.get(..3)? {
        b"FWS" => body.extend_from_slice(bytes.get(8..bytes.len().min(64))?),
        b"CWS" => {
            let _partial =
                flate2::read::ZlibDecoder::new(bytes.get(8..)?).take(64).read_to_end(&mut body);
        }
        // LZMA is too rare to be worth a decoder.
        _ => return Some(Shape::default()),
    }
    let width = usize::from(*body.first()? >> 3);
    let field = |index: usize| -> Option<i64> {
        let start = 5 + index * width;
        let mut value = 0_i64;
        for bit in start..start + width {
            value = value << 1 | i64::from(*body.get(bit / 8)? >> (7 - bit % 8) & 1);
        }
        // The fields are signed.
        Some(if width > 0 && value >> (width - 1) & 1 == 1 { value - (1 << width) } else { value })
    };
    let (left, right, top, bottom) = (field(0)?, field(1)?, field(2)?, field(3)?);
    let at = (5 + 4 * width).div_ceil(8);
    let rate = f64::from(*body.get(at + 1)?) + f64::from(*body.get(at)?) / 256.0;
    let frames = u16::from_le_bytes([*body.get(at + 2)?, *body.get(at + 3)?]);
    // Twips: twentieths of a pixel.
    let pixels = |from: i64, to: i64| ((to - from).abs() / 20) as u32;
    let seconds = f64::from(frames) / if rate == 0.0 { 1.0 } else { rate };
    Some(Shape {
        size: Some((pixels(left, right), pixels(top, bottom))),
        duration_ms: Some((seconds * 1000.0) as u64),
        num_frames: Some(u64::from(frames)),
        ..Shape::default()
    })
}

fn svg_tree(bytes: &[u8]) -> Option<resvg::usvg::Tree> {
    // Nothing outside the file is loaded: no fonts, no linked pictures.
    resvg::usvg::Tree::from_data(bytes, &resvg::usvg::Options::default()).ok()
}

/// The size that an SVG asks for.
#[must_use]
pub fn svg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if let Some(size) = svg_size_said(bytes) {
        return Some(size);
    }
    let size = svg_tree(bytes)?.size();
    Some((size.width().round() as u32, size.height().round() as u32))
}

/// Width and height of the root element, 90 pixels an inch, where both are said; else its view box.
fn svg_size_said(bytes: &[u8]) -> Option<(u32, u32)> {
    const UNITS: [(&str, f64); 6] = [
        ("px", 1.0),
        ("pt", 1.25),
        ("pc", 15.0),
        ("mm", 90.0 / 25.4),
        ("cm", 90.0 / 2.54),
        ("in", 90.0),
    ];
    let document = parse(std::str::from_utf8(bytes).ok()?)?;
    let root = document.root_element();
    let view: Vec<f64> = root
        .attribute("viewBox")
        .unwrap_or_default()
        .split([' ', ','])
        .filter_map(|number| number.trim().parse().ok())
        .collect();
    let length = |name: &str, whole: Option<&f64>| -> Option<f64> {
        let text = root.attribute(name)?.trim();
        if let Some(part) = text.strip_suffix('%') {
            return Some(part.trim().parse::<f64>().ok()? / 100.0 * whole?);
        }
        let unit = UNITS.iter().find_map(|(unit, by)| Some((text.strip_suffix(unit)?, *by)));
        let (number, by) = unit.unwrap_or((text, 1.0));
        Some(number.trim().parse::<f64>().ok()? * by)
    };
    let said = length("width", view.get(2)).zip(length("height", view.get(3)));
    let (width, height) = said.or_else(|| Some((*view.get(2)?, *view.get(3)?)))?;
    let fits = |side: f64| side >= 1.0 && side < f64::from(u32::MAX);
    (fits(width) && fits(height)).then_some((width as u32, height as u32))
}

/// An SVG drawn at that size on transparent ground, its shape kept.
#[must_use]
pub fn svg_picture(bytes: &[u8], width: u32, height: u32) -> Option<Picture> {
    use resvg::tiny_skia::{Pixmap, Transform};
    let tree = svg_tree(bytes)?;
    Picture::blank(width, height, 4)?;
    let mut canvas = Pixmap::new(width, height)?;
    let scale = (width as f32 / tree.size().width()).min(height as f32 / tree.size().height());
    let left = (width as f32 - tree.size().width() * scale) / 2.0;
    let top = (height as f32 - tree.size().height() * scale) / 2.0;
    let place = Transform::from_scale(scale, scale).post_translate(left, top);
    resvg::render(&tree, place, &mut canvas.as_mut());
    let pixels = canvas.pixels().iter().flat_map(|pixel| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    });
    Picture::new(width, height, 4, pixels.collect())
}
