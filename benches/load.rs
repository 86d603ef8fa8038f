//! Measures a served library over HTTP: what docs/performance.md shows.
//!
//! ```text
//! diptych bench-library --data DIR --files 1000000 --tags-per-file 20 --seed 1
//! cargo bench --bench load -- DIR            # searches, metadata, autocomplete, memory, start
//! cargo bench --bench load -- DIR quick      # the same without a minute of rest before
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

    /// What the server has computed so far, in milliseconds of its processor time.
    fn processor_ms(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |parts| parts.1);
        let ticks = rest.split_whitespace().skip(11).take(2);
        // A tick is ten milliseconds.
        ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
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

/// Runs it `REPEATS` times; prints the first time, median, 99th percentile, the server's processor
/// time for one, and what came back.
fn measure(server: &Server, name: &str, mut run: impl FnMut() -> usize) {
    let begun = Instant::now();
    let mut size = run();
    let first = begun.elapsed().as_secs_f64() * 1e3;
    let repeats = if first > 500.0 { REPEATS / 10 } else { REPEATS };
    let mut times = Vec::new();
    let before_ms = server.processor_ms();
    for _ in 0..repeats {
        let begun = Instant::now();
        size = run();
        times.push(begun.elapsed());
    }
    let each_ms = (server.processor_ms() - before_ms) / repeats as f64;
    times.sort();
    let at =
        |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("| {name} | {first:.1} | {:.2} | {:.2} | {each_ms:.1} | {size} |", at(50), at(99));
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
    println!("memory at the start: {} MB", server.memory_mb());
    if arguments.next().as_deref() != Some("quick") {
        std::thread::sleep(Duration::from_secs(60));
        println!("memory 60 s later: {} MB", server.memory_mb());
    }
    println!("| request | first ms | p50 ms | p99 ms | processor ms | results or bytes |");
    println!("|---|---:|---:|---:|---:|---:|");
    searches(&server);
    sorts(&server);
    autocomplete(&server);
    metadata(&server);
    println!("memory after the Hydrus door: {} MB", server.memory_mb());
    graphql(&server);
    after_writes(&server);
    println!("memory after the run: {} MB", server.memory_mb());
    let size = |path: String| std::fs::metadata(path).map_or(0, |file| file.len() >> 20);
    println!("library.redb: {} MB", size(format!("{data}/library.redb")));
    let index = std::fs::read_dir(format!("{data}/index")).into_iter().flatten().flatten();
    let bytes: u64 = index.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    println!("index: {} MB", bytes >> 20);
}

const NEWEST: &str = "&file_sort_type=2&file_sort_asc=false";

