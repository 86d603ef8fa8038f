//! What can be learnt of a file from its bytes alone.

use serde::{Deserialize, Serialize};

use super::filetype::FileType;

/// The facts of one content. Everything here is a function of the bytes: computed once on import
/// and recomputable at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    pub filetype: FileType,
    pub size_bytes: u64,
    pub md5: [u8; 16],
    pub sha1: [u8; 20],
    #[serde(with = "serde_bytes_64")]
    pub sha512: [u8; 64],
    /// Stash's hash: size plus the words of the first and last 64 KiB. `None` up to 8 bytes.
    pub oshash: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_ms: Option<u64>,
    pub num_frames: Option<u64>,
    pub num_words: Option<u64>,
    pub has_audio: bool,
    pub has_transparency: bool,
    pub has_exif: bool,
    pub has_xmp: bool,
    pub has_iptc: bool,
    pub has_icc_profile: bool,
    pub has_human_readable_embedded_metadata: bool,
    pub has_software_source: bool,
    pub blurhash: Option<String>,
    /// SHA-256 of the decoded pixels; stills only.
    pub pixel_hash: Option<[u8; 32]>,
    /// Hydrus's perceptual hash; `None` for flat pictures and for what is no still.
    pub perceptual_hash: Option<u64>,
    /// Container as ffprobe names it for Stash (`mp4`, `matroska`, `webm`, ...); still images: the
    /// codec (`mjpeg`, `png`, ...). Empty when unknown.
    pub format: String,
    pub video_codec: String,
    pub audio_codec: String,
    pub frame_rate: f64,
    pub bit_rate: u64,
}

mod serde_bytes_64 {
    //! serde has no arrays above 32 elements; a sequence of 64 bytes is written as bytes.
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 64], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 64], D::Error> {
        let bytes = super::ByteBuf::deserialize(from)?.0;
        <[u8; 64]>::try_from(bytes.as_slice()).map_err(|_| D::Error::custom("64 bytes expected"))
    }
}

/// Bytes read from any of serde's byte-like shapes.
struct ByteBuf(Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<ByteBuf, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ByteBuf;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<ByteBuf, E> {
                Ok(ByteBuf(bytes.to_vec()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut from: A,
            ) -> Result<ByteBuf, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = from.next_element()? {
                    bytes.push(byte);
                }
                Ok(ByteBuf(bytes))
            }
        }
        from.deserialize_bytes(Visitor)
    }
}
