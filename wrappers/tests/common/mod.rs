//! A shim folder made by hand, and a fake compiler that tells what it was called with.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crosswheel_shim::plan::*;

/// A shim folder in a folder of its own, which goes away with it.
pub struct Folder {
    pub root: tempfile::TempDir,
    pub plan: PlanData,
}

/// A script that writes its arguments, each ended by a NUL, to the file that `FAKE_ARGV` names, its stdin to
/// `FAKE_STDIN`, and ends as `FAKE_DO` says.
const FAKE: &str = r#"#!/bin/sh
if [ -n "$FAKE_ARGV" ]; then for a in "$0" "$@"; do printf '%s\0' "$a"; done >>"$FAKE_ARGV"; printf '\n' >>"$FAKE_ARGV"; fi
if [ -n "$FAKE_PATH" ]; then printf '%s' "$PATH" >"$FAKE_PATH"; fi
if [ -n "$FAKE_STDIN" ]; then cat >>"$FAKE_STDIN"; fi
eval "$FAKE_DO"
"#;

impl Folder {
    /// A folder with a plan as given; the fake compiler is `<root>/real/NAME` for every tool whose real
    /// path is empty.
    pub fn new(mut plan: PlanData) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().canonicalize().unwrap();
        for folder in ["bin", "real", "scratch", "work", "tmp"] {
            fs::create_dir(at.join(folder)).unwrap();
        }
        plan.bin = at.join("bin").into_os_string().into_vec();
        plan.scratch = at.join("scratch").into_os_string().into_vec();
        if plan.record.is_none() {
            plan.record = Some(at.join("record.jsonl").into_os_string().into_vec());
            fs::write(at.join("record.jsonl"), "").unwrap();
        } else if plan.record.as_deref() == Some(b"/none") {
            plan.record = None;
        }
        for tool in &mut plan.tools {
            if tool.real.is_empty() {
                let real = at.join("real").join(&tool.name);
                fs::write(&real, FAKE).unwrap();
                fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
                tool.real = real.into_os_string().into_vec();
            }
            if tool.launcher.as_deref() == Some(b"") {
                let real = at.join("real").join("ccache");
                fs::write(&real, FAKE).unwrap();
                fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
                tool.launcher = Some(real.into_os_string().into_vec());
            }
            fs::copy(env!("CARGO_BIN_EXE_crosswheel-shim"), at.join("bin").join(&tool.name)).unwrap();
        }
        let folder = Self { root, plan };
        folder.write_plan();
        folder
    }

    pub fn at(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.at().join(name)
    }

    pub fn write_plan(&self) {
        fs::write(self.at().join("plan"), write(&self.plan).unwrap()).unwrap();
    }

    /// A command that calls a name in the folder, from the folder `work`.
    pub fn command<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(self.at().join("bin").join(name));
        let path = format!("{}:/usr/bin:/bin", self.at().join("bin").display());
        command.args(args).current_dir(self.at().join("work")).env("PATH", path);
        command
            .env("FAKE_ARGV", self.at().join("argv"))
            .env("TMPDIR", self.at().join("tmp"))
            .env("LC_ALL", "C");
        command
    }

    /// Calls a name and gives back what the real tool was called with, for each time it ran.
    pub fn call<S: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = S>,
    ) -> (Output, Vec<Vec<OsString>>) {
        let _ = fs::remove_file(self.at().join("argv"));
        let output = self.command(name, args).output().unwrap();
        (output, self.calls())
    }

    pub fn calls(&self) -> Vec<Vec<OsString>> {
        let Ok(text) = fs::read(self.at().join("argv")) else { return Vec::new() };
        let mut calls = Vec::new();
        let mut call = Vec::new();
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            if rest[0] == b'\n' && !call.is_empty() {
                calls.push(std::mem::take(&mut call));
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|b| *b == 0).unwrap();
            call.push(OsStr::from_bytes(&rest[..end]).to_owned());
            rest = &rest[end + 1..];
        }
        calls
    }

    /// The lines of the record, as JSON text.
    pub fn record(&self) -> Vec<String> {
        fs::read_to_string(self.at().join("record.jsonl")).unwrap().lines().map(str::to_owned).collect()
    }
}

/// A tool without a profile, whose real path is the fake compiler.
pub fn tool(name: &str, role: Role, dialect: Dialect) -> Tool {
    Tool {
        name: name.into(),
        real: Vec::new(),
        launcher: None,
        role,
        dialect,
        profile: None,
        machine: String::new(),
        keeps_path: false,
    }
}

/// A row of an option table.
pub fn row(spelling: &str, form: Form, effect: Effect) -> OptionRow {
    OptionRow { spelling: spelling.into(), form, effect, level: 0 }
}

/// Text of a path that is UTF-8.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
