//! Changes that no commit carries yet. Searches scan them, so nothing acknowledged is invisible.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use tantivy::Searcher;

use super::Error;
use super::pattern::TagQuery;
use super::text::{TextField, TextFields};
use super::words::{fold, words};
use crate::model::ids::{ItemId, TagId};

/// A tag that is not committed yet.
#[derive(Debug)]
pub(super) struct WaitingTag {
    pub(super) tag: TagId,
    pub(super) namespace: String,
    pub(super) subtag: String,
}

/// An item's texts that are not committed yet, cut as the index would cut them.
#[derive(Debug)]
pub(super) struct WaitingText {
    pub(super) texts: TextFields,
    words: Vec<(TextField, Vec<String>)>,
    folded: Vec<(TextField, String)>,
    bytes: usize,
}

impl WaitingText {
    pub(super) fn new(texts: TextFields) -> WaitingText {
        let values = || {
            TextField::ALL
                .into_iter()
                .flat_map(|field| texts.values(field).map(move |value| (field, value)))
        };
        let words = values().map(|(field, value)| (field, words(value))).collect();
        let folded = values()
            .filter(|(field, _)| field.has_grams())
            .map(|(field, value)| (field, fold(value)))
            .collect();
        let bytes = values().map(|(_, value)| value.len()).sum();
        WaitingText { words, folded, bytes, texts }
    }

    /// Whether each word is in one of the fields, the last one perhaps going on.
    pub(super) fn has_words(&self, fields: &[TextField], asked: &[String]) -> bool {
        let Some((last, exact)) = asked.split_last() else { return false };
        let any = |test: &dyn Fn(&String) -> bool| {
            self.words
                .iter()
                .filter(|(field, _)| fields.contains(field))
                .any(|(_, words)| words.iter().any(test))
        };
        exact.iter().all(|word| any(&|held| held == word)) && any(&|held| held.starts_with(last))
    }

    /// Whether the words follow each other in one value of one of the fields.
    pub(super) fn has_phrase(&self, fields: &[TextField], asked: &[String]) -> bool {
        !asked.is_empty()
            && self
                .words
                .iter()
                .filter(|(field, _)| fields.contains(field))
                .any(|(_, words)| words.windows(asked.len()).any(|window| window == asked))
    }

    /// Whether one of the fields contains the folded text.
    pub(super) fn contains(&self, fields: &[TextField], folded: &str) -> bool {
        self.folded.iter().any(|(field, value)| fields.contains(field) && value.contains(folded))
    }
}

/// One generation of waiting changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub(super) tags: Vec<Arc<WaitingTag>>,
    /// The newest state of each changed item; `None` where its text was removed.
    pub(super) texts: HashMap<ItemId, Option<Arc<WaitingText>>>,
    text_bytes: usize,
}

impl Waiting {
    /// What scanning this costs, in changes: a long text counts as one per 4 KiB.
    pub(super) fn load(&self) -> usize {
        self.tags.len() + self.texts.len() + self.text_bytes / 4_096
    }

    /// Takes the newest state of an item's text.
    pub(super) fn put_text(&mut self, item: ItemId, text: Option<Arc<WaitingText>>) {
        let bytes = |text: &Option<Arc<WaitingText>>| text.as_ref().map_or(0, |text| text.bytes);
        self.text_bytes += bytes(&text);
        if let Some(replaced) = self.texts.insert(item, text) {
            self.text_bytes -= bytes(&replaced);
        }
    }
}

/// What one search looks at. Cloning it is three pointers; the writer never touches a clone.
///
/// The newest word on an item is in `open`, else in `sealed`, else in the committed documents.
#[derive(Clone)]
pub(super) struct View {
    pub(super) searcher: Searcher,
    /// Being committed right now.
    pub(super) sealed: Arc<Waiting>,
    /// Waiting for the next commit.
    pub(super) open: Arc<Waiting>,
}

impl View {
    /// Adds the waiting tags that match to what the committed documents gave.
    pub(super) fn merge_tags(&self, query: &TagQuery, found: &mut RoaringBitmap) {
        for waiting in self.sealed.tags.iter().chain(&self.open.tags) {
            if query.matches(&waiting.namespace, &waiting.subtag) {
                found.insert(waiting.tag.0);
            }
        }
    }

    /// Runs a text search over the committed documents and over what is waiting.
    pub(super) fn texts(
        &self,
        committed: impl FnOnce(&Searcher) -> Result<RoaringBitmap, Error>,
        matches: impl Fn(&WaitingText) -> bool,
    ) -> Result<RoaringBitmap, Error> {
        let mut found = committed(&self.searcher)?;
        // Oldest first: a later generation overrules an earlier one.
        for generation in [&self.sealed, &self.open] {
            for (item, text) in &generation.texts {
                if text.as_ref().is_some_and(|text| matches(text)) {
                    found.insert(item.0);
                } else {
                    found.remove(item.0);
                }
            }
        }
        Ok(found)
    }
}
