//! What the Stash door keeps of itself: credentials, keys, and the settings that clients write.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value as Json};

use super::auth;
use crate::library::objects::{put_stash_document, stash_document};
use crate::library::{self, Library};

/// The name of the stored document.
const DOCUMENT: &str = "settings";

/// The stored settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// Empty while there are no credentials.
    pub(super) username: String,
    /// The password's hash, see [`auth::hash_password`].
    pub(super) password: String,
    /// Empty while there is none.
    pub(super) api_key: String,
    /// Signs API keys: 64 hexadecimal digits.
    pub(super) jwt_secret: String,
    /// Signs session cookies.
    pub(super) session_secret: String,
    /// The address that called from the public internet; all is refused from then on.
    pub(super) tripwire: String,
    /// What was set by `configureGeneral` and the like, by section and name in the schema.
    pub(super) sections: JsonMap<String, Json>,
}

impl Settings {
    /// Whether a login is needed.
    pub(super) fn has_credentials(&self) -> bool {
        !self.username.is_empty() && !self.password.is_empty()
    }

    /// The API key; empty for none.
    pub(super) fn api_key(&self) -> String {
        self.api_key.clone()
    }

    /// A value that was set.
    pub(super) fn value(&self, section: &str, name: &str) -> Option<&Json> {
        self.sections.get(section)?.get(name).filter(|value| !value.is_null())
    }

    /// Sets a value.
    pub(super) fn set(&mut self, section: &str, name: &str, value: Json) {
        let section = self.sections.entry(section).or_insert_with(|| Json::Object(JsonMap::new()));
        if let Some(section) = section.as_object_mut() {
            section.insert(name.to_owned(), value);
        }
    }
}

/// The settings in memory, kept like the store's.
pub(super) struct SettingsCell {
    now: RwLock<Arc<Settings>>,
}

impl SettingsCell {
    /// Reads the settings; makes the secrets on the first run.
    pub(super) fn open(library: &Arc<Library>) -> library::Result<SettingsCell> {
        let view = library.view()?;
        let stored: Option<Settings> = stash_document(&view, DOCUMENT)?;
        drop(view);
        let mut settings = stored.unwrap_or_default();
        if settings.jwt_secret.is_empty() || settings.session_secret.is_empty() {
            settings.jwt_secret = auth::random_hex();
            settings.session_secret = auth::random_hex();
            let kept = settings.clone();
            library.write(move |tx| put_stash_document(tx, DOCUMENT, &kept))?;
        }
        Ok(SettingsCell { now: RwLock::new(Arc::new(settings)) })
    }

    /// The settings as of now.
    pub(super) fn read(&self) -> Arc<Settings> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the settings: durable when this returns.
    pub(super) fn change(
        &self,
        library: &Library,
        change: impl FnOnce(&mut Settings),
    ) -> library::Result<Arc<Settings>> {
        // Held over the write: two changes at once must not lose one.
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let mut settings = (**now).clone();
        change(&mut settings);
        let kept = settings.clone();
        library.write(move |tx| put_stash_document(tx, DOCUMENT, &kept))?;
        *now = Arc::new(settings);
        Ok(Arc::clone(&now))
    }
}
