//! The sample media against what a live client said of them, and damage of every kind.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    Examined, RenderFormat, RenderRequest, ThumbnailFormat, ThumbnailOptions, examine, render,
};
use crate::model::hash::to_hex;

/// Fields in which we differ from the client, each with its reason.
const GAPS: &[(&str, &str)] = &[
    // The client's reader rounds some chroma samples in another way.
    ("h02.heic", "blurhash pixel_hash"),
    // The client shrank the stored preview of this file with another filter.
    ("o03.psd", "blurhash"),
    // Its clock starts late: packets would have to be read.
    ("v09.wmv", "blurhash duration num_frames"),
];

/// No videos, but the reference has ffmpeg draw their thumbnails all the same.
const DRAWN_BY_FFMPEG: &[&str] = &["k08_scaled.gif", "k09_cover.mp3"];

/// Whether frames of videos can be decoded. Where `DIPTYCH_REQUIRE_FFMPEG` is 1 they must be.
fn has_ffmpeg() -> bool {
    let asked = std::process::Command::new("ffmpeg").arg("-version").output();
    let found = asked.is_ok_and(|answer| answer.status.success());
    let required = std::env::var("DIPTYCH_REQUIRE_FFMPEG").is_ok_and(|value| value == "1");
    assert!(found || !required, "ffmpeg is required but not on the PATH");
    found
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/media").join(name)
}

fn truths() -> Map<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/media_truths.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn as_truth(examined: &Examined) -> Map<String, Value> {
    let info = &examined.info;
    let size = info.width.zip(info.height);
    let thumbnail = size.map(|_| super::thumbnail_size(size, &ThumbnailOptions::default()));
    let ours = json!({
        "hash": examined.sha256.to_hex(),
        "size": info.size_bytes,
        "filetype_enum": info.filetype.0,
        "mime": info.filetype.mime(),
        "ext": info.filetype.ext(),
        "width": info.width,
        "height": info.height,
        "duration": info.duration_ms,
        "num_frames": info.num_frames,
        "num_words": info.num_words,
        "has_audio": info.has_audio,
        "has_transparency": info.has_transparency,
        "has_exif": info.has_exif,
        "has_xmp": info.has_xmp,
        "has_iptc": info.has_iptc,
        "has_icc_profile": info.has_icc_profile,
        "has_human_readable_embedded_metadata": info.has_human_readable_embedded_metadata,
        "has_software_source": info.has_software_source,
        "blurhash": info.blurhash,
        "pixel_hash": info.pixel_hash.map(|hash| to_hex(&hash)),
        "thumbnail_width": thumbnail.map(|size| size.0),
        "thumbnail_height": thumbnail.map(|size| size.1),
    });
    let mut ours = ours.as_object().unwrap().clone();
    if info.filetype.has_perceptual_hash() && info.filetype != crate::model::filetype::FileType::PSD
    {
        let hash = info.perceptual_hash.map(|hash| format!("{hash:016x}"));
        ours.insert("perceptual_hashes".into(), hash.into_iter().collect());
    }
    ours.retain(|_, value| !value.is_null());
    ours
}

fn check(name: &str, truth: &Map<String, Value>, has_ffmpeg: bool) {
    let examined = examine(&sample(name), &ThumbnailOptions::default()).unwrap();
    let ours = as_truth(&examined);
    let gaps = GAPS.iter().find(|(file, _)| *file == name).map_or("", |(_, fields)| fields);
    let fields: std::collections::BTreeSet<&String> = truth.keys().chain(ours.keys()).collect();
    for field in fields {
        let is_drawn = examined.info.filetype.is_video() || DRAWN_BY_FFMPEG.contains(&name);
        let needs_ffmpeg = field == "blurhash" && is_drawn;
        if !gaps.split(' ').any(|gap| gap == field) && (has_ffmpeg || !needs_ffmpeg) {
            assert_eq!(ours.get(field), truth.get(field), "{name}: {field}");
        }
    }
    if let Some(thumbnail) = &examined.thumbnail {
        let size = truth.get("thumbnail_width").zip(truth.get("thumbnail_height"));
        if let Some((width, height)) = size {
            assert_eq!(
                json!([thumbnail.width, thumbnail.height]),
                json!([width, height]),
                "{name}"
            );
        }
    }
}

