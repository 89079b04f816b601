//! A question about a flag, in every spelling that the option tables know: `-DX` and `-D X`, `--sysroot=D` and
//! `--sysroot D` are one flag to the tools that read both. Pure: words in, an answer out.

use crosswheel_shim::plan::{Dialect, Form, OptionRow};
use crosswheel_shim::record::Json;

use super::text::Text;
use crate::error::Result;
use crate::toolchain::Toolchains;

/// What is asked for: an argument; with `=` or `*` at its end all that begin so; and an option that takes a value, by
/// itself, stands for all its values.
pub struct Asked {
    spellings: Vec<Spelling>,
}

/// One way in which arguments hold what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// The option, where its value is an argument of its own.
    option: Option<Vec<u8>>,
    /// The argument; or the value, if there is an option ahead.
    word: Vec<u8>,
    /// Whether it only begins so.
    open: bool,
    /// Whose arguments are read so; all tools' if none is named.
    dialects: Vec<Dialect>,
}

impl Asked {
    /// Reads the question: a flag as a user names it, its value behind a space or not.
    pub fn new(flag: &[u8]) -> Result<Self> {
        let toolchains = Toolchains::builtin()?;
        let (text, star) = flag.strip_suffix(b"*").map_or((flag, false), |start| (start, true));
        let mut asked = Self { spellings: Vec::new() };
        asked.add(None, text, star || text.ends_with(b"="), None);
        for dialect in Dialect::ALL {
            asked.read(text, star, *dialect, &toolchains.options(*dialect));
        }
        Ok(asked)
    }

    /// How the tools of a dialect may spell it otherwise.
    fn read(&mut self, text: &[u8], star: bool, dialect: Dialect, rows: &[OptionRow]) {
        let takes_next = |option: &[u8]| {
            let row = rows.iter().find(|row| row.spelling.as_bytes() == option);
            row.map(|row| row.form).filter(|form| matches!(form, Form::Separate | Form::JoinedOrSeparate))
        };
        // What stands between an option and its value in one argument.
        let joint = |option: &[u8], form: Form| match form {
            Form::JoinedOrSeparate => Some(&b""[..]),
            // GNU's long options, and linkers' with one dash.
            _ => Some(&b"="[..]).filter(|_| !option.ends_with(b"=")),
        };
        let own = Some(dialect);
        if let Some(form) = takes_next(text) {
            self.add(Some(text), b"", true, own);
            if let Some(joint) = joint(text, form) {
                self.add(None, &[text, joint].concat(), true, own);
            }
            return;
        }
        if let Some((option, value)) = split(text, b' ')
            && let Some(form) = takes_next(option)
        {
            let value = value.trim_ascii_start();
            self.add(Some(option), value, star, own);
            if let Some(joint) = joint(option, form) {
                self.add(None, &[option, joint, value].concat(), star, own);
            }
            return;
        }
        // As the shim reads it: the longest spelling that fits counts.
        let row = rows.iter().filter(|row| text.starts_with(row.spelling.as_bytes()));
        let row = row.max_by_key(|row| row.spelling.len());
        if let Some(row) = row.filter(|row| row.form == Form::JoinedOrSeparate) {
            self.add(Some(row.spelling.as_bytes()), &text[row.spelling.len()..], star, own);
        } else if let Some((option, value)) = split(text, b'=')
            && takes_next(option) == Some(Form::Separate)
        {
            self.add(Some(option), value, star || value.is_empty(), own);
        }
    }

    /// Takes a spelling in; of one that is there already, only for whom.
    fn add(&mut self, option: Option<&[u8]>, word: &[u8], open: bool, dialect: Option<Dialect>) {
        let new = Spelling {
            option: option.map(<[u8]>::to_vec),
            word: word.to_vec(),
            open,
            dialects: dialect.into_iter().collect(),
        };
        let same = |old: &&mut Spelling| (&old.option, &old.word, old.open) == (&new.option, &new.word, open);
        match self.spellings.iter_mut().find(same) {
            // The first is for all.
            Some(old) if old.dialects.is_empty() => {}
            Some(old) => old.dialects.extend(dialect),
            None => self.spellings.push(new),
        }
    }

    /// Its spellings.
    pub(super) fn spellings(&self) -> &[Spelling] {
        &self.spellings
    }

    /// What of these arguments is asked for, each as it is spelled.
    pub(super) fn among(&self, words: &[&[u8]], dialect: Option<Dialect>) -> Vec<Text> {
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let next = words.get(at + 1).copied();
            let here = self.spellings.iter().filter(|spelling| spelling.is_for(dialect));
            // With its value, where that is an argument of its own.
            let with_value = |spelling: &Spelling| {
                let value = next.filter(|_| spelling.option.as_deref() == Some(*word))?;
                spelling.fits(value).then(|| spelling.told(value))
            };
            let alone = |spelling: &Spelling| {
                (spelling.option.is_none() && spelling.fits(word)).then(|| Text::from(*word))
            };
            found.extend(here.clone().find_map(with_value).or_else(|| here.clone().find_map(alone)));
        }
        found
    }

    /// Whether an argument is an option whose value is the next one.
    pub(super) fn is_option(&self, word: &[u8], dialect: Option<Dialect>) -> bool {
        let mut here = self.spellings.iter().filter(|spelling| spelling.is_for(dialect));
        here.any(|spelling| spelling.option.as_deref() == Some(word))
    }

    /// Whether more than one argument may be meant, so that they are told one by one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.spellings.iter().any(|spelling| spelling.open)
    }
}

