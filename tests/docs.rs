//! Pages that are made from the code say what the code says.

use std::fs;
use std::path::Path;

/// Holds a page against what the code makes of it; with `UPDATE_DOCS=1` writes it instead.
fn hold(path: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, made).expect("docs/ can be written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == made, "{} is not what the code says: run `make docs` and commit it", path.display());
}

#[test]
fn the_reference_page_is_what_the_code_says() {
    hold("docs/reference.md", &crosswheel::cli::reference::page());
}

#[test]
fn the_schema_of_manifests_is_what_the_code_says() {
    hold("docs/manifest.schema.json", &crosswheel::wheel::manifest::document::schema());
}

#[test]
fn the_page_of_manifests_has_every_code() {
    use crosswheel::wheel::{Severity, manifest::finding::Code};
    let row = |code: &Code| {
        let severity = if code.severity() == Severity::Fault { "fault" } else { "note" };
        format!("| `{}` | {severity} | {} |\n", code.name(), code.hint())
    };
    hold_table("docs/manifest.md", &Code::ALL.iter().map(row).collect::<String>());
}

#[test]
fn every_page_that_the_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README is there");
    let links: Vec<_> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 10, "the README names its pages");
    for link in links {
        assert!(root.join(link).exists(), "README.md names {link}, which is not there");
    }
}

#[test]
fn the_page_of_wheels_has_every_code() {
    use crosswheel::wheel::{Code, Severity};
    let row = |code: &Code| {
        let severity = if code.severity() == Severity::Fault { "fault" } else { "note" };
        format!("| `{}` | {severity} | {} |\n", code.name(), code.hint())
    };
    let table: String = Code::ALL.iter().map(row).collect();
    hold_table("docs/wheel.md", &table);
}

/// Holds the table of codes at the end of a page.
fn hold_table(path: &str, table: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let page = fs::read_to_string(page).expect("the page is there");
    let (text, _) = page.split_once("| code | | what to do |\n").unwrap_or((&page, ""));
    hold(path, &format!("{text}| code | | what to do |\n|---|---|---|\n{table}"));
}
