//! Starting the real tool, and being it for the caller: the same streams, descriptors, signals, exit status
//! or death.
//!
//! The tool is started as `posix_spawn` does it (a child that borrows our memory until it runs the tool),
//! with one thing that `posix_spawn` lacks: the child asks to be told when we die, so that no compiler
//! outlives a killed build.

use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use crate::sys::errno;

/// C strings for `execve`: those of the caller where they lie, and our own in one piece.
#[derive(Debug, Default)]
pub struct CStrings<'e> {
    /// Our own, each with its NUL.
    bytes: Vec<u8>,
    all: Vec<CString<'e>>,
}

#[derive(Debug)]
enum CString<'e> {
    Given(&'e CStr),
    /// Where it starts in `bytes`.
    Own(usize),
}

impl<'e> CStrings<'e> {
    /// Room for so many strings, and so many bytes of our own.
    #[must_use]
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), all: Vec::with_capacity(strings) }
    }

    /// Adds a string as it lies there.
    pub fn give(&mut self, text: &'e CStr) {
        self.all.push(CString::Given(text));
    }

    /// Adds a copy of a string. What follows a NUL in it cannot be handed over, and is left out.
    pub fn push(&mut self, text: &[u8]) {
        self.push_parts(&[text]);
    }

    /// Adds one string made of parts.
    pub fn push_parts(&mut self, parts: &[&[u8]]) {
        self.all.push(CString::Own(self.bytes.len()));
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
    }

    /// The array of pointers that `execve` wants.
    fn pointers(&self) -> Vec<*const libc::c_char> {
        let pointer = |string: &CString<'_>| match string {
            CString::Given(text) => text.as_ptr(),
            CString::Own(start) => self.bytes[*start..].as_ptr().cast(),
        };
        self.all.iter().map(pointer).chain([ptr::null()]).collect()
    }
}

/// What is to be started.
#[derive(Debug)]
pub struct Command<'c> {
    /// Absolute path.
    pub program: &'c [u8],
    /// Arguments, the name first.
    pub argv: CStrings<'c>,
    /// Environment.
    pub envp: &'c CStrings<'c>,
    /// Descriptors that take the place of stdin, stdout and stderr.
    pub streams: [Option<i32>; 3],
}

/// How the tool ended, and what it used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// Exit status, if it exited.
    pub exit: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// CPU time in user mode, microseconds.
    pub user: u64,
    /// CPU time in the kernel, microseconds.
    pub sys: u64,
    /// Peak resident size, KiB.
    pub rss: u64,
}

impl Ended {
    /// Whether it exited with 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.exit == Some(0)
    }
}

/// What the shim does about its own signals while the tool runs, which is as little as can be: all of them keep the
/// caller's dispositions, and so does the tool, which inherits them.
///
/// A signal to the group (a key of the terminal, the end of a session) reaches both by itself. One to the shim alone ends
/// the shim, as it would have ended the tool in its place, and the kernel then ends the tool (`PR_SET_PDEATHSIG`).
/// Waiting signals out and handing them on would cost three system calls at every compile, for the sake of a few
/// milliseconds of a build that is being thrown away.
#[derive(Debug, Default)]
pub struct Signals {
    /// The caller's way with SIGXFSZ where we ignore it, which the tool is to find.
    file_size: Option<libc::sighandler_t>,
}

impl Signals {
    /// A write of ours beyond the caller's limit of file sizes is to fail, where SIGXFSZ would kill us.
    pub fn survive_file_limit(&mut self) {
        // SAFETY: a plain call; no handler is set.
        self.file_size = Some(unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) });
    }
}

/// Ends this process as the tool ended.
pub fn end_as(ended: &Ended) -> ! {
    let Some(signal) = ended.signal else { exit(ended.exit.unwrap_or(1)) };
    let mut set = MaybeUninit::uninit();
    // SAFETY: plain calls; `sigemptyset` fills the set before anything else is done with it. The tool has left its
    // core already, if it may.
    unsafe {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
    }
    exit(128 + signal)
}

