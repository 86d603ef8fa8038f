//! Searches of potential pairs (behaviour.md 22.4).

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use super::{RELATIONSHIPS_CHANGED, groups};
use crate::library::View;
use crate::library::cached::Cached;
use crate::library::error::Result;
use crate::model::ids::{GroupId, ItemId};
use crate::model::item::Item;
use crate::model::predicate::SystemPredicate;
use crate::model::query::{FileDomains, SearchRequest, Term};
use crate::store::{self, POTENTIALS, Read};

/// Two kings whose groups may be duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PotentialPair {
    pub a: ItemId,
    pub b: ItemId,
    /// Bits in which their looks differ.
    pub distance: u32,
    /// Whether they have the same pixels.
    pub same_pixels: bool,
}

/// All potential pairs, remembered between changes.
#[derive(Debug, Default)]
pub struct PotentialPairs {
    pairs: Vec<PotentialPair>,
}

pub(in crate::library) const fn cache() -> Cached<PotentialPairs> {
    Cached::new(RELATIONSHIPS_CHANGED)
}

impl PotentialPairs {
    pub(in crate::library) fn load(read: &impl Read) -> store::Result<PotentialPairs> {
        let mut rows = Vec::new();
        read.scan(&POTENTIALS, |(left, right), distance| {
            if left < right {
                rows.push((left, right, distance));
            }
            Ok(())
        })?;
        let mut kings: BTreeMap<GroupId, (ItemId, Option<Looks>)> = BTreeMap::new();
        let mut pairs = Vec::with_capacity(rows.len());
        for (left, right, distance) in rows {
            for id in [left, right] {
                if let Entry::Vacant(entry) = kings.entry(id) {
                    let king = groups::group(read, id)?.king;
                    entry.insert((king, read.item(king)?.and_then(|item| Looks::of(&item))));
                }
            }
            let ((a, a_looks), (b, b_looks)) = (kings[&left], kings[&right]);
            let same_pixels = a_looks.is_some() && a_looks == b_looks;
            pairs.push(PotentialPair { a, b, distance, same_pixels });
        }
        Ok(PotentialPairs { pairs })
    }
}

/// What makes two pictures the same pixel by pixel.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Looks {
    pixels: [u8; 32],
    width: Option<u32>,
}

impl Looks {
    fn of(item: &Item) -> Option<Looks> {
        let media = item.media.as_ref()?;
        Some(Looks { pixels: media.pixel_hash?, width: media.width })
    }
}

/// Whether pairs with the same pixels are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelDuplicates {
    Required,
    Allowed,
    Excluded,
}

/// Which files of a pair must be found by which search.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchedFiles {
    /// At least one by this.
    One(SearchRequest),
    /// Both by this.
    Both(SearchRequest),
    /// One by the first, the other by the second.
    Each(SearchRequest, SearchRequest),
}

/// A search of potential pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct PotentialSearch {
    /// Both files are in one of these.
    pub domains: FileDomains,
    pub files: SearchedFiles,
    pub pixels: PixelDuplicates,
    /// Bits; below zero no pair is near enough. It does not matter where the same pixels are required.
    pub distance_max: i64,
}

/// What pairs are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairSort {
    /// Size of the larger file, then of the smaller.
    Larger,
    /// Distance, then how many times larger one file is.
    Similarity,
    /// Size of the smaller file, then of the larger.
    Smaller,
    /// None.
    Random,
}

impl View {
    /// The pairs that a search finds, in no order.
    ///
    /// # Errors
    /// When reading fails.
    pub fn potential_pairs(&self, search: &PotentialSearch) -> Result<Vec<PotentialPair>> {
        let all = self.library.potentials.get(&self.snapshot, PotentialPairs::load)?;
        let domain = self.domain_set(&search.domains)?;
        let kings: RoaringBitmap = all.pairs.iter().flat_map(|pair| [pair.a.0, pair.b.0]).collect();
        let kings = kings & &domain;
        let (first, second, both) = match &search.files {
            SearchedFiles::One(one) => (self.searched(one, &kings)?, domain.clone(), false),
            SearchedFiles::Both(one) => {
                let found = self.searched(one, &kings)?;
                (found.clone(), found, true)
            }
            SearchedFiles::Each(one, other) => {
                (self.searched(one, &kings)?, self.searched(other, &kings)?, false)
            }
        };
        let in_both = |set: &RoaringBitmap, pair: &PotentialPair| {
            set.contains(pair.a.0) && set.contains(pair.b.0)
        };
        let fits = |pair: &&PotentialPair| {
            let pixels = match search.pixels {
                PixelDuplicates::Required => pair.same_pixels,
                PixelDuplicates::Allowed => i64::from(pair.distance) <= search.distance_max,
                PixelDuplicates::Excluded => {
                    !pair.same_pixels && i64::from(pair.distance) <= search.distance_max
                }
            };
            let (a, b) = (pair.a.0, pair.b.0);
            let found = (first.contains(a) && second.contains(b))
                || (!both && first.contains(b) && second.contains(a));
            pixels && found && in_both(&domain, pair)
        };
        Ok(all.pairs.iter().filter(fits).copied().collect())
    }

