//! What a link or an archive takes in, as it was at that moment: the size and the time of change of each file
//! that the call names, and of each library that its `-l` options find in the folders that the tool is given. An audit
//! traces a product back to its compiles by these, also where files were renamed in between, and sees what no
//! recorded call made.
//!
//! The system's own folders are not looked through: what lies there is the system's, and no part of the build.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::args::{What, response};
use crate::invocation::Invocation;
use crate::linker_words;
use crate::plan::{Effect, Kind};
use crate::rewrite::Arg;
use crate::sys::{self, Stamp};

/// A library that an option stands for.
#[derive(Debug)]
pub struct Library<'c> {
    /// The option as given: `-lfoo`, or the list for the linker that names the file.
    pub arg: &'c [u8],
    /// The file, relative to the working folder where the option is.
    pub path: Vec<u8>,
    /// What it was.
    pub seen: Stamp,
}

/// Whether a call takes in what others made.
#[must_use]
pub fn takes(call: &Invocation<'_>) -> bool {
    matches!(call.kind, Kind::Link | Kind::Archive)
}

/// What the inputs of a call are, in their order; `None` for one that is no plain file.
pub fn inputs(call: &Invocation<'_>) -> impl Iterator<Item = Option<Stamp>> {
    call.inputs.iter().map(|at| sys::stamp(call.input(*at)))
}

/// The libraries of a link that are found in the folders of `ran`, the arguments as run, and of `LIBRARY_PATH` (GCC's
/// manual, "Environment Variables Affecting GCC"), in their order.
///
/// As GNU ld looks for them: in every `-L` folder for the shared one, then the static one, wherever the folders
/// stand on the line; after `-static` or `-Bstatic` only for the static one.
#[must_use]
pub fn libraries<'c>(call: &'c Invocation<'_>, ran: &[Arg<'_>], env: &[&CStr]) -> Vec<Library<'c>> {
    let line = &call.line;
    let options = || call.items.iter().filter(|item| item.what == What::Option);
    let linkers = linkers_own(call);
    let mut folders = folders(ran.iter().map(|arg| &**arg));
    folders.extend(self::folders(linkers.iter().map(|(_, word)| &**word)));
    let path = env.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"LIBRARY_PATH="));
    let path = path.into_iter().flat_map(|path| path.split(|byte| *byte == b':'));
    folders.extend(path.filter(|folder| !folder.is_empty()));
    let look_for = |library: &[u8], archives_only: bool, arg: &'c [u8]| {
        let names = names(library, archives_only);
        let mut paths = folders
            .iter()
            .flat_map(|folder| names.iter().map(move |name| [folder, &b"/"[..], name].concat()));
        let (seen, path) = paths.find_map(|path| Some((sys::stamp(&path)?, path)))?;
        Some(Library { arg, path, seen })
    };
    let mut found = Vec::new();
    let mut named_next = false;
    let mut archives_only = options().any(|item| line.text(item.at) == b"-static");
    for item in options() {
        let arg = line.text(item.at);
        match item.effect {
            Effect::Library => found.extend(look_for(item.value(line), archives_only, arg)),
            Effect::ForLinker => {
                for (_, word) in linkers.iter().filter(|(at, _)| *at == item.at) {
                    let word = &**word;
                    let library = match word.strip_prefix(b"--library=").or_else(|| word.strip_prefix(b"-l"))
                    {
                        _ if std::mem::take(&mut named_next) => Some(word),
                        Some(b"") => {
                            named_next = true;
                            continue;
                        }
                        name => name,
                    };
                    match word {
                        _ if library.is_some() => {
                            found.extend(library.and_then(|name| look_for(name, archives_only, arg)));
                        }
                        b"-Bstatic" | b"-dn" | b"-non_shared" | b"-static" => archives_only = true,
                        b"-Bdynamic" | b"-dy" | b"-call_shared" => archives_only = false,
                        word if is_binary(word) => {
                            let seen = sys::stamp(word);
                            found.extend(seen.map(|seen| Library { arg, path: word.to_vec(), seen }));
                        }
                        _ => {}
                    }
                }
            }
            _ if matches!(arg, b"-Bstatic" | b"-dn") => archives_only = true,
            _ if matches!(arg, b"-Bdynamic" | b"-dy") => archives_only = false,
            _ => {}
        }
    }
    found
}

/// The words that are for the linker alone, each with the place of its argument. It reads response files itself.
fn linkers_own<'c>(call: &'c Invocation<'_>) -> Vec<(usize, Cow<'c, [u8]>)> {
    let words = linker_words::words(call).into_iter().map(|word| (word.item.at, word.text));
    let read = |(at, word): (usize, &'c [u8])| match word.strip_prefix(b"@").and_then(sys::read_plain) {
        Some(content) => response::split(&content).into_iter().map(|word| (at, Cow::Owned(word))).collect(),
        None => vec![(at, Cow::Borrowed(word))],
    };
    words.flat_map(read).collect()
}

/// The folders that a linker is told to look in.
fn folders<'a>(mut args: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    while let Some(arg) = args.next() {
        let joined = arg.strip_prefix(b"--library-path=").or_else(|| arg.strip_prefix(b"-L"));
        match joined {
            Some(b"") => out.extend(args.next()),
            Some(folder) => out.push(folder),
            None if arg == b"--library-path" => out.extend(args.next()),
            None => {}
        }
    }
    out
}

/// The file names that a library may have, the one that is looked for first ahead.
fn names(library: &[u8], archives_only: bool) -> Vec<Vec<u8>> {
    if let Some(exact) = library.strip_prefix(b":") {
        return vec![exact.to_vec()];
    }
    let ends: &[&[u8]] = if archives_only { &[b".a"] } else { &[b".so", b".a"] };
    ends.iter().map(|end| [b"lib", library, end].concat()).collect()
}

/// Whether a word for the linker brings something in: a file, a library, or a response file.
pub(crate) fn brings_input(word: &[u8]) -> bool {
    is_binary(word) || word.starts_with(b"-l") || word.starts_with(b"@")
}

/// Whether a word for the linker names a file to be linked, as in `--whole-archive,libx.a`.
pub(crate) fn is_binary(word: &[u8]) -> bool {
    let ends: [&[u8]; 3] = [b".a", b".o", b".so"];
    !word.starts_with(b"-") && ends.iter().any(|end| word.ends_with(end))
}
