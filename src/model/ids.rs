//! Identifiers: one newtype per kind, so that an id of one kind cannot be used as another.
//!
//! All are assigned by the store in increasing order and never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

id!(
    /// One content (one SHA-256), or an object without content. `file_id` in Hydrus; the id of a
    /// scene, image or gallery in Stash is the `ItemId` of its first item.
    ItemId,
    u32
);
id!(
    /// One cleaned tag: namespace and subtag. Also the id of the Stash tag, performer, studio or
    /// group that bears it.
    TagId,
    u32
);
id!(
    /// One service: a tag service, a file domain or a rating.
    ServiceId,
    u16
);
id!(
    /// Where bytes are: a managed blob or a path in a library folder.
    PlaceId,
    u32
);
id!(
    /// One folder of a library path, as last seen on disk.
    FolderId,
    u32
);
id!(
    /// One duplicate group: files that a person declared to be the same picture.
    GroupId,
    u32
);
id!(
    /// One marker of a scene.
    MarkerId,
    u32
);
