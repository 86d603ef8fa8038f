//! What `ffmpeg` on the PATH says of a file, for containers that are cut short or that the built-in
//! parsers know only by name, and whether a sound track is silent. The rules are the reference's.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

const TIMEOUT: Duration = Duration::from_secs(15);
/// More words than this are not listened to.
const WORDS_MAX: u64 = 4 << 20;
/// Shorter and smaller films than these are counted frame by frame where their rate is doubtful.
const COUNTED_BELOW_S: f64 = 30.0;
const COUNTED_BELOW_BYTES: u64 = 256 << 20;

/// What it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) size: Option<(u32, u32)>,
    pub(super) duration_ms: Option<u64>,
    pub(super) num_frames: Option<u64>,
    pub(super) has_sound: bool,
}

/// Asks about a film of that many bytes. `None` without ffmpeg, or when it sees no moving picture.
pub(super) fn film(path: &Path, size_bytes: u64) -> Option<Told> {
    let words = words(path, &[])?;
    let line = film_line(&words)?;
    let (seconds, start) = duration(&words);
    let (rate, is_sure) = rate(line);
    let rate = match seconds {
        None if !is_sure => 24.0,
        _ => rate,
    };
    let is_short = seconds.is_some_and(|s| s < COUNTED_BELOW_S) && size_bytes < COUNTED_BELOW_BYTES;
    let is_odd = |s: f64| !is_sure || (s * rate) % 1.0 > 0.0 || start != 0.0;
    let is_counted = seconds.is_none_or(|s| is_short && is_odd(s));
    let num_frames =
        if is_counted { count(path, line)? } else { (seconds.unwrap_or(0.0) * rate) as u64 };
    let seconds = seconds.unwrap_or(num_frames as f64 / rate);
    Some(Told {
        size: picture_size(line, &words),
        duration_ms: Some((seconds * 1000.0) as u64),
        num_frames: Some(num_frames),
        has_sound: words.iter().any(|line| is_stream(line, "Audio: ")),
    })
}

/// Whether anything can be heard; `None` without ffmpeg.
pub(super) fn is_audible(path: &Path) -> Option<bool> {
    let mut command = Command::new("ffmpeg");
    command.arg("-nostdin").arg("-i").arg(path).args(["-loglevel", "quiet", "-f", "s16le", "-"]);
    let mut child = started(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let mut output = child.0.stdout.take()?;
    let mut chunk = vec![0; 1 << 16];
    let start = Instant::now();
    // Bytes next to zero on either side are the silence of lossy codecs.
    loop {
        let read = output.read(&mut chunk).unwrap_or(0);
        if chunk[..read].iter().any(|byte| (5..=250).contains(byte)) {
            return Some(true);
        }
        if read == 0 || start.elapsed() > TIMEOUT {
            return Some(false);
        }
    }
}

/// A child that does not outlive its question.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn started(command: &mut Command) -> Option<Started> {
    command.stdin(Stdio::null()).spawn().ok().map(Started)
}

/// The lines it writes about a file when called with those arguments after it.
fn words(path: &Path, after: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-xerror", "-i"]).arg(path).args(after);
    let mut child = started(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let errors = child.0.stderr.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        errors.take(WORDS_MAX).read_to_end(&mut text).map(|_| text)
    });
    let start = Instant::now();
    while start.elapsed() < TIMEOUT && !reader.is_finished() {
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(child);
    let text = reader.join().ok()?.ok()?;
    let text = String::from_utf8_lossy(&text);
    Some(text.split(['\n', '\r']).map(|line| line.trim().to_owned()).collect())
}

fn is_stream(line: &str, kind: &str) -> bool {
    line.starts_with("Stream ") && line.contains(kind)
}

/// The line of the moving picture: the first with a likely rate, else the first of all.
fn film_line(words: &[String]) -> Option<&str> {
    let is_cover = |line: &str| line.contains("attached pic") || line.contains("Video: png");
    let lines: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|line| is_stream(line, "Video: ") && !is_cover(line))
        .collect();
    let likely = lines.iter().find(|line| {
        let (rate, is_sure) = rate(line);
        is_sure && rate != 1.0
    });
    likely.or(lines.first()).copied()
}

