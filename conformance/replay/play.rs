//! Walks the recording from its first step to its last against one server.

use std::fs;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::replay::context::{Context, plain};
use crate::replay::judge::judge;
use crate::replay::record::{Body, Exchange, KEY_HEADER, Record, Recording, Step};
use crate::replay::restart::restart;
use crate::server::{KEY, Server};
use crate::wire::{self, Answer, Request};

/// After so many unanswered requests in a row the rest is failed unsent.
const SILENCE_MAX: u32 = 25;

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What became of one judged record.
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) area: String,
    /// The request in a few words and what differs; none when it passed.
    pub(crate) differences: Vec<String>,
}

/// Everything judged, in order, and how many errors used the same words.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) same_wording: usize,
    pub(crate) wordings: usize,
}

/// Plays every record and judges each that claims something.
pub(crate) fn play(recording: &Recording, server: &mut Server, media: &Path) -> Report {
    let context = Context::new(server.hydrus.clone(), media.to_owned(), server.scratch());
    let mut player = Player { recording, context, silence: 0, report: Report::default() };
    for record in &recording.records {
        match &record.step {
            Step::Restart => match restart(server) {
                Ok(()) => player.context.address = server.hydrus.clone(),
                Err(error) => player.note(record, vec![format!("restart: {error}")]),
            },
            _ => player.step(record),
        }
    }
    player.report
}

struct Player<'a> {
    recording: &'a Recording,
    context: Context,
    silence: u32,
    report: Report,
}

impl Player<'_> {
    fn note(&mut self, record: &Record, mut differences: Vec<String>) {
        if !differences.is_empty() {
            differences.insert(0, record.describe());
        }
        let (id, area) = (record.id.clone(), record.area.clone());
        self.report.outcomes.push(Outcome { id, area, differences });
    }

    fn step(&mut self, record: &Record) {
        match &record.step {
            Step::Sleep(seconds) => {
                if self.silence < SILENCE_MAX {
                    std::thread::sleep(Duration::from_secs_f64(*seconds));
                }
            }
            Step::Hide { path } => self.hide(path),
            Step::CopySample { sample, to } => self.copy(sample, to),
            Step::Apply(_) | Step::Exchange(_) if self.silence >= SILENCE_MAX => {
                if record.expect.is_some() {
                    self.note(record, vec!["not sent: the server does not answer".to_owned()]);
                }
            }
            Step::Apply(body) => self.apply(record, body),
            Step::Exchange(exchange) => self.exchange(record, exchange),
            Step::Restart => {}
        }
    }

    /// A file that the server named is moved out of its sight.
    fn hide(&self, name: &str) {
        if let Some(path) = self.context.vars.get(name).and_then(Value::as_str) {
            // What a missing file changes shows in the answers that follow.
            let _ = fs::rename(path, format!("{path}.hidden"));
        }
    }

    fn copy(&mut self, sample: &str, to: &str) {
        let to = plain(&self.context.fill(&json!(to)));
        if let Some(path) = self.recording.samples.get(sample) {
            fs::copy(path, to).expect("the temporary folder is writable");
        }
    }

    fn apply(&mut self, record: &Record, body: &Value) {
        let body = self.context.fill(body).to_string().into_bytes();
        let request = Request {
            method: "POST".to_owned(),
            target: "/diptych/apply".to_owned(),
            headers: vec![
                (KEY_HEADER.to_owned(), KEY.to_owned()),
                ("Content-Type".to_owned(), "application/json".to_owned()),
            ],
            body: Some(body),
        };
        let answer = self.send(&request);
        if record.expect.is_some() {
            let differences = match answer {
                Ok(answer) if answer.status == 200 => Vec::new(),
                Ok(answer) => {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    vec![format!("status: expected 200, got {} {body}", answer.status)]
                }
                Err(error) => vec![error],
            };
            self.note(record, differences);
        }
    }

    fn send(&mut self, request: &Request) -> Result<Answer, String> {
        let answer = self.context.send(request);
        self.silence = if answer.is_err() { self.silence + 1 } else { 0 };
        answer
    }

    fn exchange(&mut self, record: &Record, exchange: &Exchange) {
        let request = match self.request(exchange) {
            Ok(request) => request,
            Err(error) => {
                self.note(record, vec![format!("could not send: {error}")]);
                return;
            }
        };
        let answer = self.send(&request);
        let body = match &answer {
            Ok(answer) if request.method != "HEAD" => answer.decoded().ok().flatten(),
            _ => None,
        };
        if let Some(body) = &body {
            self.learn(record, exchange, body);
        }
        let Some(expect) = &record.expect else { return };
        match answer {
            Err(error) => self.note(record, vec![error]),
            Ok(answer) => {
                let asked = (exchange.method.as_str(), exchange.path.as_str());
                let verdict = judge(&mut self.context, asked, expect, &answer);
                if let Some(same) = verdict.same_wording {
                    self.report.wordings += 1;
                    self.report.same_wording += usize::from(same);
                }
                self.note(record, verdict.differences);
            }
        }
    }

    fn learn(&mut self, record: &Record, exchange: &Exchange, body: &Value) {
        self.context.harvest(body);
        if let Some(expect) = &record.expect
            && expect.class == "exact"
            && let Some(expected) = expect.members.get("json")
            && !exchange.path.ends_with("get_popups")
        {
            self.context.bind(expected, body);
        }
        if let Some(name) = &record.bind_path {
            let path = body.get("path").cloned().unwrap_or_default();
            self.context.vars.insert(name.clone(), path);
        }
    }

    fn request(&mut self, exchange: &Exchange) -> Result<Request, String> {
        let mut headers = Vec::new();
        for (name, value) in exchange.headers.iter().filter(|(_, value)| !value.is_null()) {
            headers.push((name.clone(), plain(&self.context.fill(value))));
        }
        let mut target = exchange.path.clone();
        if let Some(query) = &exchange.raw_query {
            target = format!("{target}?{query}");
        } else if let Some(Value::Object(query)) = &exchange.query
            && !query.is_empty()
        {
            let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
            let mut pair = |(name, value): (&String, &Value)| {
                format!("{}={}", encode(name), encode(&plain(&self.context.fill(value))))
            };
            let pairs: Vec<String> = query.iter().map(&mut pair).collect();
            target = format!("{target}?{}", pairs.join("&"));
        }
        let body = match &exchange.body {
            Body::Cbor(value) => Some(wire::to_cbor(&self.context.fill(value))),
            Body::Hex(digits) => Some(unhex(digits)),
            Body::Json(value) => Some(self.context.fill(value).to_string().into_bytes()),
            Body::None if matches!(exchange.method.as_str(), "POST" | "PUT" | "PATCH") => {
                Some(Vec::new())
            }
            Body::None => None,
            Body::Sample(name) => {
                let path = self.recording.samples.get(name).ok_or("no such sample")?;
                Some(fs::read(path).map_err(|error| error.to_string())?)
            }
            Body::Text(text) => Some(text.clone().into_bytes()),
        };
        Ok(Request { method: exchange.method.clone(), target, headers, body })
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    digits.as_bytes().chunks(2).filter_map(byte).collect()
}
