//! File types: the numbers, mime types, names and extensions of `behaviour.md` 27.5, the groups
//! they fall into, and the names by which a query may call them.

use serde::{Deserialize, Serialize};

/// A file type by its number in the Hydrus Client API (`filetype_enum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileType(pub u8);

/// One row of the table: number, mime type, human name, extension with its dot.
type Row = (u8, &'static str, &'static str, &'static str);

macro_rules! file_types {
    ($($number:literal $name:ident $mime:literal $human:literal $ext:literal;)*) => {
        /// One constant for each number of the table.
        impl FileType {
            $(#[doc = $human] pub const $name: FileType = FileType($number);)*
        }

        /// In the order of the numbers.
        const TABLE: &[Row] = &[$(($number, $mime, $human, $ext)),*];
    };
}

file_types! {
    0 COLLECTION "collection" "collection" ".collection";
    1 JPEG "image/jpeg" "jpeg" ".jpg";
    2 PNG "image/png" "png" ".png";
    3 ANIMATED_GIF "image/gif" "animated gif" ".gif";
    4 BMP "image/bmp" "bitmap" ".bmp";
    5 FLASH "application/x-shockwave-flash" "flash" ".swf";
    6 YAML "application/x-yaml" "yaml" ".yaml";
    7 ICO "image/x-icon" "icon" ".ico";
    8 HTML "text/html" "html" ".html";
    9 FLV "video/x-flv" "flv" ".flv";
    10 PDF "application/pdf" "pdf" ".pdf";
    11 ZIP "application/zip" "zip" ".zip";
    12 ENCRYPTED_ZIP "application/hydrus-encrypted-zip" "application/hydrus-encrypted-zip" ".zip.encrypted";
    13 MP3 "audio/mp3" "mp3" ".mp3";
    14 MP4 "video/mp4" "mp4" ".mp4";
    15 OGG "audio/ogg" "ogg" ".ogg";
    16 FLAC "audio/flac" "flac" ".flac";
    17 WMA "audio/x-ms-wma" "wma" ".wma";
    18 WMV "video/x-ms-wmv" "wmv" ".wmv";
    19 WMA_OR_WMV "audio/x-ms-wma or video/x-ms-wmv" "wma or wmv" "";
    20 MKV "video/x-matroska" "matroska" ".mkv";
    21 WEBM "video/webm" "webm" ".webm";
    22 JSON "application/json" "json" ".json";
    23 APNG "image/apng" "apng" ".png";
    24 PNG_OR_APNG "image/png or image/apng" "png or apng" "";
    25 MPEG "video/mpeg" "mpeg" ".mpeg";
    26 MOV "video/quicktime" "quicktime" ".mov";
    27 AVI "video/x-msvideo" "avi" ".avi";
    28 UPDATE_DEFINITIONS "application/hydrus-update-definitions" "application/hydrus-update-definitions" "";
    29 UPDATE_CONTENT "application/hydrus-update-content" "application/hydrus-update-content" "";
    30 TEXT "text/plain" "plaintext" ".txt";
    31 RAR "application/vnd.rar" "rar" ".rar";
    32 SEVEN_ZIP "application/x-7z-compressed" "7z" ".7z";
    33 WEBP "image/webp" "webp" ".webp";
    34 TIFF "image/tiff" "tiff" ".tiff";
    35 PSD "image/vnd.adobe.photoshop" "psd" ".psd";
    36 M4A "audio/mp4" "m4a" ".m4a";
    37 REALVIDEO "video/vnd.rn-realvideo" "realvideo" ".rm";
    38 REALAUDIO "audio/vnd.rn-realaudio" "realaudio" ".ra";
    39 TTA "audio/x-tta" "tta" ".tta";
    40 AUDIO "audio" "audio" "";
    41 IMAGE "image" "image" "";
    42 VIDEO "video" "video" "";
    43 APPLICATION "application" "application" "";
    44 ANIMATION "animation" "animation" "";
    45 CLIP "application/clip" "clip" ".clip";
    46 WAV "audio/x-wav" "wave" ".wav";
    47 OGV "video/ogg" "ogv" ".ogv";
    48 MKA "audio/x-matroska" "matroska audio" ".mkv";
    49 MP4_AUDIO "audio/mp4" "mp4 audio" ".mp4";
    50 MP4_OR_AUDIO "audio/mp4 or video/mp4" "mp4 with or without audio" "";
    51 CBOR "application/cbor" "cbor" "";
    52 EXE "application/octet-stream" "windows exe" ".exe";
    53 WAVPACK "audio/wavpack" "wavpack" ".wv";
    54 SAI2 "application/sai2" "sai2" ".sai2";
    55 KRITA "application/x-krita" "krita" ".kra";
    56 SVG "image/svg+xml" "svg" ".svg";
    57 XCF "image/x-xcf" "xcf" ".xcf";
    58 GZIP "application/gzip" "gzip" ".gz";
    59 ARCHIVE "archive" "archive" "";
    60 IMAGE_PROJECT "image project file" "image project file" "";
    61 HEIF "image/heif" "heif" ".heif";
    62 HEIF_SEQUENCE "image/heif-sequence" "heif sequence" ".heifs";
    63 HEIC "image/heic" "heic" ".heic";
    64 HEIC_SEQUENCE "image/heic-sequence" "heic sequence" ".heics";
    65 AVIF "image/avif" "avif" ".avif";
    66 AVIF_SEQUENCE "image/avif-sequence" "avif sequence" ".avifs";
    67 UNDETERMINED_GIF "None" "None" "";
    68 GIF "image/gif" "static gif" ".gif";
    69 PROCREATE "application/x-procreate" "procreate" ".procreate";
    70 QOI "image/qoi" "qoi" ".qoi";
    71 EPUB "application/epub+zip" "epub" ".epub";
    72 DJVU "image/vnd.djvu" "djvu" ".djvu";
    73 CBZ "application/vnd.comicbook+zip" "cbz" ".cbz";
    74 UGOIRA "application/zip" "ugoira" ".zip";
    75 RTF "application/rtf" "rtf" ".rtf";
    76 DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document" "docx" ".docx";
    77 XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" "xlsx" ".xlsx";
    78 PPTX "application/vnd.openxmlformats-officedocument.presentationml.presentation" "pptx" ".pptx";
    79 OLE "application/x-ole-storage" "ole file" "";
    80 DOC "application/msword" "doc" ".doc";
    81 XLS "application/vnd.ms-excel" "xls" ".xls";
    82 PPT "application/vnd.ms-powerpoint" "ppt" ".ppt";
    83 ANIMATED_WEBP "image/webp" "animated webp" ".webp";
    84 WEBP_OR_ANIMATED "image/webp, static or animated" "webp with or without animation" "";
    85 JXL "image/jxl" "jxl" ".jxl";
    86 PAINT_NET "application/x-paintnet" "paint.net" ".pdn";
    87 JXL_OR_ANIMATED "image/jxl, static or animated" "jxl with or without animation" "";
    88 ANIMATED_JXL "image/jxl" "animated jxl" ".jxl";
    89 ORA "image/openraster" "ora" ".ora";
    100 BINARY "application/octet-stream" "application/octet-stream" ".bin";
    101 UNKNOWN "unknown filetype" "unknown filetype" "";
}

/// Names beside mime types and human names that a query may use (`system_predicates.md` 4.5).
const ALIASES: &[(&str, &[u8])] = &[
    ("image/jpg", &[1]),
    ("image/jpe", &[1]),
    ("image/x-png", &[2]),
    ("image/vnd.microsoft.icon", &[7]),
    ("audio/wav", &[46]),
    ("audio/wave", &[46]),
    ("text/rtf", &[75]),
    ("application/x-photoshop", &[35]),
    ("application/vnd.adobe.photoshop", &[35]),
    ("image/vnd.paint.net", &[86]),
    ("image/vnd.djvu+multipage", &[72]),
    ("image/x-djvu", &[72]),
    ("application/vnd.ms-word", &[80]),
    ("application/msexcel", &[81]),
    ("application/powerpoint", &[82]),
    ("application/mspowerpoint", &[82]),
    ("application/vnd.rn-realmedia", &[37]),
    ("gif", &[3, 68]),
];

const IMAGES: &[u8] = &[1, 2, 4, 7, 33, 34, 61, 63, 65, 68, 70, 85];
const ANIMATIONS: &[u8] = &[3, 23, 62, 64, 66, 74, 83, 88];
const VIDEO: &[u8] = &[9, 14, 18, 20, 21, 25, 26, 27, 37, 47];
const AUDIO: &[u8] = &[13, 15, 16, 17, 36, 38, 39, 46, 48, 49, 53];
const APPLICATIONS: &[u8] = &[5, 10, 71, 72, 75, 76, 77, 78, 80, 81, 82];
const IMAGE_PROJECTS: &[u8] = &[35, 45, 54, 55, 56, 57, 69, 86, 89];
const ARCHIVES: &[u8] = &[11, 31, 32, 58, 73];
const IMPORTABLE: &[u8] = &[
    1, 2, 3, 4, 5, 7, 9, 10, 11, 13, 14, 15, 16, 17, 18, 20, 21, 23, 25, 26, 27, 28, 29, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 45, 46, 47, 48, 49, 53, 54, 55, 56, 57, 58, 61, 62, 63, 64, 65, 66,
    68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 80, 81, 82, 83, 85, 86, 88, 89,
];
const WITH_THUMBNAIL: &[u8] = &[
    1, 2, 3, 4, 5, 7, 9, 10, 13, 14, 15, 16, 17, 18, 20, 21, 23, 25, 26, 27, 33, 34, 35, 36, 37,
    38, 39, 45, 46, 47, 48, 49, 53, 55, 56, 61, 62, 63, 64, 65, 66, 68, 69, 70, 71, 73, 74, 78, 83,
    85, 86, 88, 89,
];
const MAY_BE_TRANSPARENT: &[u8] =
    &[2, 3, 4, 7, 23, 33, 34, 61, 62, 63, 64, 65, 66, 68, 70, 83, 85, 88];
const MAY_HAVE_EXIF: &[u8] = &[1, 2, 23, 33, 34, 61, 62, 63, 64, 65, 66, 83, 85, 88];
const MAY_HAVE_XMP: &[u8] = &[1, 2, 23, 33, 34, 61, 62, 63, 64, 65, 66, 83];
const MAY_HAVE_IPTC: &[u8] = &[1, 34];
const MAY_HAVE_ICC: &[u8] = &[1, 2, 4, 34, 35, 61, 62, 63, 64, 65, 66, 68, 85];
const MAY_HAVE_TEXT: &[u8] = &[1, 2, 3, 4, 7, 10, 23, 33, 34, 61, 62, 63, 64, 65, 68, 83, 85, 88];
const PERCEPTUAL: &[u8] = &[1, 2, 4, 7, 33, 34, 35, 55, 61, 63, 65, 68, 70, 85, 89];
/// What `render` draws: stills, layered pictures and ugoiras.
const RENDERABLE: &[u8] = &[1, 2, 4, 7, 33, 34, 35, 55, 61, 63, 65, 68, 70, 74, 85, 89];

impl FileType {
    /// The type of that number, if the table has it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<FileType> {
        row(number).map(|row| FileType(row.0))
    }

    /// The mime type, `application/octet-stream` for a number that the table does not know.
    #[must_use]
    pub fn mime(self) -> &'static str {
        row(self.0).map_or("application/octet-stream", |row| row.1)
    }

    /// The name shown to people.
    #[must_use]
    pub fn human(self) -> &'static str {
        row(self.0).map_or("unknown filetype", |row| row.2)
    }

    /// The extension with its dot; empty for what has none.
    #[must_use]
    pub fn ext(self) -> &'static str {
        row(self.0).map_or("", |row| row.3)
    }

    /// The first type of that exact mime type. Shared mime types mean the plain type: `image/webp`
    /// is the still, `image/gif` the animation, `application/zip` the archive.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<FileType> {
        TABLE.iter().find(|row| row.1 == mime).map(|row| FileType(row.0))
    }

    /// The type of that human name.
    #[must_use]
    pub fn from_human(name: &str) -> Option<FileType> {
        TABLE.iter().find(|row| row.2 == name).map(|row| FileType(row.0))
    }

    /// What a query means by a name: a mime type, a human name, an alias or a group word (`image`,
    /// `animation`, `video`, `audio`, `application`, `archive`, `image project file`). Letters may
    /// be of either case. `None` for a word that names nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Vec<FileType>> {
        let name = name.to_lowercase();
        if let Some((_, numbers)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
            return Some(numbers.iter().copied().map(FileType).collect());
        }
        let one = FileType::from_mime(&name).or_else(|| FileType::from_human(&name))?;
        Some(one.members())
    }

    /// The types that a group stands for; a plain type stands for itself.
    #[must_use]
    pub fn members(self) -> Vec<FileType> {
        let numbers = match self {
            FileType::IMAGE => IMAGES,
            FileType::ANIMATION => ANIMATIONS,
            FileType::VIDEO => VIDEO,
            FileType::AUDIO => AUDIO,
            FileType::APPLICATION => APPLICATIONS,
            FileType::ARCHIVE => ARCHIVES,
            FileType::IMAGE_PROJECT => IMAGE_PROJECTS,
            other => return vec![other],
        };
        numbers.iter().copied().map(FileType).collect()
    }

    /// Every type of the table, in the order of the numbers.
    pub fn all() -> impl Iterator<Item = FileType> {
        TABLE.iter().map(|row| FileType(row.0))
    }

    /// Still pictures.
    #[must_use]
    pub fn is_image(self) -> bool {
        IMAGES.contains(&self.0)
    }

    /// Moving pictures without sound, ugoiras among them.
    #[must_use]
    pub fn is_animation(self) -> bool {
        ANIMATIONS.contains(&self.0)
    }

    /// Video containers.
    #[must_use]
    pub fn is_video(self) -> bool {
        VIDEO.contains(&self.0)
    }

    /// Still and animated pictures.
    #[must_use]
    pub fn is_picture(self) -> bool {
        self.is_image() || self.is_animation()
    }

    /// Audio; all of it has sound by definition.
    #[must_use]
    pub fn is_audio(self) -> bool {
        AUDIO.contains(&self.0)
    }

    /// Documents and flash.
    #[must_use]
    pub fn is_application(self) -> bool {
        APPLICATIONS.contains(&self.0)
    }

    /// Layered or vector pictures.
    #[must_use]
    pub fn is_image_project(self) -> bool {
        IMAGE_PROJECTS.contains(&self.0)
    }

    /// Archives, comic books among them.
    #[must_use]
    pub fn is_archive(self) -> bool {
        ARCHIVES.contains(&self.0)
    }

    /// Whether files of this type may be imported at all.
    #[must_use]
    pub fn is_importable(self) -> bool {
        IMPORTABLE.contains(&self.0)
    }

    /// Whether a thumbnail (or a padded default icon) is stored for files of this type.
    #[must_use]
    pub fn has_thumbnail(self) -> bool {
        WITH_THUMBNAIL.contains(&self.0)
    }

    /// Whether useful transparency is looked for.
    #[must_use]
    pub fn may_be_transparent(self) -> bool {
        MAY_BE_TRANSPARENT.contains(&self.0)
    }

    /// Whether EXIF is looked for.
    #[must_use]
    pub fn may_have_exif(self) -> bool {
        MAY_HAVE_EXIF.contains(&self.0)
    }

    /// Whether XMP is looked for.
    #[must_use]
    pub fn may_have_xmp(self) -> bool {
        MAY_HAVE_XMP.contains(&self.0)
    }

    /// Whether IPTC is looked for.
    #[must_use]
    pub fn may_have_iptc(self) -> bool {
        MAY_HAVE_IPTC.contains(&self.0)
    }

    /// Whether a colour profile is looked for.
    #[must_use]
    pub fn may_have_icc_profile(self) -> bool {
        MAY_HAVE_ICC.contains(&self.0)
    }

    /// Whether embedded text is looked for.
    #[must_use]
    pub fn may_have_human_readable_metadata(self) -> bool {
        MAY_HAVE_TEXT.contains(&self.0)
    }

    /// Whether files of this type get a perceptual hash and a pixel hash.
    #[must_use]
    pub fn has_perceptual_hash(self) -> bool {
        PERCEPTUAL.contains(&self.0)
    }

    /// Whether `render` can draw files of this type.
    #[must_use]
    pub fn is_renderable(self) -> bool {
        RENDERABLE.contains(&self.0)
    }
}

