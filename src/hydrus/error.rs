//! Refusals: the status, the class name and the sentence that clients show (section 3).

use crate::http::{BodyError, Status};
use crate::library::Error;

/// A request that is not fulfilled, as the client learns of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub status: Status,
    /// The `exception_type` of the answer.
    pub exception: &'static str,
    pub message: String,
}

macro_rules! rejections {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $exception:literal;)*) => {
        impl Rejection {
            $($(#[$doc])*
            pub fn $name(message: impl Into<String>) -> Rejection {
                let message = message.into();
                Rejection { status: Status::$status, exception: $exception, message }
            })*
        }
    };
}

rejections! {
    /// 400: an argument that cannot be.
    bad_request = BAD_REQUEST, "BadRequestException";
    /// 401: no key at all.
    no_credentials = UNAUTHORIZED, "MissingCredentialsException";
    /// 401: a preflight while cross-origin requests are off.
    no_cors = UNAUTHORIZED, "DoesNotSupportCORSException";
    /// 403: the key is unknown or does not permit this.
    forbidden = FORBIDDEN, "InsufficientCredentialsException";
    /// 404: there is no such thing.
    not_found = NOT_FOUND, "NotFoundException";
    /// 404: there is no such record.
    data_missing = NOT_FOUND, "DataMissing";
    /// 404: there is no such file here.
    file_missing = NOT_FOUND, "FileMissingException";
    /// 409: the state forbids it now.
    conflict = CONFLICT, "ConflictException";
    /// 413: the body is larger than the configuration allows.
    too_large = CONTENT_TOO_LARGE, "ContentTooLargeException";
    /// 416: a range that lies outside, or several.
    bad_range = RANGE_NOT_SATISFIABLE, "RangeNotSatisfiableException";
    /// 419: the session key is unknown or expired.
    no_session = SESSION_EXPIRED, "SessionException";
    /// 422: it cannot be begun.
    unprocessable = UNPROCESSABLE_CONTENT, "UnprocessableEntity";
    /// 426: the client speaks another version of the network.
    other_version = UPGRADE_REQUIRED, "NetworkVersionException";
    /// 500: our fault.
    internal = INTERNAL_SERVER_ERROR, "InternalServerException";
    /// 503: the library is locked, or everybody is busy.
    busy_with = SERVICE_UNAVAILABLE, "ServerBusyException";
    /// 507: no room on the disk.
    full = INSUFFICIENT_STORAGE, "InsufficientStorageException";
}

impl Rejection {
    /// 503 in the words that clients know.
    pub fn busy() -> Rejection {
        Rejection::busy_with("This server is busy, please try again later.")
    }

    /// 400 for a parameter that must be there.
    pub fn missing(name: &str) -> Rejection {
        Rejection::bad_request(format!("The required parameter \"{name}\" was missing!"))
    }
}

impl From<Error> for Rejection {
    // No wildcard arm: a new refusal does not compile until its answer is chosen.
    fn from(error: Error) -> Rejection {
        let message = error.to_string();
        match error {
            Error::Missing { .. } => Rejection::not_found(message),
            Error::Invalid(_) => Rejection::bad_request(message),
            Error::Conflict(_) => Rejection::conflict(message),
            Error::Busy | Error::InUse => Rejection::busy(),
            Error::Full(_) => Rejection::full(message),
            Error::File { .. } | Error::Store(_) => {
                tracing::error!(error = %message, "a request failed");
                Rejection::internal("The server failed; its log says more.")
            }
        }
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Rejection {
        let message = error.to_string();
        match error {
            BodyError::TooLarge { .. } => Rejection::too_large(message),
            BodyError::Broken(_) => Rejection::bad_request(message),
            BodyError::Disk(_) if error.status() == Status::INSUFFICIENT_STORAGE => {
                Rejection::full(message)
            }
            BodyError::Disk(_) => {
                tracing::error!(error = %message, "an upload could not be stored");
                Rejection::internal("The server failed; its log says more.")
            }
        }
    }
}
