//! Parameters that several endpoints share, and what they name.

use std::collections::HashSet;

use super::Params;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Param, optional};
use crate::hydrus::error::Rejection;
use crate::library::{Services, View};
use crate::model::hash::{Sha256, to_hex};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::query::FileDomains;
use crate::model::service::{Service, ServiceKind, builtin};

/// Any mix of files: [`Params::file_names`], [`Context::files`], [`Context::files_to_write`].
pub const FILES: &[Param] = &[
    optional("hash", "hex string", "a file by its SHA-256"),
    optional("hashes", "list of hex strings", "files by their SHA-256"),
    optional("file_id", "integer", "a file by its id"),
    optional("file_ids", "list of integers", "files by their ids"),
];

/// One file: [`Context::file`].
pub const FILE: &[Param] = &[
    optional("file_id", "integer", "the file by its id; wins over the hash"),
    optional("hash", "hex string", "the file by its SHA-256"),
];

/// Where to look: [`Context::file_domains`].
pub const FILE_DOMAIN: &[Param] = &[
    optional(
        "file_service_key",
        "hex string",
        "a file domain; combined local file domains if none",
    ),
    optional("file_service_keys", "list of hex strings", "further file domains"),
    optional("deleted_file_service_key", "hex string", "files deleted from that domain"),
    optional(
        "deleted_file_service_keys",
        "list of hex strings",
        "files deleted from those domains",
    ),
    optional("file_service_name", "string", "a file domain by its name"),
];

/// What to change: [`Context::named_domains`].
pub const WRITE_FILE_DOMAIN: &[Param] = &[
    optional("file_service_key", "hex string", "a file domain"),
    optional("file_service_keys", "list of hex strings", "further file domains"),
    optional("file_service_name", "string", "a file domain by its name"),
];

/// Whose tags count: [`Context::tag_service`].
pub const TAG_SERVICE: &[Param] = &[
    optional("tag_service_key", "hex string", "the tag service; all known tags if none"),
    optional("tag_service_name", "string", "the tag service by its name"),
];

/// Ids beyond this are refused rather than unknown.
const FILE_ID_MAX: i64 = 1 << 50;

/// A file as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileName {
    Id(ItemId),
    Hash(Sha256),
}

/// A file that a request names, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedFile {
    pub hash: Sha256,
    pub id: Option<ItemId>,
}

impl Params {
    /// The files of the group [`FILES`], in the order hash, hashes, file_id, file_ids.
    ///
    /// # Errors
    /// 400 for none at all, hashes of another length, and ids that cannot be.
    pub fn file_names(&self) -> Result<Vec<FileName>, Rejection> {
        self.refuse_null("file_id")?;
        self.refuse_null("file_ids")?;
        let mut hashes: Vec<Vec<u8>> = self.hex("hash")?.into_iter().collect();
        hashes.extend(self.hex_list("hashes")?.unwrap_or_default());
        let mut ids: Vec<i64> = self.integer("file_id")?.into_iter().collect();
        ids.extend(self.integers("file_ids")?.unwrap_or_default());
        let hashes = hashes.iter().map(|hash| sha256(hash).map(FileName::Hash));
        let mut names = hashes.collect::<Result<Vec<_>, _>>()?;
        for id in ids {
            names.push(FileName::Id(item_id(id)?));
        }
        if names.is_empty() {
            let sentence = "Please include some files in your request--file_id or hash based!";
            return Err(Rejection::bad_request(sentence));
        }
        Ok(names)
    }
}

/// The hash of these bytes, which must be 32.
fn sha256(bytes: &[u8]) -> Result<Sha256, Rejection> {
    <[u8; 32]>::try_from(bytes).map(Sha256).map_err(|_| wrong_length("sha256", 32, bytes))
}

/// Refuses a hash of the wrong length.
pub(in crate::hydrus) fn wrong_length(kind: &str, expected: usize, bytes: &[u8]) -> Rejection {
    let (hex, length) = (to_hex(bytes), bytes.len());
    Rejection::bad_request(format!(
        "Sorry, one of the given hashes was the wrong length! {kind} hashes should be {expected} bytes \
         long, but {hex} is {length} bytes long!"
    ))
}

