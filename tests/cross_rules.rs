//! What becomes of calls for another machine: a fake `zig` stands in the cache, and says what it was called with.

#![allow(clippy::unwrap_used, reason = "where a test cannot be set up, it fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crosswheel::build::cross::compiler::Own;
use crosswheel::build::{Event, Observer};
use crosswheel::toolchain::Toolchains;
use crosswheel::toolchain::cross::Cross;
use crosswheel::topology::Topology;
use tempfile::TempDir;

/// Says what it is as zig's clang does, and prints all other calls, a word a line.
const ZIG: &str = r#"#!/bin/sh
case " $* " in
*" --version "*) echo "clang version 22.1.8"; exit ;;
*" -dumpmachine "*) echo "MACHINE"; exit ;;
esac
printf '%s\n' "zig" "$@"
"#;

struct Shop {
    dir: TempDir,
}

impl Shop {
    fn new() -> Self {
        Self::for_machine("aarch64-unknown-linux-gnu")
    }

    fn for_machine(machine: &str) -> Self {
        let shop = Self { dir: TempDir::new().unwrap() };
        let package = Toolchains::builtin().unwrap().cross_package("zig").unwrap().unwrap();
        let zig = shop.at("cache/crosswheel/compilers").join(package.folder()).join(&package.program);
        executable(&zig, &ZIG.replace("MACHINE", machine));
        for name in
            ["cc", "gcc", "gcc-12", "gfortran", "ld", "strip", "ccache", "clang++", "x86_64-linux-gnu-gcc"]
        {
            executable(&shop.at("tools").join(name), "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\n");
        }
        fs::create_dir(shop.at("work")).unwrap();
        fs::write(shop.at("work/a.c"), "").unwrap();
        shop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn crosswheel(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswheel"));
        command.args(args).current_dir(self.at("work")).env_clear();
        command
            .env("PATH", self.at("tools"))
            .env("XDG_CACHE_HOME", self.at("cache"))
            .env("HOME", self.at("work"));
        command.output().unwrap()
    }

    fn run(&self, family: &str, call: &str) -> Output {
        let words = ["run", "--offline", "--family", family, "--"];
        self.crosswheel(&[&words[..], &call.split(' ').collect::<Vec<_>>()].concat())
    }

    /// The words that the tool behind this call gets.
    #[track_caller]
    fn gets(&self, family: &str, call: &str) -> String {
        let output = self.run(family, call);
        assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>().join(" ")
    }

    fn record(&self, family: &str) -> String {
        fs::read_to_string(self.at("work/.crosswheel").join(family).join("record.jsonl")).unwrap()
    }
}

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const FAMILY: &str = "aarch64-linux-gnu.2.34";

#[test]
fn every_usual_name_means_the_targets_tool() {
    let shop = Shop::new();
    let target = "-target aarch64-linux-gnu.2.34 -fno-sanitize=undefined";
    let defaults = "-UNDEBUG -Wno-date-time";
    for (call, expected) in [
        ("cc -c a.c", format!("zig cc {target} {defaults} -c a.c -g0")),
        ("cc -O2 -g -DNDEBUG -c a.c", format!("zig cc {target} {defaults} -O2 -g -DNDEBUG -c a.c -g0")),
        ("gcc-12 -c a.c", format!("zig cc {target} {defaults} -c a.c -g0")),
        ("clang++ -c a.cc", format!("zig c++ {target} {defaults} -c a.cc -g0")),
        ("aarch64-linux-gnu-g++ -c a.cc", format!("zig c++ {target} {defaults} -c a.cc -g0")),
        ("cc a.o -o a", format!("zig cc {target} -Wl,--strip-debug a.o -o a")),
        ("cpp a.c", format!("zig cc -E {target} {defaults} a.c")),
        ("ar rcs a.a a.o", "zig ar rcs a.a a.o".to_owned()),
        ("ld -shared a.o", "zig ld.lld -shared a.o".to_owned()),
        // zig takes a cache's name for a source.
        ("ccache gcc -c a.c", format!("zig cc {target} {defaults} -c a.c -g0")),
    ] {
        assert_eq!(shop.gets(FAMILY, call), expected, "{call}");
    }
}

#[test]
fn a_question_names_the_machine_without_the_version_of_its_c_library() {
    let shop = Shop::new();
    for (call, expected) in [
        ("cc -print-search-dirs", "zig cc -target aarch64-linux-gnu -print-search-dirs"),
        ("cc -E -dM -", "zig cc -target aarch64-linux-gnu -fno-sanitize=undefined -E -dM -"),
        (
            "cc -x c -E -",
            "zig cc -target aarch64-linux-gnu.2.34 -fno-sanitize=undefined -UNDEBUG -Wno-date-time -x c -E -",
        ),
    ] {
        assert_eq!(shop.gets(FAMILY, call), expected, "{call}");
    }
}

#[test]
fn words_for_the_linker_that_zig_refuses_are_dropped_however_they_are_spelled() {
    let shop = Shop::new();
    let head = "zig cc -target aarch64-linux-gnu.2.34 -fno-sanitize=undefined -Wl,--strip-debug";
    for (given, left) in [
        ("-Wl,-O1 -Wl,-Bsymbolic-functions", ""),
        ("-Wl,-O1,--sort-common,-z,now,-z,relro", " -Wl,-z,now,-z,relro"),
        ("-Wl,--exclude-libs,ALL", ""),
        ("-Wl,--exclude-libs=ALL,-s", " -Wl,-s"),
        ("-Wl,--exclude-libs -Wl,ALL", ""),
        ("-Xlinker -z -Xlinker separate-code", ""),
        ("-Xlinker -z -Xlinker now", " -Xlinker -z -Xlinker now"),
        ("-Wl,--push-state,--as-needed -lz -Wl,--pop-state", " -Wl,--as-needed -lz"),
        ("-Wl,-Map,out/a.map", ""),
        // What only looks like them stays.
        ("-Wl,-soname,--exclude-libs", " -Wl,-soname,--exclude-libs"),
        ("-Wl,-z -O1", " -Wl,-z -O1"),
        ("-Wlogical-op", " -Wlogical-op"),
    ] {
        assert_eq!(
            shop.gets(FAMILY, &format!("cc -shared a.o {given}")),
            format!("{head} -shared a.o{left}"),
            "{given}"
        );
    }
    let refused = shop.run(FAMILY, "cc -shared a.o -Wl,--dynamic-list=a.txt");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("`--dynamic-list=a.txt`") && told.contains("--compiler gcc"), "{told}");
}

