//! A server that answers what it is told: the runner's own tests play against it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A listener on a free port. It answers the given texts in order, then repeats the last.
pub(crate) struct Dummy {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Dummy {
    /// Each answer is the status line's rest, the headers and the body, as on the wire.
    pub(crate) fn start(answers: &[&str]) -> Dummy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let mut bytes = [0; 64 << 10];
                // The runner's requests are small and come in one piece.
                let count = stream.read(&mut bytes).unwrap_or(0);
                let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
                seen.lock().expect("no thread panics with it").push(request);
                let answer = answers.get(number).or(answers.last());
                let answer = answer.cloned().unwrap_or_default();
                // A runner that has gone away needs no answer.
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
            }
        });
        Dummy { address, requests }
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no thread panics with it").clone()
    }
}

/// An answer with a JSON body.
pub(crate) fn json_answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("{status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}
