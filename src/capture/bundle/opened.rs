//! Which files a program opens, seen at the system calls of it and of all that it starts (ptrace). No tool tells this of
//! itself: an assembler's `.incbin`, a Fortran module, the members of a thin archive, what a linker script names.
//!
//! The program runs as it would without; nothing of it is changed. Where the kernel does not allow this, or the
//! machine is not known here, there is no answer.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::text::Text;

/// A program that was watched to its end.
pub(super) struct Watched {
    /// How it ended, as a shell says it.
    pub(super) status: i32,
    /// What it wrote to stderr.
    pub(super) stderr: Vec<u8>,
    /// Paths from the root, as they were opened for reading; they need not lead to anything.
    pub(super) opened: BTreeSet<Text>,
}

/// Machines whose registers the kernel describes with the numbers of `libc` (linux/audit.h).
#[cfg(target_arch = "x86_64")]
const MACHINE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const MACHINE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: Option<u32> = None;

/// `PTRACE_GET_SYSCALL_INFO`, since Linux 5.3; only glibc's part of `libc` has it.
const GET_SYSCALL_INFO: libc::c_uint = 0x420e;

/// The head of `struct ptrace_syscall_info`, and the part that it has at the entry of a call.
#[repr(C)]
#[derive(Default)]
struct SyscallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    number: u64,
    args: [u64; 6],
}

/// `op` at the entry of a system call.
const ENTRY: u8 = 1;

/// Runs a command to its end, with nothing to read. `None` if it cannot be watched, or not be started at all.
pub(super) fn watch(command: &mut Command) -> io::Result<Option<Watched>> {
    if MACHINE.is_none() {
        return Ok(None);
    }
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone()?);
    // SAFETY: between `fork` and `exec` this makes one system call with numbers for arguments, which allocates nothing
    // and takes no lock.
    unsafe { command.pre_exec(|| ptrace(libc::PTRACE_TRACEME, 0, 0).map(drop)) };
    let Ok(child) = command.spawn() else { return Ok(None) };
    let mut watched = Watched { status: 1, stderr: Vec::new(), opened: BTreeSet::new() };
    watched.follow(child.id().cast_signed())?;
    stderr.rewind()?;
    io::Read::read_to_end(&mut stderr, &mut watched.stderr)?;
    Ok(Some(watched))
}

impl Watched {
    /// Takes the stops of all processes until the first has ended.
    fn follow(&mut self, first: libc::pid_t) -> io::Result<()> {
        // Stops that are told as such, children that are watched too, and an end for all if we end.
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        let mut known = BTreeSet::new();
        loop {
            let mut status = 0;
            // SAFETY: `waitpid` writes to `status`, which lives through the call.
            let process = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
            if process < 0 {
                match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => continue,
                    error => return Err(error),
                }
            }
            if !libc::WIFSTOPPED(status) {
                if process == first {
                    self.status = if libc::WIFSIGNALED(status) {
                        128 + libc::WTERMSIG(status)
                    } else {
                        libc::WEXITSTATUS(status)
                    };
                    return Ok(());
                }
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let event = status >> 16;
            let pass_on = if signal == libc::SIGTRAP | 0x80 {
                self.entered(process);
                0
            } else if event != 0 {
                0
            } else if known.insert(process) {
                // What every process begins with: the first after its `exec`, the others before they do anything.
                if process == first {
                    ptrace(libc::PTRACE_SETOPTIONS, process, options)?;
                }
                0
            } else {
                signal
            };
            // One that was killed in the meantime is told by the next wait.
            let _ = ptrace(libc::PTRACE_SYSCALL, process, pass_on);
        }
    }

    /// Notes what a process asks to open. Whether it was let is of no matter: what is not there cannot be taken.
    fn entered(&mut self, process: libc::pid_t) {
        let Some(info) = info(process).filter(|info| info.op == ENTRY && Some(info.arch) == MACHINE) else {
            return;
        };
        let [first, second, third, ..] = info.args;
        let number = libc::c_long::try_from(info.number).unwrap_or(-1);
        let (folder, name, flags) = match number {
            libc::SYS_openat => (first, second, third),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => (u64::MAX, first, second),
            // Its flags lie in memory; no compiler writes by it.
            libc::SYS_openat2 => (first, second, 0),
            _ => return,
        };
        let writes = u64::from((libc::O_WRONLY | libc::O_CREAT | libc::O_DIRECTORY).cast_unsigned());
        if flags & writes != 0 {
            return;
        }
        let Some(name) = string(process, name).filter(|name| !name.is_empty()) else { return };
        let name = PathBuf::from(std::ffi::OsString::from_vec(name));
        // The low half is the descriptor; AT_FDCWD is negative.
        let folder = u32::try_from(folder & 0xffff_ffff).unwrap_or_default().cast_signed();
        let link =
            if folder < 0 { format!("/proc/{process}/cwd") } else { format!("/proc/{process}/fd/{folder}") };
        let path = if name.is_absolute() {
            name
        } else {
            let Ok(folder) = std::fs::read_link(link) else { return };
            folder.join(name)
        };
        self.opened.insert(Text(path.into_os_string().into_vec()));
    }
}

/// What the kernel says of the system call at which a process stopped.
fn info(process: libc::pid_t) -> Option<SyscallInfo> {
    let mut info = SyscallInfo::default();
    // SAFETY: the kernel writes at most `size` bytes to `info`, which has that size, is `repr(C)`, and is numbers alone,
    // for which every pattern of bits is valid.
    let done =
        unsafe { libc::ptrace(GET_SYSCALL_INFO as _, process, size_of::<SyscallInfo>(), &raw mut info) };
    (done > 0).then_some(info)
}

/// A string in the memory of a process.
fn string(process: libc::pid_t, address: u64) -> Option<Vec<u8>> {
    const PAGE: u64 = 4096;
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let mut text = Vec::new();
    let mut at = address;
    // Page by page, since the one behind the end of the string need not be there.
    while text.len() < usize::try_from(libc::PATH_MAX).ok()? {
        let mut part = [0; PAGE as usize];
        let rest = usize::try_from(PAGE - at % PAGE).ok()?;
        let read = memory.read_at(&mut part[..rest], at).ok().filter(|read| *read > 0)?;
        if let Some(end) = part[..read].iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&part[..end]);
            return Some(text);
        }
        text.extend_from_slice(&part[..read]);
        at += read as u64;
    }
    None
}

/// A request without an address, and with a number for data.
fn ptrace(request: libc::c_uint, process: libc::pid_t, data: libc::c_int) -> io::Result<libc::c_long> {
    // SAFETY: the requests made here take numbers, so that no memory is touched.
    let done = unsafe {
        libc::ptrace(request as _, process, std::ptr::null_mut::<libc::c_void>(), libc::c_long::from(data))
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_and_its_children_open_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), "").expect("a file");
        std::fs::write(folder.path().join("b"), "").expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", "cat a; (cd /; cat \"$0/b\") > new; cat none; kill -9 $$"]).arg(folder.path());
        let watched = watch(command.current_dir(folder.path())).expect("a run").expect("ptrace");
        let seen = |name: &str| {
            watched.opened.contains(&Text::from(folder.path().join(name).as_os_str().as_encoded_bytes()))
        };
        assert_eq!((seen("a"), seen("b"), seen("new")), (true, true, false));
        assert_eq!(watched.status, 128 + libc::SIGKILL);
        assert!(String::from_utf8_lossy(&watched.stderr).contains("none"));
    }
}
