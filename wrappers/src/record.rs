//! The lines that tell of a call: one when it begins, one when it ends (docs/record.md).
//!
//! A line is one write to a file opened for appending, so lines of parallel calls never mix. Nothing here
//! can fail a build: what cannot be written is lost, and a file `record.lost` beside the record says so.

use std::ffi::CStr;

use crate::dispatch::Target;
use crate::elf;
use crate::invocation::Invocation;
use crate::plan::{Kind, Plan};
use crate::process::Ended;
use crate::rewrite::{Arg, Decision, Refusal};
use crate::sys::{self, Fd, Stamp};
use crate::taken;

/// JSON, written left to right. Keys are ours and need no escaping.
#[derive(Debug)]
pub struct Json {
    out: Vec<u8>,
    /// Whether the next value needs a comma ahead of it.
    comma: bool,
}

impl Default for Json {
    fn default() -> Self {
        Self { out: Vec::with_capacity(4096), comma: false }
    }
}

impl Json {
    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn key(&mut self, key: &str) {
        self.key_bytes(key.as_bytes());
    }

    fn key_bytes(&mut self, key: &[u8]) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"\":");
        self.comma = false;
    }

    fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// A string; bytes that are not UTF-8 become the lone surrogates U+DC80 to U+DCFF.
    pub fn text(&mut self, text: &[u8]) {
        self.separate();
        self.out.push(b'"');
        if is_plain(text) {
            self.out.extend_from_slice(text);
        } else {
            for chunk in text.utf8_chunks() {
                for &byte in chunk.valid().as_bytes() {
                    self.escape(byte);
                }
                for byte in chunk.invalid() {
                    self.out.extend_from_slice(b"\\udc");
                    self.hex(&[*byte]);
                }
            }
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
            b'\n' => self.out.extend_from_slice(b"\\n"),
            b'\t' => self.out.extend_from_slice(b"\\t"),
            0..=0x1f | 0x7f => {
                self.out.extend_from_slice(b"\\u00");
                self.hex(&[byte]);
            }
            _ => self.out.push(byte),
        }
    }

    fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in bytes {
            self.out.push(DIGITS[usize::from(byte >> 4)]);
            self.out.push(DIGITS[usize::from(byte & 15)]);
        }
    }

    fn number(&mut self, number: u64) {
        self.separate();
        let mut digits = [0; 20];
        let (mut at, mut rest) = (digits.len(), number);
        loop {
            at -= 1;
            let digit = (rest % 10) as u8;
            digits[at] = b'0' + digit;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn null(&mut self) {
        self.separate();
        self.out.extend_from_slice(b"null");
    }

    fn field(&mut self, key: &str, text: &[u8]) {
        self.key(key);
        self.text(text);
    }

    fn field_number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.number(number);
    }

    fn field_hex(&mut self, key: &str, bytes: &[u8]) {
        self.key(key);
        self.separate();
        self.out.push(b'"');
        self.hex(bytes);
        self.out.push(b'"');
    }

    fn list<'t>(&mut self, key: &str, texts: impl IntoIterator<Item = &'t [u8]>) {
        self.key(key);
        self.open(b'[');
        for text in texts {
            self.text(text);
        }
        self.close(b']');
    }

    fn list_some<'t>(&mut self, key: &str, texts: impl IntoIterator<Item = &'t [u8]>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            self.list(key, texts);
        }
    }
}

/// Whether a text has nothing to escape, which is the usual thing. Eight bytes a step: it is asked of every
/// argument at every call.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of each byte that needs an escape, by borrows out of it (or the carry out of 0x7f). What
    // spills into the byte above comes from one that needs an escape itself, so it changes no answer.
    let zero = |word: u64| word.wrapping_sub(ONES);
    let special = |word: u64| {
        let control = word.wrapping_sub(ONES * 0x20);
        let delete = word.wrapping_add(ONES);
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        (control | delete | quote | backslash | word) & HIGHS != 0
    };
    match text.last_chunk() {
        // The last eight bytes, of which some were in the step before.
        Some(last) => {
            !special(u64::from_le_bytes(*last)) && {
                text.as_chunks().0.iter().all(|word| !special(u64::from_le_bytes(*word)))
            }
        }
        None => text.iter().all(|byte| is_plain_byte(*byte)),
    }
}

