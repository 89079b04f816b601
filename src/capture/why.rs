//! Where a file came from: the call that made it, and behind its inputs the calls that made those.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crosswheel_shim::plan::Kind;

use super::detail::{Detail, Stamp};
use super::glob::Glob;
use super::log::{Call, Log, Outcome};
use super::text::Text;
use crate::audit::lineage::Lineage;
use crate::source::near;

/// A file, and the call that made it.
#[derive(Clone, Debug, Default)]
pub struct Origin<'l> {
    /// As it was named.
    pub named: Text,
    /// Where it is, as seen from the root of the build; an option that stands for a library as it is written.
    pub shown: Text,
    /// The call that made it; `None` for a file that no call made, such as a source.
    pub call: Option<&'l Call>,
    /// What went in, with what is behind it; empty if it was told already.
    pub inputs: Vec<Origin<'l>>,
    /// So much more went in, which is not looked into.
    pub more: usize,
    /// The call stands elsewhere in the tree, and what is behind it is told there.
    pub told: bool,
    /// No call made a file at this path; the call made one of this name elsewhere, earlier, or wrote one at the moment at
    /// which this one was last changed. The build may have copied or renamed it.
    pub by_name: bool,
    /// What is behind it is not told: the record goes on and on.
    pub cut: bool,
}

/// What a walk has told so far.
#[derive(Debug, Default)]
pub struct Told<'l> {
    calls: HashSet<&'l str>,
    /// Most inputs of a call that are looked into.
    most: usize,
}

impl Told<'_> {
    /// Nothing yet. What is never shown need not be looked into: `most` inputs of each call are.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { calls: HashSet::new(), most }
    }
}

/// A tree deeper than this would be a record that was made up.
const DEEPEST: usize = 64;

impl Origin<'_> {
    /// Whether it holds so many inputs already; counts one more if so.
    fn is_full(&mut self, most: usize) -> bool {
        let full = self.inputs.len() >= most;
        self.more += usize::from(full);
        full
    }
}

/// Who made what, by path.
pub struct Makers<'l> {
    log: &'l Log,
    /// Calls that named a file as their output, by start. By the bytes of its resolved path, which hash in a third of a path's time.
    by_path: HashMap<OsString, Vec<&'l Call>>,
    /// The same by file name.
    by_name: HashMap<Vec<u8>, Vec<&'l Call>>,
    /// The folder in which the build worked.
    root: Option<PathBuf>,
    /// What is known by its time. Made when a file is asked for that no call made by its name.
    lineage: OnceCell<Lineage<'l>>,
}

impl<'l> Makers<'l> {
    /// Looks at all calls that may have made something: no probes, no failures, none inside of another call that makes
    /// the same.
    #[must_use]
    pub fn of(log: &'l Log) -> Self {
        let mut by_path: HashMap<OsString, Vec<&Call>> = HashMap::new();
        let mut by_name: HashMap<Vec<u8>, Vec<&Call>> = HashMap::new();
        let nested = log.nested();
        for call in &log.calls {
            if call.probe.is_some()
                || call.outcome() != Outcome::Succeeded
                || nested.contains(call.id.as_str())
            {
                continue;
            }
            for output in call.outputs.iter().filter(|output| output.bytes() != b"-") {
                by_name.entry(base(output).to_vec()).or_default().push(call);
                by_path.entry(call.resolve(output).into_os_string()).or_default().push(call);
            }
        }
        Self { log, by_path, by_name, root: root(log), lineage: OnceCell::new() }
    }

    /// The folder from which files are seen: the one in which the build worked.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// A file as seen from there.
    #[must_use]
    pub fn shown(&self, path: &Path) -> Text {
        let path = path.as_os_str().as_encoded_bytes();
        let root = self.root().map(|root| root.as_os_str().as_encoded_bytes());
        let inside = root.and_then(|root| path.strip_prefix(root)?.strip_prefix(b"/"));
        Text::from(inside.unwrap_or(path))
    }

