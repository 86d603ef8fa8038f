//! Filters of files and folders.

use std::collections::HashMap;
use std::rc::Rc;

use roaring::RoaringBitmap;

use super::criteria::{IdsMode, IdsTest, NumberTest, StringTest, object, resolution_span};
use super::{Joined, Kind, criteria_of, items, joined};
use crate::graphql::{FieldError, Map, Value};
use crate::library::objects::ObjectFile;
use crate::model::hash::to_hex;
use crate::model::ids::{FolderId, ItemId};
use crate::model::place::{Folder, PlaceKind};
use crate::stash::file::text;
use crate::stash::scope::Scope;

/// A filter of files, read once.
pub(in crate::stash) struct FileFilter {
    tests: Vec<FileTest>,
    join: Option<(Join, Box<FileFilter>)>,
}

#[derive(Clone, Copy)]
enum Join {
    And,
    Or,
    Not,
}

/// Which text of a file.
#[derive(Clone, Copy)]
enum Text {
    Path,
    Name,
    Folder,
    Format,
    VideoCodec,
    AudioCodec,
}

/// Which number of a file.
#[derive(Clone, Copy)]
enum Number {
    Modified,
    Created,
    Updated,
    FrameRate,
    BitRate,
    Seconds,
    Zero,
}

enum FileTest {
    Text(StringTest, Text),
    Number(NumberTest, Number),
    Folder(IdsTest),
    /// In an archive: no file is.
    Archived(bool),
    Shape(String, Value),
    /// Whether another file has the same hash.
    Duplicated(bool, HashMap<u64, usize>),
    /// A kind of hash, a hash, and how far from it a file may be.
    Near(String, String, u32),
    /// Files of these objects.
    Of(RoaringBitmap),
    /// How many of these objects a file belongs to: one or none.
    Counted(NumberTest, RoaringBitmap),
}

impl FileFilter {
    /// Reads a filter.
    pub(in crate::stash) fn read(
        scope: &Rc<Scope>,
        filter: &Map,
    ) -> Result<FileFilter, FieldError> {
        let mut tests = Vec::new();
        for (name, value) in criteria_of(filter) {
            read_into(scope, name, value, &mut tests)?;
        }
        let sub = |filter| FileFilter::read(scope, filter).map(Box::new);
        let join = match joined(filter)? {
            None => None,
            Some(Joined::And(filter)) => Some((Join::And, sub(filter)?)),
            Some(Joined::Or(filter)) => Some((Join::Or, sub(filter)?)),
            Some(Joined::Not(filter)) => Some((Join::Not, sub(filter)?)),
        };
        Ok(FileFilter { tests, join })
    }

    /// Whether a file of an object passes.
    pub(in crate::stash) fn matches(
        &self,
        scope: &Scope,
        head: ItemId,
        file: &ObjectFile,
    ) -> Result<bool, FieldError> {
        let mut own = true;
        for test in &self.tests {
            own = own && test.matches(scope, head, file)?;
        }
        Ok(match &self.join {
            None => own,
            Some((Join::And, filter)) => own && filter.matches(scope, head, file)?,
            Some((Join::Not, filter)) => own && !filter.matches(scope, head, file)?,
            Some((Join::Or, filter)) => {
                own && !self.tests.is_empty() || filter.matches(scope, head, file)?
            }
        })
    }
}

