//! The table of behaviours: what other wrappers got right or wrong, one row each, in tests/behaviours/*.toml. Every
//! row is a call of the real shim in a session that was set up as for a build, with fake tools behind it.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crosswheel::toolchain::Toolchains;
use crosswheel::toolchain::profile::Reproducible;
use crosswheel::toolchain::session::{Session, SessionOptions};
use crosswheel::topology::{MarchNative, Policy, Topology, Werror};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// The tools of the workshop.
const TOOLS: &[&str] = &[
    "ar",
    "c++",
    "cc",
    "ccache",
    "clang",
    "clang++",
    "cpp",
    "distcc",
    "g++",
    "gcc",
    "gcc-12",
    "gfortran",
    "hipcc",
    "ld",
    "objcopy",
    "ranlib",
    "sccache",
    "strip",
    "x86_64-linux-gnu-gcc",
    "x86_64-linux-gnu-gcc-ar",
];

#[derive(Deserialize)]
struct Table {
    row: Vec<Row>,
}

/// One behaviour. In `call`, `gives`, `cwd` and the like `{root}`, `{temp}`, `{bin}` and `{real}` stand for the
/// workshop, its temporary folder, the shim folder and the folder of the fake tools.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The rule of the design that it holds.
    rule: u8,
    /// Where it was seen.
    from: String,
    /// What it holds, as a sentence.
    holds: String,
    /// The call, quoted as for a shell.
    call: String,
    #[serde(default = "host")]
    family: String,
    #[serde(default)]
    werror: Werror,
    /// For `werror = "add"`.
    #[serde(default)]
    warnings: Vec<String>,
    /// What happens to -march=native.
    #[serde(default)]
    native: MarchNative,
    /// Whether builds are to give the same bytes; `{root}/work` is then mapped to `.`.
    #[serde(default)]
    reproducible: bool,
    /// The working folder, from `{root}/work`.
    #[serde(default)]
    cwd: String,
    /// Files in the working folder.
    #[serde(default)]
    files: BTreeMap<String, String>,

    // What is expected: exactly one of these.
    /// The tool runs with the caller's arguments.
    same: Option<bool>,
    /// The tool runs with these.
    gives: Option<String>,
    /// The tool does not run, by this rule.
    refuses: Option<String>,
    /// If the tool fails, it runs once more, with these.
    again: Option<String>,
    /// If the tool fails, it does not run once more.
    once: Option<bool>,
    /// The kind of the call.
    kind: Option<String>,
    /// Name of the probe; empty for real work.
    probe: Option<String>,
    /// Languages of the sources.
    lang: Option<Vec<String>>,
    /// Inputs.
    #[serde(rename = "in")]
    inputs: Option<Vec<String>>,
    /// Outputs.
    out: Option<Vec<String>>,
    /// The file for dependencies.
    dep: Option<String>,
    /// The rule by which something is told and not changed.
    notes: Option<String>,
}

fn host() -> String {
    "host".into()
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviours");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let tables = files.iter().filter(|file| file.extension().is_some_and(|end| end == "toml"));
    tables
        .flat_map(|file| {
            let table: Table = toml::from_str(&fs::read_to_string(file).unwrap())
                .unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
            table.row
        })
        .collect()
}

/// What sessions differ by.
type Setting = (String, &'static str, Vec<String>, &'static str, bool);

/// A folder with fake tools, and the sessions that rows ask for.
struct Workshop {
    root: TempDir,
    sessions: BTreeMap<Setting, Session>,
}

