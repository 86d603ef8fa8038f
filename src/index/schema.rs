//! The fields of the one tantivy index: documents of tags and documents of items' texts.

use sha2::{Digest, Sha256};
use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};

use super::text::{TextField, TextFields};
use super::words::{GramTokenizer, WordTokenizer, cut_tail, fold, grams, heads, tails};
use crate::model::ids::{ItemId, TagId};

/// Raised whenever documents are made differently; an index of another number is rebuilt.
pub(super) const DOCUMENT_VERSION: u32 = 1;

/// The column of tag ids, present in tag documents only.
pub(super) const TAG: &str = "tag";

/// The column of item ids, present in text documents only.
pub(super) const ITEM: &str = "item";

const WORDS: &str = "words";
const GRAMS: &str = "grams";

/// Namespaces longer than this are represented by a hash where they only lead to a subtag.
const NAMESPACE_BYTES_MAX: usize = 64;

/// All fields, by what they answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// Tag id, to read out.
    pub(super) tag: Field,
    /// The whole namespace.
    pub(super) namespace: Field,
    /// The whole searchable subtag; stored, because some matches are verified by reading it.
    pub(super) subtag: Field,
    /// Each word's beginning to the end of the subtag: a word-prefix phrase is a range of these.
    pub(super) tail: Field,
    /// The same behind [`namespace_key`].
    pub(super) scoped_tail: Field,
    /// The first one, two and three characters of each tail: so short a beginning has so many
    /// tails that reading one list of documents is far cheaper than a range of terms.
    pub(super) head: Field,
    /// The same behind [`namespace_key`].
    pub(super) scoped_head: Field,
    /// Groups of three characters of the subtag.
    pub(super) tag_gram: Field,
    /// Item id, to read out and to replace by.
    pub(super) item: Field,
    words: [Field; TextField::ALL.len()],
    grams: [Option<Field>; TextField::ALL.len()],
}

impl Fields {
    /// The fields and the schema they belong to.
    pub(super) fn declare() -> (Fields, Schema) {
        let raw = terms("raw", IndexRecordOption::Basic);
        let mut schema = Schema::builder();
        let fields = Fields {
            tag: schema.add_u64_field(TAG, FAST),
            namespace: schema.add_text_field("namespace", raw.clone()),
            subtag: schema.add_text_field("subtag", raw.clone() | STORED),
            tail: schema.add_text_field("tail", raw.clone()),
            scoped_tail: schema.add_text_field("scoped_tail", raw.clone()),
            head: schema.add_text_field("head", raw.clone()),
            scoped_head: schema.add_text_field("scoped_head", raw.clone()),
            tag_gram: schema.add_text_field("tag_gram", raw),
            item: schema.add_u64_field(ITEM, FAST | INDEXED),
            words: TextField::ALL.map(|field| {
                let options = terms(WORDS, IndexRecordOption::WithFreqsAndPositions);
                schema.add_text_field(&format!("{}_words", field.name()), options)
            }),
            grams: TextField::ALL.map(|field| {
                let options = terms(GRAMS, IndexRecordOption::Basic);
                let name = format!("{}_grams", field.name());
                field.has_grams().then(|| schema.add_text_field(&name, options))
            }),
        };
        (fields, schema.build())
    }

    /// The words of one text field.
    pub(super) fn words(&self, field: TextField) -> Field {
        self.words[field as usize]
    }

    /// The groups of characters of one text field, if it has them.
    pub(super) fn grams(&self, field: TextField) -> Option<Field> {
        self.grams[field as usize]
    }

    /// The document of a tag.
    pub(super) fn tag_document(
        &self,
        tag: TagId,
        namespace: &str,
        subtag: &str,
    ) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.tag, u64::from(tag.0));
        document.add_text(self.namespace, namespace);
        document.add_text(self.subtag, subtag);
        let mut scoped = namespace_key(namespace);
        let scope = scoped.len();
        for tail in tails(subtag) {
            let tail = cut_tail(&tail);
            document.add_text(self.tail, tail);
            scoped.truncate(scope);
            scoped.push_str(tail);
            document.add_text(self.scoped_tail, &scoped);
            for head in heads(tail) {
                document.add_text(self.head, head);
                document.add_text(self.scoped_head, &scoped[..scope + head.len()]);
            }
        }
        for gram in grams(&fold(subtag)) {
            document.add_text(self.tag_gram, gram);
        }
        document
    }

    /// The document of an item's texts.
    pub(super) fn text_document(&self, item: ItemId, texts: &TextFields) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.item, u64::from(item.0));
        for field in TextField::ALL {
            for value in texts.values(field) {
                document.add_text(self.words(field), value);
                if let Some(grams) = self.grams(field) {
                    document.add_text(grams, value);
                }
            }
        }
        document
    }
}

/// What a namespace's tails begin with. No key is the beginning of another.
pub(super) fn namespace_key(namespace: &str) -> String {
    if namespace.len() <= NAMESPACE_BYTES_MAX {
        return format!("{namespace}\0");
    }
    let digest = Sha256::digest(namespace.as_bytes());
    let mut key = String::from("\u{1}");
    for byte in &digest[..16] {
        key.push_str(&format!("{byte:02x}"));
    }
    key.push('\0');
    key
}

/// The tokenizers that the schema names.
pub(super) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(WORDS, TextAnalyzer::from(WordTokenizer::default()));
    manager.register(GRAMS, TextAnalyzer::from(GramTokenizer::default()));
    manager
}

fn terms(tokenizer: &str, record: IndexRecordOption) -> TextOptions {
    // Nothing is ranked here, so no field norms.
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(record)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}
