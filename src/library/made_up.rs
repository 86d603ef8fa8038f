//! A made-up library for measurements: any number of files, the same for the same seed.
//!
//! Files have facts but no bytes. Tags follow Zipf's law over a vocabulary that grows with the number
//! of files, as real collections do; sizes, dimensions, types and times vary.

use sha2::{Digest, Sha256 as Hasher};

use super::Library;
use super::error::{Error, Result};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::item::{Item, Membership};
use crate::model::media::MediaInfo;
use crate::model::service::builtin;
use crate::store::{self, Mappings, Read, Status};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct MadeUp {
    pub files: u32,
    pub tags_per_file: u32,
    pub seed: u64,
}

/// Files between two reports of progress.
const BATCH: u32 = 4000;

/// The moment the newest made-up file was imported: 2026-01-01.
const NEWEST_MS: i64 = 1_767_225_600_000;

impl Library {
    /// Fills an empty library, while nobody else writes, in one transaction. `progress` is told how
    /// many files there are so far.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the library has files already.
    pub fn make_up(&self, what: MadeUp, mut progress: impl FnMut(u32)) -> Result<()> {
        if self.store.snapshot()?.last_item()? > 0 {
            return Err(Error::Conflict("the library is not empty".to_owned()));
        }
        self.store.load(|load| {
            let mut tags = vec![None; what.ranks() as usize + 1];
            for number in 0..what.files {
                let (item, ranks) = make_file(what, number);
                let mut mappings = Mappings::default();
                for rank in ranks {
                    let slot = &mut tags[rank as usize];
                    let tag = match *slot {
                        Some(tag) => tag,
                        None => *slot.insert(load.tag_for(&tag_text(rank))?),
                    };
                    mappings.service_mut(builtin::MY_TAGS).insert(Status::Current, tag, "");
                }
                load.add(&item, mappings)?;
                if (number + 1).is_multiple_of(BATCH) {
                    progress(number + 1);
                }
            }
            Ok::<(), store::Error>(())
        })?;
        progress(what.files);
        self.import_times.note(1..=what.files);
        self.colours.note(1..=what.files);
        self.catalogue.clear();
        self.ranks.clear();
        self.orders.clear();
        self.tallies.clear();
        self.indexing.fill(&self.store)
    }
}

impl MadeUp {
    /// How many different tags there are to draw from.
    fn ranks(self) -> u32 {
        self.files.max(100)
    }
}

/// A file and the ranks of its tags, some of them twice.
fn make_file(what: MadeUp, number: u32) -> (Item, Vec<u32>) {
    let mut random = Random::new(what.seed, u64::from(number));
    let hash = Hasher::digest([what.seed.to_be_bytes(), u64::from(number).to_be_bytes()].concat());
    let item = make_item(what, number, Sha256(hash.into()), &mut random);
    let ranks = (0..what.tags_per_file).map(|_| random.zipf(what.ranks())).collect();
    (item, ranks)
}

/// The tag of a rank: every third one is namespaced.
fn tag_text(rank: u32) -> String {
    const WORDS: [&str; 16] = [
        "harbour",
        "robin",
        "valley",
        "express",
        "concert",
        "meadow",
        "lantern",
        "heron",
        "bridge",
        "summit",
        "violin",
        "station",
        "orchard",
        "glacier",
        "kingfisher",
        "carriage",
    ];
    const NAMESPACES: [&str; 4] = ["species", "place", "performer", "studio"];
    let word = |at: u32| WORDS[(at % 16) as usize];
    let (first, second) = (word(rank), word(rank / 16));
    if rank.is_multiple_of(3) {
        format!("{}:{first} {second} {rank}", NAMESPACES[(rank / 3 % 4) as usize])
    } else {
        format!("{first} {second} {rank}")
    }
}

