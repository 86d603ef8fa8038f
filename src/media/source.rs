//! A file read in pieces, wherever a parser looks. Reading beyond the end gives fewer bytes.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The most that one read may ask for: no header is larger.
pub const READ_MAX: usize = 64 << 20;
const BUFFER_BYTES: usize = 65_536;

/// Bytes at offsets.
pub struct Source {
    input: RefCell<Box<dyn ReadSeek + Send>>,
    size: u64,
    buffer: RefCell<(u64, Vec<u8>)>,
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Source {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Source> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Source::over(Box::new(file), size))
    }

    /// Over bytes in memory.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Source {
        let size = bytes.len() as u64;
        Source::over(Box::new(io::Cursor::new(bytes)), size)
    }

    fn over(input: Box<dyn ReadSeek + Send>, size: u64) -> Source {
        Source { input: RefCell::new(input), size, buffer: RefCell::default() }
    }

    /// The number of bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Up to `length` bytes from `offset`; fewer at the end or where reading fails.
    #[must_use]
    pub fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let length = length.min(READ_MAX);
        let mut buffer = self.buffer.borrow_mut();
        let within = offset.checked_sub(buffer.0).and_then(|skip| usize::try_from(skip).ok());
        if let Some(found) = within.and_then(|skip| buffer.1.get(skip..skip.checked_add(length)?)) {
            return found.to_vec();
        }
        let mut input = self.input.borrow_mut();
        let wanted = length.max(BUFFER_BYTES) as u64;
        let mut bytes = Vec::new();
        let read = input.seek(SeekFrom::Start(offset)).and_then(|_| {
            let mut part = Read::take(&mut **input, wanted);
            part.read_to_end(&mut bytes)
        });
        if read.is_err() {
            bytes.clear();
        }
        let found = bytes[..length.min(bytes.len())].to_vec();
        *buffer = (offset, bytes);
        found
    }

    /// Exactly `N` bytes, or `None` at the end.
    #[must_use]
    pub fn array<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        self.read(offset, N).try_into().ok()
    }

    /// Everything, up to `max` bytes; `None` for larger files.
    #[must_use]
    pub fn all(&self, max: u64) -> Option<Vec<u8>> {
        if self.size > max {
            return None;
        }
        let mut bytes = Vec::new();
        let mut input = self.input.borrow_mut();
        input.seek(SeekFrom::Start(0)).ok()?;
        input.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}
