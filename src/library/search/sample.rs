//! Small random libraries for the laws.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::library::testing::blank_media;
use crate::library::{Library, Result, Settings, declare_parent, declare_service, declare_sibling};
use crate::model::filetype::FileType;
use crate::model::hash::Sha256;
use crate::model::ids::{GroupId, ItemId, ServiceId};
use crate::model::item::{CanvasViews, Deletion, Item, Membership};
use crate::model::media::MediaInfo;
use crate::model::service::{Service, ServiceKind, builtin};
use crate::store::{
    ALTERNATES, Alternates, AlternatesId, DuplicateGroup, GROUPS, POTENTIALS, Read, Status, Tx,
};

/// All tags of the sample libraries.
pub(super) const TAGS: [&str; 12] = [
    "robin",
    "species:robin",
    "blue tit",
    "species:blue_tit",
    "page:3",
    "page:12",
    "5",
    "a bird",
    "species:bird",
    "place:hill",
    "page:x",
    "rob",
];

/// The added services, in the order of their ids.
pub(super) const STARS: ServiceId = ServiceId(builtin::FIRST_ADDED.0);
pub(super) const COUNTER: ServiceId = ServiceId(builtin::FIRST_ADDED.0 + 1);
pub(super) const TRAINS: ServiceId = ServiceId(builtin::FIRST_ADDED.0 + 2);

pub(super) const DOMAINS: [ServiceId; 5] =
    [builtin::MY_FILES, TRAINS, builtin::COMBINED_LOCAL, builtin::STORAGE, builtin::UPDATES];

/// Size, width, height, duration, frames.
type Measures = (u64, Option<u32>, Option<u32>, Option<u64>, Option<u64>);

/// One item in small numbers.
#[derive(Clone, Debug)]
pub(super) struct ItemSpec {
    tags: Vec<(usize, usize, usize)>,
    domains: u8,
    deletions: u8,
    media: Option<Measures>,
    looks: (u8, u8, u8, u8),
    times: (i64, i64, i64, i64),
    ratings: (Option<bool>, Option<u8>, Option<u8>),
    texts: (u8, u8),
    group: Option<u8>,
}

/// A whole library.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    items: Vec<ItemSpec>,
    siblings: Vec<(usize, usize, usize)>,
    parents: Vec<(usize, usize, usize)>,
}

fn item() -> impl Strategy<Value = ItemSpec> {
    let tag = (0..2_usize, prop_oneof![4 => Just(0_usize), 1 => 1..4_usize], 0..TAGS.len());
    let media = (
        0..400_u64,
        option::of(0..300_u32),
        option::of(0..300_u32),
        option::of(0..4000_u64),
        option::of(0..100_u64),
    );
    let ratings = (option::of(any::<bool>()), option::of(0..=5_u8), option::of(0..4_u8));
    (
        vec(tag, 0..7),
        prop_oneof![4 => Just(0b01101_u8), 1 => 0..32_u8],
        prop_oneof![4 => Just(0_u8), 1 => 0..32_u8],
        option::weighted(0.9, media),
        (0..8_u8, 0..4_u8, 0..5_u8, 0..8_u8),
        (0..9_i64, 0..9_i64, 0..9_i64, 0..9_i64),
        ratings,
        (0..8_u8, 0..4_u8),
        option::weighted(0.3, 0..3_u8),
    )
        .prop_map(|(tags, domains, deletions, media, looks, times, ratings, texts, group)| {
            ItemSpec { tags, domains, deletions, media, looks, times, ratings, texts, group }
        })
}

pub(super) fn spec() -> impl Strategy<Value = Spec> {
    let pair = || (0..2_usize, 0..TAGS.len(), 0..TAGS.len());
    (vec(item(), 0..24), vec(pair(), 0..4), vec(pair(), 0..4))
        .prop_map(|(items, siblings, parents)| Spec { items, siblings, parents })
}

