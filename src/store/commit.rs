//! Parts of a commit: the row in the change log, the sets, and room on the disk.

use std::path::Path;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use super::codec::{Key, encode};
use super::error::Result;
use super::format;
use super::read::{Read, Snapshot, definition};
use super::sets::{Flag, SetChunk, SetKey, bitmap_bytes, bitmap_from};
use super::tables::{CHANGES, META, SETS, Status};
use super::write::Overlay;
use super::writer::Committed;
use crate::model::ids::{ServiceId, TagId};
use crate::model::service::builtin;

/// Entries of the change log that one commit drops at most.
const FORGOTTEN_AT_ONCE: usize = 64;

/// Drops the oldest entries of the change log, up to a number, that nobody needs any more.
pub(super) fn trim_changes(snapshot: &Snapshot, group: &mut Overlay, up_to: u64) -> Result<()> {
    if up_to == 0 {
        return Ok(());
    }
    let (rows, end) = (&mut group.tables[CHANGES.slot], (up_to + 1).to_bytes());
    let mut left = FORGOTTEN_AT_ONCE;
    snapshot.raw_scan(CHANGES.slot, &[], Some(&end), false, &mut |key, _| {
        rows.insert(key.to_vec(), None);
        left -= 1;
        Ok(left > 0)
    })
}

/// Gives the group's changes a sequence number and a row in the change log.
pub(super) fn log_changes(snapshot: &Snapshot, group: &mut Overlay) -> Result<Option<Committed>> {
    if group.changes.is_empty() {
        return Ok(None);
    }
    let key = format::SEQUENCE.to_owned();
    let sequence = snapshot.get(&META, &key)?.unwrap_or(0) + 1;
    let changes = std::mem::take(&mut group.changes);
    let mut put = |slot: usize, key: Vec<u8>, value: Vec<u8>| {
        group.tables[slot].insert(key, Some(value));
    };
    put(META.slot, key.to_bytes(), encode(&sequence));
    put(CHANGES.slot, sequence.to_bytes(), encode(&changes));
    let (borne, moved) = bearing(group);
    Ok(Some(Committed { sequence, changes, borne, moved }))
}

/// Whose bearers a group changes, and whose sight.
fn bearing(group: &Overlay) -> (RoaringBitmap, RoaringBitmap) {
    let (mut borne, mut moved) = (RoaringBitmap::new(), RoaringBitmap::new());
    let of = |key: SetKey| key.chunk(0);
    let any_tag = of(SetKey::Tag(ServiceId(0), Status::Current, TagId(0)));
    let seen_by = [of(SetKey::Domain(builtin::COMBINED_LOCAL)), of(SetKey::Flag(Flag::Member))];
    for (chunk, delta) in &group.sets {
        if chunk.kind == any_tag.kind {
            borne.insert(chunk.value);
        } else if seen_by.contains(&SetChunk { chunk: 0, ..*chunk }) {
            moved |= &delta.added;
            moved |= &delta.removed;
        }
    }
    (borne, moved)
}

pub(super) fn write_sets(write: &redb::WriteTransaction, group: &Overlay) -> Result<()> {
    if group.sets.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(definition(SETS.slot))?;
    for (chunk, delta) in &group.sets {
        let key = chunk.to_bytes();
        let old = redb::ReadableTable::get(&table, key.as_slice())?
            .map(|bytes| bitmap_from(bytes.value()));
        let mut set = old.transpose()?.unwrap_or_default();
        delta.apply(&mut set);
        if set.is_empty() {
            table.remove(key.as_slice())?;
        } else {
            table.insert(key.as_slice(), bitmap_bytes(&set).as_slice())?;
        }
    }
    Ok(())
}

/// Free space, looked at now and then.
#[derive(Default)]
pub(super) struct FreeSpace {
    /// When it was last looked at, and what was found.
    known: Option<(Instant, u64)>,
}

/// How long it is taken to be what it was.
const SPACE_KNOWN_FOR: Duration = Duration::from_secs(1);

impl FreeSpace {
    pub(super) fn bytes(&mut self, now: Instant, look: impl FnOnce() -> u64) -> u64 {
        match self.known {
            Some((when, free)) if now - when < SPACE_KNOWN_FOR => free,
            _ => self.known.insert((now, look())).1,
        }
    }
}

/// Bytes that an unprivileged process may still write on the disk of `path`.
pub(super) fn free_space(path: &Path) -> u64 {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

/// UTC milliseconds now.
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_looked_at_again_however_often_it_is_asked_for() {
        let (mut space, start, mut looks) = (FreeSpace::default(), Instant::now(), 0);
        for tenth in 0..=30 {
            let now = start + Duration::from_millis(100 * tenth);
            space.bytes(now, || {
                looks += 1;
                0
            });
        }
        assert_eq!(looks, 4);
    }
}
