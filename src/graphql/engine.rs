//! The engine: a schema, a cache of plans, and the way from a request to its response.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use apollo_compiler::ExecutableDocument;
use apollo_compiler::Name;
use apollo_compiler::Schema;
use apollo_compiler::collections::HashMap as ApolloMap;
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::introspection;
use apollo_compiler::parser::Parser;
use apollo_compiler::response::{JsonMap, JsonValue, serde_json_bytes};
use apollo_compiler::schema::{ExtendedType, Implementers};
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid};

use crate::graphql::coerce::{Coercer, ScalarShape};
use crate::graphql::error::{GraphqlError, PARSE_FAILED, TOO_COMPLEX, VALIDATION_FAILED};
use crate::graphql::execute::{Context, Executor, Object, OutputLimits};
use crate::graphql::plan::{
    self, Introspected, Introspection, OperationKind, PlanLimits, Prepared,
};
use crate::graphql::request::{MediaType, Method, Outcome, Request};
use crate::graphql::value::Map;

/// Bounds on what one request may ask of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The query text.
    pub document_bytes_max: usize,
    /// Its lexical tokens.
    pub tokens_max: usize,
    /// Selected fields after fragments are expanded, per concrete type.
    pub fields_max: usize,
    /// Levels of nested selections.
    pub depth_max: usize,
    /// The `data` of a response.
    pub response_bytes_max: usize,
    /// Entries of `errors`; further ones are dropped.
    pub errors_max: usize,
    /// Plans kept for texts asked before, by estimate.
    pub cache_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            document_bytes_max: 1 << 20,
            tokens_max: 100_000,
            fields_max: 50_000,
            depth_max: 64,
            response_bytes_max: 1 << 30,
            errors_max: 1_000,
            cache_bytes_max: 32 << 20,
        }
    }
}

/// Levels of nesting in the text: selections, lists, objects. Protects the parser's stack.
const NESTING_MAX: usize = 200;

/// A schema and everything needed to answer requests against it. Share it between threads.
pub struct Engine {
    schema: Valid<Schema>,
    implementers: ApolloMap<Name, Implementers>,
    shapes: HashMap<String, ScalarShape>,
    limits: Limits,
    cache: Mutex<Cache>,
}

impl Engine {
    /// An engine for a schema in the schema definition language. `shapes` says which input the
    /// custom scalars take; those not named take anything. Fails with the schema's faults.
    pub fn new(
        sdl: &str,
        shapes: &[(&str, ScalarShape)],
        limits: Limits,
    ) -> Result<Engine, Vec<GraphqlError>> {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql")
            .map_err(|invalid| diagnostics(&invalid.errors, limits.errors_max))?;
        let implementers = schema.implementers_map();
        let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect();
        Ok(Engine { schema, implementers, shapes, limits, cache: Mutex::new(Cache::default()) })
    }

    /// The plan of an operation, from the cache if the same text was asked for before.
    /// `operation_name` may be absent or empty when the document has one operation.
    pub fn prepare(
        &self,
        query: &str,
        operation_name: Option<&str>,
    ) -> Result<Arc<Prepared>, Vec<GraphqlError>> {
        let operation_name = operation_name.filter(|name| !name.is_empty());
        if query.len() > self.limits.document_bytes_max {
            let limit = self.limits.document_bytes_max;
            let message = format!("the query text exceeds the limit of {limit} bytes");
            return Err(vec![GraphqlError::coded(message, PARSE_FAILED)]);
        }
        let key = (query.to_owned(), operation_name.map(str::to_owned));
        if let Some(known) = self.cache().find(&key) {
            return Ok(known);
        }
        // Planned outside the lock; two threads may plan the same text once each.
        let prepared = Arc::new(self.plan(query, operation_name)?);
        self.cache().keep(key, prepared.clone(), self.limits.cache_bytes_max);
        Ok(prepared)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(
        &self,
        query: &str,
        operation_name: Option<&str>,
    ) -> Result<Prepared, Vec<GraphqlError>> {
        let limits =
            PlanLimits { fields_max: self.limits.fields_max, depth_max: self.limits.depth_max };
        let document = self.validated(query, limits)?;
        let operation = document.operations.get(operation_name).map_err(|_| {
            let message = match operation_name {
                _ if document.operations.is_empty() => "no operation provided".to_owned(),
                Some(name) => format!("operation {name} not found"),
                None => "operation  not found".to_owned(),
            };
            vec![GraphqlError::coded(message, VALIDATION_FAILED)]
        })?;
        if introspection::check_max_depth(&document, operation).is_err() {
            let message = "the introspection lists are nested too deeply";
            return Err(vec![GraphqlError::coded(message, TOO_COMPLEX)]);
        }
        plan::plan(self.coercer(0), &self.implementers, &document, operation, limits)
            .map_err(|error| vec![error])
    }

    fn validated(
        &self,
        query: &str,
        limits: PlanLimits,
    ) -> Result<Valid<ExecutableDocument>, Vec<GraphqlError>> {
        let mut parser =
            Parser::new().recursion_limit(NESTING_MAX).token_limit(self.limits.tokens_max);
        let document = match parser.parse_executable(&self.schema, query, "query") {
            Ok(document) => document,
            Err(invalid) => return Err(diagnostics(&invalid.errors, self.limits.errors_max)),
        };
        plan::check_cost(&document, limits).map_err(|error| vec![error])?;
        match document.validate(&self.schema) {
            Ok(document) => Ok(document),
            Err(invalid) => {
                let errors = diagnostics(&invalid.errors, self.limits.errors_max);
                if errors.is_empty() {
                    Ok(Valid::assume_valid(invalid.partial))
                } else {
                    Err(errors)
                }
            }
        }
    }

    fn coercer(&self, uploads: usize) -> Coercer<'_> {
        Coercer { schema: &self.schema, shapes: &self.shapes, uploads }
    }

