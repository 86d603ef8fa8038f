//! The admin call: a declaration of state that the Client API has no request for.
//!
//! Everything is validated and written in one transaction, so nothing is applied when anything is
//! wrong; what was applied before and is not named stays. Declaring the same twice changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::access::{AccessKey, declare_access_key, revoke_access_key};
use super::error::{Error, Result};
use super::options::change_switches;
use super::rules::{ImportRules, put_download_tags, put_import_rules};
use super::services::{Services, declare_service};
use super::urls::declare_url_class;
use super::{Library, declare_parent, declare_sibling};
use crate::model::filetype::FileType;
use crate::model::hash::{Sha256, from_hex};
use crate::model::ids::{ServiceId, TagId};
use crate::model::service::{Service, ServiceKind};
use crate::model::tag::Tag;
use crate::model::tag_filter::TagFilter;
use crate::model::url_class::UrlClass;
use crate::store::{Read as _, Tx};

/// What is declared; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declaration {
    services: Option<Vec<DeclaredService>>,
    access_keys: Option<Vec<DeclaredKey>>,
    siblings: Option<Vec<DeclaredSibling>>,
    parents: Option<Vec<DeclaredParent>>,
    url_classes: Option<Vec<UrlClass>>,
    find_potentials: Option<DeclaredDistance>,
    forced_filetypes: Option<Vec<DeclaredFiletype>>,
    /// For the door, which keeps the sessions: see [`Applied`].
    expire_sessions: Option<Vec<String>>,
    options: Option<DeclaredOptions>,
}

