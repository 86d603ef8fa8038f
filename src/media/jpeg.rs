//! JPEG through libjpeg-turbo's arithmetic (mozjpeg), the only one whose pixels equal the original's.
//!
//! Most of the `unsafe` code of the project is in this file. Three rules keep it sound:
//! - errors leave C by unwinding from `error_exit` (the C code is compiled for it) and are caught
//!   right outside; nothing in between owns memory that is not freed by the guards here;
//! - the library never holds a pointer to a row that is shorter than one line of output;
//! - the codec structs are boxed, so they never move while C points into them.

use std::ffi::{c_int, c_ulong};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::mpsc::channel;

use mozjpeg_sys as sys;
use sha2::{Digest, Sha256};

use super::picture::{PIXELS_MAX, Picture};

/// Why a JPEG could not be decoded or written; the library's own message number.
#[derive(Debug, thiserror::Error)]
#[error("libjpeg error {0}")]
pub struct Malformed(pub i32);

/// Number given where our own limits refuse, not the library.
const BEYOND_LIMITS: i32 = -1;
/// Rows that are hashed together.
const STRIP_ROWS: usize = 32;
/// Corrupt files can make the library warn for ever, each time over a whole scan.
const SCANS_MAX: i32 = 500;

/// Pixels as they come out of the decoder, without rotation or colour management.
pub enum Decoded {
    /// RGB.
    Colour(Picture),
    /// Grey turned into RGB, to which no colour profile applies.
    Grey(Picture),
    /// Four inks a pixel, 255 meaning no ink, as Adobe writes them.
    Cmyk { width: u32, height: u32, inks: Vec<u8> },
}

extern "C-unwind" fn fail(common: &mut sys::jpeg_common_struct) {
    #[expect(unsafe_code, reason = "the library hands out its own error manager by pointer")]
    // SAFETY: `err` points to the error manager that outlives the codec (see `errors`).
    let code = unsafe { (*common.err).msg_code };
    resume_unwind(Box::new(Malformed(code)));
}

extern "C-unwind" fn be_silent(_: &mut sys::jpeg_common_struct, _: c_int) {}

extern "C-unwind" fn watch(common: &mut sys::jpeg_common_struct) {
    #[expect(unsafe_code, reason = "a progress callback gets the common part of a decompressor")]
    // SAFETY: this callback is installed on decompressors only, of which `common` is the first field.
    let scans =
        unsafe { (*ptr::from_mut(common).cast::<sys::jpeg_decompress_struct>()).input_scan_number };
    if scans > SCANS_MAX {
        resume_unwind(Box::new(Malformed(BEYOND_LIMITS)));
    }
}

#[expect(unsafe_code, reason = "C struct filled by the library")]
fn errors() -> Box<sys::jpeg_error_mgr> {
    // SAFETY: all-zero bytes are a valid value: numbers, null pointers and absent callbacks.
    let mut manager: Box<sys::jpeg_error_mgr> = Box::new(unsafe { mem::zeroed() });
    // SAFETY: the library fills the struct it is given.
    unsafe { sys::jpeg_std_error(&mut manager) };
    manager.error_exit = Some(fail);
    manager.emit_message = Some(be_silent);
    manager
}

/// Runs code that may unwind out of the library with [`Malformed`].
fn caught<T>(run: impl FnOnce() -> Result<T, Malformed>) -> Result<T, Malformed> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(payload) => match payload.downcast::<Malformed>() {
            Ok(malformed) => Err(*malformed),
            Err(other) => resume_unwind(other),
        },
    }
}

struct Decompressor {
    codec: Box<sys::jpeg_decompress_struct>,
    // Pointed to by the codec.
    _errors: Box<sys::jpeg_error_mgr>,
    _progress: Box<sys::jpeg_progress_mgr>,
}

impl Decompressor {
    #[expect(unsafe_code, reason = "C constructor")]
    fn new() -> Decompressor {
        let mut errors = errors();
        // SAFETY: all-zero bytes are valid for both structs, as above.
        let mut codec: Box<sys::jpeg_decompress_struct> = Box::new(unsafe { mem::zeroed() });
        // SAFETY: as above.
        let mut progress: Box<sys::jpeg_progress_mgr> = Box::new(unsafe { mem::zeroed() });
        codec.common.err = &mut *errors;
        // SAFETY: the struct is zeroed and has its error manager; the constructor keeps only that.
        unsafe { sys::jpeg_create_decompress(&mut *codec) };
        progress.progress_monitor = Some(watch);
        codec.common.progress = &mut *progress;
        Decompressor { codec, _errors: errors, _progress: progress }
    }
}

