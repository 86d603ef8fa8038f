//! The services of the library, all of them in memory.

use std::collections::BTreeMap;

use super::error::{Error, Result};
use crate::model::hash::to_hex;
use crate::model::ids::ServiceId;
use crate::model::service::{Service, ServiceKind, builtin};
use crate::store::{self, Read, SERVICES, Tx};

/// Counter of changes to the services.
pub(super) const SERVICES_CHANGED: &str = "services_changed";

/// All services by id.
#[derive(Clone, Debug, Default)]
pub struct Services {
    by_id: BTreeMap<ServiceId, Service>,
}

impl Services {
    pub(super) fn load(read: &impl Read) -> store::Result<Services> {
        let mut by_id = BTreeMap::new();
        read.scan(&SERVICES, |id, service| {
            by_id.insert(id, service);
            Ok(())
        })?;
        Ok(Services { by_id })
    }

    /// A service by id.
    #[must_use]
    pub fn get(&self, id: ServiceId) -> Option<&Service> {
        self.by_id.get(&id)
    }

    /// A service's key as hexadecimal digits; empty for an unknown id.
    #[must_use]
    pub fn key_hex(&self, id: ServiceId) -> String {
        self.get(id).map(|service| to_hex(&service.key)).unwrap_or_default()
    }

    /// A service by the bytes of its key.
    #[must_use]
    pub fn by_key(&self, key: &[u8]) -> Option<ServiceId> {
        self.by_id.iter().find(|(_, service)| service.key == key).map(|(id, _)| *id)
    }

    /// A service by name, without regard to case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<ServiceId> {
        let wanted = name.to_lowercase();
        self.by_id
            .iter()
            .find(|(_, service)| service.name.to_lowercase() == wanted)
            .map(|(id, _)| *id)
    }

    /// All services, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.by_id.iter().map(|(id, service)| (*id, service))
    }

    /// The services of a kind, in the order of ids.
    pub fn of_kind(&self, kind: ServiceKind) -> impl Iterator<Item = (ServiceId, &Service)> {
        self.iter().filter(move |(_, service)| service.kind == kind)
    }

    /// The kind of a service.
    #[must_use]
    pub fn kind(&self, id: ServiceId) -> Option<ServiceKind> {
        self.get(id).map(|service| service.kind)
    }

    /// Services that hold tag mappings of their own, in the order of ids.
    #[must_use]
    pub fn real_tag_services(&self) -> Vec<ServiceId> {
        self.iter().filter(|(_, service)| service.kind.holds_tags()).map(|(id, _)| id).collect()
    }

    /// The tag services that a search in `service` looks at: itself, or all for all known tags.
    #[must_use]
    pub fn tag_services_of(&self, service: Option<ServiceId>) -> Vec<ServiceId> {
        match service {
            Some(service) if service != builtin::ALL_KNOWN_TAGS => vec![service],
            Some(_) | None => self.real_tag_services(),
        }
    }

    /// Local file domains (type 2), in the order of ids.
    #[must_use]
    pub fn local_domains(&self) -> Vec<ServiceId> {
        self.of_kind(ServiceKind::LOCAL_FILES).map(|(id, _)| id).collect()
    }
}

/// Adds a service or replaces the one of the same key. Returns its id.
///
/// # Errors
/// [`Error::Invalid`] when the key belongs to a service of another kind or to a fixed one.
pub fn declare_service(tx: &mut Tx, service: &Service) -> Result<ServiceId> {
    let known = Services::load(tx)?;
    let id = match known.by_key(&service.key) {
        Some(id) if id < builtin::FIRST_ADDED => {
            return Err(Error::invalid(format!("the service {} is built in", service.name)));
        }
        Some(id) => {
            if known.kind(id) != Some(service.kind) {
                return Err(Error::invalid(format!(
                    "the service {} exists and is of another kind",
                    service.name
                )));
            }
            id
        }
        None => {
            let last = known.iter().map(|(id, _)| id.0).max().unwrap_or(0);
            let next = last.max(builtin::FIRST_ADDED.0 - 1).checked_add(1);
            ServiceId(next.ok_or_else(|| Error::Conflict("too many services".to_owned()))?)
        }
    };
    tx.put(&SERVICES, &id, service);
    super::cached::touch(tx, SERVICES_CHANGED)?;
    Ok(id)
}
