//! Laws on random documents, data and variables.
//!
//! The reference here executes the specification's algorithm word by word on JSON: it collects
//! fields anew for every object and knows nothing of plans or buffers.

use std::collections::HashSet;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::{DirectiveList, Type};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{self, Selection, SelectionSet};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::graphql::{
    Context, Engine, Field, FieldError, Limits, Map, MediaType, Object, Request, Resolved,
    ScalarShape,
};

const SDL: &str = "
    interface Named { name: String  home: Nest }
    type Bird implements Named { name: String  home: Nest  wings: Int!  flock: [Bird!]
      friend: Named  seen: [[Int!]] }
    type Nest implements Named { name: String  home: Nest  owner: Bird!  eggs: [Int]!
      guests: [Named!]!  kept: Thing }
    union Thing = Bird | Nest
    type Query { bird: Bird  nest: Nest!  named: [Named]  things: [Thing!]! }
    scalar Any
    enum Call { TRILL CHIRP }
    input Where { from: Int = 1  to: Int  near: [Where!]  call: Call }
    input Sighting { id: ID!  note: String  tags: [String!]  where: Where = { to: 5 }  more: Any
      length: Float  sure: Boolean! = true }
    type Mutation { see(sightings: [Sighting!]): Int }
";

fn engine() -> Engine {
    Engine::new(SDL, &[("Any", ScalarShape::Any)], Limits::default()).unwrap()
}

/// Random bytes read as decisions; when they run out every decision is 0, the smallest.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % limit
    }

    fn of<'v, T: ?Sized>(&mut self, values: &[&'v T]) -> &'v T {
        values[self.below(values.len())]
    }
}

/// The fields of each type, with the type of their objects ("" for leaves).
fn fields_of(type_name: &str) -> &'static [(&'static str, &'static str)] {
    match type_name {
        "Query" => &[("bird", "Bird"), ("nest", "Nest"), ("named", "Named"), ("things", "Thing")],
        "Bird" => &[
            ("name", ""),
            ("wings", ""),
            ("home", "Nest"),
            ("flock", "Bird"),
            ("friend", "Named"),
            ("seen", ""),
        ],
        "Nest" => &[
            ("name", ""),
            ("eggs", ""),
            ("home", "Nest"),
            ("owner", "Bird"),
            ("guests", "Named"),
            ("kept", "Thing"),
        ],
        "Named" => &[("name", ""), ("home", "Nest")],
        _ => &[],
    }
}

struct Document<'c, 'b> {
    choices: &'c mut Choices<'b>,
    fragments: String,
    count: usize,
}

impl Document<'_, '_> {
    fn text(choices: &mut Choices<'_>) -> String {
        let mut document = Document { choices, fragments: String::new(), count: 0 };
        let root = document.selections("Query", 4);
        let Document { fragments, .. } = document;
        // Both variables must be used, or validation refuses the document.
        format!(
            "query($a: Boolean!, $b: Boolean! = false) {{ __typename @include(if: $a)
             t: __typename @skip(if: $b) {root} }} {fragments}"
        )
    }

    fn selections(&mut self, type_name: &str, depth: usize) -> String {
        let mut text = "__typename ".to_owned();
        for _ in 0..self.choices.below(5) {
            let directive = self.choices.of(&[
                "",
                "",
                "",
                "@include(if: $a)",
                "@skip(if: $a)",
                "@skip(if: $b)",
                "@include(if: $b) @skip(if: $a)",
                "@include(if: false)",
            ]);
            let kind = self.choices.below(4);
            if kind < 2 {
                text += &self.field(type_name, directive, depth);
                continue;
            }
            let on = match type_name {
                "Named" | "Thing" => self.choices.of(&["Bird", "Nest", "Named"]),
                "Bird" | "Nest" => self.choices.of(&[type_name, "Named", "Thing"]),
                own => own,
            };
            if depth == 0 {
                continue;
            }
            let inner = self.selections(on, depth - 1);
            if kind == 2 {
                text += &format!("... on {on} {directive} {{ {inner} }} ");
            } else {
                let name = format!("F{}", self.count);
                self.count += 1;
                self.fragments += &format!("fragment {name} on {on} {{ {inner} }} ");
                text += &format!("...{name} {directive} ");
                if self.choices.below(2) == 1 {
                    text += &format!("...{name} ");
                }
            }
        }
        text
    }

    fn field(&mut self, type_name: &str, directive: &str, depth: usize) -> String {
        let fields = fields_of(type_name);
        if fields.is_empty() {
            return String::new();
        }
        let (name, below) = fields[self.choices.below(fields.len())];
        let alias = match self.choices.below(3) {
            0 => String::new(),
            number => format!("{name}{number}: "),
        };
        match below {
            "" => format!("{alias}{name} {directive} "),
            _ if depth == 0 => String::new(),
            below => {
                let inner = self.selections(below, depth - 1);
                format!("{alias}{name} {directive} {{ {inner} }} ")
            }
        }
    }
}

