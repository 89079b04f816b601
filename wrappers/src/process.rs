//! Starting the real tool, and being it for the caller: the same streams, descriptors, signals, exit status
//! or death.
//!
//! The tool is started as `posix_spawn` does it (a child that borrows our memory until it runs the tool),
//! with one thing that `posix_spawn` lacks: the child asks to be told when we die, so that no compiler
//! outlives a killed build.

use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

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

/// The tool while it runs; 0 before and after.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// The last deadly signal that came while no tool ran.
static CAUGHT: AtomicI32 = AtomicI32::new(0);
/// Whether a deadly signal came at all.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Whether our handlers are installed.
static LISTENS: AtomicBool = AtomicBool::new(false);
/// Whether the caller ignores SIGCHLD, which we must not.
static IGNORES_CHILDREN: AtomicBool = AtomicBool::new(false);

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

/// Hands a signal on to the tool. What a key of the terminal sends, it sends to the whole group, and so to
/// the tool as well; a terminal that hangs up tells the leader of its session alone, which may be us.
extern "C" fn forward(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel hands over a valid `info` for a handler with SA_SIGINFO; `kill`, `getpid` and
    // access to errno are async-signal-safe, and errno is put back for the code that was interrupted.
    unsafe {
        let saved = *libc::__errno_location();
        let from_key = (*info).si_code > 0 && matches!(signal, libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP);
        let child = CHILD.load(Ordering::Relaxed);
        let deadly = !matches!(signal, libc::SIGTSTP | libc::SIGCONT);
        if deadly {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
        if child == 0 {
            if deadly {
                CAUGHT.store(signal, Ordering::Relaxed);
            }
        } else if !from_key {
            libc::kill(child, signal);
        }
        if signal == libc::SIGTSTP {
            stop();
        }
        *libc::__errno_location() = saved;
    }
}

/// Stops this process as SIGTSTP does without a handler. That is not at all in a group that no shell
/// watches over, where SIGSTOP would stop us for ever; so the signal itself is sent once more.
///
/// # Safety
///
/// To be called from the handler of SIGTSTP, where all signals are blocked.
unsafe fn stop() {
    // SAFETY: all calls are async-signal-safe, and every structure is filled before it is used. We stop where
    // the signal is unblocked, and go on from there with handler and mask as they were.
    unsafe {
        let mut handler: libc::sigaction = std::mem::zeroed();
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut handler);
        libc::kill(libc::getpid(), libc::SIGTSTP);
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTSTP);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, &raw mut mask);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut());
        libc::sigaction(libc::SIGTSTP, &raw const handler, ptr::null_mut());
    }
}

/// What the child needs; it lives on the parent's stack, which stands still until the child runs the tool.
struct Handover {
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
    streams: [Option<i32>; 3],
    mask: libc::sigset_t,
    /// The caller ignores SIGCHLD: the tool is to find that so, but we must not, or its status is lost.
    ignore_children: bool,
    /// An earlier tool ran: our handlers are installed.
    again: bool,
    parent: libc::pid_t,
    error: c_int,
}

