//! RECORD (PyPA, recording installed projects; PEP 376, PEP 427): CSV, a row a file. Read as Python's `csv` reads it,
//! written as Python's writes it with `\n`. Fields keep their text.

use std::fmt::Write;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The file, from the root of the wheel.
    pub path: String,
    /// `algorithm=digest`, or empty.
    pub hash: String,
    /// Its size in bytes, in decimal digits, or empty.
    pub size: String,
}

/// RECORD in the order of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Record {
    /// Reads it. The error says what is wrong, and in which line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|bad| {
            format!("line {}: is not UTF-8", bytes[..bad.valid_up_to()].split(|byte| *byte == b'\n').count())
        })?;
        let mut reader = Reader { rest: text, line: 1 };
        let mut rows = Vec::new();
        while !reader.rest.is_empty() {
            let line = reader.line;
            let fields = reader.row()?;
            let found = fields.len();
            let [path, hash, size]: [String; 3] = fields.try_into().map_err(|_| {
                format!("line {line}: has {found} field{}, not 3", if found == 1 { "" } else { "s" })
            })?;
            if path.is_empty() {
                return Err(format!("line {line}: names no file"));
            }
            rows.push(Row { path, hash, size });
        }
        Ok(Self { rows })
    }

    /// Writes it.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut out = String::new();
        for row in &self.rows {
            for (at, field) in [&row.path, &row.hash, &row.size].into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if field.contains([',', '"', '\n', '\r']) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\"{}\"", field.replace('"', "\"\""));
                } else {
                    out.push_str(field);
                }
            }
            out.push('\n');
        }
        out.into_bytes()
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Vec<String>, String> {
        let mut fields = Vec::new();
        loop {
            let field = if self.rest.starts_with('"') { self.quoted()? } else { self.plain() };
            fields.push(field);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            self.line += 1;
            let end = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r']));
            self.rest = end.unwrap_or(self.rest);
            return Ok(fields);
        }
    }

    fn plain(&mut self) -> String {
        let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        field.to_owned()
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut field = String::new();
        self.rest = &self.rest[1..];
        loop {
            let end =
                self.rest.find('"').ok_or_else(|| format!("line {}: a quote is not closed", self.line))?;
            let inside = &self.rest[..end];
            self.line += inside.matches('\n').count();
            field.push_str(inside);
            self.rest = &self.rest[end + 1..];
            if let Some(rest) = self.rest.strip_prefix('"') {
                field.push('"');
                self.rest = rest;
            } else if self.rest.is_empty() || self.rest.starts_with([',', '\n', '\r']) {
                return Ok(field);
            } else {
                return Err(format!("line {}: a quote is closed inside of a field", self.line));
            }
        }
    }
}

/// Digests as RECORD spells them: urlsafe base64 without padding (PEP 427).
pub mod hash {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// `sha256=…`.
    #[must_use]
    pub fn sha256(digest: &[u8]) -> String {
        format!("sha256={}", base64(digest))
    }

    /// The digest alone.
    #[must_use]
    pub fn base64(digest: &[u8]) -> String {
        let mut out = String::new();
        for three in digest.chunks(3) {
            let number =
                (0..3).fold(0_usize, |n, at| n << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
            for place in 0..=three.len() {
                out.push(char::from(LETTERS[number >> (18 - 6 * place) & 63]));
            }
        }
        out
    }

    /// A digest of so many bytes that is spelled in another way: in hexadecimal digits, in the other alphabet of base64,
    /// or with padding.
    #[must_use]
    pub fn respelled(text: &str, bytes: usize) -> Option<String> {
        if text.len() == bytes * 2 && text.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
            let digest: Option<Vec<u8>> = (0..bytes).map(|at| digit(at * 2)).collect();
            return digest.map(|digest| base64(&digest));
        }
        let padding = (3 - bytes % 3) % 3;
        let bare = text.strip_suffix(&*"=".repeat(padding)).unwrap_or(text);
        let plain = bare.replace('+', "-").replace('/', "_");
        is_digest(&plain, bytes).then_some(plain)
    }

    /// Whether a digest of so many bytes may be spelled like this. The last letter has bits to spare, which are zero.
    #[must_use]
    pub fn is_digest(text: &str, bytes: usize) -> bool {
        let value = |letter: u8| LETTERS.iter().position(|other| *other == letter);
        let spare = (3 - bytes % 3) % 3 * 2;
        text.len() == (bytes * 4).div_ceil(3)
            && text.bytes().all(|letter| value(letter).is_some())
            && text.bytes().last().and_then(value).is_some_and(|last| last & ((1 << spare) - 1) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(path: &str, hash: &str, size: &str) -> Row {
        Row { path: path.into(), hash: hash.into(), size: size.into() }
    }

    #[test]
    fn quotes_and_both_line_ends_are_read() {
        let read = Record::parse(b"a,h,1\r\n\"b,\"\"c\"\"\nd\",,\nx y,h,2").unwrap();
        assert_eq!(read.rows, [row("a", "h", "1"), row("b,\"c\"\nd", "", ""), row("x y", "h", "2")]);
    }

    #[test]
    fn damage_is_told_by_its_line() {
        for (text, why) in [
            (&b"a,,\nb,\n"[..], "line 2: has 2 fields"),
            (b"a,,\n\n", "line 2: has 1 field,"),
            (b"\"a\nb\",,\n\"c,,\n", "line 3: a quote is not closed"),
            (b"\"a\"b,,\n", "line 1: a quote is closed inside"),
            (b",,\n", "line 1: names no file"),
            (b"a,,\n\xff,,\n", "line 2: is not UTF-8"),
        ] {
            let told = Record::parse(text).unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn digests_are_spelled_as_the_specification_does() {
        // RFC 4648, section 10, with the alphabet of section 5 and without padding.
        for (bytes, spelled) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(hash::sha256(bytes.as_bytes()), format!("sha256={spelled}"));
        }
        assert_eq!(hash::sha256(&[0xfb, 0xff]), "sha256=-_8");
        assert!(hash::is_digest("-_8", 2));
        assert!(!hash::is_digest("-_9", 2), "a bit is set that means nothing");
        assert!(!hash::is_digest("+/8", 2));
        assert!(!hash::is_digest("-_8=", 2));
    }

    #[test]
    fn other_spellings_of_a_digest_are_known() {
        for (text, bytes, spelled) in [
            ("fbff", 2, Some("-_8")),
            ("FBff", 2, Some("-_8")),
            ("+/8=", 2, Some("-_8")),
            ("-_8=", 2, Some("-_8")),
            ("+/8", 2, Some("-_8")),
            ("Zg==", 1, Some("Zg")),
            ("Zm9v", 3, Some("Zm9v")),
            ("Zg=", 1, None),
            ("+bff", 2, None),
            ("fbf", 2, None),
            ("", 2, None),
        ] {
            assert_eq!(hash::respelled(text, bytes).as_deref(), spelled, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_again(rows in prop::collection::vec((".+", ".*", ".*"), 0..5)) {
            let record = Record { rows: rows.iter().map(|(a, b, c)| row(a, b, c)).collect() };
            prop_assert_eq!(Record::parse(&record.render()), Ok(record));
        }

        #[test]
        fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(record) = Record::parse(&bytes) {
                prop_assert_eq!(Record::parse(&record.render()), Ok(record));
            }
        }

        #[test]
        fn every_digest_is_known_as_one(bytes in prop::collection::vec(any::<u8>(), 1..70)) {
            let text = hash::sha256(&bytes);
            prop_assert!(hash::is_digest(&text[7..], bytes.len()));
        }
    }
}
