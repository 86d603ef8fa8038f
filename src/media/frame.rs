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

/// Frame number `index` of an animated picture as ffmpeg scales it, with its alpha channel. `None`
/// without ffmpeg.
#[must_use]
pub fn animation_frame(path: &Path, index: usize, size: (u32, u32)) -> Option<Picture> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "quiet", "-i"]).arg(path);
    let (width, height) = size;
    command.args(["-vf", &format!("select=eq(n\\,{index}),scale={width}:{height}")]);
    one_frame(command, size, (4, "rgba"))
}

fn with_ffmpeg(path: &Path, seconds: f64, size: (u32, u32)) -> Option<Picture> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "quiet", "-ss", &format!("{seconds:.3}"), "-i"]);
    command.arg(path).args(["-s", &format!("{}x{}", size.0, size.1)]);
    one_frame(command, size, (3, "rgb24"))
}

/// Runs a command whose output options are still to come, for one frame of that format.
fn one_frame(
    mut command: Command,
    (width, height): (u32, u32),
    (channels, format): (usize, &str),
) -> Option<Picture> {
    let bytes = Picture::blank(width, height, channels)?.pixels.len() as u64;
    let mut child = command
        .args(["-an", "-frames:v", "1", "-f", "image2pipe", "-pix_fmt", format])
        .args(["-vcodec", "rawvideo", "-"])
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
    Picture::new(width, height, channels, reader.join().ok()?.ok()?)
}
