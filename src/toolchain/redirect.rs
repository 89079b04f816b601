//! Commands that name a compiler by its path (`CC=/opt/x/bin/gcc -pthread`, Python's `LDSHARED`), led through the
//! shim.
//!
//! Such a command goes past any `PATH`, so the path in it is replaced by a name in the shim folder. **What ran
//! without crosswheel must run with it**, so the program at that path stays the one that works:
//!
//! - the same program is first on `PATH` under that file name: the bare name will do;
//! - nothing on `PATH` has that name: it is pinned under it;
//! - `PATH` has another program of that name: both must be had, each by who asks for it, so the one with the
//!   path is pinned under a longer name made of it (`opt-x-bin-gcc`), which build systems read as a prefix.
//!
//! Bare names need nothing, triplets among them. A path where there is no program stays as it is: the build then
//! fails as it would have. Paths of programs that no toolchain file knows are never touched.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::discover::Extra;

/// How a variable parts its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// As a shell does: blanks, quotes, backslashes.
    Shell,
    /// A list in CMake's sense: semicolons.
    List,
}

/// Variables in which build systems take a tool from their caller.
pub const COMMANDS: &[(&str, Split)] = &[
    ("AR", Split::Shell),
    ("AS", Split::Shell),
    ("CC", Split::Shell),
    ("CMAKE_CXX_COMPILER_LAUNCHER", Split::List),
    ("CMAKE_C_COMPILER_LAUNCHER", Split::List),
    ("CMAKE_Fortran_COMPILER_LAUNCHER", Split::List),
    ("CPP", Split::Shell),
    ("CXX", Split::Shell),
    ("F77", Split::Shell),
    ("F90", Split::Shell),
    ("FC", Split::Shell),
    ("HIPCC", Split::Shell),
    ("LD", Split::Shell),
    ("LDCXXSHARED", Split::Shell),
    ("LDSHARED", Split::Shell),
    ("NM", Split::Shell),
    ("OBJCOPY", Split::Shell),
    ("RANLIB", Split::Shell),
    ("STRIP", Split::Shell),
];

/// A variable that holds a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub variable: &'static str,
    /// How it parts words.
    pub split: Split,
    /// Its value.
    pub value: OsString,
}

/// What the rules have to know of the machine.
pub trait Machine {
    /// Whether a file name is a tool's, and if so whether it runs a compiler that comes behind it.
    fn tool(&self, file_name: &str) -> Option<Place>;
    /// The first program of this name on `PATH`, outside of shim folders.
    fn on_path(&self, name: &str) -> Option<PathBuf>;
    /// The program at this path with all links followed; `None` if there is none.
    fn program(&self, path: &Path) -> Option<PathBuf>;
    /// Whether the path lies in a shim folder.
    fn in_shims(&self, path: &Path) -> bool;
}

/// Where a tool stands in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the tool that works.
    Last,
    /// It runs what comes behind it: ccache.
    Ahead,
}

/// Variables to set, and programs to pin for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirected {
    /// Variables whose value has to change, with the new one.
    pub variables: BTreeMap<&'static str, OsString>,
    /// Programs to have in the shim folder besides those on `PATH`, by name.
    pub extra: Vec<Extra>,
}

/// Leads commands through the shim folder.
#[must_use]
pub fn redirect(commands: &[Command], machine: &impl Machine) -> Redirected {
    let mut pins = BTreeMap::new();
    let mut variables = BTreeMap::new();
    for command in commands {
        let value = command.value.as_bytes();
        let mut out = Vec::new();
        let (mut at, mut copied) = (0, 0);
        while let Some(word) = next_word(value, at, command.split) {
            at = word.place.end;
            let path = Path::new(OsStr::from_bytes(&word.text));
            let Some(file_name) = path.file_name().and_then(OsStr::to_str) else { break };
            let Some(place) = machine.tool(file_name) else { break };
            if word.text.contains(&b'/')
                && let Some(name) = name_for(path, file_name, machine, &mut pins)
            {
                out.extend_from_slice(&value[copied..word.place.start]);
                out.extend_from_slice(name.as_bytes());
                copied = word.place.end;
            }
            if place == Place::Last {
                break;
            }
        }
        if copied > 0 {
            out.extend_from_slice(&value[copied..]);
            variables.insert(command.variable, OsString::from_vec(out));
        }
    }
    let extra = pins.into_iter().map(|(name, program)| Extra { name, program }).collect();
    Redirected { variables, extra }
}