fn read_into(
    scope: &Rc<Scope>,
    name: &str,
    value: &Value,
    tests: &mut Vec<FileTest>,
) -> Result<(), FieldError> {
    let words = |which| Ok::<_, FieldError>(FileTest::Text(StringTest::read(name, value)?, which));
    let number =
        |which| Ok::<_, FieldError>(FileTest::Number(NumberTest::read(name, value)?, which));
    let time =
        |which| Ok::<_, FieldError>(FileTest::Number(NumberTest::read_time(name, value)?, which));
    let of = |kind, all: &RoaringBitmap| {
        items(scope, kind, Some(object(name, value)?), None, all.clone())
    };
    let test = match name {
        "path" => words(Text::Path)?,
        "basename" => words(Text::Name)?,
        "dir" => words(Text::Folder)?,
        "format" => words(Text::Format)?,
        "video_codec" => words(Text::VideoCodec)?,
        "audio_codec" => words(Text::AudioCodec)?,
        "framerate" => number(Number::FrameRate)?,
        "bitrate" => number(Number::BitRate)?,
        "duration" => number(Number::Seconds)?,
        "gallery_count" | "interactive_speed" => number(Number::Zero)?,
        "mod_time" => time(Number::Modified)?,
        "created_at" => time(Number::Created)?,
        "updated_at" => time(Number::Updated)?,
        "resolution" | "orientation" => FileTest::Shape(name.to_owned(), value.clone()),
        "parent_folder" => match IdsTest::read(name, value, true)? {
            Some(test) => FileTest::Folder(test),
            None => return Ok(()),
        },
        "zip_file" => match IdsTest::read(name, value, true)?.map(|test| test.mode) {
            None => return Ok(()),
            Some(mode) => FileTest::Archived(!matches!(mode, IdsMode::Null | IdsMode::None)),
        },
        "interactive" => FileTest::Archived(value.as_bool().unwrap_or(false)),
        "duplicated" => {
            let wanted = object(name, value)?.bool("duplicated").unwrap_or(false);
            FileTest::Duplicated(wanted, hash_counts(scope)?)
        }
        "scene_count" => FileTest::Counted(NumberTest::read(name, value)?, scope.scenes()?.clone()),
        "image_count" => FileTest::Counted(NumberTest::read(name, value)?, scope.images()?.clone()),
        // No file is of a gallery.
        "galleries_filter" if object(name, value)?.is_empty() => return Ok(()),
        "galleries_filter" => FileTest::Of(RoaringBitmap::new()),
        "scenes_filter" => FileTest::Of(of(Kind::Scene, scope.scenes()?)?),
        "images_filter" => FileTest::Of(of(Kind::Image, scope.images()?)?),
        "video_file_filter" | "image_file_filter" => {
            for (name, value) in criteria_of(object(name, value)?) {
                read_into(scope, name, value, tests)?;
            }
            let videos = name == "video_file_filter";
            FileTest::Of(if videos { scope.scenes()? } else { scope.images()? }.clone())
        }
        "hashes" => {
            for hash in value.as_list().unwrap_or_default().iter().filter_map(Value::as_map) {
                let text = |name| hash.str(name).unwrap_or_default().to_lowercase();
                let distance = hash.int("distance").and_then(|d| u32::try_from(d).ok());
                tests.push(FileTest::Near(text("type"), text("value"), distance.unwrap_or(0)));
            }
            return Ok(());
        }
        _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
    };
    tests.push(test);
    Ok(())
}

/// How many files have each perceptual hash.
pub(super) fn hash_counts(scope: &Scope) -> Result<HashMap<u64, usize>, FieldError> {
    let mut counts = HashMap::new();
    for (hash, _) in scope.view.video_hashes()? {
        *counts.entry(hash).or_insert(0) += 1;
    }
    Ok(counts)
}

impl FileTest {
    fn matches(&self, scope: &Scope, head: ItemId, file: &ObjectFile) -> Result<bool, FieldError> {
        let media = file.item.media.as_ref();
        Ok(match self {
            FileTest::Text(test, which) => {
                let folder = || file.path.parent().map(text).unwrap_or_default();
                let of_media = |of: fn(&crate::model::media::MediaInfo) -> &String| {
                    media.map_or(String::new(), |media| of(media).clone())
                };
                test.matches(&match which {
                    Text::Path => text(&file.path),
                    Text::Name => {
                        file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
                    }
                    Text::Folder => folder(),
                    Text::Format => of_media(|media| &media.format),
                    Text::VideoCodec => of_media(|media| &media.video_codec),
                    Text::AudioCodec => of_media(|media| &media.audio_codec),
                })
            }
            FileTest::Number(test, which) => match which {
                Number::Modified => test.matches_time(Some(file.place.modified_ms)),
                Number::Created => test.matches_time(Some(file.place.created_ms)),
                Number::Updated => test.matches_time(Some(file.place.updated_ms)),
                Number::FrameRate => test.matches(media.map(|media| media.frame_rate.round())),
                Number::BitRate => test.matches(media.map(|media| media.bit_rate as f64)),
                Number::Seconds => {
                    let ms = media.and_then(|media| media.duration_ms);
                    test.matches(ms.map(|ms| (ms / 1000) as f64))
                }
                Number::Zero => test.matches(Some(0.0)),
            },
            FileTest::Folder(test) => match &file.place.kind {
                PlaceKind::Path { folder, .. } => in_folder(scope, test, Some(*folder))?,
                PlaceKind::Managed | PlaceKind::Member { .. } => in_folder(scope, test, None)?,
            },
            FileTest::Archived(wanted) => !wanted,
            FileTest::Shape(name, value) => {
                let size = media.and_then(|media| media.width.zip(media.height));
                has_shape(name, value, size)?
            }
            FileTest::Duplicated(wanted, counts) => match file.item.video_hash {
                Some(hash) => (counts.get(&hash).is_some_and(|count| *count > 1)) == *wanted,
                None => false,
            },
            FileTest::Near(kind, wanted, distance) => {
                let own = match kind.as_str() {
                    "phash" => file.item.video_hash,
                    "oshash" => media.and_then(|media| media.oshash),
                    "md5" => {
                        return Ok(media.is_some_and(|media| to_hex(&media.md5) == *wanted));
                    }
                    _ => None,
                };
                let wanted = u64::from_str_radix(wanted, 16).unwrap_or(0);
                own.is_some_and(|hash| match distance {
                    0 => hash == wanted,
                    distance => (hash ^ wanted).count_ones() < *distance,
                })
            }
            FileTest::Of(objects) => objects.contains(head.0),
            FileTest::Counted(test, objects) => {
                test.matches(Some(f64::from(u8::from(objects.contains(head.0)))))
            }
        })
    }
}

