//! Asks a program a question: runs it with an end to its patience and takes what it prints.
//!
//! Compilers and Pythons are strangers' programs, and some of them are scripts that hang, wait for input or
//! print without end. So: nothing to read, a time limit, a size limit, and the whole process group is ended when
//! the time is over. It must never be used for the work of a build.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Most of an answer that is kept: more is no answer to any question asked here.
const LONGEST: u64 = 256 * 1024;

/// Tries to start a program whose file another thread's child still holds open for writing.
const BUSY_TRIES: u32 = 20;

/// How a program is asked.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// `PATH` of the program: its own helpers are found there.
    pub path: &'a OsStr,
    /// Working folder: version managers choose by it.
    pub cwd: &'a Path,
    /// When to give up.
    pub patience: Duration,
}

/// Why there is no answer, as a fragment for a message.
pub type NoAnswer = String;

/// What `program` prints on stdout for these arguments, if it ends with status 0.
pub fn ask(program: &Path, args: &[&str], manner: Manner<'_>) -> Result<String, NoAnswer> {
    let mut command = Command::new(program);
    command.args(args).current_dir(manner.cwd).env("PATH", manner.path).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A group of its own, so that helpers of a script end with it.
    command.process_group(0);
    let mut child = start(&mut command).map_err(|source| format!("it does not start: {source}"))?;
    let Some(stdout) = child.stdout.take() else { return Err("its output is not to be had".into()) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(LONGEST).read_to_end(&mut bytes);
        // The receiver has gone if the time is over; there is nobody to tell then.
        let _ = sender.send(read.map(|_| bytes));
    });
    let Ok(read) = receiver.recv_timeout(manner.patience) else {
        end(&mut child);
        return Err(format!("it gave no answer in {} s", manner.patience.as_secs_f32()));
    };
    let bytes = read.map_err(|source| format!("its output cannot be read: {source}"))?;
    // The pipe is closed, which a program may do long before it ends.
    let status = end_of(&mut child, manner.patience)?;
    if status.success() {
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    } else {
        Err(format!("it ended with {status}"))
    }
}

/// Starts a command. A file that was just written may still be open in a child that another thread is about
/// to start; the kernel then refuses to run it for an instant.
pub(crate) fn start(command: &mut Command) -> std::io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Waits for the end of a program that has closed its output.
fn end_of(child: &mut Child, patience: Duration) -> Result<std::process::ExitStatus, NoAnswer> {
    let step = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if waited < patience => std::thread::sleep(step),
            Ok(None) => {
                end(child);
                return Err("it closed its output and did not end".into());
            }
            Err(source) => return Err(format!("its end cannot be waited for: {source}")),
        }
        waited += step;
    }
}

/// Ends a program and all that it started in its group.
fn end(child: &mut Child) {
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: `kill` takes two numbers and touches no memory of ours. The child was not waited for, so its
        // id, which is its group's too, still belongs to it.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    // Nothing is to be done about a child that cannot be waited for.
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn sh(script: &str, patience: u64) -> Result<String, NoAnswer> {
        let patience = Duration::from_millis(patience);
        ask(
            Path::new("/bin/sh"),
            &["-c", script],
            Manner { path: OsStr::new("/usr/bin:/bin"), cwd: Path::new("/"), patience },
        )
    }

    #[test]
    fn an_answer_is_what_is_printed_on_stdout() {
        assert_eq!(sh("echo yes; echo no >&2", 5000), Ok("yes\n".into()));
        assert_eq!(sh("echo $PATH $LC_ALL; pwd", 5000), Ok("/usr/bin:/bin C\n/\n".into()));
        assert_eq!(sh("cat; echo end", 5000), Ok("end\n".into()), "there is nothing to read");
    }

    #[test]
    fn a_failure_is_no_answer() {
        assert!(sh("echo yes; exit 3", 5000).expect_err("a failure").contains("exit status: 3"));
        assert!(sh("kill -9 $$", 5000).expect_err("a failure").contains("signal: 9"));
    }

    #[test]
    fn patience_ends_also_with_a_helper_that_holds_the_output() {
        for script in ["sleep 60", "sleep 60 & exit 0", "exec >&-; sleep 60"] {
            let start = Instant::now();
            assert!(sh(script, 300).is_err(), "{script}");
            assert!(start.elapsed() < Duration::from_secs(20), "{script}");
        }
    }

    #[test]
    fn a_flood_is_cut_off() {
        let answer = sh("yes", 5000);
        assert!(answer.is_err(), "it dies of its closed pipe: {answer:?}");
    }
}
