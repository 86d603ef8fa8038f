//! Wrong input for [`malformed_tests`](super::malformed_tests): values, bodies, queries.

use serde_json::{Map, Value, json};

use super::malformed_tests::{FULL, packed};
use crate::model::hash::from_hex;

/// Values that are wrong nearly everywhere.
pub(super) fn wrong_values() -> Vec<Value> {
    let nested = |depth: usize, open: fn(Value) -> Value| {
        (0..depth).fold(json!("x"), |inner, _| open(inner))
    };
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(7),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("zz"),
        json!("abc"),
        json!("ab"),
        json!("\u{0}\u{fffd}\u{200b}"),
        json!("-:system:*"),
        json!("f".repeat(64)),
        json!(FULL),
        json!("6c6f63616c2074616773"),
        json!("616c6c206b6e6f776e2066696c6573"),
        json!("../../etc/hostname"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!(["x", 1, null, {}]),
        json!([-1]),
        json!([4_294_967_297_i64, 1]),
        json!(["f".repeat(64), "ab"]),
        json!(["system:height > 99999999999999999999", ["system:nonsense"]]),
        json!({}),
        json!({"x": 1}),
        json!({"6c6f63616c2074616773": ["a", 1]}),
        json!({"6c6f63616c2074616773": {"99": ["a"]}}),
        json!({"7472617368": ["a"]}),
        json!({"zz": ["a"]}),
        nested(60, |inner| json!([inner])),
        nested(60, |inner| json!({"a": inner})),
    ]
}

/// Values that are too much: a long text, long lists, deep nesting.
pub(super) fn huge_values() -> Vec<Value> {
    let nested = (0..110).fold(json!(1), |inner, _| json!([inner]));
    vec![
        json!("x".repeat(1 << 20)),
        json!("ab".repeat(1 << 19)),
        json!(vec![0; 100_000]),
        json!(vec![""; 100_000]),
        nested,
    ]
}

/// Two ways at once of naming files, of which one cannot be.
pub(super) fn contradictions(hash: &str) -> Vec<Map<String, Value>> {
    let map = |value: Value| value.as_object().unwrap().clone();
    vec![
        map(json!({"hash": hash, "file_id": 4_000_000})),
        map(json!({"hash": "ab", "file_id": 1})),
        map(json!({"hashes": [hash], "file_ids": [1, -5]})),
        map(json!({"hashes": ["00".repeat(32)], "file_ids": [3_999_999_999_u32]})),
        map(json!({"hash": "00".repeat(32), "hashes": ["zz"], "file_ids": [1], "file_id": true})),
        map(json!({"hash": null, "hashes": [], "file_id": null, "file_ids": []})),
        map(json!({"file_service_key": "6c6f63616c2066696c6573", "file_service_keys": ["ff"]})),
        map(json!({"file_service_key": "6c6f63616c2074616773", "file_service_name": "nobody"})),
    ]
}

/// Bodies that are no arguments: content type and bytes.
pub(super) fn broken_bodies() -> Vec<(&'static str, Vec<u8>)> {
    const TEXTS: &[&[u8]] = &[
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"{\"hash\": \"\xff\xfe\"}",
        b"{\"url\": \"\\ud800\"}",
        b"{\"hash\": 1e999}",
        b"{\"a\": 1} {\"b\": 2}",
        b"{\"hash\": \"ab\", \"hash\": 1}",
    ];
    /// Mostly a map of `hash` (64 68617368) or `tags` (64 74616773).
    const PACKED: &[&str] = &[
        "",
        "a164",
        "a16468617368",
        // Indefinite lengths: of a map that never ends, of texts in pieces, of nothing.
        "bf6468617368626162",
        "bf64686173687f626162",
        "bf64686173687f6261626163ffff",
        "bfff",
        // Lengths that are not there: of a map, a list, a text, bytes.
        "bbffffffffffffffff",
        "a164746167739b7fffffffffffffff",
        "a164686173687b000000ffffffffff",
        "a164686173685a7fffffff",
        // Tags, a big number, bytes, undefined, names that are no texts, a text that is none.
        "a16468617368c249010000000000000000",
        "d9d9f7a0",
        "a1646861736842abcd",
        "a16468617368f7",
        "a1f501",
        "a162fffe01",
        "a0a0",
    ];
    let (json, cbor) = ("application/json", "application/cbor");
    let nested = [b"{\"tags\": ".to_vec(), vec![b'['; 5000], vec![b']'; 5000], b"}".to_vec()];
    let mut bodies: Vec<(&str, Vec<u8>)> = vec![
        (json, vec![b'['; 100_000]),
        (json, nested.concat()),
        (cbor, vec![0x81; 100_000]),
        ("application/x-www-form-urlencoded", b"a=b".to_vec()),
        ("multipart/form-data; boundary=x", b"--x".to_vec()),
        ("text/plain", b"{}".to_vec()),
        ("", b"{}".to_vec()),
    ];
    bodies.extend(TEXTS.iter().map(|text| (json, text.to_vec())));
    bodies.extend(PACKED.iter().map(|digits| (cbor, from_hex(digits).unwrap())));
    bodies
}

/// Queries that are broken below the level of values. The name is one of the endpoint's.
pub(super) fn broken_queries(name: &str) -> Vec<String> {
    let wrong_cbor = [vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], vec![0x82, 0x01]];
    let mut queries = vec![
        format!("{name}=%ff%fe"),
        format!("{name}=%"),
        format!("{name}=%zz%2"),
        format!("{name}=%5B%22a"),
        format!("{name}=%00"),
        format!("{name}=x&{name}=1"),
        format!("{name}={}", "%5B".repeat(20_000)),
        format!("{name}=***&cbor=1"),
        format!("{name}=gWFh=&cbor="),
        "&&=&=x&cbor".to_owned(),
    ];
    queries.extend(wrong_cbor.iter().map(|bytes| format!("cbor=1&{name}={}", packed(bytes))));
    queries
}
