//! The target's Python in a build: made of the one that builds, or given with `--target-python`. What is made is held
//! against the headers of Debian's Pythons; what is given is a made-up tree that can be wrong in one place.

mod build_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use build_support::target::{EXTENSION, FAMILY, WHEEL, module};
use build_support::{Home, Ran};
use crosswheel::build::cross::header::{macros, rewrite, variables};
use crosswheel::toolchain::Toolchains;
use crosswheel::topology::Topology;

const SUFFIX: &str = ".cpython-311-aarch64-linux-gnu.so";

/// Names of the files in the wheel.
fn listed(home: &Home) -> String {
    let wheel = home.path(&format!("out/{FAMILY}/{WHEEL}"));
    let listed = Command::new("unzip").arg("-l").arg(wheel).output().expect("unzip");
    String::from_utf8_lossy(&listed.stdout).into_owned()
}

/// A tree with a Python of the target, made of the headers of the Python here.
struct Tree {
    home: Home,
    /// Settings of its module of sysconfig data.
    data: BTreeMap<&'static str, String>,
    /// Changes of its `pyconfig.h`: a text, and what takes its place.
    header: Vec<(&'static str, &'static str)>,
    /// e_machine of its interpreter (gABI).
    machine: u8,
    /// Such as `3.11t`.
    name: &'static str,
    /// `build-details.json`.
    details: Option<String>,
}

impl Tree {
    fn new() -> Self {
        let home = Home::new();
        home.package("pkg", EXTENSION);
        home.write("pkg/ext.c", &module("#ifndef OF_THE_TARGET\n#error these are other headers\n#endif"));
        let data = [
            ("ABIFLAGS", "''"),
            ("CC", "'/opt/cross/bin/aarch64-gcc --sysroot=/opt/cross'"),
            ("CFLAGS", "'-O2 -DGIVEN=1 -I/opt/cross/include '\n         '-fwrapv -mno-red-zone'"),
            ("EXT_SUFFIX", "'.cpython-311-aarch64-linux-gnu.so'"),
            ("LDSHARED", "'/opt/cross/bin/aarch64-gcc -shared -L/opt/cross/lib -Wl,-rpath,/opt/cross/lib'"),
            ("LIBDIR", "'/opt/cross/lib'"),
            ("MULTIARCH", "'aarch64-linux-gnu'"),
            ("SIZEOF_LONG", "8"),
            ("SOABI", "'cpython-311-aarch64-linux-gnu'"),
            ("VERSION", "'3.11'"),
        ];
        Self {
            home,
            data: data.map(|(name, value)| (name, value.to_owned())).into(),
            header: Vec::new(),
            machine: 183,
            name: "3.11",
            details: None,
        }
    }

    /// Writes it as the prefix `root/usr/local`, and says where that tree is.
    fn write(&self) -> PathBuf {
        let home = &self.home;
        let (prefix, name) = ("root/usr/local", self.name);
        let include = home.path(&format!("{prefix}/include/python{name}"));
        fs::create_dir_all(include.parent().expect("a parent")).expect("made");
        let ask = "import sysconfig; print(sysconfig.get_path('include')); print(sysconfig.get_config_h_filename())";
        let said = Command::new("python3").args(["-c", ask]).output().expect("python3").stdout;
        let said = String::from_utf8(said).expect("text");
        let (own, config) = said.trim().split_once('\n').expect("two lines");
        assert!(Command::new("cp").args(["-r", own]).arg(&include).status().expect("cp").success());
        let mut text = fs::read_to_string(config).expect("a pyconfig.h");
        if !text.contains("SIZEOF_LONG") {
            let own = Path::new(own);
            let of_the_machine = own.parent().expect("a parent").join("x86_64-linux-gnu");
            text = fs::read_to_string(of_the_machine.join("python3.11/pyconfig.h")).expect("Debian's");
        }
        // By hand, and not by the code under test: a machine of 64 bits like this one.
        for (from, to) in [
            ("#define HAVE_GCC_ASM_FOR_X64 1", "/* #undef HAVE_GCC_ASM_FOR_X64 */"),
            ("#define HAVE_GCC_ASM_FOR_X87 1", "/* #undef HAVE_GCC_ASM_FOR_X87 */"),
        ]
        .iter()
        .chain(&self.header)
        {
            assert!(text.contains(from), "`{from}` is not in {config}");
            text = text.replace(from, to);
        }
        text.push_str("#define OF_THE_TARGET 1\n");
        fs::remove_file(include.join("pyconfig.h")).expect("removed");
        home.write(&format!("{prefix}/include/python{name}/pyconfig.h"), &text);

        let lib = format!("{prefix}/lib/python{name}");
        let rows: Vec<String> = self.data.iter().map(|(name, value)| format!(" '{name}': {value}")).collect();
        let flags = if name.ends_with('t') { "t" } else { "" };
        home.write(
            &format!("{lib}/_sysconfigdata_{flags}_linux_aarch64-linux-gnu.py"),
            &format!("# system configuration\nbuild_time_vars = {{{}}}\n", rows.join(",\n")),
        );
        if let Some(details) = &self.details {
            home.write(&format!("{lib}/build-details.json"), details);
        }
        let mut elf = vec![0; 64];
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (elf[16], elf[18]) = (2, self.machine);
        home.write(&format!("{prefix}/bin/python{name}"), "");
        fs::write(home.path(&format!("{prefix}/bin/python{name}")), elf).expect("written");
        home.path("root")
    }

