//! Progress for a person: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows how far a long job is.
pub(super) struct Progress {
    what: String,
    bar: Option<indicatif::ProgressBar>,
    told: Instant,
}

/// Without a terminal, a line at most this often.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Progress {
    pub(super) fn new(what: &str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(0);
            bar.set_prefix(what.to_owned());
            let style = "{prefix} [{bar:30}] {pos}/{len} ({per_sec}, {eta} left)";
            if let Ok(style) = indicatif::ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar
        });
        Progress { what: what.to_owned(), bar, told: Instant::now() }
    }

    /// `done` of `total` pieces are behind us.
    pub(super) fn at(&mut self, done: u64, total: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
            }
            None if self.told.elapsed() >= BETWEEN_LINES => {
                self.told = Instant::now();
                super::tell(&format!("{}: {done} of {total}", self.what));
            }
            None => {}
        }
    }

    pub(super) fn finish(self, sentence: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        super::tell(&format!("{}: {sentence}", self.what));
    }
}