fn make_item(what: MadeUp, number: u32, sha256: Sha256, random: &mut Random) -> Item {
    let media = make_media(random);
    let age_ms = i64::from(what.files - number) * 60_000 + i64::from(random.below(60_000));
    let imported_ms = NEWEST_MS - age_ms;
    let member = |service| Membership { service, imported_ms: Some(imported_ms) };
    let inbox = random.below(3) > 0;
    let rated = random.below(10) == 0;
    Item {
        sha256: Some(sha256),
        media: Some(media),
        inbox,
        domains: vec![
            member(builtin::MY_FILES),
            member(builtin::STORAGE),
            member(builtin::COMBINED_LOCAL),
        ],
        modified_ms: Some(imported_ms - i64::from(random.below(u32::MAX))),
        archived_ms: (!inbox).then_some(imported_ms + 1000),
        ratings: if rated { vec![(builtin::FAVOURITES, 1.0)] } else { Vec::new() },
        urls: if random.below(4) == 0 {
            vec![format!("https://photos.example/{}", number)]
        } else {
            Vec::new()
        },
        created_ms: imported_ms,
        updated_ms: imported_ms,
        ..Item::default()
    }
}

fn make_media(random: &mut Random) -> MediaInfo {
    let (filetype, format, video) = match random.below(20) {
        0..12 => (FileType(1), "mjpeg", false),
        12..16 => (FileType(2), "png", false),
        16 => (FileType(33), "webp", false),
        _ => (FileType(14), "mp4", true),
    };
    let width = 320 + random.below(3800);
    let height = 240 + random.below(2100);
    let duration_ms = video.then(|| 1000 + u64::from(random.below(3_600_000)));
    let pixels = u64::from(width) * u64::from(height);
    MediaInfo {
        filetype,
        size_bytes: pixels / 4 + u64::from(random.below(1_000_000)),
        md5: random.bytes(),
        sha1: random.bytes(),
        sha512: random.bytes(),
        oshash: Some(random.next()),
        width: Some(width),
        height: Some(height),
        duration_ms,
        num_frames: duration_ms.map(|duration| duration / 40),
        num_words: None,
        has_audio: video && random.below(2) == 0,
        has_transparency: random.below(10) == 0,
        has_exif: random.below(3) == 0,
        has_xmp: false,
        has_iptc: false,
        has_icc_profile: random.below(5) == 0,
        has_human_readable_embedded_metadata: random.below(8) == 0,
        has_software_source: false,
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned()),
        pixel_hash: (!video).then(|| random.bytes()),
        perceptual_hash: (!video).then(|| random.next()),
        format: format.to_owned(),
        video_codec: if video { "h264".to_owned() } else { String::new() },
        audio_codec: String::new(),
        frame_rate: if video { 25.0 } else { 0.0 },
        bit_rate: if video { 4_000_000 } else { 0 },
    }
}

/// SplitMix64: small, quick, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u64) -> Random {
        Random(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(limit)) >> 32).unwrap_or(0)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }

    /// A rank of 1..=`ranks` with probability falling as 1/rank.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank needs no more precision, and lies between 1 and a u32"
    )]
    fn zipf(&mut self, ranks: u32) -> u32 {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (f64::from(ranks).ln() * uniform).exp() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Settings;
    use crate::store::{Options, SetKey};

    fn made(name: &str) -> (std::path::PathBuf, std::sync::Arc<Library>) {
        let data = std::env::temp_dir().join(format!("diptych-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let store = Options { minimum_free_bytes: 0, ..Options::default() };
        let zone = jiff::tz::TimeZone::UTC;
        let library = Library::open(Settings { store, zone, ..Settings::at(&data) }).unwrap();
        library.make_up(MadeUp { files: 300, tags_per_file: 8, seed: 7 }, |_| {}).unwrap();
        (data, library)
    }

    #[test]
    fn a_made_up_library_is_sound_and_the_same_each_time() {
        let (first_data, first) = made("made-up-a");
        let (second_data, second) = made("made-up-b");
        let report = first.check().unwrap();
        assert_eq!((report.fault_count, report.faults), (0, vec![]));
        let (one, two) = (first.view().unwrap(), second.view().unwrap());
        let known = one.snapshot.set(SetKey::Known).unwrap();
        assert_eq!(known.len(), 300);
        for id in known {
            let id = crate::model::ids::ItemId(id);
            assert_eq!(one.item(id).unwrap(), two.item(id).unwrap());
            assert_eq!(one.mappings(id).unwrap(), two.mappings(id).unwrap());
        }
        assert!(first.make_up(MadeUp { files: 1, tags_per_file: 1, seed: 1 }, |_| {}).is_err());
        drop((one, two));
        for (data, library) in [(first_data, first), (second_data, second)] {
            library.close().unwrap();
            std::fs::remove_dir_all(data).unwrap();
        }
    }
}
