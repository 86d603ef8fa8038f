//! The language on small schemas: examples of each rule, then laws on random documents.

mod examples;
mod laws;
mod requests;
