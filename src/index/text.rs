//! Full text: words, phrases, and candidates for substrings, as bitmaps of item ids.

use roaring::RoaringBitmap;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::query::{BooleanQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, Score, Searcher, SegmentOrdinal, SegmentReader, Term};

use super::schema::ITEM;
use super::words::{GRAM_CHARS, fold, grams, words};
use super::{Error, Index};

/// Words of a question beyond this number are left out of the search.
const WORDS_MAX: usize = 64;

/// Groups of characters beyond this number are not looked up; candidates are verified anyway.
const GRAMS_MAX: usize = 32;

/// The kinds of text that an item may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextField {
    /// The title.
    Title,
    /// The description.
    Details,
    /// The places of its files.
    Path,
    /// Notes, name and text.
    Note,
    /// Known addresses.
    Url,
    /// Whatever else is worth finding: code, director, photographer.
    Other,
}

impl TextField {
    /// All of them.
    pub const ALL: [TextField; 6] = [
        TextField::Title,
        TextField::Details,
        TextField::Path,
        TextField::Note,
        TextField::Url,
        TextField::Other,
    ];

    /// Whether substrings of it can be narrowed down, see [`Index::substring_candidates`].
    pub fn has_grams(self) -> bool {
        match self {
            TextField::Title | TextField::Details | TextField::Path | TextField::Url => true,
            TextField::Note | TextField::Other => false,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            TextField::Title => "title",
            TextField::Details => "details",
            TextField::Path => "path",
            TextField::Note => "note",
            TextField::Url => "url",
            TextField::Other => "other",
        }
    }
}

/// All texts of one item. What is empty is not indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFields {
    /// The title.
    pub title: String,
    /// The description.
    pub details: String,
    /// The places of its files.
    pub paths: Vec<String>,
    /// Notes; no phrase goes from one into the next.
    pub notes: Vec<String>,
    /// Known addresses.
    pub urls: Vec<String>,
    /// Whatever else is worth finding.
    pub other: Vec<String>,
}

impl TextFields {
    /// The values of one field that are not empty.
    pub fn values(&self, field: TextField) -> impl Iterator<Item = &str> {
        let (one, many): (&str, &[String]) = match field {
            TextField::Title => (&self.title, &[]),
            TextField::Details => (&self.details, &[]),
            TextField::Path => ("", &self.paths),
            TextField::Note => ("", &self.notes),
            TextField::Url => ("", &self.urls),
            TextField::Other => ("", &self.other),
        };
        std::iter::once(one)
            .chain(many.iter().map(String::as_str))
            .filter(|value| !value.is_empty())
    }
}

impl Index {
    /// Items that have every word of `text` in one of the `fields`, the last word perhaps going
    /// on. Words are runs of letters and digits; case does not matter. No word, no items.
    pub fn words(&self, fields: &[TextField], text: &str) -> Result<RoaringBitmap, Error> {
        let mut asked = words(text);
        asked.truncate(WORDS_MAX);
        let Some((last, exact)) = asked.split_last() else { return Ok(RoaringBitmap::new()) };
        let schema = &self.shared.fields;
        let mut all: Vec<(Occur, Box<dyn Query>)> = exact
            .iter()
            .map(|word| must(fields, |field| term(schema.words(field), word)))
            .collect();
        all.push(must(fields, |field| {
            let beginning = Term::from_field_text(schema.words(field), last);
            Box::new(FuzzyTermQuery::new_prefix(beginning, 0, false))
        }));
        let query = BooleanQuery::new(all);
        self.shared
            .view()
            .texts(|searcher| items(searcher, &query), |waiting| waiting.has_words(fields, &asked))
    }

