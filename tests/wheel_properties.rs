//! File names, tags, versions, requirements and RECORD, as we read them and as Python's `packaging`, `wheel` and `csv` do,
//! on thousands of generated cases. Every difference is argued in a table: one without a reason is a fault, and so is a
//! reason that nothing shows.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod wheels;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crosswheel::build::pep440::{Version, normalized_name};
use crosswheel::wheel::name::{Tags, same_version, set};
use crosswheel::wheel::record::{Record, Row};
use crosswheel::wheel::{WheelName, requirement};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Cases of each kind; half of them are then spoiled.
const CASES: usize = 3000;

/// A difference that is meant: why, and whether it is about a case, what we say and what Python says.
type Reason<C> = (&'static str, fn(&C, &Value, &Value) -> bool);

/// The same cases in every run.
fn generate<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// What Python says to each case.
fn ask(kind: &str, cases: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/oracle.py");
    let python = wheels::tools().join("python");
    let mut child = Command::new(&python)
        .arg(script)
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: run tests/setup.sh", python.display()));
    let lines: Vec<String> = cases.iter().map(|case| json!([kind, case]).to_string() + "\n").collect();
    let mut input = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || input.write_all(lines.concat().as_bytes()));
    let out = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let answers = String::from_utf8(out.stdout).unwrap();
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "Python answered each case");
    answers
}

/// Holds what we say against what Python says. Of each kind of answer there must be many.
fn hold<C: std::fmt::Debug>(
    kind: &str,
    cases: &[C],
    as_json: impl Fn(&C) -> Value,
    ours: impl Fn(&C) -> Value,
    reasons: &[Reason<C>],
) {
    let asked: Vec<Value> = cases.iter().map(as_json).collect();
    let theirs = ask(kind, &asked);
    let (mut shown, mut unargued, mut accepted) = (BTreeSet::new(), Vec::new(), 0);
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = ours(case);
        accepted += usize::from(!ours.is_null());
        if ours == theirs {
            continue;
        }
        match reasons.iter().find(|(_, about)| about(case, &ours, &theirs)) {
            Some((why, _)) => drop(shown.insert(*why)),
            None => unargued.push(format!("{case:?}: {ours}, and Python has {theirs}")),
        }
    }
    let count = unargued.len();
    assert!(unargued.is_empty(), "{count} differences, such as\n{}", unargued[..count.min(25)].join("\n"));
    let stale: Vec<_> = reasons.iter().filter(|(why, _)| !shown.contains(why)).map(|(why, _)| why).collect();
    assert!(stale.is_empty(), "reasons that nothing shows: {stale:#?}");
    assert!(accepted * 5 > cases.len(), "only {accepted} of {} cases are sound", cases.len());
}

/// Half of the texts get one character more, less or other.
fn spoiled(text: impl Strategy<Value = String>, with: &'static str) -> impl Strategy<Value = String> {
    let with: Vec<char> = with.chars().collect();
    (text, any::<Index>(), select(with), 0..6).prop_map(|(text, at, new, how)| {
        let mut all: Vec<char> = text.chars().collect();
        let at = at.index(all.len() + 1);
        match how {
            0 => all.insert(at, new),
            1 if at < all.len() => drop(all.remove(at)),
            2 if at < all.len() => all[at] = new,
            _ => {}
        }
        all.into_iter().collect()
    })
}

fn version() -> impl Strategy<Value = String> {
    "v?([0-9]{1,2}!)?[0-9]{1,3}(\\.[0-9]{1,3}){0,3}([._-]?(a|b|c|rc|alpha|beta|pre|preview|RC)[._-]?[0-9]{0,2})?\
     (-[0-9]{1,2}|[._-]?(post|rev|r)[._-]?[0-9]{0,2})?([._-]?dev[._-]?[0-9]{0,2})?(\\+[a-z0-9]{1,3}([._-][a-z0-9]{1,3}){0,2})?"
}

