//! The Hydrus Client API.