/// The same of one byte.
fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Names a call: 48 bits of the time and the process, mixed.
#[must_use]
pub fn id(time: u64, pid: i32) -> [u8; 6] {
    let mut x = time ^ u64::from(pid.cast_unsigned()).rotate_left(40);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let bytes = x.to_le_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]
}

/// The variable by which a tool's own calls of the shim know in which call they are made.
pub const PARENT: &[u8] = b"CROSSWHEEL_PARENT";

/// A name of a call as it is written.
#[must_use]
pub fn id_text(id: [u8; 6]) -> Vec<u8> {
    let mut json = Json::default();
    json.hex(&id);
    json.out
}

/// All that a `begin` line tells.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'c, 'l> {
    /// Name of the call.
    pub id: [u8; 6],
    /// Start, nanoseconds since 1970.
    pub time: u64,
    /// Process numbers of the shim and of its caller.
    pub pids: (i32, i32),
    /// The plan.
    pub plan: Plan<'c>,
    /// The name that was called.
    pub name: &'c [u8],
    /// Working folder; empty if it was deleted.
    pub cwd: &'c [u8],
    /// Arguments as received, the name first.
    pub argv: &'c [&'c [u8]],
    /// Environment as received.
    pub env: &'c [&'c CStr],
    /// The call in which this one is made, as [`PARENT`] says.
    pub parent: Option<&'c [u8]>,
    /// What is run.
    pub target: &'c Target<'c, 'c>,
    /// What it does.
    pub call: &'c Invocation<'l>,
    /// Name of the row by which it is a probe.
    pub probe: Option<&'c [u8]>,
    /// What was decided.
    pub decision: &'c Decision<'c>,
}

/// The line for the start of a call.
#[must_use]
pub fn begin(b: &Begin<'_, '_>) -> Json {
    let mut j = Json::default();
    let (pid, ppid) = b.pids;
    j.open(b'{');
    j.field("ev", b"begin");
    j.field_hex("id", &b.id);
    j.field_number("t", b.time);
    j.field_number("pid", u64::from(pid.cast_unsigned()));
    j.field_number("ppid", u64::from(ppid.cast_unsigned()));
    if let Some(parent) = b.parent {
        j.field("parent", parent);
    }
    j.field("tool", b.target.tool.name());
    if let Some(via) = b.target.via {
        j.field("via", via.name());
    }
    j.field("real", b.target.tool.real());
    if let Some(launcher) = b.target.launcher() {
        j.field("launcher", launcher);
    }
    if !b.cwd.is_empty() {
        j.field("cwd", b.cwd);
    }
    j.field("kind", b.call.kind.name().as_bytes());
    if let Some(probe) = b.probe {
        j.field("probe", probe);
    }
    j.list_some("lang", b.call.languages.iter().map(|language| language.name().as_bytes()));
    j.list_some("in", b.call.inputs.iter().map(|at| b.call.input(*at)));
    j.list_some("out", b.call.outputs.iter().map(Vec::as_slice));
    if let Some(dep) = &b.call.dep_file {
        j.field("dep", dep);
    }
    j.list("argv", b.argv.iter().copied());
    if !b.call.line.files().is_empty() {
        let ahead = &b.argv[..b.argv.len() - b.target.args.len()];
        let words = b.call.line.words().iter().map(|word| &*word.text);
        j.list("expanded", ahead.iter().copied().chain(words));
        j.key("files");
        j.open(b'[');
        for (path, content) in b.call.line.raw() {
            j.open(b'{');
            j.field("path", path);
            j.field("content", content);
            j.close(b'}');
        }
        j.close(b']');
    }
    if b.probe.is_none() && taken::takes(b.call) {
        takes(&mut j, b.call, &b.decision.args, b.env);
    }
    let lead = b.target.head(b.call.only_asks()).skip_while(|word| *word != b.target.tool.real()).skip(1);
    j.list_some("lead", lead);
    if b.decision.changed() {
        j.list("run", b.target.head(b.call.only_asks()).chain(b.decision.args.iter().map(|arg| &**arg)));
    }
    edits(&mut j, b.decision);
    j.key("env");
    j.open(b'{');
    for variable in b.env.iter().map(|variable| variable.to_bytes()) {
        if let Some(at) = variable.iter().position(|byte| *byte == b'=')
            && b.plan.shows(&variable[..at])
        {
            // Allowed names are letters, digits and underscores, and need no escaping.
            j.key_bytes(&variable[..at]);
            j.text(&variable[at + 1..]);
        }
    }
    j.close(b'}');
    let disposition: &[u8] = match (&b.decision.refusal, b.decision.changed()) {
        (Some(_), _) => b"refused",
        (None, true) => b"rewritten",
        (None, false) => b"passed",
    };
    j.field("disp", disposition);
    if let Some(refusal) = &b.decision.refusal {
        j.field("error", &refused(refusal));
    }
    j.close(b'}');
    j.out.push(b'\n');
    j
}

