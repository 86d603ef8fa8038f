//! Times of items and their viewing statistics (behaviour.md 19).

use super::Library;
use super::error::{Error, Result};
use super::services::Services;
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::{CanvasViews, Item};
use crate::model::service::ServiceKind;
use crate::store::{Read as _, Tx};

/// Which time of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeOf {
    /// Last changed on a web domain. May be added and taken away freely.
    ModifiedOnDomain(String),
    /// Last changed as a file.
    Modified,
    Imported(ServiceId),
    Deleted(ServiceId),
    /// Imported into a domain that it was deleted from since.
    PreviouslyImported(ServiceId),
    Archived,
    LastViewed(u8),
}

/// The canvases that views are counted of: media viewer, preview, client API.
pub const CANVASES: [u8; 3] = [0, 1, 4];

/// In place of a moment: the last view stays.
pub const KEEP_LAST_VIEW: i64 = i64::MIN;

impl Library {
    /// Sets one time of items, or takes it away, in one transaction. Times other than those on web
    /// domains are only edited: each item must have one already.
    ///
    /// # Errors
    /// [`Error::Invalid`] as said, or when the service or canvas has no such times.
    pub fn set_time(
        &self,
        items: Vec<ItemId>,
        which: TimeOf,
        moment_ms: Option<i64>,
    ) -> Result<()> {
        self.write(move |tx| set_time(tx, &items, &which, moment_ms))
    }

    /// Adds views and time to what is known of a canvas. The last view is then `at_ms`, even if it
    /// is older; without it, now; [`KEEP_LAST_VIEW`] leaves it as it is, unknown too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a canvas that is not counted.
    pub fn add_views(
        &self,
        items: Vec<ItemId>,
        canvas: u8,
        views: u64,
        viewtime_ms: u64,
        at_ms: Option<i64>,
    ) -> Result<()> {
        check_canvas(canvas)?;
        self.change_views(items, canvas, move |row, now_ms| {
            row.views = row.views.saturating_add(views);
            row.viewtime_ms = row.viewtime_ms.saturating_add(viewtime_ms);
            if at_ms != Some(KEEP_LAST_VIEW) {
                row.last_viewed_ms = Some(at_ms.unwrap_or(now_ms));
            }
        })
    }

    /// Replaces what is known of a canvas. Without `at_ms` the last view stays, unknown too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a canvas that is not counted.
    pub fn set_views(
        &self,
        items: Vec<ItemId>,
        canvas: u8,
        views: u64,
        viewtime_ms: u64,
        at_ms: Option<i64>,
    ) -> Result<()> {
        check_canvas(canvas)?;
        self.change_views(items, canvas, move |row, _| {
            row.views = views;
            row.viewtime_ms = viewtime_ms;
            row.last_viewed_ms = at_ms.or(row.last_viewed_ms);
        })
    }

    fn change_views(
        &self,
        items: Vec<ItemId>,
        canvas: u8,
        change: impl Fn(&mut CanvasViews, i64) + Send + 'static,
    ) -> Result<()> {
        self.write(move |tx| {
            for item in &items {
                known(tx, *item)?;
            }
            let now_ms = tx.now_ms();
            for item in &items {
                tx.edit_item(*item, |item| {
                    let mut row = item.views_of(canvas);
                    change(&mut row, now_ms);
                    item.set_views(row);
                })?;
            }
            Ok(())
        })
    }
}

fn check_canvas(canvas: u8) -> Result<()> {
    if CANVASES.contains(&canvas) {
        return Ok(());
    }
    Err(Error::invalid("Sorry, the canvas type needs to be either 0, 1, or 4!"))
}

fn known(tx: &Tx, item: ItemId) -> Result<Item> {
    tx.item(item)?.ok_or_else(|| Error::missing("file", item))
}

/// [`Library::set_time`] as part of a larger write.
///
/// # Errors
/// As there.
pub fn set_time(
    tx: &mut Tx,
    items: &[ItemId],
    which: &TimeOf,
    moment_ms: Option<i64>,
) -> Result<()> {
    if let TimeOf::ModifiedOnDomain(domain) = which {
        for item in items {
            known(tx, *item)?;
            tx.edit_item(*item, |item| set_domain_time(item, domain, moment_ms))?;
        }
        return Ok(());
    }
    let Some(moment_ms) = moment_ms else {
        return Err(Error::invalid(
            "Sorry, you can only delete web domain timestamps (type 0) for now!",
        ));
    };
    let name = describe(tx, which)?;
    for id in items {
        let mut item = known(tx, *id)?;
        if slot(&mut item, which).is_none() {
            let hash = item.sha256.map(|hash| hash.to_hex()).unwrap_or_default();
            return Err(Error::invalid(format!(
                "Sorry, times other than those of web domains can only be edited, not added, and \
                 this file has no {name}: {hash}"
            )));
        }
    }
    for id in items {
        tx.edit_item(*id, |item| {
            if let Some(slot) = slot(item, which) {
                *slot = moment_ms;
            }
        })?;
    }
    Ok(())
}

fn set_domain_time(item: &mut Item, domain: &str, moment_ms: Option<i64>) {
    item.domain_modified.retain(|(known, _)| known != domain);
    if let Some(moment_ms) = moment_ms {
        item.domain_modified.push((domain.to_owned(), moment_ms));
        item.domain_modified.sort();
    }
}