/// Data for a type, with nulls and errors in places, allowed there or not.
fn data(choices: &mut Choices<'_>, ty: &Type, depth: usize) -> Json {
    match choices.below(16) {
        0 if !ty.is_non_null() => return Json::Null,
        14 => return Json::Null,
        15 => return json!("error"),
        _ => {}
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => {
            let length = if depth == 0 { 0 } else { choices.below(4) };
            (0..length).map(|_| data(choices, item, depth - 1)).collect()
        }
        Type::Named(name) | Type::NonNullNamed(name) => match name.as_str() {
            "String" => json!(choices.of(&["wren", "owl", "\"quoted\"\n"])),
            "Int" => json!(choices.below(9)),
            _ if depth == 0 => Json::Null,
            name => {
                let concrete = match name {
                    "Named" | "Thing" => choices.of(&["Bird", "Nest"]),
                    own => own,
                };
                object(choices, concrete, depth - 1)
            }
        },
    }
}

fn object(choices: &mut Choices<'_>, type_name: &str, depth: usize) -> Json {
    let engine = engine();
    let definition = engine.schema().get_object(type_name).unwrap();
    let mut members = serde_json::Map::new();
    members.insert("__typename".to_owned(), json!(type_name));
    for (name, field) in &definition.fields {
        members.insert(name.as_str().to_owned(), data(choices, &field.ty, depth));
    }
    Json::Object(members)
}

/// JSON as an object of the executor. The text "error" is a failing resolver.
struct Data<'j>(&'j Json);

impl Object for Data<'_> {
    fn type_name(&self) -> &'static str {
        let known = ["Query", "Bird", "Nest"];
        known.into_iter().find(|name| self.0["__typename"] == *name).unwrap()
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _cx: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(resolved(&self.0[field.name()]))
    }
}

fn resolved(json: &Json) -> Resolved<'_> {
    match json {
        Json::Null => Resolved::Null,
        Json::Bool(value) => Resolved::Bool(*value),
        Json::Number(number) => Resolved::Int(number.as_i64().unwrap()),
        Json::String(text) if text == "error" => Resolved::Failed("error".into()),
        Json::String(text) => text.into(),
        Json::Array(items) => Resolved::Iter(Box::new(items.iter().map(resolved))),
        Json::Object(_) => Resolved::object(Data(json)),
    }
}

struct Reference<'d> {
    engine: &'d Engine,
    document: &'d ExecutableDocument,
    variables: &'d Map,
    failed: bool,
}

type Collected<'d> = IndexMap<&'d str, Vec<&'d executable::Field>>;

impl<'d> Reference<'d> {
    fn included(&self, directives: &DirectiveList) -> bool {
        let holds = |name: &str| {
            let value = directives.get(name)?.specified_argument_by_name("if")?;
            match &**value {
                executable::Value::Variable(variable) => self.variables.bool(variable),
                value => value.to_bool(),
            }
        };
        holds("include") != Some(false) && holds("skip") != Some(true)
    }

