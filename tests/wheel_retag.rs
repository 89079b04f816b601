//! `crosswheel wheel retag`, held against `wheel tags` and against the tools that read wheels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use wheels::{Bench, Parts, Raw, entry, member};

const ANY: &str = "demo-1.0-py3-none-any.whl";
const LINUX: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";
const MANY: &str = "demo-1.0-3-cp311.cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";

/// Options of ours, and those of `wheel tags` that mean the same.
fn edits() -> Vec<Vec<(&'static str, &'static str, &'static str)>> {
    let python = |value| ("--python", "--python-tag", value);
    let abi = |value| ("--abi", "--abi-tag", value);
    let platform = |value| ("--platform", "--platform-tag", value);
    let build = |value| ("--build", "--build", value);
    vec![
        vec![python("py3")],
        vec![python("+py2.py3")],
        vec![python("-cp310")],
        vec![abi("none")],
        vec![abi("+cp311")],
        vec![platform("manylinux_2_28_x86_64")],
        vec![platform("+linux_x86_64.manylinux1_x86_64")],
        vec![platform("-manylinux2014_x86_64")],
        vec![build("7")],
        vec![build("12abc")],
        vec![build("")],
        vec![python("cp312.cp39"), abi("-cp37"), platform("+zzz"), build("1")],
    ]
}

/// Name and content of a wheel as `wheel tags` and we should have them in common.
fn content(wheel: &Path) -> (String, Vec<u8>, Vec<u8>, Vec<String>) {
    let info = "demo-1.0.dist-info";
    let record = String::from_utf8(member(wheel, &format!("{info}/RECORD"))).unwrap();
    let mut rows: Vec<String> = record.lines().map(str::to_owned).collect();
    rows.sort();
    let name = wheel.file_name().unwrap().to_string_lossy().into_owned();
    (name, member(wheel, &format!("{info}/METADATA")), member(wheel, &format!("{info}/WHEEL")), rows)
}

#[test]
fn the_result_is_that_of_wheel_tags() {
    let mut compared = 0;
    for file in [LINUX, MANY] {
        for edits in edits() {
            let bench = Bench::new();
            let wheel = bench.wheel(file);
            let mut theirs = vec!["wheel", "tags", file];
            let mut ours = vec!["retag", file, "--out", "out"];
            let values: Vec<String> =
                edits.iter().map(|(_, option, value)| format!("{option}={value}")).collect();
            theirs.extend(values.iter().map(String::as_str));
            for (option, _, value) in &edits {
                ours.extend([*option, *value]);
            }
            let name = bench.tool(&theirs).trim().to_owned();
            bench.done(&ours);
            // Where the name stays, `wheel tags` leaves the wheel as it was.
            if name != file {
                assert_eq!(content(&bench.at("out").join(&name)), content(&bench.at(&name)), "{ours:?}");
                compared += 1;
            }
            assert!(wheel.exists());
        }
    }
    assert!(compared >= 18, "{compared}");
}

/// What the headers and the data of each member are, but its place.
fn members(wheel: &Path) -> BTreeMap<String, (Vec<u8>, String)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let mut out = BTreeMap::new();
    for at in 0..archive.len() {
        let mut raw = archive.by_index_raw(at).unwrap();
        let mut data = Vec::new();
        raw.read_to_end(&mut data).unwrap();
        let about = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            raw.compression(),
            raw.crc32(),
            raw.last_modified(),
            raw.unix_mode(),
            raw.extra_data(),
            raw.version_made_by()
        );
        out.insert(raw.name().unwrap().into_owned(), (data, about));
    }
    out
}

#[test]
fn what_is_not_changed_keeps_its_compressed_bytes_and_headers() {
    let bench = Bench::new();
    let wheel = bench.wheel(LINUX);
    bench.done(&["retag", LINUX, "--platform", "any", "--out", "out"]);
    let new = bench.at("out/demo-1.0-cp311-cp311-any.whl");
    let (old, new) = (members(&wheel), members(&new));
    assert!(old.keys().eq(new.keys()));
    for (name, before) in &old {
        let changed = name.ends_with("/WHEEL") || name.ends_with("/RECORD");
        assert_eq!(*before == new[name], !changed, "{name}");
        assert_eq!(before.1.contains("0o100"), new[name].1.contains("0o100"));
    }
}

#[test]
fn dist_info_comes_last_and_record_at_the_very_end() {
    let bench = Bench::new();
    let wheel = bench.wheel(LINUX);
    bench.done(&["retag", LINUX, "--in-place"]);
    let archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let names: Vec<_> = (0..archive.len()).map(|at| archive.name_for_index(at).unwrap().unwrap()).collect();
    assert_eq!(
        &names[5..],
        ["demo-1.0.dist-info/WHEEL", "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/RECORD"]
    );
}

