//! `compile_commands.json`: how each source was compiled, for clangd, clang-tidy and their like.
//!
//! An entry is the compile step of one source. What of the call's line is not part of that step is left out:
//! other inputs, what is meant for the linker alone, and the options that write a file of dependencies, which
//! no reader of the database should write again.
//!
//! Format: clang's "JSON Compilation Database Format Specification".

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crosswheel_shim::args::response::split;
use crosswheel_shim::args::{Item, What};
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::{Effect, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::capture::grammar::{self, Grammar, Reader};
use crate::capture::{Call, Log, Text, diff, lanes};
use crate::error::{Error, Result};

/// How one source was compiled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Working folder.
    pub directory: Text,
    /// The source, from the root.
    pub file: Text,
    /// What the call made, from the root.
    pub output: Option<Text>,
    /// The real compiler and its arguments.
    pub arguments: Vec<Text>,
}

/// The entries of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// In the order of the calls.
    pub entries: Vec<Entry>,
    /// Compiles that cannot have one: their working folder was deleted under them.
    pub without_folder: usize,
    /// Compiles that cannot have one: the record does not say what the name that they called stands for.
    pub without_tool: usize,
}

/// Which arguments an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that the build gave.
    Received,
    /// Those that ran.
    Rewritten,
}

/// How an entry holds its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `arguments`, a list.
    Arguments,
    /// `command`, quoted for a shell.
    Command,
}

/// The entries for all compiles of a log, each once.
///
/// A probe's source is gone, a call inside of another is that one's own step, and what only preprocesses or
/// answers a question compiles nothing: these have none.
pub fn entries(log: &Log, side: Side) -> Result<Entries> {
    let grammar = Grammar::builtin()?;
    let reader = grammar.reader()?;
    let nested = lanes::nested(log);
    let mut made = Entries::default();
    let mut seen = HashSet::new();
    for (call, nested) in log.calls.iter().zip(nested) {
        let compiles = matches!(call.kind, Kind::Compile | Kind::Assemble | Kind::Link);
        if nested || call.probe.is_some() || !compiles || call.inputs.is_empty() {
            continue;
        }
        if !log.session.tools.iter().any(|tool| tool.name == call.tool) {
            made.without_tool += usize::from(call.kind != Kind::Link);
            continue;
        }
        let found = of_call(log, call, reader, side)?;
        if call.cwd.is_none() {
            made.without_folder += usize::from(!found.is_empty());
            continue;
        }
        made.entries.extend(found.into_iter().filter(|entry| seen.insert(entry.key())));
    }
    Ok(made)
}

/// The entries for one call.
fn of_call(log: &Log, call: &Call, reader: Reader<'_>, side: Side) -> Result<Vec<Entry>> {
    let Some((role, dialect)) = grammar::driver(&log.session, &call.tool) else { return Ok(Vec::new()) };
    let detail = log.detail(call)?;
    let args = match side {
        Side::Received => diff::given(&detail).to_vec(),
        Side::Rewritten => grammar::expanded(&detail, diff::ran(&detail)),
    };
    let words: Vec<&[u8]> = args.iter().map(Text::bytes).collect();
    let read = reader.read(&words, role, dialect);
    if read.items.any(Effect::DryRun) || !matches!(read.kind, Kind::Compile | Kind::Assemble | Kind::Link) {
        return Ok(Vec::new());
    }
    let linked = read.kind == Kind::Link;
    let sources = read.sources.iter().enumerate().filter(|(_, at)| is_file(read.input(**at)));
    let entry = |(number, at): (usize, &usize)| {
        // Each source has an output of its own, or all have one.
        let output = read.outputs.get(number).or(read.outputs.last());
        let output = output.filter(|path| is_file(path)).map(|path| absolute(call, path));
        let compiler = std::iter::once(detail.real.clone()).chain(detail.lead.iter().cloned());
        let compile = linked.then(|| Text::from("-c"));
        Entry {
            directory: call.cwd.clone().unwrap_or_default(),
            file: absolute(call, read.input(*at)),
            output,
            arguments: compiler.chain(compile).chain(step(&read, *at, linked)).collect(),
        }
    };
    Ok(sources.map(entry).collect())
}

