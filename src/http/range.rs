//! `Range` headers: one range of bytes against a known size.

use super::Status;

/// A satisfiable range: `start <= last < size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// Last byte, included.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes it covers; never 0.
    pub fn len(&self) -> u64 {
        self.last - self.start + 1
    }

    /// Always false: an empty range is not satisfiable.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The value of `Content-Range` for a content of this size.
    pub fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.last)
    }
}

/// Why a `Range` header cannot be honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// No `=`, or something other than digits where a number belongs.
    #[error("the Range header could not be parsed")]
    Malformed,
    /// A unit other than `bytes`.
    #[error("only the range unit \"bytes\" is supported")]
    Unit,
    /// More than one range.
    #[error("only a single range is supported")]
    Several,
    /// `-` alone, an end before the start, or a start at or beyond the end of the content.
    #[error("the range lies outside of the content")]
    Unsatisfiable,
}

impl RangeError {
    /// The status of the refusal: 400 for [`RangeError::Malformed`], else 416.
    pub fn status(self) -> Status {
        match self {
            RangeError::Malformed => Status::BAD_REQUEST,
            RangeError::Unit | RangeError::Several | RangeError::Unsatisfiable => {
                Status::RANGE_NOT_SATISFIABLE
            }
        }
    }

    /// The value of `Content-Range` that belongs to a 416.
    pub fn content_range(size: u64) -> String {
        format!("bytes */{size}")
    }
}

/// Reads the value of a `Range` header against the size of the content.
///
/// `bytes=a-b` (an end beyond the content is cut), `bytes=a-` and `bytes=-n` (the last n bytes;
/// more than there are is the whole) are honoured.
pub fn parse(value: &str, size: u64) -> Result<ByteRange, RangeError> {
    let (unit, set) = value.split_once('=').ok_or(RangeError::Malformed)?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Err(RangeError::Unit);
    }
    if set.contains(',') {
        return Err(RangeError::Several);
    }
    let (start, last) = set.trim().split_once('-').ok_or(RangeError::Malformed)?;
    match (number(start)?, number(last)?) {
        (None, None) => Err(RangeError::Unsatisfiable),
        (None, Some(suffix)) => {
            if suffix == 0 || size == 0 {
                return Err(RangeError::Unsatisfiable);
            }
            Ok(ByteRange { start: size.saturating_sub(suffix), last: size - 1 })
        }
        (Some(start), last) => {
            let last = last.unwrap_or(u64::MAX);
            if start > last || start >= size {
                return Err(RangeError::Unsatisfiable);
            }
            Ok(ByteRange { start, last: last.min(size - 1) })
        }
    }
}

/// Digits, or nothing at all. A number too large for us is as good as the largest.
fn number(text: &str) -> Result<Option<u64>, RangeError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RangeError::Malformed);
    }
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, size: u64, expected: Result<(u64, u64), RangeError>) {
        let expected = expected.map(|(start, last)| ByteRange { start, last });
        assert_eq!(parse(value, size), expected, "{value:?} of {size}");
    }

    #[test]
    fn single_ranges_are_honoured() {
        check("bytes=0-0", 100, Ok((0, 0)));
        check("bytes=10-19", 100, Ok((10, 19)));
        check("bytes=10-", 100, Ok((10, 99)));
        check("bytes=-10", 100, Ok((90, 99)));
        check("BYTES = 1 - 2 ", 100, Ok((1, 2)));
    }

    #[test]
    fn ends_beyond_the_content_are_cut() {
        check("bytes=90-1000", 100, Ok((90, 99)));
        check("bytes=-1000", 100, Ok((0, 99)));
        check("bytes=0-99999999999999999999999", 100, Ok((0, 99)));
    }

    #[test]
    fn what_cannot_be_satisfied_is_416() {
        for value in ["bytes=-", "bytes=5-4", "bytes=100-", "bytes=100-200", "bytes=-0"] {
            check(value, 100, Err(RangeError::Unsatisfiable));
        }
        check("bytes=0-", 0, Err(RangeError::Unsatisfiable));
        check("bytes=-5", 0, Err(RangeError::Unsatisfiable));
        check("bytes=0-1,3-4", 100, Err(RangeError::Several));
        check("lines=0-1", 100, Err(RangeError::Unit));
        assert_eq!(RangeError::Several.status(), Status::RANGE_NOT_SATISFIABLE);
    }

    #[test]
    fn what_is_no_range_is_400() {
        for value in ["bytes", "", "bytes 0-1", "bytes=a-b", "bytes=1", "bytes=--1", "bytes=+1-"] {
            check(value, 100, Err(RangeError::Malformed));
        }
        assert_eq!(RangeError::Malformed.status(), Status::BAD_REQUEST);
    }

    #[test]
    fn content_range_names_both_ends_and_the_size() {
        let range = ByteRange { start: 90, last: 99 };
        assert_eq!(range.content_range(100), "bytes 90-99/100");
        assert_eq!(range.len(), 10);
        assert_eq!(RangeError::content_range(100), "bytes */100");
    }

    proptest! {
        #[test]
        fn a_range_lies_within_the_content(value in "bytes=[0-9]{0,3}-[0-9]{0,3}", size in 0u64..500) {
            if let Ok(range) = parse(&value, size) {
                prop_assert!(range.start <= range.last && range.last < size);
            }
        }

        #[test]
        fn no_value_panics(value in any::<String>(), size in any::<u64>()) {
            let _ = parse(&value, size);
        }
    }
}
