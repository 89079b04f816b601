//! One call from end to end: plan, target, decision, record, tool, record.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::args::{Files, Line, response};
use crate::coloured::plain;
use crate::dispatch::{Target, dispatch};
use crate::exports;
use crate::invocation::Invocation;
use crate::paths::{base_name, parent, same_path};
use crate::plan::view::Options;
use crate::plan::{Kind, Plan, Role};
use crate::probe::{Place, probe, temp_folder};
use crate::process::{self, CStrings, Command, Ended, Signals};
use crate::record::{self, Begin, End, Record, Retry};
use crate::rewrite::{Arg, Decision, decide};
use crate::sys::{self, Fd};

/// Exit status when the shim itself cannot do its work, or refuses a call.
pub const FAILED: i32 = 1;
/// Exit status when the real tool is there and cannot be run, as a shell says it.
pub const CANNOT_RUN: i32 = 126;
/// Exit status when the real tool is missing, as a shell says it.
pub const NOT_FOUND: i32 = 127;

/// The longest single argument that Linux takes, the NUL at its end included.
const LONGEST_ARGUMENT: usize = 128 * 1024;

/// Response files are read from the disk. One with a NUL in it is left to the tool.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        sys::read_plain(path).filter(|content| !content.contains(&0))
    }
}

/// A complaint of the shim's own, on stderr.
fn say(name: &[u8], message: &[u8], hint: &[u8]) {
    let mut text = [b"crosswheel: ", name, b": ", message, b"\n"].concat();
    if !hint.is_empty() {
        text.extend_from_slice(&[b"      hint: ", hint, b"\n"].concat());
    }
    // If stderr is closed there is nobody to tell.
    let _ = sys::write_all(2, &text);
}

fn fail(name: &[u8], message: &[u8], hint: &[u8], status: i32) -> ! {
    say(name, message, hint);
    process::exit(status)
}

/// Where this program is: the folder of links, and the name that was called.
fn place() -> Option<(Vec<u8>, Vec<u8>)> {
    let path =
        sys::read_link(b"/proc/self/exe").or_else(sys::exec_path).filter(|path| path.starts_with(b"/"))?;
    Some((parent(&path).to_vec(), base_name(&path).to_vec()))
}

/// The value of a variable.
fn variable<'e>(env: &[&'e CStr], name: &[u8]) -> Option<&'e [u8]> {
    env.iter().find_map(|entry| entry.to_bytes().strip_prefix(name)?.strip_prefix(b"="))
}

/// Runs one call. `argv` holds the name first, `env` entries are `NAME=value`.
pub fn run(argv: &[&[u8]], env: &[&CStr]) -> ! {
    let Some((bin, name)) = place() else {
        fail(b"shim", b"cannot tell where this program is: /proc is not mounted", b"", FAILED)
    };
    let path = [parent(&bin), b"/plan"].concat();
    let set_up = b"set the shim folder up again, with `crosswheel env` or `crosswheel run`";
    let content = match sys::Content::load(&path) {
        Ok(content) => content,
        Err(error) => {
            let message =
                format!("cannot read its plan {}: {}", String::from_utf8_lossy(&path), sys::describe(error));
            fail(&name, message.as_bytes(), set_up, FAILED)
        }
    };
    let plan = match Plan::open(content.bytes()) {
        Ok(plan) => plan,
        Err(damage) => {
            let message = format!("{} is {damage}", String::from_utf8_lossy(&path));
            fail(&name, message.as_bytes(), set_up, FAILED)
        }
    };
    let args = argv.get(1..).unwrap_or_default();
    let Some(target) = dispatch(plan, &name, args) else {
        let message = format!("its plan {} does not know this name", String::from_utf8_lossy(&path));
        fail(&name, message.as_bytes(), set_up, FAILED)
    };
    let cwd = sys::cwd().unwrap_or_default();
    let temp = temp_folder(variable(env, b"TMPDIR"));
    let place = Place { cwd: &cwd, temp: &temp };
    let tool = target.tool;
    let options = plan.options(tool.dialect());
    let call = understood(&target, options);
    let probed = probe(plan, &call, place);
    let decision = decide(&call, tool.profile(), probed.is_some(), place);
    let time = sys::now();
    let pids = sys::pids();
    let id = record::id(time, pids.0);
    let mut signals = Signals::default();
    if plan.file_limit() {
        signals.survive_file_limit();
    }
    let session =
        Session { plan, target: &target, call: &call, decision: &decision, env, name: &name, signals, id };
    let record = Record::open(plan);
    if let Some(record) = &record {
        let probe = probed.map(crate::plan::view::Probe::name);
        let begin = Begin {
            id,
            time,
            pids,
            plan,
            name: &name,
            cwd: &cwd,
            argv,
            env,
            parent: variable(env, record::PARENT),
            target: &target,
            call: &call,
            probe,
            decision: &decision,
        };
        record.write(&record::begin(&begin));
    }
    let outcome = session.tool(record.is_some());
    if let Some(record) = &record {
        let succeeded = outcome.ended.as_ref().is_ok_and(Ended::success);
        let made: &[Vec<u8>] = if succeeded { made(&call) } else { &[] };
        let (ended, retry) = (outcome.ended.clone(), outcome.retry);
        record.write(&record::end(&End { id, times: (time, sys::now()), ended, retry, made }));
    }
    match outcome.ended {
        Ok(ended) => process::end_as(&ended),
        Err(_) => process::exit(outcome.status),
    }
}

