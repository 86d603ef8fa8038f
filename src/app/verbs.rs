//! What the commands do to a library, in the running server or with the library opened here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{control, keys};
use crate::config::Config;
use crate::library::jobs::{Job, JobStatus};
use crate::library::{Declaration, Library, ScanRequest, Settings};

/// One command, as it crosses the control socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A declarative document. Sessions it ends live in the Hydrus door: those are for the request.
    Apply {
        document: serde_json::Value,
    },
    Backup {
        file: PathBuf,
    },
    Check,
    Health,
    KeysApprove {
        key: String,
    },
    KeysCreate {
        name: String,
        permissions: Option<Vec<u8>>,
    },
    KeysList,
    KeysRevoke {
        key: String,
    },
    Scan {
        paths: Vec<PathBuf>,
    },
}

/// Performs a verb in the running server, or here when none runs.
pub(super) fn run(config: &Config, verb: Verb) -> Result<(), String> {
    if let Some(outcome) = control::ask(config, &verb) {
        return outcome;
    }
    if !config.data.join("library.redb").exists() {
        return Err(format!("there is no library in {}", config.data.display()));
    }
    let library = Library::open(Settings::new(config)).map_err(|error| error.to_string())?;
    let outcome = perform(&library, verb, &mut |line| super::tell(line));
    library.close().map_err(|error| error.to_string())?;
    outcome
}

/// Performs a verb on an open library; `tell` takes the lines to show.
pub(super) fn perform(
    library: &Arc<Library>,
    verb: Verb,
    tell: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let outcome = match verb {
        Verb::Apply { document } => return apply(library, document, tell),
        Verb::Backup { file } => library.backup(&file).map(|()| {
            tell(&format!("the store as of now is in {}", file.display()));
        }),
        Verb::Check => return check(library, tell),
        Verb::Health => library.view().map(|_| tell("well")),
        Verb::KeysApprove { key } => keys::approve(library, &key).map(|line| tell(&line)),
        Verb::KeysCreate { name, permissions } => {
            keys::create(library, &name, permissions).map(|line| tell(&line))
        }
        Verb::KeysList => keys::list(library).map(|lines| {
            lines.iter().for_each(|line| tell(line));
        }),
        Verb::KeysRevoke { key } => keys::revoke(library, &key).map(|key| {
            tell(&format!("revoked: {key}"));
        }),
        Verb::Scan { paths } => {
            let job = queue_scan(library, ScanRequest { paths, ..ScanRequest::default() });
            tell(&format!("scan: {}", follow(library, job, &mut |_| {})?));
            return Ok(());
        }
    };
    outcome.map_err(|error| error.to_string())
}

fn apply(
    library: &Arc<Library>,
    document: serde_json::Value,
    tell: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let declaration: Declaration =
        serde_json::from_value(document).map_err(|error| error.to_string())?;
    let applied = library.apply(declaration).map_err(|error| error.to_string())?;
    tell(&format!("applied: {}", applied.names.join(", ")));
    if applied.expired_sessions.is_empty() {
        return Ok(());
    }
    Err("sessions are ended by POST /diptych/apply only".to_owned())
}

/// Queues a scan.
pub(super) fn queue_scan(library: &Arc<Library>, request: ScanRequest) -> u64 {
    let scanned = Arc::clone(library);
    library.jobs().add("Scanning...", move |context| {
        let report = scanned.scan(&request, context).map_err(|error| error.to_string())?;
        if report.failed > 0 {
            tracing::warn!(report.failed, "files could not be taken in");
        }
        Ok(())
    })
}

/// Waits for a job; tells how it stands meanwhile and how it ended.
pub(super) fn follow(
    library: &Arc<Library>,
    job: u64,
    each: &mut dyn FnMut(&Job),
) -> Result<String, String> {
    loop {
        let job = library.jobs().wait(job, Duration::from_millis(500));
        let job = job.ok_or("the job is not known any more")?;
        each(&job);
        match job.status {
            JobStatus::Ready | JobStatus::Running | JobStatus::Stopping => {}
            JobStatus::Finished => return Ok("finished".to_owned()),
            JobStatus::Cancelled => return Ok("cancelled".to_owned()),
            JobStatus::Failed => return Err(job.error.unwrap_or_else(|| "failed".to_owned())),
        }
    }
}

fn check(library: &Arc<Library>, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    let report = library.check().map_err(|error| error.to_string())?;
    for fault in &report.faults {
        tell(fault);
    }
    if report.fault_count == 0 {
        tell(&format!("{} rows, no fault", report.rows));
        return Ok(());
    }
    Err(format!("{} faults; `diptych check --repair` rebuilds what is derived", report.fault_count))
}

/// Rebuilds derived tables of a library that nobody serves, then checks it.
pub(super) fn repair(config: &Config) -> Result<(), String> {
    if control::ask(config, &Verb::Health).is_some() {
        return Err("stop the server first: a repair needs the store for itself".to_owned());
    }
    let library = Library::open(Settings::new(config)).map_err(|error| error.to_string())?;
    library.repair().map_err(|error| error.to_string())?;
    super::tell("everything derived was rebuilt");
    let outcome = check(&library, &mut |line| super::tell(line));
    library.close().map_err(|error| error.to_string())?;
    outcome
}
