//! Files and folders: `VideoFile`, `ImageFile` and other files, `Folder`, and captions and scripts
//! beside videos.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::objects::ObjectFile;
use crate::model::filetype::FileType;
use crate::model::hash::to_hex;
use crate::model::ids::FolderId;
use crate::model::media::MediaInfo;
use crate::model::place::PlaceKind;

/// Ids of the folders of managed blobs: these are no rows, one stands for each first byte.
const MANAGED_FOLDERS: u32 = 4_000_000_000;

/// A path as text: what is no UTF-8 is replaced.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Zero for what JSON cannot say.
pub(super) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// A file of a scene.
pub(super) struct VideoFile(BaseFile);

/// A file of an image.
pub(super) struct ImageFile(BaseFile);

/// A file that is neither: an archive, or anything else that was uploaded.
struct OtherFile(BaseFile);

struct BaseFile {
    scope: Rc<Scope>,
    file: ObjectFile,
}

impl VideoFile {
    /// The file as a video.
    pub(super) fn new(scope: &Rc<Scope>, file: ObjectFile) -> VideoFile {
        VideoFile(BaseFile { scope: Rc::clone(scope), file })
    }
}

impl ImageFile {
    /// The file as a picture.
    pub(super) fn new(scope: &Rc<Scope>, file: ObjectFile) -> ImageFile {
        ImageFile(BaseFile { scope: Rc::clone(scope), file })
    }
}

/// The file as what it is.
pub(super) fn any_file<'r>(scope: &Rc<Scope>, file: ObjectFile) -> Resolved<'r> {
    let filetype = file.item.filetype();
    if filetype.is_some_and(FileType::is_video) {
        Resolved::object(VideoFile::new(scope, file))
    } else if filetype.is_some_and(FileType::is_picture) {
        Resolved::object(ImageFile::new(scope, file))
    } else {
        Resolved::object(OtherFile(BaseFile { scope: Rc::clone(scope), file }))
    }
}

impl BaseFile {
    fn media(&self) -> Option<&MediaInfo> {
        self.file.item.media.as_ref()
    }

    /// (type, value), the one that names a file first.
    fn fingerprints(&self) -> Vec<(&'static str, String)> {
        let Some(media) = self.media() else { return Vec::new() };
        let md5 = ("md5", to_hex(&media.md5));
        let is_video = self.file.item.filetype().is_some_and(|filetype| filetype.is_video());
        let mut prints = Vec::new();
        if let Some(oshash) = media.oshash.filter(|_| is_video) {
            prints.push(("oshash", format!("{oshash:016x}")));
        }
        prints.push(md5);
        prints.extend(self.file.item.video_hash.map(|hash| ("phash", format!("{hash:x}"))));
        prints
    }

    fn parent_folder(&self) -> FolderRef {
        match &self.file.place.kind {
            PlaceKind::Path { folder, .. } => FolderRef::Row(*folder),
            PlaceKind::Managed | PlaceKind::Member { .. } => {
                FolderRef::Managed(self.file.item.sha256.map_or(0, |sha256| sha256.0[0]))
            }
        }
    }

    fn field<'a>(&'a self, field: Field<'a>) -> Option<Result<Resolved<'a>, FieldError>> {
        let place = &self.file.place;
        let number = |value: Option<u32>| Resolved::from(value.unwrap_or(0));
        Some(Ok(match field.name() {
            "id" => Resolved::from(self.file.id.0),
            "path" => Resolved::from(text(&self.file.path)),
            "basename" => {
                let name = self.file.path.file_name().unwrap_or_default();
                Resolved::from(name.to_string_lossy().into_owned())
            }
            "parent_folder_id" => Resolved::from(self.parent_folder().id()),
            "parent_folder" => match Folder::load(&self.scope, self.parent_folder()) {
                Ok(folder) => folder.map_or(Resolved::Null, Resolved::object),
                Err(error) => return Some(Err(error)),
            },
            "zip_file_id" => match &place.kind {
                PlaceKind::Member { archive, .. } => Resolved::from(archive.0),
                _ => Resolved::Null,
            },
            "zip_file" => match &place.kind {
                PlaceKind::Member { .. } => return None,
                _ => Resolved::Null,
            },
            "mod_time" => self.scope.time(place.modified_ms),
            "size" => Resolved::from(place.size_bytes),
            "fingerprint" => {
                let wanted = field.arguments().str("type").unwrap_or_default();
                let found = self.fingerprints().into_iter().find(|(kind, _)| *kind == wanted);
                Resolved::from(found.map(|(_, value)| value))
            }
            "fingerprints" => Resolved::objects(self.fingerprints().into_iter().map(Fingerprint)),
            "format" => Resolved::from(self.media().map_or("", |media| &media.format)),
            "width" => number(self.media().and_then(|media| media.width)),
            "height" => number(self.media().and_then(|media| media.height)),
            "created_at" => self.scope.time(place.created_ms),
            "updated_at" => self.scope.time(place.updated_ms),
            _ => return None,
        }))
    }
}

