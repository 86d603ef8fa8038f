//! What we know we fail, each with its reason: `name # reason`, one per line.
//!
//! A gap must fail: one that passes fails the run ("strike it off"). The number in `gaps.count`
//! is the length of the list, so that a longer list is a change one has to write down twice.
//! A reason that begins with `without ffmpeg:` counts only on a machine without it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The names and reasons of `gaps.txt`.
pub(crate) struct Gaps(BTreeMap<String, String>);

/// Reasons that begin so hold only where no ffmpeg is: with it the case must pass.
const WITHOUT_FFMPEG: &str = "without ffmpeg:";

fn ffmpeg_is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("ffmpeg").is_file())
}

impl Gaps {
    /// Reads `gaps.txt` and compares its length with `gaps.count`.
    pub(crate) fn load(folder: &Path) -> Result<Gaps, String> {
        let read = |name: &str| {
            fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"))
        };
        let mut gaps = Gaps::parse(&read("gaps.txt")?)?;
        let count = read("gaps.count")?;
        if count.trim() == gaps.0.len().to_string() {
            if ffmpeg_is_there() {
                gaps.0.retain(|_, reason| !reason.starts_with(WITHOUT_FFMPEG));
            }
            return Ok(gaps);
        }
        Err(format!(
            "gaps.txt holds {} gaps, gaps.count says {}: write the smaller number there; a larger \
             one needs a reason that a user would accept",
            gaps.0.len(),
            count.trim()
        ))
    }

    pub(crate) fn parse(text: &str) -> Result<Gaps, String> {
        let mut gaps = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let (name, reason) =
                line.split_once(" # ").ok_or_else(|| format!("a gap without a reason: {line}"))?;
            if gaps.insert(name.trim().to_owned(), reason.trim().to_owned()).is_some() {
                return Err(format!("gaps.txt names {name} twice"));
            }
        }
        Ok(Gaps(gaps))
    }

    /// Whether every gap below `prefix` (or, without one, outside `recorded/`) is in `known`.
    pub(crate) fn all_known(&self, known: &[String], recorded: bool) -> Result<(), String> {
        for name in self.0.keys().filter(|name| name.starts_with("recorded/") == recorded) {
            if !known.contains(name) {
                return Err(format!("gaps.txt names no case: {name}"));
            }
        }
        Ok(())
    }

    /// The verdict on a case that passed or failed, given what the list says of it.
    pub(crate) fn verdict(&self, name: &str, outcome: Result<(), String>) -> Result<(), String> {
        match (outcome, self.0.get(name)) {
            (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
            (Ok(()), Some(reason)) => {
                Err(format!("{name} passes; strike it off gaps.txt: {reason}"))
            }
            (Err(difference), None) => Err(difference),
        }
    }
}