/// The name under which the program at this path will be called.
fn name_for(
    path: &Path,
    file_name: &str,
    machine: &impl Machine,
    pins: &mut BTreeMap<String, PathBuf>,
) -> Option<String> {
    let on_path = machine.on_path(file_name);
    if machine.in_shims(path) {
        // Another session's shim: what it stands for is on PATH.
        return on_path.map(|_| file_name.to_owned());
    }
    let program = machine.program(path)?;
    let is_this = |other: &Path| machine.program(other).as_ref() == Some(&program);
    if on_path.as_deref().is_some_and(is_this) {
        return Some(file_name.to_owned());
    }
    // clang and clang++ are one file, so the file name counts too.
    let pinned = pins.iter().find(|(_, pinned)| pinned.file_name() == path.file_name() && is_this(pinned));
    if let Some((name, _)) = pinned {
        return Some(name.clone());
    }
    let longer = longer_name(path);
    let names = std::iter::once(file_name.to_owned()).chain((1..).map(|n| match n {
        1 => longer.clone(),
        n => format!("{n}-{longer}"),
    }));
    let free = |name: &String| !pins.contains_key(name) && machine.on_path(name).is_none();
    let name = names.into_iter().find(free)?;
    pins.insert(name.clone(), path.to_path_buf());
    Some(name)
}

/// A name made of a whole path, of letters that no shell or build system reads otherwise.
fn longer_name(path: &Path) -> String {
    let text = path.to_string_lossy();
    let kept = |c: char| if c.is_ascii_alphanumeric() || "+._".contains(c) { c } else { '-' };
    text.trim_start_matches('/').chars().map(kept).collect()
}

/// One word of a command.
struct Word {
    /// Where it stands, quotes and all.
    place: Range<usize>,
    /// What it says.
    text: Vec<u8>,
}