fn file() -> impl Strategy<Value = String> {
    let name = "[A-Za-z0-9]([._]{0,2}[A-Za-z0-9]){0,5}";
    let tags = "(py[23]|py3\\.py2|cp3[0-9]{1,2}|cp39\\.cp310\\.cp311|pp310)-(none|abi3|cp311|none\\.abi3)-\
                (any|linux_x86_64|manylinux_2_17_x86_64\\.manylinux2014_x86_64|win_amd64|macosx_11_0_arm64)";
    let build = "(-[0-9]{1,2}[a-z_.]{0,3})?";
    let escaped = version().prop_map(|version| version.replace('-', "_"));
    let whole = (name, escaped, build, tags).prop_map(|(n, v, b, t)| format!("{n}-{v}{b}-{t}.whl"));
    spoiled(whole, "-_.+!~ @1aZ/ß")
}

/// Why Python reads a file name otherwise that has one part more.
const LABEL: Reason<String> = (
    "the label of a variant (PEP 817, a draft) is known to us; without a variant.json it is a fault",
    |file, ours, _| !ours.is_null() && WheelName::parse(file).is_ok_and(|name| name.variant.is_some()),
);

#[test]
fn file_names_are_those_that_packaging_reads() {
    let ours = |file: &String| match WheelName::parse(file) {
        Err(_) => Value::Null,
        Ok(name) => {
            let mut tags: Vec<String> = name.tags.expanded().map(|tag| tag.to_ascii_lowercase()).collect();
            tags.sort();
            // A build number is a number and a text there: `01` is 1.
            let build = name.build.map(|build| {
                let digits = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
                format!("{}{}", build[..digits].parse::<u64>().unwrap(), &build[digits..])
            });
            json!({"name": normalized_name(&name.distribution), "build": build, "tags": tags})
        }
    };
    let reasons: &[Reason<String>] = &[
        ("in a file name, `-` is escaped: `1.0_1` is 1.0-1, and so 1.0.post1", |file, ours, theirs| {
            let version = file.split('-').nth(1).unwrap_or_default();
            theirs.is_null() && !ours.is_null() && Version::parse(version).is_none()
        }),
        (
            "tags are letters, digits and `_` of ASCII; a `/` or a space in a file name is no tag",
            |file, ours, _| {
                let tags = file.trim_end_matches(".whl").rsplit('-').take(3);
                let odd = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
                ours.is_null() && tags.into_iter().any(|tag| tag.contains(odd))
            },
        ),
        (
            "a name begins and ends with a letter or a digit of ASCII (PEP 508), and has no others within",
            |file, ours, _| {
                let edge = |c: char| c.is_ascii_alphanumeric();
                let name = file.split('-').next().unwrap_or_default();
                ours.is_null() && !(name.starts_with(edge) && name.ends_with(edge) && name.is_ascii())
            },
        ),
        ("there are no blanks around the version", |file, ours, _| {
            let version = file.split('-').nth(1).unwrap_or_default();
            ours.is_null() && version != version.trim()
        }),
        ("build numbers likewise", |file, ours, _| {
            let parts: Vec<&str> = file.split('-').collect();
            let odd = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
            ours.is_null() && parts.len() == 6 && parts[2].contains(odd)
        }),
        LABEL,
    ];
    hold("file", &generate(&file()), |file| json!(file), ours, reasons);
}

#[test]
fn what_we_take_for_a_file_name_is_one_for_wheel() {
    let ours = |file: &String| {
        WheelName::parse(file).map_or(Value::Null, |name| {
            let [python, abi, platform] =
                [&name.tags.python, &name.tags.abi, &name.tags.platform].map(|set| set.join("."));
            json!([name.distribution, name.version, name.build, python, abi, platform])
        })
    };
    // The expression asks for parts alone: what we refuse, it may take.
    let cases: Vec<String> =
        generate(&file()).into_iter().filter(|file| WheelName::parse(file).is_ok()).collect();
    hold("regex", &cases, |file| json!(file), ours, &[LABEL]);
}

