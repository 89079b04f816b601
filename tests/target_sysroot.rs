//! Sysroots from packages of Debian: verified before they are unpacked, unpacked without harm, whole or not at all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod debian;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use debian::{Archive, Device, File, Folder, HardLink, Link, Program, deb, done, gzip, names, refused, tar};

/// An archive with a library, its headers, and a C library that depend on each other.
fn small() -> Archive {
    let mut archive = Archive::new();
    let libc = [
        ("./", Folder),
        ("./lib/", Folder),
        ("./lib/aarch64-linux-gnu/libm.so.6", File("libm")),
        ("./usr/lib/aarch64-linux-gnu/libm.so", Link("/lib/aarch64-linux-gnu/libm.so.6")),
        ("./usr/share/doc/libc6/copyright", File("(c)")),
    ];
    archive.package("libc6", "2.36-9", "Depends: libgcc-s1 (>= 12), debconf | debconf-2.0", &libc);
    archive.package(
        "libgcc-s1",
        "12.2.0-14",
        "Depends: libc6 (>= 2.35)",
        &[("./usr/lib/libgcc_s.so.1", File("gcc"))],
    );
    let demo =
        [("./usr/bin/demo-config", Program("#!/bin/sh\n")), ("./usr/include/demo.h", File("int demo;\n"))];
    archive.package("libdemo-dev", "1:1.0-1", "Depends: libdemo1 (= 1:1.0-1), libc-dev", &demo);
    archive.package("libdemo1", "1:1.0-1", "Pre-Depends: libc6", &[("./usr/lib/libdemo.so.1", File("demo"))]);
    archive.package(
        "libc6-dev",
        "2.36-9",
        "Provides: libc-dev (= 2.36-9)",
        &[("./usr/include/stdio.h", File("\n"))],
    );
    archive.package("libother", "3", "", &[("./usr/lib/libother.so.3", File("other"))]);
    archive.publish("test");
    archive
}

#[test]
fn a_package_comes_with_what_it_depends_on() {
    let archive = small();
    let said = done(&archive.add(&["libdemo-dev"]));
    assert!(said.starts_with("made aarch64-bookworm"), "{said}");
    let root = archive.sysroot();
    for (file, text) in [
        ("usr/include/demo.h", "int demo;\n"),
        ("usr/include/stdio.h", "\n"),
        ("usr/lib/libdemo.so.1", "demo"),
        ("lib/libgcc_s.so.1", "gcc"),
        ("usr/lib/aarch64-linux-gnu/libm.so", "libm"),
        ("lib/aarch64-linux-gnu/libm.so.6", "libm"),
    ] {
        assert_eq!(fs::read_to_string(root.join(file)).unwrap(), text, "{file}");
    }
    let link = fs::read_link(root.join("usr/lib/aarch64-linux-gnu/libm.so")).unwrap();
    assert_eq!(link, Path::new("libm.so.6"), "an absolute link would lead into this machine");
    let mode = |file: &str| fs::metadata(root.join(file)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("usr/bin/demo-config"), mode("usr/include/demo.h")), (0o755, 0o644));
    assert!(!root.join("usr/share").exists(), "documents are left out");
}

