//! What a build that failed looked for in vain: libraries, headers, and what pkg-config was asked for. Compilers and linkers say
//! that something is missing; here it is said which library, who asks for it, where on this machine it was looked for,
//! and how it is had for the target. A file of this machine that a link takes by its path is the subject of
//! [`crate::build::foreign`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;

use super::pkg_config;
use super::view::OF_THE_COMPILER;
use crate::build::report::Fault;
use crate::capture::{Call, Detail, Log};
use crate::target::depends::Wanted;
use crate::target::packages::Index;
use crate::topology::Family;

/// How linkers say that they lack a library: GNU ld, LLD, zig. What stands between is its name.
const LINKERS: [(&str, &str); 4] = [
    ("cannot find -l", ":"),
    ("unable to find library -l", "\n"),
    ("unable to find dynamic system library '", "'"),
    ("unable to find static system library '", "'"),
];

/// How compilers say that they lack a header: clang, gcc.
const COMPILERS: [(&str, &str); 2] =
    [("error: '", "' file not found"), ("error: ", ": No such file or directory")];

/// How configure steps say that they lack something that they cannot do without: CMake, Meson.
const CONFIGURES: [(&str, &str); 4] = [
    ("\n  Could NOT find ", " ("),
    ("ERROR: Dependency \"", "\" not found"),
    ("ERROR: C shared or static library '", "' not found"),
    ("ERROR: C++ shared or static library '", "' not found"),
];

/// What is known of a build.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    /// Its record.
    pub record: &'a Log,
    /// What the backend and the compilers said.
    pub said: &'a str,
    /// The log of pkg-config.
    pub asked: &'a str,
    /// The source tree.
    pub source: &'a Path,
    /// The family.
    pub family: &'a Family,
    /// Whether the backend gave up.
    pub failed: bool,
}

/// Something that is lacking.
struct Lack {
    message: String,
    /// What it is called, for a guess at its package.
    name: String,
}

/// One fault for each thing. `index` is only asked for if there is any.
pub fn faults(build: Build<'_>, index: impl FnOnce() -> Option<Index>) -> Vec<Fault> {
    let mut lacks = Vec::new();
    for call in build.record.failed_work() {
        match call.kind {
            Kind::Link => lacks.extend(build.libraries(call)),
            _ => lacks.extend(build.header(call)),
        }
    }
    if build.failed && build.record.failed_work().is_empty() {
        lacks = build.configured();
    }
    let index = if lacks.is_empty() { None } else { index() };
    let mut seen = BTreeSet::new();
    lacks.retain(|lack| seen.insert(lack.message.clone()));
    let fault = |lack: Lack| Fault { hint: Some(mend(&lack.name, index.as_ref())), message: lack.message };
    lacks.into_iter().map(fault).collect()
}

impl Build<'_> {
    fn machine(&self) -> &str {
        &self.family.target.machine
    }

    /// Libraries by `-l` that a link did not find.
    fn libraries(&self, call: &Call) -> Vec<Lack> {
        let Ok(detail) = self.record.detail(call) else { return Vec::new() };
        let missing = between(self.said, &LINKERS);
        let mut names: Vec<String> = Vec::new();
        let mut words = detail.given().iter().map(|word| word.lossy().into_owned());
        while let Some(word) = words.next() {
            let name = match word.strip_prefix("-l") {
                Some("") => words.next(),
                Some(name) => Some(name.to_owned()),
                None => None,
            };
            names.extend(
                name.filter(|name| missing.contains(name) && !OF_THE_COMPILER.contains(&name.as_str())),
            );
        }
        let looked = looked(&detail, "host-libraries");
        let lack = |name: String| Lack {
            message: format!(
                "the link of {} asks for the library {name}, and there is none for {}{looked} (call {})",
                product(call),
                self.machine(),
                call.id
            ),
            name,
        };
        names.into_iter().map(lack).collect()
    }

    /// The header that a compile did not find.
    fn header(&self, call: &Call) -> Option<Lack> {
        let inputs: Vec<PathBuf> = call.inputs.iter().map(|input| call.resolve(input)).collect();
        let files: Vec<String> = inputs
            .iter()
            .filter_map(|path| path.file_name())
            .map(|name| format!("{}:", name.to_string_lossy()))
            .collect();
        let mut lines =
            self.said.lines().filter(|line| files.iter().any(|file| line.contains(file.as_str())));
        let header = lines.find_map(|line| between(line, &COMPILERS).into_iter().next())?;
        // What lies in the package is not for others to bring.
        let name = Path::new(&header).file_stem()?.to_string_lossy().into_owned();
        let source = inputs
            .first()
            .map_or_else(PathBuf::new, |path| path.strip_prefix(self.source).unwrap_or(path).to_owned());
        let looked =
            self.record.detail(call).map(|detail| looked(&detail, "host-headers")).unwrap_or_default();
        Some(Lack {
            message: format!(
                "the compile of {} asks for the header {header}, and there is none for {}{looked} (call {})",
                source.display(),
                self.machine(),
                call.id
            ),
            name,
        })
    }

    /// What a configure step gave up for; if it does not say, what it asked pkg-config for.
    fn configured(&self) -> Vec<Lack> {
        let text = format!("\n{}", self.said);
        let mut lacks: Vec<Lack> = between(&text, &CONFIGURES)
            .into_iter()
            .map(|name| Lack {
                message: format!("the build asks for {name}, and there is none for {}", self.machine()),
                name,
            })
            .collect();
        if lacks.is_empty() {
            let asked = pkg_config::lacking(self.asked).into_iter().map(|name| Lack {
                message: format!(
                    "the build asked pkg-config for {name}, which it does not have for {}",
                    self.machine()
                ),
                name,
            });
            lacks.extend(asked);
        }
        lacks
    }
}