    fn build(&self, family: &str, python: &str) -> Ran {
        self.home.build(&[
            "./pkg",
            "--family",
            family,
            "--out",
            "out",
            "--compiler",
            "gcc",
            "--no-isolation",
            "--target-python",
            python,
        ])
    }

    /// Builds with it as it is.
    fn run(&self) -> Ran {
        self.write();
        self.build(FAMILY, "root")
    }

    /// The sysconfig data is set to something else.
    fn told(mut self, name: &'static str, value: &str) -> Self {
        self.data.insert(name, value.to_owned());
        self
    }

    fn changed(mut self, from: &'static str, to: &'static str) -> Self {
        self.header.push((from, to));
        self
    }

    fn detailed(mut self, from: &str, to: &str) -> Self {
        let text = DETAILS.replace(from, to);
        assert!(from == to || text != DETAILS, "`{from}` is not in the text");
        self.details = Some(text);
        self
    }
}

/// As PEP 739 has it.
const DETAILS: &str = r#"{
  "schema_version": "1.0",
  "base_prefix": "/usr/local",
  "base_interpreter": "/usr/local/bin/python3.11",
  "platform": "linux-aarch64",
  "language": { "version": "3.11", "version_info": { "major": 3, "minor": 11, "micro": 2, "releaselevel": "final", "serial": 0 } },
  "implementation": { "name": "cpython", "cache_tag": "cpython-311", "hexversion": 51053552, "_multiarch": "aarch64-linux-gnu" },
  "abi": { "flags": [], "extension_suffix": ".cpython-311-aarch64-linux-gnu.so", "stable_abi_suffix": ".abi3.so" },
  "suffixes": { "extensions": [".cpython-311-aarch64-linux-gnu.so", ".abi3.so", ".so"] },
  "libpython": { "static": "/usr/local/lib/libpython3.11.a", "link_extensions": false },
  "c_api": { "headers": "/usr/local/include/python3.11", "pkgconfig_path": "/usr/local/lib/pkgconfig" }
}
"#;

#[test]
fn headers_and_settings_of_a_given_python_are_used_and_its_folders_and_tools_are_not() {
    let tree = Tree::new();
    tree.write();
    tree.build(FAMILY, "root").good().says("target    Python 3.11").says("root/usr/local");
    let record =
        fs::read_to_string(tree.home.path(&format!("out/{FAMILY}/log/record.jsonl"))).expect("a record");
    for text in ["-DGIVEN=1", "-fwrapv"] {
        assert!(record.contains(text), "{text} is not in {record}");
    }
    for text in ["/opt/cross", "-mno-red-zone"] {
        assert!(!record.contains(text), "{text} is in {record}");
    }
    assert!(listed(&tree.home).contains(&format!("tiny/ext{SUFFIX}")));
}

#[test]
fn a_python_is_named_by_its_tree_its_prefix_or_its_interpreter() {
    let tree = Tree::new();
    tree.write();
    for named in ["root", "root/usr/local", "root/usr/local/bin/python3.11"] {
        tree.build(FAMILY, named).good();
    }
    tree.build(FAMILY, "rooot")
        .fails(1)
        .says("rooot: there is no such file or folder")
        .says("crosswheel python ls");
    tree.build(FAMILY, "pkg").fails(1).says("pkg holds no Python to build for").says("python3-dev");
    tree.build(FAMILY, "debian")
        .fails(1)
        .says("no target Python 3.11 for aarch64")
        .says("`crosswheel python add aarch64");
}

#[test]
fn a_python_of_another_machine_version_or_kind_is_refused() {
    let mut other = Tree::new();
    other.machine = 62;
    other.run().fails(1).says("bin/python3.11 is for x86_64, and the family is for aarch64");

    let mut newer = Tree::new();
    newer.name = "3.12";
    newer
        .run()
        .fails(1)
        .says("holds Python 3.12, and the Python that builds is 3.11")
        .says("build with --python 3.12");

    let mut threaded = Tree::new();
    threaded.name = "3.11t";
    threaded.run().fails(1).says("holds Python 3.11t").says("one is free-threaded and the other is not");

    let tree = Tree::new();
    fs::remove_dir_all(tree.write().join("usr/local/bin")).expect("removed");
    tree.build(FAMILY, "root").fails(1).says("nothing shows for which machine the Python in");

    Tree::new().told("Py_DEBUG", "1").run().fails(1).says("is a debug build");
}

