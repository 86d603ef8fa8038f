//! Kills the server with SIGKILL at random moments of a mixed write load, again and again, and finds
//! every acknowledged write afterwards, and a store in which every derived row fits its source.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{MY_TAGS, Server, ask};

/// How often the server is killed. `DIPTYCH_CRASH_ROUNDS` sets another number.
const ROUNDS: u64 = 50;
const WRITERS: u64 = 3;

fn post(address: &str, path: &str, body: &Value) -> Option<u16> {
    let text = body.to_string();
    ask(address, "POST", path, "application/json", text.as_bytes()).map(|(status, _)| status)
}

/// A bitmap of one pixel row that no other number makes.
fn bitmap(number: u64) -> Vec<u8> {
    let mut pixels = number.to_le_bytes().to_vec();
    pixels.push(7);
    pixels.resize(12, 0);
    let mut bytes = b"BM".to_vec();
    for value in [66_u32, 0, 54] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(3_i32.to_le_bytes());
    bytes.extend(1_i32.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes.extend(pixels);
    bytes
}

/// What is known of one file: all that was acknowledged, and what may or may not have happened.
#[derive(Clone, Default)]
struct Known {
    tags: BTreeMap<String, bool>,
    archived: bool,
    doubtful_tags: Vec<String>,
    doubtful_archive: bool,
}

/// All files by hash.
type Ledger = Mutex<BTreeMap<String, Known>>;

/// The next operation of a writer; returns false when the server is gone.
fn operate(address: &str, ledger: &Ledger, mine: &mut Vec<String>, number: u64) -> bool {
    let file = mine.get(usize::try_from(number).unwrap() % mine.len().max(1)).cloned();
    match (number % 5, file) {
        (1 | 2, Some(hash)) => {
            let tag = format!("crossing {}", number % 7);
            let adding = number % 5 == 1;
            let action = if adding { "0" } else { "1" };
            let body = json!({"hash": hash, "service_keys_to_actions_to_tags":
                {MY_TAGS: {action: [tag]}}});
            edit(ledger, &hash, |known| known.doubtful_tags.push(tag.clone()));
            let Some(status) = post(address, "/add_tags/add_tags", &body) else { return false };
            assert_eq!(status, 200);
            edit(ledger, &hash, |known| {
                known.doubtful_tags.retain(|doubt| *doubt != tag);
                known.tags.insert(tag.clone(), adding);
            });
        }
        (3, Some(hash)) => {
            let archive = number.is_multiple_of(2);
            let verb = if archive { "archive_files" } else { "unarchive_files" };
            edit(ledger, &hash, |known| known.doubtful_archive = true);
            let path = format!("/add_files/{verb}");
            let Some(status) = post(address, &path, &json!({"hash": hash})) else { return false };
            assert_eq!(status, 200);
            edit(ledger, &hash, |known| {
                known.doubtful_archive = false;
                known.archived = archive;
            });
        }
        _ => {
            let bytes = bitmap(number);
            let kind = "application/octet-stream";
            let answer = ask(address, "POST", "/add_files/add_file", kind, &bytes);
            let Some((status, body)) = answer else { return false };
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert!(status == 200 && body["status"] == 1, "{status} {body}");
            let hash = body["hash"].as_str().unwrap().to_owned();
            ledger.lock().unwrap().insert(hash.clone(), Known::default());
            mine.push(hash);
        }
    }
    true
}

fn edit(ledger: &Ledger, hash: &str, change: impl FnOnce(&mut Known)) {
    if let Some(known) = ledger.lock().unwrap().get_mut(hash) {
        change(known);
    }
}

/// Everything acknowledged is there.
fn verify(address: &str, ledger: &Ledger) {
    for (hash, known) in ledger.lock().unwrap().iter_mut() {
        let target = format!("/get_files/file_metadata?hash={hash}");
        let (status, body) = ask(address, "GET", &target, "text/plain", b"").unwrap();
        assert_eq!(status, 200);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let file = &body["metadata"][0];
        assert_eq!(file["is_local"], true, "{hash} was acknowledged and is gone");
        let archived = file["is_inbox"] == false;
        assert!(known.doubtful_archive || archived == known.archived, "{hash}: archive lost");
        known.archived = archived;
        let current = &file["tags"][MY_TAGS]["storage_tags"]["0"];
        let has = |tag: &str| current.as_array().is_some_and(|tags| tags.contains(&json!(tag)));
        for (tag, expected) in &mut known.tags {
            let doubtful = known.doubtful_tags.contains(tag);
            assert!(doubtful || has(tag) == *expected, "{hash}: the change of {tag:?} is lost");
            *expected = has(tag);
        }
        for tag in std::mem::take(&mut known.doubtful_tags) {
            known.tags.insert(tag.clone(), has(&tag));
        }
        known.doubtful_archive = false;
    }
}

/// One round: writers write until the server is killed under them.
fn round(data: &Path, ledger: &Ledger, numbers: &AtomicU64, life: Duration) {
    let mut server = Server::start(data, &[]);
    let address = server.hydrus.clone();
    verify(&address, ledger);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut mine = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if !operate(&address, ledger, &mut mine, number) {
                        break;
                    }
                }
            });
        }
        std::thread::sleep(life);
        // Still writing while it dies.
        server.kill();
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed() {
    let data = crate::common::folder("crash");
    let rounds = std::env::var("DIPTYCH_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok());
    let ledger = Ledger::default();
    let numbers = AtomicU64::new(0);
    for number in 0..rounds.unwrap_or(ROUNDS) {
        // Spread over start-up, first writes and full load, another moment each time.
        let life = Duration::from_millis(20 + number * 37 % 330);
        round(&data, &ledger, &numbers, life);
    }
    let mut server = Server::start(&data, &[]);
    verify(&server.hydrus, &ledger);
    server.kill();
    let check = Command::new(env!("CARGO_BIN_EXE_diptych"))
        .args(["check", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
    let files = ledger.lock().unwrap().len();
    println!("{files} files after {} operations; {said}", numbers.load(Ordering::Relaxed));
    assert!(files > 50, "the load was too small to mean anything: {files} files");
    std::fs::remove_dir_all(&data).unwrap();
}