    /// The last call that would have made a file of this name and did not: it failed, or was cut short.
    #[must_use]
    pub fn unfinished(&self, pattern: &[u8]) -> Option<&'l Call> {
        let name = Text::from(pattern);
        let name = base(&name);
        let names = |call: &&Call| call.outputs.iter().any(|output| base(output) == name);
        let unfinished = |call: &&Call| call.probe.is_none() && call.outcome() != Outcome::Succeeded;
        self.log.calls.iter().rev().filter(unfinished).find(names)
    }

    /// The files that a pattern or a name stands for, by the last call that made each, in the order of these. The name
    /// of a wheel's member is enough: folders that the build does not have are taken off its front.
    #[must_use]
    pub fn find(&self, pattern: &[u8]) -> Vec<(Text, &'l Call)> {
        let mut pattern = pattern;
        loop {
            let glob = Glob::new(pattern);
            let mut found: Vec<(Text, &Call)> = Vec::new();
            for (path, calls) in &self.by_path {
                let bytes = path.as_encoded_bytes();
                let rooted = if bytes.starts_with(b"/") { bytes.to_vec() } else { [b"/", bytes].concat() };
                if glob.matches(&rooted)
                    && let Some(last) = calls.last()
                {
                    found.push((Text::from(bytes), last));
                }
            }
            if !found.is_empty() {
                found.sort_by(|a, b| (a.1.start, &a.1.id, &a.0).cmp(&(b.1.start, &b.1.id, &b.0)));
                return found;
            }
            match pattern.iter().position(|byte| *byte == b'/') {
                Some(at) if !pattern.starts_with(b"/") => pattern = &pattern[at + 1..],
                _ => return Vec::new(),
            }
        }
    }

    /// What is behind a file that a call made.
    #[must_use]
    pub fn tree(&self, named: Text, call: &'l Call) -> Origin<'l> {
        self.next_tree(named, call, &mut Told::new(usize::MAX))
    }

    /// The same of one file of several: calls that were told of an earlier one are not told again.
    #[must_use]
    pub fn next_tree(&self, named: Text, call: &'l Call, told: &mut Told<'l>) -> Origin<'l> {
        let shown = self.shown(named.path());
        self.node(named, shown, call, told, 0)
    }

    fn node(
        &self,
        named: Text,
        shown: Text,
        call: &'l Call,
        told: &mut Told<'l>,
        depth: usize,
    ) -> Origin<'l> {
        let mut node = Origin { named, shown, call: Some(call), ..Origin::default() };
        if depth == DEEPEST {
            return Origin { cut: true, ..node };
        }
        if !told.calls.insert(&call.id) {
            return Origin { told: true, ..node };
        }
        // An archive that grows, a file that is stripped in place: what it was before is behind it.
        for output in call.outputs.iter().filter(|output| changes(call) && !call.inputs.contains(output)) {
            if let Some(earlier) = self.maker(call, output) {
                if node.is_full(told.most) {
                    continue;
                }
                let shown = self.shown(&call.resolve(output));
                node.inputs.push(self.node(output.clone(), shown, earlier, told, depth + 1));
            }
        }
        let detail = match call.kind {
            Kind::Link | Kind::Archive | Kind::Other => self.log.detail(call).unwrap_or_default(),
            _ => Detail::default(),
        };
        for (at, input) in call.inputs.iter().enumerate() {
            if node.is_full(told.most) {
                continue;
            }
            let seen = detail.seen.get(at).copied().flatten();
            let shown = if input.bytes() == b"-" { input.clone() } else { self.shown(&call.resolve(input)) };
            node.inputs.push(self.input(input, shown, input, seen, call, told, depth));
        }
        // Libraries are no inputs by name; those that the build itself made are.
        for library in &detail.libs {
            if node.is_full(told.most) {
                continue;
            }
            let (arg, seen) = (&library.arg, Some(library.seen));
            node.inputs.push(self.input(arg, arg.clone(), &library.path, seen, call, told, depth));
        }
        if detail.libs.is_empty() && call.kind == Kind::Link {
            for (named, maker) in self.libraries(call, &detail) {
                if node.is_full(told.most) {
                    continue;
                }
                let shown = named.clone();
                node.inputs.push(Origin { by_name: true, ..self.node(named, shown, maker, told, depth + 1) });
            }
        }
        node
    }

    /// What is behind something that a call took in.
    #[expect(clippy::too_many_arguments, reason = "what is known of the input, and where the walk is")]
    fn input(
        &self,
        named: &Text,
        shown: Text,
        path: &Text,
        seen: Option<Stamp>,
        user: &'l Call,
        told: &mut Told<'l>,
        depth: usize,
    ) -> Origin<'l> {
        if let Some(maker) = self.maker(user, path) {
            return self.node(named.clone(), shown, maker, told, depth + 1);
        }
        match self.elsewhere(path, seen, user) {
            Some(maker) => {
                Origin { by_name: true, ..self.node(named.clone(), shown, maker, told, depth + 1) }
            }
            None => Origin { named: named.clone(), shown, ..Origin::default() },
        }
    }

    /// For a file that no call made where it is: if it is no source, perhaps the call that made it elsewhere, under the
    /// same name and, where that is known, of the same size; or the one that wrote a file when this one was written.
    fn elsewhere(&self, path: &Text, seen: Option<Stamp>, user: &Call) -> Option<&'l Call> {
        if !matches!(user.kind, Kind::Link | Kind::Archive | Kind::Other) {
            return None;
        }
        let name = base(path);
        let same_size = |call: &&Call| {
            let made = call.end.iter().flat_map(|end| &end.made).find(|made| base(&made.path) == name);
            made.zip(seen).is_none_or(|(made, seen)| made.size == seen.0)
        };
        let named = self.by_name.get(name).and_then(|calls| last_before(calls, user)).filter(same_size);
        let named = named.or_else(|| self.same_archive(path, seen?, user));
        named.or_else(|| {
            let lineage = self.lineage.get_or_init(|| Lineage::new(self.log));
            lineage.elsewhere(user.resolve(path), seen, user)
        })
    }

    /// The one call that made an archive of this size, under another name.
    fn same_archive(&self, path: &Text, seen: Stamp, user: &Call) -> Option<&'l Call> {
        let is_archive = |path: &Text| path.bytes().ends_with(b".a");
        if !is_archive(path) {
            return None;
        }
        let same = |call: &&'l Call| {
            let mut made = call.end.iter().flat_map(|end| &end.made);
            last_before(&[*call], user).is_some()
                && made.any(|made| made.size == seen.0 && is_archive(&made.path))
        };
        let mut found = self.log.calls.iter().filter(same);
        // `ranlib` makes again what `ar` made.
        let last = found.next_back()?;
        found.all(|call| call.outputs == last.outputs).then_some(last)
    }

    /// The last call that made a file before this one began.
    fn maker(&self, user: &Call, named: &Text) -> Option<&'l Call> {
        last_before(self.by_path.get(user.resolve(named).as_os_str())?, user)
    }

    /// Calls that made the libraries named by `-l`, by their names alone.
    fn libraries(&self, user: &Call, detail: &Detail) -> Vec<(Text, &'l Call)> {
        let mut found: Vec<(Text, &Call)> = Vec::new();
        let mut args = detail.given().iter();
        while let Some(arg) = args.next() {
            let Some(name) = arg.bytes().strip_prefix(b"-l") else { continue };
            let name = if name.is_empty() { args.next().map(Text::bytes).unwrap_or_default() } else { name };
            let files = [&b".so"[..], b".a"].map(|ending| [b"lib", name, ending].concat());
            let made = files.iter().find_map(|file| last_before(self.by_name.get(file)?, user));
            if let Some(call) = made.filter(|call| !found.iter().any(|(_, known)| known.id == call.id)) {
                found.push((arg.clone(), call));
            }
        }
        found
    }
}

