//! The mp4 and QuickTime family: the sample tables of `moov`, and of `moof` for fragmented files.

use super::{Audio, Bytes, Probe, SAMPLES_MAX, Samples, Video, fourcc_video};
use crate::media::metadata::boxes;
use crate::media::source::Source;

/// A `moov` larger than this is not read.
const MOOV_MAX: usize = 64 << 20;
const TOP_BOXES_MAX: usize = 200_000;

#[derive(Default)]
struct Track {
    id: u32,
    handler: [u8; 4],
    timescale: u64,
    duration: u64,
    codec: [u8; 4],
    object_type: u8,
    width: u32,
    height: u32,
    quarter_turned: bool,
    samples: u64,
    largest_sample: u64,
    pictures: bool,
    entry: Vec<u8>,
}

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let mut probe = Probe { format: "mp4", ..Probe::default() };
    let (mut at, mut tracks, mut movie_s) = (0_u64, Vec::new(), 0.0);
    let mut fragment_default = 0;
    for _ in 0..TOP_BOXES_MAX {
        let Some(head) = source.array::<16>(at).or_else(|| short_head(source, at)) else { break };
        let (kind, head_size, size) = box_size(&head, source.size() - at)?;
        let content = |max: usize| {
            source.read(at + head_size, usize::try_from(size - head_size).unwrap_or(max).min(max))
        };
        match &kind {
            b"ftyp" => probe.brand = content(4).try_into().unwrap_or_default(),
            b"moov" => (tracks, movie_s, fragment_default) = movie(&content(MOOV_MAX)),
            b"moof" => fragment(&content(MOOV_MAX), &mut tracks, fragment_default),
            _ => {}
        }
        at = at.checked_add(size)?;
        if at >= source.size() {
            probe.is_cut = at > source.size();
            break;
        }
    }
    if probe.brand == *b"qt  " || probe.brand == [0; 4] {
        probe.format = "mov";
    }
    finish(probe, &tracks, movie_s)
}

/// The last box of a file may be shorter than 16 bytes.
fn short_head(source: &Source, at: u64) -> Option<[u8; 16]> {
    let mut head = [0; 16];
    head[..8].copy_from_slice(&source.array::<8>(at)?);
    Some(head)
}

fn box_size(head: &[u8; 16], left: u64) -> Option<([u8; 4], u64, u64)> {
    let kind = [head[4], head[5], head[6], head[7]];
    let mut bytes = Bytes(head);
    let (head_size, size) = match bytes.be(4)? {
        0 => (8, left),
        1 => (16, Bytes(&head[8..]).be(8)?),
        size => (8, size),
    };
    (size >= head_size).then_some((kind, head_size, size))
}

