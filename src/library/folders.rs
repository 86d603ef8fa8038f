//! Library folders: local file domains that mirror a folder of the disk (design: rule 6).

use std::path::{Component, Path, PathBuf};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256 as Hasher};

use super::cached::touch;
use super::error::{Error, Result};
use super::jobs::JobContext;
use super::lifecycle::local_domains;
use super::membership::{self, Departure};
use super::places::{bytes_of, path_of};
use super::scan::{self, record};
use super::services::{SERVICES_CHANGED, Services, declare_service};
use super::{Library, View};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::place::PlaceKind;
use crate::model::service::{Service, ServiceKind};
use crate::store::{DocumentKind, Read as _, SERVICES, SetKey, Tx};

/// Files in one transaction.
const BATCH: usize = 32;
const SCAN_RULES: &str = "scan_rules";

/// A library folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFolder {
    /// The domain that mirrors it.
    pub domain: ServiceId,
    pub path: PathBuf,
    pub exclude_video: bool,
    pub exclude_image: bool,
}

/// What a library folder's document holds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Excluded {
    video: bool,
    image: bool,
}

/// What a scan takes for media, by extension, and what it leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanRules {
    pub video_extensions: Vec<String>,
    pub image_extensions: Vec<String>,
    pub gallery_extensions: Vec<String>,
    /// Expressions for paths of videos that are left out, whatever their case.
    pub excludes: Vec<String>,
    /// Expressions for paths of pictures and archives that are left out.
    pub image_excludes: Vec<String>,
}

/// Whether a path is a folder or below it, without leaving it on the way.
#[must_use]
pub fn is_inside(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && !path.components().any(|part| part == Component::ParentDir)
}

impl Default for ScanRules {
    fn default() -> ScanRules {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect();
        ScanRules {
            video_extensions: list("m4v mp4 mov wmv avi mpg mpeg rmvb rm flv asf mkv webm f4v"),
            image_extensions: list("png jpg jpeg gif webp avif"),
            gallery_extensions: list("zip cbz"),
            excludes: Vec::new(),
            image_excludes: Vec::new(),
        }
    }
}

/// What kind of media a path is by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Video,
    Image,
    Gallery,
}

/// The rules of one library folder, ready to be asked.
pub struct Acceptance {
    rules: ScanRules,
    excludes: Vec<Regex>,
    image_excludes: Vec<Regex>,
    exclude_video: bool,
    exclude_image: bool,
    root: PathBuf,
}

impl Acceptance {
    /// Reads the expressions; one that cannot be read is logged and excludes nothing.
    #[must_use]
    pub fn new(rules: ScanRules, folder: &LibraryFolder) -> Acceptance {
        let read = |patterns: &[String]| {
            let read = |pattern: &String| {
                let regex = RegexBuilder::new(pattern).case_insensitive(true).build();
                regex
                    .inspect_err(|error| tracing::warn!(%pattern, %error, "an exclusion is void"))
                    .ok()
            };
            patterns.iter().filter_map(read).collect()
        };
        Acceptance {
            excludes: read(&rules.excludes),
            image_excludes: read(&rules.image_excludes),
            rules,
            exclude_video: folder.exclude_video,
            exclude_image: folder.exclude_image,
            root: folder.path.clone(),
        }
    }

    /// Whether a path is the library folder itself.
    #[must_use]
    pub fn is_root(&self, path: &Path) -> bool {
        path == self.root
    }

    /// The kind of an accepted file; `None` for what is left out.
    #[must_use]
    pub fn kind(&self, path: &Path) -> Option<MediaKind> {
        let extension = path.extension()?.to_string_lossy().to_lowercase();
        let listed = |list: &[String]| list.iter().any(|known| known.to_lowercase() == extension);
        let kind = if listed(&self.rules.video_extensions) {
            MediaKind::Video
        } else if listed(&self.rules.image_extensions) {
            MediaKind::Image
        } else if listed(&self.rules.gallery_extensions) {
            MediaKind::Gallery
        } else {
            return None;
        };
        let text = path.to_string_lossy();
        let matches = |list: &[Regex]| list.iter().any(|regex| regex.is_match(&text));
        let excluded = match kind {
            MediaKind::Video => self.exclude_video || matches(&self.excludes),
            MediaKind::Image | MediaKind::Gallery => {
                self.exclude_image || matches(&self.image_excludes)
            }
        };
        (!excluded).then_some(kind)
    }

