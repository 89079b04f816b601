//! Calls rewritten for Emscripten, held against pywasmcross of pyodide-build, which Pyodide's packages are built with: the
//! same calls are given to both, and whatever differs must be in [`wasm::differences`] with its reason, as must nothing else.
//!
//! The calls are those of real builds (`wasm/calls.jsonl`, made by `wasm/collect.py`), one of each shape, and calls by
//! hand (`wasm/edges.txt`). No compiler runs: a fake emcc stands in its place.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

mod wasm;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crosswheel_shim::args::response::split;
use crosswheel_shim::dispatch::dispatch;
use crosswheel_shim::plan::{Effect, Kind, Languages, Plan};
use crosswheel_shim::probe::Place;
use crosswheel_shim::run::explain;
use serde_json::Value;
use tempfile::TempDir;
use wasm::{Call, Ours, differences};

/// Answers what it is asked at set-up as Emscripten 3.1.58 does.
const EMCC: &str = r#"#!/bin/sh
case " $* " in
*" --version "*) echo "emcc (Emscripten gcc/clang-like replacement + linker emulating GNU ld) 3.1.58 ()" ;;
*" -dumpmachine "*) echo "wasm32-unknown-emscripten" ;;
*" -dM "*) printf '#define __clang_major__ 19\n#define __clang_minor__ 0\n#define __clang_patchlevel__ 0\n' ;;
esac
"#;

fn calls() -> Vec<Call> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let captured = include_str!("wasm/calls.jsonl").lines().map(|line| {
        let call: Value = serde_json::from_str(line).unwrap();
        Call { cwd: text(&call["cwd"]), argv: call["argv"].as_array().unwrap().iter().map(text).collect() }
    });
    let edges =
        include_str!("wasm/edges.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let edges = edges.map(|line| {
        let words = split(line.as_bytes()).into_iter().map(|word| String::from_utf8(word).unwrap());
        Call { cwd: "/pkg/src".into(), argv: words.collect() }
    });
    captured.chain(edges).collect()
}

/// What pywasmcross makes of them.
fn theirs(calls: &[Call]) -> Vec<Vec<String>> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("wheel-tools/bin/python");
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasm/oracle.py");
    let mut child =
        Command::new(python).arg(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let all: Vec<&[String]> = calls.iter().map(|call| &*call.argv).collect();
    child.stdin.take().unwrap().write_all(serde_json::to_string(&all).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "pywasmcross does not run; `make setup` installs it");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A plan for WebAssembly.
struct Bench {
    _dir: TempDir,
    plan: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let tools = dir.path().join("tools");
        fs::create_dir(&tools).unwrap();
        for name in
            ["emcc", "em++", "emar", "emranlib", "emstrip", "emnm", "wasm-ld", "cc", "gfortran", "lld"]
        {
            let path = tools.join(name);
            fs::write(&path, EMCC).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(["run", "--family", "wasm32-emscripten", "--", "cc", "--version"]);
        let made = command.current_dir(&dir).env_clear().env("PATH", &tools).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let plan: PathBuf = dir.path().join(".crosswheel/wasm32-emscripten/plan");
        Self { plan: fs::read(plan).unwrap(), _dir: dir }
    }

    /// What we make of a call.
    fn ours(&self, call: &Call) -> Ours {
        let plan = Plan::open(&self.plan).unwrap();
        let words: Vec<&[u8]> = call.argv.iter().map(String::as_bytes).collect();
        let place = Place { cwd: call.cwd.as_bytes(), temp: b"/pkg/tmp" };
        let Some(target) = dispatch(plan, words[0], &words[1..]) else {
            return Ours {
                words: call.argv.clone(),
                kind: Kind::Other,
                probe: false,
                shared: false,
                languages: Languages::NONE,
            };
        };
        let text = |word: &[u8]| String::from_utf8(word.to_vec()).unwrap();
        explain(plan, &target, place, |read, probe, decision| {
            let words = if decision.refusal.is_some() || target.program().ends_with(b"/sh") {
                vec!["exit 1".to_owned()]
            } else if let Some(answer) = &decision.answer {
                vec!["echo".to_owned(), text(answer).trim().to_owned()]
            } else {
                let program = text(target.program());
                let name = Path::new(&program).file_name().unwrap().to_string_lossy().into_owned();
                let rest =
                    target.head(read.only_asks()).skip(1).chain(decision.args.iter().map(|arg| &**arg));
                std::iter::once(name).chain(rest.map(text)).collect()
            };
            Ours {
                words,
                kind: read.kind,
                probe: probe.is_some(),
                shared: read.items.any(Effect::Shared),
                languages: read.languages,
            }
        })
    }
}

/// An argument that only one of the two has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Theirs,
    Ours,
}

/// Arguments that only one has, in order: what is left of both without their longest common part.
fn differing<'w>(theirs: &'w [String], ours: &'w [String]) -> Vec<(Side, &'w str)> {
    let mut common = vec![vec![0_usize; ours.len() + 1]; theirs.len() + 1];
    for (i, their) in theirs.iter().enumerate().rev() {
        for (j, our) in ours.iter().enumerate().rev() {
            common[i][j] =
                if their == our { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    while i < theirs.len() || j < ours.len() {
        if i < theirs.len() && j < ours.len() && theirs[i] == ours[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == ours.len() || (i < theirs.len() && common[i + 1][j] >= common[i][j + 1]) {
            found.push((Side::Theirs, &*theirs[i]));
            i += 1;
        } else {
            found.push((Side::Ours, &*ours[j]));
            j += 1;
        }
    }
    found
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
        }),
    }
}

#[test]
fn calls_become_what_pywasmcross_makes_of_them_but_for_what_is_argued() {
    let calls = calls();
    assert!(calls.len() >= 300, "{} calls", calls.len());
    let (bench, differences) = (Bench::new(), differences());
    let (mut told, mut used) = (String::new(), BTreeSet::new());
    for (call, theirs) in calls.iter().zip(theirs(&calls)) {
        let ours = bench.ours(call);
        for (side, word) in differing(&theirs, &ours.words) {
            let mut argued = false;
            for (row, difference) in differences.iter().enumerate() {
                let patterns = if side == Side::Theirs { difference.theirs } else { difference.ours };
                for (at, _) in patterns.iter().enumerate().filter(|(_, pattern)| fits(pattern, word)) {
                    if (difference.holds)(call, &ours) {
                        used.insert((row, side == Side::Theirs, at));
                        argued = true;
                    }
                }
            }
            if !argued {
                let who = if side == Side::Theirs { "theirs" } else { "ours" };
                writeln!(
                    told,
                    "only {who}: {word}\n    call:   {}\n    theirs: {}\n    ours:   {}",
                    call.argv.join(" "),
                    theirs.join(" "),
                    ours.words.join(" ")
                )
                .unwrap();
            }
        }
    }
    assert!(told.is_empty(), "differences that are not argued:\n{told}");
    for (row, difference) in differences.iter().enumerate() {
        for (theirs, patterns) in [(true, difference.theirs), (false, difference.ours)] {
            for (at, pattern) in patterns.iter().enumerate() {
                assert!(
                    used.contains(&(row, theirs, at)),
                    "`{pattern}` no longer differs: {}",
                    difference.why
                );
            }
        }
    }
}
