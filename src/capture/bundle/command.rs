//! The call's arguments, and what becomes of them in a bundle.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crosswheel_shim::plan::{Dialect, Effect, Kind};

use super::super::log::{Call, Log};
use super::super::rerun::Rerun;
use super::super::text::Text;
use super::parts::{Part, parts};
use super::unfold::unfold;
use crate::environment::PATH;
use crate::error::Result;
use crate::toolchain::path::without_shims;

/// Options that only the preprocessor reads, by their spelling, with their value if they have one.
const PREPROCESSOR: &[&[u8]] = &[
    b"-A",
    b"-C",
    b"-CC",
    b"-D",
    b"-F",
    b"-H",
    b"-I",
    b"-P",
    b"-U",
    b"-Wp,",
    b"-Xpreprocessor",
    b"-cxx-isystem",
    b"-idirafter",
    b"-iframework",
    b"-imacros",
    b"-imultilib",
    b"-include",
    b"-iprefix",
    b"-iquote",
    b"-isysroot",
    b"-isystem",
    b"-isystem-after",
    b"-iwithprefix",
    b"-iwithprefixbefore",
    b"-nostdinc",
    b"-nostdinc++",
    b"-undef",
    b"--define-macro",
    b"--include-directory",
    b"--undefine-macro",
];

/// Options that ask for dependencies.
const DEPENDENCIES: &[&[u8]] =
    &[b"-M", b"-MD", b"-MF", b"-MG", b"-MJ", b"-MM", b"-MMD", b"-MP", b"-MQ", b"-MT"];

/// Options that have something written beside the output, by how they begin. The call says the same without them.
const ASIDE: &[&[u8]] = &[b"--save-temps", b"-Wp,-M", b"-fdump-", b"-ftime-trace", b"-save-temps"];

/// Words for a linker that name a file which it writes, each with what takes the file away again.
const REPORTS: &[(&[u8], &str)] =
    &[(b"-Map", "-Map=/dev/null"), (b"-dependency-file", "--dependency-file=/dev/null")];

