//! A workshop for black-box tests: a temporary folder with fake tools, and `crosswheel` run in it with an
//! environment of which every variable is named.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What `gcc --version` prints.
pub const GCC_SAYS: &str = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0\n\
    Copyright (C) 2022 Free Software Foundation, Inc.\n\
    This is free software; see the source for copying conditions.  There is NO\n\
    warranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.\n";

/// A folder of a test's own.
pub struct Shop {
    home: TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Shop {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    /// A path in the shop, links in its own folder's path followed.
    pub fn at(&self, path: &str) -> PathBuf {
        self.home.path().canonicalize().expect("the shop").join(path)
    }

    pub fn text(&self, path: &str) -> String {
        self.at(path).display().to_string()
    }

    /// Writes an executable file.
    pub fn program(&self, path: &str, content: &str) -> PathBuf {
        let file = self.at(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, content).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("rights");
        file
    }

    /// A compiler that says it is gcc for `machine`, notes each of its calls in `calls`, and compiles nothing.
    pub fn gcc(&self, path: &str, machine: &str) -> PathBuf {
        let calls = self.text("calls");
        let said = GCC_SAYS.replace('\n', "\\n");
        self.program(
            path,
            &format!(
                "#!/bin/sh\necho \"$0 $*\" >> '{calls}'\ncase $1 in\n--version) printf '{said}' ;;\n\
                 -dumpmachine) echo {machine} ;;\nesac\n"
            ),
        )
    }

    /// The calls of fake compilers so far.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn link(&self, to: &str, path: &str) {
        let file = self.at(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::os::unix::fs::symlink(to, file).expect("a link");
    }

    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }

    /// `crosswheel` with these arguments, in the shop, with `path` as PATH.
    pub fn command(&self, path: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(args).current_dir(self.at("")).env_clear().env("PATH", path).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, path: &str, args: &[&str]) -> Output {
        self.command(path, args).output().expect("crosswheel starts")
    }

    /// The same, which must succeed.
    pub fn done(&self, path: &str, args: &[&str]) -> Output {
        let output = self.run(path, args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output
    }

    /// Sets up a session for `host` in `session/`.
    pub fn session(&self, path: &str) -> Made {
        self.session_for("host", path, &[])
    }

    pub fn session_for(&self, family: &str, path: &str, more: &[&str]) -> Made {
        let args = ["env", "--family", family, "--dir", "session", "--shell", "json"];
        let output = self.done(path, &[&args, more].concat());
        let settings = serde_json::from_slice(&output.stdout).expect("settings in JSON");
        let header = fs::read_to_string(self.at("session/record.jsonl")).expect("a record");
        let header = serde_json::from_str(header.lines().next().expect("a line")).expect("a header in JSON");
        Made { settings, header, warnings: said(&output) }
    }
}

/// What a process said on stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A session as it shows itself.
pub struct Made {
    pub settings: Value,
    pub header: Value,
    pub warnings: String,
}

impl Made {
    pub fn names(&self) -> Vec<&str> {
        self.tools().iter().filter_map(|tool| tool["name"].as_str()).collect()
    }

    pub fn tools(&self) -> &[Value] {
        self.header["tools"].as_array().expect("a list of tools")
    }

    /// What the record says of one tool; null if it is not there.
    pub fn tool(&self, name: &str) -> &Value {
        self.tools().iter().find(|tool| tool["name"] == name).unwrap_or(&Value::Null)
    }

    pub fn variable(&self, name: &str) -> &Value {
        &self.settings["environment"][name]
    }
}

/// The lines of a record.
pub fn record(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a record");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}
