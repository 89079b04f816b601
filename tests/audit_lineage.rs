//! What is in a wheel is traced back to its compiles: the ways round the shim are found, and what real build
//! systems do to objects on their way is not taken for one.

mod build_support;

use build_support::script::{ahead, by};
use build_support::{Home, WHEEL};

const MORE: &str = "int more(int x) { return 2 * x; }\n";

#[test]
fn ways_round_the_shim_are_found() {
    let build = "cc -c -fPIC ext.c && ";
    for (what, before, commands, members, says) in [
        (
            "a compiler by its absolute path",
            "",
            "/usr/bin/gcc -c -fPIC more.c && cc -shared ext.o more.o -o ext.so",
            &["ext.so"][..],
            "more.o (call ",
        ),
        (
            "another one, which assembles by itself",
            "",
            "/usr/bin/clang -c -fPIC more.c && cc -shared ext.o more.o -o ext.so",
            &["ext.so"],
            "more.o (taken in by call ",
        ),
        (
            "a library that is copied in",
            "gcc -shared -fPIC more.c -o more.so",
            "cc -shared ext.o -o ext.so",
            &["ext.so", "more.so"],
            "more.so: was not made by a recorded call",
        ),
        (
            "an object for another machine",
            "printf '\\177ELF\\002\\001\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\267\\000' > arm.o; head -c 200 /dev/zero >> arm.o",
            "cc -shared ext.o -o ext.so && ar rc libarm.a arm.o",
            &["ext.so", "libarm.a"],
            "libarm.a: holds arm.o, which is for aarch64, and x86_64 was asked for",
        ),
        (
            "a library of a lower level as an archive",
            "gcc -O2 -march=x86-64 -c -fPIC more.c && ar rc libmore.a more.o && rm more.o",
            "cc -shared ext.o -L. -Wl,--whole-archive -lmore -Wl,--no-whole-archive -o ext.so",
            &["ext.so"],
            "libmore.a (taken in by call ",
        ),
        (
            "an archive that the linker alone is told of",
            "gcc -c -fPIC more.c && ar rc libmore.a more.o && rm more.o",
            "cc -shared ext.o -Wl,-L.,--whole-archive,-lmore,--no-whole-archive -o ext.so",
            &["ext.so"],
            "libmore.a (taken in by call ",
        ),
        (
            "an object in a list that the linker reads",
            "gcc -c -fPIC more.c && echo more.o > objs",
            "cc -shared ext.o -Wl,@objs -o ext.so",
            &["ext.so"],
            "more.o (taken in by call ",
        ),
        (
            "an object that was compiled before the shim was there",
            "gcc -c -fPIC more.c",
            "cc -shared ext.o more.o -o ext.so",
            &["ext.so"],
            "more.o (taken in by call ",
        ),
        (
            "such an object in the wheel",
            "gcc -c -fPIC more.c",
            "cc -shared ext.o -o ext.so",
            &["ext.so", "more.o"],
            "more.o: is an object, and no recorded call made one of its name",
        ),
    ] {
        let home = Home::new();
        let package = home.package("pkg", &by(&format!("{build}{commands}"), members));
        home.write("pkg/more.c", MORE);
        ahead(&package, before);
        let ran = home.build(&["./pkg", "--family", "x86-64-v3", "--out", "out"]).fails(1);
        assert!(ran.err.contains(says) || ran.out.contains(says), "{what}: {ran:#?}");
        assert!(!home.path(&format!("out/x86-64-v3/{WHEEL}")).exists(), "{what}");
        // The record alone tells the same later on, when the build's folder is gone.
        let rejected = home.path(&format!("out/x86-64-v3/log/{WHEEL}"));
        let audit = home.crosswheel(&["audit", &rejected.display().to_string(), "--log", "out"]).output();
        let audit = audit.expect("it starts");
        assert_eq!(audit.status.code(), Some(1), "{what}: {audit:?}");
    }
}

#[test]
fn a_compiler_that_nobody_knows_is_not_hidden_by_the_cache_that_runs_it() {
    let home = Home::new();
    let commands = "cc -c -fPIC ext.c && mkdir sdk && ln -s /usr/bin/gcc sdk/other-cc && \
                    CCACHE_DIR=$PWD/cache ccache $PWD/sdk/other-cc -c -fPIC more.c -o more.o && cc -shared ext.o more.o -o ext.so";
    home.package("pkg", &by(commands, &["ext.so"]));
    home.write("pkg/more.c", MORE);
    let ran = home.build(&["./pkg", "--family", "x86-64-v3", "--out", "out"]).fails(1);
    let told = format!("{}{}", ran.out, ran.err);
    assert!(told.contains("more.o (taken in by call ") && told.contains("--rule unknown-compiler"), "{told}");
    let listed = home.crosswheel(&["log", "ls", "out", "--rule", "unknown-compiler"]).output();
    let listed = String::from_utf8(listed.expect("it starts").stdout).expect("text");
    assert_eq!(listed.matches("ccache").count(), 1, "{listed}");
}

#[test]
fn a_compiler_that_cannot_be_read_is_noted() {
    let home = Home::new();
    let tool = home.write(
        "tools/c99",
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo Portable C Compiler 1.2; exit; }\nexec /usr/bin/gcc \"$@\"\n",
    );
    ahead(tool.parent().expect("a folder"), "chmod +x c99");
    let commands = "cc -c -fPIC ext.c && c99 -c -fPIC more.c -o more.o && cc -shared ext.o more.o -o ext.so";
    home.package("pkg", &by(commands, &["ext.so"]));
    home.write("pkg/more.c", MORE);
    let path =
        format!("{}:{}", tool.parent().expect("a folder").display(), std::env::var("PATH").expect("a PATH"));
    let mut build = home.crosswheel(&["build", "./pkg", "--family", "x86-64-v3", "--out", "out"]);
    let ran = build.env("PATH", path).output().expect("it starts");
    let told = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && told.contains("1 file of c99 [foreign-compiler]"), "{told}");
}