fn finish(mut probe: Probe, tracks: &[Track], movie_s: f64) -> Option<Probe> {
    let seconds = |track: &Track| track.duration as f64 / track.timescale.max(1) as f64;
    let video = tracks.iter().find(|track| track.is_film() && !track.pictures);
    let audio = tracks.iter().find(|track| &track.handler == b"soun");
    let longest = tracks.iter().map(seconds).fold(0.0, f64::max);
    probe.duration_s = Some(if movie_s > 0.0 { movie_s } else { longest });
    probe.video = video.map(|track| {
        let (width, height) = if track.quarter_turned {
            (track.height, track.width)
        } else {
            (track.width, track.height)
        };
        let own = seconds(track);
        let frame_rate = if own > 0.0 { track.samples as f64 / own } else { 0.0 };
        let codec = match (&track.codec, track.object_type) {
            (b"mp4v", 0x60..=0x65) => "mpeg2video".to_owned(),
            (b"mp4v", 0x6A) => "mpeg1video".to_owned(),
            (b"mp4v", 0x6C) => "mjpeg".to_owned(),
            (code, _) => fourcc_video(code),
        };
        Video { codec, width, height, frame_rate, num_frames: Some(track.samples) }
    });
    probe.audio = audio.map(|track| Audio {
        codec: audio_codec(track),
        // A frame of AAC that says nothing takes a few bytes; the first ones carry the encoder's name.
        is_silent: &track.codec == b"mp4a" && track.samples > 0 && track.largest_sample <= 32,
    });
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

impl Track {
    /// Moving pictures, be they those of a film or of a picture file.
    fn is_film(&self) -> bool {
        matches!(&self.handler, b"vide" | b"pict")
    }
}

fn audio_codec(track: &Track) -> String {
    let name = match &track.codec {
        b"mp4a" => match track.object_type {
            0x69 | 0x6B => "mp3",
            0xA5 => "ac3",
            0xA6 => "eac3",
            0xA9 => "dts",
            0xAD => "opus",
            0xDD => "vorbis",
            _ => "aac",
        },
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"alac" => "alac",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b".mp3" => "mp3",
        b"sowt" => "pcm_s16le",
        b"twos" => "pcm_s16be",
        b"raw " => "pcm_u8",
        b"samr" => "amr_nb",
        b"sawb" => "amr_wb",
        code => return String::from_utf8_lossy(code).trim().to_lowercase(),
    };
    name.to_owned()
}

/// Tracks, duration in seconds, default sample duration of fragments.
fn movie(moov: &[u8]) -> (Vec<Track>, f64, u64) {
    let (mut tracks, mut seconds, mut default) = (Vec::new(), 0.0, 0);
    for (kind, content) in boxes(moov) {
        match kind {
            b"mvhd" => {
                let (scale, duration) = times(content).unwrap_or((1, 0));
                seconds = duration as f64 / scale.max(1) as f64;
            }
            b"trak" => tracks.push(track(content)),
            b"mvex" => {
                for (kind, content) in boxes(content) {
                    if kind == b"trex" {
                        default = content.get(12..).and_then(|b| Bytes(b).be(4)).unwrap_or(0);
                    }
                }
            }
            _ => {}
        }
    }
    (tracks, seconds, default)
}

/// Time scale and duration of an `mvhd` or `mdhd`.
fn times(content: &[u8]) -> Option<(u64, u64)> {
    let mut bytes = Bytes(content);
    let wide = bytes.be(4)? >> 24 == 1;
    bytes.take(if wide { 16 } else { 8 })?;
    let scale = bytes.be(4)?;
    let duration = bytes.be(if wide { 8 } else { 4 })?;
    let unknown = duration == if wide { u64::MAX } else { u64::from(u32::MAX) };
    Some((scale, if unknown { 0 } else { duration }))
}

fn track(content: &[u8]) -> Track {
    let mut track = Track::default();
    walk(content, &mut track, 0);
    track
}

fn walk(content: &[u8], track: &mut Track, depth: usize) {
    for (kind, content) in boxes(content) {
        match kind {
            b"mdia" | b"minf" | b"stbl" if depth < 4 => walk(content, track, depth + 1),
            b"tkhd" => {
                let _damaged = track_head(content, track);
            }
            b"mdhd" => (track.timescale, track.duration) = times(content).unwrap_or_default(),
            b"hdlr" if track.handler == [0; 4] => {
                let handler = content.get(8..12).and_then(|kind| kind.try_into().ok());
                track.handler = handler.unwrap_or_default();
            }
            b"stsd" => {
                let _damaged = sample_entry(content, track);
            }
            b"stsz" => {
                let _damaged = sample_sizes(content, track);
            }
            _ => {}
        }
    }
}

fn track_head(content: &[u8], track: &mut Track) -> Option<()> {
    let mut bytes = Bytes(content);
    let wide = bytes.be(4)? >> 24 == 1;
    bytes.take(if wide { 16 } else { 8 })?;
    track.id = bytes.be(4)? as u32;
    bytes.take(if wide { 28 } else { 24 })?;
    let matrix = bytes.take(36)?;
    // A quarter turn has nothing on the diagonal.
    track.quarter_turned = matrix[..4] == [0; 4] && matrix[16..20] == [0; 4];
    Some(())
}

fn sample_entry(content: &[u8], track: &mut Track) -> Option<()> {
    let (kind, entry) = boxes(content.get(8..)?).next()?;
    track.codec = kind.try_into().ok()?;
    track.entry = entry.to_vec();
    let children = if track.is_film() {
        track.width = Bytes(entry.get(24..)?).be(2)? as u32;
        track.height = Bytes(entry.get(26..)?).be(2)? as u32;
        track.pictures = matches!(&track.codec, b"png " | b"jpg ");
        entry.get(78..)?
    } else {
        // QuickTime's second version of the sound entry is longer.
        let version = Bytes(entry.get(8..)?).be(2)?;
        entry.get(if version == 1 { 44 } else { 28 }..)?
    };
    // Baseline H.263 has five sizes, whose pixels are wider than high.
    const H263: [(u32, u32); 5] = [(128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)];
    let is_told = boxes(children).any(|(kind, _)| kind == b"pasp");
    if !is_told && &track.codec == b"s263" && H263.contains(&(track.width, track.height)) {
        track.width = track.width * 12 / 11;
    }
    for (kind, content) in boxes(children) {
        if kind == b"pasp" {
            let (across, down) = (Bytes(content).be(4)?, Bytes(content.get(4..)?).be(4)?);
            if across > 0 && down > 0 && across < 1 << 16 && down < 1 << 16 {
                track.width = (u64::from(track.width) * across / down) as u32;
            }
        }
        if kind == b"esds" {
            track.object_type = object_type(content).unwrap_or(0);
        }
    }
    Some(())
}

/// The codec number inside an elementary stream descriptor.
fn object_type(content: &[u8]) -> Option<u8> {
    let mut bytes = Bytes(content.get(4..)?);
    let descriptor = |bytes: &mut Bytes| {
        let tag = bytes.be(1)?;
        for _ in 0..4 {
            if bytes.be(1)? & 0x80 == 0 {
                break;
            }
        }
        Some(tag)
    };
    if descriptor(&mut bytes)? == 3 {
        bytes.take(3)?;
    }
    (descriptor(&mut bytes)? == 4).then(|| bytes.be(1)).flatten().map(|kind| kind as u8)
}

fn sample_sizes(content: &[u8], track: &mut Track) -> Option<()> {
    let mut bytes = Bytes(content.get(4..)?);
    let fixed = bytes.be(4)?;
    track.samples = bytes.be(4)?;
    track.largest_sample = fixed;
    if fixed == 0 {
        let sizes = bytes.0.as_chunks::<4>().0;
        let largest = sizes.iter().skip(2).map(|size| u32::from_be_bytes(*size)).max();
        track.largest_sample = u64::from(largest.unwrap_or(0));
    }
    Some(())
}

/// Adds the samples of a fragment to its tracks.
fn fragment(moof: &[u8], tracks: &mut [Track], default: u64) {
    for (_, content) in boxes(moof).filter(|(kind, _)| *kind == b"traf") {
        let Some((_, head)) = boxes(content).find(|(kind, _)| *kind == b"tfhd") else { continue };
        let id = head.get(4..).and_then(|b| Bytes(b).be(4)).unwrap_or(0) as u32;
        let Some(track) = tracks.iter_mut().find(|track| track.id == id) else { continue };
        let step = fragment_step(head).unwrap_or(default);
        for (_, run) in boxes(content).filter(|(kind, _)| *kind == b"trun") {
            let _damaged = fragment_run(run, step, track);
        }
    }
}

fn fragment_step(head: &[u8]) -> Option<u64> {
    let flags = Bytes(head).be(4)?;
    let before = [(1, 8), (2, 4)]
        .iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, n)| n)
        .sum::<usize>();
    (flags & 8 != 0).then(|| Bytes(head.get(8 + before..)?).be(4)).flatten()
}

