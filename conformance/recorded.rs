//! Plays the recorded session of a live client (`recorded/`) against one fresh server.
//!
//! One trial per area, and a line `area passed/total` for each. A record that fails must be in
//! `gaps.txt` as `recorded/ID`; one that is there and passes fails the run. `RECORDED_REPORT=FILE`
//! writes every failing id with its differences as JSON.

mod dummy;
mod gaps;
mod image_size;
mod replay;
mod replay_checks;
mod server;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

use crate::gaps::Gaps;
use crate::replay::play::{Outcome, Report, play};
use crate::replay::record::Recording;
use crate::server::Server;

/// How many failing records of one area are shown in full.
const SHOWN_MAX: usize = 12;
const DIFFERENCES_SHOWN_MAX: usize = 6;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut trials = replay_checks::trials();
    if !arguments.list {
        match recorded(&root) {
            Ok(areas) => trials.extend(areas),
            Err(error) => trials.push(Trial::test("recorded", move || Err(Failed::from(error)))),
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn recorded(root: &Path) -> Result<Vec<Trial>, String> {
    let folder = root.join("conformance");
    let media = root.join("fixtures/media");
    let gaps = Gaps::load(&folder)?;
    let recording = Recording::load(&folder.join("recorded"), &media)?;
    let claims = recording.records.iter().filter(|record| record.expect.is_some());
    let names: Vec<String> = claims.map(|record| format!("recorded/{}", record.id)).collect();
    gaps.all_known(&names, true)?;
    let begun = Instant::now();
    let mut server = Server::start()?;
    let report = play(&recording, &mut server, &media);
    drop(server);
    write_report(&report);
    print_table(&report, begun);
    let mut areas: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for outcome in report.outcomes {
        areas.entry(outcome.area.clone()).or_default().push(outcome);
    }
    let trial = |(area, outcomes): (String, Vec<Outcome>)| {
        let result = area_result(&outcomes, &gaps);
        Trial::test(format!("recorded/{area}"), move || result.map_err(Failed::from))
    };
    Ok(areas.into_iter().map(trial).collect())
}

fn area_result(outcomes: &[Outcome], gaps: &Gaps) -> Result<(), String> {
    let mut failures = Vec::new();
    for outcome in outcomes {
        let shown = outcome.differences.iter().take(DIFFERENCES_SHOWN_MAX + 1);
        let text = shown.cloned().collect::<Vec<_>>().join("\n      ");
        let result = if outcome.differences.is_empty() { Ok(()) } else { Err(text) };
        let name = format!("recorded/{}", outcome.id);
        if let Err(text) = gaps.verdict(&name, result) {
            failures.push(format!("{}: {text}", outcome.id));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let count = failures.len();
    failures.truncate(SHOWN_MAX);
    Err(format!("{count} of {} records\n{}", outcomes.len(), failures.join("\n")))
}

fn print_table(report: &Report, begun: Instant) {
    let mut areas: Vec<(&str, usize, usize)> = Vec::new();
    for outcome in &report.outcomes {
        let at = areas.iter().position(|(area, ..)| *area == outcome.area).unwrap_or_else(|| {
            areas.push((&outcome.area, 0, 0));
            areas.len() - 1
        });
        areas[at].1 += usize::from(outcome.differences.is_empty());
        areas[at].2 += 1;
    }
    println!("{:<28} passed/total", "area");
    for (area, passed, total) in &areas {
        println!("{area:<28} {passed}/{total}");
    }
    let passed: usize = areas.iter().map(|(_, passed, _)| passed).sum();
    println!("error wording identical: {}/{}", report.same_wording, report.wordings);
    println!(
        "{passed} of {} recorded exchanges pass ({:.1} s)",
        report.outcomes.len(),
        begun.elapsed().as_secs_f64()
    );
}

fn write_report(report: &Report) {
    let Some(path) = std::env::var_os("RECORDED_REPORT") else { return };
    let failing = report.outcomes.iter().filter(|outcome| !outcome.differences.is_empty());
    let rows: Vec<Value> = failing
        .map(|o| json!({ "id": o.id, "area": o.area, "differences": o.differences }))
        .collect();
    let text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    std::fs::write(path, text).expect("the report can be written");
}