impl Workshop {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let shop = Self { root, sessions: BTreeMap::new() };
        for folder in ["real", "work", "temp", "sessions"] {
            fs::create_dir(shop.at(folder)).unwrap();
        }
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviours/fake.sh");
        for tool in TOOLS {
            // A file each: what is one file is taken for one tool.
            let path = shop.at("real").join(tool);
            fs::write(&path, format!("#!/bin/sh\nis='{tool}'\n. '{}'\n", fake.display())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // Another way to the same tools, as /bin is to those of /usr/bin.
        std::os::unix::fs::symlink("real", shop.at("linked")).unwrap();
        shop
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(path)
    }

    /// The session of a row; made when the first row asks for it.
    fn bin(&mut self, row: &Row) -> PathBuf {
        let (werror, native) = (row.werror.name(), row.native.name());
        let setting = (row.family.clone(), werror, row.warnings.clone(), native, row.reproducible);
        if let Some(session) = self.sessions.get(&setting) {
            return session.bin.clone();
        }
        let toolchains = Toolchains::builtin().unwrap();
        let topology = Topology::builtin().unwrap();
        let policy = Policy {
            werror: row.werror,
            werror_flags: row.warnings.clone(),
            march_native: row.native,
            ..Policy::default()
        };
        let maps = Reproducible { maps: vec![(self.at("work"), ".".into())] };
        let path: OsString = format!("{}:/usr/bin:/bin", self.at("real").display()).into();
        let (dir, cwd) = (self.at("sessions").join(self.sessions.len().to_string()), self.at("work"));
        let session = Session::create(&SessionOptions {
            dir: &dir,
            toolchains: &toolchains,
            family: &topology.family(&row.family).unwrap(),
            policy: &policy,
            cross: None,
            reproducible: row.reproducible.then_some(&maps),
            path: &path,
            cwd: &cwd,
            variables: &|_| None,
            python: None,
            extra_tools: &[],
            record: true,
        });
        let session = session.unwrap_or_else(|error| panic!("{}: {error}", row.holds));
        self.sessions.entry(setting).or_insert(session).bin.clone()
    }

    fn run(&mut self, row: &Row) -> Ran {
        let bin = self.bin(row);
        let filled = |text: &str| {
            let places = [
                ("{root}", self.at("")),
                ("{temp}", self.at("temp")),
                ("{bin}", bin.clone()),
                ("{real}", self.at("real")),
            ];
            places.into_iter().fold(text.to_owned(), |text, (key, path)| {
                text.replace(key, path.to_str().unwrap().trim_end_matches('/'))
            })
        };
        let words = |text: &str| -> Vec<String> {
            let words = shlex::split(text).unwrap_or_else(|| panic!("not quoted well: {text}"));
            words.iter().map(|word| filled(word)).collect()
        };
        let cwd = self.at("work").join(filled(&row.cwd));
        fs::create_dir_all(&cwd).unwrap();
        for (name, content) in &row.files {
            fs::write(cwd.join(name), content).unwrap();
        }
        let record = bin.with_file_name("record.jsonl");
        let already = fs::metadata(&record).unwrap().len();
        let (argv, call) = (self.at("argv"), words(&row.call));
        let _ = fs::remove_file(&argv);
        let fails = row.again.is_some() || row.once.is_some();
        let path: OsString = format!("{}:{}:/usr/bin:/bin", bin.display(), self.at("real").display()).into();
        let mut command = Command::new(bin.join(&call[0]));
        command.args(&call[1..]).current_dir(&cwd).env("PATH", path).env("TMPDIR", self.at("temp"));
        command.env("FAKE_ARGV", &argv).env("FAKE_EXIT", if fails { "1" } else { "0" });
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        for name in row.files.keys() {
            fs::remove_file(cwd.join(name)).unwrap();
        }
        let lines = fs::read_to_string(&record).unwrap().split_off(usize::try_from(already).unwrap());
        let begin = serde_json::from_str(lines.lines().next().expect("a line in the record")).unwrap();
        let expected = row.gives.as_ref().or(row.again.as_ref()).map(|text| words(text));
        Ran { call, calls: calls(&argv), begin, output, expected }
    }
}

/// What came of a row.
struct Ran {
    /// The call as made, the name first.
    call: Vec<String>,
    /// What the fake was called with, each time.
    calls: Vec<Vec<String>>,
    /// What the record says of its begin.
    begin: Value,
    output: Output,
    /// `gives` or `again`, as words.
    expected: Option<Vec<String>>,
}

fn calls(argv: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(argv).unwrap_or_default();
    let (mut calls, mut call) = (vec![], vec![]);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\n') {
            calls.push(std::mem::take(&mut call));
            rest = after;
        } else {
            let (word, after) = rest.split_once('\0').unwrap();
            call.push(word.to_owned());
            rest = after;
        }
    }
    calls
}