#[test]
fn samples_are_seen_as_the_live_client_saw_them() {
    let has_ffmpeg = has_ffmpeg();
    if !has_ffmpeg {
        eprintln!("blurhashes of videos are not checked: there is no ffmpeg");
    }
    for (name, truth) in truths() {
        check(&name, truth.as_object().unwrap(), has_ffmpeg);
    }
}

fn check_thumbnail_format(name: &str, expected: ThumbnailFormat) {
    let examined = examine(&sample(name), &ThumbnailOptions::default()).unwrap();
    assert_eq!(examined.thumbnail.unwrap().format, expected, "{name}");
}

#[test]
fn thumbnails_of_animations_and_of_transparent_pictures_are_png() {
    for name in ["an01_10f_100ms.gif", "an02_3f_var_loop2.gif", "an03_6f.apng.png"] {
        check_thumbnail_format(name, ThumbnailFormat::Png);
    }
    for name in ["o01.pdf", "o03.psd", "r01_rgba_trans.png", "r03_rgba_trans.webp"] {
        check_thumbnail_format(name, ThumbnailFormat::Png);
    }
    for name in ["h01.avif", "h02.heic", "o02.svg", "o08_ugoira.zip", "o10.kra", "x03.ico"] {
        check_thumbnail_format(name, ThumbnailFormat::Jpeg);
    }
}

fn check_refused(name: &str, note: &str) {
    let path = sample(name);
    let refusal = examine(&path, &ThumbnailOptions::default()).unwrap_err();
    assert_eq!(refusal.to_string(), note.replace("PATH", &path.display().to_string()));
}

#[test]
fn what_is_no_medium_is_refused_with_the_notes_of_the_document() {
    check_refused("z02_empty.jpg", "File is of zero length!");
    check_refused("z03_random.bin", "Unknown filetype!");
    check_refused("z04_text.txt", "Unknown filetype!");
    let malformed = "Could not load the image at \"PATH\"--it was likely malformed!";
    check_refused("z05_header_only.jpg", malformed);
    let html = "Looks like HTML -- maybe the client needs to be taught how to recognise this URL and then parse it?";
    check_refused("z06_html.html", html);
    check_refused("z07_json.json", &html.replace("HTML", "JSON"));
}

#[test]
fn a_truncated_jpeg_is_imported() {
    let examined = examine(&sample("z01_truncated.jpg"), &ThumbnailOptions::default()).unwrap();
    assert_eq!(examined.info.perceptual_hash, Some(0xc1d1_920e_ecec_b333));
    let pixels = to_hex(&examined.info.pixel_hash.unwrap());
    assert_eq!(&pixels[..8], "d6f1cec1");
}

fn check_render(name: &str, format: Option<RenderFormat>, head: &[u8]) {
    let request = RenderRequest { format, quality: None, size: Some((30, 20)), instead: None };
    let rendered = render(&sample(name), &request).unwrap();
    assert!(rendered.bytes.windows(head.len()).any(|window| window == head), "{name}");
}

#[test]
fn stills_and_ugoiras_are_drawn_in_every_format() {
    check_render("a01_grad_640x480_q90.jpg", None, b"\x89PNG");
    check_render("r01_rgba_trans.png", Some(RenderFormat::Jpeg), b"\xFF\xD8");
    check_render("r01_rgba_trans.png", Some(RenderFormat::Webp), b"WEBPVP8L");
    check_render("o08_ugoira.zip", None, b"acTL");
    check_render("o08_ugoira.zip", Some(RenderFormat::Webp), b"ANMF");
    check_render("o10.kra", None, b"\x89PNG");
    let request = RenderRequest { format: None, quality: None, size: None, instead: None };
    let refusal = render(&sample("an01_10f_100ms.gif"), &request).unwrap_err();
    assert_eq!(refusal.to_string(), "Requested file is not an image!");
}