/// A refusal as the caller and the record are told of it.
#[must_use]
pub fn refused(refusal: &Refusal<'_>) -> Vec<u8> {
    [b"refused `", &*refusal.arg, b"`: ", refusal.why, b" (rule ", refusal.rule, b")"].concat()
}

/// What a link or an archive takes in.
fn takes(j: &mut Json, call: &Invocation<'_>, ran: &[Arg<'_>], env: &[&CStr]) {
    if !call.inputs.is_empty() {
        j.key("seen");
        j.open(b'[');
        for seen in taken::inputs(call) {
            stamp(j, seen);
        }
        j.close(b']');
    }
    let libraries = if call.kind == Kind::Link { taken::libraries(call, ran, env) } else { Vec::new() };
    if !libraries.is_empty() {
        j.key("libs");
        j.open(b'[');
        for library in libraries {
            j.open(b'{');
            j.field("arg", library.arg);
            j.field("path", &library.path);
            j.key("seen");
            stamp(j, Some(library.seen));
            j.close(b'}');
        }
        j.close(b']');
    }
}

fn stamp(j: &mut Json, seen: Option<Stamp>) {
    match seen {
        Some(seen) => {
            j.open(b'[');
            j.number(seen.size);
            j.number(seen.modified);
            j.close(b']');
        }
        None => j.null(),
    }
}

fn edits(j: &mut Json, decision: &Decision<'_>) {
    if decision.edits.is_empty() {
        return;
    }
    j.key("edits");
    j.open(b'[');
    for edit in &decision.edits {
        j.open(b'{');
        j.field("rule", edit.rule);
        j.field("why", edit.why);
        j.field_number("at", edit.at as u64);
        j.list("before", edit.before.iter().map(|arg| &**arg));
        j.list("after", edit.after.iter().map(|arg| &**arg));
        j.close(b'}');
    }
    j.close(b']');
}

/// What a second try found out.
#[derive(Debug)]
pub struct Retry {
    /// How the second try ended.
    pub exit: Option<i32>,
    /// Lines of the first try that carry an error by `-Werror`.
    pub demoted: Vec<Vec<u8>>,
}

/// All that an `end` line tells.
#[derive(Debug)]
pub struct End<'c> {
    /// Name of the call.
    pub id: [u8; 6],
    /// Start and end, nanoseconds since 1970.
    pub times: (u64, u64),
    /// How the tool ended, or why it did not start.
    pub ended: Result<Ended, String>,
    /// The second try, if there was one.
    pub retry: Option<Retry>,
    /// Outputs to be described, if they are ELF files or archives.
    pub made: &'c [Vec<u8>],
}

