//! Popups: what jobs tell people while they run (behaviour.md 24). Kept in memory only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Library;
use super::error::{Error, Result};
use crate::model::ids::ItemId;
use crate::model::time::now_ms;

/// The key of a popup.
pub type PopupKey = [u8; 32];

/// More popups than these push out the oldest that are done, then the oldest.
const COUNT_MAX: usize = 1000;

/// One popup.
#[derive(Clone, Debug, PartialEq)]
pub struct Popup {
    pub key: PopupKey,
    pub created_ms: i64,
    pub title: Option<String>,
    pub text_1: Option<String>,
    pub text_2: Option<String>,
    /// Done and to do.
    pub gauge_1: Option<(i64, i64)>,
    pub gauge_2: Option<(i64, i64)>,
    /// What the client that made it wants to remember.
    pub api_data: Option<serde_json::Value>,
    /// Attached files and what they are called.
    pub files: Option<(Vec<ItemId>, String)>,
    pub files_mergable: bool,
    /// What is being fetched.
    pub network_job: Option<NetworkJob>,
    pub is_cancelled: bool,
    pub is_done: bool,
    cancellable: bool,
    pausable: bool,
    dismissed_at_ms: Option<i64>,
}

impl Popup {
    /// Whether cancelling it would end it.
    #[must_use]
    pub fn is_cancellable(&self) -> bool {
        self.cancellable && !self.is_done
    }

    /// Whether it could be made to wait.
    #[must_use]
    pub fn is_pausable(&self) -> bool {
        self.pausable && !self.is_done
    }

    /// All its texts, a line each.
    #[must_use]
    pub fn all_text(&self) -> String {
        let texts = [&self.title, &self.text_1, &self.text_2];
        let texts: Vec<&str> = texts.into_iter().filter_map(|text| text.as_deref()).collect();
        texts.join("\n")
    }
}

/// How far a file is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkJob {
    pub url: String,
    pub bytes_read: u64,
    pub bytes_to_read: Option<u64>,
    pub bytes_per_second: u64,
}

/// How a popup begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PopupStart {
    pub is_cancellable: bool,
    pub is_pausable: bool,
    pub files_mergable: bool,
}

/// What to change of a popup: `None` leaves a member alone, `Some(None)` takes it away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PopupChange {
    pub title: Option<Option<String>>,
    pub text_1: Option<Option<String>>,
    pub text_2: Option<Option<String>>,
    pub gauge_1: Option<Option<(i64, i64)>>,
    pub gauge_2: Option<Option<(i64, i64)>>,
    pub api_data: Option<Option<serde_json::Value>>,
    /// Replaces the attached files.
    pub files: Option<(Vec<ItemId>, String)>,
}

/// All popups of a process.
#[derive(Default)]
pub(super) struct Popups {
    /// In the order in which they were made.
    list: Mutex<Vec<Popup>>,
}

impl Popups {
    fn lock(&self) -> MutexGuard<'_, Vec<Popup>> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = now_ms();
        list.retain(|popup| popup.dismissed_at_ms.is_none_or(|at_ms| at_ms > now_ms));
        list
    }

    fn with<T>(&self, key: &[u8], change: impl FnOnce(&mut Popup) -> T) -> Result<T> {
        let mut list = self.lock();
        let popup = list.iter_mut().find(|popup| popup.key == key);
        popup.map(change).ok_or_else(|| Error::invalid("This job key doesn't exist!"))
    }
}

fn apply(popup: &mut Popup, change: PopupChange) {
    fn set<T>(member: &mut Option<T>, change: Option<Option<T>>) {
        if let Some(value) = change {
            *member = value;
        }
    }
    set(&mut popup.title, change.title);
    set(&mut popup.text_1, change.text_1);
    set(&mut popup.text_2, change.text_2);
    set(&mut popup.gauge_1, change.gauge_1);
    set(&mut popup.gauge_2, change.gauge_2);
    set(&mut popup.api_data, change.api_data);
    if change.files.is_some() {
        popup.files = change.files;
    }
}

fn make_room(list: &mut Vec<Popup>) {
    while list.len() > COUNT_MAX {
        let oldest = list.iter().position(|popup| popup.is_done).unwrap_or(0);
        list.remove(oldest);
    }
}

