//! Bodies that are read whole and parsed: a limit of each, and one of all that are there at once.
//!
//! What is parsed takes some twenty times the memory of its bytes, so that many at once, each
//! within its limit, would take all there is. What does not fit waits, in the order of arrival.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{Body, BodyError};

/// Bytes are counted in pieces of this size; the least document takes one.
const PIECE: u64 = 1024;

/// The documents that are being read and worked on.
#[derive(Debug)]
pub struct Documents {
    each: u64,
    all: u32,
    free: Arc<Semaphore>,
}

/// The room of one document: let it go when what was parsed is gone.
#[derive(Debug, Default)]
pub struct Room(
    #[expect(dead_code, reason = "it is given back when dropped")] Option<OwnedSemaphorePermit>,
);

impl Documents {
    /// Documents of at most `each` bytes, and of at most `all` together; a single one may always
    /// be as large as its own limit.
    #[must_use]
    pub fn new(each: u64, all: u64) -> Documents {
        let all = pieces(all);
        Documents { each, all, free: Arc::new(Semaphore::new(all as usize)) }
    }

    /// The whole body, once there is room for it.
    ///
    /// # Errors
    /// When it is too large or does not come.
    pub async fn read(&self, body: Body) -> Result<(Bytes, Room), BodyError> {
        let size = body.size().unwrap_or(self.each);
        if size > self.each {
            return Err(BodyError::TooLarge { limit: self.each });
        }
        let wanted = pieces(size).min(self.all);
        // It is never closed.
        let room = Arc::clone(&self.free).acquire_many_owned(wanted).await.ok();
        Ok((body.bytes(self.each).await?, Room(room)))
    }
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE).max(1)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn body(bytes: usize) -> Body {
        Body::from_bytes(vec![b'x'; bytes])
    }

    #[tokio::test]
    async fn what_has_no_room_waits_until_there_is() {
        let documents = Documents::new(3 * PIECE, 4 * PIECE);
        let (bytes, first) = documents.read(body(3 * 1024)).await.unwrap();
        assert_eq!(bytes.len(), 3 * 1024);
        let (_, small) = documents.read(body(1)).await.unwrap();
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, documents.read(body(2048))).await.is_err(), "it waits");
        drop(first);
        assert!(tokio::time::timeout(soon, documents.read(body(2048))).await.is_ok());
        drop(small);
        let too_large = documents.read(body(3 * 1024 + 1)).await;
        assert!(matches!(too_large, Err(BodyError::TooLarge { limit: 3072 })));
    }

    #[tokio::test]
    async fn one_alone_may_be_larger_than_all_together() {
        let documents = Documents::new(3 * PIECE, PIECE);
        assert_eq!(documents.read(body(3 * 1024)).await.unwrap().0.len(), 3 * 1024);
    }
}