    /// The variables of a plan from those of a request, of which `uploads` files are part.
    pub fn variables(
        &self,
        prepared: &Prepared,
        given: &serde_json::Map<String, serde_json::Value>,
        uploads: usize,
    ) -> Result<Map, GraphqlError> {
        self.coercer(uploads).variables(&prepared.variables, given)
    }

    /// Executes a plan and gives the response body. `variables` come from [`Self::variables`];
    /// `state` is what resolvers find as [`Context::state`]. For a subscription, call it once per
    /// event with a root that answers the event.
    pub fn execute(
        &self,
        prepared: &Prepared,
        variables: &Map,
        root: &dyn Object,
        state: &(dyn Any + 'static),
    ) -> Vec<u8> {
        self.execute_for(prepared, variables, root, state, None)
    }

    /// [`Self::execute`], broken off once nobody waits for the answer.
    fn execute_for(
        &self,
        prepared: &Prepared,
        variables: &Map,
        root: &dyn Object,
        state: &(dyn Any + 'static),
        abandoned: Option<&AtomicBool>,
    ) -> Vec<u8> {
        const HEAD: &[u8] = b"{\"data\":";
        let cx = Context::new(self.coercer(0), prepared, variables, state);
        let mut errors = Vec::new();
        let own;
        let introspected = match &prepared.introspection {
            None => None,
            Some(asked) => match asked.answer.get() {
                Some(known) => Some(known),
                None => match self.introspect(asked, variables) {
                    Ok(answer) if prepared.variables.is_empty() => {
                        Some(asked.answer.get_or_init(|| answer))
                    }
                    Ok(answer) => {
                        own = answer;
                        Some(&own)
                    }
                    Err(error) => {
                        errors.push(error);
                        None
                    }
                },
            },
        };
        let mut executor = Executor {
            out: HEAD.to_vec(),
            errors,
            limits: OutputLimits {
                bytes_max: self.limits.response_bytes_max,
                errors_max: self.limits.errors_max,
            },
            introspected,
            abandoned,
        };
        executor.run(root, &prepared.root, &cx);
        executor.out.push(b'}');
        if executor.errors.is_empty() {
            return executor.out;
        }
        let mut body = b"{\"errors\":".to_vec();
        GraphqlError::write_list(&executor.errors, &mut body);
        body.push(b',');
        body.extend_from_slice(&executor.out[1..]);
        body
    }

    /// What `__schema` and `__type` answer, by response key.
    fn introspect(
        &self,
        asked: &Introspection,
        variables: &Map,
    ) -> Result<Introspected, GraphqlError> {
        let variables: JsonMap = variables
            .iter()
            .map(|(name, value)| (name.into(), JsonValue::from(value.to_json())))
            .collect();
        let response = introspection::partial_execute(
            &self.schema,
            &self.implementers,
            &asked.document,
            &asked.operation,
            &Valid::assume_valid(variables),
        )
        .map_err(|error| GraphqlError::new(error.message().to_string()))?;
        if let Some(error) = response.errors.into_iter().next() {
            return Err(GraphqlError::new(error.message));
        }
        Ok(response
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| {
                let json = serde_json_bytes::serde_json::to_vec(&value);
                (key.as_str().to_owned(), json.expect("JSON in memory can be written"))
            })
            .collect())
    }

    /// The whole way from a request to its response. `root` makes the root object for the kind
    /// of operation; a kind it has none for is refused. A panic in a resolver is an error of that
    /// request alone.
    pub fn respond<'r>(
        &self,
        request: &Request,
        media: MediaType,
        state: &(dyn Any + 'static),
        root: impl FnOnce(OperationKind) -> Option<Box<dyn Object + 'r>>,
    ) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.answer(request, media, state, root)));
        outcome.unwrap_or_else(|panic| {
            let reason = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            tracing::error!(reason, "a resolver panicked");
            let error = GraphqlError::new(format!("Internal system error. Error <{reason}>"));
            Outcome::refused(200, &[error], media)
        })
    }

    fn answer<'r>(
        &self,
        request: &Request,
        media: MediaType,
        state: &(dyn Any + 'static),
        root: impl FnOnce(OperationKind) -> Option<Box<dyn Object + 'r>>,
    ) -> Outcome {
        let refused =
            |errors: &[GraphqlError]| Outcome::refused(media.refused_status(), errors, media);
        let prepared = match self.prepare(&request.query, request.operation_name.as_deref()) {
            Ok(prepared) => prepared,
            Err(errors) => return refused(&errors),
        };
        if request.method == Method::Get && prepared.kind != OperationKind::Query {
            let error = GraphqlError::new("GET requests only allow query operations");
            return Outcome::refused(406, &[error], media);
        }
        let variables = match self.variables(&prepared, &request.variables, request.uploads) {
            Ok(variables) => variables,
            Err(error) => return refused(&[error]),
        };
        let Some(root) = root(prepared.kind) else {
            return Outcome::bad_request("transport not supported");
        };
        let abandoned = Some(&*request.abandoned);
        let body = self.execute_for(&prepared, &variables, &*root, state, abandoned);
        Outcome { http_status: 200, content_type: media.name(), body }
    }

    /// Every field of every object type of the schema, as (type, field), introspection apart.
    /// For tests that compare resolvers with the schema.
    pub fn walk_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.schema
            .types
            .iter()
            .filter(|(name, _)| !name.starts_with("__"))
            .filter_map(|(name, definition)| match definition {
                ExtendedType::Object(object) => Some((name, object)),
                _ => None,
            })
            .flat_map(|(name, object)| {
                object.fields.keys().map(move |field| (name.as_str(), field.as_str()))
            })
    }

    /// The schema, for tests and documentation.
    pub fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }
}

