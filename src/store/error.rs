//! What can go wrong in the store.

/// A failure of the store itself; never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data folder.
    #[error("the library is already open in another process")]
    AlreadyOpen,
    /// The store is closed for a while: `lock_on`.
    #[error("the store is closed for the moment")]
    Closed,
    /// A row does not decode, or the file is damaged. `diptych check` examines it.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Less free space than configured; nothing is written.
    #[error("the disk is nearly full: {free_bytes} bytes are free, {minimum_bytes} are required")]
    Full { free_bytes: u64, minimum_bytes: u64 },
    /// The file was written by a newer release.
    #[error("the library has format {found}; this release reads up to {known}")]
    NewerFormat { found: u32, known: u32 },
    /// A panic inside a write; nothing of it was kept.
    #[error("a write was abandoned: {0}")]
    Panicked(String),
    /// A failure closed the store; it is opened again as soon as nobody reads the old file any more.
    #[error("the store is being opened again after a failure")]
    Reopening,
    /// Reading or writing the file failed.
    #[error("the store failed: {0}")]
    Storage(String),
}

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The same failure for somebody else.
    pub(super) fn again(&self) -> Error {
        match self {
            Error::Full { free_bytes, minimum_bytes } => {
                Error::Full { free_bytes: *free_bytes, minimum_bytes: *minimum_bytes }
            }
            Error::Storage(what) => Error::Storage(what.clone()),
            other => Error::Storage(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for Error {
            fn from(error: redb::$kind) -> Error {
                match error {
                    redb::$kind::Storage(error) => error.into(),
                    other => Error::Storage(other.to_string()),
                }
            }
        }
    )*};
}

from_redb!(TransactionError, TableError, CommitError);

impl From<redb::StorageError> for Error {
    fn from(error: redb::StorageError) -> Error {
        match error {
            redb::StorageError::Corrupted(what) => Error::Damaged(what),
            redb::StorageError::Io(error) if is_full(&error) => {
                Error::Full { free_bytes: 0, minimum_bytes: 1 }
            }
            other => Error::Storage(other.to_string()),
        }
    }
}

impl From<redb::DatabaseError> for Error {
    fn from(error: redb::DatabaseError) -> Error {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Error::AlreadyOpen,
            redb::DatabaseError::Storage(error) => error.into(),
            other => Error::Damaged(other.to_string()),
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