#[test]
fn compressed_tags_mean_the_same() {
    let tags =
        "(py[23]|py3\\.py2|cp39\\.cp310\\.CP311)-(none|abi3|none\\.abi3)-(any|win32|a\\.b\\.c|Linux_x86_64)";
    let ours = |text: &String| {
        let parts: Vec<&str> = text.split('-').collect();
        let [python, abi, platform] = parts[..] else { return Value::Null };
        match (set(python, "Python"), set(abi, "ABI"), set(platform, "platform")) {
            (Ok(python), Ok(abi), Ok(platform)) => {
                let tags = Tags { python, abi, platform };
                let all: BTreeSet<String> = tags.expanded().map(|tag| tag.to_ascii_lowercase()).collect();
                json!(all)
            }
            _ => Value::Null,
        }
    };
    let reasons: &[Reason<String>] = &[
        ("tags are letters, digits and `_` of ASCII", |text, ours, _| {
            ours.is_null() && text.contains(|c: char| c == ' ' || !c.is_ascii())
        }),
        ("a tag that is there twice is a slip of whoever named the file", |text, ours, _| {
            let twice = |set: &str| {
                let tags: Vec<&str> = set.split('.').collect();
                tags.iter().collect::<BTreeSet<_>>().len() < tags.len()
            };
            ours.is_null() && text.split('-').any(twice)
        }),
    ];
    hold("tag", &generate(&spoiled(tags, "-._ 1aß")), |text| json!(text), ours, reasons);
}

#[test]
fn versions_are_ordered_alike() {
    let one = || spoiled(version(), "-._+!* v0aß");
    // Half of the pairs are close to each other.
    let pair = prop_oneof![
        (one(), one()),
        (version(), 0..4).prop_map(|(text, how)| {
            let other = match how {
                0 => format!("{text}.0"),
                1 => format!("V{text}"),
                2 => text.to_uppercase().replace('-', "."),
                _ => format!(" 0!{text}\n"),
            };
            (text, other)
        }),
    ];
    let ours = |(one, other): &(String, String)| match (Version::parse(one), Version::parse(other)) {
        (Some(a), Some(b)) => {
            assert_eq!(a == b, same_version(one, other), "{one:?}, {other:?}");
            json!(match a.cmp(&b) {
                Ordering::Less => -1,
                Ordering::Equal => 0,
                Ordering::Greater => 1,
            })
        }
        (a, b) => json!([a.is_some(), b.is_some()]),
    };
    hold("version", &generate(&pair), |(one, other)| json!([one, other]), ours, &[]);
}

/// Whether a comparison is with what PEP 440 does not allow there.
fn has_odd_version(text: &str) -> bool {
    let versions = text.split(';').next().unwrap_or_default();
    let start = versions.find(['<', '>', '=', '!', '~']).unwrap_or(versions.len());
    versions[start..].trim_end().trim_end_matches(')').split(',').any(|one| {
        let one = one.trim();
        let digits = one.trim_start_matches(['<', '>', '=', '!', '~']);
        let operator = &one[..one.len() - digits.len()];
        let (digits, prefix) = digits.strip_suffix(".*").map_or((digits, false), |digits| (digits, true));
        Version::parse(digits).is_none()
            || operator == "==="
            || (prefix && !["==", "!="].contains(&operator))
            || (operator == "~=" && !digits.contains('.'))
    })
}