/// Where a time stands that the item has.
fn slot<'a>(item: &'a mut Item, which: &TimeOf) -> Option<&'a mut i64> {
    let deletion = |item: &'a mut Item, service: ServiceId| {
        item.deletions.iter_mut().find(|row| row.service == service)
    };
    match which {
        TimeOf::ModifiedOnDomain(_) => None,
        TimeOf::Modified => item.modified_ms.as_mut(),
        TimeOf::Imported(service) => {
            let row = item.domains.iter_mut().find(|row| row.service == *service)?;
            row.imported_ms.as_mut()
        }
        TimeOf::Deleted(service) => deletion(item, *service)?.deleted_ms.as_mut(),
        TimeOf::PreviouslyImported(service) => deletion(item, *service)?.imported_ms.as_mut(),
        TimeOf::Archived if item.inbox => None,
        TimeOf::Archived => item.archived_ms.as_mut(),
        TimeOf::LastViewed(canvas) => {
            let row = item.views.iter_mut().find(|row| row.canvas == *canvas)?;
            row.last_viewed_ms.as_mut()
        }
    }
}

/// The name of a time for people; refuses services and canvases that have none.
fn describe(tx: &Tx, which: &TimeOf) -> Result<String> {
    let domain = |id: ServiceId| -> Result<String> {
        let services = Services::load(tx)?;
        let service = services.get(id).ok_or_else(|| Error::missing("service", id))?;
        let has_times = service.kind.holds_files() && service.kind != ServiceKind::ALL_KNOWN_FILES;
        if !has_times {
            return Err(Error::invalid("Sorry, you have to specify a file service service key!"));
        }
        Ok(format!("\"{}\"", service.name))
    };
    Ok(match which {
        TimeOf::ModifiedOnDomain(domain) => format!("modified time on {domain}"),
        TimeOf::Modified => "modified time".to_owned(),
        TimeOf::Imported(service) => format!("{} imported time", domain(*service)?),
        TimeOf::Deleted(service) => format!("{} deleted time", domain(*service)?),
        TimeOf::PreviouslyImported(id) => format!("{} previously imported time", domain(*id)?),
        TimeOf::Archived => "archived time".to_owned(),
        TimeOf::LastViewed(canvas) => {
            check_canvas(*canvas)?;
            "last viewed time".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::testing::TestLibrary;
    use crate::model::item::Membership;
    use crate::model::service::builtin;

    fn with_item(change: impl Fn(&mut Item) + Send + 'static) -> (TestLibrary, ItemId) {
        let library = TestLibrary::new();
        let id = library.item(1, change);
        (library, id)
    }

    #[test]
    fn times_of_web_domains_come_and_go() {
        let (library, id) = with_item(|_| {});
        let trains = || TimeOf::ModifiedOnDomain("trains.example".to_owned());
        library.set_time(vec![id], trains(), Some(5000)).unwrap();
        assert_eq!(library.get(id).domain_modified, [("trains.example".to_owned(), 5000)]);
        library.set_time(vec![id], trains(), None).unwrap();
        assert!(library.get(id).domain_modified.is_empty());
        library.set_time(vec![id], trains(), None).unwrap();
    }

    #[test]
    fn other_times_are_edited_but_never_made() {
        let (library, id) = with_item(|item| {
            item.modified_ms = Some(1);
            item.domains.push(Membership { service: builtin::MY_FILES, imported_ms: Some(2) });
            item.inbox = true;
            item.archived_ms = Some(3);
        });
        library.set_time(vec![id], TimeOf::Modified, Some(-7)).unwrap();
        library.set_time(vec![id], TimeOf::Imported(builtin::MY_FILES), Some(8)).unwrap();
        let item = library.get(id);
        assert_eq!((item.modified_ms, item.domains[0].imported_ms), (Some(-7), Some(8)));
        for which in [
            TimeOf::Archived,
            TimeOf::Imported(builtin::TRASH),
            TimeOf::Imported(builtin::MY_TAGS),
            TimeOf::Deleted(builtin::MY_FILES),
            TimeOf::PreviouslyImported(builtin::MY_FILES),
            TimeOf::LastViewed(0),
        ] {
            let refused = library.set_time(vec![id], which.clone(), Some(9));
            assert!(matches!(refused, Err(Error::Invalid(_))), "{which:?}");
        }
        assert!(library.set_time(vec![id], TimeOf::Modified, None).is_err());
        assert_eq!(library.get(id), item);
    }

    #[test]
    fn one_file_without_the_time_refuses_all() {
        let (library, with) = with_item(|item| item.modified_ms = Some(1));
        let without = library.item(2, |_| {});
        assert!(library.set_time(vec![with, without], TimeOf::Modified, Some(5)).is_err());
        assert_eq!(library.get(with).modified_ms, Some(1));
    }

    #[test]
    fn views_add_up_or_are_replaced() {
        let (library, id) = with_item(|_| {});
        library.add_views(vec![id], 4, 1, 1500, Some(900)).unwrap();
        library.add_views(vec![id], 4, 2, 500, Some(100)).unwrap();
        let row = |views, viewtime_ms, last_viewed_ms| CanvasViews {
            canvas: 4,
            views,
            viewtime_ms,
            last_viewed_ms,
        };
        assert_eq!(library.get(id).views_of(4), row(3, 2000, Some(100)));
        library.set_views(vec![id], 4, 9, 1, None).unwrap();
        assert_eq!(library.get(id).views_of(4), row(9, 1, Some(100)));
        library.set_views(vec![id], 0, 1, 1, None).unwrap();
        library.add_views(vec![id], 0, 1, 1, Some(KEEP_LAST_VIEW)).unwrap();
        assert_eq!(library.get(id).views_of(0).last_viewed_ms, None);
        assert!(library.add_views(vec![id], 2, 1, 1, None).is_err());
    }
}
