//! Switches of the library that clients see, changed at run time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cached::touch;
use super::error::{Error, Result};
use super::{Library, View};
use crate::store::{self, DocumentKind, Read, Tx};

/// Counter of changes to the switches.
pub(super) const SWITCHES_CHANGED: &str = "switches_changed";

const NAME: &str = "switches";

/// The switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// Whether clients may ask for new access keys.
    pub permission_request_dialog_open: bool,
    /// Whether nothing is fetched from other servers for now.
    pub network_paused: bool,
    /// Whether pages of other origins may use the Client API.
    pub cors: bool,
    /// Whether views and viewing times are recorded.
    pub file_viewing_statistics: bool,
    /// How many bits the looks of potential duplicates may differ in as files arrive.
    pub potentials_distance_max: u32,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            permission_request_dialog_open: false,
            network_paused: false,
            cors: false,
            file_viewing_statistics: true,
            potentials_distance_max: 0,
        }
    }
}

impl Switches {
    pub(super) fn load(read: &impl Read) -> store::Result<Switches> {
        Ok(read.document(DocumentKind::Option, NAME)?.unwrap_or_default())
    }
}

impl View {
    /// The switches.
    ///
    /// # Errors
    /// When reading fails.
    pub fn switches(&self) -> Result<Arc<Switches>> {
        Ok(self.library.switches.get(&self.snapshot, Switches::load)?)
    }
}

impl Library {
    /// The switches; while the library is locked, those known before.
    ///
    /// # Errors
    /// When reading fails.
    pub fn switches(self: &Arc<Self>) -> Result<Arc<Switches>> {
        match self.view() {
            Ok(view) => view.switches(),
            Err(Error::Busy) => Ok(self.switches.last().unwrap_or_default()),
            Err(error) => Err(error),
        }
    }
}

/// Changes the switches as part of a larger write.
///
/// # Errors
/// When reading fails.
pub fn change_switches(tx: &mut Tx, change: impl FnOnce(&mut Switches)) -> Result<()> {
    let mut switches = Switches::load(tx)?;
    change(&mut switches);
    tx.put_document(DocumentKind::Option, NAME, &switches)?;
    Ok(touch(tx, SWITCHES_CHANGED)?)
}
