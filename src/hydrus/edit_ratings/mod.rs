//! Ratings of files.

pub mod set_rating;
