//! `crosswheel wheel retag` that is killed, or finds the disk full: what was there is whole, and so is what is there now.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wheels::{Bench, Parts, Raw, entry, noise};

const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const OTHER: &str = "demo-1.0-7-cp311-cp311-linux_x86_64.whl";
/// Bytes of the large wheel: so many that most of the time goes into writing it.
const LARGE: usize = 128 << 20;

/// A wheel of data that cannot be deflated, and is stored. RECORD is made for a part of it only: its hash takes long
/// without optimisation, and nothing here reads it.
fn large(folder: &Path, size: usize) -> PathBuf {
    let mut parts = Parts::new(LINUX).with(entry("demo/data.bin", b"")).sealed();
    let once = noise(1 << 20);
    let data = parts.get("demo/data.bin");
    *data = Raw { deflated: false, data: once.repeat(size >> 20), ..data.clone() };
    let size = data.data.len();
    let record = parts.get("demo-1.0.dist-info/RECORD");
    let text = String::from_utf8(record.data.clone()).unwrap();
    let row = text.lines().find(|row| row.starts_with("demo/data.bin,")).unwrap().to_owned();
    let new = format!("{}{size}", row.strip_suffix('0').unwrap());
    record.data = text.replace(&row, &new).into_bytes();
    parts.write(folder)
}

/// `crosswheel wheel retag` of the large wheel, under way.
fn start(bench: &Bench, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
    command.args(["wheel", "retag"]).args(args).current_dir(bench.dir.path());
    command.env_remove("SOURCE_DATE_EPOCH").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// When to kill a run.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After so many per cent of the time that a run takes.
    Time(u32),
    /// Once so many per cent of the new wheel are written.
    Written(u64),
}

/// Moments over the whole of a run, and a little beyond: by the clock and by what is written, in turn.
fn moments(count: u32) -> impl Iterator<Item = Moment> {
    (0..count).map(move |at| {
        if at % 2 == 0 { Moment::Time(110 * at / count) } else { Moment::Written((100 * at / count).into()) }
    })
}