/// A library in a folder that goes with it.
pub(super) struct Sample {
    pub(super) library: Arc<Library>,
    pub(super) folder: PathBuf,
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Opens a library; the one that was just dropped may take a moment to let go of its folder.
fn open(folder: &Path) -> Arc<Library> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match Library::open(Settings::at(folder)) {
            Ok(library) => return library,
            Err(error) if Instant::now() > deadline => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

impl Sample {
    pub(super) fn new() -> Sample {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("diptych-search-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        Sample { library: open(&folder), folder }
    }

    /// Drops the library and opens it again.
    pub(super) fn reopen(&mut self) {
        self.reopen_after(|_| {});
    }

    /// Drops the library, lets `change` work in its folder, and opens it again.
    pub(super) fn reopen_after(&mut self, change: impl FnOnce(&Path)) {
        // Something has to stand in the place of the library while its folder is nobody's.
        let other = Sample::new();
        self.library = Arc::clone(&other.library);
        change(&self.folder);
        self.library = open(&self.folder);
    }

    pub(super) fn of(spec: &Spec) -> Sample {
        let sample = Sample::new();
        let spec = spec.clone();
        sample.library.write(move |tx| fill(tx, &spec)).expect("the sample is sound");
        sample
    }

    /// Lays another sample over this one: items of the same number change, tags are added.
    pub(super) fn change(&self, spec: &Spec) {
        let spec = spec.clone();
        self.library.write(move |tx| fill(tx, &spec)).expect("the sample is sound");
    }
}

const TAG_SERVICES: [ServiceId; 2] = [builtin::MY_TAGS, builtin::DOWNLOADER_TAGS];

fn fill(tx: &mut Tx, spec: &Spec) -> Result<()> {
    let services = [
        Service { max_stars: 5, ..Service::plain(b"s", "stars", ServiceKind::RATING_NUMERICAL) },
        Service::plain(b"c", "times seen", ServiceKind::RATING_COUNT),
        Service::plain(b"t", "trains", ServiceKind::LOCAL_FILES),
    ];
    for service in services {
        declare_service(tx, &service)?;
    }
    let mut tags = Vec::new();
    for text in TAGS {
        tags.push(tx.tag_for(text)?);
    }
    for (service, tag, better) in &spec.siblings {
        if tag != better {
            declare_sibling(tx, TAG_SERVICES[*service], tags[*tag], tags[*better])?;
        }
    }
    for (service, child, parent) in &spec.parents {
        if child != parent {
            declare_parent(tx, TAG_SERVICES[*service], tags[*child], tags[*parent])?;
        }
    }
    for id in 1..=tx.last_item()? {
        tx.edit_item(ItemId(id), |record| record.group = None)?;
    }
    let mut groups: Vec<Vec<ItemId>> = vec![Vec::new(); 3];
    for (number, item) in spec.items.iter().enumerate() {
        let number = u8::try_from(number).expect("few items");
        let id = tx.item_for(Sha256([number.wrapping_mul(91); 32]))?;
        tx.edit_item(id, |record| apply(record, item))?;
        let mut mappings = tx.mappings(id)?;
        for (service, status, tag) in &item.tags {
            let service = mappings.service_mut(TAG_SERVICES[*service]);
            service.insert(Status::ALL[*status], tags[*tag], "");
        }
        tx.put_mappings(id, mappings)?;
        if let Some(group) = item.group {
            groups[usize::from(group)].push(id);
        }
    }
    relate(tx, &groups)
}

/// Groups 1 and 2 are alternates and 3 is no relative of theirs; 1 and 3 may be duplicates.
fn relate(tx: &mut Tx, groups: &[Vec<ItemId>]) -> Result<()> {
    let ids = [GroupId(1), GroupId(2), GroupId(3)];
    let (near, far) = (AlternatesId(1), AlternatesId(2));
    for (id, members) in ids.iter().zip(groups) {
        let Some(king) = members.last().copied() else {
            tx.remove(&GROUPS, id);
            continue;
        };
        let alternates = Some(if id.0 == 3 { far } else { near });
        tx.put(&GROUPS, id, &DuplicateGroup { king, members: members.clone(), alternates });
    }
    let here = |index: usize| !groups[index].is_empty();
    let present = ids[..2].iter().filter(|id| here(id.0 as usize - 1)).copied().collect();
    let against = |other, both| if both { vec![other] } else { Vec::new() };
    let both = here(2) && (here(0) || here(1));
    tx.put(
        &ALTERNATES,
        &near,
        &Alternates { groups: present, confirmed: Vec::new(), false_positives: against(far, both) },
    );
    tx.put(
        &ALTERNATES,
        &far,
        &Alternates {
            groups: vec![ids[2]],
            confirmed: Vec::new(),
            false_positives: against(near, both),
        },
    );
    if here(0) && here(2) {
        tx.put(&POTENTIALS, &(ids[0], ids[2]), &1);
        tx.put(&POTENTIALS, &(ids[2], ids[0]), &1);
    } else {
        tx.remove(&POTENTIALS, &(ids[0], ids[2]));
        tx.remove(&POTENTIALS, &(ids[2], ids[0]));
    }
    Ok(())
}

const URLS: [&str; 3] =
    ["https://www.trains.example/a/1", "https://trains.example/b/2", "https://birds.example/c?d=3"];
const BLURHASHES: [&str; 4] = [
    "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "L00000fQfQfQfQfQfQfQfQfQfQfQ",
    "LTHx$pj[fQj[~qfQfQfQj[fQfQfQ",
    "L9AdAqofj[of",
];

fn apply(record: &mut Item, spec: &ItemSpec) {
    let (imported, modified, archived, viewed) = spec.times;
    record.domains.clear();
    record.deletions.clear();
    record.views.clear();
    record.urls.clear();
    for (bit, service) in DOMAINS.into_iter().enumerate() {
        let shifted = imported + i64::try_from(bit).expect("few domains") * 2 % 5;
        if spec.domains & (1 << bit) != 0 {
            let imported_ms = (imported != 8).then_some(shifted);
            record.domains.push(Membership { service, imported_ms });
        } else if spec.deletions & (1 << bit) != 0 {
            let (deleted_ms, imported_ms) = (Some(shifted + 3), Some(shifted));
            record.deletions.push(Deletion { service, deleted_ms, imported_ms });
        }
    }
    let (flags, pixels, shape, filetype) = spec.looks;
    record.media = spec.media.map(|(size, width, height, duration, frames)| MediaInfo {
        filetype: FileType([1, 2, 3, 9, 13, 33, 10, 23][usize::from(filetype)]),
        size_bytes: size,
        md5: [flags; 16],
        sha1: [pixels; 20],
        sha512: [shape; 64],
        width,
        height,
        duration_ms: duration,
        num_frames: frames,
        num_words: width.map(u64::from),
        has_audio: flags & 1 != 0,
        has_transparency: flags & 2 != 0,
        has_exif: flags & 4 != 0,
        has_icc_profile: flags & 3 == 3,
        blurhash: BLURHASHES.get(usize::from(shape)).map(|text| (*text).to_owned()),
        pixel_hash: (pixels > 0).then_some([pixels; 32]),
        perceptual_hash: (shape > 0).then(|| (1 << (shape * 4)) - 1),
        ..blank_media()
    });
    record.forced_filetype = (flags == 5).then_some(FileType(2));
    record.inbox = archived < 5;
    record.modified_ms = (modified > 0).then_some(modified);
    record.archived_ms = Some(archived).filter(|archived| *archived > 3);
    for canvas in [0_u8, 1, 4].into_iter().filter(|canvas| viewed > i64::from(*canvas) + 2) {
        let views = viewed.unsigned_abs();
        let (viewtime_ms, last_viewed_ms) = (views * 700, Some(viewed));
        record.set_views(CanvasViews { canvas, views, viewtime_ms, last_viewed_ms });
    }
    let (like, stars, count) = spec.ratings;
    record.set_rating(builtin::FAVOURITES, like.map(|like| f64::from(u8::from(like))));
    record.set_rating(STARS, stars.map(|stars| f64::from(stars) / 5.0));
    record.set_rating(COUNTER, count.map(f64::from));
    let (urls, notes) = spec.texts;
    for (bit, url) in URLS.iter().enumerate().filter(|(bit, _)| urls & (1 << bit) != 0) {
        debug_assert!(bit < 3);
        record.add_url(url);
    }
    for (bit, name) in ["Title", "details"].into_iter().enumerate() {
        record.set_note(name, if notes & (1 << bit) != 0 { "text" } else { "" });
    }
    record.group = spec.group.map(|group| GroupId(u32::from(group) + 1));
}
