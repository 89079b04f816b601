//! Fetching a source distribution: what pip is configured for is what is asked, and nothing is taken on trust.

mod build_support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use build_support::{BACKEND, Home, PYPROJECT, WHEEL};
use sha2::{Digest, Sha256};

/// A source distribution of the tiny package.
fn sdist(path: &Path, version: &str) -> PathBuf {
    let file = path.join(format!("tiny-{version}.tar.gz"));
    fs::create_dir_all(path).expect("made");
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        fs::File::create(&file).expect("made"),
        flate2::Compression::fast(),
    ));
    let entries = [
        ("pyproject.toml", PYPROJECT.to_owned()),
        ("PKG-INFO", format!("Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n\nVersion: 9\n")),
        ("back/backend.py", BACKEND.to_owned()),
        ("back/plan.py", format!("def build():\n    return {{'v': b'{version}'}}\n")),
    ];
    for (name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        tar.append_data(&mut header, format!("tiny-{version}/{name}"), text.as_bytes()).expect("added");
    }
    tar.into_inner().expect("ended").finish().expect("ended");
    file
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).expect("read"));
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// An index on this machine, with the requests that it got in a log.
struct Index {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Index {
    /// Serves `files` of the project `tiny`, each with what its link says after `#`.
    fn new(home: &Home, files: &[(PathBuf, String)]) -> Self {
        let mut page = String::from("<!DOCTYPE html><html><body>\n");
        for (file, fragment) in files {
            let name = file.file_name().expect("a name").display().to_string();
            page = page + "<a href=\"../../files/" + &name + "#" + fragment + "\">" + &name + "</a>\n";
            fs::create_dir_all(home.path("index/files")).expect("made");
            fs::copy(file, home.path(&format!("index/files/{name}"))).expect("copied");
        }
        home.write("index/simple/tiny/index.html", &(page + "</body></html>\n"));
        let log = home.path("requests");
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(home.path("index"))
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).expect("made"))
            .spawn()
            .expect("python3");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
        let port = said.split("port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
        let url = format!("http://127.0.0.1:{port}/simple");
        Self { child, url, log }
    }