#[test]
fn this_machines_folders_and_processors_do_not_reach_the_target() {
    let shop = Shop::new();
    let head = "zig cc -target aarch64-linux-gnu.2.34 -fno-sanitize=undefined";
    let compile = format!("{head} -UNDEBUG -Wno-date-time");
    for (given, left) in [
        ("-I/usr/include -I /usr/local/include/x -Iinclude", "-Iinclude"),
        ("-isystem /usr/include/foo -I/usr/includes", "-I/usr/includes"),
        ("-I/usr/aarch64-linux-gnu/include", "-I/usr/aarch64-linux-gnu/include"),
        ("-march=native -mtune=native -O2", "-O2"),
        ("-march=armv8-a -O2", "-O2"),
        ("-march=armv8.2-a+fp16", "-mcpu=generic+v8_2a+fullfp16"),
        ("-march=armv8.2-a+sve+fp16", "-mcpu=generic+v8_2a+sve"),
        ("-march=armv8.4-a", "-mcpu=generic+v8_4a"),
        ("-march=cortex-a72", "-march=cortex_a72"),
    ] {
        assert_eq!(
            shop.gets(FAMILY, &format!("cc -c a.c {given}")),
            format!("{compile} -c a.c {left} -g0"),
            "{given}"
        );
    }
    let link = shop.gets(FAMILY, "cc a.o -L/usr/lib/x86_64-linux-gnu -L/usr/lib -Llibs -o a");
    assert_eq!(link, format!("{head} -Wl,--strip-debug a.o -Llibs -o a"));
}

#[test]
fn other_machines_have_their_own_words() {
    let shop = Shop::for_machine("x86-unknown-linux-gnu");
    let gets = shop.gets("i686-linux-gnu", "cc -march=x86-64-v3 -c a.c");
    assert_eq!(
        gets,
        "zig cc -target x86-linux-gnu.2.28 -fno-sanitize=undefined -UNDEBUG -Wno-date-time -march=x86_64_v3 -c a.c -g0"
    );
    let shop = Shop::for_machine("arm-unknown-linux-musleabihf");
    let gets = shop.gets("armv7l-linux-musl", "cc -c a.c");
    assert_eq!(
        gets,
        "zig cc -target arm-linux-musleabihf -fno-sanitize=undefined -UNDEBUG -Wno-date-time -c a.c -g0"
    );
}

#[test]
fn long_double_is_that_of_the_machines_pythons() {
    let shop = Shop::for_machine("powerpc64le-unknown-linux-gnu");
    let gets = shop.gets("ppc64le-linux-gnu", "cc -c a.c");
    assert!(gets.starts_with("zig cc -target powerpc64le-linux-gnu.2.28 -mabi=ibmlongdouble "), "{gets}");
    let shop = Shop::for_machine("powerpc64le-unknown-linux-musl");
    assert!(!shop.gets("ppc64le-linux-musl", "cc -c a.c").contains("-mabi"));
}

