//! Arguments as a bundle runs them: what names another file of arguments is read in, so that each path in it can be
//! led to its place, and a precompiled header of clang's, which knows its headers by their place on one machine, gives
//! way to the header.

use crosswheel_shim::args::Line;

use super::super::log::{Call, Log};
use super::super::rerun::Disk;
use super::super::text::Text;

/// Arguments that name no file of arguments.
pub(super) struct Unfolded {
    /// All of them.
    pub(super) all: Vec<Vec<u8>>,
    /// With headers for clang's precompiled ones.
    pub(super) without_precompiled: Vec<Vec<u8>>,
}

/// Reads in what the arguments of a call name.
pub(super) fn unfold(log: &Log, call: &Call, args: &[Text]) -> Unfolded {
    let flat = args.iter().flat_map(|arg| read_in(call, arg.bytes()));
    let all: Vec<Vec<u8>> = flat.flat_map(|arg| for_linker(call, arg)).collect();
    Unfolded { without_precompiled: headers(log, call, &all), all }
}

/// `@file`, and all other arguments as they are.
fn read_in(call: &Call, arg: &[u8]) -> Vec<Vec<u8>> {
    let line = [arg];
    Line::read(&line, &Disk(call)).words().iter().map(|word| word.text.to_vec()).collect()
}

/// `-Wl,-x,@file`: a word of the file may hold a comma, so each is handed to the linker by `-Xlinker`.
fn for_linker(call: &Call, arg: Vec<u8>) -> Vec<Vec<u8>> {
    let Some(pieces) = arg.strip_prefix(b"-Wl,").filter(|rest| rest.contains(&b'@')) else {
        return vec![arg];
    };
    let pieces = pieces.split(|byte| *byte == b',');
    let words = pieces.flat_map(|piece| read_in(call, piece));
    words.flat_map(|word| [b"-Xlinker".to_vec(), word]).collect()
}

/// Without `-include-pch`, plain or behind `-Xclang`: the header follows by its own `-include`, as CMake has it, or is
/// known from the call that made the precompiled one.
fn headers(log: &Log, call: &Call, args: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(args.len());
    let mut rest = args;
    while let Some((word, behind)) = rest.split_first() {
        let (file, after) = match rest {
            [x, pch, y, file, after @ ..] if x == b"-Xclang" && pch == b"-include-pch" && y == b"-Xclang" => {
                (file, after)
            }
            [pch, file, after @ ..] if pch == b"-include-pch" => (file, after),
            _ => {
                out.push(word.clone());
                rest = behind;
                continue;
            }
        };
        let header = file.strip_suffix(b".pch").unwrap_or(file);
        if !after.iter().any(|word| word == header) {
            match header_of(log, call, file) {
                Some(header) => out.extend([b"-include".to_vec(), header]),
                None => out.extend(rest[..rest.len() - after.len()].iter().cloned()),
            }
        }
        rest = after;
    }
    out
}

/// The header from which an earlier call made this precompiled one.
fn header_of(log: &Log, call: &Call, file: &[u8]) -> Option<Vec<u8>> {
    let path = call.resolve(&Text::from(file));
    let made = |other: &&Call| other.outputs.iter().any(|output| other.resolve(output) == path);
    let maker = log.calls.iter().rfind(made)?;
    let [header] = maker.inputs.as_slice() else { return None };
    Some(maker.resolve(header).into_os_string().into_encoded_bytes())
}
