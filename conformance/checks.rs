//! Tests of the runner itself: that a case is read as written, and that a server which answers
//! something else is caught.

use std::collections::BTreeSet;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::case::{Case, Door};
use crate::compare::{Captures, differences, merged};
use crate::documents::faults_of;
use crate::dummy::{Dummy, json_answer};
use crate::play::Stage;
use crate::server::Folder;

const CASE: &str = r#"# document: developer_api.md#verify_access_key
# origin: documented
# library: empty

GET /session_key
Hydrus-Client-API-Access-Key: {key}

200 OK
Content-Type: application/json

{"session_key": "[capture session]", "version": "[integer]"}

###

# A sentence for the reader.
# door: stash
POST /graphql
Content-Type: application/json

{"query": "{ a }", "key": "{session}"}

200 OK

[any]
"#;

/// The checks as trials of this test target.
pub(crate) fn trials() -> Vec<Trial> {
    let checks: [(&str, fn()); 6] = [
        ("a_case_is_read_as_written", reading),
        ("placeholders_stand_for_kinds_and_nothing_else", placeholders),
        ("a_wrong_answer_is_a_difference", playing),
        ("captured_values_are_sent", capturing),
        ("accepting_an_answer_keeps_placeholders", accepting),
        ("a_document_without_its_case_is_a_fault", documents),
    ];
    let trial = |(name, check): (&str, fn())| {
        Trial::test(format!("runner/{name}"), move || {
            std::panic::catch_unwind(check).map_err(|_| Failed::from("see the panic above"))
        })
    };
    checks.into_iter().map(trial).collect()
}

fn parse(text: &str) -> Case {
    Case::parse("hydrus/x".to_owned(), PathBuf::new(), text).expect("a case")
}

fn reading() {
    let case = parse(CASE);
    assert!(case.check().is_ok());
    assert_eq!((case.library(), case.shared(), case.exchanges.len()), ("empty", false, 2));
    assert_eq!(case.exchanges[0].door, Door::Hydrus);
    assert_eq!(case.exchanges[1].door, Door::Stash);
    assert_eq!(case.exchanges[1].method, "POST");
    assert_eq!(case.exchanges[1].answer_body, "[any]");
    let broken = |text: &str| Case::parse(String::new(), PathBuf::new(), text).is_err();
    assert!(broken("# origin: observed\n"));
    assert!(broken("# origin: observed\n\nGET /x\n\nno status\n"));
    assert!(broken("# origin: observed\n\n# untill\nGET /x\n\n200 OK\n"));
    assert!(parse(&CASE.replace("documented", "guessed")).check().is_err());
    assert!(parse(&CASE.replace("documented", "decided")).check().is_err());
}

#[track_caller]
fn check(expected: Value, got: Value, same: bool) {
    let found = differences(&expected, &got, &["free".to_owned()], &mut Captures::new());
    assert_eq!(found.is_empty(), same, "{expected} and {got}: {found:?}");
}

fn placeholders() {
    check(json!({"a": "[integer]"}), json!({"a": 1}), true);
    check(json!({"a": "[integer]"}), json!({"a": 1.5}), false);
    check(json!({"a": "[string]"}), json!({"a": ""}), false);
    check(json!({"a": "[any]"}), json!({}), false);
    check(json!({"a": 1}), json!({"a": 1, "b": 2}), false);
    check(json!({"a": 1, "[more]": "[any]"}), json!({"a": 1, "b": 2}), true);
    check(json!([1, "[more]"]), json!([1, 2]), true);
    check(json!([2, "[more]"]), json!([1, 2]), false);
    check(json!([1, 2]), json!([2, 1]), false);
    check(json!({"free": [1, 2]}), json!({"free": [2, 1]}), true);
    check(json!({"free": [1, 2]}), json!({"free": [2, 3]}), false);
    check(json!({"free": [1]}), json!({"free": [1, 1]}), false);
    check(json!("[hash]"), json!("ab"), false);
    check(json!("[time]"), json!("2024-01-31T12:00:00Z"), true);
    check(json!("[time]"), json!("yesterday"), false);
    check(json!(1), json!(1.0), false);
}

/// Plays the case against a server that gives these answers.
fn play(answers: &[&str]) -> (Result<(), String>, Vec<String>) {
    let server = Dummy::start(answers);
    let folder = Folder::new("check");
    let mut captures = Captures::new();
    captures.insert("key".to_owned(), json!("abc"));
    let mut stage = Stage {
        hydrus: server.address.clone(),
        stash: server.address.clone(),
        fixtures: folder.path().to_owned(),
        captures,
        update: false,
    };
    (stage.play(&parse(CASE)), server.requests())
}

fn playing() {
    let right = json_answer("200 OK", r#"{"session_key": 5, "version": 95}"#);
    assert_eq!(play(&[&right, &right]).0, Ok(()));
    for wrong in [
        right.replace("95", "\"95\""),
        right.replace("200 OK", "403 Forbidden"),
        right.replace("application/json", "text/html"),
        right.replace("session_key", "session_kez"),
        right.replace('}', "]"),
        "HTTP nonsense".to_owned(),
        String::new(),
    ] {
        let (result, _) = play(&[&wrong, &right]);
        assert!(result.is_err(), "passes with {wrong}");
    }
    let (result, _) = play(&[&right, &right.replace("200 OK", "500 Broken")]);
    assert!(result.is_err_and(|error| error.contains("exchange 2")));
}

fn capturing() {
    let answer = json_answer("200 OK", r#"{"session_key": 5, "version": 95}"#);
    let (_, requests) = play(&[&answer, &answer]);
    assert!(requests[0].contains("Hydrus-Client-API-Access-Key: abc\r\n"), "{requests:?}");
    assert!(requests[1].ends_with(r#"{"query": "{ a }", "key": 5}"#), "{requests:?}");
}

fn accepting() {
    let expected = json!({"a": "[integer]", "b": 1, "gone": 2});
    let got = json!({"a": 7, "b": 3, "new": 4});
    assert_eq!(merged(&expected, &got), json!({"a": "[integer]", "b": 3, "new": 4}));
    assert_eq!(merged(&json!("[integer]"), &json!("x")), json!("x"));
}

fn documents() {
    let text = |entry: &str| {
        format!(
            "[[document]]\nname = 'd'\nrevision = '1'\nsha256 = '{}'\nheadings = 1\nexamples = 0\n\
             [document.entries]\n'GET /x' = {entry}\n",
            "0".repeat(64)
        )
    };
    let cases = BTreeSet::from(["hydrus/x"]);
    assert!(faults_of(&text("{ case = 'hydrus/x' }"), &cases).is_empty());
    assert!(faults_of(&text("{ pending = 'later' }"), &cases).is_empty());
    assert_eq!(faults_of(&text("{ case = 'hydrus/y' }"), &cases).len(), 1);
    assert_eq!(faults_of(&text("{ pending = '' }"), &cases).len(), 1);
    assert_eq!(faults_of(&text("{ case = 'hydrus/x', sha256 = '12' }"), &cases).len(), 1);
}
