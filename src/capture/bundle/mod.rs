//! A reproducer of one call: a folder in which the call happens again without the tree it happened in.
//!
//! Files of the build lie under `root/` at their own paths, so that relative names hold; `.root`, a link in the working
//! folder, stands for `/` in names from the root, and is taken out of what the tool says. A compile comes in
//! two forms: *preprocessed*, one file that needs no header, and *sources*, the files as they are. Where the
//! preprocessor itself fails, and for links and archives, there are only the files.
//!
//! | module | subject |
//! |---|---|
//! | `command` | the call's arguments, and what becomes of them in a bundle |
//! | `unfold` | files of arguments read in, precompiled headers left out |
//! | `parts` | options with their values, inputs |
//! | `gather` | which files it needs |
//! | `opened` | files that the call is seen to open |
//! | `pack` | what is in the bundle: to a folder, to an archive |
//! | `script` | `run.sh` and `README.md` |

mod command;
mod gather;
mod opened;
mod pack;
mod parts;
mod script;
mod unfold;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use crosswheel_shim::plan::Kind;
use regex::bytes::Regex;

use super::log::{Call, Log, Outcome};
use super::rerun::{Rerun, Which, is_stream};
use super::text::Text;
use crate::error::{Error, IoContext, Result};
use crate::toolchain::ask::{Manner, ask};
use command::CallWords;
use gather::Gathered;
use opened::Watched;
use pack::Pack;
use script::Script;

/// One way to run what a bundle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A source that was preprocessed.
    Preprocessed,
    /// Files as they were.
    Files,
}

impl Form {
    /// As `run.sh` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preprocessed => "preprocessed",
            Self::Files => "files",
        }
    }
}

/// What a bundle that was made is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Forms that it holds, the one that `run.sh` runs first.
    pub forms: Vec<Form>,
    /// Files in it.
    pub files: usize,
    /// How the first form ended here, as a shell says it.
    pub status: i32,
    /// How the call ended then, as a shell says it; `None` if it is not known.
    pub expected: Option<i32>,
    /// Whether it said here what the call says in its own tree now; `None` where that cannot be asked without changing
    /// the tree.
    pub same_words: Option<bool>,
    /// Files of the build that the first form read at their places on this machine.
    pub outside: Vec<Text>,
}

/// Makes a bundle of a call and writes it to `out`, a gzipped tar archive.
pub fn bundle(log: &Log, call: &Call, out: &Path) -> Result<Bundled> {
    let is_pipe = |input: &&Text| is_stream(input) && input.bytes() != b"/dev/null";
    if let Some(input) = call.inputs.iter().find(is_pipe) {
        let hint = format!(
            "what is read from a pipe is not recorded, so it cannot be packed; `crosswheel log rerun {} < FILE` runs the \
             call on what you give it",
            call.id
        );
        return Err(
            Error::usage(format!("call {} reads its input from `{}`", call.id, input.quoted())).hint(hint)
        );
    }
    let rerun = Rerun::of(log, call, Which::AsRun)?;
    rerun.prepare(log, call)?;
    let words = CallWords::read(log, call, &rerun)?;
    let reference = reference(&words)?;
    let opened = reference.as_ref().and_then(|said| said.opened.as_ref());
    let mut gathered = gather::gather(call, &words, opened)?;
    let versions = versions(&words);
    let (begin, end) = log.raw(call)?;
    let record = [log.session_line()?, begin, end.unwrap_or_default()].join(&b'\n');
    let expected = expected(call);
    let texts = |gathered: &Gathered, forms: &[Form]| {
        Script { call, rerun: &rerun, words: &words, gathered }.run(forms)
    };

    let attempt = |gathered: &Gathered| -> Result<Vec<Tried>> {
        let mut tried = Vec::new();
        for form in gathered.forms() {
            let tree = tempfile::tempdir().context("cannot make a folder in", std::env::temp_dir())?;
            let pack = Pack::new(gathered, &words, &texts(gathered, &[form]), &[], &record, &versions)?;
            pack.write_to(tree.path())?;
            let run = || {
                let mut run = Command::new("sh");
                run.arg(tree.path().join("run.sh")).current_dir("/");
                run
            };
            let said = if opened.is_some() { watched(run)? } else { output(&mut run())? };
            let same_words = reference.as_ref().map(|reference| same(&reference.stderr, &said.stderr));
            let outside = gathered.of_build(said.opened.unwrap_or_default());
            let outside = outside.filter(|path| !path.path().starts_with(tree.path())).collect();
            tried.push(Tried { form, status: said.status, same_words, outside });
        }
        Ok(tried)
    };
    let worth = |tried: &Tried| {
        (Some(tried.status) == expected, tried.same_words != Some(false), tried.outside.is_empty())
    };
    let right = |tried: &Tried| worth(tried) == (true, true, true);
    let mut tried = attempt(&gathered)?;
    if !gathered.precompiled.is_empty() && !tried.iter().any(right) {
        gathered = gathered.with_precompiled();
        tried = attempt(&gathered)?;
    }
    // The form that tells most of what the call told; between equals, the one that needs least.
    tried.sort_by_key(|tried| std::cmp::Reverse(worth(tried)));
    let Some(first) = tried.first().cloned() else {
        return Err(Error::failed(format!("call {} holds nothing that can be packed", call.id)));
    };
    let forms: Vec<Form> = tried.iter().map(|tried| tried.form).collect();
    let bundled = Bundled {
        forms: forms.clone(),
        files: gathered.files.len(),
        status: first.status,
        expected,
        same_words: first.same_words,
        outside: first.outside,
    };
    let script = Script { call, rerun: &rerun, words: &words, gathered: &gathered };
    let readme = script.readme(&bundled);
    Pack::new(&gathered, &words, &texts(&gathered, &forms), &readme, &record, &versions)?
        .write_archive(out)?;
    Ok(bundled)
}

