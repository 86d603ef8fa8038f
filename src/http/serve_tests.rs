//! Listeners on real sockets, spoken to by a client of a few lines.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::http::{FileAnswer, FileSource, ResponseBody, Trigger, websocket};

/// Answers by path; everything else is told back.
struct Echo;

impl Service for Echo {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            match request.path.as_str() {
                "/panic" => panic!("the handler fails on purpose"),
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Response::text(Status::OK, "slow")
                }
                "/never" => std::future::pending().await,
                "/file" => {
                    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls/README.md");
                    let source = FileSource::open_async(path.as_ref()).await.unwrap();
                    let answer = FileAnswer::of_file(source, "text/markdown").answer(&request);
                    answer.unwrap_or_else(|error| Response::text(error.status(), "range"))
                }
                "/stream" => stream(request.query.is_some()),
                "/upgrade" => upgrade(request),
                "/socket" => socket(request),
                "/empty" => Response::new(Status::OK),
                "/teapot" => Response::new(Status(419)).with_header("X-Bad", "a\r\nb"),
                _ => tell(request).await,
            }
        })
    }
}

async fn tell(request: Request) -> Response {
    let line = format!(
        "{} {} {:?} {} {}\n",
        request.method,
        request.path,
        request.query.as_deref().map(str::len),
        request.secure,
        request.headers.get("x-name").unwrap_or("-"),
    );
    match request.body.bytes(1_000_000).await {
        Ok(bytes) => Response::text(Status::OK, line + &bytes.len().to_string()),
        Err(error) => Response::text(error.status(), error.to_string()),
    }
}

fn stream(fails: bool) -> Response {
    let (sender, response) = Response::stream("text/plain", 1);
    tokio::task::spawn_blocking(move || {
        for piece in ["one ", "two ", "three"] {
            sender.send_blocking(piece).unwrap();
        }
        if fails {
            sender.fail_blocking(io::Error::other("the source broke"));
        }
    });
    response
}

fn upgrade(request: Request) -> Response {
    let Some(upgrade) = request.upgrade else {
        return Response::new(Status::UPGRADE_REQUIRED);
    };
    tokio::spawn(async move {
        let mut connection = upgrade.connection().await.unwrap();
        let mut bytes = [0; 5];
        connection.read_exact(&mut bytes).await.unwrap();
        bytes.make_ascii_uppercase();
        connection.write_all(&bytes).await.unwrap();
        connection.shutdown().await.unwrap();
    });
    Response::switching("echo")
}

fn socket(mut request: Request) -> Response {
    match websocket::accept(&mut request, &["loud", "calm"], 1000) {
        Ok((response, pending)) => {
            tokio::spawn(async move {
                let (mut receiver, sender) = pending.socket().await.unwrap();
                while let Some(websocket::Message::Text(text)) = receiver.receive().await {
                    sender.text(&text.to_uppercase()).await.unwrap();
                }
            });
            response
        }
        Err(refused) => refused,
    }
}

/// A running listener.
struct Running {
    address: SocketAddr,
    trigger: Trigger,
    task: tokio::task::JoinHandle<()>,
}

async fn start(change: impl FnOnce(&mut ListenerConfig)) -> Running {
    let mut config = ListenerConfig::plain(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.limits.drain_time = Duration::from_millis(500);
    change(&mut config);
    let listener = Listener::bind(config).await.unwrap();
    let address = listener.address();
    let (trigger, shutdown) = Shutdown::new();
    let task = tokio::spawn(listener.serve(Arc::new(Echo), shutdown));
    Running { address, trigger, task }
}

impl Running {
    /// One connection: sends, then reads to the end.
    async fn exchange(&self, sent: &[u8]) -> String {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let mut answer = Vec::new();
        let (written, read) = tokio::join!(writer.write_all(sent), reader.read_to_end(&mut answer));
        // A refusal may close the connection while the rest is still being sent.
        let _ = (written, read);
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, target: &str) -> String {
        self.exchange(&request("GET", target, "", b"")).await
    }
}

fn request(method: &str, target: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}{length}\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[track_caller]
fn check(answer: &str, status: u16, parts: &[&str]) {
    let found = answer.split(' ').nth(1).unwrap_or_default();
    assert_eq!(found, status.to_string(), "{answer:?}");
    for part in parts {
        assert!(answer.contains(part), "{part:?} is not in {answer:?}");
    }
}

#[tokio::test]
async fn every_method_reaches_the_service() {
    let running = start(|_| ()).await;
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let sent = request(method, "/a%20b?c=d", "X-Name: heron\r\n", b"");
        let told = format!("{method} /a b Some(3) false heron\n0");
        check(&running.exchange(&sent).await, 200, &[&told, "\r\nDate: ", "\r\nContent-Length: "]);
    }
}

