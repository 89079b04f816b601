//! Signals that ask a build to end: noted here, acted upon where the build can still tidy up.
//!
//! The handler only stores a number. Whoever waits looks at it, ends what runs, and returns an error; the guards on
//! the way out remove the work area and half-written files; the command line then dies by the very signal, so that a
//! caller (a shell, make, CI) sees what happened.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::error::{Error, Result};

static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// The signals that are noted.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn note(signal: libc::c_int) {
    CAUGHT.store(signal, Ordering::Relaxed);
}

/// Starts to note signals; one that the caller ignores (as `nohup` does) stays ignored.
pub fn install() {
    for signal in SIGNALS {
        // SAFETY: `action` is fully initialised (zero is a valid `sigaction`: no flags, empty mask) before it is
        // handed over, and the handler does nothing but one atomic store, which is async-signal-safe.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &raw mut old) == 0
                && old.sa_sigaction == libc::SIG_IGN
            {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// The signal that was noted, if there was one.
#[must_use]
pub fn caught() -> Option<i32> {
    match CAUGHT.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(signal),
    }
}

/// Fails if a signal was noted.
pub fn check() -> Result<()> {
    caught().map_or(Ok(()), |signal| Err(Error::failed(format!("interrupted by signal {signal}"))))
}

/// Ends this process by the signal that was noted; returns if there was none.
pub fn die() {
    if let Some(signal) = caught() {
        // SAFETY: the default action is restored for a valid signal number and the signal raised; no memory is
        // touched.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
