//! The real binary as a child process with a data folder of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::wire::{self, Request};

/// The access key that permits everything.
pub(crate) const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

const START_TIMEOUT: Duration = Duration::from_secs(30);
const HYDRUS_LINE: &str = "Hydrus Client API on http://";
const STASH_LINE: &str = "Stash GraphQL API on http://";

/// A temporary folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(purpose: &str) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-{purpose}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it: the system clears its temporary folder too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server; dropping it kills it and removes its folder.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) folder: Folder,
    /// `host:port` of the Hydrus Client API.
    pub(crate) hydrus: String,
    /// `host:port` of the Stash GraphQL API.
    pub(crate) stash: String,
}

impl Server {
    /// Starts the binary on a fresh data folder and waits until both doors answer.
    pub(crate) fn start() -> Result<Server, String> {
        let folder = Folder::new("server");
        let (child, hydrus, stash) = spawn(folder.path())?;
        let server = Server { child, folder, hydrus, stash };
        server.wait()?;
        Ok(server)
    }

    /// A folder beside the data for what a case needs on disk.
    pub(crate) fn scratch(&self) -> PathBuf {
        let path = self.folder.path().join("scratch");
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        path
    }

    /// The last lines of the server's log.
    pub(crate) fn log(&self) -> String {
        log_tail(self.folder.path())
    }

    /// Waits until the Hydrus door answers.
    pub(crate) fn wait(&self) -> Result<(), String> {
        let request =
            Request { method: "GET".into(), target: "/api_version".into(), ..Request::default() };
        let begun = Instant::now();
        loop {
            match wire::send(&self.hydrus, &request, Duration::from_secs(5)) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(_) | Err(_) if begun.elapsed() < START_TIMEOUT => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(answer) => return Err(format!("/api_version answers {}", answer.status)),
                Err(error) => return Err(format!("not ready: {error}\n{}", self.log())),
            }
        }
    }

    /// Ends the child at once, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        // Both fail only when the child has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the binary on the data folder below `folder`; gives the child and its two addresses.
pub(crate) fn spawn(folder: &Path) -> Result<(Child, String, String), String> {
    let data = folder.join("data");
    fs::create_dir_all(&data).expect("the temporary folder is writable");
    let log = File::options().create(true).append(true).open(folder.join("log"));
    // Another build of the binary can be put to the test by its path.
    let binary = std::env::var_os("DIPTYCH_BINARY");
    let mut command = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_diptych").into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DIPTYCH_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .arg("serve")
        .arg("--data")
        .arg(&data)
        .args(["--hydrus-listen", "127.0.0.1:0", "--stash-listen", "127.0.0.1:0"])
        .env("DIPTYCH_ACCESS_KEY", KEY)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.expect("the temporary folder is writable"))
        .spawn()
        .map_err(|error| format!("cannot start the server: {error}"))?;
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let (sender, receiver) = mpsc::channel();
    // The thread ends with the child; it keeps reading so that the child never blocks on a pipe.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    match addresses(&receiver) {
        Some((hydrus, stash)) => Ok((child, hydrus, stash)),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("the server did not print its two addresses\n{}", log_tail(folder)))
        }
    }
}

fn addresses(lines: &mpsc::Receiver<String>) -> Option<(String, String)> {
    let (mut hydrus, mut stash) = (None, None);
    let begun = Instant::now();
    loop {
        let line = lines.recv_timeout(START_TIMEOUT.checked_sub(begun.elapsed())?).ok()?;
        let after = |mark| line.split_once(mark).map(|(_, rest)| rest.trim().trim_end_matches('/'));
        hydrus = hydrus.or(after(HYDRUS_LINE).map(str::to_owned));
        stash = stash.or(after(STASH_LINE).map(str::to_owned));
        if let (Some(hydrus), Some(stash)) = (&hydrus, &stash) {
            return Some((hydrus.clone(), stash.clone()));
        }
    }
}

fn log_tail(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
