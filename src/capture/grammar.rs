//! Reads recorded arguments again as the shim read them, by the option tables that come with crosswheel: the
//! record says what a call did, and not which word was what.

use crosswheel_shim::args::response::NoFiles;
use crosswheel_shim::args::{Files, Line};
use crosswheel_shim::invocation::Invocation;
use crosswheel_shim::plan::{self, Dialect, Plan, PlanData, Role};

use super::detail::Detail;
use super::line::Session;
use super::text::Text;
use crate::error::{Error, Result};
use crate::toolchain::Toolchains;

/// The option tables.
pub struct Grammar {
    plan: Vec<u8>,
}

impl Grammar {
    /// Those that come with crosswheel.
    pub fn builtin() -> Result<Self> {
        let toolchains = Toolchains::builtin()?;
        let data = PlanData {
            bin: b"/".to_vec(),
            scratch: b"/".to_vec(),
            options: Dialect::ALL.iter().map(|dialect| (*dialect, toolchains.options(*dialect))).collect(),
            ..PlanData::default()
        };
        let plan = plan::write(&data).map_err(|error| Error::failed(format!("option tables: {error}")))?;
        Ok(Self { plan })
    }

    /// Opens the tables for reading.
    pub fn reader(&self) -> Result<Reader<'_>> {
        let plan =
            Plan::open(&self.plan).map_err(|damage| Error::failed(format!("option tables: {damage}")))?;
        Ok(Reader { plan })
    }
}

/// Reads arguments.
#[derive(Clone, Copy)]
pub struct Reader<'g> {
    plan: Plan<'g>,
}

impl Reader<'_> {
    /// Reads the arguments of a tool, its name left out.
    #[must_use]
    pub fn read<'w>(&self, args: &'w [&'w [u8]], role: Role, dialect: Dialect) -> Invocation<'w> {
        Invocation::read(Line::read(args, &NoFiles), role, dialect, self.plan.options(dialect))
    }
}

/// What a name of a session stands for, if it is a compiler driver.
#[must_use]
pub fn driver(session: &Session, name: &str) -> Option<(Role, Dialect)> {
    let tool = session.tools.iter().find(|tool| tool.name == name)?;
    let dialect = Dialect::parse(&tool.dialect)?;
    matches!(dialect, Dialect::Gcc | Dialect::Clang).then_some((tool.role?, dialect))
}

/// Arguments with their response files read in from the record.
#[must_use]
pub fn expanded(detail: &Detail, args: &[Text]) -> Vec<Text> {
    let table = Table { detail };
    let words: Vec<&[u8]> = args.iter().map(Text::bytes).collect();
    Line::read(&words, &table).words().iter().map(|word| Text::from(&*word.text)).collect()
}

/// The response files of a call.
pub(super) struct Table<'d> {
    pub(super) detail: &'d Detail,
}

impl Files for Table<'_> {
    fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        let file = self.detail.files.iter().find(|file| file.path.bytes() == path);
        file.map(|file| file.content.bytes().to_vec()).or_else(|| self.only(path))
    }
}

impl Table<'_> {
    /// A record without the files themselves tells the words of a file if it is the only one.
    fn only(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (argv, expanded) = (&self.detail.argv, self.detail.expanded.as_ref()?);
        let mut named = argv.iter().enumerate().filter(|(_, arg)| arg.bytes().starts_with(b"@"));
        let (at, arg) = named.next()?;
        if named.next().is_some() || &arg.bytes()[1..] != path {
            return None;
        }
        let words = expanded.get(at..expanded.len().checked_sub(argv.len() - at - 1)?)?;
        Some(crosswheel_shim::args::response::join(words.iter().map(Text::bytes)))
    }
}
