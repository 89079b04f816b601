//! Finds the compilers and the tools around them on a `PATH`, and asks each compiler what it is.
//!
//! Names are pinned to absolute paths here, once, so that no call of a build ever looks for "the next gcc that
//! is not me". A compiler cache that stands under a compiler's name is seen through, whether it is a link, a
//! hard link or a copy. Nothing is guessed: a compiler that does not say what it is stays a tool that is recorded
//! and never rewritten, and a remark says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crosswheel_shim::plan::{Dialect, Role};

use super::ask::{Manner, ask};
use super::path::{folders, is_executable, is_shim_folder};
use super::{NameMatch, Toolchains};

/// Version of a compiler: major, minor, patch.
pub type Version = (u32, u32, u32);

/// One name that the shim will answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// File name under which it is called.
    pub name: String,
    /// Absolute path of what really runs, links not followed.
    pub real: PathBuf,
    /// Arguments ahead of every call's: the command of `real` that is meant.
    pub lead: Vec<String>,
    /// Arguments behind these in calls that only ask.
    pub asks: Vec<String>,
    /// Absolute path of the compiler cache that stood in front of it.
    pub launcher: Option<PathBuf>,
    /// What the name stands for.
    pub role: Role,
    /// How its arguments are read.
    pub dialect: Dialect,
    /// Machine that it makes code for, as it says itself; empty if it was not asked.
    pub machine: String,
    /// Its version, as it says itself.
    pub version: Option<Version>,
    /// Recorded and left as it is: in a cross build, a tool of this machine.
    pub plain: bool,
}

/// Something that the user should know about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// The name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is the matter: a fragment.
    pub what: String,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The tools, by name.
    pub tools: Vec<Found>,
    /// What could not be used, or only in part; by name.
    pub remarks: Vec<Remark>,
}

/// A program to pin under a name of our choice, though it is not (or not first) on `PATH`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extra {
    /// The name in the shim folder.
    pub name: String,
    /// Absolute path of the program; its own file name says what it is.
    pub program: PathBuf,
}

/// Looks along `manner.path`, and at `extra`.
#[must_use]
pub fn discover(toolchains: &Toolchains, manner: Manner<'_>, extra: &[Extra]) -> Discovery {
    let hits = scan(toolchains, manner);
    let caches = Caches::among(toolchains, &hits);
    let mut found = Discovery::default();
    let mut tools = Vec::new();
    let extras = extra.iter().filter_map(|extra| {
        let base = extra.program.file_name()?.to_str()?;
        let later = hits.get(base).map(|hit| hit.paths.clone()).unwrap_or_default();
        let paths = std::iter::once(extra.program.clone()).chain(later).collect();
        Some((extra.name.clone(), Hits { is: toolchains.classify_name(base)?, paths }))
    });
    let extras: BTreeMap<String, Hits> = extras.collect();
    let mut stacks = BTreeSet::new();
    for (name, hits) in hits.iter().filter(|(name, _)| !extras.contains_key(*name)).chain(&extras) {
        match see_through(hits, &caches, toolchains) {
            Ok((real, stack)) => {
                // Told once, however many names it has.
                if stack.len() > 1 && stacks.insert(stack.clone()) {
                    found.remarks.push(stacked(name, &stack));
                }
                tools.push((name, &hits.is, real, stack.into_iter().next()));
            }
            Err(remark) => found.remarks.push(Remark { name: name.clone(), ..remark }),
        }
    }
    let answers =
        ask_all(toolchains, &tools.iter().map(|(_, is, real, _)| (*is, *real)).collect::<Vec<_>>(), manner);
    for ((name, is, real, launcher), answer) in tools.into_iter().zip(answers) {
        let (dialect, machine, version) = match answer {
            Some(Ok(said)) => (said.dialect, said.machine, said.version),
            Some(Err(why)) => {
                let what = format!("{why}; its calls are recorded and not rewritten");
                found.remarks.push(Remark { name: name.clone(), path: real.clone(), what });
                (Dialect::Plain, String::new(), None)
            }
            None => (unasked_dialect(is), String::new(), None),
        };
        let (name, real, role) = (name.clone(), real.clone(), is.role);
        let (lead, asks) = (Vec::new(), Vec::new());
        found.tools.push(Found {
            name,
            real,
            lead,
            asks,
            launcher,
            role,
            dialect,
            machine,
            version,
            plain: false,
        });
    }
    found.tools.sort_by(|a, b| a.name.cmp(&b.name));
    found.remarks.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The first program of each name on `PATH` that a toolchain file knows.
pub(super) fn names_on_path(toolchains: &Toolchains, manner: Manner<'_>) -> BTreeMap<String, PathBuf> {
    let hits = scan(toolchains, manner).into_iter();
    hits.filter_map(|(name, hits)| Some((name, hits.paths.into_iter().next()?))).collect()
}

/// All programs of one name, in the order of `PATH`.
struct Hits {
    is: NameMatch,
    paths: Vec<PathBuf>,
}

/// Every program on `PATH` whose file name a toolchain file knows.
fn scan(toolchains: &Toolchains, manner: Manner<'_>) -> BTreeMap<String, Hits> {
    let mut hits = BTreeMap::<String, Hits>::new();
    let mut seen = Vec::new();
    for folder in folders(manner.path, manner.cwd) {
        // What cannot be read has nothing to run by a search either.
        if seen.contains(&folder) || is_shim_folder(&folder) {
            continue;
        }
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        seen.push(folder);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let Some(is) = toolchains.classify_name(name) else { continue };
            if is_executable(&entry.path()) {
                let hit = hits.entry(name.to_owned()).or_insert_with(|| Hits { is, paths: Vec::new() });
                hit.paths.push(entry.path());
            }
        }
    }
    hits
}

