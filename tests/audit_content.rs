//! While a build's folder is there, the content of its files tells what names and times do not; what was found then is
//! known later on, too.

mod build_support;

use build_support::script::{ahead, by};
use build_support::{Home, WHEEL};

/// A build of such a package for a family with a level, and its wheel.
struct Built {
    home: Home,
    code: Option<i32>,
    said: String,
}

impl Built {
    fn new(before: &str, commands: &str, members: &[&str]) -> Self {
        let home = Home::new();
        let package = home.package("pkg", &by(commands, members));
        home.write("pkg/more.c", "int more(int x) { return 2 * x; }\n");
        ahead(&package, before);
        let ran = home.build(&["./pkg", "--family", "x86-64-v3", "--out", "out"]);
        Self { home, code: ran.code, said: ran.out + &ran.err }
    }

    /// What an audit says when the build's folder is gone.
    fn later(&self) -> (Option<i32>, String) {
        let rejected = self.home.path(&format!("out/x86-64-v3/log/{WHEEL}"));
        let delivered = self.home.path(&format!("out/x86-64-v3/{WHEEL}"));
        let wheel = if delivered.exists() { delivered } else { rejected };
        let audit = self.home.crosswheel(&["audit", &wheel.display().to_string(), "--log", "out"]).output();
        let audit = audit.expect("it starts");
        (audit.status.code(), String::from_utf8_lossy(&audit.stdout).into_owned())
    }
}

const LIBRARY: &str = "mkdir L && gcc -c -fPIC more.c -o p.o && ar rc L/libmore.a p.o && rm p.o && \
                       echo 'int more(int); int use(void) { return more(1); }' >> ext.c";

/// What is hidden in a build: what it is, what is done ahead, what builds the members, and what must be said of them.
type Hidden<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a str);

