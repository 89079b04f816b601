//! Pythons whose sysconfig names compilers in their own way: setuptools must come through the shim, and be left
//! alone where it already does.

mod shop;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crosswheel::toolchain::Toolchains;
use crosswheel::toolchain::ask::Manner;
use crosswheel::toolchain::python::Python;
use crosswheel::toolchain::session::{Session, SessionOptions};
use crosswheel::topology::Topology;
use shop::Shop;

fn ask(python: &Path) -> Python {
    let manner =
        Manner { path: OsStr::new("/usr/bin:/bin"), cwd: Path::new("/"), patience: Duration::from_secs(20) };
    Python::ask(python, manner).expect("a Python")
}

/// A Python that was made with these commands.
fn made_with(shop: &Shop, config: &[(&str, String)]) -> Python {
    let config: BTreeMap<_, _> = config.iter().map(|(name, value)| (*name, value)).collect();
    let says = serde_json::json!({
        "executable": "/opt/python3", "implementation": "cpython", "version": [3, 12, 1], "prefix": "/opt",
        "base_prefix": "/opt", "platform": "linux-x86_64", "pip": null, "ensurepip": false, "venv": true,
        "headers": true, "config": config,
    });
    let text = format!("#!/bin/sh\necho 'a line of a .pth file'\ncat <<'END'\n{says}\nEND\n");
    ask(&shop.program("opt/python3", &text))
}

/// What a session for this Python sets besides PATH, in an environment with these variables; and its tools.
fn settings(
    shop: &Shop,
    path: &str,
    python: &Python,
    caller: &[(&str, &str)],
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let topology = Topology::builtin().expect("the built-in topology");
    let family = topology.family("host").expect("a family");
    let variables =
        |name: &str| caller.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
    let session = Session::create(&SessionOptions {
        dir: &shop.at("session"),
        toolchains: &Toolchains::builtin().expect("the built-in files"),
        family: &family,
        policy: &family.policy,
        cross: None,
        reproducible: None,
        path: OsStr::new(path),
        cwd: &shop.at(""),
        variables: &variables,
        python: Some(python),
        extra_tools: &[],
        record: false,
    })
    .expect("a session");
    let text = |text: &OsStr| text.to_str().expect("text").to_owned();
    let set = session.environment().into_iter().filter(|(name, _)| name != "PATH");
    let set = set.map(|(name, value)| (text(&name), text(&value.expect("a value"))));
    let tools = session.tools.iter().map(|tool| (tool.name.clone(), text(tool.real.as_os_str())));
    (set.collect(), tools.collect())
}

#[test]
fn a_python_says_what_it_is() {
    let python = ask(Path::new("/usr/bin/python3"));
    let output = std::process::Command::new("/usr/bin/python3")
        .args(["-c", "import sys, sysconfig; print(sys.version_info[1], sysconfig.get_config_var('CC'))"])
        .output()
        .expect("Python");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(format!("{} {}\n", python.version.1, python.config["CC"]), line);
    assert_eq!(python.executable, "/usr/bin/python3");
}

#[test]
fn bare_and_triplet_compilers_are_left_to_path() {
    let shop = Shop::new();
    // Debian's own names triplets.
    let python = ask(Path::new("/usr/bin/python3"));
    let (set, tools) = settings(&shop, "/usr/bin:/bin", &python, &[]);
    assert_eq!(set, BTreeMap::new());
    let compiler = python.config["CC"].split_whitespace().next().expect("a compiler");
    assert!(tools.contains_key(compiler), "{compiler}: {:?}", tools.keys());
}

#[test]
fn compilers_named_by_path_are_led_through_the_shim_and_stay_the_same_programs() {
    let shop = Shop::new();
    shop.gcc("usr/gcc", "x86_64-linux-gnu");
    shop.gcc("x/gcc", "x86_64-linux-gnu");
    shop.gcc("x/g++", "x86_64-linux-gnu");
    let x = shop.text("x");
    let python = made_with(
        &shop,
        &[
            ("CC", format!("{x}/gcc -pthread")),
            ("CXX", format!("{x}/g++ -pthread")),
            ("LDSHARED", format!("{x}/gcc -pthread -shared")),
            ("AR", "ar".to_owned()),
            ("CFLAGS", format!("-I{x}/gcc")),
        ],
    );
    let (set, tools) = settings(&shop, &shop.text("usr"), &python, &[]);
    // PATH has a gcc of its own, and no g++.
    let longer = set["CC"].strip_suffix(" -pthread").expect("flags are kept").to_owned();
    assert!(longer.ends_with("-x-gcc"), "{longer}");
    assert_eq!(tools[&longer], format!("{x}/gcc"));
    assert_eq!(tools["gcc"], shop.text("usr/gcc"));
    assert_eq!(tools["g++"], format!("{x}/g++"));
    assert_eq!(set["LDSHARED"], format!("{longer} -pthread -shared"));
    assert_eq!(set["CXX"], "g++ -pthread");
    assert_eq!(set.keys().map(String::as_str).collect::<Vec<_>>(), ["CC", "CXX", "LDSHARED"]);
}

#[test]
fn what_the_caller_asks_for_goes_before_the_python() {
    let shop = Shop::new();
    shop.gcc("usr/gcc", "x86_64-linux-gnu");
    shop.gcc("x/gcc", "x86_64-linux-gnu");
    let x = shop.text("x");
    let commands = [("CC", format!("{x}/gcc")), ("LDSHARED", format!("{x}/gcc -shared"))];
    let python = made_with(&shop, &commands);
    let (set, tools) = settings(&shop, &shop.text("usr"), &python, &[("CC", "gcc")]);
    assert_eq!(set, BTreeMap::new());
    assert_eq!(tools.into_keys().collect::<Vec<_>>(), ["gcc"]);
}