fn next_word(value: &[u8], from: usize, split: Split) -> Option<Word> {
    let parts = |byte: u8| match split {
        Split::Shell => byte.is_ascii_whitespace(),
        Split::List => byte == b';',
    };
    let start = from + value[from..].iter().position(|byte| !parts(*byte))?;
    let mut text = Vec::new();
    let mut quote = None;
    let mut at = start;
    while let Some(&byte) = value.get(at) {
        at += 1;
        match (split, quote, byte) {
            (_, None, byte) if parts(byte) => {
                at -= 1;
                break;
            }
            (Split::List, ..) => text.push(byte),
            (_, None, b'\'' | b'"') => quote = Some(byte),
            (_, Some(open), byte) if open == byte => quote = None,
            (_, None | Some(b'"'), b'\\') => {
                text.extend(value.get(at));
                at += 1;
            }
            _ => text.push(byte),
        }
    }
    Some(Word { place: start..at.min(value.len()), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with gcc and ccache in /usr/bin, a compiler of its own in /opt/x/bin, and Debian's links.
    struct Bench;

    impl Machine for Bench {
        fn tool(&self, file_name: &str) -> Option<Place> {
            match file_name {
                "ccache" => Some(Place::Ahead),
                "gcc" | "g++" | "cc" | "ar" | "x86_64-linux-gnu-gcc" | "icx-gcc" => Some(Place::Last),
                _ => None,
            }
        }
        fn on_path(&self, name: &str) -> Option<PathBuf> {
            let there = ["gcc", "cc", "ccache", "ar", "x86_64-linux-gnu-gcc", "python3"];
            there.contains(&name).then(|| Path::new("/usr/bin").join(name))
        }
        fn program(&self, path: &Path) -> Option<PathBuf> {
            match path.to_str()? {
                "/usr/bin/cc" | "/usr/bin/gcc" | "/usr/bin/x86_64-linux-gnu-gcc" | "/bin/gcc" => {
                    Some("/usr/bin/gcc-12".into())
                }
                "/opt/x/bin/gcc" | "/opt/link/gcc" => Some("/opt/x/bin/gcc".into()),
                "/usr/bin/ccache"
                | "/usr/bin/ar"
                | "/opt/x/bin/icx-gcc"
                | "/opt/y/gcc"
                | "/opt/with blank/g++" => Some(path.into()),
                _ => None,
            }
        }
        fn in_shims(&self, path: &Path) -> bool {
            path.starts_with("/proj/.crosswheel/host/bin")
        }
    }

    fn after(variable: &'static str, split: Split, value: &str) -> (String, Vec<(String, String)>) {
        let command = Command { variable, split, value: value.into() };
        let done = redirect(&[command], &Bench);
        let value =
            done.variables.get(variable).map_or(value.to_owned(), |new| new.to_string_lossy().into_owned());
        let pins = done.extra.into_iter().map(|extra| (extra.name, extra.program.display().to_string()));
        (value, pins.collect())
    }

    #[test]
    fn the_same_program_on_path_is_called_by_its_name() {
        for (before, now) in [
            ("/usr/bin/gcc", "gcc"),
            ("/bin/gcc -pthread", "gcc -pthread"),
            ("  /usr/bin/gcc  -DX=\"a  b\" ", "  gcc  -DX=\"a  b\" "),
            ("'/usr/bin/gcc' -O2", "gcc -O2"),
            ("/usr/bin/ccache /usr/bin/gcc -O2", "ccache gcc -O2"),
            ("ccache /usr/bin/gcc", "ccache gcc"),
            ("/usr/bin/ccache gcc", "ccache gcc"),
            ("/proj/.crosswheel/host/bin/gcc -c", "gcc -c"),
        ] {
            assert_eq!(after("CC", Split::Shell, before), (now.to_owned(), vec![]), "{before}");
        }
    }

    #[test]
    fn bare_names_unknown_programs_and_missing_files_stay() {
        for value in [
            "gcc -pthread",
            "x86_64-linux-gnu-gcc",
            "ccache gcc",
            "/usr/bin/python3 tool.py /usr/bin/gcc",
            "/opt/nowhere/gcc -O2",
            "env X=1 /usr/bin/gcc",
            "",
            "   ",
        ] {
            assert_eq!(after("CC", Split::Shell, value), (value.to_owned(), vec![]), "{value}");
        }
    }

    #[test]
    fn a_program_that_path_lacks_is_pinned_under_its_own_name() {
        let (value, pins) = after("CC", Split::Shell, "/opt/x/bin/icx-gcc -shared");
        assert_eq!(value, "icx-gcc -shared");
        assert_eq!(pins, [("icx-gcc".to_owned(), "/opt/x/bin/icx-gcc".to_owned())]);
        let (value, _) = after("CXX", Split::Shell, r#""/opt/with blank/g++" -O2"#);
        assert_eq!(value, "g++ -O2");
        let (value, _) = after("CXX", Split::Shell, r"/opt/with\ blank/g++ -O2");
        assert_eq!(value, "g++ -O2");
    }

    #[test]
    fn a_program_whose_name_path_gives_to_another_gets_a_longer_name() {
        let (value, pins) = after("LDSHARED", Split::Shell, "/opt/x/bin/gcc -shared");
        assert_eq!(value, "opt-x-bin-gcc -shared");
        assert_eq!(pins, [("opt-x-bin-gcc".to_owned(), "/opt/x/bin/gcc".to_owned())]);
    }

    #[test]
    fn several_variables_share_pins_and_never_mix_programs() {
        let command = |variable, value: &str| Command { variable, split: Split::Shell, value: value.into() };
        let done = redirect(
            &[
                command("CC", "/opt/x/bin/gcc"),
                command("LDSHARED", "/opt/link/gcc -shared"),
                command("LD", "/opt/y/gcc"),
            ],
            &Bench,
        );
        let values: Vec<_> =
            done.variables.iter().map(|(name, value)| (*name, value.to_string_lossy())).collect();
        assert_eq!(
            values,
            [
                ("CC", "opt-x-bin-gcc".into()),
                ("LD", "opt-y-gcc".into()),
                ("LDSHARED", "opt-x-bin-gcc -shared".into())
            ]
        );
        let pins: Vec<_> = done.extra.iter().map(|extra| extra.program.display().to_string()).collect();
        assert_eq!(pins, ["/opt/x/bin/gcc", "/opt/y/gcc"]);
    }

    #[test]
    fn lists_of_cmake_are_parted_by_semicolons() {
        let (value, _) = after("CMAKE_C_COMPILER_LAUNCHER", Split::List, "/usr/bin/ccache;--opt;/x");
        assert_eq!(value, "ccache;--opt;/x");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let value = OsString::from_vec(b"/usr/bin/gcc -DX=\xff\xfe".to_vec());
        let done = redirect(&[Command { variable: "CC", split: Split::Shell, value }], &Bench);
        assert_eq!(done.variables["CC"].as_bytes(), b"gcc -DX=\xff\xfe");
    }
}
