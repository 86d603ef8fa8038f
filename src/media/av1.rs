//! One AV1 still through re_rav1d, dav1d's decoder in Rust, which offers dav1d's C interface alone.
//!
//! What keeps the `unsafe` of this file sound: the decoder and its picture are owned by the guard
//! `Decoder`, planes are copied out before the picture is given back, and no row is read beyond the
//! size that the decoder reports for its plane.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use re_rav1d::include::dav1d::data::Dav1dData;
use re_rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use re_rav1d::include::dav1d::headers;
use re_rav1d::include::dav1d::picture::Dav1dPicture;
use re_rav1d::src::lib as dav1d;

use super::picture::PIXELS_MAX;
use super::yuv::{Colour, Planes};

/// More attempts than one still can need.
const ATTEMPTS_MAX: usize = 16;
const TRY_AGAIN: c_int = -11;

/// A decoder with what it holds; dropping it gives everything back.
struct Decoder {
    context: Option<Dav1dContext>,
    data: Dav1dData,
    picture: Dav1dPicture,
}

impl Drop for Decoder {
    #[expect(unsafe_code, reason = "C destructors")]
    fn drop(&mut self) {
        // SAFETY: each is either empty, which these functions accept, or came from the library.
        unsafe {
            dav1d::dav1d_picture_unref(Some(NonNull::from(&mut self.picture)));
            dav1d::dav1d_data_unref(Some(NonNull::from(&mut self.data)));
            dav1d::dav1d_close(Some(NonNull::from(&mut self.context)));
        }
    }
}

/// The first picture of a stream, with the colours that the stream itself tells.
pub(super) fn still(stream: &[u8]) -> Option<(Planes, Colour)> {
    let mut decoder = open(stream)?;
    for _ in 0..ATTEMPTS_MAX {
        if decoder.step()? {
            return decoder.planes();
        }
    }
    None
}

#[expect(unsafe_code, reason = "C constructors")]
fn open(stream: &[u8]) -> Option<Decoder> {
    let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
    let place = NonNull::new(settings.as_mut_ptr())?;
    // SAFETY: the function fills the settings without reading them.
    let mut settings = unsafe {
        dav1d::dav1d_default_settings(place);
        settings.assume_init()
    };
    settings.n_threads = 1;
    settings.max_frame_delay = 1;
    settings.all_layers = 0;
    settings.frame_size_limit = PIXELS_MAX as u32;
    // SAFETY: without a callback nothing is called.
    settings.logger = unsafe { Dav1dLogger::new(None, None) };
    let mut decoder =
        Decoder { context: None, data: Dav1dData::default(), picture: Dav1dPicture::default() };
    // SAFETY: both point to live values; the settings are copied.
    let opened = unsafe {
        let context = NonNull::from(&mut decoder.context);
        dav1d::dav1d_open(Some(context), Some(NonNull::from(&mut settings)))
    };
    if opened.0 != 0 || stream.is_empty() {
        return None;
    }
    // SAFETY: the library allocates that many bytes and says where; null is checked.
    unsafe {
        let place = NonNull::from(&mut decoder.data);
        let copy = NonNull::new(dav1d::dav1d_data_create(Some(place), stream.len()))?;
        std::ptr::copy_nonoverlapping(stream.as_ptr(), copy.as_ptr(), stream.len());
    }
    Some(decoder)
}

impl Decoder {
    /// Feeds what is left and asks for a picture: whether there is one, `None` for damage.
    #[expect(unsafe_code, reason = "C interface")]
    fn step(&mut self) -> Option<bool> {
        if self.data.sz > 0 {
            // SAFETY: the context is open and the data came from `dav1d_data_create`.
            let sent = unsafe {
                dav1d::dav1d_send_data(self.context, Some(NonNull::from(&mut self.data)))
            };
            if sent.0 != 0 && sent.0 != TRY_AGAIN {
                return None;
            }
        }
        // SAFETY: the context is open; the picture is empty and writable.
        let got = unsafe {
            dav1d::dav1d_get_picture(self.context, Some(NonNull::from(&mut self.picture)))
        };
        match got.0 {
            0 => Some(true),
            TRY_AGAIN => Some(false),
            _ => None,
        }
    }

    /// Copies the samples of the held picture.
    #[expect(unsafe_code, reason = "planes and headers are given by pointer")]
    fn planes(&self) -> Option<(Planes, Colour)> {
        let shape = &self.picture.p;
        let (width, height) = (usize::try_from(shape.w).ok()?, usize::try_from(shape.h).ok()?);
        let (right, down) = match shape.layout {
            headers::DAV1D_PIXEL_LAYOUT_I420 => (1, 1),
            headers::DAV1D_PIXEL_LAYOUT_I422 => (1, 0),
            _ => (0, 0),
        };
        let mut planes = Planes::blank(width, height, shape.bpc as u32, (right, down))?;
        planes.is_grey = shape.layout == headers::DAV1D_PIXEL_LAYOUT_I400;
        for plane in 0..if planes.is_grey { 1 } else { 3 } {
            let (across, rows) = planes.plane_size(plane);
            let start = self.picture.data[plane]?.cast::<u8>();
            let stride = self.picture.stride[plane.min(1)];
            for y in 0..rows {
                // SAFETY: the library's planes have that many rows of at least that many samples,
                // of one byte up to 8 bits and of two above, aligned for them.
                let samples = &mut planes.samples[plane][y * across..(y + 1) * across];
                unsafe {
                    let row = start.as_ptr().offset(stride * y as isize);
                    if shape.bpc > 8 {
                        let row = std::slice::from_raw_parts(row.cast::<u16>(), across);
                        samples.copy_from_slice(row);
                    } else {
                        let row = std::slice::from_raw_parts(row, across);
                        samples.iter_mut().zip(row).for_each(|(to, from)| *to = u16::from(*from));
                    }
                }
            }
        }
        // SAFETY: the header lives as long as the picture.
        let header = unsafe { self.picture.seq_hdr?.as_ref() };
        let colour = Colour { matrix: header.mtrx as u16, is_full_range: header.color_range != 0 };
        Some((planes, colour))
    }
}
