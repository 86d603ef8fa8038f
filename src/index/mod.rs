//! Tantivy and nobody else: the tag lexicon and full text.
