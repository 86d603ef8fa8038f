//! Entities: what Stash knows of a tag beyond its text, as a tag, performer, studio or group.

use serde::{Deserialize, Serialize};

use super::hash::Sha256;

/// What a tag is to Stash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntityKind {
    Tag,
    Performer,
    Studio,
    Group,
}

/// The Stash side of one tag. A tag without such a record is an entity with defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    pub kind: EntityKind,
    /// The name as given, case kept.
    pub name: String,
    #[serde(default)]
    pub sort_name: String,
    #[serde(default)]
    pub disambiguation: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub favorite: bool,
    #[serde(default)]
    pub ignore_auto_tag: bool,
    #[serde(default)]
    pub rating100: Option<u8>,
    #[serde(default)]
    pub urls: Vec<String>,
    /// Alias texts as given, case kept; the sibling pairs hold the same in cleaned form.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Picture, by the hash of its bytes.
    #[serde(default)]
    pub image: Option<Sha256>,
    #[serde(default)]
    pub stash_ids: Vec<(String, String, i64)>,
    /// Fields of one kind only (gender, height_cm, director, ...), by schema name, as JSON text.
    #[serde(default)]
    pub details: Vec<(String, String)>,
    #[serde(default)]
    pub created_ms: i64,
    #[serde(default)]
    pub updated_ms: i64,
}
