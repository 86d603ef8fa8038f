//! The format row, the fixed services, and what happens when a library is opened.

use redb::Database;

use super::codec::{Key, encode};
use super::error::{Error, Result};
use super::read::{Read, Snapshot, definition};
use super::tables::{META, NAMES, SERVICES};
use crate::model::service::builtin;

/// The format that this release writes and reads. Raised together with a migration in [`open`].
pub(super) const FORMAT: u32 = 1;

const FORMAT_ROW: &str = "format";
/// Counter of item ids, shared by everything Hydrus numbers as a file.
pub(super) const NEXT_ITEM: &str = "next_item";
pub(super) const NEXT_TAG: &str = "next_tag";
pub(super) const NEXT_NAMESPACE: &str = "next_namespace";
/// The sequence number of the newest entry of the change log.
pub(super) const SEQUENCE: &str = "sequence";

/// Makes a new library complete, checks the format of an old one.
pub(super) fn open(database: &std::sync::Arc<Database>) -> Result<()> {
    let fresh = {
        let read = redb::ReadableDatabase::begin_read(database.as_ref())?;
        read.list_tables()?.next().is_none()
    };
    if fresh {
        return create(database);
    }
    let found = Snapshot::take(database)?.get(&META, &FORMAT_ROW.to_owned())?;
    match found.map(|format| u32::try_from(format).unwrap_or(u32::MAX)) {
        Some(FORMAT) => ensure_tables(database),
        Some(found) if found > FORMAT => Err(Error::NewerFormat { found, known: FORMAT }),
        Some(found) => Err(Error::Damaged(format!("format {found} was never released"))),
        None => Err(Error::Damaged("the format row is missing".to_owned())),
    }
}

/// Tables added since the library was made are empty until used.
fn ensure_tables(database: &Database) -> Result<()> {
    let present = {
        let read = redb::ReadableDatabase::begin_read(database)?;
        read.list_tables()?.count()
    };
    if present < NAMES.len() {
        let write = database.begin_write()?;
        for slot in 0..NAMES.len() {
            write.open_table(definition(slot))?;
        }
        write.commit()?;
    }
    Ok(())
}

fn create(database: &Database) -> Result<()> {
    let write = database.begin_write()?;
    for slot in 0..NAMES.len() {
        write.open_table(definition(slot))?;
    }
    {
        let mut meta = write.open_table(definition(META.slot))?;
        let format = encode(&u64::from(FORMAT));
        meta.insert(FORMAT_ROW.as_bytes(), format.as_slice())?;
        let mut services = write.open_table(definition(SERVICES.slot))?;
        for (id, service) in builtin::all() {
            services.insert(id.to_bytes().as_slice(), encode(&service).as_slice())?;
        }
    }
    write.commit()?;
    Ok(())
}
