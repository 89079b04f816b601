//! What a link or an archive takes in, as it was at that moment: the size and the time of change of each file
//! that the call names, and of each library that its `-l` options find in the folders that the tool is given. An audit
//! traces a product back to its compiles by these, also where files were renamed in between, and sees what no
//! recorded call made.
//!
//! The system's own folders are not looked through: what lies there is the system's, and no part of the build.

use std::borrow::Cow;

use crate::args::{What, response};
use crate::invocation::Invocation;
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

/// The libraries of a link that are found in the folders of `ran`, the arguments as run, in their order.
///
/// As GNU ld looks for them: in every `-L` folder for the shared one, then the static one, wherever the folders
/// stand on the line; after `-static` or `-Bstatic` only for the static one.
#[must_use]
pub fn libraries<'c>(call: &'c Invocation<'_>, ran: &[Arg<'_>]) -> Vec<Library<'c>> {
    let line = &call.line;
    let options = || call.items.iter().filter(|item| item.what == What::Option);
    let folders = folders(ran);
    let look_for = |library: &[u8], archives_only: bool, arg: &'c [u8]| {
        let names = names(library, archives_only);
        let mut paths = folders
            .iter()
            .flat_map(|folder| names.iter().map(move |name| [folder, &b"/"[..], name].concat()));
        let (seen, path) = paths.find_map(|path| Some((sys::stamp(&path)?, path)))?;
        Some(Library { arg, path, seen })
    };
    let mut found = Vec::new();
    let mut archives_only = options().any(|item| line.text(item.at) == b"-static");
    for item in options() {
        let arg = line.text(item.at);
        match item.effect {
            Effect::Library => found.extend(look_for(item.value(line), archives_only, arg)),
            Effect::ForLinker => {
                for part in linkers_own(item.value(line)) {
                    match &*part {
                        b"-Bstatic" | b"-dn" | b"-non_shared" | b"-static" => archives_only = true,
                        b"-Bdynamic" | b"-dy" | b"-call_shared" => archives_only = false,
                        part if is_binary(part) => {
                            let seen = sys::stamp(part);
                            found.extend(seen.map(|seen| Library { arg, path: part.to_vec(), seen }));
                        }
                        part => {
                            let library = part.strip_prefix(b"-l");
                            found.extend(library.and_then(|name| look_for(name, archives_only, arg)));
                        }
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

/// The words in an argument for the linker, which reads response files itself.
fn linkers_own(value: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let read = |part: &[u8]| part.strip_prefix(b"@").and_then(sys::read_plain);
    let words = |part| match read(part) {
        Some(content) => response::split(&content).into_iter().map(Cow::Owned).collect(),
        None => vec![Cow::Borrowed(part)],
    };
    value.split(|byte| *byte == b',').flat_map(words).collect()
}

/// The folders that a linker is told to look in.
fn folders<'a>(ran: &'a [Arg<'_>]) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut args = ran.iter().map(|arg| &**arg);
    while let Some(arg) = args.next() {
        let named = |arg: &'a [u8]| arg.strip_prefix(b"--library-path=").or_else(|| arg.strip_prefix(b"-L"));
        if let Some(list) = arg.strip_prefix(b"-Wl,") {
            out.extend(
                list.split(|byte| *byte == b',').filter_map(named).filter(|folder| !folder.is_empty()),
            );
        }
        match named(arg) {
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