#[test]
fn what_build_systems_do_to_objects_is_no_way_round() {
    for commands in [
        // Renamed, linked under another name, copied with its time.
        "cc -c -fPIC ext.c -o tmp.o && mv tmp.o ext.o && cc -shared ext.o -o ext.so",
        "cc -c -fPIC ext.c && mkdir d && ln ext.o d/x.o && cc -shared d/x.o -o ext.so",
        "cc -c -fPIC ext.c && cp -p ext.o copy.o && cc -shared ext.o -o one.so && cc -shared copy.o -o ext.so",
        // Installed, as libtool does it: a copy with a new time, and its index made anew.
        "cc -c -fPIC ext.c && ar cr libe.a ext.o && ranlib libe.a && mkdir lib && sleep 0.1 && cp libe.a lib && \
         ranlib lib/libe.a && cc -shared -Wl,--whole-archive -Llib -le -Wl,--no-whole-archive -o ext.so",
        "cc -c -fPIC ext.c && cc -shared ext.o -o first.so && mkdir d && sleep 0.1 && cp ext.o d && cc -shared d/ext.o -o ext.so",
        // An archive in two steps, a partial link, an archive that libtool takes apart.
        "cc -c -fPIC ext.c && cc -c -fPIC more.c && ar cr l.a ext.o && ar cr l.a more.o && ranlib l.a && \
         cc -shared -Wl,--whole-archive,l.a,--no-whole-archive -o ext.so",
        "cc -c -fPIC ext.c && cc -c -fPIC more.c && cc -r -nostdlib ext.o more.o -o both.o && cc -shared both.o -o ext.so",
        "cc -c -fPIC ext.c && ar cr l.a ext.o && mkdir x && (cd x && ar x ../l.a) && ar cr m.a x/ext.o && \
         cc -shared -Wl,--whole-archive m.a -Wl,--no-whole-archive -o ext.so",
        // Stripped or changed ahead of the link, and everything at once.
        "cc -g -c -fPIC ext.c && strip -g ext.o && cc -shared ext.o -o ext.so && strip ext.so",
        "cc -c -fPIC ext.c && objcopy --add-symbol x=0 ext.o y.o && cc -shared y.o -o ext.so",
        "cc -shared -fPIC ext.c more.c -o ext.so",
        "echo ext.o more.o > list; cc -c -fPIC ext.c more.c && cc -shared @list -o ext.so",
        "cc -S -fPIC ext.c && cc -c ext.s && cc -shared ext.o -o ext.so",
        // A version script is no object, and libm is the system's.
        "cc -c -fPIC ext.c && echo '{ global: *; };' > ext.map && \
         cc -shared ext.o -Wl,--version-script=ext.map -Wl,-Bstatic -lm -Wl,-Bdynamic -o ext.so",
    ] {
        let home = Home::new();
        home.package("pkg", &by(commands, &["ext.so"]));
        home.write("pkg/more.c", MORE);
        let ran = home.build(&["./pkg", "--family", "x86-64-v3", "--out", "out"]);
        assert_eq!(ran.code, Some(0), "{commands}: {ran:#?}");
        for code in ["ready-made", "past-shim", "changed-input", "lower-level", "untraced-object"] {
            assert!(!ran.out.contains(code) && !ran.err.contains(code), "{commands}: {ran:#?}");
        }
    }
}

#[test]
fn a_static_library_and_an_object_in_the_wheel_are_traced() {
    let home = Home::new();
    let commands = "cc -c -fPIC ext.c && ar rc libext.a ext.o && cc -shared ext.o -o ext.so";
    home.package("pkg", &by(commands, &["ext.so", "libext.a", "ext.o"]));
    let ran = home.build(&["./pkg", "--family", "x86-64-v3", "--out", "out"]).good();
    ran.says("3 of 3");
    // Without what the build's own audit learned, the object is known by its name alone; that is said, and no fault.
    std::fs::remove_file(home.path("out/x86-64-v3/log/audit.json")).expect("it is there");
    let audit = home.crosswheel(&["audit", "out/x86-64-v3"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert_eq!(audit.status.code(), Some(0), "{told}");
    assert!(told.contains("traced  tiny/libext.a  x86_64, made by call "), "{told}");
    assert!(told.contains("(sha256) from 1 compile"), "{told}");
    assert!(told.contains("tiny/ext.o is an object, known by its name alone"), "{told}");
}

#[test]
fn a_folder_is_audited_like_a_wheel() {
    let home = Home::new();
    home.package("pkg", "");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good();
    let wheel = home.path(&format!("out/host/{WHEEL}"));
    let unpack = format!("mkdir site && cd site && python3 -m zipfile -e '{}' .", wheel.display());
    ahead(&home.path(""), &unpack);
    let audit = |args: &[&str]| {
        let output = home.crosswheel(&[&["audit"], args].concat()).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = audit(&["site", "--log", "out"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("traced  tiny/ext.so"), "{told}");
    ahead(&home.path("site/tiny"), "echo 'int x;' > x.c; gcc -shared -fPIC x.c -o sub.so; rm x.c");
    let (code, told) = audit(&["site", "--log", "out"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("tiny/sub.so was not made by a recorded call"), "{told}");
    // A folder of wheels stands for these.
    let (code, told) = audit(&["out/host"]);
    assert!(code == Some(0) && told.contains("1 wheel"), "{told}");
}
