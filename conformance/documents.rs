//! The documents the project claims to follow, and where each of their parts is kept true.
//!
//! `documents.toml` holds facts only: names, hashes, headings, the order and a hash of each
//! example. Every entry points at one case, or says why there is none yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::case::Case;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    document: Vec<Document>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    revision: String,
    sha256: String,
    /// How many entries the document has: none can be lost unseen.
    headings: usize,
    examples: usize,
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The case that keeps it true: a path under `conformance/` without extension.
    case: Option<String>,
    /// Why there is no case yet.
    pending: Option<String>,
    /// The first digits of the SHA-256 of an example's text; a heading has none.
    sha256: Option<String>,
}

/// Every fault of `documents.toml`; none is a pass.
pub(crate) fn faults(root: &Path, cases: &[Case]) -> Vec<String> {
    match std::fs::read_to_string(root.join("documents.toml")) {
        Ok(text) => {
            let mut faults =
                faults_of(&text, &cases.iter().map(|case| case.name.as_str()).collect());
            faults.extend(unknown_claims(&text, cases));
            faults
        }
        Err(error) => vec![format!("documents.toml: {error}")],
    }
}

/// Entries that a case names and no document has.
fn unknown_claims(text: &str, cases: &[Case]) -> Vec<String> {
    let Ok(documents) = toml::from_str::<Documents>(text) else { return Vec::new() };
    let mut faults = Vec::new();
    for case in cases {
        for claim in case.values("document") {
            let (name, entries) = claim.split_once(": ").unwrap_or((claim, ""));
            let document = documents.document.iter().find(|document| document.name == name);
            for entry in entries.split(';').map(str::trim) {
                let place = document.and_then(|document| document.entries.get(entry));
                match place.map(|place| place.case.is_some()) {
                    Some(true) => {}
                    Some(false) => faults.push(format!(
                        "{name}: {entry} is pending, but {} keeps it: run tools/documents.py",
                        case.name
                    )),
                    None => {
                        faults.push(format!("{}: {name} has no entry {entry}", case.name));
                    }
                }
            }
        }
    }
    faults
}

/// How many entries have a case, of how many.
pub(crate) fn coverage(root: &Path) -> Option<(usize, usize)> {
    let text = std::fs::read_to_string(root.join("documents.toml")).ok()?;
    let documents: Documents = toml::from_str(&text).ok()?;
    let entries = || documents.document.iter().flat_map(|document| document.entries.values());
    Some((entries().filter(|entry| entry.case.is_some()).count(), entries().count()))
}

pub(crate) fn faults_of(text: &str, cases: &BTreeSet<&str>) -> Vec<String> {
    let documents: Documents = match toml::from_str(text) {
        Ok(documents) => documents,
        Err(error) => return vec![format!("documents.toml: {error}")],
    };
    let mut faults = Vec::new();
    for document in &documents.document {
        let name = &document.name;
        if document.sha256.len() != 64 || document.revision.is_empty() {
            faults.push(format!("{name}: a document has a revision and a SHA-256"));
        }
        let examples = document.entries.values().filter(|entry| entry.sha256.is_some()).count();
        let headings = document.entries.len() - examples;
        if (headings, examples) != (document.headings, document.examples) {
            faults.push(format!(
                "{name}: {headings} headings and {examples} examples are listed, it has {} and {}",
                document.headings, document.examples
            ));
        }
        for (entry, place) in &document.entries {
            match (&place.case, &place.pending) {
                (Some(case), None) if cases.contains(case.as_str()) => {}
                (Some(case), None) => faults.push(format!("{name}: {entry}: no case {case}")),
                (None, Some(reason)) if !reason.is_empty() => {}
                _ => faults.push(format!("{name}: {entry}: either a case or a pending reason")),
            }
        }
    }
    faults
}
