//! What the replay has learned so far: ids by hash, captured keys, numbers nobody knows.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::replay::record::{KEY_HEADER, hex};
use crate::server::KEY;
use crate::wire::{self, Answer, Request};

/// How long one answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// What the replay knows about the server.
pub(crate) struct Context {
    pub(crate) address: String,
    /// The folder of the samples and a folder for files that a step makes.
    pub(crate) media: PathBuf,
    pub(crate) scratch: PathBuf,
    /// Values seen under `$var:` names, the `$var:` included.
    pub(crate) vars: HashMap<String, Value>,
    ids: HashMap<String, i64>,
    hashes: HashMap<i64, String>,
    unknown: i64,
}

impl Context {
    pub(crate) fn new(address: String, media: PathBuf, scratch: PathBuf) -> Context {
        let (vars, ids, hashes) = (HashMap::new(), HashMap::new(), HashMap::new());
        Context { address, media, scratch, vars, ids, hashes, unknown: 0 }
    }

    /// Notes every id and hash that an answer names together.
    pub(crate) fn harvest(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                if let (Some(id), Some(hash)) = (members.get("file_id"), members.get("hash")) {
                    self.learn(id, hash);
                }
                if let (Some(Value::Array(ids)), Some(Value::Array(hashes))) =
                    (members.get("file_ids"), members.get("hashes"))
                    && ids.len() == hashes.len()
                {
                    ids.iter().zip(hashes).for_each(|(id, hash)| self.learn(id, hash));
                }
                members.values().for_each(|member| self.harvest(member));
            }
            Value::Array(items) => items.iter().for_each(|item| self.harvest(item)),
            _ => {}
        }
    }

    fn learn(&mut self, id: &Value, hash: &Value) {
        if let (Some(id), Some(hash)) = (id.as_i64(), hash.as_str())
            && is_sha256(hash)
        {
            self.ids.insert(hash.to_owned(), id);
            self.hashes.insert(id, hash.to_owned());
        }
    }

    /// The server's id of a hash, made when there is none yet.
    fn id_of(&mut self, hash: &str) -> i64 {
        if !self.ids.contains_key(hash) {
            let target = format!(
                "/get_files/file_metadata?hash={hash}&only_return_identifiers=true\
                 &create_new_file_ids=true"
            );
            self.look_up(target);
        }
        self.ids.get(hash).copied().unwrap_or_else(|| self.new_unknown())
    }

    /// The hash that the server gives for an id.
    pub(crate) fn hash_of(&mut self, id: &Value) -> Option<String> {
        let id = id.as_i64()?;
        if !self.hashes.contains_key(&id) {
            self.look_up(format!(
                "/get_files/file_metadata?file_ids=%5B{id}%5D&only_return_identifiers=true"
            ));
        }
        self.hashes.get(&id).cloned()
    }

    fn look_up(&mut self, target: String) {
        let headers = vec![(KEY_HEADER.to_owned(), KEY.to_owned())];
        let request = Request { method: "GET".to_owned(), target, headers, body: None };
        // An id that cannot be learned shows as a difference where it is compared.
        if let Ok(answer) = wire::send(&self.address, &request, TIMEOUT)
            && let Ok(Some(body)) = answer.decoded()
        {
            self.harvest(&body);
        }
    }

    fn new_unknown(&mut self) -> i64 {
        self.unknown += 1;
        2_000_000_000 + self.unknown * 100_000
    }

    /// A request value with its placeholders filled in.
    pub(crate) fn fill(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                if let (1, Some(inner)) = (members.len(), members.get("$cbor")) {
                    let bytes = wire::to_cbor(&self.fill(inner));
                    return json!(base64::engine::general_purpose::URL_SAFE.encode(bytes));
                }
                let mut filled = Map::new();
                for (key, member) in members {
                    filled.insert(plain(&self.fill_text(key)), self.fill(member));
                }
                Value::Object(filled)
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::String(text) => self.fill_text(text),
            other => other.clone(),
        }
    }

    fn fill_text(&mut self, text: &str) -> Value {
        if let Some(hash) = text.strip_prefix("$id:") {
            json!(self.id_of(hash))
        } else if text.starts_with("$unknown:") {
            json!(self.new_unknown())
        } else if text.starts_with("$var:") {
            let unseen = || json!(hex(&Sha256::digest(text)));
            self.vars.get(text).cloned().unwrap_or_else(unseen)
        } else if let Some(name) = text.strip_prefix("$SAMPLES/") {
            json!(self.media.join(name).to_string_lossy())
        } else if let Some(name) = text.strip_prefix("$TMP/") {
            json!(self.scratch.join(name).to_string_lossy())
        } else {
            json!(text)
        }
    }

    /// Learns session keys, page keys and the like from an answer, judged or not.
    pub(crate) fn bind(&mut self, expected: &Value, got: &Value) {
        match (expected, got) {
            (Value::String(name), Value::String(text))
                if name.starts_with("$var:")
                    && is_sha256(text)
                    && !self.vars.contains_key(name) =>
            {
                self.vars.insert(name.clone(), got.clone());
            }
            (Value::Object(expected), Value::Object(got)) => {
                for (key, member) in expected {
                    self.bind(member, got.get(key).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
                expected.iter().zip(got).for_each(|(expected, got)| self.bind(expected, got));
            }
            _ => {}
        }
    }

    /// Sends a request to the server under test.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, String> {
        wire::send(&self.address, request, TIMEOUT)
    }
}

/// A text as it is, anything else as JSON: how a query carries values.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// 64 lower-case hex digits.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
