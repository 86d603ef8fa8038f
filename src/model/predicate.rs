//! System predicates as data: what a search can ask of a file besides its tags.
//!
//! [`SystemPredicate`] has a variant for every row of the grammar; names of services are resolved
//! to ids already. The text form and its parser are in [`super::system_predicate`].

use std::collections::BTreeSet;

use regex::Regex;

use super::filetype::FileType;
use super::ids::ServiceId;
use super::number_test::NumberTest;
use super::tag::Tag;
use super::time_test::TimeTest;

/// One question about a file. All questions of a search are to be answered yes.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemPredicate {
    /// Every file of the domain.
    Everything,
    /// Not archived yet.
    Inbox,
    /// Archived.
    Archive,
    /// A number that a file has or has not.
    Number {
        /// Which one.
        quantity: Quantity,
        /// The test; its rule fits the quantity. A frame rate is tested with `matches_real`.
        test: NumberTest,
    },
    /// A yes-or-no fact of the file. Unknown counts as neither.
    Flag {
        /// Which one.
        flag: Flag,
        /// What it must be.
        wanted: bool,
    },
    /// Width to height.
    Ratio(RatioTest),
    /// The best of its duplicate group, or (`false`) another member of one. A file without a
    /// group is its own best.
    BestOfGroup(bool),
    /// How many tags, shown in the searched tag service, of one kind of namespace.
    TagCount {
        /// Which tags count.
        namespace: NamespaceFilter,
        /// How many.
        test: NumberTest,
    },
    /// A subtag read as a whole number; tags whose whole subtag is no number take no part.
    TagNumber {
        /// Which tags take part.
        namespace: NamespaceFilter,
        /// The test.
        test: NumberTest,
    },
    /// One tag, with its own choice of service, display and statuses.
    HasTag(TagQuestion),
    /// Looks like one of these files.
    SimilarFiles {
        /// SHA-256 in lower-case hexadecimal digits, as given; what is no known hash finds nothing.
        hashes: Vec<String>,
        /// The greatest Hamming distance of the perceptual hashes that still matches.
        distance: u32,
    },
    /// Looks like pictures with these derived hashes.
    SimilarData {
        /// SHA-256 of the decoded pixels.
        pixel_hashes: Vec<[u8; 32]>,
        /// Perceptual hashes.
        perceptual_hashes: Vec<u64>,
        /// The greatest Hamming distance that still matches.
        distance: u32,
    },
    /// No more than so many files, after everything else.
    Limit(u64),
    /// The kind of file.
    Filetype {
        /// `false`: any other kind.
        wanted: bool,
        /// Numbers as given: file types and groups. See [`expand_filetypes`].
        types: BTreeSet<u8>,
    },
    /// The bytes' hash is one of these.
    Hash {
        /// `false`: none of these.
        wanted: bool,
        /// Which hash.
        kind: HashKind,
        /// Lower-case hexadecimal digits, as given; possibly of a wrong length, which matches none.
        hashes: Vec<String>,
    },
    /// When something happened to the file. A file to which it never happened does not pass.
    Time {
        /// What happened.
        kind: TimeKind,
        /// When.
        test: TimeTest,
    },
    /// In a file domain, or waiting to be.
    FileService {
        /// Which domain.
        service: ServiceId,
        /// In it, or waiting to be.
        status: FileServiceStatus,
        /// `false`: not so.
        wanted: bool,
    },
    /// How many files it is related to.
    Relationships {
        /// In which way.
        kind: RelationshipKind,
        /// How many.
        test: NumberTest,
    },
    /// How often it was looked at, all canvases summed.
    Views {
        /// Which canvases count.
        canvases: BTreeSet<Canvas>,
        /// How often.
        test: NumberTest,
    },
    /// How long it was looked at, in milliseconds, all canvases summed.
    Viewtime {
        /// Which canvases count.
        canvases: BTreeSet<Canvas>,
        /// How long, in milliseconds.
        test: NumberTest,
    },
    /// Where it was found.
    Url {
        /// `false`: no URL is so.
        wanted: bool,
        /// What one of its URLs is.
        test: UrlTest,
    },
    /// A note of this name.
    NoteName {
        /// `false`: no note of it.
        wanted: bool,
        /// The name with its case kept; compare it without regard to case.
        name: String,
    },
    /// One rating.
    Rating {
        /// Which.
        service: ServiceId,
        /// What it must be.
        test: RatingTest,
    },
    /// Several ratings at once: rated or not.
    Ratings(RatingsTest),
}

/// A number that a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantity {
    /// Pixels across.
    Width,
    /// Pixels down.
    Height,
    /// Milliseconds.
    Duration,
    /// Frames a second: number of frames by duration. A real number.
    Framerate,
    /// Frames.
    Frames,
    /// Words of a text document.
    Words,
    /// Notes.
    Notes,
    /// Known URLs.
    Urls,
    /// Bytes.
    Size,
    /// Width times height.
    Pixels,
}

