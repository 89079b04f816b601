//! Arguments and paths are bytes; a record is JSON, which is Unicode. Bytes that are not UTF-8 are written
//! as the lone surrogates `\udc80` to `\udcff`, one a byte (PEP 383), and come back here exactly.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Visitor};

/// An argument, a path or another string of a record.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// For people: what is not UTF-8 is replaced.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// For people and shells: quoted where a shell would need it, as `$'…'` where it holds what no
    /// terminal should be sent, or nobody would see.
    #[must_use]
    pub fn quoted(&self) -> String {
        let harmless = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.is_empty() && text.chars().all(harmless) => return text.to_owned(),
            Ok(text) if !text.contains(|c: char| c == '\'' || is_unseen(c)) => return format!("'{text}'"),
            _ => {}
        }
        let mut out = String::from("$'");
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    '\'' | '\\' => out.extend(['\\', character]),
                    c if is_unseen(c) => {
                        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                            _ = write!(out, "\\x{byte:02x}");
                        }
                    }
                    c => out.push(c),
                }
            }
            for byte in chunk.invalid() {
                _ = write!(out, "\\x{byte:02x}");
            }
        }
        out.push('\'');
        out
    }

    /// For any POSIX shell, byte for byte: in single quotes where a shell would need them. Not for terminals.
    #[must_use]
    pub fn shell(&self) -> Vec<u8> {
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
        if !self.0.is_empty() && self.0.iter().all(harmless) {
            return self.0.clone();
        }
        let parts: Vec<&[u8]> = self.0.split(|byte| *byte == b'\'').collect();
        [b"'", &*parts.join(&br"'\''"[..]), b"'"].concat()
    }

    /// As a JSON string, the way that a record holds it.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = String::with_capacity(self.0.len() + 2);
        out.push('"');
        for chunk in self.0.utf8_chunks() {
            // Inside its quotes, as serde_json writes it.
            let whole = serde_json::Value::from(chunk.valid()).to_string();
            out.push_str(&whole[1..whole.len() - 1]);
            for byte in chunk.invalid() {
                _ = write!(out, "\\udc{byte:02x}");
            }
        }
        out.push('"');
        out
    }

    /// Undoes what a JSON reader makes of lone surrogates: each is in WTF-8 three bytes, `ed b2 80` for
    /// `\udc80` to `ed b3 bf` for `\udcff`, which no UTF-8 text holds. The byte is in the last eight bits.
    fn from_wtf8(mut raw: &[u8]) -> Self {
        let mut out = Vec::with_capacity(raw.len());
        while let Some(at) = raw.iter().position(|byte| *byte == 0xed) {
            out.extend(&raw[..at]);
            raw = &raw[at..];
            if let [_, high @ (0xb2 | 0xb3), low @ 0x80..=0xbf, rest @ ..] = raw {
                out.push((high << 6) | (low & 0x3f));
                raw = rest;
            } else {
                out.push(0xed);
                raw = &raw[1..];
            }
        }
        out.extend(raw);
        Self(out)
    }
}

/// Controls, and what has no shape of its own or turns the direction of the text behind it: soft hyphens, marks and
/// separators of lines, joiners, bidirectional controls, tags (Unicode's categories Cc, Zl, Zp and most of Cf).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// As in a record.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Raw;

        impl Visitor<'_> for Raw {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, raw: &[u8]) -> Result<Text, E> {
                Ok(Text::from_wtf8(raw))
            }

            fn visit_str<E>(self, raw: &str) -> Result<Text, E> {
                Ok(Text::from(raw))
            }
        }

        // Asked for bytes, serde_json hands out lone surrogates as WTF-8 instead of failing on them.
        from.deserialize_bytes(Raw)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use proptest::prelude::*;

    fn read(json: &str) -> Option<Vec<u8>> {
        serde_json::from_str::<Text>(json).ok().map(|text| text.0)
    }

    #[test]
    fn lone_surrogates_are_bytes_and_pairs_are_characters() {
        assert_eq!(read(r#""a\udc80b""#), Some(b"a\x80b".to_vec()));
        assert_eq!(read(r#""\udcff\udcbf\udcc0""#), Some(b"\xff\xbf\xc0".to_vec()));
        assert_eq!(read(r#""\ud83d\ude00""#), Some("😀".into()));
        assert_eq!(read(r#""퟿\u0000\n""#), Some("퟿\0\n".into()));
        assert_eq!(read("1"), None);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_written_as_lone_surrogates() {
        assert_eq!(Text::from(&b"a\xffb\"\n"[..]).json(), r#""a\udcffb\"\n""#);
        // A surrogate that stands in the bytes themselves is no UTF-8 and so three bytes.
        assert_eq!(Text::from(&b"\xed\xb2\x80"[..]).json(), r#""\udced\udcb2\udc80""#);
    }

    #[test]
    fn what_is_shown_is_safe_for_shells_and_terminals() {
        for (bytes, shown) in [
            (&b"-O2"[..], "-O2"),
            (b"", "''"),
            (b"a b", "'a b'"),
            ("é=x".as_bytes(), "é=x"),
            (b"it's", r"$'it\'s'"),
            (b"$HOME", "'$HOME'"),
            // Turned round, this would read `a.gnp.c`.
            ("a.\u{202e}c.png".as_bytes(), r"$'a.\xe2\x80\xaec.png'"),
            ("a\u{2028}b".as_bytes(), r"$'a\xe2\x80\xa8b'"),
            (b"a'\x1b[31m\n\xff\\", r"$'a\'\x1b[31m\n\xff\\'"),
        ] {
            assert_eq!(Text::from(bytes).quoted(), shown);
        }
    }

    proptest! {
        #[test]
        fn bash_reads_the_very_bytes_that_were_quoted(bytes in prop::collection::vec(1_u8.., 0..40)) {
            let script = format!("printf %s {}", Text(bytes.clone()).quoted());
            let out = std::process::Command::new("bash").args(["-c", &script]).env("LC_ALL", "C.UTF-8").output();
            prop_assert_eq!(out.map_err(|e| TestCaseError::fail(e.to_string()))?.stdout, bytes);
        }

        #[test]
        fn a_posix_shell_reads_the_very_bytes_that_were_quoted_for_it(bytes in prop::collection::vec(1_u8.., 0..40)) {
            use std::os::unix::ffi::OsStringExt;
            let script = std::ffi::OsString::from_vec([b"printf %s ", &*Text(bytes.clone()).shell()].concat());
            let out = std::process::Command::new("sh").arg("-c").arg(&script).env("LC_ALL", "C").output();
            prop_assert_eq!(out.map_err(|e| TestCaseError::fail(e.to_string()))?.stdout, bytes);
        }

        #[test]
        fn the_shim_writes_what_is_read_here(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut written = crosswheel_shim::record::Json::default();
            written.text(&bytes);
            prop_assert_eq!(read(&String::from_utf8_lossy(written.bytes())), Some(bytes));
        }

        #[test]
        fn any_bytes_come_back_from_json(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                // Dense in what looks like surrogates and other long sequences.
                prop::collection::vec(prop::sample::select(&[0xed, 0xb2, 0xb3, 0x80, 0xbf, 0xf0, 0x9f, b'\\', b'"', b'u'][..]), 0..40),
            ],
        ) {
            let text = Text(bytes);
            prop_assert_eq!(read(&text.json()), Some(text.0));
        }
    }
}
