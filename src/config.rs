//! The settings that are needed to boot.