#[test]
fn requirements_are_those_that_packaging_reads() {
    let name = "[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?";
    let extras = "( ?\\[( ?[a-z]{1,3}([-_.][a-z])? ?(, ?[a-z]{1,3}){0,2})?\\])?";
    let comparison = "(>=|<=|==|!=|~=|>|<) ?[0-9]{1,2}\\.[0-9]{1,2}(\\.post1|rc1|\\.dev2)?|(==|!=) ?1\\.\\*|===[a-z0-9.]{1,4}";
    let versions = prop::collection::vec(comparison, 0..3).prop_map(|all| all.join(", "));
    let rest = prop_oneof![
        versions.clone().prop_map(|versions| format!(" {versions}")),
        versions.prop_map(|versions| format!(" ({versions})")),
        Just(" @ https://example.org/a-1.0.whl".to_owned()),
    ];
    let marker = "( ?; ?(python_version ?(<|>=) ?('3\\.[0-9]{1,2}'|\"3\\.[0-9]{1,2}\")|extra == '[a-z]{1,3}'|\
                  os_name == 'nt' and \\(sys_platform != 'x' or extra == \"y\"\\)))?";
    let whole = (name, extras, rest, marker).prop_map(|(name, extras, rest, marker)| {
        let gap = if rest.contains('@') && !marker.is_empty() { " " } else { "" };
        format!("{name}{extras}{rest}{gap}{marker}")
    });
    let ours = |text: &String| match requirement::check(text) {
        Ok(()) => json!(normalized_name(requirement::name(text))),
        Err(_) => Value::Null,
    };
    let reasons: &[Reason<String>] = &[
        (
            "markers are for installers to read: `packaging` itself refuses ones that older wheels have",
            |text, _, theirs| {
                theirs.is_null()
                    && text.split_once(';').is_some_and(|(before, _)| requirement::check(before).is_ok())
            },
        ),
        ("a name or an extra ends with a letter or a digit (PEP 508)", |text, ours, _| {
            let end = text.find(['<', '>', '=', '!', '~', '@', '(', ';']).unwrap_or(text.len());
            let words = text[..end].split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
            ours.is_null() && words.into_iter().any(|word| word.ends_with('_'))
        }),
        ("a line break would end the header", |text, ours, _| ours.is_null() && text.contains('\n')),
        ("behind `===` there is at least something like a version", |text, ours, _| {
            ours.is_null() && text.contains("===")
        }),
        (
            "versions behind an operator are for installers, too: older wheels have `>=1.0.*`",
            |text, _, theirs| theirs.is_null() && has_odd_version(text),
        ),
    ];
    hold("requirement", &generate(&spoiled(whole, "[](),;=<@ _.*'\n")), |text| json!(text), ours, reasons);
}

#[test]
fn record_is_what_csv_reads() {
    let path = "[a-z/. ]{1,6}|\"([a-z,\r\n]|\"\"){1,5}\"";
    let hash = "([a-z/. ]{1,6}|\"([a-z,\r\n]|\"\"){1,5}\")?";
    let row = (path, hash, "[0-9]{0,3}", select(vec!["\n", "\r\n", "\r"]))
        .prop_map(|(path, hash, size, end)| format!("{path},{hash},{size}{end}"));
    let whole = prop::collection::vec(row, 0..4).prop_map(|rows| rows.concat());
    let ours = |text: &String| match Record::parse(text.as_bytes()) {
        Ok(record) => record.rows.iter().map(|row| json!([row.path, row.hash, row.size])).collect(),
        Err(_) => Value::Null,
    };
    let reasons: &[Reason<String>] = &[(
        "a row has three fields, and names a file: `wheel` and `installer` fail there, too",
        |_, ours, theirs| {
            let sound = |row: &Value| row.as_array().is_some_and(|row| row.len() == 3 && row[0] != "");
            ours.is_null() && !theirs.as_array().is_some_and(|rows| rows.iter().all(sound))
        },
    )];
    hold("record", &generate(&spoiled(whole, "\",\n\r a")), |text| json!(text), ours, reasons);
}

/// Paths, hashes and sizes.
type Rows = Vec<(String, String, String)>;

#[test]
fn record_is_written_as_csv_writes_it() {
    let rows = prop::collection::vec(("[a-zß,\"\r\n '\t]{1,6}", ".{0,5}", "[0-9]{0,3}"), 0..4);
    let ours = |rows: &Rows| {
        let row = |(path, hash, size): &(String, String, String)| Row {
            path: path.clone(),
            hash: hash.clone(),
            size: size.clone(),
        };
        let record = Record { rows: rows.iter().map(row).collect() };
        json!(String::from_utf8(record.render()).unwrap())
    };
    let reasons: &[Reason<Rows>] = &[(
        "Python before 3.13 leaves a `\\r` unquoted, which it then reads as the end of a row",
        |rows, _, _| rows.iter().any(|(path, hash, _)| path.contains('\r') || hash.contains('\r')),
    )];
    hold("written", &generate(&rows), |rows| json!(rows), ours, reasons);
}
