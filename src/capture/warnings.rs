//! The diagnostics of a build, each once: what the compilers said, which calls said it, and why it did not stop
//! them.
//!
//! There are two sources. The record holds the lines of each call that failed under `-Werror` and was run once
//! more. And there is what the build printed, where it was kept: `crosswheel build` does (`backend.log`), and
//! whoever runs a build by hand may. There a diagnostic is known to be a call's by the source that it names, or that it says it came from. What cannot be told apart is all of them:
//! no call is left out that may have said it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::detail::Detail;
use super::diagnostics::{self, Context, Severity};
use super::log::{Call, Log};
use super::text::Text;
use super::{diff, grammar, lanes, line::Disposition};
use crate::error::{IoContext, Result};

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file, from the root if its call is known; none for one about the command line.
    pub file: Option<PathBuf>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column as the compiler counts.
    pub column: Option<u32>,
    /// The flag that asks for it.
    pub flag: Option<String>,
    /// What is wrong.
    pub message: String,
    /// True for what is an error under any policy.
    pub error: bool,
    /// Why it did not stop the build, or that it did.
    pub passed: Passed,
    /// Places of the calls in the log, in order.
    pub calls: BTreeSet<usize>,
    /// How often it was given: so many calls were tried again for it, or so often it was printed.
    pub seen: usize,
}

/// Why a diagnostic did not stop its call, the strongest reason last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passed {
    /// It is a warning to the build itself.
    Warned,
    /// The build made it an error, and the policy took that out.
    Dropped,
    /// The build made it an error, and the policy ran the call once more without.
    Demoted,
    /// It did: the call failed.
    Failed,
}

impl Passed {
    /// The policy that let it pass, by its name; `none` if none had to, or could.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::Warned | Self::Failed => "none",
            Self::Dropped => "drop",
            Self::Demoted => "demote",
        }
    }

    /// The same in a sentence.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Warned => "the build itself does not make it an error",
            Self::Dropped => "the build makes it an error; the policy takes -Werror out",
            Self::Demoted => "the build makes it an error; the policy ran the call once more without -Werror",
            Self::Failed => "it was not let through: the call failed",
        }
    }
}

/// What makes it another diagnostic.
type Key = (Option<PathBuf>, Option<u32>, Option<u32>, Option<String>, String, bool);

/// Diagnostics in the making.
#[derive(Default)]
struct Found(BTreeMap<Key, Counted>);

/// A diagnostic, and how often each source tells it. What a second try lets through is printed by it too.
struct Counted {
    warning: Warning,
    recorded: usize,
    printed: usize,
}

/// Where a diagnostic comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Record,
    Output,
}

impl Found {
    fn add(
        &mut self,
        from: Source,
        file: Option<PathBuf>,
        said: diagnostics::Diagnostic,
        passed: Passed,
        calls: &[usize],
    ) {
        let error = said.severity == Severity::Error;
        let key = (file.clone(), said.line, said.column, said.flag.clone(), said.message.clone(), error);
        let counted = self.0.entry(key).or_insert_with(|| Counted {
            warning: Warning {
                file,
                line: said.line,
                column: said.column,
                flag: said.flag,
                message: said.message,
                error,
                passed,
                calls: BTreeSet::new(),
                seen: 0,
            },
            recorded: 0,
            printed: 0,
        });
        match from {
            Source::Record => counted.recorded += 1,
            Source::Output => counted.printed += 1,
        }
        counted.warning.passed = counted.warning.passed.max(passed);
        counted.warning.calls.extend(calls);
    }

    /// In the order of files and lines.
    fn done(self) -> Vec<Warning> {
        let seen =
            |counted: Counted| Warning { seen: counted.recorded.max(counted.printed), ..counted.warning };
        self.0.into_values().map(seen).collect()
    }
}

/// All diagnostics of a build, by file and line. Where what it printed was not kept ([`Log::output`]), only those in the
/// record are known.
pub fn all(log: &Log) -> Result<Vec<Warning>> {
    let mut found = Found::default();
    second_tries(log, &mut found);
    if let Some(output) = &log.output {
        let text = std::fs::read(output).context("cannot read", output)?;
        Output::new(log).read(&text, &mut found)?;
    }
    Ok(found.done())
}

fn second_tries(log: &Log, found: &mut Found) {
    for (at, call) in log.calls.iter().enumerate() {
        let Some(retry) = call.end.as_ref().and_then(|end| end.retry.as_ref()) else { continue };
        let passed = if retry.exit == Some(0) { Passed::Demoted } else { Passed::Failed };
        for line in &retry.demoted {
            let line = diagnostics::plain(line.bytes());
            // A form that is not known is told as it is.
            let said = diagnostics::read(&line).unwrap_or_else(|| diagnostics::Diagnostic {
                file: None,
                line: None,
                column: None,
                severity: Severity::Promoted,
                message: String::from_utf8_lossy(&line).into_owned(),
                flag: None,
            });
            let file = said.file.as_ref().map(|file| call.resolve(&Text::from(&**file)));
            found.add(Source::Record, file, said, passed, &[at]);
        }
    }
}

