//! Progress for a person: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::library::jobs::Job;

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
            let style = "{prefix} [{bar:30}] {percent} % ({eta} left) {msg}";
            if let Ok(style) = indicatif::ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar
        });
        Progress { what: what.to_owned(), bar, told: Instant::now() }
    }

    /// A job stands so; unknown progress shows nothing.
    pub(super) fn at(&mut self, job: &Job) {
        // Per mille: fine enough to see it move.
        let done = (job.progress.unwrap_or(0.0) * 1000.0).clamp(0.0, 1000.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        self.done(done as u64, 1000, job.sub_tasks.first().map_or("", String::as_str));
    }

    /// `done` of `total` pieces are behind us.
    pub(super) fn done(&mut self, done: u64, total: u64, detail: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(detail.to_owned());
            }
            None if self.told.elapsed() >= BETWEEN_LINES => {
                self.told = Instant::now();
                let percent = done * 100 / total.max(1);
                super::tell(&format!("{}: {percent} % {detail}", self.what));
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