#[test]
fn what_is_in_a_sysroot_is_listed_with_its_versions() {
    let archive = small();
    done(&archive.add(&["libdemo-dev"]));
    let said = done(&archive.crosswheel().args(["sysroot", "ls", "arm64", "--json"]).output().unwrap());
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    let one = &read["sysroots"][0];
    let packages: Vec<String> = one["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap()))
        .collect();
    let all = [
        "libc6 2.36-9",
        "libc6-dev 2.36-9",
        "libdemo-dev 1:1.0-1",
        "libdemo1 1:1.0-1",
        "libgcc-s1 12.2.0-14",
    ];
    assert_eq!(packages, all);
    assert_eq!(one["roots"], serde_json::json!(["libdemo-dev"]));
    assert_eq!(one["left_out"], serde_json::json!(["debconf"]));
    assert_eq!(one["signers"].as_array().unwrap().len(), 1);
    assert_eq!(Path::new(one["path"].as_str().unwrap()), fs::canonicalize(archive.sysroot()).unwrap());
}

#[test]
fn adding_makes_another_sysroot_and_leaves_the_one_that_is_used() {
    let archive = small();
    done(&archive.add(&["libdemo-dev"]));
    let first = fs::canonicalize(archive.sysroot()).unwrap();
    assert!(
        done(&archive.crosswheel().args(["sysroot", "add", "aarch64", "libdemo-dev"]).output().unwrap())
            .starts_with("unchanged")
    );
    done(&archive.add(&["libother"]));
    let second = fs::canonicalize(archive.sysroot()).unwrap();
    assert_ne!(first, second);
    assert!(first.join("usr/include/demo.h").exists() && !first.join("usr/lib/libother.so.3").exists());
    assert!(second.join("usr/include/demo.h").exists() && second.join("usr/lib/libother.so.3").exists());
}

#[test]
fn what_is_taken_out_goes_with_what_only_it_needed() {
    let archive = small();
    done(&archive.add(&["libdemo-dev", "libother"]));
    let keyring = archive.at("test.gpg");
    let rm = |names: &[&str]| {
        let mut command = archive.crosswheel();
        command.args(["sysroot", "rm", "aarch64"]).args(names).arg("--keyring").arg(&keyring);
        command.output().unwrap()
    };
    let told = refused(&rm(&["libdemo1"]), 2);
    assert!(told.contains("asked for: libdemo-dev, libother"), "{told}");
    done(&rm(&["libdemo-dev"]));
    assert_eq!(names(&archive.sysroot().join("usr/lib")), ["libother.so.3"]);
    assert!(done(&rm(&[])).starts_with("removed"));
    assert_eq!(archive.list("packages"), [""; 0]);
    let told = refused(&rm(&[]), 2);
    assert!(told.contains("there is no sysroot aarch64-bookworm"), "{told}");
    let said = done(&archive.crosswheel().args(["sysroot", "ls", "--json"]).output().unwrap());
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&said).unwrap(),
        serde_json::json!({ "sysroots": [] })
    );
}

#[test]
fn a_release_that_is_not_signed_by_a_known_key_is_refused() {
    let archive = small();
    let release = archive.release_folder().join("InRelease");
    let good = fs::read_to_string(&release).unwrap();
    let refused_with = |why: &str| {
        let told = refused(&archive.add(&["libother"]), 1);
        assert!(told.contains(why) && told.contains("InRelease"), "{told}");
        assert_eq!(archive.list("packages"), [""; 0], "nothing is unpacked");
    };
    fs::write(&release, good.replace("Version: 12.0", "Version: 12.1")).unwrap();
    refused_with("is wrong");
    fs::copy(archive.release_folder().join("Release"), &release).unwrap();
    refused_with("it has no good signature");
    archive.sign("stranger");
    refused_with("which is not in the keyring");
    // What stands before the signed text is no part of it.
    fs::write(
        &release,
        format!("Codename: bookworm\nSHA256:\n {} 1 main/binary-arm64/Packages\n\n{good}", "0".repeat(64)),
    )
    .unwrap();
    done(&archive.add(&["libother"]));
}

#[test]
fn the_word_of_a_mirror_is_taken_only_when_that_is_asked_for_and_is_then_shown() {
    let archive = small();
    fs::remove_file(archive.release_folder().join("InRelease")).unwrap();
    refused(&archive.add(&["libother"]), 1);
    let said = done(&archive.add_by(&["libother", "--unsigned"]));
    assert!(said.contains("no signature checked"), "{said}");
}