impl Drop for Decompressor {
    #[expect(unsafe_code, reason = "C destructor")]
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once; works in any state, after errors too.
        unsafe { sys::jpeg_destroy_decompress(&mut self.codec) };
    }
}

/// Decodes a whole JPEG. What is missing at the end of a truncated file is grey, as in the original.
/// With `hashes` the pixels are hashed on another thread as they come; the hash is of RGB only.
pub fn decode(bytes: &[u8], hashes: bool) -> Result<(Decoded, Option<[u8; 32]>), Malformed> {
    let mut decompressor = Decompressor::new();
    caught(|| run_decode(&mut decompressor.codec, bytes, hashes))
}

#[expect(unsafe_code, reason = "calls into libjpeg")]
fn run_decode(
    codec: &mut sys::jpeg_decompress_struct,
    bytes: &[u8],
    hashes: bool,
) -> Result<(Decoded, Option<[u8; 32]>), Malformed> {
    // SAFETY: `bytes` outlives every use of the codec, which only reads it.
    unsafe {
        sys::jpeg_mem_src(codec, bytes.as_ptr(), bytes.len() as c_ulong);
        sys::jpeg_read_header(codec, 1);
    }
    let pixels = u64::from(codec.image_width) * u64::from(codec.image_height);
    if pixels == 0 || pixels > PIXELS_MAX {
        return Err(Malformed(BEYOND_LIMITS));
    }
    let cmyk = codec.num_components == 4;
    codec.out_color_space = match codec.jpeg_color_space {
        sys::J_COLOR_SPACE::JCS_CMYK | sys::J_COLOR_SPACE::JCS_YCCK => sys::J_COLOR_SPACE::JCS_CMYK,
        sys::J_COLOR_SPACE::JCS_GRAYSCALE => sys::J_COLOR_SPACE::JCS_GRAYSCALE,
        _ => sys::J_COLOR_SPACE::JCS_RGB,
    };
    codec.dct_method = sys::J_DCT_METHOD::JDCT_ISLOW;
    codec.do_fancy_upsampling = 1;
    codec.do_block_smoothing = 1;
    // SAFETY: the header has been read.
    unsafe { sys::jpeg_start_decompress(codec) };
    let (width, height) = (codec.output_width, codec.output_height);
    let channels =
        usize::try_from(codec.output_components).map_err(|_| Malformed(BEYOND_LIMITS))?;
    let stride = width as usize * channels;
    let mut pixels = vec![0_u8; stride * height as usize];
    let strips = pixels.chunks_mut(stride * STRIP_ROWS);
    let hash = if hashes && channels == 3 {
        hash_strips(strips.map(|strip| {
            read_rows(codec, strip, stride);
            &*strip
        }))
    } else {
        strips.for_each(|strip| read_rows(codec, strip, stride));
        None
    };
    let decoded = match channels {
        1 => Picture::from_grey(width, height, &pixels).map(Decoded::Grey),
        3 => Picture::new(width, height, 3, pixels).map(Decoded::Colour),
        4 if cmyk => Some(Decoded::Cmyk { width, height, inks: pixels }),
        _ => None,
    };
    decoded.map(|decoded| (decoded, hash)).ok_or(Malformed(BEYOND_LIMITS))
}

/// Reads as many rows as fit. Rows that the library does not give stay as they are.
#[expect(unsafe_code, reason = "a call into libjpeg")]
fn read_rows(codec: &mut sys::jpeg_decompress_struct, rows: &mut [u8], stride: usize) {
    for row in rows.chunks_exact_mut(stride) {
        let mut line = row.as_mut_ptr();
        // SAFETY: `line` points to one whole line of output, and one line is asked for.
        if unsafe { sys::jpeg_read_scanlines(codec, &mut line, 1) } != 1 {
            break;
        }
    }
}

