//! ASF (wma, wmv): the header object.

use super::{Audio, Bytes, Probe, Video, fourcc_video, wave_audio};
use crate::media::source::Source;

pub(super) const MAGIC: [u8; 16] = [
    0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C,
];
const FILE_PROPERTIES: [u8; 4] = [0xA1, 0xDC, 0xAB, 0x8C];
const STREAM_PROPERTIES: [u8; 4] = [0x91, 0x07, 0xDC, 0xB7];
const AUDIO_STREAM: [u8; 4] = [0x40, 0x9E, 0x69, 0xF8];
const VIDEO_STREAM: [u8; 4] = [0xC0, 0xEF, 0x19, 0xBC];
const EXTENSION: [u8; 4] = [0xB5, 0x03, 0xBF, 0x5F];

pub(super) fn probe(source: &Source) -> Option<Probe> {
    let size = Bytes(&source.array::<8>(16)?).le(8)?;
    let head = source.read(30, usize::try_from(size).unwrap_or(0).min(1 << 20));
    let mut probe = Probe { format: "wmv", ..Probe::default() };
    let _until_damage = objects(&head, &mut probe, 0);
    (probe.video.is_some() || probe.audio.is_some()).then_some(probe)
}

fn objects(mut rest: &[u8], probe: &mut Probe, depth: usize) -> Option<()> {
    while rest.len() >= 24 {
        let size = usize::try_from(Bytes(&rest[16..]).le(8)?).ok()?;
        let content = rest.get(24..size)?;
        match rest[..4].try_into().ok()? {
            FILE_PROPERTIES => {
                let duration = Bytes(content.get(40..)?).le(8)? as f64 / 1e7;
                let preroll = Bytes(content.get(56..)?).le(8)? as f64 / 1e3;
                probe.duration_s = Some((duration - preroll).max(0.0));
            }
            STREAM_PROPERTIES => stream(content, probe)?,
            EXTENSION if depth == 0 => objects(content.get(22..)?, probe, 1)?,
            _ => {}
        }
        rest = &rest[size..];
    }
    Some(())
}

fn stream(content: &[u8], probe: &mut Probe) -> Option<()> {
    let kind: [u8; 4] = content.get(..4)?.try_into().ok()?;
    let data = content.get(54..)?;
    if kind == AUDIO_STREAM && probe.audio.is_none() {
        let codec = wave_audio(Bytes(data).le(2)?, Bytes(data.get(14..)?).le(2)?);
        probe.audio = Some(Audio { codec, is_silent: false });
    }
    if kind == VIDEO_STREAM && probe.video.is_none() {
        let format = data.get(11..)?;
        probe.video = Some(Video {
            codec: fourcc_video(format.get(16..20)?),
            width: Bytes(format.get(4..)?).le(4)? as u32,
            height: Bytes(format.get(8..)?).le(4)? as u32,
            ..Video::default()
        });
    }
    Some(())
}
