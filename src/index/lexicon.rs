//! Searches among tags. All are complete: nothing is capped but the answer.

use roaring::RoaringBitmap;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::postings::BlockSegmentPostings;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::termdict::TermStreamer;
use tantivy::{
    DocAddress, DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument, Term,
};

use super::pattern::{NamespacePattern, SubtagPattern, TagQuery, glob, glob_head, glob_pieces};
use super::schema::{Fields, TAG, namespace_key};
use super::text::{bitmap, id_column, narrow};
use super::words::{cut_tail, fold, grams, is_head};
use super::{Error, Index};
use crate::model::ids::TagId;

/// Up to so many namespaces are looked up one by one; more are intersected as a set.
const NAMESPACES_ONE_BY_ONE: usize = 64;

/// The answer to a [`TagQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagHits {
    /// In ascending order, each once.
    pub tags: Vec<TagId>,
    /// Whether these are all; else the limit kept those with the lowest ids.
    pub complete: bool,
}

impl Index {
    /// The tags a query asks for, at most `limit`.
    pub fn tags(&self, query: &TagQuery, limit: usize) -> Result<TagHits, Error> {
        let found = self.tag_set(query)?;
        let tags: Vec<TagId> = found.iter().take(limit).map(TagId).collect();
        let complete = tags.len() as u64 == found.len();
        Ok(TagHits { tags, complete })
    }

    /// The ids of all tags a query asks for, as a bitmap of [`TagId`]s.
    pub fn tag_set(&self, query: &TagQuery) -> Result<RoaringBitmap, Error> {
        if (&query.namespace, &query.subtag) == (&NamespacePattern::Any, &SubtagPattern::Any) {
            return Ok(self.shared.all_tags());
        }
        let view = self.shared.view();
        let lexicon = Lexicon { searcher: &view.searcher, fields: &self.shared.fields };
        let mut found = lexicon.find(query)?;
        view.merge_tags(query, &mut found);
        Ok(found)
    }

    /// The namespaces that match, in order of their bytes, at most `limit`. The empty string
    /// stands for tags without a namespace, when there are any.
    pub fn namespaces(
        &self,
        pattern: &NamespacePattern,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let view = self.shared.view();
        let lexicon = Lexicon { searcher: &view.searcher, fields: &self.shared.fields };
        let mut found = lexicon.namespaces(pattern)?;
        let waiting = view.sealed.tags.iter().chain(&view.open.tags);
        found.extend(
            waiting.filter(|tag| pattern.matches(&tag.namespace)).map(|tag| tag.namespace.clone()),
        );
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }
}

/// The committed tags.
struct Lexicon<'a> {
    searcher: &'a Searcher,
    fields: &'a Fields,
}

