//! The binary: hands the command line to [`diptych::app`].

use std::process::ExitCode;

/// Twice as fast as the allocator inside a static glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    diptych::app::run()
}
