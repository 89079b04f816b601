//! What compilers print about a source: `a.c:3:5: warning: unused variable 'x' [-Wunused-variable]`, as GCC, clang
//! and GNU's other tools write it, in the midst of whatever else a build prints. Pure: a line in, a value out.
//!
//! Formats: GCC's manual, "Formatting of Diagnostics"; clang's "Formatting of Diagnostics". Where messages are
//! translated, a diagnostic is known by the flag behind it.

pub use crosswheel_shim::coloured::plain;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The compile failed by it, whatever the policy.
    Error,
    /// A warning that `-Werror` made an error.
    Promoted,
    /// A warning.
    Warning,
}

/// One diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the compiler names it; none for one about the command line.
    pub file: Option<Vec<u8>>,
    /// Line and column, from 1.
    pub line: Option<u32>,
    /// Column as the compiler counts.
    pub column: Option<u32>,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The flag that asks for it, such as `-Wunused-variable`; errors have none.
    pub flag: Option<String>,
}

/// A line that says where the diagnostics behind it come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// `In file included from a.c:1,` and its further lines: the file that includes.
    Included(Vec<u8>),
    /// `a.c: In function 'f':`
    Within(Vec<u8>),
    /// `make[1]: Entering directory '/w/sub'`
    Entering(Vec<u8>),
    /// `make[1]: Leaving directory '/w/sub'`
    Leaving(Vec<u8>),
}

/// Reads a line as a diagnostic. Notes belong to the one ahead of them, and are none of their own.
#[must_use]
pub fn read(line: &[u8]) -> Option<Diagnostic> {
    let line = line.trim_ascii_end();
    // The first place at which a severity stands parts where from what.
    let mut from = 0;
    while let Some(at) = find(&line[from..], b": ").map(|at| from + at) {
        let head = &line[..at];
        let rest = &line[at + 2..];
        let (file, row, column) = place(head);
        if let Some((severity, text)) = severity(rest) {
            return diagnostic(head, severity, text);
        }
        // A translated severity: one word, with a place ahead of it and a flag behind.
        if row.is_some()
            && let Some(end) = find(rest, b": ")
            && !rest[..end].contains(&b' ')
            && let (message, flag, promoted) = flag(&rest[end + 2..])
            && (flag.is_some() || promoted)
        {
            let severity = if promoted { Severity::Promoted } else { Severity::Warning };
            let message = String::from_utf8_lossy(message).into_owned();
            return Some(Diagnostic {
                file: Some(file.to_vec()),
                line: row,
                column,
                severity,
                message,
                flag,
            });
        }
        from = at + 2;
    }
    None
}

fn diagnostic(head: &[u8], severity: Severity, text: &[u8]) -> Option<Diagnostic> {
    let (message, flag, promoted) = flag(text);
    let (file, line, column) = place(head);
    // A tool that speaks of itself: `cc1: warning: …`, `clang: warning: …`; ld names no line, and says so itself.
    let own = line.is_none() && (!file.contains(&b'.') || is_tool(file));
    if line.is_none() && (file.is_empty() || file.contains(&b' ') || (own && !is_tool(file))) {
        return None;
    }
    Some(Diagnostic {
        file: (!own).then(|| file.to_vec()),
        line,
        column,
        severity: if promoted { Severity::Promoted } else { severity },
        message: String::from_utf8_lossy(message).into_owned(),
        flag,
    })
}

/// Programs that print diagnostics about their own arguments.
fn is_tool(name: &[u8]) -> bool {
    const TOOLS: &[&[u8]] = &[
        b"cc1",
        b"cc1plus",
        b"cc1obj",
        b"cc1objplus",
        b"f951",
        b"lto1",
        b"lto-wrapper",
        b"collect2",
        b"cc",
        b"c++",
        b"gcc",
        b"g++",
        b"gfortran",
        b"clang",
        b"clang++",
        b"ld",
        b"ld.bfd",
        b"ld.gold",
        b"ld.lld",
        b"lld",
        b"as",
    ];
    let base = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // `x86_64-linux-gnu-gcc-12`, `clang-14`: the name between the machine and the version.
    let end = base.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let versioned = base[..end].strip_suffix(b"-").unwrap_or(base);
    [base, versioned].iter().any(|name| {
        TOOLS.iter().any(|tool| {
            name.strip_suffix(*tool).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with(b"-"))
        })
    })
}

