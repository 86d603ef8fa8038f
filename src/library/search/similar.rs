//! Pictures that look alike: equal pixels, or perceptual hashes that differ in few bits.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use super::Search;
use crate::library::error::Result;
use crate::model::hash::Sha256;
use crate::model::item::Item;
use crate::store::{self, LookupKind, Read, Snapshot};

/// All perceptual hashes, by item.
pub(in crate::library) fn perceptual_hashes(snapshot: &Snapshot) -> store::Result<Vec<(u32, u64)>> {
    let mut all = Vec::new();
    snapshot.lookups_below(LookupKind::PerceptualHash, b"", &mut |text, item| {
        all.extend(<[u8; 8]>::try_from(text).ok().map(|bytes| (item.0, u64::from_be_bytes(bytes))));
    })?;
    all.sort_unstable();
    Ok(all)
}

/// The perceptual hash of an item.
pub(in crate::library) fn perceptual_hash_of(item: &Item) -> Option<u64> {
    item.media.as_ref()?.perceptual_hash
}

impl Search<'_> {
    /// Items that look like one of these files, themselves included.
    pub(super) fn similar_files(&self, hashes: &[String], distance: u32) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let mut itself = RoaringBitmap::new();
        let (mut pixels, mut shapes) = (BTreeSet::new(), BTreeSet::new());
        for hash in hashes.iter().filter_map(|text| Sha256::from_hex(text)) {
            let Some(id) = snapshot.item_by_sha256(hash)? else { continue };
            itself.insert(id.0);
            if let Some(media) = snapshot.item(id)?.and_then(|item| item.media) {
                pixels.extend(media.pixel_hash);
                shapes.extend(media.perceptual_hash);
            }
        }
        let (pixels, shapes): (Vec<_>, Vec<_>) =
            (pixels.into_iter().collect(), shapes.into_iter().collect());
        Ok(itself | self.similar_to(&pixels, &shapes, distance)?)
    }

    /// Items with one of these pixel hashes, or near one of these perceptual hashes.
    pub(super) fn similar_to(
        &self,
        pixels: &[[u8; 32]],
        shapes: &[u64],
        distance: u32,
    ) -> Result<RoaringBitmap> {
        let snapshot = &self.view.snapshot;
        let mut found = RoaringBitmap::new();
        for hash in pixels {
            let items = snapshot.lookup(LookupKind::PixelHash, hash)?;
            found.extend(items.into_iter().map(|item| item.0));
        }
        if shapes.is_empty() {
            return Ok(found);
        }
        if distance == 0 {
            for shape in shapes {
                let items = snapshot.lookup(LookupKind::PerceptualHash, &shape.to_be_bytes())?;
                found.extend(items.into_iter().map(|item| item.0));
            }
            return Ok(found);
        }
        let known = self.view.library().perceptual_hashes()?;
        let near = |hash: u64| shapes.iter().any(|shape| (shape ^ hash).count_ones() <= distance);
        found.extend(known.iter().filter(|(_, hash)| near(*hash)).map(|(item, _)| *item));
        Ok(found)
    }
}
