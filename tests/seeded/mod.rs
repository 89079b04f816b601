//! A package whose build fails in many ways, each with its stderr kept, so that what is run again later can be held
//! against it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::build_support::Home;

/// How many of its calls fail.
pub(crate) const FAILING: usize = 10;

/// Compiles each source, with stderr and status in `expected/<family>/`, and fails.
const PLAN: &str = r##"
import json, os, subprocess
HERE = EXPECTED
SOURCES = {
    "missing.c": "#include \"no_such_header.h\"\nint a;\n",
    "directive.c": "#define X 1\n#if X\n#error \"never here\"\n#endif\n",
    "syntax.c": "#include \"inc/part.h\"\nint f(void) { return TWICE(1 +); }\n",
    "undeclared.cpp": "#include <vector>\n#include \"inc/part.h\"\nint g() { std::vector<int> v; return v.nothing(); }\n",
    "strict.c": "#include <stdio.h>\n#include \"inc/part.h\"\nstatic int unused;\nint h(int x) { if (x = 2) printf(\"%s\", x); return 0; }\n",
    "good.c": "int nowhere(void); int good(void) { return nowhere(); }\n",
    "absolute.c": "#include \"part.h\"\nint k(void) { return TWICE(missing_name); }\n",
    "sub/up.c": "#include \"../inc/part.h\"\nint m(void) { return TWICE(\"x\" * 2); }\n",
}
def build():
    os.makedirs("inc"); os.makedirs("sub"); os.makedirs("obj")
    with open("inc/part.h", "w") as f:
        f.write("#define TWICE(x) ((x) + (x))\nstatic inline int part(int a) { return a; }\n")
    for name, text in SOURCES.items():
        with open(name, "w") as f:
            f.write(text)
    shim = subprocess.run(["sh", "-c", "command -v cc"], capture_output=True, text=True).stdout.strip()
    record = os.path.join(os.path.dirname(os.path.dirname(shim)), "record.jsonl")
    with open(record) as f:
        family = json.loads(f.readline())["family"]
    with open("family", "w") as f:
        f.write(family)
    home = os.path.join(HERE, family)
    os.makedirs(home, exist_ok=True)
    here = os.getcwd()
    calls = [
        ["cc", "-c", "missing.c", "-o", "obj/missing.o"],
        ["cc", "-Wall", "-c", "directive.c", "-o", "obj/directive.o"],
        ["cc", "-c", "syntax.c", "-MD", "-MF", "obj/syntax.d", "-o", "obj/syntax.o"],
        ["c++", "-std=c++17", "-c", "undeclared.cpp", "-o", "obj/undeclared.o"],
        ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-c", "strict.c", "-o", "obj/strict.o"],
        ["cc", "-O1", "-fPIC", "-c", "good.c", "-o", "obj/good.o"],
        ["cc", "obj/good.o", "-o", "obj/program"],
        ["cc", "-I" + here + "/inc", "-c", here + "/absolute.c", "-o", here + "/obj/absolute.o"],
        ["cc", "-no-such-option", "-c", "good.c", "-o", "obj/option.o"],
        ["cc", "-c", "up.c", "-o", "../obj/up.o"],
        ["cc", "@temporary.rsp"],
    ]
    for n, call in enumerate(calls):
        folder = "sub" if "up.c" in call else "."
        if call[1].startswith("@"):
            with open("temporary.rsp", "w") as f:
                f.write("-DX='a b' -c syntax.c\n-o obj/response.o")
        with open(os.path.join(home, "%d.err" % n), "wb") as err:
            status = subprocess.run(call, cwd=folder, stderr=err).returncode
        with open(os.path.join(home, "%d.json" % n), "w") as f:
            json.dump({"out": call[-1] if call[1][0] != "@" else "obj/response.o", "status": status}, f)
    os.remove("temporary.rsp")
    raise SystemExit("seeded")
"##;

/// The package, built.
pub(crate) struct Seeded {
    expected: PathBuf,
}

/// A call that failed, and what it said.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) exit: i32,
    pub(crate) stderr: String,
}

impl Seeded {
    pub(crate) fn build(home: &Home, families: &str, more: &[&str]) -> Self {
        let expected = home.path("expected");
        let plan = PLAN.replace("EXPECTED", &format!("{:?}", expected.to_str().unwrap()));
        home.package("pkg", &plan);
        let args = [&["pkg", "--family", families, "--out", "out", "--no-isolation"], more].concat();
        home.build(&args).fails(1);
        Self { expected }
    }

    /// Calls that failed, of a build for one family.
    pub(crate) fn failed(&self, home: &Home) -> Vec<Failed> {
        self.failed_in(home, "out")
    }

    pub(crate) fn failed_in(&self, home: &Home, log: &str) -> Vec<Failed> {
        let out = home.crosswheel(&["log", "ls", log, "--failed", "--json"]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines().map(|line| self.one(&serde_json::from_str(line).unwrap(), log)).collect()
    }

    fn one(&self, call: &Value, log: &str) -> Failed {
        let family = log.strip_prefix("out/").unwrap_or("host");
        let output = call["begin"]["out"][0].as_str().unwrap();
        for n in 0.. {
            let path = self.expected.join(family).join(format!("{n}.json"));
            let said: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            if said["out"] == output {
                let id = call["begin"]["id"].as_str().unwrap().to_owned();
                let kind = call["begin"]["kind"].as_str().unwrap().to_owned();
                let exit = i32::try_from(said["status"].as_i64().unwrap()).unwrap();
                assert_eq!(call["end"]["exit"], exit);
                let stderr = fs::read_to_string(path.with_extension("err")).unwrap();
                return Failed { id, kind, exit, stderr };
            }
        }
        unreachable!("a call has what it said beside it")
    }
}
