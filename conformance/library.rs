//! Named starting states. A library is itself a case file, played once on a fresh server; the
//! cases that only read may share that server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::case::Case;
use crate::compare::Captures;
use crate::play::Stage;
use crate::server::Server;

/// `library: A` may build on `library: B`; no chain is longer.
const CHAIN_MAX: usize = 8;

/// A server in a named state, with what was captured on the way to it.
pub(crate) struct Prepared {
    pub(crate) server: Server,
    pub(crate) captures: Captures,
}

/// The servers shared by cases that only read.
pub(crate) struct Libraries {
    folder: PathBuf,
    shared: Mutex<BTreeMap<String, Slot>>,
}

/// One shared server: not started yet, running, or the reason why it could not start.
type Slot = Arc<Mutex<Option<Result<Prepared, String>>>>;

impl Libraries {
    pub(crate) fn new(root: &Path) -> Libraries {
        Libraries { folder: root.join("libraries"), shared: Mutex::default() }
    }

    /// Plays a case on the server it asks for.
    pub(crate) fn play(&self, case: &Case, update: bool) -> Result<(), String> {
        if !case.shared() {
            let prepared = self.prepare(case.library())?;
            return run(&prepared, case, update);
        }
        let slot = {
            let mut shared = self.shared.lock().map_err(|_| "another case broke the list")?;
            Arc::clone(shared.entry(case.library().to_owned()).or_default())
        };
        let mut slot = slot.lock().map_err(|_| "another case broke this library")?;
        match slot.get_or_insert_with(|| self.prepare(case.library())) {
            Ok(prepared) => run(prepared, case, update),
            Err(error) => Err(error.clone()),
        }
    }

    /// A fresh server in the named state.
    fn prepare(&self, name: &str) -> Result<Prepared, String> {
        let mut chain = Vec::new();
        let mut next = name.to_owned();
        while next != "empty" {
            let path = self.folder.join(&next).with_extension("http");
            let steps = Case::read(&self.folder, &path)?;
            next = steps.library().to_owned();
            chain.push(steps);
            if chain.len() > CHAIN_MAX {
                return Err(format!("library {name} builds on itself"));
            }
        }
        let server = Server::start()?;
        let mut stage = Stage::of(&server, false);
        for steps in chain.iter().rev() {
            let played = stage.play(steps);
            played.map_err(|error| format!("library {}: {error}\n{}", steps.name, server.log()))?;
        }
        Ok(Prepared { captures: stage.captures, server })
    }
}

fn run(prepared: &Prepared, case: &Case, update: bool) -> Result<(), String> {
    let mut stage = Stage::of(&prepared.server, update);
    stage.captures.extend(prepared.captures.clone());
    stage.play(case).map_err(|error| {
        let log = prepared.server.log();
        if log.is_empty() { error } else { format!("{error}\n  server log:\n{log}") }
    })
}