impl Library {
    /// Makes a popup. One that can be neither cancelled nor paused is done from the start.
    ///
    /// # Errors
    /// When the machine gives no random key.
    pub fn add_popup(&self, start: PopupStart, change: PopupChange) -> Result<Popup> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::Conflict(format!("there is no random key: {error}")))?;
        let mut popup = Popup {
            key,
            created_ms: now_ms(),
            title: None,
            text_1: None,
            text_2: None,
            gauge_1: None,
            gauge_2: None,
            api_data: None,
            files: None,
            files_mergable: start.files_mergable,
            network_job: None,
            is_cancelled: false,
            is_done: !start.is_cancellable && !start.is_pausable,
            cancellable: start.is_cancellable,
            pausable: start.is_pausable,
            dismissed_at_ms: None,
        };
        apply(&mut popup, change);
        let mut list = self.popups.lock();
        list.push(popup.clone());
        make_room(&mut list);
        Ok(popup)
    }

    /// Changes a popup; answers it as it is then.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown key.
    pub fn change_popup(&self, key: &[u8], change: PopupChange) -> Result<Popup> {
        self.popups.with(key, |popup| {
            apply(popup, change);
            popup.clone()
        })
    }

    /// All popups that were not dismissed, oldest first.
    #[must_use]
    pub fn popups(&self) -> Vec<Popup> {
        self.popups.lock().clone()
    }

    /// A popup.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown key.
    pub fn popup(&self, key: &[u8]) -> Result<Popup> {
        self.popups.with(key, |popup| popup.clone())
    }

    /// Cancels a popup, if that is possible.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown key.
    pub fn cancel_popup(&self, key: &[u8]) -> Result<()> {
        self.popups.with(key, |popup| {
            if popup.is_cancellable() {
                popup.is_cancelled = true;
                popup.is_done = true;
            }
        })
    }

    /// Takes a popup away, if it is done.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown key.
    pub fn dismiss_popup(&self, key: &[u8]) -> Result<()> {
        self.popups.with(key, |popup| {
            if popup.is_done {
                popup.dismissed_at_ms = Some(i64::MIN);
            }
        })
    }

    /// Ends a popup and, with a number of seconds, takes it away so much later.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown key.
    pub fn finish_popup(&self, key: &[u8], dismiss_after_s: Option<i64>) -> Result<()> {
        self.popups.with(key, |popup| {
            popup.is_done = true;
            if let Some(seconds) = dismiss_after_s {
                let later_ms = seconds.max(0).saturating_mul(1000);
                popup.dismissed_at_ms = Some(now_ms().saturating_add(later_ms));
            }
        })
    }
}

impl Library {
    /// Shows that an address is fetched for a page of this name.
    pub(super) fn show_import(&self, page: &str, url: &str) -> Result<PopupKey> {
        let start = PopupStart { is_cancellable: true, ..PopupStart::default() };
        let change = PopupChange {
            title: Some(Some(page.to_owned())),
            text_1: Some(Some("downloading file".to_owned())),
            ..PopupChange::default()
        };
        let key = self.add_popup(start, change)?.key;
        let job = NetworkJob { url: url.to_owned(), ..NetworkJob::default() };
        self.popups.with(&key, |popup| popup.network_job = Some(job))?;
        Ok(key)
    }

    /// Shows how much of it was fetched. Answers whether it is still wanted.
    pub(super) fn show_bytes(
        &self,
        key: &PopupKey,
        read: u64,
        all: Option<u64>,
        elapsed_ms: u64,
    ) -> bool {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let shown = self.popups.with(key, |popup| {
            popup.gauge_1 = all.map(|all| (gauge(read), gauge(all)));
            if let Some(job) = &mut popup.network_job {
                job.bytes_read = read;
                job.bytes_to_read = all;
                job.bytes_per_second = read.saturating_mul(1000) / elapsed_ms.max(1);
            }
            !popup.is_cancelled
        });
        // It may have been pushed out by too many others.
        shown.unwrap_or(true)
    }

    /// Whether somebody has cancelled it.
    pub(super) fn is_cancelled(&self, key: &PopupKey) -> bool {
        self.popups.with(key, |popup| popup.is_cancelled).unwrap_or(false)
    }

    /// Takes it away.
    pub(super) fn hide_import(&self, key: &PopupKey) {
        self.popups.lock().retain(|popup| popup.key != *key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;

    fn cancellable() -> PopupStart {
        PopupStart { is_cancellable: true, ..PopupStart::default() }
    }

    #[test]
    fn what_cannot_be_stopped_is_done_from_the_start() {
        let library = TestLibrary::new();
        let note = library.add_popup(PopupStart::default(), PopupChange::default()).unwrap();
        assert!(note.is_done && !note.is_cancellable());
        let job = library.add_popup(cancellable(), PopupChange::default()).unwrap();
        assert!(!job.is_done && job.is_cancellable());
        library.dismiss_popup(&job.key).unwrap();
        assert_eq!(library.popups().len(), 2, "running jobs are not dismissed");
        library.cancel_popup(&job.key).unwrap();
        let cancelled = library.popup(&job.key).unwrap();
        assert!(cancelled.is_done && cancelled.is_cancelled && !cancelled.is_cancellable());
        library.dismiss_popup(&job.key).unwrap();
        assert!(library.change_popup(&job.key, PopupChange::default()).is_err());
    }

    #[test]
    fn members_are_changed_taken_away_or_left_alone() {
        let library = TestLibrary::new();
        let change = PopupChange {
            title: Some(Some("a train".to_owned())),
            text_1: Some(Some("passes".to_owned())),
            gauge_1: Some(Some((1, 2))),
            ..PopupChange::default()
        };
        let popup = library.add_popup(cancellable(), change).unwrap();
        assert_eq!(popup.all_text(), "a train\npasses");
        let change = PopupChange { text_1: Some(None), ..PopupChange::default() };
        let popup = library.change_popup(&popup.key, change).unwrap();
        assert_eq!((popup.all_text().as_str(), popup.gauge_1), ("a train", Some((1, 2))));
        library.finish_popup(&popup.key, Some(0)).unwrap();
        assert!(library.popups().is_empty());
    }
}
