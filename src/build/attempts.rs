//! Programs of the target that a build tried to run on this machine, where nothing runs them: told from what the build
//! printed, and from the record, which knows who linked the program. Pure.
//!
//! The kernel says `ENOEXEC`, and everybody puts it in words of their own. A C library that gets it from `execvp` hands the
//! file to `sh`, as POSIX asks, and `sh` takes an ELF file for a script with mistakes.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::report::Fault;
use crate::capture::{Call, Log, Outcome};

/// How one tool says that a program of another machine does not run.
struct Sign {
    /// A line of output; the group `program` is the program where it is named.
    line: &'static str,
    /// Whether the words alone prove it; else the program must be one that a recorded call linked.
    sure: bool,
    /// What else than an emulator helps.
    other: Other,
}

/// What else than an emulator helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// A program that makes something for the build is made for this machine.
    BuildCompiler,
    /// The answer can be given to Meson.
    Meson,
    /// The answer can be given to CMake.
    CMake,
    /// The answer can be given to configure.
    Configure,
}

impl Other {
    fn hint(self) -> &'static str {
        match self {
            Self::BuildCompiler => {
                "a program that makes files for the build can be made for this machine by `build-cc` ($CC_FOR_BUILD)"
            }
            Self::Meson => {
                "a patch can have meson.build take the answer from `meson.get_external_property`, which a further cross file gives"
            }
            Self::CMake => {
                "the variables that CMake names above can be given as settings of the backend (`-C`)"
            }
            Self::Configure => "the answer can be given as a variable in the environment (`ac_cv_…=yes`)",
        }
    }
}

const SIGNS: [Sign; 8] = [
    // bash: `bash: line 1: ./gen: cannot execute binary file: Exec format error`
    Sign {
        line: r"(?:^|[\s:])(?P<program>[^\s:]+): cannot execute binary file",
        sure: true,
        other: Other::BuildCompiler,
    },
    // Python: `OSError: [Errno 8] Exec format error: './gen'`
    Sign {
        line: r"\[Errno 8\] Exec format error: '(?P<program>[^']+)'",
        sure: false,
        other: Other::BuildCompiler,
    },
    // dash: `sh: 1: ./gen: Exec format error`; the same from env, ninja, timeout and others
    Sign {
        line: r"(?:^|[\s:'‘])(?P<program>[^\s:'’‘]+)['’]?: Exec format error",
        sure: false,
        other: Other::BuildCompiler,
    },
    // make, CMake: `./gen: 1: Syntax error: "(" unexpected`, `./gen: 2: ELF: not found`
    Sign {
        line: r"(?:^|[\s:])(?P<program>[^\s:]+): (?:line )?\d+: (?:Syntax error: |.*: not found)",
        sure: false,
        other: Other::BuildCompiler,
    },
    Sign {
        line: r"Can not run test applications in this cross environment|[Aa]n exe_wrapper is needed",
        sure: true,
        other: Other::Meson,
    },
    Sign { line: r"(?i)TRY_RUN\(\) invoked in cross-compiling mode", sure: true, other: Other::CMake },
    Sign {
        line: r"cannot run (?:test program while cross compiling|\S+ compiled programs)",
        sure: true,
        other: Other::Configure,
    },
    // Rust and others that do not name the program.
    Sign { line: r"Exec format error", sure: true, other: Other::BuildCompiler },
];

static PATTERNS: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| SIGNS.iter().map(|sign| Regex::new(sign.line).ok()).collect());

/// A program that could not be run.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The line that tells of it.
    pub said: &'a str,
    /// The program as the line names it.
    pub program: Option<&'a str>,
    /// The call that linked it.
    pub link: Option<&'a Call>,
    other: Other,
}

/// Every attempt, each program once, in the order of the output.
#[must_use]
pub fn find<'a>(record: &'a Log, said: &'a str) -> Vec<Attempt<'a>> {
    let mut found: Vec<Attempt<'a>> = Vec::new();
    for line in said.lines() {
        let Some(attempt) = read(record, line) else { continue };
        let known = |one: &Attempt<'_>| match (one.link, attempt.link) {
            (Some(one), Some(other)) => one.id == other.id,
            _ => one.program == attempt.program && one.other == attempt.other,
        };
        // A line that names nothing says more of what was said before.
        let vague = attempt.program.is_none() && attempt.other == Other::BuildCompiler && !found.is_empty();
        if !vague && !found.iter().any(known) {
            found.push(attempt);
        }
    }
    found
}

