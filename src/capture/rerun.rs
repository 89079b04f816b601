//! The command of a call, put together again from the record: what ran, where, and with which variables. Response
//! files that are gone are had back from the record. Nothing is run here, and nothing is guessed: what cannot be
//! known any more is an error.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crosswheel_shim::args::{Files, Line};

use super::detail::Detail;
use super::grammar::Table;
use super::log::{Call, Log, Outcome};
use super::text::Text;
use crate::build::work;
use crate::error::{Error, Result};
use crate::toolchain::Toolchains;

/// Which command of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// As the shim ran it.
    AsRun,
    /// As the caller gave it, by the real tool.
    Original,
}

/// A command that can be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerun {
    /// Program and arguments.
    pub words: Vec<Word>,
    /// How many of the words stand ahead of the tool's own arguments: the program, or a compiler cache with its
    /// settings and the program.
    pub head: usize,
    /// Working folder.
    pub folder: Text,
    /// Variables to set, as they were then.
    pub set: BTreeMap<String, Text>,
    /// Variables that the record would show, and that were not set.
    pub unset: Vec<String>,
}

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// An argument.
    Arg(Text),
    /// A response file that is gone, or is another one now, with the arguments that were in it.
    Lost {
        /// The argument that named it: `@` and the path.
        named: Text,
        /// What it held, files inside of it read in.
        words: Vec<Text>,
    },
}

impl Rerun {
    /// The command of a call of this log.
    pub fn of(log: &Log, call: &Call, which: Which) -> Result<Self> {
        let detail = log.detail(call)?;
        if which == Which::AsRun && call.outcome() == Outcome::Refused {
            return Err(Error::usage(format!("call {} was refused: nothing ran", call.id))
                .hint("`--original` runs the arguments as received, by the real tool"));
        }
        let Some(folder) = call.cwd.clone() else {
            return Err(Error::failed(format!(
                "call {} ran in a folder that had been deleted, and cannot run again",
                call.id
            )));
        };
        let (head, args) = command(&detail, which);
        let count = head.len();
        let mut words: Vec<Word> = head.into_iter().map(Word::Arg).collect();
        words.extend(arguments(call, &detail, args)?);
        let mut set = detail.env;
        if let Some(flags) = set.get_mut("MAKEFLAGS") {
            *flags = without_jobserver(flags);
        }
        let shown = Toolchains::builtin()?.env_allow();
        let unset = shown.into_iter().filter(|name| !set.contains_key(name)).collect();
        Ok(Self { words, head: count, folder, set, unset })
    }

    /// Program and arguments with every response file of the record read in.
    #[must_use]
    pub fn flat(&self) -> Vec<&Text> {
        let mut all = Vec::new();
        for word in &self.words {
            match word {
                Word::Arg(arg) => all.push(arg),
                Word::Lost { words, .. } => all.extend(words),
            }
        }
        all
    }

    /// Makes sure that the call has what it had: its folder, its tool, and, if it went well then, its inputs. (An input
    /// that is missing may be what a failed call failed of.) A tree that `build` has set aside is put back in its place.
    pub fn prepare(&self, log: &Log, call: &Call) -> Result<()> {
        let folder = self.folder.path();
        work::put_back(folder, &log.session.family)?;
        if !folder.is_dir() {
            return Err(Error::failed(format!(
                "the working folder of call {} is gone: {}",
                call.id,
                folder.display()
            ))
            .hint("`crosswheel build --keep` keeps it, and so does a build that fails"));
        }
        if call.outcome() != Outcome::Succeeded {
            return Ok(());
        }
        let gone =
            |named: &&Text| !is_stream(named) && std::fs::symlink_metadata(call.resolve(named)).is_err();
        match call.inputs.iter().find(gone) {
            Some(gone) => Err(Error::failed(format!(
                "an input of call {} is gone: {}",
                call.id,
                call.resolve(gone).display()
            ))
            .hint(format!(
                "{} tells which call made it, if one did",
                log.command(&format!("why {}", gone.quoted()))
            ))),
            None => Ok(()),
        }
    }
}

/// Standard input or output, by any of its names.
#[must_use]
pub(super) fn is_stream(named: &Text) -> bool {
    matches!(named.bytes(), b"-" | b"/dev/stdin" | b"/dev/stdout" | b"/dev/null")
        || named.bytes().starts_with(b"/dev/fd/")
}

/// What stands ahead of the tool's arguments, and these.
fn command(detail: &Detail, which: Which) -> (Vec<Text>, &[Text]) {
    let ahead = ahead(detail);
    if let Some(run) = detail.run.as_deref().filter(|_| which == Which::AsRun) {
        let launched =
            detail.launcher.as_ref().and_then(|_| run.iter().position(|word| *word == detail.real));
        let ahead = launched.map_or(1, |at| at + 1) + detail.lead.len();
        let (head, args) = run.split_at(ahead.min(run.len()));
        return (head.to_vec(), args);
    }
    let args = detail.argv.get(ahead..).unwrap_or_default();
    let settings = if detail.via.is_some() { &detail.argv[1..ahead - 1] } else { &[] };
    // A cache that stands in for a compiler of its own accord is the shim's doing; one that was called by name is not.
    let launcher = detail.launcher.iter().filter(|_| detail.via.is_some() || which == Which::AsRun);
    let head = launcher.chain(settings).chain([&detail.real]).chain(&detail.lead).cloned().collect();
    (head, args)
}

