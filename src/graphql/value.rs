//! Input values after coercion: what a resolver sees as its arguments.

/// A coerced input value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An explicit null. An absent value is no entry in its [`Map`] at all.
    Null,
    /// A Boolean.
    Bool(bool),
    /// An Int, or a whole number inside a custom scalar.
    Int(i64),
    /// A Float; Ints given for a Float are already converted.
    Float(f64),
    /// A String or an ID (Ints given for an ID are already text).
    String(String),
    /// The name of an enum value, known to be one of its type's values.
    Enum(String),
    /// A list; a single value given for a list is already wrapped.
    List(Vec<Value>),
    /// An input object with its defaults filled in, or an object inside a custom scalar.
    Object(Map),
    /// The index of an uploaded file, in the order of the request's `map`.
    Upload(usize),
}

impl Value {
    /// Whether this is an explicit null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The Boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one. Floats are not rounded.
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(value) = self { Some(*value) } else { None }
    }

    /// The number, whole or not.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text of a String, an ID or an enum value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::Enum(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Value::List(items) = self { Some(items) } else { None }
    }

    /// The fields of an object.
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Object(map) = self { Some(map) } else { None }
    }

    /// The same value as plain JSON. Enum values become text, an upload becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null | Value::Upload(_) => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(text) | Value::Enum(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Object(map) => Json::Object(
                map.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect(),
            ),
        }
    }

    /// Any JSON as it stands: the content of a custom scalar. Whole numbers beyond `i64` become
    /// floats.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Value::Int(value),
                None => number.as_f64().map_or(Value::Null, Value::Float),
            },
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            Json::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from_json(value)))
                    .collect(),
            ),
        }
    }
}

/// Named values in the order in which they were given. Names are unique.
///
/// The typed readers (`str`, `int`, ...) treat absent, null and another type alike; where an
/// absent field and a null one differ (updates), use [`Map::get`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    entries: Vec<(String, Value)>,
}

impl Map {
    /// A map without entries.
    pub const fn new() -> Map {
        Map { entries: Vec::new() }
    }

    /// The value of that name: `None` when absent, `Some(Value::Null)` when given as null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of that name unless it is absent or null.
    pub fn given(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// Whether the name was given at all, be it as null.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The text of a String, ID or enum value.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The whole number of that name.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    /// The number of that name.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_float()
    }

    /// The Boolean of that name.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// The items of the list of that name.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.get(name)?.as_list()
    }

    /// The input object of that name.
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.get(name)?.as_map()
    }

    /// The texts of a list of Strings, IDs or enum values; null items are left out.
    pub fn strs<'m>(&'m self, name: &str) -> Option<Vec<&'m str>> {
        Some(self.list(name)?.iter().filter_map(Value::as_str).collect())
    }

    /// Sets a value, replacing one of the same name in its place.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        match self.entries.iter_mut().find(|(key, _)| *key == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name, value)),
        }
    }

    /// Appends without looking for an older entry; for callers that know the name is new.
    pub(super) fn push(&mut self, name: String, value: Value) {
        self.entries.push((name, value));
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl FromIterator<(String, Value)> for Map {
    /// The names must be unique, as those of a parsed JSON object are.
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Map {
        Map { entries: entries.into_iter().collect() }
    }
}
