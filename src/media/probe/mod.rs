//! Containers of moving pictures and sound, read without decoding: kind, duration, size, frames,
//! codecs as ffprobe names them.

mod asf;
mod audio;
mod avi;
mod flv;
mod matroska;
mod mp4;
mod mpeg;
mod ogg;

use super::source::Source;

/// What a container says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probe {
    /// The name that Stash shows: `mp4`, `mov`, `matroska`, `webm`, `avi`, `flv`, `mpegts`, ...
    pub format: &'static str,
    /// The major brand of the mp4 family.
    pub brand: [u8; 4],
    pub duration_s: Option<f64>,
    /// When the first packet is shown; sound files are as long as their last packet is late.
    pub start_s: f64,
    pub bit_rate: u64,
    /// The file ends before what its container says.
    pub is_cut: bool,
    pub video: Option<Video>,
    pub audio: Option<Audio>,
}

/// The first moving picture stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Video {
    pub codec: String,
    pub width: u32,
    pub height: u32,
    /// 0 when unknown.
    pub frame_rate: f64,
    pub num_frames: Option<u64>,
}

/// Where the pictures of the first moving picture stream lie, in the order of decoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples {
    pub(super) codec: String,
    /// What the container keeps apart for the decoder.
    pub(super) configuration: Vec<u8>,
    /// Offset and size of each picture, and whether it stands alone.
    pub(super) places: Vec<(u64, u32, bool)>,
    /// How pictures are to be turned, as EXIF counts it; 0 for not at all.
    pub(super) orientation: u32,
}

/// More pictures than this are not listed: some six hours of film.
const SAMPLES_MAX: usize = 1 << 20;

/// Lists the pictures of an mp4, Matroska or AVI file.
pub(super) fn samples(source: &Source) -> Option<Samples> {
    let head = source.read(0, 16);
    let samples = if head.get(4..8)? == b"ftyp" || head.get(4..8)? == b"moov" {
        mp4::samples(source)
    } else if head.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
        matroska::samples(source)
    } else if head.starts_with(b"RIFF") {
        avi::samples(source)
    } else {
        None
    };
    samples.filter(|samples| !samples.places.is_empty())
}

/// The first sound stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audio {
    pub codec: String,
    /// Nothing but silence, as far as that shows in the sizes of its packets.
    pub is_silent: bool,
}

impl Probe {
    /// Fills what follows from the rest: the bit rate from size and duration, a frame rate from
    /// frames and duration or the frames from the rate.
    fn completed(mut self, size: u64) -> Probe {
        self.duration_s = self.duration_s.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        if let Some(seconds) = self.duration_s {
            if self.bit_rate == 0 {
                self.bit_rate = (size as f64 * 8.0 / seconds) as u64;
            }
            if let Some(video) = &mut self.video {
                if !video.frame_rate.is_finite() || video.frame_rate < 0.0 {
                    video.frame_rate = 0.0;
                }
                match video.num_frames {
                    Some(frames) if video.frame_rate == 0.0 => {
                        video.frame_rate = frames as f64 / seconds;
                    }
                    None if video.frame_rate > 0.0 => {
                        video.num_frames = Some((seconds * video.frame_rate).round() as u64);
                    }
                    _ => {}
                }
            }
        }
        self
    }

    /// Whole milliseconds as the reference makes them of its prober's two decimals.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        self.hundredths().map(|seconds| (seconds * 1000.0) as u64)
    }

    /// The same from zero to the end of the last packet: what the reference gives sound files.
    #[must_use]
    pub fn duration_from_zero_ms(&self) -> Option<u64> {
        let start = if self.start_s > 1.0 { 0.0 } else { self.start_s };
        self.hundredths().map(|seconds| ((seconds + start) * 1000.0) as u64)
    }

    /// The number of frames as the reference has it: counted in short files where rate and duration
    /// do not agree to the frame, else what follows from them as its prober prints them.
    #[must_use]
    pub fn reference_frames(&self, size: u64) -> Option<u64> {
        const COUNTED_BELOW_S: f64 = 30.0;
        const COUNTED_BELOW_BYTES: u64 = 256 << 20;
        let video = self.video.as_ref()?;
        let rate = (video.frame_rate * 100.0).round() / 100.0;
        let is_likely = rate > 1.0 && rate != 100.0 && rate <= 144.0;
        let Some(seconds) = self.hundredths() else { return video.num_frames };
        let reckoned = seconds * if is_likely { rate } else { 1.0 };
        let is_even =
            is_likely && reckoned % 1.0 == 0.0 && !(self.start_s != 0.0 && self.start_s <= 1.0);
        if seconds < COUNTED_BELOW_S && size < COUNTED_BELOW_BYTES && !is_even {
            return video.num_frames.or(Some(reckoned as u64));
        }
        Some(reckoned as u64)
    }

    fn hundredths(&self) -> Option<f64> {
        let hundredths = (self.duration_s? * 100.0 + 1e-6).round();
        (hundredths > 0.0).then_some(hundredths / 100.0)
    }
}

