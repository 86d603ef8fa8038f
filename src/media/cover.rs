//! The picture attached to a sound file: ID3 tags, FLAC blocks, the list of an m4a.

use super::metadata::boxes;
use super::source::Source;
use crate::model::filetype::FileType;

/// No tag is read beyond this.
const TAG_MAX: usize = 32 << 20;

/// The bytes of the first picture.
pub(super) fn picture(source: &Source, kind: FileType) -> Option<Vec<u8>> {
    match kind {
        FileType::MP3 => id3(source),
        FileType::FLAC => flac(source),
        FileType::M4A | FileType::MP4_AUDIO => m4a(source),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// A number of seven bits a byte.
fn syncsafe(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7F))
}

fn id3(source: &Source) -> Option<Vec<u8>> {
    let head = source.array::<10>(0).filter(|head| head.starts_with(b"ID3"))?;
    let tag = source.read(10, syncsafe(&head[6..10]).min(TAG_MAX));
    let (version, mut rest) = (head[3], tag.as_slice());
    let (name_size, size_size, flags) = if version == 2 { (3, 3, 0) } else { (4, 4, 2) };
    loop {
        let (name, after) = rest.split_at_checked(name_size)?;
        let (size, after) = after.split_at_checked(size_size)?;
        let size = if version == 4 { syncsafe(size) } else { number(size) };
        let content = after.get(flags..)?.get(..size)?;
        if matches!(name, b"APIC" | b"PIC") {
            // Encoding, kind of bytes, kind of picture, description; then the picture itself.
            let found = [[0xFF, 0xD8, 0xFF].as_slice(), b"\x89PNG"];
            let starts = found.iter().filter_map(|magic| super::metadata::find(content, magic));
            return starts.min().map(|at| content[at..].to_vec());
        }
        if name.first() == Some(&0) {
            return None;
        }
        rest = &after[flags + size..];
    }
}

fn flac(source: &Source) -> Option<Vec<u8>> {
    const PICTURE: u8 = 6;
    let mut at = 4;
    loop {
        let head = source.array::<4>(at)?;
        let size = number(&head[1..]);
        if head[0] & 0x7F == PICTURE {
            let block = source.read(at + 4, size);
            let mut rest = block.get(4..)?;
            for _ in 0..2 {
                rest = rest.get(4 + number(rest.get(..4)?)..)?;
            }
            let length = number(rest.get(16..20)?);
            return rest.get(20..20 + length).map(<[u8]>::to_vec);
        }
        if head[0] & 0x80 != 0 {
            return None;
        }
        at += 4 + size as u64;
    }
}

fn m4a(source: &Source) -> Option<Vec<u8>> {
    const TOP_BOXES_MAX: usize = 64;
    let mut at = 0;
    for _ in 0..TOP_BOXES_MAX {
        let head = source.array::<8>(at)?;
        let size = number(&head[..4]);
        if &head[4..] == b"moov" {
            let moov = source.read(at + 8, size.saturating_sub(8).min(TAG_MAX));
            let inside = |bytes: &[u8], name: &[u8; 4], skip: usize| -> Option<Vec<u8>> {
                let found = boxes(bytes).find(|(kind, _)| *kind == name)?.1;
                found.get(skip..).map(<[u8]>::to_vec)
            };
            let list = inside(&inside(&inside(&moov, b"udta", 0)?, b"meta", 4)?, b"ilst", 0)?;
            return inside(&inside(&list, b"covr", 0)?, b"data", 8);
        }
        at += if size < 8 { return None } else { size as u64 };
    }
    None
}