/// The compiler caches on `PATH`.
struct Caches(Vec<(PathBuf, fs::Metadata)>);

impl Caches {
    /// A script, or a link to another program, is a dispatcher under a cache's name (of a version manager,
    /// of a wrapper); that the same file also stands under compilers' names makes none of them a cache.
    fn among(toolchains: &Toolchains, hits: &BTreeMap<String, Hits>) -> Self {
        let known = hits.values().filter(|hits| hits.is.role == Role::Launcher);
        let caches = known.flat_map(|hits| &hits.paths).filter_map(|path| {
            let real = path.canonicalize().ok()?;
            let itself = real.file_name()?.to_str().is_some_and(|name| is_launcher(toolchains, name));
            (itself && !is_script(&real)).then(|| Some((path.clone(), fs::metadata(path).ok()?)))?
        });
        Self(caches.collect())
    }

    /// The cache that this program is: by the name that its links lead to, by being the same file, or by
    /// holding the same bytes.
    fn behind(&self, program: &Path, toolchains: &Toolchains) -> Option<PathBuf> {
        let real = program.canonicalize().ok()?;
        if real.file_name().and_then(OsStr::to_str).is_some_and(|name| is_launcher(toolchains, name)) {
            return Some(real);
        }
        let facts = fs::metadata(&real).ok()?;
        let same = |cache: &Path, other: &fs::Metadata| {
            (facts.dev(), facts.ino()) == (other.dev(), other.ino())
                || (facts.len() == other.len() && same_bytes(&real, cache))
        };
        self.0.iter().find(|(cache, other)| same(cache, other)).map(|(cache, _)| cache.clone())
    }
}

fn is_launcher(toolchains: &Toolchains, name: &str) -> bool {
    toolchains.classify_name(name).is_some_and(|is| is.role == Role::Launcher)
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

/// The first program that is no cache, and the caches that stood in front of it.
fn see_through<'a>(
    hits: &'a Hits,
    caches: &Caches,
    toolchains: &Toolchains,
) -> Result<(&'a PathBuf, Vec<PathBuf>), Remark> {
    let mut stack = Vec::new();
    for path in &hits.paths {
        // A cache under its own name is what the name says.
        let cache = if hits.is.role == Role::Launcher { None } else { caches.behind(path, toolchains) };
        match cache {
            Some(cache) if stack.contains(&cache) => {}
            Some(cache) => stack.push(cache),
            None => return Ok((path, stack)),
        }
    }
    let cache = stack.into_iter().next().unwrap_or_default();
    let what =
        format!("it is {} under another name, and there is no real one behind it on PATH", cache.display());
    Err(Remark { name: String::new(), path: hits.paths.first().cloned().unwrap_or_default(), what })
}