/// The reference answers a picture that says so, of the size that the file had.
#[test]
fn what_cannot_be_drawn_is_crossed_out() {
    for name in ["no_such_file.png", "z05_header_only.jpg"] {
        let instead = Some((40, 7));
        let request = RenderRequest { format: None, quality: None, size: None, instead };
        let rendered = render(&sample(name), &request).unwrap();
        assert!(!rendered.is_file, "{name}");
        assert_eq!(rendered.bytes[16..24], [0, 0, 0, 40, 0, 0, 0, 7], "{name}");
        let request = RenderRequest { instead: None, ..request };
        assert!(render(&sample(name), &request).is_err(), "{name}");
    }
    // The smallest and narrowest have room for all lines.
    for size in [(1, 1), (1, 9), (2, 2), (9, 1), (0, 0)] {
        let request =
            RenderRequest { format: None, quality: None, size: None, instead: Some(size) };
        assert!(render(&sample("no_such_file.png"), &request).is_ok(), "{size:?}");
    }
}

/// Examines bytes as a file; whether they are accepted does not matter, only that it ends.
fn survive(bytes: &[u8], folder: &Path) {
    let path = folder.join("damaged");
    std::fs::write(&path, bytes).unwrap();
    let _either = examine(&path, &ThumbnailOptions::default());
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("diptych-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const DAMAGED: &[&str] = &[
    "a03_grad_320x240_q85.jpg",
    "a06_grad_progressive.jpg",
    "m03_cmyk.jpg",
    "m06_iptc.jpg",
    "g03_1bit.png",
    "m09_exif.png",
    "p02_palette_trans.png",
    "an02_3f_var_loop2.gif",
    "an03_6f.apng.png",
    "an04_8f.webp",
    "b04_shapes_lossless.webp",
    "m10_exif.webp",
    "x02.tiff",
    "x03.ico",
    "h01.avif",
    "h02.heic",
    "o01.pdf",
    "o02.svg",
    "o03.psd",
    "o05.cbz",
    "o07.epub",
    "o08_ugoira.zip",
    "o09.docx",
    "o10.kra",
    "o12.swf",
    "v02_h264_noaudio.mp4",
    "v03_vp9_opus.webm",
    "v06.avi",
    "v08.flv",
    "v09.wmv",
    "v10.ogv",
    "v11.mpeg",
    "au01.mp3",
    "au03.flac",
    "au04.wav",
    "au08.tta",
    "au09.wv",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damaged_samples_never_panic(
        which in 0..DAMAGED.len(),
        keep in 0.0..1.0_f64,
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 0..12),
    ) {
        let mut bytes = std::fs::read(sample(DAMAGED[which])).unwrap();
        let length = bytes.len();
        for (place, value) in changes {
            // Heads decide more than bodies: half of the changes go there.
            let reach = if value % 2 == 0 { length.min(512) } else { length };
            bytes[(place * reach as f64) as usize] = value;
        }
        if keep < 0.5 {
            bytes.truncate((keep * 2.0 * length as f64) as usize);
        }
        survive(&bytes, &folder("mutated"));
    }

    #[test]
    fn random_bytes_never_panic(
        head in prop::sample::select(vec![
            b"\xFF\xD8\xFF".to_vec(), b"\x89PNG\r\n\x1A\n".to_vec(), b"GIF89a".to_vec(),
            b"RIFF\0\0\0\0WEBP".to_vec(), b"II*\0".to_vec(), b"BM".to_vec(), b"\0\0\x01\0".to_vec(),
            b"qoif".to_vec(), b"\xFF\x0A".to_vec(), b"FWS".to_vec(), b"FLV".to_vec(), b"%PDF".to_vec(),
            b"8BPS\0\x01".to_vec(), b"PK\x03\x04".to_vec(), b"\0\0\0\x18ftypisom".to_vec(),
            b"\x1A\x45\xDF\xA3".to_vec(), b"OggS".to_vec(), b"<svg ".to_vec(), b"\0\0\x01\xBA".to_vec(),
            b"\0\0\0\x18ftypheic".to_vec(), b"fLaC".to_vec(), b"wvpk".to_vec(), b"".to_vec(),
        ]),
        tail in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        survive(&[head, tail].concat(), &folder("random"));
    }
}
