//! Calls of `ffmpeg`, an optional helper on the PATH: frames, and files made from videos.
//!
//! It runs as a process of its own, with a limit on time and output; what it makes appears under
//! its final name only when it is whole.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::decode;
use super::picture::Picture;
use crate::model::filetype::FileType;

/// The longest that one frame may take.
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one frame at most.
const FRAME_MAX: u64 = 256 << 20;
/// Bytes of complaints that are kept.
const COMPLAINT_MAX: u64 = 4096;

/// Whether there is an ffmpeg.
#[must_use]
pub fn is_there() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let asked = Command::new("ffmpeg")
            .arg("-version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    })
}

/// The frame of a video that many seconds in, so wide; the height keeps the shape.
///
/// # Errors
/// What ffmpeg complains of.
pub fn frame(video: &Path, seconds: f64, width: u32) -> Result<Picture, String> {
    let filter = format!("scale={width}:-2");
    let bytes = still(video, seconds, &["-vf", &filter, "-c:v", "bmp", "-f", "rawvideo"])?;
    let still = decode::still(&bytes, FileType::BMP).ok_or("ffmpeg gave no picture")?;
    Ok(still.picture)
}

/// The frame of a video that many seconds in, as a JPEG of the video's own size.
///
/// # Errors
/// What ffmpeg complains of.
pub fn screenshot(video: &Path, seconds: f64) -> Result<Vec<u8>, String> {
    still(video, seconds, &["-q:v", "2", "-c:v", "mjpeg", "-f", "image2pipe"])
}

/// The picture attached to a sound file, as a PNG. `None` without ffmpeg or without a picture.
#[must_use]
pub(super) fn cover(sound: &Path) -> Option<Vec<u8>> {
    let mut command = quiet();
    // A seek, even to the start, skips the picture of an MP3.
    command.arg("-i").arg(sound).args(["-an", "-frames:v", "1", "-c:v", "png"]);
    command.args(["-f", "image2pipe", "-"]);
    let png = is_there().then(|| run(command, FRAME_TIMEOUT, &|| false).ok()).flatten();
    png.filter(|png| !png.is_empty())
}

fn still(video: &Path, seconds: f64, options: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = quiet();
    command.args(["-ss", &format!("{:.3}", seconds.max(0.0)), "-i"]).arg(video);
    command.args(["-an", "-frames:v", "1"]).args(options).arg("-");
    let bytes = run(command, FRAME_TIMEOUT, &|| false)?;
    if bytes.is_empty() { Err("there is no frame at that moment".to_owned()) } else { Ok(bytes) }
}

/// Makes a file: `options` are all but the name of the output. Written beside the target and
/// renamed, so that a file of that name is always whole.
///
/// # Errors
/// What ffmpeg or the disk complains of.
pub fn make(
    options: &[OsString],
    target: &Path,
    timeout: Duration,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), String> {
    let folder = target.parent().ok_or("the target has no folder")?;
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut name = OsString::from(".part-");
    name.push(target.file_name().unwrap_or(OsStr::new("file")));
    let part = folder.join(name);
    let mut command = quiet();
    command.arg("-y").args(options).arg(&part);
    // Synced, or a power cut leaves the name and an empty file, which nobody makes again.
    let settle =
        || std::fs::File::open(&part)?.sync_all().and_then(|()| std::fs::rename(&part, target));
    let made = run(command, timeout, is_cancelled)
        .and_then(|_| settle().map_err(|error: std::io::Error| error.to_string()));
    if made.is_err() {
        // It may not even have been begun.
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn quiet() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
    command
}

/// Runs it to its end; what it wrote to its output.
fn run(
    mut command: Command,
    timeout: Duration,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("ffmpeg does not start: {error}"))?;
    let output = reader(child.stdout.take(), FRAME_MAX);
    let complaint = reader(child.stderr.take(), COMPLAINT_MAX);
    let ended = wait(&mut child, timeout, is_cancelled);
    // Killing what has ended already is no error that matters.
    let _killed = child.kill();
    let _reaped = child.wait();
    let complaint = complaint.join().unwrap_or_default();
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    let output = output.join().unwrap_or_default();
    match ended? {
        true => Ok(output),
        false if complaint.is_empty() => Err("ffmpeg failed".to_owned()),
        false => Err(format!("ffmpeg: {complaint}")),
    }
}

/// Reads to the end, so that the writer is never held up, and keeps so many bytes.
fn reader(from: Option<impl Read + Send + 'static>, most: u64) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What was read before a failure is what there is.
            let _ = from.by_ref().take(most).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        bytes
    })
}

/// Waits for the end; whether it was a good one.
fn wait(
    child: &mut Child,
    timeout: Duration,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<bool, String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if is_cancelled() => return Err("it was stopped".to_owned()),
            Ok(None) if start.elapsed() > timeout => {
                return Err(format!("ffmpeg took longer than {} s", timeout.as_secs()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.to_string()),
        }
    }
}
