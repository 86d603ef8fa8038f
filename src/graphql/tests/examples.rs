//! Rules of the language, one by one, on a small library of concerts.

use serde_json::{Value as Json, json};

use crate::graphql::{
    Context, Engine, Field, FieldError, Limits, MediaType, Object, OperationKind, Outcome, Request,
    Resolved, ScalarShape, Value,
};

pub(super) const SDL: &str = r#"
    scalar Map
    scalar Any
    scalar Time
    scalar Int64
    scalar Upload
    enum Genre { JAZZ FOLK }
    input Range { from: Int = 1, to: Int }
    input Change { id: ID!, title: String, tags: [ID!], genre: Genre, range: Range, custom: Map }
    interface Named { name: String! }
    type Concert implements Named {
      id: ID! name: String! place: String seats: Int! genre: Genre length: Float
      bands(first: Int = 2, like: String): [Band!]!  opener: Band  closer: Band!
      extra: Any  unknown: Int  grid: [[Int]!]
    }
    type Band implements Named { name: String! members: [String] broken: String sure: String! }
    union Anything = Concert | Band
    type Query {
      concert(id: ID!): Concert
      concerts(page: Int): [Concert!]!
      things: [Anything!]!
      named: Named
      strict: Concert!
      echo(change: Change, ids: [ID!], grid: [[Int]], any: Any, map: Map, big: Int64, when: Time,
        genre: Genre, text: String, number: Float, whole: Int, yes: Boolean, file: Upload): String
      needs(value: Int!): Int
      panics: Int
    }
    type Mutation { set(to: Int!): Int }
    type Subscription { tick: Int! }
"#;

pub(super) fn engine() -> Engine {
    let shapes = [
        ("Map", ScalarShape::Object),
        ("Time", ScalarShape::Text),
        ("Int64", ScalarShape::Integer),
        ("Upload", ScalarShape::Upload),
    ];
    Engine::new(SDL, &shapes, Limits::default()).unwrap()
}

