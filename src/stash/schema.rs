//! The API's schema, embedded and parsed once. The text beside this file is the contract.

use std::sync::LazyLock;

use crate::graphql::{Engine, Limits, ScalarShape};

/// The schema text.
pub const SDL: &str = include_str!("schema.graphql");

/// Which input the custom scalars take.
const SHAPES: &[(&str, ScalarShape)] = &[
    ("Any", ScalarShape::Any),
    ("BoolMap", ScalarShape::Object),
    ("Int64", ScalarShape::Integer),
    ("Map", ScalarShape::Object),
    ("PluginConfigMap", ScalarShape::Object),
    ("Time", ScalarShape::Text),
    ("Timestamp", ScalarShape::Text),
    ("Upload", ScalarShape::Upload),
];

/// The engine of the API, made on first use and shared by all requests.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(SDL, SHAPES, Limits::default()).expect("the embedded schema is valid: see its test")
});

#[cfg(test)]
mod tests {
    use super::*;
    use apollo_compiler::schema::ExtendedType;

    /// How many types of a kind there are, and how many members they have together.
    fn count(members: impl Fn(&ExtendedType) -> Option<usize>) -> (usize, usize) {
        let own = ENGINE
            .schema()
            .types
            .iter()
            .filter(|(name, definition)| !name.starts_with("__") && !definition.is_built_in());
        let found: Vec<usize> = own.filter_map(|(_, definition)| members(definition)).collect();
        (found.len(), found.iter().sum())
    }

    #[test]
    fn no_type_or_member_is_lost() {
        // The published schema has 102 objects with 1001 fields, one interface with 13, 156 inputs
        // with 1191 fields, 25 enums with 116 values, 2 unions with 10 members and 8 custom
        // scalars. Older clients add one object with 3 fields, 61 fields of objects and 52 of
        // inputs.
        let objects = count(|ty| ty.as_object().map(|object| object.fields.len()));
        assert_eq!(objects, (102 + 1, 1001 + 3 + 61));
        assert_eq!(count(|ty| ty.as_interface().map(|interface| interface.fields.len())), (1, 13));
        let inputs = count(|ty| ty.as_input_object().map(|input| input.fields.len()));
        assert_eq!(inputs, (156, 1191 + 52));
        assert_eq!(count(|ty| ty.as_enum().map(|definition| definition.values.len())), (25, 116));
        assert_eq!(count(|ty| ty.as_union().map(|union| union.members.len())), (2, 10));
        assert_eq!(count(|ty| ty.as_scalar().map(|_| 1)), (8, 8));
        assert_eq!(ENGINE.walk_fields().count(), 1001 + 3 + 61);
    }

    #[test]
    fn members_kept_for_older_clients_are_deprecated_and_never_required() {
        let mut kept = 0;
        for (start, _) in SDL.match_indices("  # older clients\n") {
            let members = SDL[start..].lines().skip(1).take_while(|line| *line != "}");
            for member in members {
                assert!(member.contains("@deprecated"), "{member}");
                kept += 1;
            }
        }
        assert_eq!(kept, 61 + 52);
        for (name, definition) in &ENGINE.schema().types {
            let Some(input) = definition.as_input_object() else { continue };
            for field in input.fields.values() {
                let required = field.ty.is_non_null() && field.directives.has("deprecated");
                assert!(!required, "{name}.{}", field.name);
            }
        }
    }

    #[test]
    fn every_custom_scalar_has_a_shape() {
        for (name, definition) in &ENGINE.schema().types {
            if definition.is_scalar() && !definition.is_built_in() {
                assert!(SHAPES.iter().any(|(known, _)| *known == name.as_str()), "{name}");
            }
        }
    }
}