/// The arguments of the compile step of the source at word `source`.
fn step<'i>(read: &'i Invocation<'_>, source: usize, linked: bool) -> impl Iterator<Item = Text> + 'i {
    let belongs = move |item: &&Item| match item.what {
        What::Input => item.at == source,
        What::Option => {
            let word = read.line.text(item.at);
            !(writes_dependencies(word) || linked && is_for_linker(item, word))
        }
    };
    let words = |item: &Item| item.at..item.at + item.words;
    read.items
        .iter()
        .filter(belongs)
        .flat_map(words)
        .filter_map(|at| without_dependencies(read.line.text(at)))
}

/// A word without what it says to the preprocessor about a file of dependencies: `-Wp,-MMD,a.d`, as Linux has it. None if
/// nothing is left of it.
fn without_dependencies(word: &[u8]) -> Option<Text> {
    let Some(list) = word.strip_prefix(b"-Wp,") else { return Some(Text::from(word)) };
    let mut parts = list.split(|byte| *byte == b',');
    let mut kept = Vec::new();
    while let Some(part) = parts.next() {
        match part {
            // To the preprocessor itself these have a value.
            b"-MD" | b"-MMD" | b"-MF" | b"-MT" | b"-MQ" => _ = parts.next(),
            b"-MP" | b"-MG" => {}
            part => kept.push(part),
        }
    }
    (!kept.is_empty()).then(|| Text([b"-Wp,", &*kept.join(&b',')].concat()))
}

/// Whether an input is a file that a tool could open later.
fn is_file(name: &[u8]) -> bool {
    name != b"-" && !name.starts_with(b"/dev/")
}

/// Options with which a compile writes a file of dependencies beside its output.
fn writes_dependencies(word: &[u8]) -> bool {
    const FLAGS: &[&[u8]] = &[
        b"-MD",
        b"-MMD",
        b"-MG",
        b"-MP",
        b"-MV",
        b"--write-dependencies",
        b"--write-user-dependencies",
        b"--print-missing-file-dependencies",
    ];
    const WITH_VALUE: &[&[u8]] = &[b"-MF", b"-MT", b"-MQ", b"-MJ"];
    FLAGS.contains(&word) || WITH_VALUE.iter().any(|option| word.starts_with(option))
}

/// Options of a call that compiles and links that the compile step does without.
fn is_for_linker(item: &Item, word: &[u8]) -> bool {
    const FLAGS: &[&[u8]] = &[
        b"-rdynamic",
        b"-s",
        b"-static",
        b"-static-libgcc",
        b"-static-libstdc++",
        b"-static-pie",
        b"-pie",
        b"-no-pie",
        b"-nostdlib",
        b"-nodefaultlibs",
        b"-nostartfiles",
        b"-nolibc",
        b"-shared-libgcc",
        b"-symbolic",
    ];
    const WITH_VALUE: &[&[u8]] = &[b"-T", b"-e", b"-h", b"-u"];
    matches!(item.effect, Effect::Library | Effect::ForLinker | Effect::Shared | Effect::Unmarked)
        || FLAGS.contains(&word)
        || word.starts_with(b"-L")
        || word.starts_with(b"--library-directory")
        || (item.words == 2 && WITH_VALUE.contains(&word))
}

fn absolute(call: &Call, named: &[u8]) -> Text {
    Text(call.resolve(&Text::from(named)).into_os_string().into_vec())
}

impl Entry {
    /// What makes it another entry.
    fn key(&self) -> (Text, Text, Vec<Text>) {
        (self.directory.clone(), self.file.clone(), self.arguments.clone())
    }

