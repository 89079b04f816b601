//! Unpacking: what is in a source distribution comes out as it is, and nothing gets out of its folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crosswheel::build::archive::{Unpacked, unpack};
use crosswheel::error::Result;
use tempfile::TempDir;

/// An entry of a tar: name, kind, content or target of a link.
type Entry<'a> = (&'a str, tar::EntryType, &'a str);

use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};

/// Makes an archive from raw headers, so that names are not cleaned on the way, and unpacks it.
fn untar(entries: &[Entry<'_>]) -> (TempDir, Result<Unpacked>) {
    let dir = TempDir::new().expect("a folder");
    let archive = dir.path().join("x.tar.gz");
    let file = fs::File::create(&archive).expect("made");
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_ustar();
        let raw = header.as_mut_bytes();
        raw[..name.len()].copy_from_slice(name.as_bytes());
        let content = if *kind == Regular { *text } else { "" };
        if *kind != Regular {
            raw[157..157 + text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(if Path::new(name).extension().is_some_and(|end| end == "sh") {
            0o4777
        } else {
            0o600
        });
        header.set_mtime(1_600_000_000);
        header.set_cksum();
        tar.append(&header, content.as_bytes()).expect("added");
    }
    tar.into_inner().expect("ended").finish().expect("ended");
    let into = dir.path().join("into");
    fs::create_dir(&into).expect("made");
    let done = unpack(&archive, &into);
    (dir, done)
}

fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn files_links_times_and_the_permission_to_execute_come_out() {
    let (_dir, done) = untar(&[
        ("p-1/", Directory, ""),
        ("p-1/a.c", Regular, "int x;\n"),
        ("p-1/deep/run.sh", Regular, "#!/bin/sh\n"),
        ("p-1/deep/link", Symlink, "../a.c"),
        ("p-1/twin.c", Link, "p-1/a.c"),
    ]);
    let root = done.expect("unpacked").root;
    assert!(root.ends_with("p-1"));
    let mode = |name: &str| fs::metadata(root.join(name)).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode("a.c"), mode("deep/run.sh")), (0o644, 0o755));
    assert_eq!(fs::read_to_string(root.join("deep/link")).expect("read"), "int x;\n");
    assert_eq!(fs::read_to_string(root.join("twin.c")).expect("read"), "int x;\n");
    for name in ["a.c", "deep/run.sh", "."] {
        let time = fs::metadata(root.join(name)).expect("there").modified().expect("a time");
        assert_eq!(time.duration_since(UNIX_EPOCH).expect("after").as_secs(), 1_600_000_000, "{name}");
    }
}

#[test]
fn nothing_gets_out_of_the_folder() {
    let cases: &[&[Entry<'_>]] = &[
        &[("p/../../out", Regular, "x")],
        &[("../out", Regular, "x")],
        &[("/tmp/crosswheel-test-out", Regular, "x")],
        &[("p/l", Symlink, "../../out")],
        &[("p/l", Symlink, "/etc")],
        &[("p/l", Symlink, "..")],
        &[("p/d", Symlink, "."), ("p/d/x", Regular, "x")],
        &[("p/l", Link, "../out")],
        &[("p/l", Link, "/etc/passwd")],
        &[("p/f", Fifo, "")],
        &[("p/x", Regular, "x"), ("q/x", Regular, "x")],
        &[("p/x", Regular, "x"), ("p/x/y", Regular, "x")],
        &[("p/x/y", Regular, "x"), ("p/x", Regular, "x")],
        &[("p/l", Link, "p/not-there")],
    ];
    for case in cases {
        let (dir, done) = untar(case);
        let error = done.expect_err(&format!("{case:?}"));
        assert!(error.message.contains("x.tar.gz: the entry"), "{error}");
        for path in everything(dir.path()) {
            let inside = path.starts_with(dir.path().join("into"))
                || path.ends_with("into")
                || path.ends_with("x.tar.gz");
            assert!(inside, "{case:?} made {}", path.display());
        }
        assert!(!Path::new("/tmp/crosswheel-test-out").exists());
    }
}

#[test]
fn a_zip_comes_out_as_a_tar_does() {
    let dir = TempDir::new().expect("a folder");
    let archive = dir.path().join("p-1.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).expect("made"));
    let time = zip::DateTime::from_date_and_time(2020, 2, 29, 12, 30, 2).expect("a time");
    let options = zip::write::SimpleFileOptions::default().last_modified_time(time);
    zip.start_file("p-1/run.sh", options.unix_permissions(0o755)).expect("started");
    zip.write_all(b"#!/bin/sh\n").expect("written");
    zip.add_symlink("p-1/link", "run.sh", options).expect("added");
    zip.finish().expect("ended");
    let into = dir.path().join("into");
    fs::create_dir(&into).expect("made");
    let done = unpack(&archive, &into).expect("unpacked");
    // 2020-02-29 12:30:02, by `date -u -d … +%s`.
    assert_eq!(done.newest, 1_582_979_402);
    assert_eq!(fs::read_to_string(done.root.join("link")).expect("read"), "#!/bin/sh\n");
    let mode = fs::metadata(done.root.join("run.sh")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn a_zip_cannot_get_out_either() {
    for (name, link) in [("../out", None), ("/out", None), ("p/l", Some("../../x"))] {
        let dir = TempDir::new().expect("a folder");
        let archive = dir.path().join("p.zip");
        let mut zip = zip::ZipWriter::new(fs::File::create(&archive).expect("made"));
        let options = zip::write::SimpleFileOptions::default();
        match link {
            Some(target) => zip.add_symlink(name, target, options).expect("added"),
            None => zip.start_file(name, options).expect("started"),
        }
        zip.finish().expect("ended");
        let into = dir.path().join("into");
        fs::create_dir(&into).expect("made");
        assert!(unpack(&archive, &into).is_err(), "{name}");
        assert!(!dir.path().join("out").exists());
    }
}

#[test]
fn a_damaged_archive_is_an_error() {
    let dir = TempDir::new().expect("a folder");
    let archive = dir.path().join("x.tar.gz");
    let into = dir.path().join("into");
    fs::create_dir(&into).expect("made");
    for bytes in [&b"\x1f\x8b\x08\0\0\0\0\0garbage"[..], b"PK\x03\x04garbage", b"", b"text"] {
        fs::write(&archive, bytes).expect("written");
        assert!(unpack(&archive, &into).is_err(), "{bytes:?}");
    }
}
