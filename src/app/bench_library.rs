//! `diptych bench-library`: an empty library filled with made-up files.

use std::path::PathBuf;
use std::time::Instant;

use super::progress::Progress;
use crate::config::{Config, ServeArgs};
use crate::library::made_up::MadeUp;
use crate::library::{Library, Settings};

/// What to make, and where.
#[derive(clap::Args)]
pub(super) struct BenchLibraryArgs {
    /// The data folder to fill: it must hold no library with files
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How many files
    #[arg(long, default_value_t = 10_000)]
    files: u32,
    /// How many tags each file gets (a tag drawn twice counts once)
    #[arg(long, default_value_t = 20)]
    tags_per_file: u32,
    /// The same seed makes the same library
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Makes the library and says how long it took.
pub(super) fn run(args: &BenchLibraryArgs) -> Result<(), String> {
    let serve = ServeArgs { data: Some(args.data.clone()), ..ServeArgs::default() };
    let config = Config::load(&serve).map_err(|error| error.to_string())?;
    let library = Library::open(Settings::new(&config)).map_err(|error| error.to_string())?;
    let started = Instant::now();
    let mut progress = Progress::new("bench-library");
    let what = MadeUp { files: args.files, tags_per_file: args.tags_per_file, seed: args.seed };
    let outcome = library.make_up(what, |done| progress.done(done.into(), args.files.into(), ""));
    let seconds = started.elapsed().as_secs_f64();
    progress.finish(&format!("{} files in {seconds:.1} s", args.files));
    library.close().map_err(|error| error.to_string())?;
    outcome.map_err(|error| error.to_string())
}
