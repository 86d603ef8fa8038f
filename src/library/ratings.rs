//! Ratings: likes, stars and counts (behaviour.md 18).
//!
//! Likes are kept as 1 and 0, stars as a fraction of their scale, counts as they are. The two
//! services that mirror Stash's rating and counter also move the state of the object.

use super::error::{Error, Result};
use super::services::Services;
use super::{Library, View};
use crate::model::ids::{ItemId, ServiceId};
use crate::model::item::Item;
use crate::model::service::{Service, ServiceKind, stash};
use crate::store::{Read as _, Tx};

/// A rating as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    /// No rating: takes it back.
    Unset,
    Liked(bool),
    /// Stars; more than there are, or fewer than allowed, count as the next possible number.
    Stars(i64),
    /// A count; below zero counts as zero.
    Count(i64),
}

/// The most a counter can hold: beyond it a float does not tell numbers apart.
const COUNT_MAX: i64 = 1 << 53;

impl Library {
    /// Rates items in a service, in one transaction.
    ///
    /// # Errors
    /// [`Error::Missing`] for an unknown service, [`Error::Invalid`] when it is no rating service
    /// or knows no such rating.
    pub fn rate(&self, items: Vec<ItemId>, service: ServiceId, rating: Rating) -> Result<()> {
        self.write(move |tx| rate(tx, &items, service, rating))
    }
}

/// [`Library::rate`] as part of a larger write.
///
/// # Errors
/// As there.
pub fn rate(tx: &mut Tx, items: &[ItemId], id: ServiceId, rating: Rating) -> Result<()> {
    let services = Services::load(tx)?;
    let service = services.get(id).ok_or_else(|| Error::missing("service", id))?;
    let value = stored_value(service, rating)?;
    for item in items {
        let known = tx.item(*item)?.ok_or_else(|| Error::missing("file", item))?;
        if known.rating(id) != value {
            let now_ms = tx.now_ms();
            tx.edit_item(*item, |item| {
                item.set_rating(id, value);
                mirror(item, service, value, now_ms);
            })?;
        }
    }
    Ok(())
}

/// The number that stands for a rating in a service; `None` for no rating.
///
/// # Errors
/// [`Error::Invalid`] when the service knows no such rating.
pub fn stored_value(service: &Service, rating: Rating) -> Result<Option<f64>> {
    let expects = |kind: &str| {
        Err(Error::invalid(format!("Sorry, this service expects a \"{kind}\" rating!")))
    };
    match (service.kind, rating) {
        (ServiceKind::RATING_COUNT, Rating::Unset) => {
            Err(Error::invalid("Sorry, this service does not allow a null rating!"))
        }
        (ServiceKind::RATING_LIKE | ServiceKind::RATING_NUMERICAL, Rating::Unset) => Ok(None),
        (ServiceKind::RATING_LIKE, Rating::Liked(liked)) => Ok(Some(if liked { 1.0 } else { 0.0 })),
        (ServiceKind::RATING_LIKE, _) => expects("bool"),
        (ServiceKind::RATING_NUMERICAL, Rating::Stars(stars)) => Ok(Some(fraction(service, stars))),
        (ServiceKind::RATING_COUNT, Rating::Count(count)) => {
            #[expect(clippy::cast_precision_loss, reason = "bounded to what a float holds exactly")]
            let count = count.clamp(0, COUNT_MAX) as f64;
            Ok(Some(count).filter(|count| *count > 0.0))
        }
        (ServiceKind::RATING_NUMERICAL | ServiceKind::RATING_COUNT, _) => expects("int"),
        _ => Err(Error::invalid("That service is not a rating service!")),
    }
}

/// Stars as a fraction of their scale.
fn fraction(service: &Service, stars: i64) -> f64 {
    let (min, max) = scale(service);
    let stars = stars.clamp(min, max);
    #[expect(clippy::cast_precision_loss, reason = "a service has few stars")]
    let part = |stars: i64| stars as f64;
    if max == min { 1.0 } else { part(stars - min) / part(max - min) }
}

/// The stars that a stored fraction shows as.
#[must_use]
pub fn stars(service: &Service, value: f64) -> i64 {
    let (min, max) = scale(service);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a service has few stars"
    )]
    let above = (value.clamp(0.0, 1.0) * (max - min) as f64).round() as i64;
    min + above
}

fn scale(service: &Service) -> (i64, i64) {
    let min = i64::from(service.min_stars.min(1));
    (min, i64::from(service.max_stars).max(min))
}

/// Moves Stash's own rating and counter along with the services that mirror them.
fn mirror(item: &mut Item, service: &Service, value: Option<f64>, now_ms: i64) {
    if service.key == stash::RATING_KEY {
        let points = value.map(|value| stars(service, value).clamp(1, 5) * 20);
        item.object_mut().rating100 = points.and_then(|points| u8::try_from(points).ok());
    } else if service.key == stash::COUNTER_KEY {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole, not negative and bounded"
        )]
        let count = value.unwrap_or(0.0) as u64;
        set_counter(item, count, now_ms);
    }
}

