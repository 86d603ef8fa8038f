//! Plays one case against a server: fills in what was captured, sends, compares, rewrites.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::case::{Case, Door, Exchange};
use crate::compare::{Captures, differences, merged};
use crate::server::{KEY, Server};
use crate::wire::{self, Answer, Request};

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an exchange marked `until` may take to come true.
const UNTIL_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the two doors are and what a case may name.
pub(crate) struct Stage {
    pub(crate) hydrus: String,
    pub(crate) stash: String,
    /// The repository's `fixtures` folder.
    pub(crate) fixtures: PathBuf,
    pub(crate) captures: Captures,
    /// Whether bodies that differ are written into the file instead of failing.
    pub(crate) update: bool,
}

impl Stage {
    /// The stage of a server that has just started.
    pub(crate) fn of(server: &Server, update: bool) -> Stage {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let scratch = server.scratch();
        let mut captures = Captures::new();
        captures.insert("key".to_owned(), KEY.into());
        captures.insert("fixtures".to_owned(), fixtures.to_string_lossy().into());
        captures.insert("tmp".to_owned(), scratch.to_string_lossy().into());
        let (hydrus, stash) = (server.hydrus.clone(), server.stash.clone());
        Stage { hydrus, stash, fixtures, captures, update }
    }

    /// Plays every exchange in order; the first that differs ends it.
    pub(crate) fn play(&mut self, case: &Case) -> Result<(), String> {
        self.copy(case)?;
        let common = case.header("unordered").unwrap_or_default();
        let common = common.split(',').map(|name| name.trim().to_owned());
        let common: Vec<String> = common.filter(|name| !name.is_empty()).collect();
        let mut rewrites = Vec::new();
        for (number, exchange) in case.exchanges.iter().enumerate() {
            let unordered = [common.clone(), exchange.unordered.clone()].concat();
            let (answer, found) = self.exchange(exchange, &unordered)?;
            if found.is_empty() {
                continue;
            }
            if self.update && answer.status == exchange.status {
                rewrites.push((exchange.answer_lines, self.rewritten(exchange, &answer)));
                continue;
            }
            let asked = format!("{} {}", exchange.method, exchange.target);
            return Err(format!("exchange {}: {asked}\n  {}", number + 1, found.join("\n  ")));
        }
        rewrite(&case.path, &rewrites)
    }

