//! Filters: from input objects to the items or entities that fulfil them.
//!
//! `criteria` reads one criterion; `items` narrows sets of scenes and images, what a set answers
//! first and what needs a record last; `entities` filters the catalogue.

pub(super) mod criteria;
mod custom;
mod entities;
mod fields;
mod files;
mod items;
mod markers;

pub(super) use entities::{Found, entities};
pub(super) use files::{FileFilter, folder_matches};
pub(super) use items::{Kind, items};
pub(super) use markers::markers;

use crate::graphql::{FieldError, Map};

/// The one sub-filter of a level.
enum Joined<'f> {
    And(&'f Map),
    Or(&'f Map),
    Not(&'f Map),
}

/// The sub-filter of a level; more than one is refused.
fn joined(filter: &Map) -> Result<Option<Joined<'_>>, FieldError> {
    let both = |one: &str, other: &str| {
        FieldError::new(format!("cannot have {one} and {other} in the same filter"))
    };
    Ok(match (filter.map("AND"), filter.map("OR"), filter.map("NOT")) {
        (Some(_), Some(_), _) => return Err(both("AND", "OR")),
        (Some(_), _, Some(_)) => return Err(both("AND", "NOT")),
        (_, Some(_), Some(_)) => return Err(both("OR", "NOT")),
        (Some(filter), None, None) => Some(Joined::And(filter)),
        (None, Some(filter), None) => Some(Joined::Or(filter)),
        (None, None, Some(filter)) => Some(Joined::Not(filter)),
        (None, None, None) => None,
    })
}

/// The criteria of a level: what is given and no sub-filter.
fn criteria_of(filter: &Map) -> impl Iterator<Item = (&str, &crate::graphql::Value)> {
    filter.iter().filter(|(name, value)| !matches!(*name, "AND" | "OR" | "NOT") && !value.is_null())
}
