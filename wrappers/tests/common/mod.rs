//! A shim folder made by hand, and tools in it that tell what they were called with and how they were started.
//!
//! Nothing is written here that is then run: a test program has many threads, and one that forks while
//! another writes a program makes the kernel refuse to run it (`ETXTBSY`). The shim is linked, the fake is a file
//! of the repository.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crosswheel_shim::plan::*;

/// The shim.
const SHIM: &str = env!("CARGO_BIN_EXE_crosswheel-shim");
/// The fake compiler: it writes its arguments, each ended by a NUL, to the file that `FAKE_ARGV` names, and ends as
/// `FAKE_DO` says.
const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/fake.sh");

/// A shim folder in a folder of its own, which goes away with it.
pub struct Folder {
    pub root: tempfile::TempDir,
    pub plan: PlanData,
}

impl Folder {
    /// A folder with a plan as given; the fake compiler is `<root>/real/NAME` for every tool whose real
    /// path is empty. A record is kept unless the plan says `/none`.
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
                tool.real = fake(&at, &tool.name);
            }
            if tool.launcher.as_deref() == Some(b"") {
                tool.launcher = Some(fake(&at, "ccache"));
            }
            link(&at.join("bin").join(&tool.name));
        }
        let folder = Self { root, plan };
        folder.write_plan();
        folder
    }

    /// A folder whose `cc` is the shell, so that `cc -c SCRIPT` is any tool that one can think of.
    pub fn shell() -> Self {
        Self::running("/bin/sh")
    }

    /// A folder whose `cc` is any program, with an empty option table.
    pub fn running(real: &str) -> Self {
        let cc = Tool { real: real.into(), ..tool("cc", Role::Cc, Dialect::Gcc) };
        Self::new(PlanData { tools: vec![cc], ..PlanData::default() })
    }

    /// A folder whose `cc` is the fake compiler, without a profile.
    pub fn fake() -> Self {
        Self::new(PlanData {
            tools: vec![tool("cc", Role::Cc, Dialect::Gcc)],
            options: vec![(Dialect::Gcc, driver_rows())],
            ..PlanData::default()
        })
    }

    /// The same with a profile.
    pub fn with(profile: Profile) -> Self {
        Self::new(PlanData {
            tools: vec![Tool { profile: Some(0), ..tool("cc", Role::Cc, Dialect::Gcc) }],
            options: vec![(Dialect::Gcc, driver_rows())],
            profiles: vec![profile],
            ..PlanData::default()
        })
    }

    pub fn at(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.at().join(name)
    }

    /// Writes the plan as the data now says.
    pub fn write_plan(&self) {
        fs::write(self.at().join("plan"), write(&self.plan).unwrap()).unwrap();
    }

    /// A command that calls a name in the folder, from the folder `work`.
    pub fn command<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(self.at().join("bin").join(name));
        command.args(args);
        self.surround(&mut command);
        command
    }

    /// Gives a command the working folder and the environment of these tests.
    pub fn surround(&self, command: &mut Command) {
        let path = format!("{}:/usr/bin:/bin", self.at().join("bin").display());
        command.current_dir(self.at().join("work")).env("PATH", path);
        command.env("FAKE_ARGV", self.at().join("argv")).env("TMPDIR", self.at().join("tmp"));
        command.env("LC_ALL", "C").env("OUT", self.at().join("out"));
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

    /// What the fake was called with, its path left out, for each time it ran.
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

    /// What `script` writes to `$OUT` when the shell runs it as the tool of `cc`, and when it runs directly;
    /// both started by a shell that first does `ahead`, with `redirections`.
    pub fn both(&self, ahead: &str, redirections: &str, script: &str) -> (String, String) {
        let out = self.path("out");
        let run = |program: &Path, path: &str| {
            let _ = fs::remove_file(&out);
            let start = format!("{ahead}\nexec \"$@\" {redirections}");
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &start, "sh"]).arg(program).args(["-c", script]);
            self.surround(&mut command);
            if !path.is_empty() {
                command.env("PATH", path);
            }
            command.output().unwrap();
            fs::read_to_string(&out).unwrap()
        };
        (run(&self.path("bin/cc"), ""), run(Path::new("/bin/sh"), "/usr/bin:/bin"))
    }
}