/// Seconds and the start; without a duration where that makes no sense.
fn duration(words: &[String]) -> (Option<f64>, f64) {
    let Some(line) = words.iter().find(|line| line.starts_with("Duration:")) else {
        return (None, 0.0);
    };
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let start = line.split("start: ").nth(1).and_then(|rest| rest.split(',').next());
    let start = number(start.map(str::trim)).unwrap_or(0.0);
    let time = line.trim_start_matches("Duration:").split(',').next().unwrap_or_default();
    let mut parts = time.trim().split(':').map(|part| number(Some(part)));
    let seconds = parts.by_ref().try_fold(0.0, |sum, part| Some(sum * 60.0 + part?));
    let seconds = seconds.filter(|s| *s > 0.0 && start <= 0.85 * s);
    (seconds, if start > 1.0 { 0.0 } else { start })
}

/// The lower of the likely rates, and whether they agree.
fn rate(line: &str) -> (f64, bool) {
    let told = |unit: &str| -> Option<f64> {
        let before = line.split(unit).next().filter(|before| before.len() < line.len())?;
        before.rsplit(' ').next()?.parse().ok()
    };
    let is_likely = |rate: &f64| *rate > 1.0 && *rate != 100.0 && *rate <= 144.0;
    let rates: Vec<f64> = [" tbr", " fps"].into_iter().filter_map(told).filter(is_likely).collect();
    let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(l, h), r| (l.min(*r), h.max(*r)));
    if rates.is_empty() { (1.0, false) } else { (low, low >= high * 0.95) }
}

/// Width and height as they are to be shown.
fn picture_size(line: &str, words: &[String]) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse::<u32>().ok();
    let found = Regex::new(" ([0-9]+)x([0-9]+)[, ]").ok()?.captures(line)?;
    let (mut width, height) = (number(&found[1])?, number(&found[2])?);
    if let Some(found) = Regex::new(r"[\[ ]SAR ([0-9]+):([0-9]+)[, ]").ok()?.captures(line) {
        let (across, down) = (number(&found[1])?, number(&found[2])?);
        width = (u64::from(width) * u64::from(across) / u64::from(down.max(1))).min(65_535) as u32;
    }
    let turn = Regex::new("(displaymatrix:|Display Matrix:) rotation of -?90.00 degrees").ok()?;
    let is_turned = words.iter().any(|line| turn.is_match(line));
    Some(if is_turned { (height, width) } else { (width, height) })
}

/// Decodes the film and counts.
fn count(path: &Path, line: &str) -> Option<u64> {
    let stream = Regex::new(r"^Stream #(\d+:\d+)").ok()?.captures(line)?[1].to_owned();
    let quickly = ["-map", &stream, "-vf", "scale=-2:120", "-an", "-f", "null", "/dev/null"];
    let words = words(path, &quickly)?;
    let last = words.iter().rfind(|line| line.starts_with("frame="))?;
    last.trim_start_matches("frame=").split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_prober_are_understood() {
        let line = "Stream #0:1[0x1](und): Video: h264 (High), yuv420p, 1440x1080 [SAR 4:3 DAR \
                    16:9], 711 kb/s, 29.97 fps, 30 tbr, 90k tbn (default)";
        assert_eq!(rate(line), (29.97, true));
        assert_eq!(picture_size(line, &[]), Some((1920, 1080)));
        let turned = ["displaymatrix: rotation of -90.00 degrees".to_owned()];
        assert_eq!(picture_size(line, &turned), Some((1080, 1920)));
        assert_eq!(rate("Stream #0:0: Video: hevc, 90k tbr, 1 fps, 90k tbn"), (1.0, false));
        let said = |text: &str| duration(&[text.to_owned()]);
        assert_eq!(
            said("Duration: 01:00:02.46, start: 0.033000, bitrate: 9"),
            (Some(3602.46), 0.033)
        );
        assert_eq!(said("Duration: 00:00:02.00, start: 46.000000, bitrate: 9"), (None, 0.0));
        assert_eq!(said("Duration: N/A, bitrate: N/A"), (None, 0.0));
    }
}