/// Brings a counter with times to a number: new counts are of now, the latest go first.
fn set_counter(item: &mut Item, count: u64, now_ms: i64) {
    /// More new counts than these carry no time: nobody pressed a button so often.
    const TIMED_MAX: u64 = 100;
    let object = item.object_mut();
    let known = object.counted_ms.len() as u64 + object.counter_untimed;
    let new = count.saturating_sub(known);
    if new <= TIMED_MAX {
        // By the second, as Stash counts.
        object.counted_ms.extend((0..new).map(|_| now_ms.div_euclid(1000) * 1000));
    } else {
        object.counter_untimed += new;
    }
    let gone = known.saturating_sub(count);
    let timed_gone = gone.min(object.counted_ms.len() as u64);
    object.counted_ms.sort_unstable();
    let kept = object.counted_ms.len() - usize::try_from(timed_gone).unwrap_or(0);
    object.counted_ms.truncate(kept);
    object.counter_untimed -= (gone - timed_gone).min(object.counter_untimed);
}

impl View {
    /// The rating of an item in a service, as a person sees it. Counters begin at zero.
    #[must_use]
    pub fn rating(&self, item: &Item, id: ServiceId) -> Rating {
        let Some(service) = self.services().get(id) else { return Rating::Unset };
        let value = item.rating(id);
        match service.kind {
            ServiceKind::RATING_LIKE => value.map_or(Rating::Unset, |v| Rating::Liked(v >= 0.5)),
            ServiceKind::RATING_NUMERICAL => {
                value.map_or(Rating::Unset, |value| Rating::Stars(stars(service, value)))
            }
            #[expect(clippy::cast_possible_truncation, reason = "counts are whole and bounded")]
            ServiceKind::RATING_COUNT => Rating::Count(value.unwrap_or(0.0) as i64),
            _ => Rating::Unset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numerical(min_stars: u32, max_stars: u32) -> Service {
        Service { min_stars, max_stars, ..Service::plain(b"s", "s", ServiceKind::RATING_NUMERICAL) }
    }

    #[track_caller]
    fn check(service: &Service, given: i64, value: f64, shown: i64) {
        let stored = stored_value(service, Rating::Stars(given)).unwrap().unwrap();
        assert!((stored - value).abs() < 1e-9, "{given} is stored as {stored}, not {value}");
        assert_eq!(stars(service, stored), shown, "{given}");
    }

    #[test]
    fn stars_are_fractions_of_their_scale() {
        check(&numerical(1, 5), 1, 0.0, 1);
        check(&numerical(1, 5), 3, 0.5, 3);
        check(&numerical(0, 5), 1, 0.2, 1);
        check(&numerical(0, 5), 0, 0.0, 0);
    }

    #[test]
    fn numbers_outside_the_scale_count_as_its_ends() {
        check(&numerical(1, 5), 6, 1.0, 5);
        check(&numerical(1, 5), -1, 0.0, 1);
        check(&numerical(0, 3), i64::MAX, 1.0, 3);
        check(&numerical(1, 1), 7, 1.0, 1);
    }

    #[test]
    fn every_number_of_stars_is_shown_as_it_was_given() {
        for max in 1..=20 {
            for min in 0..=1 {
                let service = numerical(min, max);
                for given in i64::from(min)..=i64::from(max) {
                    let value = stored_value(&service, Rating::Stars(given)).unwrap().unwrap();
                    assert_eq!(stars(&service, value), given, "of {max}");
                }
            }
        }
    }

    #[test]
    fn a_service_refuses_the_ratings_of_others() {
        let like = Service::plain(b"l", "l", ServiceKind::RATING_LIKE);
        let count = Service::plain(b"c", "c", ServiceKind::RATING_COUNT);
        let tags = Service::plain(b"t", "t", ServiceKind::LOCAL_TAGS);
        assert!(stored_value(&like, Rating::Stars(1)).is_err());
        assert!(stored_value(&numerical(1, 5), Rating::Liked(true)).is_err());
        assert!(stored_value(&count, Rating::Unset).is_err());
        assert!(stored_value(&tags, Rating::Liked(true)).is_err());
        assert_eq!(stored_value(&count, Rating::Count(-4)).unwrap(), None);
    }

    #[test]
    fn the_counter_follows_in_both_directions() {
        let mut item = Item::default();
        item.object_mut().counted_ms = vec![10_000, 20_000];
        item.object_mut().counter_untimed = 1;
        set_counter(&mut item, 4, 30_999);
        assert_eq!(
            (item.object_mut().counted_ms.clone(), item.object_mut().counter_untimed),
            (vec![10_000, 20_000, 30_000], 1)
        );
        set_counter(&mut item, 2, 40_000);
        assert_eq!(
            (item.object_mut().counted_ms.clone(), item.object_mut().counter_untimed),
            (vec![10_000], 1)
        );
        set_counter(&mut item, 0, 40_000);
        assert_eq!((item.object_mut().counted_ms.len(), item.object_mut().counter_untimed), (0, 0));
    }
}
