//! Measures a served library over HTTP: what docs/performance.md shows.
//!
//! ```text
//! diptych bench-library --data DIR --files 1000000 --tags-per-file 20 --seed 1
//! cargo bench --bench load -- DIR            # searches, metadata, autocomplete, memory, start
//! cargo bench --bench load -- DIR import     # imports of 1-megapixel JPEGs, one at a time and four
//! ```
//!
//! `DIPTYCH_BINARY` names another build of the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// Requests per measurement: enough for a median, few enough for a large library.
const REPEATS: usize = 60;

struct Server {
    child: Child,
    hydrus: String,
    stash: String,
    started: Duration,
}

impl Server {
    fn start(data: &str) -> Server {
        let begun = Instant::now();
        let binary = std::env::var("DIPTYCH_BINARY");
        let mut child = Command::new(binary.as_deref().unwrap_or(env!("CARGO_BIN_EXE_diptych")))
            .args(["serve", "--hydrus-listen", "127.0.0.1:0", "--stash-listen", "127.0.0.1:0"])
            .args(["--data", data])
            .env("DIPTYCH_ACCESS_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut address = |before: &str| {
            lines.by_ref().flatten().find_map(|line| line.strip_prefix(before).map(str::to_owned))
        };
        let hydrus = address("Hydrus Client API on http://").expect("an address");
        let stash = address("Stash GraphQL API on http://").expect("an address");
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, hydrus, stash, started: begun.elapsed() }
    }

    /// Resident memory in MB.
    fn memory_mb(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0) / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A kept connection: what a client has.
struct Client {
    socket: BufReader<TcpStream>,
    address: String,
}

impl Client {
    fn connect(address: &str) -> Client {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("a socket option");
        Client { socket: BufReader::new(socket), address: address.to_owned() }
    }

