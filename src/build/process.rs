//! Runs a command of a build with its output in a file, watching for interrupts.
//!
//! The command gets a process group of its own, so that an interrupt can end all of it, and no stdin. It must never
//! outlive the call that started it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::interrupt;
use crate::error::{Error, IoContext, Result};

/// How often a running command is looked at.
const PACE: Duration = Duration::from_millis(20);
/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a command with stdout and stderr appended to `log`; `tick` is called while it runs, and once after.
pub fn run_logged(command: &mut Command, log: &Path, mut tick: impl FnMut()) -> Result<ExitStatus> {
    let file = File::options().create(true).append(true).open(log).context("opening", log)?;
    let twin = file.try_clone().context("opening", log)?;
    command.stdout(file).stderr(twin);
    let status = run(command, &mut tick);
    tick();
    status
}

/// Runs a command to its end; on an interrupt ends its whole process group and fails.
pub fn run(command: &mut Command, tick: &mut dyn FnMut()) -> Result<ExitStatus> {
    interrupt::check()?;
    let program = command.get_program().to_owned();
    let mut child =
        command.stdin(Stdio::null()).process_group(0).spawn().context("starting", Path::new(&program))?;
    loop {
        if let Some(status) = child.try_wait().context("waiting for", Path::new(&program))? {
            interrupt::check()?;
            return Ok(status);
        }
        if let Err(error) = interrupt::check() {
            end(&mut child);
            return Err(error);
        }
        tick();
        std::thread::sleep(PACE);
    }
}

/// Runs a command whose stdout is an answer; `Err` holds its stderr if it failed.
pub fn answer(command: &mut Command) -> Result<Result<Vec<u8>, String>> {
    answer_ticking(command, &mut || {})
}

/// The same, and `tick` is called while it runs.
pub fn answer_ticking(command: &mut Command, tick: &mut dyn FnMut()) -> Result<Result<Vec<u8>, String>> {
    let (mut out, mut err) = (temporary()?, temporary()?);
    let (to_out, to_err) = (twin(&out)?, twin(&err)?);
    let status = run(command.stdout(to_out).stderr(to_err), tick)?;
    let (stdout, stderr) = (rewound(&mut out)?, rewound(&mut err)?);
    Ok(if status.success() { Ok(stdout) } else { Err(both(&stdout, &stderr)) })
}

/// What a failed command said, stdout first: our scripts answer there even when they fail.
fn both(stdout: &[u8], stderr: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(stderr));
    text
}

fn temporary() -> Result<File> {
    tempfile::tempfile().context("making a temporary file in", std::env::temp_dir())
}

fn twin(file: &File) -> Result<File> {
    file.try_clone().context("using a temporary file in", std::env::temp_dir())
}

fn rewound(file: &mut File) -> Result<Vec<u8>> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .context("reading a temporary file in", std::env::temp_dir())?;
    Ok(bytes)
}

/// Asks the group of a child to end, then makes it.
fn end(child: &mut Child) {
    let Ok(group) = libc::pid_t::try_from(child.id()) else { return };
    let signal = |number| {
        // SAFETY: a plain system call on numbers. The child is not yet waited for, so its id, which is also the id of
        // its group, cannot belong to anybody else.
        unsafe { libc::kill(-group, number) };
    };
    signal(libc::SIGTERM);
    let start = Instant::now();
    while start.elapsed() < GRACE {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(PACE);
    }
    signal(libc::SIGKILL);
    drop(child.wait());
}

/// How a command ended, for a message: `exit status 2`, `signal 9`.
#[must_use]
pub fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

/// The failure of a command whose output went to a log.
#[must_use]
pub fn failure(what: &str, status: ExitStatus, log: &Path) -> Error {
    Error::failed(format!("{what} failed ({}); its output is in {}", ending(status), log.display()))
}