/// The child between its birth and the tool.
extern "C" fn child(handover: *mut c_void) -> c_int {
    // SAFETY: `handover` points to the parent's `Handover`; the parent is suspended (CLONE_VFORK) until
    // this ends in `execve` or `_exit`, so nothing else touches it. Only async-signal-safe system calls
    // are made, and nothing is allocated or dropped.
    unsafe {
        let handover = handover.cast::<Handover>();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
        if libc::getppid() != (*handover).parent {
            // The parent died before it could be told of.
            libc::_exit(128 + libc::SIGTERM);
        }
        for (fd, stream) in [(0, 0), (1, 1), (2, 2)] {
            if let Some(from) = (*handover).streams[stream]
                && libc::dup2(from, fd) < 0
            {
                (*handover).error = *libc::__errno_location();
                libc::_exit(127);
            }
        }
        if (*handover).ignore_children {
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        }
        // In a second try our handler is in place here too. A signal that waits for the mask below would
        // find it, on memory that is the parent's, and be lost to the tool.
        if (*handover).again {
            for signal in FORWARDED {
                if libc::signal(signal, libc::SIG_DFL) == libc::SIG_IGN {
                    libc::signal(signal, libc::SIG_IGN);
                }
            }
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const (*handover).mask, ptr::null_mut());
        libc::execve((*handover).program, (*handover).argv, (*handover).envp);
        (*handover).error = *libc::__errno_location();
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
    pub fn run(&self) -> Result<Ended, i32> {
        let program = [self.program, b"\0"].concat();
        let (argv, envp) = (self.argv.pointers(), self.envp.pointers());
        let mut stack = vec![MaybeUninit::<u128>::uninit(); STACK / 16];
        // SAFETY: `handover` and `stack` outlive the child's use of them, since CLONE_VFORK suspends us until
        // it runs the tool or exits. The stack pointer is the end of `stack`, aligned to 16. All signals
        // are blocked around `clone`, so that no handler runs in the child on borrowed memory; the child
        // puts the caller's mask back itself. The signal sets and `sigaction` are filled before use.
        let (pid, error) = unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut mask);
            // The second try finds what we set here, so the caller's wish is kept.
            if libc::signal(libc::SIGCHLD, libc::SIG_DFL) == libc::SIG_IGN {
                IGNORES_CHILDREN.store(true, Ordering::Relaxed);
            }
            let ignore_children = IGNORES_CHILDREN.load(Ordering::Relaxed);
            let mut handover = Handover {
                program: program.as_ptr().cast(),
                argv: argv.as_ptr(),
                envp: envp.as_ptr(),
                streams: self.streams,
                mask,
                ignore_children,
                again: LISTENS.swap(true, Ordering::Relaxed),
                parent: libc::getpid(),
                error: 0,
            };
            let top = stack.as_mut_ptr().add(stack.len());
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(child, top.cast(), flags, (&raw mut handover).cast());
            let error = if pid < 0 { errno() } else { ptr::read_volatile(&raw const handover.error) };
            if error == 0 {
                CHILD.store(pid, Ordering::Relaxed);
                listen();
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut());
            (pid, error)
        };
        if pid < 0 {
            return Err(error);
        }
        let ended = wait(pid);
        if error == 0 { Ok(ended) } else { Err(error) }
    }
}

/// Installs the handler for each signal that the caller does not want ignored. That is seen by what the
/// handler replaces: one system call a signal in the usual case. No signal can come in between, and what was
/// ignored before is ignored again.
///
/// # Safety
///
/// To be called with all signals blocked, after the child was started: a child that is to start with the
/// caller's dispositions must not inherit ours.
unsafe fn listen() {
    // SAFETY: all structures are valid for the kernel to read and fill; the handler has the type that
    // SA_SIGINFO asks for.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = forward as *const () as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigfillset(&raw mut new.sa_mask);
        for signal in FORWARDED {
            libc::sigaction(signal, &raw const new, &raw mut old);
            if old.sa_sigaction == libc::SIG_IGN {
                libc::sigaction(signal, &raw const old, ptr::null_mut());
            }
        }
    }
}

fn wait(pid: libc::pid_t) -> Ended {
    // Should the kernel not know our child, its end is unknown, which is a failure.
    let mut status = 1 << 8;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills `status` and `usage`; `pid` is our child, waited for once.
    let usage = unsafe {
        while libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) < 0 && errno() == libc::EINTR {}
        usage.assume_init()
    };
    CHILD.store(0, Ordering::Relaxed);
    let micros = |time: libc::timeval| time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned();
    Ended {
        exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        user: micros(usage.ru_utime),
        sys: micros(usage.ru_stime),
        rss: usage.ru_maxrss.cast_unsigned(),
    }
}

/// A deadly signal that came while no tool ran to hand it to.
#[must_use]
pub fn caught() -> Option<i32> {
    match CAUGHT.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(signal),
    }
}

/// Whether a deadly signal came at any time, whatever the tool made of it.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Ends this process as the tool ended.
pub fn end_as(ended: &Ended) -> ! {
    let signal = ended.signal.or_else(caught);
    // SAFETY: plain calls; the signal set is filled before use. The process ends here.
    unsafe {
        if let Some(signal) = signal {
            // The tool has left its core already, if it may.
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(signal, libc::SIG_DFL);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
            libc::kill(libc::getpid(), signal);
        }
        libc::_exit(signal.map_or_else(|| ended.exit.unwrap_or(1), |signal| 128 + signal))
    }
}

/// Ends this process.
pub fn exit(status: i32) -> ! {
    end_as(&Ended { exit: Some(status), ..Ended::default() })
}