/// Waits for the tool.
///
/// # Errors
///
/// `ECHILD` if the kernel has thrown its end away, which it does where the caller ignores SIGCHLD.
fn reap(tool: libc::pid_t) -> Result<Ended, i32> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills `status` and `usage`, of which zero is a valid value; `tool` is our child, and
    // nobody else waits for it.
    let usage = unsafe {
        while libc::wait4(tool, &raw mut status, 0, usage.as_mut_ptr()) < 0 {
            let error = errno();
            if error != libc::EINTR {
                return Err(error);
            }
        }
        usage.assume_init()
    };
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    Ok(Ended {
        exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        user: micros(usage.ru_utime),
        sys: micros(usage.ru_stime),
        rss: usage.ru_maxrss.cast_unsigned(),
    })
}

/// Ends this process.
pub fn exit(status: i32) -> ! {
    // SAFETY: a plain call that does not come back.
    unsafe { libc::_exit(status) }
}

/// What the child needs; it lives on the parent's stack, which stands still until the child runs the tool.
struct Handover<'c> {
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
    streams: [Option<i32>; 3],
    signals: &'c Signals,
    error: c_int,
}

/// The child between its birth and the tool.
extern "C" fn child(handover: *mut c_void) -> c_int {
    // SAFETY: `handover` points to the parent's `Handover`; the parent is suspended (CLONE_VFORK) until
    // this ends in `execve` or `_exit`, so nothing else touches it. Only async-signal-safe system calls
    // are made, and nothing is allocated or dropped. No signal has a handler.
    unsafe {
        let handover = handover.cast::<Handover<'_>>();
        // Only a parent that was killed within the microsecond before this goes unnoticed.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
        for (fd, stream) in [(0, 0), (1, 1), (2, 2)] {
            if let Some(from) = (*handover).streams[stream]
                && libc::dup2(from, fd) < 0
            {
                (*handover).error = errno();
                libc::_exit(127);
            }
        }
        if let Some(given) = (*handover).signals.file_size {
            libc::signal(libc::SIGXFSZ, given);
        }
        libc::execve((*handover).program, (*handover).argv, (*handover).envp);
        (*handover).error = errno();
        libc::_exit(127)
    }
}

/// Bytes of stack for the child, which only makes system calls.
const STACK: usize = 16 * 1024;

impl Command<'_> {
    /// Becomes the tool. Comes back only if it cannot be started.
    #[must_use]
    pub fn exec(&self) -> i32 {
        let program = [self.program, b"\0"].concat();
        let (argv, envp) = (self.argv.pointers(), self.envp.pointers());
        // SAFETY: all three are C strings or null-terminated arrays of such that outlive the call.
        unsafe { libc::execve(program.as_ptr().cast(), argv.as_ptr(), envp.as_ptr()) };
        errno()
    }

    /// Runs the tool to its end.
    ///
    /// # Errors
    ///
    /// The kernel's error number if it could not be started; `ECHILD` if it ran and its end is unknown.
    pub fn run(&self, signals: &Signals) -> Result<Ended, i32> {
        let program = [self.program, b"\0"].concat();
        let (argv, envp) = (self.argv.pointers(), self.envp.pointers());
        let mut stack = vec![MaybeUninit::<u128>::uninit(); STACK / 16];
        let mut handover = Handover {
            program: program.as_ptr().cast(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            streams: self.streams,
            signals,
            error: 0,
        };
        // SAFETY: `handover` and `stack` outlive the child's use of them, since CLONE_VFORK suspends us until
        // it runs the tool or exits. The stack pointer is the end of `stack`, aligned to 16. The child may write to
        // `handover.error`, and is past that when it is read here.
        let (pid, error) = unsafe {
            let top = stack.as_mut_ptr().add(stack.len());
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(child, top.cast(), flags, (&raw mut handover).cast());
            (pid, if pid < 0 { errno() } else { ptr::read_volatile(&raw const handover.error) })
        };
        if pid < 0 {
            return Err(error);
        }
        let ended = reap(pid);
        if error == 0 { ended } else { Err(error) }
    }
}
