//! Bytes: identify, probe, hash, decode, thumbnail, blob places.
