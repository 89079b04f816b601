//! Runs a command as if this process were not there: its input, output, terminal and signals are the caller's, and
//! its end is passed on exactly.
//!
//! Signals from the terminal reach the command by themselves, since it is in the same group; this process only
//! waits them out. Signals that were sent to this process alone are sent on.

use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::error::{Error, Exit, Result};
use crate::target::namespace::Namespace;
use crate::toolchain::ask;

/// Signals by which a user ends a build.
const ENDING: &[libc::c_int] = &[libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// The command that runs now; 0 if none does. One at a time: a process has one terminal.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// A signal that came while the command was starting and could not be sent on yet; 0 if none did.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// Makes sure that the ends of children can be waited for: a caller that ignores SIGCHLD hands that on to all that it
/// starts, and the kernel then throws their statuses away. To be called before anything is started.
pub fn expect_children() {
    // SAFETY: a plain call; no handler is set.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Runs a command to its end, with these variables set or taken away, in a namespace if one is given.
pub fn run(
    command: &[OsString],
    environment: &[(OsString, Option<OsString>)],
    namespace: Option<&Namespace>,
) -> Result<ExitStatus> {
    let Some((program, args)) = command.split_first() else {
        return Err(Error::usage("there is no command to run"));
    };
    let mut child = Command::new(program);
    child.args(args);
    // A namespace that cannot be made was told of before, by its `probe`.
    let _entry = namespace.map(|namespace| namespace.enclose(&mut child)).transpose()?;
    for (name, value) in environment {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    let waiting = Waiting::begin();
    let mut child = ask::start(&mut child).map_err(|source| not_started(program, &source))?;
    // An id of a process is a positive `pid_t`; the standard library only shows it unsigned.
    let id = child.id().cast_signed();
    RUNNING.store(id, Ordering::SeqCst);
    let early = EARLY.swap(0, Ordering::SeqCst);
    if early > 0 {
        // SAFETY: `kill` takes two numbers. The child was not waited for, so the id is its own.
        unsafe { libc::kill(id, early) };
    }
    let status = child.wait().map_err(|source| Error::io("cannot wait for", program, &source));
    RUNNING.store(0, Ordering::SeqCst);
    drop(waiting);
    status
}

/// As a shell says it: 127 if there is no such command, 126 if it cannot be run.
fn not_started(program: &OsString, source: &io::Error) -> Error {
    let exit = if source.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::NotExecutable };
    let name = program.display();
    let message = match exit {
        Exit::NotFound => format!("command not found: {name}"),
        _ => format!("cannot run {name}: {source}"),
    };
    Error { message, hint: None, exit }
}

/// Ends this process as the command ended: with its status, or by the signal that killed it.
#[must_use]
pub fn pass_on(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // SAFETY: these calls take numbers and a constant, and touch no memory of ours. No thread is left that the
        // signal could surprise: the process is about to end.
        unsafe {
            // One core file is enough: the command has left its own.
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        // A signal that does not kill this process: what a shell would say.
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// While this lives, the signals that end a build do not end this process.
struct Waiting(Vec<(libc::c_int, libc::sigaction)>);

impl Waiting {
    fn begin() -> Self {
        EARLY.store(0, Ordering::SeqCst);
        let mut before = Vec::new();
        for &signal in ENDING {
            // SAFETY: `sigaction` only writes to `old` and reads `new`, both of which live through the calls; all
            // zero is a valid `sigaction` (no flags, an empty mask). The handler is safe in a signal: see there.
            unsafe {
                let mut old = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                libc::sigaction(signal, ptr::null(), &raw mut old);
                // Ignored by our caller (nohup): ignored by the command too, and by us.
                if old.sa_sigaction == libc::SIG_IGN {
                    continue;
                }
                let mut new = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                new.sa_sigaction = send_on as *const () as libc::sighandler_t;
                new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                libc::sigaction(signal, &raw const new, ptr::null_mut());
                before.push((signal, old));
            }
        }
        Self(before)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for (signal, old) in &self.0 {
            // SAFETY: `old` is what the kernel gave for this signal, and lives through the call.
            unsafe { libc::sigaction(*signal, &raw const *old, ptr::null_mut()) };
        }
    }
}

/// Sends on what a process sent to us alone. What the kernel sent (a key of the terminal) has reached the whole
/// group already. A handler, unlike "ignore", is gone in the command once it is started.
extern "C" fn send_on(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid `info` to a handler with SA_SIGINFO.
    if unsafe { (*info).si_code } > 0 {
        return;
    }
    let running = RUNNING.load(Ordering::SeqCst);
    if running == 0 {
        EARLY.store(signal, Ordering::SeqCst);
        return;
    }
    // SAFETY: `kill` is allowed in a handler; `errno`, which it may set, is put back.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::kill(running, signal);
        *errno = before;
    }
}
