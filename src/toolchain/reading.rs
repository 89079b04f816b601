//! Reading a command line as the shim does, without a session: for those who look at a call afterwards.

use crosswheel_shim::args::{Files, Items, Line, What};
use crosswheel_shim::plan::{Dialect, Effect, Plan, PlanData, write};

use super::Toolchains;
use crate::error::{Error, Result};

/// An option with its value, or an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its words: one, or two with a separate value.
    pub words: Vec<Vec<u8>>,
    /// True for a file, or `-`.
    pub input: bool,
    /// What the option means.
    pub effect: Effect,
    /// The option without its value.
    pub spelling: Vec<u8>,
    /// The value; empty if there is none.
    pub value: Vec<u8>,
}

/// No response file is read in: who looks at a record has done so.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// The parts of arguments, the tool's name left out, in order: their words are the arguments.
pub fn parts(args: &[&[u8]], dialect: Dialect) -> Result<Vec<Part>> {
    let tables = Toolchains::builtin()?.options(dialect);
    let plan = PlanData {
        options: vec![(dialect, tables)],
        bin: b"/".to_vec(),
        scratch: b"/".to_vec(),
        ..PlanData::default()
    };
    let bytes = write(&plan)
        .map_err(|error| Error::failed(format!("the option tables cannot be laid out: {error}")))?;
    let plan =
        Plan::open(&bytes).map_err(|damage| Error::failed(format!("the option tables are {damage}")))?;
    let line = Line::read(args, &NoFiles);
    let items = Items::read(&line, plan.options(dialect));
    Ok(items
        .iter()
        .map(|item| {
            let words: Vec<Vec<u8>> =
                args[item.at..item.at + item.words].iter().map(|word| word.to_vec()).collect();
            let value = item.value(&line).to_vec();
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