#[tokio::test]
async fn bodies_are_read_whole_or_refused() {
    let running = start(|_| ()).await;
    let large = vec![b'x'; 300_000];
    check(&running.exchange(&request("POST", "/", "", &large)).await, 200, &["\n300000"]);
    let chunked =
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nheron\r\n3\r\nowl\r\n0\r\n\r\n";
    check(&running.exchange(chunked).await, 200, &["\n8"]);
    let too_large = vec![b'x'; 1_000_001];
    let refused = running.exchange(&request("POST", "/", "", &too_large)).await;
    check(&refused, 413, &["larger than 1000000 bytes"]);
    let broken = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    check(&running.exchange(broken).await, 400, &["ended early"]);
}

#[tokio::test]
async fn a_head_request_has_the_length_but_no_body() {
    let running = start(|_| ()).await;
    let whole = running.get("/file").await;
    let body = whole.split_once("\r\n\r\n").unwrap().1;
    let length = format!("\r\nContent-Length: {}\r\n", body.len());
    assert!(whole.contains(&length) && body.starts_with("# A certificate"));
    let head = running.exchange(&request("HEAD", "/file", "", b"")).await;
    check(&head, 200, &[&length, "\r\nContent-Type: text/markdown\r\n"]);
    assert!(head.ends_with("\r\n\r\n"), "{head:?}");
    let part = running.exchange(&request("GET", "/file", "Range: bytes=2-14\r\n", b"")).await;
    check(&part, 206, &["\r\nContent-Range: bytes 2-14/", "\r\n\r\nA certificate"]);
    check(&running.get("/empty").await, 200, &["\r\nContent-Length: 0\r\n"]);
}

#[tokio::test]
async fn streams_are_chunked_and_a_broken_one_never_ends_properly() {
    let running = start(|_| ()).await;
    let whole = running.get("/stream").await;
    check(&whole, 200, &["Transfer-Encoding: chunked", "one ", "three"]);
    assert!(whole.ends_with("0\r\n\r\n"), "{whole:?}");
    let broken = running.get("/stream?fails").await;
    assert!(!broken.ends_with("0\r\n\r\n"), "{broken:?}");
}

#[tokio::test]
async fn request_lines_up_to_the_limit_are_served_on_a_kept_connection() {
    let running = start(|_| ()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let long = 2 * 1024 * 1024 - "GET /long? HTTP/1.1".len();
    for (length, body) in [(long, 0), (10, 0), (70_000, 300_000), (65_530, 1), (long, 5)] {
        let target = format!("/long?{}", "q".repeat(length));
        let method = if body == 0 { "GET" } else { "POST" };
        let length = if method == "POST" { length - 1 } else { length };
        let target = &target[..6 + length];
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; body]).await.unwrap();
        let told = format!("{method} /long Some({length}) false -\n{body}");
        let mut answer = vec![0; 4096];
        let mut filled = 0;
        while !answer[..filled].ends_with(told.as_bytes()) {
            let read = stream.read(&mut answer[filled..]).await.unwrap();
            assert!(read > 0, "{:?}", String::from_utf8_lossy(&answer[..filled]));
            filled += read;
        }
    }
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let running = start(|_| ()).await;
    let line = 2 * 1024 * 1024 - "GET / HTTP/1.1".len();
    check(&running.get(&format!("/{}", "q".repeat(line + 1))).await, 414, &["URI Too Long"]);
    check(&running.get(&format!("/{}", "q".repeat(3 * line))).await, 414, &["onnection: close"]);
    let field = format!("X-Name: {}\r\n", "a".repeat(300_000));
    check(&running.exchange(&request("GET", "/", &field, b"")).await, 431, &[]);
    let many = "A: b\r\n".repeat(200);
    check(&running.exchange(&request("GET", "/", &many, b"")).await, 431, &[]);
    check(&running.exchange(b"nonsense\r\n\r\n").await, 400, &[]);
    check(&running.get("/after").await, 200, &["GET /after"]);
}

#[tokio::test]
async fn a_panic_costs_one_answer() {
    let running = start(|_| ()).await;
    check(&running.get("/panic").await, 500, &["Internal Server Error"]);
    check(&running.get("/after").await, 200, &["GET /after"]);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_stopped() {
    let running = start(|config| {
        config.limits.request_time = Duration::from_millis(100);
        config.limits.concurrency = 1;
    })
    .await;
    let began = Instant::now();
    check(&running.get("/never").await, 503, &[]);
    assert!(began.elapsed() < Duration::from_secs(5));
    check(&running.get("/after").await, 200, &["GET /after"]);
    let (first, second) = tokio::join!(running.get("/never"), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        running.get("/waiting").await
    });
    check(&first, 503, &[]);
    assert!(second.contains(" 503 ") || second.contains("/waiting"), "{second:?}");
}

