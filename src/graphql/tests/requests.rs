//! Requests as a whole: refusals, statuses, limits, the cache of plans.

use serde_json::{Value as Json, json};

use super::examples::{Query, SDL, body, check, check_variables, engine, respond};
use crate::graphql::{Engine, Limits, Map, MediaType, Method, Request, Value};

#[track_caller]
fn check_refused(query: &str, code: &str, message: &str) {
    let outcome = respond(&Request::query(query));
    let body = body(&outcome);
    let error = &body["errors"][0];
    let query = &query[..query.len().min(100)];
    assert_eq!(outcome.http_status, 422, "{query}: {error}");
    assert_eq!(error["extensions"]["code"], code, "{query}: {error}");
    assert!(error["message"].as_str().unwrap().contains(message), "{query}: {error}");
    assert_eq!(body["data"], Json::Null);
}

#[test]
fn refused_documents_tell_code_and_location() {
    check_refused("{ concert(id: 1) { id }", "GRAPHQL_PARSE_FAILED", "syntax error");
    check_refused(
        "{ nope }",
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot query field \"nope\" on type \"Query\"",
    );
    check_refused("{ echo(nope: 1) }", "GRAPHQL_VALIDATION_FAILED", "Unknown argument \"nope\"");
    check_refused("{ needs }", "GRAPHQL_VALIDATION_FAILED", "is required");
    check_refused("query($x: Int) { needs(value: 1) }", "GRAPHQL_VALIDATION_FAILED", "never used");
    check_refused("{ needs(value: $x) }", "GRAPHQL_VALIDATION_FAILED", "not defined");
    check_refused("", "GRAPHQL_PARSE_FAILED", "");
    check_refused(
        "query A { strict { id } } query B { strict { id } }",
        "GRAPHQL_VALIDATION_FAILED",
        "not found",
    );
    let body = body(&respond(&Request::query("{\n  nope\n}")));
    assert_eq!(body["errors"][0]["locations"], json!([{ "line": 2, "column": 3 }]));
}

#[test]
fn statuses_follow_the_media_type_and_method() {
    let request = Request::query("{ nope }");
    let asked = MediaType::from_accept(Some("application/graphql-response+json, */*"));
    let outcome = engine().respond(&request, asked, &(), |_| None);
    assert_eq!(outcome.http_status, 400);
    assert_eq!(outcome.content_type, "application/graphql-response+json");
    let get = Request::from_parameters([("query", "mutation { set(to: 1) }")]).unwrap();
    assert_eq!(get.method, Method::Get);
    assert_eq!(respond(&get).http_status, 406);
    assert_eq!(respond(&Request::query("subscription { tick }")).http_status, 400);
    let events = engine().prepare("subscription { t: tick }", None).unwrap();
    assert_eq!(events.root_fields().collect::<Vec<_>>(), ["tick"]);
}