fn fragment_run(run: &[u8], step: u64, track: &mut Track) -> Option<()> {
    let mut bytes = Bytes(run);
    let flags = bytes.be(4)?;
    let count = bytes.be(4)?;
    bytes.take(if flags & 1 != 0 { 4 } else { 0 } + if flags & 4 != 0 { 4 } else { 0 })?;
    let fields = (flags >> 8 & 15).count_ones() as usize;
    track.samples += count;
    if flags & 0x100 == 0 {
        track.duration += step * count;
        return Some(());
    }
    for _ in 0..count {
        let sample = bytes.take(fields * 4)?;
        track.duration += Bytes(sample).be(4)?;
    }
    Some(())
}

/// Where the pictures lie, by the tables of `moov`; those of fragments are not listed.
pub(super) fn samples(source: &Source) -> Option<Samples> {
    let mut at = 0;
    let moov = loop {
        let head = source.array::<16>(at).or_else(|| short_head(source, at))?;
        let (kind, head_size, size) = box_size(&head, source.size().checked_sub(at)?)?;
        if &kind == b"moov" {
            let size = usize::try_from(size - head_size).ok()?.min(MOOV_MAX);
            break source.read(at + head_size, size);
        }
        at = at.checked_add(size)?;
    };
    let (track, content) = boxes(&moov)
        .filter(|(kind, _)| *kind == b"trak")
        .map(|(_, content)| (track(content), content))
        .find(|(track, _)| track.is_film() && !track.pictures)?;
    let inside = |bytes, name: &[u8; 4]| {
        boxes(bytes).find(|(kind, _)| *kind == name).map(|(_, content)| content)
    };
    let media = inside(inside(content, b"mdia")?, b"minf")?;
    let table = inside(media, b"stbl")?;
    let kinds: [&[u8]; 3] = [b"avcC", b"hvcC", b"av1C"];
    let configuration = track.entry.get(78..).and_then(|rest| {
        boxes(rest).find(|(kind, _)| kinds.contains(kind)).map(|(_, content)| content.to_vec())
    });
    let numbers = |name, skip: usize| -> Vec<u32> {
        let content: &[u8] = inside(table, name).and_then(|c| c.get(skip..)).unwrap_or_default();
        content.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number)).collect()
    };
    let mut samples = Samples {
        codec: fourcc_video(&track.codec),
        configuration: configuration.unwrap_or_default(),
        orientation: inside(content, b"tkhd").and_then(orientation).unwrap_or(0),
        ..Samples::default()
    };
    let wide = numbers(b"co64", 8);
    let chunks: Vec<u64> = if wide.is_empty() {
        numbers(b"stco", 8).into_iter().map(u64::from).collect()
    } else {
        wide.as_chunks::<2>().0.iter().map(|[h, l]| u64::from(*h) << 32 | u64::from(*l)).collect()
    };
    let (fixed, sizes) = (numbers(b"stsz", 4), numbers(b"stsz", 12));
    let (keys, runs) = (numbers(b"stss", 8), numbers(b"stsc", 8));
    let runs = runs.as_chunks::<3>().0;
    let count = (*fixed.get(1)? as usize).min(SAMPLES_MAX);
    let mut run = 0;
    for (chunk, start) in chunks.iter().enumerate() {
        while runs.get(run + 1).is_some_and(|next| next[0] as usize <= chunk + 1) {
            run += 1;
        }
        let mut place = *start;
        for _ in 0..runs.get(run)?[1] {
            let index = samples.places.len();
            if index >= count {
                return Some(samples);
            }
            let size = if fixed[0] > 0 { fixed[0] } else { *sizes.get(index)? };
            let is_key = keys.is_empty() || keys.binary_search(&(index as u32 + 1)).is_ok();
            samples.places.push((place, size, is_key));
            place += u64::from(size);
        }
    }
    Some(samples)
}

/// The turning of a track, as EXIF counts it.
fn orientation(head: &[u8]) -> Option<u32> {
    let wide = head.first()? & 1 == 1;
    let matrix = head.get(if wide { 52 } else { 40 }..)?;
    let number = |at: usize| Bytes(matrix.get(at * 4..)?).be(4).map(|number| number as u32 as i32);
    Some(
        match (number(0)?.signum(), number(1)?.signum(), number(3)?.signum(), number(4)?.signum()) {
            (0, 1, -1, 0) => 6,
            (-1, 0, 0, -1) => 3,
            (0, -1, 1, 0) => 8,
            _ => 0,
        },
    )
}