/// The calls that the output is of.
#[derive(Default)]
struct Current {
    calls: Vec<usize>,
    /// Calls of which a line said that a diagnostic comes, and it has not come yet. They are several where compilers write at
    /// once (`make -j`).
    announced: Vec<Vec<usize>>,
}

impl Current {
    /// A line says that these calls have something to say.
    fn announce(&mut self, calls: Vec<usize>) {
        if !calls.is_empty() && !self.announced.contains(&calls) {
            self.announced.push(calls);
        }
    }

    /// A diagnostic of the source of these calls came.
    fn at(&mut self, calls: &[usize]) {
        self.announced.retain(|announced| !announced.iter().any(|call| calls.contains(call)));
        self.calls = calls.to_vec();
    }

    /// The calls that a diagnostic of a header may be of.
    fn elsewhere(&mut self) -> Vec<usize> {
        if !self.announced.is_empty() {
            let all: BTreeSet<usize> = self.announced.drain(..).flatten().collect();
            self.calls = all.into_iter().collect();
        }
        self.calls.clone()
    }

    /// A note came: what announced it, if it is known, announced no diagnostic.
    fn note(&mut self) {
        if self.announced.len() == 1 {
            self.announced.clear();
        }
    }
}

/// What a build printed, and the calls that may have printed it.
struct Output<'l> {
    log: &'l Log,
    /// Calls by a source as they name it.
    sources: HashMap<&'l [u8], Vec<usize>>,
    /// Calls by an output as they name it.
    outputs: HashMap<&'l [u8], Vec<usize>>,
    /// The folders that `make` is in.
    folders: Vec<Vec<u8>>,
    /// The line of the output that last named an output of the call.
    named: HashMap<usize, usize>,
    /// For a call the arguments that make errors of warnings, as given and as run.
    policies: HashMap<usize, (Vec<Text>, Vec<Text>)>,
}

impl<'l> Output<'l> {
    fn new(log: &'l Log) -> Self {
        let mut new = Self {
            log,
            sources: HashMap::new(),
            outputs: HashMap::new(),
            folders: Vec::new(),
            named: HashMap::new(),
            policies: HashMap::new(),
        };
        let work = log.calls.iter().zip(lanes::nested(log)).enumerate();
        for (at, (call, _)) in
            work.filter(|(_, (call, nested))| !nested && call.disposition != Disposition::Refused)
        {
            for input in &call.inputs {
                new.sources.entry(input.bytes()).or_default().push(at);
            }
            for output in &call.outputs {
                new.outputs.entry(output.bytes()).or_default().push(at);
            }
        }
        new
    }

