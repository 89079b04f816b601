//! Which files a bundle needs: what the preprocessor opens, what the arguments name. Files of the system (a header that
//! no option of the caller leads to, `crt1.o`) belong to the compiler and stay where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::super::log::Call;
use super::super::text::Text;
use super::command::CallWords;
use super::{Form, absolute};
use crate::error::{Error, IoContext, Result};

/// Links that a name may lead through, as many as Linux follows.
const LINKS: usize = 40;

/// What a bundle holds of the build.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// Files by their path from the root.
    pub(super) files: BTreeMap<Text, PathBuf>,
    /// Folders that names lead through, and those of outputs.
    pub(super) folders: BTreeSet<Text>,
    /// Symbolic links that names lead through, and where they lead.
    pub(super) links: BTreeMap<Text, PathBuf>,
    /// Precompiled headers, which are large and of use to one build of one compiler alone.
    pub(super) precompiled: Vec<Text>,
    /// The preprocessed source, its names led to the bundle, and its ending.
    pub(super) unit: Option<(Vec<u8>, &'static str)>,
    /// Paths from the root that lead into the bundle, without looking at links.
    names: BTreeSet<Text>,
    /// The working folder. It and those above it are packed as folders, though some may have become links since: the
    /// tree of one family of several, put back in its place.
    home: Text,
}

impl Gathered {
    /// What can be run.
    pub(super) fn forms(&self) -> Vec<Form> {
        if self.unit.is_some() { vec![Form::Preprocessed, Form::Files] } else { vec![Form::Files] }
    }

    /// Where a name leads in the bundle: one from the root is led through `.root` if something of it is packed.
    pub(super) fn relocate(&self, named: &Text) -> Text {
        let (at, path) = match named.bytes().strip_prefix(b"@") {
            Some(path) => (&b"@"[..], path),
            None => (&b""[..], named.bytes()),
        };
        if path.starts_with(b"/") && self.names.contains(&absolute(&Text::from("/"), path)) {
            return Text([at, b".root", path].concat());
        }
        named.clone()
    }

    /// The same for a list of folders.
    pub(super) fn relocate_list(&self, list: &Text) -> Text {
        let folders = list.bytes().split(|byte| *byte == b':');
        Text(folders.map(|folder| self.relocate(&Text::from(folder)).0).collect::<Vec<_>>().join(&b':'))
    }

    /// The same, with outputs: one from the root is written into the bundle.
    pub(super) fn relocate_output(&self, named: &Text, words: &CallWords) -> Text {
        let written = words.outputs.contains(named) || words.aside.contains(named);
        if named.bytes().starts_with(b"/") && written {
            return Text([b".root", named.bytes()].concat());
        }
        self.relocate(named)
    }

    /// Adds precompiled headers.
    pub(super) fn with_precompiled(mut self) -> Self {
        let all = std::mem::take(&mut self.precompiled);
        self.files.extend(all.into_iter().map(|path| (path.clone(), path.path().to_owned())));
        self
    }

    /// Takes a file, by the name by which it was opened.
    fn take(&mut self, folder: &Text, named: &[u8]) {
        if named.is_empty() || !folder.path().join(Text::from(named).path()).is_file() {
            return;
        }
        let path = self.walk(folder, named, true);
        if path.bytes().ends_with(b".gch") || path.bytes().ends_with(b".pch") {
            self.precompiled.push(path);
        } else if path.path().is_file() {
            self.files.insert(path.clone(), path.path().to_owned());
        }
    }

    /// Takes all that a name leads through (`build/../src/a.h` needs `build`), and returns where it ends. The last part
    /// is a folder, too, unless it is a file's name.
    fn walk(&mut self, folder: &Text, named: &[u8], file: bool) -> Text {
        let text = |path: &Path| Text::from(path.as_os_str().as_encoded_bytes());
        let whole = folder.path().join(Text::from(named).path());
        for above in whole.ancestors() {
            self.names.insert(absolute(&Text::from("/"), above.as_os_str().as_encoded_bytes()));
        }
        let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
        let mut rest: Vec<std::ffi::OsString> = parts(&whole);
        let mut at = PathBuf::from("/");
        let mut left = LINKS;
        while let Some(part) = rest.pop() {
            match part.as_encoded_bytes() {
                b"/" | b"." => continue,
                b".." => _ = at.pop(),
                _ => {
                    let next = at.join(&part);
                    let link = std::fs::read_link(&next).ok();
                    if let Some(to) = link.filter(|_| left > 0 && !self.home.path().starts_with(&next)) {
                        left -= 1;
                        self.link(&at, &next, &to);
                        if to.is_absolute() {
                            at = PathBuf::from("/");
                        }
                        rest.extend(parts(&to) as Vec<std::ffi::OsString>);
                        continue;
                    }
                    at = next;
                }
            }
            if !(file && rest.is_empty()) {
                self.folder(&text(&at));
            }
        }
        text(&at)
    }

