//! Tests about the code itself: arrows, folders, lengths.
