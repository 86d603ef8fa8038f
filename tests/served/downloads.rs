//! What the server fetches from other servers: a small one here plays them, with all their faults.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{MY_TAGS, Server, ask, folder};

const DOWNLOADER_TAGS: &str = "646f776e6c6f616465722074616773";

/// A picture of one pixel of that shade: every number gives other bytes.
fn bitmap(number: u8) -> Vec<u8> {
    let mut bytes = vec![0; 58];
    bytes[..2].copy_from_slice(b"BM");
    for (at, value) in [(2, 58_u32), (10, 54), (14, 40), (18, 1), (22, 1), (34, 4)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[26] = 1;
    bytes[28] = 24;
    bytes[54..57].copy_from_slice(&[number, 7, 9]);
    bytes
}

/// Who asked for what: paths, with headers.
type Log = Mutex<Vec<(String, HashMap<String, String>)>>;

/// A server that answers by path, and remembers who asked for what.
struct Elsewhere {
    address: String,
    asked: Arc<Log>,
}

impl Elsewhere {
    fn start() -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Log>::default();
        let log = Arc::clone(&asked);
        let failures = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (log, failures) = (Arc::clone(&log), Arc::clone(&failures));
                std::thread::spawn(move || {
                    // A client that goes away is its own affair.
                    let _ = answer(socket, &log, &failures);
                });
            }
        });
        Elsewhere { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn times(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == path).count()
    }

    fn header(&self, path: &str, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        let (_, headers) = asked.iter().rev().find(|(asked, _)| asked == path)?;
        headers.get(name).cloned()
    }
}

/// An answer with a body.
fn whole(more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n");
    [head.into_bytes(), body.to_vec()].concat()
}

/// An answer without one.
fn only(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut packed = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
    encoder.read_to_end(&mut packed).unwrap();
    whole("Content-Encoding: gzip\r\n", &packed)
}

/// An answer whose length is told as that of one picture, whatever it is.
fn told_as_picture(bytes: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nContent-Length: 58\r\nConnection: close\r\n\r\n", bytes].concat()
}

fn answer(mut socket: TcpStream, log: &Log, failures: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    log.lock().unwrap().push((path.clone(), headers.clone()));
    let bytes = match path.as_str() {
        "/picture" => whole("Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", &bitmap(1)),
        "/moved" => only("302 Found\r\nLocation: over/there?q=1"),
        "/over/there?q=1" => whole("", &bitmap(2)),
        "/round" => only("302 Found\r\nLocation: /round"),
        "/heals" if failures.fetch_add(1, Ordering::SeqCst) == 0 => only("500 No"),
        "/heals" => whole("", &bitmap(3)),
        "/broken" => only("500 No"),
        "/slow" => {
            let bytes = whole("", &bitmap(4));
            for byte in &bytes {
                socket.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(10));
            }
            return Ok(());
        }
        "/stalls" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nBM")?;
            std::thread::sleep(Duration::from_secs(20));
            return Ok(());
        }
        "/large" => whole("", &vec![7; 20_000]),
        "/endless" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            while socket.write_all(&[7; 4096]).is_ok() {}
            return Ok(());
        }
        "/sets" => whole("Set-Cookie: told=yes; Path=/\r\n", &bitmap(5)),
        "/guarded" => {
            let has =
                |name: &str, value: &str| headers.get(name).is_some_and(|own| own.contains(value));
            if has("cookie", "pass=sesame") && has("x-token", "42") && has("user-agent", "birds/1")
            {
                whole("", &bitmap(6))
            } else {
                only("403 No")
            }
        }
        "/packed" => packed(&bitmap(8)),
        "/bomb" => packed(&vec![0; 10_000_000]),
        "/short" => told_as_picture(&bitmap(9)[..30]),
        "/long" => told_as_picture(&[bitmap(10), b"and more".to_vec()].concat()),
        "/text" => whole("Content-Type: text/html\r\n", b"<html><body>birds</body></html>"),
        _ => only("404 Not Found"),
    };
    socket.write_all(&bytes)
}

const SETTINGS: &[&str] = &[
    "--set",
    "downloads.bytes=10000",
    "--set",
    "downloads.retry_seconds=0",
    "--set",
    "downloads.attempts=3",
    "--set",
    "downloads.stall_seconds=2",
];

fn start(name: &str, more: &[&str]) -> (Server, std::path::PathBuf) {
    let data = folder(name);
    (Server::start(&data, &[SETTINGS, more].concat()), data)
}

