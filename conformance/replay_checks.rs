//! Tests of the replay itself: what it must call equal, what it must not, and that it says so when
//! a server answers something else.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::dummy::{Dummy, json_answer};
use crate::gaps::Gaps;
use crate::image_size::image_size;
use crate::replay::compare::Comparison;
use crate::replay::context::Context;
use crate::replay::judge::judge;
use crate::replay::record::Expect;
use crate::wire::{Answer, Request};

const HASH: &str = "17a34e7088e0b480f1cce8d926e250796d534643763521b85305cf316b90c171";
const OTHER: &str = "0f95a35fc2fcee8e0af5f3d9f7e1e478dd114d836c1da12a9ba9924fe159430b";

/// The checks as trials of this test target.
pub(crate) fn trials() -> Vec<Trial> {
    let checks: [(&str, fn()); 7] = [
        ("values_are_equal_by_the_rules_of_the_suite", values),
        ("order_counts_only_where_it_means_something", orders),
        ("equal_sort_keys_may_swap_and_others_may_not", groups),
        ("an_id_is_known_by_its_hash", ids),
        ("every_class_fails_on_a_wrong_answer", classes),
        ("a_gap_that_passes_fails", gap_verdicts),
        ("image_sizes_are_read_from_heads", sizes),
    ];
    let trial = |(name, check): (&str, fn())| {
        Trial::test(format!("replay/{name}"), move || {
            std::panic::catch_unwind(check).map_err(|_| Failed::from("see the panic above"))
        })
    };
    checks.into_iter().map(trial).collect()
}

fn context(address: &str) -> Context {
    Context::new(address.to_owned(), Path::new("/").to_owned(), Path::new("/").to_owned())
}

#[track_caller]
fn check(api: &str, expected: &Value, got: &Value, same: bool) {
    check_groups(api, None, expected, got, same);
}

#[track_caller]
fn check_groups(api: &str, groups: Option<Vec<i64>>, expected: &Value, got: &Value, same: bool) {
    let mut context = context("127.0.0.1:1");
    let mut comparison = Comparison::new(&mut context, api, groups);
    assert_eq!(comparison.same(expected, got), same, "{api}: {expected} and {got}");
    assert_eq!(comparison.differences.is_empty(), same, "{:?}", comparison.differences);
}

fn values() {
    check("/x", &json!({"a": 1}), &json!({"a": 1}), true);
    check("/x", &json!({"a": 1}), &json!({"a": 1, "b": 2}), false);
    check("/x", &json!({"a": 1, "b": 2}), &json!({"a": 1}), false);
    check("/x", &json!(1), &json!(1.0), false);
    check("/x", &json!(1.0), &json!(1), true);
    check("/x", &json!(1.0), &json!(1.002), false);
    check("/x", &json!(null), &json!(false), false);
    check("/x", &json!("$int"), &json!(5), true);
    check("/x", &json!("$int"), &json!("5"), false);
    check("/x", &json!("$now"), &json!(12), false);
    check("/x", &json!("$now"), &json!(1_600_000_000), true);
    check("/x", &json!("$text"), &json!(""), false);
    check("/x", &json!(format!("$path:{HASH}")), &json!(format!("/data/{HASH}.png")), true);
    check("/x", &json!(format!("$path:{HASH}")), &json!(format!("data/{HASH}.png")), false);
    check("/x", &json!(["$var:a", "$var:a"]), &json!([HASH, HASH]), true);
    check("/x", &json!(["$var:a", "$var:a"]), &json!([HASH, OTHER]), false);
    check("/x", &json!(["$var:a", "$var:b"]), &json!([HASH, HASH]), false);
}

fn orders() {
    let (left, right) = (json!({"tags": ["a", "b"]}), json!({"tags": ["b", "a"]}));
    check("/get_files/search_files", &left, &right, false);
    check("/add_tags/clean_tags", &left, &right, false);
    check(
        "/add_tags/clean_tags",
        &json!({"tags": ["page 1", "page 01"]}),
        &json!({"tags": ["page 01", "page 1"]}),
        true,
    );
    let counted = |names: &[(&str, i64)]| {
        let tag = |(name, count): &(&str, i64)| json!({"value": name, "count": count});
        json!({ "tags": names.iter().map(tag).collect::<Vec<_>>() })
    };
    let api = "/add_tags/search_tags";
    check(api, &counted(&[("a", 2), ("b", 2)]), &counted(&[("b", 2), ("a", 2)]), true);
    check(api, &counted(&[("a", 2), ("b", 1)]), &counted(&[("b", 1), ("a", 2)]), false);
    let urls = |urls: [&str; 2]| json!({"metadata": [{"known_urls": urls}]});
    check("/get_files/file_metadata", &urls(["a", "b"]), &urls(["b", "a"]), true);
    check("/get_files/file_metadata", &urls(["a", "b"]), &urls(["b", "c"]), false);
    let statuses =
        |tags: [&str; 2]| json!({"metadata": [{"tags": {"k": {"storage_tags": {"0": tags}}}}]});
    check("/get_files/file_metadata", &statuses(["a", "b"]), &statuses(["b", "a"]), true);
}

