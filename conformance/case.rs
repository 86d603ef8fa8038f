//! A case file: what it claims, what is sent, what must come back. README.md has the vocabulary.

use std::fs;
use std::path::{Path, PathBuf};

/// Which of the two listeners is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Door {
    Hydrus,
    Stash,
}

/// One file.
pub(crate) struct Case {
    /// Path under `conformance/` without extension; also the test's name.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The `# name: value` lines before the first exchange.
    headers: Vec<(String, String)>,
    /// Files put in place before the first exchange: fixture and target.
    pub(crate) copies: Vec<(String, String)>,
    pub(crate) exchanges: Vec<Exchange>,
}

/// One request and its answer.
pub(crate) struct Exchange {
    pub(crate) door: Door,
    /// Repeat until the answer is the expected one: for what a job does.
    pub(crate) until: bool,
    pub(crate) unordered: Vec<String>,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) answer_headers: Vec<(String, String)>,
    pub(crate) answer_body: String,
    /// The line of the file on which the answer's body begins, counted from zero, and its length.
    pub(crate) answer_lines: (usize, usize),
}

impl Case {
    /// All cases below a folder of `root`, sorted by name.
    pub(crate) fn list(root: &Path, folder: &str) -> Result<Vec<Case>, String> {
        let mut paths = Vec::new();
        visit(&root.join(folder), &mut paths)?;
        paths.sort();
        paths.iter().map(|path| Case::read(root, path)).collect()
    }

    /// Reads one file below `root`.
    pub(crate) fn read(root: &Path, path: &Path) -> Result<Case, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(path).with_extension("");
        Case::parse(name.display().to_string(), path.to_owned(), &text)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(crate) fn parse(name: String, path: PathBuf, text: &str) -> Result<Case, String> {
        let mut headers = Vec::new();
        let mut copies = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        while let Some(line) = lines.get(at).and_then(|line| line.strip_prefix('#')) {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            match value.split_once(' ') {
                Some((from, to)) if key == "copy" => copies.push((from.into(), to.into())),
                _ => headers.push((key, value)),
            }
            at += 1;
        }
        let mut case = Case { name, path, headers, copies, exchanges: Vec::new() };
        while at < lines.len() {
            let end = (at..lines.len()).find(|line| lines[*line].trim() == "###");
            let end = end.unwrap_or(lines.len());
            if lines[at..end].iter().any(|line| !line.trim().is_empty()) {
                let exchange = Exchange::parse(&lines, at, end, case.door())?;
                case.exchanges.push(exchange);
            }
            at = end + 1;
        }
        if case.exchanges.is_empty() && case.copies.is_empty() {
            return Err("no exchange".to_owned());
        }
        Ok(case)
    }

    /// Every value of a header that may be given several times.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The state it starts from; a fresh library when it names none.
    pub(crate) fn library(&self) -> &str {
        self.header("library").unwrap_or("empty")
    }

    /// Whether it may share a server with other cases of its library, because it only reads.
    pub(crate) fn shared(&self) -> bool {
        self.header("shared").is_some()
    }

    fn door(&self) -> Door {
        match self.header("door") {
            Some("stash") => Door::Stash,
            Some("hydrus") => Door::Hydrus,
            _ if self.name.starts_with("stash/") => Door::Stash,
            _ => Door::Hydrus,
        }
    }

    /// What is wrong with the headers, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{}: {what}", self.name));
        match self.header("origin") {
            Some("documented") if self.header("document").is_none() => {
                wrong("a documented case names its document")
            }
            Some("decided") if self.header("reason").is_none_or(str::is_empty) => {
                wrong("a decided case gives its reason")
            }
            Some("documented" | "observed" | "decided") => Ok(()),
            _ => wrong("origin is documented, observed or decided"),
        }
    }
}

fn visit(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            visit(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "http") {
            paths.push(path);
        }
    }
    Ok(())
}

impl Exchange {
    fn parse(lines: &[&str], start: usize, end: usize, door: Door) -> Result<Exchange, String> {
        let mut exchange = Exchange {
            door,
            until: false,
            unordered: Vec::new(),
            method: String::new(),
            target: String::new(),
            headers: Vec::new(),
            body: String::new(),
            status: 0,
            answer_headers: Vec::new(),
            answer_body: String::new(),
            answer_lines: (0, 0),
        };
        let mut at = start;
        while at < end && (lines[at].trim().is_empty() || lines[at].starts_with('#')) {
            exchange.note(lines[at])?;
            at += 1;
        }
        let request = lines[at..end].first().ok_or("no request")?;
        let (method, target) = request.split_once(' ').ok_or("a request is METHOD /target")?;
        (exchange.method, exchange.target) = (method.to_owned(), target.trim().to_owned());
        at = headers(lines, at + 1, end, &mut exchange.headers)?;
        let answer = (at..end).find(|line| is_status(lines[*line]));
        let answer = answer.ok_or("no answer: a line such as `200 OK`")?;
        exchange.body = lines[at..answer].join("\n").trim().to_owned();
        exchange.status = lines[answer][..3].parse().map_err(|_| "no status")?;
        at = headers(lines, answer + 1, end, &mut exchange.answer_headers)?;
        let mut last = end;
        while last > at && lines[last - 1].trim().is_empty() {
            last -= 1;
        }
        exchange.answer_body = lines[at..last].join("\n");
        exchange.answer_lines = (at, last - at);
        Ok(exchange)
    }

    /// A `# word` line before a request.
    fn note(&mut self, line: &str) -> Result<(), String> {
        let Some(note) = line.strip_prefix('#').map(str::trim) else { return Ok(()) };
        match note.split_once(':').map_or((note, ""), |(key, value)| (key, value.trim())) {
            ("until", _) => self.until = true,
            ("unordered", names) => {
                self.unordered = names.split(',').map(|name| name.trim().to_owned()).collect();
            }
            ("door", "hydrus") => self.door = Door::Hydrus,
            ("door", "stash") => self.door = Door::Stash,
            ("", _) => {}
            // A sentence for the reader.
            (word, _) if word.contains(' ') => {}
            (word, _) => return Err(format!("unknown word before a request: {word}")),
        }
        Ok(())
    }
}

/// Reads `Name: value` lines up to the first empty one; gives the line after it.
fn headers(
    lines: &[&str],
    mut at: usize,
    end: usize,
    into: &mut Vec<(String, String)>,
) -> Result<usize, String> {
    while at < end && !lines[at].trim().is_empty() {
        let (name, value) = lines[at].split_once(':').ok_or_else(|| {
            format!("line {}: a header, or an empty line before the body: {}", at + 1, lines[at])
        })?;
        into.push((name.trim().to_owned(), value.trim().to_owned()));
        at += 1;
    }
    Ok((at + 1).min(end))
}

fn is_status(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 4
        && bytes[..3].iter().all(u8::is_ascii_digit)
        && bytes[3] == b' '
        && bytes[4].is_ascii_uppercase()
}
