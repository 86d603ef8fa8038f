//! Tests that start the real binary as a user would and talk to it over its sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod crash;
mod doors;
mod downloads;