    fn downloads(&self) -> usize {
        let log = fs::read_to_string(&self.log).expect("a log");
        log.lines().filter(|line| line.contains("GET /files/")).count()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Builds a requirement with this configuration of pip.
fn build(home: &Home, requirement: &str, pip: &[(&str, &str)]) -> build_support::Ran {
    let mut command = home.crosswheel(&["build", requirement, "--family", "host", "--out", "out"]);
    command.envs(pip.iter().copied()).env("no_proxy", "127.0.0.1").env("NO_PROXY", "127.0.0.1");
    command.env_remove("PIP_CONFIG_FILE").env("HOME", home.dir.path()).env_remove("PIP_INDEX_URL");
    command.env_remove("PIP_EXTRA_INDEX_URL").env_remove("PIP_NO_INDEX").envs(pip.iter().copied());
    command.output().expect("started").into()
}

fn built(home: &Home) -> String {
    use std::io::Read;
    let file = fs::File::open(home.path(&format!("out/host/{WHEEL}"))).expect("a wheel");
    let mut text = String::new();
    zip::ZipArchive::new(file)
        .expect("a zip")
        .by_name("v")
        .expect("v")
        .read_to_string(&mut text)
        .expect("text");
    text
}

#[test]
fn a_folder_of_links_serves_the_newest_version_that_fits() {
    let home = Home::new();
    for version in ["1.0", "1.5", "2.0a1"] {
        sdist(&home.path("links"), version);
    }
    let links = home.path("links").display().to_string();
    let pip = [("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", links.as_str())];
    for (requirement, version) in [
        ("tiny", "1.5"),
        ("Tiny==1.0", "1.0"),
        ("tiny<1.5", "1.0"),
        ("tiny ~= 1.2", "1.5"),
        ("tiny==2.0a1", "2.0a1"),
    ] {
        build(&home, requirement, &pip).good();
        assert_eq!(built(&home), version, "{requirement}");
    }
}

#[test]
fn pip_conf_names_the_index_and_its_digest_is_held_against_the_file() {
    let home = Home::new();
    let file = sdist(&home.path("made"), "1.0");
    let digest = format!("sha256={}", sha256(&file));
    let index = Index::new(&home, &[(file, digest)]);
    home.write(
        ".config/pip/pip.conf",
        &format!("[global]\nindex-url = {}\nonly-binary = :all:\n", index.url),
    );
    build(&home, "tiny==1.0", &[]).good();
    assert_eq!((built(&home).as_str(), index.downloads()), ("1.0", 1));
    build(&home, "tiny==1.0", &[]).good();
    assert_eq!(index.downloads(), 1, "the second time it comes from the cache");
}

#[test]
fn a_damaged_file_in_the_cache_is_fetched_again() {
    let home = Home::new();
    let file = sdist(&home.path("made"), "1.0");
    let digest = sha256(&file);
    let index = Index::new(&home, &[(file, format!("sha256={digest}"))]);
    build(&home, "tiny", &[("PIP_INDEX_URL", &index.url)]).good();
    let cached = home.path(&format!("cache/crosswheel/sdists/{digest}/tiny-1.0.tar.gz"));
    fs::File::options().append(true).open(cached).expect("cached").write_all(b"x").expect("written");
    build(&home, "tiny", &[("PIP_INDEX_URL", &index.url)]).good();
    assert_eq!(index.downloads(), 2);
}

#[test]
fn a_file_that_is_not_what_the_index_says_is_refused() {
    let home = Home::new();
    let file = sdist(&home.path("made"), "1.0");
    let index = Index::new(&home, &[(file, format!("sha256={}", "0".repeat(64)))]);
    let ran = build(&home, "tiny", &[("PIP_INDEX_URL", &index.url)]).fails(1);
    ran.says("but the index says 000000");
    assert!(!home.path("cache/crosswheel/sdists").join("0".repeat(64)).exists());
}

#[test]
fn a_file_without_a_digest_is_used_and_not_cached() {
    let home = Home::new();
    let file = sdist(&home.path("made"), "1.0");
    let index = Index::new(&home, &[(file, String::new())]);
    build(&home, "tiny", &[("PIP_INDEX_URL", &index.url)]).good().says("names no digest");
    build(&home, "tiny", &[("PIP_INDEX_URL", &index.url)]).good();
    assert_eq!(index.downloads(), 2);
}

#[test]
fn what_is_not_to_be_had_is_told_apart() {
    let home = Home::new();
    fs::create_dir(home.path("links")).expect("made");
    fs::write(home.path("links/tiny-3.0-py3-none-any.whl"), "").expect("written");
    let links = home.path("links").display().to_string();
    let pip = [("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", links.as_str())];
    build(&home, "tiny", &pip).fails(1).says("has wheels on the index but no source distribution");
    sdist(&home.path("links"), "1.0");
    build(&home, "tiny==3.0", &pip).fails(1).says("no source distribution").says("there are sources of: 1.0");
    build(&home, "tiny==9", &pip).fails(1).says("no version of tiny fits ==9").says("1.0, 3.0");
    build(&home, "other", &pip).fails(1).says("no index that pip is configured for knows other");
    build(&home, "tiny==", &pip).fails(2).says("is not a requirement");
}

#[test]
fn a_python_without_pip_says_what_to_do() {
    let home = Home::new();
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(home.path("bare")).status();
    assert!(made.expect("python3").success());
    let python = home.path("bare/bin/python").display().to_string();
    let ran = home.build(&["tiny==1.0", "--family", "host", "--out", "out", "--python", &python]).fails(1);
    ran.says("has no pip").says("hint:");
}
