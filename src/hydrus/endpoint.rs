//! What an endpoint declares: method, path, who may call it, its parameters, and its handler.

use super::answer::Answer;
use super::context::Context;
use super::error::Rejection;
use super::params::Params;
use crate::http::Method;

/// One row of [`ROUTES`](super::routes::ROUTES).
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// GET or POST.
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// Its parameters in groups: own ones, and those that several endpoints share (`groups`).
    pub params: &'static [&'static [Param]],
    /// Runs on a thread that may block.
    pub call: fn(&Context, &Params) -> Result<Answer, Rejection>,
    /// Whether it is served while the library is locked. It has no view then.
    pub while_locked: bool,
    /// Whether the body may be a file; then [`Params::upload`] has it.
    pub takes_file: bool,
}

/// A handler.
pub type Call = fn(&Context, &Params) -> Result<Answer, Rejection>;

impl Endpoint {
    /// An endpoint that reads.
    pub const fn get(
        path: &'static str,
        access: Access,
        params: &'static [&'static [Param]],
        call: Call,
    ) -> Endpoint {
        let (method, while_locked, takes_file) = (Method::Get, false, false);
        Endpoint { method, path, access, params, call, while_locked, takes_file }
    }

    /// An endpoint that writes.
    pub const fn post(
        path: &'static str,
        access: Access,
        params: &'static [&'static [Param]],
        call: Call,
    ) -> Endpoint {
        Endpoint { method: Method::Post, ..Endpoint::get(path, access, params, call) }
    }

    /// The same, its body may be a file.
    pub const fn taking_file(self) -> Endpoint {
        Endpoint { takes_file: true, ..self }
    }

    /// The same, served while the library is locked.
    pub const fn while_locked(self) -> Endpoint {
        Endpoint { while_locked: true, ..self }
    }

    /// All its parameters.
    pub fn params(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().flat_map(|group| group.iter())
    }
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a key.
    Open,
    /// Every key.
    AnyKey,
    /// Keys with this permission.
    Needs(Permission),
    /// Keys with all of these.
    All(&'static [Permission]),
    /// Keys with at least one of these.
    Any(&'static [Permission]),
    /// Keys that permit everything.
    Everything,
}

/// What a key may permit, numbered as in `basic_permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    EditUrls = 0,
    ImportFiles = 1,
    EditTags = 2,
    SearchFiles = 3,
    ManagePages = 4,
    ManageCookies = 5,
    ManageDatabase = 6,
    EditNotes = 7,
    EditRelationships = 8,
    EditRatings = 9,
    ManagePopups = 10,
    EditTimes = 11,
    CommitPending = 12,
    SeePaths = 13,
}

impl Permission {
    /// All of them in the order of their numbers.
    pub const ALL: [Permission; 14] = [
        Permission::EditUrls,
        Permission::ImportFiles,
        Permission::EditTags,
        Permission::SearchFiles,
        Permission::ManagePages,
        Permission::ManageCookies,
        Permission::ManageDatabase,
        Permission::EditNotes,
        Permission::EditRelationships,
        Permission::EditRatings,
        Permission::ManagePopups,
        Permission::EditTimes,
        Permission::CommitPending,
        Permission::SeePaths,
    ];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permission::EditUrls => "import and edit urls",
            Permission::ImportFiles => "import and delete files",
            Permission::EditTags => "edit file tags",
            Permission::SearchFiles => "search for and fetch files",
            Permission::ManagePages => "manage pages",
            Permission::ManageCookies => "manage cookies and headers",
            Permission::ManageDatabase => "manage database",
            Permission::EditNotes => "edit file notes",
            Permission::EditRelationships => "edit file relationships",
            Permission::EditRatings => "edit file ratings",
            Permission::ManagePopups => "manage popups",
            Permission::EditTimes => "edit file times",
            Permission::CommitPending => "commit pending",
            Permission::SeePaths => "see local file paths",
        }
    }
}

/// A parameter as the documentation shows it. The type on the wire follows from the name alone in a
/// query (`params::names`), so this is for people and for the check that no handler asks for a
/// parameter it does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    /// Its type in words, as in `list of hex strings`.
    pub kind: &'static str,
    pub is_required: bool,
    /// What it means, with its default.
    pub about: &'static str,
}

/// A parameter that must be there.
pub const fn required(name: &'static str, kind: &'static str, about: &'static str) -> Param {
    Param { name, kind, is_required: true, about }
}

/// A parameter that may be left out.
pub const fn optional(name: &'static str, kind: &'static str, about: &'static str) -> Param {
    Param { name, kind, is_required: false, about }
}