/// A call, with all that files have to tell of it.
fn understood<'a>(target: &Target<'a, 'a>, options: Options<'_>) -> Invocation<'a> {
    let tool = target.tool;
    let line = Line::read(target.args, &Disk);
    let mut call = Invocation::read(line, tool.role(), tool.dialect(), options);
    call.exported = exports::of(&call, tool.profile());
    call
}

/// Outputs worth describing: what was linked or put into an archive, or changed afterwards.
fn made<'c>(call: &'c Invocation<'_>) -> &'c [Vec<u8>] {
    match (call.kind, call.role) {
        (Kind::Link | Kind::Archive, _) | (Kind::Other, Role::Strip | Role::Objcopy) => &call.outputs,
        _ => &[],
    }
}

/// Why there is no end of the tool to tell of.
#[derive(Clone, Copy)]
enum Fault {
    /// It could not start: the kernel's error number.
    Tool(i32),
    /// The response file that its line is too long to do without could not be written: likewise.
    Scratch(i32),
    /// It ran, and the kernel has thrown its end away.
    Lost,
}

impl Fault {
    /// That of a run that gave this error number.
    fn of(error: i32) -> Self {
        if error == libc::ECHILD { Self::Lost } else { Self::Tool(error) }
    }
}

/// How the tool ended, or why it did not run, in which case `status` is ours.
struct Outcome {
    ended: Result<Ended, String>,
    status: i32,
    retry: Option<Retry>,
}

struct Session<'c, 'l> {
    plan: Plan<'c>,
    target: &'c Target<'c, 'c>,
    call: &'c Invocation<'l>,
    decision: &'c Decision<'c>,
    env: &'c [&'c CStr],
    name: &'c [u8],
    signals: Signals,
    id: [u8; 6],
}

