//! Tests about the code itself: which layer may name which, where a foreign crate may appear, how
//! long files and functions may be, and what no file may contain.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and the layers it may name. Whoever is missing here may name nothing.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["http"]),
    ("store", &["model", "config"]),
    ("index", &["model", "config"]),
    ("media", &["model", "config"]),
    ("library", &["store", "index", "media", "model", "config"]),
    ("http", &[]),
    ("graphql", &[]),
    ("hydrus", &["library", "model", "http", "config"]),
    ("stash", &["library", "model", "http", "graphql", "config"]),
    ("app", &["hydrus", "stash", "library", "media", "model", "http", "graphql", "config"]),
];

/// Foreign crates that may be named in one layer only.
const OWNERS: &[(&str, &str)] = &[
    ("redb", "store"),
    ("tantivy", "index"),
    ("hyper", "http"),
    ("hyper_util", "http"),
    ("http_body_util", "http"),
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that are tables of data: as long as the data is.
const DATA_FILES: &[&str] = &["src/graphql/tests/examples.rs", "src/hydrus/routes.rs"];

/// Functions that are tables of data: file and name.
const DATA_FUNCTIONS: &[(&str, &str)] = &[];

/// Marks of unfinished work, in pieces so that this file does not contain them.
const FORBIDDEN_WORDS: &[&[&str]] = &[&["to", "do!("], &["unimple", "mented!("], &["FIX", "ME"]];

#[test]
fn layers_point_downward() {
    for (layer, allowed) in MAY_NAME {
        for file in files(&format!("src/{layer}"), "rs") {
            for name in named_layers(&read(&file)) {
                let fine = name == *layer || allowed.contains(&name.as_str());
                let known = MAY_NAME.iter().any(|(other, _)| *other == name);
                assert!(fine || !known, "{} names crate::{name}", file.display());
            }
        }
    }
}

#[test]
fn every_layer_has_its_rule() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let ruled = MAY_NAME.iter().any(|(layer, _)| *layer == name);
        assert!(!path.is_dir() || ruled, "src/{name} has no rule in MAY_NAME");
    }
}

#[test]
fn foreign_crates_stay_in_their_layer() {
    for file in files("src", "rs").iter().filter(|file| !file.ends_with("tidy.rs")) {
        let text = code(&read(file));
        for (name, owner) in OWNERS {
            let owned = file.starts_with(root().join("src").join(owner));
            assert!(owned || !names_crate(&text, name), "{} names {name}", file.display());
        }
    }
}

#[test]
fn files_begin_with_what_they_are() {
    for file in sources() {
        let text = read(&file);
        // A file of a line or two says itself what it is.
        let fine = text.starts_with("//! ") || text.lines().count() < 3;
        assert!(fine, "{} has no `//!` header", file.display());
    }
}

#[test]
fn files_are_short_enough_to_read() {
    for file in sources() {
        let lines = read(&file).lines().count();
        let fine = lines <= FILE_LINES_MAX || DATA_FILES.contains(&relative(&file).as_str());
        assert!(fine, "{} has {lines} lines", file.display());
    }
}

#[test]
fn functions_are_short_enough_to_read() {
    // A test may be as long as its table.
    let test = |file: &Path| file.ends_with("tests.rs") || relative(file).contains("/tests/");
    for file in sources().iter().filter(|file| !test(file)) {
        for (name, lines) in functions(&read(file)) {
            let fine = lines <= FUNCTION_LINES_MAX
                || DATA_FUNCTIONS.contains(&(relative(file).as_str(), name.as_str()));
            assert!(fine, "{}: {name} has {lines} lines", file.display());
        }
    }
}

#[test]
fn no_file_is_unfinished_or_tied_to_one_machine() {
    let here = format!("{}/", root().display());
    let words = FORBIDDEN_WORDS.iter().map(|pieces| pieces.concat()).chain([here]);
    let words: Vec<String> = words.collect();
    for folder in ["src", "conformance", "docs", ".ci", "benches", "fuzz"] {
        for extension in ["rs", "http", "md", "toml", "txt", "graphql", "py", "jsonl", "json"] {
            for file in files(folder, extension) {
                let text = read(&file);
                for word in &words {
                    assert!(!text.contains(word), "{} contains {word}", file.display());
                }
            }
        }
    }
}

#[test]
fn these_rules_notice_what_they_forbid() {
    assert_eq!(named_layers("use crate::store::Store;\n// crate::index\n"), ["store"]);
    assert_eq!(named_layers("use crate::{store, model::Tag};"), ["store", "model"]);
    assert_eq!(named_layers("let x = crate::media::probe();"), ["media"]);
    assert!(names_crate("use redb::Table;", "redb"));
    assert!(!names_crate("use my_redb::Table;", "redb"));
    let long = format!("fn long() {{\n{}}}\n", "    x();\n".repeat(90));
    assert_eq!(functions(&long), [("long".to_owned(), 92)]);
    assert_eq!(functions("    fn short() {}\n"), []);
    assert_eq!(functions(&format!("#[cfg(test)]\nmod tests {{\n    {long}}}\n")), []);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

/// Everything written in Rust here.
fn sources() -> Vec<PathBuf> {
    ["src", "conformance", "benches", "tests", "fuzz"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .collect()
}

/// The files with an extension below a folder, build output left out.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text without lines that are comments.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first segment of every path that begins with `crate::`, groups included.
fn named_layers(text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let text = code(text);
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + mark.len()..];
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => {
                let mut depth = 1_i32;
                let mut start = true;
                for (at, letter) in group.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => start = true,
                        _ if depth == 1 && start && letter.is_alphabetic() => {
                            found.push(word(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    found
}

fn names_crate(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        // `crate::hyper::` would be a module of ours.
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

/// The functions of a formatted file with their lines, tests left out.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        if lines[at] == "#[cfg(test)]" && lines.get(at + 1).is_some_and(|line| line.ends_with('{'))
        {
            at = closing(&lines, at + 1, "");
        } else if let Some((indent, name)) = function_head(lines[at]) {
            let end = closing(&lines, at, indent);
            found.push((name, end - at + 1));
            // What stands inside counts with its function.
            at = end;
        }
        at += 1;
    }
    found
}

/// The indent and name of a function whose body goes over several lines.
fn function_head(line: &str) -> Option<(&str, String)> {
    let trimmed = line.trim_start();
    let indent = &line[..line.len() - trimmed.len()];
    let (before, after) = trimmed.split_once("fn ")?;
    let qualifier = |word: &str| {
        matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"")
            || word.starts_with("pub(")
            || word.ends_with(')')
    };
    let whole = before.split_whitespace().all(qualifier);
    if !whole || line.ends_with(';') || line.ends_with('}') {
        return None;
    }
    let name = after.split(['(', '<']).next().unwrap_or_default();
    Some((indent, name.to_owned()))
}

/// The line that closes what begins at `from` with this indent.
fn closing(lines: &[&str], from: usize, indent: &str) -> usize {
    let close = format!("{indent}}}");
    let declared = format!("{indent})");
    (from..lines.len())
        .find(|at| {
            lines[*at] == close || (lines[*at].starts_with(&declared) && lines[*at].ends_with(';'))
        })
        .unwrap_or(lines.len() - 1)
}