/// The SHA-256 of strips, taken on another thread while the next ones are made. `None` where there
/// is no thread to be had.
fn hash_strips<'a>(strips: impl Iterator<Item = &'a [u8]>) -> Option<[u8; 32]> {
    let (made, to_hash) = channel::<&[u8]>();
    std::thread::scope(|scope| {
        let hash = move || {
            let hasher = to_hash.into_iter().fold(Sha256::new(), Digest::chain_update);
            hasher.finalize().into()
        };
        let hashing = std::thread::Builder::new().spawn_scoped(scope, hash).ok();
        for strip in strips {
            // Nobody takes it where there is no thread.
            let _unhashed = made.send(strip);
        }
        drop(made);
        hashing?.join().ok()
    })
}

struct Compressor {
    codec: Box<sys::jpeg_compress_struct>,
    _errors: Box<sys::jpeg_error_mgr>,
}

impl Compressor {
    #[expect(unsafe_code, reason = "C constructor")]
    fn new() -> Compressor {
        let mut errors = errors();
        // SAFETY: all-zero bytes are a valid value, as above.
        let mut codec: Box<sys::jpeg_compress_struct> = Box::new(unsafe { mem::zeroed() });
        codec.common.err = &mut *errors;
        // SAFETY: the struct is zeroed and has its error manager.
        unsafe { sys::jpeg_create_compress(&mut *codec) };
        Compressor { codec, _errors: errors }
    }
}

impl Drop for Compressor {
    #[expect(unsafe_code, reason = "C destructor")]
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once; works in any state, after errors too.
        unsafe { sys::jpeg_destroy_compress(&mut self.codec) };
    }
}

/// Bytes that the library allocates with malloc.
struct Output {
    start: *mut u8,
    length: c_ulong,
}

impl Drop for Output {
    #[expect(unsafe_code, reason = "memory that the C library allocated")]
    fn drop(&mut self) {
        // SAFETY: null or allocated by the library with malloc, and freed only here.
        unsafe { free(self.start.cast()) };
    }
}

#[expect(unsafe_code, reason = "the libc function that belongs to the library's malloc")]
unsafe extern "C" {
    fn free(memory: *mut std::ffi::c_void);
}

/// Writes RGB as a JPEG of that quality, with half-size colour as usual. An alpha channel is dropped.
pub fn encode(picture: &Picture, quality: u8, progressive: bool) -> Result<Vec<u8>, Malformed> {
    let mut compressor = Compressor::new();
    let mut output = Output { start: ptr::null_mut(), length: 0 };
    caught(|| run_encode(&mut compressor.codec, &mut output, picture, quality, progressive))
}

#[expect(unsafe_code, reason = "calls into libjpeg")]
fn run_encode(
    codec: &mut sys::jpeg_compress_struct,
    output: &mut Output,
    picture: &Picture,
    quality: u8,
    progressive: bool,
) -> Result<Vec<u8>, Malformed> {
    // SAFETY: `output` outlives the codec's use of both pointers.
    unsafe { sys::jpeg_mem_dest(codec, &mut output.start, &mut output.length) };
    codec.image_width = picture.width;
    codec.image_height = picture.height;
    codec.input_components = 3;
    codec.in_color_space = sys::J_COLOR_SPACE::JCS_RGB;
    // SAFETY: the parameters are set in the order that the library asks for.
    unsafe {
        sys::jpeg_c_set_int_param(
            codec,
            sys::J_INT_PARAM::JINT_COMPRESS_PROFILE,
            sys::JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST as c_int,
        );
        sys::jpeg_set_defaults(codec);
        sys::jpeg_set_quality(codec, c_int::from(quality.clamp(1, 100)), 1);
        if progressive {
            sys::jpeg_simple_progression(codec);
        }
        sys::jpeg_start_compress(codec, 1);
    }
    let rgb = picture.rgb();
    for row in rgb.chunks_exact(picture.width as usize * 3) {
        let line = row.as_ptr();
        // SAFETY: `line` points to one whole line of input, and one line is given.
        unsafe { sys::jpeg_write_scanlines(codec, &line, 1) };
    }
    // SAFETY: all lines have been written; afterwards `output` holds `length` bytes.
    let bytes = unsafe {
        sys::jpeg_finish_compress(codec);
        std::slice::from_raw_parts(output.start, usize::try_from(output.length).unwrap_or(0))
    };
    Ok(bytes.to_vec())
}