    fn ask(&mut self, method: &str, target: &str, kind: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nHydrus-Client-API-Access-Key: {KEY}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let socket = self.socket.get_mut();
        socket.write_all(head.as_bytes()).expect("sent");
        socket.write_all(body).expect("sent");
        let mut line = String::new();
        self.socket.read_line(&mut line).expect("an answer");
        assert!(line.contains(" 200 "), "{target}: {line}");
        let mut length = 0;
        loop {
            line.clear();
            self.socket.read_line(&mut line).expect("a header");
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.socket.read_exact(&mut answer).expect("the body");
        answer
    }

    fn get(&mut self, target: &str) -> Vec<u8> {
        self.ask("GET", target, "text/plain", b"")
    }
}

/// Runs it `REPEATS` times; prints median, 99th percentile and what came back.
fn measure(name: &str, mut run: impl FnMut() -> usize) {
    run();
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..REPEATS {
        let begun = Instant::now();
        size = run();
        times.push(begun.elapsed());
    }
    times.sort();
    let at =
        |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("| {name} | {:.2} | {:.2} | {size} |", at(50), at(99));
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn search(client: &mut Client, tags: &str, more: &str) -> Vec<u64> {
    let answer = client.get(&format!("/get_files/search_files?tags={}{more}", encode(tags)));
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let ids = answer["file_ids"].as_array().expect("a list");
    ids.iter().filter_map(Value::as_u64).collect()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(data) = arguments.next() else {
        println!("name the data folder of a made-up library: see the head of benches/load.rs");
        return;
    };
    let server = Server::start(&data);
    if arguments.next().as_deref() == Some("import") {
        return imports(&server);
    }
    println!("start to serving: {:.0} ms", server.started.as_secs_f64() * 1e3);
    println!("| request | p50 ms | p99 ms | results or bytes |\n|---|---:|---:|---:|");
    searches(&server);
    metadata(&server);
    graphql(&server);
    println!("memory after the run: {} MB", server.memory_mb());
    std::thread::sleep(Duration::from_secs(60));
    println!("memory 60 s later: {} MB", server.memory_mb());
    let size = std::fs::metadata(format!("{data}/library.redb")).map_or(0, |file| file.len());
    println!("library.redb: {} MB", size >> 20);
}

fn searches(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    let limited = [
        ("one popular tag, newest 256", r#"["robin harbour 1","system:limit=256"]"#),
        (
            "two popular tags, newest 256",
            r#"["robin harbour 1","valley harbour 2","system:limit=256"]"#,
        ),
        (
            "popular without popular",
            r#"["robin harbour 1","-valley harbour 2","system:limit=256"]"#,
        ),
        (
            "any of three",
            r#"[["robin harbour 1","valley harbour 2","concert harbour 4"],"system:limit=256"]"#,
        ),
        ("tag and size", r#"["robin harbour 1","system:filesize > 1 MB","system:limit=256"]"#),
        ("rare tag", r#"["meadow violin 5005"]"#),
        ("everything, newest 256", r#"["system:everything","system:limit=256"]"#),
        ("archive and wide", r#"["system:archive","system:width > 4000","system:limit=256"]"#),
        ("namespace", r#"["species:*","system:limit=256"]"#),
    ];
    for (name, tags) in limited {
        measure(name, || search(&mut client, tags, "&file_sort_type=2&file_sort_asc=false").len());
    }
    measure("every id of the library", || {
        search(&mut client, r#"["system:everything"]"#, "").len()
    });
    for text in ["robin vio", "spec", "species:robin v", "kingf"] {
        measure(&format!("autocomplete `{text}`"), || {
            let answer = client.get(&format!("/add_tags/search_tags?search={}", encode(text)));
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            answer["tags"].as_array().map_or(0, Vec::len)
        });
    }
}

fn metadata(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    let ids =
        search(&mut client, r#"["system:everything","system:limit=256"]"#, "&file_sort_type=2");
    let list = encode(&serde_json::to_string(&ids).expect("JSON"));
    measure("metadata of 256 files", || {
        client.get(&format!("/get_files/file_metadata?file_ids={list}")).len()
    });
}

fn graphql(server: &Server) {
    let mut client = Client::connect(&server.stash);
    let queries = [
        (
            "findScenes, a page of 40",
            "{findScenes(filter:{per_page:40,sort:\\\"created_at\\\",direction:DESC}){count scenes{id \
             title rating100 organized files{path size duration width height} paths{screenshot stream} \
             tags{id name} performers{id name} studio{id name}}}}",
        ),
        (
            "findTags, a page of 40",
            "{findTags(filter:{per_page:40}){count tags{id name scene_count}}}",
        ),
        ("stats", "{stats{scene_count image_count scenes_size tag_count}}"),
    ];
    for (name, query) in queries {
        let body = format!("{{\"query\":\"{query}\"}}");
        measure(name, || {
            let answer = client.ask("POST", "/graphql", "application/json", body.as_bytes());
            assert!(!answer.starts_with(b"{\"errors"), "{}", String::from_utf8_lossy(&answer));
            answer.len()
        });
    }
}

/// A smooth picture of a megapixel that differs by its number.
fn photograph(number: u32) -> Vec<u8> {
    let (width, height) = (1152_u32, 896_u32);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let wave =
                (f64::from(x) * (1.0 + f64::from(number % 10_007) / 997.0) / 90.0).sin() * 60.0;
            let shade = f64::from(y) / f64::from(height) * 120.0 + wave + 70.0;
            let grain = f64::from((x * 31 + y * 17 + number % 10_007 * 13) % 23);
            for value in [shade, shade * 0.8 + grain, 200.0 - shade * 0.5] {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped"
                )]
                pixels.push(value.clamp(0.0, 255.0) as u8);
            }
        }
    }
    let picture =
        diptych::media::picture::Picture::new(width, height, 3, pixels).expect("the pixels fit");
    diptych::media::jpeg::encode(&picture, 90, false).expect("a picture encodes")
}

fn imports(server: &Server) {
    let each = 200_u32;
    let base = std::process::id() * 1000;
    for clients in [1, 4] {
        let photographs: Vec<Vec<u8>> =
            (0..each).map(|number| photograph(base + clients * 500 + number)).collect();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for part in photographs.chunks(photographs.len().div_ceil(clients as usize)) {
                scope.spawn(move || {
                    let mut client = Client::connect(&server.hydrus);
                    for bytes in part {
                        let kind = "application/octet-stream";
                        let answer = client.ask("POST", "/add_files/add_file", kind, bytes);
                        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
                        assert_eq!(answer["status"], 1, "{answer}");
                    }
                });
            }
        });
        let rate = f64::from(each) / begun.elapsed().as_secs_f64();
        println!("{clients} at a time: {rate:.0} imports of 1-megapixel JPEGs per second");
    }
}