/// The line for the end of a call.
#[must_use]
pub fn end(e: &End<'_>) -> Json {
    let mut j = Json::default();
    j.open(b'{');
    j.field("ev", b"end");
    j.field_hex("id", &e.id);
    j.field_number("t", e.times.1);
    j.field_number("dur", e.times.1.saturating_sub(e.times.0));
    match &e.ended {
        Ok(ended) => {
            for (key, code) in [("exit", ended.exit), ("signal", ended.signal)] {
                if let Some(code) = code {
                    j.field_number(key, u64::from(code.cast_unsigned()));
                }
            }
            j.field_number("user", ended.user);
            j.field_number("sys", ended.sys);
            j.field_number("rss", ended.rss);
        }
        Err(error) => j.field("error", error.as_bytes()),
    }
    if let Some(retry) = &e.retry {
        j.key("retry");
        j.open(b'{');
        if let Some(exit) = retry.exit {
            j.field_number("exit", u64::from(exit.cast_unsigned()));
        }
        j.list("demoted", retry.demoted.iter().map(Vec::as_slice));
        j.close(b'}');
    }
    made(&mut j, e.made);
    j.close(b'}');
    j.out.push(b'\n');
    j
}

/// Describes those of the outputs that are ELF files, WebAssembly or archives.
fn made(j: &mut Json, outputs: &[Vec<u8>]) {
    let mut any = false;
    for path in outputs {
        let Some(content) = sys::Map::open(path) else { continue };
        let content = content.bytes();
        let facts = elf::facts(content);
        let wasm = content.starts_with(elf::WASM_MAGIC);
        if facts.is_none() && !wasm && !content.starts_with(b"!<arch>\n") {
            continue;
        }
        if !any {
            any = true;
            j.key("made");
            j.open(b'[');
        }
        j.open(b'{');
        j.field("path", path);
        j.field_number("size", content.len() as u64);
        j.field_hex("sha256", &elf::sha256(content));
        if let Some(facts) = facts {
            if let Some(build_id) = facts.build_id {
                j.field_hex("build_id", build_id);
            }
            if let Some(digest) = elf::load_digest(content) {
                j.field_hex("load", &digest);
            }
            j.field("machine", facts.machine.to_string().as_bytes());
        }
        if wasm {
            j.field("machine", elf::WASM32.to_string().as_bytes());
        }
        j.close(b'}');
    }
    if any {
        j.close(b']');
    }
}

/// The record, opened for appending.
#[derive(Debug)]
pub struct Record<'p> {
    path: &'p [u8],
    fd: Option<Fd>,
}

impl<'p> Record<'p> {
    /// Opens the record of a plan; `None` if it keeps none.
    #[must_use]
    pub fn open(plan: Plan<'p>) -> Option<Self> {
        let path = plan.record()?;
        let record = Self { path, fd: Fd::append(path).ok() };
        if record.fd.is_none() {
            record.lose();
        }
        Some(record)
    }

    /// Writes one line, in one write.
    pub fn write(&self, line: &Json) {
        let Some(fd) = &self.fd else { return };
        if sys::write_once(fd.number(), line.bytes()) != Ok(line.bytes().len()) {
            self.lose();
        }
    }

    /// Leaves a mark that something is missing. If that fails too, nothing can be done.
    fn lose(&self) {
        let _ = Fd::create_new(&[crate::paths::parent(self.path), b"/record.lost"].concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_an_escape_is_seen_wherever_it_stands() {
        for len in 1..=17 {
            for at in 0..len {
                for byte in 0..=255 {
                    // Neighbours at both ends of what is plain, which a borrow would turn.
                    for filler in [b' ', b'!', b'#', b'[', b']', b'~'] {
                        let mut text = vec![filler; len];
                        text[at] = byte;
                        assert_eq!(is_plain(&text), is_plain_byte(byte), "{byte:#x} at {at} of {len}");
                    }
                }
            }
        }
        assert!(is_plain(b""));
    }
}
