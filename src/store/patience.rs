//! Waiting for a store that was closed for a while.
//!
//! A request of a client is told at once that the store is closed. Work in the background has nobody
//! to tell: its threads are marked as patient, and what they read and write waits until the store is
//! open again, or until the process ends.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

thread_local! {
    static IS_PATIENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs work that waits for a closed store instead of failing.
///
/// It must not wait while it holds a snapshot: whoever closes the store waits for those.
pub fn patiently<T>(work: impl FnOnce() -> T) -> T {
    let was_patient = IS_PATIENT.replace(true);
    let result = work();
    IS_PATIENT.set(was_patient);
    result
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closed,
    Ended,
}

/// Whether the store is open, for those who wait for it.
#[derive(Default)]
pub(super) struct Gate {
    phase: Mutex<Phase>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        let mut now = self.lock();
        // What has ended stays so.
        if *now != Phase::Ended {
            *now = phase;
        }
        drop(now);
        self.changed.notify_all();
    }

    pub(super) fn open(&self) {
        self.enter(Phase::Open);
    }

    pub(super) fn close(&self) {
        self.enter(Phase::Closed);
    }

    pub(super) fn end(&self) {
        self.enter(Phase::Ended);
    }

    /// In a patient thread: waits until the store is open. Whether it is worth trying again.
    pub(super) fn wait(&self) -> bool {
        if !IS_PATIENT.get() {
            return false;
        }
        let closed = |phase: &mut Phase| *phase == Phase::Closed;
        let phase = self.changed.wait_while(self.lock(), closed);
        *phase.unwrap_or_else(PoisonError::into_inner) == Phase::Open
    }
}
