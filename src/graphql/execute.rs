//! Execution: walks a plan over objects and writes the response's bytes as it goes.
//!
//! The buffer is the only intermediate form. When a null appears where the schema forbids it, the
//! buffer is cut back to the start of the nearest nullable value and `null` is written there.

use std::any::Any;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use apollo_compiler::Name;

use crate::graphql::coerce::Coercer;
use crate::graphql::error::{FieldError, GraphqlError, PathSegment};
use crate::graphql::json;
use crate::graphql::plan::{
    Arguments, Introspected, Meta, Output, OutputKind, PlannedField, Prepared, Selections,
};
use crate::graphql::value::Map;

/// What a query can select fields of.
pub trait Object {
    /// The name of the object type in the schema.
    fn type_name(&self) -> &'static str;

    /// The value of one field. Names that the object does not know are
    /// [`FieldError::Unresolved`].
    fn field<'a>(
        &'a self,
        field: Field<'a>,
        cx: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError>;
}

/// The value of a field, to be written as the schema's type for it says.
pub enum Resolved<'a> {
    /// No value.
    Null,
    /// A Boolean.
    Bool(bool),
    /// An Int, Float, ID (written as text) or whole custom scalar.
    Int(i64),
    /// A Float. Infinities and NaN are errors: JSON has no form for them.
    Float(f64),
    /// A String, ID, enum value or textual custom scalar.
    Str(Cow<'a, str>),
    /// A custom scalar that already is JSON. The text must be one valid JSON value.
    Raw(Cow<'a, str>),
    /// A custom scalar.
    Json(serde_json::Value),
    /// An object of its own.
    Object(Box<dyn Object + 'a>),
    /// An object held elsewhere.
    Ref(&'a dyn Object),
    /// A list.
    List(Vec<Resolved<'a>>),
    /// A list whose items are made while it is written, so that they need not all exist at once.
    Iter(Box<dyn Iterator<Item = Resolved<'a>> + 'a>),
    /// An item of a list that could not be resolved; elsewhere the same as returning the error.
    Failed(FieldError),
}

impl<'a> Resolved<'a> {
    /// An object value.
    pub fn object(object: impl Object + 'a) -> Resolved<'a> {
        Resolved::Object(Box::new(object))
    }

    /// A list of objects, or of anything else that converts.
    pub fn list<T: Into<Resolved<'a>>>(items: impl IntoIterator<Item = T>) -> Resolved<'a> {
        Resolved::List(items.into_iter().map(Into::into).collect())
    }

    /// A list of objects.
    pub fn objects<T: Object + 'a>(items: impl IntoIterator<Item = T>) -> Resolved<'a> {
        Resolved::List(items.into_iter().map(Resolved::object).collect())
    }

    /// An ID.
    pub fn id(id: impl Into<i64>) -> Resolved<'a> {
        Resolved::Int(id.into())
    }

    fn kind(&self) -> &'static str {
        match self {
            Resolved::Null => "null",
            Resolved::Bool(_) => "a Boolean",
            Resolved::Int(_) => "a whole number",
            Resolved::Float(_) => "a number",
            Resolved::Str(_) => "text",
            Resolved::Raw(_) | Resolved::Json(_) => "JSON",
            Resolved::Object(_) | Resolved::Ref(_) => "an object",
            Resolved::List(_) | Resolved::Iter(_) => "a list",
            Resolved::Failed(_) => "an error",
        }
    }
}

macro_rules! resolved_from {
    ($($source:ty => |$value:ident| $made:expr;)*) => {
        $(impl<'a> From<$source> for Resolved<'a> {
            fn from($value: $source) -> Resolved<'a> {
                $made
            }
        })*
    };
}

resolved_from! {
    bool => |value| Resolved::Bool(value);
    i32 => |value| Resolved::Int(i64::from(value));
    u32 => |value| Resolved::Int(i64::from(value));
    i64 => |value| Resolved::Int(value);
    usize => |value| Resolved::Int(i64::try_from(value).unwrap_or(i64::MAX));
    u64 => |value| Resolved::Int(i64::try_from(value).unwrap_or(i64::MAX));
    f64 => |value| Resolved::Float(value);
    String => |value| Resolved::Str(Cow::Owned(value));
    &'a str => |value| Resolved::Str(Cow::Borrowed(value));
    &'a String => |value| Resolved::Str(Cow::Borrowed(value));
    Cow<'a, str> => |value| Resolved::Str(value);
    serde_json::Value => |value| Resolved::Json(value);
    FieldError => |error| Resolved::Failed(error);
}

impl<'a, T: Into<Resolved<'a>>> From<Option<T>> for Resolved<'a> {
    fn from(value: Option<T>) -> Resolved<'a> {
        value.map_or(Resolved::Null, Into::into)
    }
}