#[test]
fn there_and_back_is_one_normalising_pass() {
    for (file, there, back) in [
        (LINUX, ["--platform", "+zzz"], ["--platform", "-zzz"]),
        (MANY, ["--build", "9"], ["--build", "3"]),
        (ANY, ["--python", "py2"], ["--python", "py3"]),
        (LINUX, ["--python", "py3"], ["--python", "cp311"]),
    ] {
        let bench = Bench::new();
        bench.wheel(file);
        bench.done(&["retag", file, "--out", "once"]);
        bench.done(&["retag", file, "--out", "there", there[0], there[1]]);
        let between = format!("there/{}", bench.list("there")[0]);
        bench.done(&["retag", &between, "--out", "back", back[0], back[1]]);
        assert_eq!(bench.list("once"), bench.list("back"));
        let name = &bench.list("once")[0];
        let read = |folder: &str| fs::read(bench.at(folder).join(name)).unwrap();
        assert!(read("once") == read("back"), "{file} {there:?}");
        bench.done(&["retag", &format!("once/{name}"), "--out", "twice"]);
        assert!(read("once") == read("twice"), "{file}: a second pass changes nothing");
    }
}

#[test]
fn the_new_wheel_is_read_and_installed_by_all() {
    let bench = Bench::new();
    bench.wheel(ANY);
    bench.done(&[
        "retag",
        ANY,
        "--out",
        "out",
        "--python",
        "+py2",
        "--build",
        "4",
        "--name",
        "Other.Demo",
        "--local-version",
        "Rocm-7",
        "--remove-requires",
        "NumPy",
        "--set-requires",
        "demo_extra>2; python_version < '3'",
    ]);
    assert_eq!(bench.list("out"), ["other_demo-1.0+rocm.7-4-py2.py3-none-any.whl"]);
    let wheel = format!("out/{}", bench.list("out")[0]);
    bench.tool(&["unzip", "-tq", &wheel]);
    bench.tool(&["wheel", "unpack", &wheel, "--dest", "unpacked"]);
    bench.tool(&["pip", "install", "-q", "--no-index", "--no-deps", "--target", "pip", &wheel]);
    bench.tool(&["python", "-m", "installer", "-d", "installer", &wheel]);
    bench.done(&["verify", &wheel]);
    let folders = bench.list("pip");
    assert!(folders.contains(&"other_demo-1.0+rocm.7.dist-info".to_owned()), "{folders:?}");
    let shown = fs::read_to_string(bench.at("pip/other_demo-1.0+rocm.7.dist-info/METADATA")).unwrap();
    let expected = wheels::METADATA
        .replace("Name: demo\nVersion: 1.0\n", "Name: Other.Demo\nVersion: 1.0+rocm.7\n")
        .replace("Requires-Dist: numpy (>=1.2)\n", "")
        .replace("Requires-Dist: demo-extra\n", "Requires-Dist: demo_extra>2; python_version < '3'\n");
    assert_eq!(shown, expected);
    assert!(bench.at("pip/bin/run").exists(), "the data folder has moved, too");
}

#[test]
fn crlf_signatures_and_data_descriptors_are_normalised() {
    let bench = Bench::new();
    let mut parts = Parts { end: "\r\n", ..Parts::new(LINUX) };
    for raw in &mut parts.entries {
        raw.descriptor = true;
    }
    let parts = parts.sealed().with(entry("demo-1.0.dist-info/RECORD.jws", b"{}"));
    let wheel = parts.write(bench.dir.path());
    let before = members(&wheel);
    bench.done(&["retag", LINUX, "--in-place"]);
    bench.tool(&["unzip", "-tq", LINUX]);
    bench.tool(&["wheel", "unpack", LINUX]);
    bench.done(&["verify", LINUX]);
    let bytes = fs::read(&wheel).unwrap();
    assert!(!bytes.windows(4).any(|four| four == b"PK\x07\x08"));
    let after = members(&wheel);
    assert!(!after.contains_key("demo-1.0.dist-info/RECORD.jws"));
    assert_eq!(before["demo/dated.bin"], after["demo/dated.bin"]);
    let record = member(&wheel, "demo-1.0.dist-info/RECORD");
    assert!(!record.contains(&b'\r') && !String::from_utf8(record).unwrap().contains("jws"));
}

