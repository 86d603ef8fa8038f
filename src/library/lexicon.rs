//! Texts of tags by id, remembered: a stored tag never changes its text, so nothing goes stale.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::model::ids::TagId;
use crate::store::{self, Read, TAGS};

/// So many texts at most: beyond that all are forgotten.
const TEXTS_MAX: usize = 100_000;

/// A cache from tag ids to texts, filled on first use.
#[derive(Default)]
pub struct Lexicon {
    texts: RwLock<HashMap<TagId, Arc<str>>>,
}

impl Lexicon {
    /// The cleaned text of a tag. A tag that does not exist is damage in the store.
    ///
    /// # Errors
    /// When reading fails or the tag has no row.
    pub fn text(&self, read: &impl Read, tag: TagId) -> store::Result<Arc<str>> {
        if let Ok(texts) = self.texts.read()
            && let Some(text) = texts.get(&tag)
        {
            return Ok(Arc::clone(text));
        }
        let record = read
            .get(&TAGS, &tag)?
            .ok_or_else(|| store::Error::Damaged(format!("tag {tag} has no row")))?;
        let text: Arc<str> = record.text.into();
        if let Ok(mut texts) = self.texts.write() {
            if texts.len() >= TEXTS_MAX {
                texts.clear();
            }
            texts.insert(tag, Arc::clone(&text));
        }
        Ok(text)
    }
}
