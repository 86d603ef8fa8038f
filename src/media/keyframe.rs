//! One frame of a film without ffmpeg: H.264 up to the very frame, of HEVC, AV1 and VP8 the nearest
//! picture before it that stands alone.

use rusty_h264_decoder::Decoder;

use super::picture::Picture;
use super::probe::{self, Samples};
use super::source::Source;
use super::yuv::{Colour, Manner, Planes};
use super::{av1, coded};

/// A picture further behind its key than this gives way to the key itself.
const FOLLOWED_MAX: usize = 100;
/// Pictures that may be shown earlier than they are decoded.
const AHEAD: usize = 4;
/// No coded picture is larger.
const PICTURE_MAX: u32 = 64 << 20;
/// Larger films are followed for no longer than the key: minutes otherwise.
const FOLLOWED_PIXELS: usize = 1280 * 720;

/// The frame of that number, or one near; `None` for codecs without a decoder.
pub(super) fn frame(source: &Source, index: usize) -> Option<Picture> {
    let samples = probe::samples(source)?;
    let index = index.min(samples.places.len() - 1);
    let key = samples.places[..=index].iter().rposition(|(_, _, is_key)| *is_key);
    let key = key.or_else(|| samples.places.iter().position(|(_, _, is_key)| *is_key))?;
    let picture = match samples.codec.as_str() {
        "h264" => h264(source, &samples, key, index.saturating_sub(key))?,
        "hevc" => {
            let (planes, colour) =
                coded::hevc(&samples.configuration, &read(source, &samples, key)?)?;
            planes.to_rgb(colour, Manner::Heif)?
        }
        "av1" => {
            let mut stream = samples.configuration.get(4..).unwrap_or_default().to_vec();
            stream.extend(read(source, &samples, key)?);
            let (planes, colour) = av1::still(&stream)?;
            planes.to_rgb(colour, Manner::Heif)?
        }
        "vp8" => vp8(&read(source, &samples, key)?)?,
        _ => return None,
    };
    Some(picture.oriented(samples.orientation))
}

fn read(source: &Source, samples: &Samples, index: usize) -> Option<Vec<u8>> {
    let (start, size, _) = *samples.places.get(index)?;
    let bytes = source.read(start, size.min(PICTURE_MAX) as usize);
    (bytes.len() == size as usize).then_some(bytes)
}

/// Decodes from a key to that many pictures after it.
fn h264(source: &Source, samples: &Samples, key: usize, after: usize) -> Option<Picture> {
    let configuration = Configuration::of(&samples.configuration);
    let decoded = |last: usize| {
        let mut stream = configuration.sets.clone();
        for index in key..=last.min(samples.places.len() - 1) {
            configuration.append(&read(source, samples, index)?, &mut stream)?;
        }
        Decoder::new().decode_stream(&stream).ok()
    };
    let alone = decoded(key)?.into_iter().next()?;
    let is_small = alone.width * alone.height <= FOLLOWED_PIXELS;
    let followed = if after > 0 && after <= FOLLOWED_MAX && is_small {
        decoded(key + after + AHEAD).and_then(|frames| frames.into_iter().nth(after))
    } else {
        None
    };
    let frame = followed.unwrap_or(alone);
    let mut planes = Planes::blank(frame.width, frame.height, 8, (1, 1))?;
    for (samples, plane) in planes.samples.iter_mut().zip([frame.y, frame.u, frame.v]) {
        if samples.len() != plane.len() {
            return None;
        }
        samples.iter_mut().zip(plane).for_each(|(to, from)| *to = u16::from(from));
    }
    planes.to_rgb(Colour { matrix: 6, is_full_range: false }, Manner::Heif)
}

/// How an H.264 stream is kept in its container.
struct Configuration {
    /// Parameter sets, each behind a start code.
    sets: Vec<u8>,
    /// Bytes of the length before each unit; 0 where start codes stand there already.
    length_bytes: usize,
}

const START: [u8; 4] = [0, 0, 0, 1];

impl Configuration {
    fn of(bytes: &[u8]) -> Configuration {
        let own = || {
            let length_bytes = usize::from(bytes.get(4)? & 3) + 1;
            let mut sets = Vec::new();
            let mut rest = bytes.get(5..)?;
            for mask in [31, 255] {
                let (count, after) = rest.split_first()?;
                rest = after;
                for _ in 0..count & mask {
                    let (length, after) = rest.split_at_checked(2)?;
                    let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
                    let (set, after) = after.split_at_checked(length)?;
                    sets.extend(START);
                    sets.extend_from_slice(set);
                    rest = after;
                }
            }
            Some(Configuration { sets, length_bytes })
        };
        own().unwrap_or(Configuration { sets: Vec::new(), length_bytes: 0 })
    }

    /// Adds a picture's units with start codes.
    fn append(&self, mut picture: &[u8], stream: &mut Vec<u8>) -> Option<()> {
        if self.length_bytes == 0 {
            stream.extend_from_slice(picture);
            return Some(());
        }
        while let Some((length, after)) = picture.split_at_checked(self.length_bytes) {
            let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let (unit, after) = after.split_at_checked(length)?;
            stream.extend(START);
            stream.extend_from_slice(unit);
            picture = after;
        }
        Some(())
    }
}

/// A key picture of VP8 is a lossy WebP without its head.
fn vp8(picture: &[u8]) -> Option<Picture> {
    let size = u32::try_from(picture.len()).ok()?;
    let padded = size.next_multiple_of(2);
    let mut bytes = Vec::with_capacity(picture.len() + 21);
    bytes.extend(b"RIFF");
    bytes.extend((padded + 12).to_le_bytes());
    bytes.extend(b"WEBPVP8 ");
    bytes.extend(size.to_le_bytes());
    bytes.extend_from_slice(picture);
    bytes.resize(padded as usize + 20, 0);
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    let mut frame = Picture::blank(width, height, 3)?;
    decoder.read_image(&mut frame.pixels).ok()?;
    Some(frame)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check(name: &str, expected: Option<(u32, u32)>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/media");
        let source = Source::open(&folder.join(name)).unwrap();
        let first = frame(&source, 0);
        assert_eq!(first.as_ref().map(|frame| (frame.width, frame.height)), expected, "{name}");
        if let Some(first) = first {
            assert!(first.pixels.iter().any(|byte| *byte != first.pixels[0]), "{name} is flat");
            // A later frame, and one behind the end, are there as well.
            assert!(frame(&source, 10).is_some() && frame(&source, 1000).is_some(), "{name}");
        }
    }

    #[test]
    fn films_of_known_codecs_have_frames_without_ffmpeg() {
        check("v01_h264_aac.mp4", Some((320, 240)));
        check("v04_vp8_noaudio.webm", Some((320, 240)));
        check("v05.mkv", Some((320, 240)));
        check("v07.mov", Some((320, 240)));
        check("v06.avi", None);
        check("v08.flv", None);
    }
}