#[derive(Clone)]
struct Tried {
    form: Form,
    status: i32,
    same_words: Option<bool>,
    outside: Vec<Text>,
}

/// How a call ended, as a shell says it. A call that went well only without `-Werror` failed as it was run.
fn expected(call: &Call) -> Option<i32> {
    match call.outcome() {
        Outcome::Succeeded if call.end.as_ref().is_some_and(|end| end.retry.is_some()) => Some(1),
        Outcome::Succeeded => Some(0),
        Outcome::Exit(status) => Some(status),
        Outcome::Signal(signal) => Some(128 + signal),
        Outcome::Refused | Outcome::NoStatus | Outcome::InFlight => None,
    }
}

/// What a run said.
struct Said {
    /// As a shell says it.
    status: i32,
    stderr: Vec<u8>,
    /// Files that were opened, if it could be watched.
    opened: Option<BTreeSet<Text>>,
}

/// What the call says in its own tree, with its outputs led elsewhere.
fn reference(words: &CallWords) -> Result<Option<Said>> {
    // An archiver changes its archive in place, and others their input.
    // Several outputs cannot be named.
    if !matches!(words.kind, Kind::Compile | Kind::Assemble | Kind::Link) || words.outputs.len() > 1 {
        return Ok(None);
    }
    let elsewhere = tempfile::tempdir().context("cannot make a folder in", std::env::temp_dir())?;
    // What a script opens, its own libraries and settings, is no part of the build.
    let command = || words.elsewhere(elsewhere.path());
    let mut said = if is_script(words.real.path()) { output(&mut command())? } else { watched(command)? };
    // A linker tells what is wrong with its output by the name of that.
    if let Some(output) = words.outputs.first() {
        let out = elsewhere.path().join("out");
        said.stderr = replaced(&said.stderr, out.as_os_str().as_encoded_bytes(), output.bytes());
    }
    Ok(Some(said))
}

fn replaced(text: &[u8], this: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, this) {
        out.extend([&text[from..at], by].concat());
        from = at + this.len();
    }
    out.extend_from_slice(&text[from..]);
    out
}

fn is_script(program: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    std::fs::File::open(program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// Runs a command that was made here, and sees what it opens, if that can be seen.
fn watched(command: impl Fn() -> Command) -> Result<Said> {
    match opened::watch(command()).context("cannot watch", command().get_program())? {
        Some(watched) => {
            let Watched { status, stderr, opened } = watched;
            Ok(Said { status, stderr, opened: Some(opened) })
        }
        None => output(&mut command()),
    }
}

/// Runs a command that was made here.
fn output(command: &mut Command) -> Result<Said> {
    use std::os::unix::process::ExitStatusExt;
    let program = command.get_program().to_owned();
    let out = command.stdin(Stdio::null()).output().context("cannot run", &program)?;
    let status = out.status.code().or_else(|| out.status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(Said { status, stderr: out.stderr, opened: None })
}

/// Whether two runs said the same. Compilers draw a name for each object and assembler file of their own, and a linker
/// or an assembler names it in what it says.
fn same(one: &[u8], two: &[u8]) -> bool {
    static DRAWN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"/(?:cc[A-Za-z0-9]{6}|[^/\s:]+-[0-9a-f]{6})\b").ok());
    let plain = |text: &[u8]| match &*DRAWN {
        Some(drawn) => drawn.replace_all(text, &b"/*"[..]).into_owned(),
        None => text.to_vec(),
    };
    plain(one) == plain(two)
}

/// What the tool, and those that it calls, say of their versions.
fn versions(words: &CallWords) -> Vec<u8> {
    let path = std::env::var_os(crate::environment::PATH).unwrap_or_default();
    let manner = Manner { path: &path, cwd: Path::new("/"), patience: Duration::from_secs(20) };
    let mut text = format!("crosswheel {}\n", env!("CARGO_PKG_VERSION"));
    let mut tell = |program: &Path| {
        let said = ask(program, &["--version"], manner).unwrap_or_else(|why| format!("({why})\n"));
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{} --version\n{said}", program.display());
    };
    let real = words.real.path();
    tell(real);
    for helper in ["as", "ld"].iter().filter(|_| words.driver) {
        let Ok(said) = ask(real, &[&format!("-print-prog-name={helper}")], manner) else { break };
        let program = crate::toolchain::path::find(said.trim(), &path, Path::new("/"));
        if let Some(program) = Some(Path::new(said.trim()).to_owned()).filter(|p| p.is_absolute()).or(program)
        {
            tell(&program);
        }
    }
    text.into_bytes()
}

/// A path from the root, `.` and `..` taken out of it without looking at links.
fn absolute(folder: &Text, named: &[u8]) -> Text {
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Component, PathBuf};
    let mut out = PathBuf::new();
    for part in folder.path().join(Text::from(named).path()).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = out.pop(),
            part => out.push(part),
        }
    }
    Text::from(out.as_os_str().as_bytes())
}