fn item_id(id: i64) -> Result<ItemId, Rejection> {
    if id < 0 {
        return Err(Rejection::bad_request("Was asked about a negative hash_id!"));
    }
    if id > FILE_ID_MAX {
        return Err(Rejection::bad_request("Was asked about a hash_id that was way too big!"));
    }
    u32::try_from(id).map(ItemId).map_err(|_| unknown_id(id))
}

fn unknown_id(id: impl std::fmt::Display) -> Rejection {
    Rejection::not_found(format!("Did not find a file with the id {id}!"))
}

/// The content of an item that this door knows: objects without content do not exist here.
fn hash_of(view: &View, id: ItemId) -> Result<Sha256, Rejection> {
    let item = view.item(id)?;
    item.and_then(|item| item.sha256).ok_or_else(|| unknown_id(id))
}

impl Context {
    /// The files of the group [`FILES`], each once, in the order given.
    ///
    /// # Errors
    /// As [`Params::file_names`]; 404 for an unknown id.
    pub fn files(&self, params: &Params) -> Result<Vec<NamedFile>, Rejection> {
        let view = self.view()?;
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        for name in params.file_names()? {
            let file = match name {
                FileName::Hash(hash) => NamedFile { hash, id: view.item_by_sha256(hash)? },
                FileName::Id(id) => NamedFile { hash: hash_of(view, id)?, id: Some(id) },
            };
            if seen.insert(file.hash) {
                files.push(file);
            }
        }
        Ok(files)
    }

    /// The same for a request that writes: unknown hashes get an id.
    ///
    /// # Errors
    /// As [`Context::files`], or when the write fails.
    pub fn files_to_write(&self, params: &Params) -> Result<Vec<ItemId>, Rejection> {
        let files = self.files(params)?;
        let unknown: Vec<Sha256> =
            files.iter().filter(|file| file.id.is_none()).map(|file| file.hash).collect();
        let mut made = self.library().items_for(unknown)?.into_iter();
        Ok(files.into_iter().filter_map(|file| file.id.or_else(|| made.next())).collect())
    }

    /// Ids for contents, made where there are none.
    ///
    /// # Errors
    /// When the write fails.
    pub fn items_for(&self, hashes: Vec<Sha256>) -> Result<Vec<ItemId>, Rejection> {
        Ok(self.library().items_for(hashes)?)
    }

    /// The file of the group [`FILE`], if it is known. A restricted key must have found it in its
    /// last search, and cannot name it by hash.
    ///
    /// # Errors
    /// 400 without any, 403 when the key may not see it.
    pub fn file(&self, params: &Params) -> Result<Option<ItemId>, Rejection> {
        let view = self.view()?;
        if let Some(id) = params.integer("file_id")? {
            let Ok(id) = u32::try_from(id).map(ItemId) else { return Ok(None) };
            self.check_seen(&[id])?;
            return Ok(hash_of(view, id).ok().map(|_| id));
        }
        let Some(bytes) = params.hex("hash")? else {
            return Err(Rejection::bad_request("Please include a file_id or hash parameter!"));
        };
        self.check_sees_all()?;
        // Of another length: the hash of nothing.
        let Ok(hash) = sha256(&bytes) else { return Ok(None) };
        Ok(view.item_by_sha256(hash)?)
    }

    /// The domains of the group [`FILE_DOMAIN`]; `default` if none is named.
    ///
    /// # Errors
    /// 400 for unknown keys and for services that hold no files, 404 for unknown names.
    pub fn file_domains(
        &self,
        params: &Params,
        default: ServiceId,
    ) -> Result<FileDomains, Rejection> {
        let mut current = self.named_domains(params)?;
        let mut deleted = Vec::new();
        for key in keys(params, "deleted_file_service_key", "deleted_file_service_keys")? {
            deleted.push(self.file_service(&key)?);
        }
        if deleted.contains(&builtin::ALL_KNOWN_FILES) {
            let sentence = "Sorry, nothing is ever deleted from all known files!";
            return Err(Rejection::bad_request(sentence));
        }
        if current.is_empty() && deleted.is_empty() {
            current.push(default);
        }
        // All known files hold all others.
        if current.contains(&builtin::ALL_KNOWN_FILES) {
            (current, deleted) = (vec![builtin::ALL_KNOWN_FILES], Vec::new());
        }
        Ok(FileDomains { current, deleted })
    }

