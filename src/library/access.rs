//! Access keys of the Client API: made, asked for, approved, revoked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cached::touch;
use super::error::{Error, Result};
use super::{Library, View};
use crate::model::hash::{from_hex, to_hex};
use crate::model::tag_filter::TagFilter;
use crate::store::{self, DocumentKind, Read, Tx};

/// Counter of changes to the access keys.
pub(super) const ACCESS_CHANGED: &str = "access_changed";

/// Length of the keys made here, in bytes.
const KEY_BYTES: usize = 32;

/// Keys that may wait for approval at a time.
const WAITING_MAX: usize = 1000;

/// What a key permits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    pub name: String,
    /// Overrides the permissions and the filter.
    pub permits_everything: bool,
    /// Numbers of permissions.
    #[serde(default)]
    pub permissions: BTreeSet<u8>,
    /// Which tags it may search for.
    #[serde(default)]
    pub filter: TagFilter,
    /// Asked for by a client, and not yet approved by a person: of no use until then.
    #[serde(default)]
    pub is_waiting: bool,
}

/// All access keys by their bytes.
#[derive(Clone, Debug, Default)]
pub struct AccessKeys(HashMap<Vec<u8>, Arc<AccessKey>>);

impl AccessKeys {
    pub(super) fn load(read: &impl Read) -> store::Result<AccessKeys> {
        let rows = read.documents::<AccessKey>(DocumentKind::AccessKey)?;
        let keys = rows.into_iter().filter_map(|(hex, key)| Some((from_hex(&hex)?, Arc::new(key))));
        Ok(AccessKeys(keys.collect()))
    }

    /// A key that is in force.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Arc<AccessKey>> {
        self.0.get(key).filter(|found| !found.is_waiting)
    }

    /// All keys, those that wait included, in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<(&[u8], &AccessKey)> {
        let mut all: Vec<(&[u8], &AccessKey)> =
            self.0.iter().map(|(key, found)| (key.as_slice(), &**found)).collect();
        all.sort_by_key(|(key, found)| (found.name.as_str(), *key));
        all
    }
}

impl View {
    /// The access keys.
    ///
    /// # Errors
    /// When reading fails.
    pub fn access_keys(&self) -> Result<Arc<AccessKeys>> {
        Ok(self.library.access.get(&self.snapshot, AccessKeys::load)?)
    }
}

impl Library {
    /// The access keys; while the library is locked, those known before.
    ///
    /// # Errors
    /// When reading fails.
    pub fn access_keys(self: &Arc<Self>) -> Result<Arc<AccessKeys>> {
        match self.view() {
            Ok(view) => view.access_keys(),
            Err(Error::Busy) => self.access.last().ok_or(Error::Busy),
            Err(error) => Err(error),
        }
    }

    /// Makes a new key and returns its bytes.
    ///
    /// # Errors
    /// When the system has no random numbers, the write fails, or too many keys wait for approval.
    pub fn create_access_key(&self, access: AccessKey) -> Result<Vec<u8>> {
        let key = random_key()?;
        self.write({
            let key = key.clone();
            move |tx| {
                let waiting = || -> Result<usize> {
                    let keys = AccessKeys::load(tx)?;
                    Ok(keys.0.values().filter(|known| known.is_waiting).count())
                };
                if access.is_waiting && waiting()? >= WAITING_MAX {
                    return Err(Error::Conflict("too many keys wait for approval".to_owned()));
                }
                declare_access_key(tx, &key, &access)
            }
        })?;
        Ok(key)
    }

    /// Makes or replaces the key with these bytes.
    ///
    /// # Errors
    /// When the write fails.
    pub fn declare_access_key(&self, key: Vec<u8>, access: AccessKey) -> Result<()> {
        self.write(move |tx| declare_access_key(tx, &key, &access))
    }

    /// Puts a key in force that a client asked for.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such key.
    pub fn approve_access_key(&self, key: Vec<u8>) -> Result<()> {
        self.write(move |tx| {
            let name = to_hex(&key);
            let known = tx.document::<AccessKey>(DocumentKind::AccessKey, &name)?;
            let known = known.ok_or_else(|| Error::missing("access key", &name))?;
            declare_access_key(tx, &key, &AccessKey { is_waiting: false, ..known })
        })
    }

    /// Takes a key away. Whether it was there is not told.
    ///
    /// # Errors
    /// When the write fails.
    pub fn revoke_access_key(&self, key: Vec<u8>) -> Result<()> {
        self.write(move |tx| revoke_access_key(tx, &key))
    }

    /// Makes the first key, which permits everything: `given`, or a random one where no key is there
    /// yet. Returns it if it was made now.
    ///
    /// # Errors
    /// When the write fails.
    pub fn ensure_first_access_key(
        self: &Arc<Self>,
        given: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>> {
        let known = self.view()?.access_keys()?;
        let is_needed = match given {
            Some(key) => !known.get(key).is_some_and(|key| key.permits_everything),
            None => known.0.is_empty(),
        };
        if !is_needed {
            return Ok(None);
        }
        let key = given.map_or_else(random_key, |key| Ok(key.to_vec()))?;
        let name = "first key".to_owned();
        let access = AccessKey { name, permits_everything: true, ..AccessKey::default() };
        self.declare_access_key(key.clone(), access)?;
        Ok(Some(key))
    }
}

/// Random bytes for a key.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_key() -> Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| Error::File {
        context: "random numbers".to_owned(),
        error: std::io::Error::other(error.to_string()),
    })?;
    Ok(key)
}

/// Makes or replaces a key as part of a larger write.
///
/// # Errors
/// When the write fails.
pub fn declare_access_key(tx: &mut Tx, key: &[u8], access: &AccessKey) -> Result<()> {
    tx.put_document(DocumentKind::AccessKey, &to_hex(key), access)?;
    Ok(touch(tx, ACCESS_CHANGED)?)
}

/// Takes a key away as part of a larger write.
///
/// # Errors
/// When the write fails.
pub fn revoke_access_key(tx: &mut Tx, key: &[u8]) -> Result<()> {
    tx.remove_document(DocumentKind::AccessKey, &to_hex(key));
    Ok(touch(tx, ACCESS_CHANGED)?)
}