#[test]
fn bodies_that_are_no_request_are_told_so() {
    let outcome = Request::from_json(b"{\"query\": ").unwrap_err();
    assert_eq!(outcome.http_status, 400);
    let message = body(&outcome)["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("json request body could not be decoded: "), "{message}");
    assert!(message.ends_with(" body:{\"query\": "), "{message}");
    assert!(Request::from_json(b"[]").is_err());
    assert!(Request::from_json(b"{\"query\": 1}").is_err());
    assert!(Request::from_parameters([("variables", "{")]).is_err());
    let plain =
        Request::from_json(b"{\"query\":\"{a}\",\"variables\":null,\"operationName\":\"\"}");
    assert!(plain.unwrap().variables.is_empty());
}

#[test]
fn uploads_reach_their_variables() {
    let operations = br#"{"query":"query($f: Upload) { echo(file: $f) }","variables":{"f":null}}"#;
    let (request, files) =
        Request::from_multipart(operations, br#"{"0":["variables.f"]}"#).unwrap();
    assert_eq!(files, ["0"]);
    let engine = engine();
    let prepared = engine.prepare(&request.query, None).unwrap();
    let variables = engine.variables(&prepared, &request.variables, request.uploads).unwrap();
    assert_eq!(variables.get("f"), Some(&Value::Upload(0)));
    assert_eq!(respond(&request).http_status, 200);
    for map in ["[]", r#"{"0":["variables.g"]}"#, r#"{"0":["query"]}"#, r#"{"0":[1]}"#] {
        let refused = Request::from_multipart(operations, map.as_bytes()).unwrap_err();
        assert_eq!(refused.http_status, 422, "{map}");
    }
}

#[test]
fn a_panic_is_the_error_of_one_request() {
    check(
        "{ panics }",
        json!({ "errors": [{ "message": "Internal system error. Error <on purpose>" }], "data": null }),
    );
}

#[test]
fn introspection_is_answered_beside_other_fields() {
    check(
        r#"query { t: __type(name: "Range") { name inputFields { name defaultValue } } needs(value: 4) __typename }"#,
        json!({ "data": {
            "t": { "name": "Range", "inputFields": [
                { "name": "from", "defaultValue": "1" }, { "name": "to", "defaultValue": null } ] },
            "needs": 4,
            "__typename": "Query",
        } }),
    );
    check_variables(
        "query($n: String!) { __type(name: $n) { kind } __schema { queryType { name } } }",
        json!({ "n": "Genre" }),
        json!({ "data": { "__type": { "kind": "ENUM" }, "__schema": { "queryType": { "name": "Query" } } } }),
    );
}

#[test]
fn a_plan_is_made_once_per_text() {
    let engine = engine();
    let first = engine.prepare("{ concerts { id } }", None).unwrap();
    let second = engine.prepare("{ concerts { id } }", Some("")).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert_eq!(first.size(), 2);
    assert!(engine.execute(&first, &Map::new(), &Query, &()).starts_with(b"{\"data\""));
}

#[test]
fn the_cache_forgets_the_oldest_plan() {
    let limits = Limits { cache_bytes_max: 3_000, ..Limits::default() };
    let engine = Engine::new(SDL, &[], limits).unwrap();
    let first = engine.prepare("{ concerts { id } }", None).unwrap();
    for alias in ["a", "b", "c"] {
        engine.prepare(&format!("{{ {alias}: concerts {{ id }} }}"), None).unwrap();
    }
    let again = engine.prepare("{ concerts { id } }", None).unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &again));
}

#[test]
fn bombs_are_refused_before_they_are_expanded() {
    let mut bomb = "{ concert(id: 1) { ...F0 } }".to_owned();
    for level in 0..60 {
        let next = level + 1;
        bomb += &format!(
            " fragment F{level} on Concert {{ x: opener {{ name }} ...F{next} y{level}: opener {{ name }} ... on Concert {{ ...F{next} }} }}"
        );
    }
    bomb += " fragment F60 on Concert { id }";
    check_refused(&bomb, "COMPLEXITY_LIMIT_EXCEEDED", "complexity");
    let limits = Limits { depth_max: 3, ..Limits::default() };
    let shallow = Engine::new(SDL, &[], limits).unwrap();
    assert!(shallow.prepare("{ concert(id: 1) { opener { name } } }", None).is_ok());
    let limits = Limits { depth_max: 2, ..Limits::default() };
    let shallow = Engine::new(SDL, &[], limits).unwrap();
    assert!(shallow.prepare("{ concert(id: 1) { opener { name } } }", None).is_err());
    let deep = "{".repeat(100_000);
    check_refused(&deep, "GRAPHQL_PARSE_FAILED", "");
    let nested = format!("{{ echo(any: {}) }}", "[".repeat(50_000));
    check_refused(&nested, "GRAPHQL_PARSE_FAILED", "");
    let loops = "{ concert(id: 1) { ...A } } fragment A on Concert { id ...A }";
    check_refused(loops, "GRAPHQL_VALIDATION_FAILED", "");
}

#[test]
fn a_response_has_a_limit() {
    let limits = Limits { response_bytes_max: 30, ..Limits::default() };
    let engine = Engine::new(SDL, &[], limits).unwrap();
    let prepared = engine.prepare("{ concerts { name } }", None).unwrap();
    let body = engine.execute(&prepared, &Map::new(), &Query, &());
    let body: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"], Json::Null);
    assert!(body["errors"][0]["message"].as_str().unwrap().contains("limit of 30 bytes"));
}