/// Whether a folder is one of those wanted, or below one.
fn in_folder(scope: &Scope, test: &IdsTest, folder: Option<FolderId>) -> Result<bool, FieldError> {
    let mut above = Vec::new();
    let mut at = folder;
    let levels = usize::try_from(test.depth).unwrap_or(usize::MAX);
    while let Some(id) = at.filter(|_| above.len() <= levels) {
        above.push(id.0);
        at = scope.view.folder(id)?.and_then(|folder| folder.parent);
    }
    let has = |id: &u32| above.contains(id);
    let wanted = match test.mode {
        IdsMode::Any | IdsMode::Exactly => test.values.is_empty() || test.values.iter().any(has),
        IdsMode::All => test.values.iter().all(has),
        IdsMode::Null => folder.is_none(),
        IdsMode::NotNull => folder.is_some(),
        IdsMode::None => true,
    };
    Ok(wanted && !test.excludes.iter().any(has))
}

/// Whether a picture of that size has a resolution or an orientation.
fn has_shape(name: &str, value: &Value, size: Option<(u32, u32)>) -> Result<bool, FieldError> {
    let criterion = object(name, value)?;
    let Some((width, height)) = size else { return Ok(false) };
    if name == "orientation" {
        let wanted = criterion.strs("value").unwrap_or_default();
        let shape = match width.cmp(&height) {
            std::cmp::Ordering::Greater => "LANDSCAPE",
            std::cmp::Ordering::Less => "PORTRAIT",
            std::cmp::Ordering::Equal => "SQUARE",
        };
        return Ok(wanted.is_empty() || wanted.contains(&shape));
    }
    let Some((low, high)) = resolution_span(criterion.str("value").unwrap_or_default()) else {
        return Ok(true);
    };
    let side = i64::from(width.min(height));
    Ok(match criterion.str("modifier").unwrap_or("EQUALS") {
        "EQUALS" => (low..=high).contains(&side),
        "NOT_EQUALS" => !(low..=high).contains(&side),
        "LESS_THAN" => side < low,
        "GREATER_THAN" => side > high,
        _ => true,
    })
}

/// Whether a folder passes a filter of folders.
pub(in crate::stash) fn folder_matches(
    scope: &Rc<Scope>,
    filter: &Map,
    folder: &Folder,
) -> Result<bool, FieldError> {
    let mut own = true;
    let mut is_bare = true;
    for (name, value) in criteria_of(filter) {
        is_bare = false;
        let time =
            |ms| Ok::<_, FieldError>(NumberTest::read_time(name, value)?.matches_time(Some(ms)));
        own &= match name {
            "path" => {
                StringTest::read(name, value)?.matches(&String::from_utf8_lossy(&folder.path))
            }
            "mod_time" => time(folder.modified_ms)?,
            "created_at" => time(folder.created_ms)?,
            "updated_at" => time(folder.updated_ms)?,
            "gallery_count" => NumberTest::read(name, value)?.matches(Some(0.0)),
            // No folder is a gallery.
            "galleries_filter" => object(name, value)?.is_empty(),
            "parent_folder" => match IdsTest::read(name, value, true)? {
                Some(test) => in_folder(scope, &test, folder.parent)?,
                None => true,
            },
            "zip_file" => match IdsTest::read(name, value, true)?.map(|test| test.mode) {
                None => true,
                Some(mode) => matches!(mode, IdsMode::Null | IdsMode::None),
            },
            _ => return Err(FieldError::new(format!("the filter {name} has no resolver"))),
        };
    }
    Ok(match joined(filter)? {
        None => own,
        Some(Joined::And(sub)) => own && folder_matches(scope, sub, folder)?,
        Some(Joined::Not(sub)) => own && !folder_matches(scope, sub, folder)?,
        Some(Joined::Or(sub)) => own && !is_bare || folder_matches(scope, sub, folder)?,
    })
}
