//! The order of files and folders.

use super::{Window, random_place, seed};
use crate::graphql::FieldError;
use crate::model::natural::natural_order;

/// What a file or folder can be ordered by: id, path, when it was made and changed.
pub(in crate::stash) type Key = (u32, String, i64, i64);

/// One page of rows, in the order that a window asks for.
pub(in crate::stash) fn order_by_key<T>(
    rows: Vec<(Key, T)>,
    window: &Window,
) -> Result<Vec<T>, FieldError> {
    let sort = window.sort.as_str();
    let seed = seed(sort)?;
    let compare: fn(&Key, &Key, u64) -> std::cmp::Ordering = match sort {
        _ if seed.is_some() => |a, b, s| random_place(a.0, s).cmp(&random_place(b.0, s)),
        "" | "id" => |a, b, _| a.0.cmp(&b.0),
        "path" => |a, b, _| natural_order(&a.1, &b.1).then(a.0.cmp(&b.0)),
        "created_at" => |a, b, _| a.2.cmp(&b.2).then(a.0.cmp(&b.0)),
        "updated_at" => |a, b, _| a.3.cmp(&b.3).then(a.0.cmp(&b.0)),
        _ => return Err(FieldError::new(format!("invalid sort: {sort}"))),
    };
    let seed = seed.unwrap_or_default();
    let page = window.ordered_page(rows, |a, b| {
        let order = compare(&a.0, &b.0, seed);
        if window.descending { order.reverse() } else { order }
    });
    Ok(page.into_iter().map(|(_, row)| row).collect())
}
