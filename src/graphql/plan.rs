//! From a validated document to a plan: fragments flattened, fields merged, types looked up, once
//! per document instead of once per object.

use std::sync::OnceLock;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::Name;
use apollo_compiler::Node;
use apollo_compiler::Schema;
use apollo_compiler::ast::{Argument, DirectiveList, FieldDefinition, Type, VariableDefinition};
use apollo_compiler::collections::{HashMap, HashSet, IndexMap};
use apollo_compiler::executable::{self, Operation, OperationType, Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, Implementers};
use apollo_compiler::validation::Valid;

use crate::graphql::coerce::Coercer;
use crate::graphql::error::{GraphqlError, TOO_COMPLEX, VALIDATION_FAILED};
use crate::graphql::json;
use crate::graphql::value::Map;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Writes; its root fields run one after another.
    Mutation,
    /// Is executed once per event.
    Subscription,
}

/// A planned operation, ready to be executed any number of times.
pub struct Prepared {
    pub(super) kind: OperationKind,
    pub(super) variables: Vec<Node<VariableDefinition>>,
    pub(super) root: Selections,
    /// How many fields have arguments that depend on variables: see [`Arguments::Dynamic`].
    pub(super) slots: usize,
    /// How many fields were planned.
    pub(super) size: usize,
    pub(super) introspection: Option<Introspection>,
}

impl Prepared {
    /// What the operation does.
    pub fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The names of the root fields, whatever their aliases and conditions: for a subscription,
    /// the one field that says which events to follow.
    pub fn root_fields(&self) -> impl Iterator<Item = &str> {
        self.root.types.iter().flat_map(|(_, fields)| fields).map(|field| field.name.as_str())
    }

    /// How many fields the plan has, each counted per concrete type and alias.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// Kept for operations that ask for `__schema` or `__type`, which apollo-compiler answers.
pub(super) struct Introspection {
    pub(super) document: Valid<ExecutableDocument>,
    pub(super) operation: Node<Operation>,
    /// The answer, kept when no variable can change it.
    pub(super) answer: OnceLock<Introspected>,
}

/// JSON by response key.
pub(super) type Introspected = HashMap<String, Vec<u8>>;

/// The planned fields of one selection set, per concrete type that may stand there.
#[derive(Default)]
pub(super) struct Selections {
    pub(super) types: Vec<(Name, Vec<PlannedField>)>,
}

pub(super) struct PlannedField {
    pub(super) key: Box<str>,
    /// The response key as it is written: quoted, with its colon.
    pub(super) quoted_key: Box<[u8]>,
    pub(super) name: Name,
    pub(super) parent: Name,
    pub(super) output: Output,
    pub(super) arguments: Arguments,
    /// Empty: always included. Else included if all conditions of any one entry hold.
    pub(super) conditions: Vec<Vec<Condition>>,
    pub(super) children: Selections,
    pub(super) meta: Meta,
}

/// An `@include` or `@skip` that depends on a variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Condition {
    variable: Name,
    wanted: bool,
}