#[test]
fn an_index_or_a_package_that_was_changed_is_refused_and_nothing_of_it_is_kept() {
    let mut archive = small();
    let file = archive.package("libfirst", "1", "", &[("./usr/lib/libfirst.so", File("good"))]);
    archive.publish("test");
    let good = fs::read(&file).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&file, &changed).unwrap();
    let told = refused(&archive.add(&["libfirst"]), 1);
    assert!(told.contains("libfirst 1 has the SHA-256") && told.contains("hint:"), "{told}");
    fs::write(&file, [&good[..], b"more"].concat()).unwrap();
    let told = refused(&archive.add(&["libfirst"]), 1);
    assert!(told.contains(&format!("it has more than {} bytes", good.len())), "{told}");
    fs::write(&file, &good[..good.len() - 1]).unwrap();
    let told = refused(&archive.add(&["libfirst"]), 1);
    assert!(told.contains(&format!("libfirst 1 has {} bytes", good.len() - 1)), "{told}");
    assert_eq!(archive.list("packages"), [""; 0]);
    assert_eq!(archive.list("sysroots"), [""; 0]);
    fs::write(&file, &good).unwrap();
    let index = archive.release_folder().join("main/binary-arm64/Packages.gz");
    let mut bytes = fs::read(&index).unwrap();
    bytes[20] ^= 1;
    fs::write(&index, bytes).unwrap();
    // Another cache: in this one is the good index.
    fs::remove_dir_all(archive.at("cache")).unwrap();
    let told = refused(&archive.add(&["libfirst"]), 1);
    assert!(told.contains("Packages.gz has the SHA-256"), "{told}");
}

#[test]
fn a_package_that_would_write_elsewhere_is_refused_and_nothing_of_it_is_kept() {
    let bad = [
        (vec![("../../outside", File("x"))], "lies outside of the package"),
        (vec![("./usr/../../outside", File("x"))], "lies outside of the package"),
        (vec![("./usr/lib/a", Link("../../../outside"))], "is a link that points out of the package"),
        (vec![("./usr/lib/a", Link("/../outside"))], "is a link that points out of the package"),
        (vec![("./usr/a", Link("lib")), ("./usr/a/b", File("x"))], "lies below something that is no folder"),
        (vec![("./usr/a", HardLink("../../../../outside"))], "is a link that points out of the package"),
        (vec![("./usr/a", HardLink("./usr/none"))], "is a hard link to something that is no file"),
        (vec![("./usr/null", Device)], "is neither file, folder nor link"),
        (vec![("./usr/a", File("x")), ("./usr/a", File("y"))], "is there twice"),
        (vec![("./lib/a", File("x")), ("./usr/lib/a", File("y"))], "is there twice"),
    ];
    let mut archive = Archive::new();
    for (at, (entries, _)) in bad.iter().enumerate() {
        archive.package(&format!("libbad{at}"), "1", "", entries);
    }
    archive.publish("test");
    for (at, (_, why)) in bad.iter().enumerate() {
        let told = refused(&archive.add(&[&format!("libbad{at}")]), 1);
        assert!(told.contains(why) && told.contains(&format!("libbad{at} 1: the entry")), "{told}");
        assert_eq!(archive.list("packages"), [""; 0], "{why}");
        assert_eq!(archive.list("sysroots"), [""; 0], "{why}");
        assert!(!archive.at("outside").exists() && !archive.at("cache/outside").exists());
    }
}

#[test]
fn a_file_that_is_no_package_is_refused() {
    let bad = [
        (b"no archive".to_vec(), "it is no package of Debian"),
        (deb("data.tar.zst", b"(\xb5/\xfd"), "is packed with zstd, as Ubuntu does"),
        (deb("other.tar", &tar(&[])), "it has no member data.tar"),
        (deb("data.tar.gz", &gzip(&tar(&[("./usr/a", File("x"))]))[..40]), " 1: "),
        (deb("data.tar.xz", b"no xz at all"), " 1: "),
    ];
    let mut archive = Archive::new();
    for (at, (bytes, _)) in bad.iter().enumerate() {
        archive.package_of(&format!("libbad{at}"), "1", "", bytes);
    }
    archive.publish("test");
    for (at, (_, why)) in bad.iter().enumerate() {
        let told = refused(&archive.add(&[&format!("libbad{at}")]), 1);
        assert!(told.contains(why) && told.contains(&format!("libbad{at} 1: ")), "{told}");
        assert_eq!(archive.list("packages"), [""; 0]);
    }
}