/// A yes-or-no fact of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// A sound track.
    Audio,
    /// Transparent pixels.
    Transparency,
    /// EXIF data.
    Exif,
    /// XMP data.
    Xmp,
    /// IPTC data.
    Iptc,
    /// Text for people inside the file.
    HumanReadableEmbeddedMetadata,
    /// Traces of the software that made it.
    SoftwareSource,
    /// A colour profile.
    IccProfile,
    /// A file type set by hand.
    ForcedFiletype,
}

/// Width to height, compared with `width : height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RatioTest {
    /// How.
    pub op: RatioOp,
    /// Left of the colon.
    pub width: u64,
    /// Right of the colon.
    pub height: u64,
}

/// How a ratio is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatioOp {
    /// Exactly.
    Equal,
    /// Strictly between 85 % and 115 %.
    About,
    /// Greater.
    WiderThan,
    /// Smaller.
    TallerThan,
}

impl RatioTest {
    /// Whether a picture of this size passes. One without a size, or without height, never does.
    #[must_use]
    pub fn matches(&self, size: Option<(u32, u32)>) -> bool {
        let Some((width, height)) = size else { return false };
        if height == 0 || self.height == 0 {
            return false;
        }
        // Cross-multiplied, so that no quotient is rounded; 128 bits hold the products.
        let ours = u128::from(width) * u128::from(self.height);
        let theirs = u128::from(height) * u128::from(self.width);
        match self.op {
            RatioOp::Equal => ours == theirs,
            RatioOp::WiderThan => ours > theirs,
            RatioOp::TallerThan => ours < theirs,
            RatioOp::About => theirs * 85 < ours * 100 && ours * 100 < theirs * 115,
        }
    }
}

/// Which tags a question about tags looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamespaceFilter {
    /// All.
    Any,
    /// Those without a namespace.
    Unnamespaced,
    /// Those of this namespace.
    Named(String),
}

impl NamespaceFilter {
    /// Whether a tag of this namespace (empty: none) takes part.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        match self {
            NamespaceFilter::Any => true,
            NamespaceFilter::Unnamespaced => namespace.is_empty(),
            NamespaceFilter::Named(name) => name == namespace,
        }
    }
}

/// The state of a tag on a file in one tag service, by its number in the Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TagStatus {
    /// 0
    Current,
    /// 1
    Pending,
    /// 2
    Deleted,
    /// 3
    Petitioned,
}

/// `has tag` and its opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagQuestion {
    /// `false`: the file must not bear it.
    pub wanted: bool,
    /// The tag.
    pub tag: Tag,
    /// `None`: the tag service of the search.
    pub service: Option<ServiceId>,
    /// `false`: as stored, without siblings and parents.
    pub display: bool,
    /// Any of these.
    pub statuses: BTreeSet<TagStatus>,
}

/// Hashes of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

/// What can happen to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeKind {
    /// It was archived.
    Archived,
    /// It was modified: the earliest of the local file's time and all sites' times.
    Modified,
    /// It was last viewed in the media viewer.
    LastViewed,
    /// It came into the searched file domain.
    Imported,
}

/// Membership of a file domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileServiceStatus {
    /// In it.
    Current,
    /// Waiting to be uploaded to it.
    Pending,
}

/// Relationships between files that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationshipKind {
    /// Other members of its duplicate group.
    Duplicates,
    /// Other groups of its set of alternates.
    Alternates,
    /// Undecided pairs.
    PotentialDuplicates,
    /// Declared not to be related.
    FalsePositives,
}

/// Where a file is looked at, by its number in the Client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Canvas {
    /// 0
    Media,
    /// 1
    Preview,
    /// 4
    ClientApi,
}

impl Canvas {
    /// The number in the Client API.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Canvas::Media => 0,
            Canvas::Preview => 1,
            Canvas::ClientApi => 4,
        }
    }
}

/// What a URL of a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlTest {
    /// Exactly this, as stored.
    Exact(String),
    /// Containing a match.
    Regex(UrlRegex),
    /// Of this host or of one below it.
    Domain(String),
    /// Of the URL class of this name.
    Class(String),
}

/// A regular expression with the text it was made of.
#[derive(Clone, Debug)]
pub struct UrlRegex(Regex);

impl UrlRegex {
    /// Compiles it, within a size that a search can afford.
    #[must_use]
    pub fn new(pattern: &str) -> Option<UrlRegex> {
        regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().ok().map(UrlRegex)
    }

    /// The text it was made of.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found anywhere in the URL.
    #[must_use]
    pub fn is_match(&self, url: &str) -> bool {
        self.0.is_match(url)
    }
}

impl PartialEq for UrlRegex {
    fn eq(&self, other: &UrlRegex) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for UrlRegex {}

/// Kinds of rating services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatingKind {
    /// Type 7: 1 or 0.
    Like,
    /// Type 6: stars, stored as 0 to 1.
    Numerical {
        /// The most stars, 1 to 20.
        stars: u32,
        /// Whether no star is a rating too.
        zero: bool,
    },
    /// Type 22: a whole number from 0.
    IncDec,
}