    /// Notes a link in a folder; one from the root leads to the same place from there.
    fn link(&mut self, folder: &Path, link: &Path, to: &Path) {
        let to = match to.strip_prefix("/") {
            Ok(to) => {
                std::iter::repeat_n("..", folder.components().count() - 1).collect::<PathBuf>().join(to)
            }
            Err(_) => to.to_owned(),
        };
        self.folder(&Text::from(folder.as_os_str().as_encoded_bytes()));
        self.links.insert(Text::from(link.as_os_str().as_encoded_bytes()), to);
    }

    /// Notes a folder and those above it.
    fn folder(&mut self, path: &Text) {
        for above in path.path().ancestors().filter(|above| above.parent().is_some()) {
            if !self.folders.insert(Text::from(above.as_os_str().as_encoded_bytes())) {
                break;
            }
        }
    }
}

/// Looks for all that a call needs. `opened` is what it was seen to open, if it was watched.
pub(super) fn gather(call: &Call, words: &CallWords, opened: Option<&BTreeSet<Text>>) -> Result<Gathered> {
    let mut all = Gathered { home: words.folder.clone(), ..Gathered::default() };
    let folder = &words.folder;
    all.walk(folder, b"", false);
    let own = Own::of(words);
    // What an archive held before is not known: it is made anew.
    let made = |named: &[u8]| {
        let is = |files: &[Text]| files.iter().any(|file| file.bytes() == named);
        is(&call.outputs) && !is(&call.inputs)
    };
    for input in words.parts.iter().filter(|part| part.input && !made(&part.value)) {
        all.take(folder, &input.value);
        if opened.is_none() {
            not_thin(&absolute(folder, &input.value), call)?;
        }
    }
    let written: BTreeSet<Text> =
        words.outputs.iter().chain(&words.aside).map(|output| absolute(folder, output.bytes())).collect();
    for value in words.values() {
        let path = absolute(folder, value);
        if !written.contains(&path) && own.packs(&path) {
            all.take(folder, value);
        }
    }
    for name in words.libraries() {
        if let Some(found) = library(words, name).filter(|found| own.packs(&absolute(folder, found))) {
            all.take(folder, &found);
        }
    }
    for path in &words.libs {
        all.take(folder, path.bytes());
    }
    for path in opened.into_iter().flatten() {
        if !written.contains(&absolute(folder, path.bytes())) && own.is_build(path.path()) {
            all.take(folder, path.bytes());
        }
    }
    if words.driver && !words.lang.is_empty() {
        headers(&mut all, words, &own)?;
    }
    for named in words.search_folders() {
        let path = absolute(folder, named);
        if path.path().is_dir() && own.is_build(path.path()) {
            all.walk(folder, named, false);
        }
    }
    // An output from the root lies in the bundle, too, and not where it would be written over what the build made.
    for output in words.outputs.iter().chain(&words.aside) {
        let last = output.bytes().iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        all.walk(folder, &output.bytes()[..last], false);
    }
    if let Some((unit, _)) = &mut all.unit {
        let text = std::mem::take(unit);
        let led = markers(&text, &all);
        if let Some((unit, _)) = &mut all.unit {
            *unit = led;
        }
    }
    Ok(all)
}

/// Preprocesses: what comes out, if it went well, and every header that was opened, if not.
fn headers(all: &mut Gathered, words: &CallWords, own: &Own) -> Result<()> {
    let out = words.preprocess().stdin(Stdio::null()).output().context("cannot run", words.real.path())?;
    for line in out.stderr.split(|byte| *byte == b'\n') {
        // `... path`, as many dots as it is deep.
        let dots = line.iter().take_while(|byte| **byte == b'.').count();
        let Some(named) = line.get(dots..).and_then(|rest| rest.strip_prefix(b" ")).filter(|_| dots > 0)
        else {
            continue;
        };
        if own.packs(&absolute(&words.folder, named)) {
            all.take(&words.folder, named);
        }
    }
    if let Some((_, ending)) = words.source().filter(|_| out.status.success()) {
        all.unit = Some((out.stdout, ending));
    }
    Ok(())
}

/// What is the build's own, and not the compiler's.
struct Own {
    /// Folders in which the compiler looks by itself.
    system: Vec<PathBuf>,
    /// Folders that the caller named.
    named: Vec<Text>,
    /// Folders of the machine, and the compiler's installation.
    machine: Vec<PathBuf>,
}

/// Where no build of a package lies.
const MACHINE: &[&str] = &[
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/libx32",
    "/usr/sbin",
    "/usr/share",
];

