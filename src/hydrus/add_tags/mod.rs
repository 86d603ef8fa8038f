//! Tags: cleaning, completing, adding.

#[expect(clippy::module_inception, reason = "the endpoint bears the name of its folder")]
pub mod add_tags;
pub mod clean_tags;
pub mod get_favourite_tags;
pub mod get_siblings_and_parents;
pub mod search_tags;
pub mod set_favourite_tags;
