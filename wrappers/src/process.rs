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
    /// Whether somebody wanted it to end meanwhile, whatever it made of that.
    pub interrupted: bool,
}

impl Ended {
    /// Whether it exited with 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.exit == Some(0)
    }
}

/// Signals that are handed on to the tool.
const FORWARDED: [c_int; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTSTP,
    libc::SIGCONT,
];

/// Signals of this process, held back from here to its end: a tool can be waited for, and the record written.
///
/// They are blocked and waited for, not handled: no handler can then run in the child, which shares our memory
/// until it becomes the tool; one wait tells of the tool's end and of what is to be handed on, so that no signal
/// falls between two steps; and one system call does for eight handlers.
pub struct Signals {
    /// The caller's mask, which the tool gets.
    given: libc::sigset_t,
    /// The caller ignores SIGCHLD: the tool is to find that so, but we must not, or its status is lost.
    ignores_children: bool,
    /// This process.
    own: libc::pid_t,
}

/// A set of signals.
fn set(signals: &[c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` fills the set before anything else is done with it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Changes the mask of this process, and gives the one before.
fn mask(how: c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = self::set(&[]);
    // SAFETY: both sets are valid and live through the call.
    unsafe { libc::sigprocmask(how, set, &raw mut before) };
    before
}

/// Whether this process was started with a signal ignored.
fn ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a valid `sigaction`, and the kernel fills it.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Sends a signal.
fn send(pid: libc::pid_t, signal: c_int) {
    // SAFETY: plain call. `pid` is this process, or a child that was not waited for yet.
    unsafe { libc::kill(pid, signal) };
}

impl Signals {
    /// Holds them back. `own` is this process.
    #[must_use]
    pub fn hold(own: libc::pid_t) -> Self {
        let mut held = set(&FORWARDED);
        // SAFETY: `held` is a valid set; `signal` only takes back what the caller may have set.
        let ignores_children = unsafe {
            libc::sigaddset(&raw mut held, libc::SIGCHLD);
            // A write beyond the caller's limit of file sizes is to fail, where the signal would kill us.
            libc::sigaddset(&raw mut held, libc::SIGXFSZ);
            libc::signal(libc::SIGCHLD, libc::SIG_DFL) == libc::SIG_IGN
        };
        Self { given: mask(libc::SIG_BLOCK, &held), ignores_children, own }
    }

    /// Waits for the tool, and hands on what is sent to us meanwhile.
    fn wait(&self, tool: libc::pid_t) -> Ended {
        let mut awaited = set(&FORWARDED);
        // SAFETY: `awaited` is a valid set.
        unsafe { libc::sigaddset(&raw mut awaited, libc::SIGCHLD) };
        let mut interrupted = false;
        loop {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            // SAFETY: the set is valid, zero is a valid `siginfo_t`, and the kernel fills it.
            let (signal, code) = unsafe {
                let signal = libc::sigwaitinfo(&raw const awaited, info.as_mut_ptr());
                (signal, info.assume_init().si_code)
            };
            match signal {
                // It comes for a tool that stops, too, and for children that the caller left us.
                libc::SIGCHLD => {
                    if let Some(ended) = reap(tool, libc::WNOHANG) {
                        return Ended { interrupted, ..ended };
                    }
                }
                // A kernel that does not know how to wait for signals is no reason to spin.
                ..=0 => return reap(tool, 0).unwrap_or_default(),
                signal if ignored(signal) => {}
                signal => {
                    // What a key of the terminal sends, it sends to the whole group, and so to the tool as well; a
                    // terminal that hangs up tells the leader of its session alone, which may be us.
                    let by_key = matches!(signal, libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP);
                    if !(by_key && code > 0) {
                        send(tool, signal);
                    }
                    match signal {
                        libc::SIGTSTP => self.stop(),
                        libc::SIGCONT => {}
                        _ => interrupted = true,
                    }
                }
            }
        }
    }

    /// Stops this process as SIGTSTP does by itself. That is not at all in a group that no shell watches over,
    /// where SIGSTOP would stop us for ever; so the signal itself is sent once more.
    fn stop(&self) {
        let stop = set(&[libc::SIGTSTP]);
        send(self.own, libc::SIGTSTP);
        mask(libc::SIG_UNBLOCK, &stop);
        mask(libc::SIG_BLOCK, &stop);
    }

    /// Ends this process as the tool ended. A signal that comes now comes too late, as one to a process that is gone.
    pub fn end_as(&self, ended: &Ended) -> ! {
        if let Some(signal) = ended.signal {
            // SAFETY: plain calls. The tool has left its core already, if it may.
            unsafe {
                let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
                libc::signal(signal, libc::SIG_DFL);
            }
            send(self.own, signal);
            mask(libc::SIG_UNBLOCK, &set(&[signal]));
        }
        exit(ended.signal.map_or_else(|| ended.exit.unwrap_or(1), |signal| 128 + signal))
    }
}

/// The end of the tool; with `WNOHANG` `None` if it has not ended.
fn reap(tool: libc::pid_t, flags: c_int) -> Option<Ended> {
    // Should the kernel not know our child, its end is unknown, which is a failure.
    let mut status = 1 << 8;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills `status` and `usage`, of which zero is a valid value; `tool` is our child, and
    // nobody else waits for it.
    let (reaped, usage) = unsafe {
        let reaped = loop {
            let reaped = libc::wait4(tool, &raw mut status, flags, usage.as_mut_ptr());
            if reaped >= 0 || errno() != libc::EINTR {
                break reaped;
            }
        };
        (reaped, usage.assume_init())
    };
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    (reaped != 0).then(|| Ended {
        exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        user: micros(usage.ru_utime),
        sys: micros(usage.ru_stime),
        rss: usage.ru_maxrss.cast_unsigned(),
        interrupted: false,
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
        let signals = (*handover).signals;
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
        if libc::getppid() != signals.own {
            // The parent died before it could be told of.
            libc::_exit(128 + libc::SIGTERM);
        }
        for (fd, stream) in [(0, 0), (1, 1), (2, 2)] {
            if let Some(from) = (*handover).streams[stream]
                && libc::dup2(from, fd) < 0
            {
                (*handover).error = errno();
                libc::_exit(127);
            }
        }
        if signals.ignores_children {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const signals.given, ptr::null_mut());
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
    /// The kernel's error number if it could not be started.
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
        let ended = signals.wait(pid);
        if error == 0 { Ok(ended) } else { Err(error) }
    }
}