/// The severity at the start of a text, and what follows it.
fn severity(text: &[u8]) -> Option<(Severity, &[u8])> {
    const WORDS: &[(&[u8], Severity)] = &[
        (b"warning: ", Severity::Warning),
        (b"error: ", Severity::Error),
        (b"fatal error: ", Severity::Error),
        (b"internal compiler error: ", Severity::Error),
        (b"sorry, unimplemented: ", Severity::Error),
    ];
    WORDS.iter().find_map(|(word, severity)| Some((*severity, text.strip_prefix(*word)?)))
}

/// `file:line:column`, `file:line`, or a name alone.
fn place(head: &[u8]) -> (&[u8], Option<u32>, Option<u32>) {
    // ld's `a.c:(.text+0x10)` has no line that it knows of.
    if let Some(at) = find(head, b":(").filter(|_| head.ends_with(b")")) {
        return (&head[..at], None, None);
    }
    let number = |text: &[u8]| -> Option<u32> {
        let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten().filter(|number| *number > 0)
    };
    let split = |text: &'_ [u8]| text.iter().rposition(|byte| *byte == b':');
    let Some(last) = split(head) else { return (head, None, None) };
    let Some(behind) = number(&head[last + 1..]) else { return (head, None, None) };
    let ahead = &head[..last];
    if let Some(middle) = split(ahead)
        && let Some(line) = number(&ahead[middle + 1..])
    {
        return (&head[..middle], Some(line), Some(behind));
    }
    (ahead, Some(behind), None)
}

/// A message and the flag in brackets at its end, and whether `-Werror` made it an error: GCC writes
/// `[-Werror=unused]`, clang `[-Werror,-Wunused]`, and with its categories `[-Wunused,Unused Entity Issue]`.
/// For some warnings GCC has no flag, and writes `[-Werror]` alone.
fn flag(text: &[u8]) -> (&[u8], Option<String>, bool) {
    let brackets = || {
        let inner = text.strip_suffix(b"]")?;
        inner.iter().rposition(|byte| *byte == b'[').map(|open| (open, &inner[open + 1..]))
    };
    let Some((open, inner)) = brackets() else { return (text, None, false) };
    let mut promoted = false;
    let mut flag: Option<Vec<u8>> = None;
    for part in inner.split(|byte| *byte == b',') {
        if part == b"-Werror" {
            promoted = true;
        } else if let Some(name) = part.strip_prefix(b"-Werror=") {
            promoted = true;
            flag = flag.or(Some([b"-W", name].concat()));
        } else if part.starts_with(b"-W") {
            flag = flag.or(Some(part.to_vec()));
        }
    }
    if flag.is_none() && !promoted {
        return (text, None, false);
    }
    let flag = flag.map(|flag| String::from_utf8_lossy(&flag).into_owned());
    (text[..open].trim_ascii_end(), flag, promoted)
}

/// Reads a line that says where the next diagnostics come from.
#[must_use]
pub fn context(line: &[u8]) -> Option<Context> {
    let trimmed = line.trim_ascii();
    let included = trimmed.strip_prefix(b"In file included from ").or_else(|| trimmed.strip_prefix(b"from "));
    if let Some(included) = included {
        let included = included.strip_suffix(b",").or_else(|| included.strip_suffix(b":"))?;
        let (file, line, _) = place(included);
        return line.map(|_| Context::Included(file.to_vec()));
    }
    if let Some(message) = trimmed.strip_suffix(b"'") {
        return make(message);
    }
    let head = trimmed.strip_suffix(b":")?;
    let at = find(head, b": In ").or_else(|| find(head, b": At "))?;
    Some(Context::Within(head[..at].to_vec()))
}

