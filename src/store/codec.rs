//! How keys and records become bytes.
//!
//! Keys are order preserving: numbers are big-endian, texts are their UTF-8 bytes, and only the
//! last part of a composite key may be of variable length unless it ends in an explicit zero.
//! Records are one version byte followed by MessagePack; members are only ever appended.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Error, Result};
use crate::model::hash::Sha256;
use crate::model::ids::{FolderId, GroupId, ItemId, PlaceId, ServiceId, TagId};

/// A key: encodes so that byte order is the order of the key.
pub trait Key: Sized {
    /// Appends the encoded key.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads a whole key back; `None` when the bytes are none of ours.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// The encoded key.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        self.encode(&mut bytes);
        bytes
    }
}

/// Splits a fixed number of bytes off the front.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

macro_rules! number_key {
    ($($kind:ty => $inner:ty),*) => {$(
        impl Key for $kind {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_be_bytes());
            }
            fn decode(bytes: &[u8]) -> Option<Self> {
                Some(Self(<$inner>::from_be_bytes(bytes.try_into().ok()?)))
            }
        }
    )*};
}
number_key!(ItemId => u32, TagId => u32, ServiceId => u16, PlaceId => u32, FolderId => u32, GroupId => u32);

impl Key for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<u64> {
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn decode(bytes: &[u8]) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl Key for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

impl Key for Sha256 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    fn decode(bytes: &[u8]) -> Option<Sha256> {
        bytes.try_into().ok().map(Sha256)
    }
}

/// Two fixed-width keys after each other: (service, tag), (item, place), ...
impl<A: Key + FixedWidth, B: Key> Key for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }
    fn decode(bytes: &[u8]) -> Option<(A, B)> {
        let (first, second) = bytes.split_at_checked(A::WIDTH)?;
        Some((A::decode(first)?, B::decode(second)?))
    }
}

/// A key that always takes the same number of bytes.
pub trait FixedWidth {
    const WIDTH: usize;
}

macro_rules! fixed_width {
    ($($kind:ty => $width:literal),*) => {$(
        impl FixedWidth for $kind { const WIDTH: usize = $width; }
    )*};
}
fixed_width!(ItemId => 4, TagId => 4, ServiceId => 2, PlaceId => 4, FolderId => 4, GroupId => 4, u64 => 8);

impl<A: FixedWidth, B: FixedWidth> FixedWidth for (A, B) {
    const WIDTH: usize = A::WIDTH + B::WIDTH;
}

/// A value: any serde type. The version byte belongs to the table, see [`encode`].
pub trait Record: Serialize + DeserializeOwned {}
impl<T: Serialize + DeserializeOwned> Record for T {}

/// The version byte in front of every record. A change of shape that appending cannot express
/// raises it and adds a branch to [`decode`].
pub(super) const RECORD_VERSION: u8 = 1;

/// A record as stored: version byte, MessagePack.
pub(super) fn encode<V: Serialize>(value: &V) -> Vec<u8> {
    let mut bytes = vec![RECORD_VERSION];
    rmp_serde::encode::write(&mut bytes, value).expect("our records have no unserialisable values");
    bytes
}

/// Reads a stored record.
///
/// # Errors
/// [`Error::Damaged`] for an unknown version or bytes that do not decode.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V> {
    let damaged = |why: String| Error::Damaged(format!("a {} row: {why}", type_name::<V>()));
    match bytes.split_first() {
        Some((&RECORD_VERSION, body)) => {
            rmp_serde::from_slice(body).map_err(|error| damaged(error.to_string()))
        }
        Some((version, _)) => Err(damaged(format!("unknown record version {version}"))),
        None => Err(damaged("empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Item;
    use proptest::prelude::*;

    fn round_trip<K: Key + PartialEq + std::fmt::Debug>(key: &K) {
        assert_eq!(K::decode(&key.to_bytes()).as_ref(), Some(key));
    }

    #[test]
    fn an_item_survives_encoding() {
        let item = Item {
            sha256: Some(Sha256([7; 32])),
            notes: vec![("a".into(), "b".into())],
            ..Item::default()
        };
        assert_eq!(decode::<Item>(&encode(&item)).unwrap(), item);
    }

    #[test]
    fn a_record_written_before_members_were_appended_still_reads() {
        // The first member alone: all others take their defaults.
        let bytes = encode(&(Some(Sha256([7; 32])),));
        let item: Item = decode(&bytes).unwrap();
        assert_eq!(item, Item { sha256: Some(Sha256([7; 32])), ..Item::default() });
    }

    #[test]
    fn foreign_bytes_are_damage_not_a_panic() {
        assert!(matches!(decode::<Item>(&[]), Err(Error::Damaged(_))));
        assert!(matches!(decode::<Item>(&[9, 1]), Err(Error::Damaged(_))));
        assert!(matches!(decode::<Item>(&[1, 0xc1]), Err(Error::Damaged(_))));
    }

    proptest! {
        #[test]
        fn keys_round_trip_and_keep_their_order(a: (u32, u16), b: (u32, u16)) {
            let key = |(item, service): (u32, u16)| (ItemId(item), ServiceId(service));
            round_trip(&key(a));
            prop_assert_eq!(key(a).to_bytes().cmp(&key(b).to_bytes()), key(a).cmp(&key(b)));
        }
    }
}