/// The faults of a document: its first syntax error alone, for what follows one is seldom meant,
/// or else all that do not fit the schema. An Int beyond 32 bits is none: see `coerce`.
fn diagnostics(list: &DiagnosticList, errors_max: usize) -> Vec<GraphqlError> {
    let told = |diagnostic: Diagnostic<'_, DiagnosticData>, code| {
        let told = diagnostic.unstable_to_json_compat();
        let locations = told.locations.iter().map(|at| (at.line, at.column)).collect();
        GraphqlError { locations, ..GraphqlError::coded(told.message, code) }
    };
    // apollo-compiler names every kind of error but syntax errors and parser limits.
    let syntax = list.iter().find(|diagnostic| diagnostic.error.unstable_error_name().is_none());
    if let Some(diagnostic) = syntax {
        return vec![told(diagnostic, PARSE_FAILED)];
    }
    list.iter()
        .filter(|diagnostic| !is_wide_int(&diagnostic.error.unstable_compat_message()))
        .take(errors_max)
        .map(|diagnostic| told(diagnostic, VALIDATION_FAILED))
        .collect()
}

fn is_wide_int(message: &Option<String>) -> bool {
    message
        .as_deref()
        .and_then(|text| {
            text.strip_prefix("Int cannot represent non 32-bit signed integer value: ")
        })
        .is_some_and(|digits| digits.parse::<i64>().is_ok())
}

type CacheKey = (String, Option<String>);

/// Plans by text, the least recently used dropped when their estimated bytes exceed the limit.
#[derive(Default)]
struct Cache {
    entries: HashMap<CacheKey, CacheEntry>,
    bytes: usize,
    clock: u64,
}

struct CacheEntry {
    prepared: Arc<Prepared>,
    bytes: usize,
    used: u64,
}

impl Cache {
    fn find(&mut self, key: &CacheKey) -> Option<Arc<Prepared>> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(entry.prepared.clone())
    }

    fn keep(&mut self, key: CacheKey, prepared: Arc<Prepared>, bytes_max: usize) {
        // A planned field is about 300 bytes with its parts, the text is held by the key, and a
        // document kept for introspection is about 20 times its text.
        let text = key.0.len();
        let document = if prepared.introspection.is_some() { 20 * text } else { 0 };
        let bytes = 512 + text + document + 300 * prepared.size;
        if bytes > bytes_max {
            return;
        }
        while self.bytes + bytes > bytes_max {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            if let Some(dropped) = self.entries.remove(&oldest) {
                self.bytes -= dropped.bytes;
            }
        }
        self.clock += 1;
        let entry = CacheEntry { prepared, bytes, used: self.clock };
        if let Some(replaced) = self.entries.insert(key, entry) {
            self.bytes -= replaced.bytes;
        }
        self.bytes += bytes;
    }
}
