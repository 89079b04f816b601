//! Patches: which apply, that git agrees with what they do, and what is said when they do not.

mod build_support;

use std::fs;
use std::path::Path;
use std::process::Command;

use build_support::{Home, WHEEL};
use crosswheel::build::patches;

/// Twenty lines, `line 1` to `line 20`, with changes.
fn lines(change: impl Fn(usize) -> Option<String>) -> String {
    (1..=20).filter_map(change).map(|line| line + "\n").collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a reader that can fail")]
fn line(number: usize) -> Option<String> {
    Some(format!("line {number}"))
}

/// The diff from one tree to another as git makes it, with a header.
fn git_diff(home: &Home, options: &[&str]) -> String {
    let output = Command::new("git")
        .args(["diff", "--no-index", "--no-color", "--no-ext-diff"])
        .args(options)
        .args(["a", "b"])
        .current_dir(home.dir.path())
        .output()
        .expect("git");
    let text = String::from_utf8(output.stdout).expect("text");
    // --no-index keeps the folders' names behind its own prefixes: a/a/x, b/b/x.
    format!(
        "# because\n\n{}",
        text.replace(" a/a/", " a/")
            .replace(" b/b/", " b/")
            .replace("from a/", "from ")
            .replace("to b/", "to ")
    )
}

/// Applies a patch to the tree `a` by way of a patch folder.
fn apply(home: &Home, patch: &str) -> Result<(), crosswheel::error::Error> {
    home.write("patches/tiny/==1.0/0001-x.patch", patch);
    let chosen = patches::select(&home.path("patches"), "tiny", "1.0")?;
    assert_eq!(chosen.len(), 1);
    patches::apply(&chosen, &home.path("a"))
}

fn tree(folder: &Path) -> Vec<(String, Vec<u8>, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found: Vec<_> = crosswheel::build::tree::files(folder)
        .expect("files")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(folder).expect("inside").display().to_string();
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            (name, fs::read(&path).expect("read"), mode)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_diff_by_git_makes_the_tree_that_git_compared() {
    use std::os::unix::fs::PermissionsExt;
    for options in [&[][..], &["-U1"], &["-U0"], &["-M"]] {
        let home = Home::new();
        for side in ["a", "b"] {
            home.write(&format!("{side}/same.c"), "same\n");
        }
        home.write("a/src/x.c", &lines(line));
        home.write(
            "b/src/x.c",
            &lines(|n| match n {
                1 => Some("first\nadded".into()),
                9 => None,
                20 => Some("last".into()),
                n => line(n),
            }),
        );
        home.write("a/gone.c", "to be\nremoved\n");
        home.write("b/new/deep/file.c", "int x;\nint y;\n");
        home.write("a/noeol.c", "a\nb");
        home.write("b/noeol.c", "a\nc");
        home.write("a/crlf.c", "a\r\nb\r\n");
        home.write("b/crlf.c", "a\r\nc\r\n");
        home.write("a/old-name.c", &lines(line));
        home.write("b/new-name.c", &lines(|n| if n == 5 { Some("five".into()) } else { line(n) }));
        let script = home.write("a/run.sh", "#!/bin/sh\n");
        fs::set_permissions(script, fs::Permissions::from_mode(0o644)).expect("mode");
        let script = home.write("b/run.sh", "#!/bin/sh\n");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("mode");
        let patch = git_diff(&home, options);
        apply(&home, &patch).unwrap_or_else(|error| panic!("{options:?}: {error}\n{patch}"));
        assert_eq!(tree(&home.path("a")), tree(&home.path("b")), "{options:?}\n{patch}");
    }
}

#[test]
fn a_plain_unified_diff_of_two_folders_applies() {
    let home = Home::new();
    home.write("a/x.c", &lines(line));
    let patch = "Why: a plain diff.\n\ndiff -ru pkg-1.0.orig/x.c pkg-1.0/x.c\n--- pkg-1.0.orig/x.c\t2020-01-01\n+++ pkg-1.0/x.c\t2020-01-02\n@@ -4,3 +4,3 @@\n line 4\n-line 5\n+five\n line 6\n--- pkg-1.0.orig/new.c\n+++ pkg-1.0/new.c\n@@ -0,0 +1 @@\n+new\n";
    let patch = patch.replace("--- pkg-1.0.orig/new.c", "--- /dev/null");
    apply(&home, &patch).expect("applied");
    assert!(fs::read_to_string(home.path("a/x.c")).expect("x.c").contains("line 4\nfive\nline 6\n"));
    assert_eq!(fs::read_to_string(home.path("a/new.c")).expect("new.c"), "new\n");
}

#[test]
fn a_hunk_that_has_moved_applies_at_its_new_place() {
    let home = Home::new();
    home.write("a/x.c", &lines(line));
    home.write("b/x.c", &lines(|n| if n == 10 { Some("ten".into()) } else { line(n) }));
    let patch = git_diff(&home, &[]);
    home.write("a/x.c", &("above\n".repeat(50) + &lines(line)));
    apply(&home, &patch).expect("applied");
    let text = fs::read_to_string(home.path("a/x.c")).expect("x.c");
    assert!(text.contains("line 9\nten\nline 11\n") && text.starts_with("above\n"), "{text}");
}

#[test]
fn a_hunk_whose_context_differs_names_patch_file_hunk_and_line_and_changes_nothing() {
    let home = Home::new();
    home.write("a/x.c", &lines(line));
    home.write("a/y.c", "first\n");
    home.write("b/x.c", &lines(|n| if n == 2 || n == 18 { Some("changed".into()) } else { line(n) }));
    home.write("b/y.c", "second\n");
    let patch = git_diff(&home, &[]);
    home.write("a/x.c", &lines(|n| if n == 17 { Some("other".into()) } else { line(n) }));
    let before = tree(&home.path("a"));
    let error = apply(&home, &patch).expect_err("a misfit");
    assert!(error.message.ends_with("0001-x.patch: hunk 2 of 2 does not apply to x.c at line 15"), "{error}");
    assert_eq!(error.hint.as_deref(), Some("line 17 should be `line 17`, but is `other`"));
    assert_eq!(tree(&home.path("a")), before);
}

#[test]
fn what_points_out_of_the_source_is_refused() {
    for name in ["b/../../out.c", "/etc/out.c", "b", "b/link/out.c", "b/link"] {
        let home = Home::new();
        fs::create_dir_all(home.path("a")).expect("made");
        fs::create_dir_all(home.path("elsewhere")).expect("made");
        std::os::unix::fs::symlink(home.path("elsewhere"), home.path("a/link")).expect("linked");
        let error =
            apply(&home, &format!("why\n\n--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n")).expect_err(name);
        assert!(
            error.message.contains("is no path inside") || error.message.contains("symbolic link"),
            "{error}"
        );
        assert!(!home.path("out.c").exists() && !home.path("elsewhere/out.c").exists());
    }
}

#[test]
fn what_is_new_must_not_be_there_and_what_is_changed_must() {
    let home = Home::new();
    home.write("a/x.c", "x\n");
    let error = apply(&home, "why\n\n--- /dev/null\n+++ b/x.c\n@@ -0,0 +1 @@\n+x\n").expect_err("there");
    assert!(error.message.contains("x.c is to be new, but is there already"), "{error}");
    let error = apply(&home, "why\n\n--- a/y.c\n+++ b/y.c\n@@ -1 +1 @@\n-x\n+y\n").expect_err("not there");
    assert!(error.message.contains("y.c is not in the source"), "{error}");
}

#[test]
fn a_hunk_that_belongs_to_no_file_is_not_passed_over() {
    let home = Home::new();
    home.write("a/x.c", "x\n");
    let text = "why\n\ndiff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-x\n+y\n\nand then\n@@ -9 +9 @@\n-p\n+q\n";
    assert!(apply(&home, text).is_err());
    assert_eq!(fs::read_to_string(home.path("a/x.c")).expect("x.c"), "x\n");
}

#[test]
fn the_reason_is_the_first_paragraph_or_the_subject_of_a_mail() {
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n";
    for (header, reason) in [
        (
            "# glibc 2.17 has no getrandom\n# so ask the device.\n#\n# More.\n\n",
            "glibc 2.17 has no getrandom so ask the device.",
        ),
        ("\nPlain words.\n\n", "Plain words."),
        (
            "From 1234 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nDate: x\nSubject: [PATCH 1/2] Do it\n right\n\nBody.\n---\n x | 2 +-\n\n",
            "Do it right",
        ),
    ] {
        let home = Home::new();
        home.write("patches/tiny/==1.0/0001-x.patch", &format!("{header}{diff}"));
        let chosen = patches::select(&home.path("patches"), "tiny", "1.0").expect("chosen");
        assert_eq!(chosen[0].reason, reason);
    }
    let home = Home::new();
    home.write("patches/tiny/==1.0/0001-x.patch", diff);
    let error = patches::select(&home.path("patches"), "tiny", "1.0").expect_err("no reason");
    assert!(error.message.contains("does not say why"), "{error}");
}

#[test]
fn names_are_normal_and_versions_choose() {
    let home = Home::new();
    for (path, _) in [
        ("Zope.Interface/==1.2.*/0001-a.patch", 0),
        ("zope_interface/>=1.0,<2/0002-b.patch", 0),
        ("zope-interface/==2.0/0001-c.patch", 0),
        ("zope-other/>=0/0001-d.patch", 0),
    ] {
        home.write(&format!("patches/{path}"), "why\n\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n");
    }
    let chosen = |version: &str| -> Vec<String> {
        let chosen = patches::select(&home.path("patches"), "zope.interface", version).expect("chosen");
        chosen.iter().map(|p| p.path.file_name().expect("a name").display().to_string()).collect()
    };
    assert_eq!(chosen("1.2.3"), ["0001-a.patch", "0002-b.patch"]);
    assert_eq!(chosen("1.9"), ["0002-b.patch"]);
    assert_eq!(chosen("2.0.0"), ["0001-c.patch"]);
    assert_eq!(chosen("3"), Vec::<String>::new());
}

#[test]
fn folders_and_files_that_are_named_wrongly_are_refused() {
    let why = "why\n\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n";
    for (path, says) in [
        ("tiny/1.0/0001-x.patch", "is no version specifier"),
        ("tiny/==1.0/fix.patch", "is not named as a patch is"),
        ("tiny/==1.0/0001-x.diff", "is not named as a patch is"),
    ] {
        let home = Home::new();
        home.write(&format!("patches/{path}"), why);
        let error = patches::select(&home.path("patches"), "tiny", "1.0").expect_err(path);
        assert!(error.message.contains(says), "{error}");
    }
    let home = Home::new();
    home.write("patches/tiny/==1.0/0001-x.patch", why);
    home.write("patches/tiny/>=1/0001-y.patch", why);
    let error = patches::select(&home.path("patches"), "tiny", "1.0").expect_err("twice");
    assert!(error.message.contains("have the same number"), "{error}");
}

const PATCH: &str = "# the file must say two\n\n--- a/value.txt\n+++ b/value.txt\n@@ -1 +1 @@\n-one\n+two\n";
const PLAN: &str = "def build():\n    return {'value': open('value.txt', 'rb').read()}\n";

#[test]
fn a_build_applies_its_patches_and_lists_them() {
    let home = Home::new();
    home.package("pkg", PLAN);
    home.write("pkg/value.txt", "one\n");
    home.write("patches/tiny/==1.*/0001-two.patch", PATCH);
    let listed = home.build(&["./pkg", "--list-patches"]).good();
    listed.says("tiny 1.0").says("0001-two.patch").says("the file must say two");
    home.build(&["./pkg", "--family", "host", "--out", "out"]).good().says("1 patch applied");
    let wheel = fs::read(home.path(&format!("out/host/{WHEEL}"))).expect("a wheel");
    assert!(wheel.windows(4).any(|bytes| bytes == b"two\n"));
    assert_eq!(fs::read_to_string(home.path("pkg/value.txt")).expect("the user's file"), "one\n");
}

#[test]
fn a_patch_that_does_not_apply_stops_the_build() {
    let home = Home::new();
    home.package("pkg", PLAN);
    home.write("pkg/value.txt", "three\n");
    home.write("here/tiny/==1.*/0001-two.patch", PATCH);
    let ran = home.build(&["./pkg", "--family", "host", "--out", "out", "--patches", "here"]).fails(1);
    ran.says("hunk 1 of 1 does not apply to value.txt at line 1").says("should be `one`, but is `three`");
    assert!(!home.path(&format!("out/host/{WHEEL}")).exists());
}

#[test]
fn the_backend_is_asked_for_a_version_that_the_source_does_not_say() {
    let home = Home::new();
    home.package("pkg", PLAN);
    home.write(
        "pkg/pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"back\"]\n",
    );
    home.write("pkg/value.txt", "one\n");
    home.write("patches/tiny/==1.*/0001-two.patch", PATCH);
    home.build(&["./pkg", "--list-patches"]).good().says("tiny 1.0").says("0001-two.patch");
}
