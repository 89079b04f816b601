//! The option tables held against the real drivers: does an option take the next argument as its value?
//!
//! Each driver lists its own options. Each one is given to it in front of two sources; the sources that it would
//! compile (`-###`) show whether the first was taken for a value.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crosswheel::toolchain::Toolchains;
use crosswheel_shim::plan::{Dialect, Effect, Form, OptionRow};

/// The row of the longest spelling that fits, as the shim looks it up.
fn row<'a>(rows: &'a [OptionRow], argument: &str) -> Option<&'a OptionRow> {
    rows.iter()
        .filter(|row| match row.form {
            Form::Flag | Form::Separate => argument == row.spelling,
            Form::Joined | Form::JoinedOrSeparate | Form::Commas => argument.starts_with(&row.spelling),
        })
        .max_by_key(|row| row.spelling.len())
}

/// Whether the table says that the next argument is the value.
fn takes_next(rows: &[OptionRow], argument: &str) -> bool {
    row(rows, argument).is_some_and(|row| match row.form {
        Form::Separate => true,
        Form::JoinedOrSeparate => argument == row.spelling,
        Form::Flag | Form::Joined | Form::Commas => false,
    })
}

fn output(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).env("LC_ALL", "C").output().expect("the tool starts");
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// What the driver makes of `option value.c real.c`: `None` if it refuses the option or does not compile.
fn driver_takes_next(driver: &str, option: &str, folder: &Path) -> Option<bool> {
    for name in ["value.c", "real.c"] {
        std::fs::write(folder.join(name), "int a;\n").expect("written");
    }
    let text =
        output(Command::new(driver).args(["-###", "-c", option, "value.c", "real.c"]).current_dir(folder));
    let refused = ["unrecognized command-line option", "unknown argument", "unsupported option"];
    if refused.iter().any(|words| text.contains(words)) {
        return None;
    }
    // Some options are known by their complaint about the value.
    let complaints = [
        "language value.c not recognized",
        "language not recognized: 'value.c'",
        "value.c.cfg",
        "specs file malformed",
        "argument to '-sectcreate'",
    ];
    if complaints.iter().any(|words| text.contains(words)) {
        return Some(true);
    }
    let compiles = |name: &str| {
        text.contains(&format!("\"-main-file-name\" \"{name}\""))
            || text.lines().any(|line| line.contains("cc1 ") && line.contains(&format!("-dumpbase {name}")))
    };
    match (compiles("value.c"), compiles("real.c")) {
        (true, true) => Some(false),
        // `-o value.c` with two sources: the first was written over, and comes up as the one that is left.
        (false, true) | (true, false) => Some(true),
        (false, false) => None,
    }
}

/// Options whose name the lists spell in another way than they are used, or that are several options joined.
const STRANGE: &[&str] = &["-A-", "-b", "-x"];