/// Both the build and a later audit find each.
fn are_found(hidden: &[Hidden<'_>]) {
    for (what, before, commands, members, says) in hidden {
        let built = Built::new(before, &format!("cc -c -fPIC ext.c && {commands}"), members);
        assert_eq!(built.code, Some(1), "{what}: {}", built.said);
        assert!(built.said.contains(says), "{what}: {}", built.said);
        let (code, later) = built.later();
        assert_eq!(code, Some(1), "{what}: {later}");
    }
}

#[test]
fn objects_that_names_and_times_would_hide_are_found() {
    are_found(&[
        (
            "a foreign object under the name of one of ours",
            "",
            "mkdir d && /usr/bin/clang -c -fPIC more.c -o d/ext.o && cc -shared ext.o d/ext.o -o ext.so",
            &["ext.so"],
            "d/ext.o (taken in by call ",
        ),
        (
            "one that appears while another is compiled",
            "gcc -c -fPIC more.c -o blob.o && gzip blob.o",
            "(cc -c -fPIC ext.c -o unused.o & gunzip -c blob.o.gz > blob.o; wait) && cc -shared ext.o blob.o -o ext.so",
            &["ext.so"],
            "blob.o (taken in by call ",
        ),
        (
            "one under an odd name",
            "gcc -c -fPIC more.c -o blob.bin",
            "cc -shared ext.o blob.bin -o ext.so",
            &["ext.so"],
            "blob.bin (taken in by call ",
        ),
        (
            "a shared library inside of a static one",
            "gcc -shared -fPIC more.c -o p.so",
            "ar rc l.a p.so && cc -shared ext.o -o ext.so",
            &["ext.so", "l.a"],
            "p.so (taken in by call ",
        ),
        (
            "an archive that is merged by a script",
            "gcc -c -fPIC more.c -o p.o && ar rc b.a p.o && rm p.o",
            "ar rc a.a ext.o && printf 'CREATE l.a\\nADDLIB a.a\\nADDLIB b.a\\nSAVE\\nEND\\n' | ar -M && \
             cc -shared -Wl,--whole-archive l.a -Wl,--no-whole-archive -o ext.so",
            &["ext.so"],
            "l.a(p.o) (taken in by call ",
        ),
        (
            "a compiler proper that is run by hand",
            "",
            "$(gcc -print-prog-name=cc1) -quiet -fPIC more.c -o more.s && as more.s -o more.o && \
             cc -shared ext.o more.o -o ext.so",
            &["ext.so"],
            "went past the shim: more.s (call ",
        ),
        (
            "an object that is replaced after its call",
            "",
            "cc -c -fPIC more.c && sleep 0.1 && /usr/bin/clang -c -fPIC more.c && cc -shared ext.o more.o -o ext.so",
            &["ext.so"],
            "more.o (call ",
        ),
    ]);
}

#[test]
fn libraries_that_names_and_times_would_hide_are_found() {
    are_found(&[
        (
            "a library that comes ready-made and is stripped by us",
            "gcc -g -shared -fPIC more.c -o more.so",
            "strip more.so && cc -shared ext.o -o ext.so",
            &["ext.so", "more.so"],
            "more.so (taken in by call ",
        ),
        (
            "one that takes the place of ours and is stripped by us",
            "gcc -g -shared -fPIC more.c -o old.so",
            "cc -shared ext.o -o ext.so && cp old.so ext.so && strip ext.so",
            &["ext.so"],
            "ext.so (taken in by call ",
        ),
        (
            "a part of a library that was installed and stripped",
            "gcc -c -fPIC more.c -o blob.o",
            "cc -shared ext.o blob.o -o x.so && cp x.so ext.so && strip ext.so",
            &["ext.so"],
            "blob.o (taken in by call ",
        ),
        (
            "a library under a build-id that was told",
            "gcc -shared -fPIC -Wl,--build-id=0xabcd more.c -o old.so",
            "cc -shared ext.o -Wl,--build-id=0xabcd -o ext.so",
            &["ext.so", "old.so"],
            "old.so: was not made by a recorded call",
        ),
        (
            "an archive that LIBRARY_PATH leads to",
            LIBRARY,
            "LIBRARY_PATH=L cc -shared ext.o -lmore -o ext.so",
            &["ext.so"],
            "libmore.a (taken in by call ",
        ),
        (
            "an archive that words for the linker name",
            LIBRARY,
            "cc -shared ext.o -Wl,-L,L -Wl,-lmore -o ext.so",
            &["ext.so"],
            "libmore.a (taken in by call ",
        ),
    ]);
}

#[test]
fn what_is_the_same_by_its_content_is_ours_under_any_name() {
    let build = "cc -c -fPIC ext.c && cc -c -fPIC more.c && ";
    for (commands, members) in [
        // Copied under another name and with a new time.
        ("sleep 0.1 && cp more.o other.o && cc -shared ext.o other.o -o ext.so", &["ext.so"][..]),
        // An object of the wheel that has another name there.
        ("cp more.o start.o && cc -shared ext.o -o ext.so", &["ext.so", "start.o"]),
        // Archives that a script merges.
        (
            "ar rc a.a ext.o && ar rc b.a more.o && printf 'CREATE l.a\\nADDLIB a.a\\nADDLIB b.a\\nSAVE\\nEND\\n' | ar -M && \
             cc -shared -Wl,--whole-archive l.a -Wl,--no-whole-archive -o ext.so",
            &["ext.so"],
        ),
        // A copy of an archive that is stripped.
        (
            "ar rc l.a ext.o more.o && mkdir lib && cp l.a lib && strip -g lib/l.a && \
             cc -shared -Wl,--whole-archive lib/l.a -Wl,--no-whole-archive -o ext.so",
            &["ext.so"],
        ),
    ] {
        let built = Built::new("", &format!("{build}{commands}"), members);
        assert_eq!(built.code, Some(0), "{commands}: {}", built.said);
        let (code, later) = built.later();
        assert_eq!(code, Some(0), "{commands}: {later}");
        assert!(later.contains("0 faults, 0 notes"), "{commands}: {later}");
    }
}

#[test]
fn a_library_that_was_installed_and_stripped_is_made_of_its_compiles() {
    for flags in ["", "-Wl,--build-id=none"] {
        let commands =
            format!("cc -g -shared -fPIC ext.c {flags} -o x.so && mkdir d && cp x.so d && strip d/x.so");
        let built = Built::new("", &commands, &["d/x.so"]);
        let (code, later) = built.later();
        assert_eq!(code, Some(0), "{later}");
        assert!(later.contains("tiny/d/x.so") && later.contains("from 1 compile"), "{later}");
    }
}

#[test]
fn the_results_of_a_build_are_audited_by_their_common_folder() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "host,x86-64-v3", "--out", "out"]).good();
    let audit = |args: &[&str]| {
        let output = home.crosswheel(&[&["audit"], args].concat()).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = audit(&["out"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 wheels, 2 binary files"), "{told}");
    assert!(told.contains("out/host/log/record.jsonl, out/x86-64-v3/log/record.jsonl"), "{told}");
    // A link out of an unpacked wheel is no way round.
    let wheel = home.path(&format!("out/host/{WHEEL}")).display().to_string();
    let unpack = format!(
        "mkdir site && cd site && python3 -m zipfile -e '{wheel}' . && cd tiny && ln -s ext.so same.so"
    );
    ahead(&home.path(""), &unpack);
    let (code, told) = audit(&["site", "--log", "out/host"]);
    assert!(code == Some(0) && told.contains("1 binary file:"), "{told}");
    ahead(&home.path(""), "gcc -shared -fPIC pkg/ext.c -O2 -o out.so && ln -s ../../out.so site/tiny/out.so");
    let (code, told) = audit(&["site", "--log", "out/host"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("tiny/out.so was not made by a recorded call"), "{told}");
}
