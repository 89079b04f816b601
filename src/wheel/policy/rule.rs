//! The rule of `verify`: files hold what the platform tags of the wheel promise. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{self, Need};
use super::facts::Facts;
use super::table::{self, Dotted, Libc};
use super::tag::Claim;
use crate::elf;
use crate::wheel::finding::{Code, Finding};
use crate::wheel::name::WheelName;

/// Whether a platform tag promises anything.
#[must_use]
pub fn promises(name: &WheelName) -> bool {
    name.tags.platform.iter().any(|tag| Claim::parse(tag).is_some())
}

/// What is found in the ELF files of a wheel: one finding a file and code. Of several policies for one C library and
/// machine, the oldest is the promise. Wheels carry plugins for newer systems that are loaded only there: a glibc that is
/// too new is a fault of an extension module, of what files of the wheel are linked to, and if no file is without it.
#[must_use]
pub fn findings(files: &[Facts], name: &WheelName) -> Vec<Finding> {
    let mut out = Vec::new();
    for ((libc, machine), (policy, tag)) in &by_policy(name) {
        let files: Vec<&Facts> = files.iter().filter(|facts| elf::name(facts.machine) == *machine).collect();
        let missing = missing(&files, *libc, policy, machine);
        let all = missing.iter().all(|(_, needs)| needs.iter().any(bars));
        let linked: BTreeSet<&str> =
            files.iter().flat_map(|facts| &facts.dynamic.needed).map(String::as_str).collect();
        for (facts, needs) in missing {
            let file = facts.path.rsplit('/').next().unwrap_or_default();
            let essential = all || facts.is_extension() || linked.contains(file);
            let mut by_code: BTreeMap<Code, BTreeSet<String>> = BTreeMap::new();
            for need in &needs {
                let code = if essential && bars(need) { Code::PolicyGlibc } else { code(need) };
                by_code.entry(code).or_default().insert(short(need));
            }
            let find = |(code, all): (Code, BTreeSet<String>)| {
                let all: Vec<_> = all.into_iter().collect();
                Finding::of(code, facts.path.as_bytes(), what(code, &all.join(", "), tag))
            };
            out.extend(by_code.into_iter().map(find));
        }
    }
    out
}

/// The libraries that files need from outside of the wheel, and that its tags do not allow: path and library, sorted.
pub(super) fn libraries_outside(files: &[Facts], name: &WheelName) -> Vec<(String, String)> {
    let mut out = BTreeSet::new();
    for ((libc, machine), (policy, _)) in &by_policy(name) {
        let files: Vec<&Facts> = files.iter().filter(|facts| elf::name(facts.machine) == *machine).collect();
        for (facts, needs) in missing(&files, *libc, policy, machine) {
            let library = |need| match need {
                Need::Library(library) => Some((facts.path.clone(), library)),
                _ => None,
            };
            out.extend(needs.into_iter().filter_map(library));
        }
    }
    out.into_iter().collect()
}

/// What the platform tags promise: for each C library and machine the oldest policy, and its tag.
fn by_policy(name: &WheelName) -> BTreeMap<(Libc, String), (Dotted, &str)> {
    let mut promises: BTreeMap<(Libc, String), (Dotted, &str)> = BTreeMap::new();
    for tag in &name.tags.platform {
        let Some(claim) = Claim::parse(tag) else { continue };
        let promise = promises.entry((claim.libc, claim.machine)).or_insert((claim.policy.clone(), tag));
        if claim.policy < promise.0 {
            *promise = (claim.policy, tag);
        }
    }
    promises
}

/// What each file needs that a policy does not grant.
fn missing<'a>(
    files: &[&'a Facts],
    libc: Libc,
    policy: &Dotted,
    machine: &str,
) -> Vec<(&'a Facts, Vec<Need>)> {
    let policy = libc.rules().at_least(policy, machine);
    let refused = |need: &Need| !need.is_granted(libc, policy, machine);
    let of_file = |(facts, needs): (_, BTreeSet<Need>)| (facts, needs.into_iter().filter(&refused).collect());
    decide::needs(files, libc).into_iter().map(of_file).collect()
}

/// Whether a file is never loaded without it. Other libraries may be newer than the policy: compilers and other packages
/// bring them.
fn bars(need: &Need) -> bool {
    matches!(need, Need::Version { version, weak: false, .. } if table::is_of_glibc(version))
}

fn code(need: &Need) -> Code {
    match need {
        Need::Version { .. } => Code::PolicyVersion,
        Need::Library(_) => Code::PolicyLibrary,
        Need::Symbol { .. } | Need::Interpreter(_) => Code::PolicySymbol,
        Need::Level(_) => Code::PolicyLevel,
    }
}

fn short(need: &Need) -> String {
    match need {
        Need::Version { version: name, .. } | Need::Library(name) | Need::Interpreter(name) => name.clone(),
        Need::Symbol { symbol, library } => format!("{symbol} of {library}"),
        Need::Level(level) => format!("x86-64-v{level}"),
    }
}

fn what(code: Code, all: &str, tag: &str) -> String {
    match code {
        Code::PolicyLibrary => format!("needs {all}: neither in the wheel nor allowed by {tag}"),
        Code::PolicySymbol => format!("uses {all}, which {tag} does not allow"),
        Code::PolicyLevel => format!("asks for {all}, and {tag} does not"),
        _ => format!("needs {all}, which is newer than {tag} allows"),
    }
}