#[test]
fn a_family_of_this_machine_takes_no_target_python() {
    Tree::new().build("host", "root").fails(2).says("goes with families that name a C library");
}

#[test]
fn a_python_for_another_c_library_is_refused() {
    let tree = Tree::new();
    tree.write();
    let args = ["build", "./pkg", "--family", "aarch64-linux-gnu.2.36", "--out", "out", "--compiler", "gcc"];
    let mut command = tree.home.crosswheel(&args);
    command.args(["--no-isolation", "--target-python", "root"]);
    let module = "root/usr/local/lib/python3.11/_sysconfigdata__linux_aarch64-linux-gnu.py";
    let text =
        fs::read_to_string(tree.home.path(module)).expect("there").replace("linux-gnu'", "linux-musl'");
    fs::write(tree.home.path(module), text).expect("written");
    Ran::from(command.output().expect("started"))
        .fails(1)
        .says("`MULTIARCH` is `aarch64-linux-musl`, and a Python 3.11 for aarch64-linux-gnu has `aarch64-linux-gnu`")
        .says("and of the C library");
}

#[test]
fn files_of_a_python_that_do_not_agree_are_refused() {
    for (tree, said) in [
        (Tree::new().told("VERSION", "'3.10'"), "`VERSION` is `3.10`"),
        (Tree::new().told("EXT_SUFFIX", "'.so'"), "`EXT_SUFFIX` is `.so`"),
        (Tree::new().told("SIZEOF_LONG", "4"), "`SIZEOF_LONG` is 8, and 4 in "),
        (
            Tree::new().told("SIZEOF_LONG", "4").changed("#define SIZEOF_LONG 8", "#define SIZEOF_LONG 4"),
            "`SIZEOF_LONG` is 4, and it is 8 on aarch64",
        ),
        (
            Tree::new().changed("#define SIZEOF_LONG 8", "#define SIZEOF_LONGER 8"),
            "is no pyconfig.h of a machine",
        ),
        (
            Tree::new().changed("#define HAVE_FORK 1", "#define Py_GIL_DISABLED 1"),
            "do not agree on whether this Python is free",
        ),
        (Tree::new().told("CC", "open('/etc/passwd').read()"), "is no module of sysconfig data"),
        (
            Tree::new().changed("/* #undef HAVE_GCC_ASM_FOR_X64 */", "#define HAVE_GCC_ASM_FOR_X64 1"),
            "do not fit the compiler gcc: ",
        ),
    ] {
        tree.run().fails(1).says(said);
    }
}

#[test]
fn build_details_are_read_where_they_are_and_held_against_the_rest() {
    Tree::new().detailed("x", "x").run().good();
    // Debian puts flags and triplet into the name.
    let tree = Tree::new().detailed("\"3.11\"", "\"3.10\"");
    let folder = tree.write().join("usr/local/lib/python3.11");
    let to = folder.join("build-details..aarch64-linux-gnu.json");
    fs::rename(folder.join("build-details.json"), to).expect("renamed");
    tree.build(FAMILY, "root")
        .fails(1)
        .says("build-details..aarch64-linux-gnu.json: `language.version` is `3.10`");
    for (from, to, said) in [
        ("\"3.11\"", "\"3.12\"", "`language.version` is `3.12`, and the Python's other files say `3.11`"),
        ("\"flags\": []", "\"flags\": [\"t\"]", "`abi.flags` is `t`"),
        (
            "suffix\": \".cpython-311-a",
            "suffix\": \".cpython-311-x",
            "`abi.extension_suffix` is `.cpython-311-xarch64",
        ),
        (
            "linux-aarch64",
            "linux-riscv64",
            "`platform` is `riscv64`, and the Python's other files say `aarch64`",
        ),
        (
            "local/include/python3.11",
            "local/include/python3",
            "`c_api.headers` is `/usr/local/include/python3`",
        ),
        ("\"cpython\"", "\"pypy\"", "`implementation.name` is `pypy`"),
        ("\"1.0\"", "\"2.0\"", "follows the schema 2.0, and 1 is known"),
        ("\"language\"", "\"lingo\"", "is no file of build details (PEP 739)"),
    ] {
        Tree::new().detailed(from, to).run().fails(1).says(said);
    }
}

/// Makes the Python that builds look like another one, except to the backend.
fn disguised(home: &Home, lines: &str) -> PathBuf {
    let text = format!(
        "import os, sys, sysconfig\nif '_PYTHON_SYSCONFIGDATA_NAME' not in os.environ:\n    values = sysconfig.get_config_vars()\n    {}\n",
        lines.replace('\n', "\n    ")
    );
    home.write("disguise/usercustomize.py", "");
    home.write("disguise/sitecustomize.py", &text).parent().expect("a folder").to_owned()
}

