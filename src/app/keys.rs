//! Access keys at the command line, and the first key of a new library.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::library::AccessKey;
use crate::library::{Error, Library, Result};
use crate::model::hash::{from_hex, to_hex};

/// One line a key: the key, its name, what it may do.
fn line(key: &[u8], access: &AccessKey) -> String {
    let may = if access.permits_everything {
        "everything".to_owned()
    } else {
        let numbers: Vec<String> = access.permissions.iter().map(u8::to_string).collect();
        format!("permissions {}", numbers.join(","))
    };
    let waiting = if access.is_waiting { ", waits for approval" } else { "" };
    format!("{}  {}  ({may}{waiting})", to_hex(key), access.name)
}

/// All keys, a line each.
pub(super) fn list(library: &Arc<Library>) -> Result<Vec<String>> {
    let keys = library.access_keys()?;
    Ok(keys.list().into_iter().map(|(key, access)| line(key, access)).collect())
}

/// Makes a key; without permissions it may do everything.
pub(super) fn create(
    library: &Arc<Library>,
    name: &str,
    permissions: Option<Vec<u8>>,
) -> Result<String> {
    let access = AccessKey {
        name: name.to_owned(),
        permits_everything: permissions.is_none(),
        permissions: permissions.unwrap_or_default().into_iter().collect::<BTreeSet<u8>>(),
        ..AccessKey::default()
    };
    let key = library.create_access_key(access.clone())?;
    Ok(line(&key, &access))
}

/// Puts a key in force that a client asked for.
pub(super) fn approve(library: &Arc<Library>, digits: &str) -> Result<String> {
    let key = only(library, digits)?;
    library.approve_access_key(key.clone())?;
    let keys = library.access_keys()?;
    let access = keys.get(&key).ok_or_else(|| Error::missing("access key", digits))?;
    Ok(line(&key, access))
}

/// Takes a key back.
pub(super) fn revoke(library: &Arc<Library>, digits: &str) -> Result<String> {
    let key = only(library, digits)?;
    library.revoke_access_key(key.clone())?;
    Ok(to_hex(&key))
}

/// The one key that begins with these digits.
fn only(library: &Arc<Library>, digits: &str) -> Result<Vec<u8>> {
    let wanted = digits.to_lowercase();
    let keys = library.access_keys()?;
    let mut fitting = keys.list().into_iter().filter(|(key, _)| to_hex(key).starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some((key, _)), None) => Ok(key.to_vec()),
        (Some(_), Some(_)) => Err(Error::invalid(format!("several keys begin with {digits}"))),
        (None, _) => Err(Error::missing("access key", digits)),
    }
}

/// Makes the first key of a new library, or the one that the environment names, and keeps it in the
/// data folder for the owner alone. Returns it when it is new.
pub(super) fn ensure_first(library: &Arc<Library>, config: &Config) -> Result<Option<String>> {
    let given = match &config.access_key {
        Some(key) => {
            let bytes = from_hex(key.expose()).filter(|bytes| bytes.len() == 32);
            Some(bytes.ok_or_else(|| Error::invalid("access_key must be 64 hexadecimal digits"))?)
        }
        None => None,
    };
    let Some(key) = library.ensure_first_access_key(given.as_deref())? else { return Ok(None) };
    let digits = to_hex(&key);
    write_privately(&config.data.join("access_key"), &digits)?;
    Ok(Some(digits))
}

fn write_privately(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")
    };
    write().map_err(|error| Error::File { context: path.display().to_string(), error })
}
