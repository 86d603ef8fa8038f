//! Merging notes that come with a file into those it has, without asking and without losing text.

use std::collections::BTreeMap;

/// What happens when a new note has the name of an old one and neither extends the other. The
/// numbers are those of the Client API (`conflict_resolution`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoteConflict {
    /// 0: the new text takes its place.
    Replace,
    /// 1: the old text stays.
    Ignore,
    /// 2: the new text is added after the old one.
    Append,
    /// 3: the new text gets a name of its own, `name (1)`.
    Rename,
}

impl NoteConflict {
    /// The way of a number; `None` for numbers that mean none.
    #[must_use]
    pub fn from_number(number: i64) -> Option<NoteConflict> {
        match number {
            0 => Some(NoteConflict::Replace),
            1 => Some(NoteConflict::Ignore),
            2 => Some(NoteConflict::Append),
            3 => Some(NoteConflict::Rename),
            _ => None,
        }
    }
}

/// Merges new notes into old ones, in the order of their names, and returns only what changes:
/// names with their new texts.
///
/// A text that is there already under any name is left out. With `extend`, a longer text that
/// contains an old one of its name, or else of a name that begins with its name, takes its place.
#[must_use]
pub fn merge_notes(
    existing: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    extend: bool,
    conflict: NoteConflict,
) -> BTreeMap<String, String> {
    let mut notes = existing.clone();
    let mut changes = BTreeMap::new();
    for (name, text) in new {
        if let Some((name, text)) = merge_one(&notes, name, text, extend, conflict) {
            notes.insert(name.clone(), text.clone());
            changes.insert(name, text);
        }
    }
    changes
}

fn merge_one(
    notes: &BTreeMap<String, String>,
    name: &str,
    text: &str,
    extend: bool,
    conflict: NoteConflict,
) -> Option<(String, String)> {
    if notes.values().any(|known| known == text) {
        return None;
    }
    let Some(old) = notes.get(name) else { return Some((name.to_owned(), text.to_owned())) };
    if extend {
        if text.contains(old.as_str()) {
            return Some((name.to_owned(), text.to_owned()));
        }
        let extended = notes
            .iter()
            .find(|(other, old)| other.starts_with(name) && text.contains(old.as_str()));
        if let Some((other, _)) = extended {
            return Some((other.clone(), text.to_owned()));
        }
    }
    match conflict {
        NoteConflict::Replace => Some((name.to_owned(), text.to_owned())),
        NoteConflict::Ignore => None,
        NoteConflict::Append if old.contains(text) => None,
        NoteConflict::Append => Some((name.to_owned(), format!("{old}\n\n{text}"))),
        NoteConflict::Rename => {
            let free = (1..=notes.len() + 1)
                .map(|number| format!("{name} ({number})"))
                .find(|free| !notes.contains_key(free))?;
            Some((free, text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[track_caller]
    fn check(new: &[(&str, &str)], extend: bool, conflict: NoteConflict, changes: &[(&str, &str)]) {
        let existing = notes(&[("first", "replaced"), ("second", "line one\nline two")]);
        assert_eq!(merge_notes(&existing, &notes(new), extend, conflict), notes(changes));
    }

    /// One case a line of what a live client answered: extension, conflict, new notes, changes.
    #[test]
    fn notes_merge_as_recorded() {
        const CASES: &str = include_str!("testdata/note_merges.json");
        type Notes = BTreeMap<String, String>;
        let cases: Vec<(Notes, Notes, bool, i64, Notes)> =
            serde_json::from_str(CASES).expect("the fixture is sound");
        assert!(cases.len() > 40);
        for (existing, new, extend, conflict, changes) in cases {
            let way = NoteConflict::from_number(conflict).expect("a known number");
            let ours = merge_notes(&existing, &new, extend, way);
            assert_eq!(ours, changes, "{new:?} into {existing:?}, {extend} {way:?}");
        }
    }

    #[test]
    fn known_texts_are_left_out() {
        for conflict in [NoteConflict::Replace, NoteConflict::Rename] {
            check(&[("other", "replaced")], true, conflict, &[]);
        }
    }

    #[test]
    fn longer_texts_extend() {
        use NoteConflict::*;
        let longer = [("first", "replaced and extended")];
        check(&longer, true, Ignore, &longer);
        check(&longer, false, Ignore, &[]);
        check(&[("sec", "x")], true, Ignore, &[("sec", "x")]);
    }

    #[test]
    fn conflicts_are_resolved_as_told() {
        use NoteConflict::*;
        let new = [("first", "different")];
        check(&new, true, Replace, &new);
        check(&new, true, Ignore, &[]);
        check(&new, true, Append, &[("first", "replaced\n\ndifferent")]);
        check(&new, true, Rename, &[("first (1)", "different")]);
        check(&[("first", "repl")], true, Append, &[]);
    }

    proptest! {
        #[test]
        fn merging_twice_changes_nothing_more(
            old in proptest::collection::btree_map("[ab]{1,2}", "[xy]{1,3}", 0..3),
            new in proptest::collection::btree_map("[ab]{1,2}", "[xy]{1,3}", 0..3),
        ) {
            let mut notes = old.clone();
            notes.extend(merge_notes(&old, &new, true, NoteConflict::Rename));
            let again = merge_notes(&notes, &new, true, NoteConflict::Rename);
            prop_assert!(again.values().all(|text| new.values().any(|one| one == text)));
        }
    }
}