/// The shim under another name.
pub fn link(path: &Path) {
    if fs::hard_link(SHIM, path).is_err() {
        // Another file system. The copy is made by another process, for the reason above.
        assert!(Command::new("cp").arg(SHIM).arg(path).status().unwrap().success());
    }
}

fn fake(at: &Path, name: &str) -> Vec<u8> {
    let real = at.join("real").join(name);
    if !real.exists() {
        symlink(FAKE, &real).unwrap();
    }
    real.into_os_string().into_vec()
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
        lead: Vec::new(),
        asks: Vec::new(),
        keeps_path: false,
    }
}

/// A row of an option table.
pub fn row(spelling: &str, form: Form, effect: Effect) -> OptionRow {
    OptionRow { spelling: spelling.into(), form, effect, level: 0 }
}

/// Enough of a compiler driver for these tests.
pub fn driver_rows() -> Vec<OptionRow> {
    vec![
        row("--", Form::Flag, Effect::EndOfOptions),
        row("--version", Form::Flag, Effect::Query),
        row("-E", Form::Flag, Effect::PreprocessOnly),
        row("-I", Form::JoinedOrSeparate, Effect::None),
        row("-L", Form::JoinedOrSeparate, Effect::None),
        row("-MF", Form::Separate, Effect::DepFile),
        row("-S", Form::Flag, Effect::AssemblyOnly),
        row("-W", Form::Joined, Effect::None),
        row("-Werror", Form::Flag, Effect::Werror),
        row("-Werror=", Form::Joined, Effect::WerrorOne),
        row("-Wl,", Form::Commas, Effect::ForLinker),
        row("-c", Form::Flag, Effect::CompileOnly),
        row("-l", Form::JoinedOrSeparate, Effect::Library),
        row("-march=", Form::Joined, Effect::March),
        row("-o", Form::JoinedOrSeparate, Effect::Output),
        row("-x", Form::JoinedOrSeparate, Effect::Language),
    ]
}

/// Arguments that are put into every compile and link.
pub fn injection(slot: Slot, flags: &[&str]) -> Injection {
    Injection {
        rule: "test".into(),
        why: "the test asks for it".into(),
        slot,
        flags: flags.iter().map(|flag| flag.as_bytes().to_vec()).collect(),
        kinds: Kinds::of(&[Kind::Compile, Kind::Link]),
        languages: Languages::NONE,
        probes: true,
        unless: None,
        needs: None,
        exports: ExportsKnown::Any,
    }
}

/// A rule that does `action` to options with this effect in every compile and link.
pub fn rule(effect: Effect, action: Action, with: &[&str]) -> Rule {
    Rule {
        rule: "test".into(),
        why: "the test asks for it".into(),
        hint: String::new(),
        effect,
        value: None,
        pattern: false,
        repeated: false,
        level: LevelTest::Any,
        action,
        with: with.iter().map(|flag| flag.as_bytes().to_vec()).collect(),
        kinds: Kinds::ALL,
        probes: true,
    }
}

/// Text of a path that is UTF-8.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The words of one call of the fake, as text.
pub fn words(call: &[OsString]) -> Vec<&str> {
    call.iter().map(|word| word.to_str().unwrap()).collect()
}

/// What a program said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a program said on stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a command start with these signals ignored.
pub fn ignoring<'c>(signals: &'c [i32], command: &'c mut Command) -> &'c mut Command {
    let signals = signals.to_vec();
    // SAFETY: `signal` is async-signal-safe; nothing is allocated or dropped in the child.
    unsafe {
        command.pre_exec(move || {
            for signal in &signals {
                libc::signal(*signal, libc::SIG_IGN);
            }
            Ok(())
        })
    }
}

/// Waits until something is so; fails the test if that takes longer than a loaded machine would need.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A new terminal: the side of its window, and the side of the programs in it. Neither reaches a program
/// that was not given it.
pub fn terminal() -> (OwnedFd, OwnedFd) {
    // SAFETY: plain calls on a descriptor that was just opened; both are ours from then on.
    unsafe {
        let window = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(window >= 0 && libc::grantpt(window) == 0 && libc::unlockpt(window) == 0);
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let inside = libc::ioctl(window, libc::TIOCGPTPEER, flags);
        assert!(inside >= 0);
        (OwnedFd::from_raw_fd(window), OwnedFd::from_raw_fd(inside))
    }
}