impl<'a, T: Into<Resolved<'a>>> From<Vec<T>> for Resolved<'a> {
    fn from(items: Vec<T>) -> Resolved<'a> {
        Resolved::list(items)
    }
}

/// One execution: its variables and the caller's state.
pub struct Context<'a> {
    coercer: Coercer<'a>,
    variables: &'a Map,
    slots: Vec<OnceCell<Result<Map, FieldError>>>,
    state: &'a (dyn Any + 'static),
}

static NO_ARGUMENTS: Map = Map::new();

impl<'a> Context<'a> {
    pub(super) fn new(
        coercer: Coercer<'a>,
        prepared: &Prepared,
        variables: &'a Map,
        state: &'a (dyn Any + 'static),
    ) -> Context<'a> {
        let slots = std::iter::repeat_with(OnceCell::new).take(prepared.slots).collect();
        Context { coercer, variables, slots, state }
    }

    /// What the caller passed as the request's state, if it is a `T`.
    pub fn state<T: 'static>(&self) -> Option<&'a T> {
        self.state.downcast_ref()
    }

    /// The operation's coerced variables.
    pub fn variables(&self) -> &'a Map {
        self.variables
    }

    fn arguments<'b>(&'b self, planned: &'b PlannedField) -> Result<&'b Map, &'b FieldError> {
        match &planned.arguments {
            Arguments::Fixed(arguments) => Ok(arguments),
            Arguments::Dynamic { slot, definition, given } => self
                .slots
                .get(*slot)
                .expect("the context was made for this plan")
                .get_or_init(|| self.coercer.arguments(definition, given, self.variables))
                .as_ref(),
        }
    }
}

/// A selected field as its resolver sees it: name, arguments, and what is selected below it.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    planned: &'a PlannedField,
    cx: &'a Context<'a>,
}

impl<'a> Field<'a> {
    /// The field's name in the schema.
    pub fn name(&self) -> &'a str {
        self.planned.name.as_str()
    }

    /// The name under which the answer appears: the alias, or the field's name.
    pub fn key(&self) -> &'a str {
        &self.planned.key
    }

    /// The object type whose field this is.
    pub fn type_name(&self) -> &'a str {
        self.planned.parent.as_str()
    }

    /// The coerced arguments, with defaults filled in. Empty for a field below whose own
    /// arguments are wrong; that is told when it is executed.
    pub fn arguments(&self) -> &'a Map {
        self.cx.arguments(self.planned).unwrap_or(&NO_ARGUMENTS)
    }

    /// The fields selected below this one, those of all concrete types alike, without what
    /// `@include` and `@skip` leave out.
    pub fn children(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let cx = self.cx;
        self.planned
            .children
            .types
            .iter()
            .flat_map(|(_, fields)| fields)
            .filter(|planned| planned.is_included(cx.variables))
            .map(move |planned| Field { planned, cx })
    }

    /// The first field of that name below this one.
    pub fn child(&self, name: &str) -> Option<Field<'a>> {
        self.children().find(|field| field.name() == name)
    }

    /// Whether a field is selected below this one. A dotted path looks deeper, through every
    /// field of each name: `selects("scenes.files.path")`.
    pub fn selects(&self, path: &str) -> bool {
        let (name, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        self.children()
            .any(|field| field.name() == name && rest.is_none_or(|rest| field.selects(rest)))
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} as {}", self.type_name(), self.name(), self.key())
    }
}

