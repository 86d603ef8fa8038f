//! Plays every case under `conformance/hydrus` and `conformance/stash` against the real binary.
//!
//! A case is a file; a new file is a new test. `cargo test --test conformance -- hydrus/get_files`
//! runs one folder. `UPDATE_EXPECT=1` writes the bodies that differ into the files, for review.
//! Cases listed in `gaps.txt` must fail: one that passes fails the run, so the list only shrinks.

mod case;
mod checks;
mod compare;
mod documents;
mod dummy;
mod gaps;
mod image_size;
mod library;
mod play;
mod server;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::gaps::Gaps;
use crate::library::Libraries;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let trials = trials(&root)
        .unwrap_or_else(|error| vec![Trial::test("suite", move || Err(Failed::from(error)))]);
    if let Some((with_case, all)) = documents::coverage(&root).filter(|_| !arguments.list) {
        println!("{with_case} of {all} documented headings and examples have a case");
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(root: &Path) -> Result<Vec<Trial>, String> {
    let gaps = Arc::new(Gaps::load(root)?);
    let mut cases = Case::list(root, "hydrus")?;
    cases.extend(Case::list(root, "stash")?);
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    gaps.all_known(&names, false)?;
    let faults = documents::faults(root, &cases);
    let documents = move || if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) };
    let mut trials = checks::trials();
    trials.push(Trial::test("documents", documents));
    let libraries = Arc::new(Libraries::new(root));
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for case in cases {
        let (gaps, libraries) = (Arc::clone(&gaps), Arc::clone(&libraries));
        trials.push(Trial::test(case.name.clone(), move || {
            case.check()?;
            gaps.verdict(&case.name, libraries.play(&case, update)).map_err(Failed::from)
        }));
    }
    Ok(trials)
}