    /// Items that have the words of `text` one after the other in one value of one of the
    /// `fields`. No word, no items.
    pub fn phrase(&self, fields: &[TextField], text: &str) -> Result<RoaringBitmap, Error> {
        let mut asked = words(text);
        asked.truncate(WORDS_MAX);
        if asked.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        let schema = &self.shared.fields;
        let (_, query) = must(fields, |field| {
            let field = schema.words(field);
            match asked.as_slice() {
                [word] => term(field, word),
                several => Box::new(PhraseQuery::new(
                    several.iter().map(|word| Term::from_field_text(field, word)).collect(),
                )),
            }
        });
        self.shared
            .view()
            .texts(|searcher| items(searcher, &query), |waiting| waiting.has_phrase(fields, &asked))
    }

    /// All items that may contain `text` in one of the `fields`, ASCII case aside, and some that
    /// do not: the caller compares with the record.
    ///
    /// `None` when nothing can be ruled out: fewer than three characters, or a field without
    /// [`TextField::has_grams`].
    pub fn substring_candidates(
        &self,
        fields: &[TextField],
        text: &str,
    ) -> Result<Option<RoaringBitmap>, Error> {
        let folded = fold(text);
        let narrowed = fields.iter().all(|field| field.has_grams());
        if !narrowed || folded.chars().count() < GRAM_CHARS {
            return Ok(None);
        }
        let mut asked: Vec<&str> = grams(&folded).collect();
        asked.sort_unstable();
        asked.dedup();
        asked.truncate(GRAMS_MAX);
        let schema = &self.shared.fields;
        let (_, query) = must(fields, |field| {
            let held = schema.grams(field).into_iter();
            let terms = held.flat_map(|held| asked.iter().map(move |gram| term(held, gram)));
            Box::new(BooleanQuery::new(terms.map(|query| (Occur::Must, query)).collect()))
        });
        let found = self.shared.view().texts(
            |searcher| items(searcher, &query),
            |waiting| waiting.contains(fields, &folded),
        )?;
        Ok(Some(found))
    }
}

/// A clause that must hold in one of the fields at least.
fn must(
    fields: &[TextField],
    clause: impl Fn(TextField) -> Box<dyn Query>,
) -> (Occur, Box<dyn Query>) {
    let clauses = fields.iter().map(|&field| (Occur::Should, clause(field))).collect();
    (Occur::Must, Box::new(BooleanQuery::new(clauses)))
}

fn term(field: tantivy::schema::Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn items(searcher: &Searcher, query: &dyn Query) -> Result<RoaringBitmap, Error> {
    Ok(searcher.search(query, &Items)?)
}

/// Collects the item ids of all hits.
struct Items;

struct SegmentItems {
    column: Column<u64>,
    found: Vec<u32>,
}

impl Collector for Items {
    type Fruit = RoaringBitmap;
    type Child = SegmentItems;

    fn for_segment(
        &self,
        _: SegmentOrdinal,
        segment: &SegmentReader,
    ) -> tantivy::Result<SegmentItems> {
        Ok(SegmentItems { column: id_column(segment, ITEM)?, found: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<RoaringBitmap>) -> tantivy::Result<RoaringBitmap> {
        Ok(segments.into_iter().fold(RoaringBitmap::new(), |all, segment| all | segment))
    }
}

impl SegmentCollector for SegmentItems {
    type Fruit = RoaringBitmap;

    fn collect(&mut self, document: DocId, _: Score) {
        self.found.extend(narrow(self.column.first(document)));
    }

    fn harvest(self) -> RoaringBitmap {
        bitmap(self.found)
    }
}

/// A column of ids; empty where no document of the segment has such an id.
pub(super) fn id_column(segment: &SegmentReader, name: &str) -> tantivy::Result<Column<u64>> {
    let column = segment.fast_fields().column_opt::<u64>(name)?;
    Ok(column.unwrap_or_else(|| Column::build_empty_column(segment.max_doc())))
}

/// Ids are written from 32 bits and fit into them again.
pub(super) fn narrow(id: Option<u64>) -> Option<u32> {
    id.and_then(|id| u32::try_from(id).ok())
}

/// A bitmap of ids in any order.
pub(super) fn bitmap(mut ids: Vec<u32>) -> RoaringBitmap {
    // Sorted input is appended; unsorted input would search for its place each time.
    ids.sort_unstable();
    ids.into_iter().collect()
}
