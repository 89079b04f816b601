//! The table of processors held against what the real compilers predefine for each.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crosswheel::toolchain::Toolchains;

/// What the x86-64 psABI asks of each level above the first, as compilers predefine it.
const LEVELS: [&[&str]; 3] = [
    &[
        "__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16",
        "__LAHF_SAHF__",
        "__POPCNT__",
        "__SSE3__",
        "__SSE4_1__",
        "__SSE4_2__",
        "__SSSE3__",
    ],
    &[
        "__AVX__",
        "__AVX2__",
        "__BMI__",
        "__BMI2__",
        "__F16C__",
        "__FMA__",
        "__LZCNT__",
        "__MOVBE__",
        "__XSAVE__",
    ],
    &["__AVX512F__", "__AVX512BW__", "__AVX512CD__", "__AVX512DQ__", "__AVX512VL__"],
];

/// Standard output and error of `compiler args /dev/null`, and whether it succeeded.
fn run(compiler: &str, args: &[&str]) -> (bool, String, String) {
    let out = Command::new(compiler)
        .args(args)
        .arg("/dev/null")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("the compiler starts");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (out.status.success(), text(&out.stdout), text(&out.stderr))
}

/// Names that the compiler says it knows, by its answer to one that it does not.
fn known_to(compiler: &str) -> BTreeSet<String> {
    let (_, _, answer) = run(compiler, &["-march=no-such-thing", "-x", "c", "-E"]);
    let list =
        answer.lines().find_map(|line| line.split_once("switch are: ").or(line.split_once("values are: ")));
    let (_, list) = list.unwrap_or_else(|| panic!("{compiler} does not list its processors: {answer}"));
    list.split([',', ' ']).filter(|name| !name.is_empty() && *name != "native").map(str::to_owned).collect()
}

fn macros(compiler: &str, args: &[&str]) -> Option<BTreeSet<String>> {
    let (done, text, _) = run(compiler, &[args, &["-x", "c", "-dM", "-E"]].concat());
    done.then(|| text.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect())
}

fn level(macros: &BTreeSet<String>) -> u8 {
    let held = LEVELS.iter().take_while(|level| level.iter().all(|name| macros.contains(*name))).count();
    1 + u8::try_from(held).expect("at most three")
}

fn hold(compiler: &str, least: usize) {
    let table = Toolchains::builtin().expect("sound").marches();
    let known = known_to(compiler);
    let mut compared = 0;
    for name in &known {
        // A list may hold names of 32-bit processors, which do not go with x86-64.
        let Some(macros) = macros(compiler, &[&format!("-march={name}")]) else { continue };
        let listed = table.iter().find(|(march, _)| march == name).map(|(_, level)| *level);
        assert_eq!(listed, Some(level(&macros)), "{compiler} -march={name}");
        compared += 1;
    }
    assert!(compared >= least, "{compiler}: only {compared} of {} could be compared", known.len());
}

#[test]
fn gcc_processors_have_exactly_the_level_of_the_table() {
    hold("gcc", 60);
}

#[test]
fn clang_processors_have_exactly_the_level_of_the_table() {
    hold("clang", 50);
}

#[test]
fn extensions_stand_at_the_level_that_predefines_them() {
    let toolchains = Toolchains::builtin().expect("sound");
    // Another name for LZCNT and POPCNT together.
    let synonym = |name: &&String| name.as_str() == "__ABM__";
    // No macro of their own below their level.
    let silent = ["-mcrc32", "-msahf"];
    let mut wrong = vec![];
    for compiler in ["gcc", "clang"] {
        let dialect = toolchains.recognise(&run(compiler, &["--version"]).1).expect("recognised");
        let mut compared = 0;
        for option in toolchains.options(dialect) {
            if option.effect != crosswheel_shim::plan::Effect::IsaOn {
                continue;
            }
            // What the extension adds to a level; nothing can be said if the compiler does not know it.
            let adds = |level: u8| {
                let march =
                    if level == 1 { "-march=x86-64".to_owned() } else { format!("-march=x86-64-v{level}") };
                let plain = macros(compiler, &[&march])?;
                let extended = macros(compiler, &[&march, &option.spelling])?;
                Some(extended.difference(&plain).filter(|name| !synonym(name)).count() > 0)
            };
            let Some(to_its_own) = adds(option.level.min(4)) else { continue };
            compared += 1;
            if to_its_own != (option.level > 4) {
                wrong.push(format!(
                    "{compiler} {}: level {} is too low or too high",
                    option.spelling, option.level
                ));
            }
            let inside = (2..=4).contains(&option.level) && !silent.contains(&option.spelling.as_str());
            if inside && adds(option.level - 1) != Some(true) {
                wrong.push(format!("{compiler} {}: below level {}", option.spelling, option.level));
            }
        }
        assert!(compared > 40, "{compiler}: only {compared} extensions");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
