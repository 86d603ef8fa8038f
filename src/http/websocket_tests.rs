//! WebSocket frames, sent and received over a connection in memory.

use tokio::io::DuplexStream;

use super::*;

const LIMIT: usize = 70_000;

fn connection() -> (DuplexStream, Receiver, Sender) {
    let (client, server) = tokio::io::duplex(1 << 20);
    let (receiver, sender) = split(Box::new(server), LIMIT);
    (client, receiver, sender)
}

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Sends these frames; gives the messages that arrive and the code the connection closes with.
async fn play(frames: &[Vec<u8>]) -> (Vec<Message>, Option<u16>) {
    let (mut client, mut receiver, sender) = connection();
    client.write_all(&frames.concat()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut messages = Vec::new();
    while let Some(message) = receiver.receive().await {
        messages.push(message);
    }
    drop((receiver, sender));
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let close = answer.windows(4).find(|window| window[0] == 0x88);
    (messages, close.map(|window| u16::from_be_bytes([window[2], window[3]])))
}

#[tokio::test]
async fn messages_of_every_length_arrive() {
    for length in [0, 1, 125, 126, 65_535, 65_536, LIMIT] {
        let text = "a".repeat(length);
        let (messages, close) = play(&[frame(0x81, text.as_bytes())]).await;
        assert_eq!((messages, close), (vec![Message::Text(text)], Some(1000)), "{length}");
    }
    let (messages, close) = play(&[frame(0x82, &vec![7; LIMIT + 1])]).await;
    assert_eq!((messages, close), (Vec::new(), Some(1009)));
}

#[tokio::test]
async fn pieces_are_put_together_around_pings() {
    let frames = [frame(0x01, b"he"), frame(0x89, b"?"), frame(0x00, b"r"), frame(0x80, b"on")];
    assert_eq!(play(&frames).await.0, [Message::Text(String::from("heron"))]);
    let half = vec![b'a'; LIMIT / 2 + 1];
    assert_eq!(play(&[frame(0x01, &half), frame(0x80, &half)]).await.1, Some(1009));
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let (mut client, mut receiver, _sender) = connection();
    client.write_all(&[frame(0x89, b"owl"), frame(0x81, b"x")].concat()).await.unwrap();
    assert_eq!(receiver.receive().await, Some(Message::Text(String::from("x"))));
    let mut answer = [0; 5];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x8a\x03owl");
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_the_connection() {
    for (frames, code) in [
        (vec![frame(0xc1, b"x")], 1002),
        (vec![frame(0x80, b"x")], 1002),
        (vec![frame(0x01, b"x"), frame(0x81, b"x")], 1002),
        (vec![frame(0x83, b"x")], 1002),
        (vec![frame(0x09, b"x")], 1002),
        (vec![frame(0x89, &[0; 126])], 1002),
        (vec![vec![0x81, 0x01, b'x']], 1002),
        (vec![frame(0x81, b"\xff")], 1007),
        (vec![frame(0x88, &1001u16.to_be_bytes())], 1001),
        (vec![frame(0x88, b"")], 1000),
    ] {
        assert_eq!(play(&frames).await, (Vec::new(), Some(code)), "{frames:?}");
    }
}

#[tokio::test]
async fn what_is_sent_is_framed_and_closing_is_final() {
    let (mut client, receiver, sender) = connection();
    sender.text("heron").await.unwrap();
    sender.close(4400, &"é".repeat(100)).await;
    assert!(sender.text("late").await.is_err());
    sender.close(1000, "").await;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(&answer[..7], b"\x81\x05heron");
    assert_eq!(&answer[7..11], [0x88, 124, 0x11, 0x30]);
    assert_eq!(answer.len(), 7 + 2 + 124);
    drop(receiver);
}

#[tokio::test]
async fn dropping_the_receiver_closes_the_connection() {
    let (mut client, receiver, _sender) = connection();
    drop(receiver);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(&answer[..4], [0x88, 12, 0x03, 0xe9]);
}

#[test]
fn a_handshake_is_answered_as_the_rfc_computes_it() {
    let handshake = |pairs: &[(&str, &str)]| {
        let mut request = Request::new(Method::Get, "/graphql");
        for (name, value) in pairs {
            request.headers.append(*name, *value);
        }
        accept(&mut request, &["b", "a"], LIMIT).err().map(|refused| refused.status)
    };
    let upgrade = ("Upgrade", "WebSocket");
    let version = ("Sec-WebSocket-Version", "13");
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(handshake(&[]), Some(Status::UPGRADE_REQUIRED));
    assert_eq!(handshake(&[upgrade, version]), Some(Status::BAD_REQUEST));
    assert_eq!(handshake(&[upgrade, key]), Some(Status::BAD_REQUEST));
    // Without a connection there is nothing to upgrade.
    assert_eq!(handshake(&[upgrade, version, key]), Some(Status::BAD_REQUEST));
}