/// Holds the table against the driver on every option of `listed`; at least `least` must have been comparable.
fn compare(driver: &str, dialect: Dialect, listed: &BTreeSet<String>, least: usize) {
    let rows = Toolchains::builtin().expect("sound").options(dialect);
    let mut compared = 0;
    let mut wrong = vec![];
    let listed: Vec<&String> = listed.iter().filter(|o| !STRANGE.contains(&o.as_str())).collect();
    let parts = std::thread::scope(|scope| {
        let work: Vec<_> = listed
            .chunks(listed.len().div_ceil(4).max(1))
            .map(|chunk| {
                scope.spawn(move || {
                    let folder = tempfile::tempdir().expect("a folder");
                    chunk
                        .iter()
                        .map(|option| (*option, driver_takes_next(driver, option, folder.path())))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        work.into_iter().flat_map(|thread| thread.join().expect("compared")).collect::<Vec<_>>()
    });
    for (option, real) in parts {
        let Some(real) = real else { continue };
        compared += 1;
        let table = takes_next(&rows, option);
        if table != real {
            wrong.push(format!("{option}: the driver says {real}, the table {table}"));
        }
    }
    assert!(wrong.is_empty(), "{driver}, {} wrong of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= least, "only {compared} of {} options could be compared", listed.len());
}

/// Options by the driver's own list. Warnings, optimisations and their negations, which are thousands and never
/// take the next argument, are left to their prefixes: a few of each are asked.
fn listed(text: &str) -> BTreeSet<String> {
    let many = ["-W", "-f", "-m", "-g", "--warn-", "--no-", "--machine", "--param", "--debug", "-fno-"];
    let mut counts = vec![0_usize; many.len()];
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with('-') && word.len() > 1 && *word != "--" && !word.contains("=="))
        .filter(|word| {
            many.iter().position(|prefix| word.starts_with(prefix)).is_none_or(|at| {
                counts[at] += 1;
                // `-fintrinsic-modules-path` and the like have no `=`; one of each hundred stands for the rest.
                word.contains("path")
                    || word.contains("dir")
                    || word.contains("xray")
                    || counts[at].is_multiple_of(100)
            })
        })
        .map(str::to_owned)
        .collect()
}

/// Spellings of a table, as far as one argument can be made of each.
fn spellings(dialect: Dialect) -> BTreeSet<String> {
    Toolchains::builtin()
        .expect("sound")
        .options(dialect)
        .into_iter()
        .filter(|row| {
            !matches!(row.effect, Effect::Query | Effect::Internal | Effect::IsaOn | Effect::IsaOff)
        })
        .filter(|row| !matches!(row.form, Form::Joined | Form::Commas))
        .map(|row| row.spelling)
        .collect()
}

#[test]
fn gcc_takes_values_where_its_table_says_so() {
    let mut options = listed(&output(Command::new("gcc").arg("--completion=-")));
    options.extend(spellings(Dialect::Gcc));
    compare("gcc", Dialect::Gcc, &options, 400);
}

#[test]
fn clang_takes_values_where_its_table_says_so() {
    let mut options = listed(&output(Command::new("clang").arg("--autocomplete=-")));
    options.extend(spellings(Dialect::Clang));
    // What clang reads in another way than gcc.
    options.extend(spellings(Dialect::Gcc));
    compare("clang", Dialect::Clang, &options, 300);
}

#[test]
fn gnu_ld_takes_values_where_its_table_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("real.c"), "").expect("written");
    output(Command::new("gcc").args(["-c", "real.c"]).current_dir(folder.path()));
    let rows = Toolchains::builtin().expect("sound").options(Dialect::Ld);
    let help = output(Command::new("ld").arg("--help"));
    let mut options: BTreeSet<String> = help
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| word.starts_with('-') && word.len() > 1 && !word.starts_with("---"))
        .map(str::to_owned)
        .collect();
    options.extend(rows.iter().filter(|row| row.effect != Effect::Query).map(|row| row.spelling.clone()));
    let mut compared = 0;
    let mut wrong = vec![];
    // These read an object for its symbols alone, and -t shows it as well.
    let symbols = ["--just-symbols", "-just-symbols", "-R"];
    let asked = |option: &&String| {
        !option.contains("help") && *option != "--version" && !symbols.contains(&option.as_str())
    };
    for option in options.iter().filter(asked) {
        // An option that names an output has written over it.
        std::fs::copy(folder.path().join("real.o"), folder.path().join("value.o")).expect("copied");
        let mut ld = Command::new("ld");
        let text =
            output(ld.args(["-t", "-o", "out", option, "value.o", "real.o"]).current_dir(folder.path()));
        let lines = |name: &str| text.lines().any(|line| line == name);
        let real = match (lines("value.o"), lines("real.o")) {
            (true, true) => false,
            (false, true) => true,
            // It read a script or a number out of the value.
            _ if text.contains("`value.o'")
                || text.contains("value.o:")
                || text.contains("value.o not found") =>
            {
                true
            }
            _ => continue,
        };
        compared += 1;
        if takes_next(&rows, option) != real {
            wrong.push(format!("{option}: ld says {real}: {}", text.lines().next().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 150, "only {compared} options could be compared");
}

#[test]
fn the_longest_spelling_that_fits_counts() {
    let toolchains = Toolchains::builtin().expect("sound");
    let gcc = toolchains.options(Dialect::Gcc);
    let clang = toolchains.options(Dialect::Clang);
    let table: &[(&[OptionRow], &str, Effect)] = &[
        (&gcc, "-Wl,-rpath,/x", Effect::ForLinker),
        (&gcc, "-Wl,--version", Effect::Query),
        (&gcc, "-Wl,-v", Effect::Verbose),
        (&gcc, "-Wl,-z,x86-64-v3", Effect::ForLinker),
        (&gcc, "-zdefs", Effect::ForLinker),
        (&gcc, "-Werror", Effect::Werror),
        (&gcc, "-Werror=format=2", Effect::WerrorOne),
        (&gcc, "-fuse-ld=lld", Effect::Unmarked),
        (&gcc, "-fuse-ld=bfd", Effect::None),
        (&gcc, "-MF", Effect::DepFile),
        (&gcc, "-M", Effect::DependenciesOnly),
        (&gcc, "-MMD", Effect::DependenciesBeside),
        (&gcc, "-march=haswell", Effect::March),
        (&gcc, "-mcpu=haswell", Effect::Mtune),
        (&gcc, "-mavx512bw", Effect::IsaOn),
        (&gcc, "-mno-avx2", Effect::IsaOff),
        (&gcc, "-m32", Effect::Machine),
        (&gcc, "-ofoo", Effect::Output),
        (&gcc, "-xc++", Effect::Language),
        (&gcc, "-lm", Effect::Library),
        (&gcc, "-print-file-name=x", Effect::Query),
        (&clang, "--target=aarch64-linux-gnu", Effect::Machine),
        (&clang, "-cc1", Effect::Internal),
        (&clang, "--", Effect::EndOfOptions),
        (&clang, "--offload-arch=gfx942", Effect::GpuArch),
        (&clang, "-objcmt-migrate-all", Effect::None),
    ];
    for (rows, argument, effect) in table {
        assert_eq!(row(rows, argument).map(|row| row.effect), Some(*effect), "{argument}");
    }
    let none: &[(&[OptionRow], &str)] = &[
        (&gcc, "-Wlogical-op"),
        (&gcc, "-Wlarger-than=3"),
        (&gcc, "-Wno-error"),
        (&gcc, "-Wno-error=x"),
        (&gcc, "-rdynamic"),
        (&gcc, "-shared-libgcc"),
        (&gcc, "-mno-mmx"),
        (&gcc, "--"),
        (&gcc, "--print-missing-file-dependencies"),
        (&clang, "-mcpu=native"),
        (&clang, "-dumpdir"),
    ];
    for (rows, argument) in none {
        let found = row(rows, argument);
        assert!(found.is_none_or(|row| row.effect == Effect::None), "{argument}: {found:?}");
        assert!(!takes_next(rows, argument), "{argument}");
    }
}