/// The first cache is the one that a call would reach. One behind it only makes a build faster, and a call has room for
/// one.
fn stacked(name: &str, stack: &[PathBuf]) -> Remark {
    let [first, second, ..] = stack else { return Remark::default() };
    let label = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (ahead, behind) = (label(first), label(second));
    let first = first.display();
    let way = if ahead == "ccache" {
        format!("; set CCACHE_PREFIX={behind} to have ccache call it")
    } else {
        String::new()
    };
    let what = format!("it stands behind {first}, and a call goes through one of them: it is left out{way}");
    Remark { name: name.to_owned(), path: second.clone(), what }
}

/// What a compiler says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    dialect: Dialect,
    machine: String,
    version: Option<Version>,
}

/// What makes two names one compiler: the file, and what it may read off its own name. clang takes its target
/// from a triplet in front of its name, and one script may stand under the names of several compilers.
type Identity = (PathBuf, Option<String>, Option<Dialect>);

/// One answer a tool; `None` for tools that are not asked. Each distinct compiler is asked once, several at a
/// time.
fn ask_all(
    toolchains: &Toolchains,
    tools: &[(&NameMatch, &PathBuf)],
    manner: Manner<'_>,
) -> Vec<Option<Result<Said, String>>> {
    let mut questions = BTreeMap::<Identity, &Path>::new();
    let mut whose = Vec::new();
    for (is, real) in tools {
        whose.push(is_driver(is.role).then(|| {
            let file = real.canonicalize().unwrap_or_else(|_| (*real).clone());
            let identity = (file, is.prefix.clone(), is.dialect_hint);
            questions.entry(identity.clone()).or_insert(real);
            identity
        }));
    }
    let waiting = Mutex::new(questions.iter());
    let answers = Mutex::new(BTreeMap::new());
    let workers =
        std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8).min(questions.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((identity, real)) = next(&waiting) {
                    let answer = ask_one(toolchains, real, manner);
                    if let Ok(mut answers) = answers.lock() {
                        answers.insert(identity, answer);
                    }
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap_or_default();
    whose
        .iter()
        .map(|identity| identity.as_ref().and_then(|identity| answers.get(identity).cloned()))
        .collect()
}

fn next<T>(waiting: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    waiting.lock().ok()?.next()
}

fn ask_one(toolchains: &Toolchains, real: &Path, manner: Manner<'_>) -> Result<Said, String> {
    let version = ask(real, &["--version"], manner).map_err(|why| format!("asked for `--version`, {why}"))?;
    let Some(dialect) = toolchains.recognise(&version) else {
        let first = version.lines().next().unwrap_or_default().trim();
        return Err(format!("it says `{first}`, which is no compiler that is known here"));
    };
    let machine =
        ask(real, &["-dumpmachine"], manner).map_err(|why| format!("asked for `-dumpmachine`, {why}"))?;
    Ok(Said { dialect, machine: machine.trim().to_owned(), version: version_in(&version) })
}

/// Whether a tool of this role is a compiler driver, which is asked what it is.
#[must_use]
pub fn is_driver(role: Role) -> bool {
    matches!(role, Role::Cc | Role::Cxx | Role::Fortran | Role::Cpp)
}

/// How tools that are not asked read their arguments.
fn unasked_dialect(is: &NameMatch) -> Dialect {
    match is.role {
        Role::Ld => Dialect::Ld,
        Role::Ar => Dialect::Ar,
        Role::Strip | Role::Objcopy => Dialect::Objcopy,
        _ => Dialect::Plain,
    }
}

/// The version in the first line of what `--version` prints: the first word that starts with a digit, outside of
/// the brackets in which distributions name themselves.
pub(super) fn version_in(output: &str) -> Option<Version> {
    let mut depth = 0_u32;
    let bare: String = output
        .lines()
        .next()?
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    let word = bare.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = word.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse().unwrap_or(0)
    });
    Some((parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_read_past_the_brackets_of_distributions() {
        for (line, version) in [
            ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0", (12, 2, 0)),
            ("x86_64-w64-mingw32-gcc (GCC) 12-win32", (12, 0, 0)),
            ("gcc (GCC) 13.2.1 20231011 (Red Hat 13.2.1-4)", (13, 2, 1)),
            ("Debian clang version 14.0.6", (14, 0, 6)),
            ("Ubuntu clang version 18.1.3 (1ubuntu1)", (18, 1, 3)),
            ("clang version 19.0.0git (https://example.org/llvm (1a2b) 3c)", (19, 0, 0)),
        ] {
            assert_eq!(version_in(line), Some(version), "{line}");
        }
        assert_eq!(version_in("some compiler"), None);
        assert_eq!(version_in(""), None);
    }
}
