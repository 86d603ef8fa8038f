//! Texts of tags by id, remembered: a stored tag never changes its text, so nothing goes stale.

use std::sync::{Arc, RwLock};

use crate::model::ids::TagId;
use crate::store::{self, Read, TAGS};

/// A cache from tag ids to texts, filled on first use.
#[derive(Default)]
pub struct Lexicon {
    texts: RwLock<Vec<Option<Arc<str>>>>,
}

impl Lexicon {
    /// The cleaned text of a tag. A tag that does not exist is damage in the store.
    ///
    /// # Errors
    /// When reading fails or the tag has no row.
    pub fn text(&self, read: &impl Read, tag: TagId) -> store::Result<Arc<str>> {
        if let Ok(texts) = self.texts.read()
            && let Some(Some(text)) = texts.get(tag.0 as usize)
        {
            return Ok(Arc::clone(text));
        }
        let record = read
            .get(&TAGS, &tag)?
            .ok_or_else(|| store::Error::Damaged(format!("tag {tag} has no row")))?;
        let text: Arc<str> = record.text.into();
        if let Ok(mut texts) = self.texts.write() {
            let place = tag.0 as usize;
            if place >= texts.len() {
                texts.resize(place + 1, None);
            }
            texts[place] = Some(Arc::clone(&text));
        }
        Ok(text)
    }
}