    fn read(&mut self, text: &[u8], found: &mut Found) -> Result<()> {
        let mut current = Current::default();
        for (number, line) in text.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            let line = diagnostics::plain(line);
            match diagnostics::context(&line) {
                Some(Context::Included(file) | Context::Within(file)) => {
                    current.announce(self.compiling(&file));
                }
                Some(Context::Entering(folder)) => self.folders.push(folder),
                Some(Context::Leaving(folder)) => {
                    if let Some(at) = self.folders.iter().rposition(|one| *one == folder) {
                        self.folders.remove(at);
                    }
                }
                None => {
                    if let Some(said) = diagnostics::read(&line) {
                        self.take(said, &mut current, found)?;
                        continue;
                    }
                    if memchr::memmem::find(&line, b": note: ").is_some() {
                        current.note();
                    }
                    self.echo(&line, number);
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        said: diagnostics::Diagnostic,
        current: &mut Current,
        found: &mut Found,
    ) -> Result<()> {
        let mut calls = Vec::new();
        if let Some(file) = &said.file {
            calls = self.compiling(file);
            if !calls.is_empty() {
                current.at(&calls);
            } else if said.line.is_none() {
                // Not a compiler's: `setup.py: warning: …`.
                return Ok(());
            } else {
                calls = current.elsewhere();
            }
        }
        // What a probe says is an answer.
        let probes = calls.len();
        calls.retain(|at| self.log.calls[*at].probe.is_none());
        if calls.is_empty() && probes > 0 {
            return Ok(());
        }
        let mut passed = Passed::Warned;
        for at in &calls {
            passed = passed.max(self.passed(*at, &said)?);
        }
        if said.severity != Severity::Warning {
            passed = Passed::Failed;
        }
        let file = said.file.as_ref().map(|file| {
            let named = Text::from(&**file);
            let mut meant = calls.iter().map(|at| self.log.calls[*at].resolve(&named));
            // Where several folders have such a file, it is not known which one is meant.
            let first = meant.next().filter(|first| meant.all(|other| other == *first));
            first.unwrap_or_else(|| named.path().to_owned())
        });
        found.add(Source::Output, file, said, passed, &calls);
        Ok(())
    }

    /// The calls that compile a source by this name: those in a folder that `make` is in, if there are any, and of them the
    /// one whose output was named last, if any was.
    fn compiling(&self, file: &[u8]) -> Vec<usize> {
        let Some(calls) = self.sources.get(file) else { return Vec::new() };
        let here = |at: &usize| {
            let folder = self.log.calls[*at].cwd.as_ref().map(Text::bytes);
            self.folders.iter().any(|one| folder == Some(one))
        };
        let anywhere = !calls.iter().any(here);
        let calls: Vec<usize> = calls.iter().copied().filter(|at| anywhere || here(at)).collect();
        let last = calls.iter().filter_map(|at| self.named.get(at)).max();
        calls.iter().filter(|at| last.is_none() || self.named.get(at) == last).copied().collect()
    }

    /// A build that shows its commands, or what it makes, says which calls the next lines are of.
    fn echo(&mut self, line: &[u8], number: usize) {
        for word in line.split(u8::is_ascii_whitespace) {
            for at in self.outputs.get(word).into_iter().flatten() {
                self.named.insert(*at, number);
            }
        }
    }

    /// Why a call went on in spite of a warning.
    fn passed(&mut self, at: usize, said: &diagnostics::Diagnostic) -> Result<Passed> {
        let call: &Call = &self.log.calls[at];
        let retried = call.end.as_ref().and_then(|end| end.retry.as_ref()).is_some_and(|r| r.exit == Some(0));
        if !retried && call.edits.iter().all(|edit| edit.note) {
            return Ok(Passed::Warned);
        }
        if !self.policies.contains_key(&at) {
            self.policies.insert(at, policies(&self.log.detail(call)?));
        }
        let (given, ran) = &self.policies[&at];
        Ok(match makes_error(given, said.flag.as_deref()) {
            true if retried => Passed::Demoted,
            true if !makes_error(ran, said.flag.as_deref()) => Passed::Dropped,
            _ => Passed::Warned,
        })
    }
}

/// The arguments of a call that make errors of warnings or not, as given and as run.
fn policies(detail: &Detail) -> (Vec<Text>, Vec<Text>) {
    let policy = |arg: &&Text| WAYS.iter().any(|(way, _)| arg.bytes().starts_with(way));
    let given = diff::given(detail).iter().filter(policy).cloned().collect();
    let ran = grammar::expanded(detail, diff::ran(detail));
    (given, ran.iter().filter(policy).cloned().collect())
}

/// How errors are asked for, and how not.
const WAYS: &[(&[u8], bool)] =
    &[(b"-Werror", true), (b"--warn-error", true), (b"-Wno-error", false), (b"--warn-no-error", false)];

/// Whether these arguments make an error of a warning. What is said of the one warning counts more than what is said
/// of all; of each the last.
fn makes_error(args: &[Text], flag: Option<&str>) -> bool {
    let (mut all, mut one) = (false, None);
    for arg in args {
        for (way, error) in WAYS {
            match arg.bytes().strip_prefix(*way) {
                Some(b"") => all = *error,
                Some([b'=', name @ ..]) if flag.is_some_and(|flag| same_flag(name, flag)) => {
                    one = Some(*error);
                }
                _ => {}
            }
        }
    }
    one.unwrap_or(all)
}

/// `-Werror=format` makes an error of `-Wformat=` too.
fn same_flag(asked: &[u8], flag: &str) -> bool {
    let asked = asked.split(|byte| *byte == b'=').next().unwrap_or_default();
    flag.strip_prefix("-W")
        .and_then(|flag| flag.split('=').next())
        .is_some_and(|flag| flag.as_bytes() == asked)
}

/// The folder that holds all of these files and is worth leaving out when they are shown; none if they have
/// little in common.
#[must_use]
pub fn base<'f>(files: impl IntoIterator<Item = &'f Path>) -> Option<PathBuf> {
    let folders = files.into_iter().filter(|file| file.is_absolute()).filter_map(Path::parent);
    let common = |a: PathBuf, b: PathBuf| {
        a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    };
    let base: PathBuf = folders.map(Path::to_owned).reduce(common)?;
    (base.components().count() > 1).then_some(base)
}