    /// Whether anything below a folder can be accepted.
    #[must_use]
    pub fn enters(&self, folder: &Path) -> bool {
        let text = format!("{}/", folder.to_string_lossy());
        let matches = |list: &[Regex]| list.iter().any(|regex| regex.is_match(&text));
        !(matches(&self.excludes) && (self.exclude_image || matches(&self.image_excludes)))
    }
}

fn document_name(domain: ServiceId) -> String {
    format!("library_folder_{domain}")
}

impl View {
    /// All library folders, in the order of adding.
    ///
    /// # Errors
    /// When reading fails.
    pub fn library_folders(&self) -> Result<Vec<LibraryFolder>> {
        let mut folders = Vec::new();
        for (domain, service) in self.services().iter() {
            let Some(path) = &service.folder else { continue };
            let name = document_name(domain);
            let excluded: Option<Excluded> = self.snapshot.document(DocumentKind::Option, &name)?;
            let excluded = excluded.unwrap_or_default();
            folders.push(LibraryFolder {
                domain,
                path: path_of(path),
                exclude_video: excluded.video,
                exclude_image: excluded.image,
            });
        }
        Ok(folders)
    }

    /// The rules of scans.
    ///
    /// # Errors
    /// When reading fails.
    pub fn scan_rules(&self) -> Result<ScanRules> {
        Ok(self.snapshot.document(DocumentKind::Option, SCAN_RULES)?.unwrap_or_default())
    }
}

impl Library {
    /// Makes a folder of the disk a library folder, or changes what is left out of one. Nothing is
    /// scanned. Returns its domain.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a relative path and for one inside (or around) another library folder.
    pub fn add_library_folder(
        &self,
        path: &Path,
        exclude_video: bool,
        exclude_image: bool,
    ) -> Result<ServiceId> {
        if !path.is_absolute() {
            return Err(Error::invalid(format!("{} is no absolute path", path.display())));
        }
        // Without a slash at its end and doubled ones; links stay as they are.
        let path: PathBuf = path.components().collect();
        self.write(move |tx| {
            for (_, known) in Services::load(tx)?.iter() {
                let Some(known) = known.folder.as_deref().map(path_of) else { continue };
                if known != path && (known.starts_with(&path) || path.starts_with(&known)) {
                    let (path, known) = (path.display(), known.display());
                    return Err(Error::invalid(format!(
                        "{path} overlaps with the library folder {known}"
                    )));
                }
            }
            let bytes = bytes_of(&path);
            // Derived, so that a folder that is added again is the same domain to every client.
            let key = Hasher::digest([b"library folder ", bytes.as_slice()].concat());
            let name = path.display().to_string();
            let mut service = Service::plain(&key, &name, ServiceKind::LOCAL_FILES);
            service.folder = Some(bytes);
            let domain = declare_service(tx, &service)?;
            let excluded = Excluded { video: exclude_video, image: exclude_image };
            tx.put_document(DocumentKind::Option, &document_name(domain), &excluded)?;
            Ok(domain)
        })
    }