/// The folder that holds where the work of a build was done, with the sources and outputs around it. What lies elsewhere, such as
/// in the system, is none of the build's; `None` if the rest has nothing in common that says anything.
fn root(log: &Log) -> Option<PathBuf> {
    let work = || log.calls.iter().filter(|call| call.makes() && call.probe.is_none());
    let both = |a: &Path, b: &Path| -> PathBuf {
        a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    };
    // What all temporary folders have in common is no build's.
    let tells = |root: &PathBuf| root.components().count() > 2;
    let folders: HashSet<&Path> = work().filter_map(|call| Some(call.cwd.as_ref()?.path())).collect();
    let root = folders.into_iter().map(Path::to_owned).reduce(|a, b| both(&a, &b)).filter(tells)?;
    let files = work().flat_map(|call| call.inputs.iter().chain(&call.outputs)).map(Text::path);
    let around: HashSet<&Path> = files.filter(|path| path.is_absolute()).filter_map(Path::parent).collect();
    Some(
        around.into_iter().fold(root, |root, folder| Some(both(&root, folder)).filter(tells).unwrap_or(root)),
    )
}

/// A path without its folders.
fn base(named: &Text) -> &[u8] {
    named.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn last_before<'l>(calls: &[&'l Call], user: &Call) -> Option<&'l Call> {
    let before =
        |call: &&&Call| call.session == user.session && (call.start, &call.id) < (user.start, &user.id);
    calls.iter().rev().find(before).copied()
}

/// Whether a call may change a file that was there: an archiver, a stripper.
fn changes(call: &Call) -> bool {
    matches!(call.kind, Kind::Archive | Kind::Other)
}

/// Names of outputs that look like one that no call made.
#[must_use]
pub fn near_outputs(log: &Log, wanted: &str) -> String {
    let name = wanted.rsplit('/').next().unwrap_or(wanted);
    let mut known: HashSet<String> = HashSet::new();
    for output in log.calls.iter().filter(|call| call.probe.is_none()).flat_map(|call| &call.outputs) {
        known.insert(output.lossy().rsplit('/').next().unwrap_or_default().to_owned());
    }
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.sort_unstable();
    near::close(name, &known)
}