/// Variables that hold lists of folders.
pub(super) const SEARCH_PATHS: &[&str] =
    &["COMPILER_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "OBJC_INCLUDE_PATH"];

/// Variables that name places of the machine that are of no use elsewhere, or make the tool write beside its output.
const LEFT_OUT: &[&str] = &["DEPENDENCIES_OUTPUT", "PWD", "SUNPRO_DEPENDENCIES", "TMPDIR"];

/// A call, read.
pub(super) struct CallWords {
    /// The tool that ran, a compiler cache left out.
    pub(super) real: Text,
    /// Arguments ahead of all others, where it is a command of that program.
    pub(super) lead: Vec<Text>,
    /// Its arguments, response files read in.
    pub(super) parts: Vec<Part>,
    /// The same, but with precompiled headers.
    whole: Vec<Part>,
    /// Variables to set.
    pub(super) set: BTreeMap<String, Text>,
    /// Variables to take away.
    pub(super) unset: Vec<String>,
    pub(super) folder: Text,
    /// Whether it is a compiler driver, which can be asked about its own files.
    pub(super) driver: bool,
    /// PATH for it, without shim folders.
    path: OsString,
    pub(super) kind: Kind,
    /// Languages of its sources.
    pub(super) lang: Vec<String>,
    /// Outputs as named.
    pub(super) outputs: Vec<Text>,
    /// What else is written, as named: dependencies, a linker's map.
    pub(super) aside: Vec<Text>,
    /// What libraries stood for.
    pub(super) libs: Vec<Text>,
}

impl CallWords {
    pub(super) fn read(log: &Log, call: &Call, rerun: &Rerun) -> Result<Self> {
        let detail = log.detail(call)?;
        let tool = log.session.tools.iter().find(|tool| tool.name == call.tool);
        let dialect = tool.and_then(|tool| Dialect::parse(&tool.dialect)).unwrap_or(Dialect::Plain);
        let flat = rerun.flat();
        let args: Vec<Text> = flat.into_iter().skip(rerun.head).cloned().collect();
        // Those that are there still are named as files; a bundle holds what is in them.
        let unfolded = unfold(log, call, &args);
        let read = |args: &[Vec<u8>]| parts(&args.iter().map(Vec::as_slice).collect::<Vec<_>>(), dialect);
        let (parts, whole) = (read(&unfolded.without_precompiled)?, read(&unfolded.all)?);
        let mut set = rerun.set.clone();
        set.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
        let left_out = LEFT_OUT.iter().map(|name| (*name).to_owned());
        let mut unset: Vec<String> = rerun.unset.iter().cloned().chain(left_out).collect();
        unset.sort();
        unset.dedup();
        let aside = detail.dep.into_iter().chain(reports(&parts)).collect();
        Ok(Self {
            real: detail.real,
            lead: detail.lead,
            parts,
            whole,
            set,
            unset,
            aside,
            folder: rerun.folder.clone(),
            driver: matches!(dialect, Dialect::Gcc | Dialect::Clang),
            path: without_shims(&std::env::var_os(PATH).unwrap_or_default(), rerun.folder.path()),
            kind: call.kind,
            lang: detail.lang,
            outputs: call.outputs.clone(),
            libs: detail.libs.into_iter().map(|lib| lib.path).collect(),
        })
    }

    /// The one source of a compile that a preprocessor can be asked about, and the ending of what it gives.
    pub(super) fn source(&self) -> Option<(&Part, &'static str)> {
        // A header that is compiled by itself gives no object; as a preprocessed source it would.
        if self
            .outputs
            .iter()
            .any(|output| output.bytes().ends_with(b".gch") || output.bytes().ends_with(b".pch"))
        {
            return None;
        }
        let ending = match self.lang.as_slice() {
            [one] => match one.as_str() {
                "c" => "i",
                "c++" => "ii",
                "objective-c" => "mi",
                "objective-c++" => "mii",
                _ => return None,
            },
            _ => return None,
        };
        let mut inputs = self.parts.iter().filter(|part| part.input);
        match (self.kind, inputs.next(), inputs.next()) {
            (Kind::Compile, Some(one), None) => Some((one, ending)),
            _ => None,
        }
    }

    /// The tool, which must find its own helpers and not the shim, with the variables of the call.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.real.path());
        command.args(self.lead.iter().map(Text::path));
        for name in &self.unset {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value.path())));
        command.env(PATH, &self.path);
        command
    }

    /// The command that preprocesses to stdout and names every header that it opens on stderr.
    pub(super) fn preprocess(&self) -> Command {
        let mut command = self.command();
        command.current_dir(self.folder.path());
        let keep =
            |part: &&Part| !is_output(part) && !is_stage(part) && !is_dependency(part) && !is_aside(part);
        command.args(with(&self.parts, keep, &["-E".into(), "-H".into()]));
        command
    }

    /// The command as it was, with its outputs in another folder, which is empty.
    pub(super) fn elsewhere(&self, to: &Path) -> Command {
        let mut command = self.command();
        command.current_dir(self.folder.path());
        let mut more: Vec<OsString> = Vec::new();
        if !self.whole.iter().any(|part| part.effect == Effect::SyntaxOnly) {
            more.extend(["-o".into(), to.join("out").into()]);
        }
        for (name, nowhere) in REPORTS {
            if self.linker_words().iter().any(|word| is_report(word, name)) {
                let nowhere = if self.driver { format!("-Wl,{nowhere}") } else { (*nowhere).to_owned() };
                more.push(nowhere.into());
            }
        }
        let fortran = self.driver && self.lang.iter().any(|lang| lang == "fortran");
        if fortran {
            // Modules are written there, and are still looked for where they were.
            more.extend(["-J".into(), to.into()]);
            for part in self.whole.iter().filter(|part| is_modules(part)) {
                more.extend(["-I".into(), Text::from(&*part.value).path().into()]);
            }
        }
        let keep = |part: &&Part| {
            !is_output(part) && !is_dependency(part) && !is_aside(part) && !(fortran && is_modules(part))
        };
        command.args(with(&self.whole, keep, &more));
        command
    }

    /// Words for the linker, whichever way they are handed to it.
    fn linker_words(&self) -> Vec<&[u8]> {
        linker_words(&self.parts)
    }

    /// Arguments for the preprocessed source, which stands where the result says `None`.
    pub(super) fn preprocessed(&self, relocate: &dyn Fn(&Text) -> Text) -> Vec<Option<Text>> {
        let mut out = Vec::new();
        let mut end = None;
        for part in &self.parts {
            if part.effect == Effect::EndOfOptions {
                end = Some(out.len());
            }
            if part.input {
                out.push(None);
            } else if !is_preprocessor(part) && !is_dependency(part) && part.effect != Effect::Language {
                out.extend(relocated(part, relocate).into_iter().map(Some));
            }
        }
        let end = end.unwrap_or(out.len());
        out.splice(end..end, self.named_output(relocate).into_iter().map(Some));
        out
    }

    /// Arguments for the files as they are.
    pub(super) fn files(&self, relocate: &dyn Fn(&Text) -> Text) -> Vec<Text> {
        self.parts.iter().flat_map(|part| relocated(part, relocate)).collect()
    }

    /// `-o`, where the name of the output would follow from that of the source.
    fn named_output(&self, relocate: &dyn Fn(&Text) -> Text) -> Vec<Text> {
        match self.outputs.as_slice() {
            [one] if !self.parts.iter().any(is_output) => vec![Text::from("-o"), relocate(one)],
            _ => Vec::new(),
        }
    }

    /// Values that may be paths, as they stand in the arguments: of options, and the parts of those for the linker.
    pub(super) fn values(&self) -> Vec<&[u8]> {
        let mut all = Vec::new();
        for part in self.parts.iter().filter(|part| !part.input && !is_output(part) && !is_dependency(part)) {
            for piece in part.value.split(|byte| *byte == b',') {
                all.push(piece);
                if let Some(at) = piece.iter().position(|byte| *byte == b'=') {
                    all.push(&piece[at + 1..]);
                }
            }
            // An option that no table knows: `-fplugin=x.so`.
            if let Some(at) =
                part.spelling.iter().position(|byte| *byte == b'=').filter(|_| part.value.is_empty())
            {
                all.push(&part.spelling[at + 1..]);
            }
        }
        all.retain(|value| !value.is_empty());
        all
    }

    /// Folders in which the caller has headers or libraries looked for.
    pub(super) fn search_folders(&self) -> impl Iterator<Item = &[u8]> {
        let folder = |part: &&Part| {
            [&b"-I"[..], b"-J", b"-L", b"-isystem", b"-iquote", b"-idirafter", b"-F", b"-B"]
                .contains(&&*part.spelling)
        };
        let named = self.parts.iter().filter(folder).map(|part| &*part.value);
        named.chain(SEARCH_PATHS.iter().flat_map(|name| self.path_list(name)))
    }

    /// The folders in a variable; an empty one is the working folder.
    pub(super) fn path_list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let value = self.set.get(name).map(Text::bytes).filter(|value| !value.is_empty());
        value.into_iter().flat_map(|value| value.split(|byte| *byte == b':'))
    }

    /// Libraries that are named by `-l`.
    pub(super) fn libraries(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter(|part| part.effect == Effect::Library).map(|part| &*part.value)
    }
}

