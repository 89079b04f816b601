//! A user and mount namespace in which the kernel runs programs of another machine by an emulator, and which nothing
//! outside of it notices: binfmt_misc is mounted anew in it, which Linux allows in user namespaces since 6.7, and keeps
//! its registrations apart.
//!
//! A command enters on its way from `fork` to `exec`. Ids stay what they are: for root, who may, all of them are mapped
//! to themselves by this process, so that archives can be unpacked with their owners; everybody else is root only as
//! long as it takes to register, and then themselves again in a second namespace inside of the first. Namespaces end
//! with the last process in them, mounts and registrations too.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use crosswheel_shim::elf::Machine;

use super::binfmt;
use crate::error::{Error, Result};

/// What a command does to get in, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Step {
    Unshare,
    Map,
    Mount,
    Register,
    Return,
}

impl Step {
    const ALL: [Self; 5] = [Self::Unshare, Self::Map, Self::Mount, Self::Register, Self::Return];

    /// What was tried, for a message.
    fn what(self) -> &'static str {
        match self {
            Self::Unshare => "making a user namespace",
            Self::Map => "mapping this user into it",
            Self::Mount => "mounting binfmt_misc in it",
            Self::Register => "registering the emulator in it",
            Self::Return => "leaving root's place in it",
        }
    }

    /// What helps.
    fn hint(self) -> &'static str {
        match self {
            Self::Unshare | Self::Map => {
                "user namespaces may be off (`sysctl user.max_user_namespaces`), kept from users \
                 (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or kept from containers \
                 (`docker run --security-opt seccomp=unconfined`)"
            }
            Self::Mount => "binfmt_misc in a user namespace needs Linux 6.7 or later with CONFIG_BINFMT_MISC",
            Self::Register | Self::Return => "see what the kernel's log says",
        }
    }
}

/// How a namespace is made.
#[derive(Clone, Debug)]
pub struct Namespace {
    line: Vec<u8>,
    mountpoint: PathBuf,
}

/// A command on its way in; tells what kept it out.
#[derive(Debug)]
pub struct Entry {
    helper: JoinHandle<Option<(Step, i32)>>,
}

/// Where a command is sent the outcome of a request, and its requests come from: a step and a number, which is the
/// process that wants to be mapped, or the error of a step that failed.
type Message = [u8; 5];

impl Namespace {
    /// One in which `emulator` runs programs of a machine. `mountpoint` is an empty folder.
    #[must_use]
    pub fn new(machine: Machine, emulator: &Path, mountpoint: &Path) -> Self {
        let line = binfmt::registration("crosswheel", machine, emulator);
        Self { line, mountpoint: mountpoint.to_owned() }
    }

    /// Makes a command start in a namespace of its own.
    pub fn enclose(&self, command: &mut Command) -> Result<Entry> {
        let bad = |error: io::Error| Error::io("preparing a namespace at", &self.mountpoint, &error);
        let (ours, theirs) = UnixStream::pair().map_err(bad)?;
        let child = Child::new(self, theirs).map_err(bad)?;
        // SAFETY: `enter` keeps to what is allowed between `fork` and `exec`: it makes system calls on memory and
        // descriptors that were made ready before, allocates nothing and takes no lock.
        unsafe { command.pre_exec(move || child.enter()) };
        Ok(Entry { helper: std::thread::spawn(move || help(ours)) })
    }

    /// Whether it can be made here: runs a command in one. The error says what was tried and what helps.
    pub fn probe(&self) -> Result<()> {
        let mut command = Command::new("/bin/true");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let entry = self.enclose(&mut command)?;
        let status = command.status();
        drop(command);
        match (entry.failure(), status) {
            (Some(error), _) => Err(error),
            (None, Ok(status)) if status.success() => Ok(()),
            (None, Ok(status)) => Err(Error::failed(format!("/bin/true in a namespace ended with {status}"))),
            (None, Err(error)) => Err(Error::failed(format!("/bin/true in a namespace: {error}"))),
        }
    }
}

impl Entry {
    /// What kept the command out, once it was started (or was not) and is dropped.
    #[must_use]
    pub fn failure(self) -> Option<Error> {
        let (step, number) = self.helper.join().ok().flatten()?;
        let error = io::Error::from_raw_os_error(number);
        Some(Error::failed(format!("{}: {error}", step.what())).hint(step.hint()))
    }
}

/// Answers a command that enters: maps its ids, and takes note of the step that failed. Ends when the command is gone
/// or has entered.
fn help(mut stream: UnixStream) -> Option<(Step, i32)> {
    let mut message: Message = [0; 5];
    let mut failed = None;
    while stream.read_exact(&mut message).is_ok() {
        let step = Step::ALL.into_iter().find(|step| *step as u8 == message[0])?;
        let number = i32::from_ne_bytes([message[1], message[2], message[3], message[4]]);
        if step != Step::Map {
            failed = Some((step, number));
            continue;
        }
        let errno = map(number).err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        if errno != 0 {
            failed = Some((step, errno));
        }
        stream.write_all(&errno.to_ne_bytes()).ok()?;
    }
    failed
}

