//! Logs: to standard error for people and service managers, and the newest ones in memory for
//! clients that ask.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How many lines are remembered.
pub const LINES_KEPT: usize = 1000;

/// One log line.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Counted upwards in each process.
    pub number: u64,
    pub time_ms: i64,
    pub level: tracing::Level,
    pub text: String,
}

static RECENT: LazyLock<Mutex<VecDeque<LogLine>>> = LazyLock::new(Mutex::default);

/// The remembered lines, newest first.
#[must_use]
pub fn recent() -> Vec<LogLine> {
    RECENT.lock().map(|lines| lines.iter().rev().cloned().collect()).unwrap_or_default()
}

/// Begins to log at a level (`error`, `warn`, `info`, `debug`, `trace`). Later calls do nothing.
pub fn start(level: &str) {
    // Foreign crates speak from warnings on: their details are of no use to a librarian.
    let filter = EnvFilter::new(format!("warn,diptych={level}"));
    let to_error = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // Only the first caller of a process sets the subscriber.
    let _ = tracing_subscriber::registry().with(filter).with(to_error).with(Ring).try_init();
}

/// The layer that remembers.
struct Ring;

impl<S: Subscriber> Layer<S> for Ring {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = *event.metadata().level();
        let time_ms = crate::model::time::now_ms();
        if let Ok(mut lines) = RECENT.lock() {
            let number = lines.back().map_or(1, |line| line.number + 1);
            let line = LogLine { number, time_ms, level, text: text.0 };
            if lines.len() == LINES_KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String does not fail.
        let _ = if field.name() == "message" {
            let fields = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{fields}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
