//! Which tool is meant: the name that was called, or, behind a compiler cache, the compiler in its arguments.
//!
//! A cache that finds one of our names on PATH would hash the shim for the compiler and hand the object of
//! one family to another. So the cache goes inside: the shim answers in its place, decides on the compiler's
//! arguments, and starts the real cache with the real compiler.

use crate::paths::{base_name, parent, same_path};
use crate::plan::view::Tool;
use crate::plan::{Plan, Role};
use crate::sys::same_target;

/// What is to be run, before its arguments are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'p, 'a> {
    /// The tool whose arguments these are.
    pub tool: Tool<'p>,
    /// The cache that was called by name in front of it.
    pub via: Option<Tool<'p>>,
    /// Arguments of that cache, ahead of the compiler.
    pub ahead: &'a [&'a [u8]],
    /// Arguments of the tool.
    pub args: &'a [&'a [u8]],
}

impl<'p> Target<'p, '_> {
    /// Absolute path of what is started.
    #[must_use]
    pub fn program(&self) -> &'p [u8] {
        self.launcher().unwrap_or_else(|| self.tool.real())
    }

    /// Absolute path of the cache that runs the tool, if one does.
    #[must_use]
    pub fn launcher(&self) -> Option<&'p [u8]> {
        // A cache takes the first word behind the program for an argument of a compile.
        if self.tool.lead().next().is_some() {
            return None;
        }
        self.via.map(Tool::real).or_else(|| self.tool.launcher())
    }

    /// What stands ahead of the tool's arguments, the name of the program first; `asks` for a call that only asks.
    pub fn head(&self, asks: bool) -> impl Iterator<Item = &[u8]> + Clone {
        let launcher = self.launcher();
        let ahead = if launcher.is_some() { self.ahead } else { &[] };
        let launcher = launcher.into_iter().chain(ahead.iter().copied());
        let asked = asks.then(|| self.tool.asks()).into_iter().flatten();
        launcher.chain(std::iter::once(self.tool.real())).chain(self.tool.lead()).chain(asked)
    }
}

/// Finds the target of a call by `name` with these arguments (the name left out). `None` if the plan has
/// no such name.
#[must_use]
pub fn dispatch<'p, 'a>(plan: Plan<'p>, name: &[u8], args: &'a [&'a [u8]]) -> Option<Target<'p, 'a>> {
    let tool = plan.tool(name)?;
    let direct = Target { tool, via: None, ahead: &[], args };
    if tool.role() != Role::Launcher {
        return Some(direct);
    }
    let compiler = compiler_word(args).and_then(|at| Some((at, named(plan, args[at])?)));
    Some(match compiler {
        Some((at, compiler)) => {
            Target { tool: compiler, via: Some(tool), ahead: &args[..at], args: &args[at + 1..] }
        }
        None => {
            implied(plan, tool, args).map_or(direct, |tool| Target { tool, via: plan.tool(name), ..direct })
        }
    })
}

/// The compiler of a call that names none: distcc then takes `cc`, unless it is asked about itself (distcc(1)).
fn implied<'p>(plan: Plan<'p>, launcher: Tool<'p>, args: &[&[u8]]) -> Option<Tool<'p>> {
    const ITSELF: [&[u8]; 6] =
        [b"--help", b"--scan-includes", b"--show-hosts", b"--show-principal", b"--version", b"-j"];
    let compiles = args.first().is_some_and(|first| first.starts_with(b"-") && !ITSELF.contains(first));
    plan.tool(b"cc").filter(|_| compiles && base_name(launcher.real()) == b"distcc")
}

/// Which of a cache's arguments is the compiler: `ccache [KEY=VALUE…] COMPILER ARGS…`. Its own options (`ccache -s`)
/// stand where the compiler would.
#[must_use]
pub fn compiler_word(args: &[&[u8]]) -> Option<usize> {
    let setting = |arg: &&[u8]| arg.contains(&b'=') && !arg.contains(&b'/') && !arg.starts_with(b"-");
    let at = args.iter().take_while(|arg| setting(arg)).count();
    args.get(at).filter(|word| !word.starts_with(b"-")).map(|_| at)
}

/// The tool that a word names: by bare name, by its path in the shim folder, by its real path, or by another path to
/// one of these under the same name (`/bin/gcc`).
fn named<'p>(plan: Plan<'p>, word: &[u8]) -> Option<Tool<'p>> {
    if !word.contains(&b'/') || same_path(parent(word), plan.bin()) {
        return plan.tool(base_name(word)).filter(|tool| tool.role() != Role::Launcher);
    }
    // The same file may have several names (`cc`, `gcc`); the one called by this name goes first, since a
    // C++ driver is known by its name.
    let same = |tool: &Tool<'p>| tool.real() == word && tool.role() != Role::Launcher;
    let by_path = plan.tool(base_name(word)).filter(same).or_else(|| plan.tools().iter().find(same));
    // Under another name the same file may be another driver (clang, clang++).
    let linked = |tool: &Tool<'p>| {
        let shim = [plan.bin(), b"/", tool.name()].concat();
        tool.role() != Role::Launcher && (same_target(tool.real(), word) || same_target(&shim, word))
    };
    by_path.or_else(|| plan.tool(base_name(word)).filter(linked))
}
