//! Bytes: identify, probe, hash, decode, thumbnail, blob places.
//!
//! Start at [`examine::examine`]: one call that tells everything an import needs. Nothing here knows
//! of the store; what is decoded comes from strangers, so a server asks through [`worker::Workers`],
//! whose children may crash without harm.

pub mod animation;
pub mod archive;
pub mod colour;
pub mod decode;
pub mod document;
pub mod examine;
pub mod frame;
pub mod hashes;
mod heif;
pub mod icon;
pub mod identify;
mod jpeg;
mod metadata;
mod ole;
pub mod picture;
pub mod probe;
mod psd;
pub mod render;
pub mod resize;
pub mod source;
pub mod thumbnail;

use serde::{Deserialize, Serialize};

pub use examine::{Examined, examine, picture_hashes};
pub use render::{RenderFormat, RenderRequest, Rendered, render};
pub use thumbnail::{Thumbnail, ThumbnailFormat, ThumbnailOptions, ThumbnailScale, thumbnail_size};

/// Why a file is not imported or drawn. The text is the note that the Client API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("File is of zero length!")]
    Empty,
    #[error("Unknown filetype!")]
    Unknown,
    #[error(
        "Looks like HTML -- maybe the client needs to be taught how to recognise this URL and then parse it?"
    )]
    Html,
    #[error(
        "Looks like JSON -- maybe the client needs to be taught how to recognise this URL and then parse it?"
    )]
    Json,
    #[error("Filetype is not permitted!")]
    NotPermitted,
    /// The path of the file.
    #[error("Could not load the image at \"{0}\"--it was likely malformed!")]
    Malformed(String),
    #[error("Requested file is not an image!")]
    NotAnImage,
    /// The system's own words.
    #[error("Could not read the file: {0}")]
    Unreadable(String),
    /// The decoder crashed, ran out of memory or took too long.
    #[error("The file could not be decoded: {0}")]
    Crashed(String),
}

mod wire_bytes {
    //! Long byte strings as bytes and not as sequences of numbers.
    use serde::{Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Vec<u8>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Visitor)
    }
}

#[cfg(test)]
mod truth_tests {
    use crate::model::hash::to_hex;
    use serde_json::{Value, json};
    #[test]
    fn all_equal_the_truths() {
        let dir = std::env::var("TRUTHS").unwrap();
        let text = std::fs::read_to_string(format!("{dir}/dev/truths.json")).unwrap();
        let truths: Value = serde_json::from_str(&text).unwrap();
        for (name, truth) in truths.as_object().unwrap() {
            let path = format!("{dir}/samples/{name}");
            let e = match super::examine(path.as_ref(), &Default::default()) {
                Ok(e) => e,
                Err(r) => { println!("{name}: REFUSED {r}"); continue }
            };
            let i = &e.info;
            let size = i.width.zip(i.height);
            let th = size.map(|_| super::thumbnail_size(size, &Default::default()));
            let ours = json!({
                "hash": e.sha256.to_hex(), "size": i.size_bytes, "filetype_enum": i.filetype.0, "mime": i.filetype.mime(), "ext": i.filetype.ext(),
                "width": i.width, "height": i.height, "duration": i.duration_ms, "num_frames": i.num_frames, "num_words": i.num_words,
                "has_audio": i.has_audio, "has_transparency": i.has_transparency, "has_exif": i.has_exif, "has_xmp": i.has_xmp, "has_iptc": i.has_iptc,
                "has_icc_profile": i.has_icc_profile, "has_human_readable_embedded_metadata": i.has_human_readable_embedded_metadata, "has_software_source": i.has_software_source,
                "blurhash": i.blurhash, "pixel_hash": i.pixel_hash.map(|h| to_hex(&h)),
                "thumbnail_width": th.map(|t| t.0), "thumbnail_height": th.map(|t| t.1),
            });
            let mut bad = vec![];
            for (k, v) in ours.as_object().unwrap() { if truth.get(k).unwrap_or(&Value::Null) != v { bad.push(format!("{k}: {v} want {}", truth[k])); } }
            let ph = i.perceptual_hash.map(|h| format!("{h:016x}"));
            if ph.as_deref() != truth["perceptual_hashes"][0].as_str() { bad.push(format!("phash {ph:?} {:?}", truth["perceptual_hashes"])) }
            println!("{name}: {}", if bad.is_empty() { "ok".to_string() } else { bad.join(", ") });
        }
    }
}
