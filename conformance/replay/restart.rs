//! Stopping a server as a person would and starting it again on the same data.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Server, spawn};

const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks the server to stop and starts it again on the same data, on new ports.
pub(crate) fn restart(server: &mut Server) -> Result<(), String> {
    stop(server);
    (server.child, server.hydrus, server.stash) = spawn(server.folder.path())?;
    server.wait()
}

fn stop(server: &mut Server) {
    if let Some(id) = i32::try_from(server.child.id()).ok().and_then(Pid::from_raw) {
        // A child that has ended already needs no signal.
        let _ = kill_process(id, Signal::TERM);
    }
    let begun = Instant::now();
    while begun.elapsed() < STOP_TIMEOUT {
        if matches!(server.child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    server.kill();
}
