//! Versions and specifiers, held against pip's own copy of `packaging`.

use std::io::Write;
use std::process::{Command, Stdio};

use crosswheel::build::pep440::{Specifiers, Version, normalized_name};

/// Spellings that PEP 440 allows, in no order.
const VERSIONS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "1.0.0",
    "1.0.1",
    "1.1",
    "1.10",
    "1.2",
    "1.2.3",
    "2",
    "2.0",
    "2!1.0",
    "0!1.0",
    "v1.0",
    " 1.0 ",
    "1.0a1",
    "1.0.a.1",
    "1.0alpha1",
    "1.0-a1",
    "1.0_beta_2",
    "1.0b2",
    "1.0c1",
    "1.0rc1",
    "1.0pre1",
    "1.0preview1",
    "1.0a",
    "1.0.post1",
    "1.0-1",
    "1.0post",
    "1.0.rev3",
    "1.0-r4",
    "1.0.dev0",
    "1.0dev",
    "1.0-dev3",
    "1.0a1.dev2",
    "1.0.post1.dev2",
    "1.0a1.post2",
    "1.0a1.post2.dev3",
    "1.0+local",
    "1.0+local.1",
    "1.0+local-2",
    "1.0+1",
    "1.0+1.2",
    "1.0+ABC",
    "1.0.post1+x",
    "1.0a1+x",
    "1.2.0.post1",
    "2.0.0rc1",
    "2.0.dev1",
    "2024.1",
    "1.2.3.4.5",
    "1.1a1",
];

/// Texts that are no versions.
const NOT_VERSIONS: &[&str] = &[
    "", "x", "1.", ".1", "1..2", "1.0+", "1.0+a..b", "1.0+é", "1 .0", "1.0-", "1.0x", "1!", "1.0a1a1",
    "1.0--1",
];

const SPECIFIERS: &[&str] = &[
    "==1.0",
    "==1.0.*",
    "==1.*",
    "!=1.0",
    "!=1.0.*",
    ">=1.0",
    "<=1.0",
    ">1.0",
    "<1.0",
    "~=1.0",
    "~=1.0.0",
    "~=1.2",
    "==1.0+local",
    "!=1.0+local",
    "<1.0a2",
    ">1.0a0",
    "<2.0",
    ">=1.0,<2",
    ">=1.0a1,!=1.1,<3",
    "==2!1.0",
    "==2!1.*",
    "~=1.0a1",
    "~=1.0.post1",
    ">1.0.post0",
    "<1.0.post1",
    "<=1.0.dev1",
    ">1.0.dev0",
    "==1.0.0.0",
    " >= 1.0 , < 2 ",
    "==1.0a1",
    "~=1.2.3",
    "<1.0.dev5",
    ">1",
];

const NOT_SPECIFIERS: &[&str] =
    &["", "1.0", "=1.0", "~=1", "==1.0a1.*", ">=1.0.*", ">1.0+x", "==", "==x", ">=1.0,", "=>1", "===1.0"];

/// What packaging answers: for each line of input `compare A B`, `hold S V`, `version V` or `specifier S`, one line.
const ORACLE: &str = r#"
import json, sys
from pip._vendor.packaging.version import Version, InvalidVersion
from pip._vendor.packaging.specifiers import SpecifierSet, InvalidSpecifier
out = []
for what, a, b in json.load(sys.stdin):
    try:
        if what == "compare":
            a, b = Version(a), Version(b)
            out.append("<" if a < b else ">" if a > b else "=")
        elif what == "hold":
            out.append(str(SpecifierSet(a).contains(Version(b), prereleases=True)))
    except (InvalidVersion, InvalidSpecifier):
        out.append("invalid")
json.dump(out, sys.stdout)
"#;

fn ask(questions: &[(&str, &str, &str)]) -> Vec<String> {
    let mut child = Command::new("python3")
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with pip");
    let input = serde_json::to_vec(questions).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&input).expect("written");
    let output = child.wait_with_output().expect("an answer");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn versions_have_the_order_of_packaging() {
    let pairs: Vec<_> =
        VERSIONS.iter().flat_map(|a| VERSIONS.iter().map(move |b| ("compare", *a, *b))).collect();
    for ((_, a, b), wanted) in pairs.iter().zip(ask(&pairs)) {
        let (a, b) = (Version::parse(a).expect(a), Version::parse(b).expect(b));
        let found = match a.cmp(&b) {
            std::cmp::Ordering::Less => "<",
            std::cmp::Ordering::Equal => "=",
            std::cmp::Ordering::Greater => ">",
        };
        assert_eq!(found, wanted, "{a:?} and {b:?}");
    }
}

#[test]
fn specifiers_hold_what_packaging_holds() {
    let pairs: Vec<_> =
        SPECIFIERS.iter().flat_map(|s| VERSIONS.iter().map(move |v| ("hold", *s, *v))).collect();
    for ((_, specifier, version), wanted) in pairs.iter().zip(ask(&pairs)) {
        let parsed = Specifiers::parse(specifier).expect(specifier);
        let found = parsed.hold(&Version::parse(version).expect(version));
        assert_eq!(if found { "True" } else { "False" }, wanted, "{specifier} and {version}");
    }
}

#[test]
fn what_is_no_version_or_specifier_is_refused() {
    for text in NOT_VERSIONS {
        assert!(Version::parse(text).is_none(), "{text}");
    }
    for text in NOT_SPECIFIERS {
        assert!(Specifiers::parse(text).is_err(), "{text}");
    }
}

#[test]
fn names_are_normal_as_pep_503_says() {
    for (name, normal) in [
        ("MarkupSafe", "markupsafe"),
        ("a-_.b", "a-b"),
        ("Zope.Interface", "zope-interface"),
        ("x__y", "x-y"),
    ] {
        assert_eq!(normalized_name(name), normal);
    }
}
