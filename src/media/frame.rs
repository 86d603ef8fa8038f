//! One frame of a video, for its thumbnail: `ffmpeg` on the PATH where there is one.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::picture::Picture;
use super::probe::Probe;

const TIMEOUT: Duration = Duration::from_secs(30);
const PICTURE_BYTES_MAX: u64 = 256 << 20;

/// Frame number `index` of a video. `None` without a decoder for it.
#[must_use]
pub fn video_frame(path: &Path, probe: Option<&Probe>, index: usize) -> Option<Picture> {
    let video = probe?.video.as_ref()?;
    let rate = if video.frame_rate > 0.0 { video.frame_rate } else { 25.0 };
    let at = index as f64 / rate;
    with_ffmpeg(path, at).or_else(|| if index > 0 { with_ffmpeg(path, 0.0) } else { None })
}

fn with_ffmpeg(path: &Path, seconds: f64) -> Option<Picture> {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "quiet", "-ss", &format!("{seconds:.3}"), "-i"])
        .arg(path)
        .args(["-an", "-frames:v", "1", "-f", "image2pipe", "-vcodec", "png", "-"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let output = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.take(PICTURE_BYTES_MAX).read_to_end(&mut bytes).map(|_| bytes)
    });
    let start = Instant::now();
    while start.elapsed() < TIMEOUT && !reader.is_finished() {
        std::thread::sleep(Duration::from_millis(2));
    }
    // Killing what has ended already is no error that matters.
    let _ended = child.kill();
    let _reaped = child.wait();
    let bytes = reader.join().ok()?.ok()?;
    Some(super::decode::still(&bytes, crate::model::filetype::FileType::PNG)?.picture)
}
