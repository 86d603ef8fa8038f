//! The reference page is current, the table has everything that the contract has, and the decided
//! cases are those that the page tells of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::hydrus::endpoint::Permission;
use crate::hydrus::routes::ROUTES;

/// Endpoints with their permissions and parameters, as the client of API version 95 has them:
/// `-` nobody asks, `*` any key, `a,b` both, `a|b` one of them; `!` after what must be there.
const CONTRACT: &str = include_str!("endpoints.txt");

/// What we take beyond that: path and parameter.
const EXTRA: &[(&str, &str)] = &[("/add_urls/add_url", "file_service_name")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn access(endpoint: &Endpoint) -> String {
    let numbers = |permissions: &[Permission], between: &str| {
        let mut numbers: Vec<u8> = permissions.iter().map(|one| one.number()).collect();
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
        numbers.join(between)
    };
    match endpoint.access {
        Access::Open => "-".to_owned(),
        Access::AnyKey => "*".to_owned(),
        Access::Needs(permission) => numbers(&[permission], ","),
        Access::All(permissions) => numbers(permissions, ","),
        Access::Any(permissions) => numbers(permissions, "|"),
        Access::Everything => "everything".to_owned(),
    }
}

#[test]
fn the_table_has_every_endpoint_and_parameter_of_the_contract() {
    let mut faults = Vec::new();
    for line in CONTRACT.lines() {
        let mut words = line.split(' ');
        let (method, path, wanted) =
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let Some(endpoint) = ROUTES.iter().find(|endpoint| endpoint.path == path) else {
            faults.push(format!("{path} is missing"));
            continue;
        };
        if endpoint.method.as_str() != method || access(endpoint) != wanted {
            faults.push(format!("{method} {path} {wanted}: {}", access(endpoint)));
        }
        let mut theirs = BTreeSet::new();
        for word in words {
            let (name, is_required) = (word.trim_end_matches('!'), word.ends_with('!'));
            theirs.insert(name);
            match endpoint.params().find(|param| param.name == name) {
                None => faults.push(format!("{path} lacks {name}")),
                Some(param) if param.is_required != is_required => {
                    faults.push(format!("{path} {name}: required is {}", param.is_required));
                }
                Some(_) => {}
            }
        }
        for param in endpoint.params().filter(|param| !theirs.contains(param.name)) {
            if !EXTRA.contains(&(path, param.name)) {
                faults.push(format!("{path} takes {}, which the contract has not", param.name));
            }
        }
    }
    let ours: Vec<&str> = ROUTES.iter().map(|endpoint| endpoint.path).collect();
    assert_eq!(ours.len(), CONTRACT.lines().count() + 1, "beyond the contract: /diptych/apply");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_query_parameter_has_a_type() {
    for endpoint in ROUTES.iter().filter(|endpoint| endpoint.method == Method::Get) {
        for param in endpoint.params() {
            assert!(names::kind(param.name).is_some(), "{} {}", endpoint.path, param.name);
        }
    }
}

#[test]
fn decided_cases_and_differences_are_the_same() {
    let folder = root().join("conformance/hydrus");
    let mut decided = BTreeSet::new();
    visit(&folder, &mut |path, text| {
        if text.lines().any(|line| line == "# origin: decided") {
            let name = path.strip_prefix(&folder).unwrap().with_extension("");
            decided.insert(name.display().to_string());
        }
    });
    let told: BTreeSet<String> =
        DIFFERENCES.iter().map(|difference| difference.case.to_owned()).collect();
    assert_eq!(decided, told, "each decided case of this door has a row in reference.rs");
    for difference in DIFFERENCES {
        for path in difference.endpoints {
            assert!(ROUTES.iter().any(|endpoint| endpoint.path == *path), "no endpoint {path}");
        }
    }
    for (paths, ..) in STATUSES {
        for path in *paths {
            assert!(ROUTES.iter().any(|endpoint| endpoint.path == *path), "no endpoint {path}");
        }
    }
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "http") {
            each(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_reference_page_is_current() {
    let path = root().join("docs/hydrus-api.md");
    let expected = page();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/hydrus-api.md is not current: run with UPDATE_EXPECT=1");
}

fn page() -> String {
    let mut page = String::from(
        "# The Hydrus Client API as it is served\n\n\
         Generated from the route table (`src/hydrus/routes.rs`) and `src/hydrus/reference.rs`; \
         `UPDATE_EXPECT=1 cargo test --lib hydrus::reference` writes it anew.\n\n\
         It is API version 95 of the client release 682. Parameters of a GET stand in the query, of a \
         POST in a JSON or CBOR body. What is marked JSON is JSON in the query, percent-encoded; with \
         a parameter `cbor` it is CBOR in URL-safe base64. In a query, texts and JSON are \
         percent-decoded twice. A parameter that is `null` is one that is missing; unknown ones are \
         ignored.\n\n\
         A key goes into the header `Hydrus-Client-API-Access-Key` or `-Session-Key`, or into a \
         parameter of that name. Refusals are JSON objects with `error`, `exception_type` and \
         `status_code`. Beyond the statuses listed, any request may meet 404 (the other of GET and \
         POST), 413 (a body beyond the limit), 426 (another version in the user agent), 500 and 507 \
         (our fault, or a full disk).\n\n\
         Permissions: ",
    );
    let names = Permission::ALL.map(|one| format!("{} {}", one.number(), one.name()));
    page += &names.join(", ");
    page += ".\n";
    let mut section = "";
    for endpoint in ROUTES {
        let folder = endpoint.path.split('/').nth(1).unwrap();
        let folder = if endpoint.path.matches('/').count() == 1 { "access" } else { folder };
        if section != folder {
            section = folder;
            page += &format!("\n## {section}\n");
        }
        page += &described(endpoint);
    }
    page
}

fn described(endpoint: &Endpoint) -> String {
    let mut text = format!("\n### {} `{}`\n\n", endpoint.method.as_str(), endpoint.path);
    let several = |permissions: &[Permission], between: &str| {
        let names = permissions.iter().map(|one| one.name());
        names.collect::<Vec<_>>().join(between)
    };
    text += &match endpoint.access {
        Access::Open => "Needs no key.".to_owned(),
        Access::AnyKey => "Needs any key.".to_owned(),
        Access::Needs(permission) => format!("Needs the permission to {}.", permission.name()),
        Access::All(permissions) => format!("Needs {}.", several(permissions, " and ")),
        Access::Any(permissions) => format!("Needs one of: {}.", several(permissions, ", ")),
        Access::Everything => "Needs a key that permits everything.".to_owned(),
    };
    if endpoint.takes_file {
        text += " The body may be a file instead.";
    }
    text += "\n\n";
    if endpoint.params().next().is_some() {
        text += "| parameter | type | in | what; its default |\n|---|---|---|---|\n";
        for param in endpoint.params() {
            let stands_for = stands_for(endpoint, param.name);
            let stands_for = stands_for.map_or_else(String::new, |of| format!(" (for `{of}`)"));
            let needed = if param.is_required { ", required" } else { "" };
            text += &format!(
                "| `{}`{stands_for} | {}{needed} | {} | {} |\n",
                param.name,
                param.kind,
                place(endpoint, param.name),
                param.about,
            );
        }
        text += "\n";
    }
    let statuses = statuses(endpoint);
    let statuses = statuses.iter().map(|(status, when)| format!("{status} {when}"));
    text += &format!("Statuses: {}.\n", statuses.collect::<Vec<_>>().join("; "));
    let differs =
        DIFFERENCES.iter().filter(|difference| difference.endpoints.contains(&endpoint.path));
    for (number, difference) in differs.enumerate() {
        if number == 0 {
            text += "\nDifferences:\n\n";
        }
        text += &format!(
            "- The client {}. Here: {}. Reason: {} ([case](../conformance/hydrus/{}.http)).\n",
            difference.client, difference.here, difference.why, difference.case,
        );
    }
    text
}
