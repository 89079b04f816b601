//! Tiny packages with a backend of their own, and the program under test.
//!
//! The backend lies in the package (`backend-path`), so that nothing is installed and no index is asked. It compiles
//! what `BUILD` lists, by `cc`, and zips a wheel.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod script;
pub(crate) mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The in-tree backend. `plan.py` beside it may define `before()`, `settings(dict)` and `requires()`.
pub(crate) const BACKEND: &str = r#"
import os, subprocess, sys, time, zipfile
sys.path.insert(0, os.path.dirname(__file__))
import plan

def get_requires_for_build_wheel(config_settings=None):
    return plan.requires() if hasattr(plan, "requires") else []

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    os.mkdir(os.path.join(directory, "tiny-1.0.dist-info"))
    with open(os.path.join(directory, "tiny-1.0.dist-info", "METADATA"), "w") as f:
        f.write("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    return "tiny-1.0.dist-info"

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "tiny-1.0-cp311-cp311-linux_x86_64.whl"
    if hasattr(plan, "settings"):
        plan.settings(config_settings)
    entries = plan.build() if hasattr(plan, "build") else extension()
    stamp = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "400000000")))[:6]
    entries = dict(entries)
    entries["tiny-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
    entries["tiny-1.0.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"
    rows = ["%s,%s,%d" % (path, digest(entries[path]), len(entries[path])) for path in sorted(entries)]
    entries["tiny-1.0.dist-info/RECORD"] = "\n".join(rows + ["tiny-1.0.dist-info/RECORD,,", ""]).encode()
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path in sorted(entries):
            wheel.writestr(zipfile.ZipInfo(path, stamp), entries[path])
    return name

def digest(content):
    import base64, hashlib
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

def extension():
    subprocess.check_call(["cc", "-g", "-O1", "-fPIC", "-c", "ext.c", "-o", "ext.o"])
    subprocess.check_call(["cc", "-shared", "ext.o", "-o", "ext.so"])
    with open("ext.so", "rb") as f:
        return {"tiny/ext.so": f.read()}
"#;

pub(crate) const PYPROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"back\"]\n\n\
                             [project]\nname = \"tiny\"\nversion = \"1.0\"\n";

/// A folder in which a test works: its packages, results, temporary files and caches.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { dir: TempDir::new().expect("a temporary folder") };
        for name in ["tmp", "cache"] {
            fs::create_dir(home.path(name)).expect("made");
        }
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    /// A package in `folder` with this `plan.py`.
    pub(crate) fn package(&self, folder: &str, plan: &str) -> PathBuf {
        self.write(&format!("{folder}/pyproject.toml"), PYPROJECT);
        self.write(&format!("{folder}/back/backend.py"), BACKEND);
        self.write(&format!("{folder}/back/plan.py"), plan);
        self.write(&format!("{folder}/ext.c"), "const char *where(void) { return __FILE__; }\n");
        self.path(folder)
    }

    /// The program, with this home's folders and nothing of the caller's configuration.
    pub(crate) fn crosswheel(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(args).current_dir(self.dir.path());
        command.env("TMPDIR", self.path("tmp")).env("XDG_CACHE_HOME", self.path("cache"));
        for name in ["SOURCE_DATE_EPOCH", "CC", "CFLAGS", "PIP_FIND_LINKS", "PYTHONPATH", "CI"] {
            command.env_remove(name);
        }
        command.env("PIP_CONFIG_FILE", "/dev/null").env("NO_COLOR", "1");
        command
    }

    /// Runs `build` with these arguments.
    pub(crate) fn build(&self, args: &[&str]) -> Ran {
        let mut all = vec!["build"];
        all.extend(args);
        Ran::from(self.crosswheel(&all).output().expect("started"))
    }

    /// What is left in the folder for temporary files.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        list(&self.path("tmp"))
    }
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.out.contains(text) || self.err.contains(text), "`{text}` is not in {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Files and folders in a folder, in order.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    found
}

pub(crate) const WHEEL: &str = "tiny-1.0-cp311-cp311-linux_x86_64.whl";