#[test]
fn source_date_epoch_dates_only_what_is_written() {
    let bench = Bench::new();
    let wheel = bench.wheel(LINUX);
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_crosswheel"))
        .args(["wheel", "retag", LINUX, "--out", "out"])
        .env("SOURCE_DATE_EPOCH", "1700000001")
        .current_dir(bench.dir.path())
        .status();
    assert!(status.unwrap().success());
    let (old, new) = (members(&wheel), members(&bench.at("out").join(LINUX)));
    for name in old.keys() {
        let dated = new[name].1.contains("DateTime::from_date_and_time(2023, 11, 14, 22, 13, 20)");
        assert_eq!(dated, name.ends_with("/WHEEL") || name.ends_with("/RECORD"), "{name} {}", new[name].1);
    }
}

#[test]
fn seventy_thousand_entries_go_through() {
    let bench = Bench::new();
    let script = "import zipfile,hashlib,base64\n\
        info='demo-1.0.dist-info/'\n\
        files={f'demo/{n}.txt':b'%d'%n for n in range(70000)}\n\
        files[info+'METADATA']=b'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n'\n\
        files[info+'WHEEL']=b'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'\n\
        row=lambda n,d: n+',sha256='+base64.urlsafe_b64encode(hashlib.sha256(d).digest()).rstrip(b'=').decode()+','+str(len(d))\n\
        files[info+'RECORD']='\\n'.join([row(n,d) for n,d in files.items()]+[info+'RECORD,,','']).encode()\n\
        with zipfile.ZipFile('demo-1.0-py3-none-any.whl','w') as z:\n \
        for n,d in files.items():\n  with z.open(n,'w',force_zip64=n.endswith('7.txt')) as f: f.write(d)\n";
    bench.tool(&["python", "-c", script]);
    bench.done(&["retag", ANY, "--out", "out", "--python", "py2"]);
    bench.tool(&["unzip", "-tqq", "out/demo-1.0-py2-none-any.whl"]);
    let out = bench.done(&["verify", "out/demo-1.0-py2-none-any.whl"]);
    assert!(out.contains("70,003 files") && out.contains("0 faults"), "{out}");
}

#[test]
fn what_is_refused_changes_nothing() {
    let bench = Bench::new();
    bench.wheel(LINUX);
    bench.wheel(ANY);
    fs::write(bench.at("demo-1.0-py2-none-any.whl"), "other").unwrap();
    let before = bench.list("");
    for (args, code, told) in [
        (vec!["retag", LINUX, "--in-place", "--platform", "-linux_x86_64"], 1, "no platform tag left"),
        (vec!["retag", LINUX, "--in-place", "--python", "cp3 1"], 2, "no Python tag"),
        (vec!["retag", LINUX, "--in-place", "--build", "x"], 2, "no build number"),
        (vec!["retag", LINUX, "--in-place", "--add-requires", "a b"], 2, "no comparison"),
        (vec!["retag", LINUX, "--in-place", "--local-version", "a..b"], 2, "no local version"),
        (vec!["retag", LINUX, "--in-place", "--name=-x"], 2, "no name of a package"),
        (vec!["retag", LINUX, "--python", "py3"], 2, "--in-place"),
        (vec!["retag", LINUX, "--out", "."], 2, "is the wheel itself"),
        (vec!["retag", ANY, "--in-place", "--python", "py2"], 2, "is there already"),
        (
            vec!["retag", LINUX, ANY, "--out", "o", "--python", "a", "--abi", "b", "--platform", "c"],
            2,
            "both become",
        ),
        (vec!["retag", ANY, "none.whl", "--out", "o"], 1, "none.whl"),
    ] {
        let said = bench.refused(&args, code);
        assert!(said.contains(told), "{args:?}: {said}");
        assert_eq!(bench.list(""), before, "{args:?}");
    }
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let bench = Bench::new();
    bench.wheel(ANY);
    let told =
        bench.done(&["retag", ANY, "--in-place", "--dry-run", "--python", "py2", "--add-requires", "z"]);
    assert!(told.contains("demo-1.0-py2-none-any.whl") && told.contains("METADATA"), "{told}");
    assert_eq!(bench.list(""), [ANY]);
}

#[test]
fn in_place_the_old_wheel_goes_and_the_rights_stay() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let wheel = bench.wheel(ANY);
    fs::set_permissions(wheel, fs::Permissions::from_mode(0o640)).unwrap();
    // What a run that was killed left behind.
    fs::write(bench.at(".other.whl.xw-part"), "half").unwrap();
    bench.done(&["retag", ANY, "--in-place", "--python", "py2"]);
    assert_eq!(bench.list(""), ["demo-1.0-py2-none-any.whl"]);
    let rights = fs::metadata(bench.at("demo-1.0-py2-none-any.whl")).unwrap().permissions();
    assert_eq!(rights.mode() & 0o777, 0o640);
}