    fn collect(
        &self,
        type_name: &str,
        set: &'d SelectionSet,
        visited: &mut HashSet<&'d str>,
        fields: &mut Collected<'d>,
    ) {
        let applies = |on: &str| on == type_name || self.engine.schema().is_subtype(on, type_name);
        for selection in &set.selections {
            match selection {
                Selection::Field(field) if self.included(&field.directives) => {
                    fields.entry(field.response_key().as_str()).or_default().push(field);
                }
                Selection::InlineFragment(inline)
                    if self.included(&inline.directives)
                        && inline.type_condition.as_ref().is_none_or(|on| applies(on)) =>
                {
                    self.collect(type_name, &inline.selection_set, visited, fields);
                }
                Selection::FragmentSpread(spread) if self.included(&spread.directives) => {
                    let fragment = &self.document.fragments[&spread.fragment_name];
                    if visited.insert(&fragment.name) && applies(&fragment.selection_set.ty) {
                        self.collect(type_name, &fragment.selection_set, visited, fields);
                    }
                }
                _ => {}
            }
        }
    }

    fn object(&mut self, object: &Json, sets: &[&'d SelectionSet]) -> Result<Json, ()> {
        let type_name = object["__typename"].as_str().unwrap();
        let mut fields = Collected::default();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect(type_name, set, &mut visited, &mut fields);
        }
        let mut members = serde_json::Map::new();
        let mut stopped = false;
        for (key, fields) in fields {
            let value = if fields[0].name == "__typename" {
                Ok(json!(type_name))
            } else {
                let definition =
                    self.engine.schema().type_field(type_name, &fields[0].name).unwrap();
                let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
                self.value(&object[fields[0].name.as_str()], &definition.ty, &sets)
            };
            match value {
                Ok(value) => {
                    members.insert(key.to_owned(), value);
                }
                Err(()) => stopped = true,
            }
        }
        if stopped { Err(()) } else { Ok(Json::Object(members)) }
    }

