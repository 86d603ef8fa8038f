//! Addresses: which files are known by one, and what the URL classes say of it (behaviour.md 21).

use std::sync::Arc;

use super::cached::touch;
use super::error::{Error, Result};
use super::{Library, View};
use crate::model::ids::ItemId;
use crate::model::url;
use crate::model::url_class::{UrlClass, UrlClasses, UrlInfo};
use crate::store::{self, DocumentKind, LookupKind, Read, Tx, url_lookup};

/// Counter of changes to the URL classes.
pub(super) const URL_CLASSES_CHANGED: &str = "url_classes_changed";

/// Longer addresses are refused.
const LENGTH_MAX: usize = 64 * 1024;

/// The stored URL classes, ready for use.
pub(super) fn load_classes(read: &impl Read) -> store::Result<UrlClasses> {
    let rows: Vec<(String, UrlClass)> = read.documents(DocumentKind::UrlClass)?;
    UrlClasses::new(rows.into_iter().map(|(_, class)| class).collect())
        .map_err(|reason| store::Error::Damaged(format!("a URL class: {reason}")))
}

/// Adds a URL class or replaces the one of the same key.
///
/// # Errors
/// [`Error::Invalid`] when it cannot be used.
pub fn declare_url_class(tx: &mut Tx, class: &UrlClass) -> Result<()> {
    UrlClasses::new(vec![class.clone()]).map_err(Error::Invalid)?;
    tx.put_document(DocumentKind::UrlClass, &class.url_class_key.to_lowercase(), class)?;
    Ok(touch(tx, URL_CLASSES_CHANGED)?)
}

impl View {
    /// The URL classes.
    ///
    /// # Errors
    /// When reading fails.
    pub fn url_classes(&self) -> Result<Arc<UrlClasses>> {
        Ok(self.library.url_classes.get(&self.snapshot, load_classes)?)
    }

    /// Everything known of an address.
    ///
    /// # Errors
    /// When reading fails.
    pub fn url_info(&self, url: &str) -> Result<UrlInfo> {
        Ok(self.url_classes()?.info(url))
    }

    /// The stored form of an address, and the items known by it in any of its forms, by id.
    ///
    /// # Errors
    /// When reading fails.
    pub fn url_files(&self, url: &str) -> Result<(String, Vec<ItemId>)> {
        let classes = self.url_classes()?;
        let mut items = Vec::new();
        for form in classes.lookup_variants(url) {
            items.extend(self.snapshot.lookup(LookupKind::Url, &url_lookup(&form))?);
        }
        items.sort_unstable();
        items.dedup();
        Ok((classes.normalise(url), items))
    }
}

impl Library {
    /// Adds and removes addresses of items, in one transaction. Only those that are added take
    /// their stored form, and only with `normalise`.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown item, [`Error::Invalid`] for an overlong address.
    pub fn associate_urls(
        &self,
        items: Vec<ItemId>,
        add: Vec<String>,
        delete: Vec<String>,
        normalise: bool,
    ) -> Result<()> {
        self.write(move |tx| {
            let add = if normalise { normalised(tx, &add)? } else { add.clone() };
            associate_urls(tx, &items, &add, &delete)
        })
    }
}

fn normalised(tx: &Tx, urls: &[String]) -> Result<Vec<String>> {
    let classes = load_classes(tx)?;
    let stored = |text: &String| {
        // Nonsense is kept as it is, also by people's wish.
        if url::split(text).is_some() { classes.normalise(text) } else { text.clone() }
    };
    Ok(urls.iter().map(stored).collect())
}

/// Adds and removes addresses as they are, as part of a larger write.
///
/// # Errors
/// As [`Library::associate_urls`].
pub fn associate_urls(
    tx: &mut Tx,
    items: &[ItemId],
    add: &[String],
    delete: &[String],
) -> Result<()> {
    if add.iter().any(|url| url.len() > LENGTH_MAX) {
        return Err(Error::invalid(format!("an address is longer than {LENGTH_MAX} bytes")));
    }
    for id in items {
        let item = tx.item(*id)?.ok_or_else(|| Error::missing("file", id))?;
        let mut urls = item.clone();
        for url in add {
            urls.add_url(url);
        }
        urls.urls.retain(|url| !delete.contains(url));
        if urls.urls != item.urls {
            tx.edit_item(*id, |item| item.urls = urls.urls)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::library::testing::TestLibrary;

    #[test]
    fn a_file_is_found_by_every_form_of_its_address() {
        let library = TestLibrary::new();
        let id = library.item(1, |_| {});
        let url = "https://www.trains.example/a b/".to_owned();
        library.associate_urls(vec![id], vec![url], vec![], true).unwrap();
        let files = |url: &str| library.view().unwrap().url_files(url).unwrap().1;
        assert_eq!(library.get(id).urls, ["https://www.trains.example/a%20b/"]);
        assert_eq!(files("http://trains.example/a b"), [id]);
        assert!(files("http://trains.example/a").is_empty());
        let stored = library.get(id).urls;
        library.associate_urls(vec![id], vec![], stored, true).unwrap();
        assert!(files("http://trains.example/a b").is_empty());
        library.check();
    }

    #[test]
    fn what_is_no_address_is_kept_as_given() {
        let library = TestLibrary::new();
        let id = library.item(1, |_| {});
        let odd = vec![String::new(), "not an address".to_owned()];
        library.associate_urls(vec![id], odd.clone(), vec![], true).unwrap();
        assert_eq!(library.get(id).urls, odd);
        let raw = vec!["https://a.example/x#part".to_owned()];
        library.associate_urls(vec![id], raw.clone(), odd, false).unwrap();
        assert_eq!(library.get(id).urls, raw);
    }

    #[test]
    fn a_fresh_library_has_no_url_classes() {
        let library = TestLibrary::new();
        let info = library.view().unwrap().url_info("https://trains.example/1").unwrap();
        assert_eq!((info.url_type, info.match_name.as_str()), (5, "unknown url"));
    }
}
