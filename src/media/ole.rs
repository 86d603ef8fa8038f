//! OLE compound files: which Office program wrote them, by the names of their streams.

use super::metadata::find;
use crate::model::filetype::FileType;

/// Word, Excel or PowerPoint; unknown for other compound files.
#[must_use]
pub fn kind(bytes: &[u8]) -> FileType {
    // Directory entries hold names as UTF-16; the streams that decide have names unlike any other.
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        find(bytes, &wide).is_some()
    };
    if has("WordDocument") {
        FileType::DOC
    } else if has("PowerPoint Document") {
        FileType::PPT
    } else if has("Workbook") || has("Book\0") {
        FileType::XLS
    } else {
        FileType::UNKNOWN
    }
}
