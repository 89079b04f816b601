//! The first line of a record, and what becomes of the record that was there before (`docs/record.md`).

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::discover::Found;
use super::session::replace;
use crate::error::{IoContext, Result};

/// Version of the record's format.
const VERSION: u32 = 1;

/// What the first line says besides the time.
pub(super) struct Header<'a> {
    pub(super) family: &'a str,
    pub(super) werror: &'a str,
    pub(super) plan: &'a str,
    pub(super) bin: &'a Path,
    pub(super) sysroot: Option<&'a Path>,
    pub(super) tools: &'a [Found],
}

impl Header<'_> {
    /// The line, with its end.
    fn line(&self, now: SystemTime) -> String {
        let mut line = String::from(r#"{"ev":"session""#);
        // Writing to a string cannot fail.
        let _ = write!(line, r#","v":{VERSION},"tool":"crosswheel {}""#, env!("CARGO_PKG_VERSION"));
        for (name, value) in [("family", self.family), ("werror", self.werror), ("plan", self.plan)] {
            let _ = write!(line, r#","{name}":{}"#, quoted(value.as_bytes()));
        }
        let _ = write!(line, r#","bin":{}"#, path(self.bin));
        if let Some(sysroot) = self.sysroot {
            let _ = write!(line, r#","sysroot":{}"#, path(sysroot));
        }
        let _ = write!(line, r#","t":{},"tools":["#, nanoseconds(now));
        for (place, tool) in self.tools.iter().enumerate() {
            if place > 0 {
                line.push(',');
            }
            let _ = write!(line, r#"{{"name":{},"real":{}"#, quoted(tool.name.as_bytes()), path(&tool.real));
            if !tool.lead.is_empty() {
                let words: Vec<String> = tool.lead.iter().map(|word| quoted(word.as_bytes())).collect();
                let _ = write!(line, r#","lead":[{}]"#, words.join(","));
            }
            if let Some(launcher) = &tool.launcher {
                let _ = write!(line, r#","launcher":{}"#, path(launcher));
            }
            let _ = write!(line, r#","role":"{}","dialect":"{}""#, tool.role.name(), tool.dialect.name());
            if !tool.machine.is_empty() {
                let _ = write!(line, r#","machine":{}"#, quoted(tool.machine.as_bytes()));
            }
            if let Some((major, minor, patch)) = tool.version {
                let _ = write!(line, r#","version":"{major}.{minor}.{patch}""#);
            }
            line.push('}');
        }
        line.push_str("]}\n");
        line
    }

    /// Starts the record at `record`. One that is there already is renamed after the time of its start.
    pub(super) fn start(&self, record: &Path) -> Result<()> {
        put_aside(record)?;
        replace(record, self.line(SystemTime::now()).as_bytes())
    }
}

/// A string of JSON; bytes that are not UTF-8 become the lone surrogates `\udc80` to `\udcff`.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{0}'..='\u{1f}' | '\u{7f}' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\udc{byte:02x}");
        }
    }
    out.push('"');
    out
}

fn path(path: &Path) -> String {
    quoted(path.as_os_str().as_bytes())
}

fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// Renames the record of an earlier session to `record-<start>.jsonl`. One in which no call was recorded holds
/// nothing to keep.
fn put_aside(record: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct First {
        t: u128,
    }
    let Ok(file) = File::open(record) else { return Ok(()) };
    let mut lines = BufReader::new(file);
    let mut first = Vec::new();
    lines.read_until(b'\n', &mut first).context("cannot read", record)?;
    if lines.fill_buf().context("cannot read", record)?.is_empty() {
        return Ok(());
    }
    let start = serde_json::from_slice::<First>(&first).map(|first| first.t);
    let start = start.or_else(|_| {
        // Damaged, or not ours: it is kept all the same, under the time of its last change.
        fs::metadata(record).and_then(|facts| facts.modified()).map(nanoseconds)
    });
    let start = start.context("cannot read", record)?;
    let aside = free_name(record, start);
    fs::rename(record, &aside).context("cannot rename the earlier record to", aside)
}

fn free_name(record: &Path, start: u128) -> PathBuf {
    let names = (1..).map(|n| match n {
        1 => format!("record-{start}.jsonl"),
        n => format!("record-{start}-{n}.jsonl"),
    });
    let mut paths = names.map(|name| record.with_file_name(name));
    // The sequence has no end, so there is always one.
    paths.find(|path| !path.exists()).unwrap_or_else(|| record.with_extension("old"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header<'static> {
        Header {
            family: "host",
            werror: "keep",
            plan: "00",
            bin: Path::new("/s/bin"),
            sysroot: None,
            tools: &[],
        }
    }

    #[test]
    fn bytes_that_are_no_text_can_be_had_back() {
        assert_eq!(quoted(b"a\"\\\n\xff\xc3\xa9"), "\"a\\\"\\\\\\u000a\\udcff\u{e9}\"");
    }

    #[test]
    fn an_earlier_record_is_kept_under_the_time_of_its_start() {
        let home = tempfile::tempdir().expect("a folder");
        let record = home.path().join("record.jsonl");
        fs::write(&record, "{\"ev\":\"session\",\"t\":1700000000123456789}\n{\"ev\":\"begin\"}\n")
            .expect("a file");
        header().start(&record).expect("a record");
        let old =
            fs::read_to_string(home.path().join("record-1700000000123456789.jsonl")).expect("the old one");
        assert!(old.ends_with("{\"ev\":\"begin\"}\n"));
        let new = fs::read_to_string(&record).expect("the new one");
        assert_eq!(new.lines().count(), 1);
        assert!(new.starts_with(r#"{"ev":"session","v":1,"tool":"crosswheel "#), "{new}");
    }

    #[test]
    fn two_records_of_one_start_and_a_damaged_one_are_all_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let record = home.path().join("record.jsonl");
        for text in ["{\"t\":5}\nx\n", "{\"t\":5}\ny\n", "damage\nz\n"] {
            fs::write(&record, text).expect("a file");
            put_aside(&record).expect("put aside");
        }
        let kept = fs::read_dir(home.path()).expect("a folder").count();
        assert_eq!(kept, 3);
    }

    #[test]
    fn a_record_without_calls_makes_room() {
        let home = tempfile::tempdir().expect("a folder");
        let record = home.path().join("record.jsonl");
        header().start(&record).expect("a record");
        header().start(&record).expect("a record");
        assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 1);
    }
}