/// Kills a run in the moment; false if it was done before. `time` is what the shortest run took.
fn killed(bench: &Bench, args: &[&str], folder: &str, time: &mut Duration, moment: Moment) -> bool {
    // The new wheel is about as large as the old one.
    let size = fs::metadata(bench.at(LINUX)).unwrap().len();
    let began = Instant::now();
    let mut child = start(bench, args);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{args:?}");
            *time = began.elapsed().min(*time);
            return false;
        }
        let due = match moment {
            Moment::Time(part) => began.elapsed() * 100 >= *time * part,
            Moment::Written(part) => {
                let written =
                    rests(bench, folder).first().map(|name| fs::metadata(bench.at(folder).join(name)));
                let written = written.and_then(Result::ok).map_or(0, |there| there.len());
                written > 0 && written * 100 >= size * part
            }
        };
        if due {
            // SIGKILL.
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn whole(bench: &Bench, args: &[&str]) -> Duration {
    let began = Instant::now();
    assert!(start(bench, args).wait().unwrap().success(), "{args:?}");
    began.elapsed()
}

fn rests(bench: &Bench, folder: &str) -> Vec<String> {
    bench.list(folder).into_iter().filter(|name| name.ends_with(".xw-part")).collect()
}

#[test]
fn a_run_in_place_that_is_killed_leaves_the_old_wheel_or_the_new_one() {
    let bench = Bench::new();
    let wheel = large(bench.dir.path(), LARGE);
    // The same wheel in two states, of which each run makes the other.
    let edits =
        [["--in-place", LINUX, "--add-requires", "z"], ["--in-place", LINUX, "--remove-requires", "z"]];
    // After once there and back, METADATA is deflated by us.
    whole(&bench, &edits[0]);
    whole(&bench, &edits[1]);
    let without = fs::read(&wheel).unwrap();
    let mut time = whole(&bench, &edits[0]);
    let with = fs::read(&wheel).unwrap();
    assert!(with != without);
    let (mut is_with, mut stopped, mut left) = (true, 0, 0);
    for moment in moments(25) {
        stopped += u32::from(killed(&bench, &edits[usize::from(is_with)], "", &mut time, moment));
        let there = fs::read(&wheel).unwrap();
        let now = there == with;
        assert!(now || there == without, "torn at {moment:?}");
        is_with = now;
        left += rests(&bench, "").len();
        assert!(rests(&bench, "").len() <= 1, "the rest of the run before is swept away");
        assert!(bench.list("").iter().all(|name| name == LINUX || name.ends_with(".xw-part")));
    }
    assert!(stopped >= 10, "{stopped} of 25 runs were killed while they ran");
    assert!(left >= 3, "{left} runs were killed while they wrote");
    whole(&bench, &edits[usize::from(is_with)]);
    assert_eq!(bench.list(""), [LINUX], "no rest stays");
}

#[test]
fn a_run_to_a_folder_that_is_killed_leaves_nothing_or_the_new_wheel() {
    let bench = Bench::new();
    let wheel = large(bench.dir.path(), LARGE);
    let old = fs::read(&wheel).unwrap();
    let args = ["--out", "out", LINUX, "--build", "7"];
    let mut time = whole(&bench, &args);
    let new = fs::read(bench.at("out").join(OTHER)).unwrap();
    let (mut stopped, mut left) = (0, 0);
    for moment in moments(25) {
        let _ = fs::remove_file(bench.at("out").join(OTHER));
        stopped += u32::from(killed(&bench, &args, "out", &mut time, moment));
        if let Ok(there) = fs::read(bench.at("out").join(OTHER)) {
            assert!(there == new, "torn at {moment:?}");
        }
        left += rests(&bench, "out").len();
        assert!(rests(&bench, "out").len() <= 1, "the rest of the run before is swept away");
    }
    assert!(fs::read(&wheel).unwrap() == old);
    assert!(stopped >= 10, "{stopped} of 25 runs were killed while they ran");
    assert!(left >= 3, "{left} runs were killed while they wrote");
    whole(&bench, &args);
    assert_eq!(bench.list("out"), [OTHER], "no rest stays");
}

#[test]
fn a_run_that_renames_in_place_and_is_killed_leaves_one_of_both_or_both() {
    let bench = Bench::new();
    let pristine = Bench::new();
    let wheel = large(pristine.dir.path(), 32 << 20);
    let old = fs::read(&wheel).unwrap();
    let args = ["--in-place", LINUX, "--build", "7"];
    fs::write(bench.at(LINUX), &old).unwrap();
    let mut time = whole(&bench, &args);
    let new = fs::read(bench.at(OTHER)).unwrap();
    for moment in moments(10) {
        let _ = fs::remove_file(bench.at(OTHER));
        fs::write(bench.at(LINUX), &old).unwrap();
        killed(&bench, &args, "", &mut time, moment);
        let (old_there, new_there) = (fs::read(bench.at(LINUX)), fs::read(bench.at(OTHER)));
        assert!(old_there.is_ok() || new_there.is_ok(), "lost at {moment:?}");
        assert!(
            old_there.is_ok_and(|there| there == old) || new_there.as_ref().is_ok_and(|there| *there == new)
        );
        assert!(new_there.is_err() || new_there.is_ok_and(|there| there == new), "torn at {moment:?}");
    }
}

/// Runs a script of the shell, with the program as `$X`, in the folder; its exit status and what it told.
fn script(bench: &Bench, wrapper: &[&str], text: &str) -> (Option<i32>, String) {
    let mut words = wrapper.to_vec();
    words.extend(["sh", "-euc", text]);
    let out = Command::new(words[0])
        .args(&words[1..])
        .env("X", env!("CARGO_BIN_EXE_crosswheel"))
        .env_remove("SOURCE_DATE_EPOCH")
        .current_dir(bench.dir.path())
        .output()
        .unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_file_that_may_not_grow_so_large_is_not_written_at_all() {
    let bench = Bench::new();
    let wheel = large(bench.dir.path(), 8 << 20);
    let old = fs::read(&wheel).unwrap();
    // The limit is in blocks of 512 bytes; without the signal, writing fails by EFBIG.
    for how in ["--in-place", "--in-place --build 7", "--out out --build 7"] {
        let text = format!("trap '' XFSZ; ulimit -f 9000; \"$X\" wheel retag {how} {LINUX}");
        let (status, told) = script(&bench, &[], &text);
        assert_eq!(status, Some(1), "{how}: {told}");
        assert!(told.contains("cannot write") && told.contains("File too large"), "{how}: {told}");
        assert!(fs::read(&wheel).unwrap() == old, "{how}");
        assert!(rests(&bench, "").is_empty() && !bench.at(OTHER).exists(), "{how}");
    }
    assert!(bench.list("out").is_empty());
}

#[test]
fn a_full_disk_leaves_the_old_wheel_alone() {
    let bench = Bench::new();
    large(bench.dir.path(), 8 << 20);
    fs::create_dir(bench.at("disk")).unwrap();
    // A file system of 12 MiB, for one wheel and half of another: as root, or as root of a namespace of users.
    let text = format!(
        "mount -t tmpfs -o size=12m none disk || exit 77\n\
         trap 'umount disk' EXIT\n\
         cp {LINUX} disk/\n\
         for how in --in-place '--in-place --build 7' '--out disk --build 7'; do\n\
             status=0; \"$X\" wheel retag $how disk/{LINUX} || status=$?\n\
             [ $status = 1 ]; cmp {LINUX} disk/{LINUX}; [ \"$(ls -A disk)\" = {LINUX} ]\n\
         done\n\
         mkdir disk/more; dd if=/dev/zero of=disk/more/full bs=64k 2>/dev/null || true\n\
         status=0; \"$X\" wheel retag --out disk/new/deep {LINUX} || status=$?\n\
         [ $status = 1 ]; rm -r disk/more; [ -z \"$(find disk/new -type f)\" ]\n"
    );
    let mut tried = Vec::new();
    for wrapper in [&[][..], &["unshare", "--user", "--map-root-user", "--mount"]] {
        let (status, told) = script(&bench, wrapper, &text);
        if status == Some(0) {
            assert_eq!(told.matches("No space left on device").count(), 4, "{told}");
            return;
        }
        // What is not allowed here is tried in the other way; all else is a failure.
        assert!(status == Some(77) || told.contains("unshare"), "{status:?}: {told}");
        tried.push(told);
    }
    // The test above fills no disk, but it has shown the same failure at the same place.
    eprintln!("no file system can be mounted here: {tried:?}");
}
