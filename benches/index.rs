//! Measures the tag lexicon at a million tags: filling, opening, searching, searching under writes.
//!
//! `cargo bench --bench index -- [tags] [directory]`

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diptych::index::{Change, Index, Opened, TagQuery, TextField, TextFields};
use diptych::model::ids::{ItemId, TagId};

const SYLLABLES: [&str; 24] = [
    "ro", "bin", "ti", "tel", "mo", "ra", "sa", "mi", "ko", "len", "dor", "vin", "ha", "re", "su",
    "no", "pla", "gro", "ser", "ste", "ka", "lu", "fen", "wy",
];
const NAMESPACES: [&str; 8] = ["", "", "", "species", "place", "series", "concert", "railway"];

/// A small generator with a fixed seed, so that runs can be compared.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((self.0 >> 33) as usize) % sides
    }

    fn word(&mut self) -> String {
        let count = 2 + self.roll(3);
        (0..count).map(|_| SYLLABLES[self.roll(SYLLABLES.len())]).collect()
    }

    fn tag(&mut self, id: u32) -> Change {
        let count = 1 + self.roll(3);
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        let namespace = NAMESPACES[self.roll(NAMESPACES.len())].to_owned();
        Change::AddTag { tag: TagId(id), namespace, subtag: words.join(" ") }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let count: u32 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = arguments.next().map_or_else(
        || std::env::temp_dir().join(format!("diptych-measure-{}", std::process::id())),
        PathBuf::from,
    );
    let Opened { index, .. } = Index::open(&dir, 1)?;
    fill(&index, count)?;
    index.close()?;
    println!("on disk: {} MB", size(&dir)? / 1_000_000);
    let begun = Instant::now();
    let Opened { index, applied_seq } = Index::open(&dir, 1)?;
    println!("open with checksums: {:?} (seq {applied_seq})", begun.elapsed());
    searches(&index, "quiet")?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&index, count, &stop));
        let measured = searches(&index, "under writes");
        stop.store(true, Ordering::Relaxed);
        let batches = writer.join().map_err(|_| "the writer panicked")??;
        println!("batches applied meanwhile: {batches}");
        measured
    })?;
    index.close()?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn fill(index: &Index, count: u32) -> Result<(), Box<dyn Error>> {
    let (begun, mut dice) = (Instant::now(), Dice(7));
    let rebuild = index.rebuild()?;
    let ids: Vec<u32> = (0..count).collect();
    for chunk in ids.chunks(5_000) {
        rebuild.put(chunk.iter().map(|&id| dice.tag(id)).collect())?;
    }
    rebuild.finish(1)?;
    println!("filled with {count} tags: {:?}", begun.elapsed());
    Ok(())
}

/// New tags and texts, 20 changes per batch, about 100 batches per second.
fn write(index: &Index, first: u32, stop: &AtomicBool) -> Result<u64, diptych::index::Error> {
    let (mut dice, mut batches, mut id) = (Dice(11), 0, first);
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Vec::new();
        for _ in 0..10 {
            batch.push(dice.tag(id));
            let title = format!("{} {}", dice.word(), dice.word());
            let item = ItemId(id % 5_000);
            batch.push(Change::PutText {
                item,
                fields: TextFields { title, ..TextFields::default() },
            });
            id += 1;
        }
        batches += 1;
        index.apply(batch, 1 + batches)?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(batches)
}

fn searches(index: &Index, moment: &str) -> Result<(), Box<dyn Error>> {
    let mut dice = Dice(3);
    let words: Vec<String> = (0..200).map(|_| dice.word()).collect();
    let cut = |bytes: usize| -> Vec<TagQuery> {
        let typed = words.iter().map(|word| &word[..word.len().min(bytes)]);
        let unlike: HashSet<&str> = typed.collect();
        unlike.into_iter().map(|text| TagQuery::autocomplete(None, text)).collect()
    };
    let each = |ask: &dyn Fn(&str) -> TagQuery| words.iter().map(|word| ask(word)).collect();
    let kinds: [(&str, Vec<TagQuery>); 9] = [
        ("1 character", cut(1)),
        ("2 characters", cut(2)),
        ("4 characters", cut(4)),
        ("6 characters", cut(6)),
        ("8 characters", cut(8)),
        ("species: 4 characters", {
            let cut = words.iter().map(|word| &word[..word.len().min(4)]);
            cut.map(|text| TagQuery::autocomplete(Some("species"), text)).collect()
        }),
        (
            "word and 2 characters",
            each(&|word| TagQuery::autocomplete(None, &format!("{word} ro"))),
        ),
        ("*word*", each(&|word| TagQuery::wildcard(Some("*"), &format!("*{word}*")))),
        ("pl*:ro*n", vec![TagQuery::wildcard(Some("pl*"), "ro*n")]),
    ];
    for (kind, queries) in kinds {
        let mut times = Vec::new();
        let mut hits = Vec::new();
        for query in queries.iter().cycle().take(queries.len().max(20)) {
            let begun = Instant::now();
            hits.push(index.tag_set(query)?.len());
            times.push(begun.elapsed());
        }
        report(moment, kind, times, hits);
    }
    let begun = Instant::now();
    let found = index.words(&[TextField::Title], "ro")?.len();
    println!("{moment}: titles with ro: {found} in {:?}", begun.elapsed());
    Ok(())
}

fn report(moment: &str, kind: &str, mut times: Vec<Duration>, mut hits: Vec<u64>) {
    times.sort_unstable();
    hits.sort_unstable();
    let (last, middle) = (times.len() - 1, times.len() / 2);
    println!(
        "{moment}: {kind}: hits p50 {} max {}, time p50 {:?} p99 {:?} max {:?}",
        hits[middle],
        hits[last],
        times[middle],
        times[last * 99 / 100],
        times[last]
    );
}

fn size(dir: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(dir)?.map(|entry| entry?.metadata().map(|file| file.len())).sum()
}