pub(super) struct Query;
struct Concert(u32);
struct Band(&'static str);

impl Object for Query {
    fn type_name(&self) -> &'static str {
        "Query"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _cx: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let arguments = field.arguments();
        Ok(match field.name() {
            "concert" => match arguments.str("id").and_then(|id| id.parse().ok()) {
                Some(id) if id < 10 => Resolved::object(Concert(id)),
                Some(_) => Resolved::Null,
                None => return Err("converting id: not a number".into()),
            },
            "concerts" => Resolved::objects((1..=3).map(Concert)),
            "things" => {
                Resolved::List(vec![Resolved::object(Concert(1)), Resolved::object(Band("Reed"))])
            }
            "named" => Resolved::object(Band("Oak")),
            "strict" => Resolved::Null,
            "echo" => Resolved::from(Value::Object(arguments.clone()).to_json().to_string()),
            "needs" => arguments.int("value").into(),
            "panics" => panic!("on purpose"),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

impl Object for Concert {
    fn type_name(&self) -> &'static str {
        "Concert"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _cx: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "id" => Resolved::id(self.0),
            "name" => format!("Concert {}", self.0).into(),
            "place" => None::<&str>.into(),
            "seats" if self.0 == 2 => Resolved::Null,
            "seats" => self.0.into(),
            "genre" => if self.0 == 1 { "JAZZ" } else { "PUNK" }.into(),
            "length" => 30.0.into(),
            // What is selected below tells what must be fetched.
            "extra" => json!({ "asked": field.key(), "below": field.children().count() }).into(),
            "bands" => {
                let names = ["Oak", "Reed", "Elm"].into_iter();
                let like = field.arguments().str("like").unwrap_or("");
                let first = field.arguments().int("first").unwrap_or(100);
                let first = usize::try_from(first).map_err(FieldError::new)?;
                let bands: Vec<_> = names.filter(|name| name.contains(like)).take(first).collect();
                if field.selects("members") && bands.is_empty() {
                    return Err("no band has members".into());
                }
                Resolved::Iter(Box::new(bands.into_iter().map(|name| Resolved::object(Band(name)))))
            }
            "opener" => Resolved::object(Band("")),
            "closer" => Resolved::object(Band("")),
            "grid" => Resolved::List(vec![vec![1, 2].into(), Resolved::Null]),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

impl Object for Band {
    fn type_name(&self) -> &'static str {
        "Band"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _cx: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "name" if self.0.is_empty() => Resolved::Null,
            "name" => self.0.into(),
            "members" => vec![Some("Ann"), None].into(),
            "broken" => return Err(FieldError::new("the string broke")),
            "sure" => return Err(FieldError::new("not so sure")),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

pub(super) fn respond(request: &Request) -> Outcome {
    engine().respond(request, MediaType::Json, &(), |kind| {
        (kind == OperationKind::Query).then(|| Box::new(Query) as Box<dyn Object>)
    })
}

pub(super) fn body(outcome: &Outcome) -> Json {
    serde_json::from_slice(&outcome.body).unwrap()
}

#[track_caller]
pub(super) fn check(query: &str, expected: Json) {
    let outcome = respond(&Request::query(query));
    assert_eq!(body(&outcome), expected, "{query}");
    assert_eq!(outcome.http_status, 200);
}

#[track_caller]
pub(super) fn check_variables(query: &str, variables: Json, expected: Json) {
    let request = Request::from_value(json!({ "query": query, "variables": variables })).unwrap();
    assert_eq!(body(&respond(&request)), expected, "{query} with {variables}");
}

/// What `echo` makes of its arguments, or the first error's message.
#[track_caller]
fn check_echo(declared: &str, arguments: &str, variables: Json, expected: Json) {
    let query = format!("query Q{declared} {{ echo({arguments}) }}");
    let request = Request::from_value(json!({ "query": query, "variables": variables })).unwrap();
    let answer = body(&respond(&request));
    let told = match answer["data"]["echo"].as_str() {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => answer["errors"][0]["message"].clone(),
    };
    assert_eq!(told, expected, "{query} with {variables}: {answer}");
}

#[test]
fn fields_aliases_and_fragments_are_answered_in_order() {
    let answer = respond(&Request::query(
        "{ concert(id: 1) { ...F again: name __typename } } fragment F on Concert { id name length }",
    ));
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        r#"{"data":{"concert":{"id":"1","name":"Concert 1","length":30,"again":"Concert 1","__typename":"Concert"}}}"#
    );
}

#[test]
fn ids_are_taken_as_text_or_number() {
    for id in ["1", "\"1\""] {
        check(
            &format!("{{ concert(id: {id}) {{ id }} }}"),
            json!({ "data": { "concert": { "id": "1" } } }),
        );
    }
    for id in [json!(1), json!("1")] {
        check_variables(
            "query($id: ID!) { concert(id: $id) { id } }",
            json!({ "id": id }),
            json!({ "data": { "concert": { "id": "1" } } }),
        );
    }
}

#[test]
fn arguments_have_defaults_that_variables_may_override() {
    let query =
        "query($n: Int, $l: String) { concert(id: 1) { bands(first: $n, like: $l) { name } } }";
    let names = |names: &[&str]| {
        let bands: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        json!({ "data": { "concert": { "bands": bands } } })
    };
    check_variables(query, json!({}), names(&["Oak", "Reed"]));
    check_variables(query, json!({ "n": 1 }), names(&["Oak"]));
    check_variables(query, json!({ "n": null }), names(&["Oak", "Reed", "Elm"]));
    check_variables(query, json!({ "n": 5, "l": "e" }), names(&["Reed"]));
}

#[test]
fn an_error_has_a_path_and_makes_its_field_null() {
    check(
        "{ concert(id: 1) { b: bands(first: 1) { name broken } } }",
        json!({
            "errors": [{ "message": "the string broke", "path": ["concert", "b", 0, "broken"] }],
            "data": { "concert": { "b": [{ "name": "Oak", "broken": null }] } },
        }),
    );
}

#[test]
fn a_field_without_resolver_is_named() {
    check(
        "{ concert(id: 1) { unknown id } }",
        json!({
            "errors": [{ "message": "Concert.unknown has no resolver", "path": ["concert", "unknown"] }],
            "data": { "concert": { "unknown": null, "id": "1" } },
        }),
    );
}

#[test]
fn a_forbidden_null_removes_the_nearest_nullable_ancestor_only() {
    check(
        "{ concert(id: 1) { id opener { name } name } }",
        json!({
            "errors": [{ "message": "must not be null", "path": ["concert", "opener", "name"] }],
            "data": { "concert": { "id": "1", "opener": null, "name": "Concert 1" } },
        }),
    );
    check(
        "{ a: concert(id: 1) { closer { name } } b: concert(id: 1) { id } }",
        json!({
            "errors": [{ "message": "must not be null", "path": ["a", "closer", "name"] }],
            "data": { "a": null, "b": { "id": "1" } },
        }),
    );
    check(
        "{ concerts { seats } }",
        json!({
            "errors": [{ "message": "must not be null", "path": ["concerts", 1, "seats"] }],
            "data": null,
        }),
    );
    let element = "the requested element is null which the schema does not allow";
    check(
        "{ strict { id } }",
        json!({ "errors": [{ "message": element, "path": ["strict"] }], "data": null }),
    );
    check(
        "{ concert(id: 1) { grid id } }",
        json!({
            "errors": [{ "message": element, "path": ["concert", "grid", 1] }],
            "data": { "concert": { "grid": null, "id": "1" } },
        }),
    );
    // One error only where a resolver failed already.
    check(
        "{ named { ... on Band { sure } } }",
        json!({ "errors": [{ "message": "not so sure", "path": ["named", "sure"] }], "data": { "named": null } }),
    );
}

#[test]
fn nulls_in_nullable_lists_stay() {
    check(
        "{ named { ... on Band { members } } }",
        json!({ "data": { "named": { "members": ["Ann", null] } } }),
    );
}

#[test]
fn enum_values_are_checked_on_the_way_out() {
    check("{ concert(id: 1) { genre } }", json!({ "data": { "concert": { "genre": "JAZZ" } } }));
    check(
        "{ concert(id: 2) { genre } }",
        json!({
            "errors": [{ "message": "PUNK is not a value of the field's enum", "path": ["concert", "genre"] }],
            "data": { "concert": { "genre": null } },
        }),
    );
}

#[test]
fn unions_and_interfaces_select_by_the_concrete_type() {
    check(
        "{ things { __typename ... on Concert { id } ... on Named { name } } named { name } }",
        json!({ "data": {
            "things": [
                { "__typename": "Concert", "id": "1", "name": "Concert 1" },
                { "__typename": "Band", "name": "Reed" },
            ],
            "named": { "name": "Oak" },
        } }),
    );
}

#[test]
fn include_and_skip_follow_their_variables() {
    let query = "query($yes: Boolean!, $no: Boolean = true) { concert(id: 1) {
        id @include(if: $yes) name @skip(if: $no)
        opener @include(if: false) { name }
        ... @include(if: $yes) { extra }
        place @include(if: $yes) place @skip(if: $no) } }";
    check_variables(
        query,
        json!({ "yes": true }),
        json!({ "data": { "concert": { "id": "1", "extra": { "asked": "extra", "below": 0 }, "place": null } } }),
    );
    check_variables(
        query,
        json!({ "yes": false, "no": false }),
        json!({ "data": { "concert": { "name": "Concert 1", "place": null } } }),
    );
}

#[test]
fn absent_and_null_input_stay_different() {
    let declared = "($c: Change)";
    check_echo(
        declared,
        "change: $c",
        json!({ "c": { "id": 1 } }),
        json!({ "change": { "id": "1" } }),
    );
    check_echo(
        declared,
        "change: $c",
        json!({ "c": { "id": "1", "title": null, "range": {} } }),
        json!({ "change": { "id": "1", "title": null, "range": { "from": 1 } } }),
    );
    check_echo(declared, "change: $c", json!({}), json!({}));
    check_echo(declared, "change: $c", json!({ "c": null }), json!({ "change": null }));
    // A variable without a value leaves a field of a literal object absent.
    check_echo(
        "($t: String)",
        "change: {id: 1, title: $t, range: {from: null}}",
        json!({}),
        json!({ "change": { "id": "1", "range": { "from": null } } }),
    );
}

#[test]
fn single_values_become_lists() {
    check_echo("", "ids: 5", json!({}), json!({ "ids": ["5"] }));
    check_echo("($i: [ID!])", "ids: $i", json!({ "i": "5" }), json!({ "ids": ["5"] }));
    check_echo("($g: [[Int]])", "grid: $g", json!({ "g": 1 }), json!({ "grid": [[1]] }));
    check_echo(
        "",
        "change: {id: 1, tags: [1, \"2\"]}",
        json!({}),
        json!({ "change": { "id": "1", "tags": ["1", "2"] } }),
    );
}

#[test]
fn custom_scalars_take_their_shape() {
    let any = json!({ "a": [1, 2.5, "x", null, true] });
    check_echo("($a: Any)", "any: $a", json!({ "a": any.clone() }), json!({ "any": any }));
    check_echo("", "any: {a: [1, X]}", json!({}), json!({ "any": { "a": [1, "X"] } }));
    check_echo("($m: Map)", "map: $m", json!({ "m": { "k": 1 } }), json!({ "map": { "k": 1 } }));
    check_echo("($m: Map)", "map: $m", json!({ "m": 1 }), json!("int64 is not a Map"));
    check_echo(
        "($b: Int64)",
        "big: $b",
        json!({ "b": 1_i64 << 40 }),
        json!({ "big": 1_i64 << 40 }),
    );
    check_echo(
        "",
        "big: 1099511627776, whole: 1099511627776",
        json!({}),
        json!({ "big": 1_i64 << 40, "whole": 1_i64 << 40 }),
    );
    check_echo("($t: Time)", "when: $t", json!({ "t": 5 }), json!("int64 is not a Time"));
    check_echo("($f: Upload)", "file: $f", json!({ "f": 0 }), json!("int64 is not an Upload"));
}

#[test]
fn input_of_the_wrong_type_is_refused() {
    check_echo(
        "($c: Change)",
        "change: $c",
        json!({ "c": { "id": 1, "titel": "x" } }),
        json!("unknown field"),
    );
    check_echo("($c: Change)", "change: $c", json!({ "c": {} }), json!("must be defined"));
    check_echo(
        "($c: Change)",
        "change: $c",
        json!({ "c": { "id": null } }),
        json!("cannot be null"),
    );
    check_echo("($c: Change)", "change: $c", json!({ "c": 5 }), json!("must be a Change"));
    check_echo(
        "($g: Genre)",
        "genre: $g",
        json!({ "g": "PUNK" }),
        json!("PUNK is not a valid Genre"),
    );
    check_echo(
        "($y: Boolean)",
        "yes: $y",
        json!({ "y": "true" }),
        json!("cannot use string as Boolean"),
    );
    check_echo("($w: Int)", "whole: $w", json!({ "w": 1.5 }), json!("cannot use float64 as Int"));
    check_echo(
        "($t: String)",
        "text: $t",
        json!({ "t": true }),
        json!("cannot use bool as String"),
    );
    check_echo("($i: [ID!])", "ids: $i", json!({ "i": [1, null] }), json!("cannot be null"));
}

#[test]
fn numbers_and_text_replace_each_other_in_variables() {
    check_echo("($w: Int)", "whole: $w", json!({ "w": "12" }), json!({ "whole": 12 }));
    check_echo("($n: Float)", "number: $n", json!({ "n": 3 }), json!({ "number": 3.0 }));
    check_echo("($n: Float)", "number: $n", json!({ "n": "2.5" }), json!({ "number": 2.5 }));
    check_echo("($t: String)", "text: $t", json!({ "t": 7 }), json!({ "text": "7" }));
}

#[test]
fn a_variable_error_names_its_place() {
    check_variables(
        "query($c: Change) { echo(change: $c) }",
        json!({ "c": { "id": 1, "tags": [1, {}] } }),
        json!({ "errors": [{
            "message": "cannot use map as ID",
            "path": ["variable", "c", "tags", 1],
            "extensions": { "code": "GRAPHQL_VALIDATION_FAILED" },
        }], "data": null }),
    );
}

#[test]
fn look_ahead_sees_deep_selections() {
    struct Probe;
    impl Object for Probe {
        fn type_name(&self) -> &'static str {
            "Query"
        }
        fn field<'a>(
            &'a self,
            field: Field<'a>,
            cx: &'a Context<'a>,
        ) -> Result<Resolved<'a>, FieldError> {
            assert_eq!(cx.state::<u32>(), Some(&7));
            assert!(field.selects("bands") && field.selects("bands.name"));
            assert!(!field.selects("bands.members") && !field.selects("place"));
            let bands = field.child("bands").expect("selected");
            assert_eq!((bands.key(), bands.arguments().int("first")), ("b", Some(9)));
            Ok(Resolved::Null)
        }
    }
    let engine = engine();
    let query = "query($n: Int, $no: Boolean!) {
        concert(id: 1) { b: bands(first: $n) { name members @include(if: $no) } } }";
    let prepared = engine.prepare(query, None).unwrap();
    let given = json!({ "n": 9, "no": false });
    let variables = engine.variables(&prepared, given.as_object().unwrap(), 0).unwrap();
    engine.execute(&prepared, &variables, &Probe, &7_u32);
}