impl Lexicon<'_> {
    fn find(&self, query: &TagQuery) -> Result<RoaringBitmap, Error> {
        match (&query.namespace, &query.subtag) {
            (namespace, SubtagPattern::Any) => self.of_namespace(namespace),
            (NamespacePattern::Any, SubtagPattern::Words(text)) => self.beginning(None, text),
            (NamespacePattern::Exact(namespace), SubtagPattern::Words(text)) => {
                self.beginning(Some(namespace), text)
            }
            (NamespacePattern::Glob(_), SubtagPattern::Words(text)) => {
                let namespaces = self.namespaces(&query.namespace)?;
                if namespaces.len() > NAMESPACES_ONE_BY_ONE {
                    let found = self.beginning(None, text)?;
                    return Ok(found & self.of_namespace(&query.namespace)?);
                }
                let mut found = RoaringBitmap::new();
                for namespace in namespaces {
                    found |= self.beginning(Some(&namespace), text)?;
                }
                Ok(found)
            }
            (NamespacePattern::Any, SubtagPattern::Glob(pattern)) => self.of_shape(pattern),
            (namespace, SubtagPattern::Glob(pattern)) => {
                Ok(self.of_shape(pattern)? & self.of_namespace(namespace)?)
            }
        }
    }

    /// Tags with a word from which on the subtag begins with `text`.
    fn beginning(&self, namespace: Option<&str>, text: &str) -> Result<RoaringBitmap, Error> {
        let (head, field, scope) = match namespace {
            None => (self.fields.head, self.fields.tail, String::new()),
            Some(namespace) => {
                (self.fields.scoped_head, self.fields.scoped_tail, namespace_key(namespace))
            }
        };
        if is_head(text) {
            return self.of_term(head, &format!("{scope}{text}"));
        }
        let indexed = cut_tail(text);
        let prefix = format!("{scope}{indexed}");
        let mut found = self.of_terms(field, &prefix, |_| true)?;
        if indexed.len() < text.len() {
            let asked = SubtagPattern::Words(text.into());
            found &= self.verified(self.documents_of_terms(field, &prefix)?, &asked)?;
        }
        Ok(found)
    }

    /// Tags whose whole subtag has a shape.
    fn of_shape(&self, pattern: &str) -> Result<RoaringBitmap, Error> {
        if !pattern.contains('*') {
            return self.of_terms(self.fields.subtag, pattern, |subtag| subtag == pattern);
        }
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for piece in glob_pieces(pattern) {
            for gram in grams(&fold(piece)) {
                let term = Term::from_field_text(self.fields.tag_gram, gram);
                let query = TermQuery::new(term, IndexRecordOption::Basic);
                clauses.push((Occur::Must, Box::new(query)));
            }
        }
        if clauses.is_empty() {
            let head = glob_head(pattern);
            return self.of_terms(self.fields.subtag, head, |subtag| glob(pattern, subtag));
        }
        let candidates = self.searcher.search(&BooleanQuery::new(clauses), &Documents)?;
        self.verified(candidates, &SubtagPattern::Glob(pattern.into()))
    }

    /// All tags whose namespace matches.
    fn of_namespace(&self, pattern: &NamespacePattern) -> Result<RoaringBitmap, Error> {
        let (head, field) = (namespace_head(pattern), self.fields.namespace);
        self.of_terms(field, head, |namespace| pattern.matches(namespace))
    }

    fn namespaces(&self, pattern: &NamespacePattern) -> Result<Vec<String>, Error> {
        let (head, field) = (namespace_head(pattern), self.fields.namespace);
        let mut found = Vec::new();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(field)?;
            let mut stream = terms(inverted.terms(), head)?;
            while stream.advance() {
                let namespace = String::from_utf8_lossy(stream.key());
                if pattern.matches(&namespace) {
                    found.push(namespace.into_owned());
                }
            }
        }
        Ok(found)
    }

    /// The ids of tags with a term that begins with `prefix` and passes a test.
    ///
    /// Deleted documents are no concern: a tag's document is written once and never removed.
    fn of_terms(
        &self,
        field: Field,
        prefix: &str,
        test: impl Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, Error> {
        let mut found = Vec::new();
        for segment in self.searcher.segment_readers() {
            let column = id_column(segment, TAG)?;
            each_document(segment, field, prefix, &test, |document| {
                found.extend(narrow(column.first(document)));
            })?;
        }
        Ok(bitmap(found))
    }

    /// The ids of tags with exactly this term.
    fn of_term(&self, field: Field, text: &str) -> Result<RoaringBitmap, Error> {
        let mut found = Vec::new();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(field)?;
            let term = Term::from_field_text(field, text);
            let Some(mut block) = inverted.read_block_postings(&term, IndexRecordOption::Basic)?
            else {
                continue;
            };
            let column = id_column(segment, TAG)?;
            drain(&mut block, |document| found.extend(narrow(column.first(document))));
        }
        Ok(bitmap(found))
    }

    fn documents_of_terms(&self, field: Field, prefix: &str) -> Result<Vec<DocAddress>, Error> {
        let mut found = Vec::new();
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            each_document(segment, field, prefix, &|_| true, |document| {
                found.push(DocAddress::new(ordinal, document));
            })?;
        }
        Ok(found)
    }

    /// Of some documents those whose stored subtag matches.
    fn verified(
        &self,
        candidates: Vec<DocAddress>,
        pattern: &SubtagPattern,
    ) -> Result<RoaringBitmap, Error> {
        let segments = self.searcher.segment_readers().iter();
        let columns =
            segments.map(|segment| id_column(segment, TAG)).collect::<Result<Vec<_>, _>>()?;
        let mut found = Vec::new();
        for address in candidates {
            let document: TantivyDocument = self.searcher.doc(address)?;
            let subtag = document.get_first(self.fields.subtag).and_then(|value| value.as_str());
            if subtag.is_some_and(|subtag| pattern.matches(subtag)) {
                let column = &columns[address.segment_ord as usize];
                found.extend(narrow(column.first(address.doc_id)));
            }
        }
        Ok(bitmap(found))
    }
}

fn namespace_head(pattern: &NamespacePattern) -> &str {
    match pattern {
        NamespacePattern::Any => "",
        NamespacePattern::Exact(namespace) => namespace,
        NamespacePattern::Glob(pattern) => glob_head(pattern),
    }
}

/// The terms that begin with `prefix`.
fn terms<'a>(
    dictionary: &'a tantivy::termdict::TermDictionary,
    prefix: &str,
) -> Result<TermStreamer<'a>, Error> {
    let mut end = prefix.as_bytes().to_vec();
    // UTF-8 has no byte 0xff, so everything with this prefix sorts before it.
    end.push(0xff);
    Ok(dictionary.range().ge(prefix).lt(&end).into_stream()?)
}

fn each_document(
    segment: &SegmentReader,
    field: Field,
    prefix: &str,
    test: &impl Fn(&str) -> bool,
    mut visit: impl FnMut(DocId),
) -> Result<(), Error> {
    let inverted = segment.inverted_index(field)?;
    let mut stream = terms(inverted.terms(), prefix)?;
    let mut block = None;
    while stream.advance() {
        if !std::str::from_utf8(stream.key()).is_ok_and(test) {
            continue;
        }
        // Most terms lead to one document: opening the list is the cost, so it is reused.
        let info = stream.value();
        let block = match &mut block {
            Some(block) => {
                inverted.reset_block_postings_from_terminfo(info, block)?;
                block
            }
            empty => empty.insert(
                inverted.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?,
            ),
        };
        drain(block, &mut visit);
    }
    Ok(())
}

fn drain(block: &mut BlockSegmentPostings, mut visit: impl FnMut(DocId)) {
    while !block.docs().is_empty() {
        block.docs().iter().for_each(|&document| visit(document));
        block.advance();
    }
}

/// Collects the addresses of all hits.
struct Documents;

struct SegmentDocuments {
    segment: SegmentOrdinal,
    found: Vec<DocAddress>,
}

impl Collector for Documents {
    type Fruit = Vec<DocAddress>;
    type Child = SegmentDocuments;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        _: &SegmentReader,
    ) -> tantivy::Result<SegmentDocuments> {
        Ok(SegmentDocuments { segment, found: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Vec<DocAddress>>) -> tantivy::Result<Vec<DocAddress>> {
        Ok(segments.concat())
    }
}

impl SegmentCollector for SegmentDocuments {
    type Fruit = Vec<DocAddress>;

    fn collect(&mut self, document: DocId, _: Score) {
        self.found.push(DocAddress::new(self.segment, document));
    }

    fn harvest(self) -> Vec<DocAddress> {
        self.found
    }
}
