//! The decision: from the facts of all files to what each of them needs, and from there to the oldest policy that grants
//! it all. Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::facts::Facts;
use super::resolve;
use super::table::{self, Dotted, Libc};
use super::tag;

/// Something that a file needs of the system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A symbol version.
    Version {
        /// Such as `GLIBC_2.34`.
        version: String,
        /// The library that has it.
        library: String,
        /// The file is loaded without it.
        weak: bool,
    },
    /// A library that is not in the wheel.
    Library(String),
    /// A symbol without a version of its own.
    Symbol {
        /// The symbol.
        symbol: String,
        /// The library that has it.
        library: String,
    },
    /// A symbol that only some builds of the interpreter have.
    Interpreter(String),
    /// An x86-64 level.
    Level(u8),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { version, library, .. } => write!(f, "needs {version} of {library}"),
            Self::Library(library) => write!(f, "needs {library}, which is not in the wheel"),
            Self::Symbol { symbol, library } => write!(f, "uses `{symbol}` of {library}"),
            Self::Interpreter(symbol) => {
                write!(f, "uses `{symbol}`, which only some builds of Python have")
            }
            Self::Level(level) => write!(f, "asks for x86-64-v{level}"),
        }
    }
}

impl Need {
    /// Whether a policy grants it.
    #[must_use]
    pub fn is_granted(&self, libc: Libc, policy: &Dotted, machine: &str) -> bool {
        let rules = libc.rules();
        match self {
            Self::Version { version, .. } => rules.allows_version(version, policy, machine),
            Self::Library(library) => rules.allows_library(library, policy),
            Self::Symbol { symbol, library } => rules.allows_symbol(symbol, library, policy),
            Self::Interpreter(_) | Self::Level(_) => false,
        }
    }
}

/// What each file needs of the system: sorted, but in the order of the files.
pub(super) fn needs<'a>(files: &[&'a Facts], libc: Libc) -> Vec<(&'a Facts, BTreeSet<Need>)> {
    let met = resolve::inside(files);
    let one = |(facts, met): (&&'a Facts, _)| (*facts, of_file(facts, libc, &met));
    files.iter().zip(met).map(one).collect()
}

fn of_file(facts: &Facts, libc: Libc, met: &std::collections::HashSet<&str>) -> BTreeSet<Need> {
    let rules = libc.rules();
    let dynamic = &facts.dynamic;
    let mut out = BTreeSet::new();
    let outside = |name: &&String| !met.contains(name.as_str());
    out.extend(dynamic.needed.iter().filter(outside).cloned().map(Need::Library));
    for (versions, weak) in [(&dynamic.versions, false), (&dynamic.weak_versions, true)] {
        // A copy in the wheel has its versions with it, unless the system's of the same name may be loaded before.
        let counts = |library: &&String| outside(library) || rules.knows_library(library);
        for library in versions.keys().filter(counts) {
            let need =
                |version: &String| Need::Version { version: version.clone(), library: library.clone(), weak };
            out.extend(versions[library].iter().map(need));
        }
    }
    for symbol in &dynamic.undefined {
        if table::of_some_interpreters(symbol) {
            out.insert(Need::Interpreter(symbol.clone()));
        }
        let needed = |library: &&str| dynamic.needed.iter().any(|needed| needed == library);
        out.extend(
            rules
                .forbidding(symbol)
                .filter(needed)
                .map(|library| Need::Symbol { symbol: symbol.clone(), library: library.to_owned() }),
        );
    }
    out.extend(facts.level.filter(|level| *level > 1).map(Need::Level));
    out
}

/// Why a policy is not met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The first policy that grants the need; `None` if none does.
    pub since: Option<Dotted>,
    /// The file.
    pub path: String,
    /// What it needs.
    pub need: Need,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.need)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut to = to.serialize_struct("Reason", 3)?;
        to.serialize_field("since", &self.since)?;
        to.serialize_field("path", &self.path)?;
        to.serialize_field("need", &self.need.to_string())?;
        to.end()
    }
}

/// The policy of a wheel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// The C library.
    pub libc: Libc,
    /// The machine, as tags spell it.
    pub machine: String,
    /// The oldest policy that is met; `None` if none is.
    pub policy: Option<Dotted>,
    /// Why each older policy is not met: sorted by the policy that grants the need; what none grants stands first.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Decides for files that are all of one machine and C library. `floor` is a policy that an older one is not looked
    /// for behind.
    pub(super) fn of(
        files: &[&Facts],
        libc: Libc,
        machine: &str,
        floor: Option<&Dotted>,
        levels: bool,
    ) -> Self {
        let rules = libc.rules();
        let mut policies: Vec<&Dotted> = rules.policies(machine).collect();
        if let Some(floor) = floor {
            policies.retain(|policy| *policy > floor);
            policies.insert(0, floor);
        }
        let mut reasons = Vec::new();
        for (facts, needs) in needs(files, libc) {
            for need in needs.into_iter().filter(|need| levels || !matches!(need, Need::Level(_))) {
                let since = policies.iter().position(|policy| need.is_granted(libc, policy, machine));
                if since != Some(0) {
                    let since = since.map(|at| policies[at].clone());
                    reasons.push(Reason { since, path: facts.path.clone(), need });
                }
            }
        }
        reasons.sort();
        let policy = if reasons.first().is_some_and(|reason| reason.since.is_none()) {
            None
        } else {
            reasons.last().and_then(|reason| reason.since.as_ref()).or(policies.first().copied()).cloned()
        };
        Self { libc, machine: machine.to_owned(), policy, reasons }
    }

    /// The platform tags: of the policy, or that of the machine alone.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        match &self.policy {
            Some(policy) => tag::tags(self.libc, policy, &self.machine),
            None => vec![format!("linux_{}", self.machine)],
        }
    }

    /// Why it is not an older policy: the reasons that the one that was found is the first to grant, or none is.
    pub fn deciding(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(|reason| reason.since == self.policy)
    }

    /// Why a policy is not met.
    pub fn against(&self, policy: &Dotted) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(move |reason| reason.since.as_ref().is_none_or(|since| since > policy))
    }
}
