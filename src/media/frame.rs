//! One frame of a video, for its thumbnail: `ffmpeg` on the PATH where there is one, else the
//! built-in decoders.
//!
//! ffmpeg scales it too, with its own filter, as the original has it done: blurhashes come out equal.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::keyframe;
use super::picture::Picture;
use super::source::Source;
use super::thumbnail::shrink;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Frame number `index` of a video, that many seconds in, at exactly that size. `None` without a
/// decoder for it.
#[must_use]
pub fn video_frame(path: &Path, index: usize, seconds: f64, size: (u32, u32)) -> Option<Picture> {
    let first = || if seconds > 0.0 { with_ffmpeg(path, 0.0, size) } else { None };
    let built_in = || {
        let source = Source::open(path).ok()?;
        Some(shrink(&keyframe::frame(&source, index)?, size.0, size.1))
    };
    with_ffmpeg(path, seconds, size).or_else(first).or_else(built_in)
}

fn with_ffmpeg(path: &Path, seconds: f64, (width, height): (u32, u32)) -> Option<Picture> {
    let bytes = Picture::blank(width, height, 3)?.pixels.len() as u64;
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "quiet", "-ss", &format!("{seconds:.3}"), "-i"])
        .arg(path)
        .args(["-an", "-frames:v", "1", "-s", &format!("{width}x{height}")])
        .args(["-f", "image2pipe", "-pix_fmt", "rgb24", "-vcodec", "rawvideo", "-"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let output = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut pixels = Vec::new();
        output.take(bytes).read_to_end(&mut pixels).map(|_| pixels)
    });
    let start = Instant::now();
    while start.elapsed() < TIMEOUT && !reader.is_finished() {
        std::thread::sleep(Duration::from_millis(2));
    }
    // Killing what has ended already is no error that matters.
    let _ended = child.kill();
    let _reaped = child.wait();
    Picture::new(width, height, 3, reader.join().ok()?.ok()?)
}
