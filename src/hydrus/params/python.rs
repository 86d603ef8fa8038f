//! Values in the words of the original's messages, which clients show to people as they are.

use serde_json::Value;

/// The value as a message shows it: texts bare, everything else as a literal.
#[must_use]
pub fn shown(value: &Value) -> String {
    let mut out = match value {
        Value::String(text) => text.clone(),
        _ => literal(value),
    };
    const SHOWN_CHARS_MAX: usize = 1000;
    if let Some((end, _)) = out.char_indices().nth(SHOWN_CHARS_MAX) {
        out.truncate(end);
        out.push_str("...");
    }
    out
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("'{name}': {}", literal(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The class of a value, as in `<class 'str'>`.
#[must_use]
pub fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "<class 'NoneType'>",
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        Value::Object(_) => "<class 'dict'>",
    }
}
