//! Reading `recorded/*.jsonl`: the compact form back into what is sent and what must come back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The header of an access key.
pub(crate) const KEY_HEADER: &str = "Hydrus-Client-API-Access-Key";

/// One recorded step.
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) area: String,
    pub(crate) step: Step,
    /// The name under which the `path` of the answer is kept.
    pub(crate) bind_path: Option<String>,
    /// `None`: sent, not judged.
    pub(crate) expect: Option<Expect>,
}

/// What is done.
pub(crate) enum Step {
    Apply(Value),
    CopySample { sample: String, to: String },
    Exchange(Box<Exchange>),
    Hide { path: String },
    Restart,
    Sleep(f64),
}

/// A request with its placeholders still in place.
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<Value>,
    pub(crate) raw_query: Option<String>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) body: Body,
}

/// The body of a request.
pub(crate) enum Body {
    Cbor(Value),
    Hex(String),
    Json(Value),
    None,
    Sample(String),
    Text(String),
}

/// What must come back; the words are those of the suite's README.
pub(crate) struct Expect {
    pub(crate) class: String,
    pub(crate) status: Option<u16>,
    pub(crate) members: Value,
}

/// Everything under `recorded/`: the records in order and the samples they name.
pub(crate) struct Recording {
    pub(crate) records: Vec<Record>,
    pub(crate) samples: BTreeMap<String, PathBuf>,
}

impl Recording {
    /// Reads `recorded`, whose samples lie in `media`; a sample that is not the recorded one fails.
    pub(crate) fn load(recorded: &Path, media: &Path) -> Result<Recording, String> {
        let shared = read_json(&recorded.join("shared.json"))?;
        let names = read_json(&recorded.join("samples.json"))?;
        let mut samples = BTreeMap::new();
        let mut hashes = BTreeMap::new();
        for (short, entry) in names.as_object().ok_or("samples.json is no object")? {
            let name = entry[0].as_str().unwrap_or_default();
            let hash = entry[1].as_str().unwrap_or_default();
            let path = media.join(name);
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if hex(&Sha256::digest(&bytes)) != hash {
                return Err(format!("{} is not the recorded sample", path.display()));
            }
            samples.insert(short.clone(), path);
            hashes.insert(short.clone(), hash.to_owned());
        }
        let expand = Expander { shared: &shared, hashes: &hashes };
        let mut records = Vec::new();
        for path in data_files(recorded)? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let area = stem.split_once('-').map_or(stem.as_str(), |(_, area)| area);
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            for line in text.lines() {
                let raw: Value = serde_json::from_str(line)
                    .map_err(|error| format!("{}: {error}: {line}", path.display()))?;
                records.push(Record::from(area, &expand.value(&raw)));
            }
        }
        records.sort_by_key(|record| order(&record.id));
        Ok(Recording { records, samples })
    }
}

fn data_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    Ok(files)
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ids order everything over all files: `12.3` stands between `12` and `13`.
fn order(id: &str) -> Vec<u64> {
    id.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

struct Expander<'a> {
    shared: &'a Value,
    hashes: &'a BTreeMap<String, String>,
}

impl Expander<'_> {
    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix("$shared:") {
                Some(name) => self.value(&self.shared[name]),
                None => Value::String(self.text(text)),
            },
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, item)| (self.text(key), self.value(item))).collect()
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        let Some((before, name)) = text.split_once("$sha:") else { return text.to_owned() };
        match self.hashes.get(name) {
            Some(hash) => format!("{before}{hash}"),
            None => text.to_owned(),
        }
    }
}

