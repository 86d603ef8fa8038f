//! The store: redb and nobody else. Tables, codecs, transactions, derived data, check.
//!
//! Read [`tables`] first: every table with its key and value. The rules:
//! - An [`Item`](crate::model::item::Item) and its [`Mappings`] are the truth; sets, lookups and
//!   facts are derived from them in the same transaction (`derive.rs`) and can be rebuilt
//!   (`check.rs`).
//! - One writer thread runs all writes (`writer.rs`); each is answered after its commit is durable.
//! - Readers take a [`Snapshot`] and never wait.

mod check;
mod check_relationships;
mod codec;
mod columns;
mod commit;
mod derive;
mod error;
mod format;
mod load;
mod packed;
mod patience;
mod read;
mod sets;
mod shapes;
pub mod tables;
#[cfg(test)]
mod tests;
mod write;
mod writer;

#[cfg(test)]
pub(crate) use check::fingerprint;
pub use check::{CheckReport, check};
pub use codec::{Key, Record};
pub use columns::{Column, ColumnValues};
pub use derive::{host_of, reversed_host, url_lookup};
pub use error::{Error, Result};
pub use load::Load;
pub use packed::Packed;
pub use patience::patiently;
pub use read::{Read, Snapshot};
pub use sets::{Flag, SetKey};
pub use tables::*;
pub use write::Tx;
pub use writer::{Committed, Options, Store};