fn build_disguised(home: &Home, lines: &str) -> Ran {
    let folder = disguised(home, lines);
    let args = ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    let mut command = home.crosswheel(&args);
    Ran::from(command.env("PYTHONPATH", folder).output().expect("started"))
}

#[test]
fn a_python_is_made_free_threaded_of_one_that_is() {
    let home = Home::new();
    let asks = "import sysconfig\nassert sysconfig.get_config_var('Py_GIL_DISABLED') == 1\n\
                assert sysconfig.get_config_var('SOABI') == 'cpython-311t-aarch64-linux-gnu', sysconfig.get_config_var('SOABI')\n";
    home.package("pkg", &format!("{asks}{EXTENSION}"));
    home.write("pkg/ext.c", &module("#ifndef Py_GIL_DISABLED\n#error this is another ABI\n#endif"));
    // Its header is put in the place of its own, whichever way Debian has it.
    let disguise = "text = open(os.path.join(os.path.dirname(__file__), 'pyconfig.h'))\n\
                    sysconfig.get_config_h_filename = lambda: text.name\n\
                    sys.abiflags = 't'\n\
                    values.update(ABIFLAGS='t', Py_GIL_DISABLED=1, SOABI='cpython-311t-' + values['MULTIARCH'])";
    let tree = Tree { home: Home::new(), ..Tree::new() };
    let root = tree.write();
    let own = fs::read_to_string(root.join("usr/local/include/python3.11/pyconfig.h")).expect("there");
    home.write("disguise/pyconfig.h", &format!("{own}#define Py_GIL_DISABLED 1\n"));
    build_disguised(&home, disguise).good();
    assert!(listed(&home).contains("tiny/ext.cpython-311t-aarch64-linux-gnu.so"));
}

#[test]
fn a_debug_build_is_refused_as_the_python_that_builds() {
    let home = Home::new();
    home.package("pkg", EXTENSION);
    build_disguised(&home, "values.update(Py_DEBUG=1)")
        .fails(1)
        .says("is a debug build")
        .says("a release build with --python");
}

#[test]
fn a_python_without_headers_is_enough_to_build_for_a_given_one() {
    let tree = Tree::new();
    tree.write();
    let hidden = "sysconfig.get_config_h_filename = lambda: '/nowhere/pyconfig.h'";
    build_disguised(&tree.home, hidden).fails(1).says("has no pyconfig.h").says("--target-python");
    let args = ["build", "./pkg", "--family", FAMILY, "--out", "out", "--compiler", "gcc", "--no-isolation"];
    let mut command = tree.home.crosswheel(&args);
    command.args(["--target-python", "root"]).env("PYTHONPATH", disguised(&tree.home, hidden));
    Ran::from(command.output().expect("started")).good();
}

/// Values that are not C's, with the reason for each.
const NOT_OF_C: [(&str, &str); 3] = [
    ("PY_SUPPORT_TIER", "a promise of Python's developers"),
    (
        "SIZEOF_TIME_T",
        "Debian compiles Python for armv7l with the wider one since trixie, and extension modules as ever",
    ),
    ("_Py_FFI_SUPPORT_C_COMPLEX", "what libffi could do where ctypes was built"),
];

#[test]
fn a_made_header_says_of_c_what_the_headers_of_real_pythons_say() {
    let text = fs::read_to_string("tests/pyconfig/debian.toml").expect("there");
    let table: toml::Table = text.parse().expect("TOML");
    let toolchains = Toolchains::builtin().expect("sound");
    let topology = Topology::find(Path::new("/")).expect("the built-in one");
    let mut compared = 0;
    for (version, rows) in &table {
        let rows = rows.as_table().expect("a table");
        let names: Vec<&String> = rows.keys().filter(|name| *name != "machines").collect();
        let value = |name: &str, machine: &str| rows[name].get(machine).and_then(toml::Value::as_integer);
        let host: String = names
            .iter()
            .map(|name| match value(name, "x86_64") {
                Some(value) => format!("#define {name} {value}\n"),
                None => format!("/* #undef {name} */\n"),
            })
            .collect();
        for machine in rows["machines"].as_array().expect("a list") {
            let machine = machine.as_str().expect("a name");
            let family = topology.family(&format!("{machine}-linux-gnu")).expect("known");
            let made =
                variables(&rewrite(&host, &macros(&toolchains.machine(&family.target).expect("known"))));
            for name in names.iter().filter(|name| NOT_OF_C.iter().all(|(other, _)| **name != other)) {
                let real = value(name, machine).unwrap_or(0);
                assert_eq!(made[*name], real.to_string(), "{name} of Python {version} for {machine}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}
