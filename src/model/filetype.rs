//! File types: the numbers, mime types, names and extensions of `behaviour.md` 27.5.

use serde::{Deserialize, Serialize};

/// A file type by its number in the Hydrus Client API (`filetype_enum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileType(pub u8);