impl Object for VideoFile {
    fn type_name(&self) -> &'static str {
        "VideoFile"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        if let Some(answer) = self.0.field(field) {
            return answer;
        }
        let media = self.0.media();
        Ok(match field.name() {
            "duration" => {
                let ms = media.and_then(|media| media.duration_ms).unwrap_or(0);
                Resolved::Float(ms as f64 / 1000.0)
            }
            "video_codec" => Resolved::from(media.map_or("", |media| &media.video_codec)),
            "audio_codec" => Resolved::from(media.map_or("", |media| &media.audio_codec)),
            "frame_rate" => Resolved::Float(finite(media.map_or(0.0, |media| media.frame_rate))),
            "bit_rate" => Resolved::from(media.map_or(0, |media| media.bit_rate)),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

impl Object for ImageFile {
    fn type_name(&self) -> &'static str {
        "ImageFile"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        self.0.field(field).unwrap_or(Err(FieldError::Unresolved))
    }
}

impl Object for OtherFile {
    fn type_name(&self) -> &'static str {
        "BasicFile"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        self.0.field(field).unwrap_or(Err(FieldError::Unresolved))
    }
}

struct Fingerprint((&'static str, String));

impl Object for Fingerprint {
    fn type_name(&self) -> &'static str {
        "Fingerprint"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "type" => Resolved::from(self.0.0),
            "value" => Resolved::from(&self.0.1),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// Which folder.
#[derive(Clone, Copy)]
pub(super) enum FolderRef {
    /// A row of the library.
    Row(FolderId),
    /// The folder of the managed blobs whose hash begins with that byte.
    Managed(u8),
}

impl FolderRef {
    /// The folder of an id.
    pub(super) fn from_id(id: u32) -> FolderRef {
        match id.checked_sub(MANAGED_FOLDERS).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => FolderRef::Managed(byte),
            None => FolderRef::Row(FolderId(id)),
        }
    }

    fn id(self) -> u32 {
        match self {
            FolderRef::Row(id) => id.0,
            FolderRef::Managed(byte) => MANAGED_FOLDERS + u32::from(byte),
        }
    }
}

/// A folder.
pub(super) struct Folder {
    scope: Rc<Scope>,
    id: u32,
    path: String,
    parent: Option<FolderId>,
    modified_ms: i64,
    created_ms: i64,
    updated_ms: i64,
}

impl Folder {
    /// The folder, if there is one.
    pub(super) fn load(scope: &Rc<Scope>, which: FolderRef) -> Result<Option<Folder>, FieldError> {
        let id = which.id();
        let scope = Rc::clone(scope);
        Ok(match which {
            FolderRef::Row(row) => scope.view.folder(row)?.map(|folder| Folder {
                scope,
                id,
                path: String::from_utf8_lossy(&folder.path).into_owned(),
                parent: folder.parent,
                modified_ms: folder.modified_ms,
                created_ms: folder.created_ms,
                updated_ms: folder.updated_ms,
            }),
            FolderRef::Managed(byte) => {
                let path = scope.shared.library.settings().data.join("client_files");
                let path = text(&path.join(format!("f{byte:02x}")));
                let (modified_ms, created_ms, updated_ms) = (0, 0, 0);
                Some(Folder { scope, id, path, parent: None, modified_ms, created_ms, updated_ms })
            }
        })
    }
}

impl Folder {
    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(&self.path)
    }
}

impl Object for Folder {
    fn type_name(&self) -> &'static str {
        "Folder"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "id" => Resolved::from(self.id),
            "path" => Resolved::from(&self.path),
            "parent_folder_id" => Resolved::from(self.parent.map(|parent| parent.0)),
            "parent_folder" => match self.parent {
                Some(parent) => Folder::load(&self.scope, FolderRef::Row(parent))?
                    .map_or(Resolved::Null, Resolved::object),
                None => Resolved::Null,
            },
            "zip_file_id" | "zip_file" => Resolved::Null,
            "mod_time" => self.scope.time(self.modified_ms),
            "created_at" => self.scope.time(self.created_ms),
            "updated_at" => self.scope.time(self.updated_ms),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The script for interactive devices beside a video, `name.funscript`, if there is one.
pub(super) fn funscript(video: &Path) -> Option<PathBuf> {
    Some(video.with_extension("funscript")).filter(|path| path.is_file())
}

/// A caption file beside a video: `name.srt` or `name.en.vtt`.
pub(super) struct Caption {
    language: String,
    kind: &'static str,
    /// Where it is.
    pub(super) path: PathBuf,
}

impl Caption {
    /// The captions beside a video, in the order of their names.
    pub(super) fn beside(video: &Path) -> Vec<Caption> {
        let (Some(folder), Some(stem)) = (video.parent(), video.file_stem()) else {
            return Vec::new();
        };
        let stem = stem.to_string_lossy().into_owned();
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut found: Vec<Caption> =
            entries.flatten().filter_map(|entry| Caption::of(&stem, &entry.path())).collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn of(stem: &str, path: &Path) -> Option<Caption> {
        let kind = match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "srt" => "srt",
            "vtt" => "vtt",
            _ => return None,
        };
        let middle = path.file_stem()?.to_str()?.strip_prefix(stem)?;
        let language = match middle.strip_prefix('.') {
            Some(code) if code.len() == 2 => code.to_ascii_lowercase(),
            None if middle.is_empty() => "00".to_owned(),
            Some(_) | None => return None,
        };
        Some(Caption { language, kind, path: path.to_owned() })
    }

    /// Its language code.
    pub(super) fn language(&self) -> &str {
        &self.language
    }

    /// Whether it is of that language and kind.
    pub(super) fn is(&self, language: &str, kind: &str) -> bool {
        self.language == language && self.kind == kind
    }
}

impl Object for Caption {
    fn type_name(&self) -> &'static str {
        "VideoCaption"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "language_code" => Resolved::from(&self.language),
            "caption_type" => Resolved::from(self.kind),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_belong_to_a_video_by_their_name() {
        let check = |name: &str, language: Option<&str>| {
            let caption = Caption::of("concert", Path::new(name));
            assert_eq!(caption.map(|caption| caption.language).as_deref(), language, "{name}");
        };
        check("/v/concert.srt", Some("00"));
        check("/v/concert.EN.vtt", Some("en"));
        check("/v/concert.live.srt", None);
        check("/v/other.srt", None);
        check("/v/concert.mp4", None);
    }
}