    fn copy(&self, case: &Case) -> Result<(), String> {
        for (from, to) in &case.copies {
            let from = self.fixtures.join(from.trim_start_matches("fixtures/"));
            let to = PathBuf::from(self.fill(to));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            }
            fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
        Ok(())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange,
        unordered: &[String],
    ) -> Result<(Answer, Vec<String>), String> {
        let request = self.request(exchange)?;
        let address = match exchange.door {
            Door::Hydrus => self.hydrus.clone(),
            Door::Stash => self.stash.clone(),
        };
        let begun = Instant::now();
        loop {
            let answer = wire::send(&address, &request, TIMEOUT)?;
            let found = self.compare(exchange, &answer, unordered);
            if found.is_empty() || !exchange.until || begun.elapsed() > UNTIL_TIMEOUT {
                return Ok((answer, found));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn request(&self, exchange: &Exchange) -> Result<Request, String> {
        let fill = |(name, value): &(String, String)| (name.clone(), self.fill(value));
        let headers: Vec<(String, String)> = exchange.headers.iter().map(fill).collect();
        let cbor = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.contains("cbor")
        });
        let text = self.fill(&exchange.body);
        let body = if let Some(path) = text.strip_prefix("< ") {
            Some(self.fixture(path)?)
        } else if cbor {
            let value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            Some(wire::to_cbor(&value))
        } else if text.is_empty() && exchange.method != "POST" {
            None
        } else {
            Some(text.into_bytes())
        };
        let target = self.fill(&exchange.target);
        Ok(Request { method: exchange.method.clone(), target, headers, body })
    }

    fn fixture(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.fixtures.join(path.trim().trim_start_matches("fixtures/"));
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn compare(
        &mut self,
        exchange: &Exchange,
        answer: &Answer,
        unordered: &[String],
    ) -> Vec<String> {
        if answer.status != exchange.status {
            let body: String = String::from_utf8_lossy(&answer.body).chars().take(600).collect();
            return vec![format!(
                "status\n    - {}\n    + {} {body}",
                exchange.status, answer.status
            )];
        }
        let mut found = Vec::new();
        for (name, value) in &exchange.answer_headers {
            let (wanted, got) = (self.fill(value), answer.header(name));
            let plain = name.eq_ignore_ascii_case("content-type") && !wanted.contains(';');
            let got = if plain { got.map(|_| answer.media_type()) } else { got };
            let kept = wanted.strip_prefix("[capture ").and_then(|rest| rest.strip_suffix(']'));
            if let (Some(kept), Some(got)) = (kept, &got) {
                // Of a cookie only the pair itself is sent back.
                let pair = got.split(';').next().unwrap_or_default();
                self.captures.insert(kept.to_owned(), Value::from(pair));
                continue;
            }
            if got.as_deref() != Some(wanted.as_str()) && !(wanted == "[any]" && got.is_some()) {
                found.push(format!("{name}\n    - {wanted}\n    + {}", got.unwrap_or_default()));
            }
        }
        if exchange.method != "HEAD" {
            found.extend(self.compare_body(exchange, answer, unordered));
        }
        found
    }

    fn compare_body(
        &mut self,
        exchange: &Exchange,
        answer: &Answer,
        unordered: &[String],
    ) -> Vec<String> {
        let wanted = self.fill(exchange.answer_body.trim());
        let differ = |wanted: &str, got: String| vec![format!("body\n    - {wanted}\n    + {got}")];
        if wanted == "[any]" {
            return Vec::new();
        }
        if let Some(path) = wanted.strip_prefix("< ") {
            return match self.fixture(path) {
                Ok(bytes) if bytes == answer.body => Vec::new(),
                Ok(_) => differ(&wanted, format!("{} other bytes", answer.body.len())),
                Err(error) => vec![error],
            };
        }
        if wanted.starts_with("[bytes ") || wanted.starts_with("[image ") {
            let got = describe(&wanted, &answer.body);
            return if got == wanted { Vec::new() } else { differ(&wanted, got) };
        }
        match answer.decoded() {
            Err(error) => vec![error],
            Ok(None) if wanted == String::from_utf8_lossy(&answer.body).trim() => Vec::new(),
            Ok(None) => differ(&wanted, String::from_utf8_lossy(&answer.body).into_owned()),
            Ok(Some(got)) => match serde_json::from_str(&wanted) {
                Ok(wanted) => differences(&wanted, &got, unordered, &mut self.captures),
                Err(error) => vec![format!("the expected body is no JSON ({error}); got {got}")],
            },
        }
    }

    /// The text with every known `{name}` replaced. A quoted `"{name}"` becomes the value as JSON.
    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.captures {
            let quoted = format!("\"{{{name}}}\"");
            filled = filled.replace(&quoted, &value.to_string());
            let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            filled = filled.replace(&format!("{{{name}}}"), &plain);
        }
        while let Some(start) = filled.find("{sha256:") {
            let Some(end) = filled[start..].find('}') else { break };
            let bytes = self.fixture(&filled[start + 8..start + end]).unwrap_or_default();
            let hash = crate::play::hex(&Sha256::digest(bytes));
            filled.replace_range(start..=start + end, &hash);
        }
        filled
    }

    fn rewritten(&self, exchange: &Exchange, answer: &Answer) -> String {
        let wanted = exchange.answer_body.trim();
        if wanted.starts_with("[bytes ") || wanted.starts_with("[image ") {
            return describe(wanted, &answer.body);
        }
        match answer.decoded() {
            Ok(Some(got)) => {
                let wanted = serde_json::from_str(&self.fill(wanted)).unwrap_or_default();
                format!("{:#}", merged(&wanted, &got))
            }
            _ if answer.body.is_empty() => String::new(),
            _ => match std::str::from_utf8(&answer.body) {
                Ok(text) => text.trim().to_owned(),
                Err(_) => describe("[bytes ", &answer.body),
            },
        }
    }
}

/// Bytes in the words of the expectation: `[bytes N sha256 HEX]`, `[bytes N]`, `[image W x H]`.
fn describe(wanted: &str, bytes: &[u8]) -> String {
    if wanted.starts_with("[image ") {
        let size = crate::image_size::image_size(bytes);
        return size.map_or("no image".to_owned(), |(w, h)| format!("[image {w} x {h}]"));
    }
    if wanted.starts_with("[bytes ") && wanted.ends_with(']') && !wanted.contains("sha256") {
        return format!("[bytes {}]", bytes.len());
    }
    format!("[bytes {} sha256 {}]", bytes.len(), hex(&Sha256::digest(bytes)))
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts new answer bodies in the place of old ones.
fn rewrite(path: &Path, rewrites: &[((usize, usize), String)]) -> Result<(), String> {
    if rewrites.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for ((start, length), body) in rewrites.iter().rev() {
        lines.splice(*start..start + length, body.lines().map(str::to_owned));
    }
    fs::write(path, lines.join("\n") + "\n").map_err(|error| error.to_string())
}