impl PlannedField {
    pub(super) fn is_included(&self, variables: &Map) -> bool {
        self.conditions.is_empty()
            || self.conditions.iter().any(|all| {
                all.iter().all(|condition| {
                    variables.bool(&condition.variable).unwrap_or(false) == condition.wanted
                })
            })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meta {
    None,
    Typename,
    Introspection,
}

pub(super) enum Arguments {
    Fixed(Map),
    /// Depend on variables: coerced once per execution into the context's slot of that number.
    Dynamic {
        slot: usize,
        definition: Node<FieldDefinition>,
        given: Vec<Node<Argument>>,
    },
}

/// The type of a field, resolved down to what its values are written as.
pub(super) struct Output {
    pub(super) non_null: bool,
    pub(super) kind: OutputKind,
}

pub(super) enum OutputKind {
    Int,
    Float,
    String,
    Boolean,
    Id,
    /// The allowed names.
    Enum(Vec<Name>),
    /// A custom scalar: anything.
    Any,
    Object,
    /// An interface or a union.
    Abstract,
    List(Box<Output>),
}

/// Bounds on a plan.
#[derive(Clone, Copy)]
pub(super) struct PlanLimits {
    pub(super) fields_max: usize,
    pub(super) depth_max: usize,
}

/// Refuses documents whose flattened size or depth is over the limits, in time linear in their
/// text and before anything is expanded: an alias bomb is small as text.
pub(super) fn check_cost(
    document: &ExecutableDocument,
    limits: PlanLimits,
) -> Result<(), GraphqlError> {
    let mut known = HashMap::default();
    for operation in document.operations.iter() {
        let (size, depth) = cost(document, &operation.selection_set, &mut known, 0);
        if size > limits.fields_max {
            return Err(too_large(size, limits.fields_max));
        }
        if depth > limits.depth_max {
            return Err(too_deep(limits.depth_max));
        }
    }
    Ok(())
}

/// The number of fields of a selection set with its fragments, and its depth. Both saturate. A
/// fragment that contains itself counts as empty inside itself; validation refuses it later.
fn cost<'d>(
    document: &'d ExecutableDocument,
    selections: &'d SelectionSet,
    known: &mut HashMap<&'d str, (usize, usize)>,
    nesting: usize,
) -> (usize, usize) {
    // Far beyond any limit; only protects the stack.
    if nesting > 1_000 {
        return (usize::MAX, usize::MAX);
    }
    let mut size = 0_usize;
    let mut depth = 0_usize;
    for selection in &selections.selections {
        let (fields, levels) = match selection {
            Selection::Field(field) => {
                let (fields, levels) = cost(document, &field.selection_set, known, nesting + 1);
                (fields.saturating_add(1), levels.saturating_add(1))
            }
            Selection::InlineFragment(inline) => {
                cost(document, &inline.selection_set, known, nesting + 1)
            }
            Selection::FragmentSpread(spread) => {
                let name = spread.fragment_name.as_str();
                match (known.get(name), document.fragments.get(name)) {
                    (Some(cost), _) => *cost,
                    (None, None) => (0, 0),
                    (None, Some(fragment)) => {
                        known.insert(name, (0, 0));
                        let found = cost(document, &fragment.selection_set, known, nesting + 1);
                        known.insert(name, found);
                        found
                    }
                }
            }
        };
        size = size.saturating_add(fields);
        depth = depth.max(levels);
    }
    (size, depth)
}

fn too_large(size: usize, limit: usize) -> GraphqlError {
    let message = format!("operation has complexity {size}, which exceeds the limit of {limit}");
    GraphqlError::coded(message, TOO_COMPLEX)
}

fn too_deep(limit: usize) -> GraphqlError {
    let message = format!("operation has a depth that exceeds the limit of {limit}");
    GraphqlError::coded(message, TOO_COMPLEX)
}

/// Plans one operation of a document.
pub(super) fn plan(
    coercer: Coercer<'_>,
    implementers: &HashMap<Name, Implementers>,
    document: &Valid<ExecutableDocument>,
    operation: &Node<Operation>,
    limits: PlanLimits,
) -> Result<Prepared, GraphqlError> {
    let mut planner = Planner {
        coercer,
        implementers,
        document,
        limits,
        size: 0,
        visited: 0,
        slots: 0,
        introspects: false,
    };
    let root_type = operation.object_type().clone();
    let sources = [Source { conditions: Vec::new(), selections: &operation.selection_set }];
    let fields = planner.fields(&root_type, &sources, 1)?;
    let introspection = planner.introspects.then(|| Introspection {
        document: document.clone(),
        operation: operation.clone(),
        answer: OnceLock::new(),
    });
    Ok(Prepared {
        kind: match operation.operation_type {
            OperationType::Query => OperationKind::Query,
            OperationType::Mutation => OperationKind::Mutation,
            OperationType::Subscription => OperationKind::Subscription,
        },
        variables: operation.variables.clone(),
        root: Selections { types: vec![(root_type, fields)] },
        slots: planner.slots,
        size: planner.size,
        introspection,
    })
}

struct Planner<'d> {
    coercer: Coercer<'d>,
    implementers: &'d HashMap<Name, Implementers>,
    document: &'d ExecutableDocument,
    limits: PlanLimits,
    size: usize,
    /// Selections looked at; bounds the work on merged fields, which `size` does not count.
    visited: usize,
    slots: usize,
    introspects: bool,
}

/// A selection set and the conditions under which it counts.
struct Source<'d> {
    conditions: Vec<Condition>,
    selections: &'d SelectionSet,
}

/// One place of the document that selects a field.
struct Occurrence<'d> {
    conditions: Vec<Condition>,
    field: &'d Node<executable::Field>,
}