#[test]
fn a_tool_of_this_machine_never_works_for_the_target_in_silence() {
    let shop = Shop::new();
    for name in ["strip", "gfortran"] {
        let output = shop.run(FAMILY, &format!("{name} a.o"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("{name}: there is none for aarch64-linux-gnu")), "{told}");
        assert!(told.contains("\nhint: "), "{told}");
    }
    // Where it is asked for by its own name, it runs as it is.
    for name in ["build-cc", "x86_64-linux-gnu-gcc"] {
        let gets = shop.gets(FAMILY, &format!("{name} -I/usr/include -march=native -c a.c"));
        assert!(gets.ends_with("-I/usr/include -march=native -c a.c") && !gets.starts_with("zig"), "{gets}");
    }
}

#[test]
fn a_name_that_is_nowhere_is_not_answered() {
    let shop = Shop::new();
    shop.gets(FAMILY, "cc -c a.c");
    let bin = shop.at("work/.crosswheel").join(FAMILY).join("bin");
    assert!(bin.join("strip").is_file() && bin.join("aarch64-linux-gnu-gcc").is_file());
    // zig has none of these, and neither has PATH.
    assert!(!bin.join("objcopy").exists() && !bin.join("as").exists());
}

#[test]
fn a_level_needs_a_linker_that_can_mark_it() {
    let shop = Shop::for_machine("x86_64-unknown-linux-gnu");
    let topology = "[targets.pc]\nmachine = \"x86_64\"\nos = \"linux\"\nlibc = \"gnu\"\n\
                    [families.old-v3]\ntarget = \"pc\"\nlevel = \"x86-64-v3\"\nlibc_version = \"2.28\"\n";
    fs::write(shop.at("work/BUILD_TOPOLOGY.toml"), topology).unwrap();
    let output = shop.run("old-v3", "cc -c a.c");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("does not mark") && told.contains("--compiler gcc"), "{told}");
}

#[test]
fn the_record_holds_the_command_and_its_reruns_do_too() {
    let shop = Shop::new();
    shop.gets(FAMILY, "cc -c a.c");
    shop.gets(FAMILY, "ar rcs a.a a.o");
    let record = shop.record(FAMILY);
    let lead = record.lines().rfind(|line| line.starts_with(r#"{"ev":"begin""#)).unwrap();
    assert!(lead.contains(r#""tool":"ar""#) && lead.contains(r#""lead":["ar"]"#), "{lead}");
    let log = shop.at("work/.crosswheel").join(FAMILY);
    let id = lead.split(r#""id":""#).nth(1).unwrap().split('"').next().unwrap();
    let output = shop.crosswheel(&["log", "rerun", id, log.to_str().unwrap(), "--shell"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("/ziglang/zig ar rcs a.a a.o"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn without_the_package_nothing_is_fetched_offline_and_a_wrong_one_is_told() {
    let shop = Shop::new();
    let output = shop.crosswheel(&["run", "--compiler", "zg", "--family", FAMILY, "--", "cc"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("unknown cross compiler `zg`") && told.contains("`zig`"), "{told}");

    let output = shop.crosswheel(&["run", "--compiler", "gcc", "--family", FAMILY, "--", "cc"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("apt install g++-aarch64-linux-gnu"), "{told}");

    let output = shop.run("s390x-linux-gnu", "cc -c a.c");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("makes code for aarch64-unknown-linux-gnu, and the family is for s390x"), "{told}");

    fs::remove_dir_all(shop.at("cache")).unwrap();
    executable(&shop.at("tools/python3"), "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n");
    let output = shop.run(FAMILY, "cc -c a.c");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("--offline fetches nothing") && told.contains("run once without --offline"),
        "{told}"
    );
}

/// Nobody watches.
struct Blind;

impl Observer for Blind {
    fn event(&mut self, _: Event<'_>) {}
}

#[test]
fn zig_is_warmed_for_the_links_that_builds_make() {
    let shop = Shop::new();
    let toolchains = Toolchains::builtin().unwrap();
    let family = Topology::find(&shop.at("work")).unwrap().family(FAMILY).unwrap();
    let folder = shop
        .at("cache/crosswheel/compilers")
        .join(toolchains.cross_package("zig").unwrap().unwrap().folder());
    let (path, log) = (shop.at("tools").into_os_string(), shop.at("work/warm.log"));
    let cross =
        Cross::resolve(&toolchains, &family, "zig", Some(&folder), (&path, &shop.at("work"))).unwrap();
    let own = Own { cross: &cross, path: &path, log: &log };
    let warm = || own.warm(Some(&folder), &shop.at("work"), &shop.at("work"), &mut Blind).unwrap();
    warm();
    let said = fs::read_to_string(&log).unwrap();
    let link = shop.gets(FAMILY, "cc -shared a.o -o a.so");
    for word in link.split(' ').filter(|word| !word.starts_with("a.")) {
        assert!(said.lines().any(|line| line == word), "{word} is not in {said}");
    }
    warm();
    assert_eq!(fs::read_to_string(&log).unwrap(), said, "it is done once");
}