#[test]
fn a_wheel_whose_name_and_tags_disagree_is_refused() {
    let bench = Bench::new();
    let path = bench.wheel(ANY);
    fs::rename(path, bench.at("demo-1.0-py2-none-any.whl")).unwrap();
    let told = bench.refused(&["retag", "demo-1.0-py2-none-any.whl", "--out", "o"], 1);
    assert!(told.contains("[wheel-tags-disagree]") && told.contains("hint:"), "{told}");
    assert_eq!(bench.list(""), ["demo-1.0-py2-none-any.whl"]);
}

#[test]
fn a_symlink_in_a_wheel_is_refused() {
    let bench = Bench::new();
    let link = Raw { mode: 0o120_777, ..entry("demo/link", b"/etc/passwd") };
    Parts::new(ANY).with(link).sealed().write(bench.dir.path());
    let told = bench.refused(&["retag", ANY, "--in-place"], 1);
    assert!(told.contains("`demo/link` is a symlink [special-file]"), "{told}");
}

#[test]
fn a_wheel_ceases_to_be_pure_with_its_platform_and_not_the_other_way_round() {
    let bench = Bench::new();
    bench.wheel(ANY);
    bench.wheel(LINUX);
    let purelib = |wheel: &str| {
        let text = String::from_utf8(member(&bench.at(wheel), "demo-1.0.dist-info/WHEEL")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Root-Is-Purelib: ")).unwrap().to_owned()
    };
    bench.done(&["retag", ANY, "--platform", "linux_x86_64", "--out", "out"]);
    bench.done(&["retag", LINUX, "--platform", "any", "--out", "out"]);
    assert_eq!(purelib("out/demo-1.0-py3-none-linux_x86_64.whl"), "false");
    assert_eq!(purelib("out/demo-1.0-cp311-cp311-any.whl"), "false");
    bench.done(&["retag", ANY, "--python", "+py2", "--out", "out"]);
    assert_eq!(purelib("out/demo-1.0-py2.py3-none-any.whl"), "true");
}

#[test]
fn in_place_a_link_stays_and_what_it_leads_to_is_replaced() {
    let bench = Bench::new();
    fs::create_dir(bench.at("store")).unwrap();
    fs::rename(bench.wheel(ANY), bench.at("store/blob")).unwrap();
    std::os::unix::fs::symlink("store/blob", bench.at(ANY)).unwrap();
    bench.done(&["retag", ANY, "--in-place", "--add-requires", "z"]);
    assert_eq!(fs::read_link(bench.at(ANY)).unwrap(), Path::new("store/blob"));
    let metadata = member(&bench.at("store/blob"), "demo-1.0.dist-info/METADATA");
    assert!(String::from_utf8(metadata).unwrap().contains("Requires-Dist: z\n"));
    let told = bench.refused(&["retag", ANY, "--in-place", "--build", "1"], 2);
    assert!(told.contains("is a link"), "{told}");
    assert_eq!(
        (bench.list(""), bench.list("store")),
        (vec![ANY.to_owned(), "store".to_owned()], vec!["blob".to_owned()])
    );
}

#[test]
fn more_wheels_than_files_may_be_open_go_through() {
    let bench = Bench::new();
    let first = bench.wheel(ANY);
    let bytes = fs::read(&first).unwrap();
    let mut args = vec!["retag".to_owned(), "--out".to_owned(), "out".to_owned()];
    for number in 0..200 {
        // The build number is not in WHEEL, and so is mended.
        let name = format!("demo-1.0-{number}-py3-none-any.whl");
        fs::write(bench.at(&name), &bytes).unwrap();
        args.push(name);
    }
    args.extend(["--fix".to_owned(), "--no-sync".to_owned()]);
    let out = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" wheel \"$@\"", env!("CARGO_BIN_EXE_crosswheel")])
        .args(&args)
        .current_dir(bench.dir.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(bench.list("out").len(), 200);
}

#[test]
fn every_wheel_that_is_refused_is_told() {
    let bench = Bench::new();
    bench.wheel(ANY);
    let told = bench.refused(&["retag", "none.whl", ANY, "nil.whl", "--out", "out"], 1);
    assert!(told.contains("none.whl") && told.contains("nil.whl"), "{told}");
    assert!(!bench.at("out").exists());
}

#[test]
fn no_wheel_of_a_run_is_overwritten_by_another() {
    let bench = Bench::new();
    fs::create_dir(bench.at("b")).unwrap();
    bench.wheel(ANY);
    fs::copy(bench.at(ANY), bench.at("b").join(ANY)).unwrap();
    let before = fs::read(bench.at("b").join(ANY)).unwrap();
    let other = format!("b/{ANY}");
    let told = bench.refused(&["retag", ANY, &other, "--out", "b", "--add-requires", "z"], 2);
    assert!(told.contains("is a wheel of this run"), "{told}");
    assert!(fs::read(bench.at(&other)).unwrap() == before);
}