    fn json(&self, style: Style) -> String {
        let mut fields = vec![("directory", self.directory.json()), ("file", self.file.json())];
        fields.extend(self.output.as_ref().map(|output| ("output", output.json())));
        fields.push(match style {
            Style::Arguments => {
                let words: Vec<String> = self.arguments.iter().map(Text::json).collect();
                ("arguments", format!("[{}]", words.join(", ")))
            }
            Style::Command => ("command", command(&self.arguments).json()),
        });
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("    \"{name}\": {value}")).collect();
        format!("  {{\n{}\n  }}", fields.join(",\n"))
    }
}

/// Arguments as one text. The format knows `"` and `\` as special and no others, and a shell many more: a
/// backslash ahead of each is read alike by both. (One ahead of a line feed would be no character at all.)
fn command(arguments: &[Text]) -> Text {
    let mut out = Vec::new();
    for (at, word) in arguments.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        if word.bytes().is_empty() {
            out.extend_from_slice(b"\"\"");
        }
        for &byte in word.bytes() {
            match byte {
                b'\n' => out.extend_from_slice(b"\"\n\""),
                _ if !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte) => {
                    out.push(byte);
                }
                _ => out.extend_from_slice(&[b'\\', byte]),
            }
        }
    }
    Text(out)
}

/// The whole file: what `existing` held, as it was, then the entries that are new to it.
pub fn render(existing: Option<(&Path, &[u8])>, entries: &[Entry], style: Style) -> Result<String> {
    let kept = existing.map(|(path, content)| read(path, content)).transpose()?.unwrap_or_default();
    let known: HashSet<_> = kept.iter().map(|kept| kept.key.clone()).collect();
    let new = entries.iter().filter(|entry| !known.contains(&entry.key()));
    let all: Vec<String> =
        kept.iter().map(|kept| format!("  {}", kept.raw)).chain(new.map(|entry| entry.json(style))).collect();
    if all.is_empty() {
        return Ok("[]\n".to_owned());
    }
    Ok(format!("[\n{}\n]\n", all.join(",\n")))
}

/// An entry that was there.
struct Kept {
    raw: String,
    key: (Text, Text, Vec<Text>),
}

#[derive(Deserialize)]
struct KeptFields {
    directory: Text,
    file: Text,
    arguments: Option<Vec<Text>>,
    command: Option<Text>,
}

fn read(path: &Path, content: &[u8]) -> Result<Vec<Kept>> {
    if content.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |error: &dyn std::fmt::Display| {
        Error::usage(format!("{}: this is no compilation database: {error}", path.display()))
            .hint("name another file with `--out`, or remove this one")
    };
    let all: Vec<&RawValue> = serde_json::from_slice(content).map_err(|error| wrong(&error))?;
    let one = |(at, raw): (usize, &&RawValue)| {
        let fields: KeptFields = serde_json::from_str(raw.get())
            .map_err(|error| wrong(&format!("entry {}: {}", at + 1, told(&error))))?;
        let arguments = fields
            .arguments
            .or_else(|| Some(split(fields.command?.bytes()).into_iter().map(Text).collect()))
            .ok_or_else(|| wrong(&format!("entry {} has neither `arguments` nor `command`", at + 1)))?;
        let file: PathBuf = fields.directory.path().join(fields.file.path());
        let file = Text(OsString::from(file).into_vec());
        Ok(Kept { raw: raw.get().to_owned(), key: (fields.directory, file, arguments) })
    };
    all.iter().enumerate().map(one).collect()
}

/// A reader's message without its place, which counts from the start of the entry.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Text, command, split};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_command_is_read_alike_by_a_shell_and_by_the_format(
            words in prop::collection::vec(prop::collection::vec(1_u8.., 0..12), 1..5)
        ) {
            let texts: Vec<Text> = words.iter().cloned().map(Text).collect();
            let command = command(&texts);
            prop_assert_eq!(&split(command.bytes()), &words);
            let script = [b"printf '%s\\0' ", command.bytes()].concat();
            let script = std::os::unix::ffi::OsStringExt::from_vec(script);
            let out = std::process::Command::new("sh").arg("-c").arg::<std::ffi::OsString>(script).output();
            let read = out.map_err(|error| TestCaseError::fail(error.to_string()))?.stdout;
            let expected: Vec<u8> = words.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