/// Where in the response the executor is; a list threaded through its own stack frames.
struct Place<'p> {
    outer: Option<&'p Place<'p>>,
    step: Step<'p>,
}

enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

/// Why a value was not written.
enum Stop {
    /// It is null and must not be; the error is already recorded.
    Null,
    /// The response outgrew its limit, or nobody waits for it.
    Abort,
}

/// Bounds on a response.
#[derive(Clone, Copy)]
pub(super) struct OutputLimits {
    pub(super) bytes_max: usize,
    pub(super) errors_max: usize,
}

pub(super) struct Executor<'e> {
    pub(super) out: Vec<u8>,
    pub(super) errors: Vec<GraphqlError>,
    pub(super) limits: OutputLimits,
    /// What apollo-compiler answered for `__schema` and `__type`, by response key.
    pub(super) introspected: Option<&'e Introspected>,
    /// Set when nobody waits for the answer any more.
    pub(super) abandoned: Option<&'e AtomicBool>,
}

impl Executor<'_> {
    /// Appends the value of `data`.
    pub(super) fn run(&mut self, root: &dyn Object, selections: &Selections, cx: &Context<'_>) {
        let start = self.out.len();
        if self.object(root, selections, cx, None).is_err() {
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
        }
    }

    fn object(
        &mut self,
        object: &dyn Object,
        selections: &Selections,
        cx: &Context<'_>,
        place: Option<&Place<'_>>,
    ) -> Result<(), Stop> {
        let type_name = object.type_name();
        let Some((_, fields)) = selections.types.iter().find(|(name, _)| name == type_name) else {
            self.fail(place, format!("{type_name} is not a type that may stand here"));
            return Err(Stop::Null);
        };
        if self.out.len() > self.limits.bytes_max {
            let limit = self.limits.bytes_max;
            self.fail(place, format!("the response exceeds the limit of {limit} bytes"));
            return Err(Stop::Abort);
        }
        if self.abandoned.is_some_and(|abandoned| abandoned.load(Ordering::Relaxed)) {
            return Err(Stop::Abort);
        }
        self.out.push(b'{');
        let mut first = true;
        for planned in fields {
            if !planned.is_included(cx.variables) {
                continue;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.out.extend_from_slice(&planned.quoted_key);
            let place = Place { outer: place, step: Step::Key(&planned.key) };
            match planned.meta {
                Meta::None => self.field(object, planned, cx, &place)?,
                Meta::Typename => json::string(&mut self.out, type_name),
                Meta::Introspection => {
                    let known = self.introspected.and_then(|answers| answers.get(&*planned.key));
                    self.out.extend_from_slice(known.map_or(b"null", Vec::as_slice));
                }
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn field(
        &mut self,
        object: &dyn Object,
        planned: &PlannedField,
        cx: &Context<'_>,
        place: &Place<'_>,
    ) -> Result<(), Stop> {
        let resolved = match cx.arguments(planned) {
            Ok(_) => object.field(Field { planned, cx }, cx),
            Err(error) => Err(error.clone()),
        };
        let resolved = resolved.unwrap_or_else(Resolved::Failed);
        self.value(resolved, &planned.output, planned, cx, place)
    }

    /// Writes a value of a field, or of an item of its list.
    fn value(
        &mut self,
        resolved: Resolved<'_>,
        output: &Output,
        planned: &PlannedField,
        cx: &Context<'_>,
        place: &Place<'_>,
    ) -> Result<(), Stop> {
        let start = self.out.len();
        let written = match (&output.kind, resolved) {
            (_, Resolved::Null) => {
                if output.non_null {
                    self.fail(Some(place), null_message(output, place).to_owned());
                }
                Err(Stop::Null)
            }
            (_, Resolved::Failed(error)) => {
                self.fail(Some(place), error.message(&planned.parent, &planned.name));
                Err(Stop::Null)
            }
            (OutputKind::Object | OutputKind::Abstract, Resolved::Object(object)) => {
                self.object(&*object, &planned.children, cx, Some(place))
            }
            (OutputKind::Object | OutputKind::Abstract, Resolved::Ref(object)) => {
                self.object(object, &planned.children, cx, Some(place))
            }
            (OutputKind::List(item), Resolved::List(items)) => {
                self.list(items.into_iter(), item, planned, cx, place)
            }
            (OutputKind::List(item), Resolved::Iter(items)) => {
                self.list(items, item, planned, cx, place)
            }
            (kind, resolved) => self.leaf(kind, resolved, place),
        };
        match written {
            Err(Stop::Null) if !output.non_null => {
                self.out.truncate(start);
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            written => written,
        }
    }

    fn list<'r>(
        &mut self,
        items: impl Iterator<Item = Resolved<'r>>,
        item: &Output,
        planned: &PlannedField,
        cx: &Context<'_>,
        place: &Place<'_>,
    ) -> Result<(), Stop> {
        self.out.push(b'[');
        for (index, resolved) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let place = Place { outer: Some(place), step: Step::Index(index) };
            self.value(resolved, item, planned, cx, &place)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn leaf(
        &mut self,
        kind: &OutputKind,
        resolved: Resolved<'_>,
        place: &Place<'_>,
    ) -> Result<(), Stop> {
        let out = &mut self.out;
        match (kind, &resolved) {
            (OutputKind::Boolean | OutputKind::Any, Resolved::Bool(value)) => {
                out.extend_from_slice(if *value { b"true" } else { b"false" });
            }
            (OutputKind::Int | OutputKind::Float | OutputKind::Any, Resolved::Int(value)) => {
                json::int(out, *value);
            }
            (OutputKind::Id, Resolved::Int(value)) => {
                out.push(b'"');
                json::int(out, *value);
                out.push(b'"');
            }
            (OutputKind::Float | OutputKind::Any, Resolved::Float(value)) => {
                if !json::float(out, *value) {
                    self.fail(Some(place), format!("{value} is not a finite number"));
                    return Err(Stop::Null);
                }
            }
            (OutputKind::String | OutputKind::Id | OutputKind::Any, Resolved::Str(text)) => {
                json::string(out, text);
            }
            (OutputKind::Enum(names), Resolved::Str(text)) if is_one_of(names, text) => {
                json::string(out, text);
            }
            (OutputKind::Any, Resolved::Raw(text)) => out.extend_from_slice(text.as_bytes()),
            (OutputKind::Any, Resolved::Json(value)) => {
                serde_json::to_writer(out, value).expect("writing to memory does not fail");
            }
            (OutputKind::Enum(_), Resolved::Str(text)) => {
                let message = format!("{text} is not a value of the field's enum");
                self.fail(Some(place), message);
                return Err(Stop::Null);
            }
            (_, resolved) => {
                let message = format!("the field's type has no form for {}", resolved.kind());
                self.fail(Some(place), message);
                return Err(Stop::Null);
            }
        }
        Ok(())
    }

    fn fail(&mut self, place: Option<&Place<'_>>, message: String) {
        if self.errors.len() >= self.limits.errors_max {
            return;
        }
        let mut path = Vec::new();
        let mut at = place;
        while let Some(place) = at {
            path.push(match place.step {
                Step::Key(key) => PathSegment::Key(key.to_owned()),
                Step::Index(index) => PathSegment::Index(index),
            });
            at = place.outer;
        }
        path.reverse();
        self.errors.push(GraphqlError { path, ..GraphqlError::new(message) });
    }
}

fn is_one_of(names: &[Name], text: &str) -> bool {
    names.iter().any(|name| name == text)
}

/// Two texts, because clients tell them apart: objects and list items have their own.
fn null_message(output: &Output, place: &Place<'_>) -> &'static str {
    match (&output.kind, &place.step) {
        (OutputKind::Object, _) | (_, Step::Index(_)) => {
            "the requested element is null which the schema does not allow"
        }
        _ => "must not be null",
    }
}