/// Maps ids of a process in a new user namespace: all to themselves if we may, else this user's to root's.
fn map(process: i32) -> io::Result<()> {
    let file = |name: &str| format!("/proc/{process}/{name}");
    let all = || {
        ["uid_map", "gid_map"].iter().try_for_each(|name| {
            fs::write(file(name), same(&fs::read_to_string(format!("/proc/self/{name}"))?))
        })
    };
    let (user, group) = ids();
    // Root of a container may be kept from more than its own id.
    if user == 0 && all().is_ok() {
        return Ok(());
    }
    // Nobody else may give groups up, by which access can be denied.
    fs::write(file("setgroups"), "deny")?;
    fs::write(file("uid_map"), format!("0 {user} 1\n"))?;
    fs::write(file("gid_map"), format!("0 {group} 1\n"))
}

/// User and group that this process acts as.
fn ids() -> (u32, u32) {
    // SAFETY: these read a number of this process and touch no memory.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// A map (user_namespaces(7): first inside, first outside, count) of the same ids onto themselves.
fn same(map: &str) -> String {
    let rows = map.lines().filter_map(|line| {
        let numbers: Vec<&str> = line.split_whitespace().collect();
        let [inside, _, count] = numbers[..] else { return None };
        Some(format!("{inside} {inside} {count}\n"))
    });
    rows.collect()
}

/// All that a command needs on its way in, made before `fork`.
struct Child {
    line: Vec<u8>,
    mountpoint: CString,
    register: CString,
    /// Files and contents by which a user becomes themselves again; none for root.
    back: Vec<(CString, Vec<u8>)>,
    stream: UnixStream,
}

const NONE: &std::ffi::CStr = c"none";
const BINFMT: &std::ffi::CStr = c"binfmt_misc";

impl Child {
    fn new(namespace: &Namespace, stream: UnixStream) -> io::Result<Self> {
        let path = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
        let (user, group) = ids();
        let back = if user == 0 {
            Vec::new()
        } else {
            let line = |id: u32| format!("{id} 0 1\n").into_bytes();
            vec![
                (c"/proc/self/uid_map".to_owned(), line(user)),
                (c"/proc/self/gid_map".to_owned(), line(group)),
            ]
        };
        Ok(Self {
            line: namespace.line.clone(),
            mountpoint: path(&namespace.mountpoint)?,
            register: path(&namespace.mountpoint.join("register"))?,
            back,
            stream,
        })
    }

    /// Runs in the child, between `fork` and `exec`.
    fn enter(&self) -> io::Result<()> {
        self.step(Step::Unshare, unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS))?;
        self.ask_for_map()?;
        self.step(Step::Mount, mount(&self.mountpoint))?;
        self.step(Step::Register, put(&self.register, &self.line))?;
        if !self.back.is_empty() {
            self.step(Step::Return, unshare(libc::CLONE_NEWUSER))?;
            for (file, content) in &self.back {
                self.step(Step::Return, put(file, content))?;
            }
        }
        Ok(())
    }

    /// Tells of a step that failed.
    fn step(&self, step: Step, done: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &done {
            // If nobody listens, `exec` still tells that something failed.
            let _ = self.send(step, error.raw_os_error().unwrap_or(libc::EIO));
        }
        done
    }

    fn ask_for_map(&self) -> io::Result<()> {
        // SAFETY: reads a number of this process and touches no memory.
        self.send(Step::Map, unsafe { libc::getpid() })?;
        let mut answer = [0; 4];
        (&self.stream).read_exact(&mut answer)?;
        match i32::from_ne_bytes(answer) {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Reading and writing a socket are system calls and nothing else.
    fn send(&self, step: Step, number: i32) -> io::Result<()> {
        let mut message: Message = [step as u8; 5];
        message[1..].copy_from_slice(&number.to_ne_bytes());
        (&self.stream).write_all(&message)
    }
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes a number. This process has one thread, as a child of `fork` has, and shares nothing that the flags
    // name with anybody who is not told.
    done(unsafe { libc::unshare(flags) })
}

fn mount(target: &CString) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: the three texts end with a zero and live through the call; no data is given.
    done(unsafe { libc::mount(NONE.as_ptr(), target.as_ptr(), BINFMT.as_ptr(), flags, std::ptr::null()) })
}

/// Writes a file that is there, in one piece, as the kernel asks for its own.
fn put(path: &CString, content: &[u8]) -> io::Result<()> {
    // SAFETY: `path` ends with a zero and lives through the call.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    done(file)?;
    // SAFETY: `content` is as long as is said, and lives through the call; `file` was opened above.
    let written = unsafe { libc::write(file, content.as_ptr().cast(), content.len()) };
    let result = if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: `file` was opened above, and nobody else knows of it.
    unsafe { libc::close(file) };
    result
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn ids_are_mapped_to_themselves_as_far_as_there_are_any() {
        assert_eq!(same("         0          0 4294967295\n"), "0 0 4294967295\n");
        // As in a container of a user: root is 1000 outside.
        assert_eq!(same("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
        assert_eq!(same("nonsense\n"), "");
    }
}
