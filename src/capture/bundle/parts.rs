//! The arguments of a call, part by part: options with their values, inputs.

use crosswheel_shim::args::What;
use crosswheel_shim::plan::{Dialect, Effect, Role};

use super::super::grammar::Grammar;
use crate::error::Result;

/// An option with its value, or an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its words: one, or two with a separate value.
    pub(super) words: Vec<Vec<u8>>,
    /// True for a file, or `-`.
    pub(super) input: bool,
    /// What the option means.
    pub(super) effect: Effect,
    /// The option without its value.
    pub(super) spelling: Vec<u8>,
    /// The value; empty if there is none.
    pub(super) value: Vec<u8>,
}

/// The parts of arguments, the tool's name left out, in order: their words are the arguments.
pub(super) fn parts(args: &[&[u8]], dialect: Dialect) -> Result<Vec<Part>> {
    let grammar = Grammar::builtin()?;
    // What is a part does not depend on the role.
    let call = grammar.reader()?.read(args, Role::Cc, dialect);
    Ok(call
        .items
        .iter()
        .map(|item| {
            let words: Vec<Vec<u8>> =
                args[item.at..item.at + item.words].iter().map(|word| word.to_vec()).collect();
            let value = item.value(&call.line).to_vec();
            let whole = &words[0];
            let joined = if words.len() == 1 { value.len() } else { 0 };
            let spelling = whole[..whole.len() - joined.min(whole.len())].to_vec();
            Part { input: item.what == What::Input, effect: item.effect, spelling, value, words }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_their_values_wherever_these_stand() {
        let args: [&[u8]; 6] = [b"-Ione", b"-I", b"two", b"-o", b"x.o", b"x.c"];
        let parts = parts(&args, Dialect::Gcc).expect("parts");
        let seen: Vec<(&[u8], &[u8], bool)> =
            parts.iter().map(|part| (&*part.spelling, &*part.value, part.input)).collect();
        assert_eq!(
            seen,
            [
                (&b"-I"[..], &b"one"[..], false),
                (b"-I", b"two", false),
                (b"-o", b"x.o", false),
                (b"", b"x.c", true),
            ]
        );
        assert_eq!(
            parts.iter().flat_map(|part| part.words.iter().map(Vec::as_slice)).collect::<Vec<_>>(),
            args
        );
    }
}
