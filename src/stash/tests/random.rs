//! Requests made at random from the schema: whatever a client asks, it is answered in order.

use apollo_compiler::ast::Type;
use apollo_compiler::schema::{ExtendedType, FieldDefinition};
use apollo_compiler::{Node, Schema};
use proptest::prelude::*;

use super::*;
use crate::stash::schema::ENGINE;

/// Mutations that write outside of the scratch folder, or wait.
const LEFT_OUT: &[&str] = &["configureGeneral", "backupDatabase", "directory", "directories"];

/// Throws of dice, from bytes that proptest can shrink.
struct Dice<'d>(std::slice::Iter<'d, u8>);

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % sides.max(1)
    }

    fn of<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.roll(list.len())]
    }
}

fn literal(schema: &Schema, ty: &Type, dice: &mut Dice<'_>, depth: usize) -> String {
    if dice.roll(24) == 23 {
        return dice
            .of(&["null", "\"x\"", "-1", "[]", "{}", "true", "1e9", "99999999999"])
            .to_owned();
    }
    if ty.is_list() {
        return format!("[{}]", literal(schema, ty.item_type(), dice, depth + 1));
    }
    let name = ty.inner_named_type().as_str();
    match schema.types.get(name) {
        Some(ExtendedType::Enum(values)) => {
            let names: Vec<&str> = values.values.keys().map(|name| name.as_str()).collect();
            dice.of(&names).to_owned()
        }
        Some(ExtendedType::InputObject(input)) => {
            let mut fields = Vec::new();
            for field in input.fields.values() {
                let often = if depth > 3 { 0 } else { 3 };
                if field.ty.is_non_null() || dice.roll(input.fields.len()) < often {
                    fields.push(format!(
                        "{}: {}",
                        field.name,
                        literal(schema, &field.ty, dice, depth + 1)
                    ));
                }
            }
            format!("{{{}}}", fields.join(", "))
        }
        _ => match name {
            "Int" | "Int64" => dice.of(&["0", "1", "-1", "2", "2147483647"]).to_owned(),
            "Float" => dice.of(&["0.5", "1", "-2.25", "1e300"]).to_owned(),
            "Boolean" => dice.of(&["true", "false"]).to_owned(),
            "ID" => dice.of(&["1", "2", "3", "\"4\"", "-1", "\"x\"", "4294967296"]).to_owned(),
            "Timestamp" | "Time" => {
                dice.of(&["\"2020-01-01\"", "\"<4h\"", "\"soon\"", "\"\""]).to_owned()
            }
            "Map" | "BoolMap" | "PluginConfigMap" => {
                dice.of(&["{}", "{a: 1}", "{a: true}"]).to_owned()
            }
            _ => dice
                .of(&["\"\"", "\"a\"", "\"%\"", "\"(\"", "\"-x OR y\"", "\"2020-02\""])
                .to_owned(),
        },
    }
}

fn field(
    schema: &Schema,
    definition: &Node<FieldDefinition>,
    dice: &mut Dice<'_>,
    depth: usize,
) -> String {
    let mut arguments = Vec::new();
    for argument in &definition.arguments {
        if argument.ty.is_non_null() || dice.roll(2) == 0 {
            arguments.push(format!(
                "{}: {}",
                argument.name,
                literal(schema, &argument.ty, dice, 0)
            ));
        }
    }
    let arguments =
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let below = selection(schema, definition.ty.inner_named_type().as_str(), dice, depth + 1);
    format!("{}{arguments}{below}", definition.name)
}

fn selection(schema: &Schema, name: &str, dice: &mut Dice<'_>, depth: usize) -> String {
    let fields = match schema.types.get(name) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        Some(ExtendedType::Union(union)) => {
            let member = union.members.iter().nth(dice.roll(union.members.len())).unwrap();
            let inner = selection(schema, member.as_str(), dice, depth + 1);
            return format!("{{__typename ... on {member}{inner}}}");
        }
        _ => return String::new(),
    };
    let mut chosen = vec!["__typename".to_owned()];
    for number in 0..(if depth > 4 { 0 } else { 5 }) {
        let place = dice.roll(fields.len()) + dice.roll(2) * 7;
        let Some(definition) = fields.values().nth(place % fields.len()) else { continue };
        if !LEFT_OUT.contains(&definition.name.as_str()) {
            let picked = field(schema, &definition.node, dice, depth);
            chosen.push(format!("f{number}: {picked}"));
        }
    }
    format!("{{{}}}", chosen.join(" "))
}

#[test]
fn whatever_is_asked_is_answered_and_nothing_breaks() {
    let scratch = Scratch::new();
    for fixture in [PICTURE, OTHER] {
        let id = scratch.import(fixture);
        scratch.tag(id, "bridge");
        scratch.tag(id, "performer:ann lark");
    }
    let schema: &Schema = ENGINE.schema();
    let config = ProptestConfig { cases: 300, ..ProptestConfig::default() };
    proptest!(config, |(bytes in proptest::collection::vec(any::<u8>(), 20..400), mutates in any::<bool>())| {
        let mut dice = Dice(bytes.iter());
        let (word, root) = if mutates { ("mutation", "Mutation") } else { ("query", "Query") };
        let document = format!("{word} {}", selection(schema, root, &mut dice, 1));
        let body = json!({"query": document}).to_string();
        let request = Request::new(Method::Post, "/graphql")
            .with_header("Content-Type", "application/json")
            .with_body(Body::from_bytes(body));
        let (response, status) = scratch.request(request);
        prop_assert!(matches!(status.0, 200 | 422), "{status:?} {document}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_bytes()).unwrap();
        let answer: Json = serde_json::from_slice(&body).unwrap();
        for error in answer["errors"].as_array().into_iter().flatten() {
            let message = error["message"].as_str().unwrap();
            // A criterion with a modifier that it does not have is answered so by the contract.
            let is_broken = message.starts_with("Internal") && !message.contains("<unsupported ");
            let is_ours = is_broken || message.contains("the store failed");
            prop_assert!(!is_ours, "{message} {document}");
        }
    });
    assert_eq!(scratch.library.check().unwrap().faults, Vec::<String>::new());
}