/// The folders of this machine that a call names, which a rule has dropped: there the package may have seen what it now
/// lacks.
fn looked(detail: &Detail, rule: &str) -> String {
    let edits = detail.edits.iter().filter(|edit| edit.rule == rule);
    let words = edits.flat_map(|edit| edit.before.iter().map(|word| word.lossy().into_owned()));
    let folder = |word: String| word.find('/').map(|at| word[at..].to_owned());
    let folders: BTreeSet<String> = words.filter_map(folder).collect();
    if folders.is_empty() {
        return String::new();
    }
    let list: Vec<String> = folders.into_iter().collect();
    format!("; the package names {}, where those of this machine are", list.join(", "))
}

fn product(call: &Call) -> String {
    let output = call.outputs.first().map(|output| call.resolve(output));
    output.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

/// What stands between two texts, sorted, each once; it is one word.
fn between(text: &str, marks: &[(&str, &str)]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (start, end) in marks {
        for rest in text.split(start).skip(1) {
            let word = rest.split_once(end).map_or(rest, |(word, _)| word);
            let word = word.split(char::is_whitespace).next().unwrap_or_default();
            let is_whole = rest
                .get(word.len()..)
                .is_some_and(|rest| rest.trim_start_matches(' ').starts_with(end.trim_start()));
            if !word.is_empty() && (is_whole || *end == "\n") {
                out.insert(word.to_owned());
            }
        }
    }
    out
}

/// What to do about it.
fn mend(name: &str, index: Option<&Index>) -> String {
    let package = index.and_then(|index| package(name, index));
    let named = package.as_deref().unwrap_or("PACKAGE,…");
    let such = match (&package, index) {
        (Some(_), _) => String::new(),
        (None, None) => format!(" such as lib{}-dev", stem(name)),
        (None, Some(_)) => " (packages.debian.org tells which one has a file)".to_owned(),
    };
    format!(
        "`--libraries {named}` gives the build packages of Debian for the target{such}, `--sysroot DIR` a folder of \
         yours; if the package can do without it, a setting of its own may turn it off"
    )
}

/// The name of a library without what varies: `ffi` of `libffi`.
fn stem(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    name.trim_end_matches(|last: char| last.is_ascii_digit() || matches!(last, '.' | '-' | '_')).to_owned()
}

/// The package with headers that a library of this name is likely to be in.
fn package(name: &str, index: &Index) -> Option<String> {
    let stem = stem(name);
    if stem.is_empty() {
        return None;
    }
    for name in [format!("lib{stem}-dev"), format!("{stem}-dev")] {
        let wanted = Wanted { name, version: None };
        if let Some(package) = index.candidates(&wanted).next() {
            return Some(package.name.clone());
        }
    }
    // `libzmq3-dev`, `zlib1g-dev`: the version of the interface stands behind.
    let mut near: Vec<&str> = index
        .names()
        .filter(|name| {
            let rest = name.strip_suffix("-dev").map(|name| name.strip_prefix("lib").unwrap_or(name));
            let rest = rest.and_then(|name| {
                name.strip_prefix(stem.as_str()).or_else(|| name.strip_prefix(&format!("lib{stem}")))
            });
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        })
        .collect();
    near.sort_by_key(|name| (name.len(), name.to_owned()));
    near.first().map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_read_from_what_linkers_and_compilers_say() {
        let all = |text: &str, marks: &[(&str, &str)]| {
            between(text, marks).into_iter().collect::<Vec<_>>().join(" ")
        };
        let said = "/usr/bin/ld: cannot find -lffi: No such file or directory\nld.lld: error: unable to find library -lzmq\n\
                    error: unable to find dynamic system library 'jpeg' using strategy 'paths_first'. searched paths:";
        assert_eq!(all(said, &LINKERS), "ffi jpeg zmq");
        let said = "a.c:1:10: fatal error: 'ffi.h' file not found\na.c:3:10: fatal error: zmq/zmq.h: No such file or directory\n\
                    a.c:2:3: error: expected ';'";
        assert_eq!(all(said, &COMPILERS), "ffi.h zmq/zmq.h");
        let said = "-- Could NOT find Doxygen (missing: X)\nCMake Error at F.cmake:230 (message):\n  Could NOT find ZLIB (missing: ZLIB_LIBRARY)\n\
                    meson.build:3:0: ERROR: Dependency \"libffi\" not found, tried pkgconfig\n";
        assert_eq!(all(said, &CONFIGURES), "ZLIB libffi");
    }

    #[test]
    fn the_package_is_guessed_by_the_name_of_the_library() {
        let entry = |(name, more): &(&str, &str)| {
            format!(
                "Package: {name}\nVersion: 1\nFilename: p/{name}.deb\nSize: 1\nSHA256: {}\n{more}\n",
                "a".repeat(64)
            )
        };
        let all = [
            ("libffi-dev", ""),
            ("libzmq3-dev", ""),
            ("zlib1g-dev", "Provides: libz-dev\n"),
            ("libjpeg-dev", ""),
            ("libjpeg62-turbo-dev", ""),
            ("libzmqpp-dev", ""),
        ];
        let index = Index::parse(&all.iter().map(entry).collect::<Vec<_>>().join("\n")).expect("an index");
        for (name, found) in [
            ("ffi", Some("libffi-dev")),
            ("libffi", Some("libffi-dev")),
            ("z", Some("zlib1g-dev")),
            ("zlib", Some("zlib1g-dev")),
            ("ZLIB", Some("zlib1g-dev")),
            ("zmq", Some("libzmq3-dev")),
            ("jpeg", Some("libjpeg-dev")),
            ("nothing", None),
        ] {
            assert_eq!(package(name, &index).as_deref(), found, "{name}");
        }
    }
}
