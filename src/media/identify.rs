//! What a file is, by its content (`behaviour.md` 9): the first 256 bytes against a list, then a look
//! inside containers and archives.

use std::path::Path;

use super::animation;
use super::archive::Archive;
use super::probe::{Probe, probe};
use super::source::Source;
use crate::model::filetype::FileType;

/// How much of a file's beginning the list is held against.
const HEAD_BYTES: usize = 256;
/// JSON and still pictures larger than this are not read whole.
pub(super) const WHOLE_MAX: u64 = 2 << 30;

/// A type, and what its container said where it had to be asked.
pub struct Identified {
    pub kind: FileType,
    pub probe: Option<Probe>,
}

impl From<FileType> for Identified {
    fn from(kind: FileType) -> Identified {
        Identified { kind, probe: None }
    }
}

/// Offsets at which any of the byte strings must be found.
type Place = (&'static [usize], &'static [&'static [u8]]);

macro_rules! heads {
    ($($kind:ident: $([$($offset:literal)*] $($bytes:literal)*),+;)*) => {
        &[$((&[$((&[$($offset),*], &[$($bytes),*])),+], FileType::$kind)),*]
    };
}

/// In this order; the first that fits wins, and every place of a row must fit.
const HEADS: &[(&[Place], FileType)] = heads! {
    JPEG: [0] b"\xFF\xD8";
    PNG_OR_APNG: [0] b"\x89PNG";
    UNDETERMINED_GIF: [0] b"GIF87a" b"GIF89a";
    WEBP_OR_ANIMATED: [8] b"WEBP";
    TIFF: [0] b"II*\0" b"MM\0*";
    BMP: [0] b"BM";
    ICO: [0] b"\0\0\x01\0" b"\0\0\x02\0";
    QOI: [0] b"qoif";
    JXL_OR_ANIMATED: [0] b"\xFF\x0A" b"\0\0\0\x0CJXL \x0D\x0A\x87\x0A";
    FLASH: [0] b"CWS" b"FWS" b"ZWS";
    FLV: [0] b"FLV";
    PDF: [0] b"%PDF";
    PSD: [0] b"8BPS\0\x01" b"8BPS\0\x02";
    CLIP: [0] b"CSFCHUNK";
    SAI2: [0] b"SAI-CANVAS";
    XCF: [0] b"gimp xcf ";
    KRITA: [38 42 58 63] b"application/x-krita";
    ORA: [38 42 58 63] b"image/openraster";
    PAINT_NET: [0] b"PDN3";
    EPUB: [38 43] b"application/epub+zip";
    DJVU: [4] b"FORM", [12] b"DJVU" b"DJVM" b"PM44" b"BM44" b"SDJV";
    RTF: [0] b"{\\rtf";
    ZIP: [0] b"PK\x03\x04" b"PK\x05\x06" b"PK\x07\x08";
    SEVEN_ZIP: [0] b"7z\xBC\xAF\x27\x1C";
    RAR: [0] b"Rar!\x1A\x07\0" b"Rar!\x1A\x07\x01\0";
    GZIP: [0] b"\x1F\x8B";
    ENCRYPTED_ZIP: [0] b"hydrus encrypted zip";
    AVIF: [4] b"ftypavif";
    AVIF_SEQUENCE: [4] b"ftypavis";
    AVIF: [4] b"ftypmif1", [16 20 24] b"avif";
    HEIC: [4] b"ftypheic" b"ftypheix" b"ftypheim" b"ftypheis";
    HEIC_SEQUENCE: [4] b"ftyphevc" b"ftyphevx" b"ftyphevm" b"ftyphevs";
    HEIF: [4] b"ftypmif1";
    HEIF_SEQUENCE: [4] b"ftypmsf1";
    MP4_OR_AUDIO: [4] b"ftypmp4" b"ftypisom" b"ftypM4V" b"ftypMSNV" b"ftypavc1" b"ftypFACE" b"ftypdash";
    MOV: [4] b"ftypqt";
    FLAC: [0] b"fLaC";
    WAV: [0] b"RIFF", [8] b"WAVE";
    WAVPACK: [0] b"wvpk";
    AVI: [8] b"AVI ";
    WMA_OR_WMV: [0] b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C";
    EXE: [0] b"MZ\x90\0\x03";
    DOC: [0] b"1\xBE\0\0" b"PO^Q" b"\xFE7\0#" b"\xDB\xA5-\0";
    PPT: [0] b"\xED\xDE\xAD\x0B" b"\x0B\xAD\xDE\xAD";
    OLE: [0] b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
};

/// The type that the first bytes alone suggest; types that need a closer look come back as their
/// still or plain form.
#[must_use]
pub fn by_head(head: &[u8]) -> Option<FileType> {
    let kind = raw_by_head(head)?;
    Some(match kind {
        FileType::PNG_OR_APNG if animation::png_is_animated(head) => FileType::APNG,
        FileType::PNG_OR_APNG => FileType::PNG,
        FileType::UNDETERMINED_GIF => FileType::GIF,
        FileType::WEBP_OR_ANIMATED => FileType::WEBP,
        FileType::JXL_OR_ANIMATED => FileType::JXL,
        other => other,
    })
}

fn raw_by_head(head: &[u8]) -> Option<FileType> {
    let fits = |place: &Place| {
        let (offsets, strings) = place;
        offsets.iter().any(|offset| {
            let rest = head.get(*offset..).unwrap_or_default();
            strings.iter().any(|bytes| rest.starts_with(bytes))
        })
    };
    HEADS.iter().find(|(places, _)| places.iter().all(fits)).map(|(_, kind)| *kind)
}

/// What the file is; [`FileType::UNKNOWN`] if nothing fits. The path matters for its ending alone:
/// text files are never held for video.
#[must_use]
pub fn identify(source: &Source, path: &Path) -> Identified {
    let head = source.read(0, HEAD_BYTES);
    if let Some(kind) = raw_by_head(&head) {
        return closer_look(kind, source, &head);
    }
    let json = matches!(head.first(), Some(b'{' | b'['))
        && source
            .all(WHOLE_MAX)
            .is_some_and(|bytes| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
    if json {
        return FileType::JSON.into();
    }
    if contains_any(
        &head,
        &["<html", "<HTML", "<!doctype html", "<!DOCTYPE html", "<!DOCTYPE HTML"],
    ) {
        return FileType::HTML.into();
    }
    if contains_any(&head, &["<svg", "<!DOCTYPE svg", "<!doctype svg"]) {
        return FileType::SVG.into();
    }
    let text = path.extension().is_some_and(|ext| ext == "txt" || ext == "log" || ext == "json");
    match if text { None } else { probe(source) } {
        Some(probe) => Identified { kind: by_container(&probe), probe: Some(probe) },
        None => FileType::UNKNOWN.into(),
    }
}

fn contains_any(head: &[u8], needles: &[&str]) -> bool {
    needles.iter().any(|needle| super::metadata::find(head, needle.as_bytes()).is_some())
}

fn closer_look(kind: FileType, source: &Source, head: &[u8]) -> Identified {
    let whole = || source.all(WHOLE_MAX).unwrap_or_default();
    let either = |animated: bool, moving: FileType, still: FileType| {
        Identified::from(if animated { moving } else { still })
    };
    match kind {
        FileType::PNG_OR_APNG => {
            either(animation::png_is_animated(head), FileType::APNG, FileType::PNG)
        }
        FileType::UNDETERMINED_GIF => {
            let frames = animation::gif_delays(&whole()).len();
            either(frames > 1, FileType::ANIMATED_GIF, FileType::GIF)
        }
        FileType::WEBP_OR_ANIMATED => {
            let frames = animation::webp_delays(&whole()).len();
            either(frames > 1, FileType::ANIMATED_WEBP, FileType::WEBP)
        }
        FileType::JXL_OR_ANIMATED => {
            either(animation::jxl_frames(&whole()) > 1, FileType::ANIMATED_JXL, FileType::JXL)
        }
        FileType::ZIP => {
            let archive = Archive::of_bytes(whole());
            archive.map_or(FileType::ZIP, |mut archive| archive.kind()).into()
        }
        FileType::OLE => super::ole::kind(&whole()).into(),
        FileType::MP4_OR_AUDIO | FileType::WMA_OR_WMV => match probe(source) {
            Some(probe) => Identified { kind: by_container(&probe), probe: Some(probe) },
            None => FileType::UNKNOWN.into(),
        },
        other => other.into(),
    }
}

fn by_container(probe: &Probe) -> FileType {
    let video = probe.video.as_ref();
    let either = |with_picture: FileType, sound: FileType| match video {
        Some(_) => with_picture,
        None => sound,
    };
    match probe.format {
        "matroska" | "webm" => {
            let web_sound = probe
                .audio
                .as_ref()
                .is_none_or(|audio| matches!(audio.codec.as_str(), "vorbis" | "opus"));
            match video.map(|video| video.codec.as_str()) {
                Some("vp8" | "vp9" | "av1") if web_sound => FileType::WEBM,
                _ => either(FileType::MKV, FileType::MKA),
            }
        }
        "mp4" | "mov" => match &probe.brand {
            b"M4A " => FileType::M4A,
            b"qt  " => FileType::MOV,
            b"isom" | b"mp42" => either(FileType::MP4, FileType::MP4_AUDIO),
            _ if probe.audio.is_some() && video.is_some_and(|video| video.codec == "mjpeg") => {
                FileType::M4A
            }
            _ => either(FileType::MP4, FileType::MP4_AUDIO),
        },
        "mpeg" | "mpegts" => FileType::MPEG,
        "flac" => FileType::FLAC,
        "wav" => FileType::WAV,
        "mp3" => FileType::MP3,
        "tta" => FileType::TTA,
        "wv" => FileType::WAVPACK,
        "ogg" => either(FileType::OGV, FileType::OGG),
        "rm" => either(FileType::REALVIDEO, FileType::REALAUDIO),
        "wmv" => either(FileType::WMV, FileType::WMA),
        "avi" => FileType::AVI,
        "flv" => FileType::FLV,
        _ => FileType::UNKNOWN,
    }
}