#[tokio::test]
async fn a_slow_upload_that_moves_is_not_stopped() {
    let running = start(|config| config.limits.request_time = Duration::from_millis(250)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = request("POST", "/", "Content-Length: 6\r\n", b"");
    stream.write_all(&head).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    check(&answer, 200, &["\n6"]);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let running = start(|config| config.limits.header_time = Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HT").await.unwrap();
    let mut answer = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stays open");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let running = start(|config| config.limits.connections = 1).await;
    let first = TcpStream::connect(running.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = std::pin::pin!(running.get("/second"));
    assert!(timeout(Duration::from_millis(200), second.as_mut()).await.is_err());
    drop(first);
    check(&second.await, 200, &["GET /second"]);
}

#[tokio::test]
async fn a_status_without_a_name_and_a_bad_header_do_no_harm() {
    let running = start(|_| ()).await;
    let answer = running.get("/teapot").await;
    check(&answer, 419, &[]);
    assert!(!answer.to_lowercase().contains("x-bad"));
}

#[tokio::test]
async fn a_connection_can_be_taken_over() {
    let running = start(|_| ()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head =
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nheron";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    check(&answer, 101, &["\r\n\r\nHERON"]);
    check(&running.get("/upgrade").await, 426, &[]);
}

#[tokio::test]
async fn a_websocket_speaks_after_its_handshake() {
    let running = start(|_| ()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: calm, other\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"\x81\x83\0\0\0\0owl").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x03OWL") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{answer:?}");
    }
    stream.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let accepted = "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    check(&answer, 101, &[accepted, "Sec-Websocket-Protocol: calm\r\n", "\x03OWL"]);
    check(&running.get("/socket").await, 426, &[]);
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_refuses_the_rest() {
    let running = start(|_| ()).await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    let (slow, ()) = tokio::join!(running.get("/slow"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.trigger.fire();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(TcpStream::connect(running.address).await.is_err());
    });
    check(&slow, 200, &["\r\n\r\nslow"]);
    timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn stopping_does_not_wait_longer_than_the_drain_time() {
    let running = start(|_| ()).await;
    let (answer, ()) = tokio::join!(running.get("/never"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.trigger.fire();
    });
    assert_eq!(answer, "");
    timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let running = start(|_| ()).await;
    let refused = Listener::bind(ListenerConfig::plain(running.address)).await.unwrap_err();
    assert!(matches!(&refused, ListenError::InUse { address } if *address == running.address));
    assert_eq!(refused.to_string(), format!("{} is in use by another program", running.address));
}

fn tls_files() -> TlsFiles {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    TlsFiles {
        certificate: folder.join("localhost.cert.pem"),
        key: folder.join("localhost.key.pem"),
    }
}

#[tokio::test]
async fn tls_carries_long_request_lines_too() {
    use rustls::pki_types::pem::PemObject;

    let running = start(|config| config.tls = Some(tls_files())).await;
    let mut roots = rustls::RootCertStore::empty();
    let certificate = tls_files().certificate;
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let target = format!("/long?{}", "q".repeat(1_900_000));
    stream.write_all(&request("GET", &target, "", b"")).await.unwrap();
    let mut answer = Vec::new();
    // Whether the end is announced properly is no matter of HTTP with a length.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    check(&answer, 200, &["GET /long Some(1900000) true"]);
}

#[tokio::test]
async fn tls_files_that_are_of_no_use_are_named() {
    let files = tls_files();
    for (certificate, key, named) in [
        (files.certificate.clone(), PathBuf::from("/no/such.pem"), "/no/such.pem"),
        (PathBuf::from("/no/such.pem"), files.key.clone(), "/no/such.pem"),
        (files.key.clone(), files.key.clone(), "localhost.key.pem"),
        (files.certificate.clone(), files.certificate.clone(), "localhost.cert.pem"),
    ] {
        let mut config = ListenerConfig::plain(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.tls = Some(TlsFiles { certificate, key });
        let refused = Listener::bind(config).await.unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
}

#[test]
fn targets_of_other_forms_become_paths() {
    for (target, expected) in [
        ("/a?b#c", "/a?b"),
        ("http://host:1/a?b", "/a?b"),
        ("http://host", "/"),
        ("http://host?b", "/?b"),
        ("*", "/"),
    ] {
        assert_eq!(origin_form(target.as_bytes()), expected, "{target}");
    }
}

#[test]
fn an_answer_without_a_body_says_so_only_where_it_may() {
    let length = |status: Status| {
        let wire = to_hyper(Response::new(status), Method::Get);
        wire.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(length(Status::OK).as_deref(), Some("0"));
    assert_eq!(length(Status::NO_CONTENT), None);
    assert_eq!(length(Status::NOT_MODIFIED), None);
    let body = ResponseBody::Bytes("heron".into());
    let head = to_hyper(Response::new(Status::OK).with_body(body), Method::Head);
    assert_eq!(head.headers()["content-length"], "5");
}
