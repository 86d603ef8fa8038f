//! Questions about the addresses of an item.

use roaring::RoaringBitmap;

use super::Search;
use super::gather::Gathered;
use crate::library::error::Result;
use crate::model::predicate::UrlTest;
use crate::model::url_class::{UrlClass, UrlClasses};
use crate::store::{DocumentKind, Flag, LookupKind, Read, SetKey, reversed_host, url_lookup};

/// Above so many items the table of addresses is walked instead of reading their records.
pub(super) const WALK_FROM: u64 = 5_000;

/// From so many addresses on those of a domain are many.
const POPULAR_FROM: u32 = if cfg!(test) { 1 } else { 4_000 };

impl Search<'_> {
    /// Items with exactly this address.
    pub(super) fn with_url(&self, url: &str) -> Result<RoaringBitmap> {
        let items = self.view.snapshot.lookup(LookupKind::Url, &url_lookup(url))?;
        Ok(items.into_iter().map(|item| item.0).collect())
    }

    /// Items with an address of this host or of one below it.
    pub(super) fn with_url_domain(&self, domain: &str) -> Result<RoaringBitmap> {
        let host = reversed_host(domain);
        let mut found = Gathered::default();
        self.view.snapshot.lookups_below(LookupKind::Url, host.as_bytes(), &mut |text, item| {
            if matches!(text.get(host.len()), Some(b' ' | b'.')) {
                found.insert(item.0);
            }
            true
        })?;
        Ok(found.into_set())
    }

    /// Whether so many addresses begin like those of a host that reading them all is slow.
    pub(super) fn is_popular_domain(&self, domain: &str) -> Result<bool> {
        let (host, mut left) = (reversed_host(domain), POPULAR_FROM);
        self.view.snapshot.lookups_below(LookupKind::Url, host.as_bytes(), &mut |_, _| {
            left -= 1;
            left > 0
        })?;
        Ok(left == 0)
    }

    /// Of a few items those with an address of this host or of one below it.
    pub(super) fn few_with_url_domain(
        &self,
        domain: &str,
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let host = reversed_host(domain);
        let snapshot = &self.view.snapshot;
        let asked = snapshot.set(SetKey::Flag(Flag::HasUrls))? & within;
        let fits = |url: &String| {
            let text = url_lookup(url);
            text.starts_with(host.as_bytes()) && matches!(text.get(host.len()), Some(b' ' | b'.'))
        };
        Self::filter(&asked, |item| {
            Ok(snapshot.item(item)?.is_some_and(|item| item.urls.iter().any(fits)))
        })
    }

    /// Of some items those with an address that fits, or those with none.
    pub(super) fn with_url_test(
        &self,
        test: &UrlTest,
        wanted: bool,
        within: RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let found = match test {
            UrlTest::Exact(url) => self.with_url(url)? & &within,
            UrlTest::Domain(domain) => self.with_url_domain(domain)? & &within,
            UrlTest::Regex(regex) => self.with_any_url(|url| regex.is_match(url), &within)?,
            UrlTest::Class(name) => match self.url_class(name)? {
                Some(class) => self.with_any_url(|url| class.find(url).is_some(), &within)?,
                None => RoaringBitmap::new(),
            },
        };
        Ok(if wanted { found } else { within - found })
    }

    /// The class of a name, alone.
    fn url_class(&self, name: &str) -> Result<Option<UrlClasses>> {
        let known: Vec<(String, UrlClass)> =
            self.view.snapshot.documents(DocumentKind::UrlClass)?;
        let name = name.to_lowercase();
        let class = known.into_iter().find(|(_, class)| class.name.to_lowercase() == name);
        Ok(class.and_then(|(_, class)| UrlClasses::new(vec![class]).ok()))
    }

    fn with_any_url(
        &self,
        test: impl Fn(&str) -> bool,
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let asked = snapshot.set(SetKey::Flag(Flag::HasUrls))? & within;
        if asked.len() < WALK_FROM {
            return Self::filter(&asked, |item| {
                let item = snapshot.item(item)?;
                Ok(item.is_some_and(|item| item.urls.iter().any(|url| test(url))))
            });
        }
        let mut found = RoaringBitmap::new();
        snapshot.lookups_below(LookupKind::Url, b"", &mut |text, item| {
            let url = text.iter().position(|byte| *byte == b' ').map(|at| &text[at + 1..]);
            if asked.contains(item.0)
                && !found.contains(item.0)
                && url.is_some_and(|url| std::str::from_utf8(url).is_ok_and(&test))
            {
                found.insert(item.0);
            }
            true
        })?;
        Ok(found)
    }
}
