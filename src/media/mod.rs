//! Bytes: identify, probe, hash, decode, thumbnail, blob places.
//!
//! Start at [`examine::examine`]: one call that tells everything an import needs. Nothing here knows
//! of the store; what is decoded comes from strangers, so a server asks through [`worker::Workers`],
//! whose children may crash without harm.

pub mod animation;
pub mod archive;
mod av1;
mod beside;
pub mod blob;
mod coded;
pub mod colour;
mod cover;
pub mod decode;
pub mod document;
pub mod examine;
mod fax;
pub mod ffmpeg;
pub mod frame;
pub mod hashes;
mod heif;
mod ico;
pub mod icon;
pub mod identify;
pub mod jpeg;
mod jxl;
mod keyframe;
mod lanczos;
mod metadata;
pub mod montage;
mod ole;
pub mod picture;
pub mod probe;
mod prober;
mod project;
mod psd;
pub mod render;
pub mod resize;
mod shaper;
pub mod source;
pub mod thumbnail;
mod tiff;
pub mod worker;
mod yuv;

use serde::{Deserialize, Serialize};

pub(crate) use beside::beside;
pub use blob::{BlobKey, BlobPlace, LocalPlace};
pub use examine::{Examined, examine, picture_hashes};
pub use render::{RenderFormat, RenderRequest, Rendered, render};
pub use thumbnail::{Thumbnail, ThumbnailFormat, ThumbnailOptions, ThumbnailScale, thumbnail_size};
pub use worker::{Workers, WorkersConfig, worker_main};

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
    #[error("Wanted to parse video data, but file did not appear to have a video stream!")]
    NoVideo,
    #[error("Could not determine the duration of this file!")]
    NoDuration,
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
mod tests;
