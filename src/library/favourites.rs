//! Favourite tags: a short list that clients offer (behaviour.md 5.4).

use super::error::{Error, Result};
use super::{Library, View};
use crate::model::tag::{Tag, human_order};
use crate::store::{self, DocumentKind, Read, Tx};

const NAME: &str = "all";

/// More favourites than these are no favourites.
const COUNT_MAX: usize = 100_000;

fn load(read: &impl Read) -> store::Result<Vec<String>> {
    Ok(read.document(DocumentKind::FavouriteTags, NAME)?.unwrap_or_default())
}

fn put(tx: &mut Tx, mut tags: Vec<String>) -> Result<Vec<String>> {
    tags.sort_by(|left, right| human_order(left, right));
    tags.dedup();
    if tags.len() > COUNT_MAX {
        return Err(Error::Conflict(format!("there is room for {COUNT_MAX} favourite tags")));
    }
    tx.put_document(DocumentKind::FavouriteTags, NAME, &tags)?;
    Ok(tags)
}

impl View {
    /// The favourite tags in the order for people.
    ///
    /// # Errors
    /// When reading fails.
    pub fn favourite_tags(&self) -> Result<Vec<String>> {
        Ok(load(&self.snapshot)?)
    }
}

impl Library {
    /// Replaces the favourite tags. Answers them as they are then.
    ///
    /// # Errors
    /// [`Error::Conflict`] when they are too many.
    pub fn set_favourite_tags(&self, tags: Vec<Tag>) -> Result<Vec<String>> {
        self.write(move |tx| put(tx, tags.iter().cloned().map(Tag::into_string).collect()))
    }

    /// Adds favourite tags and takes others away. Answers them as they are then.
    ///
    /// # Errors
    /// [`Error::Conflict`] when they are too many.
    pub fn change_favourite_tags(&self, add: Vec<Tag>, remove: Vec<Tag>) -> Result<Vec<String>> {
        self.write(move |tx| {
            let mut tags = load(tx)?;
            tags.extend(add.iter().cloned().map(Tag::into_string));
            tags.retain(|tag| !remove.iter().any(|gone| gone.as_str() == tag));
            put(tx, tags)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    fn tags(list: &[&str]) -> Vec<Tag> {
        list.iter().filter_map(|tag| Tag::clean(tag)).collect()
    }

    #[test]
    fn favourites_are_kept_in_the_order_for_people() {
        let library = TestLibrary::new();
        let found = library.set_favourite_tags(tags(&["page:10", "page:2", "bird", "bird"]));
        assert_eq!(found.unwrap(), ["bird", "page:2", "page:10"]);
        let found = library.change_favourite_tags(tags(&["train"]), tags(&["bird", "nope"]));
        assert_eq!(found.unwrap(), ["page:2", "page:10", "train"]);
        assert_eq!(library.view().unwrap().favourite_tags().unwrap().len(), 3);
    }
}