    /// The domains of the group [`WRITE_FILE_DOMAIN`], in order, each once; maybe none.
    ///
    /// # Errors
    /// As [`Context::file_domains`].
    pub fn named_domains(&self, params: &Params) -> Result<Vec<ServiceId>, Rejection> {
        let mut domains = Vec::new();
        // A name stands for the key and wins over it.
        let mut named = keys(params, "file_service_key", "file_service_keys")?;
        if let Some(name) = params.text("file_service_name")? {
            let (_, service) = service_by_name(self.view()?.services(), name)?;
            if params.has("file_service_key") {
                named.remove(0);
            }
            named.insert(0, service.key.clone());
        }
        for key in named {
            domains.push(self.file_service(&key)?);
        }
        let mut seen = HashSet::new();
        domains.retain(|domain| seen.insert(*domain));
        Ok(domains)
    }

    /// The file service of a key.
    ///
    /// # Errors
    /// 400 for an unknown key and for a service that holds no files.
    pub fn file_service(&self, key: &[u8]) -> Result<ServiceId, Rejection> {
        let services = self.view()?.services();
        let hex = to_hex(key);
        let Some(id) = services.by_key(key) else {
            let sentence = format!("Could not find the file service \"{hex}\"!");
            return Err(Rejection::bad_request(sentence));
        };
        let holds_files = services.kind(id).is_some_and(ServiceKind::holds_files);
        if holds_files { Ok(id) } else { Err(no_file_service(&hex)) }
    }

    /// The tag service of the group [`TAG_SERVICE`]; all known tags if none is named.
    ///
    /// # Errors
    /// 400 for unknown keys and for services that hold no tags, 404 for unknown names.
    pub fn tag_service(&self, params: &Params) -> Result<ServiceId, Rejection> {
        // A name stands for the key and wins over it.
        if let Some(name) = params.text("tag_service_name")? {
            let (_, service) = service_by_name(self.view()?.services(), name)?;
            return self.tag_service_of(&service.key);
        }
        match params.hex("tag_service_key")? {
            Some(key) => self.tag_service_of(&key),
            None => Ok(builtin::ALL_KNOWN_TAGS),
        }
    }

    /// The tag service of a key; all known tags is one.
    ///
    /// # Errors
    /// 400 for an unknown key and for a service that holds no tags.
    pub fn tag_service_of(&self, key: &[u8]) -> Result<ServiceId, Rejection> {
        let services = self.view()?.services();
        let hex = to_hex(key);
        let Some(id) = services.by_key(key) else {
            let sentence = format!("Could not find the tag service \"{hex}\"!");
            return Err(Rejection::bad_request(sentence));
        };
        let holds_tags = services.kind(id).is_some_and(ServiceKind::holds_tags);
        if holds_tags || id == builtin::ALL_KNOWN_TAGS {
            return Ok(id);
        }
        let sentence = format!("Sorry, the service key \"{hex}\" did not give a tag service!");
        Err(Rejection::bad_request(sentence))
    }
}

/// The keys under a singular and a plural name.
fn keys(params: &Params, one: &str, many: &str) -> Result<Vec<Vec<u8>>, Rejection> {
    let mut keys: Vec<Vec<u8>> = params.hex(one)?.into_iter().collect();
    keys.extend(params.hex_list(many)?.unwrap_or_default());
    Ok(keys)
}

fn no_file_service(hex: &str) -> Rejection {
    Rejection::bad_request(format!("Sorry, the service key \"{hex}\" did not give a file service!"))
}

/// A service by its name, without regard to case; the names of older versions count too.
///
/// # Errors
/// 404 when there is none.
pub fn service_by_name<'a>(
    services: &'a Services,
    name: &str,
) -> Result<(ServiceId, &'a Service), Rejection> {
    let older = match name.to_lowercase().as_str() {
        "all my files" => Some(builtin::COMBINED_LOCAL),
        "all local files" => Some(builtin::STORAGE),
        "local tags" => Some(builtin::MY_TAGS),
        _ => None,
    };
    let id = services.by_name(name).or(older);
    let found = id.and_then(|id| Some((id, services.get(id)?)));
    found.ok_or_else(|| {
        Rejection::not_found(format!("Sorry, did not find a service with name \"{name}\"!"))
    })
}