    /// Puts pairs in order, keeps the first of them, and puts the better file of each pair first.
    ///
    /// # Errors
    /// When reading fails.
    pub fn ordered_pairs(
        &self,
        mut pairs: Vec<PotentialPair>,
        sort: PairSort,
        ascending: bool,
        count_max: usize,
    ) -> Result<Vec<(ItemId, ItemId)>> {
        if sort == PairSort::Random {
            shuffle(&mut pairs);
        } else {
            let sizes = self.library.store.column(store::Column::SizeBytes)?;
            let key = |pair: &PotentialPair| {
                let (a, b) = (sizes.value(pair.a).unwrap_or(0), sizes.value(pair.b).unwrap_or(0));
                pair_key(*pair, a.max(b), a.min(b), sort)
            };
            pairs.sort_by_cached_key(|pair| (key(pair), pair.a, pair.b));
            if !ascending {
                pairs.reverse();
            }
        }
        pairs.truncate(count_max);
        pairs.into_iter().map(|pair| self.better_first(pair)).collect()
    }

    /// All kings that a chain of the search's pairs connects to one random pair; none if it finds
    /// nothing.
    ///
    /// # Errors
    /// When reading fails.
    pub fn random_potentials(&self, search: &PotentialSearch) -> Result<Vec<ItemId>> {
        let pairs = connected(self.potential_pairs(search)?);
        let files: BTreeSet<ItemId> = pairs.iter().flat_map(|pair| [pair.a, pair.b]).collect();
        Ok(files.into_iter().collect())
    }

    /// The pairs of the search that a chain connects to one random pair.
    ///
    /// # Errors
    /// When reading fails.
    pub fn random_pair_group(&self, search: &PotentialSearch) -> Result<Vec<PotentialPair>> {
        Ok(connected(self.potential_pairs(search)?))
    }

    /// The kings that a search finds. All that are asked about pass when nothing is asked.
    fn searched(&self, search: &SearchRequest, kings: &RoaringBitmap) -> Result<RoaringBitmap> {
        let is_everything = |term: &Term| *term == Term::System(SystemPredicate::Everything);
        if search.terms.iter().all(is_everything) {
            return Ok(kings.clone());
        }
        self.search_within(search, kings.clone())
    }

    fn better_first(&self, pair: PotentialPair) -> Result<(ItemId, ItemId)> {
        let (Some(a), Some(b)) = (self.item(pair.a)?, self.item(pair.b)?) else {
            return Ok((pair.a, pair.b));
        };
        let mut score = score(&a, &b, pair.same_pixels);
        let tags = self.library.store.column(store::Column::Tags)?;
        score += by_order(tags.value(pair.a).cmp(&tags.value(pair.b)), 8);
        Ok(if score > 0 { (pair.a, pair.b) } else { (pair.b, pair.a) })
    }
}

fn pair_key(pair: PotentialPair, larger: i64, smaller: i64, sort: PairSort) -> (i64, i64) {
    match sort {
        PairSort::Larger | PairSort::Random => (larger, smaller),
        PairSort::Smaller => (smaller, larger),
        PairSort::Similarity => {
            (i64::from(pair.distance), larger.saturating_mul(1000) / smaller.max(1))
        }
    }
}

fn by_order(order: Ordering, points: i32) -> i32 {
    match order {
        Ordering::Greater => points,
        Ordering::Equal => 0,
        Ordering::Less => -points,
    }
}

/// Points for a large difference, fewer for a small one, none below `noise` (in percent).
fn by_ratio(a: u64, b: u64, large: i32, small: i32, noise: u64) -> i32 {
    let (more, less) = (a.max(b), a.min(b).max(1));
    let points = if more / less >= 2 && more > 2 * less {
        large
    } else if more.saturating_mul(100) > less.saturating_mul(100 + noise) {
        small
    } else {
        0
    };
    if a >= b { points } else { -points }
}