impl Own {
    fn of(words: &CallWords) -> Self {
        let named = words.search_folders().map(|folder| absolute(&words.folder, folder)).collect();
        let mut system: Vec<PathBuf> =
            ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec"].map(PathBuf::from).into();
        let mut machine: Vec<PathBuf> = MACHINE.iter().map(PathBuf::from).collect();
        // `P/bin/gcc` has its own files in `P/lib` and the like.
        let real = words.real.path().canonicalize().unwrap_or_default();
        for above in real.ancestors().skip(1).take(2).filter(|above| above.parent().is_some()) {
            machine.extend(["bin", "lib", "lib64", "libexec", "share"].map(|folder| above.join(folder)));
        }
        if !words.driver {
            return Self { system, named, machine };
        }
        let mut ask = words.command();
        ask.args(["-E", "-v", "-x", "c++", "/dev/null"]).env("LC_ALL", "C").stdin(Stdio::null());
        for variable in ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"] {
            ask.env_remove(variable);
        }
        if let Ok(out) = ask.output() {
            let text = String::from_utf8_lossy(&out.stderr);
            let list = text.lines().skip_while(|line| !line.starts_with("#include <")).skip(1);
            let folders = list.take_while(|line| line.starts_with(' ')).map(|line| Path::new(line.trim()));
            system.extend(folders.map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.to_owned())));
        }
        machine.extend(system.iter().cloned());
        Self { system, named, machine }
    }

    /// Whether a path is neither the machine's nor the compiler's.
    fn is_build(&self, path: &Path) -> bool {
        let path = absolute(&Text::from("/"), path.as_os_str().as_encoded_bytes());
        !self.machine.iter().any(|folder| path.path().starts_with(folder))
    }

    fn packs(&self, path: &Text) -> bool {
        let named =
            self.named.iter().any(|folder| path.path().starts_with(folder.path()) && !self.is_system(folder));
        named || !self.system.iter().any(|folder| path.path().starts_with(folder))
    }

    fn is_system(&self, folder: &Text) -> bool {
        self.system.iter().any(|system| system == folder.path())
    }
}

/// `lib<name>.so` or `.a` in one of the caller's folders, as the linker looks for it.
fn library(words: &CallWords, name: &[u8]) -> Option<Vec<u8>> {
    let named = words.parts.iter().filter(|part| part.spelling == b"-L").map(|part| &*part.value);
    for folder in named.chain(words.path_list("LIBRARY_PATH")) {
        let files = match name.strip_prefix(b":") {
            Some(exact) => vec![exact.to_vec()],
            None => vec![[b"lib", name, b".so"].concat(), [b"lib", name, b".a"].concat()],
        };
        for file in files {
            let named = [folder, b"/", &*file].concat();
            if absolute(&words.folder, &named).path().is_file() {
                return Some(named);
            }
        }
    }
    None
}

/// A thin archive names its members by path, and would be packed without them.
fn not_thin(path: &Text, call: &Call) -> Result<()> {
    use std::io::Read;
    let mut start = [0; 8];
    let read = std::fs::File::open(path.path()).and_then(|mut file| file.read_exact(&mut start));
    if read.is_ok() && &start == b"!<thin>\n" {
        let message = format!("{}, an input of call {}, is a thin archive", path.path().display(), call.id);
        return Err(
            Error::failed(message).hint("its members lie elsewhere, and the call cannot be watched here; bundle the call that made it instead")
        );
    }
    Ok(())
}

/// The preprocessed source with the names of packed files in its line markers (`# 12 "/w/a.h" 1`) led to the bundle.
fn markers(text: &[u8], all: &Gathered) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 4096);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match marker(line).map(|(ahead, name, rest)| (ahead, all.relocate(&name), rest)) {
            Some((ahead, name, rest)) => {
                out.extend_from_slice(ahead);
                for &byte in name.bytes() {
                    if matches!(byte, b'"' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(byte);
                }
                out.extend_from_slice(rest);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// What stands ahead of the name in a line marker, the name, and the rest; only for a name from the root without escapes
/// other than of quotes and backslashes.
fn marker(line: &[u8]) -> Option<(&[u8], Text, &[u8])> {
    let digits = line.strip_prefix(b"# ")?;
    let quote = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let name = digits[quote..].strip_prefix(b" \"").filter(|name| quote > 0 && name.starts_with(b"/"))?;
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match name.get(at)? {
            b'"' => break,
            b'\\' => {
                let escaped = *name.get(at + 1).filter(|byte| matches!(byte, b'"' | b'\\'))?;
                text.push(escaped);
                at += 2;
            }
            byte => {
                text.push(*byte);
                at += 1;
            }
        }
    }
    let ahead = line.len() - name.len();
    Some((&line[..ahead], Text(text), &name[at..]))
}