impl<'c> Session<'c, '_> {
    /// Runs the tool, twice if policy says so.
    fn tool(&self, recorded: bool) -> Outcome {
        if let Some(refusal) = &self.decision.refusal {
            let message = record::refused(refusal);
            say(self.name, &message, refusal.hint);
            let error = String::from_utf8_lossy(&message).into_owned();
            return Outcome { ended: Err(error), status: FAILED, retry: None };
        }
        if let Some(answer) = &self.decision.answer {
            // A reader that is gone would have stopped the tool too.
            let _ = sys::write_all(1, answer);
            let ended = Ended { exit: Some(0), ..Ended::default() };
            return Outcome { ended: Ok(ended), status: 0, retry: None };
        }
        let envp = self.environment(recorded);
        if let Some(second) = &self.decision.retry {
            return self.twice(second, &envp);
        }
        let ended = self.once(&self.decision.args, &envp, [None; 3], recorded);
        self.outcome(ended, None)
    }

    /// The environment for the tool. A compiler or binutil must not find us when it looks for its own
    /// helpers (collect2 looks for `ld`), so the shim folder is taken out of its PATH. Calls that it makes all the
    /// same are to know in which call they are made.
    fn environment(&self, recorded: bool) -> CStrings<'c> {
        let mut all = CStrings::with_capacity(self.env.len() + 1, 0);
        for entry in self.env {
            let bytes = entry.to_bytes();
            match bytes.strip_prefix(b"PATH=") {
                Some(path) if !self.target.tool.keeps_path() => {
                    let mut rest = without(path, self.plan.bin());
                    // A PATH that names it through a link is where this program was found.
                    let called = sys::exec_path().unwrap_or_default();
                    if parent(&called) != self.plan.bin() {
                        rest = without(&rest, parent(&called));
                    }
                    // An empty PATH would mean the working folder; none at all means the system's default.
                    if !rest.is_empty() {
                        all.push_parts(&[b"PATH=", &rest]);
                    }
                }
                _ if bytes.starts_with(record::PARENT) && bytes.get(record::PARENT.len()) == Some(&b'=') => {}
                _ => all.give(entry),
            }
        }
        if recorded {
            all.push_parts(&[record::PARENT, b"=", &record::id_text(self.id)]);
        }
        all
    }

    /// Runs the tool once. With nobody to tell of its end we become it.
    fn once(
        &self,
        args: &[Arg<'_>],
        envp: &CStrings<'_>,
        streams: [Option<i32>; 3],
        wait: bool,
    ) -> Result<Ended, Fault> {
        let all = self.target.head(self.call.only_asks()).chain(args.iter().map(|arg| &**arg));
        let (count, bytes, longest) = all.clone().fold((0, 0, 0), |(count, bytes, longest), arg| {
            (count + 1, bytes + arg.len() + 1, arg.len().max(longest))
        });
        let mut argv = CStrings::with_capacity(count, bytes);
        all.for_each(|arg| argv.push(arg));
        let command = Command { program: self.target.program(), argv, envp, streams };
        let fits = longest + 1 < LONGEST_ARGUMENT;
        let error = if !fits {
            libc::E2BIG
        } else if wait {
            match command.run(&self.signals) {
                Err(libc::E2BIG) => libc::E2BIG,
                other => return other.map_err(Fault::of),
            }
        } else {
            command.exec()
        };
        // Compilers and binutils read `@file`.
        if error == libc::E2BIG {
            return self.by_file(args, envp, streams);
        }
        Err(Fault::Tool(error))
    }

    /// Runs the tool with its arguments in a response file of ours, which is taken away afterwards.
    fn by_file(
        &self,
        args: &[Arg<'_>],
        envp: &CStrings<'_>,
        streams: [Option<i32>; 3],
    ) -> Result<Ended, Fault> {
        let id = sys::now() ^ u64::from(sys::pids().0.cast_unsigned()) << 32;
        let path = [self.plan.scratch(), b"/", format!("{id:016x}.rsp").as_bytes()].concat();
        let file = Fd::create_new(&path).map_err(Fault::Scratch)?;
        let content = response::join(args.iter().map(|arg| &**arg));
        let written = sys::write_all(file.number(), &content).map_err(Fault::Scratch);
        let ended = written.and_then(|()| {
            let mut argv = CStrings::default();
            self.target.head(self.call.only_asks()).for_each(|arg| argv.push(arg));
            argv.push_parts(&[b"@", &path]);
            let command = Command { program: self.target.program(), argv, envp, streams };
            command.run(&self.signals).map_err(Fault::of)
        });
        sys::remove(&path);
        ended
    }

    /// A call under `-Werror` whose policy is to demote: if it fails it is run once more, with warnings
    /// that do not fail. Its output is held back until it is clear which of the two runs counts.
    fn twice(&self, second: &[Arg<'_>], envp: &CStrings<'_>) -> Outcome {
        let stdin = self.call.reads_stdin().then(keep_stdin).flatten();
        let first = Held::new(stdin.as_ref());
        let ended = self.once(&self.decision.args, envp, first.streams, true);
        // A tool that was killed, or could not start, would fare no better the second time.
        let failed = |ended: Ended| ended.exit.is_some_and(|status| status != 0);
        if !ended.is_ok_and(failed) {
            first.release();
            return self.outcome(ended, None);
        }
        let demoted = first.werror_lines();
        let again = Held::new(stdin.as_ref());
        match self.once(second, envp, again.streams, true) {
            Ok(ended) if ended.success() => {
                again.release();
                self.outcome(Ok(ended), Some(Retry { exit: ended.exit, demoted }))
            }
            other => {
                first.release();
                let exit = other.ok().and_then(|ended| ended.exit);
                self.outcome(ended, Some(Retry { exit, demoted }))
            }
        }
    }

    fn outcome(&self, ended: Result<Ended, Fault>, retry: Option<Retry>) -> Outcome {
        let (ended, status) = match ended {
            Ok(ended) => (Ok(ended), 0),
            Err(fault) => {
                let program = String::from_utf8_lossy(self.target.program());
                let (message, hint, status) = match fault {
                    Fault::Tool(libc::ENOENT) => (
                        format!("the real tool {program} is gone"),
                        "install it again, or set the shim folder up again to find another",
                        NOT_FOUND,
                    ),
                    Fault::Tool(error) => {
                        (format!("cannot run {program}: {}", sys::describe(error)), "", CANNOT_RUN)
                    }
                    Fault::Lost => (
                        format!("how {program} ended is unknown: the caller ignores SIGCHLD"),
                        "start the build with `env --default-signal=CHLD COMMAND`",
                        FAILED,
                    ),
                    Fault::Scratch(error) => (
                        format!(
                            "the line is too long for {program}, and no response file can be written in {}: {}",
                            String::from_utf8_lossy(self.plan.scratch()),
                            sys::describe(error)
                        ),
                        "make room there, or set the shim folder up again",
                        CANNOT_RUN,
                    ),
                };
                say(self.name, message.as_bytes(), hint.as_bytes());
                (Err(message), status)
            }
        };
        Outcome { ended, status, retry }
    }
}

/// PATH without a folder, however many slashes it is written with.
fn without(path: &[u8], folder: &[u8]) -> Vec<u8> {
    let rest: Vec<&[u8]> =
        path.split(|byte| *byte == b':').filter(|entry| !same_path(entry, folder)).collect();
    rest.join(&b':')
}

/// All of stdin, in a file that can be read twice.
fn keep_stdin() -> Option<Fd> {
    let mut content = Vec::new();
    sys::read_into(0, &mut content).ok()?;
    let file = Fd::memory().ok()?;
    sys::write_all(file.number(), &content).ok()?;
    Some(file)
}

/// The output of one run, held back.
struct Held {
    streams: [Option<i32>; 3],
    files: [Option<Fd>; 3],
}

impl Held {
    /// Streams that the caller closed stay closed. Where stdout and stderr are one file they share one
    /// here, so that their lines keep their order. With no memory for it, output goes out at once.
    fn new(stdin: Option<&Fd>) -> Self {
        let mut held = Self { streams: [None; 3], files: [None, None, None] };
        if let Some(stdin) = stdin {
            stdin.rewind();
            held.streams[0] = Some(stdin.number());
        }
        for fd in [1, 2] {
            if !sys::is_open(fd) {
                continue;
            }
            if fd == 2 && held.files[1].is_some() && sys::same_file(1, 2) {
                held.streams[2] = held.streams[1];
                continue;
            }
            let index = usize::from(fd == 2) + 1;
            held.files[index] = Fd::memory().ok();
            held.streams[index] = held.files[index].as_ref().map(Fd::number);
        }
        held
    }

    fn content(&self, index: usize) -> Vec<u8> {
        self.files[index].as_ref().map_or_else(Vec::new, |file| {
            file.rewind();
            file.read_all().unwrap_or_default()
        })
    }

    /// Lets the output go where it belongs.
    fn release(&self) {
        for (index, fd) in [(1, 1), (2, 2)] {
            // A reader that is gone would have stopped the tool too.
            let _ = sys::write_all(fd, &self.content(index));
        }
    }

    /// Lines that say that a warning was made an error, such as `a.c:1:5: error: … [-Werror=unused]`.
    fn werror_lines(&self) -> Vec<Vec<u8>> {
        let text = self.content(if self.files[2].is_some() { 2 } else { 1 });
        let mark = b"[-Werror";
        // Colours stand inside of the brackets too: `[ESC[01;31m-Werror=unusedESC[m]`.
        let lines = text.split(|byte| *byte == b'\n').map(plain);
        lines.filter(|line| line.windows(mark.len()).any(|w| w == mark)).map(Cow::into_owned).collect()
    }
}

/// What `explain` shows: the reading of a call and the decision, without running anything.
pub fn explain<T>(
    plan: Plan<'_>,
    target: &Target<'_, '_>,
    place: Place<'_>,
    show: impl FnOnce(&Invocation<'_>, Option<crate::plan::view::Probe<'_>>, &Decision<'_>) -> T,
) -> T {
    let tool = target.tool;
    let options: Options<'_> = plan.options(tool.dialect());
    let call = understood(target, options);
    let probed = probe(plan, &call, place);
    let decision = decide(&call, tool.profile(), probed.is_some(), place);
    show(&call, probed, &decision)
}