    /// Ends a library folder. Its files leave the library without a record; nothing on the disk
    /// changes. They come back, with ids and tags, when the folder is added and scanned again.
    ///
    /// # Errors
    /// [`Error::Missing`] when the domain mirrors no folder; [`Error::Conflict`] when it was
    /// cancelled or files came in meanwhile.
    pub fn remove_library_folder(
        self: &std::sync::Arc<Self>,
        domain: ServiceId,
        context: &JobContext,
    ) -> Result<()> {
        let view = self.view()?;
        let folder = view.library_folders()?.into_iter().find(|folder| folder.domain == domain);
        let folder = folder.ok_or_else(|| Error::missing("library folder", domain))?;
        let mut folders = scan::folders_below(&view, &folder.path)?;
        folders.retain(|(_, path)| path_of(path).starts_with(&folder.path));
        let mut places = Vec::new();
        for (below, _) in &folders {
            for (id, place) in scan::places_in(&view, *below)? {
                if let PlaceKind::Path { path, .. } = place.kind {
                    places.push((id, path));
                }
            }
        }
        let recorded: Vec<u32> = view.snapshot.set(SetKey::Deleted(domain))?.iter().collect();
        drop(view);
        for (done, batch) in places.chunks(BATCH).enumerate() {
            if context.is_cancelled() {
                return Err(Error::Conflict("the job was stopped".to_owned()));
            }
            let batch = batch.to_vec();
            self.write(move |tx| record::vanish(tx, &batch))?;
            context.progress((done + 1) * BATCH, places.len());
        }
        folders.sort_by_key(|(_, path)| std::cmp::Reverse(path.len()));
        for batch in folders.chunks(BATCH) {
            let batch = batch.to_vec();
            self.write(move |tx| record::remove_folders(tx, &batch))?;
        }
        for batch in recorded.chunks(BATCH) {
            let batch = batch.to_vec();
            self.write(move |tx| forget_records(tx, &batch, domain))?;
        }
        self.write(move |tx| remove_domain(tx, domain))
    }

    /// Replaces the rules of scans.
    ///
    /// # Errors
    /// When writing fails.
    pub fn set_scan_rules(&self, rules: ScanRules) -> Result<()> {
        self.write(move |tx| Ok(tx.put_document(DocumentKind::Option, SCAN_RULES, &rules)?))
    }
}

/// Drops the deletion records of a domain that is about to go.
fn forget_records(tx: &mut Tx, items: &[u32], domain: ServiceId) -> Result<()> {
    let local = local_domains(tx)?;
    let now_ms = tx.now_ms();
    for id in items {
        tx.edit_item(ItemId(*id), |item| {
            item.deletions.retain(|record| record.service != domain);
            membership::settle(item, &local, Departure::Deleted, now_ms);
        })?;
    }
    Ok(())
}

fn remove_domain(tx: &mut Tx, domain: ServiceId) -> Result<()> {
    if !tx.set(SetKey::Domain(domain))?.is_empty() {
        return Err(Error::Conflict("files came into the library folder meanwhile".to_owned()));
    }
    tx.remove(&SERVICES, &domain);
    tx.remove_document(DocumentKind::Option, &document_name(domain));
    Ok(touch(tx, SERVICES_CHANGED)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_and_expressions_decide() {
        let folder = LibraryFolder {
            domain: ServiceId(40),
            path: "/media".into(),
            exclude_video: false,
            exclude_image: false,
        };
        let rules = ScanRules {
            excludes: vec!["/Sample".to_owned(), "(".to_owned()],
            image_excludes: vec!["thumbs/".to_owned()],
            ..ScanRules::default()
        };
        let accepts = Acceptance::new(rules.clone(), &folder);
        let check = |path: &str, kind| assert_eq!(accepts.kind(Path::new(path)), kind, "{path}");
        check("/media/train.MKV", Some(MediaKind::Video));
        check("/media/bird.jpg", Some(MediaKind::Image));
        check("/media/birds.cbz", Some(MediaKind::Gallery));
        check("/media/notes.txt", None);
        check("/media/mkv", None);
        check("/media/sample/train.mkv", None);
        check("/media/sample/bird.jpg", Some(MediaKind::Image));
        check("/media/THUMBS/bird.jpg", None);
        assert!(accepts.enters(Path::new("/media/sample")));
        assert!(!accepts.enters(Path::new("/media/sample/thumbs")));
        let stills = Acceptance::new(rules, &LibraryFolder { exclude_video: true, ..folder });
        assert_eq!(stills.kind(Path::new("/media/train.mkv")), None);
    }
}
