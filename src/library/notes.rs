//! Notes of items (behaviour.md 20). Names and texts are kept exactly as given.

use std::collections::BTreeMap;

use super::Library;
use super::error::{Error, Result};
use crate::model::ids::ItemId;
use crate::model::notes::{NoteConflict, merge_notes};
use crate::store::{Read as _, Tx};

/// How new notes meet those an item has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteWriting {
    /// New texts take the place of old ones; an empty text removes its note.
    Replace,
    /// No text is lost unless the conflict says so; see [`merge_notes`].
    Merge { extend: bool, conflict: NoteConflict },
}

impl Library {
    /// Writes notes of an item. Answers what was changed, names with their new texts.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown item.
    pub fn set_notes(
        &self,
        item: ItemId,
        notes: Vec<(String, String)>,
        writing: NoteWriting,
    ) -> Result<Vec<(String, String)>> {
        self.write(move |tx| set_notes(tx, item, &notes, writing))
    }

    /// Removes notes by name; unknown names are left out.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown item.
    pub fn delete_notes(&self, item: ItemId, names: Vec<String>) -> Result<()> {
        self.write(move |tx| {
            let gone = names.iter().map(|name| (name.clone(), String::new())).collect::<Vec<_>>();
            set_notes(tx, item, &gone, NoteWriting::Replace).map(|_| ())
        })
    }
}

/// [`Library::set_notes`] as part of a larger write.
///
/// # Errors
/// As there.
pub fn set_notes(
    tx: &mut Tx,
    id: ItemId,
    notes: &[(String, String)],
    writing: NoteWriting,
) -> Result<Vec<(String, String)>> {
    let item = tx.item(id)?.ok_or_else(|| Error::missing("file", id))?;
    let changes: Vec<(String, String)> = match writing {
        NoteWriting::Replace => notes.to_vec(),
        NoteWriting::Merge { extend, conflict } => {
            let existing = item.notes.iter().cloned().collect();
            let new: BTreeMap<String, String> = notes.iter().cloned().collect();
            merge_notes(&existing, &new, extend, conflict).into_iter().collect()
        }
    };
    let mut changed = item.clone();
    for (name, text) in &changes {
        changed.set_note(name, text);
    }
    if changed.notes != item.notes {
        tx.edit_item(id, |item| item.notes = changed.notes)?;
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    fn note(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn notes_are_kept_as_given_and_empty_texts_remove() {
        let library = TestLibrary::new();
        let id = library.item(1, |_| {});
        let given = vec![note(" Title ", "a\r\nb"), note("", "no name")];
        let changes = library.set_notes(id, given.clone(), NoteWriting::Replace).unwrap();
        assert_eq!(changes, given);
        assert_eq!(library.get(id).note(" Title "), Some("a\r\nb"));
        library.set_notes(id, vec![note("", "")], NoteWriting::Replace).unwrap();
        assert_eq!(library.get(id).notes, [note(" Title ", "a\r\nb")]);
        library.delete_notes(id, vec![" Title ".to_owned(), "unknown".to_owned()]).unwrap();
        assert!(library.get(id).notes.is_empty());
    }

    #[test]
    fn merging_answers_only_what_it_changed() {
        let library = TestLibrary::new();
        let id = library.item(1, |item| item.set_note("text", "old"));
        let way = NoteWriting::Merge { extend: true, conflict: NoteConflict::Rename };
        let changes = library.set_notes(id, vec![note("text", "new"), note("b", "old")], way);
        assert_eq!(changes.unwrap(), [note("text (1)", "new")]);
        assert_eq!(library.get(id).notes, [note("text", "old"), note("text (1)", "new")]);
    }
}