/// Some parts in words, with others ahead of a `--`, behind which there are only files.
fn with(parts: &[Part], keep: impl Fn(&&Part) -> bool, more: &[OsString]) -> Vec<OsString> {
    let words = |parts: &[Part]| -> Vec<OsString> {
        let kept = parts.iter().filter(&keep).flat_map(|part| &part.words);
        kept.map(|word| Text::from(&**word).path().into()).collect()
    };
    let end = parts.iter().position(|part| part.effect == Effect::EndOfOptions).unwrap_or(parts.len());
    [words(&parts[..end]), more.to_vec(), words(&parts[end..])].concat()
}

/// The words for the linker in all parts; those of a linker that was called by itself are the arguments.
fn linker_words(parts: &[Part]) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = Vec::new();
    for part in parts.iter().filter(|part| !part.input) {
        match part.effect {
            Effect::ForLinker => all.extend(part.value.split(|byte| *byte == b',')),
            _ => all.extend(part.words.iter().map(Vec::as_slice)),
        }
    }
    all
}

/// `-Map`, `--Map` and `-Map=x`.
fn is_report(word: &[u8], name: &[u8]) -> bool {
    let word = if word.starts_with(b"--") { &word[1..] } else { word };
    word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
}

/// The files that a linker is asked to write besides its output.
fn reports(parts: &[Part]) -> Vec<Text> {
    let words = linker_words(parts);
    let mut all = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if REPORTS.iter().any(|(name, _)| is_report(word, name)) {
            let joined = word.iter().position(|byte| *byte == b'=').map(|at| &word[at + 1..]);
            all.extend(joined.or(words.get(at + 1).copied()).map(Text::from));
        }
    }
    all
}

/// A part with its value moved, if it is a path that moves.
fn relocated(part: &Part, relocate: &dyn Fn(&Text) -> Text) -> Vec<Text> {
    let moved = |value: &[u8]| relocate(&Text::from(value)).0;
    // `-Wl,--version-script=/x,-Map=/y`: each piece by itself.
    let piece = |piece: &[u8]| match piece.iter().position(|byte| *byte == b'=') {
        Some(at) if !piece.starts_with(b"/") => [&piece[..=at], &*moved(&piece[at + 1..])].concat(),
        _ => moved(piece),
    };
    if part.words.len() == 2 {
        let value = &part.words[1];
        let value = if part.effect == Effect::ForLinker { piece(value) } else { moved(value) };
        return vec![Text::from(&*part.words[0]), Text(value)];
    }
    if part.input {
        return vec![Text(moved(&part.value))];
    }
    let commas = matches!(part.effect, Effect::ForLinker);
    let value = if commas {
        part.value.split(|byte| *byte == b',').map(piece).collect::<Vec<_>>().join(&b',')
    } else if part.value.is_empty() {
        return vec![Text(piece(&part.spelling))];
    } else {
        moved(&part.value)
    };
    vec![Text([&*part.spelling, &*value].concat())]
}

fn is_output(part: &Part) -> bool {
    part.effect == Effect::Output
}

/// Which stage a driver stops after.
fn is_stage(part: &Part) -> bool {
    matches!(part.effect, Effect::CompileOnly | Effect::AssemblyOnly | Effect::SyntaxOnly)
}

fn is_preprocessor(part: &Part) -> bool {
    PREPROCESSOR.contains(&&*part.spelling)
}

/// What has something written beside the output.
fn is_aside(part: &Part) -> bool {
    part.words.first().is_some_and(|word| ASIDE.iter().any(|way| word.starts_with(way)))
}

/// Where Fortran's modules are written.
fn is_modules(part: &Part) -> bool {
    part.spelling == b"-J"
}

fn is_dependency(part: &Part) -> bool {
    part.effect == Effect::DepFile || DEPENDENCIES.contains(&&*part.spelling)
}