#[test]
fn a_dependency_that_the_archive_lacks_is_told_with_who_needs_it() {
    let mut archive = small();
    archive.package("libneedy", "1", "Depends: libother (>= 4), nowhere | gone", &[]);
    archive.publish("test");
    let told = refused(&archive.add(&["libneedy"]), 1);
    assert!(told.contains("no `libother (>= 4)`, which libneedy needs"), "{told}");
    assert!(told.contains("`nowhere | gone`, which libneedy needs"), "{told}");
    let told = refused(&archive.add(&["libdemo-dve"]), 2);
    assert!(told.contains("no package `libdemo-dve`") && told.contains("`libdemo-dev`"), "{told}");
    let told = refused(&archive.add(&["../libdemo"]), 2);
    assert!(told.contains("is no name of a package"), "{told}");
}

#[test]
fn packages_that_exclude_each_other_are_refused() {
    let mut archive = small();
    archive.package("libelse", "1", "", &[("./usr/lib/libother.so.3", File("else"))]);
    archive.publish("test");
    done(&archive.add(&["libother"]));
    let before = fs::canonicalize(archive.sysroot()).unwrap();
    let told = refused(&archive.add(&["libelse"]), 1);
    assert!(told.contains("libother and another one both have"), "{told}");
    assert_eq!(fs::canonicalize(archive.sysroot()).unwrap(), before, "the sysroot is as it was");
}

#[test]
fn a_mirror_that_gives_another_release_is_refused() {
    let archive = small();
    archive.publish_as("trixie", "test");
    let told = refused(&archive.add(&["libother"]), 1);
    assert!(told.contains("is of `trixie`, and `bookworm` was asked for"), "{told}");
}

#[test]
fn offline_nothing_is_fetched_and_what_lacks_is_named() {
    let archive = small();
    let told = refused(&archive.add(&["libother", "--offline"]), 1);
    assert!(told.contains("--offline: not in the cache: the release file of bookworm"), "{told}");
    done(&archive.add(&["libother"]));
    let told = refused(&archive.add(&["libdemo1", "--offline"]), 1);
    assert!(told.contains("not in the cache: libc6 2.36-9, libdemo1 1:1.0-1, libgcc-s1 12.2.0-14"), "{told}");
    // The mirror is gone; what is there can be put together again.
    fs::remove_dir_all(archive.at("mirror")).unwrap();
    refused(&archive.add(&["libother", "--update"]), 1);
    done(&archive.add(&["libother", "--update", "--offline"]));
}

#[test]
fn packages_stay_as_they_are_until_an_update_is_asked_for() {
    let mut archive = small();
    let keyring = archive.at("test.gpg");
    done(&archive.add(&["libother"]));
    archive.package("libother", "3.1", "", &[("./usr/lib/libother.so.3", File("newer"))]);
    archive.publish("test");
    let again = |more: &[&str]| {
        let mut command = archive.crosswheel();
        command.args(["sysroot", "add", "aarch64", "libother", "--keyring"]).arg(&keyring).args(more);
        done(&command.output().unwrap())
    };
    let text = || fs::read_to_string(archive.sysroot().join("usr/lib/libother.so.3")).unwrap();
    assert!(again(&[]).starts_with("unchanged"));
    assert_eq!(text(), "other");
    assert!(again(&["--update"]).starts_with("made"));
    assert_eq!(text(), "newer");
}

#[test]
fn processes_that_add_at_once_do_not_lose_each_others_packages() {
    let archive = small();
    let mirror = format!("file://{}", archive.at("mirror").display());
    let start = |name: &str| {
        let mut command = archive.crosswheel();
        command.args(["sysroot", "add", "aarch64", name, "--mirror", &mirror, "--keyring"]);
        command.arg(archive.at("test.gpg")).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let all = ["libother", "libdemo1", "libc6-dev", "libdemo-dev"];
    for mut child in all.map(start) {
        assert!(child.wait().unwrap().success());
    }
    let said = done(&archive.crosswheel().args(["sysroot", "ls", "--json"]).output().unwrap());
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        read["sysroots"][0]["roots"],
        serde_json::json!(["libc6-dev", "libdemo-dev", "libdemo1", "libother"])
    );
    let rest: Vec<String> =
        archive.list("packages").into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(rest, [""; 0], "no half-made folders are left");
}