const ALLOW: &[&str] = &["--set", "downloads.allow_private=true"];

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let text = body.to_string();
    let (status, body) =
        ask(&server.hydrus, "POST", path, "application/json", text.as_bytes()).unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn get(server: &Server, target: &str) -> Value {
    let (status, body) = ask(&server.hydrus, "GET", target, "text/plain", b"").unwrap();
    assert_eq!(status, 200, "{target}");
    serde_json::from_slice(&body).unwrap()
}

fn add(server: &Server, url: &str, more: &Value) {
    let mut body = json!({ "url": url, "destination_page_name": "birds" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = post(server, "/add_urls/add_url", &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["human_result_text"], "\"unknown url\" URL added successfully.");
    assert_eq!(answer["normalised_url"], url);
}

/// The key of the page `birds`.
fn page_key(server: &Server) -> String {
    let pages = get(server, "/manage_pages/get_pages");
    let pages = pages["pages"]["pages"].as_array().unwrap().clone();
    let page = pages.iter().find(|page| page["name"] == "birds").expect("the page");
    page["page_key"].as_str().unwrap().to_owned()
}

fn page(server: &Server) -> Value {
    let key = page_key(server);
    let info = get(server, &format!("/manage_pages/get_page_info?simple=false&page_key={key}"));
    info["page_info"].clone()
}

/// The entries of the page, by address, once none of them waits.
fn finished(server: &Server) -> HashMap<String, Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = page(server);
        let imports = &page["management"]["urls_import"]["imports"];
        if imports["total_processed"] == imports["total_to_process"] {
            let items = imports["import_items"].as_array().unwrap();
            let by_url =
                |item: &Value| (item["import_data"].as_str().unwrap().to_owned(), item.clone());
            return items.iter().map(by_url).collect();
        }
        assert!(Instant::now() < deadline, "not all was fetched: {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn addresses_are_fetched_with_all_that_can_go_wrong() {
    let elsewhere = Elsewhere::start();
    let (server, _data) = start("downloads", ALLOW);
    for (path, status, note) in [
        ("/moved", 1, ""),
        ("/missing", 7, "404"),
        ("/guarded", 7, "403"),
        ("/heals", 1, ""),
        ("/broken", 4, "500"),
        ("/slow", 1, ""),
        ("/stalls", 4, ""),
        ("/large", 7, "larger"),
        ("/endless", 7, "larger"),
        ("/bomb", 7, "larger"),
        ("/packed", 1, ""),
        ("/short", 4, "broke off"),
        ("/long", 1, ""),
        ("/text", 4, "HTML"),
        ("/round", 4, "place"),
    ] {
        add(&server, &elsewhere.url(path), &json!({}));
        let entry = finished(&server)[&elsewhere.url(path)].clone();
        assert_eq!(entry["status"], status, "{path}: {entry}");
        let told = entry["note"].as_str().unwrap();
        assert!(told.contains(note) && (status != 1 || told.is_empty()), "{path}: {entry}");
    }
    assert_eq!((elsewhere.times("/heals"), elsewhere.times("/broken")), (2, 3));
    assert_eq!((elsewhere.times("/short"), elsewhere.times("/missing")), (3, 1));
    let page = page(&server);
    assert_eq!(page["media"]["num_files"], 5, "{page}");
    let moved =
        get(&server, "/get_files/search_files?tags=%5B%22system%3Ainbox%22%5D&return_hashes=true");
    assert_eq!(moved["hashes"].as_array().unwrap().len(), 5);
    assert_eq!(get(&server, "/manage_popups/get_popups")["job_statuses"], json!([]));
}

#[test]
fn a_fetched_file_carries_what_it_came_with() {
    let elsewhere = Elsewhere::start();
    let (server, _data) = start("downloads-tags", ALLOW);
    let filter = json!({"options": {"download_tags": {"blacklist": ["place:"]}}});
    assert_eq!(post(&server, "/diptych/apply", &filter).0, 200);
    let tags = json!({
        "service_keys_to_additional_tags": { MY_TAGS: ["species:robin", "place:harbour"] },
        "filterable_tags": ["place:harbour", "Branch"],
    });
    add(&server, &elsewhere.url("/picture"), &tags);
    add(&server, &elsewhere.url("/moved"), &json!({}));
    let entries = finished(&server);
    let hash = entries[&elsewhere.url("/picture")]["hash"].as_str().unwrap().to_owned();
    assert_eq!(entries[&elsewhere.url("/picture")]["source_time"], 1_445_412_480);
    let known =
        get(&server, &format!("/get_files/file_metadata?hash={hash}"))["metadata"][0].clone();
    assert_eq!(known["known_urls"], json!([elsewhere.url("/picture")]));
    assert_eq!(
        known["tags"][MY_TAGS]["storage_tags"]["0"],
        json!(["place:harbour", "species:robin"])
    );
    assert_eq!(known["tags"][DOWNLOADER_TAGS]["storage_tags"]["0"], json!(["branch"]));
    assert_eq!(known["time_modified_details"]["127.0.0.1"], 1_445_412_480);
    let hash = entries[&elsewhere.url("/moved")]["hash"].as_str().unwrap().to_owned();
    let known =
        get(&server, &format!("/get_files/file_metadata?hash={hash}"))["metadata"][0].clone();
    let both = json!([elsewhere.url("/moved"), elsewhere.url("/over/there?q=1")]);
    assert_eq!(known["known_urls"], both);
    // Known by its address, it is not fetched again; deleted, it is not wanted.
    let again = json!({ "destination_page_name": "again" });
    add(&server, &elsewhere.url("/moved"), &again);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(elsewhere.times("/moved"), 1);
    let (status, _) = post(&server, "/add_files/delete_files", &json!({ "hash": hash }));
    assert_eq!(status, 200);
    add(&server, &elsewhere.url("/moved"), &json!({ "destination_page_name": "third" }));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(elsewhere.times("/moved"), 1);
}

#[test]
fn cookies_headers_and_the_user_agent_are_sent() {
    let elsewhere = Elsewhere::start();
    let (server, _data) = start("downloads-cookies", ALLOW);
    let cookies = json!({ "cookies": [["pass", "sesame", "127.0.0.1", "/", null]] });
    assert_eq!(post(&server, "/manage_cookies/set_cookies", &cookies).0, 200);
    let headers = json!({ "domain": "127.0.0.1", "headers": { "X-Token": { "value": "42" } } });
    assert_eq!(post(&server, "/manage_headers/set_headers", &headers).0, 200);
    let agent = json!({ "user-agent": "birds/1" });
    assert_eq!(post(&server, "/manage_headers/set_user_agent", &agent).0, 200);
    add(&server, &elsewhere.url("/guarded"), &json!({}));
    add(&server, &elsewhere.url("/sets"), &json!({}));
    let entries = finished(&server);
    assert_eq!(entries[&elsewhere.url("/guarded")]["status"], 1, "{entries:?}");
    let accept = elsewhere.header("/guarded", "accept").unwrap();
    assert_eq!(accept, "image/jpeg,image/png,image/*;q=0.9,*/*;q=0.8");
    // What a server sets is sent from then on, and shown.
    add(&server, &elsewhere.url("/picture"), &json!({}));
    finished(&server);
    assert_eq!(elsewhere.header("/picture", "cookie").unwrap(), "pass=sesame; told=yes");
}

#[test]
fn nothing_is_fetched_from_here_unless_it_is_allowed() {
    let elsewhere = Elsewhere::start();
    let port = elsewhere.address.split(':').nth(1).unwrap().to_owned();
    let (server, _data) = start("downloads-private", &[]);
    let hosts = ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "10.0.0.1", "0.0.0.0"];
    for host in hosts {
        let url = format!("http://{host}:{port}/picture");
        let body = json!({ "url": url, "destination_page_name": "birds" });
        assert_eq!(post(&server, "/add_urls/add_url", &body).0, 200, "{url}");
    }
    for entry in finished(&server).values() {
        // A machine without such names or without IPv6 may not know the address at all.
        assert!(entry["status"] == 7 || entry["status"] == 4, "{entry}");
    }
    assert_eq!(elsewhere.times("/picture"), 0);
}

#[test]
fn what_waits_survives_a_restart_and_goes_on_when_the_network_does() {
    let elsewhere = Elsewhere::start();
    let (mut server, data) = start("downloads-restart", ALLOW);
    let paused = |is_paused: bool| json!({ "options": { "network_paused": is_paused } });
    assert_eq!(post(&server, "/diptych/apply", &paused(true)).0, 200);
    add(&server, &elsewhere.url("/picture"), &json!({}));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(page(&server)["management"]["urls_import"]["imports"]["simple_status"], "0/1");
    server.kill();
    let server = Server::start(&data, &[SETTINGS, ALLOW].concat());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(elsewhere.times("/picture"), 0);
    assert_eq!(post(&server, "/diptych/apply", &paused(false)).0, 200);
    let entries = finished(&server);
    assert_eq!(entries[&elsewhere.url("/picture")]["status"], 1);
    // A file under way when the library is locked is imported when it is open again.
    add(&server, &elsewhere.url("/slow"), &json!({}));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(post(&server, "/manage_database/lock_on", &json!({})).0, 200);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(post(&server, "/manage_database/lock_off", &json!({})).0, 200);
    assert_eq!(finished(&server)[&elsewhere.url("/slow")]["status"], 1);
    assert_eq!(elsewhere.times("/slow"), 1);
}
