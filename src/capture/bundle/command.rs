//! The call's arguments, and what becomes of them in a bundle.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crosswheel_shim::args::Line;
use crosswheel_shim::plan::{Dialect, Effect, Kind};

use super::super::log::{Call, Log};
use super::super::rerun::{Disk, Rerun};
use super::super::text::Text;
use super::parts::{Part, parts};
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

/// A call, read.
pub(super) struct CallWords {
    /// The tool that ran, a compiler cache left out.
    pub(super) real: Text,
    /// Arguments ahead of all others, where it is a command of that program.
    pub(super) lead: Vec<Text>,
    /// Its arguments, response files read in.
    pub(super) parts: Vec<Part>,
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
        let expanded: Vec<Vec<u8>> = args.iter().flat_map(|arg| read_in(call, arg)).collect();
        let bytes: Vec<&[u8]> = expanded.iter().map(Vec::as_slice).collect();
        Ok(Self {
            real: detail.real,
            lead: detail.lead,
            parts: parts(&bytes, dialect)?,
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

    /// The tool, which must find its own helpers and not the shim.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.real.path());
        command.args(self.lead.iter().map(Text::path));
        command.env(PATH, &self.path);
        command
    }

    /// The command that preprocesses to stdout and names every header that it opens on stderr.
    pub(super) fn preprocess(&self) -> Command {
        let mut command = self.command();
        command.current_dir(self.folder.path());
        for part in
            self.parts.iter().filter(|part| !is_output(part) && !is_stage(part) && !is_dependency(part))
        {
            command.args(part.words.iter().map(|word| Text::from(&**word).path().to_owned()));
        }
        command.args(["-E", "-H"]);
        command
    }

    /// The command with its outputs at another place.
    pub(super) fn elsewhere(&self, to: &Path) -> Command {
        let mut command = self.command();
        for part in self.parts.iter().filter(|part| !is_output(part) && !is_dependency(part)) {
            command.args(part.words.iter().map(|word| Text::from(&**word).path().to_owned()));
        }
        if !self.parts.iter().any(|part| part.effect == Effect::SyntaxOnly) {
            command.arg("-o").arg(to);
        }
        command
    }

    /// Arguments for the preprocessed source, which stands where the result says `None`.
    pub(super) fn preprocessed(&self, relocate: &dyn Fn(&Text) -> Text) -> Vec<Option<Text>> {
        let mut out = Vec::new();
        for part in &self.parts {
            if part.input {
                out.push(None);
            } else if !is_preprocessor(part) && !is_dependency(part) && part.effect != Effect::Language {
                out.extend(relocated(part, relocate).into_iter().map(Some));
            }
        }
        out.extend(self.named_output(relocate).into_iter().map(Some));
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
            [&b"-I"[..], b"-L", b"-isystem", b"-iquote", b"-idirafter", b"-F", b"-B"]
                .contains(&&*part.spelling)
        };
        self.parts.iter().filter(folder).map(|part| &*part.value)
    }

    /// Libraries that are named by `-l`.
    pub(super) fn libraries(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter(|part| part.effect == Effect::Library).map(|part| &*part.value)
    }
}

fn read_in(call: &Call, arg: &Text) -> Vec<Vec<u8>> {
    let line = [arg.bytes()];
    Line::read(&line, &Disk(call)).words().iter().map(|word| word.text.to_vec()).collect()
}

/// A part with its value moved, if it is a path that moves.
fn relocated(part: &Part, relocate: &dyn Fn(&Text) -> Text) -> Vec<Text> {
    let moved = |value: &[u8]| relocate(&Text::from(value)).0;
    if part.words.len() == 2 {
        return vec![Text::from(&*part.words[0]), Text(moved(&part.words[1]))];
    }
    if part.input {
        return vec![Text(moved(&part.value))];
    }
    // `-Wl,--version-script=/x,-Map=/y`: each piece by itself.
    let piece = |piece: &[u8]| match piece.iter().position(|byte| *byte == b'=') {
        Some(at) if !piece.starts_with(b"/") => [&piece[..=at], &*moved(&piece[at + 1..])].concat(),
        _ => moved(piece),
    };
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

fn is_dependency(part: &Part) -> bool {
    part.effect == Effect::DepFile || DEPENDENCIES.contains(&&*part.spelling)
}
