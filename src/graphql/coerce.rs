//! Input coercion: from JSON variables and document literals to [`Value`]s of the declared types.
//!
//! As the specification has it, with two kindnesses that clients of this API rely on: an Int is
//! 64 bits wide, and a variable may give a number as text (for Int and Float) or text as a number
//! (for String).

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::Node;
use apollo_compiler::Schema;
use apollo_compiler::ast::{self, Argument, FieldDefinition, Type, VariableDefinition};
use apollo_compiler::schema::{EnumType, ExtendedType, InputObjectType};
use serde_json::Value as Json;

use crate::graphql::error::{FieldError, GraphqlError, PathSegment, VALIDATION_FAILED};
use crate::graphql::value::{Map, Value};

/// Which input a custom scalar takes; the meaning of its text is its resolver's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarShape {
    /// Anything, as it stands.
    Any,
    /// An object.
    Object,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// A file of a multipart request.
    Upload,
}

/// What coercion needs to know of the schema and the request.
#[derive(Clone, Copy)]
pub(super) struct Coercer<'e> {
    pub(super) schema: &'e Schema,
    pub(super) shapes: &'e HashMap<String, ScalarShape>,
    /// How many files came with the request.
    pub(super) uploads: usize,
}

impl Coercer<'_> {
    /// The variables of an operation from what the request gave. Unknown ones are ignored.
    pub(super) fn variables(
        &self,
        definitions: &[Node<VariableDefinition>],
        given: &serde_json::Map<String, Json>,
    ) -> Result<Map, GraphqlError> {
        let mut variables = Map::new();
        for definition in definitions {
            let name = definition.name.as_str();
            let mut path =
                vec![PathSegment::Key("variable".to_owned()), PathSegment::Key(name.to_owned())];
            let value = match (given.get(name), &definition.default_value) {
                (Some(json), _) => Some(self.json(&definition.ty, json, &mut path)?),
                (None, Some(default)) => self
                    .literal(&definition.ty, default, &Map::new())
                    .map_err(|error| refusal(&path, error))?,
                (None, None) if definition.ty.is_non_null() => {
                    return Err(refusal(&path, "must be defined".to_owned()));
                }
                (None, None) => None,
            };
            if let Some(value) = value {
                variables.push(name.to_owned(), value);
            }
        }
        Ok(variables)
    }

    /// The arguments of a field: defaults filled in, absent ones left out.
    pub(super) fn arguments(
        &self,
        definition: &FieldDefinition,
        given: &[Node<Argument>],
        variables: &Map,
    ) -> Result<Map, FieldError> {
        let mut arguments = Map::new();
        for argument in &definition.arguments {
            let literal = given.iter().find(|given| given.name == argument.name);
            let value = self
                .one(&argument.ty, literal.map(|given| &*given.value), argument, variables)
                .map_err(|reason| FieldError::new(format!("{}: {reason}", argument.name)))?;
            if let Some(value) = value {
                arguments.push(argument.name.as_str().to_owned(), value);
            }
        }
        Ok(arguments)
    }

    /// An argument or input field: its literal, else its default, else nothing if it may be absent.
    fn one(
        &self,
        ty: &Type,
        literal: Option<&ast::Value>,
        definition: &ast::InputValueDefinition,
        variables: &Map,
    ) -> Result<Option<Value>, String> {
        if let Some(literal) = literal
            && let Some(value) = self.literal(ty, literal, variables)?
        {
            return Ok(Some(value));
        }
        match &definition.default_value {
            Some(default) => self.literal(ty, default, &Map::new()),
            None if ty.is_non_null() => Err("must be defined".to_owned()),
            None => Ok(None),
        }
    }

    /// A literal of a document. `None` is a variable that has no value.
    fn literal(
        &self,
        ty: &Type,
        literal: &ast::Value,
        variables: &Map,
    ) -> Result<Option<Value>, String> {
        if let ast::Value::Variable(name) = literal {
            // The variable was coerced to its own type, which validation found assignable.
            return match variables.get(name) {
                Some(Value::Null) if ty.is_non_null() => Err("cannot be null".to_owned()),
                value => Ok(value.cloned()),
            };
        }
        if let ast::Value::Null = literal {
            return if ty.is_non_null() {
                Err("cannot be null".to_owned())
            } else {
                Ok(Some(Value::Null))
            };
        }
        let value = match ty {
            Type::List(item) | Type::NonNullList(item) => match literal {
                ast::Value::List(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for literal in items {
                        match self.literal(item, literal, variables)? {
                            Some(value) => values.push(value),
                            None if item.is_non_null() => return Err("must be defined".to_owned()),
                            None => values.push(Value::Null),
                        }
                    }
                    Value::List(values)
                }
                single => Value::List(self.literal(item, single, variables)?.into_iter().collect()),
            },
            Type::Named(name) | Type::NonNullNamed(name) => {
                self.named_literal(name, literal, variables)?
            }
        };
        Ok(Some(value))
    }

    fn named_literal(
        &self,
        type_name: &str,
        literal: &ast::Value,
        variables: &Map,
    ) -> Result<Value, String> {
        match self.schema.types.get(type_name) {
            Some(ExtendedType::Enum(definition)) => match literal {
                ast::Value::Enum(name) => enum_value(definition, name),
                _ => Err(format!("must be one of the values of {type_name}")),
            },
            Some(ExtendedType::InputObject(definition)) => match literal {
                ast::Value::Object(fields) => {
                    self.input_object_literal(definition, fields, variables)
                }
                _ => Err(format!("must be a {type_name}")),
            },
            Some(ExtendedType::Scalar(_)) => {
                let value = raw_literal(literal, variables)?;
                self.scalar(type_name, value, Source::Document)
            }
            _ => Err("unknown type".to_owned()),
        }
    }

    fn input_object_literal(
        &self,
        definition: &InputObjectType,
        given: &[(Name, Node<ast::Value>)],
        variables: &Map,
    ) -> Result<Value, String> {
        if let Some((name, _)) =
            given.iter().find(|(name, _)| !definition.fields.contains_key(name))
        {
            return Err(format!("{name}: unknown field"));
        }
        let mut values = Map::new();
        for (name, field) in &definition.fields {
            let literal = given.iter().find(|(given, _)| given == name).map(|(_, value)| &**value);
            let value = self
                .one(&field.ty, literal, field, variables)
                .map_err(|reason| format!("{name}: {reason}"))?;
            if let Some(value) = value {
                values.push(name.as_str().to_owned(), value);
            }
        }
        Ok(Value::Object(values))
    }

    fn json(
        &self,
        ty: &Type,
        json: &Json,
        path: &mut Vec<PathSegment>,
    ) -> Result<Value, GraphqlError> {
        if json.is_null() {
            return if ty.is_non_null() {
                Err(refusal(path, "cannot be null".to_owned()))
            } else {
                Ok(Value::Null)
            };
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) => match json {
                Json::Array(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for (index, json) in items.iter().enumerate() {
                        path.push(PathSegment::Index(index));
                        values.push(self.json(item, json, path)?);
                        path.pop();
                    }
                    Ok(Value::List(values))
                }
                single => Ok(Value::List(vec![self.json(item, single, path)?])),
            },
            Type::Named(name) | Type::NonNullNamed(name) => self.named_json(name, json, path),
        }
    }

    fn named_json(
        &self,
        type_name: &str,
        json: &Json,
        path: &mut Vec<PathSegment>,
    ) -> Result<Value, GraphqlError> {
        match self.schema.types.get(type_name) {
            Some(ExtendedType::Enum(definition)) => match json {
                Json::String(name) => {
                    enum_value(definition, name).map_err(|reason| refusal(path, reason))
                }
                _ => Err(refusal(path, "enums must be ints or strings".to_owned())),
            },
            Some(ExtendedType::InputObject(definition)) => match json {
                Json::Object(fields) => self.input_object_json(definition, fields, path),
                _ => Err(refusal(path, format!("must be a {type_name}"))),
            },
            Some(ExtendedType::Scalar(_)) => self
                .scalar(type_name, Value::from_json(json), Source::Variables)
                .map_err(|reason| refusal(path, reason)),
            _ => Err(refusal(path, "must be an input type".to_owned())),
        }
    }

    fn input_object_json(
        &self,
        definition: &InputObjectType,
        given: &serde_json::Map<String, Json>,
        path: &mut Vec<PathSegment>,
    ) -> Result<Value, GraphqlError> {
        if let Some(name) = given.keys().find(|name| !definition.fields.contains_key(name.as_str()))
        {
            path.push(PathSegment::Key(name.clone()));
            return Err(refusal(path, "unknown field".to_owned()));
        }
        let mut values = Map::new();
        for (name, field) in &definition.fields {
            path.push(PathSegment::Key(name.as_str().to_owned()));
            let value = match given.get(name.as_str()) {
                Some(json) => Some(self.json(&field.ty, json, path)?),
                None => self
                    .one(&field.ty, None, field, &Map::new())
                    .map_err(|reason| refusal(path, reason))?,
            };
            path.pop();
            if let Some(value) = value {
                values.push(name.as_str().to_owned(), value);
            }
        }
        Ok(Value::Object(values))
    }

    /// A value that is not null as a scalar of that name.
    fn scalar(&self, type_name: &str, value: Value, source: Source) -> Result<Value, String> {
        let lenient = source == Source::Variables;
        match (type_name, &value) {
            ("Int", Value::Int(_))
            | ("Float", Value::Float(_))
            | ("String" | "ID", Value::String(_))
            | ("Boolean", Value::Bool(_)) => return Ok(value),
            ("Float", Value::Int(whole)) => return Ok(Value::Float(*whole as f64)),
            ("ID", Value::Int(id)) => return Ok(Value::String(id.to_string())),
            ("Int", Value::Float(real)) if lenient && is_whole(*real) => {
                return Ok(Value::Int(*real as i64));
            }
            ("Int", Value::String(text)) if lenient => {
                if let Ok(whole) = text.parse() {
                    return Ok(Value::Int(whole));
                }
            }
            ("Float", Value::String(text)) if lenient => {
                if let Some(real) = text.parse().ok().filter(|real: &f64| real.is_finite()) {
                    return Ok(Value::Float(real));
                }
            }
            ("String", Value::Int(whole)) if lenient => {
                return Ok(Value::String(whole.to_string()));
            }
            ("String", Value::Float(real)) if lenient => {
                return Ok(Value::String(real.to_string()));
            }
            ("Int" | "Float" | "String" | "Boolean" | "ID", _) => {}
            _ => return self.custom_scalar(type_name, value, source),
        }
        Err(format!("cannot use {} as {type_name}", kind(&value)))
    }

    fn custom_scalar(
        &self,
        type_name: &str,
        value: Value,
        source: Source,
    ) -> Result<Value, String> {
        let shape = self.shapes.get(type_name).copied().unwrap_or(ScalarShape::Any);
        match (shape, &value) {
            (ScalarShape::Any, _)
            | (ScalarShape::Object, Value::Object(_))
            | (ScalarShape::Integer, Value::Int(_))
            | (ScalarShape::Text, Value::String(_)) => Ok(value),
            (ScalarShape::Integer, Value::String(text)) => text
                .parse()
                .map(Value::Int)
                .map_err(|_| format!("cannot use string as {type_name}")),
            // The multipart reader put the file's index where the request had a null.
            (ScalarShape::Upload, Value::Int(index)) if source == Source::Variables => {
                match usize::try_from(*index) {
                    Ok(index) if index < self.uploads => Ok(Value::Upload(index)),
                    _ => Err(format!("{} is not an {type_name}", kind(&value))),
                }
            }
            _ => Err(format!("{} is not a {type_name}", kind(&value))),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Document,
    Variables,
}

/// A literal inside a custom scalar: there is no type to coerce it to.
fn raw_literal(literal: &ast::Value, variables: &Map) -> Result<Value, String> {
    Ok(match literal {
        ast::Value::Null => Value::Null,
        ast::Value::Boolean(value) => Value::Bool(*value),
        ast::Value::Enum(name) => Value::Enum(name.as_str().to_owned()),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Int(digits) => match digits.as_str().parse() {
            Ok(whole) => Value::Int(whole),
            Err(_) => Value::Float(digits.try_to_f64().map_err(|error| error.to_string())?),
        },
        ast::Value::Float(digits) => {
            Value::Float(digits.try_to_f64().map_err(|error| error.to_string())?)
        }
        ast::Value::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        ast::Value::List(items) => Value::List(
            items.iter().map(|item| raw_literal(item, variables)).collect::<Result<_, _>>()?,
        ),
        ast::Value::Object(fields) => {
            let mut values = Map::new();
            for (name, value) in fields {
                values.insert(name.as_str(), raw_literal(value, variables)?);
            }
            Value::Object(values)
        }
    })
}

fn enum_value(definition: &EnumType, name: &str) -> Result<Value, String> {
    if definition.values.contains_key(name) {
        Ok(Value::Enum(name.to_owned()))
    } else {
        Err(format!("{name} is not a valid {}", definition.name))
    }
}

fn is_whole(real: f64) -> bool {
    // 2^53: beyond it a float no longer names one whole number.
    real.fract() == 0.0 && real.abs() <= 9_007_199_254_740_992.0
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) | Value::Enum(_) => "string",
        Value::List(_) => "slice",
        Value::Object(_) => "map",
        Value::Upload(_) => "upload",
    }
}

fn refusal(path: &[PathSegment], reason: String) -> GraphqlError {
    GraphqlError { path: path.to_vec(), ..GraphqlError::coded(reason, VALIDATION_FAILED) }
}