impl Spelling {
    /// Whether tools of a dialect read it so.
    pub(super) fn is_for(&self, dialect: Option<Dialect>) -> bool {
        self.dialects.is_empty() || dialect.is_some_and(|dialect| self.dialects.contains(&dialect))
    }

    fn fits(&self, word: &[u8]) -> bool {
        if self.open { word.starts_with(&self.word) } else { word == self.word }
    }

    /// The option and a value of it, for people.
    pub(super) fn told(&self, value: &[u8]) -> Text {
        Text([self.option.as_deref().unwrap_or_default(), b" ", value].concat())
    }

    /// What stands ahead of the argument that counts in a line of a record.
    pub(super) fn ahead(&self) -> Vec<u8> {
        self.option.as_ref().map(|option| [&json(option)[..], b","].concat()).unwrap_or_default()
    }

    /// The text that a line of a record holds if it holds this.
    pub(super) fn needle(&self) -> Vec<u8> {
        let word = json(&self.word);
        [&self.ahead()[..], &word[..word.len() - usize::from(self.open)]].concat()
    }
}

/// A text as the shim writes it, in quotes.
fn json(text: &[u8]) -> Vec<u8> {
    let mut json = Json::default();
    json.text(text);
    json.bytes().to_vec()
}

/// What stands ahead of the first such byte, and behind it.
fn split(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|one| *one == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of a line is asked for.
    fn among(asked: &str, line: &str, dialect: Dialect) -> Vec<String> {
        let asked = Asked::new(asked.as_bytes()).expect("tables");
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        asked.among(&words, Some(dialect)).iter().map(|text| text.lossy().into_owned()).collect()
    }

    #[test]
    fn joined_and_separate_values_are_one_flag_where_the_tool_reads_both() {
        use Dialect::{Ar, Clang, Gcc, Ld};
        for (asked, line, dialect, expected) in [
            ("-DX", "-DX -D X -DXY -D XY -U X", Gcc, &["-DX", "-D X"][..]),
            ("-D X", "-DX -D X -DXY", Gcc, &["-DX", "-D X"]),
            ("-DX=*", "-DX=1 -D X=2 -D X", Gcc, &["-DX=1", "-D X=2"]),
            ("-isystem/a", "-isystem /a -isystem/a -I /a", Gcc, &["-isystem /a", "-isystem/a"]),
            ("--sysroot=/s", "--sysroot /s --sysroot=/s --sysroot=/", Gcc, &["--sysroot /s", "--sysroot=/s"]),
            ("--sysroot /s", "--sysroot /s --sysroot=/s", Gcc, &["--sysroot /s", "--sysroot=/s"]),
            ("--sysroot=", "--sysroot /s --sysroot=/t", Gcc, &["--sysroot /s", "--sysroot=/t"]),
            // An option by itself stands for all its values.
            ("-I", "-Ia -I b -isystem c", Gcc, &["-Ia", "-I b"]),
            ("-I*", "-Ia -I b", Gcc, &["-Ia", "-I b"]),
            ("--sysroot", "--sysroot /s --sysroot=/t", Gcc, &["--sysroot /s", "--sysroot=/t"]),
            // To gcc no value of its own; to ld the name of a script.
            ("-c", "-c a.c", Gcc, &["-c"]),
            ("-c", "-c a", Ld, &["-c a"]),
            ("-mfoo", "-m foo", Gcc, &[]),
            ("-Dx", "-D x", Ar, &[]),
            ("-Xclang -foo", "-Xclang -foo -Xclang=-bar", Clang, &["-Xclang -foo"]),
            ("-O2", "-O2 -O 2", Gcc, &["-O2"]),
            ("-march=", "-march=a -march b", Gcc, &["-march=a"]),
            ("-rpath=/x", "-rpath /x -rpath=/x", Ld, &["-rpath /x", "-rpath=/x"]),
            // The last argument of a line has no value behind it.
            ("-DX", "X -D", Gcc, &[]),
        ] {
            assert_eq!(among(asked, line, dialect), expected, "{asked}: {line}");
        }
    }

    #[test]
    fn a_needle_is_what_the_shim_writes() {
        let asked = Asked::new(b"-DX=\"a\r\x7f\"").expect("tables");
        let needles: Vec<String> =
            asked.spellings().iter().map(|one| String::from_utf8_lossy(&one.needle()).into_owned()).collect();
        assert_eq!(needles, [r#""-DX=\"a\u000d\u007f\"""#, r#""-D","X=\"a\u000d\u007f\"""#]);
    }
}