impl Record {
    fn from(area: &str, raw: &Value) -> Record {
        let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        let step = if let Some(body) = raw.get("apply") {
            Step::Apply(body.clone())
        } else if let Some(seconds) = raw.get("sleep").and_then(Value::as_f64) {
            Step::Sleep(seconds)
        } else if raw.get("restart").is_some() {
            Step::Restart
        } else if let Some(action) = raw.get("fs") {
            if action["action"] == "hide" {
                Step::Hide { path: text(&action["path"]) }
            } else {
                Step::CopySample { sample: text(&action["sample"]), to: text(&action["to"]) }
            }
        } else {
            Step::Exchange(Box::new(Exchange::from(raw)))
        };
        let expect = match &step {
            Step::Apply(_) if raw.get("expect").is_none() => {
                Some(Expect { class: "apply".to_owned(), status: Some(200), members: Value::Null })
            }
            _ => raw.get("expect").and_then(Expect::from),
        };
        Record {
            id: text(&raw["id"]),
            area: area.to_owned(),
            step,
            bind_path: raw.get("bind_path").and_then(Value::as_str).map(str::to_owned),
            expect,
        }
    }

    /// The request in a few words.
    pub(crate) fn describe(&self) -> String {
        match &self.step {
            Step::Exchange(exchange) => {
                let detail = match (&exchange.query, &exchange.raw_query, &exchange.body) {
                    (Some(query), _, _) => query.to_string(),
                    (_, Some(query), _) => query.clone(),
                    (_, _, Body::Json(body) | Body::Cbor(body)) => body.to_string(),
                    (_, _, Body::Sample(name)) => format!("< {name}"),
                    (_, _, Body::Text(text)) => text.clone(),
                    _ => String::new(),
                };
                let detail: String = detail.chars().take(200).collect();
                format!("{} {} {}", exchange.method, exchange.path, detail)
            }
            Step::Apply(body) => {
                format!("apply {}", body.to_string().chars().take(160).collect::<String>())
            }
            _ => String::new(),
        }
    }
}

impl Exchange {
    fn from(raw: &Value) -> Exchange {
        const METHODS: [&str; 7] = ["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"];
        let method = METHODS.iter().find(|method| raw.get(**method).is_some()).unwrap_or(&"GET");
        let mut headers =
            raw.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(key) = raw.get("key").and_then(Value::as_str) {
            headers.insert(KEY_HEADER.to_owned(), json!(key.repeat(32)));
        }
        let mut default_type = |kind: &str| {
            if !headers.contains_key("Content-Type") {
                headers.insert("Content-Type".to_owned(), json!(kind));
            }
        };
        let body = if let Some(body) = raw.get("json") {
            default_type("application/json");
            Body::Json(body.clone())
        } else if let Some(body) = raw.get("cbor") {
            Body::Cbor(body.clone())
        } else if let Some(name) = raw.get("file").and_then(Value::as_str) {
            default_type("application/octet-stream");
            Body::Sample(name.to_owned())
        } else if let Some(text) = raw.get("text").and_then(Value::as_str) {
            Body::Text(text.to_owned())
        } else if let Some(digits) = raw.get("hex").and_then(Value::as_str) {
            Body::Hex(digits.to_owned())
        } else {
            Body::None
        };
        Exchange {
            method: (*method).to_owned(),
            path: raw[*method].as_str().unwrap_or_default().to_owned(),
            query: raw.get("query").cloned(),
            raw_query: raw.get("raw_query").and_then(Value::as_str).map(str::to_owned),
            headers,
            body,
        }
    }
}

impl Expect {
    fn from(raw: &Value) -> Option<Expect> {
        if raw == "ack" {
            let members = json!({ "empty": true, "type": "any" });
            return Some(Expect { class: "ack".to_owned(), status: Some(200), members });
        }
        let mut members = raw.clone();
        let class = raw.get("class")?.as_str()?.to_owned();
        let status = match raw.get("status") {
            None => Some(200),
            Some(status) => status.as_u64().and_then(|status| u16::try_from(status).ok()),
        };
        if class == "exact" && raw.get("bare").is_none() && raw.get("json").is_some() {
            members["json"]["version"] = json!(95);
            members["json"]["hydrus_version"] = json!("$int");
        }
        if raw.get("type").is_none() {
            members["type"] = json!("application/json");
        }
        Some(Expect { class, status, members })
    }
}
