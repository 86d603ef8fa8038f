//! What a handler has at hand: one state of the library, who asks, and the door's own memory.

use std::sync::Arc;

use super::endpoint::{Access, Permission};
use super::error::Rejection;
use super::memory::Memory;
use crate::library::{AccessKey, Library, View};
use crate::model::ids::ItemId;

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The bytes of the access key, also where a session key was sent.
    pub key: Vec<u8>,
    pub access: Arc<AccessKey>,
}

impl Caller {
    /// Whether the key permits this.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.access.permits_everything || self.access.permissions.contains(&permission.number())
    }

    /// Whether the key may see only what it found in its last search.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        !self.access.permits_everything && !self.access.filter.allows_all()
    }
}

/// One request at work.
pub struct Context {
    memory: Arc<Memory>,
    library: Arc<Library>,
    view: Option<View>,
    caller: Option<Caller>,
}

impl Context {
    /// A request by `caller` over `view`, which is absent only while the library is locked.
    #[must_use]
    pub fn new(
        memory: Arc<Memory>,
        library: Arc<Library>,
        view: Option<View>,
        caller: Option<Caller>,
    ) -> Context {
        Context { memory, library, view, caller }
    }

    /// The state of the library as of the beginning of the request. See [`Context::renew`].
    ///
    /// # Errors
    /// 503 in an endpoint that is served while the library is locked.
    pub fn view(&self) -> Result<&View, Rejection> {
        self.view.as_ref().ok_or_else(Rejection::busy)
    }

    /// The state of the library as of now: what this request has written is in it.
    ///
    /// # Errors
    /// 503 when the library was locked meanwhile.
    pub fn renew(&self) -> Result<View, Rejection> {
        Ok(self.library.view()?)
    }

    /// The library, for its verbs.
    #[must_use]
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// What the door remembers between requests.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Who asks; nobody where no key is needed.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Whether the caller has this permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.may(permission))
    }

    fn restricted(&self) -> Option<&Caller> {
        self.caller.as_ref().filter(|caller| caller.is_restricted())
    }

    /// Whether the caller may see only what it found in its last search.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.restricted().is_some()
    }

    /// Remembers what a restricted key found: from now on it may see these files and no others.
    pub fn remember_search(&self, found: &[ItemId]) {
        if let Some(caller) = self.restricted() {
            self.memory.remember_search(&caller.key, found);
        }
    }

    /// Refuses a restricted key files that were not in its last search.
    ///
    /// # Errors
    /// 400 when there was no search yet, 403 for files outside.
    pub fn check_seen(&self, files: &[ItemId]) -> Result<(), Rejection> {
        let Some(caller) = self.restricted() else { return Ok(()) };
        let Some(seen) = self.memory.count_seen(&caller.key, files) else {
            return Err(Rejection::bad_request(
                "It looks like those search results are no longer available--please run the search \
                 again!",
            ));
        };
        if seen == files.len() {
            return Ok(());
        }
        let asked = files.len();
        Err(Rejection::forbidden(format!(
            "You asked to see {asked} files, but you were only authorised to see {seen} of them!"
        )))
    }

    /// Refuses a restricted key whatever it names by hash.
    ///
    /// # Errors
    /// 403.
    pub fn check_sees_all(&self) -> Result<(), Rejection> {
        if self.is_restricted() {
            return Err(Rejection::forbidden(
                "You do not have permission to see all files, so you cannot name them by hash!",
            ));
        }
        Ok(())
    }
}

/// Whether `caller` may use an endpoint of this access.
///
/// # Errors
/// 401 without a key where one is needed, 403 without the permission.
pub fn check_access(access: Access, caller: Option<&Caller>) -> Result<(), Rejection> {
    if access == Access::Open {
        return Ok(());
    }
    let Some(caller) = caller else {
        return Err(Rejection::no_credentials("No access key or session key provided!"));
    };
    let lacks = |permission: &Permission| {
        let name = permission.name();
        Rejection::forbidden(format!("You do not have permission to: {name}"))
    };
    let (needed, alternatives): (&[Permission], &[Permission]) = match &access {
        Access::Open | Access::AnyKey => (&[], &[]),
        Access::Needs(permission) => (std::slice::from_ref(permission), &[]),
        Access::All(permissions) => (permissions, &[]),
        Access::Any(permissions) => (&[], permissions),
        Access::Everything if caller.access.permits_everything => (&[], &[]),
        Access::Everything => {
            return Err(Rejection::forbidden("You do not have permission to do everything."));
        }
    };
    if let Some(permission) = needed.iter().find(|permission| !caller.may(**permission)) {
        return Err(lacks(permission));
    }
    if alternatives.is_empty() || alternatives.iter().any(|permission| caller.may(*permission)) {
        return Ok(());
    }
    let names: Vec<&str> = alternatives.iter().map(|permission| permission.name()).collect();
    let names = names.join(", ");
    Err(Rejection::forbidden(format!("You need at least one these permissions: {names}")))
}