#[test]
fn a_package_of_dpkg_is_unpacked_as_dpkg_does() {
    let mut archive = Archive::new();
    let tree = archive.at("tree");
    for folder in ["DEBIAN", "usr/include/deep/er", "usr/lib/aarch64-linux-gnu"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    let control = "Package: libreal\nVersion: 1\nArchitecture: arm64\nMaintainer: a <a@example.org>\nDescription: real\n";
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let long = format!("usr/include/deep/er/{}.h", "long".repeat(30));
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    fs::write(tree.join(&long), "long\n").unwrap();
    fs::write(tree.join("usr/lib/aarch64-linux-gnu/libreal.so.1"), &large).unwrap();
    std::os::unix::fs::symlink("libreal.so.1", tree.join("usr/lib/aarch64-linux-gnu/libreal.so")).unwrap();
    fs::hard_link(tree.join(&long), tree.join("usr/include/twin.h")).unwrap();
    for packing in ["xz", "gzip", "none"] {
        let file = archive.at("real.deb");
        let run = |args: &[&str]| {
            let out = Command::new("dpkg-deb").args(args).output().expect("dpkg-deb is there on Debian");
            assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        };
        let (tree, deb) = (tree.to_str().unwrap(), file.to_str().unwrap());
        run(&["--root-owner-group", &format!("-Z{packing}"), "--build", tree, deb]);
        let name = format!("libreal-{packing}");
        archive.package_of(&name, "1", "", &fs::read(&file).unwrap());
        archive.publish("test");
        done(&archive.add(&[&name]));
        let theirs = archive.at(&format!("theirs-{packing}"));
        run(&["-x", deb, theirs.to_str().unwrap()]);
        let out = Command::new("diff")
            .arg("-r")
            .arg(theirs.join("usr/include"))
            .arg(archive.sysroot().join("usr/include"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        assert_eq!(fs::read(archive.sysroot().join("usr/lib/aarch64-linux-gnu/libreal.so")).unwrap(), large);
    }
}

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    let versions = [
        "1.0",
        "1.0-1",
        "1.0~rc1-1",
        "1:0.9",
        "1.0+b1",
        "1.0a",
        "1.00",
        "1.0-1+deb12u1",
        "1.0-1~bpo12+1",
        "0",
        "1.0.10",
        "1.0.9",
        "10",
        "2:0~",
        "1.0-0.1",
    ];
    for one in versions {
        for other in versions {
            let ours = crosswheel::target::version::compare(one, other);
            let out = Command::new("dpkg")
                .args(["--compare-versions", one, "lt", other])
                .status()
                .expect("dpkg is there on Debian");
            assert_eq!(out.success(), ours.is_lt(), "{one} < {other}");
        }
    }
}

#[test]
fn a_machine_or_a_release_that_is_not_known_is_refused() {
    let archive = Archive::new();
    let run = |args: &[&str]| refused(&archive.crosswheel().args(args).output().unwrap(), 2);
    assert!(run(&["python", "add", "aarch46"]).contains("did you mean `aarch64`?"));
    assert!(
        run(&["python", "add", "loongarch64"])
            .contains("no Python of Debian is known for the machine `loongarch64`")
    );
    let told = run(&["python", "add", "riscv64", "--version", "3.11"]);
    assert!(told.contains("for riscv64 there are: trixie (Python 3.13)"), "{told}");
    assert!(
        run(&["python", "add", "aarch64", "--debian", "trixy"]).contains("unknown release of Debian `trixy`")
    );
    assert!(
        run(&["python", "add", "aarch64", "--mirror", "ftp://x", "--unsigned"])
            .contains("is no address of a mirror")
    );
}
