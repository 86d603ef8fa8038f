//! The API's schema, embedded and parsed once. The text beside this file is the contract.

use std::sync::{LazyLock, OnceLock};

use crate::config::Config;
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
    let limits = LIMITS.get().copied().unwrap_or_default();
    Engine::new(SDL, SHAPES, limits).expect("the embedded schema is valid: see its test")
});

/// The limits of the configuration, once there is one.
static LIMITS: OnceLock<Limits> = OnceLock::new();

/// Takes the limits of requests from the configuration. The first one counts, if no request came
/// before it.
pub fn configure(config: &Config) {
    LIMITS.get_or_init(|| limits(config));
}

fn limits(config: &Config) -> Limits {
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Limits {
        document_bytes_max: size(config.limits.graphql_document_bytes),
        depth_max: size(config.limits.graphql_depth),
        fields_max: size(config.limits.graphql_complexity),
        response_bytes_max: size(config.limits.graphql_response_bytes),
        ..Limits::default()
    }
}

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
    fn limits_are_those_of_the_configuration() {
        let mut config = Config::default();
        assert_eq!(limits(&config), Limits::default());
        config.limits.graphql_depth = 3;
        config.limits.graphql_complexity = 20;
        config.limits.graphql_document_bytes = 400;
        let engine = Engine::new(SDL, SHAPES, limits(&config)).unwrap();
        let fits = |query: &str| engine.prepare(query, None).is_ok();
        assert!(fits("{version{version}}"));
        assert!(!fits("{findTags{tags{parents{id}}}}"));
        let aliases: String = (0..20).map(|number| format!("a{number}:hash ")).collect();
        assert!(engine.prepare(&format!("{{version{{{aliases}}}}}"), None).is_err());
        assert!(!fits(&format!("{{{}version{{version}}}}", " ".repeat(400))));
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

    #[track_caller]
    fn check(query: &str, valid: bool) {
        let errors = ENGINE.prepare(query, None).err().unwrap_or_default();
        assert_eq!(errors.is_empty(), valid, "{query}: {errors:?}");
    }

    #[test]
    fn documents_of_current_clients_are_valid() {
        check(
            "fragment FileFields on BaseFile { __typename id path basename size mod_time
               parent_folder { __typename id path } zip_file { __typename id path }
               created_at updated_at fingerprints { __typename type value } }
             fragment VideoFileFields on VideoFile { __typename ...FileFields format width height
               duration video_codec audio_codec frame_rate bit_rate }
             query FindScenes($filter: FindFilterType, $scene_filter: SceneFilterType, $ids: [ID!]) {
               findScenes(filter: $filter, scene_filter: $scene_filter, ids: $ids) {
                 count duration filesize scenes { id title urls files { ...VideoFileFields }
                   paths { screenshot stream } tags { id name } } } }",
            true,
        );
        check("mutation($input: SceneUpdateInput!) { sceneUpdate(input: $input) { id } }", true);
        check(
            "{ findImage(id: 1) { visual_files { ... on ImageFile { width } ... on VideoFile { duration } } } }",
            true,
        );
        check("{ scrapeURL(url: \"a\", ty: SCENE) { ... on ScrapedScene { title } } }", true);
        check("subscription { jobsSubscribe { type job { id status progress } } }", true);
    }

    #[test]
    fn documents_of_older_clients_are_valid() {
        check("mutation { metadataScan(input: { useFileMetadata: true }) }", true);
        check("{ allStudios { id checksum url name image_path scene_count } }", true);
        check(
            "{ findScene(id: 1, checksum: \"x\") { path rating file { size duration } movies { movie { name } } } }",
            true,
        );
        check("{ scrapeFreeones(performer_name: \"x\") { name aliases } }", true);
        check(
            "{ findScenes(scene_filter: { rating: { value: 5, modifier: EQUALS } }) { count } }",
            true,
        );
        check("{ jobStatus { progress status message } }", true);
        // A variable that was never declared is a fault in every version.
        check("{ scrapeFreeones(performer_name: $performer_name) { name } }", false);
    }

    #[test]
    fn the_whole_schema_can_be_asked_for() {
        struct Root;
        impl crate::graphql::Object for Root {
            fn type_name(&self) -> &'static str {
                "Query"
            }
            fn field<'a>(
                &'a self,
                _field: crate::graphql::Field<'a>,
                _cx: &'a crate::graphql::Context<'a>,
            ) -> Result<crate::graphql::Resolved<'a>, crate::graphql::FieldError> {
                Err(crate::graphql::FieldError::Unresolved)
            }
        }
        let query = "{ __schema { queryType { name } mutationType { name } subscriptionType { name }
            types { kind name description
              fields(includeDeprecated: true) { name args { ...V } type { ...T } isDeprecated deprecationReason }
              inputFields(includeDeprecated: true) { ...V } interfaces { ...T }
              enumValues(includeDeprecated: true) { name isDeprecated } possibleTypes { ...T } }
            directives { name locations args { ...V } } } version { version } }
          fragment V on __InputValue { name type { ...T } defaultValue }
          fragment T on __Type { kind name ofType { kind name ofType { kind name ofType {
            kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } }";
        let prepared = ENGINE.prepare(query, None).unwrap();
        let body = ENGINE.execute(&prepared, &crate::graphql::Map::new(), &Root, &());
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["data"], serde_json::Value::Null, "version is not nullable");
        assert_eq!(body["errors"][0]["message"], "Query.version has no resolver");
        let prepared = ENGINE.prepare(&query.replace("version { version }", ""), None).unwrap();
        let body = ENGINE.execute(&prepared, &crate::graphql::Map::new(), &Root, &());
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let types = body["data"]["__schema"]["types"].as_array().unwrap();
        assert!(types.iter().any(|ty| ty["name"] == "SceneFilterType"));
        assert!(types.len() > 290);
    }
}
