//! Pictures that look alike: equal pixels, or perceptual hashes that differ in few bits.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use super::Search;
use crate::library::error::Result;
use crate::model::hash::Sha256;
use crate::store::{LookupKind, Read};

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
        for shape in shapes {
            let near = self.view.library().store.alike(*shape, distance)?;
            found.extend(near.into_iter().map(|(item, _)| item.0));
        }
        Ok(found)
    }
}