/// How much better the first file looks than the second; the tags are left out.
fn score(a: &Item, b: &Item, same_pixels: bool) -> i32 {
    let (Some(first), Some(second)) = (&a.media, &b.media) else { return 0 };
    let mut score = 0;
    if !same_pixels {
        score += by_ratio(first.size_bytes, second.size_bytes, 20, 10, 5);
    }
    let area = |width: Option<u32>, height: Option<u32>| {
        u64::from(width.unwrap_or(0)) * u64::from(height.unwrap_or(0))
    };
    let areas = (area(first.width, first.height), area(second.width, second.height));
    score += by_ratio(areas.0, areas.1, 50, 20, 0);
    let nice = |media: &crate::model::media::MediaInfo| is_nice(media.width, media.height);
    score += by_order(nice(first).cmp(&nice(second)), 10);
    score += by_order(first.has_audio.cmp(&second.has_audio), 20);
    if let (Some(ours), Some(theirs)) = (a.modified_ms, b.modified_ms) {
        score += by_order(theirs.cmp(&ours), 4);
    }
    if same_pixels {
        let is_jpeg = |item: &Item| item.filetype().is_some_and(|kind| kind.0 == 1);
        let is_png = |item: &Item| item.filetype().is_some_and(|kind| kind.0 == 2);
        if is_jpeg(a) && is_png(b) {
            score += 100;
        } else if is_png(a) && is_jpeg(b) {
            score -= 100;
        }
    }
    score
}

/// Whether a picture has one of the shapes that screens and papers have.
fn is_nice(width: Option<u32>, height: Option<u32>) -> bool {
    const SHAPES: [(u64, u64); 8] =
        [(1, 1), (4, 3), (5, 4), (16, 9), (21, 9), (47, 20), (9, 16), (2, 3)];
    let (Some(width), Some(height)) = (width, height) else { return false };
    let (width, height) = (u64::from(width), u64::from(height));
    let close = |(across, down): (u64, u64)| {
        // Within one percent.
        (width * down).abs_diff(height * across) * 100 <= height * across
    };
    SHAPES.into_iter().any(close) || close((4, 5))
}

/// The pairs that a chain connects to a random one of them.
fn connected(pairs: Vec<PotentialPair>) -> Vec<PotentialPair> {
    let Some(start) = pairs.get(random_below(pairs.len())) else { return pairs };
    let mut files = BTreeSet::from([start.a, start.b]);
    let mut waiting = vec![start.a, start.b];
    let mut neighbours: BTreeMap<ItemId, Vec<ItemId>> = BTreeMap::new();
    for pair in &pairs {
        neighbours.entry(pair.a).or_default().push(pair.b);
        neighbours.entry(pair.b).or_default().push(pair.a);
    }
    while let Some(file) = waiting.pop() {
        for other in neighbours.get(&file).into_iter().flatten() {
            if files.insert(*other) {
                waiting.push(*other);
            }
        }
    }
    pairs.into_iter().filter(|pair| files.contains(&pair.a)).collect()
}

fn shuffle(pairs: &mut [PotentialPair]) {
    for last in (1..pairs.len()).rev() {
        pairs.swap(last, random_below(last + 1));
    }
}

/// A random number below `end`; 0 for an empty range.
fn random_below(end: usize) -> usize {
    let mut bytes = [0; 8];
    // Without randomness the first will do: nothing secret hangs on it.
    if getrandom::fill(&mut bytes).is_err() {
        return 0;
    }
    let number = u64::from_le_bytes(bytes);
    usize::try_from(number.checked_rem(end as u64).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: u32, b: u32) -> PotentialPair {
        PotentialPair { a: ItemId(a), b: ItemId(b), distance: 0, same_pixels: false }
    }

    #[test]
    fn a_chain_of_pairs_is_one_group() {
        assert!(connected(Vec::new()).is_empty());
        let chain = vec![pair(1, 2), pair(3, 4), pair(2, 3)];
        assert_eq!(connected(chain.clone()), chain);
        let two = connected(vec![pair(1, 2), pair(7, 8)]);
        assert!(two == [pair(1, 2)] || two == [pair(7, 8)]);
    }

    #[test]
    fn differences_count_by_how_large_they_are() {
        assert_eq!(by_ratio(300, 100, 20, 10, 5), 20);
        assert_eq!(by_ratio(100, 300, 20, 10, 5), -20);
        assert_eq!(by_ratio(110, 100, 20, 10, 5), 10);
        assert_eq!(by_ratio(104, 100, 20, 10, 5), 0);
        assert_eq!(by_ratio(0, 0, 20, 10, 5), 0);
    }

    #[test]
    fn shapes_of_screens_are_nice() {
        assert!(is_nice(Some(1920), Some(1080)) && is_nice(Some(100), Some(100)));
        assert!(!is_nice(Some(1000), Some(10)) && !is_nice(None, Some(10)));
    }
}