fn searches(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    let limited = [
        ("one popular tag", r#"["robin harbour 1"]"#),
        ("two popular tags", r#"["robin harbour 1","valley harbour 2"]"#),
        ("three popular tags", r#"["robin harbour 1","valley harbour 2","concert harbour 4"]"#),
        ("popular without popular", r#"["robin harbour 1","-valley harbour 2"]"#),
        ("any of three", r#"[["robin harbour 1","valley harbour 2","concert harbour 4"]]"#),
        ("rare tag", r#"["meadow violin 5005"]"#),
        ("namespace", r#"["species:*"]"#),
        ("wildcard `robin vio*`", r#"["robin vio*"]"#),
        ("wildcard `*isher car*`", r#"["*isher car*"]"#),
        ("everything", r#"["system:everything"]"#),
        ("tag and size", r#"["robin harbour 1","system:filesize > 1 MB"]"#),
        ("archive and wide", r#"["system:archive","system:width > 4000"]"#),
        ("more than 18 tags", r#"["system:number of tags > 18"]"#),
        ("species tags > 2", r#"["system:number of species tags > 2"]"#),
        ("has a url of a domain", r#"["system:has url with domain photos.example"]"#),
        ("imported since a day", r#"["system:import time > 2025-12-31"]"#),
    ];
    for (name, tags) in limited {
        let tags = format!("{},\"system:limit=256\"]", tags.strip_suffix(']').unwrap_or(tags));
        measure(server, &format!("{name}, newest 256"), || {
            search(&mut client, &tags, NEWEST).len()
        });
    }
    let random = search(&mut client, r#"["system:everything","system:limit=1"]"#, NEWEST);
    let answer = client
        .get(&format!("/get_files/file_metadata?file_ids={}", encode(&format!("{random:?}"))));
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let hash = answer["metadata"][0]["hash"].as_str().unwrap_or_default().to_owned();
    let alike = format!(r#"["system:similar to {hash} distance 8"]"#);
    measure(server, "similar to a file, distance 8", || search(&mut client, &alike, "").len());
    measure(server, "every id of the library", || {
        search(&mut client, r#"["system:everything"]"#, "").len()
    });
}

/// The sort types of the Client API, over everything.
fn sorts(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    let sorts = [
        ("size", 0),
        ("file type", 3),
        ("duration", 1),
        ("random", 4),
        ("ratio", 7),
        ("views", 10),
        ("modified time", 14),
        ("archived time", 19),
        ("pixel hash", 21),
        ("lightness", 23),
    ];
    for (name, number) in sorts {
        measure(server, &format!("everything by {name}, 256"), || {
            let more = format!("&file_sort_type={number}");
            search(&mut client, r#"["system:everything","system:limit=256"]"#, &more).len()
        });
    }
}

fn autocomplete(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    for text in ["robin vio", "species:robin v", "spec", "kingf", "violin 77"] {
        measure(server, &format!("autocomplete `{text}`"), || {
            let answer = client.get(&format!("/add_tags/search_tags?search={}", encode(text)));
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            answer["tags"].as_array().map_or(0, Vec::len)
        });
    }
}

fn metadata(server: &Server) {
    let mut client = Client::connect(&server.hydrus);
    let lists = [("newest", NEWEST.to_owned()), ("random", "&file_sort_type=4".to_owned())];
    for (name, more) in lists {
        let ids = search(&mut client, r#"["system:everything","system:limit=256"]"#, &more);
        let list = encode(&serde_json::to_string(&ids).expect("JSON"));
        measure(server, &format!("metadata of the {name} 256 files"), || {
            client.get(&format!("/get_files/file_metadata?file_ids={list}")).len()
        });
    }
}

const SCENES: &str = "count scenes{id title rating100 organized files{path size duration width height} \
                      paths{screenshot stream} tags{id name} performers{id name} studio{id name}}";
const IMAGES: &str = "count images{id title visual_files{...on ImageFile{path size width height}} \
                      paths{thumbnail} tags{id name}}";
const TAGS: &str = "{findTags(filter:{per_page:40}){count tags{id name scene_count image_count}}}";

fn graphql(server: &Server) {
    let mut client = Client::connect(&server.stash);
    let scenes = |filter: &str| format!("{{findScenes({filter}){{{SCENES}}}}}");
    let images = |filter: &str| format!("{{findImages({filter}){{{IMAGES}}}}}");
    let mut queries = vec![(
        "stats".to_owned(),
        "{stats{scene_count image_count scenes_size tag_count}}".to_owned(),
    )];
    for sort in [
        "created_at",
        "title",
        "path",
        "studio",
        "date",
        "random_7",
        "filesize",
        "tag_count",
        "performer_count",
    ] {
        let filter = format!("filter:{{per_page:40,sort:\"{sort}\",direction:DESC}}");
        queries.push((format!("findScenes by {sort}, 40"), scenes(&filter)));
    }
    for sort in ["created_at", "title", "path", "rating"] {
        let filter = format!("filter:{{per_page:40,sort:\"{sort}\",direction:DESC}}");
        queries.push((format!("findImages by {sort}, 40"), images(&filter)));
    }
    queries.push(("findImages `heron`, 40".to_owned(), images("filter:{q:\"heron\",per_page:40}")));
    queries.push(("findTags, 40".to_owned(), TAGS.to_owned()));
    queries.push((
        "findTags `violin 77`, 40".to_owned(),
        TAGS.replace("per_page:40", "per_page:40,q:\"violin 77\""),
    ));
    queries.push((
        "findTags by scenes_count, 40".to_owned(),
        TAGS.replace("per_page:40", "per_page:40,sort:\"scenes_count\""),
    ));
    queries.push((
        "findPerformers, 40".to_owned(),
        "{findPerformers(filter:{per_page:40}){count performers{id name}}}".to_owned(),
    ));
    for (name, query) in queries {
        measure(server, &name, || ask_graphql(&mut client, &query));
    }
}

fn ask_graphql(client: &mut Client, query: &str) -> usize {
    let body = serde_json::json!({"query": query}).to_string();
    let answer = client.ask("POST", "/graphql", "application/json", body.as_bytes());
    assert!(!answer.starts_with(b"{\"errors"), "{}", String::from_utf8_lossy(&answer));
    answer.len()
}

/// What the first reader after a write waits for, and the write itself.
fn after_writes(server: &Server) {
    let (mut hydrus, mut stash) = (Client::connect(&server.hydrus), Client::connect(&server.stash));
    let ids = search(&mut hydrus, r#"["system:everything","system:limit=100"]"#, NEWEST);
    let mut next = ids.iter().cycle();
    let mut write = |hydrus: &mut Client| {
        let id = next.next().expect("files");
        let tag = format!("written {}", std::process::id());
        let body = serde_json::json!({
            "file_ids": [id], "service_keys_to_tags": {"6c6f63616c2074616773": [tag]}
        });
        hydrus
            .ask("POST", "/add_tags/add_tags", "application/json", body.to_string().as_bytes())
            .len()
    };
    measure(server, "a tag for a file", || write(&mut hydrus));
    let titles = format!("{{findScenes(filter:{{per_page:40,sort:\"title\"}}){{{SCENES}}}}}");
    measure(server, "a tag for a file, then findScenes by title", || {
        write(&mut hydrus) + ask_graphql(&mut stash, &titles)
    });
    measure(server, "a tag for a file, then findTags", || {
        write(&mut hydrus) + ask_graphql(&mut stash, TAGS)
    });
    measure(server, "a tag for a file, then everything, newest 256", || {
        write(&mut hydrus);
        search(&mut hydrus, r#"["system:everything","system:limit=256"]"#, NEWEST).len()
    });
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