    fn value(&mut self, value: &Json, ty: &Type, sets: &[&'d SelectionSet]) -> Result<Json, ()> {
        let completed = match value {
            Json::Null => {
                self.failed |= ty.is_non_null();
                Err(())
            }
            Json::String(text) if text == "error" => {
                self.failed = true;
                Err(())
            }
            Json::Array(items) => {
                items.iter().map(|item| self.value(item, ty.item_type(), sets)).collect()
            }
            Json::Object(_) => self.object(value, sets),
            leaf => Ok(leaf.clone()),
        };
        match completed {
            Err(()) if !ty.is_non_null() => Ok(Json::Null),
            completed => completed,
        }
    }
}

/// Executes both ways; false when the document does not validate.
fn agree(shape: &[u8], content: &[u8], given: &Json) -> Result<bool, TestCaseError> {
    let engine = engine();
    let query = Document::text(&mut Choices(shape.iter()));
    let Ok(prepared) = engine.prepare(&query, None) else { return Ok(false) };
    let root = object(&mut Choices(content.iter()), "Query", 7);
    let variables = engine.variables(&prepared, given.as_object().unwrap(), 0).unwrap();
    let body = engine.execute(&prepared, &variables, &Data(&root), &());
    let body: Json = serde_json::from_slice(&body).unwrap();

    let document = ExecutableDocument::parse_and_validate(engine.schema(), &query, "q").unwrap();
    let mut reference =
        Reference { engine: &engine, document: &document, variables: &variables, failed: false };
    let operation = document.operations.get(None).unwrap();
    let expected = reference.object(&root, &[&operation.selection_set]).unwrap_or(Json::Null);
    prop_assert_eq!(&body["data"], &expected, "{}", query);
    prop_assert_eq!(!body["errors"].is_null(), reference.failed, "{}", query);
    Ok(true)
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop_oneof!["[a-z]{0,3}", "TRILL|CHIRP", "[0-9]{1,3}"].prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let names = "id|note|tags|where|more|length|sure|from|to|near|call|x";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((names, inner), 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// A sighting that is right in most places, so that coercion gets far.
fn sighting() -> impl Strategy<Value = Json> {
    (any_json(), any_json(), prop_oneof![any_json(), Just(json!(["a"])), Just(json!("b"))])
        .prop_map(
            |(where_, more, tags)| json!({ "id": 7, "where": where_, "more": more, "tags": tags }),
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_answers_as_its_document_does(
        shape in prop::collection::vec(any::<u8>(), 0..120),
        content in prop::collection::vec(any::<u8>(), 0..200),
        a in any::<bool>(),
        b in any::<Option<bool>>(),
    ) {
        let given = match b {
            Some(b) => json!({ "a": a, "b": b }),
            None => json!({ "a": a }),
        };
        agree(&shape, &content, &given)?;
    }

    #[test]
    fn no_text_and_no_variables_panic(
        shape in prop::collection::vec(any::<u8>(), 0..60),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[{}()\\[\\]$!:@.\"#a-z0-9 é]{0,3}"), 0..5),
        variables in any_json(),
    ) {
        let mut query = Document::text(&mut Choices(shape.iter()));
        for (at, inserted) in cuts {
            if query.is_empty() {
                break;
            }
            let at = at.index(query.len());
            if query.is_char_boundary(at) {
                query.truncate(if inserted.is_empty() { at } else { query.len() });
                query.insert_str(at, &inserted);
            }
        }
        let json = json!({ "query": query, "variables": variables });
        let Ok(request) = Request::from_value(json) else { return Ok(()) };
        let root = json!({ "__typename": "Query" });
        let outcome = engine().respond(&request, MediaType::Json, &(), |_| Some(Box::new(Data(&root))));
        let body: Json = serde_json::from_slice(&outcome.body).unwrap();
        prop_assert!(!body.to_string().contains("Internal system error"), "{}", body);
    }

    #[test]
    fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), map in any_json()) {
        let _ = Request::from_json(&bytes);
        let operations = br#"{"query":"{a}","variables":{"x":null,"y":[null]}}"#;
        let _ = Request::from_multipart(operations, map.to_string().as_bytes());
        let _ = Request::from_multipart(&bytes, br#"{"0":["variables.y.0"]}"#);
    }

    #[test]
    fn coercing_what_was_coerced_changes_nothing(one in prop_oneof![any_json(), sighting()]) {
        let engine = engine();
        let query = "mutation($s: [Sighting!]) { see(sightings: $s) }";
        let prepared = engine.prepare(query, None).unwrap();
        let given = json!({ "s": one });
        let Ok(first) = engine.variables(&prepared, given.as_object().unwrap(), 0) else {
            return Ok(());
        };
        let again = json!({ "s": first.get("s").unwrap().to_json() });
        let second = engine.variables(&prepared, again.as_object().unwrap(), 0).unwrap();
        prop_assert_eq!(&first, &second);
        // Nothing that was given is lost, nothing but defaults is added.
        if let (Some(items), Some(Json::Object(given))) = (first.list("s"), given.get("s")) {
            let known = items[0].as_map().unwrap();
            for name in ["note", "tags", "more", "length"] {
                prop_assert_eq!(known.contains(name), given.contains_key(name));
            }
            prop_assert!(known.contains("sure") && known.contains("where"));
        }
    }
}

/// The law above is empty if hardly any random document validates.
#[test]
fn most_random_documents_are_valid() {
    let mut valid = 0;
    for seed in 0..100_u32 {
        let mut bytes = Vec::new();
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        for _ in 0..120 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push(u8::try_from(state >> 24).unwrap());
        }
        valid += usize::from(agree(&bytes, &bytes, &json!({ "a": true })).unwrap());
    }
    assert!(valid > 60, "{valid} of 100");
}