impl Row {
    /// What is wrong, if anything is.
    fn fault(&self, ran: &Ran) -> Option<String> {
        let given = |name: &str| ran.begin[name].clone();
        let list = |name: &str| -> Vec<String> {
            let values = ran.begin[name].as_array().cloned().unwrap_or_default();
            values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        let compare = |expected: Value, found: Value| {
            (expected != found).then(|| format!("expected {expected}\n       found    {found}"))
        };
        let texts = |list: &Vec<String>| serde_json::to_value(list).unwrap();
        let runs = |expected: &[Vec<String>]| {
            compare(serde_json::to_value(expected).unwrap(), serde_json::to_value(&ran.calls).unwrap())
        };
        let own = ran.call[1..].to_vec();
        if self.same.is_some() {
            runs(&[own])
        } else if self.gives.is_some() {
            runs(&[ran.expected.clone().unwrap()])
        } else if self.again.is_some() {
            let second = ran.expected.clone().unwrap();
            compare(texts(&second), texts(ran.calls.get(1)?))
                .or_else(|| (ran.calls.len() != 2).then(|| format!("it ran {} times", ran.calls.len())))
        } else if self.once.is_some() {
            (ran.calls.len() != 1).then(|| format!("it ran {} times", ran.calls.len()))
        } else if let Some(rule) = &self.refuses {
            let told = String::from_utf8_lossy(&ran.output.stderr).into_owned();
            let refused = ran.output.status.code() == Some(1) && ran.calls.is_empty();
            let named = told.contains(&format!("(rule {rule})")) && told.contains("hint: ");
            (!refused || !named).then(|| format!("not refused by {rule}: {:?}, {told}", ran.calls))
        } else if let Some(kind) = &self.kind {
            compare(kind.as_str().into(), given("kind"))
        } else if let Some(probe) = &self.probe {
            let expected = if probe.is_empty() { Value::Null } else { probe.as_str().into() };
            compare(expected, given("probe"))
        } else if let Some(lang) = &self.lang {
            compare(texts(lang), texts(&list("lang")))
        } else if let Some(inputs) = &self.inputs {
            compare(texts(inputs), texts(&list("in")))
        } else if let Some(out) = &self.out {
            compare(texts(out), texts(&list("out")))
        } else if let Some(dep) = &self.dep {
            compare(dep.as_str().into(), given("dep"))
        } else {
            let notes: Vec<_> = ran.begin["edits"].as_array().cloned().unwrap_or_default();
            let mut notes = notes.iter().filter(|edit| edit["before"] == edit["after"]);
            let wanted = self.notes.as_deref().unwrap();
            let none = !notes.any(|edit| edit["rule"] == wanted);
            none.then(|| format!("not noted: {}", ran.begin["edits"]))
        }
    }

    /// How many expectations it states.
    fn expectations(&self) -> usize {
        [
            self.same.is_some(),
            self.gives.is_some(),
            self.refuses.is_some(),
            self.again.is_some(),
            self.once.is_some(),
            self.kind.is_some(),
            self.probe.is_some(),
            self.lang.is_some(),
            self.inputs.is_some(),
            self.out.is_some(),
            self.dep.is_some(),
            self.notes.is_some(),
        ]
        .into_iter()
        .filter(|stated| *stated)
        .count()
    }
}

#[test]
fn every_row_holds() {
    let mut shop = Workshop::new();
    // The fake tools were just written; a child of another test that was forked meanwhile may hold one open.
    std::thread::sleep(Duration::from_millis(20));
    let mut faults = String::new();
    for row in rows() {
        let ran = shop.run(&row);
        if let Some(fault) = row.fault(&ran) {
            let _ = write!(
                faults,
                "\nrule {} ({}): {}\n  call {}\n       {fault}\n       stderr   {}\n",
                row.rule,
                row.from,
                row.holds,
                row.call,
                String::from_utf8_lossy(&ran.output.stderr)
            );
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn there_are_at_least_120_rows_each_with_one_expectation_and_a_sentence_of_its_own() {
    let rows = rows();
    assert!(rows.len() >= 120, "{}", rows.len());
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.expectations(), 1, "{}", row.holds);
        assert!((1..=24).contains(&row.rule), "{}: rule {}", row.holds, row.rule);
        assert!(seen.insert((&row.from, &row.holds)), "twice: {}", row.holds);
        for wrong in [row.same, row.once] {
            assert_ne!(wrong, Some(false), "{}", row.holds);
        }
    }
}

#[test]
fn the_wrappers_that_were_learnt_from_are_all_there() {
    let rows = rows();
    for from in ["Spack", "ChromeOS", "pywasmcross", "Nixpkgs", "zigbuild", "sccache", "Bear"] {
        let count = rows.iter().filter(|row| row.from == from).count();
        assert!(count >= 5, "{from}: {count}");
    }
}

#[test]
fn each_of_the_rules_1_to_24_has_a_test_that_bears_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<u8, usize> = rows().iter().fold(BTreeMap::new(), |mut found, row| {
        *found.entry(row.rule).or_default() += 1;
        found
    });
    for folder in ["tests", "wrappers/tests"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for name in text.split("#[test]\nfn rule_").skip(1) {
                *found.entry(name[..2].parse().unwrap()).or_default() += 1;
            }
        }
    }
    let missing: Vec<_> = (1..=24).filter(|rule| !found.contains_key(rule)).collect();
    assert!(missing.is_empty(), "no test for the rules {missing:?}");
}
