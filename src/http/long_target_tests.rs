//! Properties of the long-target adapter: whatever the splits, hyper sees the same bytes.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const LIMITS: HeadLimits = HeadLimits { line_bytes: 100_000, fields_bytes: 2000, fields: 20 };

/// What hyper would read when these pieces come one after the other.
fn pass(pieces: &[&[u8]]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut adapter = LongTarget::new(server, LIMITS);
        let send = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
        };
        let receive = async {
            let mut seen = Vec::new();
            let mut part = [0; 5000];
            loop {
                let closed = adapter.state == State::Closed && adapter.buffer.is_empty();
                let read = if closed { 0 } else { adapter.read(&mut part).await.unwrap() };
                if read == 0 {
                    return seen;
                }
                seen.extend_from_slice(&part[..read]);
            }
        };
        let (_, seen) = tokio::join!(send, receive);
        seen
    })
}

fn split(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

fn pass_split(bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let pieces = split(bytes, cuts);
    pass(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// One request and what hyper should see of it.
#[derive(Clone, Debug)]
struct Sample {
    sent: Vec<u8>,
    seen: Vec<u8>,
}

fn sample(length: usize, body: Vec<u8>, lead: &str, line_end: &str) -> Sample {
    let target = format!("/birds?q={}", "a".repeat(length));
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut fields = format!("Host: a{line_end}");
    if !body.is_empty() {
        fields += &format!("Content-Length: {}{line_end}", body.len());
    }
    fields += line_end;
    let sent = format!("{lead}{method} {target} HTTP/1.1{line_end}{fields}");
    let seen = if target.len() <= SHORT_TARGET_BYTES {
        format!("{method} {target} HTTP/1.1{line_end}{fields}")
    } else {
        format!("{method} / HTTP/1.1{line_end}{}: {target}\r\n{fields}", private_name())
    };
    Sample { sent: [sent.as_bytes(), &body].concat(), seen: [seen.as_bytes(), &body].concat() }
}

fn samples() -> impl Strategy<Value = Sample> {
    let length = prop_oneof![0usize..100, 59_980usize..60_010, 65_000usize..99_900];
    let body = proptest::collection::vec(any::<u8>(), 0..3000);
    let lead = prop_oneof![Just(""), Just("\r\n"), Just("\n\r\n")];
    let line_end = prop_oneof![Just("\r\n"), Just("\n")];
    (length, body, lead, line_end)
        .prop_map(|(length, body, lead, line_end)| sample(length, body, lead, line_end))
}

#[test]
fn a_line_is_refused_from_the_first_byte_over_the_limit() {
    for (over, refused) in [(0, false), (1, true)] {
        for line_end in ["\r\n", "\n"] {
            let frame = "GET / HTTP/1.1".len();
            let target = format!("/{}", "a".repeat(LIMITS.line_bytes - frame + over));
            let sent = format!("GET {target} HTTP/1.1{line_end}Host: a\r\n\r\n");
            let seen = String::from_utf8(pass_split(sent.as_bytes(), &[70_000])).unwrap();
            assert_eq!(seen.contains("!414"), refused, "{over} over");
            assert_eq!(seen.contains(&target), !refused);
        }
    }
}

#[test]
fn fields_are_refused_from_the_first_byte_over_the_limit() {
    for (over, refused) in [(0, false), (1, true)] {
        let field = format!("A: {}\r\n", "b".repeat(LIMITS.fields_bytes - 5 + over));
        let sent = format!("GET / HTTP/1.1\r\n{field}\r\n");
        let seen = String::from_utf8(pass(&[sent.as_bytes()])).unwrap();
        assert_eq!(seen.contains("!431"), refused, "{over} over");
    }
    for (count, refused) in [(LIMITS.fields, false), (LIMITS.fields + 1, true)] {
        let sent = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        let seen = String::from_utf8(pass(&[sent.as_bytes()])).unwrap();
        assert_eq!(seen.contains("!431"), refused, "{count} fields");
    }
}

#[test]
fn a_line_without_end_is_refused_when_the_client_stops() {
    let sent = vec![b'a'; LIMITS.line_bytes * 2];
    let seen = String::from_utf8(pass(&[&sent])).unwrap();
    assert!(seen.starts_with("GET / HTTP/1.1\r\n") && seen.contains("!414"), "{seen:?}");
}

#[test]
fn what_cannot_be_followed_makes_a_transparent_pipe() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    for head in [
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let sent = format!("{head}{long}");
        assert_eq!(pass(&[sent.as_bytes()]), sent.as_bytes(), "{head:?}");
    }
}

#[test]
fn the_private_field_is_taken_out_again() {
    let mut headers = HeaderMap::new();
    assert_eq!(take_target(&mut headers), None);
    headers.insert(private_name(), "/long".parse().unwrap());
    assert_eq!(take_target(&mut headers), Some(Moved::Target(b"/long".to_vec())));
    assert!(headers.is_empty());
    headers.insert(private_name(), "!431".parse().unwrap());
    assert_eq!(take_target(&mut headers), Some(Moved::Refused(Refusal::Fields)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pipelined_requests_arrive_whole_however_they_are_split(
        samples in proptest::collection::vec(samples(), 1..5),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let sent: Vec<u8> = samples.iter().flat_map(|one| one.sent.clone()).collect();
        let seen: Vec<u8> = samples.iter().flat_map(|one| one.seen.clone()).collect();
        prop_assert!(pass_split(&sent, &cuts) == seen);
    }

    #[test]
    fn splits_never_change_what_is_seen(
        text in "(GET / HTTP/1.1|\r\n|\n|\r|A: b|Content-Length: 3|:| |xyz){0,12}",
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(pass_split(text.as_bytes(), &cuts), pass(&[text.as_bytes()]));
    }
}
