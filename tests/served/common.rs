//! A server started as a user would, and the smallest client that can talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The all-permissions key of the servers under test.
pub const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
/// The key of the service `my tags`.
pub const MY_TAGS: &str = "6c6f63616c2074616773";

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub hydrus: String,
    pub stash: String,
}

impl Server {
    /// Starts a server on a data folder, with further arguments, and waits until it serves.
    pub fn start(data: &Path, arguments: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_diptych"))
            .args(["serve", "--hydrus-listen", "127.0.0.1:0", "--stash-listen", "127.0.0.1:0"])
            .args(["--set", "limits.free_disk_bytes=0", "--data"])
            .arg(data)
            .args(arguments)
            .env("DIPTYCH_ACCESS_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| {
            lines.by_ref().find_map(|line| line.ok()?.strip_prefix(before).map(str::to_owned))
        };
        let hydrus = address("Hydrus Client API on http://").expect("the server starts");
        let stash = address("Stash GraphQL API on http://").expect("the server starts");
        // Somebody must read on, or the server would wait with its next line.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, hydrus, stash }
    }

    /// SIGKILL: nothing is put in order.
    pub fn kill(&mut self) {
        // Dead already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An empty folder that no other test uses.
pub fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("diptych-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// One request; `None` when the server went away before it answered.
pub fn ask(
    address: &str,
    method: &str,
    target: &str,
    kind: &str,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nHydrus-Client-API-Access-Key: {KEY}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).ok()?;
    socket.write_all(body).ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length: usize = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())?;
    let body = answer.split_off(end + 4);
    (body.len() == length).then_some((status, body))
}