/// The first sign that fits decides.
fn read<'a>(record: &'a Log, line: &'a str) -> Option<Attempt<'a>> {
    let (sign, found) = SIGNS
        .iter()
        .zip(PATTERNS.iter())
        .find_map(|(sign, pattern)| Some((sign, pattern.as_ref()?.captures(line)?)))?;
    let program = found.name("program").map(|name| name.as_str().trim_matches(['\'', '`', '"']));
    let link = program.and_then(|program| linked(record, program));
    // What is none of ours may be a script without an interpreter, or a true mistake in one.
    let ours = link.is_some() || sign.sure;
    ours.then_some(Attempt { said: line.trim(), program, link, other: sign.other })
}

/// The last link of a program of this name.
fn linked<'a>(record: &'a Log, program: &str) -> Option<&'a Call> {
    let name = Path::new(program).file_name()?;
    let made = |call: &&Call| {
        call.outcome() == Outcome::Succeeded
            && call
                .end
                .iter()
                .any(|end| end.made.iter().any(|made| made.path.path().file_name() == Some(name)))
    };
    record.calls.iter().rev().find(made)
}

impl Attempt<'_> {
    /// What was run, and who made it. `machine` is that of the target.
    #[must_use]
    pub fn told(&self, machine: &str) -> String {
        let program = self.program.map_or_else(|| "a program".to_owned(), |program| format!("`{program}`"));
        let link = self.link.map_or_else(String::new, |call| {
            let from =
                call.inputs.first().map_or_else(String::new, |input| format!("from {} ", input.lossy()));
            format!(" (linked {from}by {}, call {})", call.tool, call.id)
        });
        let said = self.said;
        format!("the build ran {program}, which is for {machine} and does not run here{link}: {said}")
    }

    /// The fault of a build that failed by it.
    #[must_use]
    pub fn fault(&self, machine: &str) -> Fault {
        Fault { message: self.told(machine), hint: Some(self.hint()) }
    }

    /// What helps.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("`--run-tests-with qemu` runs programs of the target here; or {}", self.other.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read of a line where no link is known.
    fn alone(line: &str) -> Option<(Option<&str>, Other, bool)> {
        let mut at = SIGNS.iter().zip(PATTERNS.iter());
        let (sign, found) = at.find_map(|(sign, pattern)| Some((sign, pattern.as_ref()?.captures(line)?)))?;
        Some((found.name("program").map(|name| name.as_str()), sign.other, sign.sure))
    }

    #[test]
    fn each_tool_has_words_of_its_own_for_a_program_of_another_machine() {
        let ran = |program| Some((Some(program), Other::BuildCompiler, false));
        for (line, read) in [
            (
                "bash: line 1: ./gen: cannot execute binary file: Exec format error",
                Some((Some("./gen"), Other::BuildCompiler, true)),
            ),
            ("OSError: [Errno 8] Exec format error: './a b'", ran("./a b")),
            ("sh: 1: ./gen: Exec format error", ran("./gen")),
            ("env: \u{2018}./gen\u{2019}: Exec format error", ran("./gen")),
            ("timeout: failed to run command './gen': Exec format error", ran("./gen")),
            ("./gen: 1: Syntax error: \"(\" unexpected", ran("./gen")),
            ("./gen: 2: \u{7f}ELF: not found", ran("./gen")),
            (
                "../meson.build:3:9: ERROR: Can not run test applications in this cross environment.",
                Some((None, Other::Meson, true)),
            ),
            (
                "TRY_RUN() invoked in cross-compiling mode, please set the following cache variables",
                Some((None, Other::CMake, true)),
            ),
            (
                "configure: error: cannot run test program while cross compiling",
                Some((None, Other::Configure, true)),
            ),
            ("configure: error: cannot run C compiled programs.", Some((None, Other::Configure, true))),
            ("  Exec format error (os error 8)", Some((None, Other::BuildCompiler, true))),
            ("./gen.c:1: error: expected expression", None),
            ("gen: No such file or directory", None),
        ] {
            assert_eq!(alone(line), read, "{line}");
        }
    }

    #[test]
    fn every_pattern_is_one() {
        assert!(PATTERNS.iter().all(Option::is_some));
    }
}