fn groups() {
    let api = "/get_files/search_files";
    let hashes = |names: [&str; 3]| json!({ "hashes": names });
    let groups = Some(vec![0, 0, 1]);
    let expected = hashes(["a", "b", "c"]);
    check_groups(api, groups.clone(), &expected, &hashes(["b", "a", "c"]), true);
    check_groups(api, groups.clone(), &expected, &hashes(["a", "c", "b"]), false);
    check_groups(api, groups, &expected, &hashes(["a", "b", "d"]), false);
    check(api, &expected, &hashes(["b", "a", "c"]), false);
    let pairs = |pairs: [[&str; 2]; 2]| json!({ "potential_duplicate_pairs": pairs });
    let api = "/manage_file_relationships/get_potential_pairs";
    check(api, &pairs([["a", "b"], ["c", "d"]]), &pairs([["d", "c"], ["b", "a"]]), true);
    check(api, &pairs([["a", "b"], ["c", "d"]]), &pairs([["a", "c"], ["b", "d"]]), false);
}

fn ids() {
    let answer =
        json_answer("200 OK", &json!({"metadata": [{"file_id": 7, "hash": HASH}]}).to_string());
    let server = Dummy::start(&[&answer]);
    let mut context = context(&server.address);
    let mut comparison = Comparison::new(&mut context, "/x", None);
    assert!(comparison.same(&json!(format!("$id:{HASH}")), &json!(7)));
    assert!(!comparison.same(&json!(format!("$id:{OTHER}")), &json!(7)));
    assert_eq!(server.requests().len(), 1, "an id is asked for once");
    assert_eq!(context.fill(&json!([format!("$id:{HASH}")])), json!([7]));
}

fn classes() {
    let exact = json!({"class": "exact", "json": {"a": 1}, "type": "application/json"});
    judged(&exact, "200 OK", r#"{"a":1}"#, true);
    judged(&exact, "200 OK", r#"{"a":2}"#, false);
    judged(&exact, "400 Bad Request", r#"{"a":1}"#, false);
    judged(&exact, "200 OK", r#"{"a":1"#, false);
    let ack = json!({"class": "ack", "empty": true, "type": "any"});
    judged(&ack, "200 OK", "", true);
    judged(&ack, "200 OK", "{}", false);
    let error = json!({"class": "error", "type": "application/json",
        "json": {"exception_type": "BadRequestException", "keys": ["error"]}});
    let body = r#"{"error":"no","exception_type":"BadRequestException","status_code":200}"#;
    judged(&error, "200 OK", body, true);
    judged(&error, "200 OK", &body.replace("Bad", "Worse"), false);
    judged(&error, "200 OK", &body.replace("\"no\"", "\"\""), false);
    judged(&error, "200 OK", &body.replace(":200", ":404"), false);
    let loose = json!({"class": "status-only", "type": "any", "json_keys": {"a": "object"}});
    judged(&loose, "200 OK", r#"{"a":{}}"#, true);
    judged(&loose, "200 OK", r#"{"a":[]}"#, false);
    let skip = json!({"class": "skip", "instead": [400], "type": "any"});
    judged(&skip, "400 Bad Request", "", true);
    judged(&skip, "500 Broken", "", false);
    let bytes = json!({"class": "exact", "type": "any", "length": 1, "sha256":
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"});
    judged(&bytes, "200 OK", "a", true);
    judged(&bytes, "200 OK", "b", false);
    let header = json!({"class": "ack", "type": "any", "headers": {"Content-Length": "0"}});
    judged(&header, "200 OK", "", true);
    judged(&header, "200 OK", "x", false);
}

/// Whether a served answer passes, over a real connection. Types other than JSON are left out.
#[track_caller]
fn judged(expect: &Value, status: &str, body: &str, passes: bool) {
    let text = json_answer(status, body);
    let text = if expect["type"] == "any" && !body.starts_with('{') {
        text.replace("Content-Type: application/json\r\n", "")
    } else {
        text
    };
    let server = Dummy::start(&[&text]);
    let mut context = context(&server.address);
    let request = Request { method: "GET".into(), target: "/x".into(), ..Request::default() };
    let answer: Answer = context.send(&request).expect("the dummy answers");
    let status = Some(200).filter(|_| expect["class"] != "skip");
    let expect = Expect {
        class: expect["class"].as_str().expect("a class").to_owned(),
        status,
        members: expect.clone(),
    };
    let verdict = judge(&mut context, ("GET", "/x"), &expect, &answer);
    assert_eq!(verdict.differences.is_empty(), passes, "{body}: {:?}", verdict.differences);
}

fn gap_verdicts() {
    let gaps = Gaps::parse("# words\na/b # not yet\n").expect("a list");
    assert!(gaps.verdict("a/b", Err("differs".into())).is_ok());
    assert!(gaps.verdict("a/b", Ok(())).is_err());
    assert!(gaps.verdict("a/c", Ok(())).is_ok());
    assert!(gaps.verdict("a/c", Err("differs".into())).is_err());
    assert!(gaps.all_known(&["a/c".to_owned()], false).is_err());
    assert!(gaps.all_known(&["a/b".to_owned()], false).is_ok());
    assert!(Gaps::parse("a/b\n").is_err(), "a gap needs a reason");
    assert!(Gaps::parse("a # x\na # y\n").is_err(), "a gap is named once");
}

fn sizes() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0";
    assert_eq!(image_size(png), Some((640, 480)));
    assert_eq!(image_size(b"GIF89a\x05\x00\x06\x00"), Some((5, 6)));
    assert_eq!(
        image_size(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x00\x02\x00\x03"),
        Some((3, 2))
    );
    assert_eq!(image_size(b"\x89PNG\r\n\x1a\n"), None);
    assert_eq!(image_size(b"\xff\xd8\xff"), None);
}
