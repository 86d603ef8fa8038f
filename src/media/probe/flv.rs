//! FLV: the metadata tag, and a walk over the tags for what it leaves open.

use super::{Audio, Bytes, Probe, Video};
use crate::media::metadata::find;
use crate::media::source::Source;

const TAGS_MAX: usize = 2_000_000;

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let mut probe = Probe { format: "flv", ..Probe::default() };
    let mut at = Bytes(&source.array::<4>(5)?).be(4)? + 4;
    let (mut frames, mut last_ms, mut script) = (0_u64, 0_u64, Vec::new());
    let mut first_ms: Option<u64> = None;
    for _ in 0..TAGS_MAX {
        let Some(head) = source.array::<16>(at) else { break };
        let size = Bytes(&head[1..]).be(3)?;
        let time = Bytes(&head[4..]).be(3)? | u64::from(head[7]) << 24;
        match head[0] & 0x1F {
            8 => {
                last_ms = last_ms.max(time);
                let codec = || audio_codec(head[11] >> 4);
                // The first tag of AAC is its configuration.
                if head[11] >> 4 != 10 || head[12] == 1 {
                    first_ms = Some(first_ms.map_or(time, |first| first.min(time)));
                }
                probe.audio.get_or_insert_with(|| Audio { codec: codec(), is_silent: false });
            }
            9 => {
                last_ms = last_ms.max(time);
                let codec = head[11] & 15;
                // The first tag of H.264 is its configuration, its last one an end mark.
                let is_picture = codec != 7 || head[12] == 1;
                frames += u64::from(is_picture);
                if is_picture {
                    // H.264 is shown later than it is decoded.
                    let late = if codec == 7 { Bytes(&head[13..]).be(3)? } else { 0 };
                    let late = if late >> 23 == 0 { late } else { 0 };
                    first_ms = Some(first_ms.map_or(time + late, |first| first.min(time + late)));
                }
                probe
                    .video
                    .get_or_insert_with(|| Video { codec: video_codec(codec), ..Video::default() });
            }
            18 if script.is_empty() => {
                script = source.read(at + 11, usize::try_from(size).ok()?.min(1 << 20));
            }
            _ => {}
        }
        at = at.checked_add(size + 15)?;
    }
    probe.start_s = first_ms.unwrap_or(0) as f64 / 1000.0;
    let said = |key: &str| amf_number(&script, key);
    probe.duration_s = said("duration").filter(|s| *s > 0.0).or(Some(last_ms as f64 / 1000.0));
    if let Some(video) = &mut probe.video {
        video.width = said("width").unwrap_or(0.0) as u32;
        video.height = said("height").unwrap_or(0.0) as u32;
        video.frame_rate = said("framerate").unwrap_or(0.0);
        video.num_frames = Some(frames);
    }
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

/// A number property of the metadata: key with its length, type 0, a double.
fn amf_number(script: &[u8], key: &str) -> Option<f64> {
    let mut wanted = (key.len() as u16).to_be_bytes().to_vec();
    wanted.extend_from_slice(key.as_bytes());
    wanted.push(0);
    let at = find(script, &wanted)? + wanted.len();
    Some(f64::from_bits(Bytes(script.get(at..)?).be(8)?))
}

fn video_codec(code: u8) -> String {
    match code {
        2 => "flv1",
        3 | 6 => "flashsv",
        4 | 5 => "vp6f",
        7 => "h264",
        12 => "hevc",
        _ => "unknown",
    }
    .to_owned()
}

fn audio_codec(code: u8) -> String {
    match code {
        0 | 3 => "pcm_s16le",
        1 => "adpcm_swf",
        2 | 14 => "mp3",
        4..=6 => "nellymoser",
        10 => "aac",
        11 => "speex",
        _ => "unknown",
    }
    .to_owned()
}