/// What was collected for one object type: its fields by response key, and which fragments were
/// spread under which conditions already.
#[derive(Default)]
struct Groups<'d> {
    fields: IndexMap<&'d str, Vec<Occurrence<'d>>>,
    spread: HashSet<(&'d str, Vec<Condition>)>,
}

impl<'d> Planner<'d> {
    /// The merged fields of an object type.
    fn fields(
        &mut self,
        type_name: &Name,
        sources: &[Source<'d>],
        depth: usize,
    ) -> Result<Vec<PlannedField>, GraphqlError> {
        if depth > self.limits.depth_max {
            return Err(too_deep(self.limits.depth_max));
        }
        let mut groups = Groups::default();
        for source in sources {
            self.collect(type_name, source.selections, &source.conditions, &mut groups)?;
        }
        groups
            .fields
            .into_iter()
            .map(|(key, occurrences)| self.field(type_name, key, &occurrences, depth))
            .collect()
    }

    fn collect(
        &mut self,
        type_name: &Name,
        selections: &'d SelectionSet,
        outer: &[Condition],
        groups: &mut Groups<'d>,
    ) -> Result<(), GraphqlError> {
        for selection in &selections.selections {
            self.visited += 1;
            if self.visited > self.limits.fields_max.saturating_mul(8) {
                return Err(too_large(self.visited, self.limits.fields_max.saturating_mul(8)));
            }
            let directives = match selection {
                Selection::Field(field) => &field.directives,
                Selection::FragmentSpread(spread) => &spread.directives,
                Selection::InlineFragment(inline) => &inline.directives,
            };
            let Some(conditions) = with_directives(outer, directives) else { continue };
            match selection {
                Selection::Field(field) => {
                    let occurrences =
                        groups.fields.entry(field.response_key().as_str()).or_default();
                    // Repeating a leaf that is always there adds nothing.
                    let known = field.selection_set.selections.is_empty()
                        && occurrences.first().is_some_and(|first| first.conditions.is_empty());
                    if !known {
                        occurrences.push(Occurrence { conditions, field });
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                        continue;
                    };
                    let seen = (spread.fragment_name.as_str(), conditions);
                    if self.applies(&fragment.selection_set.ty, type_name)
                        && !groups.spread.contains(&seen)
                    {
                        let conditions = seen.1.clone();
                        groups.spread.insert(seen);
                        self.collect(type_name, &fragment.selection_set, &conditions, groups)?;
                    }
                }
                Selection::InlineFragment(inline) => {
                    let applies = inline
                        .type_condition
                        .as_ref()
                        .is_none_or(|condition| self.applies(condition, type_name));
                    if applies {
                        self.collect(type_name, &inline.selection_set, &conditions, groups)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, condition: &Name, type_name: &Name) -> bool {
        condition == type_name || self.coercer.schema.is_subtype(condition, type_name)
    }

    fn field(
        &mut self,
        parent: &Name,
        key: &str,
        occurrences: &[Occurrence<'d>],
        depth: usize,
    ) -> Result<PlannedField, GraphqlError> {
        self.size += 1;
        if self.size > self.limits.fields_max {
            return Err(too_large(self.size, self.limits.fields_max));
        }
        let first = occurrences.first().expect("a group begins with an occurrence").field;
        let meta = match first.name.as_str() {
            "__typename" => Meta::Typename,
            "__schema" | "__type" => Meta::Introspection,
            _ => Meta::None,
        };
        self.introspects |= meta == Meta::Introspection;
        // The parent's own definition: an interface's may lack arguments or be of a wider type.
        let definition = self
            .coercer
            .schema
            .type_field(parent, &first.name)
            .map_or(&first.definition, |component| &component.node);
        let always = occurrences.iter().any(|occurrence| occurrence.conditions.is_empty());
        let children = if meta == Meta::None {
            self.children(definition.ty.inner_named_type(), occurrences, depth)?
        } else {
            Selections::default()
        };
        let mut quoted_key = Vec::with_capacity(key.len() + 3);
        json::string(&mut quoted_key, key);
        quoted_key.push(b':');
        Ok(PlannedField {
            key: key.into(),
            quoted_key: quoted_key.into(),
            name: first.name.clone(),
            parent: parent.clone(),
            output: output(self.coercer.schema, &definition.ty),
            arguments: self.arguments(definition, first, meta)?,
            conditions: if always {
                Vec::new()
            } else {
                occurrences.iter().map(|occurrence| occurrence.conditions.clone()).collect()
            },
            children,
            meta,
        })
    }

    fn children(
        &mut self,
        type_name: &Name,
        occurrences: &[Occurrence<'d>],
        depth: usize,
    ) -> Result<Selections, GraphqlError> {
        let sources: Vec<Source<'d>> = occurrences
            .iter()
            .filter(|occurrence| !occurrence.field.selection_set.selections.is_empty())
            .map(|occurrence| Source {
                // With one occurrence the field itself is absent when its conditions fail.
                conditions: if occurrences.len() == 1 {
                    Vec::new()
                } else {
                    occurrence.conditions.clone()
                },
                selections: &occurrence.field.selection_set,
            })
            .collect();
        if sources.is_empty() {
            return Ok(Selections::default());
        }
        let mut types = Vec::new();
        for concrete in self.possible_types(type_name) {
            let fields = self.fields(&concrete, &sources, depth + 1)?;
            types.push((concrete, fields));
        }
        Ok(Selections { types })
    }

    fn possible_types(&self, type_name: &Name) -> Vec<Name> {
        match self.coercer.schema.types.get(type_name) {
            Some(ExtendedType::Object(_)) => vec![type_name.clone()],
            Some(ExtendedType::Union(union)) => {
                union.members.iter().map(|member| member.name.clone()).collect()
            }
            Some(ExtendedType::Interface(_)) => self
                .implementers
                .get(type_name)
                .map(|implementers| implementers.objects.iter().cloned().collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn arguments(
        &mut self,
        definition: &Node<FieldDefinition>,
        field: &executable::Field,
        meta: Meta,
    ) -> Result<Arguments, GraphqlError> {
        if meta != Meta::None || definition.arguments.is_empty() {
            return Ok(Arguments::Fixed(Map::new()));
        }
        if field.arguments.iter().any(|argument| uses_variable(&argument.value)) {
            let slot = self.slots;
            self.slots += 1;
            return Ok(Arguments::Dynamic {
                slot,
                definition: definition.clone(),
                given: field.arguments.clone(),
            });
        }
        let arguments =
            self.coercer.arguments(definition, &field.arguments, &Map::new()).map_err(|error| {
                GraphqlError::coded(error.message("", &field.name), VALIDATION_FAILED)
            })?;
        Ok(Arguments::Fixed(arguments))
    }
}

fn uses_variable(value: &executable::Value) -> bool {
    match value {
        executable::Value::Variable(_) => true,
        executable::Value::List(items) => items.iter().any(|item| uses_variable(item)),
        executable::Value::Object(fields) => fields.iter().any(|(_, value)| uses_variable(value)),
        _ => false,
    }
}

/// The outer conditions with those of `@include` and `@skip` added; `None` when a literal one
/// already leaves the selection out.
fn with_directives(outer: &[Condition], directives: &DirectiveList) -> Option<Vec<Condition>> {
    let mut conditions = outer.to_vec();
    for (directive, wanted) in [("include", true), ("skip", false)] {
        let Some(directive) = directives.get(directive) else { continue };
        match directive.specified_argument_by_name("if").map(|value| &**value) {
            Some(executable::Value::Boolean(value)) if *value == wanted => {}
            Some(executable::Value::Variable(variable)) => {
                let condition = Condition { variable: variable.clone(), wanted };
                if !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
            _ => return None,
        }
    }
    Some(conditions)
}

fn output(schema: &Schema, ty: &Type) -> Output {
    let kind = match ty {
        Type::List(item) | Type::NonNullList(item) => {
            OutputKind::List(Box::new(output(schema, item)))
        }
        Type::Named(name) | Type::NonNullNamed(name) => match schema.types.get(name) {
            Some(ExtendedType::Object(_)) => OutputKind::Object,
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => OutputKind::Abstract,
            Some(ExtendedType::Enum(definition)) => {
                OutputKind::Enum(definition.values.keys().cloned().collect())
            }
            _ => match name.as_str() {
                "Int" => OutputKind::Int,
                "Float" => OutputKind::Float,
                "String" => OutputKind::String,
                "Boolean" => OutputKind::Boolean,
                "ID" => OutputKind::Id,
                _ => OutputKind::Any,
            },
        },
    };
    Output { non_null: ty.is_non_null(), kind }
}
