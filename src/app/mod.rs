//! The command line: one subcommand a verb of the appliance.
//!
//! `serve` (also when nothing is named) runs the server. All other commands speak to the running
//! server through `control.sock` in the data folder, so that one process owns the store, and open
//! the library themselves only when none runs.

mod bench_library;
mod control;
mod keys;
mod progress;
mod serve;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ServeArgs};
pub use verbs::Verb;

/// One media library behind two doors: the Hydrus Client API and the Stash GraphQL API.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the library through both APIs (what happens when no command is given)
    Serve(Box<ServeArgs>),
    /// Compare every derived table with its source; the server must not run for --repair
    Check {
        /// Rebuild what is derived
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        at: At,
    },
    /// Write a consistent copy of the store into a new file, while everything goes on
    Backup {
        /// The file to make
        file: PathBuf,
        #[command(flatten)]
        at: At,
    },
    /// Access keys of the Hydrus Client API
    Keys {
        #[command(subcommand)]
        action: KeysAction,
        #[command(flatten)]
        at: At,
    },
    /// Apply a declarative JSON document (services, keys, siblings, parents, options, ...)
    Apply {
        /// The document
        file: PathBuf,
        #[command(flatten)]
        at: At,
    },
    /// Scan the library folders, or only these paths inside them
    Scan {
        /// Paths; all library folders when none is given
        paths: Vec<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// Succeed when the server answers
    Healthcheck {
        #[command(flatten)]
        at: At,
    },
    /// Fill an empty library with made-up files, for measurements
    BenchLibrary(bench_library::BenchLibraryArgs),
    /// Decode media for the server (started by it)
    #[command(hide = true)]
    MediaWorker,
}

/// Actions on access keys.
#[derive(Subcommand)]
enum KeysAction {
    /// List all keys with their names and permissions
    List,
    /// Make a key
    Create {
        /// What it is for
        name: String,
        /// Permission numbers, comma separated; without, the key may do everything
        #[arg(long, value_delimiter = ',')]
        permissions: Option<Vec<u8>>,
    },
    /// Approve a key that a client asked for
    Approve {
        /// The key, or its first digits
        key: String,
    },
    /// Take a key back
    Revoke {
        /// The key, or its first digits
        key: String,
    },
}

/// Where the library is, for all commands but `serve`.
#[derive(clap::Args, Default)]
struct At {
    /// Folder of everything that is kept [default: ./diptych-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Settings file
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl At {
    fn config(self) -> Result<Config, String> {
        let args = ServeArgs { data: self.data, config: self.config, ..ServeArgs::default() };
        Config::load(&args).map_err(|error| error.to_string())
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => serve::serve(&cli.serve),
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::MediaWorker) => return crate::media::worker::worker_main(),
        Some(command) => other(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            tell_error(&sentence);
            ExitCode::FAILURE
        }
    }
}

fn other(command: Command) -> Result<(), String> {
    match command {
        Command::Check { repair: true, at } => verbs::repair(&at.config()?),
        Command::Check { repair: false, at } => verbs::run(&at.config()?, Verb::Check),
        Command::Backup { file, at } => {
            let file = std::path::absolute(&file).map_err(|error| error.to_string())?;
            verbs::run(&at.config()?, Verb::Backup { file })
        }
        Command::Keys { action, at } => verbs::run(&at.config()?, action.into()),
        Command::Apply { file, at } => {
            let said = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
            let text = std::fs::read_to_string(&file).map_err(|error| said(&error))?;
            let document = serde_json::from_str(&text).map_err(|error| said(&error))?;
            verbs::run(&at.config()?, Verb::Apply { document })
        }
        Command::Scan { paths, at } => {
            let paths = paths.iter().map(std::path::absolute).collect::<Result<_, _>>();
            let paths = paths.map_err(|error| error.to_string())?;
            verbs::run(&at.config()?, Verb::Scan { paths })
        }
        Command::Healthcheck { at } => control::ask(&at.config()?, &Verb::Health)
            .unwrap_or_else(|| Err("no server runs on this data folder".to_owned())),
        Command::BenchLibrary(args) => bench_library::run(&args),
        Command::Serve(_) | Command::MediaWorker => Ok(()),
    }
}

impl From<KeysAction> for Verb {
    fn from(action: KeysAction) -> Verb {
        match action {
            KeysAction::List => Verb::KeysList,
            KeysAction::Create { name, permissions } => Verb::KeysCreate { name, permissions },
            KeysAction::Approve { key } => Verb::KeysApprove { key },
            KeysAction::Revoke { key } => Verb::KeysRevoke { key },
        }
    }
}

/// A line for the person at the terminal.
pub(crate) fn tell(line: &str) {
    use std::io::Write;
    // A closed pipe is no reason to fail.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn tell_error(sentence: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "diptych: {sentence}");
}