fn row(number: u8) -> Option<&'static Row> {
    TABLE.binary_search_by_key(&number, |row| row.0).ok().map(|at| &TABLE[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_named(name: &str, expected: &[u8]) {
        let found =
            FileType::named(name).map(|types| types.iter().map(|t| t.0).collect::<Vec<_>>());
        assert_eq!(found.as_deref().unwrap_or_default(), expected, "{name}");
    }

    #[test]
    fn a_query_word_means_the_types_of_the_document() {
        check_named("jpeg", &[1]);
        check_named("IMAGE/JPG", &[1]);
        check_named("gif", &[3, 68]);
        check_named("image/gif", &[3]);
        check_named("image/webp", &[33]);
        check_named("ugoira", &[74]);
        check_named("application/zip", &[11]);
        check_named("archive", &[11, 31, 32, 58, 73]);
        check_named("images", &[]);
    }

    #[test]
    fn numbers_have_their_mime_name_and_extension() {
        assert_eq!(FileType::JPEG.mime(), "image/jpeg");
        assert_eq!(FileType(74).ext(), ".zip");
        assert_eq!(FileType(68).human(), "static gif");
        assert_eq!(FileType(101).ext(), "");
        assert_eq!(FileType::from_number(99), None);
        assert_eq!(FileType(99).mime(), "application/octet-stream");
    }

    #[test]
    fn the_table_is_sorted_so_that_rows_can_be_found() {
        assert!(TABLE.is_sorted_by_key(|row| row.0));
        for kind in FileType::all() {
            assert_eq!(FileType::from_number(kind.0), Some(kind));
        }
    }
}