/// How many words of `argv` stand ahead of the tool's arguments: `cc`, or `ccache KEY=VALUE… cc`.
fn ahead(detail: &Detail) -> usize {
    if detail.via.is_none() {
        return 1;
    }
    let setting = |word: &&Text| {
        let bytes = word.bytes();
        bytes.contains(&b'=') && !bytes.contains(&b'/') && !bytes.starts_with(b"-")
    };
    let settings = detail.argv.iter().skip(1).take_while(setting).count();
    (settings + 2).min(detail.argv.len().max(1))
}

fn arguments(call: &Call, detail: &Detail, args: &[Text]) -> Result<Vec<Word>> {
    let bytes: Vec<&[u8]> = args.iter().map(Text::bytes).collect();
    // None were read in then: what looks like one is an argument like others.
    if detail.expanded.is_none() {
        return Ok(args.iter().cloned().map(Word::Arg).collect());
    }
    let line = Line::read(&bytes, &Table { detail });
    let mut words = Vec::with_capacity(args.len());
    for (origin, arg) in args.iter().enumerate() {
        let Some(path) = arg.bytes().strip_prefix(b"@").filter(|path| !path.is_empty()) else {
            words.push(Word::Arg(arg.clone()));
            continue;
        };
        if line.files().contains(&origin) {
            if stands(call, &line, origin) {
                words.push(Word::Arg(arg.clone()));
            } else {
                let held = line.words().iter().filter(|word| word.origin == origin);
                let held = held.map(|word| Text::from(&*word.text)).collect();
                words.push(Word::Lost { named: arg.clone(), words: held });
            }
        } else if std::fs::metadata(call.resolve(&Text::from(path))).is_ok() {
            words.push(Word::Arg(arg.clone()));
        } else {
            return Err(Error::failed(format!(
                "the response file `{}` of call {} is gone, and the record does not hold it",
                Text::from(path).quoted(),
                call.id
            ))
            .hint(format!("`crosswheel log show {}` shows the arguments with it read in", call.id)));
        }
    }
    Ok(words)
}

/// Response files as they are now.
pub(super) struct Disk<'c>(pub(super) &'c Call);

impl Files for Disk<'_> {
    fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        std::fs::read(self.0.resolve(&Text::from(path))).ok()
    }
}

/// Whether a response file, with those that it names, still holds the words that it held.
fn stands(call: &Call, line: &Line<'_>, origin: usize) -> bool {
    let Some(path) = line.argv().get(origin).and_then(|arg| arg.strip_prefix(b"@")) else { return true };
    let argument = [b"@", path].concat();
    let alone = [argument.as_slice()];
    let disk = Line::read(&alone, &Disk(call));
    let then = line.words().iter().filter(|word| word.origin == origin).map(|word| &word.text);
    disk.words().iter().map(|word| &word.text).eq(then)
}

/// `MAKEFLAGS` without the jobserver, whose pipe is gone: a compiler that looks for it would warn.
fn without_jobserver(flags: &Text) -> Text {
    let keep = |word: &&[u8]| !word.starts_with(b"--jobserver-");
    let words: Vec<&[u8]> = flags.bytes().split(|byte| *byte == b' ').filter(keep).collect();
    Text(words.join(&b' '))
}

/// A folder for response files that are written anew, and their names in the command.
pub struct Materialised {
    /// Program and arguments.
    pub argv: Vec<Text>,
    /// Keeps the files; `None` if there are none.
    _files: Option<tempfile::TempDir>,
}

impl Rerun {
    /// Writes the response files that are gone, for as long as the result lives.
    pub fn materialise(&self) -> Result<Materialised> {
        use crate::error::IoContext;
        let mut files: Option<tempfile::TempDir> = None;
        let mut argv = Vec::with_capacity(self.words.len());
        for word in &self.words {
            match word {
                Word::Arg(arg) => argv.push(arg.clone()),
                Word::Lost { words, .. } => {
                    if files.is_none() {
                        let folder =
                            tempfile::tempdir().context("cannot make a folder in", std::env::temp_dir())?;
                        files = Some(folder);
                    }
                    let Some(folder) = &files else { continue };
                    let path: PathBuf = folder.path().join(format!("{}.rsp", argv.len()));
                    let content = crosswheel_shim::args::response::join(words.iter().map(Text::bytes));
                    std::fs::write(&path, content).context("cannot write", &path)?;
                    argv.push(Text::from(format!("@{}", path.display()).as_str()));
                }
            }
        }
        if too_long(&argv) {
            // As the shim did then.
            let folder = match files.take() {
                Some(folder) => folder,
                None => tempfile::tempdir().context("cannot make a folder in", std::env::temp_dir())?,
            };
            let path = folder.path().join("all.rsp");
            let content = crosswheel_shim::args::response::join(
                argv.drain(self.head..).map(|arg| arg.0).collect::<Vec<_>>().iter().map(Vec::as_slice),
            );
            std::fs::write(&path, content).context("cannot write", &path)?;
            argv.push(Text::from(format!("@{}", path.display()).as_str()));
            files = Some(folder);
        }
        Ok(Materialised { argv, _files: files })
    }
}

/// Whether Linux would not take a line: one argument of 128 KiB, or, with room for the environment, 2 MiB of them all.
fn too_long(argv: &[Text]) -> bool {
    argv.iter().any(|arg| arg.bytes().len() + 1 >= 128 << 10)
        || argv.iter().map(|arg| arg.bytes().len() + 9).sum::<usize>() > 3 << 19
}