/// What `make -w` says of its folder, without the quote at the end. Old ones write `a', new ones 'a'.
fn make(message: &[u8]) -> Option<Context> {
    type Way = (&'static [u8], fn(Vec<u8>) -> Context);
    const WAYS: &[Way] =
        &[(b": Entering directory ", Context::Entering), (b": Leaving directory ", Context::Leaving)];
    WAYS.iter().find_map(|(way, context)| {
        let at = find(message, way)?;
        Some(context(message[at + way.len()..].get(1..)?.to_vec()))
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let Some(found) = read(line.as_bytes()) else { return "none".into() };
        let file = found.file.map_or("-".into(), |file| String::from_utf8_lossy(&file).into_owned());
        let number = |number: Option<u32>| number.map_or("-".into(), |number| number.to_string());
        format!(
            "{file} {} {} {:?} {} {}",
            number(found.line),
            number(found.column),
            found.severity,
            found.flag.as_deref().unwrap_or("-"),
            found.message
        )
    }

    #[test]
    fn lines_are_read_as_gcc_and_clang_write_them() {
        for (line, expected) in [
            ("a.c:3:5: warning: unused x [-Wunused-variable]", "a.c 3 5 Warning -Wunused-variable unused x"),
            ("a.c:3:5: error: unused x [-Werror=unused]", "a.c 3 5 Promoted -Wunused unused x"),
            ("a.c:3:5: error: unused x [-Werror,-Wunused]", "a.c 3 5 Promoted -Wunused unused x"),
            ("a.c:3: error: odd [-Werror]", "a.c 3 - Promoted - odd"),
            ("a b/c:d.c:3:5: fatal error: x.h: no such file", "a b/c:d.c 3 5 Error - x.h: no such file"),
            ("a.c:3:5: warning: index [1] is past the end", "a.c 3 5 Warning - index [1] is past the end"),
            ("a.c:1:2: warning: x [-Wunused,Unused Entity Issue]", "a.c 1 2 Warning -Wunused x"),
            (
                "a.c:1:2: Warnung: Variable »x« [-Wunused-variable]",
                "a.c 1 2 Warning -Wunused-variable Variable »x«",
            ),
            ("a.c:1:2: Fehler: Variable [-Werror=unused]", "a.c 1 2 Promoted -Wunused Variable"),
            ("cc1plus: warning: option for C [-Wfoo]", "- - - Warning -Wfoo option for C"),
            ("/usr/bin/x86_64-linux-gnu-gcc-12: error: x", "- - - Error - x"),
            ("/usr/bin/ld: warning: a.o: no stack note", "- - - Warning - a.o: no stack note"),
            ("a.c:3:5: note: declared here", "none"),
            ("error: command 'gcc' failed", "none"),
            ("setup.py:12: UserWarning: odd", "none"),
            ("make: *** [Makefile:3: a.o] Error 1", "none"),
            ("    3 |   int x; // a.c: warning: none", "none"),
            ("CMake Warning: error: x", "none"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn colours_and_links_are_no_part_of_a_line() {
        let line = "\x1b[01m\x1b[Ka.c:1:5:\x1b[m\x1b[K \x1b[01;35m\x1b[Kwarning: \x1b[m\x1b[Kx [\x1b]8;;https://x\x07-Wy\x1b]8;;\x07]";
        assert_eq!(plain(line.as_bytes()), &b"a.c:1:5: warning: x [-Wy]"[..]);
    }

    #[test]
    fn context_names_the_source_that_is_compiled() {
        for (line, expected) in [
            ("In file included from a.c:1:", Some(Context::Included(b"a.c".to_vec()))),
            ("In file included from x.h:3,", Some(Context::Included(b"x.h".to_vec()))),
            ("                 from src/a.c:4:", Some(Context::Included(b"src/a.c".to_vec()))),
            ("a.c: In function 'main':", Some(Context::Within(b"a.c".to_vec()))),
            ("a.cpp: At global scope:", Some(Context::Within(b"a.cpp".to_vec()))),
            ("make[1]: Entering directory '/w/it's'", Some(Context::Entering(b"/w/it's".to_vec()))),
            ("gmake[12]: Leaving directory `/w/a b'", Some(Context::Leaving(b"/w/a b".to_vec()))),
            ("make: Entering directory '", None),
            ("from a to b:", None),
            ("a.c:1:2: warning: x", None),
        ] {
            assert_eq!(context(line.as_bytes()), expected, "{line}");
        }
    }
}
