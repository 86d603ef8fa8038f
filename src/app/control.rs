//! `control.sock`: how the other commands reach the server that owns the store.
//!
//! One line of JSON names a [`Verb`]; the answer is lines of JSON: `{"line": …}` for each line to
//! show, then `{"done": null}` or `{"done": "the reason it failed"}`. The socket is only for the
//! user who runs the server (mode 0600).

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::verbs::{self, Verb};
use crate::config::Config;
use crate::library::Library;

/// A request longer than this is refused: the largest is a document to apply.
const REQUEST_BYTES_MAX: u64 = 64 << 20;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Line(String),
    Done(Option<String>),
}

fn socket_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Removes the socket when the server ends.
pub(super) struct Control {
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Starts answering commands. Call it only while the store is open: that proves that a socket left
/// behind is nobody's.
pub(super) fn listen(config: &Config, library: &Arc<Library>) -> std::io::Result<Control> {
    let path = socket_path(&config.data);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let library = Arc::clone(library);
    std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        for client in listener.incoming().flatten() {
            let library = Arc::clone(&library);
            let answering = std::thread::Builder::new().name("control-client".to_owned());
            if let Err(error) = answering.spawn(move || answer(&library, client)) {
                tracing::warn!(%error, "a command could not be answered");
            }
        }
    })?;
    Ok(Control { path })
}

fn answer(library: &Arc<Library>, client: UnixStream) {
    if let Err(error) = try_answer(library, &client) {
        tracing::debug!(%error, "a command's client went away");
    }
}

fn try_answer(library: &Arc<Library>, client: &UnixStream) -> std::io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(client).take(REQUEST_BYTES_MAX).read_line(&mut line)?;
    let outcome = match serde_json::from_str::<Verb>(&line) {
        Ok(verb) => verbs::perform(library, verb, &mut |text| {
            // The verb goes on when nobody listens any more.
            let _ = send(client, &Answer::Line(text.to_owned()));
        }),
        Err(error) => Err(format!("the server does not know this command: {error}")),
    };
    send(client, &Answer::Done(outcome.err()))
}

fn send(mut client: &UnixStream, answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    client.write_all(line.as_bytes())
}

/// Has the running server perform a verb, showing its lines; `None` when no server runs.
pub(super) fn ask(config: &Config, verb: &Verb) -> Option<Result<(), String>> {
    let server = UnixStream::connect(socket_path(&config.data)).ok()?;
    Some(converse(&server, verb))
}

fn converse(mut server: &UnixStream, verb: &Verb) -> Result<(), String> {
    let mut line = serde_json::to_string(verb).map_err(|error| error.to_string())?;
    line.push('\n');
    server.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
    for line in BufReader::new(server).lines() {
        let line = line.map_err(|error| error.to_string())?;
        match serde_json::from_str(&line).map_err(|error| error.to_string())? {
            Answer::Line(text) => super::tell(&text),
            Answer::Done(None) => return Ok(()),
            Answer::Done(Some(reason)) => return Err(reason),
        }
    }
    Err("the server ended before it answered".to_owned())
}
