//! The record holds what the kernel saw: every start of a name in the shim folder, once, with its arguments and its
//! end, however many run at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crosswheel::capture::Log;

/// Starts of programs in a folder as strace tells them, by process: arguments, and how it ended.
fn started(trace: &str, folder: &Path) -> BTreeMap<u32, (Vec<String>, String)> {
    let folder = format!("execve(\"{}/", folder.display());
    let mut starts = BTreeMap::new();
    // Processes that wait for the rest of their line.
    let mut unfinished: BTreeMap<u32, String> = BTreeMap::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let (Ok(pid), rest) = (pid.parse::<u32>(), rest.trim_start()) else { continue };
        let call = match (rest.strip_suffix(" <unfinished ...>"), rest.strip_prefix("<... execve resumed>")) {
            (Some(first), _) => {
                unfinished.insert(pid, first.to_owned());
                continue;
            }
            (None, Some(end)) => unfinished.remove(&pid).unwrap_or_default() + end,
            (None, None) => rest.to_owned(),
        };
        if call.starts_with(&folder) && call.ends_with(" = 0") {
            let list = call.split_once(", [").and_then(|(_, rest)| rest.split_once("], "));
            let argv = list.map_or("", |(argv, _)| argv);
            let argv = argv.split(", ").map(|arg| arg.trim_matches('"').to_owned()).collect();
            assert!(starts.insert(pid, (argv, String::new())).is_none(), "process {pid} started two");
        } else if let Some(end) = call.strip_prefix("+++ ").and_then(|end| end.strip_suffix(" +++"))
            && let Some(start) = starts.get_mut(&pid)
        {
            end.clone_into(&mut start.1);
        }
    }
    starts
}

#[test]
fn every_start_that_strace_saw_is_in_the_record_once_with_its_end() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name);
    // Two hundred compiles, of which every tenth fails, one that is killed, and a link of what there is.
    let mut rules =
        String::from("all: $(patsubst %,%.o,$(shell seq 200)) killed\n\tcc -shared 1.o 2.o 3.o -o x.so\n");
    rules.push_str("%.o:\n\techo 'int f$*;' > $*.c; case $* in *0) echo '#error no' >> $*.c;; esac; \\\n");
    rules.push_str("\tcc -O1 -fPIC -c $*.c -o $@ 2>/dev/null || true\n");
    // gcc starts its compiler by way of a shell here, which kills gcc.
    rules.push_str("killed: 1.o\n\tcc -wrapper sh,-c,'kill -TERM $$PPID' -c 1.c -o killed.o || true\n");
    std::fs::write(at("Makefile"), rules).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["run", "--family", "host", "--quiet", "--dir", "session", "--"])
        .args(["strace", "-f", "-q", "-s", "4096", "-e", "trace=execve", "-o", "trace", "make", "-s", "-j16"])
        .current_dir(home.path())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let trace = std::fs::read_to_string(at("trace")).expect("a trace");
    let session = home.path().canonicalize().expect("a path").join("session");
    let started = started(&trace, &session.join("bin"));
    assert_eq!(started.len(), 202);

    let log = Log::open(&at("session")).expect("a record");
    assert!(!log.damage.any(), "{:?}", log.damage);
    let mut recorded = BTreeMap::new();
    for call in &log.calls {
        let detail = log.detail(call).expect("a detail");
        let argv: Vec<String> = detail.argv.iter().map(|arg| arg.lossy().into_owned()).collect();
        let end = call.end.as_ref().expect("an end");
        let mut told = String::new();
        match (end.exit, end.signal) {
            (Some(status), _) => write!(told, "exited with {status}").expect("a string"),
            (None, Some(libc::SIGTERM)) => told.push_str("killed by SIGTERM"),
            (None, signal) => write!(told, "{signal:?}").expect("a string"),
        }
        assert!(recorded.insert(detail.pid, (argv, told)).is_none(), "process {} twice", detail.pid);
    }
    assert_eq!(recorded, started);
    let failed = log.calls.iter().filter(|call| call.outcome().failed()).count();
    assert_eq!(failed, 21, "20 with an #error, one killed");
}

#[test]
fn lines_of_sixty_four_writers_never_mix() {
    // By hand with 1000; each writer is a shell that calls the shim so many times.
    let each: usize = std::env::var("CROSSWHEEL_TEST_RECORDS").map_or(15, |n| n.parse().expect("a number"));
    let home = tempfile::tempdir().expect("a folder");
    let loops = format!(
        "for w in $(seq 64); do (n=0; while [ $n -lt {each} ]; do \
         cc -DW=$w-$n -E -x c /dev/null >/dev/null; n=$((n+1)); done) & done; wait"
    );
    // The compiler answers questions, and does nothing else, at once.
    std::fs::create_dir(home.path().join("real")).expect("a folder");
    let cc = home.path().join("real/cc");
    std::fs::write(&cc, "#!/bin/sh\n[ $# = 6 ] && exit 0\nexec /usr/bin/cc \"$@\"\n").expect("written");
    assert!(Command::new("chmod").arg("+x").arg(&cc).status().expect("chmod").success());
    let path = format!("{}:/usr/bin:/bin", home.path().join("real").display());
    let status = Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["run", "--family", "host", "--quiet", "--dir", "session", "--", "sh", "-c", &loops])
        .env("PATH", path)
        .current_dir(home.path())
        .status()
        .expect("it starts");
    assert!(status.success());
    let log = Log::open(&home.path().join("session")).expect("a record");
    assert!(!log.damage.any(), "{:?}", log.damage);
    let mut seen: Vec<String> = Vec::new();
    for call in &log.calls {
        assert!(call.end.is_some(), "{}", call.id);
        seen.push(log.detail(call).expect("a detail").argv[1].lossy().into_owned());
    }
    seen.sort();
    seen.dedup();
    assert_eq!((log.calls.len(), seen.len()), (64 * each, 64 * each));
}
