//! Plays the recorded session of a live client against one fresh server and judges every answer.
//!
//! [`record`] reads the files, [`context`] knows ids and captured keys, [`compare`] holds the
//! rules by which two answers are the same, [`judge`] applies them, [`play`] walks the list.

pub(crate) mod compare;
pub(crate) mod context;
pub(crate) mod judge;
pub(crate) mod play;
pub(crate) mod record;
pub(crate) mod restart;
