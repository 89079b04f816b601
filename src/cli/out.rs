//! How verbs print: to a terminal in colour and as wide as it is, to a pipe plainly and in full.

use std::fs::Permissions;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::capture::Text;
use crate::error::{Error, IoContext, Result};

/// What is there for orientation only.
pub(super) const DIM: Style = Style::new().dimmed();
/// What the eye should find first.
pub(super) const BOLD: Style = Style::new().bold();
/// Failed, or taken out.
pub(super) const RED: Style = AnsiColor::Red.on_default();
/// Well, or put in.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// To be looked at.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Prints to stdout what `write` writes. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    print_on(write).map(drop)
}

/// The same for more than once; false if the reader is gone.
pub(super) fn print_on(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<bool> {
    let stdout = anstream::stdout().lock();
    let to: Box<dyn Write> = if std::io::stdout().is_terminal() {
        Box::new(Tame { to: stdout, held: Vec::new() })
    } else {
        Box::new(stdout)
    };
    let mut out = BufWriter::new(to);
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::failed(format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// Keeps from a terminal what could steer it: of all control characters only line feeds, tabs and colours pass. A record, a
/// wheel or a file name may come from anybody.
struct Tame<W> {
    to: W,
    /// The beginning of what may be a colour, or of a character.
    held: Vec<u8>,
}

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.held.push(byte);
            match self.held.as_slice() {
                [0x1b | 0xc2] | [0x1b, b'['] | [0x1b, b'[', .., b'0'..=b'9' | b';'] => {}
                [0x1b, b'[', .., b'm']
                | [0xc2, 0xa0..=0xff]
                | [b'\n' | b'\t' | b' '..=b'~' | 0x80..=0xff] => {
                    out.append(&mut self.held);
                }
                // What follows an escape that is none of ours is a text like any other.
                [0x1b, .., b'\n' | b' '..=b'~'] => {
                    self.held.clear();
                    out.push(byte);
                }
                _ => self.held.clear(),
            }
        }
        self.to.write_all(&out)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes a file: whole or not at all. Links are followed; what is no plain file (`/dev/stdout`, a pipe) is
/// written to.
pub(super) fn deliver(path: &Path, content: &[u8]) -> Result<()> {
    let there = std::fs::metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        return std::fs::write(path, content).context("cannot write", path);
    }
    let path =
        if there.is_some() { path.canonicalize().context("cannot look at", path)? } else { path.to_owned() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any new file: what the umask leaves of it. One that was there keeps its rights.
    let rights = there.map_or(Permissions::from_mode(0o666), |there| there.permissions());
    let mut part = tempfile::Builder::new().prefix(".xw-").permissions(rights).tempfile_in(folder).map_err(
        |source| match source.kind() {
            ErrorKind::NotFound => Error::usage(format!("there is no folder {}", folder.display()))
                .hint("make it first, or name a file elsewhere"),
            _ => Error::io("cannot make a file in", folder, &source),
        },
    )?;
    part.write_all(content).context("cannot write", &path)?;
    part.persist(&path).map_err(|failed| failed.error).context("cannot write", &path)?;
    Ok(())
}

/// Prints a warning to stderr.
pub(super) fn warn(message: &str) {
    let style = YELLOW.bold();
    anstream::eprintln!("{style}warning:{style:#} {message}");
}

/// Says what can be done about a warning.
pub(super) fn hint(message: &str) {
    let style = AnsiColor::Cyan.on_default().bold();
    anstream::eprintln!(" {style}hint:{style:#} {message}");
}

/// Columns of the terminal; `None` if stdout is none, and nothing should be cut.
pub(super) fn columns() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    std::io::stdout().is_terminal().then_some(usize::from(columns))
}

/// A time of so many nanoseconds, for people: three figures, eight columns at most.
#[expect(clippy::cast_precision_loss, reason = "only three figures are shown")]
pub(super) fn time(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    match nanoseconds {
        0..9_950_000 => format!("{:.1} ms", seconds * 1e3),
        9_950_000..999_500_000 => format!("{:.0} ms", seconds * 1e3),
        999_500_000..9_995_000_000 => format!("{seconds:.2} s"),
        9_995_000_000..99_950_000_000 => format!("{seconds:.1} s"),
        _ => format!("{} m {:02} s", nanoseconds / 60_000_000_000, nanoseconds / 1_000_000_000 % 60),
    }
}

/// A number with its thousands set apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many bytes, for people: three figures, decimal units.
#[expect(clippy::cast_precision_loss, reason = "only three figures are shown")]
pub(super) fn size(bytes: u64) -> String {
    let mut number = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        // From here on it would be shown as 1000.
        if number < 999.5 {
            break;
        }
        (number, unit) = (number / 1000.0, next);
    }
    let figures = match number {
        _ if unit == "B" => 0,
        9.995.. if number >= 99.95 => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{number:.figures$} {unit}")
}

/// `1 call`, `2 calls`.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{} {what}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// JSON, written left to right. Texts of a record may hold bytes that are not UTF-8, which stay as the record writes
/// them.
pub(super) struct Json {
    out: String,
    /// Whether the next value needs a comma ahead of it.
    comma: bool,
}

impl Json {
    pub(super) fn new() -> Self {
        Self { out: String::new(), comma: false }
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }

    pub(super) fn key(&mut self, key: &str) {
        self.value(&Text::from(key).json());
        self.out.push(':');
        self.comma = false;
    }

    pub(super) fn open(&mut self, bracket: char) {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// What is JSON already.
    pub(super) fn value(&mut self, json: &str) {
        self.separate();
        self.out.push_str(json);
    }

    pub(super) fn text(&mut self, key: &str, text: &Text) {
        self.key(key);
        self.value(&text.json());
    }

    pub(super) fn name(&mut self, key: &str, name: &str) {
        self.text(key, &Text::from(name));
    }

    pub(super) fn path(&mut self, key: &str, path: &std::path::Path) {
        self.text(key, &Text::from(path.as_os_str().as_encoded_bytes()));
    }

    pub(super) fn number(&mut self, key: &str, number: impl std::fmt::Display) {
        self.key(key);
        self.value(&number.to_string());
    }

    pub(super) fn list<'t>(&mut self, key: &str, texts: impl IntoIterator<Item = &'t Text>) {
        self.key(key);
        self.open('[');
        texts.into_iter().for_each(|text| self.value(&text.json()));
        self.close(']');
    }

    /// A list of what `write` writes for each item.
    pub(super) fn each<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.key(key);
        self.open('[');
        items.into_iter().for_each(|item| write(self, item));
        self.close(']');
    }

    /// All of it, with a line feed.
    pub(super) fn done(mut self) -> Vec<u8> {
        self.out.push('\n');
        self.out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    #[test]
    fn times_have_three_figures() {
        for (nanoseconds, shown) in [
            (0, "0.0 ms"),
            (940_000, "0.9 ms"),
            (9_949_999, "9.9 ms"),
            (12_345_678, "12 ms"),
            (999_499_999, "999 ms"),
            (1_000_000_000, "1.00 s"),
            (12_340_000_000, "12.3 s"),
            (125_000_000_000, "2 m 05 s"),
        ] {
            assert_eq!(super::time(nanoseconds), shown);
        }
    }

    #[test]
    fn a_terminal_is_sent_colours_and_no_other_controls() {
        for (text, sent) in [
            (&b"a\x1b[1;31mb\x1b[0m\n\tc"[..], &b"a\x1b[1;31mb\x1b[0m\n\tc"[..]),
            (b"a\x1b]0;title\x07b", b"a]0;titleb"),
            (b"a\x1b[2Jb\x1bcd\r\x08e\x7f", b"aJbcde"),
            ("é\u{9b}31mü\u{a0}→".as_bytes(), "é31mü\u{a0}→".as_bytes()),
            (b"\x1b\nx\x1b", b"\nx"),
        ] {
            for size in 1..=text.len() {
                let mut tame = super::Tame { to: Vec::new(), held: Vec::new() };
                text.chunks(size).for_each(|part| tame.write_all(part).expect("written"));
                assert_eq!(tame.to, sent, "{size}");
            }
        }
    }

    #[test]
    fn sizes_have_three_figures() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (99_949, "99.9 kB"),
            (99_951, "100 kB"),
            (999_499, "999 kB"),
            (999_501, "1.00 MB"),
            (448_000_000, "448 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(super::size(bytes), shown, "{bytes}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1000, 123_456, 1_234_567].map(super::count);
        assert_eq!(shown, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
