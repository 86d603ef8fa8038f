//! `LogEntry`: the newest lines of the log.

use std::rc::Rc;

use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::logs::{self, LogLine};

/// Lines that a query answers.
const LINES: usize = 30;

/// A line of the log.
pub(super) struct LogEntry {
    scope: Rc<Scope>,
    line: LogLine,
}

impl LogEntry {
    /// A line.
    pub(super) fn new(scope: &Rc<Scope>, line: LogLine) -> LogEntry {
        LogEntry { scope: Rc::clone(scope), line }
    }
}

/// `logs`: the newest lines, newest first.
pub(super) fn newest<'r>(scope: &Rc<Scope>) -> Resolved<'r> {
    let lines = logs::recent().into_iter().take(LINES);
    Resolved::objects(lines.map(|line| LogEntry::new(scope, line)))
}

/// The number of the newest line.
pub(super) fn last_number() -> u64 {
    logs::recent().first().map_or(0, |line| line.number)
}

/// The lines after a number, newest first, and the number of the newest.
pub(super) fn entries_since(number: u64) -> (u64, Vec<LogLine>) {
    let lines: Vec<LogLine> =
        logs::recent().into_iter().take_while(|line| line.number > number).collect();
    (lines.first().map_or(number, |line| line.number), lines)
}

impl Object for LogEntry {
    fn type_name(&self) -> &'static str {
        "LogEntry"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "time" => self.scope.time(self.line.time_ms),
            "level" => Resolved::from(match self.line.level {
                tracing::Level::ERROR => "Error",
                tracing::Level::WARN => "Warning",
                tracing::Level::INFO => "Info",
                tracing::Level::DEBUG => "Debug",
                tracing::Level::TRACE => "Trace",
            }),
            "message" => Resolved::from(&self.line.text),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