impl RatingKind {
    /// Half of one star's step on the scale from 0 to 1.
    #[must_use]
    pub fn half_step(self) -> f64 {
        match self {
            RatingKind::Like | RatingKind::IncDec => 0.5,
            RatingKind::Numerical { stars, zero } => {
                let steps = if zero { stars } else { stars.saturating_sub(1) };
                0.5 / f64::from(steps.max(1))
            }
        }
    }
}

/// What one rating must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RatingTest {
    /// There is one. Of an inc/dec service: it is above 0, for which [`RatingTest::Count`] is used.
    Rated,
    /// There is none.
    Unrated,
    /// A like or stars, on the scale from 0 to 1.
    Value {
        /// `NotEqual` does not occur.
        op: super::number_test::NumberOp,
        /// On the scale from 0 to 1.
        value: f64,
        /// Half of one star's step.
        half: f64,
    },
    /// The number of an inc/dec service.
    Count(NumberTest),
}

impl RatingTest {
    /// Whether a like or stars rating passes, on the scale from 0 to 1; `None` is unrated.
    /// An inc/dec number passes through [`RatingTest::matches_count`].
    #[must_use]
    pub fn matches(&self, rating: Option<f64>) -> bool {
        use super::number_test::NumberOp;
        let (op, value, half) = match *self {
            RatingTest::Rated => return rating.is_some(),
            RatingTest::Unrated => return rating.is_none(),
            RatingTest::Count(test) => return test.matches(rating.map(|count| count as i64)),
            RatingTest::Value { op, value, half } => (op, value, half),
        };
        let Some(rating) = rating else { return false };
        let (low, high) = (value - half, value + half);
        match op {
            NumberOp::Less => rating <= low,
            NumberOp::LessOrEqual => rating <= high,
            NumberOp::Equal => low < rating && rating <= high,
            NumberOp::NotEqual => rating <= low || high < rating,
            NumberOp::GreaterOrEqual => rating > low,
            NumberOp::Greater => rating > high,
            NumberOp::About => low * 0.8 < rating && rating < high * 1.2,
        }
    }

    /// Whether the number of an inc/dec service passes; no number is 0.
    #[must_use]
    pub fn matches_count(&self, count: Option<i64>) -> bool {
        let count = count.unwrap_or(0);
        match self {
            RatingTest::Rated => count > 0,
            RatingTest::Unrated => count == 0,
            RatingTest::Value { .. } => false,
            RatingTest::Count(test) => test.matches(Some(count)),
        }
    }
}

/// `all ... rated`, `any ... rated`, `only ... (amongst ...) rated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatingsTest {
    /// How the services are joined.
    pub join: RatingsJoin,
    /// `false`: not rated.
    pub rated: bool,
    /// The services named, each once.
    pub primary: Vec<ServiceId>,
    /// Only for [`RatingsJoin::Only`]: the services that must be otherwise, but for the primary ones.
    pub amongst: Vec<ServiceId>,
}

/// How several ratings are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatingsJoin {
    /// Every one.
    All,
    /// At least one.
    Any,
    /// Every one, and none of the others.
    Only,
}

impl RatingsTest {
    /// Whether a file passes of which `is_rated` tells the rating services that rate it. An
    /// inc/dec service rates it when its number is above 0.
    pub fn matches(&self, mut is_rated: impl FnMut(ServiceId) -> bool) -> bool {
        let mut fits = |service: &ServiceId| is_rated(*service) == self.rated;
        match self.join {
            RatingsJoin::All => self.primary.iter().all(fits),
            RatingsJoin::Any => self.primary.iter().any(fits),
            RatingsJoin::Only => {
                self.primary.iter().all(&mut fits)
                    && !self.amongst.iter().filter(|one| !self.primary.contains(one)).any(fits)
            }
        }
    }
}

/// Numbers of file types and groups, the groups replaced by their members.
#[must_use]
pub fn expand_filetypes(types: &BTreeSet<u8>) -> BTreeSet<FileType> {
    let members = |number: &u8| -> Vec<u8> {
        FILETYPE_GROUPS
            .iter()
            .find(|(group, _)| group == number)
            .map_or_else(|| vec![*number], |(_, members)| members.to_vec())
    };
    types.iter().flat_map(members).map(FileType).collect()
}

/// Numbers that stand for a group of file types in a search, with the group's members.
pub const FILETYPE_GROUPS: &[(u8, &[u8])] = &[
    (40, &[13, 15, 16, 17, 36, 38, 39, 46, 48, 49, 53]),
    (41, &[1, 2, 4, 7, 33, 34, 61, 63, 65, 68, 70, 85]),
    (42, &[9, 14, 18, 20, 21, 25, 26, 27, 37, 47]),
    (43, &[5, 10, 71, 72, 75, 76, 77, 78, 80, 81, 82]),
    (44, &[3, 23, 62, 64, 66, 74, 83, 88]),
    (59, &[11, 31, 32, 58, 73]),
    (60, &[35, 45, 54, 55, 56, 57, 69, 86, 89]),
];