/// Finds out what the container is; `None` for what is none, or none that is known here.
#[must_use]
pub fn probe(source: &Source) -> Option<Probe> {
    let head = source.read(0, 64);
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|h| h.starts_with(magic));
    let probe = if at(4, b"ftyp") || at(4, b"moov") || at(4, b"wide") || at(4, b"mdat") {
        mp4::probe(source)
    } else if at(0, &[0x1A, 0x45, 0xDF, 0xA3]) {
        matroska::probe(source)
    } else if at(0, b"RIFF") && at(8, b"AVI ") {
        avi::probe(source)
    } else if at(0, b"RIFF") && at(8, b"WAVE") {
        audio::wav(source)
    } else if at(0, b"FLV") {
        flv::probe(source)
    } else if at(0, &asf::MAGIC) {
        asf::probe(source)
    } else if at(0, b"OggS") {
        ogg::probe(source)
    } else if at(0, b"fLaC") {
        audio::flac(source, 0)
    } else if at(0, b"wvpk") {
        audio::wavpack(source)
    } else if at(0, b"TTA1") {
        audio::tta(source)
    } else if at(0, &[0, 0, 1, 0xBA]) || at(0, &[0, 0, 1, 0xB3]) {
        mpeg::program_stream(source)
    } else if at(0, b".RMF") || at(0, b".ra\xFD") {
        audio::real(source)
    } else {
        mpeg::transport_stream(source).or_else(|| audio::mp3(source))
    };
    probe.map(|probe| probe.completed(source.size()))
}

/// A reader of numbers in a piece of a file that ends with `None`.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn be(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn le(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// Codec names by the four letters that AVI, ASF and old QuickTime files use.
fn fourcc_video(code: &[u8]) -> String {
    let code: Vec<u8> = code.iter().map(u8::to_ascii_lowercase).collect();
    let name = match code.as_slice() {
        b"h264" | b"avc1" | b"avc3" | b"x264" => "h264",
        b"hevc" | b"hvc1" | b"hev1" | b"h265" | b"x265" => "hevc",
        b"mp4v" | b"xvid" | b"divx" | b"dx50" | b"fmp4" | b"m4s2" | b"mp4s" => "mpeg4",
        b"mp43" | b"div3" | b"div4" => "msmpeg4v3",
        b"mp42" | b"div2" => "msmpeg4v2",
        b"mjpg" | b"jpeg" | b"mjpa" => "mjpeg",
        b"wmv1" => "wmv1",
        b"wmv2" => "wmv2",
        b"wmv3" => "wmv3",
        b"wvc1" => "vc1",
        b"vp80" | b"vp08" => "vp8",
        b"vp90" | b"vp09" => "vp9",
        b"av01" => "av1",
        b"mpg1" | b"mpg2" | b"m2v1" => "mpeg2video",
        b"ap4h" | b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4x" => "prores",
        b"dvsd" | b"dvc " => "dvvideo",
        b"h263" | b"s263" => "h263",
        b"flv1" => "flv1",
        b"cvid" => "cinepak",
        b"png " => "png",
        b"rle " => "qtrle",
        [0, 0, 0, 0] => "rawvideo",
        _ => return String::from_utf8_lossy(&code).trim().to_owned(),
    };
    name.to_owned()
}

/// Codec names by the format tags of WAVE headers.
fn wave_audio(tag: u64, bits: u64) -> String {
    let name = match tag {
        1 => match bits {
            8 => "pcm_u8",
            24 => "pcm_s24le",
            32 => "pcm_s32le",
            _ => "pcm_s16le",
        },
        2 => "adpcm_ms",
        3 => "pcm_f32le",
        6 => "pcm_alaw",
        7 => "pcm_mulaw",
        0x11 => "adpcm_ima_wav",
        0x50 => "mp2",
        0x55 => "mp3",
        0xFF | 0x1600 | 0x1601 => "aac",
        0x160 => "wmav1",
        0x161 => "wmav2",
        0x162 => "wmapro",
        0x163 => "wmalossless",
        0x2000 => "ac3",
        0x2001 => "dts",
        0xF1AC => "flac",
        _ => "unknown",
    };
    name.to_owned()
}
