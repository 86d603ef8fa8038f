//! Values by name and type, as a query and as a body give them.

use serde_json::{Value, json};

use super::*;
use crate::http::Pairs;
use crate::hydrus::endpoint::{Access, Endpoint, optional};
use crate::hydrus::error::Rejection;

const ANY: &[crate::hydrus::endpoint::Param] = &[
    optional("hash", "", ""),
    optional("hashes", "", ""),
    optional("file_id", "", ""),
    optional("tags", "", ""),
    optional("url", "", ""),
    optional("download", "", ""),
    optional("service_keys_to_tags", "", ""),
    optional("notes", "", ""),
    optional("viewtime", "", ""),
];

static ENDPOINT: Endpoint =
    Endpoint::get("/test", Access::Open, &[ANY], |_, _| Err(Rejection::busy()));

fn of_query(text: &str) -> Result<Params, String> {
    let values = query(&Pairs::parse(text)).map_err(|rejection| rejection.message)?;
    Ok(Params::new(&ENDPOINT, values, None))
}

fn of_body(value: &Value) -> Result<Params, String> {
    let values = json_body(value.to_string().as_bytes()).map_err(|rejection| rejection.message)?;
    Ok(Params::new(&ENDPOINT, values, None))
}

#[test]
fn a_query_is_typed_by_its_names() {
    let table = [
        ("file_id=7", "file_id", Ok(json!(7))),
        ("file_id=7&file_id=8", "file_id", Ok(json!(7))),
        (
            "file_id=x",
            "file_id",
            Err("I was expecting to parse 'file_id' as an integer, but it failed."),
        ),
        ("hash=sha256:0aFF", "hash", Ok(json!("0aFF"))),
        ("hash=zz", "hash", Err("I was expecting to parse 'hash' as a hex string, but it failed.")),
        ("url=a%2520b", "url", Ok(json!("a b"))),
        ("tags=[%22blue+tit%22]", "tags", Ok(json!(["blue tit"]))),
        ("tags=[%22a%2520b%22]", "tags", Ok(json!(["a b"]))),
        (
            "tags=[",
            "tags",
            Err("I was expecting to parse 'tags' as a json-encoded string, but it failed."),
        ),
        ("hashes=[%220a%22]", "hashes", Ok(json!(["0a"]))),
        (
            "hashes=[1]",
            "hashes",
            Err("I was expecting to parse 'hashes' as a json-encoded hex strings, but it failed."),
        ),
        ("cbor=1&tags=gWFh", "tags", Ok(json!(["a"]))),
        (
            "cbor=1&tags=[]",
            "tags",
            Err("I was expecting to parse 'tags' as a json-encoded string, but it failed."),
        ),
    ];
    for (text, name, expected) in table {
        let found = of_query(text).map(|params| params.value(name).cloned());
        assert_eq!(found, expected.map(Some).map_err(str::to_owned), "{text}");
    }
    assert!(!of_query("download=null").unwrap().has("download"));
    assert!(of_query("unknown=[").is_ok());
}

#[test]
fn a_body_is_an_object_whose_hexadecimal_values_are_such() {
    let refused = |body: &Value| of_body(body).unwrap_err();
    assert!(refused(&json!([])).contains("JSON Object"));
    assert!(refused(&json!({"hash": 5})).contains("'hash' as a hex string"));
    assert!(refused(&json!({"hashes": ["x"]})).contains("list of hex strings"));
    let by_key = json!({"service_keys_to_tags": {"zz": []}});
    assert!(refused(&by_key).contains("dictionary of hex strings"));
    let empty = of_body(&json!({"hash": "", "hashes": null})).unwrap();
    assert!(!empty.has("hash") && !empty.has("hashes"));
    assert!(json_body(b"").unwrap_err().message.starts_with("Sorry, did not understand the JSON"));
    let deep = "[".repeat(100_000);
    assert!(json_body(deep.as_bytes()).is_err());
}

#[test]
fn cbor_bodies_have_the_values_that_json_has() {
    let packed = |value: &ciborium::Value| {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        cbor_body(&bytes)
    };
    let member = |value| ciborium::Value::Map(vec![(ciborium::Value::Text("notes".into()), value)]);
    let numbered = ciborium::Value::Map(vec![(0.into(), ciborium::Value::Text("x".into()))]);
    assert_eq!(packed(&member(numbered)).unwrap()["notes"], json!({"0": "x"}));
    assert!(packed(&member(ciborium::Value::Bytes(vec![1]))).is_err());
    assert!(packed(&member(ciborium::Value::Float(1.5))).is_ok());
    assert!(cbor_body(&[0x81; 100_000]).is_err());
    assert!(cbor_body(&[]).is_err());
}

#[test]
fn values_of_another_type_are_refused_in_the_known_words() {
    let params = of_body(&json!({
        "file_id": "1", "tags": ["a", 5], "download": 1, "notes": {"a": null}, "viewtime": "5",
    }))
    .unwrap();
    let table = [
        (
            params.integer("file_id").unwrap_err(),
            "The parameter \"file_id\", with value \"1\", was not the expected type: integer!",
        ),
        (
            params.texts("tags").unwrap_err(),
            "The list parameter \"tags\" held an item, \"5\" that was <class 'int'> and not the \
             expected type: string!",
        ),
        (
            params.boolean("download").unwrap_err(),
            "The parameter \"download\", with value \"1\", was not the expected type: boolean!",
        ),
        (
            params.text_object("notes").unwrap_err(),
            "The Object parameter \"notes\" held a value, \"None\" that was <class 'NoneType'> and \
             not the expected type: string!",
        ),
        (
            params.number("viewtime").unwrap_err(),
            "The parameter \"viewtime\", with value \"5\", was not the expected type: float!",
        ),
        (params.need_text("url").unwrap_err(), "The required parameter \"url\" was missing!"),
    ];
    for (rejection, sentence) in table {
        assert_eq!(rejection, Rejection::bad_request(sentence));
    }
}

#[test]
fn truth_values_pass_as_integers() {
    let params = of_body(&json!({"file_id": true, "viewtime": 3})).unwrap();
    assert_eq!(params.integer("file_id"), Ok(Some(1)));
    assert_eq!(params.number("viewtime"), Ok(Some(3.0)));
}