/// What a declaration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The names of its parts, in the order in which they were applied.
    pub names: Vec<&'static str>,
    /// Keys of sessions that are to end.
    pub expired_sessions: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredService {
    service_key: String,
    name: String,
    #[serde(rename = "type")]
    kind: u8,
    star_shape: Option<String>,
    min_stars: Option<u32>,
    max_stars: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredKey {
    key: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    permits_everything: bool,
    #[serde(default)]
    basic_permissions: BTreeSet<u8>,
    #[serde(default)]
    search_tag_filter: Option<TagFilter>,
    #[serde(default)]
    delete: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredSibling {
    service_key: String,
    tag: String,
    ideal: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredParent {
    service_key: String,
    child: String,
    parent: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredDistance {
    max_hamming_distance: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredFiletype {
    hash: String,
    mime: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeclaredOptions {
    permission_request_dialog_open: Option<bool>,
    network_paused: Option<bool>,
    cors: Option<bool>,
    file_viewing_statistics: Option<bool>,
    import_rules: Option<ImportRules>,
    /// Which of the filterable tags of `add_url` are kept.
    download_tags: Option<TagFilter>,
}

impl Library {
    /// Applies a declaration, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Invalid`] for whatever cannot be.
    pub fn apply(self: &Arc<Self>, declaration: Declaration) -> Result<Applied> {
        let sessions = declaration.expire_sessions.iter().flatten();
        let sessions = sessions.map(|text| key(text)).collect::<Result<Vec<_>>>()?;
        let names = names_of(&declaration);
        let distance = declaration.find_potentials.map(|wanted| wanted.max_hamming_distance);
        self.write(move |tx| apply(tx, &declaration))?;
        // The network may go on, and what waits with it.
        self.wake_imports();
        if let Some(distance) = distance {
            self.find_potentials(distance)?;
        }
        Ok(Applied { names, expired_sessions: sessions })
    }
}

fn names_of(declaration: &Declaration) -> Vec<&'static str> {
    let parts = [
        ("services", declaration.services.is_some()),
        ("access_keys", declaration.access_keys.is_some()),
        ("siblings", declaration.siblings.is_some()),
        ("parents", declaration.parents.is_some()),
        ("url_classes", declaration.url_classes.is_some()),
        ("find_potentials", declaration.find_potentials.is_some()),
        ("forced_filetypes", declaration.forced_filetypes.is_some()),
        ("expire_sessions", declaration.expire_sessions.is_some()),
        ("options", declaration.options.is_some()),
    ];
    parts.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

fn apply(tx: &mut Tx, declaration: &Declaration) -> Result<()> {
    for service in declaration.services.iter().flatten() {
        declare_service(tx, &service.checked()?)?;
    }
    for declared in declaration.access_keys.iter().flatten() {
        declared.apply(tx)?;
    }
    let services = Services::load(tx)?;
    for pair in declaration.siblings.iter().flatten() {
        let service = tag_domain(&services, &pair.service_key)?;
        let (worse, better) = (tag(tx, &pair.tag)?, tag(tx, &pair.ideal)?);
        declare_sibling(tx, service, worse, better)?;
    }
    for pair in declaration.parents.iter().flatten() {
        let service = tag_domain(&services, &pair.service_key)?;
        let (child, parent) = (tag(tx, &pair.child)?, tag(tx, &pair.parent)?);
        declare_parent(tx, service, child, parent)?;
    }
    for class in declaration.url_classes.iter().flatten() {
        declare_url_class(tx, class)?;
    }
    for forced in declaration.forced_filetypes.iter().flatten() {
        forced.apply(tx)?;
    }
    if let Some(options) = &declaration.options {
        options.apply(tx)?;
    }
    Ok(())
}

impl DeclaredService {
    fn checked(&self) -> Result<Service> {
        const STARS_MAX: u32 = 20;
        let kind = ServiceKind(self.kind);
        let may_be_added = [
            ServiceKind::TAG_REPOSITORY,
            ServiceKind::FILE_REPOSITORY,
            ServiceKind::LOCAL_FILES,
            ServiceKind::LOCAL_TAGS,
            ServiceKind::RATING_NUMERICAL,
            ServiceKind::RATING_LIKE,
            ServiceKind::RATING_COUNT,
        ];
        let is_numerical = kind == ServiceKind::RATING_NUMERICAL;
        let (min_stars, max_stars) = (self.min_stars.unwrap_or(1), self.max_stars.unwrap_or(5));
        let name = &self.name;
        if !may_be_added.contains(&kind) || name.is_empty() {
            return Err(Error::invalid(format!("{name:?} is no service that could be added")));
        }
        if self.star_shape.is_some() && !kind.is_rating() {
            return Err(Error::invalid(format!("{name} is not drawn as stars")));
        }
        if !is_numerical && (self.min_stars.is_some() || self.max_stars.is_some()) {
            return Err(Error::invalid(format!("{name} has no number of stars")));
        }
        if is_numerical && (min_stars > 1 || !(1..=STARS_MAX).contains(&max_stars)) {
            return Err(Error::invalid(format!("{name} has 0 or 1 to {STARS_MAX} stars")));
        }
        let mut service = Service::plain(&key(&self.service_key)?, name, kind);
        service.star_shape.clone_from(&self.star_shape);
        if is_numerical {
            (service.min_stars, service.max_stars) = (min_stars, max_stars);
        }
        Ok(service)
    }
}

impl DeclaredKey {
    fn apply(&self, tx: &mut Tx) -> Result<()> {
        const LENGTH: usize = 32;
        let bytes = key(&self.key)?;
        if bytes.len() != LENGTH {
            return Err(Error::invalid(format!("an access key has {LENGTH} bytes")));
        }
        if self.delete {
            return revoke_access_key(tx, &bytes);
        }
        let access = AccessKey {
            name: self.name.clone(),
            permits_everything: self.permits_everything,
            permissions: self.basic_permissions.clone(),
            filter: self.search_tag_filter.clone().unwrap_or_default(),
            is_waiting: false,
        };
        declare_access_key(tx, &bytes, &access)
    }
}

impl DeclaredFiletype {
    fn apply(&self, tx: &mut Tx) -> Result<()> {
        let forced = match &self.mime {
            None => None,
            Some(mime) => Some(
                FileType::from_mime(mime)
                    .ok_or_else(|| Error::invalid(format!("{mime:?} is no mime type of a file")))?,
            ),
        };
        let hash = Sha256::from_hex(&self.hash);
        let item = hash.map(|hash| tx.item_by_sha256(hash)).transpose()?.flatten();
        let Some(id) = item else {
            return Err(Error::invalid(format!("there is no file {}", self.hash)));
        };
        tx.edit_item(id, |item| {
            let own = item.media.as_ref().map(|media| media.filetype);
            item.forced_filetype = forced.filter(|forced| Some(*forced) != own);
        })?;
        Ok(())
    }
}

impl DeclaredOptions {
    fn apply(&self, tx: &mut Tx) -> Result<()> {
        change_switches(tx, |switches| {
            let change = |switch: &mut bool, wanted: Option<bool>| {
                *switch = wanted.unwrap_or(*switch);
            };
            change(
                &mut switches.permission_request_dialog_open,
                self.permission_request_dialog_open,
            );
            change(&mut switches.network_paused, self.network_paused);
            change(&mut switches.cors, self.cors);
            change(&mut switches.file_viewing_statistics, self.file_viewing_statistics);
        })?;
        if let Some(rules) = &self.import_rules {
            put_import_rules(tx, rules)?;
        }
        if let Some(filter) = &self.download_tags {
            put_download_tags(tx, filter)?;
        }
        Ok(())
    }
}

fn key(text: &str) -> Result<Vec<u8>> {
    let bytes = from_hex(text).filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| Error::invalid(format!("{text:?} is no hexadecimal key")))
}

fn tag(tx: &mut Tx, text: &str) -> Result<TagId> {
    let tag = Tag::clean(text).ok_or_else(|| Error::invalid(format!("{text:?} is no tag")))?;
    Ok(tx.tag_for(tag.as_str())?)
}

fn tag_domain(services: &Services, text: &str) -> Result<ServiceId> {
    let found = services.by_key(&key(text)?);
    let found = found.filter(|id| services.kind(*id) == Some(ServiceKind::LOCAL_TAGS));
    found.ok_or_else(|| Error::invalid(format!("{text} is no local tag domain")))
}
